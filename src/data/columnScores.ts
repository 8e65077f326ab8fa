/** How each column goes with y: F tests, correlation, mutual information. */
import { ValueError } from '../core/errors.js'
import { checkOptions, showValue } from '../core/options.js'
import { digamma, lgamma } from '../special/numbers.js'
import { columnOf, type Matrix, type Numbers, numbersOf, tableOf } from '../tensor/values.js'

/** x and y in float64. @throws ValueError unless there is a finite y for each row of finite numbers */
function both(op: string, x: Matrix, y: Numbers) {
  const table = tableOf(op, x)
  const targets = Float64Array.from(numbersOf(y, op))
  if (targets.length !== table.rows)
    throw new ValueError({
      op,
      rule: 'there must be one y for each row of x',
      got: `${targets.length} and ${table.rows} rows`,
    })
  for (const [what, list] of [
    ['x', table.data],
    ['y', targets],
  ] as const) {
    const bad = list.findIndex((v) => !Number.isFinite(v))
    if (bad >= 0)
      throw new ValueError({ op, rule: `${what} must be finite`, got: `${list[bad]} at ${bad}` })
  }
  return {
    table,
    targets,
    columns: Array.from({ length: table.columns }, (_, c) => columnOf(table, c)),
  }
}

/** I_x(a, b), the regularized incomplete beta function, by its continued fraction (Numerical Recipes, 6.4). */
function betainc(a: number, b: number, x: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  const front = Math.exp(
    lgamma(a + b) - lgamma(a) - lgamma(b) + a * Math.log(x) + b * Math.log1p(-x),
  )
  if (x >= (a + 1) / (a + b + 2)) return 1 - betainc(b, a, 1 - x)
  const tiny = 1e-300
  let c = 1
  let d = 1 - ((a + b) * x) / (a + 1)
  d = 1 / (Math.abs(d) < tiny ? tiny : d)
  let h = d
  for (let m = 1; m < 10_000; m++) {
    const next = (k: number) => {
      d = 1 + k * d
      c = 1 + k / c
      d = 1 / (Math.abs(d) < tiny ? tiny : d)
      if (Math.abs(c) < tiny) c = tiny
      h *= d * c
      return d * c
    }
    next((m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)))
    const step = next((-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)))
    if (Math.abs(step - 1) < 1e-16) break
  }
  return (front * h) / a
}
/** P(F > f) with d1 and d2 degrees of freedom. */
const survivalF = (f: number, d1: number, d2: number): number =>
  Number.isNaN(f)
    ? Number.NaN
    : f === Number.POSITIVE_INFINITY
      ? 0
      : betainc(d2 / 2, d1 / 2, d2 / (d2 + d1 * f))

/** A score and its p-value for each column. */
export interface Scores {
  scores: Float64Array
  /** How probable so large a score is when the column does not matter. */
  pValues: Float64Array
}

/**
 * The F statistic of the analysis of variance of each column between classes, with its p-value: NaN for a constant column.
 * https://scikit-learn.org/stable/modules/generated/sklearn.feature_selection.f_classif.html
 * @throws ValueError for fewer than two classes, and numbers that are not finite
 * @example fClassif([[1], [2], [8], [9]], [0, 0, 1, 1]).scores // [98]
 */
export function fClassif(x: Matrix, y: Numbers): Scores {
  const { columns, targets } = both('fClassif', x, y)
  const classes = [...new Set(targets)]
  if (classes.length < 2)
    throw new ValueError({
      op: 'fClassif',
      rule: 'there must be two classes or more',
      got: `${classes.length}`,
    })
  const n = targets.length
  const [between, within] = [classes.length - 1, n - classes.length]
  const scores = Float64Array.from(columns, (v) => {
    const mean = v.reduce((a, b) => a + b, 0) / n
    let [ssb, ssw] = [0, 0]
    for (const c of classes) {
      const own = v.filter((_, i) => targets[i] === c)
      const m = own.reduce((a, b) => a + b, 0) / own.length
      ssb += own.length * (m - mean) ** 2
      ssw += own.reduce((s, u) => s + (u - m) ** 2, 0)
    }
    return v.every((u) => u === v[0]) ? Number.NaN : ssb / between / (ssw / within)
  })
  return { scores, pValues: scores.map((f) => survivalF(f, between, within)) }
}

