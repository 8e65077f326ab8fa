import { Conv2d } from '../nn/conv.js'
import * as init from '../nn/init.js'
import { Linear, Sequential } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { BasicBlock } from '../nn/residual.js'
import { relu } from '../ops/functions.js'
import { mean } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { checkOptions, type OptionNames } from '../core/options.js'

export interface ResNetOptions {
  inChannels?: number
  /** Channels of the first stage. */
  width?: number
  /** How many blocks each stage has. */
  blocks?: readonly number[]
  classes?: number
}
const names: OptionNames<ResNetOptions> = {
  inChannels: true,
  width: true,
  blocks: true,
  classes: true,
}

/**
 * A residual network for small pictures (He et al., Deep Residual Learning for Image Recognition, 2016): one convolution, then stages of blocks, each with half the side and twice
 * the channels of the one before; global average pooling; one affine map.
 *
 * Shapes: (N, inChannels, H, W) to (N, classes) logits.
 */
export class ResNet extends Module {
  conv1: Conv2d<false>
  bn1: BatchNorm2d
  stages: Sequential
  fc: Linear
  constructor(options: ResNetOptions = {}) {
    super()
    const {
      inChannels = 1,
      width = 16,
      blocks = [1, 1, 1],
      classes = 10,
    } = checkOptions('ResNet', options, names)
    this.conv1 = new Conv2d(inChannels, width, { kernelSize: 3, padding: 1, bias: false })
    this.bn1 = new BatchNorm2d(width)
    let channels = width
    this.stages = new Sequential(
      ...blocks.flatMap((n, stage) =>
        Array.from({ length: n }, (_, i) => {
          const from = channels
          channels = width * 2 ** stage
          return new BasicBlock(from, channels, { stride: stage > 0 && i === 0 ? 2 : 1 })
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
