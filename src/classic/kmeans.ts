/** k-means by Lloyd's iterations, which leave out distances that bounds show to be too large. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { matmul } from '../ops/linalg.js'
import { indexSelect } from '../ops/indexing.js'
import type { Tensor } from '../ops/tensor.js'
import { tidy } from '../tensor/tidy.js'
import { tensor } from '../tensor/creation.js'
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

/** The rows, their squared lengths, and what was taken off them to keep digits. */
interface Rows {
  x: Tensor
  n: number
  p: number
  norms: Float64Array
  offset: Float64Array
  /** The mean variance of the columns. */
  variance: number
}

function rowsFrom(x: Tensor): Rows {
  const [n, p] = x.shape as [number, number]
  const offset = Float64Array.from(x.mean(0).toTypedArray() as Float64Array)
  let norms = x.mul(x).sum(1).toTypedArray() as Float64Array
  const lengthOf = (v: Float64Array) => v.reduce((s, m) => s + m * m, 0)
  const away = lengthOf(offset)
  let spread = norms.reduce((s, v) => s + v, 0) / n - away
  let rows = x
  // Squares of numbers far from 0 would have no digits left for the distances.
  if (!(spread > 0.01 * away)) {
    rows = x.sub(tensor(offset, { dtype: 'float64', shape: [1, p] }))
    norms = rows.mul(rows).sum(1).toTypedArray() as Float64Array
    spread = norms.reduce((s, v) => s + v, 0) / n
  } else offset.fill(0)
  return { x: rows, n, p, norms, offset, variance: spread / p }
}

/** Scores of rows and centers, X Cᵀ. */
const products = (x: Tensor, centers: Float64Array, p: number): Float64Array =>
  tidy(() => matmul(x, matrix(centers, p).transpose(0, 1)).toTypedArray() as Float64Array)
const squares = (c: Float64Array, p: number): Float64Array =>
  Float64Array.from({ length: c.length / p }, (_, k) => {
    let s = 0
    for (let j = k * p; j < (k + 1) * p; j++) s += c[j]! * c[j]!
    return s
  })

/** Of many rows the work on all is cheaper than on copies of them. */
const MANY = 0.5
/** Rows that are copied at once: they stay in the cache, and their memory is used again. */
const BLOCK = 1024

/** Rows by their numbers, a block at a time, the last one filled up with row 0. */
function eachBlock(
  x: Tensor,
  list: Int32Array,
  visit: (rows: Tensor, from: number, size: number) => void,
): void {
  for (let from = 0; from < list.length; from += BLOCK) {
    const size = Math.min(BLOCK, list.length - from)
    const index = new Int32Array(Math.min(BLOCK, x.shape[0]!))
    index.set(list.subarray(from, from + size))
    tidy(() => visit(indexSelect(x, 0, indices(index)), from, size))
  }
}

/** Lloyd's iterations on one start. */
class Lloyd {
  readonly labels: Int32Array
  private readonly upper: Float64Array
  private readonly lower: Float64Array
  private readonly sums: Float64Array
  private readonly counts: Float64Array
  private readonly k: number
  private readonly rows: Rows
  centers: Float64Array
  private begun = false
  /** The sums have to be made of all rows. */
  private stale = true
  /** Distances are right to this. */
  private readonly slack: number

  constructor(rows: Rows, centers: Float64Array) {
    this.rows = rows
    this.centers = centers
    const k = centers.length / rows.p
    this.k = k
    this.labels = new Int32Array(rows.n)
    this.upper = new Float64Array(rows.n)
    this.lower = new Float64Array(rows.n * k)
    this.sums = new Float64Array(centers.length)
    this.counts = new Float64Array(k)
    let largest = 0
    for (const v of rows.norms) if (v > largest) largest = v
    this.slack = 1e-7 * Math.sqrt(largest)
  }

  /** The rows among which the nearest center of row i may have changed. */
  private doubtful(): Int32Array {
    const { k, labels, upper, lower } = this
    const { n } = this.rows
    const list = new Int32Array(n)
    let count = 0
    for (let i = 0; i < n; i++) {
      const own = labels[i]!
      const reach = upper[i]! + this.slack
      const at = i * k
      for (let c = 0; c < k; c++)
        if (lower[at + c]! < reach && c !== own) {
          list[count++] = i
          break
        }
    }
    return list.subarray(0, count)
  }

