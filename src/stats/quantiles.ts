/** Quantiles by the definitions of Hyndman and Fan, "Sample quantiles in statistical packages", 1996, as NumPy has them. */
import { ValueError } from '../core/errors.js'
import { checkOptions, showValue } from '../core/options.js'
import type { Numbers } from '../tensor/values.js'
import { inOrder, someOf } from './moments.js'

/** Where among n ordered numbers (from 0) the quantile q lies, by α and β of Hyndman and Fan. */
const continuous = (alpha: number, beta: number) => (n: number, q: number) =>
  n * q + (alpha + q * (1 - alpha - beta)) - 1

/** Position of the lower of two neighbours, and the share of the upper one. */
type Place = [lower: number, share: number]
const between = (at: number): Place => [Math.floor(at), at - Math.floor(at)]
const exactly = (at: number): Place => [at, 0]
/** A jump behind the position: the share is 1 where it lies beyond, `tie` exactly at it. */
function jump(at: number, tie: number): Place {
  const lower = Math.floor(at)
  return [lower, at > lower ? 1 : tie]
}
const halfEven = (v: number) => {
  const r = Math.round(v)
  return Math.abs(v % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r
}

const methods = {
  invertedCdf: (n: number, q: number) => jump(n * q - 1, 0),
  averagedInvertedCdf: (n: number, q: number) => jump(n * q - 1, 0.5),
  closestObservation: (n: number, q: number): Place => {
    // The nearest of the ordered numbers, counted from 1; of two as near the even one.
    const at = n * q - 1.5
    const lower = Math.floor(at)
    return [lower, at === lower && lower % 2 !== 0 ? 0 : 1]
  },
  interpolatedInvertedCdf: (n: number, q: number) => between(continuous(0, 1)(n, q)),
  hazen: (n: number, q: number) => between(continuous(0.5, 0.5)(n, q)),
  weibull: (n: number, q: number) => between(continuous(0, 0)(n, q)),
  linear: (n: number, q: number) => between((n - 1) * q),
  medianUnbiased: (n: number, q: number) => between(continuous(1 / 3, 1 / 3)(n, q)),
  normalUnbiased: (n: number, q: number) => between(continuous(3 / 8, 3 / 8)(n, q)),
  lower: (n: number, q: number) => exactly(Math.floor((n - 1) * q)),
  higher: (n: number, q: number) => exactly(Math.ceil((n - 1) * q)),
  midpoint: (n: number, q: number): Place => {
    const at = (n - 1) * q
    return [Math.floor(at), Number.isInteger(at) ? 0 : 0.5]
  },
  nearest: (n: number, q: number) => exactly(halfEven((n - 1) * q)),
} satisfies Record<string, (n: number, q: number) => Place>

/** The definitions of a quantile, named as NumPy names them. */
export type QuantileMethod = keyof typeof methods

export interface QuantileOptions {
  /** How it lies between two numbers: 'linear' when not given, as NumPy and pandas; see `quantile`. */
  method?: QuantileMethod
}

/** A quantile of numbers in ascending order. */
export function quantileOf(
  x: ArrayLike<number>,
  q: number,
  method: QuantileMethod = 'linear',
): number {
  const last = x.length - 1
  const [lower, share] = methods[method](x.length, q)
  const a = x[Math.min(last, Math.max(0, lower))]!
  const b = x[Math.min(last, Math.max(0, lower + 1))]!
  // From the nearer end, so that equal neighbours give themselves.
  if (a === b || share === 0) return a
  return share < 0.5 ? a + (b - a) * share : b - (b - a) * (1 - share)
}

/**
 * The number below which the share q of the list lies; of a list of q, a list. `method` is one of numpy.quantile's
 * thirteen: 'linear' (the default, 7 of Hyndman and Fan), 'invertedCdf' (1), 'averagedInvertedCdf' (2),
 * 'closestObservation' (3), 'interpolatedInvertedCdf' (4), 'hazen' (5), 'weibull' (6), 'medianUnbiased' (8),
 * 'normalUnbiased' (9), 'lower', 'higher', 'midpoint', 'nearest'. NaN when the list holds NaN. (At a tie
 * 'closestObservation' takes the even place as Hyndman and Fan say; NumPy before 2.1 took the odd one.)
 * @throws ValueError for an empty list, a q outside of 0 to 1, and a method that is not known
 * @example stats.quantile([1, 2, 3, 10], [0.25, 0.5]) // [1.75, 2.5]
 */
export function quantile(values: Numbers, q: number, options?: QuantileOptions): number
export function quantile(values: Numbers, q: readonly number[], options?: QuantileOptions): number[]
export function quantile(
  values: Numbers,
  q: number | readonly number[],
  options: QuantileOptions = {},
): number | number[] {
  const op = 'quantile'
  const { method = 'linear' } = checkOptions(op, options, ['method'])
  if (!Object.hasOwn(methods, method))
    throw new ValueError({
      op,
      rule: `method must be one of ${Object.keys(methods).join(', ')}`,
      got: showValue(method),
    })
  const x = inOrder(someOf(op, values))
  const of = (p: number): number => {
    if (!(p >= 0 && p <= 1))
      throw new ValueError({
        op,
        rule: 'q must lie from 0 to 1',
        got: `${p}`,
        ...(p > 1 && p <= 100 && { fix: `${p} percent are ${p / 100}.` }),
      })
    return x ? quantileOf(x, p, method) : Number.NaN
  }
  return typeof q === 'number' ? of(q) : q.map(of)
}

/**
 * The distance of the quartiles, Q₀.₇₅ − Q₀.₂₅, as scipy.stats.iqr ('linear' when not given).
 * @throws ValueError for an empty list, and a method that is not known
 * @example stats.iqr([1, 2, 3, 10]) // 3
 */
export function iqr(values: Numbers, options: QuantileOptions = {}): number {
  const [low, high] = quantile(values, [0.25, 0.75], options) as [number, number]
  return high - low
}
