/** The training loop: epochs of compiled steps, with callbacks. */
import { compile } from '../compile/compile.js'
import { isFloat } from '../core/dtype.js'
import { TrainingError } from '../core/errors.js'
import type { Module } from '../nn/module.js'
import type { Optimizer } from '../optim/optimizer.js'
import { eq } from '../ops/compare.js'
import { toType } from '../ops/define.js'
import { crossEntropy } from '../ops/loss.js'
import { argmax, sum } from '../ops/reduce.js'
import { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/trace.js'
import type { DataLoader } from '../data/loader.js'

export type Model = Module & { forward(x: Tensor): Tensor }
export type Batch = readonly Tensor[]
export type LossFunction = (prediction: Tensor, target: Tensor) => Tensor

/** What is known after an epoch. */
export interface EpochLog {
  epoch: number
  loss: number
  accuracy?: number
  valLoss?: number
  valAccuracy?: number
  lr: number
  seconds: number
  samplesPerSecond: number
}

export interface Trainer {
  readonly model: Model
  readonly optimizer: Optimizer
  /** The epochs so far. */
  readonly history: EpochLog[]
  /** Ends training after this batch or epoch, with a reason. */
  stop(reason: string): void
  readonly stopped: string | undefined
}

export interface BatchLog {
  epoch: number
  batch: number
  batches: number
  loss: number
  /** Mean loss and accuracy of the epoch so far. */
  meanLoss: number
  accuracy?: number
  samples: number
  seconds: number
}

/** Called at the moments of training; all are optional. */
export interface Callback {
  onTrainStart?(t: Trainer): void
  onEpochStart?(t: Trainer, epoch: number): void
  onBatchEnd?(t: Trainer, log: BatchLog): void
  onEpochEnd?(t: Trainer, log: EpochLog): void
  onTrainEnd?(t: Trainer): void
}

export interface FitOptions {
  data: DataLoader<Batch>
  validation?: DataLoader<Batch>
  optimizer: Optimizer
  epochs: number
  loss?: LossFunction
  callbacks?: readonly Callback[]
  /** Clip the norm of all gradients together. */
  clipNorm?: number
  /** Count right answers by the largest output; on for labels (int32). */
  accuracy?: boolean
  /** Extra terms of the loss, such as penalties. */
  penalty?: (model: Model) => Tensor
  /** Changes each batch before the step: augmentation. */
  transform?: (x: Tensor) => Tensor
  /** false runs the step eagerly. */
  compiled?: boolean
  /** Train on the first n batches only, over and over, to see whether the model can learn at all. */
  overfitBatches?: number
  /** One batch of training and validation, to see whether everything runs. */
  fastDevRun?: boolean
}

/** How many rows have their largest entry at the label. */
function correct(logits: Tensor, labels: Tensor): Tensor {
  return sum(toType(eq(argmax(logits, 1), labels), 'int32'))
}
const isClass = (y: Tensor) => !isFloat(y.dtype) && y.rank === 1

/**
 * Loss and accuracy over a loader in evaluation mode.
 */
export function evaluate(
  model: Model,
  data: DataLoader<Batch>,
  {
    loss = crossEntropy,
    batches = Number.POSITIVE_INFINITY,
  }: { loss?: LossFunction; batches?: number } = {},
): { loss: number; accuracy?: number } {
  const training = model.training
  model.eval()
  const run = compile((x: Tensor, y: Tensor) =>
    noGrad(() => {
      const out = model.forward(x)
      return [loss(out, y), isClass(y) && out.rank === 2 ? correct(out, y) : null] as const
    }),
  )
  let total = 0
  let hits = 0
  let samples = 0
  let counts = false
  let n = 0
  for (const [x, y] of data.from(0, 0)) {
    const [l, c] = run(x!, y!)
    const size = x!.shape[0]!
    total += l.item() * size
    if (c) {
      counts = true
      hits += c.item()
    }
    samples += size
    if (++n >= batches) break
  }
  run.free()
  model.train(training)
  return { loss: total / samples, ...(counts && { accuracy: hits / samples }) }
}

/** The path of the first module whose output is not finite, found by running the model again. */
export function firstNonFinite(model: Model, x: Tensor): string | undefined {
  let found: string | undefined
  const stops = [...model.namedModules()].map(([path, m]) =>
    m.onForward((_m, _inputs, output) => {
      if (found !== undefined || !(output instanceof Tensor)) return
      for (const v of output.toTypedArray())
        if (!Number.isFinite(v)) {
          found = path || model.constructor.name
          return
        }
    }),
  )
  try {
    noGrad(() => model.forward(x))
  } finally {
    for (const stop of stops) stop()
  }
  return found
}

/**
 * Trains a model.
 * @throws TrainingError when the loss is not a number: it names the step and the layer
 */
export function fit(model: Model, options: FitOptions): Trainer {
  const {
    data,
    validation,
    optimizer,
    loss = crossEntropy,
    callbacks = [],
    penalty,
    transform,
  } = options
  const epochs = options.fastDevRun ? 1 : options.epochs
  const limit = options.fastDevRun ? 1 : (options.overfitBatches ?? Number.POSITIVE_INFINITY)
  let reason: string | undefined
  const trainer: Trainer = {
    model,
    optimizer,
    history: [],
    stop(why) {
      reason ??= why
    },
    get stopped() {
      return reason
    },
  }
  const call = <K extends keyof Callback>(name: K, ...args: unknown[]) => {
    for (const c of callbacks)
      (c[name] as ((...a: unknown[]) => void) | undefined)?.call(c, trainer, ...args)
  }
  const body = (x: Tensor, y: Tensor) => {
    const out = model.forward(transform ? transform(x) : x)
    const own = loss(out, y)
    const total = penalty ? own.add(penalty(model)) : own
    optimizer.zeroGrad()
    total.backward()
    if (options.clipNorm !== undefined) clipNorm(model, options.clipNorm)
    optimizer.step()
    const counts = options.accuracy !== false && isClass(y) && out.rank === 2
    return [own.detach(), counts ? noGrad(() => correct(out.detach(), y)) : null] as const
  }
  const step = options.compiled === false ? body : compile(body)
  model.train()
  call('onTrainStart')
  let steps = 0
  for (let epoch = 0; epoch < epochs && reason === undefined; epoch++) {
    const start = performance.now()
    call('onEpochStart', epoch)
    let total = 0
    let hits = 0
    let samples = 0
    let batch = 0
    let counts = false
    const batches = Math.min(data.length, limit)
    const source = options.overfitBatches === undefined ? data : data.from(0, 0)
    for (const [x, y] of { [Symbol.iterator]: () => source[Symbol.iterator]() }) {
      const [l, c] = step(x!, y!)
      const value = l.item()
      steps++
      if (!Number.isFinite(value)) {
        const layer = firstNonFinite(model, x!)
        throw new TrainingError({
          op: 'fit',
          rule: 'the loss must stay a finite number',
          got: `${value} at step ${steps} (epoch ${epoch + 1}, batch ${batch + 1})${layer ? `, first in layer ${layer}` : ''}`,
          fix: 'Lower the learning rate, clip the gradients (clipNorm), or look at the data.',
        })
      }
      const size = x!.shape[0]!
      total += value * size
      samples += size
      if (c) {
        hits += c.item()
        counts = true
      }
      batch++
      call('onBatchEnd', {
        epoch,
        batch,
        batches,
        loss: value,
        meanLoss: total / samples,
        ...(counts && { accuracy: hits / samples }),
        samples,
        seconds: (performance.now() - start) / 1000,
      } satisfies BatchLog)
      if (batch >= limit || reason !== undefined) break
    }
    const seconds = (performance.now() - start) / 1000
    const log: EpochLog = {
      epoch,
      loss: total / samples,
      ...(counts && { accuracy: hits / samples }),
      lr: optimizer.lr,
      seconds,
      samplesPerSecond: samples / seconds,
    }
    if (validation) {
      const v = evaluate(model, validation, { loss, ...(options.fastDevRun && { batches: 1 }) })
      log.valLoss = v.loss
      if (v.accuracy !== undefined) log.valAccuracy = v.accuracy
    }
    trainer.history.push(log)
    call('onEpochEnd', log)
  }
  call('onTrainEnd')
  return trainer
}

/** Scales all gradients so that their norm together is at most `max`; gives the norm before. */
export function clipNorm(model: Module, max: number): Tensor {
  return noGrad(() => {
    const grads = model.parameters().flatMap((p) => (p.grad ? [p] : []))
    let total: Tensor | null = null
    for (const p of grads) {
      const part = p.grad!.square().sum()
      total = total ? total.add(part) : part
    }
    const length = total!.sqrt()
    const scale = length.add(1e-6).reciprocal().mul(max).clamp(null, 1)
    for (const p of grads) p.grad = p.grad!.mul(scale)
    return length
  })
}