  /** The nearest center of each row; the rows that changed it, with what they had before. */
  assign(): { moved: Int32Array; before: Int32Array } {
    const { k, labels, upper, lower, rows, centers } = this
    const { n, p, norms } = rows
    const all = !this.begun
    const list = all ? undefined : this.doubtful()
    const whole = !list || list.length > MANY * n
    let scores: Float64Array
    if (whole) scores = products(rows.x, centers, p)
    else {
      scores = new Float64Array(list.length * k)
      const c = matrix(centers, p).transpose(0, 1)
      eachBlock(rows.x, list, (part, from, size) => {
        const got = matmul(part, c).toTypedArray() as Float64Array
        scores.set(got.subarray(0, size * k), from * k)
      })
    }
    const lengths = squares(centers, p)
    const moved: number[] = []
    const before: number[] = []
    const count = list ? list.length : n
    for (let q = 0; q < count; q++) {
      const i = list ? list[q]! : q
      const from = (whole ? i : q) * k
      let best = 0
      let least = Number.POSITIVE_INFINITY
      const own = norms[i]!
      for (let c = 0; c < k; c++) {
        // ‖x‖² − 2xc + ‖c‖²: the first is the same for all.
        const d = lengths[c]! - 2 * scores[from + c]!
        if (d < least) {
          least = d
          best = c
        }
        lower[i * k + c] = Math.sqrt(Math.max(d + own, 0))
      }
      upper[i] = lower[i * k + best]!
      if (best !== labels[i] || all) {
        if (!all) {
          moved.push(i)
          before.push(labels[i]!)
        }
        labels[i] = best
      }
    }
    this.begun = true
    return { moved: Int32Array.from(moved), before: Int32Array.from(before) }
  }

  /** Sums of the rows of each cluster, of all rows or by those that moved. */
  private gather(moved: Int32Array, before: Int32Array): void {
    const { k, labels, sums, counts, rows } = this
    const { n, p } = rows
    if (this.stale || moved.length > MANY * n) {
      counts.fill(0)
      const member = new Float64Array(k * n)
      for (let i = 0; i < n; i++) {
        member[labels[i]! * n + i] = 1
        counts[labels[i]!]!++
      }
      sums.set(tidy(() => matmul(matrix(member, n), rows.x).toTypedArray() as Float64Array))
      this.stale = false
      return
    }
    eachBlock(rows.x, moved, (part, first, size) => {
      const data = part.toTypedArray() as Float64Array
      for (let q = 0; q < size; q++) {
        const own = labels[moved[first + q]!]!
        const old = before[first + q]!
        for (let j = 0; j < p; j++) {
          const v = data[q * p + j]!
          sums[own * p + j]! += v
          sums[old * p + j]! -= v
        }
        counts[own]!++
        counts[old]!--
      }
    })
  }

  /**
   * An empty cluster gets the row that is farthest from its center, which leaves its own cluster (as scikit-learn): its
   * center lies where a row is.
   */
  private fillEmpty(): void {
    const { k, counts, labels, sums, centers, rows } = this
    const { n, p, norms } = rows
    const empty = Array.from({ length: k }, (_, c) => c).filter((c) => counts[c] === 0)
    if (empty.length === 0) return
    const scores = products(rows.x, centers, p)
    const lengths = squares(centers, p)
    const far = Float64Array.from(
      labels,
      (c, i) => norms[i]! - 2 * scores[i * k + c]! + lengths[c]!,
    )
    const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => far[b]! - far[a]! || b - a)
    empty.forEach((c, e) => {
      const i = order[e]!
      const own = labels[i]!
      const row = indexSelect(rows.x, 0, indices(Int32Array.of(i))).toTypedArray() as Float64Array
      for (let j = 0; j < p; j++) {
        sums[own * p + j]! -= row[j]!
        sums[c * p + j] = row[j]!
      }
      counts[own]!--
      counts[c] = 1
    })
    // The rows that were moved have their old labels: the next sums are made of all rows.
    this.stale = true
  }

  /** New centers; how far they moved, squared. */
  update(moved: Int32Array, before: Int32Array): number {
    this.gather(moved, before)
    this.fillEmpty()
    const { k, sums, counts, centers, upper, lower, labels, rows } = this
    const { n, p } = rows
    const next = new Float64Array(centers.length)
    const shift = new Float64Array(k)
    let total = 0
    for (let c = 0; c < k; c++) {
      let s = 0
      for (let j = c * p; j < (c + 1) * p; j++) {
        next[j] = counts[c]! > 0 ? sums[j]! / counts[c]! : centers[j]!
        s += (next[j]! - centers[j]!) ** 2
      }
      shift[c] = Math.sqrt(s)
      total += s
    }
    for (let i = 0; i < n; i++) {
      upper[i]! += shift[labels[i]!]!
      for (let c = 0; c < k; c++) lower[i * k + c]! -= shift[c]!
    }
    this.centers = next
    return total
  }

  /** The last assignment, to centers that stay. */
  finish(): void {
    const { moved, before } = this.assign()
    this.gather(moved, before)
  }

  /** Σ ‖x − its center‖² by the sums of the clusters, Σ‖x‖² − 2 Σ s c + Σ n ‖c‖², after `finish` or when nothing moved. */
  inertiaOfSums(): number {
    const { sums, counts, centers, rows } = this
    if (this.stale) return this.inertia()
    let s = 0
    for (const v of rows.norms) s += v
    for (let i = 0; i < sums.length; i++)
      s += centers[i]! * (counts[Math.floor(i / rows.p)]! * centers[i]! - 2 * sums[i]!)
    return Math.max(0, s)
  }

  /** Σ ‖x − its center‖². */
  inertia(): number {
    const { labels, centers, rows, k } = this
    const scores = products(rows.x, centers, rows.p)
    const lengths = squares(centers, rows.p)
    let s = 0
    for (let i = 0; i < rows.n; i++) {
      const c = labels[i]!
      const d = rows.norms[i]! - 2 * scores[i * k + c]! + lengths[c]!
      if (d > 0) s += d
    }
    return s
  }
}

