import { manualSeed, noGrad } from 'nabla'
import { chunks } from '../engine/chunks.js'
import { plane } from '../engine/plane.js'
import type { Session } from '../engine/session.js'
import { build, type Settings } from './gradient-descent.program.js'

const SIDE = 96
const MOST = 400
export interface Frame {
  /** Heights over -4 to 4, row by row from the top. */
  field: Float32Array
  side: number
  /** x and y in turn for each optimizer, from the start. */
  paths: Float32Array[]
  heights: number[]
  /** The height of each optimizer after each step. */
  curves: { step: number[]; values: number[][] }
}

export function create(s: Settings): Session<Frame> {
  manualSeed(s.seed)
  const made = build(s)
  const field = noGrad(() => {
    const at = plane(SIDE, 4)
    return made.height(at.select(1, 0), at.select(1, 1)).toTypedArray<Float32Array>()
  })
  const paths = s.optimizers.map(() => [...s.start] as number[])
  const curves: Frame['curves'] = { step: [0], values: made.heights().map((h) => [h]) }
  let steps = 0
  const advance = chunks(
    (k) => {
      const places = made.run(k).toTypedArray()
      const n = s.optimizers.length
      for (let i = 0; i < k; i++)
        paths.forEach((path, j) => {
          if (path.length < 2 * MOST)
            path.push(places[2 * (i * n + j)]!, places[2 * (i * n + j) + 1]!)
        })
      steps += k
      curves.step.push(steps)
      made.heights().forEach((h, j) => {
        curves.values[j]!.push(h)
      })
    },
    [16, 4, 1],
  )
  return {
    fixed: { field, side: SIDE },
    // Whoever has arrived stays: the rest of the time is not spent on it.
    advance: (n) => advance(Math.min(n, MOST - steps)),
    frame: () => ({
      paths: paths.map((p) => Float32Array.from(p)),
      heights: made.heights(),
      curves,
    }),
  }
}
