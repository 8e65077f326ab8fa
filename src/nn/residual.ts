/** Residual blocks with a skip connection: y = f(x) + x. He et al., "Deep residual learning", 2015, https://arxiv.org/abs/1512.03385 */
import { checkOptions, type OptionNames } from '../core/options.js'
import { relu } from '../ops/functions.js'
import type { Tensor } from '../ops/tensor.js'
import { Conv2d } from './conv.js'
import { type Layer, Sequential } from './layers.js'
import { Module } from './module.js'
import { add } from '../ops/arithmetic.js'
import { BatchNorm2d } from './norm.js'

export interface ResidualOptions {
  /** The layer of the skip connection, where f changes the shape of x. */
  shortcut?: Layer | null
  /** Applied to the sum. */
  activation?: Layer | null
}
const around: OptionNames<ResidualOptions> = { shortcut: true, activation: true }
/**
 * y = activation(body(x) + shortcut(x)).
 * @example new ResidualBlock(new Linear(3, 3)).forward(zeros([2, 3])).shape // [2, 3]
 */
export class ResidualBlock extends Module {
  body: Layer
  shortcut: Layer | null
  activation: Layer | null
  constructor(body: Layer, options: ResidualOptions = {}) {
    super()
    const { shortcut = null, activation = null } = checkOptions('ResidualBlock', options, around)
    this.body = body
    this.shortcut = shortcut
    this.activation = activation
  }
  override forward(x: Tensor): Tensor {
    const around = this.shortcut ? this.shortcut.forward(x) : x
    const y = add(this.body.forward(x), around)
    return this.activation ? this.activation.forward(y) : y
  }
}

export interface BlockOptions {
  /** Of the 3x3 convolution that makes the image smaller. */
  stride?: number
  /** The skip connection; a 1x1 convolution with batch norm unless given, where the shape changes. */
  downsample?: Layer | null
}

const blockOptions: OptionNames<BlockOptions> = { stride: true, downsample: true }

const conv3x3 = (from: number, to: number, stride = 1) =>
  new Conv2d(from, to, 3, { stride, padding: 1, bias: false })
const conv1x1 = (from: number, to: number, stride = 1) =>
  new Conv2d(from, to, 1, { stride, bias: false })
const skip = (from: number, to: number, { stride = 1, downsample }: BlockOptions) =>
  downsample !== undefined
    ? downsample
    : stride === 1 && from === to
      ? null
      : new Sequential(conv1x1(from, to, stride), new BatchNorm2d(to))

/**
 * Two 3x3 convolutions with batch norm and a skip connection; torchvision's names.
 *
 * Shapes: (N, in, H, W) to (N, channels, ⌈H/stride⌉, ⌈W/stride⌉).
 * @example new BasicBlock(16, 32, { stride: 2 }).forward(zeros([2, 16, 8, 8])).shape // [2, 32, 4, 4]
 */
export class BasicBlock extends Module {
  conv1: Conv2d<false>
  bn1: BatchNorm2d
  conv2: Conv2d<false>
  bn2: BatchNorm2d
  downsample: Layer | null
  constructor(inChannels: number, channels: number, options: BlockOptions = {}) {
    super()
    checkOptions('BasicBlock', options, blockOptions)
    this.conv1 = conv3x3(inChannels, channels, options.stride)
    this.bn1 = new BatchNorm2d(channels)
    this.conv2 = conv3x3(channels, channels)
    this.bn2 = new BatchNorm2d(channels)
    this.downsample = skip(inChannels, channels, options)
  }
  override forward(x: Tensor): Tensor {
    const y = relu(this.bn1.forward(this.conv1.forward(x)))
    const z = this.bn2.forward(this.conv2.forward(y))
    return relu(add(z, this.downsample ? this.downsample.forward(x) : x))
  }
}

/**
 * A 1x1, a 3x3 and a 1x1 convolution to four times the channels, with batch norm and a skip connection; torchvision's names.
 *
 * Shapes: (N, in, H, W) to (N, 4·channels, ⌈H/stride⌉, ⌈W/stride⌉).
 */
export class Bottleneck extends Module {
  static readonly expansion = 4
  conv1: Conv2d<false>
  bn1: BatchNorm2d
  conv2: Conv2d<false>
  bn2: BatchNorm2d
  conv3: Conv2d<false>
  bn3: BatchNorm2d
  downsample: Layer | null
  constructor(inChannels: number, channels: number, options: BlockOptions = {}) {
    super()
    checkOptions('Bottleneck', options, blockOptions)
    const out = channels * Bottleneck.expansion
    this.conv1 = conv1x1(inChannels, channels)
    this.bn1 = new BatchNorm2d(channels)
    this.conv2 = conv3x3(channels, channels, options.stride)
    this.bn2 = new BatchNorm2d(channels)
    this.conv3 = conv1x1(channels, out)
    this.bn3 = new BatchNorm2d(out)
    this.downsample = skip(inChannels, out, options)
  }
  override forward(x: Tensor): Tensor {
    const y = relu(this.bn1.forward(this.conv1.forward(x)))
    const z = relu(this.bn2.forward(this.conv2.forward(y)))
    const w = this.bn3.forward(this.conv3.forward(z))
    return relu(add(w, this.downsample ? this.downsample.forward(x) : x))
  }
}