const indices = (list: Int32Array): Tensor => tensor(list, { dtype: 'int32', shape: [list.length] })

/** k rows far from each other: each new one with a probability by its squared distance, the best of a few draws. */
function plusPlus(rows: Rows, k: number, random: Random): Float64Array {
  const { n, p, norms, x } = rows
  const trials = 2 + Math.floor(Math.log(k))
  const at = (list: Int32Array) =>
    tidy(() => indexSelect(x, 0, indices(list)).toTypedArray() as Float64Array)
  const distancesTo = (centers: Float64Array) => {
    const scores = products(x, centers, p)
    const lengths = squares(centers, p)
    const m = lengths.length
    return Array.from({ length: m }, (_, c) =>
      Float64Array.from(norms, (v, i) => Math.max(0, v - 2 * scores[i * m + c]! + lengths[c]!)),
    )
  }
  const centers = new Float64Array(k * p)
  const first = random.below(n)
  centers.set(at(Int32Array.of(first)))
  let closest = distancesTo(centers.slice(0, p))[0]!
  closest[first] = 0
  for (let c = 1; c < k; c++) {
    let total = 0
    for (const v of closest) total += v
    const picks = Int32Array.from({ length: trials }, () => {
      const wanted = random.next() * total
      let s = 0
      for (let i = 0; i < n; i++) {
        s += closest[i]!
        if (s > wanted) return i
      }
      return random.below(n)
    })
    const candidates = at(picks)
    let best = closest
    let least = Number.POSITIVE_INFINITY
    let chosen = 0
    distancesTo(candidates).forEach((d, t) => {
      let s = 0
      for (let i = 0; i < n; i++) {
        d[i] = Math.min(d[i]!, closest[i]!)
        s += d[i]!
      }
      d[picks[t]!] = 0
      if (s < least) {
        least = s
        best = d
        chosen = t
      }
    })
    closest = best
    centers.set(candidates.subarray(chosen * p, (chosen + 1) * p), c * p)
  }
  return centers
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
  fit(x: Matrix): this {
    const t = matrixIn(this.kind, x)
    const { nClusters: k, nInit, maxIter, tol, seed, init } = this.o
    requireRows(this.kind, t.shape[0]!, k, `nClusters ${k}`)
    const rows = rowsFrom(t)
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
      for (const c of lloyd.labels) counts[c]!++
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
  partialFit(x: Matrix): this {
    const t = matrixIn(this.kind, x, this.learned?.columns)
    const [n, p] = t.shape as [number, number]
    const { nClusters: k } = this.o
    if (!this.learned) {
      requireRows(this.kind, n, k, `the first call with nClusters ${k}`)
      const rows = rowsFrom(t)
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
    const { labels, inertia } = this.assigned(t)
    const { data } = tableOf(this.kind, t)
    const sums = new Float64Array(k * p)
    const fresh = new Float64Array(k)
    for (let i = 0; i < n; i++) {
      const c = labels[i]!
      fresh[c]!++
      for (let j = 0; j < p; j++) sums[c * p + j]! += data[i * p + j]!
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
  private assigned(x: Tensor): { labels: Int32Array; inertia: number } {
    const rows = rowsFrom(x)
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
  fitPredict(x: Matrix): Tensor {
    return this.fit(x).labels
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
  /** −Σ ‖x − its center‖². */
  score(x: Matrix): number {
    return -this.assigned(matrixIn(this.kind, x, this.got.columns)).inertia
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
