/** How many numbers fall into which bin, as numpy.histogram. */
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions, kinds, type OptionNames, showValue } from '../core/options.js'
import { type Numbers, numbersOf, requireOptions } from '../tensor/values.js'
import { centralSums } from './moments.js'
import { quantileOf } from './quantiles.js'

/** Rules for the number of bins, as numpy.histogram_bin_edges names them. */
export type BinRule = 'auto' | 'fd' | 'scott' | 'rice' | 'sturges' | 'sqrt'

export interface HistogramOptions {
  /** How many bins of equal width (10 when not given), the edges of the bins, or a rule. */
  bins?: number | readonly number[] | BinRule
  /** The ends; the least and the largest number when not given. What lies beyond is not counted. */
  range?: readonly [number, number]
  /** Gives densities, so that the areas of the bins add up to 1. */
  density?: boolean
  /** What each number counts; 1 when not given. */
  weights?: Numbers
}
const names: OptionNames<HistogramOptions> = {
  bins: true,
  range: true,
  density: true,
  weights: true,
}

export interface Histogram {
  /** For each bin its count, weight or density. */
  counts: Float64Array
  /** One more than bins. */
  edges: Float64Array
}

/** The width of a bin by each rule; 0 where it has no opinion. */
const widths: Record<BinRule, (x: Float64Array, reach: number) => number> = {
  sqrt: (x, reach) => reach / Math.sqrt(x.length),
  sturges: (x, reach) => reach / (Math.log2(x.length) + 1),
  rice: (x, reach) => reach / (2 * Math.cbrt(x.length)),
  scott: (x) =>
    Math.cbrt((24 * Math.sqrt(Math.PI)) / x.length) * Math.sqrt(centralSums(x, [2])[0]! / x.length),
  fd: (x) => (2 * (quantileOf(x, 0.75) - quantileOf(x, 0.25))) / Math.cbrt(x.length),
  auto: (x, reach) => {
    const fd = widths.fd(x, reach)
    const sturges = widths.sturges(x, reach)
    return fd > 0 ? Math.min(fd, sturges) : sturges
  },
}

/**
 * Counts by bins: each holds its lower edge, the last one both, as numpy.histogram. One number alone has a bin of half
 * a unit to each side.
 * @throws ValueError for numbers that are not finite without a range, edges that go down, and a range that goes down
 * @example stats.histogram([1, 2, 2, 3, 3, 3], { bins: 3 }).counts // [1, 2, 3]
 */
export function histogram(values: Numbers, options: HistogramOptions = {}): Histogram {
  const op = 'histogram'
  const { bins = 10, range, density = false, weights } = checkOptions(op, options, names)
  requireOptions(op, { ...options }, { density: kinds.flag })
  const x = numbersOf(values, op)
  const w = weights && numbersOf(weights, op)
  if (w && w.length !== x.length)
    throw new ShapeError({
      op,
      rule: 'there must be a weight for each number',
      got: `${w.length} weights for ${x.length} numbers`,
    })
  const edges = edgesOf(op, x, bins, range)
  const count = edges.length - 1
  const counts = new Float64Array(count)
  const even = typeof bins !== 'object'
  const [lo, hi] = [edges[0]!, edges[count]!]
  for (let i = 0; i < x.length; i++) {
    const v = x[i]!
    if (!(v >= lo && v <= hi)) continue
    let k = even ? Math.min(count - 1, Math.floor(((v - lo) / (hi - lo)) * count)) : below(edges, v)
    // Rounding may be off by one bin at an edge.
    if (v < edges[k]!) k--
    else if (k < count - 1 && v >= edges[k + 1]!) k++
    counts[k]! += w ? w[i]! : 1
  }
  if (density) {
    const all = counts.reduce((a, b) => a + b, 0)
    for (let k = 0; k < count; k++) counts[k]! /= all * (edges[k + 1]! - edges[k]!)
  }
  return { counts, edges }
}

/** The bin of a number within the edges. */
function below(edges: Float64Array, v: number): number {
  let [lo, hi] = [0, edges.length - 1]
  while (hi - lo > 1) {
    const middle = (lo + hi) >> 1
    if (v >= edges[middle]!) lo = middle
    else hi = middle
  }
  return lo
}

function edgesOf(
  op: string,
  x: ArrayLike<number>,
  bins: number | readonly number[] | BinRule,
  range: readonly [number, number] | undefined,
): Float64Array {
  if (typeof bins === 'object') {
    const edges = Float64Array.from(bins)
    if (edges.length < 2 || !edges.every((e, i) => i === 0 || e >= edges[i - 1]!))
      throw new ValueError({
        op,
        rule: 'there must be two edges or more, which go up',
        got: showValue(bins),
      })
    return edges
  }
  let [lo, hi] = range ?? [0, x.length > 0 ? Number.NEGATIVE_INFINITY : 1]
  if (!range && x.length > 0) {
    lo = Number.POSITIVE_INFINITY
    for (let i = 0; i < x.length; i++) {
      if (!Number.isFinite(x[i]!))
        throw new ValueError({
          op,
          rule: 'the numbers must be finite',
          got: `${x[i]} at position ${i}`,
          fix: 'Leave them out, or give a range.',
        })
      lo = Math.min(lo, x[i]!)
      hi = Math.max(hi, x[i]!)
    }
  }
  if (!(Number.isFinite(lo) && Number.isFinite(hi) && lo <= hi))
    throw new ValueError({ op, rule: 'the range must be finite and go up', got: `[${lo}, ${hi}]` })
  if (lo === hi) {
    lo -= 0.5
    hi += 0.5
  }
  const count = typeof bins === 'string' ? byRule(op, bins, x, lo, hi) : bins
  if (!(Number.isInteger(count) && count >= 1 && count <= 1e7))
    throw new ValueError({
      op,
      rule: 'bins must be a whole number from 1 to 10,000,000',
      got: `${count}`,
    })
  const edges = Float64Array.from({ length: count + 1 }, (_, k) => lo + k * ((hi - lo) / count))
  edges[count] = hi
  return edges
}

function byRule(op: string, rule: BinRule, x: ArrayLike<number>, lo: number, hi: number): number {
  if (!Object.hasOwn(widths, rule))
    throw new ValueError({
      op,
      rule: `bins must be a number, edges, or one of ${Object.keys(widths).join(', ')}`,
      got: showValue(rule),
    })
  const within = Float64Array.from(x)
    .filter((v) => v >= lo && v <= hi)
    .sort()
  if (within.length === 0) return 1
  const width = widths[rule](within, within.at(-1)! - within[0]!)
  return width > 0 ? Math.max(1, Math.ceil((hi - lo) / width)) : 1
}
