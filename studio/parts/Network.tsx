/** A network as columns of neurons with lines between them: blue for weights above 0, orange below, the wider the larger. */
import type { ComponentChildren } from 'preact'
import { useMemo } from 'preact/hooks'
import { dark } from '../shell/theme.js'

export interface Column {
  /** Above the neurons. */
  head?: ComponentChildren
  nodes: readonly ComponentChildren[]
}
/** Of the lines that go from a column to the next: a weight for each pair, (to, from) row by row. */
export type Weights = ArrayLike<number>

const HEAD = 64

export function Network({
  columns,
  weights,
  active,
  row = 48,
}: {
  columns: readonly Column[]
  weights: readonly Weights[]
  /** Inputs that count, by index; others have no lines. */
  active?: readonly number[]
  /** Pixels from neuron to neuron. */
  row?: number
}) {
  const most = Math.max(...columns.map((c) => c.nodes.length))
  const height = HEAD + most * row
  const n = columns.length
  const x = (c: number) => ((c + 0.5) / n) * 100
  const y = (i: number) => HEAD + (i + 0.5) * row
  const isDark = dark.value
  const lines = useMemo(() => {
    const list = []
    for (let c = 0; c + 1 < n; c++) {
      const from = c === 0 && active ? active : columns[c]!.nodes.map((_, i) => i)
      const w = weights[c]
      if (!w) continue
      let full = 0.5
      for (let i = 0; i < w.length; i++) full = Math.max(full, Math.abs(w[i]!))
      for (let to = 0; to < columns[c + 1]!.nodes.length; to++)
        for (let f = 0; f < from.length; f++) {
          const v = w[to * from.length + f] ?? 0
          const [x1, x2, y1, y2] = [x(c), x(c + 1), y(from[f]!), y(to)]
          const mid = (x1 + x2) / 2
          list.push(
            <path
              key={`${c} ${to} ${f}`}
              d={`M${x1} ${y1}C${mid} ${y1} ${mid} ${y2} ${x2} ${y2}`}
              stroke={v >= 0 ? (isDark ? '#6f9bf0' : '#1f60c4') : isDark ? '#f0a050' : '#d97412'}
              stroke-width={0.4 + 4 * (Math.abs(v) / full)}
              stroke-opacity={0.15 + 0.75 * Math.min(1, Math.abs(v) / full)}
            />,
          )
        }
    }
    return list
  }, [columns.map((c) => c.nodes.length).join(), weights, active?.join(), isDark])
  return (
    <div class="network" style={{ height: `${height}px` }}>
      <svg viewBox={`0 0 100 ${height}`} preserveAspectRatio="none" aria-hidden="true">
        {lines}
      </svg>
      {columns.map((column, c) => (
        <div key={c} class="column" style={{ left: `${x(c)}%`, width: `${100 / n}%` }}>
          <div class="column-head">{column.head}</div>
          {column.nodes.map((node, i) => (
            <div key={i} class="node" style={{ top: `${y(i)}px` }}>
              {node}
            </div>
          ))}
        </div>
      ))}
    </div>
  )
}
