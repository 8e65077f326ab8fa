/** The training loop: epochs of compiled steps, with callbacks, checkpoints and resumption. */
import { TrainingError, ValueError } from '../core/errors.js'
import type { Optimizer } from '../optim/optimizer.js'
import { crossEntropy } from '../ops/loss/index.js'
import { restoreCheckpoint, type Schedule, serializeCheckpoint } from './checkpoint.js'
import {
  type Asking,
  type Batch,
  type BatchSource,
  drive,
  driveAsync,
  Evaluator,
  firstNonFinite,
  type LossFunction,
  type Model,
} from './evaluate.js'
import type { Metric } from './metrics.js'
import { makeStep, type StepOptions } from './step.js'

/** What is known after an epoch. Metrics of the validation data stand under `val` and their name. */
export interface EpochLog {
  /** From 0. */
  epoch: number
  loss: number
  accuracy?: number
  valLoss?: number
  valAccuracy?: number
  lr: number
  seconds: number
  samplesPerSecond: number
  [metric: string]: number | undefined
}

export interface BatchLog {
  epoch: number
  /** From 1. */
  batch: number
  batches: number
  /** Batches since training began. */
  step: number
  loss: number
  /** Mean loss and accuracy of the epoch so far. */
  meanLoss: number
  accuracy?: number
  samples: number
  seconds: number
}

export interface Trainer {
  readonly model: Model
  readonly optimizer: Optimizer
  readonly loss: LossFunction
  /** How many there shall be, and those so far. */
  readonly epochs: number
  readonly history: EpochLog[]
  /** The batch of the last step, before `transform`; its memory may serve the next step's. */
  readonly lastBatch: Batch | undefined
  /** Ends training after this batch or epoch, with a reason. */
  stop(reason: string): void
  readonly stopped: string | undefined
  /** The run as it is now, to be given to `resume`. Between batches of an accumulation there is none: undefined. */
  checkpoint(): Uint8Array | undefined
}

/** Called at the moments of training; all are optional. */
export interface Callback {
  /** Under this name its state is kept in checkpoints. */
  name?: string
  onTrainStart?(t: Trainer): void
  onEpochStart?(t: Trainer, epoch: number): void
  onBatchEnd?(t: Trainer, log: BatchLog): void
  onEpochEnd?(t: Trainer, log: EpochLog): void
  onTrainEnd?(t: Trainer): void
  /** What a resumed run must know of it, as plain data. */
  state?(): unknown
  restore?(state: unknown): void
}

export interface FitOptions extends StepOptions {
  data: BatchSource
  validation?: BatchSource
  /** In all, those before a resumed checkpoint included. */
  epochs: number
  /** Mean over the batch; cross-entropy unless given. */
  loss?: LossFunction
  /** Measures over the validation data after each epoch. */
  metrics?: Record<string, Metric>
  callbacks?: readonly Callback[]
  /** Moves the learning rate after every epoch, or every step of the optimizer. */
  schedule?: Schedule
  scheduleEvery?: 'epoch' | 'step'
  /** What a schedule that watches a metric is told after an epoch, such as 'valLoss' (its default, else 'loss'). */
  scheduleMetric?: string
  /** Batches whose gradients are averaged before the optimizer moves; a last smaller group is averaged over the same count. */
  accumulate?: number
  /** Train on the first n batches only, over and over, to see whether the model can learn at all. */
  overfitBatches?: number
  /** One batch of training and validation, to see whether everything runs. */
  fastDevRun?: boolean
  /** A checkpoint to go on from: the run then ends with the bits of one that was never interrupted. */
  resume?: Uint8Array
}

/** Where in the data the next batch is, and what the epoch has gathered so far. */
interface Progress {
  epoch: number
  batch: number
  step: number
  total: number
  hits: number
  samples: number
  counts: boolean
  seconds: number
}

interface Saved {
  progress: Progress
  history: EpochLog[]
  callbacks: Record<string, unknown>
}

function isSaved(v: unknown): v is Saved {
  const { progress, history, callbacks } = (v ?? {}) as Partial<Saved>
  const counts = ['epoch', 'batch', 'step', 'total', 'hits', 'samples', 'seconds'] as const
  return (
    counts.every((name) => typeof progress?.[name] === 'number') &&
    Array.isArray(history) &&
    typeof callbacks === 'object' &&
    callbacks !== null
  )
}

function positive(name: string, n: number | undefined): void {
  if (n !== undefined && !(Number.isInteger(n) && n > 0))
    throw new ValueError({ op: 'fit', rule: `${name} is a whole number above 0`, got: `${n}` })
}

