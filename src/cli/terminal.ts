/** Drawing in the terminal: images by half blocks, curves. */
import asciichart from 'asciichart'

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

export const percent = (v: number): string => `${(100 * v).toFixed(2)} %`
