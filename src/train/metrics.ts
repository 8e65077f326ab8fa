/** Measures of how well predictions fit: from plain numbers, and as metrics that gather over batches. */
import { IndexError, ShapeError, show } from '../core/errors.js'
import { argmax } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/trace.js'

/** Rows are true classes, columns predicted ones. */
export class ConfusionMatrix {
  readonly classes: number
  readonly counts: number[][]
  constructor(classes: number) {
    this.classes = classes
    this.counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  }
  /** @throws ShapeError unless there is a prediction for each label, IndexError for a class that is none */
  add(truth: ArrayLike<number>, predicted: ArrayLike<number>): this {
    if (truth.length !== predicted.length)
      throw new ShapeError({
        op: 'ConfusionMatrix',
        rule: 'a prediction for each label',
        got: `${truth.length} and ${predicted.length}`,
      })
    for (let i = 0; i < truth.length; i++)
      for (const c of [truth[i]!, predicted[i]!])
        if (!(Number.isInteger(c) && c >= 0 && c < this.classes))
          throw new IndexError({
            op: 'ConfusionMatrix',
            rule: `classes must lie from 0 to ${this.classes - 1}`,
            got: `${c} for example ${i}`,
          })
    for (let i = 0; i < truth.length; i++) this.counts[truth[i]!]![predicted[i]!]!++
    return this
  }
  get total(): number {
    return this.counts.flat().reduce((a, b) => a + b, 0)
  }
  /** Share of the examples on the diagonal. */
  accuracy(): number {
    return this.counts.reduce((s, row, i) => s + row[i]!, 0) / this.total
  }
  private column(c: number): number {
    return this.counts.reduce((s, row) => s + row[c]!, 0)
  }
  private row(c: number): number {
    return this.counts[c]!.reduce((a, b) => a + b, 0)
  }
  /** Of what was called c, the share that is; 0 where nothing was. */
  precision(c: number): number {
    const n = this.column(c)
    return n === 0 ? 0 : this.counts[c]![c]! / n
  }
  /** Of what is c, the share that was found. */
  recall(c: number): number {
    const n = this.row(c)
    return n === 0 ? 0 : this.counts[c]![c]! / n
  }
  /** The harmonic mean of precision and recall. */
  f1(c: number): number {
    const [p, r] = [this.precision(c), this.recall(c)]
    return p + r === 0 ? 0 : (2 * p * r) / (p + r)
  }
  /** A measure by class, averaged over classes (macro). */
  macro(measure: 'precision' | 'recall' | 'f1'): number {
    let s = 0
    for (let c = 0; c < this.classes; c++) s += this[measure](c)
    return s / this.classes
  }
  toString(): string {
    const width = Math.max(4, ...this.counts.flat().map((n) => `${n}`.length)) + 1
    const cell = (v: string | number) => `${v}`.padStart(width)
    const head = `true\\pred${Array.from({ length: this.classes }, (_, c) => cell(c)).join('')}`
    return [
      head,
      ...this.counts.map(
        (row, c) => `${`${c}`.padStart(9)}${row.map((n) => cell(n || '.')).join('')}`,
      ),
    ].join('\n')
  }
}

/** Share of labels among the k highest scores. */
export function topKAccuracy(
  scores: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  k: number,
): number {
  let hits = 0
  scores.forEach((row, i) => {
    const own = row[labels[i]!]!
    let above = 0
    for (let c = 0; c < row.length; c++) if (row[c]! > own) above++
    if (above < k) hits++
  })
  return hits / scores.length
}

/** Area under the ROC curve: the probability that a positive scores above a negative, ties half. */
export function auc(scores: ArrayLike<number>, positive: ArrayLike<number | boolean>): number {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => scores[a]! - scores[b]!,
  )
  let rankSum = 0
  let positives = 0
  for (let i = 0; i < order.length; ) {
    let j = i
    while (j < order.length && scores[order[j]!] === scores[order[i]!]) j++
    const rank = (i + j + 1) / 2
    for (let k = i; k < j; k++)
      if (positive[order[k]!]) {
        rankSum += rank
        positives++
      }
    i = j
  }
  const negatives = scores.length - positives
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives)
}

export const meanSquaredError = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  average(x, y, (d) => d * d)
export const meanAbsoluteError = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  average(x, y, Math.abs)
function average(x: ArrayLike<number>, y: ArrayLike<number>, f: (d: number) => number): number {
  let s = 0
  for (let i = 0; i < x.length; i++) s += f(x[i]! - y[i]!)
  return s / x.length
}
/** 1 − residual over total sum of squares. */
export function r2(predicted: ArrayLike<number>, truth: ArrayLike<number>): number {
  const n = truth.length
  let mean = 0
  for (let i = 0; i < n; i++) mean += truth[i]! / n
  let residual = 0
  let total = 0
  for (let i = 0; i < n; i++) {
    residual += (truth[i]! - predicted[i]!) ** 2
    total += (truth[i]! - mean) ** 2
  }
  return 1 - residual / total
}

/** Gathers over the batches of an epoch and gives one number at its end. */
export interface Metric {
  reset(): void
  /** Outputs of the model and targets of one batch. */
  update(output: Tensor, target: Tensor): void
  compute(): number
}

