/** Nearest neighbours, by all distances. */
import { checkOptions, oneOf } from '../core/options.js'
import { ValueError } from '../core/errors.js'
import { r2 } from '../data/measures.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import type { Matrix, Numbers, Table } from '../tensor/values.js'
import { Classifier, type ClassState } from './classifier.js'
import {
  classesOf,
  Estimator,
  type Learned,
  labelsIn,
  matrix,
  options as kinds,
  requireOptions,
  tableIn,
  targetsIn,
  toTensor,
  vector,
} from './estimator.js'

/** Rows of queries whose products with all rows are made at once. */
const BLOCK = 512

const squares = ({ data, rows, columns }: Table): Float64Array => {
  const out = new Float64Array(rows)
  for (let i = 0; i < rows; i++)
    for (let j = i * columns; j < (i + 1) * columns; j++) out[i]! += data[j]! * data[j]!
  return out
}
/** ‖a − b‖² without cancellation. */
export function squaredDistance(a: Table, i: number, b: Table, k: number): number {
  const p = a.columns
  let s = 0
  for (let j = 0; j < p; j++) {
    const d = a.data[i * p + j]! - b.data[k * p + j]!
    s += d * d
  }
  return s
}

/**
 * Calls back with the squared distances of each query to all rows, as ‖a‖² + ‖b‖² − 2ab, which is fast and right to about
 * 15 digits of the squares.
 */
function eachQuery(
  queries: Table,
  rows: Table,
  visit: (query: number, distances: Float64Array) => void,
): void {
  const all = toTensor(rows).transpose(0, 1)
  const norms = squares(rows)
  const own = squares(queries)
  const list = new Float64Array(rows.rows)
  for (let from = 0; from < queries.rows; from += BLOCK) {
    const size = Math.min(BLOCK, queries.rows - from)
    const { columns } = queries
    const part = matrix(queries.data.slice(from * columns, (from + size) * columns), columns)
    const products = part.matmul(all)
    const data = products.toTypedArray() as Float64Array
    products.dispose()
    for (let i = 0; i < size; i++) {
      const at = i * rows.rows
      const base = own[from + i]!
      for (let k = 0; k < rows.rows; k++) {
        const d = base + norms[k]! - 2 * data[at + k]!
        list[k] = Math.max(d, 0)
      }
      visit(from + i, list)
    }
  }
}

/** For each query its k nearest rows, nearest first; of equal distances the row that comes first. */
export interface Neighbors {
  indices: Int32Array
  distances: Float64Array
}

/** `self`: the queries are the rows, and none is its own neighbour. */
export function nearest(queries: Table, rows: Table, k: number, self = false): Neighbors {
  const indices = new Int32Array(queries.rows * k)
  const distances = new Float64Array(queries.rows * k)
  // A few more than k, since the fast distances are rounded and the exact ones decide.
  const wanted = Math.min(rows.rows - (self ? 1 : 0), k + 4)
  const place = new Int32Array(wanted)
  const value = new Float64Array(wanted)
  eachQuery(queries, rows, (q, list) => {
    let count = 0
    for (let r = 0; r < list.length; r++) {
      if (self && r === q) continue
      const d = list[r]!
      if (count === wanted && d >= value[count - 1]!) continue
      let at = count < wanted ? count++ : count - 1
      while (at > 0 && value[at - 1]! > d) {
        value[at] = value[at - 1]!
        place[at] = place[at - 1]!
        at--
      }
      value[at] = d
      place[at] = r
    }
    const exact = Array.from(place, (r) => ({ r, d: squaredDistance(queries, q, rows, r) }))
    exact.sort((a, b) => a.d - b.d || a.r - b.r)
    for (let i = 0; i < k; i++) {
      indices[q * k + i] = exact[i]!.r
      distances[q * k + i] = Math.sqrt(exact[i]!.d)
    }
  })
  return { indices, distances }
}

