/** Dropout by random bits that are given; tensor/dropout.ts draws them. */
import { add, mul, where } from './arithmetic.js'
import { isFloat } from '../core/dtype.js'
import { DTypeError, ShapeError, ValueError } from '../core/errors.js'
import { broadcastShapes, sameShape, show } from '../core/shape.js'
import { ge } from './compare.js'
import { defineOp, type Grads, requireType, type SampleMaker } from './define.js'
import { map } from './forms.js'
import type { Tensor } from './tensor.js'
import { constant } from './trace.js'

/** True with probability 1 − p: the upper 24 bits, as a number in [0, 1), are not below p. */
const kept = (bits: Tensor, p: number) =>
  ge(map('shr', bits, constant(8, 'int32')), constant(Math.ceil(p * 2 ** 24), 'int32'))

/** @throws ValueError unless 0 ≤ p ≤ 1, DTypeError unless x is of a float type */
export function checkDropout(op: string, x: Tensor, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new ValueError({ op, rule: 'p must lie in [0, 1]', got: `${p}` })
  if (!isFloat(x.dtype))
    throw new DTypeError({ op, rule: 'x must be of a float type', got: x.dtype })
}
function dropoutArgs(name: string) {
  return (x: Tensor, bits: Tensor, p: number) => {
    checkDropout(name, x, p)
    requireType(name, bits, 'int32')
    if (!sameShape(broadcastShapes(name, x.shape, bits.shape), x.shape))
      throw new ShapeError({
        op: name,
        rule: `bits must broadcast to the shape of x, ${show(x.shape)}`,
        got: show(bits.shape),
      })
    return { inputs: [x, bits], attrs: { p } }
  }
}
const dropoutSamples = (m: SampleMaker) => [
  [m.float([4, 5]), m.int([4, 5], -(2 ** 31), 2 ** 31 - 1), 0.3],
  [m.float([2, 3, 4]), m.int([2, 3, 1], -(2 ** 31), 2 ** 31 - 1), 0.5],
  [m.float([0]), m.int([0], 0, 1), 0.5],
  [m.float([3]), m.int([3], 0, 1), 1],
]

/** Zeros where the bits say so, all else scaled up so that the mean stays. Bits may be broadcast. */
export const dropoutByBits = defineOp({
  name: 'dropoutByBits',
  formula: 'y = [u ≥ p] x/(1 − p),  dx = [u ≥ p] dy/(1 − p)',
  source: 'https://jmlr.org/papers/v15/srivastava14a.html',
  args: dropoutArgs('dropout'),
  forward: ([x, bits], { p }) => where(kept(bits!, p), mul(x!, p < 1 ? 1 / (1 - p) : 0), 0),
  vjp: (ct, [, bits], _y, { p }): Grads => [dropoutByBits(ct, bits!, p), null],
  // u = 0 and u = 1 − 2⁻²⁴.
  example: (m) => [
    [m.of([1, 2]), m.of([0, -1], 'int32'), 0.5],
    [0, 4],
  ],
  samples: dropoutSamples,
})

/** What SELU gives for −∞, with the sign turned. */
const SELU_LIMIT = 1.7580993408473766

/** Dropout to SELU's lower limit, then an affine map that keeps mean 0 and variance 1. Bits may be broadcast. */
export const alphaDropoutByBits = defineOp({
  name: 'alphaDropoutByBits',
  formula: 'y = a (u ≥ p ? x : −α) + a α p,  a = 1/√((1 − p)(1 + p α²))',
  source: 'https://arxiv.org/abs/1706.02515',
  args: dropoutArgs('alphaDropout'),
  forward: ([x, bits], { p }) => {
    if (p === 1) return mul(x!, 0)
    const a = 1 / Math.sqrt((1 - p) * (1 + p * SELU_LIMIT ** 2))
    const shift = a * SELU_LIMIT * p
    return where(kept(bits!, p), add(mul(x!, a), shift), shift - a * SELU_LIMIT)
  },
  vjp: (ct, [, bits], _y, { p }): Grads => {
    if (p === 1) return [mul(ct, 0)]
    const a = 1 / Math.sqrt((1 - p) * (1 + p * SELU_LIMIT ** 2))
    return [mul(dropoutByBits(ct, bits!, p), a * (1 - p)), null]
  },
  // a = 1/√(½ (1 + ½ 3.0909)) = 0.8864; −α a + b and 2 a + b with b = 0.7792.
  example: (m) => [
    [m.of([1, 2]), m.of([0, -1], 'int32'), 0.5],
    [-0.7791939305180315, 2.5520037198498953],
  ],
  samples: dropoutSamples,
})
