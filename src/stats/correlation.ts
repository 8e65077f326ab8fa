/** How two lists, or the columns of a table, go together, in float64. */
import { ValueError } from '../core/errors.js'
import { checkOptions, showValue } from '../core/options.js'
import { columnOf, type Matrix, type Numbers, tableOf } from '../tensor/values.js'
import { pairOf, requireDdof, type SpreadOptions, total } from './moments.js'

/** Distances from the mean. */
function centered(x: ArrayLike<number>): Float64Array {
  const m = total(x) / x.length
  const d = Float64Array.from(x, (v) => v - m)
  const rest = total(d) / d.length
  return d.map((v) => v - rest)
}
const productSum = (x: Float64Array, y: Float64Array) => total(x.map((v, i) => v * y[i]!))

/**
 * Σ(x − x̄)(y − ȳ) / (n − ddof), ddof 1 when not given, as numpy.cov.
 * @throws ShapeError for lists of different lengths, ValueError unless n is above ddof
 * @example stats.covariance([1, 2, 3], [2, 4, 9]) // 3.5
 */
export function covariance(a: Numbers, b: Numbers, options: SpreadOptions = {}): number {
  const op = 'covariance'
  const { ddof = 1 } = checkOptions(op, options, ['ddof'])
  const [x, y] = pairOf(op, a, b)
  requireDdof(op, x.length, ddof)
  return productSum(centered(x), centered(y)) / (x.length - ddof)
}

/**
 * The covariance of each two columns of a table (columns, columns), divisor n − ddof, ddof 1 when not given, as
 * numpy.cov with rowvar=False and DataFrame.cov.
 * @throws ShapeError unless the table is a matrix, ValueError unless it has more rows than ddof
 * @example stats.covarianceMatrix([[1, 2], [2, 4], [3, 9]]) // [[1, 3.5], [3.5, 13]]
 */
export function covarianceMatrix(table: Matrix, options: SpreadOptions = {}): number[][] {
  const op = 'covarianceMatrix'
  const { ddof = 1 } = checkOptions(op, options, ['ddof'])
  const whole = tableOf(op, table)
  requireDdof(op, whole.rows, ddof)
  return eachTwo(
    Array.from({ length: whole.columns }, (_, c) => centered(columnOf(whole, c))),
    (x, y) => productSum(x, y) / (whole.rows - ddof),
  )
}

/** A symmetric matrix of what `f` says of each two lists. */
function eachTwo(
  lists: readonly Float64Array[],
  f: (x: Float64Array, y: Float64Array) => number,
): number[][] {
  const out = lists.map(() => new Array<number>(lists.length).fill(0))
  lists.forEach((x, i) => {
    for (let j = i; j < lists.length; j++) out[i]![j] = out[j]![i] = f(x, lists[j]!)
  })
  return out
}

/** NaN where a list is constant: it goes with nothing. */
function correlate(x: Float64Array, y: Float64Array): number {
  const [a, b] = [Math.sqrt(productSum(x, x)), Math.sqrt(productSum(y, y))]
  if (a === 0 || b === 0) return Number.NaN
  if (x === y) return 1
  // Each by its length first: a product of squares could leave the range of float64.
  const r = total(x.map((v, i) => (v / a) * (y[i]! / b)))
  return Math.min(1, Math.max(-1, r))
}
/** Distances from the mean, all 0 where the list is constant. */
const variation = (x: ArrayLike<number>) => {
  for (let i = 1; i < x.length; i++) if (x[i] !== x[0]) return centered(x)
  return new Float64Array(x.length).fill(Number.isNaN(x[0]!) ? Number.NaN : 0)
}

/**
 * Pearson's correlation, Σ(x − x̄)(y − ȳ) / √(Σ(x − x̄)² Σ(y − ȳ)²), as scipy.stats.pearsonr and numpy.corrcoef. NaN
 * when a list is constant.
 * @throws ShapeError for lists of different lengths, ValueError for fewer than two numbers
 * @example stats.pearson([1, 2, 3], [2, 4, 9]) // 0.9707
 */
