/** k-means. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { indexSelect } from '../ops/indexing.js'
import { weightsIn, type WeightOptions } from '../data/weights.js'
import type { Tensor } from '../ops/tensor.js'
import { type Matrix, tableOf } from '../tensor/values.js'
import {
  Estimator,
  type Learned,
  matrix,
  matrixIn,
  options as kinds,
  requireOptions,
  requireRows,
  rowsOfOption,
} from './estimator.js'
import { indices, Lloyd, type Rows, rowsFrom } from './lloyd.js'
import { plusPlus } from './plusPlus.js'
import { Random } from './random.js'

export interface KMeansOptions {
  /** 8 when not given. */
  nClusters?: number
  /** 'k-means++' when not given, 'random' rows, or the centers themselves. */
  init?: 'k-means++' | 'random' | Matrix
  /** So many starts, of which the best counts: 'auto' (the default) is 1 for k-means++ and centers, 10 for random rows. */
  nInit?: number | 'auto'
  /** Most iterations of a start; 300 when not given. */
  maxIter?: number
  /** Ends when the centers move by less than tol times the mean variance of the columns (squared); 1e-4 when not given. */
  tol?: number
  /** 0 when not given. */
  seed?: number
}
const names: OptionNames<KMeansOptions> = {
  nClusters: true,
  init: true,
  nInit: true,
  maxIter: true,
  tol: true,
  seed: true,
}

interface KMeansLearned extends Learned {
  /** clusters x columns. */
  centers: Float64Array
  columns: number
  labels: Int32Array
  inertia: number
  iterations: number
  /** The rows of each cluster so far, for `partialFit`. */
  counts: Float64Array
}

/**
 * min Σ ‖xᵢ − c(xᵢ)‖² over k centers: each row to its nearest center, each center to the mean of its rows, in turn (Lloyd,
 * 1982), from k-means++ (Arthur and Vassilvitskii, 2007). A cluster without rows gets the row farthest from its center.
 * Distances that bounds rule out are not computed (Elkan, 2003), which changes no result. `partialFit` is a step of mini-batch k-means
 * (Sculley, 2010): each center is the mean of all rows that it got so far.
 * https://scikit-learn.org/stable/modules/generated/sklearn.cluster.KMeans.html
 * @throws ValueError for more clusters than rows, and numbers that are not finite
 * @example new KMeans({ nClusters: 2 }).fit([[0], [1], [10], [11]]).inertia // 1
 */
