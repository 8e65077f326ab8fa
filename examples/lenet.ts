/** LeNet with sigmoid and average pooling, as courses train it: SGD with a learning rate of 0.9, 5 epochs. */
import { noGrad } from 'nabla'
import { DataLoader, mnist, Subset } from 'nabla/data'
import { lenet } from 'nabla/models'
import { SGD } from 'nabla/optim'
import { imageGrid, learningCurves, matrixChart } from 'nabla/plot'
import type { Classifier, Recipe } from 'nabla/recipe'
import { summary } from 'nabla/train'

const classifier = {
  images: mnist,
  input: { shape: [1, 28, 28], mean: 0.1307, std: 0.3081 },
  model: () => lenet(),
} satisfies Classifier

export default {
  name: 'lenet',
  about: 'LeNet (6@5x5, 16@5x5, 120, 84, 10) with sigmoid on MNIST, a tenth kept for validation',
  defaults: { epochs: 5, batchSize: 32, lr: 0.9 },
  expect: { testAccuracy: { atLeast: 0.97 } },
  classifier,
  async run(s) {
    const { batchSize, lr, seed, limit } = s.options
    const { train, test } = s.load()
    const n = Math.min(limit ?? train.length, train.length)
    const range = (from: number, to: number) =>
      Int32Array.from({ length: to - from }, (_, i) => from + i)
    const kept = Math.round(n * 0.9)

    const model = classifier.model()
    s.say(`\n${summary(model, [1, 1, 28, 28])}`)
    const testData = new DataLoader(test, { batchSize: 1000 })
    const { history } = await s.train('LeNet', model, {
      data: new DataLoader(new Subset(train, range(0, kept)), { batchSize, shuffle: true, seed }),
      validation: new DataLoader(new Subset(train, range(kept, n)), { batchSize: 1000 }),
      optimizer: new SGD(model.parameters(), { lr }),
    })
    const { matrix } = s.test(model, testData, test.labels)

    await s.picture('loss.svg', learningCurves(history, { title: 'LeNet' }))
    await s.picture('confusion.svg', matrixChart(matrix.counts, { title: 'LeNet on test digits' }))
    const [first] = model.layers
    await s.picture('filters.png', imageGrid(first!.parameters()[0]!, { columns: 6 }))
    const [digit] = test.batch([0])
    const maps = noGrad(() => first!.forward(digit))
    await s.picture('feature-maps.png', imageGrid(maps.reshape([6, 28, 28]), { columns: 6 }))
    s.save(model)
    return { testAccuracy: matrix.accuracy() }
  },
} satisfies Recipe
