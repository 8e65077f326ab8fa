import { manualSeed, noGrad } from 'nabla'
import { chunks } from '../engine/chunks.js'
import type { Session } from '../engine/session.js'
import { build, type Settings } from './approximation.program.js'

export interface Frame {
  x: Float32Array
  y: Float32Array
  answer: Float32Array
  /** What each neuron adds. */
  pieces: Float32Array[]
  bias: number
  loss: number
  error: string
}

export function create(s: Settings): Session<Frame> {
  manualSeed(s.seed)
  let made: ReturnType<typeof build>
  try {
    made = build(s)
  } catch (error) {
    const none = new Float32Array(0)
    const message = (error as Error).message
    return {
      frame: () => ({
        x: none,
        y: none,
        answer: none,
        pieces: [],
        bias: 0,
        loss: Number.NaN,
        error: message,
      }),
    }
  }
  const { x, y, model, last, run, loss, pieces } = made
  const points = x.toTypedArray<Float32Array>()
  return {
    fixed: { x: points, y: y.toTypedArray<Float32Array>(), error: '' },
    advance: chunks((k) => void run(k)),
    frame: () =>
      noGrad(() => {
        const all = pieces().toTypedArray<Float32Array>()
        return {
          answer: model.forward(x).toTypedArray<Float32Array>(),
          pieces: Array.from({ length: s.neurons }, (_, j) =>
            Float32Array.from(points, (_x, i) => all[i * s.neurons + j]!),
          ),
          bias: last.bias!.item(),
          loss: loss(),
        }
      }),
  }
}
