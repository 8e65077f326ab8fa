import { NablaError, ShapeError, tensor, zeros } from 'nabla'
import { Linear, Module } from 'nabla/nn'

// #region shape
class Net extends Module {
  fc = new Linear(1568, 10)
  forward(x) {
    return this.fc.forward(x)
  }
}
try {
  new Net().forward(zeros([64, 32, 7, 7]))
} catch (error) {
  console.log(error instanceof ShapeError, error instanceof NablaError) //> true true
  console.log(error.message) //> Net.fc: [linear] the last axis of x must be 1568; got [64, 32, 7, 7]. Did you forget flatten(1)?
}
// #endregion shape

// #region matmul
try {
  zeros([2, 3]).matmul(zeros([2, 3]))
} catch (error) {
  console.log(error.message) //> [matmul] the last axis of a (3) must equal the last but one axis of b (2); got [2, 3] and [2, 3]. Transpose b: b.transpose(-1, -2).
}
// #endregion matmul

// #region index
try {
  tensor([1, 2]).gather(0, tensor([5], { dtype: 'int32' }))
} catch (error) {
  console.log(error.name) //> IndexError
}
// #endregion index
