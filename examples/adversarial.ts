/**
 * Adversarial examples by the fast gradient sign method (Goodfellow et al., 2015): x + ε sign(∂loss/∂x) looks the same and
 * is taken for something else. A network trained on such pictures resists.
 */
import {
  add,
  clamp,
  compile,
  concat,
  crossEntropy,
  grad,
  mul,
  noGrad,
  sign,
  type Tensor,
} from 'nabla'
import { DataLoader, mnist } from 'nabla/data'
import { mlp } from 'nabla/models'
import { ReLU } from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { imageGrid, lineChart } from 'nabla/plot'
import type { Classifier, Recipe } from 'nabla/recipe'
import type { Batch } from 'nabla/train'

const classifier = {
  images: mnist,
  model: () => mlp([784, 256, 10], () => new ReLU()),
} satisfies Classifier
type Net = ReturnType<typeof classifier.model>

/** The pictures moved by ε in each pixel, in the direction in which the loss grows; pixels stay from 0 to 1. */
function attack(model: Net, x: Tensor, y: Tensor, epsilon: number | Tensor): Tensor {
  const slope = grad((input: Tensor) => crossEntropy(model.forward(input) as Tensor, y))(x)
  return noGrad(() => clamp(add(x, mul(sign(slope), epsilon)), 0, 1))
}

export default {
  name: 'adversarial',
  about: 'adversarial examples on MNIST, and training that resists them',
  defaults: { epochs: 3, batchSize: 128, lr: 0.001 },
  expect: {
    plainClean: { atLeast: 0.96 },
    plainAttacked: { atMost: 0.3 },
    trainedAttacked: { atLeast: 0.75 },
  },
  classifier,
  async run(s) {
    const { epochs, batchSize, lr, seed } = s.options
    const { train, test } = s.load()
    const loader = new DataLoader<Batch>(s.limited(train), { batchSize, shuffle: true, seed })
    const [images, labels] = test.batch(Int32Array.from({ length: 2000 }, (_, i) => i))
    const strengths = [0, 0.02, 0.05, 0.1, 0.15, 0.2]
    const curves: Record<string, { x: number[]; y: number[] }> = {}
    const at = 0.1
    for (const name of ['plain', 'trained'] as const) {
      const model = classifier.model()
      const optimizer = new Adam(model.parameters(), { lr })
      const step = compile((x: Tensor, y: Tensor) => {
        const [all, answers] =
          name === 'plain' ? [x, y] : [concat([x, attack(model, x, y, at)]), concat([y, y])]
        const loss = crossEntropy(model.forward(all) as Tensor, answers)
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        return loss
      })
      for (let epoch = 0; epoch < epochs; epoch++) {
        let loss: Tensor | undefined
        for (const [x, y] of loader) loss = step(x!, y!)
        s.say(`${name}, epoch ${epoch + 1}: loss ${loss!.item().toFixed(4)}`)
        s.emit({ event: 'epoch', run: name, epoch, loss: loss!.item() })
      }
      const accuracy = (epsilon: number) =>
        noGrad(() => model.forward(attack(model, images, labels, epsilon)) as Tensor)
          .argmax(1)
          .eq(labels)
          .to('float32')
          .mean()
          .item()
      curves[name] = { x: strengths, y: strengths.map(accuracy) }
      s.save(model, { file: `${name}.safetensors` })
      if (name === 'plain') {
        const few = images.slice([[0, 8]])
        const moved = attack(model, few, labels.slice([[0, 8]]), at)
        const said = noGrad(() => model.forward(moved) as Tensor)
          .argmax(1)
          .toArray()
        s.say(`taken for: ${said}; they are ${labels.slice([[0, 8]]).toArray()}`)
        await s.picture(
          'examples.png',
          imageGrid(concat([few, moved]).reshape([16, 1, 28, 28]), { columns: 8 }),
        )
      }
    }
    s.say(`\n${'ε'.padEnd(10)}${strengths.map((e) => `${e}`.padStart(8)).join('')}`)
    for (const [name, { y }] of Object.entries(curves))
      s.say(`${name.padEnd(10)}${y.map((v) => v.toFixed(3).padStart(8)).join('')}`)
    await s.picture(
      'strength.svg',
      lineChart(curves, { title: 'accuracy under attack', x: 'ε', y: 'accuracy' }),
    )
    const k = strengths.indexOf(at)
    return {
      plainClean: curves.plain!.y[0]!,
      plainAttacked: curves.plain!.y[k]!,
      trainedClean: curves.trained!.y[0]!,
      trainedAttacked: curves.trained!.y[k]!,
    }
  },
} satisfies Recipe
