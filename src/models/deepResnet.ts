/** Residual networks for photographs, in the layout of torchvision. */
import { kinds, readOptions } from '../core/options.js'
import { Conv2d } from '../nn/conv.js'
import * as init from '../nn/init.js'
import { Linear, Sequential } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { MaxPool2d } from '../nn/pool.js'
import { BasicBlock, Bottleneck } from '../nn/residual.js'
import { relu } from '../ops/functions.js'
import { mean } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { imagesOf } from './pictures.js'

/** The kind of block, and how many of it each of four stages has. */
const stages = {
  18: [BasicBlock, [2, 2, 2, 2]],
  34: [BasicBlock, [3, 4, 6, 3]],
  50: [Bottleneck, [3, 4, 6, 3]],
  101: [Bottleneck, [3, 4, 23, 3]],
  152: [Bottleneck, [3, 8, 36, 3]],
} as const

export interface DeepResNetOptions {
  numClasses?: number
  /** The last scale of each block begins with 0, so that each block begins as the identity. */
  zeroInitResidual?: boolean
}
const places = { numClasses: kinds.count, zeroInitResidual: kinds.flag }

/**
 * Deep residual networks (He et al., https://arxiv.org/abs/1512.03385), torchvision's `ResNet`: a 7x7 convolution and max pooling bring
 * the picture to a quarter of its side, four stages of blocks to 1/32. `resnet18()` to `resnet152()` make them, and names of
 * weights are those of torchvision. (`ResNet` of this room is the form for small pictures.)
 *
 * Shapes: x (N, 3, H, W), logits (N, numClasses).
 * @example
 * const net = resnet18()
 * loadPretrained(net, 'resnet18.safetensors')
 */
export class DeepResNet extends Module {
  conv1: Conv2d<false>
  bn1: BatchNorm2d
  maxpool: MaxPool2d
  layer1: Sequential
  layer2: Sequential
  layer3: Sequential
  layer4: Sequential
  fc: Linear
  constructor(depth: keyof typeof stages, options: DeepResNetOptions = {}) {
    super()
    const { numClasses = 1000, zeroInitResidual = false } = readOptions<DeepResNetOptions>(
      `resnet${depth}`,
      [options],
      {},
      places,
    )
    const [Block, counts] = stages[depth]
    const times = Block === Bottleneck ? Bottleneck.expansion : 1
    this.conv1 = new Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false })
    this.bn1 = new BatchNorm2d(64)
    this.maxpool = new MaxPool2d(3, { stride: 2, padding: 1 })
    let from = 64
    const [l1, l2, l3, l4] = counts.map((count, k) => {
      const width = 64 * 2 ** k
      return new Sequential(
        ...Array.from({ length: count }, (_, i) => {
          const block = new Block(from, width, { stride: k > 0 && i === 0 ? 2 : 1 })
          from = width * times
          return block
        }),
      )
    }) as [Sequential, Sequential, Sequential, Sequential]
    this.layer1 = l1
    this.layer2 = l2
    this.layer3 = l3
    this.layer4 = l4
    this.fc = new Linear(from, numClasses)
    for (const m of this.modules()) {
      if (m instanceof Conv2d) init.heNormal(m.weight, { mode: 'fanOut' })
      if (!zeroInitResidual) continue
      if (m instanceof Bottleneck) init.zeros(m.bn3.weight)
      else if (m instanceof BasicBlock) init.zeros(m.bn2.weight)
    }
  }
  override forward(x: Tensor): Tensor {
    imagesOf('ResNet', x, 3, 1)
    let y = this.maxpool.forward(relu(this.bn1.forward(this.conv1.forward(x))))
    for (const stage of [this.layer1, this.layer2, this.layer3, this.layer4]) y = stage.forward(y)
    return this.fc.forward(mean(y, [2, 3]))
  }
}

/** 11,689,512 parameters; see DeepResNet. */
export const resnet18 = (options?: DeepResNetOptions): DeepResNet => new DeepResNet(18, options)
/** 21,797,672 parameters; see DeepResNet. */
export const resnet34 = (options?: DeepResNetOptions): DeepResNet => new DeepResNet(34, options)
/** 25,557,032 parameters; see DeepResNet. */
export const resnet50 = (options?: DeepResNetOptions): DeepResNet => new DeepResNet(50, options)
/** 44,549,160 parameters; see DeepResNet. */
export const resnet101 = (options?: DeepResNetOptions): DeepResNet => new DeepResNet(101, options)
/** 60,192,808 parameters; see DeepResNet. */
export const resnet152 = (options?: DeepResNetOptions): DeepResNet => new DeepResNet(152, options)
