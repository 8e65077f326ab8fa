import { maxPool2d, relu, zeros } from 'nabla'
import { Conv2d, Linear, Module } from 'nabla/nn'

// #region model
class ConvNet extends Module {
  conv1 = new Conv2d(1, 16, { kernelSize: 3, padding: 1 })
  conv2 = new Conv2d(16, 32, { kernelSize: 3, padding: 1 })
  fc = new Linear(32 * 7 * 7, 10)
  forward(x) {
    x = maxPool2d(relu(this.conv1.forward(x)), 2) // (N, 16, 14, 14)
    x = maxPool2d(relu(this.conv2.forward(x)), 2) // (N, 32, 7, 7)
    return this.fc.forward(x.flatten(1)) // (N, 10)
  }
}
const model = new ConvNet()
console.log(model.forward(zeros([1, 1, 28, 28])).shape) //> [ 1, 10 ]
console.log(model.parameterCount()) //> 20490
// #endregion model

// #region field
/** How wide a part of the picture one value of a layer sees: kernels and strides from the first layer on. */
function receptiveField(layers) {
  let [field, jump] = [1, 1]
  for (const { kernel, stride } of layers) {
    field += (kernel - 1) * jump
    jump *= stride
  }
  return field
}
const conv = { kernel: 3, stride: 1 }
const pool = { kernel: 2, stride: 2 }
console.log(receptiveField([conv, pool, conv, pool])) //> 10
// #endregion field
