/** Histograms of weights and gradients by layer, written as TensorBoard's event files have them. */
import { asNumbers, isFloat } from '../core/dtype.js'
import { checkOptions } from '../core/options.js'
import type { Callback, EpochLog, Trainer } from './callback.js'
import { countFrom } from './counts.js'
import { appendBytes } from './files.js'
import { flowOf } from './statistics.js'
import { encodeHistograms, encodeStart, eventFile, type Histogram } from './tensorboard.js'

const BINS = 30

/** Counts in bins of one width from the least to the greatest number; numbers that are not finite are left out. */
export function histogramOf(values: ArrayLike<number>, bins = BINS): Histogram {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!
    if (!Number.isFinite(v)) continue
    if (v < low) low = v
    if (v > high) high = v
  }
  if (low > high) return { edges: [0, 1], counts: [0] }
  // Numbers that are all the same stand in the middle of their bin.
  if (low === high) [low, high] = [low - 0.5, high + 0.5]
  const counts = new Array<number>(bins).fill(0)
  const scale = bins / (high - low)
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!
    if (Number.isFinite(v)) counts[Math.min(bins - 1, Math.floor((v - low) * scale))]!++
  }
  return {
    edges: Array.from({ length: bins + 1 }, (_, i) =>
      i === bins ? high : low + (i * (high - low)) / bins,
    ),
    counts,
  }
}

/** Of all weights, and of their gradients by the last batch in evaluation mode: `weights/NAME`, `gradients/NAME`. */
export function layerHistograms(t: Trainer): Record<string, Histogram> {
  const found: Record<string, Histogram> = {}
  for (const [name, p] of t.model.namedParameters())
    if (isFloat(p.dtype)) found[`weights/${name}`] = histogramOf(asNumbers(p.toTypedArray()))
  if (t.lastBatch) {
    const { gradients } = flowOf('Histograms', t.model, t.lastBatch, t.loss, t.inputs)
    for (const { name, t: g } of gradients)
      found[`gradients/${name}`] = histogramOf(asNumbers(g.toTypedArray()))
  }
  return found
}

/**
 * Writes histograms of weights and gradients by layer into a folder after every n-th epoch, as an event file: `nabla studio`
 * and TensorBoard show them. Gradients are those of the epoch's last batch in evaluation mode; training is not changed.
 * @example fit(model, { ..., callbacks: [new Histograms('runs/mine', { every: 2 })] })
 */
export class Histograms implements Callback {
  readonly last = true
  private readonly path: string
  private readonly every: number
  /** @throws ValueError for options that do not exist, and an `every` that is no whole number from 1 up */
  constructor(folder: string, options: { every?: number } = {}) {
    const { every = 1 } = checkOptions('Histograms', options, ['every'])
    this.every = countFrom('Histograms', 'every', every)
    this.path = eventFile(folder)
  }
  onTrainStart(t: Trainer): void {
    appendBytes(this.path, encodeStart(t.history.length, Date.now() / 1000))
  }
  onEpochEnd(t: Trainer, { epoch }: EpochLog): void {
    if ((epoch + 1) % this.every !== 0) return
    appendBytes(this.path, encodeHistograms(epoch, layerHistograms(t), Date.now() / 1000))
  }
}
