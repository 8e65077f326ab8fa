/** One node's feature on its way along the edges, layer by layer. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { css } from '../parts/colors.js'
import { type Text, t } from '../text.js'
import { GraphPicture, nodeAt, type Place } from './GraphPicture.js'

const words = {
  title: [
    'One feature on its way: how much of it is at each node, in hundredths. Press on a node to follow its own',
    '一个特征的旅程：每个节点各有百分之几。点击节点可跟踪它的特征',
  ],
  node: ['Feature of node', '节点的特征'],
  on: ['One layer on', '再传一层'],
  back: ['To the start', '回到起点'],
  layers: ['layers', '层'],
  reached: ['nodes reached', '到达的节点数'],
} as const satisfies Record<string, Text>

export function GraphMessages({
  places,
  edges,
  source,
  hops,
  most,
  spread: [now = [], before = []],
  onSource,
  onHops,
}: {
  places: readonly Place[]
  edges: readonly (readonly number[])[]
  source: number
  hops: number
  most: number
  /** What is at each node now, and what was there one layer before. */
  spread: readonly (readonly number[])[]
  onSource: (node: number) => void
  onHops: (hops: number) => void
}) {
  // Messages move when a layer is added, not when the page opens.
  const moving = useSignal(false)
  const last = useRef(hops)
  useEffect(() => {
    const more = hops > last.current
    last.current = hops
    if (!more) return
    moving.value = true
    const end = setTimeout(() => {
      moving.value = false
    }, 1100)
    return () => clearTimeout(end)
  }, [hops])
  const [from = [], to = []] = edges
  const full = Math.max(...now, 1e-6)
  return (
    <div>
      <h3 class="spaced">{t(words.title)}</h3>
      <div class="row">
        <label>
          {t(words.node)}{' '}
          <select value={`${source}`} onChange={(e) => onSource(Number(e.currentTarget.value))}>
            {places.map((_, i) => (
              <option key={i} value={`${i}`}>
                {i + 1}
              </option>
            ))}
          </select>
        </label>
        <button type="button" disabled={hops >= most} onClick={() => onHops(hops + 1)}>
          {t(words.on)}
        </button>
        <button type="button" disabled={hops === 0} onClick={() => onHops(0)}>
          {t(words.back)}
        </button>
        <span role="status">
          {hops} {t(words.layers)} · {now.filter((v) => v > 0).length} {t(words.reached)}
        </span>
      </div>
      <GraphPicture
        places={places}
        edges={edges}
        label={t(words.title)}
        onPoint={(at) => {
          const i = nodeAt(places, at)
          if (at.start && i >= 0) onSource(i)
        }}
        node={(i, x, y) => (
          <g key={i} transform={`translate(${x} ${y})`}>
            <circle
              r={12}
              fill={css(0.6 * Math.max(0, now[i]! / full))}
              stroke={i === source ? 'var(--ink)' : 'var(--muted)'}
              stroke-width={i === source ? 3 : 1}
            />
            {now[i]! > 0 && (
              <text class="strong" text-anchor="middle" y={4}>
                {Math.round(now[i]! * 100)}
              </text>
            )}
          </g>
        )}
      >
        {(area) =>
          moving.value &&
          from.map((a, k) => {
            const [start, end] = [places[a]!, places[to[k]!]!]
            const amount = before[a] ?? 0
            return (
              amount > 0 && (
                <circle
                  key={k}
                  class="message"
                  cx={area.x(start.x)}
                  cy={area.y(start.y)}
                  r={2 + 5 * Math.sqrt(amount)}
                  fill="var(--accent)"
                  style={{
                    '--dx': `${area.x(end.x) - area.x(start.x)}px`,
                    '--dy': `${area.y(end.y) - area.y(start.y)}px`,
                  }}
                />
              )
            )
          })
        }
      </GraphPicture>
    </div>
  )
}
