// @ts-check
import {
  compile,
  crossEntropy,
  indexSelect,
  manualSeed,
  noGrad,
  permutation,
  scan,
  tensor,
} from 'nabla'
import * as nn from 'nabla/nn'
import { Adam, SGD } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @import { ImageDataset } from 'nabla/data' */
/** @typedef {{ images: number, activation: 'sigmoid' | 'relu' | 'tanh', optimizer: 'adam' | 'sgd', rate: number, batch: number, seed: number }} Settings */

/** The first n images as (n, 784) from 0 to 1, and their labels. @param {ImageDataset} data @param {number} n */
export function first(data, n) {
  const count = Math.min(n, data.length)
  return data.batch(Array.from({ length: count }, (_, i) => i))
}

/** @param {Settings} s @param {{ train: ImageDataset, test: ImageDataset }} data */
export function build(s, data) {
  const [x, y] = first(data.train, s.images)
  const [testX, testY] = first(data.test, 2000)
  const Activation = { sigmoid: nn.Sigmoid, relu: nn.ReLU, tanh: nn.Tanh }[s.activation]
  const model = new nn.Sequential(
    new nn.Linear(784, 16),
    new Activation(),
    new nn.Linear(16, 16),
    new Activation(),
    new nn.Linear(16, 10),
  )
  const optimizer =
    s.optimizer === 'adam'
      ? new Adam(model.parameters(), { lr: s.rate })
      : new SGD(model.parameters(), { lr: s.rate, momentum: 0.9 })
  /** @param {Tensor} i */
  const step = (i) => {
    const loss = crossEntropy(model.forward(indexSelect(x, 0, i)), indexSelect(y, 0, i))
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  }
  const steps = compile((/** @type {Tensor} */ index) =>
    scan((_, i) => [null, step(i)], null, index)[1].mean(),
  )
  const right = compile((/** @type {Tensor} */ x, /** @type {Tensor} */ y) =>
    model.forward(x).argmax(1).eq(y).cast('float32').mean(),
  )
  /** Each epoch has an order of its own, of which so many are left. @type {Int32Array} */
  let order = new Int32Array()
  let left = 0
  return {
    model,
    /** Takes `k` steps, gives their mean loss. @param {number} k */
    run(k) {
      const rows = new Int32Array(k * s.batch)
      for (let i = 0; i < rows.length; i++) {
        if (left === 0) {
          order = /** @type {Int32Array} */ (permutation(x.shape[0] ?? 0).toTypedArray())
          left = order.length
        }
        left--
        rows[i] = order[left] ?? 0
      }
      return steps(tensor(rows).reshape([k, s.batch])).item()
    },
    /** The share of test images that are read rightly. */
    accuracy: () => noGrad(() => right(testX, testY).item()),
    /** What every layer makes of one picture (784). @param {Tensor} picture */
    follow: (picture) =>
      noGrad(() => {
        let h = picture.reshape([1, 784])
        const found = []
        for (const layer of model) {
          h = layer.forward(h)
          found.push(h)
        }
        return [found[1], found[3], h.softmax(1)].map((t) => [
          .../** @type {Tensor} */ (t).toTypedArray(),
        ])
      }),
  }
}

/** As MNIST has it: the middle of the ink in the middle of the picture. @param {ArrayLike<number>} ink 784 numbers from 0 to 1 */
export function centered(ink) {
  let [sum, sx, sy] = [0, 0, 0]
  for (let i = 0; i < 784; i++) {
    const v = ink[i] ?? 0
    sum += v
    sx += v * (i % 28)
    sy += v * Math.floor(i / 28)
  }
  const [dx, dy] = sum > 0 ? [Math.round(13.5 - sx / sum), Math.round(13.5 - sy / sum)] : [0, 0]
  return Array.from({ length: 784 }, (_, i) => {
    const [x, y] = [(i % 28) - dx, Math.floor(i / 28) - dy]
    return x >= 0 && x < 28 && y >= 0 && y < 28 ? (ink[y * 28 + x] ?? 0) : 0
  })
}

/** @param {Settings} s */
export async function main(s) {
  const { mnist } = await import('nabla/data')
  manualSeed(s.seed)
  const { run, accuracy } = build(s, mnist())
  console.log('before training: accuracy', accuracy())
  for (let i = 0; i < 3; i++) {
    const loss = run(100)
    console.log(`after ${(i + 1) * 100} steps: loss ${loss}, accuracy ${accuracy()}`)
  }
}
