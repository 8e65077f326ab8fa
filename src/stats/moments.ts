/** Center, spread and shape of a list of numbers, in float64. NaN makes each of them NaN, as in NumPy. */
import { pow } from '../core/math.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions, kinds } from '../core/options.js'
import { type Numbers, numbersOf, requireOptions } from '../tensor/values.js'

/** The numbers of a list. @throws ValueError when there are none */
export function someOf(op: string, values: Numbers): ArrayLike<number> {
  const x = numbersOf(values, op)
  if (x.length === 0)
    throw new ValueError({ op, rule: 'there must be at least one number', got: 'none' })
  return x
}

/** Σ f(xᵢ), the rounding error of each addition carried along (Neumaier, 1974). */
export function total(x: ArrayLike<number>, f: (v: number) => number = (v) => v): number {
  let sum = 0
  let lost = 0
  for (let i = 0; i < x.length; i++) {
    const v = f(x[i]!)
    const next = sum + v
    lost += Math.abs(sum) >= Math.abs(v) ? sum - next + v : v - next + sum
    sum = next
  }
  // Of infinite sums nothing is lost that could be told.
  return Number.isFinite(lost) ? sum + lost : sum
}

/**
 * Σx / n, as numpy.mean.
 * @throws ValueError for an empty list
 * @example stats.mean([1, 2, 6]) // 3
 */
export function mean(values: Numbers): number {
  const x = someOf('mean', values)
  return total(x) / x.length
}

/** The numbers in ascending order; undefined where one is NaN, which has no order. */
export function inOrder(x: ArrayLike<number>): Float64Array | undefined {
  const list = Float64Array.from(x)
  return list.some(Number.isNaN) ? undefined : list.sort()
}

/**
 * The number in the middle of the ordered list; of an even count the mean of the two in the middle, as numpy.median.
 * @throws ValueError for an empty list
 * @example stats.median([7, 1, 3, 5]) // 4
 */
export function median(values: Numbers): number {
  const x = inOrder(someOf('median', values))
  if (!x) return Number.NaN
  const half = x.length >> 1
  return x.length % 2 === 1 ? x[half]! : (x[half - 1]! + x[half]!) / 2
}

/** The most frequent number and how often it stands in the list. */
export interface Mode {
  mode: number
  count: number
}

/**
 * The most frequent number, the least of several, and its count, as scipy.stats.mode.
 * @throws ValueError for an empty list
 * @example stats.mode([3, 1, 3, 2, 2]) // { mode: 2, count: 2 }
 */
export function mode(values: Numbers): Mode {
  const x = inOrder(someOf('mode', values))
  if (!x)
    return { mode: Number.NaN, count: Array.from(numbersOf(values)).filter(Number.isNaN).length }
  const best: Mode = { mode: x[0]!, count: 0 }
  for (let i = 0; i < x.length; ) {
    let j = i + 1
    while (j < x.length && x[j] === x[i]) j++
    if (j - i > best.count) {
      best.mode = x[i]!
      best.count = j - i
    }
    i = j
  }
  return best
}

export interface SpreadOptions {
  /** What is taken from n in the divisor n − ddof: 0 as NumPy when not given; 1 as pandas and torch.var. */
  ddof?: number
}

/** Σ(x − x̄)ᵏ for each k of the list. */
export function centralSums(x: ArrayLike<number>, powers: readonly number[]): number[] {
  const m = total(x) / x.length
  // What rounding left in the mean (the corrected two-pass algorithm; Chan, Golub, LeVeque, 1983).
  const center = m + total(x, (v) => v - m) / x.length
  return powers.map((k) =>
    total(x, (v) => {
      const d = v - center
      let p = d
      for (let i = 1; i < k; i++) p *= d
      return p
    }),
  )
}

/** @throws ValueError unless the divisor is above 0 */
export function requireDdof(op: string, n: number, ddof: number): void {
  if (!(Number.isFinite(ddof) && n - ddof > 0))
    throw new ValueError({
      op,
      rule: 'there must be more numbers than ddof',
      got: `${n} numbers and ddof ${ddof}`,
    })
}

/**
 * Σ(x − x̄)² / (n − ddof), ddof 0 when not given, as numpy.var; ddof 1 is the unbiased estimate of pandas. In two
 * passes, so that numbers far from 0 keep their digits.
 * @throws ValueError for an empty list, and unless n is above ddof
 * @example stats.variance([1, 2, 6]) // 4.6667
 */
export function variance(values: Numbers, options: SpreadOptions = {}): number {
  return varianceOf('variance', values, options)
}
function varianceOf(op: string, values: Numbers, options: SpreadOptions): number {
  const { ddof = 0 } = checkOptions(op, options, ['ddof'])
  const x = someOf(op, values)
  requireDdof(op, x.length, ddof)
  return centralSums(x, [2])[0]! / (x.length - ddof)
}
/**
 * √variance, with its divisor n − ddof (ddof 0 when not given, as numpy.std).
 * @throws ValueError for an empty list, and unless n is above ddof
 * @example stats.std([1, 2, 6], { ddof: 1 }) // 2.6458
 */
export const std = (values: Numbers, options: SpreadOptions = {}): number =>
  Math.sqrt(varianceOf('std', values, options))

export interface ShapeOptions {
  /** Leaves the bias of the sample in; true when not given, as SciPy. False is the estimate of pandas. */
  bias?: boolean
}

