/** Curves over steps, by uPlot, which draws ten thousand points in a millisecond. */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { dark } from '../shell/theme.js'
import { series as color } from './colors.js'

export interface Curve {
  label: string
  /** Null where the curve has no point. */
  data: ArrayLike<number | null>
  color?: string
  dash?: boolean
}
export interface ChartProps {
  x: ArrayLike<number>
  curves: readonly Curve[]
  height?: number
  label: string
  xLabel?: string
  /** Powers of ten as high as each other. */
  log?: boolean
  range?: readonly [number, number]
  /** Names under the picture; many would hide it. */
  legend?: boolean
}

const lonely = (data: ArrayLike<number | null | undefined>) =>
  data.length < 100 && Array.from(data).filter((v) => typeof v === 'number').length === 1

const power = (v: number | null) =>
  v === null ? '' : v >= 0.01 && v < 1e4 ? `${v}` : v.toExponential(0)

export function Chart({
  x,
  curves,
  height = 180,
  label,
  xLabel,
  log = false,
  range,
  legend = true,
}: ChartProps) {
  const home = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const names = curves.map((c) => c.label).join('\n')
  const isDark = dark.value
  useEffect(() => {
    const ink = isDark ? '#a3abba' : '#5b6270'
    const line = isDark ? '#2b313f' : '#e6e7ea'
    const axis = {
      stroke: ink,
      grid: { stroke: line, width: 1 },
      ticks: { stroke: line, width: 1 },
      font: '11px system-ui',
    }
    const made = new uPlot(
      {
        width: home.current!.clientWidth || 300,
        height,
        legend: { show: legend, live: false },
        cursor: { show: false },
        scales: {
          x: { time: false },
          y: log ? { distr: 3 } : range ? { range: [range[0], range[1]] } : {},
        },
        axes: [
          {
            ...axis,
            size: 34,
            ...(xLabel && { label: xLabel, labelSize: 16, labelFont: '11px system-ui' }),
          },
          // Small powers of ten would all be written as 0.
          { ...axis, size: 52, ...(log && { values: (_, marks) => marks.map(power) }) },
        ],
        series: [
          {},
          ...curves.map((c, i) => ({
            label: c.label,
            stroke: c.color ?? color(i),
            width: 1.5,
            // A single point has no line.
            points: { show: (u: uPlot, at: number) => lonely(u.data[at]!), size: 5 },
            spanGaps: true,
            ...(c.dash && { dash: [5, 4] }),
          })),
        ],
      },
      [[], ...curves.map(() => [])] as unknown as uPlot.AlignedData,
      home.current!,
    )
    plot.current = made
    const observer = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry!.contentRect.width)
      if (width > 0 && width !== made.width) made.setSize({ width, height })
    })
    observer.observe(home.current!)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [names, isDark, log, height, legend, range?.[0], range?.[1]])
  useEffect(() => {
    plot.current?.setData([x, ...curves.map((c) => c.data)] as unknown as uPlot.AlignedData)
  })
  const last = curves.map(({ label, data }) => {
    let i = data.length - 1
    // A curve may end before the others.
    while (i >= 0 && !Number.isFinite(data[i] ?? Number.NaN)) i--
    return i < 0 ? label : `${label} ${Number(data[i]).toPrecision(3)}`
  })
  return <div class="chart" ref={home} role="img" aria-label={`${label}: ${last.join(', ')}`} />
}
