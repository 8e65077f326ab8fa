/** Callbacks: stop training early, save checkpoints and logs, watch gradients, average weights. */
import { ValueError } from '../core/errors.js'
import { checkOptions, isPlainObject, showValue } from '../core/options.js'
import { removeFile, writeAtomic } from './files.js'
import { assign } from '../ops/assign.js'
import { noGrad } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'
import type { Callback, EpochLog, Trainer } from './callback.js'
import { countFrom } from './counts.js'
import type { Model } from './evaluate.js'
import { AveragedModel, getEmaMultiAvgFn, type MultiAverageFunction } from '../nn/average.js'
import { directionOf } from './metrics.js'
import { type Inspection, inspectGradients } from './statistics.js'

/** A saved state of plain numbers. @throws ValueError */
function numbersOf<K extends string>(op: string, state: unknown, names: readonly K[]) {
  const s = state as Record<K, number>
  if (!isPlainObject(state) || !names.every((n) => typeof s[n] === 'number'))
    throw new ValueError({
      op: `${op}.restore`,
      rule: `a state has the numbers ${names.join(', ')}`,
      got: showValue(state),
    })
  return s
}

export interface MonitorOptions {
  /** The number of the epoch's log to watch; 'valLoss' unless given. */
  monitor?: string
  /**
   * Whether small or large is good. Metrics know it themselves, and so do the usual names (loss, accuracy, mae, f1, ...);
   * for any other number it must be given.
   */
  mode?: 'min' | 'max'
  /** A change below this does not count as better. */
  minDelta?: number
}
const monitorNames = ['monitor', 'mode', 'minDelta'] as const

/** Follows one number of the epoch logs and knows its best. */
class Monitor {
  readonly name: string
  private readonly op: string
  private readonly given: 'min' | 'max' | undefined
  private readonly minDelta: number
  /** undefined: there is none yet. */
  best: number | undefined
  constructor(op: string, { monitor = 'valLoss', mode, minDelta = 0 }: MonitorOptions) {
    if (mode !== undefined && mode !== 'min' && mode !== 'max')
      throw new ValueError({ op, rule: "mode is 'min' or 'max'", got: showValue(mode) })
    if (!(minDelta >= 0))
      throw new ValueError({ op, rule: 'minDelta is a number from 0 up', got: showValue(minDelta) })
    this.op = op
    this.name = monitor
    this.given = mode
    this.minDelta = minDelta
  }
  /** Whether small or large values are good. @throws ValueError when nothing says it */
  mode(t: Trainer): 'min' | 'max' {
    const mode = this.given ?? directionOf(this.name, t.metrics)
    if (!mode)
      throw new ValueError({
        op: this.op,
        rule: `it must be known whether small or large values of ${this.name} are good`,
        got: 'no mode',
        fix: "Pass { mode: 'min' } or { mode: 'max' }.",
      })
    return mode
  }
  /** Takes the epoch's number; is it the best so far? NaN never is. */
  improves(t: Trainer, log: EpochLog): boolean {
    const mode = this.mode(t)
    const v = log[this.name]
    if (v === undefined)
      throw new ValueError({
        op: this.op,
        rule: `the epoch's log must hold ${this.name}`,
        got: Object.keys(log).join(', '),
        fix: this.name.startsWith('val') ? 'Pass validation data to fit.' : 'Name one of those.',
      })
    if (Number.isNaN(v)) return false
    const { best } = this
    const better =
      best === undefined || (mode === 'min' ? v < best - this.minDelta : v > best + this.minDelta)
    if (better) this.best = v
    return better
  }
}
const bestOf = (best: number | undefined) => best ?? null
function readBest(op: string, best: unknown): number | undefined {
  if (best !== null && typeof best !== 'number')
    throw new ValueError({ op: `${op}.restore`, rule: 'best is a number', got: showValue(best) })
  return best ?? undefined
}

export interface EarlyStoppingOptions extends MonitorOptions {
  /** Epochs without a better number after which training stops. */
  patience?: number
  /** Put the weights of the best epoch back at the end. */
  restoreBest?: boolean
}

