/** How often values fall into bins. */
import { expand, reshape, sum } from './broadcast.js'
import { add, div, mul, sub, where } from './arithmetic.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, type Kind, orNull, readOptions } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { eq, ge, le, lt, logicalAnd } from './compare.js'
import { isFloat } from '../core/dtype.js'
import { scalar, toType } from './define.js'
import { clamp } from './elementwise.js'
import { floor } from './functions.js'
import { asIndices } from './indices.js'
import { indexAdd } from './indexing.js'
import { flatten } from './movement.js'
import { amax, amin } from './reduce.js'
import { narrow, select } from './slice.js'
import { searchsorted } from './sort.js'
import { fromData, Tensor } from './tensor.js'
import { checkFloats } from './window.js'

const tensorOrNull = orNull({ rule: 'a tensor', holds: (v) => v instanceof Tensor } satisfies Kind)

/** How often each index below `size` occurs, or the sum of its weights. Indices from `size` on are left out. */
function counted(index: Tensor, size: number, weight: Tensor | null, like: Tensor): Tensor {
  // Whole numbers count exactly beyond 2²⁴, where float32 would stand still.
  const each = weight ? flatten(weight) : expand(scalar(1, 'int32', [like]), [index.size])
  const zeros = expand(scalar(0, each.dtype, [like]), [size + 1])
  return narrow(indexAdd(zeros, 0, flatten(index), each), 0, 0, size)
}

/**
 * How often each whole number from 0 up occurs, or the sum of the weights at it. How long the result is depends on the
 * values, so that a compiled function cannot call it.
 *
 * Formula: y[i] = Σ_j [x_j = i] · weights_j
 * Shapes: x (n), weights (n), result (max(max x + 1, minlength)).
 * Source: https://pytorch.org/docs/stable/generated/torch.bincount.html
 * @throws ShapeError unless x is a vector and the weights too, ValueError for a number below 0, DTypeError for floats
 * @example bincount(tensor([0, 2, 2], { dtype: 'int32' })) // [1, 0, 2]
 */
export function bincount(
  x: Tensor,
  ...rest: (Tensor | number | null | { weights?: Tensor | null; minlength?: number })[]
): Tensor {
  const op = 'bincount'
  const { weights = null, minlength = 0 } = readOptions<{
    weights?: Tensor | null
    minlength?: number
  }>(op, rest, { weights: tensorOrNull, minlength: kinds.size })
  if (x.rank !== 1 || (weights && !sameShape(weights.shape, x.shape)))
    throw new ShapeError({
      op,
      rule: 'x is a vector, and there is a weight for each element',
      got: weights ? `${show(x.shape)} and ${show(weights.shape)}` : show(x.shape),
    })
  const index = asIndices(op, x)
  let [least, most] = [0, -1]
  for (const v of index.toTypedArray()) {
    least = Math.min(least, Number(v))
    most = Math.max(most, Number(v))
  }
  if (least < 0) throw new ValueError({ op, rule: 'x must be 0 or more', got: `${least}` })
  const weight = weights && !isFloat(weights.dtype) ? toType(weights, 'float64') : weights
  return counted(index, Math.max(minlength, most + 1), weight, x)
}

export interface HistcOptions {
  /** 100 unless said otherwise. */
  bins?: number
  /** min = max (0 and 0 unless said otherwise): from the least to the greatest value. */
  min?: number
  max?: number
}
/** The range, or that of the data where it is empty: tensors. One value: from `around` below to as much above. */
function rangeOf(x: Tensor, lo: number, hi: number, around: number): [lo: Tensor, hi: Tensor] {
  const given = lo !== hi || x.size === 0
  let a = given ? scalar(lo, x.dtype, [x]) : amin(x)
  let b = given ? scalar(hi, x.dtype, [x]) : amax(x)
  const one = mul(toType(eq(a, b), x.dtype), around)
  a = sub(a, one)
  b = add(b, one)
  return [a, b]
}

/**
 * How many values lie in each of as many bins of the same width. Values outside of the range and NaN are left out; the
 * last bin holds its upper edge too.
 *
 * Formula: y[i] = #{x : min + i·w ≤ x < min + (i + 1)·w},  w = (max − min)/bins
 * Source: https://pytorch.org/docs/stable/generated/torch.histc.html
 * @throws ValueError unless bins is 1 or more and min ≤ max, DTypeError unless x is of a float type
 * @example histc(tensor([1, 2, 1]), { bins: 4, min: 0, max: 3 }) // [0, 2, 1, 0]
 */
