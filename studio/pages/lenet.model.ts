import { manualSeed, type Tensor, tensor } from 'nabla'
import { type Curves, record } from '../engine/curves.js'
import { loadMnist, type Sample, samplesOf } from '../engine/mnist.js'
import type { Session, Tools } from '../engine/session.js'
import { centered } from './digits.program.js'
import { build, type Settings } from './lenet.program.js'

export interface Volume {
  data: Float32Array
  shape: readonly number[]
}
export interface Frame {
  /** Of both convolutions: (out, in, side, side). */
  filters: Volume[]
  /** The drawn picture, and what each layer makes of it. */
  drawn: number[]
  layers: Volume[]
  accuracy: number
  loss: number
  history: Curves<'accuracy'>
  samples: Sample[]
}

const EVERY = 25
const volume = (t: Tensor): Volume => ({ data: t.toTypedArray<Float32Array>(), shape: t.shape })

export async function create(s: Settings, tools: Tools): Promise<Session<Frame>> {
  const data = await loadMnist(tools, { shape: [1, 28, 28] })
  manualSeed(s.seed)
  const { model, filters, step, accuracy, follow } = build(s, data)
  const samples = samplesOf(data.test, 12)
  let drawn = samples[0]!.ink
  let steps = 0
  let loss = Number.NaN
  const history: Frame['history'] = { step: [0], accuracy: [accuracy()] }
  return {
    fixed: { samples },
    model,
    opened: () => record(history, steps, { accuracy: accuracy() }),
    advance(n) {
      for (let i = 0; i < n; i++) {
        loss = step()
        if (++steps % EVERY === 0) record(history, steps, { accuracy: accuracy() })
      }
      return n
    },
    frame: () => ({
      filters: filters.map(volume),
      drawn,
      layers: follow(tensor(drawn)).map(volume),
      accuracy: history.accuracy.at(-1)!,
      loss,
      history,
    }),
    ask: {
      draw(ink: number[], whole: boolean) {
        drawn = whole ? centered(ink) : [...ink]
      },
    },
  }
}
