/** Linear models with a squared error: in closed form and by gradient descent. */
import { checkOptions, type OptionNames, orNull } from '../core/options.js'
import { ValueError } from '../core/errors.js'
import { weightsIn, type WeightOptions } from '../data/weights.js'
import { qr, solve, svd } from '../linalg/index.js'
import { concat } from '../ops/join.js'
import type { Tensor } from '../ops/tensor.js'
import { ones } from '../tensor/creation.js'
import type { Matrix, Numbers } from '../tensor/values.js'
import {
  type Learned,
  matrix,
  matrixIn,
  options as kinds,
  requireOptions,
  tableIn,
  targetsIn,
  vector,
} from './estimator.js'
import { Random } from './random.js'
import { Regressor } from './regressor.js'

/** A weight for each column, and what is added. */
export interface LinearState extends Learned {
  coef: Float64Array
  intercept: number
}

/** ŷ = X w + b. */
export abstract class LinearRegressor<L extends Learned & LinearState> extends Regressor<L> {
  /** The weight of each column, shape (columns). */
  get coef(): Tensor {
    return vector(this.got.coef)
  }
  get intercept(): number {
    return this.got.intercept
  }
  /** Shape (N). */
  predict(x: Matrix): Tensor {
    const { coef, intercept } = this.got
    return matrixIn(this.kind, x, coef.length).matmul(vector(coef)).add(intercept)
  }
}

/**
 * All that least squares must know of rows (1, x, y): the triangle R of their QR decomposition. Rows that come later
 * are decomposed together with it, which gives the triangle of all rows; nothing is squared, so no digits are lost.
 */
export class Triangle {
  /** (columns + 2) x (columns + 2), row by row. */
  readonly r: Float64Array
  readonly rows: number
  constructor(r: Float64Array, rows: number) {
    this.r = r
    this.rows = rows
  }
  /** A row of weight w counts as √w of it. */
  static of(x: Tensor, y: Float64Array, weights?: Float64Array, before?: Triangle): Triangle {
    const [rows, columns] = x.shape as [number, number]
    const width = columns + 2
    let parts = concat([ones([rows, 1], { dtype: 'float64' }), x, matrix(y, 1)], 1)
    if (weights) parts = parts.mul(matrix(weights.map(Math.sqrt), 1))
    const all = before ? concat([matrix(before.r, width), parts], 0) : parts
    const top = qr(all, { mode: 'r' })[1].toTypedArray() as Float64Array
    const r = new Float64Array(width * width)
    r.set(top)
    return new Triangle(r, rows + (before?.rows ?? 0))
  }
  get columns(): number {
    return Math.sqrt(this.r.length) - 2
  }
  /** The part below and right of the intercept, or of all but y: its Gram matrix is that of the (centered) columns. */
  system(fitIntercept: boolean): { a: Tensor; b: Float64Array } {
    const p = this.columns
    const width = p + 2
    // Without an intercept the ones are just another column, which has to be left out of the triangle.
    const from = fitIntercept ? 1 : 0
    const height = width - from
    const a = new Float64Array(height * p)
    const b = new Float64Array(height)
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < p; j++) a[i * p + j] = this.r[(i + from) * width + 1 + j]!
      b[i] = this.r[(i + from) * width + width - 1]!
    }
    return { a: matrix(a, p), b }
  }
  /** b = ȳ − x̄ᵀ w. */
  intercept(coef: Float64Array): number {
    const head = this.r[0]!
    let s = this.r[this.columns + 1]!
    for (let j = 0; j < coef.length; j++) s -= this.r[1 + j]! * coef[j]!
    return s / head
  }
}

/** The w of least norm that minimizes ‖A w − b‖² + α ‖w‖². */
export function leastSquares(a: Tensor, b: Float64Array, alpha = 0): Float64Array {
  const p = a.shape[1]!
  const target = matrix(b, 1)
  if (alpha > 0) {
    const gram = a.transpose(0, 1).matmul(a)
    const data = gram.toTypedArray() as Float64Array
    for (let j = 0; j < p; j++) data[j * p + j]! += alpha
    const w = solve(matrix(data, p), a.transpose(0, 1).matmul(target))
    return Float64Array.from(w.toTypedArray() as Float64Array)
  }
  const [u, s, vh] = svd(a, { fullMatrices: false })
  const singular = s.toTypedArray() as Float64Array
  const least = Math.max(...a.shape) * Number.EPSILON * (singular[0] ?? 0)
  const along = u.transpose(0, 1).matmul(target).toTypedArray() as Float64Array
  const scaled = Float64Array.from(along, (v, k) => (singular[k]! > least ? v / singular[k]! : 0))
  return Float64Array.from(
    vh.transpose(0, 1).matmul(matrix(scaled, 1)).toTypedArray() as Float64Array,
  )
}

