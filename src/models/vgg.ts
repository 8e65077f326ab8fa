/** VGG, in the layout of torchvision. */
import { kinds, readOptions } from '../core/options.js'
import { ReLU } from '../nn/activations.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import * as init from '../nn/init.js'
import { type Layer, Linear, Sequential } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { AdaptiveAvgPool2d, MaxPool2d } from '../nn/pool.js'
import { flatten } from '../ops/movement.js'
import type { Tensor } from '../ops/tensor.js'
import { imagesOf } from './pictures.js'

/** Convolutions on each of five levels; the channels are 64, 128, 256, 512, 512. */
const levels = {
  11: [1, 1, 2, 2, 2],
  13: [2, 2, 2, 2, 2],
  16: [2, 2, 3, 3, 3],
  19: [2, 2, 4, 4, 4],
} as const

export interface VGGOptions {
  numClasses?: number
  /** Between the affine maps; 0.5 unless given. */
  dropout?: number
}
const places = { numClasses: kinds.count, dropout: kinds.number }

/**
 * Very deep convolutional networks (Simonyan and Zisserman, https://arxiv.org/abs/1409.1556): 3x3 convolutions, with batch norm or
 * without, on five levels, then three affine maps. Names of weights are those of torchvision; `vgg11()` to `vgg19Bn()` make them.
 *
 * Shapes: x (N, 3, H, W) with sides from 32 up, logits (N, numClasses).
 */
export class VGG extends Module {
  features: Sequential
  avgpool: AdaptiveAvgPool2d
  classifier: Sequential
  constructor(depth: keyof typeof levels, batchNorm: boolean, options: VGGOptions = {}) {
    super()
    const { numClasses = 1000, dropout = 0.5 } = readOptions<VGGOptions>(
      `vgg${depth}${batchNorm ? 'Bn' : ''}`,
      [options],
      {},
      places,
    )
    let from = 3
    const layers: Layer[] = levels[depth].flatMap((count, level) => [
      ...Array.from({ length: count }, () => {
        const to = 64 * 2 ** Math.min(level, 3)
        const conv = new Conv2d(from, to, 3, { padding: 1 })
        from = to
        return [conv, ...(batchNorm ? [new BatchNorm2d(to)] : []), new ReLU()]
      }).flat(),
      new MaxPool2d(2),
    ])
    this.features = new Sequential(...layers)
    this.avgpool = new AdaptiveAvgPool2d(7)
    this.classifier = new Sequential(
      new Linear(512 * 7 * 7, 4096),
      new ReLU(),
      new Dropout(dropout),
      new Linear(4096, 4096),
      new ReLU(),
      new Dropout(dropout),
      new Linear(4096, numClasses),
    )
    for (const m of this.modules()) {
      if (m instanceof Conv2d) init.heNormal(m.weight, { mode: 'fanOut' })
      if (m instanceof Linear) init.normal(m.weight, 0, 0.01)
      if ((m instanceof Conv2d || m instanceof Linear) && m.bias) init.zeros(m.bias)
    }
  }
  override forward(x: Tensor): Tensor {
    imagesOf('VGG', x, 3, 32)
    return this.classifier.forward(flatten(this.avgpool.forward(this.features.forward(x)), 1))
  }
}

/** 11 layers, 132,863,336 parameters; see VGG. */
export const vgg11 = (options?: VGGOptions): VGG => new VGG(11, false, options)
/** 11 layers with batch norm; see VGG. */
export const vgg11Bn = (options?: VGGOptions): VGG => new VGG(11, true, options)
/** 13 layers, 133,047,848 parameters; see VGG. */
export const vgg13 = (options?: VGGOptions): VGG => new VGG(13, false, options)
/** 13 layers with batch norm; see VGG. */
export const vgg13Bn = (options?: VGGOptions): VGG => new VGG(13, true, options)
/** 16 layers, 138,357,544 parameters; see VGG. */
export const vgg16 = (options?: VGGOptions): VGG => new VGG(16, false, options)
/** 16 layers with batch norm; see VGG. */
export const vgg16Bn = (options?: VGGOptions): VGG => new VGG(16, true, options)
/** 19 layers, 143,667,240 parameters; see VGG. */
export const vgg19 = (options?: VGGOptions): VGG => new VGG(19, false, options)
/** 19 layers with batch norm; see VGG. */
export const vgg19Bn = (options?: VGGOptions): VGG => new VGG(19, true, options)
