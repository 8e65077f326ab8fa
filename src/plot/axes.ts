/** Axes: from numbers and names to places, with ticks; and the frame of a chart around them. */
import { pow } from '../core/math.js'
import { nice, tickIncrement, ticks } from 'd3-array'
import { format } from 'd3-format'
import { ValueError } from '../core/errors.js'
import { el, picture, px, text, widthOf } from './svg.js'

export interface ChartOptions {
  /** Stands above the chart. */
  title?: string
  /** The name of the horizontal axis. */
  x?: string
  /** The name of the vertical axis. */
  y?: string
  /** A logarithmic horizontal axis, for numbers above 0. */
  logX?: boolean
  /** A logarithmic vertical axis, for numbers above 0. */
  logY?: boolean
  /** Pixels. */
  width?: number
  /** Pixels. */
  height?: number
}
export const chartOptions = {
  title: true,
  x: true,
  y: true,
  logX: true,
  logY: true,
  width: true,
  height: true,
} as const

/** An axis: the place of a value as a part of the axis' length, from 0 to 1, and the ticks. */
export interface Axis {
  label: string | undefined
  at(value: number): number
  ticks: readonly { at: number; text: string }[]
  /** Bands of names, which have no grid lines. */
  bands?: boolean
  /** The names are numbers in order, of which some may be left out. */
  numbered?: boolean
}

/** Whether a value has a place on the axis. Sums of larger numbers would leave the range of floats. */
export const drawable = (v: number, log = false): boolean =>
  Math.abs(v) < 1e300 && (!log || v > 1e-300)

const short = format('~g')
/** Numbers in as few digits as tell ticks apart that lie `step` from each other. */
function tickFormat(step: number, largest: number): (v: number) => string {
  if (largest >= 1e7 || step < 1e-5) {
    const digits = Math.max(0, Math.ceil(Math.log10(largest / step)))
    const exponent = format(`.${Math.min(15, digits)}~e`)
    return (v) => (v === 0 ? '0' : exponent(v))
  }
  return format(`,.${Math.max(0, Math.ceil(-Math.log10(step) - 1e-9))}f`)
}

const extentOf = (values: Iterable<number>, log: boolean): [number, number] => {
  let lo = Number.POSITIVE_INFINITY
  let hi = Number.NEGATIVE_INFINITY
  for (const v of values)
    if (drawable(v, log)) {
      if (v < lo) lo = v
      if (v > hi) hi = v
    }
  return [lo, hi]
}

function linearAxis(
  label: string | undefined,
  low: number,
  high: number,
  count: number,
  whole: boolean,
): Axis {
  let [lo, hi] = low <= high ? [low, high] : [0, 1]
  // One value stands in the middle, so far from the ends that ticks can be told apart.
  if (hi - lo <= Math.abs(lo) * 1e-12) {
    const room = Math.max(Math.abs(lo) * 0.1, lo === 0 ? 1 : 0)
    ;[lo, hi] = [lo - room, hi + room]
  }
  ;[lo, hi] = nice(lo, hi, count)
  const places = ticks(lo, hi, count).filter((v) => !whole || Number.isInteger(v))
  const by = tickIncrement(lo, hi, count)
  const step = by < 0 ? -1 / by : by
  const show = tickFormat(whole ? Math.max(1, step) : step, Math.max(Math.abs(lo), Math.abs(hi)))
  const at = (v: number) => (v - lo) / (hi - lo)
  return { label, at, ticks: places.map((v) => ({ at: at(v), text: show(v).replace('−', '-') })) }
}

function logAxis(label: string | undefined, low: number, high: number, count: number): Axis {
  let [lo, hi] = low <= high ? [low, high] : [1, 10]
  if (hi / lo < 1.2) [lo, hi] = [lo / 2, hi * 2]
  const decades = Math.log10(hi / lo)
  const places: number[] = []
  if (decades < 1) {
    for (const v of ticks(lo, hi, count)) if (v > 0) places.push(v)
  } else {
    const first = Math.floor(Math.log10(lo))
    const last = Math.ceil(Math.log10(hi))
    const step = Math.ceil((last - first) / count)
    const within = decades < 2 ? [1, 2, 5] : [1]
    for (let e = first; e <= last; e += step)
      for (const k of within) {
        // By text, since 10 ** −5 is 0.000009999999999999999.
        const v = Number(`${k}e${e}`)
        if (v >= lo * 0.999 && v <= hi * 1.001) places.push(v)
      }
    ;[lo, hi] = [Math.min(lo, ...places), Math.max(hi, ...places)]
  }
  const at = (v: number) => Math.log(v / lo) / Math.log(hi / lo)
  // Ticks of a linear kind carry rounding in their last digits.
  const show = (v: number) =>
    v >= 1e-3 && v < 1e5
      ? short(v)
      : `${Number(v.toPrecision(12)).toExponential()}`.replace('e+', 'e')
  return { label, at, ticks: places.map((v) => ({ at: at(v), text: show(v) })) }
}

