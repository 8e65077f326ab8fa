// @ts-check
import { compile, crossEntropy, indexSelect, manualSeed, maxPool2d, noGrad, randint } from 'nabla'
import { ConvNet, lenet } from 'nabla/models'
import * as nn from 'nabla/nn'
import { Adam } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @import { ImageDataset } from 'nabla/data' */
/** @typedef {{ net: 'lenet' | 'convnet', activation: 'tanh' | 'sigmoid' | 'relu', rate: number, batch: number, seed: number }} Settings */

const TRAIN = 10000
const TEST = 500

/** The first n images as (n, 1, 28, 28), and their labels. @param {ImageDataset} data @param {number} n */
const first = (data, n) => data.batch(Array.from({ length: n }, (_, i) => i))

/** @param {Settings} s */
function network(s) {
  if (s.net === 'convnet') {
    const model = new ConvNet({ dropout: 0 })
    return {
      model,
      /** What each layer makes of a picture. @param {Tensor} x */
      layers(x) {
        const maps1 = model.conv1.forward(x).relu() // (1, 16, 28, 28)
        const pool1 = maxPool2d(maps1, 2) // (1, 16, 14, 14)
        const maps2 = model.conv2.forward(pool1).relu() // (1, 32, 14, 14)
        const pool2 = maxPool2d(maps2, 2) // (1, 32, 7, 7)
        const dense1 = model.fc1.forward(pool2.flatten(1)).relu() // (1, 120)
        const dense2 = model.fc2.forward(dense1).relu() // (1, 84)
        return [maps1, pool1, maps2, pool2, dense1, dense2, model.fc3.forward(dense2)]
      },
    }
  }
  const Activation = { tanh: nn.Tanh, sigmoid: nn.Sigmoid, relu: nn.ReLU }[s.activation]
  const model = lenet(() => new Activation())
  return {
    model,
    /** @param {Tensor} x */
    layers(x) {
      const found = []
      for (const layer of model) {
        x = layer.forward(x)
        found.push(x)
      }
      // After each activation, pooling, and the last layer.
      return found.filter((_, i) => [1, 2, 4, 5, 8, 10, 11].includes(i))
    },
  }
}

/** @param {Settings} s @param {{ train: ImageDataset, test: ImageDataset }} data with images of (1, 28, 28) */
export function build(s, data) {
  const [x, y] = first(data.train, TRAIN)
  const [testX, testY] = first(data.test, TEST)
  const { model, layers } = network(s)
  const optimizer = new Adam(model.parameters(), { lr: s.rate })
  const step = compile(() => {
    const i = randint(0, TRAIN, [s.batch], { dtype: 'int32' })
    const loss = crossEntropy(model.forward(indexSelect(x, 0, i)), indexSelect(y, 0, i))
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  })
  const right = compile((/** @type {Tensor} */ x, /** @type {Tensor} */ y) =>
    model.forward(x).argmax(1).eq(y).cast('float32').mean(),
  )
  const all = compile(layers)
  // The two layers of filters: (channels out, channels in, side, side).
  const filters = model.parameters().filter((p) => p.shape.length === 4)
  return {
    model,
    filters,
    /** One step, gives its loss. */
    step: () => step().item(),
    /** The share of the first 500 test images that are read rightly. */
    accuracy: () => noGrad(() => right(testX, testY).item()),
    /** Feature maps, pooled maps, both again, two dense layers, probabilities. @param {Tensor} picture of 784 */
    follow: (picture) =>
      noGrad(() => {
        const found = all(picture.reshape([1, 1, 28, 28]))
        return found.map((t, i) => (i === found.length - 1 ? t.softmax(1) : t))
      }),
  }
}

/** @param {Settings} s */
export async function main(s) {
  const { mnist } = await import('nabla/data')
  manualSeed(s.seed)
  const { step, accuracy } = build(s, mnist({ shape: [1, 28, 28] }))
  console.log('before training: accuracy', accuracy())
  for (let i = 0; i < 2; i++) {
    let loss = 0
    for (let k = 0; k < 25; k++) loss = step()
    console.log(`after ${(i + 1) * 25} steps: loss ${loss}, accuracy ${accuracy()}`)
  }
}
