/** Arithmetic whose gradients call each other: what every other elementwise operation is written with. */
import { kinds, oneOf, orNull, readOptions } from '../core/options.js'
import { type DType, isFloat } from '../core/dtype.js'
import { DTypeError } from '../core/errors.js'
import { broadcastShapes } from '../core/shape.js'
import {
  defineOp,
  type Grads,
  operand,
  operands,
  provideCast,
  type TensorLike,
  toType,
} from './define.js'
import { binary, binarySpec, map, unary } from './forms.js'
import { constant, prim } from './trace.js'
import type { Tensor } from './tensor.js'

/**
 * The elements as another type. Float to int32 truncates toward 0; to bool is x ≠ 0; bool to number 0 or 1.
 *
 * @example cast(tensor([1.9, -1.9, 0]), 'int32') // [1, -1, 0]
 */
export const cast = defineOp({
  name: 'cast',
  formula: 'y = x as another type,  dy/dx = 1 between float types',
  args: (x: TensorLike, dtype: DType) => {
    const t = operand('cast', x)
    return { inputs: [t], attrs: { dtype, from: t.dtype } }
  },
  forward: ([x], { dtype }) =>
    x!.dtype === dtype ? map('copy', x!) : prim({ op: 'map', fn: 'cast' }, [x!], dtype),
  vjp: (ct, _inputs, _y, { from }) => [isFloat(from) ? toType(ct, from) : null],
  halves: true,
  example: (m) => [
    [m.of([1.9, -1.9, 0]), 'int32'],
    [1, -1, 0],
  ],
  samples: (m) => [
    [m.float([2, 3]), 'int32'],
    [m.float([3]), 'bool'],
    [m.int([4], -3, 3), 'float32'],
    [m.bool([2, 2]), 'float32'],
    [m.bool([0]), 'int32'],
    [m.int([], 0, 2), 'bool'],
  ],
})
provideCast(cast)

/** Options of `add` and `sub`. */
export interface AlphaOptions {
  /** The second operand is multiplied by this first; 1 unless said otherwise. */
  alpha?: number
}
const byAlpha = { alpha: kinds.number }
/** `binary` with an `alpha`. */
function withAlpha(spec: Parameters<typeof binarySpec>[0]) {
  const block = binarySpec(spec)
  return defineOp({
    ...block,
    args: (a: TensorLike, b: TensorLike, options?: AlphaOptions) => {
      const { alpha = 1 } = readOptions<AlphaOptions>(block.name, [options], {}, byAlpha)
      return block.args(a, alpha === 1 ? b : typeof b === 'number' ? b * alpha : mul(b, alpha))
    },
  })
}

/**
 * a + alpha · b; alpha is 1 unless said otherwise.
 * @throws ShapeError when the shapes do not broadcast
 * @example add(tensor([1, 2]), 10) // [11, 12]
 */
export const add = withAlpha({
  name: 'add',
  formula: 'y = a + b',
  vjp: (ct) => [ct, ct],
  example: [[1, 2], 10, [11, 12]],
})

/** a − alpha · b; alpha is 1 unless said otherwise. @example sub(tensor([1, 2]), 10) // [-9, -8] */
export const sub = withAlpha({
  name: 'sub',
  formula: 'y = a − b',
  vjp: (ct) => [ct, neg(ct)],
  example: [[1, 2], 10, [-9, -8]],
})

/** a · b, element by element. @example mul(tensor([1, 2]), tensor([3, 4])) // [3, 8] */
export const mul = binary({
  name: 'mul',
  formula: 'y = a · b,  dy/da = b,  dy/db = a',
  vjp: (ct, a, b) => [mul(ct, b), mul(ct, a)],
  example: [
    [1, 2],
    [3, 4],
    [3, 8],
  ],
})

const division = binarySpec({
  name: 'div',
  formula: 'y = a / b,  dy/da = 1/b,  dy/db = −y/b',
  lower: 'div',
  example: [
    [1, 9],
    [4, 3],
    [0.25, 3],
  ],
  domainB: [0.5, 2],
  float: true,
})
const rounded = binarySpec({
  name: 'div',
  formula: 'y = ⌊a / b⌋',
  lower: 'floordiv',
  example: [[7], 2, [3]],
})
export interface DivOptions {
  roundingMode?: 'floor' | 'trunc' | null
}
const byRounding = { roundingMode: orNull(oneOf('floor', 'trunc')) }
/**
 * a / b as floats (true division); with a `roundingMode`, 'floor' or 'trunc' (toward 0), in the operands' own type.
 * @throws ValueError for another roundingMode
 * @example div(tensor([1, 9]), tensor([4, 3])) // [0.25, 3]
 */
export const div = defineOp({
  name: 'div',
  formula: division.formula,
  example: division.example,
  samples: division.samples,
  args: (a: TensorLike, b: TensorLike, options?: DivOptions) => {
    const { roundingMode = null } = readOptions<DivOptions>('div', [options], {}, byRounding)
    const { inputs } = roundingMode ? rounded.args(a, b) : division.args(a, b)
    return { inputs, attrs: { roundingMode } }
  },
  forward: ([a, b], { roundingMode }) => {
    if (!roundingMode) return map('div', a!, b!)
    if (roundingMode === 'floor') return map('floordiv', a!, b!)
    if (isFloat(a!.dtype)) return map('trunc', map('div', a!, b!))
    // ⌊a/b⌋ is one too low where the quotient is negative and not whole.
    const q = map('floordiv', a!, b!)
    const whole = map('eq', map('mul', q, b!), a!)
    const low = map('and', map('lt', q, constant(0, a!.dtype)), map('not', whole))
    return map('add', q, toType(low, a!.dtype))
  },
  vjp: (ct, [, b], y, { roundingMode }): Grads =>
    roundingMode ? [null, null] : [div(ct, b!), neg(div(mul(ct, y), b!))],
})

/**
 * a where the condition holds, b elsewhere. Differentiable in a and b.
 * @throws DTypeError unless the condition is bool
 * @example where(gt(tensor([-1, 2]), 0), tensor([-1, 2]), 0) // [0, 2]
 */
export const where = defineOp({
  name: 'where',
  formula: 'y = condition ? a : b',
  args: (condition: Tensor, a: TensorLike, b: TensorLike) => {
    if (condition.dtype !== 'bool')
      throw new DTypeError({
        op: 'where',
        rule: 'the condition must be bool',
        got: condition.dtype,
        fix: 'Compare first: where(gt(x, 0), a, b).',
      })
    const [x, y] = operands('where', [a, b])
    broadcastShapes('where', condition.shape, x!.shape, y!.shape)
    return { inputs: [condition, x!, y!], attrs: {} }
  },
  forward: ([c, a, b]) => map('where', c!, a!, b!),
  halves: true,
  vjp: (ct, [c]): Grads => [null, where(c!, ct, 0), where(c!, 0, ct)],
  example: (m) => [
    [m.of([true, false], 'bool'), m.of([1, 2]), m.of([3, 4])],
    [1, 4],
  ],
  samples: (m) => [
    [m.bool([2, 3]), m.float([2, 3]), m.float([2, 3])],
    [m.bool([3]), m.float([2, 1]), 0],
    [m.bool([0]), m.float([1]), m.float([0])],
    [m.bool([]), m.int([2], 0, 5), m.int([2], 0, 5)],
  ],
})

/** −x. @example neg(tensor([1, -2])) // [-1, 2] */
export const neg = unary({
  name: 'neg',
  formula: 'y = −x,  dy/dx = −1',
  vjp: (ct) => neg(ct),
  example: [
    [1, -2],
    [-1, 2],
  ],
  integers: true,
})
