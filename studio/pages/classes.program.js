// @ts-check
import { compile, concat, crossEntropy, manualSeed, normal, scan, tensor } from 'nabla'
import * as nn from 'nabla/nn'
import { Adam } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ data: 'clouds' | 'rings' | 'own', own: number[][], hidden: number, activation: 'none' | 'tanh' | 'relu', rate: number, seed: number }} Settings */

/** Points of three classes, 60 each, and their classes. @param {Settings} s @returns {[Tensor, Tensor]} */
export function points({ data, own }) {
  if (data === 'own' && own.length > 0)
    return [
      tensor(own.map(([a = 0, b = 0]) => [a, b])),
      tensor(
        own.map(([, , c = 0]) => c),
        { dtype: 'int32' },
      ),
    ]
  const classes = [0, 1, 2].map((c) => {
    if (data !== 'rings')
      return normal([60, 2])
        .mul(0.7)
        .add(
          tensor(
            [
              [-2, -1.5],
              [2, -1.5],
              [0, 2],
            ][c] ?? [],
          ),
        )
    const direction = normal([60, 2])
    const length = direction.square().sum([1], { keepdim: true }).sqrt()
    return direction.div(length).mul(
      normal([60, 1])
        .mul(0.2)
        .add(0.6 + 1.4 * c),
    )
  })
  return [
    concat(classes),
    tensor(
      Array.from({ length: 180 }, (_, i) => Math.floor(i / 60)),
      { dtype: 'int32' },
    ),
  ]
}

/** @param {Settings} s */
export function build(s) {
  const [x, y] = points(s)
  const activation = { none: nn.Identity, tanh: nn.Tanh, relu: nn.ReLU }[s.activation]
  // Softmax regression, or with a layer before it.
  const model =
    s.hidden === 0
      ? new nn.Sequential(new nn.Linear(2, 3))
      : new nn.Sequential(new nn.Linear(2, s.hidden), new activation(), new nn.Linear(s.hidden, 3))
  const optimizer = new Adam(model.parameters(), { lr: s.rate })
  const step = () => {
    const loss = crossEntropy(model.forward(x), y)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  }
  return {
    model,
    x,
    y,
    run: compile((/** @type {number} */ k) =>
      scan(() => [null, step()], null, null, { length: k })[1].mean(),
    ),
    /** Probabilities of the three classes. */
    answer: compile((/** @type {Tensor} */ at) => model.forward(at).softmax(1)),
    look: compile(() => {
      const scores = model.forward(x)
      return {
        loss: crossEntropy(scores, y),
        accuracy: scores.argmax(1).eq(y).cast('float32').mean(),
      }
    }),
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { run, look } = build(s)
  for (let i = 0; i < 3; i++) {
    run(200)
    const { loss, accuracy } = look()
    console.log(`after ${(i + 1) * 200} steps: loss ${loss.item()}, accuracy ${accuracy.item()}`)
  }
}
