/** Callbacks that write the numbers of a run to files: CSV, JSON lines, TensorBoard. */
import { checkOptions } from '../core/options.js'
import { appendBytes, writeAtomic } from './files.js'
import type { BatchLog, Callback, EpochLog, Trainer } from './callback.js'
import { countFrom } from './counts.js'
import { layerHistograms } from './histograms.js'
import {
  encodeEvents,
  encodeHistograms,
  encodeStart,
  eventFile,
  type Scalars,
} from './tensorboard.js'

/** A cell of CSV: in quotes where it must be. RFC 4180. */
const cell = (v: unknown): string => {
  const text = `${v ?? ''}`
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Writes the epoch logs as CSV, all of them anew each time, so that a resumed run has each epoch once. */
export class CsvLog implements Callback {
  readonly last = true
  private readonly path: string
  constructor(path: string) {
    this.path = path
  }
  onEpochEnd(t: Trainer): void {
    const columns = [...new Set(t.history.flatMap((l) => Object.keys(l)))]
    const rows = t.history.map((l) => columns.map((c) => cell(l[c])).join(','))
    writeAtomic(this.path, `${[columns.map(cell).join(','), ...rows].join('\n')}\n`)
  }
}

/** Writes the epoch logs as JSON lines; numbers that JSON has no word for (NaN, infinities) as text. */
export class JsonLog implements Callback {
  readonly last = true
  private readonly path: string
  constructor(path: string) {
    this.path = path
  }
  onEpochEnd(t: Trainer): void {
    const text = (_key: string, v: unknown) =>
      typeof v === 'number' && !Number.isFinite(v) ? `${v}` : v
    writeAtomic(this.path, t.history.map((l) => `${JSON.stringify(l, text)}\n`).join(''))
  }
}

export interface TensorBoardOptions {
  /** The loss of every n-th step; 10 unless given. */
  every?: number
  /** Histograms of weights and gradients by layer after every n-th epoch; none unless given. */
  histograms?: number
}
/**
 * Writes the loss of every n-th step and the numbers of every epoch as TensorBoard events into a folder, each at once, and
 * histograms where `histograms` asks for them. A resumed run writes a new file, which tells TensorBoard to drop the events
 * after the checkpoint.
 */
export class TensorBoard implements Callback {
  readonly last = true
  private readonly path: string
  private readonly every: number
  private readonly histograms: number
  /** @throws ValueError for options that do not exist, and numbers that are no whole ones from 1 up */
  constructor(folder: string, options: TensorBoardOptions = {}) {
    const { every = 10, histograms } = checkOptions('TensorBoard', options, ['every', 'histograms'])
    this.every = countFrom('TensorBoard', 'every', every)
    this.histograms =
      histograms === undefined ? 0 : countFrom('TensorBoard', 'histograms', histograms)
    this.path = eventFile(folder)
  }
  private add(step: number, scalars: Scalars): void {
    appendBytes(this.path, encodeEvents(step, scalars, Date.now() / 1000))
  }
  onTrainStart(t: Trainer): void {
    appendBytes(this.path, encodeStart(t.step, Date.now() / 1000))
  }
  onBatchEnd(_t: Trainer, log: BatchLog): void {
    if (log.step % this.every === 0) this.add(log.step, { 'loss/step': log.loss })
  }
  onEpochEnd(t: Trainer, log: EpochLog): void {
    const { epoch, ...rest } = log
    const scalars: Scalars = {}
    for (const [name, v] of Object.entries(rest))
      if (v !== undefined)
        scalars[
          /^val[A-Z0-9]/.test(name)
            ? `validation/${name[3]!.toLowerCase()}${name.slice(4)}`
            : `train/${name}`
        ] = v
    this.add(epoch, scalars)
    if (this.histograms > 0 && (epoch + 1) % this.histograms === 0)
      appendBytes(this.path, encodeHistograms(epoch, layerHistograms(t), Date.now() / 1000))
  }
}
