import { Sigmoid } from '../nn/activations.js'
import { Conv2d } from '../nn/conv.js'
import * as init from '../nn/init.js'
import { Flatten } from '../nn/shape.js'
import { type Layer, Linear, Sequential } from '../nn/layers.js'
import { AvgPool2d } from '../nn/pool.js'

/**
 * LeNet-5 (LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998) in the form of today's
 * courses: average pooling without weights, a linear last layer, Xavier's initial values and biases of 0, as in Keras.
 * 61,706 parameters.
 *
 * Shapes: (N, 1, 28, 28) to (N, 10) logits.
 */
export function lenet(activation: () => Layer = () => new Sigmoid()): Sequential {
  const model = new Sequential(
    new Conv2d(1, 6, { kernelSize: 5, padding: 2 }), // (N, 6, 28, 28)
    activation(),
    new AvgPool2d(2), // (N, 6, 14, 14)
    new Conv2d(6, 16, { kernelSize: 5 }), // (N, 16, 10, 10)
    activation(),
    new AvgPool2d(2), // (N, 16, 5, 5)
    new Flatten(), // (N, 400)
    new Linear(400, 120),
    activation(),
    new Linear(120, 84),
    activation(),
    new Linear(84, 10),
  )
  for (const p of model.parameters()) {
    if (p.rank > 1) init.xavierUniform(p)
    else init.zeros(p)
  }
  return model
}
