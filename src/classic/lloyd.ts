/** Lloyd's iterations, which leave out distances that bounds show to be too large. */
import { matmul } from '../ops/linalg.js'
import { indexAdd, indexSelect } from '../ops/indexing.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { tidy } from '../tensor/tidy.js'
import { tensor, zeros } from '../tensor/creation.js'
import { matrix } from './estimator.js'

/** The rows, their squared lengths, and what was taken off them to keep digits. */
export interface Rows {
  x: Tensor
  n: number
  p: number
  norms: Float64Array
  offset: Float64Array
  /** The mean variance of the columns. */
  variance: number
  /** How much each row counts; undefined: all the same. */
  weights: Float64Array | undefined
}

/** Rows that are copied at once: they stay in the cache, and their memory is used again. */
const BLOCK = 1024
/** Of many rows the work on all is cheaper than on copies of them. */
const MANY = 0.5
/** Numbers of centers that are kept of earlier iterations. */
const HISTORY = 2 ** 20

export const numbers = (t: Tensor) => t.toTypedArray() as Float64Array
export const indices = (list: Int32Array): Tensor =>
  tensor(list, { dtype: 'int32', shape: [list.length] })
/** ‖c‖² of each row of c. */
export const squares = (c: Float64Array, p: number): Float64Array =>
  Float64Array.from({ length: c.length / p }, (_, k) => {
    let s = 0
    for (let j = k * p; j < (k + 1) * p; j++) s += c[j]! * c[j]!
    return s
  })
export const total = (v: Float64Array) => v.reduce((a, b) => a + b, 0)

/** ‖x‖² of each row, a block at a time: a product as large as x would be memory that has to be fetched. */
function norms(x: Tensor): Float64Array {
  const n = x.shape[0]!
  const out = new Float64Array(n)
  for (let from = 0; from < n; from += BLOCK)
    tidy(() => {
      const part = narrow(x, 0, from, Math.min(BLOCK, n - from))
      out.set(numbers(part.mul(part).sum(1)), from)
    })
  return out
}

export function rowsFrom(x: Tensor, weights?: Float64Array): Rows {
  const [n, p] = x.shape as [number, number]
  const offset = Float64Array.from(numbers(x.mean(0)))
  const away = total(offset.map((v) => v * v))
  let lengths = norms(x)
  let spread = total(lengths) / n - away
  let rows = x
  // Squares of numbers far from 0 would have no digits left for the distances.
  if (!(spread > 0.01 * away)) {
    rows = x.sub(tensor(offset, { dtype: 'float64', shape: [1, p] }))
    lengths = norms(rows)
    spread = total(lengths) / n
  } else offset.fill(0)
  return { x: rows, n, p, norms: lengths, offset, variance: spread / p, weights }
}