/** How outputs become classes: the largest of several, or one logit (N) or (N, 1) against a threshold. */
export interface ClassOptions {
  /** For a single output: above it the class is 1. 0 suits logits, 0.5 probabilities. */
  threshold?: number
}
function classesOf(out: Tensor, { threshold = 0 }: ClassOptions): ArrayLike<number> {
  if (out.rank === 2 && out.shape[1]! > 1) return noGrad(() => argmax(out, 1)).toTypedArray()
  if (out.rank === 1 || (out.rank === 2 && out.shape[1] === 1))
    return Int32Array.from(out.toTypedArray(), (v) => (v > threshold ? 1 : 0))
  throw new ShapeError({
    op: 'metric',
    rule: 'outputs must be (N, C), (N, 1) or (N)',
    got: show(out.shape),
  })
}

abstract class ClassMetric implements Metric {
  /** True and predicted class of every example so far. */
  protected truth: number[] = []
  protected predicted: number[] = []
  private readonly options: ClassOptions
  constructor(options: ClassOptions = {}) {
    this.options = options
  }
  reset(): void {
    this.truth = []
    this.predicted = []
  }
  update(output: Tensor, target: Tensor): void {
    const classes = classesOf(output, this.options)
    const labels = target.toTypedArray()
    for (let i = 0; i < classes.length; i++) {
      this.predicted.push(classes[i]!)
      this.truth.push(labels[i]!)
    }
  }
  /** Counts by true and predicted class. */
  confusion(): ConfusionMatrix {
    let top = 1
    for (const c of this.truth) if (c > top) top = c
    for (const c of this.predicted) if (c > top) top = c
    return new ConfusionMatrix(top + 1).add(this.truth, this.predicted)
  }
  abstract compute(): number
}

/** Share of right answers. */
export class Accuracy extends ClassMetric {
  compute(): number {
    return this.confusion().accuracy()
  }
}

export interface AverageOptions extends ClassOptions {
  /**
   * 'macro' (the mean over classes, the default), 'micro' (all examples together, which is the accuracy), or the
   * class to look at, such as 1 for two classes.
   */
  average?: 'macro' | 'micro' | number
}
abstract class Averaged extends ClassMetric {
  protected abstract readonly measure: 'precision' | 'recall' | 'f1'
  private readonly average: 'macro' | 'micro' | number
  constructor({ average = 'macro', ...options }: AverageOptions = {}) {
    super(options)
    this.average = average
  }
  compute(): number {
    const m = this.confusion()
    if (this.average === 'micro') return m.accuracy()
    return this.average === 'macro' ? m.macro(this.measure) : m[this.measure](this.average)
  }
}
/** TP / (TP + FP): of what was called a class, the share that is one. 0 where nothing was. */
export class Precision extends Averaged {
  protected readonly measure = 'precision'
}
/** TP / (TP + FN): of a class, the share that was found. 0 where there is none. */
export class Recall extends Averaged {
  protected readonly measure = 'recall'
}
/** 2 P R / (P + R), the harmonic mean of precision and recall. */
export class F1 extends Averaged {
  protected readonly measure = 'f1'
}

/** Share of the labels among the k largest outputs; outputs (N, C). */
export class TopKAccuracy implements Metric {
  private readonly k: number
  private hits = 0
  private count = 0
  constructor(k: number) {
    this.k = k
  }
  reset(): void {
    this.hits = this.count = 0
  }
  update(output: Tensor, target: Tensor): void {
    const rows = output.toArray() as number[][]
    this.hits += topKAccuracy(rows, target.toTypedArray(), this.k) * rows.length
    this.count += rows.length
  }
  compute(): number {
    return this.hits / this.count
  }
}

/** Gathers two lists of numbers, all outputs and all targets. */
class Paired implements Metric {
  private readonly measure: (output: number[], target: number[]) => number
  private outputs: number[] = []
  private targets: number[] = []
  constructor(measure: (output: number[], target: number[]) => number) {
    this.measure = measure
  }
  reset(): void {
    this.outputs = []
    this.targets = []
  }
  update(output: Tensor, target: Tensor): void {
    if (output.size !== target.size)
      throw new ShapeError({
        op: 'metric',
        rule: 'a number for each target',
        got: `${show(output.shape)} and ${show(target.shape)}`,
      })
    for (const v of output.toTypedArray()) this.outputs.push(v)
    for (const v of target.toTypedArray()) this.targets.push(v)
  }
  compute(): number {
    return this.measure(this.outputs, this.targets)
  }
}
/** Area under the ROC curve of one score an example against targets 0 and 1. */
export class AUC extends Paired {
  constructor() {
    super(auc)
  }
}
/** Mean of (x − y)². */
export class MeanSquaredError extends Paired {
  constructor() {
    super(meanSquaredError)
  }
}
/** Mean of |x − y|. */
export class MeanAbsoluteError extends Paired {
  constructor() {
    super(meanAbsoluteError)
  }
}
/** 1 − Σ(y − x)² / Σ(y − ȳ)², the coefficient of determination. */
export class R2Score extends Paired {
  constructor() {
    super(r2)
  }
}
