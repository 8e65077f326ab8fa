/** Distances of all pairs of points. */
import { expand, sum, swap } from './broadcast.js'
import { add, mul, sub, where } from './arithmetic.js'
import { ShapeError, show } from '../core/errors.js'
import { type Kind, oneOf, readOptions } from '../core/options.js'
import { broadcastShapes } from '../core/shape.js'
import { le } from './compare.js'
import { sqrt, square } from './functions.js'
import { indexSelect } from './indexing.js'
import { matmul } from './linalg.js'
import { unsqueeze } from './movement.js'
import { norm } from './statistics.js'
import { fromData, type Tensor } from './tensor.js'
import { checkFloats } from './window.js'

const degree: Kind = {
  rule: 'a number from 0 up',
  holds: (v) => typeof v === 'number' && v >= 0,
}
export interface CdistOptions {
  /** The p of the norm: 2 unless said otherwise; 0 counts the places that differ, Infinity takes the greatest. */
  p?: number
  /** Whether Euclidean distances go through a matrix product, which is faster and less exact for near points. */
  computeMode?: 'useMmForEuclidDistIfNecessary' | 'useMmForEuclidDist' | 'donotUseMmForEuclidDist'
}
const modes = oneOf(
  'useMmForEuclidDistIfNecessary',
  'useMmForEuclidDist',
  'donotUseMmForEuclidDist',
)

/** ‖d‖ₚ over the last axis. No coordinates: 0. */
function length(d: Tensor, p: number): Tensor {
  if (d.shape[d.rank - 1] === 0) return sum(d, -1)
  return norm(d, p, -1)
}

/** Euclidean distances by ‖a‖² + ‖b‖² − 2 a·b; 0 where rounding leaves less than 0, with the gradient 0 there. */
function byProduct(a: Tensor, b: Tensor): Tensor {
  const squares = (t: Tensor) => sum(square(t), -1, { keepdim: true })
  const both = add(squares(a), swap(squares(b)))
  const d = sub(both, mul(matmul(a, swap(b)), 2))
  // A NaN is not together, so that it stays.
  const together = le(d, 0)
  return where(together, 0, sqrt(where(together, 1, d)))
}

/**
 * The distance of each point of a to each of b.
 *
 * Formula: y[.., i, j] = ‖a_i − b_j‖ₚ
 * Shapes: a (..., P, M), b (..., R, M), result (..., P, R); the leading axes broadcast.
 * Source: https://pytorch.org/docs/stable/generated/torch.cdist.html
 * @throws ShapeError unless both have matrices of as many columns, ValueError for p below 0
 * @example cdist(tensor([[0, 0], [3, 0]]), tensor([[0, 4]])) // [[4], [5]]
 */
export function cdist(a: Tensor, b: Tensor, ...rest: (number | string | CdistOptions)[]): Tensor {
  const op = 'cdist'
  const { p = 2, computeMode = 'useMmForEuclidDistIfNecessary' } = readOptions<CdistOptions>(
    op,
    rest,
    { p: degree, computeMode: modes },
  )
  checkFloats(op, a, b)
  const m = a.shape[a.rank - 1]
  if (a.rank < 2 || b.rank < 2 || m !== b.shape[b.rank - 1])
    throw new ShapeError({
      op,
      rule: 'a is (..., P, M) and b (..., R, M)',
      got: `${show(a.shape)} and ${show(b.shape)}`,
    })
  const [rows, columns] = [a.shape[a.rank - 2]!, b.shape[b.rank - 2]!]
  const product =
    computeMode === 'useMmForEuclidDist' ||
    (computeMode === 'useMmForEuclidDistIfNecessary' && (rows > 25 || columns > 25))
  if (p === 2 && product && m! > 0) {
    const lead = broadcastShapes(op, a.shape.slice(0, -2), b.shape.slice(0, -2))
    return byProduct(expand(a, [...lead, rows, m!]), expand(b, [...lead, columns, m!]))
  }
  return length(sub(unsqueeze(a, -2), unsqueeze(b, -3)), p)
}

/**
 * The distances of all pairs of rows: of row 0 to 1, 2, .., then of row 1 to 2, 3, ..
 *
 * Formula: y = [‖x_i − x_j‖ₚ for i < j]
 * Shapes: x (N, M), result (N(N − 1)/2).
 * Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.pdist.html
 * @throws ShapeError unless x is a matrix, ValueError for p below 0
 * @example pdist(tensor([[0, 0], [3, 0], [0, 4]])) // [3, 4, 5]
 */
export function pdist(x: Tensor, ...rest: (number | { p?: number })[]): Tensor {
  const op = 'pdist'
  const { p = 2 } = readOptions<{ p?: number }>(op, rest, { p: degree })
  checkFloats(op, x)
  if (x.rank !== 2) throw new ShapeError({ op, rule: 'x must be a matrix', got: show(x.shape) })
  const n = x.shape[0]!
  const size = (n * Math.max(0, n - 1)) / 2
  const [first, second] = [new Int32Array(size), new Int32Array(size)]
  for (let i = 0, k = 0; i < n; i++)
    for (let j = i + 1; j < n; j++, k++) {
      first[k] = i
      second[k] = j
    }
  const row = (index: Int32Array) =>
    indexSelect(x, 0, fromData(index, [size], 'int32', x.storage?.backend))
  return length(sub(row(first), row(second)), p)
}
