/** Elementwise operations: each output element depends on the elements at its own place (after broadcasting). */
import type { MapFn } from '../backends/ir.js'
import { type DType, isFloat } from '../core/dtype.js'
import { DTypeError, ValueError } from '../core/errors.js'
import { broadcastShapes } from '../core/shape.js'
import {
  defineOp,
  type Grads,
  type Nested,
  operand,
  operands,
  provideCast,
  type SampleMaker,
  type TensorLike,
  toType,
} from './define.js'
import type { Tensor } from './tensor.js'
import { constant, prim } from './trace.js'

/** Records an elementwise primitive. */
export const map = (fn: MapFn, ...inputs: Tensor[]): Tensor => prim({ op: 'map', fn }, inputs)

// ---- changing type ----

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
  example: (m) => [[m.of([1.9, -1.9, 0]), 'int32'], [1, -1, 0]],
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

// ---- one operand ----

interface UnarySpec {
  name: string
  formula: string
  source?: string
  /** The primitive of the same meaning, or a composition. */
  lower: MapFn | ((x: Tensor) => Tensor)
  /** dy/dx · ct; absent for step functions. */
  vjp?: (ct: Tensor, x: Tensor, y: Tensor) => Tensor
  example: [input: Nested, output: Nested]
  /** Where samples lie; -2 to 2 unless said otherwise. */
  domain?: [lo: number, hi: number]
  /** Takes integers without turning them into floats. */
  integers?: true
  /** Gives bool. */
  test?: true
}

function unary(spec: UnarySpec) {
  const { name, lower, vjp, example, domain = [-2, 2], integers } = spec
  return defineOp({
    name,
    formula: spec.formula,
    ...(spec.source && { source: spec.source }),
    args: (x: TensorLike) => ({ inputs: [operand(name, x, !integers)], attrs: {} }),
    forward: ([x]) => (typeof lower === 'string' ? map(lower, x!) : lower(x!)),
    ...(vjp
      ? { vjp: (ct: Tensor, [x]: Tensor[], y: Tensor) => [vjp(ct, x!, y)] }
      : { differentiable: false as const }),
    example: (m) => [[m.of(example[0])], example[1]],
    samples: (m: SampleMaker) => [
      [m.float([2, 3], ...domain)],
      [m.float([], ...domain)],
      [m.float([0], ...domain)],
      [m.float([1, 3, 5], ...domain)],
      ...(integers ? [[m.int([2, 3], -3, 4)]] : []),
    ],
  })
}

/** −x. @example neg(tensor([1, -2])) // [-1, 2] */
export const neg = unary({
  name: 'neg',
  formula: 'y = −x,  dy/dx = −1',
  lower: 'neg',
  vjp: (ct) => neg(ct),
  example: [
    [1, -2],
    [-1, 2],
  ],
  integers: true,
})

/** e^x. @example exp(tensor([0, 1])) // [1, 2.7182817] */
export const exp = unary({
  name: 'exp',
  formula: 'y = eˣ,  dy/dx = y',
  lower: 'exp',
  vjp: (ct, _x, y) => mul(ct, y),
  example: [
    [0, 1],
    [1, 2.718281828459045],
  ],
})

/** x². @example square(tensor([3, -2])) // [9, 4] */
export const square = unary({
  name: 'square',
  formula: 'y = x²,  dy/dx = 2x',
  lower: 'square',
  vjp: (ct, x) => mul(ct, mul(x, 2)),
  example: [
    [3, -2],
    [9, 4],
  ],
  integers: true,
})

/** Hyperbolic tangent. @example tanh(tensor([0, 1])) // [0, 0.7615942] */
export const tanh = unary({
  name: 'tanh',
  formula: 'y = tanh x,  dy/dx = 1 − y²',
  lower: 'tanh',
  vjp: (ct, _x, y) => mul(ct, sub(1, square(y))),
  example: [
    [0, 1],
    [0, 0.7615941559557649],
  ],
})

// ---- two operands ----

interface BinarySpec {
  name: string
  formula: string
  lower: MapFn | ((a: Tensor, b: Tensor) => Tensor)
  /** Gradients of a and b; either may be null. They may have the broadcast shape. */
  vjp?: (ct: Tensor, a: Tensor, b: Tensor, y: Tensor) => [Tensor | null, Tensor | null]
  example: [a: Nested, b: Nested, output: Nested]
  domain?: [lo: number, hi: number]
  domainB?: [lo: number, hi: number]
  /** Integers become floats first. */
  float?: true
  /** bool operands are allowed. */
  bools?: true
}

