import { manualSeed, tensor } from 'nabla'
import { chunks } from '../engine/chunks.js'
import { type Curves, record } from '../engine/curves.js'
import { loadMnist, type Sample, samplesOf } from '../engine/mnist.js'
import type { Session, Tools } from '../engine/session.js'
import { build, centered, type Settings } from './digits.program.js'

export interface Frame {
  /** The weights of each neuron of the first layer, as pictures. */
  pictures: Float32Array[]
  /** Of the other two layers, (to, from) row by row. */
  weights: Float32Array[]
  accuracy: number
  loss: number
  history: Curves<'accuracy'>
  /** The drawn picture, as the network sees it, and what each layer makes of it. */
  drawn: number[]
  layers: number[][]
  /** Pictures of the test set to begin with. */
  samples: Sample[]
}

export async function create(s: Settings, tools: Tools): Promise<Session<Frame>> {
  const data = await loadMnist(tools)
  manualSeed(s.seed)
  const { model, run, accuracy, follow } = build(s, data)
  const linear = [model.at(0), model.at(2), model.at(4)]
  const samples = samplesOf(data.test, 12)
  let drawn = samples[0]!.ink
  let steps = 0
  let loss = Number.NaN
  const history: Frame['history'] = { step: [0], accuracy: [accuracy()] }
  const advance = chunks(
    (k) => {
      loss = run(k)
      steps += k
      // The test takes as long as many steps: it is made now and then.
      if (steps - history.step.at(-1)! < 100) return
      record(history, steps, { accuracy: accuracy() })
    },
    [64, 8, 1],
  )
  return {
    fixed: { samples },
    advance,
    model,
    opened: () => record(history, steps, { accuracy: accuracy() }),
    frame() {
      const w = linear.map((l) => l.parameters()[0]!.toTypedArray<Float32Array>())
      return {
        pictures: Array.from({ length: 16 }, (_, i) => w[0]!.slice(i * 784, (i + 1) * 784)),
        weights: [w[1]!, w[2]!],
        accuracy: history.accuracy.at(-1)!,
        loss,
        history,
        drawn,
        layers: follow(tensor(drawn)),
      }
    },
    ask: {
      draw(ink: number[], center: boolean) {
        drawn = center ? centered(ink) : [...ink]
      },
    },
  }
}
