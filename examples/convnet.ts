/** The two-layer convolution network on MNIST: 1-16-32 channels, 1568-120-84-10, dropout, SGD with momentum. */
import { DataLoader, mnist } from 'nabla/data'
import { ConvNet } from 'nabla/models'
import { SGD } from 'nabla/optim'
import { imageGrid, learningCurves } from 'nabla/plot'
import type { Classifier, Recipe } from 'nabla/recipe'
import { summary } from 'nabla/train'

const classifier = {
  images: mnist,
  input: { shape: [1, 28, 28], mean: 0.1307, std: 0.3081 },
  model: () => new ConvNet(),
} satisfies Classifier

export default {
  name: 'convnet',
  about: 'two convolutions of 3x3 and three affine maps on MNIST, dropout 0.25, SGD with momentum',
  defaults: { epochs: 5, batchSize: 64, lr: 0.001 },
  expect: { testAccuracy: { atLeast: 0.97 }, trainSeconds: { atMost: 60 } },
  classifier,
  async run(s) {
    const { batchSize, lr, seed } = s.options
    const { train, test } = s.load()
    const few = s.limited(train)
    const model = classifier.model()
    s.say(`\n${summary(model, [1, 1, 28, 28])}`)
    const testData = new DataLoader(test, { batchSize: 1000 })
    const { history } = await s.train('convolution network', model, {
      data: new DataLoader(few, { batchSize, shuffle: true, seed }),
      validation: testData,
      optimizer: new SGD(model.parameters(), { lr, momentum: 0.9 }),
    })
    const { matrix } = s.test(model, testData, test.labels)
    await s.picture('loss.svg', learningCurves(history, { title: 'convolution network' }))
    await s.picture('filters.png', imageGrid(model.conv1.weight, { columns: 8 }))
    s.save(model)
    return {
      testAccuracy: matrix.accuracy(),
      trainSeconds: history.reduce((sum, e) => sum + e.seconds, 0),
    }
  },
} satisfies Recipe
