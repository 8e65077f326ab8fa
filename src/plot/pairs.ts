/** Charts of how the columns of a table go together: each against each, and their correlations. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import { type Matrix, requireNames, rowsOf } from '../tensor/values.js'
import {
  type Axis,
  colorOf,
  drawable,
  legend,
  legendWidth,
  numberAxis,
  requireSides,
} from './axes.js'
import { heatMapChart, type HeatMapOptions } from './matrices.js'
import { el, picture, px, text } from './svg.js'

export interface PairOptions {
  title?: string
  /** Names of the columns; their numbers from 0 when not given. */
  names?: readonly string[]
  /** The group of each row, such as its class: a color each. */
  groups?: ArrayLike<number | string>
  /** Pixels. */
  width?: number
  height?: number
}
const pairOptions: OptionNames<PairOptions> = {
  title: true,
  names: true,
  groups: true,
  width: true,
  height: true,
}
/** More panels than this could not be told apart. */
const MOST = 12
const BINS = 16

/** A panel of the grid in pixels. */
interface Panel {
  left: number
  top: number
  width: number
  height: number
}
const across = (p: Panel, axis: Axis, v: number) => p.left + axis.at(v) * p.width
const up = (p: Panel, axis: Axis, v: number) => p.top + (1 - axis.at(v)) * p.height

/** Bars of one column, a group over the other, as high as the panel. */
function bars(panel: Panel, axis: Axis, groups: readonly (readonly number[])[]): string[] {
  const counts = groups.map((values) => {
    const n = new Array<number>(BINS).fill(0)
    for (const v of values)
      if (drawable(v)) n[Math.min(BINS - 1, Math.max(0, Math.floor(axis.at(v) * BINS)))]!++
    return n
  })
  const tallest = Math.max(1, ...counts.flat())
  const step = panel.width / BINS
  return counts.map((list, i) => {
    let d = ''
    list.forEach((n, k) => {
      const high = (n / tallest) * panel.height * 0.95
      if (n > 0)
        d += `M${px(panel.left + k * step)},${px(panel.top + panel.height)}v${px(-high)}h${px(step)}v${px(high)}Z`
    })
    return el('path', { d, fill: colorOf(i), 'fill-opacity': groups.length > 1 ? 0.5 : 0.8 })
  })
}

/**
 * Every column against every other as points, its histogram on the diagonal (a pair plot). Groups have colors.
 * Values that are not finite are left out.
 * @throws ShapeError unless the table is a matrix, ValueError for more than 12 columns, or other numbers of names or groups
 * @example pairChart([[1, 2], [2, 1], [3, 4]], { names: ['a', 'b'] }).startsWith('<svg') // true
 */