/** For each row all rows within the radius, itself included. */
export function within(rows: Table, radius: number): Int32Array[] {
  const limit = radius * radius
  const out: Int32Array[] = []
  const norms = squares(rows)
  let largest = 0
  for (const v of norms) largest = Math.max(largest, v)
  // So close to the limit that rounding decides: looked at exactly.
  const slack = 1e-12 * largest
  eachQuery(rows, rows, (q, list) => {
    const found: number[] = []
    for (let r = 0; r < list.length; r++) {
      const d = list[r]!
      if (d > limit + slack) continue
      if (d <= limit - slack || squaredDistance(rows, q, rows, r) <= limit) found.push(r)
    }
    out.push(Int32Array.from(found))
  })
  return out
}

export interface NeighborOptions {
  /** How many neighbours decide; 5 when not given. */
  nNeighbors?: number
  /** 'uniform' when not given: all count the same; 'distance': 1 / distance. */
  weights?: 'uniform' | 'distance'
}
function neighborOptions(op: string, options: NeighborOptions): Required<NeighborOptions> {
  const { nNeighbors = 5, weights = 'uniform' } = checkOptions(op, options, [
    'nNeighbors',
    'weights',
  ])
  requireOptions(
    op,
    { nNeighbors, weights },
    { nNeighbors: kinds.count, weights: oneOf('uniform', 'distance') },
  )
  return { nNeighbors, weights }
}

/** The k nearest rows with their weights. */
function voters(op: string, o: Required<NeighborOptions>, queries: Table, rows: Table) {
  const k = o.nNeighbors
  if (k > rows.rows)
    throw new ValueError({
      op,
      rule: `nNeighbors must be at most the ${rows.rows} rows that were fitted`,
      got: `${k}`,
    })
  const found = nearest(queries, rows, k)
  const weights = new Float64Array(found.indices.length).fill(1)
  if (o.weights === 'distance')
    for (let q = 0; q < queries.rows; q++) {
      const d = found.distances.subarray(q * k, (q + 1) * k)
      // Rows at the very place of the query decide alone.
      const there = d.some((v) => v === 0)
      d.forEach((v, i) => {
        weights[q * k + i] = there ? (v === 0 ? 1 : 0) : 1 / v
      })
    }
  return { ...found, weights, k }
}

