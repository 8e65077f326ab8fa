import { noGrad } from 'nabla'
import { chunks } from '../engine/chunks.js'
import { type Curves, record } from '../engine/curves.js'
import { plane } from '../engine/plane.js'
import type { Session } from '../engine/session.js'
import { build, look, type Settings, splits, table, vectors } from './data.program.js'

const SIDE = 24

/** One way to scale two columns, and the classifier that learns from them. */
export interface Way {
  /** x and y in turn. */
  points: Float32Array
  /** The middle of the picture and half of its side: both axes have one unit. */
  center: number
  half: number
  condition: number
  rate: number
  /** The class at each point of a grid over the picture. */
  field: number[]
  accuracy: number
  loss: number
}
export interface Frame {
  columns: string[]
  classes: string[]
  labels: number[]
  look?: ReturnType<typeof look>
  vectors?: ReturnType<typeof vectors>
  ways?: Way[]
  history?: Curves<'none' | 'standard' | 'minmax'>
  splits?: ReturnType<typeof splits>
}

export function create(s: Settings): Session<Frame> {
  const { columns, classes, labels } = table(s)
  const fixed = { columns, classes, labels }
  if (s.part === 'distribution') return { fixed: { ...fixed, look: look(s) }, frame: () => ({}) }
  if (s.part === 'vectors') return { fixed: { ...fixed, vectors: vectors(s) }, frame: () => ({}) }
  if (s.part === 'splits') return { fixed: { ...fixed, splits: splits(s) }, frame: () => ({}) }
  return { fixed, ...training(s) }
}

function training(s: Settings): Session<Frame> {
  const { points, valleys, run, losses, accuracies, answers } = build(s)
  const ways = points.map((p, i) => {
    const all = p.toTypedArray<Float32Array>()
    // The origin is in the picture: it is where the weights begin.
    const [low, high] = [Math.min(0, ...all), Math.max(0, ...all)]
    const half = Math.max((high - low) * 0.54, 1e-6)
    const center = (low + high) / 2
    return { points: all, center, half, ...valleys[i]!, grid: plane(SIDE, half, center) }
  })
  let steps = 0
  const look = () => {
    const [none = 0, standard = 0, minmax = 0] = losses()
    return { none, standard, minmax }
  }
  const history: Frame['history'] = { step: [], none: [], standard: [], minmax: [] }
  record(history, 0, look())
  return {
    advance: chunks(
      (k) => {
        run(k)
        steps += k
        record(history, steps, look())
      },
      [64, 8, 1],
    ),
    frame: () =>
      noGrad(() => {
        const now = Object.values(look())
        const right = accuracies()
        return {
          history,
          ways: ways.map(({ grid, ...way }, i) => ({
            ...way,
            field: answers[i]!(grid),
            accuracy: right[i]!,
            loss: now[i]!,
          })),
        }
      }),
  }
}
