/** Lasso and elastic net by coordinate descent, with the duality gap as scikit-learn stops by it. */
import { pow } from '../core/math.js'
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import type { Matrix, Numbers } from '../tensor/values.js'
import {
  options as kinds,
  matrix,
  matrixIn,
  requireOptions,
  tableIn,
  targetsIn,
  toTensor,
} from './estimator.js'
import { gramOf } from './gram.js'
import { type LinearState, LinearRegressor } from './linear.js'
import type { Tensor } from '../ops/tensor.js'

/** XᵀX, Xᵀy and yᵀy of centered data: all that coordinate descent must know. */
interface Normal {
  rows: number
  /** p x p. */
  gram: Float64Array
  xy: Float64Array
  yy: number
  means: Float64Array
  mean: number
}

/** The columns as rows of memory, centered: coordinate descent walks over columns. */
interface Columns {
  rows: number
  columns: number
  /** Column j is data[j · rows …]. */
  data: Float64Array
  y: Float64Array
  means: Float64Array
  mean: number
}

/** The mean by distances from the first number: that of equal numbers is exactly they. */
function meanOf(y: Float64Array): number {
  let s = 0
  for (const v of y) s += v - y[0]!
  return y[0]! + s / y.length
}

function columnsOf(op: string, x: Matrix, y: Numbers, fitIntercept: boolean): Columns {
  const { data, rows, columns } = tableIn(op, x)
  const targets = targetsIn(op, y, rows)
  const means = new Float64Array(columns)
  let mean = 0
  if (fitIntercept) {
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) means[j]! += data[i * columns + j]!
    for (let j = 0; j < columns; j++) means[j]! /= rows
    mean = meanOf(targets)
  }
  const out = new Float64Array(rows * columns)
  const BLOCK = 64
  for (let from = 0; from < rows; from += BLOCK) {
    const to = Math.min(rows, from + BLOCK)
    for (let j = 0; j < columns; j++)
      for (let i = from; i < to; i++) out[j * rows + i] = data[i * columns + j]! - means[j]!
  }
  return { rows, columns, data: out, y: targets.map((v) => v - mean), means, mean }
}

/** The same sums from the matrix itself, which is copied only to be centered. */
function normalOf(op: string, x: Matrix, y: Numbers, fitIntercept: boolean): Normal {
  const t = matrixIn(op, x)
  const [rows, columns] = t.shape as [number, number]
  let targets = targetsIn(op, y, rows)
  const means = new Float64Array(columns)
  let mean = 0
  let centered = t
  if (fitIntercept) {
    means.set(t.mean(0).toTypedArray() as Float64Array)
    mean = meanOf(targets)
    targets = targets.map((v) => v - mean)
    centered = t.sub(matrix(means, columns))
  }
  const gram = gramOf(centered)
  const xy = centered.transpose(0, 1).matmul(matrix(targets, 1)).toTypedArray() as Float64Array
  let yy = 0
  for (const v of targets) yy += v * v
  return { rows, gram, xy: Float64Array.from(xy), yy, means, mean }
}

/** How a descent went. */
interface Descent {
  iterations: number
  gap: number
}

const soft = (v: number, by: number) => (v > by ? v - by : v < -by ? v + by : 0)

/** Limits of a descent. l1 and l2 are scaled by the number of rows. */
interface Limits {
  l1: number
  l2: number
  maxIter: number
  tol: number
  positive: boolean
}

/**
 * Cyclic coordinate descent on the Gram matrix: ½ wᵀ G w − qᵀ w + l1 ‖w‖₁ + l2/2 ‖w‖², w in place. `h` = G w comes in and
 * goes out. Friedman, Hastie, Tibshirani, "Regularization paths for generalized linear models", 2010.
 */
