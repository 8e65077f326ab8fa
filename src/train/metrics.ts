/** Measures of how well predictions fit, from plain numbers: they are read once an epoch. */
import { ShapeError } from '../core/errors.js'

/** Rows are true classes, columns predicted ones. */
export class ConfusionMatrix {
  readonly classes: number
  readonly counts: number[][]
  constructor(classes: number) {
    this.classes = classes
    this.counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  }
  add(truth: ArrayLike<number>, predicted: ArrayLike<number>): this {
    if (truth.length !== predicted.length)
      throw new ShapeError({
        op: 'ConfusionMatrix',
        rule: 'a prediction for each label',
        got: `${truth.length} and ${predicted.length}`,
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
