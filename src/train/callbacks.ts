/** Things that watch a training run: stop it, keep its best, write it down. */
import { ValueError } from '../core/errors.js'
import { appendBytes, removeFile, writeAtomic } from '../io/files.js'
import type { Tensor } from '../ops/tensor.js'
import type { Callback, EpochLog, Trainer } from './fit.js'
import { type Inspection, inspectGradients } from './statistics.js'
import { encodeEvents, type Scalars } from './tensorboard.js'

export interface MonitorOptions {
  /** The number of the epoch's log to watch; 'valLoss' unless given. */
  monitor?: string
  /** Whether small or large is good; by default 'max' for what is no loss or error. */
  mode?: 'min' | 'max'
  /** A change below this does not count as better. */
  minDelta?: number
}

/** Follows one number of the epoch logs and knows its best. */
class Monitor {
  readonly name: string
  readonly mode: 'min' | 'max'
  private readonly minDelta: number
  best: number
  constructor({ monitor = 'valLoss', mode, minDelta = 0 }: MonitorOptions) {
    this.name = monitor
    this.mode = mode ?? (/loss|error/i.test(monitor) ? 'min' : 'max')
    this.minDelta = minDelta
    this.best = this.mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  }
  /** Takes the epoch's number; is it the best so far? */
  improves(log: EpochLog): boolean {
    const v = log[this.name]
    if (v === undefined)
      throw new ValueError({
        op: 'monitor',
        rule: `the epoch's log must hold ${this.name}`,
        got: Object.keys(log).join(', '),
        fix: this.name.startsWith('val') ? 'Pass validation data to fit.' : 'Name one of those.',
      })
    const better =
      this.mode === 'min' ? v < this.best - this.minDelta : v > this.best + this.minDelta
    if (better) this.best = v
    return better
  }
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
  constructor({
    patience = 3,
    restoreBest = true,
    ...monitor
  }: MonitorOptions & { patience?: number; restoreBest?: boolean } = {}) {
    this.monitor = new Monitor(monitor)
    this.patience = patience
    this.restoreBest = restoreBest
  }
  onEpochEnd(t: Trainer, log: EpochLog): void {
    if (this.monitor.improves(log)) {
      this.waited = 0
      this.bestEpoch = log.epoch
      if (this.restoreBest)
        this.weights = Object.fromEntries(
          Object.entries(t.model.stateDict()).map(([k, v]) => [k, v.detach().clone()]),
        )
    } else if (++this.waited >= this.patience)
      t.stop(
        `${this.monitor.name} has not become better than ${this.monitor.best.toPrecision(4)} for ${this.patience} epochs`,
      )
  }
  onTrainEnd(t: Trainer): void {
    if (this.weights) t.model.loadStateDict(this.weights)
  }
  state(): unknown {
    const { waited, bestEpoch, weights, monitor } = this
    return { best: monitor.best, waited, bestEpoch, weights: weights ?? null }
  }
  restore(state: unknown): void {
    const s = state as {
      best: number
      waited: number
      bestEpoch: number
      weights: Record<string, Tensor> | null
    }
    this.monitor.best = s.best
    this.waited = s.waited
    this.bestEpoch = s.bestEpoch
    this.weights = s.weights ?? undefined
  }
}

