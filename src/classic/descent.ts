/**
 * Coordinate descent for elastic nets, ½ ‖y − X w‖² + l1 ‖w‖₁ + l2/2 ‖w‖², on the columns or on XᵀX, with the duality gap
 * as scikit-learn stops by it. Friedman, Hastie, Tibshirani, "Regularization paths for generalized linear models", 2010.
 */
import { weightsIn, type WeightOptions } from '../data/weights.js'
import { matmul } from '../ops/linalg.js'
import { indexSelect } from '../ops/indexing.js'
import type { Tensor } from '../ops/tensor.js'
import { tidy } from '../tensor/tidy.js'
import { tensor } from '../tensor/creation.js'
import type { Matrix, Numbers } from '../tensor/values.js'
import { matrix, matrixIn, tableIn, targetsIn } from './estimator.js'
import { gramOf } from './gram.js'

/** What descent on XᵀX must know: Xᵀy and yᵀy of centered data, and rows of XᵀX as it asks for them. */
export interface Normal {
  /** How many rows there are; of weighted rows their weights together. */
  rows: number
  /**
   * Row j of XᵀX. `pull` is how strongly each column wants a weight: rows that may be asked for next are computed at
   * once.
   */
  row(j: number, pull: (k: number) => number): Float64Array
  xy: Float64Array
  yy: number
  means: Float64Array
  mean: number
}

/** The columns as rows of memory, centered: coordinate descent walks over columns. */
export interface Columns {
  rows: number
  /** How many rows there are; of weighted rows their weights together. */
  weight: number
  columns: number
  /** Column j is data[j · rows …]. */
  data: Float64Array
  y: Float64Array
  means: Float64Array
  mean: number
}

/** The (weighted) mean by distances from the first number: that of equal numbers is exactly they. */
export function meanOf(y: Float64Array, weights?: Float64Array): number {
  let s = 0
  let all = 0
  y.forEach((v, i) => {
    const w = weights ? weights[i]! : 1
    s += w * (v - y[0]!)
    all += w
  })
  return y[0]! + s / all
}
const total = (n: number, weights?: Float64Array) =>
  weights ? weights.reduce((a, b) => a + b, 0) : n

export function columnsOf(
  op: string,
  x: Matrix,
  y: Numbers,
  fitIntercept: boolean,
  options?: WeightOptions,
): Columns {
  const { data, rows, columns } = tableIn(op, x)
  const targets = targetsIn(op, y, rows)
  const weights = weightsIn(op, options, rows)
  const weight = total(rows, weights)
  const means = new Float64Array(columns)
  let mean = 0
  if (fitIntercept) {
    for (let i = 0; i < rows; i++) {
      const w = weights ? weights[i]! : 1
      for (let j = 0; j < columns; j++) means[j]! += w * data[i * columns + j]!
    }
    for (let j = 0; j < columns; j++) means[j]! /= weight
    mean = meanOf(targets, weights)
  }
  // A row of weight w counts as √w of it.
  const roots = weights?.map(Math.sqrt)
  const out = new Float64Array(rows * columns)
  const BLOCK = 64
  for (let from = 0; from < rows; from += BLOCK) {
    const to = Math.min(rows, from + BLOCK)
    for (let j = 0; j < columns; j++)
      for (let i = from; i < to; i++)
        out[j * rows + i] = (data[i * columns + j]! - means[j]!) * (roots ? roots[i]! : 1)
  }
  return {
    rows,
    weight,
    columns,
    data: out,
    y: targets.map((v, i) => (v - mean) * (roots ? roots[i]! : 1)),
    means,
    mean,
  }
}

/** The same sums from the matrix itself, which is copied only to be centered. */
export function normalOf(
  op: string,
  x: Matrix,
  y: Numbers,
  fitIntercept: boolean,
  options?: WeightOptions,
): Normal {
  const t = matrixIn(op, x)
  const [n, columns] = t.shape as [number, number]
  let targets = targetsIn(op, y, n)
  const weights = weightsIn(op, options, n)
  const means = new Float64Array(columns)
  let mean = 0
  let centered = t
  if (fitIntercept) {
    const sums = weights ? t.mul(matrix(weights, 1)).sum(0).div(total(n, weights)) : t.mean(0)
    means.set(sums.toTypedArray() as Float64Array)
    mean = meanOf(targets, weights)
    targets = targets.map((v) => v - mean)
    centered = t.sub(matrix(means, columns))
  }
  if (weights) {
    const roots = weights.map(Math.sqrt)
    targets = targets.map((v, i) => v * roots[i]!)
    centered = centered.mul(matrix(roots, 1))
  }
  const xy = centered.transpose(0, 1).matmul(matrix(targets, 1)).toTypedArray() as Float64Array
  let yy = 0
  for (const v of targets) yy += v * v
  return {
    rows: total(n, weights),
    row: gramRows(centered),
    xy: Float64Array.from(xy),
    yy,
    means,
    mean,
  }
}

