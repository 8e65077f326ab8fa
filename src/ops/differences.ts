/** Differences between neighbours, and areas under what they sample. */
import { add, div, mul, neg, sub } from './arithmetic.js'
import { sum } from './broadcast.js'
import { isFloat } from '../core/dtype.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { type Kind, kinds, orNull, readOptions } from '../core/options.js'
import { normAxis } from '../core/shape.js'
import { toType } from './define.js'
import { concat } from './join.js'
import { cumsum } from './scan.js'
import { narrow } from './slice.js'
import { Tensor } from './tensor.js'
import { unsqueeze } from './movement.js'

const tensorOrNull = orNull({ rule: 'a tensor', holds: (v) => v instanceof Tensor } satisfies Kind)

export interface DiffOptions {
  n?: number
  axis?: number
  /** Put before x along the axis first. */
  prepend?: Tensor | null
  append?: Tensor | null
}
/**
 * The n-th differences of neighbours along an axis, the last unless another is named.
 * @throws ValueError for n below 0, ShapeError for a scalar
 * @example diff(tensor([1, 4, 9])) // [3, 5]
 */
export function diff(x: Tensor, ...rest: (DiffOptions[keyof DiffOptions] | DiffOptions)[]): Tensor {
  const {
    n = 1,
    axis = -1,
    prepend,
    append,
  } = readOptions<DiffOptions>('diff', rest, {
    n: kinds.integer,
    axis: kinds.integer,
    prepend: tensorOrNull,
    append: tensorOrNull,
  })
  if (x.rank === 0)
    throw new ShapeError({ op: 'diff', rule: 'x must have at least one axis', got: '[]' })
  if (n < 0) throw new ValueError({ op: 'diff', rule: 'n must be 0 or more', got: `${n}` })
  const a = normAxis('diff', axis, x.rank)
  // As in PyTorch: nothing is put beside x where nothing is taken off.
  if (n === 0) return x
  const parts = [prepend, x, append].filter((t) => t instanceof Tensor)
  let y = parts.length > 1 ? concat(parts, a) : x
  for (let i = 0; i < n && y.shape[a]! > 0; i++) {
    const m = y.shape[a]! - 1
    y = sub(narrow(y, a, 1, m), narrow(y, a, 0, m))
  }
  return y
}

export interface TrapezoidOptions {
  /** The distance of neighbours; 1 unless said otherwise. */
  dx?: number
  axis?: number
}
/** The areas between neighbours, and their axis. */
function areas(op: string, y: Tensor, x: Tensor | null | undefined, options?: TrapezoidOptions) {
  const { dx = 1, axis = -1 } = readOptions<TrapezoidOptions>(
    op,
    [options],
    {},
    { dx: kinds.number, axis: kinds.integer },
  )
  const a = normAxis(op, axis, y.rank)
  const n = Math.max(0, (y.shape[a] ?? 0) - 1)
  const mean = mul(add(narrow(y, a, Math.min(1, n), n), narrow(y, a, 0, n)), 0.5)
  if (!x) return { list: mul(mean, dx), axis: a }
  // Places in one vector lie along the axis.
  let places = x
  if (x.rank === 1) for (let i = a + 1; i < y.rank; i++) places = unsqueeze(places, -1)
  return { list: mul(mean, diff(places, { axis: x.rank === 1 ? 0 : a })), axis: a }
}
/** The area under y by trapezoids, at places x or at the distance dx. @example trapezoid(tensor([1, 5, 10])) // 10.5 */
export function trapezoid(y: Tensor, x?: Tensor | null, options?: TrapezoidOptions): Tensor {
  const { list, axis } = areas('trapezoid', y, x, options)
  return sum(list, axis)
}
/** The running area under y by trapezoids. @example cumulativeTrapezoid(tensor([1, 5, 10])) // [3, 10.5] */
export function cumulativeTrapezoid(
  y: Tensor,
  x?: Tensor | null,
  options?: TrapezoidOptions,
): Tensor {
  const { list, axis } = areas('cumulativeTrapezoid', y, x, options)
  return cumsum(list, axis)
}

export interface GradientOptions {
  /** The distance of neighbours: for all axes, one an axis, or for each axis a vector of its places. */
  spacing?: number | readonly (number | Tensor)[]
  /** All axes unless given. */
  axis?: number | readonly number[] | null
  /** How exact the first and the last place are: 1 takes two places, 2 takes three. */
  edgeOrder?: 1 | 2
}
const firsts =
  (x: Tensor, a: number) =>
  (from: number, count = 1) =>
    narrow(x, a, from < 0 ? from + x.shape[a]! : from, count)
/** Σ cᵢ tᵢ */
const mix = (...terms: [Tensor, Tensor | number][]): Tensor =>
  terms.map(([t, c]) => mul(t, c)).reduce((a, b) => add(a, b))