export function histc(x: Tensor, ...rest: (number | HistcOptions)[]): Tensor {
  const op = 'histc'
  const {
    bins = 100,
    min = 0,
    max = 0,
  } = readOptions<HistcOptions>(op, rest, {
    bins: kinds.count,
    min: kinds.number,
    max: kinds.number,
  })
  checkFloats(op, x)
  if (!(min <= max && Number.isFinite(max - min)))
    throw new ValueError({ op, rule: 'min ≤ max, both finite', got: `${min} and ${max}` })
  const t = flatten(x.detach())
  const [lo, hi] = rangeOf(t, min, max, 1)
  const place = clamp(floor(div(mul(sub(t, lo), bins), sub(hi, lo))), 0, bins - 1)
  const inside = logicalAnd(ge(t, lo), le(t, hi))
  const index = toType(where(inside, place, bins), 'int32')
  return toType(counted(index, bins, null, x), x.dtype)
}

export interface HistogramOptions {
  /** The least and the greatest value, for each axis of a histogram of several; those of the data unless given. */
  range?: readonly number[] | null
  /** What each value counts; 1 unless given. */
  weight?: Tensor | null
  /** Divided by the sum and the width of each bin, so that the integral is 1. */
  density?: boolean
}
const options = {
  range: orNull({
    rule: 'a list of numbers',
    holds: (v) => Array.isArray(v) && v.every((n) => Number.isFinite(n)),
  } satisfies Kind),
  weight: tensorOrNull,
  density: kinds.flag,
}

/** The edges of `bins` bins of one width from lo to hi, reckoned from the nearer end as PyTorch's linspace does. */
function evenEdges(bins: number, lo: Tensor, hi: Tensor): Tensor {
  const count = Float32Array.from({ length: bins + 1 }, (_, k) => k)
  const i = toType(fromData(count, [bins + 1], 'float32', lo.storage?.backend), lo.dtype)
  const step = div(sub(hi, lo), bins)
  const fromEnd = sub(hi, mul(sub(bins, i), step))
  return where(lt(i, Math.floor((bins + 1) / 2)), add(lo, mul(i, step)), fromEnd)
}

/** The bins of one coordinate: their edges, and the bin of each value, or `count` outside of all. */
function binsOf(op: string, x: Tensor, bins: number | Tensor, range: readonly number[] | null) {
  let edges: Tensor
  if (bins instanceof Tensor) {
    checkFloats(op, x, bins)
    if (bins.rank !== 1 || bins.size < 2)
      throw new ShapeError({
        op,
        rule: 'edges of bins are a vector of two or more',
        got: show(bins.shape),
      })
    edges = bins.detach()
  } else {
    if (!Number.isInteger(bins) || bins < 1)
      throw new ValueError({
        op,
        rule: 'bins is a whole number from 1 up, or a vector of edges',
        got: `${bins}`,
      })
    // Without data from 0 to 1.
    const [lo = 0, hi = x.size === 0 ? 1 : 0] = range ?? []
    if (lo > hi) throw new ValueError({ op, rule: 'a range rises', got: `${lo} and ${hi}` })
    edges = evenEdges(bins, ...rangeOf(x, lo, hi, 0.5))
  }
  const count = edges.size - 1
  const [lo, hi] = [select(edges, 0, 0), select(edges, 0, count)]
  const place = clamp(sub(searchsorted(edges, x, { right: true }), 1), 0, count - 1)
  const inside = logicalAnd(ge(x, lo), le(x, hi))
  return { edges, count, inside, place }
}

