/** A residual network on Fashion-MNIST, with flips and shifts, SGD with Nesterov momentum and a one-cycle schedule. */
import { DataLoader, fashionMnist } from 'nabla/data'
import { ResNet } from 'nabla/models'
import { OneCycleLR, SGD } from 'nabla/optim'
import { learningCurves, matrixChart } from 'nabla/plot'
import type { Classifier, Recipe } from 'nabla/recipe'
import { summary } from 'nabla/train'
import { compose, randomCrop, randomHorizontalFlip } from 'nabla/vision'

const names = [
  'T-shirt',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'boot',
] // prettier-ignore

const classifier = {
  images: fashionMnist,
  input: { shape: [1, 28, 28], mean: 0.286, std: 0.353 },
  model: () => new ResNet({ width: 16, blocks: [1, 1, 1] }),
} satisfies Classifier

export default {
  name: 'fashion',
  about: 'a residual network of 16, 32 and 64 channels on Fashion-MNIST',
  defaults: { epochs: 15, batchSize: 128, lr: 0.1 },
  expect: { testAccuracy: { atLeast: 0.925 } },
  classifier,
  async run(s) {
    const { batchSize, lr, seed, epochs } = s.options
    const { train, test } = s.load()
    const few = s.limited(train)
    const loader = new DataLoader(few, { batchSize, shuffle: true, seed })
    const testData = new DataLoader(test, { batchSize: 1000 })
    const model = classifier.model()
    s.say(`\n${summary(model, [1, 1, 28, 28])}`)
    const optimizer = new SGD(model.parameters(), {
      lr,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 5e-4,
    })
    const { history } = await s.train('residual network', model, {
      data: loader,
      validation: testData,
      optimizer,
      schedule: new OneCycleLR(optimizer, lr, {
        epochs,
        stepsPerEpoch: loader.length,
        cycleMomentum: false,
      }),
      scheduleEvery: 'step',
      transform: compose(
        randomCrop(28, { padding: 2, fill: -classifier.input.mean / classifier.input.std }),
        randomHorizontalFlip(),
      ),
    })
    const { matrix } = s.test(model, testData, test.labels)
    await s.picture(
      'accuracy.svg',
      learningCurves(history, { measure: 'accuracy', title: 'residual network' }),
    )
    await s.picture(
      'confusion.svg',
      matrixChart(matrix.counts, { names, title: 'test pictures', width: 640 }),
    )
    s.save(model)
    return { testAccuracy: matrix.accuracy() }
  },
} satisfies Recipe
