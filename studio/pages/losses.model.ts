import { chunks } from '../engine/chunks.js'
import type { Session } from '../engine/session.js'
import { build, type Settings, shapes } from './losses.program.js'

export interface Frame {
  lines: { name: string; slope: number; intercept: number; loss: number }[]
  error: Float32Array
  curves: number[][]
}

export function create(s: Settings): Session<Frame> {
  const { run, look } = build(s)
  const { error, curves } = shapes(s)
  return {
    fixed: { error: error.toTypedArray<Float32Array>(), curves },
    advance: chunks((k) => void run(k)),
    frame: () => ({ lines: look() }),
  }
}
