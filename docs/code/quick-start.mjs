import { compile, crossEntropy, manualSeed, noGrad, tensor } from 'nabla'
import * as nn from 'nabla/nn'
import { SGD } from 'nabla/optim'

manualSeed(1)
// #region data
const x = tensor([
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
])
const y = tensor([0, 1, 1, 0], { dtype: 'int32' })
// #endregion data

// #region model
const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 2))
const optimizer = new SGD(model.parameters(), { lr: 0.5, momentum: 0.9 })
// #endregion model

// #region step
const step = compile((x, y) => {
  const loss = crossEntropy(model.forward(x), y)
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss
})
for (let i = 0; i < 200; i++) step(x, y)
// #endregion step

// #region use
console.log(step(x, y).item() < 0.01) //> true
console.log(noGrad(() => model.forward(x).argmax(1)).toArray()) //> [ 0, 1, 1, 0 ]
// #endregion use