/** Pearson's correlation of each column with y; 0 where one of them is constant, as scikit-learn's force_finite has it. */
function correlations(columns: readonly Float64Array[], targets: Float64Array): Float64Array {
  const n = targets.length
  const center = (v: Float64Array) => {
    const m = v.reduce((a, b) => a + b, 0) / n
    return v.map((u) => u - m)
  }
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((s, u, i) => s + u * b[i]!, 0)
  const constant = (v: Float64Array) => v.every((u) => u === v[0])
  if (constant(targets)) return new Float64Array(columns.length)
  const t = center(targets)
  return Float64Array.from(columns, (v) => {
    if (constant(v)) return 0
    const c = center(v)
    return dot(c, t) / Math.sqrt(dot(c, c) * dot(t, t))
  })
}

/**
 * Pearson's correlation r of each column with y; 0 for a constant column, and for all when y is constant.
 * https://scikit-learn.org/stable/modules/generated/sklearn.feature_selection.r_regression.html
 * @throws ValueError for numbers that are not finite
 * @example rRegression([[1], [2], [3]], [2, 4, 9]) // [0.9707]
 */
export function rRegression(x: Matrix, y: Numbers): Float64Array {
  const { columns, targets } = both('rRegression', x, y)
  return correlations(columns, targets)
}

/**
 * The F statistic of a line through each column and y, r² / (1 − r²) (N − 2), with its p-value. As scikit-learn has it,
 * 0 (p 1) for a constant column or y, and the largest number (p 0) where the points lie on a line.
 * https://scikit-learn.org/stable/modules/generated/sklearn.feature_selection.f_regression.html
 * @throws ValueError for numbers that are not finite, and fewer than 3 rows
 * @example fRegression([[1], [2], [3]], [2, 4, 9]).scores // [16.3333]
 */
export function fRegression(x: Matrix, y: Numbers): Scores {
  const op = 'fRegression'
  const { columns, targets } = both(op, x, y)
  const free = targets.length - 2
  if (free < 1)
    throw new ValueError({ op, rule: 'there must be 3 rows or more', got: `${targets.length}` })
  const r = correlations(columns, targets)
  const scores = r.map((v) => Math.min(Number.MAX_VALUE, (v * v * free) / Math.max(0, 1 - v * v)))
  return {
    scores,
    pValues: scores.map((f) => (f === Number.MAX_VALUE ? 0 : survivalF(f, 1, free))),
  }
}

/** Divided by the standard deviation, as neighbours are counted. */
function unitDeviation(v: Float64Array): Float64Array {
  const m = v.reduce((a, b) => a + b, 0) / v.length
  const s = Math.sqrt(v.reduce((t, u) => t + (u - m) ** 2, 0) / v.length)
  return s > 0 ? v.map((u) => u / s) : v
}
/** How many numbers of the ordered list lie nearer than r to v. */
function nearerThan(ordered: Float64Array, v: number, r: number): number {
  const first = (holds: (u: number) => boolean) => {
    let [lo, hi] = [0, ordered.length]
    while (lo < hi) {
      const middle = (lo + hi) >> 1
      if (holds(ordered[middle]!)) hi = middle
      else lo = middle + 1
    }
    return lo
  }
  return first((u) => u - v >= r) - first((u) => v - u < r)
}
const average = (n: number, f: (i: number) => number) => {
  let s = 0
  for (let i = 0; i < n; i++) s += f(i)
  return s / n
}

export interface MutualInfoOptions {
  /** Neighbours that are counted; 3 when not given. More: less variance, more bias. */
  nNeighbors?: number
}
function neighborsOf(op: string, options: MutualInfoOptions): number {
  const { nNeighbors = 3 } = checkOptions(op, options, ['nNeighbors'])
  if (!(Number.isInteger(nNeighbors) && nNeighbors >= 1))
    throw new ValueError({
      op,
      rule: 'nNeighbors must be a whole number from 1',
      got: showValue(nNeighbors),
    })
  return nNeighbors
}

