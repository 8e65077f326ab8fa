/** Softmax regression on MNIST: one affine map, the smallest network there is. */
import { DataLoader, mnist } from 'nabla/data'
import { Linear } from 'nabla/nn'
import { SGD } from 'nabla/optim'
import { imageGrid } from 'nabla/plot'
import type { Classifier, Recipe } from 'nabla/recipe'

const classifier = {
  images: mnist,
  model: () => new Linear(784, 10), // y = softmax(x Wᵀ + b)
} satisfies Classifier

export default {
  name: 'softmax',
  about: 'softmax regression: 784 pixels, 10 classes, one weight for each pair of them',
  defaults: { epochs: 5, batchSize: 128, lr: 0.5 },
  expect: { testAccuracy: { atLeast: 0.915 } },
  classifier,
  async run(s) {
    const { batchSize, lr, seed } = s.options
    const { train, test } = s.load()
    const few = s.limited(train)
    const model = classifier.model()
    await s.train('softmax regression', model, {
      data: new DataLoader(few, { batchSize, shuffle: true, seed }),
      validation: new DataLoader(test, { batchSize: 1000 }),
      optimizer: new SGD(model.parameters(), { lr }),
    })
    const { matrix } = s.test(model, new DataLoader(test, { batchSize: 1000 }), test.labels)
    // A row of the weights is a picture of what speaks for its digit.
    await s.picture(
      'weights.png',
      imageGrid(model.weight.reshape([10, 28, 28]), { columns: 5, scale: 4 }),
    )
    s.save(model)
    return { testAccuracy: matrix.accuracy() }
  },
} satisfies Recipe