/** Scores of rows and centers, X Cᵀ. */
export const products = (x: Tensor, centers: Float64Array, p: number): Float64Array =>
  tidy(() => numbers(matmul(x, matrix(centers, p).transpose(0, 1))))

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
export class Lloyd {
  readonly labels: Int32Array
  centers: Float64Array
  private readonly rows: Rows
  private readonly k: number
  /** The squared distance of each row to each center of time `seen`: at most to its own, at least to the others. */
  private readonly distances: Float64Array
  private readonly seen: Int32Array
  /** The centers of each time since the last `forget`. */
  private past: Float64Array[] = []
  private readonly sums: Float64Array
  /** The weight of the rows of each cluster. */
  private readonly counts: Float64Array
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
    this.distances = new Float64Array(rows.n * k)
    this.seen = new Int32Array(rows.n)
    this.sums = new Float64Array(centers.length)
    this.counts = new Float64Array(k)
    let largest = 0
    for (const v of rows.norms) if (v > largest) largest = v
    this.slack = 1e-6 * Math.sqrt(largest)
  }

  /** How far each center lies from where it was at each time, (times, k). */
  private shifts(): Float64Array {
    const { past, centers, k } = this
    const { p } = this.rows
    const out = new Float64Array(past.length * k)
    past.forEach((old, t) => {
      for (let c = 0; c < k; c++) {
        let s = 0
        for (let j = c * p; j < (c + 1) * p; j++) s += (centers[j]! - old[j]!) ** 2
        out[t * k + c] = Math.sqrt(s)
      }
    })
    return out
  }

  /** Old centers are given up: the distances become bounds for those of now, at least (its own: at most) so far. */
  private forget(shifts: Float64Array): void {
    const { k, labels, distances, seen } = this
    for (let i = 0; i < labels.length; i++) {
      const from = seen[i]! * k
      for (let c = 0; c < k; c++) {
        const d = Math.sqrt(Math.max(0, distances[i * k + c]!))
        const by = shifts[from + c]!
        distances[i * k + c] = c === labels[i] ? (d + by) ** 2 : Math.max(0, d - by) ** 2
      }
    }
    seen.fill(0)
    this.past = [this.centers]
  }

  /** The rows among which the nearest center may have changed: by the triangle inequality d(x, c′) ≥ d(x, c) − d(c, c′). */
  private doubtful(): Int32Array {
    const { k, labels, distances, seen, slack, past, centers } = this
    const { n } = this.rows
    let shifts = this.shifts()
    if (past.length > 1 && past.length * centers.length > HISTORY) {
      this.forget(shifts)
      shifts = new Float64Array(k)
    }
    const list = new Int32Array(n)
    let count = 0
    for (let i = 0; i < n; i++) {
      const own = labels[i]!
      const at = i * k
      const from = seen[i]! * k
      const square = distances[at + own]!
      const reach = (square > 0 ? Math.sqrt(square) : 0) + shifts[from + own]! + slack
      for (let c = 0; c < k; c++) {
        const far = reach + shifts[from + c]!
        if (distances[at + c]! < far * far && c !== own) {
          list[count++] = i
          break
        }
      }
    }
    return list.subarray(0, count)
  }

  /** The nearest center of each row; the rows that changed it, with what they had before. */
  assign(): { moved: Int32Array; before: Int32Array } {
    const { k, labels, distances, seen, rows, centers } = this
    const { n, p, norms } = rows
    const all = !this.begun
    if (this.past.at(-1) !== centers) this.past.push(centers)
    const list = all ? undefined : this.doubtful()
    const whole = !list || list.length > MANY * n
    let scores: Float64Array
    if (whole) scores = products(rows.x, centers, p)
    else {
      scores = new Float64Array(list.length * k)
      const c = matrix(centers, p).transpose(0, 1)
      eachBlock(rows.x, list, (part, from, size) => {
        scores.set(numbers(matmul(part, c)).subarray(0, size * k), from * k)
      })
    }
    const now = this.past.length - 1
    const lengths = squares(centers, p)
    const count = whole ? n : list.length
    const moved = new Int32Array(count)
    const before = new Int32Array(count)
    let moves = 0
    for (let q = 0; q < count; q++) {
      const i = whole ? q : list[q]!
      const from = q * k
      const to = i * k
      const own = norms[i]!
      let best = 0
      let least = Number.POSITIVE_INFINITY
      for (let c = 0; c < k; c++) {
        // ‖x‖² − 2xc + ‖c‖²: the first is the same for all.
        const d = lengths[c]! - 2 * scores[from + c]!
        if (d < least) {
          least = d
          best = c
        }
        distances[to + c] = d + own
      }
      seen[i] = now
      if (all) labels[i] = best
      else if (best !== labels[i]) {
        moved[moves] = i
        before[moves++] = labels[i]!
        labels[i] = best
      }
    }
    this.begun = true
    return { moved: moved.subarray(0, moves), before: before.subarray(0, moves) }
  }

  /** Sums of the rows of each cluster, of all rows or by those that moved. */
  private gather(moved: Int32Array, before: Int32Array): void {
    const { k, labels, sums, counts, rows } = this
    const { n, p, x, weights } = rows
    const weighted = (part: Tensor, rows: ArrayLike<number>) =>
      weights
        ? part.mul(
            matrix(
              Float64Array.from(rows, (i) => weights[i]!),
              1,
            ),
          )
        : part
    const empty = () => zeros([k, p], { dtype: 'float64' })
    if (this.stale || moved.length > MANY * n) {
      counts.fill(0)
      for (let i = 0; i < n; i++) counts[labels[i]!]! += weights ? weights[i]! : 1
      sums.fill(0)
      // Weighted rows are copies: a block at a time.
      const block = weights ? BLOCK : n
      for (let from = 0; from < n; from += block) {
        const size = Math.min(block, n - from)
        const part = tidy(() => {
          const own = weighted(
            narrow(x, 0, from, size),
            Int32Array.from({ length: weights ? size : 0 }, (_, i) => from + i),
          )
          const where = indices(labels.subarray(from, from + size))
          return numbers(indexAdd(empty(), 0, where, own))
        })
        for (let j = 0; j < part.length; j++) sums[j]! += part[j]!
      }
      this.stale = false
      return
    }
    eachBlock(x, moved, (block, first, size) => {
      const list = moved.subarray(first, first + size)
      const part = weighted(narrow(block, 0, 0, size), list)
      const after = list.map((i) => labels[i]!)
      const gained = indexAdd(empty(), 0, indices(after), part)
      const lost = indexAdd(empty(), 0, indices(before.slice(first, first + size)), part)
      const change = numbers(gained.sub(lost))
      for (let j = 0; j < change.length; j++) sums[j]! += change[j]!
      for (let q = 0; q < size; q++) {
        const w = weights ? weights[list[q]!]! : 1
        counts[after[q]!]! += w
        counts[before[first + q]!]! -= w
      }
    })
  }

  /**
   * An empty cluster gets the row that is farthest from its center, which leaves its own cluster (as scikit-learn): its
   * center lies where a row is.
   */
  private fillEmpty(): void {
    const { k, counts, labels, sums, centers, rows } = this
    const { n, p, norms, weights } = rows
    const held = new Uint8Array(k)
    for (let i = 0; i < n; i++) if (!weights || weights[i]! > 0) held[labels[i]!] = 1
    const empty = Array.from({ length: k }, (_, c) => c).filter((c) => !held[c])
    if (empty.length === 0) return
    if (weights && !this.stale) {
      // Sums of all rows: those that were kept by differences may lack the last digits, so that nothing is not exactly 0.
      this.stale = true
      this.gather(new Int32Array(0), new Int32Array(0))
    }
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
      const w = weights ? weights[i]! : 1
      const row = numbers(indexSelect(rows.x, 0, indices(Int32Array.of(i))))
      for (let j = 0; j < p; j++) {
        sums[own * p + j]! -= w * row[j]!
        sums[c * p + j] = w * row[j]!
      }
      counts[own]! -= w
      counts[c] = w
    })
    // The rows that were moved have their old labels: the next sums are made of all rows.
    this.stale = true
  }

  /** New centers; how far they moved, squared. */
  update(moved: Int32Array, before: Int32Array): number {
    this.gather(moved, before)
    this.fillEmpty()
    const { k, sums, counts, centers } = this
    const { p } = this.rows
    const next = new Float64Array(centers.length)
    let shift = 0
    for (let c = 0; c < k; c++)
      for (let j = c * p; j < (c + 1) * p; j++) {
        next[j] = counts[c]! > 0 ? sums[j]! / counts[c]! : centers[j]!
        shift += (next[j]! - centers[j]!) ** 2
      }
    this.centers = next
    return shift
  }

  /** The last assignment, to centers that stay. */
  finish(): void {
    const { moved, before } = this.assign()
    this.gather(moved, before)
  }

  /** Σ w ‖x − its center‖² by the sums of the clusters, Σ w‖x‖² − 2 Σ s c + Σ n ‖c‖², after `finish` or when nothing moved. */
  inertiaOfSums(): number {
    const { sums, counts, centers, rows } = this
    if (this.stale) return this.inertia()
    const { norms, weights, p } = rows
    let s = 0
    for (let i = 0; i < norms.length; i++) s += norms[i]! * (weights ? weights[i]! : 1)
    for (let i = 0; i < sums.length; i++)
      s += centers[i]! * (counts[Math.floor(i / p)]! * centers[i]! - 2 * sums[i]!)
    return Math.max(0, s)
  }

  /** Σ w ‖x − its center‖². */
  inertia(): number {
    const { labels, centers, rows, k } = this
    const { norms, weights } = rows
    const scores = products(rows.x, centers, rows.p)
    const lengths = squares(centers, rows.p)
    let s = 0
    for (let i = 0; i < rows.n; i++) {
      const c = labels[i]!
      const d = norms[i]! - 2 * scores[i * k + c]! + lengths[c]!
      if (d > 0) s += d * (weights ? weights[i]! : 1)
    }
    return s
  }
}
