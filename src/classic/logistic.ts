/** Logistic and softmax regression. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { weightsIn, type WeightOptions } from '../data/weights.js'
import { sum } from '../ops/broadcast.js'
import { concat } from '../ops/join.js'
import { crossEntropy } from '../ops/loss/index.js'
import type { Tensor } from '../ops/tensor.js'
import { LBFGS } from '../optim/lbfgs.js'
import { tensor, zeros } from '../tensor/creation.js'
import type { Matrix, Numbers } from '../tensor/values.js'
import { Classifier, type ClassState } from './classifier.js'
import {
  classesOf,
  labelsIn,
  matrix,
  matrixIn,
  options as kinds,
  requireOptions,
  tableIn,
  vector,
} from './estimator.js'
import { shares } from './linear.js'
import { Random } from './random.js'

export interface LogisticRegressionOptions {
  /** 'l2' when not given, or null. */
  penalty?: 'l2' | null
  /** How much the examples weigh against the penalty; 1 when not given. */
  C?: number
  /** Learns what is added, b, which costs nothing; true when not given. */
  fitIntercept?: boolean
  /** 'lbfgs' when not given, or 'sgd': steps of `lr` over batches of `batchSize`. */
  solver?: 'lbfgs' | 'sgd'
  /** Ends when no gradient is larger (L-BFGS), or the mean loss falls by less (SGD; 0 never); 1e-4 when not given. */
  tol?: number
  /** Most iterations, or passes of SGD; 100 when not given. */
  maxIter?: number
  /** Of SGD; 0.1 when not given. */
  lr?: number
  /** Of SGD; 32 when not given. */
  batchSize?: number
  /** Of SGD, the order of the rows; 0 when not given. */
  seed?: number
}
const names: OptionNames<LogisticRegressionOptions> = {
  penalty: true,
  C: true,
  fitIntercept: true,
  solver: true,
  tol: true,
  maxIter: true,
  lr: true,
  batchSize: true,
  seed: true,
}
interface LogisticLearned extends ClassState {
  /** A row of weights for each class; of two classes one row, for the second. */
  coef: Float64Array
  intercept: Float64Array
  columns: number
  iterations: number
  passes: number
}

/**
 * P(class | x) = softmax(x Wᵀ + b): of two classes the logistic function of one score. Learned by
 * min C Σ −w ln P(yᵢ | xᵢ) + ‖W‖² / 2 (w the weights of the rows, 1 when not given), by L-BFGS (`optim.LBFGS`, strong Wolfe), or by SGD on the same objective over C·N.
 * `partialFit` is one pass of SGD more; the first one is told all classes.
 * https://scikit-learn.org/stable/modules/generated/sklearn.linear_model.LogisticRegression.html
 * @throws ValueError for one class only, and numbers that are not finite
 * @example new LogisticRegression().fit([[0], [1], [2], [3]], [0, 0, 1, 1]).predict([[0.5], [2.5]]) // [0, 1]
 */
