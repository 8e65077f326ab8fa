import { manualSeed } from 'nabla'
import { chunks } from '../engine/chunks.js'
import type { Session } from '../engine/session.js'
import { accuracy, build, type Settings } from './karate.program.js'

export interface Frame {
  edges: number[][]
  /** Of each its class, -1 where nobody knows it. */
  sides: number[]
  /** Whose class is told. */
  known: number[]
  /** Of each member on the plane, from -1 to 1, by the edges alone. */
  places: { x: number; y: number }[]
  officer: number[]
  hidden: number[][]
  accuracy: number
  /** Whose feature is followed, and what of it is at each node after so many layers, and one layer before. */
  source: number
  spread: number[][]
}

/** Places from -1 to 1: edges pull their ends together, members push each other away. */
function layout(n: number, edges: readonly (readonly number[])[]): Frame['places'] {
  const at = Array.from({ length: n }, (_, i) => ({
    x: Math.cos(i * 2.4) * Math.sqrt((i + 1) / n),
    y: Math.sin(i * 2.4) * Math.sqrt((i + 1) / n),
  }))
  const [from = [], to = []] = edges
  for (let round = 0; round < 300; round++) {
    const move = at.map(() => ({ x: 0, y: 0 }))
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const [dx, dy] = [at[i]!.x - at[j]!.x, at[i]!.y - at[j]!.y]
        const far = dx * dx + dy * dy + 1e-3
        if (i === j) continue
        move[i]!.x += (0.012 * dx) / far
        move[i]!.y += (0.012 * dy) / far
      }
    from.forEach((a, k) => {
      const b = to[k]!
      move[a]!.x -= 0.06 * (at[a]!.x - at[b]!.x)
      move[a]!.y -= 0.06 * (at[a]!.y - at[b]!.y)
    })
    at.forEach((p, i) => {
      p.x += Math.max(-0.05, Math.min(0.05, move[i]!.x))
      p.y += Math.max(-0.05, Math.min(0.05, move[i]!.y))
    })
  }
  // The whole square is used.
  const fit = (values: number[]) => {
    const [low, high] = [Math.min(...values), Math.max(...values)]
    return values.map((v) => (2 * (v - low)) / (high - low) - 1)
  }
  const [x, y] = [fit(at.map((p) => p.x)), fit(at.map((p) => p.y))]
  return x.map((v, i) => ({ x: v, y: y[i]! }))
}

interface Own extends Settings {
  source: number
  hops: number
}

export function create(s: Own): Session<Frame> {
  manualSeed(s.seed)
  const { model, edges, sides, known, run, look, spread } = build(s)
  const places =
    s.graph === 'club'
      ? layout(sides.length, edges)
      : s.drawn.nodes.map(([x, y]) => ({ x: x!, y: y! }))
  let now = s
  return {
    model,
    fixed: { edges, sides, places, known },
    advance: chunks((k) => void run(k), [16, 4, 1]),
    change(next: Own) {
      now = next
      return true
    },
    frame() {
      const { officer, hidden } = look()
      // A graph that is drawn anew may have fewer nodes.
      const source = Math.min(now.source, sides.length - 1)
      return {
        officer,
        hidden,
        accuracy: accuracy(known, sides, officer),
        source,
        spread: [0, 1].map((back) => spread(source, Math.max(0, now.hops - back))),
      }
    },
  }
}
