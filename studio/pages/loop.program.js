// @ts-check
import { linspace, manualSeed, noGrad, tensor } from 'nabla'
import * as nn from 'nabla/nn'
import { SGD } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ part: 'loop' | 'tree', net: 'weight' | 'network', rate: number, momentum: number, delay: number, seed: number, node: string }} Settings */

/** The mean of x² is 1. */
const X = [-1.4, -1, -0.2, 0.2, 1, 1.4]

/** One weight, ŷ = w x: nothing is smaller, and all of its loop can be said in one number. */
class Weight extends nn.Module {
  w = new nn.Parameter(tensor([[-1]]))
  /** @param {Tensor} x */
  forward(x) {
    return x.matmul(this.w)
  }
}

/**
 * A loop as four stages, one after the other: guess, compare, find the gradient, correct.
 * @param {Settings} s
 */
export function build(s) {
  manualSeed(s.seed)
  const x = tensor(X.map((v) => [v]))
  const y =
    s.net === 'weight'
      ? tensor(X.map((v, i) => [0.8 * v + (i % 2 ? 0.15 : -0.15)]))
      : tensor(X.map((v) => [Math.abs(v) - 0.6]))
  const model =
    s.net === 'weight'
      ? new Weight()
      : new nn.Sequential(new nn.Linear(1, 3), new nn.Tanh(), new nn.Linear(3, 1))
  const parameters = [...model.namedParameters()]
  const optimizer = new SGD(model.parameters(), { lr: s.rate, momentum: s.momentum })
  const numbers = () => parameters.flatMap(([, p]) => [...p.toTypedArray()].map(Number))
  /** The gradients of the last turns, the newest last. @type {Tensor[][]} */
  const waiting = []
  /** @type {Tensor | undefined} */
  let guess
  /** @type {Tensor | undefined} */
  let loss
  const now = {
    turn: 0,
    /** How many stages of this turn are done: 0 to 4. */
    done: 0,
    /** @type {number[]} */ guess: [],
    /** @type {number[]} */ errors: [],
    /** @type {number | null} */ loss: null,
    /** @type {number[]} */ gradient: [],
    before: numbers(),
    after: numbers(),
    over: false,
  }
  const stages = [
    () => {
      guess = model.forward(x)
      now.guess = [...guess.toTypedArray()].map(Number)
    },
    () => {
      const errors = /** @type {Tensor} */ (guess).sub(y)
      loss = errors.square().mean()
      now.errors = [...errors.toTypedArray()].map(Number)
      now.loss = loss.item()
    },
    () => {
      optimizer.zeroGrad()
      loss?.backward()
      now.gradient = parameters.flatMap(([, p]) =>
        [.../** @type {Tensor} */ (p.grad).toTypedArray()].map(Number),
      )
    },
    () => {
      // A correction may come late: it is then made by an older gradient.
      waiting.push(parameters.map(([, p]) => /** @type {Tensor} */ (p.grad)))
      if (waiting.length > s.delay) {
        const due = waiting.shift() ?? []
        parameters.forEach(([, p], i) => {
          p.grad = due[i] ?? null
        })
        optimizer.step()
      }
      now.after = numbers()
      now.over = !now.after.every((v) => Math.abs(v) < 1e6)
    },
  ]
  return {
    model,
    now,
    x: X,
    y: [...y.toTypedArray()].map(Number),
    /** W1[0], W1[1] ... of the layers; w alone. */
    names: parameters.flatMap(([name, p]) => {
      const layer = name.startsWith('0') ? 1 : 2
      const letter = name.endsWith('bias') ? 'b' : 'W'
      const shown = s.net === 'weight' ? name : letter + layer
      return Array.from({ length: p.size }, (_, i) => (p.size > 1 ? `${shown}[${i}]` : shown))
    }),
    /** One stage; false when the numbers have left all bounds. */
    stage() {
      if (now.over) return false
      if (now.done === 4) {
        now.done = 0
        now.turn++
        now.before = now.after
      }
      stages[now.done++]?.()
      return true
    },
    /** What the model answers along a line. */
    line: () => {
      const at = linspace(-1.8, 1.8, 61)
      return {
        x: [...at.toTypedArray()].map(Number),
        y: noGrad(() => [...model.forward(at.unsqueeze(1)).toTypedArray()].map(Number)),
      }
    },
    /** Of one weight: the loss at each weight, and the best. */
    bowl() {
      if (s.net !== 'weight') return null
      const w = linspace(-2.6, 4.2, 69)
      // ŷ of all weights at once: (points, weights).
      const all = x.matmul(w.unsqueeze(0)).sub(y).square().mean(0)
      return {
        w: [...w.toTypedArray()].map(Number),
        loss: [...all.toTypedArray()].map(Number),
        best: x.mul(y).sum().item() / x.square().sum().item(),
      }
    },
  }
}

/**
 * How the loop of one weight answers to an error: L'' = 2 mean(x²) = 2, so that an error becomes
 * e' = e + m (e - before) - η L'' e(delayed). The largest size of an eigenvalue of this map, by its power 2¹⁶,
 * says how an error grows from turn to turn.
 * @param {Settings} s
 */
