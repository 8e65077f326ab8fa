import { manualSeed } from 'nabla'
import { chunks } from '../engine/chunks.js'
import type { Session } from '../engine/session.js'
import { accuracy, build, type Settings } from './karate.program.js'

export interface Frame {
  edges: number[][]
  sides: number[]
  /** Of each member on the plane, from -1 to 1, by the edges alone. */
  places: { x: number; y: number }[]
  officer: number[]
  hidden: number[][]
  accuracy: number
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

export function create(s: Settings): Session<Frame> {
  manualSeed(s.seed)
  const { edges, sides, run, look } = build(s)
  const places = layout(sides.length, edges)
  return {
    fixed: { edges, sides, places },
    advance: chunks((k) => void run(k), [16, 4, 1]),
    frame() {
      const { officer, hidden } = look()
      return { officer, hidden, accuracy: accuracy(s, sides, officer) }
    },
  }
}