export class KMeans extends Estimator<KMeansLearned> {
  readonly kind = 'KMeans'
  protected readonly fields = [
    'centers',
    'columns',
    'labels',
    'inertia',
    'iterations',
    'counts',
  ] as const
  private readonly o: Required<Omit<KMeansOptions, 'init'>> & {
    init: 'k-means++' | 'random' | number[][]
  }
  constructor(options: KMeansOptions = {}) {
    super()
    const op = 'KMeans'
    const { init = 'k-means++', ...given } = checkOptions(op, options, names)
    const centers = typeof init === 'string' ? init : rowsOfOption(op, init)
    this.o = {
      nClusters: typeof centers === 'string' ? 8 : centers.length,
      nInit: 'auto',
      maxIter: 300,
      tol: 1e-4,
      seed: 0,
      ...given,
      init: centers,
    }
    requireOptions(
      op,
      { ...this.o },
      {
        nClusters: kinds.count,
        init: {
          rule: "'k-means++', 'random' or the centers",
          holds: (v) => v === 'k-means++' || v === 'random' || Array.isArray(v),
        },
        nInit: {
          rule: "'auto' or a whole number from 1 up",
          holds: (v) => v === 'auto' || kinds.count.holds(v),
        },
        maxIter: kinds.count,
        tol: kinds.nonNegative,
        seed: kinds.seed,
      },
    )
    if (typeof centers !== 'string' && centers.length !== this.o.nClusters)
      throw new ValueError({
        op,
        rule: `init must be a center for each of the ${this.o.nClusters} clusters`,
        got: `${centers.length}`,
      })
  }
  getOptions(): KMeansOptions {
    return { ...this.o }
  }
  private start(rows: Rows, random: Random): Float64Array {
    const { init, nClusters: k } = this.o
    const { n, p, x, offset } = rows
    if (init === 'k-means++') return plusPlus(rows, k, random)
    if (init === 'random')
      return Float64Array.from(
        indexSelect(x, 0, indices(random.order(n).slice(0, k))).toTypedArray() as Float64Array,
      )
    if (init[0]!.length !== p)
      throw new ValueError({
        op: this.kind,
        rule: `the centers of init must have the ${p} columns of x`,
        got: `${init[0]!.length}`,
      })
    return Float64Array.from(init.flat(), (v, i) => v - offset[i % p]!)
  }
  /** `y` is not looked at. */
  fit(x: Matrix, _y?: unknown, options?: WeightOptions): this {
    const t = matrixIn(this.kind, x)
    const { nClusters: k, nInit, maxIter, tol, seed, init } = this.o
    requireRows(this.kind, t.shape[0]!, k, `nClusters ${k}`)
    const weights = weightsIn(this.kind, options, t.shape[0]!)
    const rows = rowsFrom(t, weights)
    const starts =
      nInit === 'auto' ? (init === 'random' ? 10 : 1) : typeof init === 'object' ? 1 : nInit
    const random = new Random(seed)
    let best: KMeansLearned | undefined
    for (let s = 0; s < starts; s++) {
      const lloyd = new Lloyd(rows, this.start(rows, random))
      let iterations = 0
      let settled = false
      while (iterations < maxIter && !settled) {
        const first = iterations === 0
        const { moved, before } = lloyd.assign()
        // The same clusters as before have the same centers.
        settled = !first && moved.length === 0
        iterations++
        const shift = lloyd.update(moved, before)
        if (!settled && shift <= tol * rows.variance) break
      }
      if (!settled) lloyd.finish()
      const inertia = lloyd.inertiaOfSums()
      if (best && inertia >= best.inertia) continue
      const counts = new Float64Array(k)
      lloyd.labels.forEach((c, i) => {
        counts[c]! += weights ? weights[i]! : 1
      })
      best = {
        centers: lloyd.centers.map((v, i) => v + rows.offset[i % rows.p]!),
        columns: rows.p,
        labels: lloyd.labels,
        inertia,
        iterations,
        counts,
      }
    }
    this.learned = best
    return this
  }
  /** One step of mini-batch k-means: the centers become the means of all rows that they got so far. */
  partialFit(x: Matrix, _y?: unknown, options?: WeightOptions): this {
    const t = matrixIn(this.kind, x, this.learned?.columns)
    const [n, p] = t.shape as [number, number]
    const weights = weightsIn(this.kind, options, n)
    const { nClusters: k } = this.o
    if (!this.learned) {
      requireRows(this.kind, n, k, `the first call with nClusters ${k}`)
      const rows = rowsFrom(t, weights)
      const centers = this.start(rows, new Random(this.o.seed))
      this.learned = {
        centers: centers.map((v, i) => v + rows.offset[i % p]!),
        columns: p,
        labels: new Int32Array(0),
        inertia: 0,
        iterations: 0,
        counts: new Float64Array(k),
      }
    }
    const { labels, inertia } = this.assigned(t, weights)
    const { data } = tableOf(this.kind, t)
    const sums = new Float64Array(k * p)
    const fresh = new Float64Array(k)
    for (let i = 0; i < n; i++) {
      const c = labels[i]!
      const w = weights ? weights[i]! : 1
      fresh[c]! += w
      for (let j = 0; j < p; j++) sums[c * p + j]! += w * data[i * p + j]!
    }
    const { centers, counts, iterations } = this.learned
    const next = centers.map((v, i) => {
      const c = Math.floor(i / p)
      return fresh[c] === 0 ? v : (v * counts[c]! + sums[i]!) / (counts[c]! + fresh[c]!)
    })
    this.learned = {
      centers: next,
      columns: p,
      labels,
      inertia,
      iterations: iterations + 1,
      counts: counts.map((v, c) => v + fresh[c]!),
    }
    return this
  }
  private assigned(x: Tensor, weights?: Float64Array): { labels: Int32Array; inertia: number } {
    const rows = rowsFrom(x, weights)
    const { centers } = this.got
    const lloyd = new Lloyd(
      rows,
      centers.map((v, i) => v - rows.offset[i % rows.p]!),
    )
    lloyd.assign()
    return { labels: lloyd.labels, inertia: lloyd.inertia() }
  }
  /** The nearest center of each row, int32, shape (N). */
  predict(x: Matrix): Tensor {
    return indices(this.assigned(matrixIn(this.kind, x, this.got.columns)).labels)
  }
  fitPredict(x: Matrix, y?: unknown, options?: WeightOptions): Tensor {
    return this.fit(x, y, options).labels
  }
  /** The distance of each row to each center, shape (N, clusters). */
  transform(x: Matrix): Tensor {
    const { centers, columns } = this.got
    const { data, rows } = tableOf(this.kind, matrixIn(this.kind, x, columns))
    const k = centers.length / columns
    const out = new Float64Array(rows * k)
    for (let i = 0; i < rows; i++)
      for (let c = 0; c < k; c++) {
        let s = 0
        for (let j = 0; j < columns; j++)
          s += (data[i * columns + j]! - centers[c * columns + j]!) ** 2
        out[i * k + c] = Math.sqrt(s)
      }
    return matrix(out, k)
  }
  /** −Σ w ‖x − its center‖², of weights w where they are given. */
  score(x: Matrix, _y?: unknown, options?: WeightOptions): number {
    const t = matrixIn(this.kind, x, this.got.columns)
    return -this.assigned(t, weightsIn(this.kind, options, t.shape[0]!)).inertia
  }
  /** Shape (clusters, columns). */
  get clusterCenters(): Tensor {
    return matrix(this.got.centers, this.got.columns)
  }
  /** The cluster of each row that was fitted, int32. */
  get labels(): Tensor {
    return indices(this.got.labels)
  }
  /** Σ ‖x − its center‖² of the rows that were fitted. */
  get inertia(): number {
    return this.got.inertia
  }
  get nIter(): number {
    return this.got.iterations
  }
}
