/** Charts as SVG text, in Node and in pages: lines, points, bars. */
import { ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { Tensor } from '../ops/tensor.js'
import {
  type Area,
  bandAxis,
  type ChartOptions,
  chartOptions,
  colorOf,
  dashOf,
  drawable,
  frame,
  legend,
  legendWidth,
  numberAxis,
} from './axes.js'
import { allOf, note, requireObject } from './common.js'
import { el, px, text } from './svg.js'
import { type Numbers, numbersOf } from '../tensor/values.js'

export type { ChartOptions } from './axes.js'
export type { Matrix, Numbers } from '../tensor/values.js'

/** A line: its y values, at 1, 2, 3 ... unless x values are given. What is not finite leaves a gap. */
export type Series = Numbers | { x: Numbers; y: Numbers }
/** Points by their coordinates. */
export type Points = { x: Numbers; y: Numbers }
/** Points with a text beside each. */
export type LabeledPoints = Points & { labels?: readonly string[] }

export interface Line {
  name: string
  x: ArrayLike<number>
  y: ArrayLike<number>
}

const pairs = (s: Series): s is Points => !(s instanceof Tensor) && 'y' in s

/** @throws ValueError when there is none, or one whose coordinates do not fit together */
export function linesOf(op: string, what: string, series: Record<string, Series>): Line[] {
  const rule = 'series are lists by name: { a: [1, 2] }, or { a: { x: [0, 1], y: [1, 2] } }'
  requireObject(op, rule, series)
  const lines = Object.entries(series).map(([name, s]) => {
    requireObject(op, rule, s)
    const y = numbersOf(pairs(s) ? s.y : s)
    const x = pairs(s) ? numbersOf(s.x) : Array.from(y, (_, i) => i + 1)
    if (x.length !== y.length)
      throw new ValueError({
        op,
        rule: `${name} must have as many x as y values`,
        got: `${x.length} and ${y.length}`,
      })
    return { name, x, y }
  })
  if (lines.length === 0) throw new ValueError({ op, rule: `there must be ${what}` })
  return lines
}

/**
 * The path of a line. Of more points than four to a column of pixels those at the ends and the lowest and highest of
 * each column are drawn, which looks the same.
 */
function linePath(
  { x, y }: Line,
  area: Area,
  logX: boolean,
  logY: boolean,
): { path: string; dots: string } {
  const n = x.length
  const has = (i: number) => drawable(x[i]!, logX) && drawable(y[i]!, logY)
  let ascending = true
  for (let i = 1; i < n && ascending; i++) ascending = !(x[i]! < x[i - 1]!)
  const thin = ascending && n > 4 * (area.right - area.left)
  let path = ''
  let dots = ''
  let run: string[] = []
  const end = () => {
    // A point between two gaps is a dot.
    if (run.length === 1) dots += `M${run[0]}h0`
    else if (run.length > 1) path += `M${run.join('L')}`
    run = []
  }
  const place = (i: number) => `${px(area.x(x[i]!))},${px(area.y(y[i]!))}`
  for (let i = 0; i < n; ) {
    if (!has(i)) {
      end()
      i++
      continue
    }
    if (!thin) {
      run.push(place(i++))
      continue
    }
    const column = Math.floor(area.x(x[i]!))
    let [low, high, last] = [i, i, i]
    let j = i + 1
    for (; j < n && has(j) && Math.floor(area.x(x[j]!)) === column; j++) {
      if (y[j]! < y[low]!) low = j
      if (y[j]! > y[high]!) high = j
      last = j
    }
    for (const k of [...new Set([i, low, high, last])].sort((a, b) => a - b)) run.push(place(k))
    i = j
  }
  end()
  return { path, dots }
}

/**
 * Lines by name in one chart. Values that are not finite, or not above 0 on a logarithmic axis, leave gaps.
 * @throws ValueError for no line, or one with another number of x than of y values
 * @example lineChart({ training: [0.9, 0.5, 0.4], validation: [0.8, 0.6, 0.6] }, { x: 'epoch', y: 'loss' })
 */
export function lineChart(series: Record<string, Series>, options: ChartOptions = {}): string {
  const op = 'lineChart'
  const { x, y, logX = false, logY = false, width = 640 } = checkOptions(op, options, chartOptions)
  const lines = linesOf(op, 'a line', series)
  const side = legendWidth(
    lines.map((l) => l.name),
    width,
  )
  // In the order in which the lines end, from the top.
  const ends = lines.map(
    (l) => Array.from(l.y).findLast((v) => drawable(v, logY)) ?? Number.NEGATIVE_INFINITY,
  )
  const ranked = lines
    .map(({ name }, index) => ({ name, index }))
    .sort((a, b) => ends[b.index]! - ends[a.index]! || a.index - b.index)
  return frame(
    op,
    options,
    numberAxis(allOf(lines.map((l) => l.x)), {
      label: x,
      log: logX,
      whole: !Object.values(series).some(pairs),
    }),
    numberAxis(allOf(lines.map((l) => l.y)), { label: y, log: logY }),
    (area) => [
      ...lines.flatMap((line, i) => {
        const { path, dots } = linePath(line, area, logX, logY)
        const stroke = { stroke: colorOf(i), fill: 'none', 'stroke-linecap': 'round' }
        return [
          ...(path
            ? [
                el('path', {
                  d: path,
                  'stroke-width': 1.75,
                  'stroke-linejoin': 'round',
                  'stroke-dasharray': dashOf(i),
                  ...stroke,
                }),
              ]
            : []),
          ...(dots ? [el('path', { d: dots, 'stroke-width': 5, ...stroke })] : []),
        ]
      }),
      ...legend(ranked, area, side, 'line'),
    ],
    { side },
  )
}

/**
 * Points by name in one chart, a color for each name; many points are drawn smaller. `labels` stand beside their points.
 * @throws ValueError for no points, or another number of x than of y values or labels
 * @example scatterChart({ setosa: { x: [1.4, 1.3], y: [0.2, 0.3] }, virginica: { x: [6, 5.1], y: [2.5, 1.9] } })
 */
export function scatterChart(
  points: Record<string, LabeledPoints>,
  options: ChartOptions = {},
): string {
  const op = 'scatterChart'
  const { x, y, logX = false, logY = false, width = 640 } = checkOptions(op, options, chartOptions)
  const groups = linesOf(op, 'points', points)
  const labels = Object.values(points).map((p) => p.labels)
  groups.forEach(({ name, x: { length } }, i) => {
    if (labels[i] && labels[i].length !== length)
      throw new ValueError({
        op,
        rule: `${name} must have a label for each of its ${length} points`,
        got: `${labels[i].length}`,
      })
  })
  const names = groups.map((g) => g.name)
  const side = legendWidth(names, width)
  const total = groups.reduce((n, g) => n + g.x.length, 0)
  const size = total > 5000 ? 2.5 : total > 500 ? 4 : 7
  return frame(
    op,
    options,
    numberAxis(allOf(groups.map((g) => g.x)), { label: x, log: logX }),
    numberAxis(allOf(groups.map((g) => g.y)), { label: y, log: logY }),
    (area) => {
      let left = 0
      const dots = groups.map((g, i) => {
        // A path of dots takes a tenth of the text that a circle for each takes.
        let d = ''
        for (let k = 0; k < g.x.length; k++)
          if (drawable(g.x[k]!, logX) && drawable(g.y[k]!, logY))
            d += `M${px(area.x(g.x[k]!))},${px(area.y(g.y[k]!))}h0`
          else left++
        return el('path', {
          d,
          stroke: colorOf(i),
          'stroke-width': size,
          'stroke-linecap': 'round',
          'stroke-opacity': 0.75,
          fill: 'none',
        })
      })
      const beside = groups.flatMap((g, i) =>
        (labels[i] ?? []).flatMap((label, k) =>
          drawable(g.x[k]!, logX) && drawable(g.y[k]!, logY)
            ? [text(label, area.x(g.x[k]!) + 5, area.y(g.y[k]!) + 3, { size: 9, fill: colorOf(i) })]
            : [],
        ),
      )
      return [
        ...dots,
        ...beside,
        ...legend(
          names.map((name, index) => ({ name, index })),
          area,
          side,
          'dot',
        ),
        ...note(left, area),
      ]
    },
    { side },
  )
}

/**
 * Bars by name, such as the gradient norms of layers; from 0, or from below the least on a logarithmic axis.
 * @throws ValueError when there is no bar
 * @example barChart({ conv1: 0.3, conv2: 0.1, fc: 0.02 }, { y: 'gradient norm' }).startsWith('<svg') // true
 */
export function barChart(
  values: Record<string, number>,
  options: Omit<ChartOptions, 'logX'> = {},
): string {
  const op = 'barChart'
  const { logX: _, ...known } = chartOptions
  const { x, y, logY = false } = checkOptions(op, options, known)
  requireObject(op, 'bars are numbers by name: { a: 1, b: 2 }', values)
  const names = Object.keys(values)
  if (names.length === 0) throw new ValueError({ op, rule: 'there must be a bar' })
  const heights = Object.values(values)
  const fine = heights.filter((v) => drawable(v, logY))
  const base = logY ? Math.min(...fine) / 2 : 0
  const yAxis = numberAxis(logY && fine.length > 0 ? [...fine, base] : fine, {
    label: y,
    log: logY,
    zero: !logY,
  })
  return frame(op, options, bandAxis(names, x), yAxis, (area) => {
    const bar = ((area.right - area.left) / names.length) * 0.72
    return [
      ...heights.flatMap((v, i) => {
        if (!drawable(v, logY)) return []
        const [a, b] = [area.y(base), area.y(v)]
        return [
          el(
            'rect',
            {
              x: area.x(i) - bar / 2,
              y: Math.min(a, b),
              width: bar,
              height: Math.abs(a - b),
              fill: colorOf(0),
            },
            el('title', {}, `${v}`),
          ),
        ]
      }),
      ...note(heights.length - fine.length, area),
    ]
  })
}
