/** Weighted sums along an axis in which a NaN or an infinity reaches only what it has a part in. */
import { add, mul, where } from './arithmetic.js'
import { reshape, swap } from './broadcast.js'
import { eq, ge, gt, isfinite, isnan, logicalAnd, logicalOr, ne } from './compare.js'
import { defineOp, type Grads, toType } from './define.js'
import { floor } from './functions.js'
import { matmul } from './linalg.js'
import type { Tensor } from './tensor.js'

/**
 * What infinities and NaN are counted by, in one float32: ∞ as 1, −∞ as 2¹², NaN as 2²⁴ and more. A code matrix has 1 where
 * its place is read with a weight, 2²⁴ where that weight is 0: 0 · ∞ is NaN.
 */
const NEGATIVE = 2 ** 12
export const POISON = 2 ** 24

/** y = M x along one axis. */
function mix(x: Tensor, axis: number, m: Tensor): Tensor {
  const [out, n] = m.shape as [number, number]
  const before = x.shape.slice(0, axis)
  const after = x.shape.slice(axis + 1)
  const shape = [...before, out, ...after]
  const rows = before.reduce((a, b) => a * b, 1)
  const cols = after.reduce((a, b) => a * b, 1)
  const weights = toType(m, x.dtype)
  if (cols === 1) return reshape(matmul(reshape(x, [rows, n]), swap(weights)), shape)
  return reshape(matmul(weights, reshape(x, [rows, n, cols])), shape)
}
const coded = (x: Tensor, plus: number, minus: number): Tensor =>
  where(isfinite(x), 0, where(isnan(x), POISON, where(gt(x, 0), plus, minus)))

/**
 * Sums over places of one axis, weighted by the rows of a matrix, as a sum of its own terms has them: a product of matrices
 * would give NaN for 0 · ∞ wherever the matrix is 0. Finite numbers are multiplied as matrices; a second product, with the
 * codes, counts what is not finite.
 */
const mixed = defineOp({
  name: 'mixed',
  formula: 'y[i] = Σ_j M[i][j] x[j] over the j that the codes name,  dx = the same with Mᵀ',
  args: (x: Tensor, axis: number, weights: Tensor, ...codes: Tensor[]) => ({
    inputs: [x, weights, ...codes],
    attrs: { axis },
  }),
  forward: ([x, weights, above, below], { axis }) => {
    const y = mix(where(isfinite(x!), x!, 0), axis, weights!)
    let z = mix(coded(x!, 1, NEGATIVE), axis, above!)
    // Weights below 0 turn infinities round.
    if (below) z = add(z, mix(coded(x!, NEGATIVE, 1), axis, below))
    const negative = ge(z, NEGATIVE)
    // Is it no multiple? The division by a power of two is exact.
    const share = mul(z, 1 / NEGATIVE)
    const both = logicalAnd(negative, ne(floor(share), share))
    const infinity = where(negative, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
    const special = where(logicalOr(ge(z, POISON), both), Number.NaN, infinity)
    return where(eq(z, 0), y, toType(special, y.dtype))
  },
  vjp: (ct, [, ...matrices], _y, { axis }): Grads => [
    mixed(ct, axis, ...(matrices.map(swap) as [Tensor, ...Tensor[]])),
    ...matrices.map(() => null),
  ],
  example: (m) => [
    [
      m.of([1, 3, Number.POSITIVE_INFINITY]),
      0,
      m.of([
        [0.5, 0.5, 0],
        [0, 0.5, 0.5],
      ]),
      m.of([
        [1, 1, 0],
        [0, 1, 1],
      ]),
    ],
    [2, Number.POSITIVE_INFINITY],
  ],
  samples: (m) => {
    const weights = m.float([2, 3], 0.1, 1)
    const codes = m.of([
      [1, 1, 1],
      [1, 1, 1],
    ])
    return [
      [m.float([2, 3]), 1, weights, codes],
      [m.float([3, 2]), 0, weights, codes],
      [m.float([2, 3, 2]), 1, weights, codes, codes],
    ]
  },
  except: { gradient: 'of the matrices there is none' },
})

/** The weighted sums along an axis by matrices (m, n): weights, codes of weights from 0 up, codes of those below 0. */
export const mixLocally = (x: Tensor, axis: number, matrices: readonly Tensor[]): Tensor =>
  mixed(x, axis, ...(matrices as [Tensor, ...Tensor[]]))
