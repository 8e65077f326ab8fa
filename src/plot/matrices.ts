/** Matrices as colored cells: confusion matrices, attention, correlations, weights. */
import { checkOptions, type OptionNames } from '../core/options.js'
import { encodePng } from '../core/image.js'
import { ValueError } from '../core/errors.js'
import { grouped } from '../core/text.js'
import { type Area, bandAxis, type ChartOptions, drawable, frame, numberAxis } from './axes.js'
import { el, text, widthOf } from './svg.js'
import { type Matrix, requireNames, rowsOf } from '../tensor/values.js'

type RGB = readonly [number, number, number]

/** Colors at equal distances from the least to the largest value; between them they are mixed. */
const scales: Record<ColorScale, readonly RGB[]> = {
  // Viridis (van der Walt and Smith, matplotlib, in the public domain), every eighth.
  viridis: [
    [68, 1, 84],
    [71, 44, 122],
    [59, 81, 139],
    [44, 113, 142],
    [33, 144, 141],
    [39, 173, 129],
    [92, 200, 99],
    [170, 220, 50],
    [253, 231, 37],
  ],
  blues: [
    [247, 251, 255],
    [198, 219, 239],
    [107, 174, 214],
    [33, 113, 181],
    [8, 48, 107],
  ],
  // Blue below, white in the middle, red above.
  diverging: [
    [33, 102, 172],
    [146, 197, 222],
    [247, 247, 247],
    [244, 165, 130],
    [178, 24, 43],
  ],
}
export type ColorScale = 'viridis' | 'blues' | 'diverging'

/** The color at a position from 0 to 1; gray for NaN. */
function colorAt(scale: readonly RGB[], share: number): RGB {
  if (!Number.isFinite(share)) return [200, 200, 200]
  const at = Math.min(1, Math.max(0, share)) * (scale.length - 1)
  const i = Math.min(scale.length - 2, Math.floor(at))
  const mix = (c: number) => scale[i]![c]! + (scale[i + 1]![c]! - scale[i]![c]!) * (at - i)
  return [Math.round(mix(0)), Math.round(mix(1)), Math.round(mix(2))]
}
const css = (c: RGB) => `rgb(${c.join(',')})`
/** The color of viridis at a share from 0 to 1. */
export const scaleColor = (share: number): string => css(colorAt(scales.viridis, share))
const dark = ([r, g, b]: RGB) => 0.299 * r + 0.587 * g + 0.114 * b < 140

/** The text of a number in a cell: whole numbers with commas, others with three digits. */
export function cellText(v: number): string {
  if (!Number.isFinite(v)) return `${v}`
  if (Number.isInteger(v) && Math.abs(v) < 1e9) return grouped(v)
  const size = Math.abs(v)
  if (size >= 1000 && size < 1e9) return grouped(Math.round(v))
  // `Number` takes the zeros off the end again; -0.0000 is 0.
  return `${Number(v.toPrecision(3)) || 0}`.replace('e+', 'e')
}

/** The size at which all texts fit into their cells; 0: none does. */
function fontFor(texts: readonly string[], width: number, height: number): number {
  const longest = Math.max(...texts.map((t) => widthOf(t, 1)), 0.1)
  const size = Math.min(13, height * 0.55, (width * 0.9) / longest)
  return size < 5 ? 0 : size
}

interface Cells {
  rows: readonly ArrayLike<number>[]
  color(v: number, row: number, column: number): RGB
  /** The text of a cell; none when not given. */
  words?: (v: number) => string
}

/** More cells than this are drawn as one picture, since each would be an element. */
const MOST = 4096

