/** Statistics composed of reductions and sorting. */
import {
  reshape,
  type Axes,
  type ReduceOptions,
  reduceOperand,
  sum,
  reducedShape,
  type TypedReduceOptions,
} from './broadcast.js'
import { div, mul, sub, where } from './arithmetic.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions, showValue } from '../core/options.js'
import { normAxis, reducedAxes, type Shape, sizeOf } from '../core/shape.js'
import { roundHalfEven } from '../core/special.js'
import { defineOp, operand, type TensorLike, toType } from './define.js'
import { lerp, pow } from './elementwise.js'
import { abs, sign, sqrt, square } from './functions.js'
import { eq, isnan, logicalAnd, logicalOr, ne } from './compare.js'
import { concat } from './join.js'
import { flatten } from './movement.js'
import { amax, amin, any, mean } from './reduce.js'
import { narrow, select } from './slice.js'
import { sort } from './sort.js'
import type { Tensor } from './tensor.js'

export interface VarianceOptions extends ReduceOptions {
  /** Taken off the number of elements: 1 (Bessel's correction) unless said otherwise. */
  correction?: number
}

const varianceArgs = (name: string) => (x: TensorLike, axes?: Axes, options?: VarianceOptions) => {
  const { keepdim = false, correction = 1 } = readOptions<VarianceOptions>(
    name,
    [options],
    {},
    { keepdim: kinds.flag, correction: kinds.number },
  )
  const t = operand(name, x, true)
  return { inputs: [t], attrs: { axes: reducedAxes(name, axes, t.rank), keepdim, correction } }
}

/** The variance over the axes. NaN where n ≤ correction. @example variance(tensor([1, 2, 3, 4])) // 1.6666667 */
export const variance = defineOp({
  name: 'var',
  formula: 'y = Σ (x − x̄)² / (n − correction)',
  args: varianceArgs('var'),
  forward: ([x], { axes, keepdim, correction }) => {
    const n = sizeOf(axes.map((a) => x!.shape[a]!))
    const centred = sub(x!, mean(x!, axes, { keepdim: true }))
    return div(sum(square(centred), axes, { keepdim }), Math.max(0, n - correction))
  },
  example: (m) => [[m.of([1, 2, 3, 4])], 5 / 3],
  samples: (m) => [
    [m.float([4])],
    [m.float([2, 3, 4]), [0, 2], { keepdim: true }],
    [m.float([3, 4]), 1, { correction: 0 }],
  ],
})

/** The standard deviation over the axes. @example std(tensor([1, 2, 3, 4])) // 1.2909944 */
export const std = defineOp({
  name: 'std',
  formula: 'y = √var x,  dy/dx = (x − x̄)/((n − correction) y), 0 where y is 0',
  args: varianceArgs('std'),
  forward: ([x], { axes, ...options }) => sqrt(variance(x!, axes, options)),
  vjp: (ct, [x], y, { axes, correction }) => {
    const kept = reducedShape(x!.shape, axes, true)
    const none = eq(y, 0)
    const c = reshape(where(none, 0, div(ct, where(none, 1, y))), kept)
    const n = sizeOf(axes.map((a) => x!.shape[a]!))
    return [mul(div(c, n - correction), sub(x!, mean(x!, axes, { keepdim: true })))]
  },
  example: (m) => [[m.of([1, 2, 3, 4])], Math.sqrt(5 / 3)],
  samples: (m) => [
    [m.float([4])],
    [m.float([2, 3, 4]), [0, 2], { keepdim: true }],
    [m.float([3, 4]), 1, { correction: 0 }],
  ],
})

/**
 * The p-norm over the axes: (Σ |x|ᵖ)^(1/p); ∞ the largest, −∞ the smallest magnitude, 0 the number of elements ≠ 0.
 * @example norm(tensor([3, 4])) // 5
 */
