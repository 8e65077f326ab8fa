/** Principal components. */
import { ValueError } from '../core/errors.js'
import { checkOptions, oneOf, type OptionNames, showValue } from '../core/options.js'
import { eigh, qr, svd } from '../linalg/index.js'
import { matmul } from '../ops/linalg.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import type { Matrix } from '../tensor/values.js'
import {
  Estimator,
  type Learned,
  matrix,
  matrixIn,
  options as kinds,
  requireOptions,
  requireRows,
  vector,
} from './estimator.js'
import { Random } from './random.js'
import { type Scatter, scatterOf, together } from './scatter.js'

export interface PCAOptions {
  /** How many, or below 1 the share of the variance that they must explain; all when not given. */
  nComponents?: number | null
  /** Divides the transformed columns by their deviation, so that each has variance 1; false when not given. */
  whiten?: boolean
  /**
   * 'full': SVD of the centered rows; 'covariance': eigenvectors of their covariance, fast for many rows; 'randomized'
   * (Halko and others, 2009): approximate. 'auto' (the default): 'covariance' for up to 1,000 columns and ten times as many
   * rows, 'randomized' for less than 80 % of the components of more than 500 rows and columns, else 'full'.
   */
  svdSolver?: 'auto' | 'full' | 'covariance' | 'randomized'
  /** Of 'randomized': power iterations; 'auto' when not given (7 for few components, else 4). */
  iteratedPower?: number | 'auto'
  /** Of 'randomized': more directions than asked for; 10 when not given. */
  nOversamples?: number
  /** Of 'randomized'; 0 when not given. */
  seed?: number
}
const names: OptionNames<PCAOptions> = {
  nComponents: true,
  whiten: true,
  svdSolver: true,
  iteratedPower: true,
  nOversamples: true,
  seed: true,
}
interface PCALearned extends Learned {
  mean: Float64Array
  components: Float64Array
  variance: Float64Array
  /** The variance of all columns together. */
  total: number
  rows: number
  noise: number
  /** Mean and sums of products of all rows so far, of which `partialFit` goes on; null after `fit`. */
  sums: Float64Array | null
}

/** Directions with their variances, descending. */
interface Found {
  components: Float64Array
  variance: Float64Array
}

/** The largest number of each direction is positive, by size: the rule of scikit-learn since 1.5 (svd_flip by V). */
function flipped(components: Float64Array, p: number): Float64Array {
  for (let from = 0; from < components.length; from += p) {
    let best = from
    for (let j = from; j < from + p; j++)
      if (Math.abs(components[j]!) > Math.abs(components[best]!)) best = j
    if (components[best]! < 0) for (let j = from; j < from + p; j++) components[j] = -components[j]!
  }
  return components
}

function byCovariance({ products, rows, mean }: Scatter, most: number): Found {
  const p = mean.length
  const [w, v] = eigh(
    matrix(
      products.map((s) => s / (rows - 1)),
      p,
    ),
  )
  const values = w.toTypedArray() as Float64Array
  const vectors = v.toTypedArray() as Float64Array
  const components = new Float64Array(most * p)
  const variance = new Float64Array(most)
  for (let k = 0; k < most; k++) {
    const column = p - 1 - k
    variance[k] = Math.max(0, values[column]!)
    for (let j = 0; j < p; j++) components[k * p + j] = vectors[j * p + column]!
  }
  return { components, variance }
}

/**
 * The directions in which rows differ most: eigenvectors of their covariance (divisor N − 1), by descending variance.
 * Sign: the largest number of each direction, by size, is positive. `partialFit` adds rows, exactly as if 'covariance' had
 * seen all of them.
 * https://scikit-learn.org/stable/modules/generated/sklearn.decomposition.PCA.html
 * @throws ValueError for one row, numbers that are not finite, and more components than rows or columns
 * @example new PCA({ nComponents: 1 }).fit([[0, 0], [1, 1], [2, 2]]).components // [[0.7071, 0.7071]]
 */
