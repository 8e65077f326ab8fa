/** Nearest neighbours. */
import { checkOptions, oneOf, showValue } from '../core/options.js'
import { ValueError } from '../core/errors.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import type { Matrix, Numbers, Table } from '../tensor/values.js'
import { Classifier, type ClassState } from './classifier.js'
import {
  classesOf,
  type Learned,
  labelsIn,
  matrix,
  options as kinds,
  requireOptions,
  tableIn,
  targetsIn,
  vector,
} from './estimator.js'
import { nearest, type Neighbors } from './nearest.js'
import { Regressor } from './regressor.js'

export interface NeighborOptions {
  /** How many neighbours decide; 5 when not given. */
  nNeighbors?: number
  /** 'uniform' when not given: all count the same; 'distance': 1 / distance. */
  weights?: 'uniform' | 'distance'
}
interface RowsLearned extends Learned {
  x: Float64Array
  columns: number
}
function joined<A extends Float64Array | Int32Array>(a: A | undefined, b: A): A {
  if (!a) return b
  const out = new (b.constructor as new (n: number) => A)(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}

/** What classifier and regressor share: rows that are kept, and votes of the nearest ones. */
class Neighborhood {
  readonly options: Required<NeighborOptions>
  private readonly op: string
  constructor(op: string, options: NeighborOptions) {
    const { nNeighbors = 5, weights = 'uniform' } = checkOptions(op, options, [
      'nNeighbors',
      'weights',
    ])
    this.op = op
    this.options = { nNeighbors, weights }
    requireOptions(op, this.options as never, {
      nNeighbors: kinds.count,
      weights: oneOf('uniform', 'distance'),
    })
  }
  /** The rows so far with those of x. */
  add(before: RowsLearned | undefined, x: Matrix): RowsLearned & { rows: number } {
    const t = tableIn(this.op, x, before?.columns)
    return { x: joined(before?.x, t.data), columns: t.columns, rows: t.rows }
  }
  private found({ x: data, columns }: RowsLearned, queries: Table, k: number): Neighbors {
    const rows = data.length / columns
    if (!(Number.isInteger(k) && k >= 1 && k <= rows))
      throw new ValueError({
        op: this.op,
        rule: `nNeighbors must be a whole number from 1, at most the ${rows} rows that were fitted`,
        got: showValue(k),
      })
    return nearest(queries, { data, columns, rows }, k)
  }
  /** Distances and indices of the k nearest rows, shape (N, k). */
  nearest(got: RowsLearned, x: Matrix, k: number): [distances: Tensor, indices: Tensor] {
    const { distances, indices } = this.found(got, tableIn(this.op, x, got.columns), k)
    return [
      matrix(distances, k),
      tensor(indices, { dtype: 'int32', shape: [indices.length / k, k] }),
    ]
  }
  /** Weighted means over the nearest rows of each row of x: `add` adds a row's `width` numbers, times its weight. */
  means(
    got: RowsLearned,
    x: Matrix,
    width: number,
    add: (row: number, weight: number, out: Float64Array) => void,
  ): Float64Array {
    const queries = tableIn(this.op, x, got.columns)
    const { nNeighbors: k, weights } = this.options
    const { distances, indices } = this.found(got, queries, k)
    const out = new Float64Array(queries.rows * width)
    for (let q = 0; q < queries.rows; q++) {
      const own = out.subarray(q * width, (q + 1) * width)
      const d = distances.subarray(q * k, (q + 1) * k)
      // Rows at the very place of the query decide alone.
      const there = d.some((v) => v === 0)
      let total = 0
      d.forEach((v, i) => {
        const w = weights === 'uniform' ? 1 : there ? (v === 0 ? 1 : 0) : 1 / v
        add(indices[q * k + i]!, w, own)
        total += w
      })
      for (let c = 0; c < width; c++) own[c]! /= total
    }
    return out
  }
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
  private readonly near: Neighborhood
  constructor(options: NeighborOptions = {}) {
    super()
    this.near = new Neighborhood('KNeighborsClassifier', options)
  }
  getOptions(): NeighborOptions {
    return { ...this.near.options }
  }
  fit(x: Matrix, y: Numbers): this {
    this.learned = undefined
    return this.partialFit(x, y)
  }
  partialFit(x: Matrix, y: Numbers): this {
    const { rows, ...all } = this.near.add(this.learned, x)
    const labels = joined(this.learned?.labels, labelsIn(this.kind, y, rows))
    this.learned = { ...all, labels, classes: classesOf(labels).classes }
    return this
  }
  /** Distances and indices of the k nearest rows, shape (N, k). */
  kneighbors(x: Matrix, k = this.near.options.nNeighbors): [distances: Tensor, indices: Tensor] {
    return this.near.nearest(this.got, x, k)
  }
  predictProba(x: Matrix): Tensor {
    const { classes, labels } = this.got
    const codes = this.codesOf(labels)
    const n = classes.length
    const shares = this.near.means(this.got, x, n, (row, w, out) => {
      out[codes[row]!]! += w
    })
    return matrix(shares, n)
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
export class KNeighborsRegressor extends Regressor<TargetRows> {
  readonly kind = 'KNeighborsRegressor'
  protected readonly fields = ['x', 'columns', 'y'] as const
  private readonly near: Neighborhood
  constructor(options: NeighborOptions = {}) {
    super()
    this.near = new Neighborhood('KNeighborsRegressor', options)
  }
  getOptions(): NeighborOptions {
    return { ...this.near.options }
  }
  fit(x: Matrix, y: Numbers): this {
    this.learned = undefined
    return this.partialFit(x, y)
  }
  partialFit(x: Matrix, y: Numbers): this {
    const { rows, ...all } = this.near.add(this.learned, x)
    this.learned = { ...all, y: joined(this.learned?.y, targetsIn(this.kind, y, rows)) }
    return this
  }
  /** Distances and indices of the k nearest rows, shape (N, k). */
  kneighbors(x: Matrix, k = this.near.options.nNeighbors): [distances: Tensor, indices: Tensor] {
    return this.near.nearest(this.got, x, k)
  }
  predict(x: Matrix): Tensor {
    const { y } = this.got
    return vector(
      this.near.means(this.got, x, 1, (row, w, out) => {
        out[0]! += w * y[row]!
      }),
    )
  }
}
