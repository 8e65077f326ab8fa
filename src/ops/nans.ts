/** Reductions that leave NaN out, and pairs of reductions. */
import { add, div, mul, sub, where } from './arithmetic.js'
import {
  type Axes,
  expand,
  type ReduceOptions,
  reduceOperand,
  reducedShape,
  reshape,
  sum,
  sumTo,
  type TypedReduceOptions,
} from './broadcast.js'
import { ShapeError, show } from '../core/errors.js'
import { kinds, oneOf, readOptions } from '../core/options.js'
import { broadcastShapes, normAxis, sameShape, type Shape } from '../core/shape.js'
import { isnan, logicalNot } from './compare.js'
import { type TensorLike, toType } from './define.js'
import { lerp, maximum } from './elementwise.js'
import { ceil, floor, round } from './functions.js'
import { gather } from './indexing.js'
import { stack } from './join.js'
import { flatten } from './movement.js'
import { amax, amin, mean } from './reduce.js'
import { select } from './slice.js'
import { sort } from './sort.js'
import { norm, type QuantileOptions, std, variance, type VarianceOptions } from './statistics.js'
import type { Tensor } from './tensor.js'

const typed = (op: string, options: boolean | TypedReduceOptions | undefined) =>
  readOptions<TypedReduceOptions>(op, [options], { keepdim: kinds.flag }, { dtype: kinds.text })
const kept = (options: boolean | ReduceOptions | undefined, op: string) =>
  readOptions<ReduceOptions>(op, [options], { keepdim: kinds.flag }).keepdim ?? false

/** The sum over the axes, NaN counting as 0. @example nansum(tensor([1, NaN, 2])) // 3 */
export function nansum(x: TensorLike, axes?: Axes, options?: boolean | TypedReduceOptions): Tensor {
  const { keepdim = false, dtype } = typed('nansum', options)
  const t = reduceOperand('nansum', x, dtype)
  return sum(where(isnan(t), 0, t), axes, { keepdim })
}
/** The mean over the axes of what is a number. @example nanmean(tensor([1, NaN, 2])) // 1.5 */
export function nanmean(
  x: TensorLike,
  axes?: Axes,
  options?: boolean | TypedReduceOptions,
): Tensor {
  const { keepdim = false, dtype } = typed('nanmean', options)
  const t = reduceOperand('nanmean', x, dtype, true)
  const count = sum(toType(logicalNot(isnan(t)), t.dtype), axes, { keepdim })
  return div(nansum(t, axes, { keepdim }), count)
}
/**
 * The median of what is a number, the lower of the two middle ones; NaN where nothing is. With an axis, [values,
 * indices] along it.
 * @example nanmedian(tensor([1, NaN, 3, 2])) // 2
 */
export function nanmedian(x: Tensor): Tensor
export function nanmedian(
  x: Tensor,
  axis: number,
  options?: boolean | ReduceOptions,
): [values: Tensor, indices: Tensor]
export function nanmedian(x: Tensor, axis?: number, options?: boolean | ReduceOptions) {
  const keepdim = kept(options, 'nanmedian')
  const whole = axis === undefined || x.rank === 0
  const t = whole ? flatten(x) : x
  const a = whole ? 0 : normAxis('nanmedian', axis, x.rank)
  if (t.shape[a] === 0)
    throw new ShapeError({
      op: 'nanmedian',
      rule: 'at least one element is needed',
      got: show(x.shape),
    })
  // NaN sorts last: the middle of what comes before.
  const [values, indices] = sort(t, a)
  const count = sum(toType(logicalNot(isnan(t)), 'float32'), a, { keepdim: true })
  const middle = toType(floor(maximum(div(sub(count, 1), 2), 0)), 'int32')
  const shape = whole ? [] : reducedShape(x.shape, [a], keepdim)
  const both = [values, indices].map((v) => reshape(gather(v, a, middle), shape))
  return axis === undefined ? both[0]! : both
}

const betweenPlaces: Record<string, (place: Tensor) => Tensor> = {
  linear: (place) => place,
  lower: floor,
  higher: ceil,
  nearest: (place) => round(place),
  midpoint: (place) => mul(add(floor(place), ceil(place)), 0.5),
}
/**
 * As `quantile`, of what is a number; NaN where nothing is.
 * @example nanquantile(tensor([1, NaN, 3]), 0.5) // 2
 */