/** Stops when the loss of training no longer changes: over the last `patience` epochs by less than `tolerance`, relative. */
export class StopWhenSteady implements Callback {
  private readonly patience: number
  private readonly tolerance: number
  constructor({ patience = 3, tolerance = 1e-3 }: { patience?: number; tolerance?: number } = {}) {
    this.patience = patience
    this.tolerance = tolerance
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
  readonly path: string
  private readonly monitor: Monitor
  constructor(path: string, monitor: MonitorOptions = {}) {
    this.path = path
    this.monitor = new Monitor(monitor)
  }
  onEpochEnd(t: Trainer, log: EpochLog): void {
    if (!this.monitor.improves(log)) return
    writeAtomic(this.path, t.checkpoint()!)
  }
  state(): unknown {
    return this.monitor.best
  }
  restore(state: unknown): void {
    this.monitor.best = state as number
  }
}

/**
 * Writes a checkpoint after every n epochs, or every n batches, each over the one before unless `keep` says how many
 * of the last to keep. To go on: `fit(model, { resume: readBytes(path), ... })`. Put it last among the callbacks, so that the states of the
 * others are those after this moment.
 */
export class PeriodicCheckpoint implements Callback {
  readonly name = 'periodicCheckpoint'
  private readonly path: string
  private readonly epochs: number
  private readonly batches: number | undefined
  private readonly keep: number
  private written: string[] = []
  constructor(
    path: string,
    { epochs = 1, batches, keep = 1 }: { epochs?: number; batches?: number; keep?: number } = {},
  ) {
    this.path = path
    this.epochs = epochs
    this.batches = batches
    this.keep = keep
  }
  private write(t: Trainer, label: string): void {
    const path = this.keep === 1 ? this.path : this.path.replace(/(\.[^./]*)?$/, `-${label}$1`)
    if (!this.written.includes(path)) this.written.push(path)
    const bytes = t.checkpoint()
    if (!bytes) return
    writeAtomic(path, bytes)
    while (this.written.length > this.keep) removeFile(this.written.shift()!)
  }
  onBatchEnd(t: Trainer, log: { step: number }): void {
    if (this.batches !== undefined && log.step % this.batches === 0)
      this.write(t, `step${log.step}`)
  }
  onEpochEnd(t: Trainer, log: EpochLog): void {
    if ((log.epoch + 1) % this.epochs === 0) this.write(t, `epoch${log.epoch + 1}`)
  }
  state(): unknown {
    return this.written
  }
  restore(state: unknown): void {
    this.written = state as string[]
  }
}

/** Writes the epoch logs as CSV, all of them anew each time, so that a resumed run has each epoch once. */
export class CsvLog implements Callback {
  private readonly path: string
  constructor(path: string) {
    this.path = path
  }
  onEpochEnd(t: Trainer): void {
    const columns = [...new Set(t.history.flatMap((l) => Object.keys(l)))]
    const rows = t.history.map((l) => columns.map((c) => l[c] ?? '').join(','))
    writeAtomic(this.path, `${[columns.join(','), ...rows].join('\n')}\n`)
  }
}

/** Writes the epoch logs as JSON lines. */
export class JsonLog implements Callback {
  private readonly path: string
  constructor(path: string) {
    this.path = path
  }
  onEpochEnd(t: Trainer): void {
    writeAtomic(this.path, t.history.map((l) => `${JSON.stringify(l)}\n`).join(''))
  }
}

/** Writes the loss of every n-th step and the numbers of every epoch as TensorBoard events into a folder. */
export class TensorBoard implements Callback {
  private readonly path: string
  private readonly every: number
  private waiting: Uint8Array[] = []
  constructor(folder: string, { every = 10 }: { every?: number } = {}) {
    const now = Math.floor(Date.now() / 1000)
    this.path = `${folder.replace(/\/$/, '')}/events.out.tfevents.${now}.nabla`
    this.every = every
  }
  private add(step: number, scalars: Scalars): void {
    this.waiting.push(encodeEvents(step, scalars, Date.now() / 1000))
  }
  onTrainStart(): void {
    appendBytes(this.path, encodeEvents('start', {}, Date.now() / 1000))
  }
  onBatchEnd(_t: Trainer, log: { step: number; loss: number }): void {
    if (log.step % this.every === 0) this.add(log.step, { 'loss/step': log.loss })
  }
  onEpochEnd(_t: Trainer, log: EpochLog): void {
    const { epoch, ...rest } = log
    const scalars: Scalars = {}
    for (const [name, v] of Object.entries(rest))
      if (v !== undefined)
        scalars[
          name.startsWith('val') ? `validation/${name.slice(3).toLowerCase()}` : `train/${name}`
        ] = v
    this.add(epoch, scalars)
    for (const bytes of this.waiting) appendBytes(this.path, bytes)
    this.waiting = []
  }
}

export interface GradientReport extends Inspection {
  epoch: number
}

/**
 * Statistics of activations, errors and gradients by layer, of the epoch's last batch in evaluation mode, after every
 * n-th epoch, with a verdict: vanishing, exploding or healthy. Training goes on as if nobody had looked.
 */
export class GradientMonitor implements Callback {
  readonly reports: GradientReport[] = []
  private readonly every: number
  private readonly tell: (report: GradientReport) => void
  constructor({
    every = 1,
    tell = () => {},
  }: { every?: number; tell?: (report: GradientReport) => void } = {}) {
    this.every = every
    this.tell = tell
  }
  onEpochEnd(t: Trainer, { epoch }: EpochLog): void {
    if ((epoch + 1) % this.every !== 0 || !t.lastBatch) return
    const report = { epoch, ...inspectGradients(t.model, t.lastBatch, t.loss) }
    this.reports.push(report)
    this.tell(report)
  }
}