/**
 * The mutual information of each column with the class, in nats, by the distances of neighbours (Ross, 2014). Without
 * scikit-learn's random noise: it differs only where numbers are equal.
 * https://scikit-learn.org/stable/modules/generated/sklearn.feature_selection.mutual_info_classif.html
 * @throws ValueError for numbers that are not finite
 * @example mutualInfoClassif([[1], [1.2], [1.3], [8], [8.5], [9]], [0, 0, 0, 1, 1, 1]) // [0.95]
 */
export function mutualInfoClassif(
  x: Matrix,
  y: Numbers,
  options: MutualInfoOptions = {},
): Float64Array {
  const op = 'mutualInfoClassif'
  const most = neighborsOf(op, options)
  const { columns, targets } = both(op, x, y)
  return Float64Array.from(columns, (column) => {
    const v = unitDeviation(column)
    const rows: { at: number; radius: number; k: number; size: number }[] = []
    for (const c of new Set(targets)) {
      const own = v.filter((_, i) => targets[i] === c).sort()
      const k = Math.min(most, own.length - 1)
      // A class of one row says nothing.
      if (k > 0)
        for (const [i, u] of own.entries())
          rows.push({ at: u, radius: kth(own, i, k), k, size: own.length })
    }
    const n = rows.length
    if (n === 0) return 0
    const ordered = Float64Array.from(rows, (r) => r.at).sort()
    const info =
      digamma(n) +
      average(n, (i) => digamma(rows[i]!.k)) -
      average(n, (i) => digamma(rows[i]!.size)) -
      average(n, (i) => digamma(Math.max(1, nearerThan(ordered, rows[i]!.at, rows[i]!.radius))))
    return Math.max(0, info)
  })
}
/** The distance of the i-th number to its k-th nearest other one in an ordered list. */
function kth(ordered: Float64Array, i: number, k: number): number {
  let [lo, hi] = [i - 1, i + 1]
  let d = 0
  for (let c = 0; c < k; c++) {
    const below = lo >= 0 ? ordered[i]! - ordered[lo]! : Number.POSITIVE_INFINITY
    const above = hi < ordered.length ? ordered[hi]! - ordered[i]! : Number.POSITIVE_INFINITY
    d = Math.min(below, above)
    if (below <= above) lo--
    else hi++
  }
  return d
}

/**
 * The mutual information of each column with y, in nats, by the distances of neighbours (Kraskov and others, 2004). Without
 * scikit-learn's random noise: it differs only where numbers are equal.
 * https://scikit-learn.org/stable/modules/generated/sklearn.feature_selection.mutual_info_regression.html
 * @throws ValueError for numbers that are not finite, and fewer rows than neighbours
 * @example mutualInfoRegression([[1], [2], [3.1], [4.3], [5.6]], [1, 2, 3.1, 4.3, 5.6], { nNeighbors: 2 }) // [1.0833]
 */
export function mutualInfoRegression(
  x: Matrix,
  y: Numbers,
  options: MutualInfoOptions = {},
): Float64Array {
  const op = 'mutualInfoRegression'
  const k = neighborsOf(op, options)
  const { columns, targets } = both(op, x, y)
  const n = targets.length
  if (n <= k) throw new ValueError({ op, rule: `there must be more than ${k} rows`, got: `${n}` })
  const t = unitDeviation(targets)
  const orderedT = Float64Array.from(t).sort()
  return Float64Array.from(columns, (column) => {
    const v = unitDeviation(column)
    const orderedV = Float64Array.from(v).sort()
    const nearest = new Float64Array(k)
    const counts = average(n, (i) => {
      nearest.fill(Number.POSITIVE_INFINITY)
      for (let j = 0; j < n; j++) {
        if (j === i) continue
        const d = Math.max(Math.abs(v[i]! - v[j]!), Math.abs(t[i]! - t[j]!))
        let at = k
        while (at > 0 && nearest[at - 1]! > d) at--
        if (at < k) {
          nearest.copyWithin(at + 1, at, k - 1)
          nearest[at] = d
        }
      }
      const r = nearest[k - 1]!
      return (
        digamma(Math.max(1, nearerThan(orderedV, v[i]!, r))) +
        digamma(Math.max(1, nearerThan(orderedT, t[i]!, r)))
      )
    })
    return Math.max(0, digamma(n) + digamma(k) - counts)
  })
}