function descendGram(n: Normal, w: Float64Array, h: Float64Array, limits: Limits): Descent {
  const { gram, xy, yy } = n
  const { l1, l2, maxIter, tol, positive } = limits
  const p = w.length
  const wanted = tol * yy
  let gap = Number.POSITIVE_INFINITY
  let iteration = 0
  for (; iteration < maxIter; iteration++) {
    let most = 0
    let largest = 0
    for (let j = 0; j < p; j++) {
      const own = gram[j * p + j]!
      if (own === 0) continue
      const before = w[j]!
      const rest = xy[j]! - h[j]! + own * before
      const now = positive && rest < 0 ? 0 : soft(rest, l1) / (own + l2)
      if (now !== before) {
        w[j] = now
        const d = now - before
        const row = j * p
        for (let k = 0; k < p; k++) h[k]! += d * gram[row + k]!
        if (Math.abs(d) > most) most = Math.abs(d)
      }
      if (Math.abs(now) > largest) largest = Math.abs(now)
    }
    if (largest === 0 || most / largest < tol || iteration === maxIter - 1) {
      // The duality gap, as scikit-learn has it.
      let qw = 0
      let wh = 0
      let norm1 = 0
      let norm2 = 0
      let dual = positive ? Number.NEGATIVE_INFINITY : 0
      for (let j = 0; j < p; j++) {
        qw += w[j]! * xy[j]!
        wh += w[j]! * h[j]!
        norm1 += Math.abs(w[j]!)
        norm2 += w[j]! * w[j]!
        const v = xy[j]! - h[j]! - l2 * w[j]!
        dual = Math.max(dual, positive ? v : Math.abs(v))
      }
      const residual = yy + wh - 2 * qw
      const scale = dual > l1 ? l1 / dual : 1
      gap = dual > l1 ? 0.5 * (residual + residual * scale * scale) : residual
      gap += l1 * norm1 - scale * (yy - qw) + 0.5 * l2 * (1 + scale * scale) * norm2
      if (gap < wanted) {
        iteration++
        break
      }
    }
  }
  return { iterations: iteration, gap }
}

/** The same on the columns, with the residual r = y − X w, in place. */
function descendColumns(c: Columns, w: Float64Array, r: Float64Array, limits: Limits): Descent {
  const { rows, columns, data, y } = c
  const { l1, l2, maxIter, tol, positive } = limits
  const norms = new Float64Array(columns)
  for (let j = 0; j < columns; j++) {
    let s = 0
    for (let i = j * rows; i < (j + 1) * rows; i++) s += data[i]! * data[i]!
    norms[j] = s
  }
  let yy = 0
  for (const v of y) yy += v * v
  const wanted = tol * yy
  let gap = Number.POSITIVE_INFINITY
  let iteration = 0
  for (; iteration < maxIter; iteration++) {
    let most = 0
    let largest = 0
    for (let j = 0; j < columns; j++) {
      const own = norms[j]!
      if (own === 0) continue
      const before = w[j]!
      const at = j * rows
      let dot = own * before
      for (let i = 0; i < rows; i++) dot += data[at + i]! * r[i]!
      const now = positive && dot < 0 ? 0 : soft(dot, l1) / (own + l2)
      if (now !== before) {
        w[j] = now
        const d = before - now
        for (let i = 0; i < rows; i++) r[i]! += d * data[at + i]!
        if (Math.abs(d) > most) most = Math.abs(d)
      }
      if (Math.abs(now) > largest) largest = Math.abs(now)
    }
    if (largest === 0 || most / largest < tol || iteration === maxIter - 1) {
      let dual = positive ? Number.NEGATIVE_INFINITY : 0
      let norm1 = 0
      let norm2 = 0
      for (let j = 0; j < columns; j++) {
        let v = -l2 * w[j]!
        for (let i = 0; i < rows; i++) v += data[j * rows + i]! * r[i]!
        dual = Math.max(dual, positive ? v : Math.abs(v))
        norm1 += Math.abs(w[j]!)
        norm2 += w[j]! * w[j]!
      }
      let rr = 0
      let ry = 0
      for (let i = 0; i < rows; i++) {
        rr += r[i]! * r[i]!
        ry += r[i]! * y[i]!
      }
      const scale = dual > l1 ? l1 / dual : 1
      gap = dual > l1 ? 0.5 * (rr + rr * scale * scale) : rr
      gap += l1 * norm1 - scale * ry + 0.5 * l2 * (1 + scale * scale) * norm2
      if (gap < wanted) {
        iteration++
        break
      }
    }
  }
  return { iterations: iteration, gap }
}

