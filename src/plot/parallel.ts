/** Many settings at once: each is a line that crosses an axis for every number. */
import { ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { type ChartOptions, chartOptions, requireSides } from './axes.js'
import { requireList, requireObject } from './common.js'
import { scaleColor } from './matrices.js'
import { el, picture, px, text } from './svg.js'

export interface ParallelOptions extends Omit<ChartOptions, 'x' | 'y' | 'logX' | 'logY'> {
  /** Axes that are logarithmic. */
  log?: readonly string[]
}

/**
 * Parallel coordinates: a line for each row, an axis for each column, the color by the last column (Inselberg, 1985).
 * Texts have places of their own on their axis. A row without a value of the last column is left out.
 * @throws ValueError for no rows, and fewer than two columns
 * @example parallelChart([{ lr: 0.1, accuracy: 0.9 }, { lr: 0.01, accuracy: 0.95 }], { log: ['lr'] }).startsWith('<svg') // true
 */
export function parallelChart(
  rows: readonly Readonly<Record<string, number | string>>[],
  options: ParallelOptions = {},
): string {
  const op = 'parallelChart'
  const {
    title,
    width = 760,
    height = 420,
    log = [],
  } = checkOptions(op, options, {
    ...chartOptions,
    log: true,
  })
  requireSides(op, width, height)
  requireList(op, 'rows are a list of objects: [{ lr: 0.1, accuracy: 0.9 }]', rows)
  for (const row of rows) requireObject(op, 'a row is an object: { lr: 0.1, accuracy: 0.9 }', row)
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  if (rows.length === 0 || columns.length < 2)
    throw new ValueError({
      op,
      rule: 'there must be rows with two or more columns',
      got: `${rows.length} rows, ${columns.length} columns`,
    })
  const last = columns.at(-1)!
  const [top, bottom, left, right] = [title ? 70 : 44, height - 30, 60, width - 60]
  const axes = columns.map((name, i) => {
    const values = rows.map((row) => row[name]).filter((v) => v !== undefined)
    const x = left + (i / (columns.length - 1)) * (right - left)
    const texts = values.some((v) => typeof v === 'string')
    if (texts) {
      const names = [...new Set(values.map(String))].sort()
      const at = (v: number | string) => (names.indexOf(String(v)) + 0.5) / names.length
      return { name, x, at, ticks: names.map((n) => ({ at: at(n), text: n })) }
    }
    const numbers = [...new Set(values as number[])].filter(Number.isFinite).sort((a, b) => a - b)
    const scale = (v: number) => (log.includes(name) && numbers[0]! > 0 ? Math.log(v) : v)
    const [lo, hi] = [scale(numbers[0] ?? 0), scale(numbers.at(-1) ?? 1)]
    const at = (v: number | string) => (hi > lo ? (scale(v as number) - lo) / (hi - lo) : 0.5)
    const few =
      numbers.length <= 6 && name !== last
        ? numbers
        : [0, 0.25, 0.5, 0.75, 1].map((part) => {
            const v = lo + part * (hi - lo)
            return log.includes(name) ? Math.exp(v) : v
          })
    return {
      name,
      x,
      at,
      ticks: few.map((v) => ({ at: at(v), text: `${Number(v.toPrecision(3))}` })),
    }
  })
  const y = (part: number) => bottom - part * (bottom - top)
  const judged = rows.filter((row) => row[last] !== undefined && Number.isFinite(Number(row[last])))
  const value = axes.at(-1)!.at
  // The best lie on top.
  const lines = [...judged]
    .sort((a, b) => value(a[last]!) - value(b[last]!))
    .map((row) => {
      const points = axes
        .filter((a) => row[a.name] !== undefined)
        .map((a) => `${px(a.x)},${px(y(a.at(row[a.name]!)))}`)
      return el('polyline', {
        points: points.join(' '),
        fill: 'none',
        stroke: scaleColor(value(row[last]!)),
        'stroke-width': 2,
        'stroke-opacity': 0.85,
      })
    })
  return picture(
    width,
    height,
    ...(title
      ? [
          text(title, width / 2, 24, {
            size: 14,
            'text-anchor': 'middle',
            'font-weight': 'bold',
            room: width * 0.9,
          }),
        ]
      : []),
    ...lines,
    ...axes.flatMap((a) => [
      el('line', { x1: px(a.x), x2: px(a.x), y1: top, y2: bottom, stroke: '#888' }),
      text(a.name, a.x, top - 12, {
        size: 12,
        'text-anchor': 'middle',
        room: (right - left) / columns.length,
      }),
      ...a.ticks.map((t) => text(t.text, a.x + 6, y(t.at) + 4, { room: 54 })),
    ]),
  )
}