function* training(model: Model, options: FitOptions, wait: boolean): Asking<Trainer> {
  const { data, validation, optimizer, loss = crossEntropy, callbacks = [], schedule } = options
  const { metrics = {}, scheduleEvery = 'epoch' } = options
  for (const name of ['epochs', 'accumulate', 'overfitBatches'] as const)
    positive(name, options[name])
  const accumulate = options.accumulate ?? 1
  const epochs = options.fastDevRun ? 1 : options.epochs
  const limit = options.fastDevRun ? 1 : (options.overfitBatches ?? Number.POSITIVE_INFINITY)
  const batches = Math.min(data.length, limit)
  if (batches === 0)
    throw new ValueError({
      op: 'fit',
      rule: 'there must be at least one batch',
      got: 'a loader without any',
      fix: 'Is the data set empty, or smaller than one batch with dropLast?',
    })

  const fresh = { batch: 0, total: 0, hits: 0, samples: 0, counts: false, seconds: 0 }
  let at: Progress = { ...fresh, epoch: 0, step: 0 }
  let reason: string | undefined
  let lastBatch: Batch | undefined
  const parts = { model, optimizer, ...(schedule && { schedule }) }
  const nameOf = (c: Callback, i: number) => c.name ?? `${c.constructor.name}${i}`
  const trainer: Trainer = {
    model,
    optimizer,
    loss,
    epochs,
    history: [],
    stop(why) {
      reason ??= why
    },
    get stopped() {
      return reason
    },
    get lastBatch() {
      return lastBatch
    },
    checkpoint() {
      if (at.batch % accumulate !== 0 && at.batch !== 0) return undefined
      const states: Record<string, unknown> = {}
      callbacks.forEach((c, i) => {
        if (c.state) states[nameOf(c, i)] = c.state()
      })
      const saved: Saved = { progress: at, history: trainer.history, callbacks: states }
      return serializeCheckpoint(parts, saved)
    },
  }
  const call = <K extends keyof Callback>(name: K, ...args: unknown[]) => {
    for (const c of callbacks)
      (c[name] as ((...a: unknown[]) => void) | undefined)?.call(c, trainer, ...args)
  }
  if (options.resume) {
    const saved = restoreCheckpoint(options.resume, parts, isSaved) as Saved
    at = saved.progress
    trainer.history.push(...saved.history)
    callbacks.forEach((c, i) => {
      const own = saved.callbacks[nameOf(c, i)]
      if (own !== undefined) c.restore?.(own)
    })
  }

  const step = makeStep(model, options, loss, accumulate)
  const evaluator = validation && new Evaluator(model, loss)
  const lr = () => optimizer.lr
  model.train()
  try {
    call('onTrainStart')
    while (at.epoch < epochs && reason === undefined) {
      const { epoch } = at
      const start = performance.now() - at.seconds * 1000
      if (at.batch === 0) call('onEpochStart', epoch)
      const from = options.overfitBatches === undefined ? epoch : 0
      const source =
        wait && data.fromAsync ? data.fromAsync(from, at.batch) : data.from(from, at.batch)
      while (at.batch < batches && reason === undefined) {
        const next = yield source
        if (next.done) break
        if (lastBatch) data.release?.(lastBatch)
        lastBatch = next.value
        const [x, y] = lastBatch
        const first = at.batch % accumulate === 0
        const last = (at.batch + 1) % accumulate === 0 || at.batch + 1 === batches
        const [l, c] = step.run(x!, y!, first, last)
        const value = l.item()
        at.step++
        at.batch++
        if (!Number.isFinite(value)) {
          const place = firstNonFinite(model, x!)
          throw new TrainingError({
            op: 'fit',
            rule: 'the loss must stay a finite number',
            got: `${value} at step ${at.step} (epoch ${epoch + 1}, batch ${at.batch})${place ? `, first in ${place}` : ''}`,
            fix: 'Lower the learning rate, clip the gradients (clipNorm), or look at the data.',
          })
        }
        const size = x!.shape[0]!
        at.total += value * size
        at.samples += size
        if (c) {
          at.hits += c.item()
          at.counts = true
        }
        if (last && schedule && scheduleEvery === 'step') schedule.step()
        at.seconds = (performance.now() - start) / 1000
        call('onBatchEnd', {
          epoch,
          batch: at.batch,
          batches,
          step: at.step,
          loss: value,
          meanLoss: at.total / at.samples,
          ...(at.counts && { accuracy: at.hits / at.samples }),
          samples: at.samples,
          seconds: at.seconds,
        } satisfies BatchLog)
      }
      if (at.batch < batches && reason !== undefined) break
      at.seconds = (performance.now() - start) / 1000
      const log: EpochLog = {
        epoch,
        loss: at.total / at.samples,
        ...(at.counts && { accuracy: at.hits / at.samples }),
        lr: lr(),
        seconds: at.seconds,
        samplesPerSecond: at.samples / at.seconds,
      }
      if (evaluator) {
        const limited = options.fastDevRun ? { batches: 1 } : {}
        const found = yield* evaluator.over(validation, { metrics, wait, ...limited })
        for (const [name, v] of Object.entries(found))
          log[`val${name[0]!.toUpperCase()}${name.slice(1)}`] = v
      }
      trainer.history.push(log)
      at = { ...fresh, epoch: epoch + 1, step: at.step }
      if (schedule && scheduleEvery === 'epoch')
        schedule.step(log[options.scheduleMetric ?? (validation ? 'valLoss' : 'loss')])
      call('onEpochEnd', log)
    }
    call('onTrainEnd')
    return trainer
  } finally {
    evaluator?.free()
    step.free()
  }
}

/**
 * Trains a model: for each epoch all batches of `data`, for each batch forward, loss, backward and a step of the
 * optimizer as one compiled program.
 *
 * @throws TrainingError when the loss is not a number: it names the step and the first layer or parameter that is not
 * finite. The weights are those before that step.
 * @throws ValueError for options that make no sense; FileError for a checkpoint that is none
 */
export function fit(model: Model, options: FitOptions): Trainer {
  return drive(training(model, options, false))
}

/**
 * As `fit`, for batches that are made elsewhere meanwhile (workers), and for pages: it gives way to everything else
 * about a hundred times a second.
 */
export function fitAsync(model: Model, options: FitOptions): Promise<Trainer> {
  return driveAsync(training(model, options, true))
}
