/** Bits of whole numbers, and what whole numbers divide. */
import { mul, where } from './arithmetic.js'
import { byElement } from './byElement.js'
import { type DType, dtypes, isFloat, isInteger } from '../core/dtype.js'
import { broadcastShapes } from '../core/shape.js'
import { lt, logicalOr, ge } from './compare.js'
import {
  defineOp,
  operand,
  operands,
  requireType,
  type SampleMaker,
  type TensorLike,
} from './define.js'
import { pow } from './elementwise.js'
import { map } from './forms.js'
import type { MapFn } from '../backends/ir.js'
import type { Tensor } from './tensor.js'
import { constant } from './trace.js'

const whole: DType[] = dtypes.filter((d) => !isFloat(d))
const integers: DType[] = dtypes.filter((d) => isInteger(d))

/** @throws DTypeError unless both are of the types */
function both(op: string, a: TensorLike, b: TensorLike, allowed = whole) {
  const inputs = operands(op, [a, b])
  requireType(op, inputs[0]!, ...allowed)
  broadcastShapes(op, inputs[0]!.shape, inputs[1]!.shape)
  return { inputs, attrs: {} }
}

const wholeSamples = (m: SampleMaker) => [
  [m.int([2, 3], -9, 9), m.int([3], -9, 9)],
  [m.int([], 0, 9), m.int([0], 0, 9)],
  [m.int([4], -99, 99), 6],
]

const bits = (name: string, fn: MapFn, sign: string, result: number) =>
  defineOp({
    name,
    formula: `y = a ${sign} b, bit by bit`,
    args: (a: TensorLike, b: TensorLike) => both(name, a, b),
    forward: ([a, b]) => map(fn, a!, b!),
    differentiable: false,
    example: (m) => [[m.of([12], 'int32'), m.of([10], 'int32')], [result]],
    samples: (m) => [...wholeSamples(m), [m.bool([2, 3]), m.bool([3])]],
  })
/** The bits that both have; of bools ∧. @throws DTypeError for floats @example bitwiseAnd(tensor([12], { dtype: 'int32' }), 10) // [8] */
export const bitwiseAnd = bits('bitwiseAnd', 'and', '&', 8)
/** The bits that one of them has; of bools ∨. @throws DTypeError for floats @example bitwiseOr(tensor([12], { dtype: 'int32' }), 10) // [14] */
export const bitwiseOr = bits('bitwiseOr', 'or', '|', 14)
/** The bits in which they differ; of bools ⊕. @throws DTypeError for floats @example bitwiseXor(tensor([12], { dtype: 'int32' }), 10) // [6] */
export const bitwiseXor = bits('bitwiseXor', 'xor', '^', 6)

/** All bits exchanged: −x − 1; of bools their opposite. @throws DTypeError for floats @example bitwiseNot(tensor([5], { dtype: 'int32' })) // [-6] */
export const bitwiseNot = defineOp({
  name: 'bitwiseNot',
  formula: 'y = ~x',
  args: (x: TensorLike) => {
    const t = operand('bitwiseNot', x)
    requireType('bitwiseNot', t, ...whole)
    return { inputs: [t], attrs: {} }
  },
  forward: ([x]) => {
    const { dtype } = x!
    if (dtype === 'bool') return map('not', x!)
    return map('xor', x!, constant(dtype === 'uint8' ? 255 : -1, dtype))
  },
  differentiable: false,
  example: (m) => [[m.of([5], 'int32')], [-6]],
  samples: (m) => [[m.int([2, 3], -9, 9)], [m.int([], 0, 9)], [m.bool([3])], [m.int([0], 0, 9)]],
})

/** 8, 32 or 64. */
const width = (dtype: DType) => (dtype === 'int64' ? 64 : dtype === 'int32' ? 32 : 8)
/** Is the shift outside of the type's bits? */
const far = (b: Tensor): Tensor => logicalOr(lt(b, 0), ge(b, width(b.dtype)))

