/** Preparation of the options of `fit`: validation data, and the loss with class weights. */
import { asNumbers } from '../core/dtype.js'
import { ValueError } from '../core/errors.js'
import { showValue } from '../core/options.js'
import { Subset } from '../data/dataset.js'
import { DataLoader } from '../data/loader.js'
import { crossEntropy, nllLoss } from '../ops/loss/index.js'
import type { Tensor } from '../ops/tensor.js'
import { withState } from '../ops/state.js'
import { tensor } from '../tensor/creation.js'
import { type BatchSource, type LossFunction, splitBatch } from './evaluate.js'
import type { FitOptions } from './fit.js'

/** Weights of classes: by place, by label, or n / (classes · count) of the training data. */
export type ClassWeight = readonly number[] | Readonly<Record<number, number>> | 'balanced'

const refuse = (rule: string, got: string, fix?: string): never => {
  throw new ValueError({ op: 'fit', rule, got, ...(fix && { fix }) })
}

/** Training and validation data; a split takes the last examples of the data set for validation. */
export function splitValidation({
  data,
  validation,
  validationSplit,
}: FitOptions): [BatchSource, BatchSource | undefined] {
  if (validationSplit === undefined) return [data, validation]
  if (!(validationSplit > 0 && validationSplit < 1))
    refuse('validationSplit must be above 0 and below 1', `${validationSplit}`)
  if (!(data instanceof DataLoader) || !('length' in data.dataset))
    refuse(
      'validationSplit needs a DataLoader over a data set whose examples have places',
      showValue(data),
      'Pass validation: another loader.',
    )
  const loader = data as unknown as DataLoader<Tensor[]>
  const { dataset } = loader as { dataset: ConstructorParameters<typeof Subset<Tensor[]>>[0] }
  const n = dataset.length
  const kept = n - Math.round(n * validationSplit)
  const part = (from: number, to: number) =>
    new Subset(
      dataset,
      Int32Array.from({ length: to - from }, (_, i) => from + i),
    )
  if (kept === 0 || kept === n)
    refuse('both parts of validationSplit must have examples', `${validationSplit} of ${n}`)
  return [
    loader.over(part(0, kept)),
    loader.over(part(kept, n), { shuffle: false, dropLast: false }),
  ]
}

/** How often each label occurs. */
function countLabels(data: BatchSource, inputs: number | undefined): number[] {
  const counts: number[] = []
  const source = data.from(0, 0)
  for (let next = source.next(); !next.done; next = source.next()) {
    const [, [y]] = splitBatch('fit', next.value, inputs)
    for (const label of asNumbers(y!.toTypedArray()))
      if (label >= 0) counts[label] = (counts[label] ?? 0) + 1
    data.release?.(next.value)
  }
  return Array.from(counts, (n) => n ?? 0)
}

/** The loss of training: the one given, with the weights of the classes. */
export function weightedLoss(options: FitOptions, data: BatchSource): LossFunction<never> {
  const { loss = crossEntropy, classWeight } = options
  if (classWeight === undefined) return loss
  if (loss !== crossEntropy && loss !== nllLoss)
    refuse(
      'classWeight needs crossEntropy or nllLoss',
      'another loss',
      'Pass the weights to your loss: loss: (p, y) => myLoss(p, y, { weight }).',
    )
  let list: readonly number[] | undefined
  if (classWeight === 'balanced') {
    const counts = countLabels(data, options.inputs)
    const present = counts.filter((n) => n > 0)
    const total = present.reduce((a, b) => a + b, 0)
    list = counts.map((n) => (n > 0 ? total / (present.length * n) : 1))
  } else if (Array.isArray(classWeight)) list = classWeight
  const given = list ? [] : Object.entries(classWeight as object)
  const fine = (v: unknown) => typeof v === 'number' && Number.isFinite(v) && v >= 0
  if (
    (typeof classWeight !== 'object' && classWeight !== 'balanced') ||
    (list && (list.length === 0 || !list.every(fine))) ||
    !given.every(([k, v]) => /^\d+$/.test(k) && fine(v))
  )
    refuse(
      "classWeight is 'balanced', a list of numbers from 0 up, or such numbers by label",
      showValue(classWeight),
    )
  const weights = new Map<number, Tensor>()
  return (p: Tensor, y: Tensor) => {
    // The classes stand along axis 1, or the only one.
    const classes = p.shape[p.rank > 1 ? 1 : 0]!
    let weight = weights.get(classes)
    if (!weight) {
      const values =
        list ??
        Array.from({ length: classes }, (_, c) => (classWeight as Record<number, number>)[c] ?? 1)
      const most = list ? list.length : Math.max(...given.map(([k]) => Number(k) + 1))
      if (list && classWeight !== 'balanced' ? list.length !== classes : most > classes)
        refuse(`there must be weights of ${classes} classes`, `${most}`)
      const whole = [...values, ...new Array<number>(Math.max(0, classes - values.length)).fill(1)]
      weight = withState('recorder', undefined, () =>
        withState('scope', undefined, () => tensor(whole)),
      )
      weights.set(classes, weight)
    }
    return (loss as typeof crossEntropy)(p, y, { weight })
  }
}