interface RowsLearned extends Learned {
  x: Float64Array
  columns: number
}
const tableFrom = ({ x, columns }: RowsLearned): Table => ({
  data: x,
  columns,
  rows: x.length / columns,
})
function joined<A extends Float64Array | Int32Array>(a: A | undefined, b: A): A {
  if (!a) return b
  const out = new (b.constructor as new (n: number) => A)(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}
/** The nearest rows as tensors of shape (N, k). */
function neighborsOf(
  op: string,
  rows: Table,
  x: Matrix,
  k: number,
): [distances: Tensor, indices: Tensor] {
  const found = nearest(tableIn(op, x, rows.columns), rows, k)
  return [
    matrix(found.distances, k),
    tensor(found.indices, { dtype: 'int32', shape: [found.indices.length / k, k] }),
  ]
}

interface ClassRows extends RowsLearned, ClassState {
  labels: Int32Array
}
/**
 * The class that most of the k nearest rows have (Euclidean distance); of equally many the least class. `partialFit`
 * adds rows.
 * https://scikit-learn.org/stable/modules/generated/sklearn.neighbors.KNeighborsClassifier.html
 * @throws ValueError for more neighbours than rows, and numbers that are not finite
 * @example new KNeighborsClassifier({ nNeighbors: 1 }).fit([[0], [4]], [7, 8]).predict([[1], [3]]) // [7, 8]
 */
export class KNeighborsClassifier extends Classifier<ClassRows> {
  readonly kind = 'KNeighborsClassifier'
  protected readonly fields = ['classes', 'x', 'columns', 'labels'] as const
  private readonly o: Required<NeighborOptions>
  constructor(options: NeighborOptions = {}) {
    super()
    this.o = neighborOptions('KNeighborsClassifier', options)
  }
  getOptions(): NeighborOptions {
    return { ...this.o }
  }
  fit(x: Matrix, y: Numbers): this {
    this.learned = undefined
    return this.partialFit(x, y)
  }
  partialFit(x: Matrix, y: Numbers): this {
    const t = tableIn(this.kind, x, this.learned?.columns)
    const labels = joined(this.learned?.labels, labelsIn(this.kind, y, t.rows))
    this.learned = {
      x: joined(this.learned?.x, t.data),
      columns: t.columns,
      labels,
      classes: classesOf(labels).classes,
    }
    return this
  }
  /** Distances and indices of the k nearest rows, shape (N, k). */
  kneighbors(x: Matrix, k = this.o.nNeighbors): [distances: Tensor, indices: Tensor] {
    return neighborsOf(this.kind, tableFrom(this.got), x, k)
  }
  predictProba(x: Matrix): Tensor {
    const { classes, labels, columns } = this.got
    const queries = tableIn(this.kind, x, columns)
    const { indices, weights, k } = voters(this.kind, this.o, queries, tableFrom(this.got))
    const codes = this.codesOf(labels)
    const n = classes.length
    const out = new Float64Array(queries.rows * n)
    for (let q = 0; q < queries.rows; q++) {
      let total = 0
      for (let i = q * k; i < (q + 1) * k; i++) {
        out[q * n + codes[indices[i]!]!]! += weights[i]!
        total += weights[i]!
      }
      for (let c = 0; c < n; c++) out[q * n + c]! /= total
    }
    return matrix(out, n)
  }
}

interface TargetRows extends RowsLearned {
  y: Float64Array
}
/**
 * The mean of y over the k nearest rows (Euclidean distance), weighted if asked for. `partialFit` adds rows.
 * https://scikit-learn.org/stable/modules/generated/sklearn.neighbors.KNeighborsRegressor.html
 * @throws ValueError for more neighbours than rows, and numbers that are not finite
 * @example new KNeighborsRegressor({ nNeighbors: 2 }).fit([[0], [1], [9]], [1, 3, 8]).predict([[0.4]]) // [2]
 */
export class KNeighborsRegressor extends Estimator<TargetRows> {
  readonly kind = 'KNeighborsRegressor'
  protected readonly fields = ['x', 'columns', 'y'] as const
  private readonly o: Required<NeighborOptions>
  constructor(options: NeighborOptions = {}) {
    super()
    this.o = neighborOptions('KNeighborsRegressor', options)
  }
  getOptions(): NeighborOptions {
    return { ...this.o }
  }
  fit(x: Matrix, y: Numbers): this {
    this.learned = undefined
    return this.partialFit(x, y)
  }
  partialFit(x: Matrix, y: Numbers): this {
    const t = tableIn(this.kind, x, this.learned?.columns)
    this.learned = {
      x: joined(this.learned?.x, t.data),
      columns: t.columns,
      y: joined(this.learned?.y, targetsIn(this.kind, y, t.rows)),
    }
    return this
  }
  /** Distances and indices of the k nearest rows, shape (N, k). */
  kneighbors(x: Matrix, k = this.o.nNeighbors): [distances: Tensor, indices: Tensor] {
    return neighborsOf(this.kind, tableFrom(this.got), x, k)
  }
  predict(x: Matrix): Tensor {
    const { y, columns } = this.got
    const queries = tableIn(this.kind, x, columns)
    const { indices, weights, k } = voters(this.kind, this.o, queries, tableFrom(this.got))
    const out = new Float64Array(queries.rows)
    for (let q = 0; q < queries.rows; q++) {
      let total = 0
      for (let i = q * k; i < (q + 1) * k; i++) {
        out[q]! += weights[i]! * y[indices[i]!]!
        total += weights[i]!
      }
      out[q]! /= total
    }
    return vector(out)
  }
  /** R², the coefficient of determination. */
  score(x: Matrix, y: Numbers): number {
    const got = this.predict(x).toTypedArray() as Float64Array
    return r2(got, targetsIn(this.kind, y, got.length))
  }
}
