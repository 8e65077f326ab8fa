import { compile, manualSeed, noGrad, crossEntropy, tensor } from 'nabla'
import { Linear, Sequential, Tanh } from 'nabla/nn'
import { SGD } from 'nabla/optim'

// #region rule
/** Rosenblatt's rule: wrong answers move the line toward the right side. Gives the number of updates, or null. */
function perceptron(points, answers, rounds = 100) {
  const w = [0, 0]
  let b = 0
  let updates = 0
  for (let round = 0; round < rounds; round++) {
    let wrong = 0
    points.forEach((x, i) => {
      const y = w[0] * x[0] + w[1] * x[1] + b > 0 ? 1 : 0
      const error = answers[i] - y
      if (error === 0) return
      w[0] += error * x[0]
      w[1] += error * x[1]
      b += error
      wrong++
      updates++
    })
    if (wrong === 0) return updates
  }
  return null
}
const points = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]
console.log('AND', perceptron(points, [0, 0, 0, 1])) //> AND 10
console.log('OR', perceptron(points, [0, 1, 1, 1])) //> OR 4
console.log('NAND', perceptron(points, [1, 1, 1, 0])) //> NAND 11
console.log('XOR', perceptron(points, [0, 1, 1, 0])) //> XOR null
// #endregion rule

// #region hidden
manualSeed(1)
const x = tensor(points)
const y = tensor([0, 1, 1, 0], { dtype: 'int32' })
const model = new Sequential(new Linear(2, 8), new Tanh(), new Linear(8, 2))
const optimizer = new SGD(model.parameters(), { lr: 0.5, momentum: 0.9 })
const step = compile((x, y) => {
  const loss = crossEntropy(model.forward(x), y)
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss
})
for (let i = 0; i < 200; i++) step(x, y)
console.log('XOR', noGrad(() => model.forward(x).argmax(1)).toArray()) //> XOR [ 0, 1, 1, 0 ]
// #endregion hidden