/** Rows of a matrix that is there. */
export const rowsOfGram = (gram: Float64Array, p: number): Normal['row'] => {
  const rows = Array.from({ length: p }, (_, j) => gram.subarray(j * p, (j + 1) * p))
  return (j) => rows[j]!
}

/** So many rows of XᵀX cost little more than one, since x has to be read once. */
const FIRST = 8
/** The share of the columns from which on the whole XᵀX is computed: by its symmetry that costs half. */
const WHOLE = 1 / 8

/**
 * Rows of XᵀX when they are asked for, since only columns that ever get a weight need theirs (the covariance updates of
 * glmnet): with each the columns that want a weight most, twice as many each time, and soon all.
 */
function gramRows(x: Tensor): Normal['row'] {
  const p = x.shape[1]!
  let rows: (Float64Array | undefined)[] = new Array(p).fill(undefined)
  let have = 0
  let next = FIRST
  return (j, pull) => {
    const there = rows[j]
    if (there) return there
    if (have + next > p * WHOLE) {
      const all = rowsOfGram(gramOf(x), p)
      rows = Array.from({ length: p }, (_, k) => all(k, pull))
      return rows[j]!
    }
    const open = Array.from({ length: p }, (_, k) => k)
      .filter((k) => k !== j && !rows[k])
      .map((k) => ({ k, size: Math.abs(pull(k)) }))
      .sort((a, b) => b.size - a.size || a.k - b.k)
    const list = [j, ...open.slice(0, next - 1).map(({ k }) => k)]
    const data = tidy(() => {
      const index = tensor(Int32Array.from(list), { dtype: 'int32', shape: [list.length] })
      return matmul(indexSelect(x, 1, index).transpose(0, 1), x).toTypedArray() as Float64Array
    })
    list.forEach((k, q) => {
      rows[k] = data.slice(q * p, (q + 1) * p)
    })
    have += list.length
    next *= 2
    return rows[j]!
  }
}

/** How a descent went. */
export interface Descent {
  iterations: number
  gap: number
}

const soft = (v: number, by: number) => (v > by ? v - by : v < -by ? v + by : 0)

/** Limits of a descent. l1 and l2 are scaled by the number of rows. */
export interface Limits {
  l1: number
  l2: number
  maxIter: number
  tol: number
  positive: boolean
}

/** One pass over all coordinates: the largest change, and the largest weight. */
interface Pass {
  most: number
  largest: number
}

/** Passes until the duality gap is below tol · yᵀy. It is looked at when a pass changes little, as scikit-learn does. */
function descend(yy: number, { maxIter, tol }: Limits, pass: () => Pass, gapNow: () => number) {
  let gap = Number.POSITIVE_INFINITY
  let iterations = 0
  while (iterations < maxIter) {
    const { most, largest } = pass()
    iterations++
    if (largest === 0 || most / largest < tol || iterations === maxIter) {
      gap = gapNow()
      if (gap < tol * yy) break
    }
  }
  return { iterations, gap }
}

/** The duality gap: ‖r‖² and rᵀy of the residual r, and the largest |Xᵀr − l2 w| (positive: the largest). */
function dualityGap(
  w: Float64Array,
  { l1, l2 }: Limits,
  { rr, ry, dual }: { rr: number; ry: number; dual: number },
): number {
  let norm1 = 0
  let norm2 = 0
  for (const v of w) {
    norm1 += Math.abs(v)
    norm2 += v * v
  }
  const scale = dual > l1 ? l1 / dual : 1
  const gap = dual > l1 ? 0.5 * (rr + rr * scale * scale) : rr
  return gap + l1 * norm1 - scale * ry + 0.5 * l2 * (1 + scale * scale) * norm2
}
const least = (positive: boolean) => (positive ? Number.NEGATIVE_INFINITY : 0)

