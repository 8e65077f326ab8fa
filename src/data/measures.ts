/** Measures of how well predictions fit, from plain numbers, in float64. */
import { IndexError, ShapeError, ValueError } from '../core/errors.js'
import { showValue } from '../core/options.js'
import { weightsIn, type WeightOptions } from './weights.js'

export function sameLength(op: string, x: ArrayLike<unknown>, y: ArrayLike<unknown>): void {
  for (const v of [x, y])
    if (typeof v !== 'object' || v === null || !Number.isInteger(v.length))
      throw new ValueError({
        op,
        rule: 'predictions and targets are lists or typed arrays',
        got: showValue(v),
        fix: 'Of a tensor: t.toTypedArray().',
      })
  if (x.length !== y.length)
    throw new ShapeError({
      op,
      rule: 'there must be one prediction for each target',
      got: `${x.length} predictions and ${y.length} targets`,
    })
}

/** NaN has no order: a measure that ranks or compares it would be arbitrary. */
export function refuseNaN(op: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++)
    if (Number.isNaN(values[i]))
      throw new ValueError({
        op,
        rule: 'predictions must be numbers',
        got: `NaN at position ${i}`,
        fix: 'The model has diverged, or the data holds NaN.',
      })
}

/** Rows are true classes, columns predicted ones. */
export class ConfusionMatrix {
  readonly classes: number
  readonly counts: number[][]
  /** @throws ValueError unless the number of classes is a whole number above 0 */
  constructor(classes: number) {
    if (!(Number.isInteger(classes) && classes > 0))
      throw new ValueError({
        op: 'ConfusionMatrix',
        rule: 'the number of classes must be a whole number above 0',
        got: `${classes}`,
      })
    this.classes = classes
    this.counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  }
  /**
   * Counts examples, by their weights where they are given.
   * @throws ShapeError unless there is a prediction for each label, IndexError for a class outside of the range
   */
  add(truth: ArrayLike<number>, predicted: ArrayLike<number>, options?: WeightOptions): this {
    sameLength('ConfusionMatrix', predicted, truth)
    const weights = weightsIn('ConfusionMatrix', options, truth.length)
    for (let i = 0; i < truth.length; i++)
      for (const c of [truth[i]!, predicted[i]!])
        if (!(Number.isInteger(c) && c >= 0 && c < this.classes))
          throw new IndexError({
            op: 'ConfusionMatrix',
            rule: `classes must lie from 0 to ${this.classes - 1}`,
            got: `${c} for example ${i}`,
          })
    for (let i = 0; i < truth.length; i++)
      this.counts[truth[i]!]![predicted[i]!]! += weights ? weights[i]! : 1
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
  /** The share of the predictions of class c that are right; 0 without such predictions. */
  precision(c: number): number {
    const n = this.column(c)
    return n === 0 ? 0 : this.counts[c]![c]! / n
  }
  /** The share of the examples of class c that were predicted as c; 0 without such examples. */
  recall(c: number): number {
    const n = this.row(c)
    return n === 0 ? 0 : this.counts[c]![c]! / n
  }
  /** The harmonic mean of precision and recall. */
  f1(c: number): number {
    const [p, r] = [this.precision(c), this.recall(c)]
    return p + r === 0 ? 0 : (2 * p * r) / (p + r)
  }
  /** TP / (TP + FP + FN), the intersection over union of class c (Jaccard); 0 for a class that does not occur. */
  iou(c: number): number {
    const union = this.row(c) + this.column(c) - this.counts[c]![c]!
    return union === 0 ? 0 : this.counts[c]![c]! / union
  }
  /** The mean of a measure over the classes that occur, as a label or as a prediction (as scikit-learn's macro average). */
  macro(measure: 'precision' | 'recall' | 'f1' | 'iou'): number {
    let s = 0
    let n = 0
    for (let c = 0; c < this.classes; c++) {
      if (this.row(c) + this.column(c) === 0) continue
      s += this[measure](c)
      n++
    }
    return s / n
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

/** Σ w v over the examples, divided by Σ w. */
function mean(
  op: string,
  n: number,
  options: WeightOptions | undefined,
  v: (i: number) => number,
): number {
  const weights = weightsIn(op, options, n)
  let s = 0
  let all = 0
  for (let i = 0; i < n; i++) {
    const w = weights ? weights[i]! : 1
    s += w * v(i)
    all += w
  }
  return s / all
}

/**
 * The share of the predictions that are right, Σ w [x = y] / Σ w (sklearn.metrics.accuracy_score).
 * @throws ShapeError for lists of different lengths
 * @example accuracy([0, 1, 1, 2], [0, 1, 2, 2]) // 0.75
 */
export function accuracy(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options?: WeightOptions,
): number {
  sameLength('accuracy', predicted, labels)
  return mean('accuracy', labels.length, options, (i) => (predicted[i] === labels[i] ? 1 : 0))
}

/**
 * Share of the examples whose label is among the k highest scores.
 * @throws ShapeError unless there is one row for each label, ValueError for NaN
 * @example topKAccuracy([[0.1, 0.5, 0.4], [0.8, 0.1, 0.1]], [2, 1], 2) // 1
 */
export function topKAccuracy(
  scores: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  k: number,
  options?: WeightOptions,
): number {
  sameLength('topKAccuracy', scores, labels)
  return mean('topKAccuracy', labels.length, options, (i) => {
    const row = scores[i]!
    refuseNaN('topKAccuracy', row)
    const own = row[labels[i]!]
    if (own === undefined)
      throw new IndexError({
        op: 'topKAccuracy',
        rule: `labels must lie from 0 to ${row.length - 1}`,
        got: `${labels[i]} for example ${i}`,
      })
    let above = 0
    for (let c = 0; c < row.length; c++) if (row[c]! > own) above++
    return above < k ? 1 : 0
  })
}

/**
 * Area under the ROC curve: the probability that a positive scores above a negative, ties half. NaN when all examples
 * are of one class, for which it is not defined.
 * @throws ShapeError for lists of different lengths, ValueError for a score that is NaN and a target that is not 0 or 1
 * @example auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) // 0.75
 */
export function auc(
  scores: ArrayLike<number>,
  positive: ArrayLike<number | boolean>,
  options?: WeightOptions,
): number {
  sameLength('auc', scores, positive)
  refuseNaN('auc', scores)
  requireBinary('auc', positive)
  const weights = weightsIn('auc', options, scores.length)
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) =>
    scores[a]! < scores[b]! ? -1 : scores[a]! > scores[b]! ? 1 : 0,
  )
  // The weight of the pairs in which the positive one is above, ties half.
  let above = 0
  let [positives, negatives] = [0, 0]
  for (let i = 0; i < order.length; ) {
    let [p, n] = [0, 0]
    const score = scores[order[i]!]
    for (; i < order.length && scores[order[i]!] === score; i++) {
      const w = weights ? weights[order[i]!]! : 1
      if (positive[order[i]!]) p += w
      else n += w
    }
    above += p * (negatives + n / 2)
    positives += p
    negatives += n
  }
  return above / (positives * negatives)
}

/** @throws ValueError for a target that is not 0 or 1 */
export function requireBinary(op: string, positive: ArrayLike<number | boolean>): void {
  for (let i = 0; i < positive.length; i++)
    if (Number(positive[i]) !== 0 && Number(positive[i]) !== 1)
      throw new ValueError({
        op,
        rule: 'targets must be 0 or 1, false or true',
        got: `${showValue(positive[i])} at ${i}`,
        fix: 'Say which class is positive: labels.map((l) => l === 1).',
      })
}

const square = (d: number) => d * d
/** (Weighted) mean of (x − y)², in float64. @throws ShapeError for lists of different lengths */
export const meanSquaredError = (
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  options?: WeightOptions,
): number => average('meanSquaredError', x, y, square, options)
/** (Weighted) mean of |x − y|, in float64. @throws ShapeError for lists of different lengths */
export const meanAbsoluteError = (
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  options?: WeightOptions,
): number => average('meanAbsoluteError', x, y, Math.abs, options)
function average(
  op: string,
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  f: (d: number) => number,
  options?: WeightOptions,
): number {
  sameLength(op, x, y)
  return mean(op, x.length, options, (i) => f(x[i]! - y[i]!))
}
/**
 * The coefficient of determination, 1 − Σ w(y − x)² / Σ w(y − ȳ)², ȳ the (weighted) mean. Constant targets give 1 when every prediction is
 * right and 0 otherwise; fewer than two targets give NaN (as scikit-learn's r2_score).
 * @throws ShapeError for lists of different lengths
 * @example r2([2.5, 0, 2, 8], [3, -0.5, 2, 7]) // 0.9486
 */
export function r2(
  predicted: ArrayLike<number>,
  truth: ArrayLike<number>,
  options?: WeightOptions,
): number {
  sameLength('r2', predicted, truth)
  const n = truth.length
  const weights = weightsIn('r2', options, n)
  if (n < 2) return Number.NaN
  const center = mean('r2', n, options, (i) => truth[i]!)
  let constant = true
  let residual = 0
  let total = 0
  for (let i = 0; i < n; i++) {
    const w = weights ? weights[i]! : 1
    if (truth[i] !== truth[0]) constant = false
    residual += w * square(truth[i]! - predicted[i]!)
    total += w * square(truth[i]! - center)
  }
  // The mean of equal numbers may be off by a rounding error.
  if (constant || total === 0) return residual === 0 ? 1 : Number.isNaN(residual) ? residual : 0
  return 1 - residual / total
}
