/**
 * Degradation (He et al., 2016): plain networks get worse on their own training data when they become deep, residual ones
 * do not. 8, 20 and 56 convolutions on digits of half the size, with and without connections past each pair.
 */
import { avgPool2d, relu, type Tensor } from 'nabla'
import { DataLoader, mnist } from 'nabla/data'
import { Conv2d, init, Linear, Module, Sequential } from 'nabla/nn'
import { SGD } from 'nabla/optim'
import { lineChart } from 'nabla/plot'
import type { Classifier, Recipe } from 'nabla/recipe'
import { Accuracy } from 'nabla/train'

const CHANNELS = 8

/** Two convolutions, and with `skip` the input added to their result. Without normalization, as deep networks once were. */
class Pair extends Module {
  conv1 = new Conv2d(CHANNELS, CHANNELS, { kernelSize: 3, padding: 1 })
  conv2 = new Conv2d(CHANNELS, CHANNELS, { kernelSize: 3, padding: 1 })
  private readonly skip: boolean
  constructor(skip: boolean, pairs: number) {
    super()
    this.skip = skip
    for (const conv of [this.conv1, this.conv2]) {
      init.heNormal(conv.weight)
      init.zeros(conv.bias!)
    }
    // Branches that begin small keep the sum of many in bounds (Zhang et al., "Fixup initialization", 2019).
    if (skip) this.conv2.weight.assign(this.conv2.weight.mul(1 / Math.sqrt(pairs)))
  }
  override forward(x: Tensor): Tensor {
    const y = this.conv2.forward(relu(this.conv1.forward(x)))
    return relu(this.skip ? x.add(y) : y)
  }
}

/** One convolution, pairs of them, an affine map: `depth` layers with weights. Shapes: (N, 1, 28, 28) to (N, 10). */
class Deep extends Module {
  first = new Conv2d(1, CHANNELS, { kernelSize: 3, stride: 2, padding: 1 })
  pairs: Sequential
  fc = new Linear(CHANNELS * 49, 10)
  constructor({ depth = 8, skip = false }: { depth?: number; skip?: boolean } = {}) {
    super()
    const pairs = (depth - 2) / 2
    this.pairs = new Sequential(...Array.from({ length: pairs }, () => new Pair(skip, pairs)))
  }
  override forward(x: Tensor): Tensor {
    x = relu(this.first.forward(avgPool2d(x, 2))) // (N, C, 7, 7)
    x = this.pairs.forward(x)
    return this.fc.forward(x.flatten(1))
  }
}

const classifier = {
  images: mnist,
  input: { shape: [1, 28, 28], mean: 0.1307, std: 0.3081 },
  model: (config: { depth?: number; skip?: boolean }) => new Deep(config),
} satisfies Classifier

const depths = [8, 20, 56]

export default {
  name: 'degradation',
  about: 'plain against residual networks of 8, 20 and 56 layers: error on the training data',
  trainings: 2 * depths.length,
  defaults: { epochs: 3, batchSize: 64, lr: 0.02 },
  quick: { epochs: 1, limit: 640 },
  expect: {
    // Training error in percent of the last epoch.
    plain8: { atMost: 6 },
    residual56: { atMost: 6 },
    degradation: { atLeast: 1.2 },
  },
  classifier,
  async run(s) {
    const { batchSize, lr, seed } = s.options
    const { train, test } = s.load()
    const few = s.limited(train)
    const errors: Record<string, { x: number[]; y: number[] }> = {
      plain: { x: depths, y: [] },
      residual: { x: depths, y: [] },
    }
    const curves: Record<string, number[]> = {}
    for (const [kind, points] of Object.entries(errors))
      for (const depth of depths) {
        const config = { depth, skip: kind === 'residual' }
        const model = classifier.model(config)
        const { history } = await s.train(`${kind}, ${depth} layers`, model, {
          data: new DataLoader(few, { batchSize, shuffle: true, seed }),
          optimizer: new SGD(model.parameters(), { lr, momentum: 0.9 }),
          // Measured on what it was trained with: that is the point.
          validation: new DataLoader(few, { batchSize: 1000 }),
          clipNorm: 1,
          metrics: { accuracy: new Accuracy() },
        })
        points.y.push(100 * (1 - history.at(-1)!.valAccuracy!))
        curves[`${kind} ${depth}`] = history.map((e) => e.loss)
        s.save(model, { file: `${kind}-${depth}.safetensors`, config })
        if (depth === depths.at(-1) && kind === 'residual')
          s.test(model, new DataLoader(test, { batchSize: 1000 }), test.labels)
      }
    s.say(
      `\n${'layers'.padEnd(10)}${depths.map((d) => `${d}`.padStart(8)).join('')}   training error, %`,
    )
    for (const [kind, { y }] of Object.entries(errors))
      s.say(`${kind.padEnd(10)}${y.map((v) => v.toFixed(2).padStart(8)).join('')}`)
    await s.picture(
      'depth.svg',
      lineChart(errors, {
        title: 'training error by depth',
        x: 'layers',
        y: 'error, %',
        logY: true,
      }),
    )
    await s.picture(
      'loss.svg',
      lineChart(curves, { title: 'training loss', x: 'epoch', y: 'loss', logY: true }),
    )
    const [plain, residual] = [errors.plain!.y, errors.residual!.y] as [number[], number[]]
    return {
      plain8: plain[0]!,
      plain56: plain[2]!,
      residual8: residual[0]!,
      residual56: residual[2]!,
      degradation: plain[2]! / Math.max(residual[2]!, 0.01),
    }
  },
} satisfies Recipe
