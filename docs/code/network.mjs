import { manualSeed, matmul, randn, relu, zeros } from 'nabla'
import { Linear, Module, ReLU, Sequential } from 'nabla/nn'

manualSeed(0)
// #region sequential
// 784 pixels, two hidden layers of 16 neurons, 10 classes.
const model = new Sequential(
  new Linear(784, 16),
  new ReLU(),
  new Linear(16, 16),
  new ReLU(),
  new Linear(16, 10),
)
console.log(model.forward(zeros([1, 784])).shape) //> [ 1, 10 ]
// 784·16 + 16 + 16·16 + 16 + 16·10 + 10
console.log(model.parameterCount()) //> 13002
// #endregion sequential

// #region module
class Digits extends Module {
  hidden1 = new Linear(784, 16)
  hidden2 = new Linear(16, 16)
  output = new Linear(16, 10)
  forward(x) {
    x = relu(this.hidden1.forward(x)) // (N, 16)
    x = relu(this.hidden2.forward(x)) // (N, 16)
    return this.output.forward(x) // (N, 10)
  }
}
console.log(new Digits().parameterCount()) //> 13002
// #endregion module

// #region line
// Two layers without an activation are one layer: B(Ax) = (BA)x.
const [A, B] = [randn([5, 3]), randn([2, 5])]
const x = randn([3, 1])
const twice = matmul(B, matmul(A, x))
const once = matmul(matmul(B, A), x)
console.log(twice.sub(once).abs().max().item() < 1e-5) //> true
// #endregion line
