/** Charts as SVG, drawn by Observable Plot: learning curves, confusion matrices, bars, functions. */
import { ValueError } from '../core/errors.js'

type PlotLibrary = typeof import('@observablehq/plot')
interface Library {
  Plot: PlotLibrary
  document: Document
}

let library: Promise<Library> | undefined
/** Observable Plot with a document to draw into: the page's own, or linkedom's where there is no page. */
async function load(): Promise<Library> {
  try {
    const Plot = await import('@observablehq/plot')
    if (typeof document !== 'undefined') return { Plot, document }
    const { parseHTML } = await import('linkedom')
    return {
      Plot,
      document: parseHTML('<html><body></body></html>').document as unknown as Document,
    }
  } catch (error) {
    throw new ValueError(
      {
        op: 'plot',
        rule: 'pictures are drawn by the packages @observablehq/plot and linkedom',
        got: (error as Error).message,
        fix: 'npm install @observablehq/plot linkedom',
      },
      { cause: error },
    )
  }
}

type PlotOptions = Parameters<PlotLibrary['plot']>[0] & object
type Marks = NonNullable<PlotOptions['marks']>

async function draw(
  { title, ...options }: PlotOptions & { title?: string },
  marks: (Plot: PlotLibrary) => Marks,
): Promise<string> {
  library ??= load()
  const { Plot, document } = await library
  const svg = Plot.plot({ document, marginTop: title ? 36 : 24, ...options, marks: marks(Plot) })
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  svg.setAttribute('style', 'background: white; color: #222')
  if (title) {
    const t = document.createElementNS('http://www.w3.org/2000/svg', 'text')
    // In the middle: the label of the y axis stands at the left.
    t.setAttribute('x', `${(options.width ?? 640) / 2}`)
    t.setAttribute('y', '16')
    t.setAttribute('text-anchor', 'middle')
    t.setAttribute('font-size', '13')
    t.setAttribute('font-weight', 'bold')
    t.textContent = title
    svg.append(t)
  }
  return svg.outerHTML
}

export interface ChartOptions {
  title?: string
  x?: string
  y?: string
  /** A logarithmic y axis, for numbers above 0. */
  logY?: boolean
  width?: number
  height?: number
}
/** A line: its y values, at 1, 2, 3 ... unless x values are given. NaN and infinities leave a gap. */
export type Series = readonly number[] | { x: readonly number[]; y: readonly number[] }

const logAxis = { type: 'log', ticks: 6, tickFormat: '~e' } as const
const label = (v: string | undefined) => (v === undefined ? {} : { label: v })

/**
 * Lines by name in one chart.
 * @returns the SVG as text
 */
export function lineChart(
  series: Record<string, Series>,
  { title, x, y, logY = false, width = 640, height = 400 }: ChartOptions = {},
): Promise<string> {
  const names = Object.keys(series)
  if (names.length === 0) throw new ValueError({ op: 'lineChart', rule: 'there must be a line' })
  const points = names.flatMap((name) => {
    const s = series[name]!
    const ys = 'y' in s ? s.y : s
    return ys.map((v, i) => ({
      x: 'y' in s ? s.x[i]! : i + 1,
      y: Number.isFinite(v) && (!logY || v > 0) ? v : Number.NaN,
      name,
    }))
  })
  // The names stand in the right margin, in the order in which the lines end.
  const end = (name: string) =>
    points.findLast((p) => p.name === name && !Number.isNaN(p.y))?.y ?? 0
  const ranked = [...names].sort((a, b) => end(b) - end(a))
  const longest = Math.max(...names.map((n) => n.length))
  return draw(
    {
      ...(title && { title }),
      width,
      height,
      marginRight: names.length > 1 ? 16 + 6 * longest : 20,
      marginLeft: 56,
      grid: true,
      x: label(x),
      y: { ...label(y), ...(logY && logAxis) },
      color: { domain: names },
    },
    (Plot) => [
      Plot.lineY(points, { x: 'x', y: 'y', stroke: 'name', z: 'name', strokeWidth: 1.75 }),
      ...(names.length > 1
        ? ranked.map((name, i) =>
            Plot.text([name], {
              text: [name],
              fill: () => name,
              frameAnchor: 'top-right',
              textAnchor: 'start',
              dx: 8,
              dy: 4 + 15 * i,
            }),
          )
        : []),
    ],
  )
}

/** Bars by name, such as the gradient norms of layers. @returns the SVG as text */
export function barChart(
  values: Record<string, number>,
  { title, x, y, logY = false, width = 640, height = 400 }: ChartOptions = {},
): Promise<string> {
  const data = Object.entries(values).map(([name, value]) => ({
    name,
    value: Number.isFinite(value) && (!logY || value > 0) ? value : Number.NaN,
  }))
  const least = Math.min(...data.map((d) => d.value).filter((v) => v > 0))
  return draw(
    {
      ...(title && { title }),
      width,
      height,
      marginLeft: 56,
      marginBottom: 64,
      grid: true,
      x: { ...label(x), domain: data.map((d) => d.name), tickRotate: data.length > 8 ? -40 : 0 },
      y: { ...label(y), ...(logY && logAxis) },
    },
    (Plot) => [
      logY
        ? Plot.ruleX(data, {
            x: 'name',
            y1: least / 2,
            y2: 'value',
            stroke: '#4269d0',
            strokeWidth: 14,
          })
        : Plot.barY(data, { x: 'name', y: 'value', fill: '#4269d0' }),
    ],
  )
}

/** Numbers of a matrix as coloured cells with their values: rows true, columns predicted. @returns the SVG as text */
export function matrixChart(
  counts: readonly (readonly number[])[],
  {
    names = counts.map((_, i) => `${i}`),
    title,
    x = 'predicted',
    y = 'true',
    width = 520,
    height = 480,
  }: ChartOptions & { names?: readonly string[] } = {},
): Promise<string> {
  const cells = counts.flatMap((row, i) => {
    const total = row.reduce((a, b) => a + b, 0) || 1
    return row.map((n, j) => ({ row: names[i]!, column: names[j]!, n, share: n / total }))
  })
  return draw(
    {
      ...(title && { title }),
      width,
      height,
      marginLeft: 24 + 7 * Math.max(...names.map((n) => n.length)),
      x: { label: x, domain: [...names] },
      y: { label: y, domain: [...names] },
      color: { scheme: 'blues', domain: [0, 1] },
    },
    (Plot) => [
      Plot.cell(cells, { x: 'column', y: 'row', fill: 'share', inset: 0.5 }),
      Plot.text(cells, {
        x: 'column',
        y: 'row',
        text: (d: { n: number }) => (d.n === 0 ? '' : `${d.n}`),
        fill: (d: { share: number }) => (d.share > 0.5 ? 'white' : '#222'),
      }),
    ],
  )
}