function drawCells({ rows, color, words }: Cells, area: Area): string[] {
  const [n, m] = [rows.length, rows[0]!.length]
  const [w, h] = [(area.right - area.left) / m, (area.bottom - area.top) / n]
  if (n * m > MOST) {
    const data = new Float32Array(n * m * 3)
    rows.forEach((row, i) => {
      for (let j = 0; j < m; j++)
        data.set(
          color(row[j]!, i, j).map((c) => c / 255),
          (i * m + j) * 3,
        )
    })
    const png = encodePng({ width: m, height: n, channels: 3, data })
    const href = `data:image/png;base64,${btoa(Array.from(png, (b) => String.fromCharCode(b)).join(''))}`
    return [
      el('image', {
        x: area.left,
        y: area.top,
        width: area.right - area.left,
        height: area.bottom - area.top,
        preserveAspectRatio: 'none',
        'image-rendering': 'optimizeSpeed',
        style: 'image-rendering:pixelated',
        href,
      }),
    ]
  }
  const texts = words ? rows.flatMap((r) => Array.from(r, words)) : []
  const size = words ? fontFor(texts, w, h) : 0
  return rows.flatMap((row, i) =>
    Array.from(row).flatMap((v, j) => {
      const fill = color(v, i, j)
      const [x, y] = [area.left + j * w, area.top + i * h]
      const gap = Math.min(w, h) > 6 ? 0.5 : 0
      const cell = el('rect', {
        x: x + gap,
        y: y + gap,
        width: w - 2 * gap,
        height: h - 2 * gap,
        fill: css(fill),
      })
      if (size === 0) return [cell]
      return [
        cell,
        text(texts[i * m + j]!, x + w / 2, y + h / 2 + size * 0.36, {
          size,
          'text-anchor': 'middle',
          fill: dark(fill) ? 'white' : '#222',
        }),
      ]
    }),
  )
}

type MatrixFrame = Omit<ChartOptions, 'logX' | 'logY'>

export interface MatrixChartOptions extends MatrixFrame {
  /** Names of the classes; 0, 1, … when not given. */
  names?: readonly string[]
  /** Shows shares: of the row ('true'), the column ('predicted') or of all; counts when not given. */
  normalize?: 'true' | 'predicted' | 'all'
}
const matrixOptions: OptionNames<MatrixChartOptions> = {
  title: true,
  x: true,
  y: true,
  width: true,
  height: true,
  names: true,
  normalize: true,
}

/**
 * A confusion matrix: rows are true classes, columns predicted ones; the color is the share of the row.
 * @throws ShapeError for another form than a square, ValueError for another number of names
 * @example matrixChart([[41, 2], [0, 57]], { names: ['cat', 'dog'] })
 */
export function matrixChart(counts: Matrix, options: MatrixChartOptions = {}): string {
  const op = 'matrixChart'
  const {
    normalize,
    x = 'predicted',
    y = 'true',
    width = 520,
    height = 480,
    title,
  } = checkOptions(op, options, matrixOptions)
  const rows = rowsOf(op, counts)
  const [n, m] = [rows.length, rows[0]!.length]
  const names = options.names ?? Array.from({ length: Math.max(n, m) }, (_, i) => `${i}`)
  requireNames(op, 'classes', names, Math.max(n, m))
  const sum = (list: Iterable<number>) => {
    let s = 0
    for (const v of list) s += v
    return s || 1
  }
  const ofRow = rows.map((r) => sum(Array.from(r)))
  const ofColumn = Array.from({ length: m }, (_, j) => sum(rows.map((r) => r[j]!)))
  const all = sum(rows.flatMap((r) => Array.from(r)))
  const total = {
    true: (i: number) => ofRow[i]!,
    predicted: (_: number, j: number) => ofColumn[j]!,
    all: () => all,
  }
  if (normalize !== undefined && !(normalize in total))
    throw new ValueError({
      op,
      rule: "normalize must be 'true', 'predicted' or 'all'",
      got: `${normalize}`,
    })
  const shown = normalize
    ? rows.map((r, i) => Array.from(r, (v, j) => v / total[normalize](i, j)))
    : rows
  return frame(
    op,
    { width, height, ...(title !== undefined && { title }) },
    bandAxis(names.slice(0, m), x),
    bandAxis(names.slice(0, n), y),
    (area) =>
      drawCells(
        {
          rows: shown,
          color: (v, i, j) => colorAt(scales.blues, normalize ? v : rows[i]![j]! / ofRow[i]!),
          words: (v) => (v === 0 ? '' : normalize ? v.toFixed(2) : cellText(v)),
        },
        area,
      ),
    { rows: true },
  )
}

