import { BatchNorm2d } from '../nn/norm.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import { Linear } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { relu } from '../ops/functions.js'
import { maxPool2d } from '../ops/pool.js'
import { checkOptions } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'

/**
 * Two convolutions and three affine maps: 1-16-32 channels of 3x3, then 1568-120-84-10.
 *
 * Shapes: (N, 1, 28, 28) to (N, 10) logits.
 */
export class ConvNet extends Module {
  conv1 = new Conv2d(1, 16, { kernelSize: 3, padding: 1 })
  conv2 = new Conv2d(16, 32, { kernelSize: 3, padding: 1 })
  norm1: BatchNorm2d | null
  norm2: BatchNorm2d | null
  fc1 = new Linear(32 * 7 * 7, 120)
  fc2 = new Linear(120, 84)
  fc3 = new Linear(84, 10)
  dropout: Dropout

  constructor(options: { batchNorm?: boolean; dropout?: number } = {}) {
    super()
    const { batchNorm = false, dropout = 0.25 } = checkOptions('ConvNet', options, [
      'batchNorm',
      'dropout',
    ])
    this.norm1 = batchNorm ? new BatchNorm2d(16) : null
    this.norm2 = batchNorm ? new BatchNorm2d(32) : null
    this.dropout = new Dropout(dropout)
  }
  /** What the last affine map sees: (N, 84). */
  features(x: Tensor): Tensor {
    const { norm1, norm2, dropout } = this
    x = this.conv1.forward(x) // (N, 16, 28, 28)
    x = maxPool2d(relu(norm1 ? norm1.forward(x) : x), 2) // (N, 16, 14, 14)
    x = this.conv2.forward(x) // (N, 32, 14, 14)
    x = maxPool2d(relu(norm2 ? norm2.forward(x) : x), 2) // (N, 32, 7, 7)
    x = dropout.forward(x.flatten(1)) // (N, 1568)
    x = dropout.forward(relu(this.fc1.forward(x))) // (N, 120)
    return relu(this.fc2.forward(x)) // (N, 84)
  }
  override forward(x: Tensor): Tensor {
    return this.fc3.forward(this.features(x)) // (N, 10)
  }
}