export class LogisticRegression extends Classifier<LogisticLearned> {
  readonly kind = 'LogisticRegression'
  protected readonly fields = [
    'classes',
    'coef',
    'intercept',
    'columns',
    'iterations',
    'passes',
  ] as const
  private readonly o: Required<LogisticRegressionOptions>
  constructor(options: LogisticRegressionOptions = {}) {
    super()
    const given = checkOptions('LogisticRegression', options, names)
    this.o = {
      penalty: 'l2',
      C: 1,
      fitIntercept: true,
      solver: 'lbfgs',
      tol: 1e-4,
      maxIter: 100,
      lr: 0.1,
      batchSize: 32,
      seed: 0,
      ...given,
    }
    requireOptions(
      'LogisticRegression',
      { ...this.o },
      {
        penalty: { rule: "'l2' or null", holds: (v) => v === 'l2' || v === null },
        C: kinds.positive,
        fitIntercept: kinds.flag,
        solver: { rule: "'lbfgs' or 'sgd'", holds: (v) => v === 'lbfgs' || v === 'sgd' },
        tol: kinds.nonNegative,
        maxIter: kinds.count,
        lr: kinds.positive,
        batchSize: kinds.count,
        seed: kinds.seed,
      },
    )
  }
  getOptions(): LogisticRegressionOptions {
    return { ...this.o }
  }
  /** Shape (classes, columns); of two classes (1, columns). */
  get coef(): Tensor {
    return matrix(this.got.coef, this.got.columns)
  }
  /** Shape (classes); of two classes (1). */
  get intercept(): Tensor {
    return vector(this.got.intercept)
  }
  get nIter(): number {
    return this.got.iterations
  }
  fit(x: Matrix, y: Numbers, options?: WeightOptions): this {
    const t = matrixIn(this.kind, x)
    const [rows, columns] = t.shape as [number, number]
    const weights = weightsIn(this.kind, options, rows)
    const { classes, codes } = classesOf(labelsIn(this.kind, y, rows))
    this.requireTwo(classes)
    const outputs = classes.length === 2 ? 1 : classes.length
    const start: LogisticLearned = {
      classes,
      coef: new Float64Array(outputs * columns),
      intercept: new Float64Array(outputs),
      columns,
      iterations: 0,
      passes: 0,
    }
    if (this.o.solver === 'lbfgs') this.learned = this.minimize(t, codes, start, weights)
    else {
      this.learned = start
      this.passes(x, codes, this.o.maxIter, weights)
    }
    return this
  }
  private minimize(
    x: Tensor,
    codes: Int32Array,
    start: LogisticLearned,
    weights?: Float64Array,
  ): LogisticLearned {
    const { C, penalty, fitIntercept, tol, maxIter } = this.o
    const { columns, classes } = start
    const outputs = start.intercept.length
    const w = zeros([outputs, columns], { dtype: 'float64', requiresGrad: true })
    const b = zeros([outputs], { dtype: 'float64', requiresGrad: fitIntercept })
    const labels = tensor(codes, { dtype: 'int32', shape: [codes.length] })
    const share = vector(weights ?? [])
    const nothing = zeros([codes.length, 1], { dtype: 'float64' })
    const optimizer = new LBFGS(fitIntercept ? [w, b] : [w], {
      lr: 1,
      maxIter,
      maxEval: maxIter * 20,
      toleranceGrad: tol,
      // As the 64 units in the last place of SciPy's L-BFGS-B.
      toleranceChange: 0,
      historySize: 10,
      lineSearchFn: 'strongWolfe',
    })
    let evaluations = 0
    optimizer.step(() => {
      evaluations++
      optimizer.zeroGrad()
      const scores = x.matmul(w.transpose(0, 1)).add(b)
      const logits = classes.length === 2 ? concat([nothing, scores], 1) : scores
      let loss = weights
        ? sum(crossEntropy(logits, labels, { reduction: 'none' }).mul(share))
        : crossEntropy(logits, labels, { reduction: 'sum' })
      if (penalty === 'l2') loss = loss.add(sum(w.mul(w)).mul(0.5 / C))
      loss.backward()
      return loss
    })
    return {
      ...start,
      coef: Float64Array.from(w.toTypedArray() as Float64Array),
      intercept: Float64Array.from(b.toTypedArray() as Float64Array),
      iterations: evaluations,
    }
  }
  /** One pass of SGD over the rows. `classes` are all that will come, in the first call. */
  partialFit(x: Matrix, y: Numbers, classes?: readonly number[], options?: WeightOptions): this {
    const { columns, rows } = tableIn(this.kind, x, this.learned?.columns)
    const labels = labelsIn(this.kind, y, rows)
    if (!this.learned) {
      const all = Int32Array.from([...new Set(classes ?? labels)].sort((a, b) => a - b))
      this.requireTwo(all)
      const outputs = all.length === 2 ? 1 : all.length
      this.learned = {
        classes: all,
        coef: new Float64Array(outputs * columns),
        intercept: new Float64Array(outputs),
        columns,
        iterations: 0,
        passes: 0,
      }
    }
    this.passes(x, this.codesOf(labels), 1, weightsIn(this.kind, options, rows))
    return this
  }
  private passes(x: Matrix, codes: Int32Array, most: number, given?: Float64Array): void {
    const { data, rows, columns } = tableIn(this.kind, x)
    const { lr, batchSize, seed, C, penalty, fitIntercept, tol } = this.o
    const { coef, intercept, passes } = this.got
    const outputs = intercept.length
    const w = Float64Array.from(coef)
    const b = Float64Array.from(intercept)
    const dw = new Float64Array(w.length)
    const db = new Float64Array(outputs)
    const p = new Float64Array(outputs)
    // The objective over C·N (N the weights together): the penalty of all rows shared among them.
    const all = given ? given.reduce((a, b) => a + b, 0) : rows
    const cost = penalty === 'l2' ? 1 / (C * all) : 0
    const weights = shares(given)
    let last = Number.POSITIVE_INFINITY
    let pass = 0
    while (pass < most) {
      const order = new Random(seed + (passes + pass) * 2 ** 32).order(rows)
      pass++
      let loss = 0
      for (let from = 0; from < rows; from += batchSize) {
        const to = Math.min(rows, from + batchSize)
        dw.fill(0)
        db.fill(0)
        for (let k = from; k < to; k++) {
          const at = order[k]! * columns
          for (let c = 0; c < outputs; c++) {
            let z = b[c]!
            for (let j = 0; j < columns; j++) z += w[c * columns + j]! * data[at + j]!
            p[c] = z
          }
          const weight = weights ? weights[order[k]!]! : 1
          loss += weight * slopes(p, codes[order[k]!]!)
          for (let c = 0; c < outputs; c++) {
            const e = weight * p[c]!
            db[c]! += e
            for (let j = 0; j < columns; j++) dw[c * columns + j]! += e * data[at + j]!
          }
        }
        for (let i = 0; i < w.length; i++) w[i]! -= lr * (dw[i]! / (to - from) + cost * w[i]!)
        if (fitIntercept) for (let c = 0; c < outputs; c++) b[c]! -= (lr * db[c]!) / (to - from)
      }
      loss /= rows
      if (!Number.isFinite(loss))
        throw new ValueError({
          op: this.kind,
          rule: 'SGD must converge',
          got: `a loss of ${loss} in pass ${pass}`,
          fix: 'Scale the columns with StandardScaler, or lower lr.',
        })
      if (tol > 0 && last - loss < tol && pass > 1) break
      last = loss
    }
    this.learned = {
      ...this.got,
      coef: w,
      intercept: b,
      iterations: pass,
      passes: passes + pass,
    }
  }
  /** The scores before softmax, shape (N, classes); of two classes that of the second, shape (N). */
  decisionFunction(x: Matrix): Tensor {
    const { columns, classes } = this.got
    const z = matrixIn(this.kind, x, columns).matmul(this.coef.transpose(0, 1)).add(this.intercept)
    return classes.length === 2 ? z.reshape([-1]) : z
  }
  predictProba(x: Matrix): Tensor {
    const z = this.decisionFunction(x)
    if (this.got.classes.length > 2) return z.softmax(1)
    const p = z.sigmoid().reshape([-1, 1])
    return concat([z.neg().sigmoid().reshape([-1, 1]), p], 1)
  }
  private requireTwo(classes: Int32Array): void {
    if (classes.length < 2)
      throw new ValueError({
        op: this.kind,
        rule: 'there must be two classes or more',
        got: `class ${classes[0]} only`,
      })
  }
}

/** −ln P of the class, and in place of the scores the slopes of that. One score is that of the second class. */
function slopes(z: Float64Array, label: number): number {
  if (z.length === 1) {
    const v = z[0]!
    const e = Math.exp(-Math.abs(v))
    const p = v >= 0 ? 1 / (1 + e) : e / (1 + e)
    z[0] = p - label
    return Math.log1p(e) + Math.max(v, 0) - label * v
  }
  let top = z[0]!
  for (const v of z) if (v > top) top = v
  let total = 0
  const own = z[label]!
  for (let c = 0; c < z.length; c++) {
    z[c] = Math.exp(z[c]! - top)
    total += z[c]!
  }
  for (let c = 0; c < z.length; c++) z[c]! /= total
  z[label]! -= 1
  return Math.log(total) + top - own
}
