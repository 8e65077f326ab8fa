import { manualSeed, noGrad } from 'nabla'
import { chunks } from '../engine/chunks.js'
import { plane } from '../engine/plane.js'
import type { Session } from '../engine/session.js'
import { build, type Settings } from './classes.program.js'

export interface Frame {
  /** x1 and x2 in turn. */
  points: Float32Array
  classes: number[]
  /** For each class its probability over -4 to 4. */
  fields: Float32Array[]
  loss: number
  accuracy: number
}
const SIDE = 40

export function create(s: Settings): Session<Frame> {
  manualSeed(s.seed)
  const { model, x, y, run, answer, look } = build(s)
  const grid = plane(SIDE, 4)
  return {
    fixed: { points: x.toTypedArray<Float32Array>(), classes: [...y.toTypedArray()] },
    model,
    advance: chunks((k) => void run(k)),
    frame: () =>
      noGrad(() => {
        const all = answer(grid).toTypedArray<Float32Array>()
        const { loss, accuracy } = look()
        return {
          fields: [0, 1, 2].map((c) =>
            Float32Array.from({ length: SIDE * SIDE }, (_, i) => all[3 * i + c]!),
          ),
          loss: loss.item(),
          accuracy: accuracy.item(),
        }
      }),
  }
}
