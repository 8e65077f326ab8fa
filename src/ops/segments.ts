/** Reductions of parts of an axis that differ in length. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { type Kind, kinds, oneOf, orNull, readOptions } from '../core/options.js'
import { normAxis } from '../core/shape.js'
import { add, cast, div, sub, where } from './arithmetic.js'
import { expand, reshape, sum } from './broadcast.js'
import { eq } from './compare.js'
import { full } from './creation.js'
import { defineOp } from './define.js'
import { diff } from './differences.js'
import { scatterAdd, scatterReduce } from './indexing.js'
import { concat } from './join.js'
import { cumsum } from './scan.js'
import { narrow } from './slice.js'
import { Tensor } from './tensor.js'
import { prim } from './trace.js'

export interface SegmentOptions {
  /** Whole lengths of the segments, which follow each other: int32 or int64, (..., segments). */
  lengths?: Tensor | null
  /** Instead of lengths: where each segment begins and, last, where the last one ends: (..., segments + 1). */
  offsets?: Tensor | null
  axis?: number
  /** What every reduction begins with and an empty segment gives. */
  initial?: number | null
  /** Lengths that do not fill the axis are not refused: what is behind them is left out. */
  unsafe?: boolean
}
const tensorOrNull = orNull({ rule: 'a tensor', holds: (v) => v instanceof Tensor } satisfies Kind)
const names = { sum: 'sum', mean: 'sum', prod: 'prod', max: 'amax', min: 'amin' } as const
/** x, where lo ≤ x < hi; otherwise the run fails with an error that names `what`. */
export const within = defineOp({
  name: 'within',
  formula: 'y = x, when lo ≤ x < hi',
  args: (x: Tensor, lo: number, hi: number, what: string) => ({
    inputs: [x],
    attrs: { lo, hi, what },
  }),
  forward: ([x], { lo, hi, what }) => prim({ op: 'check', lo, hi, what }, [x!]),
  differentiable: false,
  example: (m) => [
    [m.of([0, 2], 'int32'), 0, 3, 'a length'],
    [0, 2],
  ],
  samples: (m) => [[m.of([0, 2], 'int32'), 0, 3, 'a length']],
})
/** What an empty segment gives. */
const neutral = { sum: 0, mean: 0, prod: 1, max: -Infinity, min: Infinity } as const

/**
 * The sum, mean, product, largest or smallest element of every segment of an axis. An empty segment gives `initial`, or
 * 0, NaN, 1, −∞ and ∞.
 *
 * Shapes: x (..., N, ...) to (..., segments, ...), where the axes before N are those of the lengths.
 * https://pytorch.org/docs/1.13/generated/torch.segment_reduce.html
 * @throws ValueError without exactly one of lengths and offsets; IndexError for segments outside of the axis
 * @example segmentReduce(tensor([1, 2, 3]), 'sum', { lengths: tensor([2, 1], { dtype: 'int32' }) }) // [3, 3]
 */
export function segmentReduce(
  x: Tensor,
  reduce: 'sum' | 'mean' | 'prod' | 'max' | 'min',
  options: SegmentOptions = {},
): Tensor {
  const op = 'segmentReduce'
  const o = readOptions<SegmentOptions>(op, [options], {
    lengths: tensorOrNull,
    offsets: tensorOrNull,
    axis: kinds.integer,
    initial: orNull(kinds.number),
    unsafe: kinds.flag,
  })
  if (!oneOf(...Object.keys(names)).holds(reduce))
    throw new ValueError({ op, rule: 'reduce is sum, mean, prod, max or min', got: `${reduce}` })
  if (Boolean(o.lengths) === Boolean(o.offsets))
    throw new ValueError({ op, rule: 'either lengths or offsets must be given' })
  const axis = normAxis(op, o.axis ?? 0, x.rank)
  const given = cast((o.lengths ?? o.offsets)!, 'int32')
  const batch = x.shape.slice(0, axis)
  if (given.rank !== axis + 1 || `${given.shape.slice(0, axis)}` !== `${batch}`)
    throw new ShapeError({
      op,
      rule: `lengths and offsets must have the axes of x up to the axis of the segments, ${show([...batch, -1])}`,
      got: show(given.shape),
    })
  const extent = x.shape[axis]!
  const zeros = (n: number) => full([...batch, n], 0, 'int32')
  let lengths = o.lengths ? given : diff(given)
  // Offsets that go back are refused in any case.
  if (!o.unsafe || o.offsets) lengths = within(lengths, 0, extent + 1, 'a length')
  let offsets = o.offsets ? given : concat([zeros(1), cumsum(lengths, -1)], -1)
  if (o.lengths && !o.unsafe) {
    const rest = sub(extent, sum(lengths, -1, { keepdim: true }))
    offsets = add(offsets, within(rest, 0, 1, 'what the lengths leave of the axis'))
  }
  // Each offset counts 1 at its place: their running sum is the number of the segment, from 1; bins 0 and last fall away.
  const count = lengths.shape[axis]!
  const marks = scatterAdd(zeros(extent + 1), axis, offsets, 1)
  const place = narrow(cumsum(marks, axis), axis, 0, extent)
  const behind = x.shape.slice(axis + 1)
  const under = (t: Tensor, n: number) =>
    expand(reshape(t, [...batch, n, ...behind.map(() => 1)]), [...batch, n, ...behind])
  const start = full([...batch, count + 2, ...behind], o.initial ?? neutral[reduce], x.dtype)
  const all = scatterReduce(start, axis, under(place, extent), x, names[reduce])
  const result = narrow(all, axis, 1, count)
  if (reduce !== 'mean') return result
  const n = under(cast(lengths, x.dtype), count)
  const empty = o.initial === undefined || o.initial === null ? Number.NaN : result
  return where(eq(n, 0), empty, div(result, where(eq(n, 0), 1, n)))
}
