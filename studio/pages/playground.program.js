// @ts-check
import {
  concat,
  compile,
  cos,
  indexSelect,
  linspace,
  manualSeed,
  normal,
  rand,
  permutation,
  scan,
  sin,
  stack,
  tensor,
} from 'nabla'
import * as nn from 'nabla/nn'
import { Adam, SGD } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */

/**
 * @typedef {object} Settings
 * @property {'classification' | 'regression'} problem
 * @property {string} data
 * @property {number} noise in percent
 * @property {number} train percent of the points that are trained on
 * @property {string[]} inputs
 * @property {number[]} layers
 * @property {'tanh' | 'relu' | 'leaky' | 'sigmoid' | 'linear'} activation
 * @property {'sgd' | 'momentum' | 'adam'} optimizer
 * @property {number} rate
 * @property {number} batch
 * @property {'none' | 'l1' | 'l2'} penalty
 * @property {number} strength of the penalty
 * @property {number} seed
 * @property {[number, number, number][]} drawn points of one's own: x1, x2, label
 */

const COUNT = 400

/** Points (n, 2) and their labels (n, 1). @param {Settings} s @returns {[Tensor, Tensor]} */
export function points({ data, noise, drawn }) {
  const half = COUNT / 2
  const spread = noise / 100
  const label = concat([linspace(1, 1, half), linspace(-1, -1, half)])
  /** @param {number} low @param {number} high */
  const uniform = (low, high, n = COUNT) =>
    rand([n])
      .mul(high - low)
      .add(low)
  if (data === 'drawn')
    return [tensor(drawn.map(([a, b]) => [a, b])), tensor(drawn.map(([, , c]) => [c]))]
  if (data === 'circle') {
    const radius = concat([uniform(0, 2.5, half), uniform(3.5, 5, half)])
    const angle = uniform(0, 2 * Math.PI)
    const at = stack([radius.mul(sin(angle)), radius.mul(cos(angle))], 1)
    return [at.add(normal([COUNT, 2]).mul(2 * spread)), label.unsqueeze(1)]
  }
  if (data === 'spiral') {
    const t = linspace(0, 1, half).mul(1.75 * 2 * Math.PI)
    const radius = concat([t, t]).mul(5 / (1.75 * 2 * Math.PI))
    const angle = concat([t, t.add(Math.PI)])
    const at = stack([radius.mul(sin(angle)), radius.mul(cos(angle))], 1)
    return [
      at.add(
        uniform(-1, 1, 2 * COUNT)
          .reshape([COUNT, 2])
          .mul(2 * spread),
      ),
      label.unsqueeze(1),
    ]
  }
  if (data === 'gauss') {
    const at = normal([COUNT, 2])
      .mul(0.8 + 2 * spread)
      .add(label.mul(2).unsqueeze(1))
    return [at, label.unsqueeze(1)]
  }
  const at = rand([COUNT, 2]).mul(10).sub(5)
  const [x1, x2] = [at.select(1, 0), at.select(1, 1)]
  const shaken = at.add(normal([COUNT, 2]).mul(2 * spread))
  if (data === 'xor') return [shaken, x1.mul(x2).sign().unsqueeze(1)]
  if (data === 'plane') return [shaken, x1.add(x2).div(10).unsqueeze(1)]
  // Hills and valleys.
  const hills = [
    [-4, 2.5, 1],
    [0, 2.5, -1],
    [4, 2.5, 1],
    [-4, -2.5, -1],
    [0, -2.5, 1],
    [4, -2.5, -1],
  ].map(([a = 0, b = 0, sign = 0]) =>
    x1.sub(a).square().add(x2.sub(b).square()).sqrt().mul(-0.5).add(1).relu().mul(sign),
  )
  return [shaken, hills.reduce((sum, hill) => sum.add(hill)).unsqueeze(1)]
}

