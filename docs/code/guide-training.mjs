import { crossEntropy, manualSeed, randn } from 'nabla'
import { DataLoader, TensorDataset } from 'nabla/data'
import { mlp } from 'nabla/models'
import { ReLU } from 'nabla/nn'
import { Adam, CosineAnnealingLR } from 'nabla/optim'
import { Accuracy, EarlyStopping, evaluate, fit } from 'nabla/train'

manualSeed(0)
const points = randn([600, 2])
const inside = points.square().sum(1).lt(1).cast('int32')
const part = (from, n) => new TensorDataset(points.narrow(0, from, n), inside.narrow(0, from, n))
const [train, validation] = [part(0, 500), part(500, 100)]

// #region fit
const model = mlp([2, 32, 2], () => new ReLU())
const optimizer = new Adam(model.parameters(), { lr: 0.01 })
const { history } = fit(model, {
  data: new DataLoader(train, { batchSize: 50, shuffle: true }),
  validation: new DataLoader(validation, { batchSize: 100 }),
  loss: crossEntropy,
  optimizer,
  schedule: new CosineAnnealingLR(optimizer, 30),
  metrics: { accuracy: new Accuracy() },
  callbacks: [new EarlyStopping({ monitor: 'valLoss', patience: 10 })],
  epochs: 30,
})
console.log(history.at(-1).valAccuracy > 0.9) //> true
// #endregion fit

// #region evaluate
const { accuracy } = evaluate(model, new DataLoader(validation, { batchSize: 100 }), {
  loss: crossEntropy,
})
console.log(accuracy > 0.9) //> true
// #endregion evaluate
