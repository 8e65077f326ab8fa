import { manualSeed } from 'nabla'
import type { Session } from '../engine/session.js'
import { build, type Settings } from './vanishing.program.js'

export interface Frame {
  outputs: number[]
  gradients: number[]
}

export function create(s: Settings): Session<Frame> {
  manualSeed(s.seed)
  const frame = build(s)()
  return { frame: () => frame }
}