/** An axis over numbers; those that are not finite, or not above 0 on a logarithmic axis, are ignored. */
export function numberAxis(
  values: Iterable<number>,
  {
    label,
    log = false,
    zero = false,
    whole = false,
    count = 6,
  }: {
    label?: string | undefined
    log?: boolean
    /** 0 lies on the axis. */
    zero?: boolean
    /** Only whole numbers have ticks. */
    whole?: boolean
    /** About so many ticks. */
    count?: number
  },
): Axis {
  const [lo, hi] = extentOf(values, log)
  if (log) return logAxis(label, lo, hi, count)
  const [from, to] = zero ? [Math.min(0, lo), Math.max(0, hi)] : [lo, hi]
  return linearAxis(label, from, to, count, whole)
}

/** An axis of names: `at(i)` is the middle of the i-th band. */
export function bandAxis(names: readonly string[], label: string | undefined): Axis {
  const n = Math.max(1, names.length)
  const at = (i: number) => (i + 0.5) / n
  return {
    label,
    at,
    // Bands without a name take no room from those that have one.
    ticks: names.flatMap((name, i) => (name === '' ? [] : [{ at: at(i), text: name }])),
    bands: true,
    numbered: names.every((name, i) => name === `${i}`),
  }
}

/** 1, 2, 5, 10, 20 …, at least n. */
function roundStep(n: number): number {
  const tens = pow(10, Math.max(0, Math.ceil(Math.log10(n)) - 1))
  return [1, 2, 5, 10].map((k) => k * tens).find((k) => k >= n) ?? 10 * tens
}

/** Of the names of bands each how-manieth is shown, when a name takes `need` of `room` pixels to a band. */
const everyOf = (axis: Axis, need: number, room: number): number => {
  if (!axis.bands) return 1
  const n = Math.max(1, Math.ceil(need / room))
  return axis.numbered ? roundStep(n) : n
}

/** The rectangle inside of a frame, with places in pixels. */
export interface Area {
  left: number
  top: number
  right: number
  bottom: number
  x(value: number): number
  y(value: number): number
}

const SIZE = 11

/** Sides in pixels. @throws ValueError for sides that no picture has */
export function requireSides(op: string, width: number, height: number): void {
  for (const side of [width, height])
    if (!(side >= 100 && side <= 10_000))
      throw new ValueError({
        op,
        rule: 'width and height must lie from 100 to 10,000 pixels',
        got: `${width} x ${height}`,
      })
}

/**
 * A chart: title, axes with ticks, names and grid, and what `draw` puts into the area between them. `side` pixels at the
 * right are left free for a legend, which `draw` may put there. The first name of `rows` stands at the top.
 */