/** Whether a list is constant but for rounding: its shape is not defined (as SciPy's nan). */
const constant = (m2: number, mean: number) => m2 <= (Number.EPSILON * mean) ** 2

/**
 * m₃ / m₂^1.5 with mₖ = Σ(x − x̄)ᵏ / n, as scipy.stats.skew; `bias: false` multiplies by √(n(n−1)) / (n−2), as
 * pandas. NaN for a constant list, and for fewer than 3 numbers with `bias: false`.
 * @throws ValueError for an empty list
 * @example stats.skewness([1, 2, 6]) // 0.5952
 */
export function skewness(values: Numbers, options: ShapeOptions = {}): number {
  const { bias = true } = checkOptions('skewness', options, ['bias'])
  requireOptions('skewness', { ...options }, { bias: kinds.flag })
  const x = someOf('skewness', values)
  const n = x.length
  const [m2, m3] = centralSums(x, [2, 3]).map((s) => s / n) as [number, number]
  if (constant(m2, total(x) / n)) return Number.NaN
  const g = m3 / (m2 * Math.sqrt(m2))
  if (bias) return g
  return n < 3 ? Number.NaN : (g * Math.sqrt(n * (n - 1))) / (n - 2)
}

export interface KurtosisOptions extends ShapeOptions {
  /** Takes off the 3 of the normal distribution (excess); true when not given. */
  fisher?: boolean
}

/**
 * m₄ / m₂² − 3 (excess: 0 for the normal distribution), as scipy.stats.kurtosis; `fisher: false` leaves the 3. `bias:
 * false` is the estimate of pandas: (n−1) / ((n−2)(n−3)) · ((n+1) m₄/m₂² − 3(n−1)), which needs 4 numbers. NaN for a
 * constant list.
 * @throws ValueError for an empty list
 * @example stats.kurtosis([1, 2, 3, 4, 10]) // -0.212
 */
export function kurtosis(values: Numbers, options: KurtosisOptions = {}): number {
  const { bias = true, fisher = true } = checkOptions('kurtosis', options, ['bias', 'fisher'])
  requireOptions('kurtosis', { ...options }, { bias: kinds.flag, fisher: kinds.flag })
  const x = someOf('kurtosis', values)
  const n = x.length
  const [m2, m4] = centralSums(x, [2, 4]).map((s) => s / n) as [number, number]
  if (constant(m2, total(x) / n)) return Number.NaN
  const ratio = m4 / (m2 * m2)
  if (bias) return fisher ? ratio - 3 : ratio
  if (n < 4) return Number.NaN
  const excess = ((n - 1) / ((n - 2) * (n - 3))) * ((n + 1) * ratio - 3 * (n - 1))
  return fisher ? excess : excess + 3
}

/** Two lists of one length. @throws ValueError when they are empty, ShapeError for different lengths */
export function pairOf(op: string, a: Numbers, b: Numbers): [ArrayLike<number>, ArrayLike<number>] {
  const x = someOf(op, a)
  const y = someOf(op, b)
  if (x.length !== y.length)
    throw new ShapeError({
      op,
      rule: 'the two lists must have the same length',
      got: `${x.length} and ${y.length} numbers`,
    })
  return [x, y]
}

/**
 * Σ xᵢ yᵢ, as numpy.dot of vectors.
 * @throws ShapeError for lists of different lengths, ValueError for empty ones
 * @example stats.dot([1, 2, 3], [4, 5, 6]) // 32
 */
export function dot(a: Numbers, b: Numbers): number {
  const [x, y] = pairOf('dot', a, b)
  return total(Float64Array.from(x, (v, i) => v * y[i]!))
}

/**
 * (Σ|x|ᵖ)^(1/p): p 2 (Euclid) when not given, 1 (city blocks), Infinity (the largest |x|), −Infinity (the smallest), 0
 * (how many are not 0), as numpy.linalg.norm of a vector.
 * @throws ValueError for an empty list, and a p that is no number
 * @example stats.norm([3, -4]) // 5
 */
export function norm(values: Numbers, p = 2): number {
  const x = someOf('norm', values)
  if (typeof p !== 'number' || Number.isNaN(p))
    throw new ValueError({ op: 'norm', rule: 'p must be a number', got: `${p}` })
  if (p === 0) return total(x, (v) => (v === 0 ? 0 : 1))
  let largest = 0
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < x.length; i++) {
    const v = Math.abs(x[i]!)
    if (Number.isNaN(v)) return Number.NaN
    if (v > largest) largest = v
    if (v < least) least = v
  }
  if (p === Number.POSITIVE_INFINITY) return largest
  if (p === Number.NEGATIVE_INFINITY) return least
  // One that is 0 has an infinite power, and is the whole of a norm below 0.
  if (p < 0 && least === 0) return 0
  if (largest === 0 || (p > 0 && !Number.isFinite(largest)) || !Number.isFinite(least))
    return largest
  if (p === 1) return total(x, Math.abs)
  // Shares of the largest, so that no square leaves the range of float64.
  if (p === 2) return largest * Math.sqrt(total(x, (v) => (v / largest) ** 2))
  const unit = p < 0 ? least : largest
  return (
    unit *
    pow(
      total(x, (v) => pow(Math.abs(v) / unit, p)),
      1 / p,
    )
  )
}
