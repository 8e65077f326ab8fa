import { add, mul, sigmoid, tensor } from 'nabla'
import { Linear } from 'nabla/nn'

// #region by-hand
const x = tensor([0.5, -1, 2]) // the inputs
const w = tensor([0.8, 0.2, -0.5]) // one weight for each
const b = 0.1

const z = add(mul(w, x).sum(), b) // 0.8·0.5 + 0.2·(−1) − 0.5·2 + 0.1
console.log(z.item().toFixed(3)) //> -0.700
console.log(sigmoid(z).item().toFixed(3)) //> 0.332
// #endregion by-hand

// #region layer
const neuron = new Linear(3, 1)
console.log(neuron.weight.shape, neuron.bias.shape) //> [ 1, 3 ] [ 1 ]
console.log(sigmoid(neuron.forward(x)).shape) //> [ 1 ]
// #endregion layer

// #region matrix
const layer = new Linear(3, 4) // four neurons that see the same inputs
const batch = tensor([
  [0.5, -1, 2],
  [1, 1, 1],
])
console.log(layer.forward(batch).shape) //> [ 2, 4 ]
// #endregion matrix