/** Weights of which the mean is 1. */
export function shares(weights: Float64Array | undefined): Float64Array | undefined {
  if (!weights) return undefined
  const mean = weights.reduce((a, b) => a + b, 0) / weights.length
  return weights.map((w) => w / mean)
}

/** w and b of all rows, of which these are the last targets. A constant y gives exactly w 0 and b y, so that R² is 1. */
function weightsOf(
  triangle: Triangle,
  targets: Float64Array,
  fitIntercept: boolean,
  alpha: number,
): { coef: Float64Array; intercept: number } {
  if (fitIntercept && triangle.rows === targets.length && targets.every((v) => v === targets[0]))
    return { coef: new Float64Array(triangle.columns), intercept: targets[0]! }
  const { a, b } = triangle.system(fitIntercept)
  const coef = leastSquares(a, b, alpha)
  return { coef, intercept: fitIntercept ? triangle.intercept(coef) : 0 }
}

export interface LinearRegressionOptions {
  /** Learns what is added, b; true when not given. */
  fitIntercept?: boolean
  /** 'exact' when not given: in closed form. 'gradientDescent' takes steps against the gradient. */
  solver?: 'exact' | 'gradientDescent'
  /** Of gradient descent, rows of a step: all when not given (batch), 1 (stochastic), or so many (mini-batch). */
  batchSize?: number | null
  /** Of gradient descent: the length of a step; 0.01 when not given. */
  lr?: number
  /** Of gradient descent: most passes over the data; 1,000 when not given. */
  maxIter?: number
  /** Of gradient descent: ends when the loss of a pass falls by less than tol times itself; 1e-6 when not given, 0 never. */
  tol?: number
  /** Of gradient descent: the order of the rows; 0 when not given. */
  seed?: number
}
const linearOptions: OptionNames<LinearRegressionOptions> = {
  fitIntercept: true,
  solver: true,
  batchSize: true,
  lr: true,
  maxIter: true,
  tol: true,
  seed: true,
}
interface LinearLearned extends LinearState {
  triangle: Float64Array | null
  rows: number
  losses: Float64Array
  passes: number
}

/**
 * min ‖y − X w − b‖², in closed form (by QR and SVD: of several solutions the w of least norm), or by gradient descent
 * on the mean squared error, L = Σ(ŷ − y)² / N, from 0: w ← w − lr ∂L/∂w over the rows of a batch. `losses` are those of
 * the passes. `partialFit` adds rows: in closed form exactly as if `fit` had seen all of them, else one pass more.
 * https://scikit-learn.org/stable/modules/generated/sklearn.linear_model.LinearRegression.html
 * @throws ValueError for numbers that are not finite, and descent that diverges
 * @example new LinearRegression().fit([[0], [1], [2]], [1, 3, 5]).predict([[10]]) // [21]
 */