/** @type {Record<string, (x1: Tensor, x2: Tensor) => Tensor>} */
export const features = {
  x1: (x1) => x1,
  x2: (_, x2) => x2,
  x1x1: (x1) => x1.square(),
  x2x2: (_, x2) => x2.square(),
  x1x2: (x1, x2) => x1.mul(x2),
  sinx1: (x1) => sin(x1),
  sinx2: (_, x2) => sin(x2),
}
/** What the network sees of points (n, 2). @param {Tensor} at @param {string[]} inputs */
export const see = (at, inputs) =>
  stack(
    inputs.map(
      (name) => /** @type {Tensor} */ (features[name]?.(at.select(1, 0), at.select(1, 1))),
    ),
    1,
  )

/** @param {Settings} s */
export function build(s) {
  const [all, labels] = points(s)
  const shuffled = permutation(labels.shape[0] ?? 0)
  const count = Math.max(1, Math.round((shuffled.shape[0] ?? 0) * (s.train / 100)))
  /** @param {Tensor} index */
  const part = (index) => ({
    at: indexSelect(all, 0, index),
    x: see(indexSelect(all, 0, index), s.inputs),
    y: indexSelect(labels, 0, index),
  })
  const train = part(shuffled.narrow(0, 0, count))
  const test = part(shuffled.narrow(0, count, (shuffled.shape[0] ?? 0) - count))

  const activation = {
    tanh: nn.Tanh,
    relu: nn.ReLU,
    leaky: nn.LeakyReLU,
    sigmoid: nn.Sigmoid,
    linear: nn.Identity,
  }[s.activation]
  const sizes = [s.inputs.length, ...s.layers]
  const hidden = s.layers.map(
    (size, i) => new nn.Sequential(new nn.Linear(sizes[i] ?? 0, size), new activation()),
  )
  const last = new nn.Linear(sizes.at(-1) ?? 0, 1)
  // Labels are -1 and 1, and so are the answers of a classifier.
  const model = new nn.Sequential(
    ...hidden,
    s.problem === 'classification' ? new nn.Sequential(last, new nn.Tanh()) : last,
  )

  const parameters = model.parameters()
  const optimizer =
    s.optimizer === 'adam'
      ? new Adam(parameters, { lr: s.rate })
      : new SGD(parameters, { lr: s.rate, momentum: s.optimizer === 'momentum' ? 0.9 : 0 })
  const weights = parameters.filter((p) => p.shape.length === 2)

  /** One step of training. @param {Tensor} x @param {Tensor} y */
  const step = (x, y) => {
    const loss = model.forward(x).sub(y).square().mean().div(2)
    let total = loss
    if (s.penalty !== 'none')
      for (const w of weights)
        total = total.add(
          (s.penalty === 'l1' ? w.abs().sum() : w.square().sum().div(2)).mul(s.strength),
        )
    optimizer.zeroGrad()
    total.backward()
    optimizer.step()
    return loss
  }
  /** A step for each row of `index`, all in one call. */
  const steps = compile(
    (/** @type {Tensor} */ index) =>
      scan(
        (_, i) => [null, step(indexSelect(train.x, 0, i), indexSelect(train.y, 0, i))],
        null,
        index,
      )[1],
  )
  const loss = compile((/** @type {Tensor} */ x, /** @type {Tensor} */ y) =>
    model.forward(x).sub(y).square().mean().div(2),
  )

  let at = 0
  return {
    model,
    optimizer,
    train,
    test,
    count,
    /** Takes `k` steps through the points in their order. @param {number} k */
    run(k) {
      const size = Math.min(s.batch, count)
      const rows = new Int32Array(k * size)
      for (let i = 0; i < rows.length; i++) {
        rows[i] = at
        if (++at === count) at = 0
      }
      steps(tensor(rows).reshape([k, size]))
    },
    /** @param {{ x: Tensor, y: Tensor }} part */
    loss: ({ x, y }) => ((y.shape[0] ?? 0) > 0 ? loss(x, y).item() : Number.NaN),
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { run, loss, train, test } = build(s)
  for (let i = 0; i < 5; i++) {
    run(200)
    console.log(
      `after ${(i + 1) * 200} steps: training loss ${loss(train)}, test loss ${loss(test)}`,
    )
  }
}
