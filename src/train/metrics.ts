/** Metrics: measures that collect values over batches. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { asNumbers, type TypedArray } from '../core/dtype.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import {
  auc,
  ConfusionMatrix,
  meanAbsoluteError,
  meanSquaredError,
  r2,
  refuseNaN,
  topKAccuracy,
} from '../data/measures.js'

/** Whether small or large values of a measure are good. */
export type Direction = 'min' | 'max'

/** The directions of the usual names; a metric that says `better` itself comes first. */
const directions: Readonly<Record<string, Direction>> = {
  loss: 'min',
  error: 'min',
  mae: 'min',
  meanabsoluteerror: 'min',
  mse: 'min',
  meansquarederror: 'min',
  rmse: 'min',
  rootmeansquarederror: 'min',
  perplexity: 'min',
  acc: 'max',
  accuracy: 'max',
  topkaccuracy: 'max',
  top5accuracy: 'max',
  precision: 'max',
  recall: 'max',
  f1: 'max',
  auc: 'max',
  r2: 'max',
  r2score: 'max',
  meaniou: 'max',
  miou: 'max',
  dice: 'max',
}

/**
 * Whether small or large values of a number in the logs of `fit` are good: 'min', 'max', or undefined for a name that
 * says neither. `val` before the name does not matter.
 * @example directionOf('valMae') // 'min'
 */
export function directionOf(
  name: string,
  metrics: Readonly<Record<string, Metric>> = {},
): Direction | undefined {
  const bare = /^val[A-Z0-9]/.test(name) ? name[3]!.toLowerCase() + name.slice(4) : name
  const own = Object.hasOwn(metrics, bare)
    ? metrics[bare]
    : metrics[bare[0]!.toUpperCase() + bare.slice(1)]
  if (own?.better) return own.better
  const key = bare.replace(/[^A-Za-z0-9]/g, '').toLowerCase()
  return Object.hasOwn(directions, key) ? directions[key] : undefined
}

/** Collects values over the batches of an epoch and computes one number at its end. */
export interface Metric {
  /** Whether small or large values are good: what EarlyStopping, BestCheckpoint and ReduceLROnPlateau go by. */
  readonly better?: Direction
  reset(): void
  /** Outputs of the model and targets of one batch. */
  update(output: Tensor, target: Tensor): void
  compute(): number
}

/** How outputs become classes: the largest of several, or one logit (N) or (N, 1) against a threshold. */
export interface ClassOptions {
  /** For a single output: above it the class is 1. 0 suits logits, 0.5 probabilities. */
  threshold?: number
  /** Targets of this label do not count; -100 unless given, as in crossEntropy. */
  ignoreIndex?: number
}

/**
 * The axis of the outputs that holds the classes, for targets of one axis less: the last for (N, ..., C), the second
 * for PyTorch's (N, C, ...). When both fit it is the last. undefined for one score an example.
 */
export function classAxis(
  output: { shape: readonly number[] },
  target: { shape: readonly number[] },
): number | undefined {
  const [o, t] = [output.shape, target.shape]
  if (o.length !== t.length + 1 || o.length < 2) return undefined
  const without = (axis: number) => o.filter((_, i) => i !== axis).every((n, i) => n === t[i])
  if (without(o.length - 1)) return o.length - 1
  return without(1) ? 1 : undefined
}

/** The class of each target; rows with NaN have none. */
function classesOf(op: string, out: Tensor, target: Tensor, threshold: number): Int32Array {
  const values = asNumbers(out.toTypedArray())
  refuseNaN(op, values)
  const axis = classAxis(out, target)
  if (axis !== undefined && out.shape[axis]! > 1) {
    const count = out.shape[axis]!
    const inner = out.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
    const classes = new Int32Array(target.size)
    for (let i = 0; i < classes.length; i++) {
      const from = Math.floor(i / inner) * count * inner + (i % inner)
      let best = 0
      for (let c = 1; c < count; c++)
        if (values[from + c * inner]! > values[from + best * inner]!) best = c
      classes[i] = best
    }
    return classes
  }
  if (
    out.size === target.size &&
    (out.rank < 2 || out.shape[out.rank - 1] === 1 || target.rank === out.rank)
  )
    return Int32Array.from(values, (v) => (v > threshold ? 1 : 0))
  throw new ShapeError({
    op,
    rule: 'outputs must be (N, ..., C) or (N, C, ...) for targets (N, ...), or one score for each target',
    got: `outputs ${show(out.shape)} and targets ${show(target.shape)}`,
  })
}

