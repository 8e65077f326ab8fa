/** Learning from few labels: rows without one have the label −1. */
import { ValueError } from '../core/errors.js'
import { checkOptions, oneOf, type OptionNames } from '../core/options.js'
import { matmul } from '../ops/linalg.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import type { Matrix, Numbers, Table } from '../tensor/values.js'
import { Classifier, type ClassState } from './classifier.js'
import {
  classesOf,
  labelsIn,
  matrix,
  options as kinds,
  requireOptions,
  tableIn,
} from './estimator.js'
import { nearest, squaredDistance } from './nearest.js'

/** What self-training needs of a classifier. */
export interface ProbabilityClassifier {
  fit(x: Matrix, y: Numbers): unknown
  predictProba(x: Matrix): Tensor
  readonly classes: readonly number[]
  clone?(): unknown
}

function requireLabels(op: string, labels: Int32Array): void {
  if (labels.every((c) => c === -1))
    throw new ValueError({ op, rule: 'some rows must have a label', got: '-1 for all of them' })
}

export interface SelfTrainingOptions {
  /** 'threshold' when not given: what is more probable than `threshold`; 'kBest': the kBest most probable rows. */
  criterion?: 'threshold' | 'kBest'
  /** 0.75 when not given. */
  threshold?: number
  /** 10 when not given. */
  kBest?: number
  /** Most rounds; 10 when not given, null: until no label is added. */
  maxIter?: number | null
}
const selfNames: OptionNames<SelfTrainingOptions> = {
  criterion: true,
  threshold: true,
  kBest: true,
  maxIter: true,
}

interface SelfLearned extends ClassState {
  labels: Int32Array
  rounds: Int32Array
  termination: 'maxIter' | 'noChange' | 'allLabeled'
}

/**
 * A classifier that is trained again and again, each time also with the rows of which it was sure (Yarowsky, 1995).
 * https://scikit-learn.org/stable/modules/generated/sklearn.semi_supervised.SelfTrainingClassifier.html
 * @throws ValueError when no row has a label
 * @example new SelfTraining(new LogisticRegression()).fit([[0], [1], [9], [10]], [0, -1, -1, 1]).predict([[2], [8]]) // [0, 1]
 */
export class SelfTraining<
  E extends ProbabilityClassifier = ProbabilityClassifier,
