/** Sorting, selection by rank, and searching. */
import { rare } from '../backends/prims.js'
import { orderPrims } from '../backends/prims/order.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { kinds, oneOf, readOptions } from '../core/options.js'
import { normAxis, type Shape, show } from '../core/shape.js'
import { defineOp, operand, operands, type TensorLike, toType } from './define.js'
import { gather } from './indexing.js'
import { movedim } from './movement.js'
import { narrow } from './slice.js'
import type { Tensor } from './tensor.js'
import { constant, prim } from './trace.js'

export interface SortOptions {
  descending?: boolean
}

/**
 * The indices (int32) that sort along the axis; equal elements keep their order; NaN counts as the largest.
 * @example argsort(tensor([3, 1, 2])) // [1, 2, 0]
 */
export const argsort = defineOp({
  name: 'argsort',
  formula: 'x[y₀] ≤ x[y₁] ≤ ..',
  args: (x: TensorLike, axis: number = -1, options?: boolean | SortOptions) => {
    const { descending = false } = readOptions<SortOptions>('argsort', [options], {
      descending: kinds.flag,
    })
    const t = operand('argsort', x)
    return {
      inputs: [t.dtype === 'bool' ? toType(t, 'int32') : t],
      attrs: { axis: normAxis('argsort', axis, t.rank), descending },
    }
  },
  forward: ([x], { axis, descending }) => {
    if (x!.rank === 0) return constant(0, 'int32')
    return movedim(
      prim(rare(orderPrims, { op: 'argsort', descending }), [movedim(x!, axis, -1)]),
      -1,
      axis,
    )
  },
  differentiable: false,
  example: (m) => [[m.of([3, 1, 2])], [1, 2, 0]],
  samples: (m) => [
    [m.float([3, 4])],
    [m.float([3, 4]), 0, { descending: true }],
    [m.int([20], 0, 4)],
    [m.float([])],
    [m.float([2, 0])],
    [m.of([1, Number.NaN, -1])],
    [m.of([1, Number.NaN, -1]), 0, { descending: true }],
  ],
})

/** The values in order along the axis and where they were, [values, indices]. @example sort(tensor([3, 1, 2]))[0] // [1, 2, 3] */
export function sort(
  x: Tensor,
  axis = -1,
  options: SortOptions = {},
): [values: Tensor, indices: Tensor] {
  const index = argsort(x, axis, options)
  return [gather(x, axis, index), index]
}

/**
 * The k largest (or smallest) along the axis in order, [values, indices].
 * @throws ValueError when k exceeds the extent
 * @example topk(tensor([3, 1, 2]), 2)[0] // [3, 2]
 */
export function topk(
  x: Tensor,
  k: number,
  axis = -1,
  options?: boolean | { largest?: boolean },
): [values: Tensor, indices: Tensor] {
  const { largest = true } = readOptions<{ largest?: boolean }>('topk', [options], {
    largest: kinds.flag,
  })
  const a = normAxis('topk', axis, x.rank)
  const n = x.shape[a] ?? 1
  if (!(Number.isInteger(k) && k >= 0 && k <= n))
    throw new ValueError({
      op: 'topk',
      rule: `k must be a whole number from 0 to ${n}`,
      got: `${k}`,
    })
  const index = argsort(x, a, { descending: largest })
  const kept = x.rank === 0 ? index : narrow(index, a, 0, k)
  return [gather(x, a, kept), kept]
}

export interface SearchOptions {
  /** After equal elements. */
  right?: boolean
  /** 'right' is `right`; 'left' unless said otherwise. */
  side?: 'left' | 'right'
  /** The indices that sort the first argument, when it is not sorted itself. */
  sorter?: Tensor | null
}

/**
 * Where each value would go in the sorted last axis so that it stays sorted (int32). right: after equal elements.
 * @example searchsorted(tensor([1, 3, 5]), tensor([3, 6])) // [1, 3]
 */
export const searchsorted = defineOp({
  name: 'searchsorted',
  formula: 'y = #{j : sorted[j] < v}, or ≤ v with right',
  args: (sorted: TensorLike, values: TensorLike, options?: SearchOptions) => {
    const { right, side, sorter } = readOptions<SearchOptions>(
      'searchsorted',
      [options],
      {},
      { right: kinds.flag, side: oneOf('left', 'right'), sorter: kinds.any },
    )
    if (right && side === 'left')
      throw new ValueError({
        op: 'searchsorted',
        rule: "side must be 'right' where right is true",
        got: "'left'",
      })
    const order = sorter ? gather(sorted, -1, sorter) : sorted
    const [s, v] = operands('searchsorted', [order, values])
    const lead = (shape: Shape) => show(shape.slice(0, -1))
    if (s!.rank === 0 || (s!.rank > 1 && lead(s!.shape) !== lead(v!.shape)))
      throw new ShapeError({
        op: 'searchsorted',
        rule: 'sorted is a vector, or has the leading axes of values',
        got: `${show(s!.shape)} and ${show(v!.shape)}`,
      })
    return { inputs: [s!, v!], attrs: { right: right || side === 'right' } }
  },
  forward: ([s, v], { right }) => {
    const n = s!.shape[s!.rank - 1]!
    const batch =
      s!.size === 0 && n > 0
        ? 0
        : s!.rank === 1
          ? 1
          : s!.shape.slice(0, -1).reduce((a, b) => a * b, 1)
    const flatS = prim({ op: 'reshape', shape: [batch, n] }, [s!])
    const m = batch === 0 ? 0 : v!.size / batch
    const flatV = prim({ op: 'reshape', shape: [batch, m] }, [v!])
    return prim({ op: 'reshape', shape: v!.shape }, [
      prim(rare(orderPrims, { op: 'searchsorted', right }), [flatS, flatV]),
    ])
  },
  differentiable: false,
  example: (m) => [
    [m.of([1, 3, 5]), m.of([3, 6])],
    [1, 3],
  ],
  samples: (m) => [
    [m.of([1, 3, 5]), m.float([2, 4], 0, 6)],
    [m.of([1, 3, 3, 5]), 3, { right: true }],
    [
      m.of([
        [1, 2],
        [3, 4],
      ]),
      m.float([2, 3], 0, 5),
    ],
    [m.float([0]), m.float([3])],
    [m.of([1, 4, 9], 'int32'), m.int([5], 0, 10)],
  ],
})

/** The bucket of each value between sorted boundaries. @example bucketize(tensor([0, 2, 9]), tensor([1, 5])) // [0, 1, 2] */
export function bucketize(
  x: TensorLike,
  boundaries: Tensor,
  options: { right?: boolean } = {},
): Tensor {
  return searchsorted(boundaries, x, options)
}
