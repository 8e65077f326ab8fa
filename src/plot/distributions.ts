/** Charts of how values are distributed: histograms and box plots, as SVG text. */
import { quantileSorted, thresholdFreedmanDiaconis } from 'd3-array'
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { Tensor } from '../ops/tensor.js'
import {
  bandAxis,
  type ChartOptions,
  chartOptions,
  colorOf,
  drawable,
  frame,
  legend,
  legendWidth,
  numberAxis,
} from './axes.js'
import { allOf, note, requireObject } from './common.js'
import { el, px } from './svg.js'
import { type Numbers, numbersOf } from '../tensor/values.js'

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
  requireObject(op, 'values are a list, or lists by name: { a: [1, 2] }', values)
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
 * @example boxChart({ a: [1, 2, 3, 4, 20], b: [2, 2, 3] }).endsWith('</svg>') // true
 */
export function boxChart(
  groups: Record<string, Numbers>,
  options: Omit<ChartOptions, 'logX'> = {},
): string {
  const op = 'boxChart'
  const { logX: _, ...known } = chartOptions
  const { x, y, logY = false } = checkOptions(op, options, known)
  requireObject(op, 'groups are lists by name: { a: [1, 2] }', groups)
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