export function pairChart(table: Matrix, options: PairOptions = {}): string {
  const op = 'pairChart'
  const { title, width = 760, height = 720, groups } = checkOptions(op, options, pairOptions)
  const rows = rowsOf(op, table)
  const n = rows[0]!.length
  const { names = Array.from({ length: n }, (_, c) => `${c}`) } = options
  requireNames(op, 'columns', names, n)
  requireSides(op, width, height)
  if (n > MOST)
    throw new ValueError({
      op,
      rule: `at most ${MOST} columns have room`,
      got: `${n}`,
      fix: 'Choose the columns that matter.',
    })
  if (groups && groups.length !== rows.length)
    throw new ValueError({
      op,
      rule: 'there must be a group for each row',
      got: `${groups.length} groups for ${rows.length} rows`,
    })
  const labels = Array.from(rows, (_, i) => (groups ? `${groups[i]}` : ''))
  const kinds = [...new Set(labels)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  const members = kinds.map((kind) => rows.filter((_, i) => labels[i] === kind))
  const axes = Array.from({ length: n }, (_, c) =>
    numberAxis(
      rows.map((r) => r[c]!),
      { count: 3 },
    ),
  )
  const side = legendWidth(kinds, width)
  const [left, top, right, bottom] = [64, title ? 38 : 14, width - 12 - side, height - 48]
  const [w, h] = [(right - left) / n, (bottom - top) / n]
  const size = rows.length > 2000 ? 1.5 : rows.length > 300 ? 2.5 : 4
  const parts: string[] = []
  for (let r = 0; r < n; r++)
    for (let c = 0; c < n; c++) {
      const panel = { left: left + c * w + 3, top: top + r * h + 3, width: w - 6, height: h - 6 }
      parts.push(
        el('rect', {
          x: panel.left,
          y: panel.top,
          width: panel.width,
          height: panel.height,
          fill: 'none',
          stroke: '#ccc',
        }),
      )
      const [x, y] = [axes[c]!, axes[r]!]
      if (r === c)
        parts.push(
          ...bars(
            panel,
            x,
            members.map((list) => list.map((row) => row[c]!)),
          ),
        )
      else
        members.forEach((list, i) => {
          let d = ''
          for (const row of list)
            if (drawable(row[c]!) && drawable(row[r]!))
              d += `M${px(across(panel, x, row[c]!))},${px(up(panel, y, row[r]!))}h0`
          parts.push(
            el('path', {
              d,
              stroke: colorOf(i),
              'stroke-width': size,
              'stroke-linecap': 'round',
              'stroke-opacity': 0.7,
              fill: 'none',
            }),
          )
        })
      if (r === n - 1) {
        for (const t of x.ticks)
          parts.push(
            text(t.text, panel.left + t.at * panel.width, bottom + 12, {
              size: 9,
              'text-anchor': 'middle',
            }),
          )
        parts.push(
          text(names[c]!, panel.left + panel.width / 2, bottom + 30, {
            'text-anchor': 'middle',
            room: w - 4,
          }),
        )
      }
      if (c === 0) {
        // The diagonal's heights are counts, not values of the column.
        if (r !== 0)
          for (const t of y.ticks)
            parts.push(
              text(t.text, left - 2, panel.top + (1 - t.at) * panel.height + 3, {
                size: 9,
                'text-anchor': 'end',
              }),
            )
        const middle = panel.top + panel.height / 2
        parts.push(
          text(names[r]!, 14, middle, {
            'text-anchor': 'middle',
            room: h - 4,
            transform: `rotate(-90 14 ${px(middle)})`,
          }),
        )
      }
    }
  const area = { left, top, right, bottom, x: (v: number) => v, y: (v: number) => v }
  return picture(
    width,
    height,
    ...parts,
    ...legend(
      kinds.map((name, index) => ({ name, index })),
      area,
      side,
      'dot',
    ),
    ...(title
      ? [
          text(title, width / 2, 22, {
            size: 14,
            'text-anchor': 'middle',
            'font-weight': 'bold',
            room: width * 0.9,
          }),
        ]
      : []),
  )
}

export interface CorrelationChartOptions
  extends Pick<HeatMapOptions, 'title' | 'width' | 'height' | 'values'> {
  /** Names of the columns; their numbers from 0 when not given. */
  names?: readonly string[]
}
const correlationOptions: OptionNames<CorrelationChartOptions> = {
  title: true,
  width: true,
  height: true,
  values: true,
  names: true,
}

/**
 * A map of correlations, such as `correlationMatrix` of nabla/stats gives: −1 blue, 0 white, 1 red, with the numbers in
 * the cells unless `values` is false. NaN, of a constant column, is gray.
 * @throws ShapeError unless it is a matrix, ValueError unless it is square with numbers from −1 to 1, and for other numbers of names
 * @example correlationChart([[1, 0.97], [0.97, 1]], { names: ['bill', 'mass'] }).startsWith('<svg') // true
 */
export function correlationChart(matrix: Matrix, options: CorrelationChartOptions = {}): string {
  const op = 'correlationChart'
  const { names, values = true, ...rest } = checkOptions(op, options, correlationOptions)
  const rows = rowsOf(op, matrix)
  const n = rows.length
  const beyond = rows.flatMap((r) => Array.from(r)).find((v) => Math.abs(v) > 1 + 1e-9)
  if (rows[0]!.length !== n || beyond !== undefined)
    throw new ValueError({
      op,
      rule: 'correlations are a square matrix of numbers from -1 to 1',
      got: beyond === undefined ? `${n} x ${rows[0]!.length}` : showValue(beyond),
      fix: 'correlationMatrix(table) of nabla/stats makes one.',
    })
  if (names) requireNames(op, 'columns', names, n)
  return heatMapChart(rows, {
    ...rest,
    values,
    colors: 'diverging',
    range: [-1, 1],
    ...(names && { columnNames: names, rowNames: names }),
  })
}
