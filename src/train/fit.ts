/** The training loop: epochs of compiled steps, with callbacks, checkpoints and resumption. */
import { readBytes } from '#host'
import { TrainingError, ValueError } from '../core/errors.js'
import { extras } from '../core/extras.js'
import {
  isPlainObject,
  type Kind,
  kinds,
  oneOf,
  orNull,
  readArguments,
  showValue,
} from '../core/options.js'
import { crossEntropy } from '../ops/loss/index.js'
import type { Tensor } from '../ops/tensor.js'
import { type Callback, Callbacks, type Trainer } from './callback.js'
import {
  type Restored,
  restoreCheckpoint,
  type Schedule,
  serializeCheckpoint,
} from './checkpoint.js'
import {
  type AnyModel,
  type Asking,
  type Batch,
  type BatchSource,
  drive,
  driveAsync,
  Evaluator,
  type LossFunction,
  type Model,
  noBatches,
  nonFiniteState,
  splitBatch,
} from './evaluate.js'
import { Ledger, type Progress } from './ledger.js'
import { directionOf, type Metric } from './metrics.js'
import { type ClassWeight, splitValidation, weightedLoss } from './prepare.js'
import { ProgressBars, terminalWidth } from './progress.js'
import { silently } from './files.js'
import { makeStep, type StepOptions } from './step.js'
import type { EpochLog } from './callback.js'

export type { BatchLog, Callback, EpochLog, Trainer } from './callback.js'

export interface FitOptions<Out = Tensor> extends StepOptions {
  data: BatchSource
  validation?: BatchSource
  /** In the place of `validation`: this share of the examples of `data`, a DataLoader, from its end, before shuffling. */
  validationSplit?: number
  /** In all, those before a resumed checkpoint included. */
  epochs: number
  /** Mean over the batch; cross-entropy unless given. It is called with the model's output and all targets. */
  loss?: LossFunction<Out>
  /** Measures over the validation data after each epoch. */
  metrics?: Record<string, Metric>
  /** How many tensors of a batch are inputs of the model; all but the last unless given. The rest are targets. */
  inputs?: number
  /**
   * Weights of the classes in the loss of training (crossEntropy and nllLoss): a number for each, by place or by label
   * (1 for labels left out), or 'balanced', n / (classes · count), counted over the training data.
   */
  classWeight?: ClassWeight
  callbacks?: readonly Callback[]
  /** Shows a line for each epoch, with a live bar; on in a terminal unless given. */
  verbose?: boolean
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
  /** A checkpoint to resume from, or its path: the run then ends with the same bits as one that was never interrupted. */
  resume?: Uint8Array | string
  /**
   * After initProcessGroup of nabla/distributed all ranks train one model, each with its part of every batch, unless this is
   * false. A DistributedDataParallel is trained with the batches as they are.
   */
  distributed?: boolean
}
/** Why a rank stops that was not told to itself. */
export const ANOTHER_RANK = 'another rank has stopped'

const has = (rule: string, ...methods: string[]): Kind => ({
  rule,
  holds: (v) =>
    methods.every((m) => typeof (v as Record<string, unknown> | null)?.[m] === 'function'),
})
const batches = has('a DataLoader, or another source of batches with from()', 'from')
const fitKinds: { [K in keyof Required<FitOptions>]: Kind } = {
  data: batches,
  validation: orNull(batches),
  validationSplit: kinds.number,
  optimizer: has('an optimizer: new Adam(model.parameters())', 'step', 'zeroGrad'),
  epochs: kinds.count,
  loss: kinds.function,
  metrics: {
    rule: 'an object of metrics by name: { auc: new AUC() }',
    holds: (v) => isPlainObject(v) && Object.values(v).every(has('', 'update', 'compute').holds),
  },
  inputs: kinds.count,
  classWeight: kinds.any,
  callbacks: kinds.any,
  verbose: kinds.flag,
  schedule: orNull(has('a schedule of nabla/optim, or another with step()', 'step')),
  scheduleEvery: oneOf('epoch', 'step'),
  scheduleMetric: kinds.text,
  accumulate: kinds.count,
  overfitBatches: kinds.count,
  fastDevRun: kinds.flag,
  resume: {
    rule: 'the bytes of a checkpoint, or its path',
    holds: (v) => typeof v === 'string' || v instanceof Uint8Array,
  },
  distributed: kinds.flag,
  clipNorm: kinds.number,
  clipValue: kinds.number,
  accuracy: kinds.flag,
  penalty: kinds.function,
  transform: kinds.function,
  compiled: kinds.flag,
}

