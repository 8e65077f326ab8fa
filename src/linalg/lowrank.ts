/** Singular values of large matrices by random projections, and reflections applied without their product. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { mul, sub, where } from '../ops/arithmetic.js'
import { coordinates } from '../ops/broadcast.js'
import { randn } from '../tensor/random.js'
import { eq, lt } from '../ops/compare.js'
import { matmul } from '../ops/linalg.js'
import { unsqueeze } from '../ops/movement.js'
import { mean } from '../ops/reduce.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { qr } from './qr.js'
import { svd } from './spectral.js'
import { matrices, t } from './matrices.js'

export interface LowrankOptions {
  /** How many singular values; 6 unless given. */
  q?: number
  /** How often the basis is refined by Aᵀ and A; 2 unless given. */
  niter?: number
}

/** Orthonormal columns whose span holds most of A: Halko, Martinsson, Tropp, algorithm 4.4. */
function basis(a: Tensor, q: number, niter: number): Tensor {
  const start = randn([a.shape.at(-1)!, q], { dtype: a.dtype })
  let [columns] = qr(matmul(a, start))
  for (let i = 0; i < niter; i++) {
    const [back] = qr(matmul(t(a), columns))
    columns = qr(matmul(a, back))[0]
  }
  return columns
}

/**
 * `[U, S, V]` with A − M ≈ U diag(S) Vᵀ, the q largest singular values by a random projection; exact where q reaches the
 * rank. The generator gives the projection.
 *
 * Shapes: A (..., m, n), M the same or broadcastable to it; U (..., m, q), S (..., q), V (..., n, q).
 * Halko, Martinsson, Tropp 2011, algorithm 5.1, https://arxiv.org/abs/0909.4061
 * @example linalg.svdLowrank(tensor([[0, 2], [1, 0]]), { q: 2 })[1] // [2, 1]
 */
export function svdLowrank(
  a: Tensor,
  options: LowrankOptions & { M?: Tensor | null } = {},
): [u: Tensor, s: Tensor, v: Tensor] {
  const { M: shift, ...rest } = options
  const o = readOptions<LowrankOptions>('svdLowrank', [rest], {
    q: kinds.number,
    niter: kinds.number,
  })
  const [q, niter] = [o.q ?? 6, o.niter ?? 2]
  const x = shift ? sub(matrices('svdLowrank', a), shift) : matrices('svdLowrank', a)
  const [m, n] = x.shape.slice(-2) as [number, number]
  if (!(Number.isInteger(q) && q >= 0 && q <= Math.min(m, n)))
    throw new ValueError({
      op: 'svdLowrank',
      rule: `q must be an integer from 0 to the smaller size of the matrix (${Math.min(m, n)})`,
      got: `${q}`,
    })
  if (!(Number.isInteger(niter) && niter >= 0))
    throw new ValueError({
      op: 'svdLowrank',
      rule: 'niter must be an integer from 0',
      got: `${niter}`,
    })
  // The small matrix is A Q for a basis Q of the rows, or Qᵀ A for one of the columns.
  if (m < n) {
    const rows = basis(t(x), q, niter)
    const [u, s, vh] = svd(matmul(x, rows), { fullMatrices: false })
    return [u, s, matmul(rows, t(vh))]
  }
  const columns = basis(x, q, niter)
  const [u, s, vh] = svd(matmul(t(columns), x), { fullMatrices: false })
  return [matmul(columns, u), s, t(vh)]
}

/**
 * Principal components of the rows of A: `[U, S, V]` of A with the mean of each column taken away (`center: false`: of A
 * itself). The columns of V are the components, A V the coordinates.
 *
 * Shapes: A (..., m, n) to (..., m, q), (..., q) and (..., n, q); q is min(6, m, n) unless given.
 * https://pytorch.org/docs/stable/generated/torch.pca_lowrank.html
 * @example linalg.pcaLowrank(tensor([[0, 0], [3, 4], [-3, -4]]), { q: 1 })[1] // [7.0710678]
 */
export function pcaLowrank(
  a: Tensor,
  options: LowrankOptions & { center?: boolean } = {},
): [u: Tensor, s: Tensor, v: Tensor] {
  const o = readOptions<LowrankOptions & { center?: boolean }>('pcaLowrank', [options], {
    q: kinds.number,
    niter: kinds.number,
    center: kinds.flag,
  })
  const x = matrices('pcaLowrank', a)
  const q = o.q ?? Math.min(6, ...x.shape.slice(-2))
  const centered = o.center === false ? x : sub(x, mean(x, -2, { keepdim: true }))
  return svdLowrank(centered, { q, niter: o.niter })
}

/**
 * Q C for the whole Q = H₁ H₂ … of what `geqrf` gives, Hᵢ = I − τᵢ vᵢ vᵢᵀ, one reflection after the other, without the
 * product Q. `transpose`: Qᵀ C; `left: false`: C Q or C Qᵀ.
 *
 * Shapes: A (..., m, k), τ (..., at most k), C (..., m, n), or (..., n, m) with `left: false`.
 * https://pytorch.org/docs/stable/generated/torch.ormqr.html
 * @example linalg.ormqr(tensor([[-5], [0.5]]), tensor([1.6]), tensor([[-5], [0]])) // [[3], [4]]
 */
export function ormqr(
  a: Tensor,
  tau: Tensor,
  c: Tensor,
  options: { left?: boolean; transpose?: boolean } = {},
): Tensor {
  const { left = true, transpose = false } = readOptions<{ left?: boolean; transpose?: boolean }>(
    'ormqr',
    [options],
    { left: kinds.flag, transpose: kinds.flag },
  )
  if (!left) return t(ormqr(a, tau, t(c), { transpose: !transpose }))
  const m = matrices('ormqr', a).shape.at(-2)!
  const k = tau.shape.at(-1) ?? Number.NaN
  if (matrices('ormqr', c).shape.at(-2) !== m || !(k <= a.shape.at(-1)!))
    throw new ShapeError({
      op: 'ormqr',
      rule: `there must be ${m} places along the axis of C that Q acts on, and at most as many factors as A has columns`,
      got: `${show(c.shape)} and ${show(tau.shape)}`,
    })
  let x = c
  for (let step = 0; step < k; step++) {
    const i = transpose ? step : k - 1 - step
    const column = narrow(a, -1, i, 1)
    const place = coordinates(column, -2)
    const v = where(lt(place, i), 0, where(eq(place, i), 1, column))
    const factor = unsqueeze(narrow(tau, -1, i, 1), -1)
    x = sub(x, mul(factor, matmul(v, matmul(t(v), x))))
  }
  return x
}
