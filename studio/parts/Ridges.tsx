/** Distributions over time as ridges, one behind the other, as TensorBoard draws them. */
import type { RunDetails } from '../../src/cli/runTypes.js'
import { dark } from '../shell/theme.js'

const [WIDTH, HEIGHT, PEAK, BOTTOM] = [320, 190, 56, 22]

const short = (v: number) => Number(v.toPrecision(3)).toString()

export function Ridges({
  ridges,
  label,
}: {
  ridges: RunDetails['histograms'][string]
  label: string
}) {
  let [low, high, peak] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  for (const { edges, counts } of ridges) {
    low = Math.min(low, edges[0]!)
    high = Math.max(high, edges.at(-1)!)
    counts.forEach((c, i) => {
      const width = edges[i + 1]! - edges[i]!
      if (width > 0) peak = Math.max(peak, c / width)
    })
  }
  const room = high > low ? high - low : 1
  const x = (v: number) => 8 + ((v - low) / room) * (WIDTH - 16)
  const n = ridges.length
  const base = (i: number) =>
    n === 1 ? HEIGHT - BOTTOM : PEAK + 6 + (i / (n - 1)) * (HEIGHT - BOTTOM - PEAK - 6)
  const path = ({ edges, counts }: (typeof ridges)[number], i: number) => {
    // Densities, so that bins of any width compare.
    const points = counts.map((c, k) => {
      const width = edges[k + 1]! - edges[k]!
      const height = width > 0 && peak > 0 ? (c / width / peak) * PEAK : 0
      return `L${x((edges[k]! + edges[k + 1]!) / 2).toFixed(1)} ${(base(i) - height).toFixed(1)}`
    })
    const y = base(i).toFixed(1)
    return `M${x(edges[0]!).toFixed(1)} ${y}${points.join('')}L${x(edges.at(-1)!).toFixed(1)} ${y}Z`
  }
  const isDark = dark.value
  return (
    <svg class="ridges" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      {ridges.map((r, i) => (
        <path
          key={r.step}
          d={path(r, i)}
          fill={isDark ? '#31508f' : '#a8c1f0'}
          fill-opacity={0.35 + (0.6 * (i + 1)) / n}
          stroke={isDark ? '#8fabff' : '#1f60c4'}
          stroke-width={0.8}
        />
      ))}
      {[low, (low + high) / 2, high].map((v, i) => (
        <text
          key={i}
          x={x(v)}
          y={HEIGHT - 5}
          text-anchor={i === 0 ? 'start' : i === 1 ? 'middle' : 'end'}
        >
          {short(v)}
        </text>
      ))}
    </svg>
  )
}
