/** Pictures of graphs: nodes as dots, edges as lines. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { colorOf, requireSides } from './axes.js'
import { requireList } from './common.js'
import { el, picture, text } from './svg.js'

export interface GraphChartOptions {
  title?: string
  width?: number
  height?: number
  /** The group of each node, which gives its color. */
  groups?: ArrayLike<number>
  /** What is written on each node. */
  names?: readonly string[]
  /** Nodes that are drawn larger, by number. */
  marked?: readonly number[]
}
const known: OptionNames<GraphChartOptions> = {
  title: true,
  width: true,
  height: true,
  groups: true,
  names: true,
  marked: true,
}

/** Places in [0, 1]² where edges pull and all nodes push (Fruchterman and Reingold, 1991), from a circle: the same every time. */
function layout(nodes: number, edges: readonly (readonly [number, number])[]): [number, number][] {
  const at = Array.from({ length: nodes }, (_, i): [number, number] => {
    const turn = (2 * Math.PI * i) / nodes
    return [Math.cos(turn), Math.sin(turn)]
  })
  const k = 1.5 / Math.sqrt(nodes)
  const steps = 200
  for (let step = 0; step < steps; step++) {
    const force = at.map(([x, y]): [number, number] => [-0.05 * x, -0.05 * y])
    const push = (i: number, j: number, by: (d: number) => number) => {
      const [dx, dy] = [at[i]![0] - at[j]![0], at[i]![1] - at[j]![1]]
      const d = Math.max(1e-3, Math.hypot(dx, dy))
      const f = by(d) / d
      force[i]![0] += f * dx
      force[i]![1] += f * dy
      force[j]![0] -= f * dx
      force[j]![1] -= f * dy
    }
    for (let i = 0; i < nodes; i++) for (let j = 0; j < i; j++) push(i, j, (d) => (k * k) / d)
    for (const [i, j] of edges) if (i !== j) push(i, j, (d) => (-d * d) / k)
    const most = 0.2 * (1 - step / steps)
    at.forEach((p, i) => {
      const [fx, fy] = force[i]!
      const length = Math.hypot(fx, fy)
      const share = length > most ? most / length : 1
      p[0] += fx * share
      p[1] += fy * share
    })
  }
  const ends = [0, 1].map((a) => {
    const list = at.map((p) => p[a]!)
    return [Math.min(...list), Math.max(...list)] as const
  })
  return at.map(
    (p) =>
      p.map((v, a) => {
        const [lo, hi] = ends[a]!
        return hi > lo ? (v - lo) / (hi - lo) : 0.5
      }) as [number, number],
  )
}

/**
 * A graph of up to a few hundred nodes, laid out by springs; edges as pairs of numbers of nodes.
 * @throws ValueError for an edge that names no node, and another number of groups or names than of nodes
 * @example graphChart(3, [[0, 1], [1, 2]], { groups: [0, 0, 1] }).startsWith('<svg') // true
 */
export function graphChart(
  nodes: number,
  edges: readonly (readonly [number, number])[],
  options: GraphChartOptions = {},
): string {
  const op = 'graphChart'
  const {
    title,
    width = 640,
    height = 480,
    groups,
    names,
    marked = [],
  } = checkOptions(op, options, known)
  requireSides(op, width, height)
  requireList(op, 'edges are a list of pairs', edges)
  for (const edge of edges)
    if (!edge.every((v) => Number.isInteger(v) && v >= 0 && v < nodes))
      throw new ValueError({ op, rule: `edges name nodes from 0 to ${nodes - 1}`, got: `${edge}` })
  for (const [what, list] of [
    ['groups', groups],
    ['names', names],
  ] as const)
    if (list && list.length !== nodes)
      throw new ValueError({ op, rule: `there must be ${nodes} ${what}`, got: `${list.length}` })
  const top = title ? 36 : 16
  const at = layout(nodes, edges).map(
    ([x, y]) => [24 + x * (width - 48), top + 12 + y * (height - top - 32)] as const,
  )
  return picture(
    width,
    height,
    ...(title ? [text(title, width / 2, 22, { size: 14, 'text-anchor': 'middle' })] : []),
    ...edges.map(([i, j]) =>
      el('line', { x1: at[i]![0], y1: at[i]![1], x2: at[j]![0], y2: at[j]![1], stroke: '#bbb' }),
    ),
    ...at.flatMap(([x, y], i) => [
      el('circle', {
        cx: x,
        cy: y,
        r: marked.includes(i) ? 14 : 9,
        fill: colorOf(groups?.[i] ?? 0),
        stroke: marked.includes(i) ? '#222' : 'white',
      }),
      ...(names
        ? [text(names[i]!, x, y + 3, { size: 9, fill: 'white', 'text-anchor': 'middle' })]
        : []),
    ]),
  )
}
