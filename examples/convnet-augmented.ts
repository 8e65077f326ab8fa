/** The two-layer convolution network with batch norm, Adam under a one-cycle schedule, and digits moved and turned. */
import { DataLoader, mnist } from 'nabla/data'
import { ConvNet } from 'nabla/models'
import { Adam, OneCycleLR } from 'nabla/optim'
import { learningCurves, matrixChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import { randomAffine } from 'nabla/vision'

export default {
  name: 'convnet-augmented',
  about:
    'the convolution network with batch norm, augmentation and Adam under a one-cycle schedule',
  defaults: { epochs: 8, batchSize: 64, lr: 0.005 },
  expect: { testAccuracy: { atLeast: 0.993 } },
  async run(s) {
    const { batchSize, lr, seed, epochs, data } = s.options
    const { train, test } = mnist({
      ...(data && { folder: data }),
      shape: [1, 28, 28],
      mean: 0.1307,
      std: 0.3081,
    })
    const few = s.limited(train)
    const loader = new DataLoader(few, { batchSize, shuffle: true, seed })
    const testData = new DataLoader(test, { batchSize: 1000 })
    const model = new ConvNet({ batchNorm: true })
    const optimizer = new Adam(model.parameters(), { lr })
    const { history } = s.train('convolution network with batch norm', model, {
      data: loader,
      validation: testData,
      optimizer,
      schedule: new OneCycleLR(optimizer, lr, { epochs, stepsPerEpoch: loader.length }),
      scheduleEvery: 'step',
      // Inside of the compiled step; what moves in has the value of empty paper.
      transform: randomAffine({
        degrees: 10,
        translate: [0.08, 0.08],
        scale: [0.9, 1.1],
        shear: 5,
        fill: -0.1307 / 0.3081,
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
