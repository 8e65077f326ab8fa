/** The two-layer convolution network with batch norm, Adam under a one-cycle schedule, and randomly shifted and rotated digits. */
import { DataLoader, mnist } from 'nabla/data'
import { ConvNet } from 'nabla/models'
import { Adam, OneCycleLR } from 'nabla/optim'
import { learningCurves, matrixChart } from 'nabla/plot'
import type { Classifier, Recipe } from 'nabla/recipe'
import { randomAffine } from 'nabla/vision'

const classifier = {
  images: mnist,
  input: { shape: [1, 28, 28], mean: 0.1307, std: 0.3081 },
  model: () => new ConvNet({ batchNorm: true }),
} satisfies Classifier

export default {
  name: 'convnet-augmented',
  about:
    'the convolution network with batch norm, augmentation and Adam under a one-cycle schedule',
  defaults: { epochs: 12, batchSize: 64, lr: 0.005 },
  expect: { testAccuracy: { atLeast: 0.993 } },
  classifier,
  async run(s) {
    const { batchSize, lr, seed, epochs } = s.options
    const { train, test } = s.load()
    const few = s.limited(train)
    const loader = new DataLoader(few, { batchSize, shuffle: true, seed })
    const testData = new DataLoader(test, { batchSize: 1000 })
    const model = classifier.model()
    const optimizer = new Adam(model.parameters(), { lr })
    const { history } = await s.train('convolution network with batch norm', model, {
      data: loader,
      validation: testData,
      optimizer,
      schedule: new OneCycleLR(optimizer, lr, { epochs, stepsPerEpoch: loader.length }),
      scheduleEvery: 'step',
      // Part of the compiled step; pixels from outside of the image are background.
      transform: randomAffine({
        degrees: 10,
        translate: [0.08, 0.08],
        scale: [0.9, 1.1],
        shear: 5,
        fill: -classifier.input.mean / classifier.input.std,
      }),
    })
    const { matrix } = s.test(model, testData, test.labels)
    await s.picture(
      'loss.svg',
      learningCurves(history, { title: 'with batch norm and augmentation' }),
    )
    await s.picture('confusion.svg', matrixChart(matrix.counts, { title: 'test digits' }))
    s.save(model)
    return { testAccuracy: matrix.accuracy() }
  },
} satisfies Recipe