export function loopGain(s) {
  if (s.net !== 'weight') return null
  const curvature = (2 * X.reduce((sum, v) => sum + v * v, 0)) / X.length
  const size = Math.max(2, s.delay + 1)
  const first = new Array(size).fill(0)
  first[0] += 1 + s.momentum
  first[1] -= s.momentum
  first[s.delay] -= s.rate * curvature
  const rows = Array.from({ length: size }, (_, r) =>
    r === 0 ? first : first.map((__, c) => Number(c === r - 1)),
  )
  let power = tensor(rows, { dtype: 'float64' })
  let log = 0
  for (let k = 0; k < 16; k++) {
    const norm = power.square().sum().sqrt().item() || 1e-300
    log = 2 * (log + Math.log(norm))
    power = power.div(norm)
    power = power.matmul(power)
  }
  log += Math.log(power.square().sum().sqrt().item() || 1e-300)
  return {
    curvature,
    /** What one turn leaves of an error, without momentum and delay. */
    factor: 1 - s.rate * curvature,
    radius: Math.exp(log / 2 ** 16),
  }
}

/**
 * The networks of the family tree, as nabla makes them: small ones.
 * @param {string} node
 * @returns {Promise<nn.Module | null>}
 */
async function make(node) {
  const models = await import('nabla/models')
  const graph = await import('nabla/graph')
  const small = {
    hiddenSize: 32,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    intermediateSize: 64,
  }
  /** @type {Record<string, () => nn.Module>} */
  const makers = {
    perceptron: () => new nn.Linear(2, 1),
    mlp: () => models.mlp([784, 16, 16, 10], () => new nn.ReLU()),
    neocognitron: () => new nn.Conv2d(1, 8, 3),
    lenet: () => models.lenet(),
    resnet: () => new models.ResNet({ inChannels: 1, width: 8, blocks: [1, 1], classes: 10 }),
    unet: () => new models.UNet({ nChannels: 1, nClasses: 2, width: 4, depth: 2 }),
    vit: () =>
      new models.ViT({ ...small, imageSize: 28, patchSize: 7, numChannels: 1, numLabels: 10 }),
    rnn: () => new nn.RNN(8, 16),
    lstm: () => new nn.LSTM(8, 16),
    gru: () => new nn.GRU(8, 16),
    embedding: () => new nn.Embedding(1000, 16),
    attention: () => new nn.MultiheadAttention(16, 2),
    seq2seq: () =>
      new nn.ModuleList([new nn.LSTM(8, 16), new nn.LSTM(8, 16), new nn.Linear(16, 10)]),
    transformer: () =>
      new nn.Transformer(32, 2, { numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 64 }),
    bert: () => new models.Bert({ ...small, vocabSize: 100, maxPositionEmbeddings: 32 }),
    gpt: () => new models.GPT2({ vocabSize: 100, nPositions: 32, nEmbd: 32, nLayer: 2, nHead: 2 }),
    llama: () => new models.Llama({ ...small, vocabSize: 100, maxPositionEmbeddings: 32 }),
    autoencoder: () => new models.Autoencoder({ sizes: [784, 64, 2] }),
    vae: () => new models.VAE({ sizes: [784, 64, 2] }),
    gan: () =>
      new nn.ModuleDict({
        generator: models.mlp([8, 64, 2], () => new nn.ReLU()),
        discriminator: models.mlp([2, 64, 1], () => new nn.ReLU()),
      }),
    dcgan: () => new models.DCGANGenerator({ nz: 16, ngf: 8 }),
    gcn: () => new graph.GCNConv(34, 4),
    gat: () => new graph.GATConv(34, 4),
    dqn: () => models.mlp([4, 64, 2], () => new nn.ReLU()),
  }
  return makers[node]?.() ?? null
}

/** The weights of a network of the tree: names and shapes. @param {Settings} s */
export async function weights(s) {
  manualSeed(s.seed)
  const model = await make(s.node)
  if (!model) return null
  return {
    count: model.parameterCount(),
    tensors: [...model.namedParameters()].map(([name, p]) => ({ name, shape: [...p.shape] })),
  }
}

/** @param {Settings} s */
export async function main(s) {
  if (s.part === 'tree') {
    const found = await weights(s)
    if (!found) return console.log(`${s.node}: no weights`)
    console.log(`${s.node}: ${found.count} weights`)
    for (const { name, shape } of found.tensors) console.log(`  ${name} (${shape.join(', ')})`)
    return
  }
  const { now, stage, names } = build(s)
  const gain = loopGain(s)
  if (gain) console.log(`each turn leaves ${gain.radius} of an error`)
  for (let k = 0; k < 80 && stage(); k++)
    if (now.done === 4 && now.turn % 5 === 4)
      console.log(`turn ${now.turn + 1}: loss ${now.loss}, ${names[0]} ${now.after[0]}`)
}
