/** Comparisons, logic and tests: elementwise operations that give bool. See elementwise.ts. */
import { where } from './arithmetic.js'
import type { MapFn } from '../backends/ir.js'
import { kinds, readOptions } from '../core/options.js'
import { isFloat } from '../core/dtype.js'
import { broadcastShapes } from '../core/shape.js'
import { defineOp, type Nested, operand, operands, type TensorLike, toType } from './define.js'
import { map } from './forms.js'
import type { Tensor } from './tensor.js'
import { constant } from './trace.js'

/** Truth as bool: x ≠ 0. */
const truth = (t: Tensor): Tensor => toType(t, 'bool')

interface CompareSpec {
  name: string
  /** The primitive, of the same name if not said. */
  lower?: MapFn
  formula: string
  /** Of [1, 2, 3] and 2; of both true, of one, of none. */
  example: Nested
  /** Of the truth of both operands. */
  truths?: true
}
function compare({ name, lower = name as MapFn, truths, ...spec }: CompareSpec) {
  return defineOp({
    name,
    formula: spec.formula,
    args: (a: TensorLike, b: TensorLike) => {
      const given = operands(name, [a, b])
      const inputs = truths ? given.map(truth) : given
      broadcastShapes(name, inputs[0]!.shape, inputs[1]!.shape)
      return { inputs, attrs: {} }
    },
    forward: ([a, b]) => map(lower, a!, b!),
    differentiable: false,
    example: (m) => [
      truths
        ? [m.of([true, true, false], 'bool'), m.of([true, false, false], 'bool')]
        : [m.of([1, 2, 3]), 2],
      spec.example,
    ],
    samples: (m) => [
      [m.float([2, 3]), m.float([3])],
      [m.int([2, 3], 0, 3), m.int([2, 1], 0, 3)],
      [m.bool([2, 3]), m.bool([3])],
      [m.bool([0]), m.bool([1])],
      [m.float([3]), m.int([3], 0, 2)],
      [m.float([0]), 1],
      [m.of([Number.NaN, 1]), m.of([Number.NaN, 1])],
    ],
  })
}

/** a equals b; NaN equals nothing. @example eq(tensor([1, 2, 3]), 2) // [false, true, false] */
export const eq = compare({ name: 'eq', formula: 'y = a = b', example: [false, true, false] })
/** a differs from b. @example ne(tensor([1, 2, 3]), 2) // [true, false, true] */
export const ne = compare({ name: 'ne', formula: 'y = a ≠ b', example: [true, false, true] })
/** a is less than b. @example lt(tensor([1, 2, 3]), 2) // [true, false, false] */
export const lt = compare({ name: 'lt', formula: 'y = a < b', example: [true, false, false] })
/** a is at most b. @example le(tensor([1, 2, 3]), 2) // [true, true, false] */
export const le = compare({ name: 'le', formula: 'y = a ≤ b', example: [true, true, false] })
/** a is greater than b. @example gt(tensor([1, 2, 3]), 2) // [false, false, true] */
export const gt = compare({ name: 'gt', formula: 'y = a > b', example: [false, false, true] })
/** a is at least b. @example ge(tensor([1, 2, 3]), 2) // [false, true, true] */
export const ge = compare({ name: 'ge', formula: 'y = a ≥ b', example: [false, true, true] })

/** a ∧ b of the truth of both. @example logicalAnd(tensor([true, true, false]), tensor([true, false, false])) // [true, false, false] */
export const logicalAnd = compare({
  name: 'logicalAnd',
  lower: 'and',
  formula: 'y = a ∧ b, of the truth of both (not 0)',
  truths: true,
  example: [true, false, false],
})
/** a ∨ b of the truth of both. @example logicalOr(tensor([true, true, false]), tensor([true, false, false])) // [true, true, false] */
export const logicalOr = compare({
  name: 'logicalOr',
  lower: 'or',
  formula: 'y = a ∨ b, of the truth of both (not 0)',
  truths: true,
  example: [true, true, false],
})
/** a ⊕ b of the truth of both. @example logicalXor(tensor([true, true, false]), tensor([true, false, false])) // [false, true, false] */
export const logicalXor = compare({
  name: 'logicalXor',
  lower: 'xor',
  formula: 'y = a ⊕ b, of the truth of both (not 0)',
  truths: true,
  example: [false, true, false],
})