export interface LassoOptions {
  /** How much weights cost; 1 when not given. */
  alpha?: number
  /** Learns what is added, b, which costs nothing; true when not given. */
  fitIntercept?: boolean
  /** Works on XᵀX, which is faster where there are many more rows than columns; false when not given. */
  precompute?: boolean
  /** Most passes over the columns; 1,000 when not given. */
  maxIter?: number
  /** Ends when the duality gap is below tol · ‖y‖²; 1e-4 when not given. */
  tol?: number
  /** Only weights from 0 up; false when not given. */
  positive?: boolean
  /** Begins where the last fit ended; false when not given. */
  warmStart?: boolean
}
export interface ElasticNetOptions extends LassoOptions {
  /** The share of ‖w‖₁ in the cost, from 0 (ridge) to 1 (Lasso); 0.5 when not given. */
  l1Ratio?: number
}
const lassoNames: OptionNames<LassoOptions> = {
  alpha: true,
  fitIntercept: true,
  precompute: true,
  maxIter: true,
  tol: true,
  positive: true,
  warmStart: true,
}
const netNames: OptionNames<ElasticNetOptions> = { ...lassoNames, l1Ratio: true }
const rules = {
  alpha: kinds.nonNegative,
  l1Ratio: kinds.share,
  fitIntercept: kinds.flag,
  precompute: kinds.flag,
  maxIter: kinds.count,
  tol: kinds.nonNegative,
  positive: kinds.flag,
  warmStart: kinds.flag,
}

interface NetLearned extends LinearState {
  iterations: number
  dualGap: number
  /** The sums of all rows so far, of which `partialFit` goes on; null after `fit`. */
  sums: Float64Array | null
  rows: number
}

/**
 * min ‖y − X w − b‖² / (2N) + α ρ ‖w‖₁ + α (1 − ρ) ‖w‖² / 2 with ρ = l1Ratio, by cyclic coordinate descent until the duality
 * gap is small. (glmnet divides the quadratic part by the deviation of y; scikit-learn and nabla do not.) `partialFit`
 * adds the rows to XᵀX and descends on it: what it gives is the fit of all rows so far.
 * https://scikit-learn.org/stable/modules/generated/sklearn.linear_model.ElasticNet.html
 * @throws ValueError for numbers that are not finite, and options out of range
 * @example new ElasticNet({ alpha: 0.5 }).fit([[-1], [1]], [-2, 2]).coef // [1.4]
 */
