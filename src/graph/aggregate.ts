/** What comes to each node, as one. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, oneOf, readOptions } from '../core/options.js'
import { add, div, sub, where } from '../ops/arithmetic.js'
import { expand, reshape } from '../ops/broadcast.js'
import { eq } from '../ops/compare.js'
import { full } from '../ops/creation.js'
import { exp } from '../ops/functions.js'
import { indexAdd, indexSelect, scatterReduce } from '../ops/indexing.js'
import { asIndices } from '../ops/indices.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'

export type Aggregation = 'sum' | 'add' | 'mean' | 'max' | 'min'
export const aggregation = oneOf('sum', 'add', 'mean', 'max', 'min')

export interface AggregateOptions {
  /** How many results there are. */
  dimSize: number
  /** 'sum' unless said otherwise. */
  reduce?: Aggregation
}

/**
 * Row i of the result is the sum, mean, largest or smallest of the rows of `src` whose index is i, and 0 where there is none.
 * PyTorch Geometric: utils.scatter.
 *
 * Shapes: src (E, ...), index (E), result (dimSize, ...).
 * @throws ShapeError unless there is an index for each row; IndexError for one outside of the result
 * @example aggregate(tensor([[1], [2], [5]]), tensor([0, 0, 2], { dtype: 'int32' }), { dimSize: 3, reduce: 'max' }) // [[2], [0], [5]]
 */
export function aggregate(src: Tensor, index: Tensor, options: AggregateOptions): Tensor {
  const op = 'aggregate'
  const { dimSize, reduce = 'sum' } = readOptions<AggregateOptions>(
    op,
    [options],
    {},
    {
      dimSize: kinds.size,
      reduce: aggregation,
    },
  )
  const places = asIndices(op, index)
  if (src.rank === 0 || places.rank !== 1 || places.shape[0] !== src.shape[0])
    throw new ShapeError({
      op,
      rule: 'there must be an index for each row',
      got: `${show(src.shape)} and ${show(index.shape)}`,
    })
  if (dimSize === undefined)
    throw new ValueError({ op, rule: 'dimSize says how many results there are', got: 'none' })
  const rows = [dimSize, ...src.shape.slice(1)]
  const zeros = full(rows, 0, src.dtype)
  if (reduce === 'max' || reduce === 'min') {
    const all = expand(
      reshape(places, [places.size, ...src.shape.slice(1).map(() => 1)]),
      src.shape,
    )
    return scatterReduce(zeros, 0, all, src, reduce === 'max' ? 'amax' : 'amin', {
      includeSelf: false,
    })
  }
  const total = indexAdd(zeros, 0, places, src)
  if (reduce !== 'mean') return total
  const count = countOf(places, dimSize, src)
  return div(total, reshape(count, [dimSize, ...src.shape.slice(1).map(() => 1)]))
}

/** How many go to each result, at least 1. */
function countOf(places: Tensor, dimSize: number, like: Tensor): Tensor {
  const count = indexAdd(
    full([dimSize], 0, like.dtype),
    0,
    places,
    full([places.size], 1, like.dtype),
  )
  return where(eq(count, 0), 1, count)
}

/**
 * eˣ / Σ eˣ over the rows that have one index. Nobody gets weights that no row has. PyTorch Geometric: utils.softmax.
 *
 * Shapes: src (E, ...), index (E), result (E, ...).
 * @example groupSoftmax(tensor([1, 1, 7]), tensor([0, 0, 1], { dtype: 'int32' }), 2) // [0.5, 0.5, 1]
 */
export function groupSoftmax(src: Tensor, index: Tensor, numNodes: number): Tensor {
  const most = noGrad(() => aggregate(src, index, { dimSize: numNodes, reduce: 'max' }))
  const e = exp(sub(src, indexSelect(most, 0, index)))
  const sums = add(aggregate(e, index, { dimSize: numNodes }), 1e-16)
  return div(e, indexSelect(sums, 0, index))
}