const shiftSamples = (m: SampleMaker) => [
  [m.int([2, 3], -9, 9), m.int([3], 0, 9)],
  [m.int([], 0, 9), m.int([0], 0, 9)],
  [m.int([4], -99, 99), 40],
]
/** Bits moved up: a · 2ᵇ, without those that fall out; 0 when b is not among the type's bits. @throws DTypeError for floats and bools @example bitwiseLeftShift(tensor([3], { dtype: 'int32' }), 2) // [12] */
export const bitwiseLeftShift = defineOp({
  name: 'bitwiseLeftShift',
  formula: 'y = a · 2ᵇ, modulo the type’s range',
  args: (a: TensorLike, b: TensorLike) => both('bitwiseLeftShift', a, b, integers),
  forward: ([a, b]) => {
    const out = far(b!)
    return where(
      out,
      constant(0, a!.dtype),
      mul(a!, pow(constant(2, a!.dtype), where(out, constant(0, a!.dtype), b!))),
    )
  },
  differentiable: false,
  example: (m) => [[m.of([3], 'int32'), m.of([2], 'int32')], [12]],
  samples: shiftSamples,
})
/** Bits moved down: ⌊a / 2ᵇ⌋; the sign alone when b is not among the type's bits. @throws DTypeError for floats and bools @example bitwiseRightShift(tensor([-12], { dtype: 'int32' }), 2) // [-3] */
export const bitwiseRightShift = defineOp({
  name: 'bitwiseRightShift',
  formula: 'y = ⌊a / 2ᵇ⌋',
  args: (a: TensorLike, b: TensorLike) => both('bitwiseRightShift', a, b, integers),
  forward: ([a, b]) => {
    const { dtype } = a!
    const zero = constant(0, dtype)
    // 'shr' fills up with zeros: negative numbers go through their complement.
    const negative = where(map('lt', a!, zero), constant(dtype === 'uint8' ? 0 : -1, dtype), zero)
    const out = far(b!)
    const moved = map('shr', map('xor', a!, negative), where(out, zero, b!))
    return map('xor', where(out, zero, moved), negative)
  },
  differentiable: false,
  example: (m) => [[m.of([-12], 'int32'), m.of([2], 'int32')], [-3]],
  samples: shiftSamples,
})

/** Euclid's algorithm; also of bigints. */
function divisor(a: number, b: number): number {
  let [x, y] = [a < 0 ? -a : a, b < 0 ? -b : b]
  while (y) [x, y] = [y, x % y]
  return x
}
const multiple = (a: number, b: number): number => {
  const d = divisor(a, b)
  if (!d) return d
  const product = typeof a === 'bigint' ? (a / d) * b : Math.imul(a / d, b)
  return product < 0 ? -product : product
}
const ofIntegers = (name: string, formula: string, f: typeof divisor, result: number) =>
  defineOp({
    name,
    formula,
    args: (a: TensorLike, b: TensorLike) => both(name, a, b, integers),
    forward: (inputs) => byElement(name, f as (...x: number[]) => number, inputs),
    differentiable: false,
    example: (m) => [[m.of([12], 'int32'), m.of([-18], 'int32')], [result]],
    samples: wholeSamples,
  })
/** The greatest common divisor, by Euclid's algorithm; gcd(0, 0) is 0. @throws DTypeError for floats @example gcd(tensor([12], { dtype: 'int32' }), 18) // [6] */
export const gcd = ofIntegers('gcd', 'y = the largest d ≥ 0 that divides a and b', divisor, 6)
/** The least common multiple; 0 where a or b is. @throws DTypeError for floats @example lcm(tensor([4], { dtype: 'int32' }), 6) // [12] */
export const lcm = ofIntegers('lcm', 'y = |a b| / gcd(a, b)', multiple, 36)

const view64 = new DataView(new ArrayBuffer(8))
/** The neighbour of a in the direction of b among numbers of 32 or 64 bits: their bits, read as integers, are in order. */
const neighbour =
  (size: 32 | 64) =>
  (a: number, b: number): number => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN
    if (a === b) return b
    const get = () => (size === 64 ? view64.getFloat64(0) : view64.getFloat32(0))
    const put = (x: number) => (size === 64 ? view64.setFloat64(0, x) : view64.setFloat32(0, x))
    if (a === 0) {
      if (size === 64) view64.setBigInt64(0, 1n)
      else view64.setInt32(0, 1)
      return Math.sign(b) * get()
    }
    put(a)
    const step = a < b === a > 0 ? 1 : -1
    if (size === 64) view64.setBigInt64(0, view64.getBigInt64(0) + BigInt(step))
    else view64.setInt32(0, view64.getInt32(0) + step)
    return get()
  }
/** The next number of the type from a towards b. @throws DTypeError for half types @example nextafter(tensor([1]), 2) // [1.0000001] */
export const nextafter = defineOp({
  name: 'nextafter',
  formula: 'y = the number beside a on the side of b, or b where they are equal',
  source: 'https://pytorch.org/docs/stable/generated/torch.nextafter.html',
  args: (a: TensorLike, b: TensorLike) => {
    const inputs = operands('nextafter', [a, b], { float: true })
    requireType('nextafter', inputs[0]!, 'float32', 'float64')
    broadcastShapes('nextafter', inputs[0]!.shape, inputs[1]!.shape)
    return { inputs, attrs: {} }
  },
  forward: (inputs) =>
    byElement(
      'nextafter',
      neighbour(inputs[0]!.dtype === 'float64' ? 64 : 32) as (...x: number[]) => number,
      inputs,
    ),
  differentiable: false,
  example: (m) => [
    [m.of([1, 0], 'float32'), m.of([2, -1], 'float32')],
    [1.00000011920929, -1.401298464324817e-45],
  ],
  samples: (m) => [
    [m.float([2, 3]), m.float([3])],
    [m.float([0]), m.float([])],
  ],
})
