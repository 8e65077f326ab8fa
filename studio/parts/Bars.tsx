/** Numbers from 0 to 1 as bars with their names, one below the other. */
import { series } from './colors.js'

export interface Bar {
  name: string
  value: number
  /** A second number, drawn behind as a line. */
  before?: number
}

/** The places of the n largest numbers, the largest first; of equal ones the first. */
export function largest(numbers: ArrayLike<number>, n: number): number[] {
  return Array.from(numbers, (_, i) => i)
    .sort((a, b) => numbers[b]! - numbers[a]! || a - b)
    .slice(0, n)
}

export function Bars({ bars, label }: { bars: readonly Bar[]; label: string }) {
  const width = (v: number) => `${Math.max(0, Math.min(1, v)) * 100}%`
  return (
    <ul class="ranks" aria-label={label}>
      {bars.map(({ name, value, before }) => (
        <li key={name}>
          <span class="name">{name}</span>
          <span class="bar">
            <span style={{ width: width(value), background: series(0) }} />
            {before !== undefined && <i style={{ width: width(before) }} />}
          </span>
          <span class="percent">{`${(value * 100).toFixed(1)} %`}</span>
        </li>
      ))}
    </ul>
  )
}
