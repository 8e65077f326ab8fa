/** A plane with axes, as SVG: functions, points, arrows; what is drawn in it speaks in its coordinates. */
import { ticks } from 'd3-array'
import type { ComponentChildren } from 'preact'
import { useId, useRef } from 'preact/hooks'

export interface PlotArea {
  /** From coordinates of the plane to those of the SVG, and back. */
  x(v: number): number
  y(v: number): number
}
export interface PlotProps {
  width?: number
  height?: number
  x: readonly [number, number]
  y: readonly [number, number]
  xLabel?: string
  yLabel?: string
  label: string
  /** Without axes and numbers. */
  bare?: boolean
  /** A press or a drag, in coordinates of the plane. */
  onPoint?: (at: { x: number; y: number; start: boolean }) => void
  children: (area: PlotArea) => ComponentChildren
  /** Drawn behind, filling the plane. */
  back?: ComponentChildren
  class?: string
}

export function Plot({
  width = 360,
  height = 260,
  x,
  y,
  xLabel,
  yLabel,
  label,
  bare = false,
  onPoint,
  children,
  back,
  class: className = '',
}: PlotProps) {
  const m = bare ? { l: 0, r: 0, t: 0, b: 0 } : { l: 38, r: 10, t: 10, b: xLabel ? 38 : 24 }
  const [w, h] = [width - m.l - m.r, height - m.t - m.b]
  const area: PlotArea = {
    x: (v) => m.l + ((v - x[0]) / (x[1] - x[0])) * w,
    y: (v) => m.t + ((y[1] - v) / (y[1] - y[0])) * h,
  }
  const svg = useRef<SVGSVGElement>(null)
  const clip = useId()
  const point = (e: PointerEvent, start: boolean) => {
    if (!onPoint || !svg.current) return
    const box = svg.current.getBoundingClientRect()
    const px = ((e.clientX - box.left) / box.width) * width
    const py = ((e.clientY - box.top) / box.height) * height
    const clamp = (v: number, [a, b]: readonly [number, number]) => Math.max(a, Math.min(b, v))
    onPoint({
      x: clamp(x[0] + ((px - m.l) / w) * (x[1] - x[0]), x),
      y: clamp(y[1] - ((py - m.t) / h) * (y[1] - y[0]), y),
      start,
    })
  }
  return (
    <div class={`plot ${className}`} style={{ aspectRatio: `${width} / ${height}` }}>
      {back && (
        <div
          class="back"
          style={{
            left: `${(m.l / width) * 100}%`,
            top: `${(m.t / height) * 100}%`,
            width: `${(w / width) * 100}%`,
            height: `${(h / height) * 100}%`,
          }}
        >
          {back}
        </div>
      )}
      <svg
        ref={svg}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={label}
        class={onPoint ? 'touch' : ''}
        onPointerDown={(e) => {
          if (!onPoint) return
          svg.current?.setPointerCapture(e.pointerId)
          point(e, true)
        }}
        onPointerMove={(e) => {
          if (e.buttons > 0) point(e, false)
        }}
      >
        {!bare && (
          <g class="axes">
            {ticks(x[0], x[1], 6).map((v) => (
              <g key={`x${v}`}>
                <line
                  x1={area.x(v)}
                  x2={area.x(v)}
                  y1={m.t}
                  y2={m.t + h}
                  class={v === 0 ? 'zero' : ''}
                />
                <text x={area.x(v)} y={m.t + h + 15} text-anchor="middle">
                  {v}
                </text>
              </g>
            ))}
            {ticks(y[0], y[1], 5).map((v) => (
              <g key={`y${v}`}>
                <line
                  x1={m.l}
                  x2={m.l + w}
                  y1={area.y(v)}
                  y2={area.y(v)}
                  class={v === 0 ? 'zero' : ''}
                />
                <text x={m.l - 6} y={area.y(v) + 4} text-anchor="end">
                  {v}
                </text>
              </g>
            ))}
            {xLabel && (
              <text x={m.l + w / 2} y={height - 4} text-anchor="middle">
                {xLabel}
              </text>
            )}
            {yLabel && (
              <text x={m.l + 6} y={m.t + 12}>
                {yLabel}
              </text>
            )}
          </g>
        )}
        <clipPath id={clip}>
          <rect x={m.l - 2} y={m.t - 2} width={w + 4} height={h + 4} />
        </clipPath>
        <g clip-path={`url(#${clip})`}>{children(area)}</g>
      </svg>
    </div>
  )
}

/** Points (x, y one after the other) as one path of round dots, for a stroke with round ends. */
export function dots(area: PlotArea, points: ArrayLike<number>): string {
  let d = ''
  for (let i = 0; i < points.length; i += 2)
    d += `M${area.x(points[i]!).toFixed(1)} ${area.y(points[i + 1]!).toFixed(1)}h0`
  return d
}

/** A path through points, in coordinates of the plane; it breaks where a number is not finite or leaves the plane far behind. */
export function path(area: PlotArea, xs: ArrayLike<number>, ys: ArrayLike<number>): string {
  let d = ''
  let down = false
  for (let i = 0; i < xs.length; i++) {
    const [px, py] = [area.x(xs[i]!), area.y(ys[i]!)]
    const fine = Number.isFinite(px) && Number.isFinite(py) && Math.abs(py) < 1e4
    if (fine) d += `${down ? 'L' : 'M'}${px.toFixed(1)} ${py.toFixed(1)}`
    down = fine
  }
  return d
}
