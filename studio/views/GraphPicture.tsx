/** Nodes and edges on the plane. */
import type { ComponentChildren } from 'preact'
import { Plot, type PlotArea, type PlotProps } from '../parts/Plot.js'

export interface Place {
  x: number
  y: number
}

export function GraphPicture({
  places,
  edges,
  label,
  onPoint,
  node,
  children,
}: {
  places: readonly Place[]
  /** Sources and targets of all edges. */
  edges: readonly (readonly number[])[]
  label: string
  onPoint?: PlotProps['onPoint']
  /** What is drawn at a node. */
  node: (i: number, x: number, y: number) => ComponentChildren
  /** What is drawn over the edges. */
  children?: (area: PlotArea) => ComponentChildren
}) {
  const [from = [], to = []] = edges
  return (
    <Plot
      bare
      x={[-1.12, 1.12]}
      y={[-1.12, 1.12]}
      width={460}
      height={440}
      label={label}
      {...(onPoint && { onPoint })}
    >
      {(area) => (
        <>
          {from.map((a, k) => (
            <line
              key={k}
              x1={area.x(places[a]!.x)}
              y1={area.y(places[a]!.y)}
              x2={area.x(places[to[k]!]!.x)}
              y2={area.y(places[to[k]!]!.y)}
              stroke="var(--line)"
            />
          ))}
          {children?.(area)}
          {places.map((p, i) => node(i, area.x(p.x), area.y(p.y)))}
        </>
      )}
    </Plot>
  )
}

/** The node at a place that was pressed, -1 for none. */
export const nodeAt = (places: readonly Place[], at: Place): number =>
  places.findIndex((p) => Math.hypot(p.x - at.x, p.y - at.y) < 0.09)