interface Saved {
  progress: Progress
  history: EpochLog[]
  callbacks: Record<string, unknown>
  batches: number
  schedule: boolean
}

function isSaved(v: unknown): v is Saved {
  const { progress, history, callbacks } = (v ?? {}) as Partial<Saved>
  const counts = [
    'epoch',
    'batch',
    'step',
    'total',
    'hits',
    'counted',
    'samples',
    'seconds',
  ] as const
  return (
    counts.every((name) => typeof progress?.[name] === 'number') &&
    Array.isArray(history) &&
    isPlainObject(callbacks)
  )
}

const refuse = (rule: string, got: string, fix?: string): never => {
  throw new ValueError({ op: 'fit', rule, got, ...(fix && { fix }) })
}

/** Checks the options before training begins. */
function checkFit(model: AnyModel, o: FitOptions): void {
  // The model may be named once more: fit(task.model, { ...task, epochs: 3 }).
  const { model: same, ...named } = o as FitOptions & { model?: unknown }
  if (!isPlainObject(o)) refuse('the second argument is an object of options', showValue(o))
  for (const [name, fix] of [
    ['data', 'Pass a DataLoader: fit(model, { data: new DataLoader(...), ... }).'],
    ['optimizer', 'Pass optimizer: new Adam(model.parameters()).'],
    ['epochs', 'Pass epochs: 10.'],
  ] as const)
    if (o[name] === undefined || o[name] === null) refuse(`${name} must be given`, 'none', fix)
  readArguments('fit', [same === model ? named : o], {}, 0, fitKinds)
  if (o.validation && o.validationSplit !== undefined)
    refuse('validation data are given once', 'validation and validationSplit')
  if (
    o.metrics &&
    Object.keys(o.metrics).length > 0 &&
    !o.validation &&
    o.validationSplit === undefined
  )
    refuse(
      'metrics are measured over validation data',
      'none',
      'Pass validation or validationSplit.',
    )
  for (const name of ['clipNorm', 'clipValue'] as const)
    if (o[name] !== undefined && !(o[name] > 0)) refuse(`${name} must be above 0`, `${o[name]}`)
  const own = new Set<Tensor>(model.parameters())
  const trained = o.optimizer.groups.flatMap((g) => g.params)
  if (!trained.some((p) => own.has(p)))
    refuse(
      'the optimizer must hold parameters of the model',
      'those of another one',
      'Make it by new Adam(model.parameters()) with the model that is trained.',
    )
  if (!trained.some((p) => p.requiresGrad))
    refuse(
      'some parameter of the optimizer must be trained',
      'frozen ones only',
      'model.requireGrad(true).',
    )
}