export function pearson(a: Numbers, b: Numbers): number {
  const [x, y] = twoOf('pearson', a, b)
  return correlate(variation(x), variation(y))
}

function twoOf(op: string, a: Numbers, b: Numbers): [ArrayLike<number>, ArrayLike<number>] {
  const [x, y] = pairOf(op, a, b)
  if (x.length < 2)
    throw new ValueError({
      op,
      rule: 'a correlation needs two numbers or more',
      got: `${x.length}`,
    })
  return [x, y]
}

/**
 * The place of each number in the ordered list, from 1; equal ones share the mean of their places, as
 * scipy.stats.rankdata.
 * @throws ValueError for NaN, which has no order
 * @example stats.ranks([30, 10, 20, 10]) // [4, 1.5, 3, 1.5]
 */
export function ranks(values: Numbers): Float64Array {
  const x = pairOf('ranks', values, values)[0]
  const nan = Array.from(x).findIndex(Number.isNaN)
  if (nan >= 0)
    throw new ValueError({
      op: 'ranks',
      rule: 'the numbers must have an order',
      got: `NaN at ${nan}`,
    })
  return ranked(x)
}
function ranked(x: ArrayLike<number>): Float64Array {
  const n = x.length
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((i, j) => x[i]! - x[j]! || i - j)
  const out = new Float64Array(n)
  for (let i = 0; i < n; ) {
    let j = i + 1
    while (j < n && x[order[j]!] === x[order[i]!]) j++
    for (let k = i; k < j; k++) out[order[k]!] = (i + j + 1) / 2
    i = j
  }
  return out
}
const rankedOrNaN = (x: ArrayLike<number>) =>
  Array.from(x).some(Number.isNaN) ? new Float64Array(x.length).fill(Number.NaN) : ranked(x)

/**
 * Spearman's correlation: Pearson's of the ranks, ties shared, as scipy.stats.spearmanr. NaN when a list is constant
 * or holds NaN.
 * @throws ShapeError for lists of different lengths, ValueError for fewer than two numbers
 * @example stats.spearman([1, 2, 3, 4], [1, 4, 3, 90]) // 0.8
 */
export function spearman(a: Numbers, b: Numbers): number {
  const [x, y] = twoOf('spearman', a, b)
  return correlate(variation(rankedOrNaN(x)), variation(rankedOrNaN(y)))
}

export interface CorrelationOptions {
  /** 'pearson' when not given, or 'spearman'. */
  method?: 'pearson' | 'spearman'
}

/**
 * The correlation of each two columns of a table, as DataFrame.corr: 1 on the diagonal, NaN for a constant column.
 * `correlationChart` of nabla/plot draws it.
 * @throws ShapeError unless the table is a matrix, ValueError for fewer than two rows and a method that is not known
 * @example stats.correlationMatrix([[1, 2], [2, 4], [3, 9]]) // [[1, 0.9707], [0.9707, 1]]
 */
export function correlationMatrix(table: Matrix, options: CorrelationOptions = {}): number[][] {
  const op = 'correlationMatrix'
  const { method = 'pearson' } = checkOptions(op, options, ['method'])
  if (method !== 'pearson' && method !== 'spearman')
    throw new ValueError({
      op,
      rule: "method must be 'pearson' or 'spearman'",
      got: showValue(method),
    })
  const whole = tableOf(op, table)
  if (whole.rows < 2)
    throw new ValueError({ op, rule: 'a correlation needs two rows or more', got: `${whole.rows}` })
  const list = Array.from({ length: whole.columns }, (_, c) => {
    const x = columnOf(whole, c)
    return variation(method === 'pearson' ? x : rankedOrNaN(x))
  })
  return eachTwo(list, correlate)
}
