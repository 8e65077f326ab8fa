/**
 * Several losses at once: one network with two heads on the same digits (which digit, and whether it is even), whose
 * losses are added with weights, and a deep network of sigmoids that learns only with a loss on a hidden layer too
 * (Lee et al., "Deeply-supervised nets", 2015).
 */
import {
  add,
  binaryCrossEntropyWithLogits,
  compile,
  crossEntropy,
  mul,
  noGrad,
  relu,
  sigmoid,
  type Tensor,
} from 'nabla'
import { DataLoader, mnist } from 'nabla/data'
import { init, Linear, Module } from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { barChart, lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import type { Batch } from 'nabla/train'

/** Shapes: (N, 784) to logits (N, 10) and (N). */
class TwoHeads extends Module {
  body = new Linear(784, 128)
  digit = new Linear(128, 10)
  even = new Linear(128, 1)
  override forward(x: Tensor): [digit: Tensor, even: Tensor] {
    const h = relu(this.body.forward(x))
    return [this.digit.forward(h), this.even.forward(h).squeeze(1)]
  }
}

/** Sigmoids one upon the other, and a second exit in the middle. Shapes: (N, 784) to two (N, 10). */
class TwoExits extends Module {
  layers = Array.from({ length: 10 }, (_, i) => new Linear(i === 0 ? 784 : 64, 64))
  exit = new Linear(64, 10)
  last = new Linear(64, 10)
  constructor() {
    super()
    for (const layer of this.layers) init.xavierUniform(layer.weight)
  }
  override forward(x: Tensor): [last: Tensor, hidden: Tensor] {
    let hidden = x
    this.layers.forEach((layer, i) => {
      x = sigmoid(layer.forward(x))
      if (i === 4) hidden = x
    })
    return [this.last.forward(x), this.exit.forward(hidden)]
  }
}

export default {
  name: 'heads',
  about: 'two heads with weighted losses on MNIST, and a loss on a hidden layer of a deep network',
  data: 'the folder of the four IDX files of MNIST',
  defaults: { epochs: 3, batchSize: 128, lr: 0.002 },
  expect: {
    digitAccuracy: { atLeast: 0.95 },
    evenAccuracy: { atLeast: 0.97 },
    supervisedGain: { atLeast: 0.1 },
  },
  async run(s) {
    const { epochs, batchSize, lr, data, seed } = s.options
    const { train, test } = mnist({ ...(data && { folder: data }), mean: 0.1307, std: 0.3081 })
    const loader = new DataLoader<Batch>(s.limited(train), { batchSize, shuffle: true, seed })
    const [images, labels] = test.batch(Int32Array.from({ length: 2000 }, (_, i) => i))

    /** Trains, and gives the losses. */
    const learn = (model: Module, lossOf: (x: Tensor, y: Tensor) => Tensor): number[] => {
      const optimizer = new Adam(model.parameters(), { lr })
      const step = compile((x: Tensor, y: Tensor) => {
        const loss = lossOf(x, y)
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        return loss
      })
      const losses: number[] = []
      for (let epoch = 0; epoch < epochs; epoch++)
        for (const [x, y] of loader) losses.push(step(x!, y!).item())
      return losses
    }
    const share = (right: Tensor) => right.to('float32').mean().item()
    const isEven = (y: Tensor) => y.remainder(2).eq(0)

    s.say('\ntwo heads: which digit, and whether it is even')
    const both: Record<string, { digit: number; even: number }> = {}
    for (const weight of [0, 0.5, 1]) {
      const model = new TwoHeads()
      learn(model, (x, y) => {
        const [digit, even] = model.forward(x)
        const [a, b] = [
          crossEntropy(digit, y),
          binaryCrossEntropyWithLogits(even, isEven(y).to('float32')),
        ]
        return add(mul(a, 1 - weight), mul(b, weight))
      })
      const [digit, even] = noGrad(() => model.forward(images))
      const result = {
        digit: share(digit.argmax(1).eq(labels)),
        even: share(even.gt(0).eq(isEven(labels))),
      }
      both[`${1 - weight} : ${weight}`] = result
      s.say(
        `weights ${1 - weight} and ${weight}: digit ${result.digit.toFixed(4)}, even ${result.even.toFixed(4)}`,
      )
      s.emit({ event: 'heads', weight, ...result })
      if (weight === 0.5) s.save(model)
    }
    await s.picture(
      'heads.svg',
      barChart(
        Object.fromEntries(
          Object.entries(both).flatMap(([w, r]) => [
            [`digit, ${w}`, r.digit],
            [`even, ${w}`, r.even],
          ]),
        ),
        { title: 'accuracy of each head by the weights of their losses', y: 'accuracy' },
      ),
    )

    s.say('\nten layers of sigmoids, with and without a loss on the fifth')
    const curves: Record<string, number[]> = {}
    const ends: number[] = []
    for (const weight of [0, 0.5]) {
      const model = new TwoExits()
      const name = weight ? 'with a loss on the hidden layer' : 'the last loss alone'
      curves[name] = learn(model, (x, y) => {
        const [last, hidden] = model.forward(x)
        const loss = crossEntropy(last, y)
        return weight ? add(loss, mul(crossEntropy(hidden, y), weight)) : loss
      })
      const accuracy = share(
        noGrad(() => model.forward(images)[0])
          .argmax(1)
          .eq(labels),
      )
      ends.push(accuracy)
      s.say(`${name}: test accuracy ${accuracy.toFixed(4)}`)
    }
    await s.picture(
      'supervision.svg',
      lineChart(curves, { title: 'loss by step', x: 'step', y: 'loss' }),
    )
    const { digit, even } = both['0.5 : 0.5']!
    return { digitAccuracy: digit, evenAccuracy: even, supervisedGain: ends[1]! - ends[0]! }
  },
} satisfies Recipe