/** Stops when the watched number has not become better for `patience` epochs; puts the best weights back. */
export class EarlyStopping implements Callback {
  readonly name = 'earlyStopping'
  private readonly monitor: Monitor
  private readonly patience: number
  private readonly restoreBest: boolean
  private waited = 0
  private weights: Record<string, Tensor> | undefined
  /** The epoch of the best number, from 0. */
  bestEpoch = -1
  /** @throws ValueError for options that do not exist or make no sense */
  constructor(options: EarlyStoppingOptions = {}) {
    const {
      patience = 3,
      restoreBest = true,
      ...monitor
    } = checkOptions('EarlyStopping', options, [...monitorNames, 'patience', 'restoreBest'])
    this.monitor = new Monitor('EarlyStopping', monitor)
    this.patience = countFrom('EarlyStopping', 'patience', patience)
    this.restoreBest = restoreBest
  }
  onTrainStart(t: Trainer): void {
    this.monitor.mode(t)
    // A run that had stopped stops again.
    this.look(t)
  }
  onEpochEnd(t: Trainer, log: EpochLog): void {
    if (this.monitor.improves(t, log)) {
      this.waited = 0
      this.bestEpoch = log.epoch
      if (this.restoreBest)
        this.weights = Object.fromEntries(
          Object.entries(t.model.stateDict()).map(([k, v]) => [k, v.detach().clone()]),
        )
    } else this.waited++
    this.look(t)
  }
  private look(t: Trainer): void {
    if (this.waited < this.patience) return
    const best = this.monitor.best?.toPrecision(4) ?? 'NaN'
    t.stop(`${this.monitor.name} has not become better than ${best} for ${this.patience} epochs`)
  }
  onTrainEnd(t: Trainer): void {
    if (this.weights) t.model.loadStateDict(this.weights)
  }
  state(): unknown {
    const { waited, bestEpoch, weights, monitor } = this
    return { best: bestOf(monitor.best), waited, bestEpoch, weights: weights ?? null }
  }
  restore(state: unknown): void {
    const { waited, bestEpoch } = numbersOf('EarlyStopping', state, ['waited', 'bestEpoch'])
    const { best, weights } = state as { best: unknown; weights: Record<string, Tensor> | null }
    const number = readBest('EarlyStopping', best)
    if (
      weights !== null &&
      !(isPlainObject(weights) && Object.values(weights).every((t) => t instanceof Tensor))
    )
      throw new ValueError({
        op: 'EarlyStopping.restore',
        rule: 'weights are tensors by name',
        got: showValue(weights),
      })
    this.monitor.best = number
    this.waited = waited
    this.bestEpoch = bestEpoch
    this.weights = weights ?? undefined
  }
}

/** Stops when the loss of training no longer changes: over the last `patience` epochs by less than `tolerance`, relative. */
export class StopWhenSteady implements Callback {
  private readonly patience: number
  private readonly tolerance: number
  constructor(options: { patience?: number; tolerance?: number } = {}) {
    const { patience = 3, tolerance = 1e-3 } = checkOptions('StopWhenSteady', options, [
      'patience',
      'tolerance',
    ])
    this.patience = countFrom('StopWhenSteady', 'patience', patience)
    this.tolerance = tolerance
  }
  onTrainStart(t: Trainer): void {
    this.onEpochEnd(t)
  }
  onEpochEnd(t: Trainer): void {
    const last = t.history.slice(-this.patience - 1).map((l) => l.loss)
    if (last.length <= this.patience) return
    const spread = Math.max(...last) - Math.min(...last)
    if (spread < this.tolerance * Math.max(Math.abs(last[0]!), Number.MIN_VALUE))
      t.stop(`the loss has changed by less than ${this.tolerance} for ${this.patience} epochs`)
  }
}