export interface HeatMapOptions extends MatrixFrame {
  /** Names of the columns; their numbers from 0 when not given. */
  columnNames?: readonly string[]
  /** Names of the rows; their numbers from 0 when not given. */
  rowNames?: readonly string[]
  /** 'viridis', 'blues', or 'diverging', whose white is 0 unless a range is given. */
  colors?: ColorScale
  /** The values of the first and of the last color; the least and the largest value when not given. */
  range?: readonly [number, number]
  /** Writes the numbers into the cells; off when not given. */
  values?: boolean
}
const heatOptions: OptionNames<HeatMapOptions> = {
  title: true,
  x: true,
  y: true,
  width: true,
  height: true,
  columnNames: true,
  rowNames: true,
  colors: true,
  range: true,
  values: true,
}

/**
 * The numbers of a matrix as colors, the first row at the top, with a bar that tells which color is which number.
 * What is not finite is gray.
 * @throws ShapeError for a list that is no matrix, ValueError for names that are too few or too many
 * @example heatMapChart([[0, 0.5], [0.5, 1]], { colors: 'viridis', values: true })
 */
export function heatMapChart(matrix: Matrix, options: HeatMapOptions = {}): string {
  const op = 'heatMapChart'
  const {
    x,
    y,
    width = 560,
    height = 480,
    title,
    colors = 'viridis',
    values = false,
  } = checkOptions(op, options, heatOptions)
  const rows = rowsOf(op, matrix)
  const [n, m] = [rows.length, rows[0]!.length]
  const numbered = (count: number) => Array.from({ length: count }, (_, i) => `${i}`)
  const { columnNames = numbered(m), rowNames = numbered(n) } = options
  requireNames(op, 'columns', columnNames, m)
  requireNames(op, 'rows', rowNames, n)
  const scale = scales[colors]
  if (!scale)
    throw new ValueError({
      op,
      rule: `colors must be one of ${Object.keys(scales).join(', ')}`,
      got: `${colors}`,
    })
  let [lo, hi] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const row of rows)
    for (let j = 0; j < m; j++)
      if (drawable(row[j]!)) {
        lo = Math.min(lo, row[j]!)
        hi = Math.max(hi, row[j]!)
      }
  if (lo > hi) [lo, hi] = [0, 1]
  if (colors === 'diverging') {
    hi = Math.max(Math.abs(lo), Math.abs(hi))
    lo = -hi
  }
  if (options.range) {
    ;[lo, hi] = options.range
    if (!(lo < hi))
      throw new ValueError({ op, rule: 'the range must go up', got: `[${lo}, ${hi}]` })
  }
  // A constant matrix has the color in the middle.
  const shareOf = (v: number) => (hi > lo ? (v - lo) / (hi - lo) : v - lo + 0.5)
  const bar = numberAxis([lo, hi], { count: 5 })
  const side = 30 + Math.max(...bar.ticks.map((t) => widthOf(t.text, 11)))
  return frame(
    op,
    { width, height, ...(title !== undefined && { title }) },
    bandAxis(columnNames, x),
    bandAxis(rowNames, y),
    (area) => {
      const left = area.right + 12
      const tall = area.bottom - area.top
      const steps = 64
      const strip = Array.from({ length: steps }, (_, k) =>
        el('rect', {
          x: left,
          y: area.top + (k * tall) / steps,
          width: 12,
          height: tall / steps + 0.5,
          fill: css(colorAt(scale, 1 - (k + 0.5) / steps)),
        }),
      )
      const axisLow = (v: number) => bar.at(v)
      const marks = bar.ticks.flatMap((t) => {
        // Only ticks that lie within the range of colors.
        const share = (t.at - axisLow(lo)) / (axisLow(hi) - axisLow(lo) || 1)
        if (share < -0.001 || share > 1.001) return []
        return [text(t.text, left + 17, area.bottom - share * tall + 4)]
      })
      return [
        ...drawCells(
          {
            rows,
            color: (v) => colorAt(scale, drawable(v) ? shareOf(v) : Number.NaN),
            ...(values && { words: cellText }),
          },
          area,
        ),
        ...strip,
        ...(hi > lo ? marks : [text(cellText(lo), left + 17, (area.top + area.bottom) / 2 + 4)]),
      ]
    },
    { side, rows: true },
  )
}