export class ElasticNet extends LinearRegressor<NetLearned> {
  readonly kind: string = 'ElasticNet'
  protected readonly fields = [
    'coef',
    'intercept',
    'iterations',
    'dualGap',
    'sums',
    'rows',
  ] as const
  protected readonly o: Required<ElasticNetOptions>
  constructor(options: ElasticNetOptions = {}, op = 'ElasticNet') {
    super()
    const given = checkOptions(op, options, netNames)
    this.o = {
      alpha: 1,
      l1Ratio: 0.5,
      fitIntercept: true,
      precompute: false,
      maxIter: 1000,
      tol: 1e-4,
      positive: false,
      warmStart: false,
      ...given,
    }
    requireOptions(op, { ...this.o }, rules)
  }
  getOptions(): LassoOptions {
    return { ...this.o }
  }
  /** Passes over the columns. */
  get nIter(): number {
    return this.got.iterations
  }
  /** The duality gap at the end, divided by N as in scikit-learn. */
  get dualGap(): number {
    return this.got.dualGap
  }
  private limits(rows: number): Limits {
    const { alpha, l1Ratio, maxIter, tol, positive } = this.o
    return {
      l1: alpha * l1Ratio * rows,
      l2: alpha * (1 - l1Ratio) * rows,
      maxIter,
      tol,
      positive,
    }
  }
  private start(columns: number): Float64Array {
    const before = this.learned?.coef
    return this.o.warmStart && before?.length === columns
      ? Float64Array.from(before)
      : new Float64Array(columns)
  }
  private keep(
    w: Float64Array,
    { means, mean, rows }: Pick<Normal, 'means' | 'mean' | 'rows'>,
    went: Descent,
    sums: Float64Array | null,
  ): this {
    let intercept = mean
    for (let j = 0; j < w.length; j++) intercept -= means[j]! * w[j]!
    this.learned = {
      coef: w,
      intercept: this.o.fitIntercept ? intercept : 0,
      iterations: went.iterations,
      dualGap: went.gap / rows,
      sums,
      rows,
    }
    return this
  }
  fit(x: Matrix, y: Numbers): this {
    const { fitIntercept, precompute } = this.o
    if (precompute) {
      const n = normalOf(this.kind, x, y, fitIntercept)
      const w = this.start(n.xy.length)
      return this.keep(w, n, onGram(n, w, this.limits(n.rows)), null)
    }
    const c = columnsOf(this.kind, x, y, fitIntercept)
    const w = this.start(c.columns)
    return this.keep(w, c, descendColumns(c, w, residual(c, w), this.limits(c.rows)), null)
  }
  partialFit(x: Matrix, y: Numbers): this {
    const before = this.learned
    if (before && before.sums === null)
      throw new ValueError({
        op: this.kind,
        rule: 'partialFit goes on from partialFit',
        got: 'a model that fit made',
        fix: 'Call partialFit for the first rows too.',
      })
    const table = tableIn(this.kind, x, before?.coef.length)
    const { rows, columns: p } = table
    const targets = targetsIn(this.kind, y, rows)
    // Rows (x, y) centered, with their means: blocks are put together as Chan, Golub and LeVeque (1979) say.
    const width = p + 1
    const block = new Float64Array(rows * width)
    const means = new Float64Array(width)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < p; j++) means[j]! += table.data[i * p + j]! / rows
    means[p] = meanOf(targets)
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < p; j++) block[i * width + j] = table.data[i * p + j]! - means[j]!
      block[i * width + p] = targets[i]! - means[p]!
    }
    const gram = gramOf(matrix(block, width))
    let all = rows
    if (before?.sums) {
      const old = before.rows
      all += old
      const oldMeans = before.sums.subarray(0, width)
      for (let j = 0; j < width; j++)
        for (let k = 0; k < width; k++)
          gram[j * width + k]! +=
            before.sums[width + j * width + k]! +
            (means[j]! - oldMeans[j]!) * (means[k]! - oldMeans[k]!) * ((old * rows) / all)
      for (let j = 0; j < width; j++) means[j]! += (oldMeans[j]! - means[j]!) * (old / all)
    }
    const sums = new Float64Array(width + width * width)
    sums.set(means)
    sums.set(gram, width)
    // Without an intercept the sums are those around 0.
    const around = (j: number, k: number) =>
      gram[j * width + k]! + (this.o.fitIntercept ? 0 : all * means[j]! * means[k]!)
    const n: Normal = {
      rows: all,
      gram: Float64Array.from({ length: p * p }, (_, i) => around(Math.floor(i / p), i % p)),
      xy: Float64Array.from({ length: p }, (_, j) => around(j, p)),
      yy: around(p, p),
      means: means.subarray(0, p),
      mean: means[p]!,
    }
    const w = before ? Float64Array.from(before.coef) : new Float64Array(p)
    return this.keep(w, n, onGram(n, w, this.limits(all)), sums)
  }
}

function onGram(n: Normal, w: Float64Array, limits: Limits): Descent {
  const p = w.length
  const h = new Float64Array(p)
  for (let j = 0; j < p; j++)
    if (w[j] !== 0) for (let k = 0; k < p; k++) h[k]! += w[j]! * n.gram[j * p + k]!
  return descendGram(n, w, h, limits)
}
function residual({ rows, columns, data, y }: Columns, w: Float64Array): Float64Array {
  const r = Float64Array.from(y)
  for (let j = 0; j < columns; j++)
    if (w[j] !== 0) for (let i = 0; i < rows; i++) r[i]! -= w[j]! * data[j * rows + i]!
  return r
}

/**
 * min ‖y − X w − b‖² / (2N) + α ‖w‖₁: weights that are not needed become exactly 0. An elastic net with l1Ratio 1.
 * https://scikit-learn.org/stable/modules/generated/sklearn.linear_model.Lasso.html
 * @throws ValueError for numbers that are not finite, and options out of range
 * @example new Lasso({ alpha: 0.5 }).fit([[-1], [1]], [-2, 2]).coef // [1.5]
 */
export class Lasso extends ElasticNet {
  override readonly kind: string = 'Lasso'
  constructor(options: LassoOptions = {}) {
    super({ ...checkOptions('Lasso', options, lassoNames), l1Ratio: 1 }, 'Lasso')
  }
  override getOptions(): LassoOptions {
    const { l1Ratio: _, ...rest } = this.o
    return rest
  }
}

