import { tensor } from 'nabla'
import type { Session } from '../engine/session.js'
import { facts, grid, moved, type Settings } from './matrices.program.js'

export interface Frame {
  /** Each line of the grid, x and y in turn. */
  lines: Float32Array[]
  /** Where (1, 0) and (0, 1) go. */
  units: number[][]
  det: number
  singular: number[]
}

export function create(s: Settings): Session<Frame> {
  const { det, singular } = facts(s)
  const points = moved(s, grid())
  const [n = 0, k = 0] = points.shape
  const all = points.toTypedArray<Float32Array>()
  const frame = {
    lines: Array.from({ length: n }, (_, i) => all.slice(i * k * 2, (i + 1) * k * 2)),
    units: moved(
      s,
      tensor([
        [1, 0],
        [0, 1],
      ]),
    ).toArray() as number[][],
    det,
    singular,
  }
  return { frame: () => frame }
}
