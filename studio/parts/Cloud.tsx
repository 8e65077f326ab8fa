/**
 * Words as points of a plane or of space, with arrows between them. In space the pointer and the arrow keys turn them. As SVG and
 * not by three.js: names stay sharp at every size, and no WebGL is needed for a hundred points.
 */
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { t } from '../text.js'
import { Plot } from './Plot.js'
import { turnByKey, turns } from './turning.js'

export interface CloudPoint {
  name: string
  /** Three numbers from -1 to 1. */
  at: readonly number[]
  color: string
  /** Drawn larger, and named before the others. */
  strong: boolean
}
export interface CloudArrow {
  from: readonly number[]
  to: readonly number[]
  color: string
  dash?: boolean
}

const WIDTH = 440
const HEIGHT = 420

export function Cloud({
  points,
  arrows = [],
  space,
  label,
  onPick,
}: {
  points: readonly CloudPoint[]
  arrows?: readonly CloudArrow[]
  space: boolean
  label: string
  onPick: (name: string) => void
}) {
  const view = useSignal({ yaw: 0.5, pitch: 0.3 })
  const held = useRef<{ x: number; y: number } | undefined>(undefined)
  const turn = (dx: number, dy: number) => {
    const { yaw, pitch } = view.value
    view.value = { yaw: yaw + dx, pitch: Math.max(-1.5, Math.min(1.5, pitch + dy)) }
  }
  const { yaw, pitch } = view.value
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)]
  /** On the plane of the picture; `near` is 1 in the middle, more in front of it. */
  const seen = (at: readonly number[]) => {
    const [x = 0, y = 0, z = 0] = at
    if (!space) return { x, y, near: 1 }
    const [right, depth] = [cy * x + sy * z, cy * z - sy * x]
    const [up, front] = [cp * y - sp * depth, sp * y + cp * depth]
    const near = 1 / (1 - front / 4)
    return { x: right * near, y: up * near, near }
  }
  const dots = points.map((p) => ({ ...p, ...seen(p.at) }))
  // What is nearer is drawn later, over the others.
  const inOrder = [...dots].sort((a, b) => a.near - b.near)
  const reach = 1.15
  const picture = (
    <Plot
      bare
      x={[-reach, reach]}
      y={[-reach, reach]}
      width={WIDTH}
      height={HEIGHT}
      label={label}
      onPoint={({ x, y, start }) => {
        if (start) {
          held.current = { x, y }
          const far = (p: { x: number; y: number }) => Math.hypot(p.x - x, p.y - y)
          const [first] = [...dots].sort((a, b) => far(a) - far(b))
          if (first && far(first) < 0.07) onPick(first.name)
        } else if (space && held.current) {
          turn(-2 * (x - held.current.x), -2 * (y - held.current.y))
          held.current = { x, y }
        }
      }}
    >
      {(area) => {
        const taken: [number, number, number, number][] = []
        const sizeOf = (p: (typeof dots)[number]) => (p.strong ? 14 : 12.5) * p.near
        /** The side of its point on which a name has room; what is strong is named in any case. */
        const sideOf = (p: (typeof dots)[number]) => {
          const size = sizeOf(p)
          const wide = [...p.name].reduce((n, c) => n + (c > '\u2e80' ? 1 : 0.6), 0) * size
          const [x, y] = [area.x(p.x), area.y(p.y) + 4]
          for (const side of ['start', 'end'] as const) {
            const left = side === 'start' ? x + 6 : x - 6 - wide
            const box: (typeof taken)[number] = [left, y - size, left + wide, y]
            const hits = (b: typeof box) =>
              b[0] < box[2] && box[0] < b[2] && b[1] < box[3] && box[1] < b[3]
            if (left < 0 || left + wide > WIDTH || taken.some(hits)) continue
            taken.push(box)
            return side
          }
          return p.strong ? 'start' : undefined
        }
        const sides = new Map(
          [...dots]
            .sort((a, b) => Number(b.strong) - Number(a.strong) || b.near - a.near)
            .map((p) => [p.name, sideOf(p)]),
        )
        return (
          <>
            {arrows.map(({ from, to, color, dash }, i) => {
              const [a, b] = [seen(from), seen(to)]
              const [x1, y1, x2, y2] = [area.x(a.x), area.y(a.y), area.x(b.x), area.y(b.y)]
              const angle = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI
              return (
                <g key={i} stroke={color} fill={color}>
                  <line
                    x1={x1}
                    y1={y1}
                    x2={x2}
                    y2={y2}
                    stroke-width={2}
                    stroke-dasharray={dash ? '5 4' : ''}
                  />
                  <path
                    d="M0 0L-9 4L-9 -4Z"
                    transform={`translate(${x2} ${y2}) rotate(${angle})`}
                  />
                </g>
              )
            })}
            {inOrder.map((p) => (
              <g key={p.name}>
                <circle
                  cx={area.x(p.x)}
                  cy={area.y(p.y)}
                  r={(p.strong ? 5 : 3.5) * p.near}
                  fill={p.color}
                />
                {sides.get(p.name) && (
                  <text
                    class="strong"
                    x={area.x(p.x) + (sides.get(p.name) === 'end' ? -6 : 6)}
                    y={area.y(p.y) + 4}
                    text-anchor={sides.get(p.name)}
                    style={{ fontSize: `${sizeOf(p)}px`, fontWeight: p.strong ? 700 : 500 }}
                  >
                    {p.name}
                  </text>
                )}
              </g>
            ))}
          </>
        )
      }}
    </Plot>
  )
  if (!space) return picture
  return (
    <div
      class="space"
      role="application"
      aria-label={`${label}: ${t(turns)}`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys turn it
      tabIndex={0}
      onKeyDown={(e) => turnByKey(e, turn)}
    >
      {picture}
      <p class="muted small">{t(turns)}</p>
    </div>
  )
}
