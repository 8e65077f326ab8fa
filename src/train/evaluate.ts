/** A model on data it does not learn from: loss, metrics, predictions. */
import { sum } from '../ops/broadcast.js'
import { compile } from '../compile/compile.js'
import { isFloat } from '../core/dtype.js'
import { pacer } from '../core/pause.js'
import type { Module } from '../nn/module.js'
import { eq } from '../ops/compare.js'
import { toType } from '../ops/define.js'
import { concat } from '../ops/join.js'
import { crossEntropy } from '../ops/loss/index.js'
import { argmax } from '../ops/reduce.js'
import { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/state.js'
import type { Metric } from './metrics.js'

export type Model = Module & { forward(x: Tensor): Tensor }
export type Batch = readonly Tensor[]
export type LossFunction = (prediction: Tensor, target: Tensor) => Tensor

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

/** The next batch, now or later: what the loops below ask their driver for. */
export type Asking<R> = Generator<Iterator<Batch> | AsyncIterator<Batch>, R, IteratorResult<Batch>>

/** Drives a loop whose batches are at hand. */
export function drive<R>(loop: Asking<R>): R {
  let step = loop.next()
  while (!step.done) step = loop.next((step.value as Iterator<Batch>).next())
  return step.value
}

/** Drives a loop whose batches take time, and gives way to everything else now and then. */
export async function driveAsync<R>(loop: Asking<R>): Promise<R> {
  let step = loop.next()
  const giveWay = pacer()
  while (!step.done) {
    const batch = await step.value.next()
    await giveWay()
    step = loop.next(batch)
  }
  return step.value
}

/** How many rows have their largest entry at the label. */
export function correct(logits: Tensor, labels: Tensor): Tensor {
  return sum(toType(eq(argmax(logits, 1), labels), 'int32'))
}
/** Are the targets class indices, so that right answers can be counted? */
export const isClass = (y: Tensor): boolean => !isFloat(y.dtype) && y.rank === 1

export interface EvaluateOptions {
  loss?: LossFunction
  /** Measures over all predictions, by name. */
  metrics?: Record<string, Metric>
  /** Look at the first n batches only. */
  batches?: number
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
  private readonly model: Model
  private readonly loss: LossFunction
  private readonly run

  constructor(model: Model, loss: LossFunction = crossEntropy) {
    this.model = model
    this.loss = loss
    this.run = compile((x: Tensor, y: Tensor) =>
      noGrad(() => {
        const out = this.model.forward(x)
        const counts = isClass(y) && out.rank === 2
        return [this.loss(out, y), counts ? correct(out, y) : null, out] as const
      }),
    )
  }

  *over(
    data: BatchSource,
    { metrics = {}, batches = Number.POSITIVE_INFINITY, wait = false } = {} as EvaluateOptions & {
      wait?: boolean
    },
  ): Asking<Evaluation> {
    const training = this.model.training
    this.model.eval()
    try {
      for (const m of Object.values(metrics)) m.reset()
      let total = 0
      let hits = 0
      let samples = 0
      let counts = false
      const source = wait && data.fromAsync ? data.fromAsync(0, 0) : data.from(0, 0)
      for (let n = 0; n < batches; n++) {
        const next = yield source
        if (next.done) break
        const [x, y] = next.value
        const [l, c, out] = this.run(x!, y!)
        const size = x!.shape[0]!
        total += l.item() * size
        samples += size
        if (c) {
          counts = true
          hits += c.item()
        }
        for (const m of Object.values(metrics)) m.update(out, y!)
      }
      const result: Evaluation = { loss: total / samples }
      if (counts) result.accuracy = hits / samples
      for (const [name, m] of Object.entries(metrics)) result[name] = m.compute()
      return result
    } finally {
      this.model.train(training)
    }
  }

  free(): void {
    this.run.free()
  }
}

/**
 * Loss (mean over examples), accuracy for class labels and the metrics asked for, in evaluation mode without
 * gradients. The mode that the model was in comes back.
 */
export function evaluate(
  model: Model,
  data: BatchSource,
  { loss = crossEntropy, ...options }: EvaluateOptions = {},
): Evaluation {
  const evaluator = new Evaluator(model, loss)
  try {
    return drive(evaluator.over(data, options))
  } finally {
    evaluator.free()
  }
}

/** The model's outputs for all examples, in evaluation mode: (N, ...). */
export function predictions(model: Model, data: BatchSource): Tensor {
  const training = model.training
  model.eval()
  const run = compile((x: Tensor) => noGrad(() => model.forward(x)))
  try {
    const parts: Tensor[] = []
    const source = data.from(0, 0)
    for (let next = source.next(); !next.done; next = source.next()) parts.push(run(next.value[0]!))
    return concat(parts, 0)
  } finally {
    run.free()
    model.train(training)
  }
}

const finite = (t: Tensor) => (t.toTypedArray() as Float32Array).every(Number.isFinite)

/**
 * Where numbers stop being finite, found by running the model again: a parameter that is not finite, or the first
 * module (innermost, in the order of running) whose output is not; undefined when all is well.
 */
export function firstNonFinite(model: Model, x: Tensor): string | undefined {
  for (const [name, p] of model.namedParameters()) if (!finite(p)) return `parameter ${name}`
  let found: string | undefined
  const stops = [...model.namedModules()].map(([path, m]) =>
    m.onForward((_m, _inputs, output) => {
      if (found === undefined && output instanceof Tensor && isFloat(output.dtype))
        if (!finite(output)) found = `layer ${path || model.constructor.name}`
    }),
  )
  try {
    noGrad(() => model.forward(x))
  } finally {
    for (const stop of stops) stop()
  }
  return found
}
