/** A mixture of normal distributions. */
import { ValueError } from '../core/errors.js'
import { checkOptions, oneOf, type OptionNames } from '../core/options.js'
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
  rowsOfOption,
  vector,
} from './estimator.js'
import { KMeans } from './kmeans.js'

type Covariance = 'full' | 'tied' | 'diag' | 'spherical'

export interface GaussianMixtureOptions {
  /** 1 when not given. */
  nComponents?: number
  /** One covariance matrix for each ('full', the default), for all ('tied'), only variances ('diag'), or one ('spherical'). */
  covarianceType?: Covariance
  /** Ends when the mean log-likelihood changes by less; 1e-3 when not given. */
  tol?: number
  /** Added to the variances; 1e-6 when not given. */
  regCovar?: number
  /** 100 when not given. */
  maxIter?: number
  /** The start: shares, means (components, columns); by k-means when not given. */
  weightsInit?: readonly number[] | null
  meansInit?: Matrix | null
  /** Of k-means; 0 when not given. */
  seed?: number
}
const names: OptionNames<GaussianMixtureOptions> = {
  nComponents: true,
  covarianceType: true,
  tol: true,
  regCovar: true,
  maxIter: true,
  weightsInit: true,
  meansInit: true,
  seed: true,
}
interface MixtureLearned extends Learned {
  weights: Float64Array
  means: Float64Array
  /** p x p for each component; for 'tied' the same for all. */
  covariances: Float64Array
  /** The inverse of the Cholesky factors, lower triangles. */
  factors: Float64Array
  logDets: Float64Array
  columns: number
  iterations: number
  lowerBound: number
  converged: boolean
}

/** L⁻¹ and ln |L⁻¹| of C = L Lᵀ. @throws ValueError when C is not positive definite */
function inverseCholesky(
  c: Float64Array,
  p: number,
  op: string,
): { factor: Float64Array; logDet: number } {
  const l = new Float64Array(p * p)
  const inverse = new Float64Array(p * p)
  let logDet = 0
  for (let i = 0; i < p; i++)
    for (let j = 0; j <= i; j++) {
      let s = c[i * p + j]!
      for (let k = 0; k < j; k++) s -= l[i * p + k]! * l[j * p + k]!
      if (i === j) {
        if (!(s > 0))
          throw new ValueError({
            op,
            rule: 'the covariance of each component must be positive definite',
            got: `a pivot of ${s}`,
            fix: 'Use fewer components, or a larger regCovar.',
          })
        l[i * p + i] = Math.sqrt(s)
        logDet -= 0.5 * Math.log(s)
      } else l[i * p + j] = s / l[j * p + j]!
    }
  for (let j = 0; j < p; j++) {
    inverse[j * p + j] = 1 / l[j * p + j]!
    for (let i = j + 1; i < p; i++) {
      let s = 0
      for (let k = j; k < i; k++) s -= l[i * p + k]! * inverse[k * p + j]!
      inverse[i * p + j] = s / l[i * p + i]!
    }
  }
  return { factor: inverse, logDet }
}

/**
 * P(x) = Σ πₖ N(x; μₖ, Σₖ), learned by expectation and maximization from the clusters of k-means until the mean log-likelihood
 * hardly changes; regCovar on the diagonals keeps the covariances positive definite.
 * https://scikit-learn.org/stable/modules/generated/sklearn.mixture.GaussianMixture.html
 * @throws ValueError for fewer rows than components, numbers that are not finite, and covariances that are not positive definite
 * @example new GaussianMixture({ nComponents: 2 }).fit([[0], [1], [10], [11]]).predict([[0.5], [10.5]]).sum() // 1
 */