/** Writes a checkpoint whenever the watched number is the best so far. */
export class BestCheckpoint implements Callback {
  readonly name = 'bestCheckpoint'
  readonly last = true
  readonly path: string
  private readonly monitor: Monitor
  /** @throws ValueError for options that do not exist or make no sense */
  constructor(path: string, monitor: MonitorOptions = {}) {
    this.path = path
    this.monitor = new Monitor(
      'BestCheckpoint',
      checkOptions('BestCheckpoint', monitor, monitorNames),
    )
  }
  onTrainStart(t: Trainer): void {
    this.monitor.mode(t)
  }
  onEpochEnd(t: Trainer, log: EpochLog): void {
    if (this.monitor.improves(t, log)) writeAtomic(this.path, t.checkpoint())
  }
  state(): unknown {
    return bestOf(this.monitor.best)
  }
  restore(state: unknown): void {
    this.monitor.best = readBest('BestCheckpoint', state)
  }
}

export interface PeriodicOptions {
  /** After every n epochs; 1 unless given. */
  epochs?: number
  /** After every n batches too. */
  batches?: number
  /** After so many seconds since the last one too, between two batches. */
  seconds?: number
  /** How many of the last to keep; with 1 each replaces the one before. */
  keep?: number
}

/**
 * Writes a checkpoint after every n epochs, or every n batches or seconds, each over the one before unless `keep` says
 * how many of the last to keep. To continue: `fit(model, { resume: path, ... })`. It is called after the other callbacks,
 * wherever it stands among them, so that their states are those after this moment.
 */
export class PeriodicCheckpoint implements Callback {
  readonly name = 'periodicCheckpoint'
  readonly last = true
  private readonly path: string
  private readonly epochs: number
  private readonly batches: number | undefined
  private readonly seconds: number
  private readonly keep: number
  private written: string[] = []
  private when = performance.now()
  /** @throws ValueError for options that do not exist or make no sense */
  constructor(path: string, options: PeriodicOptions = {}) {
    const {
      epochs = 1,
      batches,
      seconds,
      keep = 1,
    } = checkOptions('PeriodicCheckpoint', options, ['epochs', 'batches', 'seconds', 'keep'])
    const op = 'PeriodicCheckpoint'
    this.path = path
    this.epochs = countFrom(op, 'epochs', epochs)
    this.batches = batches === undefined ? undefined : countFrom(op, 'batches', batches)
    this.seconds = seconds ?? Number.POSITIVE_INFINITY
    if (!(this.seconds > 0))
      throw new ValueError({ op, rule: 'seconds must be above 0', got: `${seconds}` })
    this.keep = countFrom(op, 'keep', keep)
  }
  /** Writes one now. */
  write(t: Trainer, label: string): void {
    const path = this.keep === 1 ? this.path : this.path.replace(/(\.[^./]*)?$/, `-${label}$1`)
    this.written = [...this.written.filter((p) => p !== path), path]
    const old = this.written.splice(0, Math.max(0, this.written.length - this.keep))
    writeAtomic(path, t.checkpoint())
    for (const p of old) removeFile(p)
    this.when = performance.now()
  }
  onTrainStart(): void {
    this.when = performance.now()
  }
  onBatchEnd(t: Trainer, log: { step: number }): void {
    const due = this.batches !== undefined && log.step % this.batches === 0
    const late = performance.now() - this.when > this.seconds * 1000
    const now = due || (Number.isFinite(this.seconds) && t.agree(late))
    if (now) this.write(t, `step${log.step}`)
  }
  onEpochEnd(t: Trainer, log: EpochLog): void {
    if ((log.epoch + 1) % this.epochs === 0) this.write(t, `epoch${log.epoch + 1}`)
  }
  state(): unknown {
    return this.written
  }
  restore(state: unknown): void {
    if (!Array.isArray(state) || !state.every((p) => typeof p === 'string'))
      throw new ValueError({
        op: 'PeriodicCheckpoint.restore',
        rule: 'a state is a list of paths',
        got: showValue(state),
      })
    this.written = [...state]
  }
}

export interface GradientReport extends Inspection {
  epoch: number
}

/**
 * Statistics of activations, errors and gradients by layer, of the epoch's last batch in evaluation mode, after every
 * n-th epoch, with a verdict: vanishing, exploding or healthy. Training is not changed by it.
 */
