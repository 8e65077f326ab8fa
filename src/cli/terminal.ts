/** Drawing in the terminal: images by half blocks, curves, progress. */
import asciichart from 'asciichart'
import { Presets, SingleBar } from 'cli-progress'
import { grouped } from '../core/text.js'
import type { BatchLog, Callback, EpochLog } from '../train/fit.js'

const shades = ' .:-=+*#%@'

/** Gray images (0 to 1) side by side, two rows of pixels a line, each with a caption. */
export function drawImages(
  images: readonly { pixels: ArrayLike<number>; width: number; height: number; caption: string }[],
): string {
  const lines: string[] = []
  const tall = Math.max(...images.map((i) => i.height))
  for (let y = 0; y < tall; y += 2) {
    lines.push(
      images
        .map(({ pixels, width, height }) => {
          let row = ''
          for (let x = 0; x < width; x++) {
            const upper = pixels[y * width + x] ?? 0
            const lower = y + 1 < height ? (pixels[(y + 1) * width + x] ?? 0) : 0
            const v = Math.max(0, Math.min(1, (upper + lower) / 2))
            row += shades[Math.round(v * (shades.length - 1))]
          }
          return row
        })
        .join('  '),
    )
  }
  const captions = images
    .map(({ width, caption }) => caption.slice(0, width).padEnd(width))
    .join('  ')
  return [...lines.map((l) => l.trimEnd()), captions.trimEnd()].join('\n')
}

/** Values over time, at most `width` points wide. */
export function drawCurve(values: readonly number[], { height = 8, width = 72 } = {}): string {
  if (values.length === 0) return ''
  const n = Math.min(width, values.length)
  const points = Array.from({ length: n }, (_, i) => {
    const from = Math.floor((i * values.length) / n)
    const to = Math.max(from + 1, Math.floor(((i + 1) * values.length) / n))
    let s = 0
    for (let k = from; k < to; k++) s += values[k]!
    return s / (to - from)
  })
  return asciichart.plot(points.length === 1 ? [points[0]!, points[0]!] : points, { height })
}

interface Progress {
  update(done: number, text: () => string): void
  end(text: string): void
}

/** A live bar on a terminal; elsewhere one plain line at the end. */
function progress(title: string, total: number): Progress {
  if (!process.stderr.isTTY) {
    return {
      update() {},
      end: (text) => process.stdout.write(`${title}  ${text}\n`),
    }
  }
  const bar = new SingleBar(
    {
      format: `${title} {bar} {percentage}%  {text}  {eta_formatted} left`,
      hideCursor: true,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  )
  bar.start(total, 0, { text: '' })
  let last = 0
  return {
    update(done, text) {
      const now = performance.now()
      if (now - last < 50 && done < total) return
      last = now
      bar.update(done, { text: text() })
      // The loop is synchronous, so the bar is drawn here and not by a timer.
      bar.render()
    },
    end(text) {
      bar.update(total)
      bar.stop()
      process.stdout.write(`${title}  ${text}\n`)
    },
  }
}

export const percent = (v: number): string => `${(100 * v).toFixed(2)} %`
const told = (loss: number, accuracy?: number) =>
  `loss ${loss.toFixed(4)}${accuracy === undefined ? '' : `  accuracy ${percent(accuracy)}`}`
const rate = (samplesPerSecond: number) => `${grouped(Math.round(samplesPerSecond))} samples/s`

/** For `fit`: a live bar for each epoch on a terminal, and a line when it ends. */
export function progressBars(): Callback {
  let bar: Progress | undefined
  const start = (epoch: number, epochs: number, batches: number) =>
    progress(`epoch ${`${epoch + 1}`.padStart(`${epochs}`.length)}/${epochs}`, batches)
  return {
    onBatchEnd(t, b: BatchLog) {
      bar ??= start(b.epoch, t.epochs, b.batches)
      if (b.batch % 8 === 0 || b.batch === b.batches)
        bar.update(b.batch, () => `${told(b.meanLoss, b.accuracy)}  ${rate(b.samples / b.seconds)}`)
    },
    onEpochEnd(_t, e: EpochLog) {
      const validation =
        e.valLoss === undefined ? '' : `  validation ${told(e.valLoss, e.valAccuracy)}`
      bar?.end(
        `${told(e.loss, e.accuracy)}${validation}  ${rate(e.samplesPerSecond)}  ${e.seconds.toFixed(2)} s`,
      )
      bar = undefined
    },
  }
}
