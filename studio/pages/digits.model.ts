import { manualSeed, tensor } from 'nabla'
import { ImageDataset, parseIdx } from 'nabla/data'
import { parseSafetensors, serializeSafetensors } from 'nabla/io'
import { chunks } from '../engine/chunks.js'
import { thin } from '../engine/curves.js'
import type { Session, Tools } from '../engine/session.js'
import { build, centered, first, type Settings } from './digits.program.js'

export interface Frame {
  /** The weights of each neuron of the first layer, as pictures. */
  pictures: Float32Array[]
  /** Of the other two layers, (to, from) row by row. */
  weights: Float32Array[]
  accuracy: number
  loss: number
  history: { step: number[]; loss: number[]; accuracy: number[] }
  /** The drawn picture, as the network sees it, and what each layer makes of it. */
  drawn: number[]
  layers: number[][]
  /** Pictures of the test set to begin with. */
  samples: { ink: number[]; label: number }[]
}

export async function create(s: Settings, tools: Tools): Promise<Session<Frame>> {
  const file = async (name: string, what: string) =>
    parseIdx(await tools.fetch(`data/mnist/${name}-ubyte`, what), name)
  const data = {
    train: new ImageDataset(
      await file('train-images-idx3', 'MNIST'),
      await file('train-labels-idx1', 'MNIST'),
    ),
    test: new ImageDataset(
      await file('t10k-images-idx3', 'MNIST'),
      await file('t10k-labels-idx1', 'MNIST'),
    ),
  }
  manualSeed(s.seed)
  const { model, run, accuracy, follow } = build(s, data)
  const linear = [model.at(0), model.at(2), model.at(4)]
  const [tests, labels] = first(data.test, 12)
  const inks = tests.toArray() as number[][]
  const samples = inks.map((ink, i) => ({ ink, label: labels.toTypedArray()[i]! }))
  let drawn = inks[0]!
  let steps = 0
  let loss = Number.NaN
  const history: Frame['history'] = { step: [0], loss: [2.303], accuracy: [accuracy()] }
  const advance = chunks(
    (k) => {
      loss = run(k)
      steps += k
      // The test takes as long as many steps: it is made now and then.
      if (steps - history.step.at(-1)! < 100) return
      history.step.push(steps)
      history.loss.push(loss)
      history.accuracy.push(accuracy())
      thin(history)
    },
    [64, 8, 1],
  )
  return {
    fixed: { samples },
    advance,
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
      save: () => serializeSafetensors(model.stateDict()),
      load(bytes: Uint8Array) {
        model.loadStateDict(parseSafetensors(bytes).tensors)
        history.accuracy.push(accuracy())
        history.loss.push(history.loss.at(-1)!)
        history.step.push(steps)
      },
    },
  }
}
