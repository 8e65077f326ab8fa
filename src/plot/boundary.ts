/** What a classifier of two numbers says everywhere on the plane. */
import { ValueError } from '../core/errors.js'
import { checkOptions, showValue } from '../core/options.js'
import {
  type ChartOptions,
  chartOptions,
  colorOf,
  frame,
  legend,
  legendWidth,
  numberAxis,
} from './axes.js'
import { linesOf, type Points } from './charts.js'
import { el, px } from './svg.js'

export interface BoundaryOptions extends Omit<ChartOptions, 'logX' | 'logY'> {
  /** Cells along each axis at which the classifier is asked, 80 unless given. */
  cells?: number
}

/**
 * Regions of a classifier of two numbers, with points by the name of their class. `classify` gets the coordinates of
 * cells and gives the number of the class of each, in the order of the names of `points`.
 * @throws ValueError without points, and for an answer that is the number of no class
 * @example boundaryChart((x, y) => x.map((v, i) => +(v > y[i])), { above: { x: [0], y: [1] }, below: { x: [1], y: [0] } }).startsWith('<svg') // true
 */
export function boundaryChart(
  classify: (x: Float64Array, y: Float64Array) => ArrayLike<number>,
  points: Record<string, Points>,
  options: BoundaryOptions = {},
): string {
  const op = 'boundaryChart'
  const { cells = 80, ...rest } = checkOptions(op, options, { ...chartOptions, cells: true })
  if (typeof classify !== 'function')
    throw new ValueError({
      op,
      rule: 'classify is a function that gives classes for x and y',
      got: showValue(classify),
    })
  const groups = linesOf(op, 'points', points)
  const names = groups.map((g) => g.name)
  if (groups.every((g) => g.x.length === 0))
    throw new ValueError({ op, rule: 'there must be points', got: 'none' })
  if (!(Number.isInteger(cells) && cells >= 2 && cells <= 500))
    throw new ValueError({
      op,
      rule: 'cells must be a whole number from 2 to 500',
      got: `${cells}`,
    })
  const extent = (lists: readonly ArrayLike<number>[]) => {
    let [lo, hi] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const list of lists)
      for (let i = 0; i < list.length; i++) {
        lo = Math.min(lo, list[i]!)
        hi = Math.max(hi, list[i]!)
      }
    const room = (hi - lo || 1) * 0.15
    return [lo - room, hi + room] as const
  }
  const [x0, x1] = extent(groups.map((g) => g.x))
  const [y0, y1] = extent(groups.map((g) => g.y))
  const xs = new Float64Array(cells * cells)
  const ys = new Float64Array(cells * cells)
  for (let i = 0; i < cells * cells; i++) {
    xs[i] = x0 + (((i % cells) + 0.5) / cells) * (x1 - x0)
    ys[i] = y0 + ((Math.floor(i / cells) + 0.5) / cells) * (y1 - y0)
  }
  const classes = classify(xs, ys)
  const side = legendWidth(names, rest.width ?? 640)
  return frame(
    op,
    rest,
    numberAxis([x0, x1], { label: rest.x }),
    numberAxis([y0, y1], { label: rest.y }),
    (area) => {
      // Cells side by side in a row are one rectangle.
      const regions: string[] = names.map(() => '')
      const at = (v: number, lo: number, hi: number) => lo + (v / cells) * (hi - lo)
      for (let row = 0; row < cells; row++)
        for (let from = 0, to = 0; from < cells; from = to) {
          const c = classes[row * cells + from]!
          if (!(c in names))
            throw new ValueError({
              op,
              rule: `a class is a number from 0 to ${names.length - 1}`,
              got: `${c}`,
            })
          while (to < cells && classes[row * cells + to] === c) to++
          const [left, right] = [area.x(at(from, x0, x1)), area.x(at(to, x0, x1))]
          const [bottom, top] = [area.y(at(row, y0, y1)), area.y(at(row + 1, y0, y1))]
          regions[c] += `M${px(left)},${px(top)}H${px(right)}V${px(bottom)}H${px(left)}Z`
        }
      return [
        ...regions.map((d, i) => el('path', { d, fill: colorOf(i), 'fill-opacity': 0.22 })),
        ...groups.map((g, i) => {
          let d = ''
          for (let k = 0; k < g.x.length; k++)
            d += `M${px(area.x(g.x[k]!))},${px(area.y(g.y[k]!))}h0`
          return el('path', {
            d,
            stroke: colorOf(i),
            'stroke-width': 9,
            'stroke-linecap': 'round',
            fill: 'none',
          })
        }),
        ...legend(
          names.map((name, index) => ({ name, index })),
          area,
          side,
          'dot',
        ),
      ]
    },
    { side },
  )
}
