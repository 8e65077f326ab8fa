import { compile, manualSeed, noGrad, stack, tensor, type Tensor } from 'nabla'
import { chunks } from '../engine/chunks.js'
import { type Curves, record } from '../engine/curves.js'
import { plane } from '../engine/plane.js'
import type { Session } from '../engine/session.js'
import { build, see, type Settings } from './playground.program.js'

/** Pixels of each side of the answer's picture, which spans -6 to 6; a neuron's has half as many. */
export const SIDE = 48
export const SMALL = SIDE / 2
export interface Frame {
  /** Of each layer after the inputs, the outputs of each neuron over the plane. */
  fields: Float32Array[][]
  inputs: Float32Array[]
  /** What the network answers, in full size. */
  answer: Float32Array
  /** By layer: (to, from) row by row, and the biases. */
  weights: { w: Float32Array; b: Float32Array; from: number; to: number }[]
  /** Neurons that are 0 at every point of training, by layer. */
  dead: boolean[][]
  loss: { train: number; test: number }
  history: Curves<'train' | 'test'>
  /** x1, x2, label for each point. */
  train: Float32Array
  test: Float32Array
}

const floats = (t: Tensor) => t.toTypedArray<Float32Array>()
/** Of each of the k columns of a plane (SIDE * SIDE, k) every second pixel of every second row. */
function pictures(plane: Tensor): Float32Array[] {
  const k = plane.shape[1]!
  const all = floats(plane)
  const made = Array.from({ length: k }, () => new Float32Array(SMALL * SMALL))
  for (let y = 0, at = 0; y < SMALL; y++)
    for (let x = 0; x < SMALL; x++, at++) {
      const from = 2 * (y * SIDE + x) * k
      for (let c = 0; c < k; c++) made[c]![at] = all[from + c]!
    }
  return made
}
/** Which columns are 0 in every row of (n, k). */
function zeroColumns(rows: Tensor): boolean[] {
  const k = rows.shape[1]!
  const all = floats(rows)
  return Array.from({ length: k }, (_, c) => {
    for (let i = c; i < all.length; i += k) if (all[i] !== 0) return false
    return true
  })
}

export function create(settings: Settings): Session<Frame> {
  manualSeed(settings.seed)
  const made = build(settings)
  const { model, optimizer, train, test } = made
  const advance = chunks(made.run)

  const grid = see(plane(SIDE, 6), settings.inputs)
  const inputs = pictures(grid)
  const layers = [...model]
  /** The outputs of every layer. */
  const layered = compile((x: Tensor) => {
    let h = x
    return layers.map((layer) => {
      h = layer.forward(h)
      return h
    })
  })
  const rows = (p: { at: Tensor; y: Tensor }) =>
    p.y.shape[0] === 0
      ? new Float32Array(0)
      : floats(stack([p.at.select(1, 0), p.at.select(1, 1), p.y.select(1, 0)], 1))
  const points = { train: rows(train), test: rows(test) }
  const history: Frame['history'] = { step: [], train: [], test: [] }
  let steps = 0

  return {
    fixed: { inputs, ...points },
    model,
    advance(n) {
      const taken = advance(n)
      steps += taken
      return taken
    },
    change(now: Settings) {
      optimizer.lr = now.rate
      return true
    },
    frame: () =>
      noGrad(() => {
        const all = layered(grid)
        const answer = floats(all.at(-1)!)
        const fields = all.map(pictures)
        const dead =
          settings.activation === 'relu' ? layered(train.x).slice(0, -1).map(zeroColumns) : []
        const loss = { train: made.loss(train), test: made.loss(test) }
        record(history, steps, loss)
        const weights = layers.map((layer) => {
          const [w, b] = layer.parameters() as [Tensor, Tensor]
          return { w: floats(w), b: floats(b), from: w.shape[1]!, to: w.shape[0]! }
        })
        return { fields, answer, weights, dead, loss, history }
      }),
    ask: {
      /** Sets a weight by hand; the bias where `from` is -1. */
      weight(layer: number, to: number, from: number, value: number) {
        const [w, b] = layers[layer]!.parameters() as [Tensor, Tensor]
        noGrad(() => {
          const p = from < 0 ? b : w
          const all = p.toTypedArray()
          all[from < 0 ? to : to * w.shape[1]! + from] = value
          p.assign(tensor(all, { dtype: p.dtype }).reshape(p.shape))
        })
      },
    },
  }
}