export class PCA extends Estimator<PCALearned> {
  readonly kind = 'PCA'
  protected readonly fields = [
    'mean',
    'components',
    'variance',
    'total',
    'rows',
    'noise',
    'sums',
  ] as const
  private readonly o: Required<PCAOptions>
  constructor(options: PCAOptions = {}) {
    super()
    const op = 'PCA'
    this.o = {
      nComponents: null,
      whiten: false,
      svdSolver: 'auto',
      iteratedPower: 'auto',
      nOversamples: 10,
      seed: 0,
      ...checkOptions(op, options, names),
    }
    requireOptions(
      op,
      { ...this.o },
      {
        nComponents: {
          rule: 'a whole number from 1 up, a share between 0 and 1, or null',
          holds: (v) =>
            v === null || kinds.count.holds(v) || (typeof v === 'number' && v > 0 && v < 1),
        },
        whiten: kinds.flag,
        svdSolver: oneOf('auto', 'full', 'covariance', 'randomized'),
        iteratedPower: {
          rule: "'auto' or a whole number from 0 up",
          holds: (v) => v === 'auto' || kinds.size.holds(v),
        },
        nOversamples: kinds.size,
        seed: kinds.seed,
      },
    )
  }
  getOptions(): PCAOptions {
    return { ...this.o }
  }
  private solverFor(n: number, p: number): Exclude<PCAOptions['svdSolver'], 'auto' | undefined> {
    const { svdSolver, nComponents } = this.o
    if (svdSolver !== 'auto') return svdSolver
    if (p <= 1000 && n >= 10 * p) return 'covariance'
    const few = nComponents !== null && nComponents >= 1 && nComponents < 0.8 * Math.min(n, p)
    return Math.max(n, p) > 500 && few ? 'randomized' : 'full'
  }
  /** @throws ValueError for more components than there can be */
  private most(n: number, p: number): number {
    const { nComponents } = this.o
    const all = Math.min(n, p)
    if (nComponents === null || nComponents < 1) return all
    if (nComponents > all)
      throw new ValueError({
        op: this.kind,
        rule: `nComponents must be at most ${all}, the less of rows and columns`,
        got: `${nComponents}`,
      })
    return nComponents
  }
  fit(x: Matrix): this {
    const t = matrixIn(this.kind, x)
    const [n, p] = t.shape as [number, number]
    requireRows(this.kind, n, 2, 'a variance')
    const solver = this.solverFor(n, p)
    if (solver === 'covariance') return this.keep(scatterOf(t), null)
    const most = this.most(n, p)
    const mean = Float64Array.from(t.mean(0).toTypedArray() as Float64Array)
    const centered = t.sub(tensor(mean, { dtype: 'float64', shape: [1, p] }))
    const total = centered.mul(centered).sum().item() / (n - 1)
    const [s, vh] =
      solver === 'full'
        ? svd(centered, { fullMatrices: false }).slice(1)
        : this.randomized(centered, most)
    const variance = (s!.toTypedArray() as Float64Array).map((v) => (v * v) / (n - 1))
    const components = Float64Array.from(vh!.toTypedArray() as Float64Array)
    const rank = Math.min(n, p)
    return this.take({ components, variance }, mean, total, n, rank, null)
  }
  partialFit(x: Matrix): this {
    const before = this.learned
    if (before && before.sums === null)
      throw new ValueError({
        op: this.kind,
        rule: 'partialFit goes on from partialFit',
        got: 'a model that fit made',
        fix: 'Call partialFit for the first rows too.',
      })
    const t = matrixIn(this.kind, x, before?.mean.length)
    const p = t.shape[1]!
    let now = scatterOf(t)
    if (before?.sums)
      now = together(
        { rows: before.rows, mean: before.sums.subarray(0, p), products: before.sums.subarray(p) },
        now,
      )
    requireRows(this.kind, now.rows, 2, 'a variance')
    const sums = new Float64Array(p + p * p)
    sums.set(now.mean)
    sums.set(now.products, p)
    return this.keep(now, sums)
  }
  private keep(scatter: Scatter, sums: Float64Array | null): this {
    const p = scatter.mean.length
    const rank = Math.min(scatter.rows, p)
    this.most(scatter.rows, p)
    let total = 0
    for (let j = 0; j < p; j++) total += scatter.products[j * p + j]!
    return this.take(
      byCovariance(scatter, rank),
      scatter.mean,
      total / (scatter.rows - 1),
      scatter.rows,
      rank,
      sums,
    )
  }
  private take(
    found: Found,
    mean: Float64Array,
    total: number,
    rows: number,
    rank: number,
    sums: Float64Array | null,
  ): this {
    const p = mean.length
    const { nComponents } = this.o
    const { variance } = found
    let k = nComponents === null ? variance.length : nComponents
    if (nComponents !== null && nComponents < 1) {
      // The fewest that explain more than this share.
      let s = 0
      k = 0
      while (k < variance.length && (k === 0 || s <= nComponents * total)) s += variance[k++]!
    }
    k = Math.min(k, variance.length)
    let kept = 0
    for (let i = 0; i < k; i++) kept += variance[i]!
    this.learned = {
      mean,
      components: flipped(found.components.slice(0, k * p), p),
      variance: variance.slice(0, k),
      total,
      rows,
      noise: k < rank ? Math.max(0, total - kept) / (rank - k) : 0,
      sums,
    }
    return this
  }
  /** Singular values and directions of the range of the rows, found by random directions. */
  private randomized(x: Tensor, k: number): [s: Tensor, vh: Tensor] {
    const [n, p] = x.shape as [number, number]
    const { nOversamples, iteratedPower, seed } = this.o
    const size = Math.min(k + nOversamples, n, p)
    const power = iteratedPower === 'auto' ? (k < 0.1 * Math.min(n, p) ? 7 : 4) : iteratedPower
    const random = new Random(seed)
    const xt = x.transpose(0, 1)
    let q = matrix(
      Float64Array.from({ length: p * size }, () => random.normal()),
      size,
    )
    for (let i = 0; i < power; i++) q = qr(matmul(xt, qr(matmul(x, q))[0]))[0]
    const basis = qr(matmul(x, q))[0]
    const [, s, vh] = svd(matmul(basis.transpose(0, 1), x), { fullMatrices: false })
    return [s.narrow(0, 0, k), vh.narrow(0, 0, k)]
  }
  /** (x − mean) Vᵀ, divided by the deviations with `whiten`; shape (N, components). */
  transform(x: Matrix): Tensor {
    const { mean, components, variance } = this.got
    const p = mean.length
    const t = matrixIn(this.kind, x, p).sub(tensor(mean, { dtype: 'float64', shape: [1, p] }))
    const y = matmul(t, matrix(components, p).transpose(0, 1))
    return this.o.whiten ? y.div(vector(this.deviations(variance))) : y
  }
  /** A direction without variance is not blown up. */
  private deviations(variance: Float64Array): Float64Array {
    const least = Number.EPSILON * (variance[0] ?? 0)
    return variance.map((v) => (v > least ? Math.sqrt(v) : 1))
  }
  fitTransform(x: Matrix): Tensor {
    return this.fit(x).transform(x)
  }
  /** The rows of which the components are these, but for what other components hold. */
  inverseTransform(y: Matrix): Tensor {
    const { mean, components, variance } = this.got
    const p = mean.length
    const t = matrixIn(this.kind, y, variance.length)
    const scaled = this.o.whiten ? t.mul(vector(this.deviations(variance))) : t
    return matmul(scaled, matrix(components, p)).add(
      tensor(mean, { dtype: 'float64', shape: [1, p] }),
    )
  }
  /** Shape (components, columns). */
  get components(): Tensor {
    return matrix(this.got.components, this.got.mean.length)
  }
  get mean(): Tensor {
    return vector(this.got.mean)
  }
  /** The variance along each component, divisor N − 1. */
  get explainedVariance(): Tensor {
    return vector(this.got.variance)
  }
  /** Its share of the variance of all columns. */
  get explainedVarianceRatio(): Tensor {
    const { variance, total } = this.got
    return vector(variance.map((v) => (total > 0 ? v / total : 0)))
  }
  get singularValues(): Tensor {
    const { variance, rows } = this.got
    return vector(variance.map((v) => Math.sqrt(v * (rows - 1))))
  }
  /** The mean variance of the directions that were left out (Tipping and Bishop, 1999). */
  get noiseVariance(): number {
    return this.got.noise
  }
  /** The mean log-likelihood of the rows under the probabilistic model of Tipping and Bishop. */
  score(x: Matrix): number {
    const { mean, components, variance, noise } = this.got
    const p = mean.length
    const k = variance.length
    const t = matrixIn(this.kind, x, p).sub(tensor(mean, { dtype: 'float64', shape: [1, p] }))
    if (k < p && !(noise > 0))
      throw new ValueError({
        op: 'PCA.score',
        rule: 'the directions that were left out must have variance',
        got: showValue(noise),
      })
    const y = matmul(t, matrix(components, p).transpose(0, 1))
    const along = y.mul(y).sum(0).toTypedArray() as Float64Array
    const rest = t.mul(t).sum().item()
    const n = t.shape[0]!
    let inside = 0
    let logs = (p - k) * Math.log(noise || 1)
    for (let i = 0; i < k; i++) {
      inside += along[i]! / variance[i]!
      logs += Math.log(variance[i]!)
    }
    const outside = k < p ? (rest - along.reduce((a, b) => a + b, 0)) / noise : 0
    return -0.5 * (p * Math.log(2 * Math.PI) + logs + (inside + outside) / n)
  }
}