export function frame(
  op: string,
  { title, width = 640, height = 400 }: ChartOptions,
  x: Axis,
  y: Axis,
  draw: (area: Area) => readonly string[],
  { side = 0, rows = false }: { side?: number; rows?: boolean } = {},
): string {
  requireSides(op, width, height)
  const top = title ? 38 : 16
  const most = width * 0.3
  const wideLabel = Math.min(most, Math.max(0, ...y.ticks.map((t) => widthOf(t.text, SIZE))))
  const left = Math.round(wideLabel + 14 + (y.label ? 20 : 0))
  // The last tick of numbers stands at the very end.
  const over = x.bands ? 0 : widthOf(x.ticks.at(-1)?.text ?? '', SIZE) / 2
  const right = Math.max(left + 20, width - Math.max(side + 16, over + 6))
  const across = right - left
  // Names that would overlap are rotated.
  const between = across / Math.max(1, x.ticks.length - (x.bands ? 0 : 1))
  const longest = Math.max(0, ...x.ticks.map((t) => widthOf(t.text, SIZE)))
  const turned = !x.numbered && longest > between - 4
  const room = turned ? Math.min(longest, height * 0.3) : longest
  const below = (turned ? room * 0.72 + 14 : 20) + (x.label ? 20 : 4)
  const bottom = Math.max(top + 20, Math.round(height - below))
  const toX = (part: number) => left + part * across
  const toY = (part: number) =>
    rows ? top + part * (bottom - top) : bottom - part * (bottom - top)
  const area: Area = { left, top, right, bottom, x: (v) => toX(x.at(v)), y: (v) => toY(y.at(v)) }

  // Where even rotated names would overlap, only every second, third … is shown.
  const every = everyOf(x, x.numbered ? longest + 6 : SIZE + 2, between)
  const everyRow = everyOf(y, SIZE + 2, (bottom - top) / Math.max(1, y.ticks.length))
  const grid: string[] = []
  const labels: string[] = []
  x.ticks.forEach((t, i) => {
    if (i % every !== 0) return
    const at = toX(t.at)
    if (!x.bands) grid.push(`M${px(at)},${px(top)}V${px(bottom)}`)
    labels.push(
      turned
        ? text(t.text, at, bottom + 12, {
            'text-anchor': 'end',
            transform: `rotate(-45 ${px(at)} ${px(bottom + 12)})`,
            // What begins left of the chart would be cut off.
            room: Math.min(room + 1, (at - 2) * Math.SQRT2),
          })
        : text(t.text, at, bottom + 16, { 'text-anchor': 'middle' }),
    )
  })
  y.ticks.forEach((t, i) => {
    if (i % everyRow !== 0) return
    const at = toY(t.at)
    if (!y.bands) grid.push(`M${px(left)},${px(at)}H${px(right)}`)
    labels.push(text(t.text, left - 8, at + 4, { 'text-anchor': 'end', room: wideLabel + 1 }))
  })
  const middle = (top + bottom) / 2
  return picture(
    width,
    height,
    el('path', { d: grid.join(''), stroke: '#e4e4e4', fill: 'none' }),
    el('path', {
      d: `M${px(left)},${px(top)}V${px(bottom)}H${px(right)}`,
      stroke: '#888',
      fill: 'none',
    }),
    ...draw(area),
    ...labels,
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
    ...(x.label
      ? [
          text(x.label, (left + right) / 2, height - 8, {
            size: 12,
            'text-anchor': 'middle',
            room: across,
          }),
        ]
      : []),
    ...(y.label
      ? [
          text(y.label, 16, middle, {
            size: 12,
            'text-anchor': 'middle',
            transform: `rotate(-90 16 ${px(middle)})`,
            room: bottom - top,
          }),
        ]
      : []),
  )
}

/** Seven colors that people who see colors otherwise can tell apart (Okabe and Ito, 2008), without the yellow. */
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#444444']
/** The color of the i-th series; after seven the colors come again, as lines with dashes. */
export const colorOf = (i: number): string => palette[i % palette.length]!
export const dashOf = (i: number): string | undefined =>
  [undefined, '6 3', '2 3', '8 3 2 3'][Math.floor(i / palette.length) % 4]

const SWATCH = 18
/** How many pixels a legend of these names takes at the right. */
export const legendWidth = (names: readonly string[], width: number): number =>
  names.length < 2
    ? 0
    : Math.min(width * 0.3, SWATCH + 12 + Math.max(...names.map((n) => widthOf(n, SIZE))))

/** The names with their colors, at the right of the area, in the order given. */
export function legend(
  entries: readonly { name: string; index: number }[],
  area: Area,
  side: number,
  mark: 'line' | 'dot',
): string[] {
  if (entries.length < 2) return []
  const fit = Math.max(1, Math.floor((area.bottom - area.top - 6) / 15))
  const shown = entries.length > fit ? entries.slice(0, fit - 1) : entries
  const left = area.right + 10
  const parts = shown.flatMap(({ name, index }, i) => {
    const y = area.top + 6 + 15 * i
    const color = colorOf(index)
    return [
      mark === 'line'
        ? el('path', {
            d: `M${px(left)},${px(y)}h14`,
            stroke: color,
            'stroke-width': 2,
            'stroke-dasharray': dashOf(index),
          })
        : el('circle', { cx: left + 7, cy: y, r: 4, fill: color }),
      text(name, left + SWATCH, y + 4, { room: side - SWATCH - 11 }),
    ]
  })
  if (shown.length < entries.length)
    parts.push(
      text(`and ${entries.length - shown.length} more`, left, area.top + 10 + 15 * shown.length),
    )
  return parts
}