export class GaussianMixture extends Estimator<MixtureLearned> {
  readonly kind = 'GaussianMixture'
  protected readonly fields = [
    'weights',
    'means',
    'covariances',
    'factors',
    'logDets',
    'columns',
    'iterations',
    'lowerBound',
    'converged',
  ] as const
  private readonly o: Required<Omit<GaussianMixtureOptions, 'meansInit'>> & {
    meansInit: number[][] | null
  }
  constructor(options: GaussianMixtureOptions = {}) {
    super()
    const op = 'GaussianMixture'
    const { meansInit = null, ...given } = checkOptions(op, options, names)
    this.o = {
      nComponents: 1,
      covarianceType: 'full',
      tol: 1e-3,
      regCovar: 1e-6,
      maxIter: 100,
      weightsInit: null,
      seed: 0,
      ...given,
      meansInit: meansInit === null ? null : rowsOfOption(op, meansInit),
    }
    requireOptions(
      op,
      { ...this.o },
      {
        nComponents: kinds.count,
        covarianceType: oneOf('full', 'tied', 'diag', 'spherical'),
        tol: kinds.nonNegative,
        regCovar: kinds.nonNegative,
        maxIter: kinds.count,
        seed: kinds.seed,
        weightsInit: {
          rule: `${this.o.nComponents} shares that add up to 1`,
          holds: (v) =>
            v === null ||
            (Array.isArray(v) &&
              v.length === this.o.nComponents &&
              v.every((w) => w >= 0) &&
              Math.abs(v.reduce((a: number, b: number) => a + b, 0) - 1) < 1e-6),
        },
        meansInit: {
          rule: `a row for each of the ${this.o.nComponents} components`,
          holds: (v) => v === null || (v as number[][]).length === this.o.nComponents,
        },
      },
    )
  }
  getOptions(): GaussianMixtureOptions {
    return { ...this.o }
  }
  fit(x: Matrix): this {
    const t = matrixIn(this.kind, x)
    const [n, p] = t.shape as [number, number]
    const { nComponents: k, maxIter, tol, seed, meansInit, weightsInit } = this.o
    requireRows(this.kind, n, Math.max(2, k), `nComponents ${k}`)
    if (meansInit && meansInit[0]!.length !== p)
      throw new ValueError({
        op: this.kind,
        rule: `meansInit must have the ${p} columns of x`,
        got: `${meansInit[0]!.length}`,
      })
    const labels = new KMeans({ nClusters: k, seed }).fit(t).labels.toTypedArray() as Int32Array
    const shares = new Float64Array(n * k)
    labels.forEach((c, i) => {
      shares[i * k + c] = 1
    })
    // As scikit-learn: covariances are those of the clusters of k-means, whatever means are given.
    let state = this.maximize(t, shares)
    if (meansInit) state = { ...state, means: Float64Array.from(meansInit.flat()) }
    if (weightsInit) state = { ...state, weights: Float64Array.from(weightsInit) }
    let bound = Number.NEGATIVE_INFINITY
    let iterations = 0
    let converged = false
    while (iterations < maxIter && !converged) {
      const last = bound
      const { logs, shares: now } = this.expect(t, state)
      bound = logs.reduce((a, b) => a + b, 0) / n
      state = this.maximize(t, now)
      iterations++
      converged = Math.abs(bound - last) < tol
    }
    this.learned = { ...state, columns: p, iterations, lowerBound: bound, converged }
    return this
  }
  /** ln P(x) of each row, and the share of each component in it. */
  private expect(
    x: Tensor,
    {
      weights,
      means,
      factors,
      logDets,
    }: Pick<MixtureLearned, 'weights' | 'means' | 'factors' | 'logDets'>,
  ): { logs: Float64Array; shares: Float64Array } {
    const [n, p] = x.shape as [number, number]
    const k = weights.length
    const shares = new Float64Array(n * k)
    for (let c = 0; c < k; c++) {
      const center = tensor(means.slice(c * p, (c + 1) * p), { dtype: 'float64', shape: [1, p] })
      const z = matmul(
        x.sub(center),
        matrix(factors.slice(c * p * p, (c + 1) * p * p), p).transpose(0, 1),
      )
      const far = z.mul(z).sum(1).toTypedArray() as Float64Array
      const base = Math.log(weights[c]!) + logDets[c]! - 0.5 * p * Math.log(2 * Math.PI)
      for (let i = 0; i < n; i++) shares[i * k + c] = base - 0.5 * far[i]!
    }
    const logs = new Float64Array(n)
    for (let i = 0; i < n; i++) {
      let top = Number.NEGATIVE_INFINITY
      for (let c = 0; c < k; c++) if (shares[i * k + c]! > top) top = shares[i * k + c]!
      let s = 0
      for (let c = 0; c < k; c++) s += Math.exp(shares[i * k + c]! - top)
      const log = top + Math.log(s)
      logs[i] = log
      for (let c = 0; c < k; c++) shares[i * k + c] = Math.exp(shares[i * k + c]! - log)
    }
    return { logs, shares }
  }
  private maximize(
    x: Tensor,
    shares: Float64Array,
  ): Pick<MixtureLearned, 'weights' | 'means' | 'covariances' | 'factors' | 'logDets'> {
    const [n, p] = x.shape as [number, number]
    const k = shares.length / n
    const { covarianceType: type, regCovar } = this.o
    const sizes = new Float64Array(k).fill(10 * Number.EPSILON)
    for (let i = 0; i < shares.length; i++) sizes[i % k]! += shares[i]!
    const r = matrix(shares, k)
    const means = Float64Array.from(
      matmul(r.transpose(0, 1), x).toTypedArray() as Float64Array,
      (v, i) => v / sizes[Math.floor(i / p)]!,
    )
    const covariances = new Float64Array(k * p * p)
    for (let c = 0; c < k; c++) {
      const center = tensor(means.slice(c * p, (c + 1) * p), { dtype: 'float64', shape: [1, p] })
      const d = x.sub(center)
      const weighted = d.mul(r.narrow(1, c, 1))
      const at = c * p * p
      const own = covariances.subarray(at, at + p * p)
      if (type === 'full' || type === 'tied') {
        own.set(matmul(weighted.transpose(0, 1), d).toTypedArray() as Float64Array)
        for (let i = 0; i < own.length; i++) own[i]! /= sizes[c]!
      } else {
        const v = weighted.mul(d).sum(0).toTypedArray() as Float64Array
        const mean = v.reduce((a, b) => a + b, 0) / p
        for (let j = 0; j < p; j++) own[j * p + j] = (type === 'diag' ? v[j]! : mean) / sizes[c]!
      }
    }
    if (type === 'tied') {
      const all = sizes.reduce((a, b) => a + b, 0)
      const mixed = new Float64Array(p * p)
      for (let i = 0; i < covariances.length; i++)
        mixed[i % (p * p)]! += (covariances[i]! * sizes[Math.floor(i / (p * p))]!) / all
      for (let c = 0; c < k; c++) covariances.set(mixed, c * p * p)
    }
    const factors = new Float64Array(k * p * p)
    const logDets = new Float64Array(k)
    for (let c = 0; c < k; c++) {
      for (let j = 0; j < p; j++) covariances[c * p * p + j * p + j]! += regCovar
      const made = inverseCholesky(covariances.subarray(c * p * p, (c + 1) * p * p), p, this.kind)
      factors.set(made.factor, c * p * p)
      logDets[c] = made.logDet
    }
    const total = sizes.reduce((a, b) => a + b, 0)
    return { weights: sizes.map((v) => v / total), means, covariances, factors, logDets }
  }
  /** ln P(x) of each row, shape (N). */
  scoreSamples(x: Matrix): Tensor {
    return vector(this.expect(matrixIn(this.kind, x, this.got.columns), this.got).logs)
  }
  /** The mean of ln P(x). */
  score(x: Matrix): number {
    const { logs } = this.expect(matrixIn(this.kind, x, this.got.columns), this.got)
    return logs.reduce((a, b) => a + b, 0) / logs.length
  }
  /** The share of each component in each row, shape (N, components). */
  predictProba(x: Matrix): Tensor {
    return matrix(
      this.expect(matrixIn(this.kind, x, this.got.columns), this.got).shares,
      this.got.weights.length,
    )
  }
  /** The component of the largest share, int32, shape (N). */
  predict(x: Matrix): Tensor {
    return this.predictProba(x).argmax(1).to('int32')
  }
  private get parameters(): number {
    const { weights, columns: p } = this.got
    const k = weights.length
    const of = { full: (k * p * (p + 1)) / 2, tied: (p * (p + 1)) / 2, diag: k * p, spherical: k }
    return of[this.o.covarianceType] + k * p + k - 1
  }
  /** Bayesian information criterion, −2 ln L + parameters ln N: the least is best. */
  bic(x: Matrix): number {
    const n = matrixIn(this.kind, x).shape[0]!
    return -2 * this.score(x) * n + this.parameters * Math.log(n)
  }
  /** Akaike's information criterion, −2 ln L + 2 parameters. */
  aic(x: Matrix): number {
    return -2 * this.score(x) * matrixIn(this.kind, x).shape[0]! + 2 * this.parameters
  }
  get weights(): Tensor {
    return vector(this.got.weights)
  }
  /** Shape (components, columns). */
  get means(): Tensor {
    return matrix(this.got.means, this.got.columns)
  }
  /** Shape (components, columns, columns) for every covarianceType. */
  get covariances(): Tensor {
    const { columns: p, covariances, weights } = this.got
    return tensor(covariances, { dtype: 'float64', shape: [weights.length, p, p] })
  }
  get nIter(): number {
    return this.got.iterations
  }
  get converged(): boolean {
    return this.got.converged
  }
  /** The mean of ln P(x) before the last step. */
  get lowerBound(): number {
    return this.got.lowerBound
  }
}
