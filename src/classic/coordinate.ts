/** Lasso and elastic net by coordinate descent. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { weightsIn, type WeightOptions } from '../data/weights.js'
import type { Matrix, Numbers } from '../tensor/values.js'
import {
  columnsOf,
  type Descent,
  descendColumns,
  type Limits,
  meanOf,
  type Normal,
  normalOf,
  onGram,
  residual,
  rowsOfGram,
} from './descent.js'
import { options as kinds, matrix, requireOptions, tableIn, targetsIn } from './estimator.js'
import { gramOf } from './gram.js'
import { type LinearState, LinearRegressor } from './linear.js'

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
/** What the options of elastic nets and their paths must be. */
export const netRules = {
  alpha: kinds.nonNegative,
  l1Ratio: kinds.share,
  fitIntercept: kinds.flag,
  precompute: kinds.flag,
  maxIter: kinds.count,
  tol: kinds.nonNegative,
  positive: kinds.flag,
  warmStart: kinds.flag,
}

/** The limits of a descent at this α, of the sum of squares over so many rows. */
export const limitsOf = (
  o: Required<Pick<ElasticNetOptions, 'l1Ratio' | 'maxIter' | 'tol' | 'positive'>>,
  alpha: number,
  rows: number,
): Limits => ({
  l1: alpha * o.l1Ratio * rows,
  l2: alpha * (1 - o.l1Ratio) * rows,
  maxIter: o.maxIter,
  tol: o.tol,
  positive: o.positive,
})

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
    requireOptions(op, { ...this.o }, netRules)
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
    return limitsOf(this.o, this.o.alpha, rows)
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
  fit(x: Matrix, y: Numbers, options?: WeightOptions): this {
    const { fitIntercept, precompute } = this.o
    if (precompute) {
      const n = normalOf(this.kind, x, y, fitIntercept, options)
      const w = this.start(n.xy.length)
      return this.keep(w, n, onGram(n, w, this.limits(n.rows)), null)
    }
    const c = columnsOf(this.kind, x, y, fitIntercept, options)
    const w = this.start(c.columns)
    const went = descendColumns(c, w, residual(c, w), this.limits(c.weight))
    return this.keep(w, { ...c, rows: c.weight }, went, null)
  }
  partialFit(x: Matrix, y: Numbers, options?: WeightOptions): this {
    const before = this.learned
    if (before && before.sums === null)
      throw new ValueError({
        op: this.kind,
        rule: 'partialFit goes on from partialFit',
        got: 'a model that fit made',
        fix: 'Call partialFit for the first rows too.',
      })
    const table = tableIn(this.kind, x, before?.coef.length)
    const { rows: count, columns: p } = table
    const targets = targetsIn(this.kind, y, count)
    const weights = weightsIn(this.kind, options, count) ?? new Float64Array(count).fill(1)
    const rows = weights.reduce((a, b) => a + b, 0)
    // Rows (x, y) centered, with their means: blocks are put together as Chan, Golub and LeVeque (1979) say.
    const width = p + 1
    const block = new Float64Array(count * width)
    const means = new Float64Array(width)
    for (let i = 0; i < count; i++)
      for (let j = 0; j < p; j++) means[j]! += (weights[i]! * table.data[i * p + j]!) / rows
    means[p] = meanOf(targets, weights)
    for (let i = 0; i < count; i++) {
      const root = Math.sqrt(weights[i]!)
      for (let j = 0; j < p; j++) block[i * width + j] = root * (table.data[i * p + j]! - means[j]!)
      block[i * width + p] = root * (targets[i]! - means[p]!)
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
      row: rowsOfGram(
        Float64Array.from({ length: p * p }, (_, i) => around(Math.floor(i / p), i % p)),
        p,
      ),
      xy: Float64Array.from({ length: p }, (_, j) => around(j, p)),
      yy: around(p, p),
      means: means.subarray(0, p),
      mean: means[p]!,
    }
    const w = before ? Float64Array.from(before.coef) : new Float64Array(p)
    return this.keep(w, n, onGram(n, w, this.limits(all)), sums)
  }
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
