import { manualSeed } from 'nabla'
import { plane } from '../engine/plane.js'
import type { Session } from '../engine/session.js'
import { build, type Settings } from './perceptron.program.js'

export interface Frame {
  w: number[]
  b: number
  targets: number[]
  wrong: number
  field: Float32Array
  /** Wrong answers after each step. */
  history: { step: number[]; wrong: number[] }
}

export function create(s: Settings): Session<Frame> {
  manualSeed(s.seed)
  const { run, wrong, w, b, y, answer } = build(s)
  const grid = plane(64, 1, 0.5)
  const history = { step: [0], wrong: [wrong()] }
  return {
    // One step at a time: each one is to be seen.
    advance(n) {
      let taken = 0
      for (; taken < n && wrong() > 0; taken++) {
        run(1)
        history.step.push(history.step.length)
        history.wrong.push(wrong())
        if (history.step.length > 2000) {
          history.step.shift()
          history.wrong.shift()
          history.step = history.step.map((_, i) => i)
        }
      }
      return taken
    },
    frame: () => ({
      w: w.toArray() as number[],
      b: b.toTypedArray()[0]!,
      targets: y.toArray() as number[],
      wrong: wrong(),
      field: answer(grid).mul(2).sub(1).toTypedArray<Float32Array>(),
      history,
    }),
  }
}
