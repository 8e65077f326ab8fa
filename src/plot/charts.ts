/** Charts as SVG text, in Node and in pages: lines, points, bars, histograms, boxes. */
import { quantileSorted, thresholdFreedmanDiaconis } from 'd3-array'
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
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
import { el, px, text } from './svg.js'
import { type Numbers, numbersOf } from './values.js'

export type { ChartOptions } from './axes.js'
export type { Matrix, Numbers } from './values.js'

/** A line: its y values, at 1, 2, 3 ... unless x values are given. What is not finite leaves a gap. */
export type Series = Numbers | { x: Numbers; y: Numbers }
/** Points by their coordinates. */
export type Points = { x: Numbers; y: Numbers }

interface Line {
  name: string
  x: ArrayLike<number>
  y: ArrayLike<number>
}

const pairs = (s: Series): s is Points => !(s instanceof Tensor) && 'y' in s

/** @throws ValueError when there is none, or one whose coordinates do not fit together */
function linesOf(op: string, what: string, series: Record<string, Series>): Line[] {
  const lines = Object.entries(series).map(([name, s]) => {
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

/** All values of several lists, one after the other. */
function* allOf(lists: readonly ArrayLike<number>[]): Iterable<number> {
  for (const list of lists) for (let i = 0; i < list.length; i++) yield list[i]!
}

/** A note for the reader: how many values are not drawn. */
function note(left: number, area: Area): string[] {
  if (left === 0) return []
  return [
    text(`${left} not drawn (not finite or out of range)`, area.right - 4, area.top - 4, {
      size: 10,
      'text-anchor': 'end',
      fill: '#b00',
    }),
  ]
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
 * Points by name in one chart, a color for each name; many points are drawn smaller.
 * @throws ValueError for no points, or another number of x than of y values
 * @example scatterChart({ setosa: { x: [1.4, 1.3], y: [0.2, 0.3] }, virginica: { x: [6, 5.1], y: [2.5, 1.9] } })
 */
export function scatterChart(points: Record<string, Points>, options: ChartOptions = {}): string {
  const op = 'scatterChart'
  const { x, y, logX = false, logY = false, width = 640 } = checkOptions(op, options, chartOptions)
  const groups = linesOf(op, 'points', points)
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
      return [
        ...dots,
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
 * @example barChart({ conv1: 0.3, conv2: 0.1, fc: 0.02 }, { y: 'gradient norm' })
 */
export function barChart(
  values: Record<string, number>,
  options: Omit<ChartOptions, 'logX'> = {},
): string {
  const op = 'barChart'
  const { logX: _, ...known } = chartOptions
  const { x, y, logY = false } = checkOptions(op, options, known)
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

export interface HistogramOptions extends Omit<ChartOptions, 'logX'> {
  /** Bins of equal width; by the rule of Freedman and Diaconis when not given. */
  bins?: number
  /** Heights as a density, so that the areas of the bars add up to 1. */
  density?: boolean
}
const histogramOptions: OptionNames<HistogramOptions> = {
  title: true,
  x: true,
  y: true,
  logY: true,
  width: true,
  height: true,
  bins: true,
  density: true,
}

/**
 * How often values fall into bins of equal width from the least to the largest value (numpy.histogram: each bin holds
 * its lower end, the last one both). Several lists by name have the same bins.
 * @throws ValueError for no finite value, and for bins that are no whole number from 1 to 1,000
 * @example histogramChart([1, 2, 2, 3, 3, 3], { bins: 3 })
 */
export function histogramChart(
  values: Numbers | Record<string, Numbers>,
  options: HistogramOptions = {},
): string {
  const op = 'histogramChart'
  const {
    x,
    y,
    logY = false,
    bins,
    density = false,
    width = 640,
  } = checkOptions(op, options, histogramOptions)
  const single =
    values instanceof Tensor || typeof (values as ArrayLike<number>).length === 'number'
  const lists = single ? { '': values as Numbers } : (values as Record<string, Numbers>)
  const names = Object.keys(lists)
  const groups = Object.values(lists).map((v) => Array.from(numbersOf(v)))
  const fine = groups.map((g) => g.filter((v) => drawable(v)))
  let lo = Number.POSITIVE_INFINITY
  let hi = Number.NEGATIVE_INFINITY
  for (const v of allOf(fine)) {
    lo = Math.min(lo, v)
    hi = Math.max(hi, v)
  }
  if (lo > hi) throw new ValueError({ op, rule: 'there must be a finite value' })
  if (bins !== undefined && !(Number.isInteger(bins) && bins >= 1 && bins <= 1000))
    throw new ValueError({
      op,
      rule: 'bins must be a whole number from 1 to 1,000',
      got: `${bins}`,
    })
  if (lo === hi) {
    // As numpy: a bin around the only value.
    const room = Math.max(0.5, Math.abs(lo) * 1e-12)
    ;[lo, hi] = [lo - room, hi + room]
  }
  const count =
    bins ??
    Math.max(
      1,
      Math.min(
        100,
        Math.max(...fine.map((g) => (g.length > 0 ? thresholdFreedmanDiaconis(g, lo, hi) : 1))),
      ),
    )
  const step = (hi - lo) / count
  const heights = fine.map((group) => {
    const n = new Array<number>(count).fill(0)
    for (const v of group) n[Math.min(count - 1, Math.floor((v - lo) / step))]!++
    return density ? n.map((c) => c / (group.length * step)) : n
  })
  const tallest = heights.flat()
  const base = logY ? Math.min(...tallest.filter((v) => v > 0)) / 2 : 0
  const side = legendWidth(names, width)
  return frame(
    op,
    { ...options, y: y ?? (density ? 'density' : 'count') },
    numberAxis([lo, hi], { label: x }),
    numberAxis(logY ? [...tallest, base] : tallest, {
      label: y ?? (density ? 'density' : 'count'),
      log: logY,
      zero: !logY,
    }),
    (area) => [
      ...heights.map((h, i) => {
        let d = ''
        h.forEach((v, k) => {
          if (v > 0)
            d += `M${px(area.x(lo + k * step))},${px(area.y(base))}V${px(area.y(v))}H${px(area.x(lo + (k + 1) * step))}V${px(area.y(base))}Z`
        })
        return el('path', {
          d,
          fill: colorOf(i),
          'fill-opacity': heights.length > 1 ? 0.5 : 0.85,
          stroke: 'white',
          'stroke-width': count > 60 ? 0 : 0.5,
        })
      }),
      ...legend(
        names.map((name, index) => ({ name, index })),
        area,
        side,
        'dot',
      ),
      ...note(
        groups.reduce((n, g, i) => n + g.length - fine[i]!.length, 0),
        area,
      ),
    ],
    { side },
  )
}

/**
 * The spread of each list as a box from the lower to the upper quartile with the median in it (numpy.percentile, linear);
 * lines reach to the outermost values within 1.5 times the box's height of it, values beyond are points (Tukey, 1977).
 * @throws ValueError when there is no list
 * @example boxChart({ a: [1, 2, 3, 4, 20], b: [2, 2, 3] })
 */
export function boxChart(
  groups: Record<string, Numbers>,
  options: Omit<ChartOptions, 'logX'> = {},
): string {
  const op = 'boxChart'
  const { logX: _, ...known } = chartOptions
  const { x, y, logY = false } = checkOptions(op, options, known)
  const names = Object.keys(groups)
  if (names.length === 0) throw new ValueError({ op, rule: 'there must be a list of values' })
  const lists = Object.values(groups).map((v) => Float64Array.from(numbersOf(v)))
  const fine = lists.map((l) => l.filter((v) => drawable(v, logY)).sort())
  return frame(
    op,
    options,
    bandAxis(names, x),
    numberAxis(allOf(fine), { label: y, log: logY }),
    (area) => {
      const box = Math.min(60, ((area.right - area.left) / names.length) * 0.6)
      return [
        ...fine.flatMap((list, i) => {
          if (list.length === 0) return []
          const [q1, q2, q3] = [0.25, 0.5, 0.75].map(
            (p) => quantileSorted(list as unknown as number[], p)!,
          ) as [number, number, number]
          const reach = 1.5 * (q3 - q1)
          const within = list.filter((v) => v >= q1 - reach && v <= q3 + reach)
          const [low, high] = [Math.min(q1, within[0]!), Math.max(q3, within.at(-1)!)]
          const middle = area.x(i)
          const [l, r] = [middle - box / 2, middle + box / 2]
          const line = (v: number, half: number) =>
            `M${px(middle - half)},${px(area.y(v))}h${px(2 * half)}`
          const beyond = [...list].filter((v) => v < q1 - reach || v > q3 + reach)
          return [
            el('path', {
              d: `M${px(middle)},${px(area.y(low))}V${px(area.y(q1))}M${px(middle)},${px(area.y(q3))}V${px(area.y(high))}${line(low, box / 4)}${line(high, box / 4)}`,
              stroke: '#444',
              fill: 'none',
            }),
            el('rect', {
              x: l,
              y: area.y(q3),
              width: r - l,
              height: Math.max(0.5, area.y(q1) - area.y(q3)),
              fill: colorOf(0),
              'fill-opacity': 0.35,
              stroke: '#444',
            }),
            el('path', { d: line(q2, box / 2), stroke: '#222', 'stroke-width': 2 }),
            ...(beyond.length > 0
              ? [
                  el('path', {
                    d: beyond.map((v) => `M${px(middle)},${px(area.y(v))}h0`).join(''),
                    stroke: colorOf(1),
                    'stroke-width': 4,
                    'stroke-linecap': 'round',
                  }),
                ]
              : []),
          ]
        }),
        ...note(
          lists.reduce((n, l, i) => n + l.length - fine[i]!.length, 0),
          area,
        ),
      ]
    },
  )
}