export const norm = defineOp({
  name: 'norm',
  formula: 'y = (Σ |x|ᵖ)^(1/p)',
  source: 'https://pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html',
  args: (
    x: TensorLike,
    order: number | 'fro' | null = 'fro',
    axes?: Axes,
    options?: boolean | TypedReduceOptions,
  ) => {
    const { keepdim = false, dtype } = readOptions<TypedReduceOptions>(
      'norm',
      [options],
      { keepdim: kinds.flag },
      { dtype: kinds.text },
    )
    const p = order === 'fro' || order === null ? 2 : order
    if (typeof p !== 'number')
      throw new ValueError({
        op: 'norm',
        rule: "the order is a number or 'fro'",
        got: showValue(p),
        fix: "matrixNorm of nabla/linalg has 'nuc'.",
      })
    const t = reduceOperand('norm', x, dtype, true)
    return { inputs: [t], attrs: { p, axes: reducedAxes('norm', axes, t.rank), keepdim } }
  },
  forward: ([x], { p, axes, keepdim }) => {
    if (p === 2) return sqrt(sum(square(x!), axes, { keepdim }))
    const a = abs(x!)
    if (p === Number.POSITIVE_INFINITY) return amax(a, axes, { keepdim })
    if (p === Number.NEGATIVE_INFINITY) return amin(a, axes, { keepdim })
    if (p === 0) return sum(toType(ne(x!, 0), x!.dtype), axes, { keepdim })
    if (p === 1) return sum(a, axes, { keepdim })
    return pow(sum(pow(a, p), axes, { keepdim }), 1 / p)
  },
  // As in PyTorch: 0 at the zero vector from p = 1 on; places that are 0 have no part in a norm of p < 1.
  vjp: (ct, [x], y, { p, axes }) => {
    const kept = reducedShape(x!.shape, axes, true)
    const [c, r] = [reshape(ct, kept), reshape(y, kept)]
    if (p === 0) return [null]
    if (p === 1) return [mul(c, sign(x!))]
    const size = abs(x!)
    if (!Number.isFinite(p)) {
      const won = toType(logicalOr(eq(size, r), logicalAnd(isnan(size), isnan(r))), x!.dtype)
      return [mul(sign(x!), mul(div(c, sum(won, axes, { keepdim: true })), won))]
    }
    const none = eq(r, 0)
    const unless0 = (t: Tensor) => where(none, 0, t)
    const safe = where(none, 1, r)
    if (p === 2) return [mul(x!, unless0(div(c, safe)))]
    if (p < 1) {
      const zero = eq(x!, 0)
      const slope = where(zero, 0, pow(where(zero, 1, size), p - 1))
      return [mul(mul(sign(x!), slope), mul(c, pow(r, 1 - p)))]
    }
    const scale = unless0(div(c, pow(safe, p - 1)))
    if (p < 2) return [mul(mul(sign(x!), pow(size, p - 1)), scale)]
    return [mul(mul(x!, pow(size, p - 2)), scale)]
  },
  example: (m) => [[m.of([3, 4])], 5],
  samples: (m) => [
    [m.float([2, 3])],
    [m.float([2, 3]), 1, 1],
    [m.float([2, 3]), 3, 0, { keepdim: true }],
    [m.float([4]), Number.POSITIVE_INFINITY],
    [m.float([4]), 0],
    [m.float([0])],
  ],
})

/**
 * The median; the lower of the two middle ones for an even count. With an axis, [values, indices] along it.
 * @example median(tensor([3, 1, 2, 4])) // 2
 */
export function median(x: Tensor): Tensor
export function median(x: Tensor, axis: number, options?: boolean | ReduceOptions): [Tensor, Tensor]
export function median(x: Tensor, axis?: number, options?: boolean | ReduceOptions) {
  const { keepdim = false } = readOptions<ReduceOptions>('median', [options], {
    keepdim: kinds.flag,
  })
  if (axis === undefined) {
    if (x.size === 0) throw new ShapeError({ op: 'median', rule: 'at least one element is needed' })
    return medianOfAll(x)
  }
  const a = normAxis('median', axis, x.rank)
  if (x.rank === 0) return medianAlong(reshape(x, [1]), 0)
  if (x.shape[a] === 0)
    throw new ShapeError({ op: 'median', rule: 'at least one element is needed along the axis' })
  const both = medianAlong(x, a)
  const shape = reducedShape(x.shape, [a], keepdim)
  return both.map((t) => reshape(t, shape))
}

/** The median of all elements; those that equal it share its gradient, as in PyTorch. */
const medianOfAll = defineOp({
  name: 'medianOfAll',
  formula:
    'y = the middle of the order of x; the gradient goes in equal parts to all that equal it',
  args: (x: Tensor) => ({ inputs: [x], attrs: {} }),
  forward: ([x]) => medianAlong(flatten(x!), 0)[0],
  vjp: (ct, [x], y) => {
    const same = toType(logicalOr(eq(x!, y), logicalAnd(isnan(x!), isnan(y))), x!.dtype)
    return [mul(div(ct, sum(same)), same)]
  },
  example: (m) => [[m.of([3, 1, 2, 4])], 2],
  samples: (m) => [[m.float([2, 3])], [m.float([5])], [m.float([])], [m.int([4], 0, 9)]],
})