export interface PathOptions {
  /** The share of ‖w‖₁ in the cost; 1 (Lasso) when not given. */
  l1Ratio?: number
  /** The last α as a part of the first, with which all weights are 0; 1e-3 when not given. */
  eps?: number
  /** How many α, equally far apart on a logarithmic scale; 100 when not given. */
  nAlphas?: number
  /** The α themselves, instead. */
  alphas?: readonly number[]
  /** Subtracts the means first; false when not given, as scikit-learn: center the data yourself. */
  fitIntercept?: boolean
  /** Works on XᵀX; true when not given. */
  precompute?: boolean
  maxIter?: number
  tol?: number
  positive?: boolean
}
const pathNames: OptionNames<PathOptions> = {
  l1Ratio: true,
  eps: true,
  nAlphas: true,
  alphas: true,
  fitIntercept: true,
  precompute: true,
  maxIter: true,
  tol: true,
  positive: true,
}

/** A model for each α, from the largest α to the least. */
export interface Path {
  alphas: Float64Array
  /** (columns, alphas), as scikit-learn. */
  coefs: Tensor
  dualGaps: Float64Array
  /** Passes over the columns. */
  nIters: Int32Array
}

/**
 * The weights of elastic nets for falling α, each begun where the one before ended. The first α is the least with which all
 * weights are 0, max |Xᵀy| / (N l1Ratio).
 * https://scikit-learn.org/stable/modules/generated/sklearn.linear_model.lasso_path.html
 * @throws ValueError for numbers that are not finite, and options out of range
 * @example lassoPath([[-1], [1]], [-2, 2], { alphas: [1, 0.5] }).coefs // [[1, 1.5]]
 */
export function lassoPath(x: Matrix, y: Numbers, options: PathOptions = {}): Path {
  const op = 'lassoPath'
  const {
    l1Ratio = 1,
    eps = 1e-3,
    nAlphas = 100,
    alphas,
    fitIntercept = false,
    precompute = true,
    maxIter = 1000,
    tol = 1e-4,
    positive = false,
  } = checkOptions(op, options, pathNames)
  requireOptions(
    op,
    { l1Ratio, eps, nAlphas, maxIter, tol, positive, fitIntercept, precompute },
    {
      ...rules,
      eps: kinds.positive,
      nAlphas: kinds.count,
      l1Ratio: {
        rule: 'a number above 0, at most 1',
        holds: (v) => (v as number) > 0 && (v as number) <= 1,
      },
    },
  )
  const n = precompute ? normalOf(op, x, y, fitIntercept) : undefined
  const c = n ? undefined : columnsOf(op, x, y, fitIntercept)
  const { rows } = (n ?? c)!
  const xy = n?.xy ?? (matrix(c!.data, rows).matmul(matrix(c!.y, 1)).toTypedArray() as Float64Array)
  let list: Float64Array
  if (alphas) {
    list = Float64Array.from(alphas).sort().reverse()
    if (list.length === 0 || !list.every((a) => Number.isFinite(a) && a >= 0))
      throw new ValueError({ op, rule: 'alphas must be numbers from 0 up', got: showValue(alphas) })
  } else {
    const most = xy.reduce((m, v) => Math.max(m, Math.abs(v)), 0) / (rows * l1Ratio)
    // Of a y that is 0 everywhere there is nothing to choose.
    const first = Math.max(most, Number.EPSILON)
    list = Float64Array.from({ length: nAlphas }, (_, k) =>
      nAlphas === 1 ? first : first * pow(eps, k / (nAlphas - 1)),
    )
  }
  const p = xy.length
  const w = new Float64Array(p)
  const h = new Float64Array(p)
  const r = Float64Array.from(c?.y ?? [])
  const coefs = new Float64Array(p * list.length)
  const dualGaps = new Float64Array(list.length)
  const nIters = new Int32Array(list.length)
  list.forEach((alpha, k) => {
    const limits = {
      l1: alpha * l1Ratio * rows,
      l2: alpha * (1 - l1Ratio) * rows,
      maxIter,
      tol,
      positive,
    }
    const went = n ? descendGram(n, w, h, limits) : descendColumns(c!, w, r, limits)
    for (let j = 0; j < p; j++) coefs[j * list.length + k] = w[j]!
    dualGaps[k] = went.gap / rows
    nIters[k] = went.iterations
  })
  return {
    alphas: list,
    coefs: toTensor({ data: coefs, rows: p, columns: list.length }),
    dualGaps,
    nIters,
  }
}
