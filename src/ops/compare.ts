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

function compare(name: string, fn: MapFn, sign: string, result: Nested) {
  return defineOp({
    name,
    formula: `y = a ${sign} b`,
    args: (a: TensorLike, b: TensorLike) => {
      const inputs = operands(name, [a, b])
      broadcastShapes(name, inputs[0]!.shape, inputs[1]!.shape)
      return { inputs, attrs: {} }
    },
    forward: ([a, b]) => map(fn, a!, b!),
    differentiable: false,
    example: (m) => [[m.of([1, 2, 3]), 2], result],
    samples: (m) => [
      [m.float([2, 3]), m.float([3])],
      [m.int([2, 3], 0, 3), m.int([2, 1], 0, 3)],
      [m.bool([4]), m.bool([4])],
      [m.float([0]), 1],
      [m.of([Number.NaN, 1]), m.of([Number.NaN, 1])],
    ],
  })
}

/** a equals b; NaN equals nothing. @example eq(tensor([1, 2, 3]), 2) // [false, true, false] */
export const eq = compare('eq', 'eq', '=', [false, true, false])
/** a differs from b. @example ne(tensor([1, 2, 3]), 2) // [true, false, true] */
export const ne = compare('ne', 'ne', '≠', [true, false, true])
/** a is less than b. @example lt(tensor([1, 2, 3]), 2) // [true, false, false] */
export const lt = compare('lt', 'lt', '<', [true, false, false])
/** a is at most b. @example le(tensor([1, 2, 3]), 2) // [true, true, false] */
export const le = compare('le', 'le', '≤', [true, true, false])
/** a is greater than b. @example gt(tensor([1, 2, 3]), 2) // [false, false, true] */
export const gt = compare('gt', 'gt', '>', [false, false, true])
/** a is at least b. @example ge(tensor([1, 2, 3]), 2) // [false, true, true] */
export const ge = compare('ge', 'ge', '≥', [false, true, true])

/** Truth as bool: x ≠ 0. */
const truth = (t: Tensor): Tensor => toType(t, 'bool')

function logic(name: string, fn: MapFn, sign: string, result: Nested) {
  return defineOp({
    name,
    formula: `y = a ${sign} b, of the truth of both (not 0)`,
    args: (a: TensorLike, b: TensorLike) => {
      const inputs = operands(name, [a, b]).map(truth)
      broadcastShapes(name, inputs[0]!.shape, inputs[1]!.shape)
      return { inputs, attrs: {} }
    },
    forward: ([a, b]) => map(fn, a!, b!),
    differentiable: false,
    example: (m) => [
      [m.of([true, true, false], 'bool'), m.of([true, false, false], 'bool')],
      result,
    ],
    samples: (m) => [
      [m.bool([2, 3]), m.bool([3])],
      [m.float([3]), m.int([3], 0, 2)],
      [m.bool([0]), m.bool([1])],
    ],
  })
}

/** a ∧ b of the truth of both. @example logicalAnd(tensor([true, true, false]), tensor([true, false, false])) // [true, false, false] */
export const logicalAnd = logic('logicalAnd', 'and', '∧', [true, false, false])
/** a ∨ b of the truth of both. @example logicalOr(tensor([true, true, false]), tensor([true, false, false])) // [true, true, false] */
export const logicalOr = logic('logicalOr', 'or', '∨', [true, true, false])
/** a ⊕ b of the truth of both. @example logicalXor(tensor([true, true, false]), tensor([true, false, false])) // [false, true, false] */
export const logicalXor = logic('logicalXor', 'xor', '⊕', [false, true, false])

function test(name: string, formula: string, forward: (x: Tensor) => Tensor, result: Nested) {
  return defineOp({
    name,
    formula,
    args: (x: TensorLike) => ({ inputs: [operand(name, x)], attrs: {} }),
    forward: ([x]) => forward(x!),
    differentiable: false,
    example: (m) => [[m.of([0, Number.NaN, Number.POSITIVE_INFINITY, 2])], result],
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
export const logicalNot = test('logicalNot', 'y = ¬x', (x) => map('not', truth(x)), [
  true,
  false,
  false,
  false,
])
/** Is it not a number? @example isnan(tensor([0, NaN])) // [false, true] */
export const isnan = test('isnan', 'y = (x is NaN)', floatTest('isnan', false), [
  false,
  true,
  false,
  false,
])
/** Is it infinite? @example isinf(tensor([0, Infinity])) // [false, true] */
export const isinf = test('isinf', 'y = (|x| = ∞)', floatTest('isinf', false), [
  false,
  false,
  true,
  false,
])
/** Is it a finite number? @example isfinite(tensor([0, NaN])) // [true, false] */
export const isfinite = test('isfinite', 'y = (|x| < ∞)', floatTest('isfinite', true), [
  true,
  false,
  false,
  true,
])

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