> extends Classifier<SelfLearned> {
  readonly kind = 'SelfTraining'
  protected readonly fields = ['classes', 'labels', 'rounds', 'termination'] as const
  readonly estimator: E
  private readonly o: Required<SelfTrainingOptions>
  constructor(estimator: E, options: SelfTrainingOptions = {}) {
    super()
    this.estimator = estimator
    this.o = {
      criterion: 'threshold',
      threshold: 0.75,
      kBest: 10,
      maxIter: 10,
      ...checkOptions('SelfTraining', options, selfNames),
    }
    requireOptions(
      'SelfTraining',
      { ...this.o },
      {
        criterion: oneOf('threshold', 'kBest'),
        threshold: kinds.share,
        kBest: kinds.count,
        maxIter: {
          rule: 'a whole number from 0 up or null',
          holds: (v) => v === null || kinds.size.holds(v),
        },
      },
    )
  }
  fit(x: Matrix, y: Numbers): this {
    const op = 'SelfTraining'
    const { data, rows, columns } = tableIn(op, x)
    const labels = labelsIn(op, y, rows)
    requireLabels(op, labels)
    const when = Int32Array.from(labels, (c) => (c === -1 ? -1 : 0))
    const { criterion, threshold, kBest, maxIter } = this.o
    const rowsAt = (list: number[]) => {
      const out = new Float64Array(list.length * columns)
      list.forEach((r, i) => {
        out.set(data.subarray(r * columns, (r + 1) * columns), i * columns)
      })
      return matrix(out, columns)
    }
    const train = () => {
      const known = [...labels.keys()].filter((i) => labels[i] !== -1)
      this.estimator.fit(
        rowsAt(known),
        known.map((i) => labels[i]!),
      )
    }
    let round = 0
    let termination: SelfLearned['termination'] | undefined
    while (maxIter === null || round < maxIter) {
      round++
      train()
      const open = [...labels.keys()].filter((i) => labels[i] === -1)
      if (open.length === 0) break
      const p = this.estimator.predictProba(rowsAt(open))
      const k = p.shape[1]!
      const values = p.toTypedArray() as Float64Array
      const sure = open.map((row, i) => {
        let best = 0
        for (let c = 1; c < k; c++) if (values[i * k + c]! > values[i * k + best]!) best = c
        return { row, label: this.estimator.classes[best]!, p: values[i * k + best]! }
      })
      const chosen =
        criterion === 'threshold'
          ? sure.filter((s) => s.p > threshold)
          : sure.sort((a, b) => b.p - a.p || a.row - b.row).slice(0, kBest)
      for (const s of chosen) {
        labels[s.row] = s.label
        when[s.row] = round
      }
      if (chosen.length === 0) {
        termination = 'noChange'
        break
      }
    }
    if (labels.every((c) => c !== -1)) termination = 'allLabeled'
    else termination ??= 'maxIter'
    train()
    const classes = Int32Array.from(this.estimator.classes)
    this.learned = { classes, labels, rounds: when, termination }
    return this
  }
  override clone(): this {
    const estimator = (this.estimator.clone?.() ?? this.estimator) as E
    return new SelfTraining(estimator, this.o) as this
  }
  getOptions(): SelfTrainingOptions {
    return { ...this.o }
  }
  protected override parts() {
    return [['estimator', this.estimator]] as const
  }
  predictProba(x: Matrix): Tensor {
    return this.got && this.estimator.predictProba(x)
  }
  /** The label of each row that was fitted, −1 where it found none. */
  get labels(): Int32Array {
    return this.got.labels
  }
  /** In which round each row got its label: 0 the given ones, −1 never. */
  get labeledIter(): Int32Array {
    return this.got.rounds
  }
  /** Why it ended. */
  get termination(): SelfLearned['termination'] {
    return this.got.termination
  }
}

export interface LabelPropagationOptions {
  /** 'rbf' when not given: exp(−γ d²); 'knn': 1 for the nNeighbors nearest. */
  kernel?: 'rbf' | 'knn'
  /** 20 when not given. */
  gamma?: number
  /** 7 when not given. */
  nNeighbors?: number
  /** 1,000 when not given. */
  maxIter?: number
  /** Ends when the labels change by less; 1e-3 when not given. */
  tol?: number
}
const propagationNames: OptionNames<LabelPropagationOptions> = {
  kernel: true,
  gamma: true,
  nNeighbors: true,
  maxIter: true,
  tol: true,
}
interface PropagationLearned extends ClassState {
  x: Float64Array
  columns: number
  distributions: Float64Array
  iterations: number
}

/**
 * Labels flow along similarities: Y ← W Y, each row divided by its sum, given labels held fast,
 * until nothing changes (Zhu and Ghahramani, 2002). Rows without a label have −1.
 * https://scikit-learn.org/stable/modules/generated/sklearn.semi_supervised.LabelPropagation.html
 * @throws ValueError when no row has a label, for numbers that are not finite, and more neighbours than rows
 * @example new LabelPropagation({ gamma: 1 }).fit([[0], [1], [2], [7], [8]], [0, -1, -1, -1, 1]).transduction // [0, 0, 0, 1, 1]
 */
