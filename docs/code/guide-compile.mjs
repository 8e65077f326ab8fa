import { compile, crossEntropy, manualSeed, randn, tensor, zeros } from 'nabla'
import { Linear } from 'nabla/nn'
import { Adam } from 'nabla/optim'

// #region step
manualSeed(0)
const model = new Linear(4, 3)
const optimizer = new Adam(model.parameters(), { lr: 0.1 })
const step = compile((x, y) => {
  const loss = crossEntropy(model.forward(x), y)
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss
})
const [x, y] = [randn([8, 4]), tensor([0, 1, 2, 0, 1, 2, 0, 1], { dtype: 'int32' })]
const first = step(x, y).item()
for (let i = 0; i < 50; i++) step(x, y)
console.log(step(x, y).item() < first, step.traces) //> true 1
// #endregion step

// #region signatures
const double = compile((x) => x.mul(2))
double(zeros([2]))
double(zeros([2])) // the same shape and type: the same program
double(zeros([3])) // another shape: traced once more
console.log(double.traces) //> 2
// #endregion signatures

// #region frozen
let factor = 2
const scaled = compile((x) => x.mul(factor))
console.log(scaled(tensor([1])).item()) //> 2
factor = 3
console.log(scaled(tensor([1])).item()) // still 2: a number from outside is part of the program //> 2
const right = compile((x, factor) => x.mul(factor)) // an argument is looked at in every call
console.log(right(tensor([1]), 2).item(), right(tensor([1]), 3).item()) //> 2 3
// #endregion frozen

// #region captured
const bias = tensor([1])
const shifted = compile((x) => x.add(bias)) // a tensor from outside is captured, and read in every call
console.log(shifted(tensor([1])).item()) //> 2
bias.assign(tensor([5]))
console.log(shifted(tensor([1])).item()) //> 6
// #endregion captured
