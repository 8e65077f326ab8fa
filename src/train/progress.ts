/** Lines that show how training goes. */
import { grouped } from '../core/text.js'
import { type Bar, startBar, terminalWidth, writeLine } from '#host'
import type { BatchLog, Callback, EpochLog, Trainer } from './callback.js'

export { terminalWidth }

const percent = (v: number): string => `${(100 * v).toFixed(2)} %`
const told = (loss: number, accuracy?: number) =>
  `loss ${loss.toFixed(4)}${accuracy === undefined ? '' : `  accuracy ${percent(accuracy)}`}`
const rate = (samplesPerSecond: number) => `${grouped(Math.round(samplesPerSecond))} samples/s`

/** A time in few letters: 3725 is '1h02m'. */
export function shortTime(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  const two = (n: number) => `${Math.floor(n)}`.padStart(2, '0')
  if (s < 60) return `${s}s`
  if (s < 3600) return `${Math.floor(s / 60)}m${two(s % 60)}s`
  return `${Math.floor(s / 3600)}h${two((s % 3600) / 60)}m`
}

/** Numbers of an epoch besides loss and accuracy, such as the metrics. */
function others(log: EpochLog): string {
  const usual = [
    'epoch',
    'loss',
    'accuracy',
    'valLoss',
    'valAccuracy',
    'lr',
    'seconds',
    'samplesPerSecond',
  ]
  return Object.entries(log)
    .filter(([name, v]) => !usual.includes(name) && v !== undefined)
    .map(([name, v]) => `  ${name} ${v!.toPrecision(4)}`)
    .join('')
}

/**
 * A line for each epoch, and on a terminal a live bar with the time that the whole training has left. `fit` has one
 * unless `verbose` is false or there is no terminal.
 */
export class ProgressBars implements Callback {
  readonly name = 'progressBars'
  private readonly print: (line: string) => void
  private readonly others: number
  private bar: Bar | undefined
  private began = 0
  private doneBefore = 0

  /** `others` trainings of the same length follow. */
  constructor({
    print = writeLine,
    others = 0,
  }: { print?: (line: string) => void; others?: number } = {}) {
    this.print = print
    this.others = others
  }
  onTrainStart(t: Trainer): void {
    this.began = performance.now()
    this.doneBefore = t.step
  }
  /** Seconds until the last epoch ends, at the pace since training began. */
  private left(t: Trainer): string {
    const all = t.epochs * t.batches
    const made = t.step - this.doneBefore
    if (!Number.isFinite(all) || made === 0) return ''
    const seconds =
      ((performance.now() - this.began) / 1000 / made) *
      (Math.max(0, all - t.step) + this.others * all)
    return `${shortTime(seconds)} left`
  }
  private title(t: Trainer, epoch: number): string {
    return `epoch ${`${epoch + 1}`.padStart(`${t.epochs}`.length)}/${t.epochs}`
  }
  onBatchEnd(t: Trainer, b: BatchLog): void {
    if (terminalWidth() === undefined) return
    this.bar ??= startBar(this.title(t, b.epoch), b.batches)
    this.bar.update(
      b.batch,
      () => `${told(b.meanLoss, b.accuracy)}  ${rate(b.samples / b.seconds)}  ${this.left(t)}`,
    )
  }
  onEpochEnd(t: Trainer, e: EpochLog): void {
    this.onClose()
    const validation =
      e.valLoss === undefined ? '' : `  validation ${told(e.valLoss, e.valAccuracy)}`
    const left = e.epoch + 1 < t.epochs || this.others > 0 ? this.left(t) : ''
    this.print(
      `${this.title(t, e.epoch)}  ${told(e.loss, e.accuracy)}${validation}${others(e)}  ${rate(e.samplesPerSecond)}  ${e.seconds.toFixed(2)} s${left && `  ${left}`}`,
    )
  }
  onClose(): void {
    this.bar?.end()
    this.bar = undefined
  }
}