export class LabelPropagation extends Classifier<PropagationLearned> {
  readonly kind = 'LabelPropagation'
  protected readonly fields = ['classes', 'x', 'columns', 'distributions', 'iterations'] as const
  private readonly o: Required<LabelPropagationOptions>
  constructor(options: LabelPropagationOptions = {}) {
    super()
    this.o = {
      kernel: 'rbf',
      gamma: 20,
      nNeighbors: 7,
      maxIter: 1000,
      tol: 1e-3,
      ...checkOptions('LabelPropagation', options, propagationNames),
    }
    requireOptions(
      'LabelPropagation',
      { ...this.o },
      {
        kernel: oneOf('rbf', 'knn'),
        gamma: kinds.nonNegative,
        nNeighbors: kinds.count,
        maxIter: kinds.count,
        tol: kinds.nonNegative,
      },
    )
  }
  getOptions(): LabelPropagationOptions {
    return { ...this.o }
  }
  /** Similarities of queries and rows, (queries, rows). */
  private similarities(queries: Table, rows: Table): Float64Array {
    const { kernel, gamma, nNeighbors } = this.o
    const n = rows.rows
    const out = new Float64Array(queries.rows * n)
    if (kernel === 'knn') {
      if (nNeighbors > n)
        throw new ValueError({
          op: this.kind,
          rule: `nNeighbors must be at most the ${n} rows`,
          got: `${nNeighbors}`,
        })
      const { indices } = nearest(queries, rows, nNeighbors)
      for (let e = 0; e < indices.length; e++) out[Math.floor(e / nNeighbors) * n + indices[e]!] = 1
      return out
    }
    for (let q = 0; q < queries.rows; q++)
      for (let r = 0; r < n; r++)
        out[q * n + r] = Math.exp(-gamma * squaredDistance(queries, q, rows, r))
    return out
  }
  fit(x: Matrix, y: Numbers): this {
    const table = tableIn(this.kind, x)
    const n = table.rows
    const labels = labelsIn(this.kind, y, n)
    requireLabels(this.kind, labels)
    const known = labels.filter((c) => c !== -1)
    const { classes } = classesOf(known)
    const k = classes.length
    const w = this.similarities(table, table)
    const { maxIter, tol } = this.o
    const given = new Float64Array(n * k)
    labels.forEach((c, i) => {
      if (c !== -1) given[i * k + classes.indexOf(c)] = 1
    })
    const t = matrix(w, n)
    let now = Float64Array.from(given)
    let iterations = 0
    let change = Number.POSITIVE_INFINITY
    while (iterations < maxIter && change >= tol) {
      const next = Float64Array.from(matmul(t, matrix(now, k)).toTypedArray() as Float64Array)
      for (let i = 0; i < n; i++) {
        let s = 0
        for (let c = 0; c < k; c++) s += next[i * k + c]!
        for (let c = 0; c < k; c++)
          next[i * k + c] = labels[i] !== -1 ? given[i * k + c]! : s > 0 ? next[i * k + c]! / s : 0
      }
      change = next.reduce((s, v, i) => s + Math.abs(v - now[i]!), 0)
      now = next
      iterations++
    }
    this.learned = {
      classes,
      x: table.data,
      columns: table.columns,
      distributions: now,
      iterations,
    }
    return this
  }
  predictProba(x: Matrix): Tensor {
    const { x: data, columns, distributions, classes } = this.got
    const rows = { data, columns, rows: data.length / columns }
    const queries = tableIn(this.kind, x, columns)
    const w = this.similarities(queries, rows)
    const k = classes.length
    const out = Float64Array.from(
      matmul(matrix(w, rows.rows), matrix(distributions, k)).toTypedArray() as Float64Array,
    )
    for (let i = 0; i < queries.rows; i++) {
      let s = 0
      for (let c = 0; c < k; c++) s += out[i * k + c]!
      // Far from all rows nothing is known.
      for (let c = 0; c < k; c++) out[i * k + c] = s > 0 ? out[i * k + c]! / s : 1 / k
    }
    return matrix(out, k)
  }
  /** The label of each row that was fitted, int32. */
  get transduction(): Tensor {
    const { distributions, classes } = this.got
    const k = classes.length
    const out = Int32Array.from({ length: distributions.length / k }, (_, i) => {
      let best = 0
      for (let c = 1; c < k; c++)
        if (distributions[i * k + c]! > distributions[i * k + best]!) best = c
      return classes[best]!
    })
    return tensor(out, { dtype: 'int32', shape: [out.length] })
  }
  get nIter(): number {
    return this.got.iterations
  }
}