/** Descent on XᵀX: w in place, h = XᵀX w comes in and goes out. */
export function descendGram(n: Normal, w: Float64Array, h: Float64Array, limits: Limits): Descent {
  const { xy, yy } = n
  const { l1, l2, positive } = limits
  const p = w.length
  const pull = (k: number) => (w[k] === 0 ? xy[k]! - h[k]! : 0)
  const pass = (): Pass => {
    let most = 0
    let largest = 0
    for (let j = 0; j < p; j++) {
      const before = w[j]!
      let rest = xy[j]! - h[j]!
      // A weight that is 0 stays so.
      if (before === 0 && (positive ? rest <= l1 : Math.abs(rest) <= l1)) continue
      const row = n.row(j, pull)
      const own = row[j]!
      if (own === 0) continue
      rest += own * before
      const now = positive && rest < 0 ? 0 : soft(rest, l1) / (own + l2)
      if (now !== before) {
        w[j] = now
        const d = now - before
        for (let k = 0; k < p; k++) h[k]! += d * row[k]!
        if (Math.abs(d) > most) most = Math.abs(d)
      }
      if (Math.abs(now) > largest) largest = Math.abs(now)
    }
    return { most, largest }
  }
  return descend(yy, limits, pass, () => {
    let qw = 0
    let wh = 0
    let dual = least(positive)
    for (let j = 0; j < p; j++) {
      qw += w[j]! * xy[j]!
      wh += w[j]! * h[j]!
      const v = xy[j]! - h[j]! - l2 * w[j]!
      dual = Math.max(dual, positive ? v : Math.abs(v))
    }
    return dualityGap(w, limits, { rr: yy + wh - 2 * qw, ry: yy - qw, dual })
  })
}

/** Descent on the columns: w and the residual r = y − X w in place. */
export function descendColumns(
  c: Columns,
  w: Float64Array,
  r: Float64Array,
  limits: Limits,
): Descent {
  const { rows, columns, data, y } = c
  const { l1, l2, positive } = limits
  const norms = new Float64Array(columns)
  for (let j = 0; j < columns; j++) {
    let s = 0
    for (let i = j * rows; i < (j + 1) * rows; i++) s += data[i]! * data[i]!
    norms[j] = s
  }
  let yy = 0
  for (const v of y) yy += v * v
  const along = (j: number, start: number) => {
    const at = j * rows
    let dot = start
    for (let i = 0; i < rows; i++) dot += data[at + i]! * r[i]!
    return dot
  }
  const pass = (): Pass => {
    let most = 0
    let largest = 0
    for (let j = 0; j < columns; j++) {
      const own = norms[j]!
      if (own === 0) continue
      const before = w[j]!
      const dot = along(j, own * before)
      const now = positive && dot < 0 ? 0 : soft(dot, l1) / (own + l2)
      if (now !== before) {
        w[j] = now
        const d = before - now
        const at = j * rows
        for (let i = 0; i < rows; i++) r[i]! += d * data[at + i]!
        if (Math.abs(d) > most) most = Math.abs(d)
      }
      if (Math.abs(now) > largest) largest = Math.abs(now)
    }
    return { most, largest }
  }
  return descend(yy, limits, pass, () => {
    let dual = least(positive)
    for (let j = 0; j < columns; j++) {
      const v = along(j, -l2 * w[j]!)
      dual = Math.max(dual, positive ? v : Math.abs(v))
    }
    let rr = 0
    let ry = 0
    for (let i = 0; i < rows; i++) {
      rr += r[i]! * r[i]!
      ry += r[i]! * y[i]!
    }
    return dualityGap(w, limits, { rr, ry, dual })
  })
}

/** Descent on XᵀX from weights that are there. */
export function onGram(n: Normal, w: Float64Array, limits: Limits): Descent {
  const p = w.length
  const h = new Float64Array(p)
  for (let j = 0; j < p; j++)
    if (w[j] !== 0) {
      const row = n.row(j, (k) => n.xy[k]!)
      for (let k = 0; k < p; k++) h[k]! += w[j]! * row[k]!
    }
  return descendGram(n, w, h, limits)
}

/** y − X w. */
export function residual({ rows, columns, data, y }: Columns, w: Float64Array): Float64Array {
  const r = Float64Array.from(y)
  for (let j = 0; j < columns; j++)
    if (w[j] !== 0) for (let i = 0; i < rows; i++) r[i]! -= w[j]! * data[j * rows + i]!
  return r
}
