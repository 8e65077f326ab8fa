/** `nabla train digits`: the course's network on all of MNIST. */
import { backend } from '../backends/registry.js'
import { grouped } from '../core/text.js'
import { DataLoader } from '../data/loader.js'
import { mnist } from '../data/mnist.js'
import { mlp } from '../models/mlp.js'
import type { Batch } from '../train/evaluate.js'
import { type ActivationName, activations, type OptimizerName, optimizers } from './choices.js'
import { joinRanks, type Classifier, Session, type SessionOptions } from './recipe.js'
import { percent } from './terminal.js'

export interface DigitsOptions extends SessionOptions {
  hidden: number[]
  activation: ActivationName
  batchSize: number
  lr?: number
  optimizer: OptimizerName
}

export const classifier = {
  images: mnist,
  model: ({ sizes, activation }: { sizes: number[]; activation: ActivationName }) =>
    mlp(sizes, activations[activation]),
} satisfies Classifier

export async function trainDigits(given: DigitsOptions): Promise<void> {
  const options = given.quick ? { limit: 2000, ...given, epochs: 2 } : given
  const s = new Session('digits', options, classifier, 1, await joinRanks())
  const { hidden, activation, epochs, batchSize, seed } = options
  const { train, test, original } = s.load()

  const sizes = [train.height * train.width, ...hidden, 10]
  const model = classifier.model({ sizes, activation })
  const choice = optimizers[options.optimizer]
  const lr = options.lr ?? choice.lr
  const parameters = model.parameterCount()
  const config = {
    sizes,
    activation,
    optimizer: options.optimizer,
    lr,
    epochs,
    batchSize,
    seed,
    parameters,
    originalData: original,
  }
  s.begin(config)
  const { backend: name, threads } = backend().info()
  s.say(
    `${grouped(train.length)} training and ${grouped(test.length)} test images${original ? '' : ' (not the original files of MNIST)'}, ${options.optimizer} lr ${lr}, backend ${name}, ${threads} threads`,
  )
  const losses: number[] = []
  await s.train(`${sizes.join('-')} ${activation}`, model, {
    data: new DataLoader<Batch>(s.limited(train as never), { batchSize, shuffle: true, seed }),
    optimizer: choice.make(model.parameters(), lr),
    callbacks: [
      {
        name: 'losses',
        onBatchEnd: (_t, b) => losses.push(b.loss),
        state: () => losses,
        restore: (before) =>
          void losses.splice(0, Number.POSITIVE_INFINITY, ...(before as number[])),
      },
    ],
  })
  s.curve('loss of each step', losses)

  const { matrix, outputs } = s.test(
    model,
    new DataLoader<Batch>(test, { batchSize: 1000 }),
    test.labels,
  )
  const testAccuracy = matrix.accuracy()
  s.save(model, { config: { sizes, activation } })

  s.say('\na few test digits and what the network says')
  const answers = outputs.argmax(1).toTypedArray()
  const confidence = outputs.softmax(1).max(1)[0].toTypedArray()
  s.images(
    pick(test.labels, answers).map((i) => ({
      pixels: Array.from(test.image(i), (v) => v / 255),
      width: test.width,
      height: test.height,
      caption: `${answers[i]} (${Math.round(100 * confidence[i]!)} %)${answers[i] === test.labels[i] ? '' : `, is ${test.labels[i]}`}`,
    })),
  )
  s.say(
    `\ntest accuracy ${percent(testAccuracy)}  in ${s.seconds.toFixed(2)} s, saved in ${s.folder}`,
  )
  s.end({ parameters, testAccuracy })
}

/** Two that are right and one that is wrong. */
function pick(truth: ArrayLike<number>, said: ArrayLike<number>): number[] {
  const right: number[] = []
  const wrong: number[] = []
  for (let i = 0; i < said.length; i++) (said[i] === truth[i] ? right : wrong).push(i)
  return [...right.slice(0, 2), ...wrong.slice(0, 1)]
}