/** Values and indices at the middle of the order; NaN when there is any. */
function medianAlong(x: Tensor, axis: number): [Tensor, Tensor] {
  const [values, indices] = sort(x, axis)
  const n = x.shape[axis] ?? 1
  const at = (t: Tensor, i: number) => select(t, axis, i)
  const middle = Math.floor((n - 1) / 2)
  if (x.dtype === 'int32' || x.dtype === 'bool') return [at(values, middle), at(indices, middle)]
  // NaN sorts last, so that one at the end says whether there is any.
  const poisoned = isnan(at(values, n - 1))
  return [
    where(poisoned, Number.NaN, at(values, middle)),
    where(poisoned, at(indices, n - 1), at(indices, middle)),
  ]
}

const interpolations = {
  linear: (place: number) => place,
  lower: Math.floor,
  higher: Math.ceil,
  nearest: roundHalfEven,
  midpoint: (place: number) => (Math.floor(place) + Math.ceil(place)) / 2,
}
export interface QuantileOptions extends ReduceOptions {
  /** What is taken between two elements; linear unless said otherwise. */
  interpolation?: keyof typeof interpolations
}

/**
 * The q-th quantile (0 to 1, a number or a list, which becomes the first axis), linearly interpolated.
 * @throws ValueError for q outside [0, 1]
 * @example quantile(tensor([1, 2, 3, 4]), 0.5) // 2.5
 */
export function quantile(
  x: Tensor,
  q: number | readonly number[] | Tensor,
  axis?: number | null,
  options?: boolean | QuantileOptions,
): Tensor {
  const { keepdim = false, interpolation = 'linear' } = readOptions<QuantileOptions>(
    'quantile',
    [options],
    { keepdim: kinds.flag, interpolation: kinds.text },
  )
  const flat = axis === undefined || axis === null || x.rank === 0
  if (x.rank === 0 && typeof axis === 'number') normAxis('quantile', axis, 0)
  const t = flat ? flatten(x) : x
  const a = flat ? 0 : normAxis('quantile', axis, x.rank)
  const n = t.shape[a] ?? 1
  if (typeof q === 'object' && 'toTypedArray' in q) {
    if (q.rank > 1)
      throw new ShapeError({
        op: 'quantile',
        rule: 'q is a scalar or a vector',
        got: show(q.shape),
      })
  }
  const given = typeof q === 'object' && 'toTypedArray' in q ? q : undefined
  const list = given
    ? Array.from(given.toTypedArray() as Iterable<number>)
    : typeof q === 'number'
      ? [q]
      : [...(q as readonly number[])]
  if (list.some((v) => !(v >= 0 && v <= 1)))
    throw new ValueError({ op: 'quantile', rule: 'q must lie from 0 to 1', got: `${q}` })
  if (!(interpolation in interpolations))
    throw new ValueError({
      op: 'quantile',
      rule: `interpolation is one of ${Object.keys(interpolations).join(', ')}`,
      got: `${interpolation}`,
    })
  if (n === 0) throw new ShapeError({ op: 'quantile', rule: 'at least one element is needed' })
  const [values] = sort(t, a)
  const shape: Shape = flat
    ? keepdim
      ? x.shape.map(() => 1)
      : []
    : reducedShape(x.shape, [a], keepdim)
  const nan = any(isnan(t), [a], { keepdim: true })
  const parts = list.map((v, i) => {
    const place = interpolations[interpolation](v * (n - 1))
    const lo = Math.floor(place)
    // Between two elements the result moves with q.
    const weight =
      given && interpolation === 'linear'
        ? sub(mul(given.rank === 0 ? given : select(given, 0, i), n - 1), lo)
        : place - lo
    const hi = Math.ceil(place)
    const y = lerp(narrow(values, a, lo, 1), narrow(values, a, hi, 1), weight)
    return reshape(where(nan, Number.NaN, y), shape)
  })
  if (typeof q === 'number' || given?.rank === 0) return parts[0]!
  return concat(
    parts.map((p) => reshape(p, [1, ...shape])),
    0,
  )
}
