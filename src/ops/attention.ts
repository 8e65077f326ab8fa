/** Scaled dot-product attention over canonical shapes; tensor/attention.ts has the public function. */
import { add, mul, sub, where } from './arithmetic.js'
import { coordinates, reshape, sum, swap } from './broadcast.js'
import { eq, ge, le } from './compare.js'
import { defineOp } from './define.js'
import { dropoutByBits } from './dropout.js'
import { exp, reciprocal } from './functions.js'
import { softmax } from './activation.js'
import { matmul } from './linalg.js'
import { amax } from './reduce.js'
import type { Tensor } from './tensor.js'

/** Softmax over the last axis; a row of −∞ alone gives 0, not NaN. */
export const safeSoftmax = defineOp({
  name: 'safeSoftmax',
  formula: 'y = eˣ / Σ eˣ, 0 where every x of the row is −∞,  dx = y (dy − Σ dy y)',
  args: (x: Tensor) => ({ inputs: [x], attrs: {} }),
  forward: ([x]) => {
    const top = amax(x!, -1, { keepdim: true })
    const e = exp(sub(x!, where(eq(top, Number.NEGATIVE_INFINITY), 0, top)))
    const total = sum(e, -1, { keepdim: true })
    return mul(e, reciprocal(where(le(total, 0), 1, total)))
  },
  vjp: (ct, _inputs, y) => [mul(y!, sub(ct, sum(mul(ct, y), -1, { keepdim: true })))],
  example: (m) => [
    [
      m.of([
        [0, Math.LN2],
        [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
      ]),
    ],
    [
      [1 / 3, 2 / 3],
      [0, 0],
    ],
  ],
  samples: (m) => [[m.float([2, 3])], [m.float([2, 3, 4])], [m.of([1000, 0, -1000])]],
})

export interface AttentionForm {
  /** What products of queries and keys are multiplied by. */
  scale: number
  /** Query i sees keys 0 to i. */
  causal: boolean
  /** The probability that a weight is dropped. */
  p: number
}

/**
 * Attention with its weights held: the plain way, which gives gradients of any order.
 *
 * Shapes: q (B, H, L, E), k (B, G, S, E), v (B, G, S, D), G dividing H; mask broadcasts to (B, H, L, S), true where a key
 * takes part, or numbers that are added; bits (B, H, L, S) when weights are dropped. Output (B, H, L, D), weights
 * (B, H, L, S).
 */
export function plainAttention(
  [q, k, v, mask, bits]: readonly [
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask?: Tensor | null,
    bits?: Tensor | null,
  ],
  { scale, causal, p }: AttentionForm,
): { output: Tensor; weights: Tensor } {
  const [B, H, L, E] = q.shape as [number, number, number, number]
  const [, G, S] = k.shape as [number, number, number]
  const D = v.shape[3]!
  const repeat = H / Math.max(1, G)
  /** Queries that share keys stand under each other. */
  const stacked = (t: Tensor, n: number) => (repeat === 1 ? t : reshape(t, [B, G, repeat * L, n]))
  const apart = (t: Tensor, n: number) => (repeat === 1 ? t : reshape(t, [B, H, L, n]))
  let scores = apart(matmul(stacked(mul(q, scale), E), swap(k)), S)
  if (causal)
    scores = where(
      ge(coordinates(scores, 2), coordinates(scores, 3)),
      scores,
      Number.NEGATIVE_INFINITY,
    )
  if (mask)
    scores =
      mask.dtype === 'bool' ? where(mask, scores, Number.NEGATIVE_INFINITY) : add(scores, mask)
  const whole = S === 0 ? scores : mask ? safeSoftmax(scores) : softmax(scores)
  const weights = bits ? dropoutByBits(whole, bits, p) : whole
  return { output: apart(matmul(stacked(weights, S), v), D), weights }
}