function* training(model: AnyModel, given: FitOptions<never>, wait: boolean): Asking<Trainer> {
  const options = given as unknown as FitOptions
  checkFit(model, options)
  const { optimizer, schedule, metrics = {}, scheduleEvery = 'epoch', inputs } = options
  const [whole, validation] = splitValidation(options)
  const loss = weightedLoss(options, whole)
  const parallel = options.distributed === false ? undefined : extras.fitting?.(model, optimizer)
  const data = parallel ? parallel.share(whole) : whole
  const first = !parallel || parallel.rank === 0
  const accumulate = options.accumulate ?? 1
  const epochs = options.fastDevRun ? 1 : options.epochs
  const limit = options.fastDevRun ? 1 : (options.overfitBatches ?? Number.POSITIVE_INFINITY)
  const batches = Math.min(data.length, limit)
  if (batches === 0) throw noBatches('fit')
  const watched = options.scheduleMetric ?? (validation ? 'valLoss' : 'loss')
  schedule?.watch?.(watched, directionOf(watched, metrics))

  const bars =
    first && (options.verbose ?? terminalWidth() !== undefined) && !options.fastDevRun
      ? [new ProgressBars()]
      : []
  const callbacks = new Callbacks(options.callbacks ?? [], bars)
  let reason: string | undefined
  let lastBatch: Batch | undefined
  let moved = false
  const parts = { model, optimizer, ...(schedule && { schedule }) }
  const ledger = new Ledger(model, optimizer)
  const trainer: Trainer = {
    model: model as Model,
    optimizer,
    loss: (options.loss ?? crossEntropy) as LossFunction,
    epochs,
    batches,
    metrics,
    inputs,
    history: [],
    stop(why) {
      reason ??= why
    },
    get stopped() {
      return reason
    },
    get step() {
      return ledger.at.step
    },
    get moved() {
      return moved
    },
    get lastBatch() {
      return lastBatch
    },
    agree: (flag) => (parallel?.sharded ? parallel.any(flag) : flag),
    checkpoint() {
      ledger.settle()
      const bad = nonFiniteState(model)
      if (bad !== undefined) throw overflow(bad)
      const saved: Saved = {
        progress: ledger.at,
        history: trainer.history,
        callbacks: callbacks.states(),
        batches: Number.isFinite(batches) ? batches : 0,
        schedule: schedule !== undefined,
      }
      // Between the batches of an accumulation, gradients are part of the state of the run.
      return serializeCheckpoint(parts, saved, {
        gradients: !moved && ledger.at.batch > 0,
      })
    },
  }
  const overflow = (name: string) =>
    new TrainingError({
      op: 'fit',
      rule: 'the weights must stay finite numbers',
      got: `${name} that is not, after step ${ledger.at.step}`,
      fix: 'Lower the learning rate: the last steps were too large.',
    })

  if (options.resume !== undefined) {
    const { resume } = options
    const read = () => (typeof resume === 'string' ? readBytes(resume) : resume)
    const bytes = parallel ? parallel.bytes(first ? read() : new Uint8Array()) : read()
    const saved = restoreCheckpoint(bytes, parts, (extra): Restored => {
      if (!isSaved(extra)) return false
      if (extra.schedule !== (schedule !== undefined))
        refuse(
          extra.schedule
            ? 'the checkpoint holds a schedule, which goes on too'
            : 'the checkpoint must hold the schedule',
          'none',
          extra.schedule ? 'Pass the same schedule.' : 'Leave the schedule out.',
        )
      const { epoch, batch } = extra.progress
      if (batch > 0 && extra.batches !== (Number.isFinite(batches) ? batches : 0))
        refuse(
          `the checkpoint is of batch ${batch} of ${extra.batches}`,
          `data of ${batches} batches, from which epoch ${epoch + 1} cannot go on`,
          'Pass the same data, batch size and seed.',
        )
      return callbacks.prepare(extra.callbacks)
    }) as Saved
    ledger.at = { ...saved.progress }
    trainer.history.push(...saved.history)
  }

  const step = makeStep(model, options, loss, accumulate, parallel)
  const evaluator =
    validation && new Evaluator(model, options.loss as LossFunction<never> | undefined, inputs)
  let source: Iterator<Batch> | AsyncIterator<Batch> | undefined
  // All ranks stop at the same step: one that stops is heard of at the next.
  let halted = false
  const halt = (now: boolean) => {
    halted = now
    if (now) reason ??= ANOTHER_RANK
  }
  const call: typeof callbacks.call = (...args) =>
    first ? callbacks.call(...args) : silently(() => callbacks.call(...args))
  const sameRandomNumbers = parallel?.ownRandomNumbers()
  model.train()
  try {
    call('onTrainStart', trainer)
    halt(parallel ? parallel.any(reason !== undefined) : reason !== undefined)
    while (ledger.at.epoch < epochs && !halted) {
      const { epoch } = ledger.at
      ledger.startClock()
      if (ledger.at.batch === 0) call('onEpochStart', trainer, epoch)
      const from = options.overfitBatches === undefined ? epoch : 0
      const { batch: start } = ledger.at
      source = wait && data.fromAsync ? data.fromAsync(from, start) : data.from(from, start)
      let ended = false
      // Data that do not know their length: the last batch shows only by the one after it.
      const looksAhead = accumulate > 1 && !Number.isFinite(batches)
      let ahead: IteratorResult<Batch> | undefined
      while (ledger.at.batch < batches && !halted) {
        const next: IteratorResult<Batch> = ahead ?? (yield source)
        ended = next.done === true
        if (next.done) break
        if (looksAhead) ahead = yield source
        const [xs, ys] = splitBatch('fit', next.value, inputs)
        const i = ledger.at.batch
        const last = (i + 1) % accumulate === 0 || i + 1 === batches || ahead?.done === true
        moved = last
        const count = parallel?.countOf(next.value)
        const result = step.run(xs, ys, i % accumulate === 0, last, count?.weight ?? 1)
        // The loss of the step before is known by now, without waiting for this one.
        ledger.add(result, xs, count?.samples)
        if (lastBatch) data.release?.(lastBatch)
        lastBatch = next.value
        if (last && schedule && scheduleEvery === 'step') schedule.step()
        ledger.stopClock()
        call('onBatchEnd', trainer, ledger.log(epoch, batches))
        halt(
          parallel ? parallel.lately(reason !== undefined, ledger.at.step) : reason !== undefined,
        )
      }
      parallel?.settle()
      if (!ended && ledger.at.batch < batches && halted) break
      if (parallel) ledger.merge((values) => parallel.sum(values))
      const log = ledger.epochLog(epoch, optimizer.lr)
      if (ledger.at.samples === 0) throw noBatches('fit')
      const bad = nonFiniteState(model)
      if (bad !== undefined) throw overflow(bad)
      if (evaluator) {
        const limited = options.fastDevRun ? { batches: 1 } : {}
        const found = yield* evaluator.over(validation, { metrics, wait, ...limited })
        for (const [name, v] of Object.entries(found))
          log[`val${name[0]!.toUpperCase()}${name.slice(1)}`] = v
      }
      // What is decided by these numbers is decided alike.
      if (parallel) {
        const names = Object.keys(log)
        const values = parallel.same(names.map((name) => log[name]!))
        for (const [i, name] of names.entries()) log[name] = values[i]!
      }
      trainer.history.push(log)
      ledger.nextEpoch()
      if (schedule && scheduleEvery === 'epoch') {
        const value = log[watched]
        if (options.scheduleMetric !== undefined && value === undefined)
          refuse(
            `the epoch's log must hold ${watched}, which the schedule watches`,
            Object.keys(log).join(', '),
          )
        schedule.step(value)
      }
      call('onEpochEnd', trainer, log)
      halt(parallel ? parallel.any(reason !== undefined) : reason !== undefined)
    }
    ledger.settle()
    call('onTrainEnd', trainer)
    return trainer
  } finally {
    void source?.return?.()
    sameRandomNumbers?.()
    callbacks.close()
    evaluator?.free()
    step.free()
  }
}

/**
 * Trains a model: for each epoch all batches of `data`, for each batch forward, loss, backward and a step of the
 * optimizer as one compiled program.
 *
 * @throws TrainingError when a loss or a gradient is not finite: it names the step and the first layer or parameter that
 * is not. The weights, the optimizer and the running statistics are those before that step.
 * @throws ValueError for options that make no sense or do not exist; FileError for bytes that are no checkpoint
 */
export function fit<Out = Tensor>(model: AnyModel<Out>, options: FitOptions<Out>): Trainer {
  return drive(training(model, options as FitOptions<never>, false))
}

/**
 * As `fit`, for batches that are made elsewhere meanwhile (workers), and for pages: it gives way to everything else
 * about a hundred times a second.
 */
export function fitAsync<Out = Tensor>(
  model: AnyModel<Out>,
  options: FitOptions<Out>,
): Promise<Trainer> {
  return driveAsync(training(model, options as FitOptions<never>, true))
}