interface TestSpec {
  name: string
  formula: string
  lower: (x: Tensor) => Tensor
  /** Of 0, NaN, Infinity and 2. */
  example: Nested
}
function test({ name, lower, ...spec }: TestSpec) {
  return defineOp({
    name,
    formula: spec.formula,
    args: (x: TensorLike) => ({ inputs: [operand(name, x)], attrs: {} }),
    forward: ([x]) => lower(x!),
    differentiable: false,
    example: (m) => [[m.of([0, Number.NaN, Number.POSITIVE_INFINITY, 2])], spec.example],
    samples: (m) => [
      [m.float([2, 3])],
      [m.int([3], -1, 2)],
      [m.float([0])],
      [m.of([Number.NEGATIVE_INFINITY, 1])],
    ],
  })
}
/** A test of floats; integers and bools give `other`. */
const floatTest = (fn: MapFn, other: boolean) => (x: Tensor) =>
  isFloat(x.dtype) ? map(fn, x) : map(other ? 'eq' : 'ne', x, x)

/** Not the truth of x. @example logicalNot(tensor([0, 2])) // [true, false] */
export const logicalNot = test({
  name: 'logicalNot',
  formula: 'y = ¬x',
  lower: (x) => map('not', truth(x)),
  example: [true, false, false, false],
})
/** Is it not a number? @example isnan(tensor([0, NaN])) // [false, true] */
export const isnan = test({
  name: 'isnan',
  formula: 'y = (x is NaN)',
  lower: floatTest('isnan', false),
  example: [false, true, false, false],
})
/** Is it infinite? @example isinf(tensor([0, Infinity])) // [false, true] */
export const isinf = test({
  name: 'isinf',
  formula: 'y = (|x| = ∞)',
  lower: floatTest('isinf', false),
  example: [false, false, true, false],
})
/** Is it a finite number? @example isfinite(tensor([0, NaN])) // [true, false] */
export const isfinite = test({
  name: 'isfinite',
  formula: 'y = (|x| < ∞)',
  lower: floatTest('isfinite', true),
  example: [true, false, false, true],
})

/**
 * NaN replaced by `nan`, infinities by `posinf` and `neginf` (the type's largest and smallest number).
 * @example nanToNum(tensor([NaN, 1]), { nan: 7 }) // [7, 1]
 */
export const nanToNum = defineOp({
  name: 'nanToNum',
  formula: 'y = x where finite,  dy/dx = [x finite]',
  args: (x: TensorLike, options?: number | { nan?: number; posinf?: number; neginf?: number }) => {
    const {
      nan = 0,
      posinf,
      neginf,
    } = readOptions<{ nan?: number; posinf?: number; neginf?: number }>('nanToNum', [options], {
      nan: kinds.number,
      posinf: kinds.number,
      neginf: kinds.number,
    })
    const t = operand('nanToNum', x, true)
    const largest = t.dtype === 'float32' ? 3.4028234663852886e38 : Number.MAX_VALUE
    return { inputs: [t], attrs: { nan, posinf: posinf ?? largest, neginf: neginf ?? -largest } }
  },
  forward: ([x], { nan, posinf, neginf }) => {
    const number = (v: number) => constant(v, x!.dtype)
    const high = map('where', map('gt', x!, number(0)), number(posinf), number(neginf))
    return map('where', map('isnan', x!), number(nan), map('where', map('isinf', x!), high, x!))
  },
  vjp: (ct, [x]) => [where(isfinite(x!), ct, 0)],
  example: (m) => [
    [m.of([Number.NaN, 1, Number.NEGATIVE_INFINITY]), { nan: 7, neginf: -5 }],
    [7, 1, -5],
  ],
  samples: (m) => [
    [m.float([2, 3])],
    [m.of([Number.NaN, Number.POSITIVE_INFINITY, 1])],
    [m.float([0])],
  ],
})