/** Counts of points over the bins of all their coordinates. */
function histogramOf(
  op: string,
  coordinates: readonly Tensor[],
  bins: readonly (number | Tensor)[],
  { range = null, weight = null, density = false }: HistogramOptions,
): [hist: Tensor, edges: Tensor[]] {
  const like = coordinates[0]!
  if (range && range.length !== 2 * bins.length)
    throw new ValueError({
      op,
      rule: `range has the least and the greatest value of each coordinate, ${2 * bins.length} numbers`,
      got: show(range),
    })
  const parts = bins.map((b, d) =>
    binsOf(op, coordinates[d]!, b, range?.slice(2 * d, 2 * d + 2) ?? null),
  )
  const size = parts.reduce((n, part) => n * part.count, 1)
  let { place: index, inside } = parts[0]!
  for (const part of parts.slice(1)) {
    index = add(mul(index, part.count), part.place)
    inside = logicalAnd(inside, part.inside)
  }
  const flat = where(inside, index, size)
  const weights = weight && toType(weight.detach(), like.dtype)
  let hist = toType(counted(toType(flat, 'int32'), size, weights, like), like.dtype)
  hist = reshape(
    hist,
    parts.map((part) => part.count),
  )
  if (density) {
    hist = div(hist, sum(hist))
    parts.forEach(({ edges, count }, d) => {
      const width = sub(narrow(edges, 0, 1, count), narrow(edges, 0, 0, count))
      hist = div(
        hist,
        reshape(
          width,
          parts.map((_, a) => (a === d ? count : 1)),
        ),
      )
    })
  }
  return [hist, parts.map((part) => part.edges)]
}

/**
 * How many values lie in each bin, and the edges of the bins: `bins` of one width, or between the edges given, which
 * rise. Values outside and NaN are left out; the last bin holds its upper edge too. Where the data give the range, they
 * must be finite.
 *
 * Formula: y[i] = Σ_j [e_i ≤ x_j < e_(i+1)] · weight_j
 * Shapes: x and weight of any one shape, result (bins) and (bins + 1).
 * Source: https://pytorch.org/docs/stable/generated/torch.histogram.html
 * @throws ShapeError, ValueError when edges, weights or range do not fit, DTypeError unless x is of a float type
 * @example histogram(tensor([1, 2, 1]), 4, { range: [0, 3] })[0] // [0, 2, 1, 0]
 */
export function histogram(
  x: Tensor,
  bins: number | Tensor = 100,
  more?: HistogramOptions,
): [hist: Tensor, edges: Tensor] {
  const op = 'histogram'
  const read = readOptions<HistogramOptions>(op, [more], {}, options)
  checkFloats(op, x)
  if (read.weight && !sameShape(read.weight.shape, x.shape))
    throw new ShapeError({
      op,
      rule: `weight must be ${show(x.shape)}, as x is`,
      got: show(read.weight.shape),
    })
  const [hist, edges] = histogramOf(op, [flatten(x.detach())], [bins], read)
  return [hist, edges[0]!]
}

/**
 * The histogram of points with several coordinates, and the edges along each. `bins` is a number for all coordinates,
 * or for each a number or a vector of edges.
 *
 * Shapes: x (..., D), weight (...), result (bins₁, .., bins_D) and D vectors (bins_d + 1).
 * Source: https://pytorch.org/docs/stable/generated/torch.histogramdd.html
 * @throws ShapeError, ValueError when edges, weights or range do not fit, DTypeError unless x is of a float type
 * @example histogramdd(tensor([[0, 1], [1, 0], [2, 2]]), [2, 2])[0] // [[0, 1], [1, 1]]
 */
export function histogramdd(
  x: Tensor,
  bins: number | readonly (number | Tensor)[] = 10,
  more?: HistogramOptions,
): [hist: Tensor, edges: Tensor[]] {
  const op = 'histogramdd'
  const read = readOptions<HistogramOptions>(op, [more], {}, options)
  checkFloats(op, x)
  const d = x.shape[x.rank - 1] ?? 0
  if (x.rank < 2 || d === 0)
    throw new ShapeError({ op, rule: 'x must be (..., D) with D from 1 up', got: show(x.shape) })
  const list = typeof bins === 'number' ? new Array<number>(d).fill(bins) : bins
  if (list.length !== d)
    throw new ValueError({
      op,
      rule: `bins for each of ${d} coordinates are needed`,
      got: `${list.length}`,
    })
  if (read.weight && !sameShape(read.weight.shape, x.shape.slice(0, -1)))
    throw new ShapeError({
      op,
      rule: `weight must be ${show(x.shape.slice(0, -1))}`,
      got: show(read.weight.shape),
    })
  const points = reshape(x.detach(), [x.size / d, d])
  return histogramOf(
    op,
    list.map((_, a) => select(points, 1, a)),
    list,
    read,
  )
}
