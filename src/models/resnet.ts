import { Conv2d } from '../nn/conv.js'
import * as init from '../nn/init.js'
import { Linear, Sequential } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { add } from '../ops/elementwise.js'
import { relu } from '../ops/functions.js'
import { mean } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'

const conv = (from: number, to: number, kernelSize: number, stride = 1) =>
  new Conv2d(from, to, { kernelSize, stride, padding: (kernelSize - 1) / 2, bias: false })

/**
 * Two 3x3 convolutions beside a way past them (He et al., Deep Residual Learning for Image Recognition, 2016):
 * y = relu(x' + F(x)), where x' is x, or a 1x1 convolution of it where shape or channels change.
 *
 * Shapes: (N, from, H, W) to (N, to, H/stride, W/stride).
 */
export class BasicBlock extends Module {
  conv1: Conv2d
  bn1: BatchNorm2d
  conv2: Conv2d
  bn2: BatchNorm2d
  downsample: Sequential | null
  constructor(from: number, to: number, stride = 1) {
    super()
    this.conv1 = conv(from, to, 3, stride)
    this.bn1 = new BatchNorm2d(to)
    this.conv2 = conv(to, to, 3)
    this.bn2 = new BatchNorm2d(to)
    this.downsample =
      from === to && stride === 1
        ? null
        : new Sequential(conv(from, to, 1, stride), new BatchNorm2d(to))
  }
  override forward(x: Tensor): Tensor {
    const past = this.downsample ? this.downsample.forward(x) : x
    const y = relu(this.bn1.forward(this.conv1.forward(x)))
    return relu(add(past, this.bn2.forward(this.conv2.forward(y))))
  }
}

/**
 * A residual network for small pictures: one convolution, then stages of blocks, each with half the side and twice
 * the channels of the one before; global average pooling; one affine map.
 *
 * Shapes: (N, inChannels, H, W) to (N, classes) logits.
 */
export class ResNet extends Module {
  conv1: Conv2d
  bn1: BatchNorm2d
  stages: Sequential
  fc: Linear
  constructor({
    inChannels = 1,
    width = 16,
    blocks = [1, 1, 1],
    classes = 10,
  }: { inChannels?: number; width?: number; blocks?: readonly number[]; classes?: number } = {}) {
    super()
    this.conv1 = conv(inChannels, width, 3)
    this.bn1 = new BatchNorm2d(width)
    let channels = width
    this.stages = new Sequential(
      ...blocks.flatMap((n, stage) =>
        Array.from({ length: n }, (_, i) => {
          const from = channels
          channels = width * 2 ** stage
          return new BasicBlock(from, channels, stage > 0 && i === 0 ? 2 : 1)
        }),
      ),
    )
    this.fc = new Linear(channels, classes)
    for (const m of this.modules())
      if (m instanceof Conv2d) init.heNormal(m.weight, { mode: 'fanOut' })
  }
  override forward(x: Tensor): Tensor {
    x = relu(this.bn1.forward(this.conv1.forward(x))) // (N, width, H, W)
    x = this.stages.forward(x) // (N, C, H/4, W/4) for three stages
    return this.fc.forward(mean(x, [2, 3])) // (N, classes)
  }
}