export function nanquantile(
  x: Tensor,
  q: number | readonly number[] | Tensor,
  axis?: number | null,
  options?: boolean | QuantileOptions,
): Tensor {
  const { keepdim = false, interpolation = 'linear' } = readOptions<QuantileOptions>(
    'nanquantile',
    [options],
    { keepdim: kinds.flag, interpolation: oneOf(...Object.keys(betweenPlaces)) },
  )
  const whole = axis === undefined || axis === null || x.rank === 0
  const t = whole ? flatten(x) : x
  const a = whole ? 0 : normAxis('nanquantile', axis, x.rank)
  if (t.shape[a] === 0)
    throw new ShapeError({
      op: 'nanquantile',
      rule: 'at least one element is needed',
      got: show(x.shape),
    })
  const [values] = sort(t, a)
  const last = sub(sum(toType(logicalNot(isnan(t)), t.dtype), a, { keepdim: true }), 1)
  const shape = whole ? (keepdim ? x.shape.map(() => 1) : []) : reducedShape(x.shape, [a], keepdim)
  const one = (v: number | Tensor) => {
    const place = maximum(betweenPlaces[interpolation]!(mul(last, v)), 0)
    const low = floor(place)
    const pick = (at: Tensor) => gather(values, a, toType(at, 'int32'))
    return reshape(lerp(pick(low), pick(ceil(place)), sub(place, low)), shape)
  }
  if (typeof q === 'number') return one(q)
  if ('rank' in q) {
    if (q.rank === 0) return one(q)
    return stack(Array.from({ length: q.size }, (_, i) => one(select(q, 0, i))))
  }
  return stack(q.map(one))
}

/** The smallest and the largest over one axis or all, [min, max]. @example aminmax(tensor([3, 1, 2])) // [1, 3] */
export function aminmax(
  x: TensorLike,
  axis?: number | null,
  options?: boolean | ReduceOptions,
): [min: Tensor, max: Tensor] {
  const keepdim = kept(options, 'aminmax')
  return [amin(x, axis, { keepdim }), amax(x, axis, { keepdim })]
}
/** Variance and mean over the axes, [variance, mean]. @example varMean(tensor([1, 2, 3, 4])) // [1.6666667, 2.5] */
export function varMean(
  x: TensorLike,
  axes?: Axes,
  options?: VarianceOptions,
): [variance: Tensor, mean: Tensor] {
  return [variance(x, axes, options), mean(x, axes, { keepdim: options?.keepdim ?? false })]
}
/** Standard deviation and mean over the axes, [std, mean]. @example stdMean(tensor([1, 2, 3, 4])) // [1.2909944, 2.5] */
export function stdMean(
  x: TensorLike,
  axes?: Axes,
  options?: VarianceOptions,
): [std: Tensor, mean: Tensor] {
  return [std(x, axes, options), mean(x, axes, { keepdim: options?.keepdim ?? false })]
}

/**
 * The sum down to a shape that broadcasts to that of x: what a broadcast does to a gradient.
 * @throws ShapeError unless it does
 * @example sumToSize(tensor([[1, 2], [3, 4]]), [1, 2]) // [[4, 6]]
 */
export function sumToSize(x: Tensor, shape: Shape): Tensor {
  if (!sameShape(broadcastShapes('sumToSize', x.shape, shape), x.shape))
    throw new ShapeError({
      op: 'sumToSize',
      rule: `the shape must broadcast to ${show(x.shape)}`,
      got: show(shape),
    })
  return sumTo(x, shape)
}
/** The p-norm of a − b, as one number. @example dist(tensor([1, 2]), tensor([4, 6])) // 5 */
export const dist = (a: TensorLike, b: TensorLike, p = 2): Tensor => norm(sub(a, b), p)

/** x / max(‖x‖ₚ, eps) along an axis: rows of length 1. @example normalize(tensor([[3, 4]])) // [[0.6, 0.8]] */
export function normalize(x: Tensor, ...rest: NormalizeRest): Tensor {
  const {
    p = 2,
    axis = 1,
    eps = 1e-12,
  } = readOptions<NormalizeOptions>('normalize', rest, {
    p: kinds.number,
    axis: kinds.integer,
    eps: kinds.number,
  })
  const length = norm(x, p, axis, { keepdim: true })
  return div(x, expand(maximum(length, eps), x.shape))
}
export interface NormalizeOptions {
  p?: number
  axis?: number
  eps?: number
}
type NormalizeRest = (number | NormalizeOptions)[]
