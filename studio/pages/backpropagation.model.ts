import type { Session } from '../engine/session.js'
import { everyGradient, numeric, type Settings } from './backpropagation.program.js'

export interface Frame {
  nodes: { label: string; inputs: number[]; value: number; grad: number; depth: number }[]
  numeric: { name: string; value: number }[]
  /** Why the formula cannot be read. */
  error: string
}

export function create(s: Settings): Session<Frame> {
  let frame: Frame
  try {
    const depths: number[] = []
    const nodes = everyGradient(s).map((n) => {
      const depth = n.inputs.length === 0 ? 0 : 1 + Math.max(...n.inputs.map((i) => depths[i]!))
      depths.push(depth)
      return { ...n, depth }
    })
    const names = nodes.filter((n) => ['x', 'y', 'w', 'b'].includes(n.label)).map((n) => n.label)
    frame = { nodes, numeric: names.map((name) => ({ name, value: numeric(s, name) })), error: '' }
  } catch (error) {
    frame = { nodes: [], numeric: [], error: (error as Error).message }
  }
  return { frame: () => frame }
}
