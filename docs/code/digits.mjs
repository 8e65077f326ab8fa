import { writeFileSync } from 'node:fs'
import { crossEntropy, manualSeed } from 'nabla'
import { DataLoader, mnist } from 'nabla/data'
import { mlp } from 'nabla/models'
import { ReLU } from 'nabla/nn'
import { SGD } from 'nabla/optim'
import { imageGrid } from 'nabla/plot'
import { evaluate, fit } from 'nabla/train'

// #region train
manualSeed(0)
const { train, test } = mnist({ mean: 0.1307, std: 0.3081 })
const model = mlp([784, 16, 16, 10], () => new ReLU())
fit(model, {
  data: new DataLoader(train, { batchSize: 64, shuffle: true, seed: 0 }),
  loss: crossEntropy,
  optimizer: new SGD(model.parameters(), { lr: 0.1 }),
  epochs: 2,
})
const { accuracy } = evaluate(model, new DataLoader(test, { batchSize: 1000 }))
console.log(accuracy > 0.92) //> true
// #endregion train

// What each neuron of the first layer looks at.
writeFileSync(
  'pictures/digits-weights.png',
  imageGrid(model.parameters()[0].reshape([16, 1, 28, 28]), { columns: 8, scale: 3 }),
)