export class GradientMonitor implements Callback {
  readonly reports: GradientReport[] = []
  private readonly every: number
  private readonly tell: (report: GradientReport) => void
  constructor(options: { every?: number; tell?: (report: GradientReport) => void } = {}) {
    const { every = 1, tell = () => {} } = checkOptions('GradientMonitor', options, [
      'every',
      'tell',
    ])
    this.every = countFrom('GradientMonitor', 'every', every)
    this.tell = tell
  }
  onEpochEnd(t: Trainer, { epoch }: EpochLog): void {
    if ((epoch + 1) % this.every !== 0 || !t.lastBatch) return
    const report = {
      epoch,
      ...inspectGradients(t.model, t.lastBatch, t.loss, { inputs: t.inputs }),
    }
    this.reports.push(report)
    this.tell(report)
  }
}

export interface WeightAveragingOptions {
  /** How much of the average stays at each step. */
  decay?: number
  /** The decay is at most (1 + n)/(10 + n) after n steps, so that the first weights are soon forgotten. */
  warmup?: boolean
  /** The model has the averaged weights at the end of training. */
  applyAtEnd?: boolean
}
/**
 * Keeps an exponential moving average of the weights beside them, by `AveragedModel` of nabla/nn, with its warm-up unless
 * it is turned off. At the end of training the model has the averaged weights, unless `applyAtEnd` is false;
 * `useTrained` and `useAverage` exchange them at any time.
 */
export class WeightAveraging implements Callback {
  readonly name = 'weightAveraging'
  private readonly multiAvgFn: MultiAverageFunction
  private readonly atEnd: boolean
  private saved: Record<string, Tensor> | undefined
  private model: Model | undefined
  /** The weights as trained, while the model has the average. */
  private trained: Tensor[] | undefined
  /** There from the start of training on. */
  average: AveragedModel<Model> | undefined
  /** @throws ValueError for options that do not exist or make no sense */
  constructor(options: WeightAveragingOptions = {}) {
    const {
      decay = 0.999,
      warmup = true,
      applyAtEnd = true,
    } = checkOptions('WeightAveraging', options, ['decay', 'warmup', 'applyAtEnd'])
    if (!(decay >= 0 && decay <= 1))
      throw new ValueError({
        op: 'WeightAveraging',
        rule: 'decay must be from 0 to 1',
        got: `${decay}`,
      })
    this.multiAvgFn = getEmaMultiAvgFn(decay, { warmup })
    this.atEnd = applyAtEnd
  }
  onTrainStart(t: Trainer): void {
    this.useTrained()
    if (!this.average || this.model !== t.model) {
      this.average = new AveragedModel(t.model, { multiAvgFn: this.multiAvgFn })
      // The average begins with the weights before the first step.
      this.average.updateParameters(t.model)
    }
    this.model = t.model
    if (this.saved) this.average.loadStateDict(this.saved)
    this.saved = undefined
  }
  onBatchEnd(t: Trainer): void {
    // Between the batches of an accumulation nothing has moved.
    if (t.moved) this.average?.updateParameters(t.model)
  }
  onTrainEnd(): void {
    if (this.atEnd) this.useAverage()
  }
  /** Gives the model the averaged weights, until `useTrained`. */
  useAverage(): void {
    if (!this.average || this.trained) return
    const own = this.model!.parameters()
    this.trained = noGrad(() => own.map((p) => p.detach().clone()))
    write(own, this.average.module.parameters())
  }
  /** Gives the model back the weights that it had before `useAverage`. */
  useTrained(): void {
    if (this.trained) write(this.model!.parameters(), this.trained)
    this.trained = undefined
  }
  state(): unknown {
    return this.average?.stateDict() ?? this.saved ?? {}
  }
  restore(state: unknown): void {
    if (!isPlainObject(state) || !Object.values(state).every((t) => t instanceof Tensor))
      throw new ValueError({
        op: 'WeightAveraging.restore',
        rule: 'a state holds tensors by name',
        got: showValue(state),
      })
    const saved = state as Record<string, Tensor>
    if (this.average && Object.keys(saved).length > 0) this.average.loadStateDict(saved)
    else this.saved = Object.keys(saved).length > 0 ? saved : undefined
  }
}
function write(tensors: readonly Tensor[], values: readonly Tensor[]): void {
  noGrad(() => {
    tensors.forEach((t, i) => {
      assign(t, values[i]!)
    })
  })
}
