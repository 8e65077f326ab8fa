import type { Tensor } from 'nabla'
import type { Session } from '../engine/session.js'
import { convolved, convolved1d, kernelOf, type Settings, signalOf } from './convolution.program.js'

export interface Grid {
  data: Float32Array
  width: number
  height: number
  sum: number
}
export interface Frame {
  x: Grid
  map: Grid
  pooled: Grid
  kernel: number[]
  /** What comes in, and what goes out. */
  series: number[]
  signal: Float32Array
}

function grid(t: Tensor): Grid {
  const [, , height = 0, width = 0] = t.shape
  return { data: t.toTypedArray<Float32Array>(), width, height, sum: t.abs().sum().item() }
}

export function create(s: Settings): Session<Frame> {
  return {
    frame() {
      const { x, map, pooled } = convolved(s)
      return {
        x: grid(x),
        map: grid(map),
        pooled: grid(pooled),
        kernel: kernelOf(s),
        series: signalOf(s),
        signal: convolved1d(s).toTypedArray<Float32Array>(),
      }
    },
  }
}
