/** Evaluation of a model: loss, metrics, predictions. */
import { sum } from '../ops/broadcast.js'
import { compile } from '../compile/compile.js'
import { asNumbers, isFloat } from '../core/dtype.js'
import { pacer } from '../core/pause.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import type { Module } from '../nn/module.js'
import { eq, ne } from '../ops/compare.js'
import { toType } from '../ops/define.js'
import { concat } from '../ops/join.js'
import { crossEntropy } from '../ops/loss/index.js'
import { argmax } from '../ops/reduce.js'
import { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/state.js'
import { classAxis, type Metric } from './metrics.js'
import { rememberModel, untouched } from './untouched.js'

export type Model = Module & { forward(x: Tensor): Tensor }
/** A model of any number of inputs; `Out` is the result of its `forward`: a tensor, or several. */
export type AnyModel<Out = unknown> = Module & { forward(...inputs: never[]): Out }
export type Batch = readonly Tensor[]
/** The loss of the model's output against the target (or targets), a scalar. */
export type LossFunction<Out = Tensor> = (
  prediction: Out,
  target: Tensor,
  ...more: never[]
) => Tensor

/** Where batches come from; a `DataLoader` is one. */
export interface BatchSource {
  /** Batches in an epoch. */
  readonly length: number
  /** The batches of an epoch from the `start`-th on: the same ones whenever it is asked. */
  from(epoch: number, start: number): Iterator<Batch>
  /** The same batches, made elsewhere meanwhile; `fitAsync` prefers it. */
  fromAsync?(epoch: number, start: number): AsyncIterator<Batch>
  /** Takes back a batch that is used no more. */
  release?(batch: Batch): void
}

/** A training loop as a generator: it yields an iterator and receives the next batch, at once or later. */
export type Asking<R> = Generator<Iterator<Batch> | AsyncIterator<Batch>, R, IteratorResult<Batch>>

/** Drives a loop whose batches come synchronously. */
export function drive<R>(loop: Asking<R>): R {
  let step = loop.next()
  while (!step.done) step = loop.next((step.value as Iterator<Batch>).next())
  return step.value
}

/** Drives a loop whose batches come asynchronously, and yields to the event loop regularly. */
export async function driveAsync<R>(loop: Asking<R>): Promise<R> {
  let step = loop.next()
  const giveWay = pacer()
  while (!step.done) {
    const batch = await step.value.next()
    const pause = giveWay()
    if (pause) await pause
    step = loop.next(batch)
  }
  return step.value
}

/** The inputs and the targets of a batch: all tensors but the last are inputs, unless `inputs` says how many. */
export function splitBatch(op: string, batch: Batch, inputs?: number): [Batch, Batch] {
  const n = inputs ?? Math.max(1, batch.length - 1)
  if (!(batch.length >= 1 && n <= batch.length && batch[0]!.rank > 0))
    throw new ShapeError({
      op,
      rule: `a batch must hold ${n} inputs, with the examples along the first axis`,
      got: `${batch.length} tensors${batch.length > 0 ? ` (${batch.map((t) => show(t.shape)).join(', ')})` : ''}`,
    })
  return [batch.slice(0, n), batch.slice(n)]
}
/** Runs the model on a list of inputs. */
export const callModel = (model: AnyModel, inputs: readonly Tensor[]): unknown =>
  (model.forward as (...inputs: readonly Tensor[]) => unknown)(...inputs)
export const callLoss = (
  loss: LossFunction<never>,
  out: unknown,
  targets: readonly Tensor[],
): Tensor => (loss as (out: unknown, ...targets: readonly Tensor[]) => Tensor)(out, ...targets)

/** Labels that do not count, as in crossEntropy. */
const IGNORED = -100
/**
 * The number of correct predictions and the number of labels that count; null when the task is not a classification with
 * labels (N) or (N, L) of integers, and one axis more of outputs.
 */
export function rightAnswers(
  out: unknown,
  targets: readonly Tensor[],
  loss: unknown,
): [Tensor, Tensor] | null {
  const [y] = targets
  if (!(out instanceof Tensor) || !y || targets.length !== 1 || isFloat(y.dtype)) return null
  if (y.dtype === 'bool') return null
  let axis = classAxis(out, y)
  // Where (N, L, C) and (N, C, L) are the same shape, the loss tells.
  if (axis !== undefined && loss === crossEntropy) axis = 1
  if (axis === undefined || out.shape[axis] === 1) return null
  return noGrad(() => [
    sum(toType(eq(argmax(out.detach(), axis), y), 'int32')),
    sum(toType(ne(y, IGNORED), 'int32')),
  ])
}

export interface EvaluateOptions<Out = Tensor> {
  loss?: LossFunction<Out>
  /** Measures over all predictions, by name. */
  metrics?: Record<string, Metric>
  /** Look at the first n batches only. */
  batches?: number
  /** How many tensors of a batch are inputs of the model; all but the last unless given. The rest are targets. */
  inputs?: number
}
const evaluateOptions: OptionNames<EvaluateOptions> = {
  loss: true,
  metrics: true,
  batches: true,
  inputs: true,
}

export interface Evaluation {
  loss: number
  /** For class labels. */
  accuracy?: number
  /** The metrics asked for. */
  [metric: string]: number | undefined
}

/** Holds the compiled forward pass, so that every epoch uses the same program. */
export class Evaluator {
  private readonly model: AnyModel
  private readonly inputs: number | undefined
  private readonly run

  constructor(model: AnyModel, loss: LossFunction<never> = crossEntropy, inputs?: number) {
    this.model = model
    this.inputs = inputs
    this.run = compile((xs: Batch, ys: Batch) =>
      noGrad(() => {
        const out = callModel(this.model, xs)
        return [callLoss(loss, out, ys), rightAnswers(out, ys, loss), out] as const
      }),
    )
  }

  *over(
    data: BatchSource,
    {
      metrics = {},
      batches = Number.POSITIVE_INFINITY,
      wait = false,
    }: {
      metrics?: Record<string, Metric>
      batches?: number
      wait?: boolean
    } = {},
  ): Asking<Evaluation> {
    const putBack = rememberModel(this.model)
    this.model.eval()
    let source: Iterator<Batch> | AsyncIterator<Batch> | undefined
    try {
      for (const m of Object.values(metrics)) m.reset()
      let total = 0
      let hits = 0
      let counted = 0
      let samples = 0
      source = wait && data.fromAsync ? data.fromAsync(0, 0) : data.from(0, 0)
      for (let n = 0; n < batches; n++) {
        const next = yield source
        if (next.done) break
        const [xs, ys] = splitBatch('evaluate', next.value, this.inputs)
        const [l, right, out] = this.run(xs, ys)
        const size = xs[0]!.shape[0]!
        total += l.item() * size
        samples += size
        if (right) {
          hits += right[0].item()
          counted += right[1].item()
        }
        for (const m of Object.values(metrics)) m.update(out as Tensor, ...(ys as [Tensor]))
      }
      if (samples === 0) throw noBatches('evaluate')
      const result: Evaluation = { loss: total / samples }
      if (counted > 0) result.accuracy = hits / counted
      for (const [name, m] of Object.entries(metrics)) result[name] = m.compute()
      return result
    } finally {
      putBack()
      void source?.return?.()
    }
  }

  free(): void {
    this.run.free()
  }
}

export const noBatches = (op: string): ValueError =>
  new ValueError({
    op,
    rule: 'there must be at least one batch',
    got: 'a loader without any',
    fix: 'Is the data set empty, or smaller than one batch with dropLast?',
  })

/**
 * Loss (mean over examples), accuracy for class labels and the metrics asked for, in evaluation mode without
 * gradients. Afterwards the model is as it was: the mode of every module, gradients, running statistics and the random
 * generator.
 * @throws ValueError for data without a batch, and for an option that does not exist
 */
export function evaluate<Out = Tensor>(
  model: AnyModel<Out>,
  data: BatchSource,
  options: EvaluateOptions<Out> = {},
): Evaluation {
  const { loss, inputs, ...rest } = checkOptions(
    'evaluate',
    options,
    evaluateOptions as OptionNames<EvaluateOptions<Out>>,
  )
  const evaluator = new Evaluator(model, loss, inputs)
  try {
    return drive(evaluator.over(data, rest))
  } finally {
    evaluator.free()
  }
}

/**
 * The model's outputs for all examples, in evaluation mode: (N, ...). The model takes the batch's inputs (all tensors but
 * the last, or as many as `inputs` says) and is afterwards as it was.
 * @throws ValueError for data without a batch
 */
export function predictions(
  model: AnyModel<Tensor>,
  data: BatchSource,
  options: Pick<EvaluateOptions, 'inputs' | 'batches'> = {},
): Tensor {
  const { inputs, batches = Number.POSITIVE_INFINITY } = checkOptions('predictions', options, [
    'inputs',
    'batches',
  ])
  const run = compile((...xs: Tensor[]) => noGrad(() => callModel(model, xs) as Tensor))
  try {
    return untouched(model, () => {
      model.eval()
      const parts: Tensor[] = []
      const source = data.from(0, 0)
      for (let n = 0; n < batches; n++) {
        const next = source.next()
        if (next.done) break
        parts.push(run(...splitBatch('predictions', next.value, inputs)[0]))
      }
      source.return?.()
      if (parts.length === 0) throw noBatches('predictions')
      return concat(parts, 0)
    })
  } finally {
    run.free()
  }
}

const finite = (t: Tensor) => asNumbers(t.toTypedArray()).every(Number.isFinite)

/** The name of the first parameter or buffer with a value that is not finite. */
export function nonFiniteState(model: Module): string | undefined {
  for (const [name, t] of Object.entries(model.stateDict()))
    if (isFloat(t.dtype) && !finite(t)) return name
  return undefined
}

/**
 * Where numbers stop being finite, found by running the model again: a parameter that is not finite, or the first
 * module (innermost, in the order of running) whose output is not; undefined when all is well. The model stays as it is.
 */
export function firstNonFinite(model: AnyModel, ...inputs: Tensor[]): string | undefined {
  for (const [name, p] of model.namedParameters()) if (!finite(p)) return `parameter ${name}`
  let found: string | undefined
  const stops = [...model.namedModules()].map(([path, m]) =>
    m.onForward((_m, _inputs, output) => {
      if (found === undefined && output instanceof Tensor && isFloat(output.dtype))
        if (!finite(output)) found = `layer ${path || model.constructor.name}`
    }),
  )
  try {
    untouched(model, () => noGrad(() => callModel(model, inputs)))
  } finally {
    for (const stop of stops) stop()
  }
  return found
}