const classNames: OptionNames<ClassOptions> = { threshold: true, ignoreIndex: true }

abstract class ClassMetric implements Metric {
  readonly better = 'max'
  /** Counts of all examples so far: there may be too many to keep, where each is a pixel. */
  private matrix: ConfusionMatrix | undefined
  private readonly threshold: number
  private readonly ignoreIndex: number
  protected readonly op: string
  constructor(op: string, options: ClassOptions) {
    const { threshold = 0, ignoreIndex = -100 } = checkOptions(op, options, classNames)
    this.op = op
    this.threshold = threshold
    this.ignoreIndex = ignoreIndex
  }
  reset(): void {
    this.matrix = undefined
  }
  update(output: Tensor, target: Tensor): void {
    const classes = classesOf(this.op, output, target, this.threshold)
    const labels = asNumbers(target.toTypedArray())
    const [truth, predicted]: [number[], number[]] = [[], []]
    let top = (this.matrix?.classes ?? 2) - 1
    for (let i = 0; i < classes.length; i++) {
      if (labels[i] === this.ignoreIndex) continue
      truth.push(labels[i]!)
      predicted.push(classes[i]!)
      top = Math.max(top, labels[i]!, classes[i]!)
    }
    const grown = new ConfusionMatrix(top + 1).add(truth, predicted)
    this.matrix?.counts.forEach((row, i) => {
      row.forEach((n, j) => {
        grown.counts[i]![j]! += n
      })
    })
    this.matrix = grown
  }
  /** Counts by true and predicted class. */
  confusion(): ConfusionMatrix {
    return this.matrix ?? new ConfusionMatrix(2)
  }
  abstract compute(): number
}