function binary(spec: BinarySpec) {
  const { name, lower, vjp, example, domain = [-2, 2], domainB = domain, float = false } = spec
  return defineOp({
    name,
    formula: spec.formula,
    args: (a: TensorLike, b: TensorLike) => {
      let inputs = operands(name, [a, b], { float })
      if (inputs[0]!.dtype === 'bool' && !spec.bools) inputs = inputs.map((t) => toType(t, 'int32'))
      broadcastShapes(name, inputs[0]!.shape, inputs[1]!.shape)
      return { inputs, attrs: {} }
    },
    forward: ([a, b]) => (typeof lower === 'string' ? map(lower, a!, b!) : lower(a!, b!)),
    ...(vjp
      ? { vjp: (ct: Tensor, [a, b]: Tensor[], y: Tensor) => vjp(ct, a!, b!, y) }
      : { differentiable: false as const }),
    example: (m) => [[m.of(example[0]), m.of(example[1])], example[2]],
    samples: (m: SampleMaker) => [
      [m.float([2, 3], ...domain), m.float([2, 3], ...domainB)],
      [m.float([2, 1, 3], ...domain), m.float([4, 1], ...domainB)],
      [m.float([3], ...domain), 1.5],
      [m.float([], ...domain), m.float([2, 2], ...domainB)],
      [m.float([0, 3], ...domain), m.float([1, 3], ...domainB)],
      [m.int([2, 3], 1, 7), m.int([3], 1, 4)],
    ],
  })
}

/**
 * a + b.
 * @throws ShapeError when the shapes do not broadcast
 * @example add(tensor([1, 2]), 10) // [11, 12]
 */
export const add = binary({
  name: 'add',
  formula: 'y = a + b',
  lower: 'add',
  vjp: (ct) => [ct, ct],
  example: [[1, 2], 10, [11, 12]],
})

/** a − b. @example sub(tensor([1, 2]), 10) // [-9, -8] */
export const sub = binary({
  name: 'sub',
  formula: 'y = a − b',
  lower: 'sub',
  vjp: (ct) => [ct, neg(ct)],
  example: [[1, 2], 10, [-9, -8]],
})

/** a · b, element by element. @example mul(tensor([1, 2]), tensor([3, 4])) // [3, 8] */
export const mul = binary({
  name: 'mul',
  formula: 'y = a · b,  dy/da = b,  dy/db = a',
  lower: 'mul',
  vjp: (ct, a, b) => [mul(ct, b), mul(ct, a)],
  example: [
    [1, 2],
    [3, 4],
    [3, 8],
  ],
})

/** a / b as floats (true division). @example div(tensor([1, 9]), tensor([4, 3])) // [0.25, 3] */
export const div = binary({
  name: 'div',
  formula: 'y = a / b,  dy/da = 1/b,  dy/db = −y/b',
  lower: 'div',
  vjp: (ct, _a, b, y) => [div(ct, b), neg(div(mul(ct, y), b))],
  example: [
    [1, 9],
    [4, 3],
    [0.25, 3],
  ],
  domainB: [0.5, 2],
  float: true,
})

/** a > b. @example gt(tensor([1, 3]), 2) // [false, true] */
export const gt = binary({
  name: 'gt',
  formula: 'y = a > b',
  lower: 'gt',
  example: [[1, 3], 2, [false, true]],
})

// ---- three operands ----

/**
 * a where the condition holds, b elsewhere. Differentiable in a and b.
 * @throws DTypeError unless the condition is bool
 * @example where(gt(x, 0), x, 0)
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
  vjp: (ct, [c]): Grads => [null, where(c!, ct, 0), where(c!, 0, ct)],
  example: (m) => [[m.of([true, false], 'bool'), m.of([1, 2]), m.of([3, 4])], [1, 4]],
  samples: (m) => [
    [m.bool([2, 3]), m.float([2, 3]), m.float([2, 3])],
    [m.bool([3]), m.float([2, 1]), 0],
    [m.bool([0]), m.float([1]), m.float([0])],
    [m.bool([]), m.int([2], 0, 5), m.int([2], 0, 5)],
  ],
})

void constant
void ValueError