/** The slopes along one axis at places that are one distance apart. */
function evenSlopes(x: Tensor, a: number, dx: number, order: 1 | 2): Tensor {
  const n = x.shape[a]!
  const at = firsts(x, a)
  const edge = (side: 1 | -1): Tensor => {
    const [p, q, r] = side > 0 ? [0, 1, 2] : [-1, -2, -3]
    if (order === 1) return mul(sub(at(q), at(p)), side / dx)
    const s = side / dx
    return mix([at(p), -1.5 * s], [at(q), 2 * s], [at(r), -0.5 * s])
  }
  return concat([edge(1), mul(sub(at(2, n - 2), at(0, n - 2)), 0.5 / dx), edge(-1)], a)
}
/** The slopes at places of any distances. Fornberg, 1988. */
function unevenSlopes(x: Tensor, a: number, places: Tensor, order: 1 | 2): Tensor {
  const n = x.shape[a]!
  const at = firsts(x, a)
  let gaps = diff(places)
  for (let i = a + 1; i < x.rank; i++) gaps = unsqueeze(gaps, -1)
  const gap = firsts(gaps, 0)
  const middle = () => {
    const [l, r] = [gap(0, n - 2), gap(1, n - 2)]
    const both = add(l, r)
    return mix(
      [at(0, n - 2), div(neg(r), mul(l, both))],
      [at(1, n - 2), div(sub(r, l), mul(l, r))],
      [at(2, n - 2), div(l, mul(r, both))],
    )
  }
  /** From the edge inwards; `sign` turns the direction of the last one. */
  const edge = (side: 1 | -1): Tensor => {
    const [p, q, r] = side > 0 ? [0, 1, 2] : [-1, -2, -3]
    const [l, m] = side > 0 ? [0, 1] : [-1, -2]
    const [h, k] = [gap(l), order === 2 ? gap(m) : undefined]
    if (!k) return mul(div(sub(at(q), at(p)), h), side)
    const both = add(h, k)
    return mul(
      mix(
        [at(p), div(neg(add(h, both)), mul(h, both))],
        [at(q), div(both, mul(h, k))],
        [at(r), div(neg(h), mul(k, both))],
      ),
      side,
    )
  }
  return concat([edge(1), middle(), edge(-1)], a)
}

/**
 * The slopes of sampled functions along axes by central differences, one tensor an axis: yᵢ = (xᵢ₊₁ − xᵢ₋₁) / 2h, at the edges
 * by one-sided ones.
 *
 * Shapes: each result has that of x. https://pytorch.org/docs/stable/generated/torch.gradient.html
 * @throws ShapeError where an axis has fewer than edgeOrder + 1 places; ValueError for spacings that do not fit the axes
 * @example gradient(tensor([1, 2, 4, 8]))[0] // [1, 1.5, 3, 4]
 */
export function gradient(x: Tensor, options?: GradientOptions): Tensor[] {
  const op = 'gradient'
  const {
    spacing = 1,
    axis,
    edgeOrder = 1,
  } = readOptions<GradientOptions>(
    op,
    [options],
    {},
    { spacing: kinds.any, axis: orNull(kinds.extents), edgeOrder: kinds.count },
  )
  if (edgeOrder !== 1 && edgeOrder !== 2)
    throw new ValueError({ op, rule: 'edgeOrder is 1 or 2', got: `${edgeOrder}` })
  const t = isFloat(x.dtype) ? x : toType(x, 'float32')
  // In the order in which they are named, which is that of the spacings.
  const named = axis ?? t.shape.map((_, a) => a)
  const axes = (typeof named === 'number' ? [named] : named).map((a) => normAxis(op, a, t.rank))
  const steps = Array.isArray(spacing)
    ? (spacing as readonly (number | Tensor)[])
    : axes.map(() => spacing as number)
  if (steps.length !== axes.length)
    throw new ValueError({
      op,
      rule: 'spacing is one number, or one for each axis',
      got: `${steps.length} for ${axes.length} axes`,
    })
  return axes.map((a, i) => {
    const n = t.shape[a]!
    if (n < edgeOrder + 1)
      throw new ShapeError({
        op,
        rule: `edgeOrder ${edgeOrder} needs ${edgeOrder + 1} places along axis ${a}`,
        got: `${n}`,
      })
    const step = steps[i]!
    if (typeof step === 'number') return evenSlopes(t, a, step, edgeOrder)
    if (step.rank !== 1 || step.size !== n)
      throw new ValueError({
        op,
        rule: `the places of axis ${a} are a vector of ${n}`,
        got: show(step.shape),
      })
    return unevenSlopes(t, a, toType(step, t.dtype), edgeOrder)
  })
}