export class LinearRegression extends LinearRegressor<LinearLearned> {
  readonly kind = 'LinearRegression'
  protected readonly fields = ['coef', 'intercept', 'triangle', 'rows', 'losses', 'passes'] as const
  private readonly o: Required<LinearRegressionOptions>
  constructor(options: LinearRegressionOptions = {}) {
    super()
    const given = checkOptions('LinearRegression', options, linearOptions)
    this.o = {
      fitIntercept: true,
      solver: 'exact',
      batchSize: null,
      lr: 0.01,
      maxIter: 1000,
      tol: 1e-6,
      seed: 0,
      ...given,
    }
    requireOptions(
      'LinearRegression',
      { ...this.o },
      {
        fitIntercept: kinds.flag,
        solver: {
          rule: "'exact' or 'gradientDescent'",
          holds: (v) => v === 'exact' || v === 'gradientDescent',
        },
        batchSize: orNull(kinds.count),
        lr: kinds.positive,
        maxIter: kinds.count,
        tol: kinds.nonNegative,
        seed: kinds.seed,
      },
    )
  }
  getOptions(): LinearRegressionOptions {
    return { ...this.o }
  }
  /** The mean squared error of each pass of gradient descent, before its last step. */
  get losses(): readonly number[] {
    return [...this.got.losses]
  }
  fit(x: Matrix, y: Numbers, options?: WeightOptions): this {
    this.learned = undefined
    return this.learn(x, y, this.o.maxIter, options)
  }
  partialFit(x: Matrix, y: Numbers, options?: WeightOptions): this {
    return this.learn(x, y, 1, options)
  }
  private learn(x: Matrix, y: Numbers, passes: number, options?: WeightOptions): this {
    return this.o.solver === 'exact'
      ? this.exactly(x, y, options)
      : this.descend(x, y, passes, options)
  }
  private exactly(x: Matrix, y: Numbers, options?: WeightOptions): this {
    const t = matrixIn(this.kind, x, this.learned?.coef.length)
    const targets = targetsIn(this.kind, y, t.shape[0]!)
    const before = this.learned?.triangle
      ? new Triangle(this.learned.triangle, this.learned.rows)
      : undefined
    const weights = weightsIn(this.kind, options, targets.length)
    const triangle = Triangle.of(t, targets, weights, before)
    this.learned = {
      ...weightsOf(triangle, targets, this.o.fitIntercept, 0),
      triangle: triangle.r,
      rows: triangle.rows,
      losses: new Float64Array(0),
      passes: 0,
    }
    return this
  }
  private descend(x: Matrix, y: Numbers, most: number, options?: WeightOptions): this {
    const table = tableIn(this.kind, x, this.learned?.coef.length)
    const { data, rows, columns } = table
    const targets = targetsIn(this.kind, y, rows)
    const { lr, tol, seed, fitIntercept } = this.o
    const weights = shares(weightsIn(this.kind, options, rows))
    const size = Math.min(rows, this.o.batchSize ?? rows)
    const coef = this.learned ? Float64Array.from(this.learned.coef) : new Float64Array(columns)
    let intercept = this.learned?.intercept ?? 0
    const passes = this.learned?.passes ?? 0
    const losses: number[] = this.learned ? [...this.learned.losses] : []
    const gradient = new Float64Array(columns)
    for (let pass = 0; pass < most; pass++) {
      const order =
        size < rows ? new Random(seed + (passes + pass) * 2 ** 32).order(rows) : undefined
      let loss = 0
      for (let from = 0; from < rows; from += size) {
        const to = Math.min(rows, from + size)
        gradient.fill(0)
        let shift = 0
        for (let k = from; k < to; k++) {
          const i = order ? order[k]! : k
          let e = intercept - targets[i]!
          for (let j = 0; j < columns; j++) e += data[i * columns + j]! * coef[j]!
          // w e is the slope of w e² / 2.
          const w = weights ? weights[i]! : 1
          loss += w * e * e
          e *= w
          shift += e
          for (let j = 0; j < columns; j++) gradient[j]! += e * data[i * columns + j]!
        }
        const step = (2 * lr) / (to - from)
        for (let j = 0; j < columns; j++) coef[j]! -= step * gradient[j]!
        if (fitIntercept) intercept -= step * shift
      }
      const last = losses.at(-1)
      losses.push(loss / rows)
      if (!Number.isFinite(loss))
        throw new ValueError({
          op: this.kind,
          rule: 'gradient descent must converge',
          got: `a loss of ${loss} in pass ${pass + 1}`,
          fix: 'Scale the columns with StandardScaler, or lower lr.',
        })
      if (tol > 0 && last !== undefined && Math.abs(last - losses.at(-1)!) <= tol * last) break
    }
    this.learned = {
      coef,
      intercept,
      triangle: null,
      rows,
      losses: Float64Array.from(losses),
      passes: losses.length,
    }
    return this
  }
}

export interface RidgeOptions {
  /** How much large weights cost; 1 when not given. */
  alpha?: number
  /** Learns what is added, b, which costs nothing; true when not given. */
  fitIntercept?: boolean
}
interface RidgeLearned extends LinearState {
  triangle: Float64Array
  rows: number
}

/**
 * min ‖y − X w − b‖² + α ‖w‖², in closed form; with weights the squares are weighted. `partialFit` adds rows, exactly as if `fit` had seen all of them.
 * https://scikit-learn.org/stable/modules/generated/sklearn.linear_model.Ridge.html
 * @throws ValueError for numbers that are not finite, and for α below 0
 * @example new Ridge({ alpha: 2 }).fit([[0], [1], [2]], [1, 3, 5]).coef // [1]
 */
export class Ridge extends LinearRegressor<RidgeLearned> {
  readonly kind = 'Ridge'
  protected readonly fields = ['coef', 'intercept', 'triangle', 'rows'] as const
  private readonly o: Required<RidgeOptions>
  constructor(options: RidgeOptions = {}) {
    super()
    const { alpha = 1, fitIntercept = true } = checkOptions('Ridge', options, [
      'alpha',
      'fitIntercept',
    ])
    this.o = { alpha, fitIntercept }
    requireOptions('Ridge', { ...this.o }, { alpha: kinds.nonNegative, fitIntercept: kinds.flag })
  }
  getOptions(): RidgeOptions {
    return { ...this.o }
  }
  fit(x: Matrix, y: Numbers, options?: WeightOptions): this {
    this.learned = undefined
    return this.partialFit(x, y, options)
  }
  partialFit(x: Matrix, y: Numbers, options?: WeightOptions): this {
    const { alpha, fitIntercept } = this.o
    const before = this.learned && new Triangle(this.learned.triangle, this.learned.rows)
    const t = matrixIn(this.kind, x, this.learned?.coef.length)
    const targets = targetsIn(this.kind, y, t.shape[0]!)
    const weights = weightsIn(this.kind, options, targets.length)
    const triangle = Triangle.of(t, targets, weights, before)
    this.learned = {
      ...weightsOf(triangle, targets, fitIntercept, alpha),
      triangle: triangle.r,
      rows: triangle.rows,
    }
    return this
  }
}