/** Share of right answers: outputs (N, C), (N, L, C) or PyTorch's (N, C, L) and labels (N) or (N, L), or one score each. */
export class Accuracy extends ClassMetric {
  constructor(options: ClassOptions = {}) {
    super('Accuracy', options)
  }
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
const averageNames: OptionNames<AverageOptions> = { ...classNames, average: true }
type Measure = 'precision' | 'recall' | 'f1' | 'iou'
abstract class Averaged extends ClassMetric {
  private readonly measure: Measure
  private readonly average: 'macro' | 'micro' | number
  constructor(op: string, measure: Measure, given: AverageOptions) {
    const { average = 'macro', ...options } = checkOptions(op, given, averageNames)
    super(op, options)
    this.measure = measure
    if (average !== 'macro' && average !== 'micro' && !(Number.isInteger(average) && average >= 0))
      throw new ValueError({
        op: 'average',
        rule: "average must be 'macro', 'micro' or the number of a class",
        got: `${average}`,
      })
    this.average = average
  }
  compute(): number {
    const m = this.confusion()
    // All right answers together: TP = a n, FP = FN = (1 − a) n.
    const a = m.accuracy()
    if (this.average === 'micro') return this.measure === 'iou' ? a / (2 - a) : a
    if (this.average === 'macro') return m.macro(this.measure)
    return this.average < m.classes ? m[this.measure](this.average) : 0
  }
}
/** TP / (TP + FP): the share of the predictions of a class that are right. 0 without such predictions. */
export class Precision extends Averaged {
  /** @throws ValueError for an average that is neither a name nor a class */
  constructor(options: AverageOptions = {}) {
    super('Precision', 'precision', options)
  }
}
/** TP / (TP + FN): the share of the examples of a class that were found. 0 without such examples. */
export class Recall extends Averaged {
  /** @throws ValueError for an average that is neither a name nor a class */
  constructor(options: AverageOptions = {}) {
    super('Recall', 'recall', options)
  }
}
/** 2 P R / (P + R), the harmonic mean of precision and recall. */
export class F1 extends Averaged {
  /** @throws ValueError for an average that is neither a name nor a class */
  constructor(options: AverageOptions = {}) {
    super('F1', 'f1', options)
  }
}

/**
 * Intersection over union, TP / (TP + FP + FN) of a class over all pixels, or the mean over the classes that occur: outputs
 * (N, C, H, W) and labels (N, H, W), or one logit a pixel and 0 or 1. The numbers of scikit-learn's jaccard_score.
 */
export class MeanIoU extends Averaged {
  /** @throws ValueError for an average that is neither a name nor a class */
  constructor(options: AverageOptions = {}) {
    super('MeanIoU', 'iou', options)
  }
}
/** The Dice coefficient, 2 TP / (2 TP + FP + FN) of a class over all pixels, averaged as MeanIoU is: F1 of the pixels. */
export class Dice extends Averaged {
  /** @throws ValueError for an average that is neither a name nor a class */
  constructor(options: AverageOptions = {}) {
    super('Dice', 'f1', options)
  }
}

/** Share of the labels among the k largest outputs; outputs (N, C). Labels -100 do not count. */
export class TopKAccuracy implements Metric {
  readonly better = 'max'
  private readonly k: number
  private readonly ignoreIndex: number
  private hits = 0
  private count = 0
  /** @throws ValueError unless k is a whole number above 0 */
  constructor(k: number, options: Pick<ClassOptions, 'ignoreIndex'> = {}) {
    const { ignoreIndex = -100 } = checkOptions('TopKAccuracy', options, ['ignoreIndex'])
    if (!(Number.isInteger(k) && k > 0))
      throw new ValueError({
        op: 'TopKAccuracy',
        rule: 'k must be a whole number above 0',
        got: `${k}`,
      })
    this.k = k
    this.ignoreIndex = ignoreIndex
  }
  reset(): void {
    this.hits = this.count = 0
  }
  update(output: Tensor, target: Tensor): void {
    if (classAxis(output, target) !== 1 || output.rank !== 2)
      throw new ShapeError({
        op: 'TopKAccuracy',
        rule: 'outputs must be (N, C) and targets (N)',
        got: `${show(output.shape)} and ${show(target.shape)}`,
      })
    const labels = Array.from(asNumbers(target.toTypedArray()))
    const rows = (output.toArray() as number[][]).filter((_, i) => labels[i] !== this.ignoreIndex)
    const counted = labels.filter((label) => label !== this.ignoreIndex)
    if (rows.length === 0) return
    this.hits += Math.round(topKAccuracy(rows, counted, this.k) * rows.length)
    this.count += rows.length
  }
  compute(): number {
    return this.hits / this.count
  }
}

/** Gathers two lists of numbers, all outputs and all targets, and measures them in float64. */
abstract class Paired implements Metric {
  abstract readonly better: Direction
  private outputs: number[] = []
  private targets: number[] = []
  protected abstract measure(output: readonly number[], target: readonly number[]): number
  reset(): void {
    this.outputs = []
    this.targets = []
  }
  update(output: Tensor, target: Tensor): void {
    // (N, 1) and (N) hold the same numbers; other shapes that differ are a mistake.
    const own = (t: Tensor) => t.shape.filter((n, axis) => axis === 0 || n !== 1)
    if (`${own(output)}` !== `${own(target)}`)
      throw new ShapeError({
        op: 'metric',
        rule: 'outputs and targets must have the same shape',
        got: `${show(output.shape)} and ${show(target.shape)}`,
      })
    append(this.outputs, asNumbers(output.toTypedArray()))
    append(this.targets, asNumbers(target.toTypedArray()))
  }
  compute(): number {
    return this.measure(this.outputs, this.targets)
  }
}
function append(list: number[], values: TypedArray): void {
  for (const v of values) list.push(Number(v))
}
/** Area under the ROC curve of one score an example against targets 0 and 1. */
export class AUC extends Paired {
  readonly better = 'max'
  protected measure = auc
}
/** Mean of (x − y)². */
export class MeanSquaredError extends Paired {
  readonly better = 'min'
  protected measure = meanSquaredError
}
/** Mean of |x − y|. */
export class MeanAbsoluteError extends Paired {
  readonly better = 'min'
  protected measure = meanAbsoluteError
}
/** 1 − Σ(y − x)² / Σ(y − ȳ)², the coefficient of determination. */
export class R2Score extends Paired {
  readonly better = 'max'
  protected measure = r2
}
