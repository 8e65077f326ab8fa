/** MobileNetV3, in the layout of torchvision. */
import { kinds, readOptions } from '../core/options.js'
import { Hardswish, ReLU } from '../nn/activations.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import * as init from '../nn/init.js'
import { type Layer, Linear, Sequential } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { hardsigmoid } from '../ops/activation.js'
import { add, mul } from '../ops/arithmetic.js'
import { relu } from '../ops/functions.js'
import { mean } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { imagesOf } from './pictures.js'

/** A whole number of eights near v, at least 9/10 of it. */
function eights(v: number): number {
  const n = Math.max(8, Math.floor((v + 4) / 8) * 8)
  return n < 0.9 * v ? n + 8 : n
}

type Row = readonly [
  inside: number,
  kernel: number,
  expanded: number,
  out: number,
  squeeze: boolean,
  activation: 'RE' | 'HS',
  stride: number,
]
const [yes, no] = [true, false]
/** Tables 1 and 2 of the paper. */
const sizes: Record<'large' | 'small', { rows: readonly Row[]; last: number }> = {
  large: {
    last: 1280,
    rows: [
      [16, 3, 16, 16, no, 'RE', 1],
      [16, 3, 64, 24, no, 'RE', 2],
      [24, 3, 72, 24, no, 'RE', 1],
      [24, 5, 72, 40, yes, 'RE', 2],
      [40, 5, 120, 40, yes, 'RE', 1],
      [40, 5, 120, 40, yes, 'RE', 1],
      [40, 3, 240, 80, no, 'HS', 2],
      [80, 3, 200, 80, no, 'HS', 1],
      [80, 3, 184, 80, no, 'HS', 1],
      [80, 3, 184, 80, no, 'HS', 1],
      [80, 3, 480, 112, yes, 'HS', 1],
      [112, 3, 672, 112, yes, 'HS', 1],
      [112, 5, 672, 160, yes, 'HS', 2],
      [160, 5, 960, 160, yes, 'HS', 1],
      [160, 5, 960, 160, yes, 'HS', 1],
    ],
  },
  small: {
    last: 1024,
    rows: [
      [16, 3, 16, 16, yes, 'RE', 2],
      [16, 3, 72, 24, no, 'RE', 2],
      [24, 3, 88, 24, no, 'RE', 1],
      [24, 5, 96, 40, yes, 'HS', 2],
      [40, 5, 240, 40, yes, 'HS', 1],
      [40, 5, 240, 40, yes, 'HS', 1],
      [40, 5, 120, 48, yes, 'HS', 1],
      [48, 5, 144, 48, yes, 'HS', 1],
      [48, 5, 288, 96, yes, 'HS', 2],
      [96, 5, 576, 96, yes, 'HS', 1],
      [96, 5, 576, 96, yes, 'HS', 1],
    ],
  },
}

/** A convolution that keeps the side, batch norm, and an activation unless it is null. */
const convNorm = (
  from: number,
  to: number,
  kernel: number,
  activation: 'RE' | 'HS' | null,
  stride = 1,
  groups = 1,
) =>
  new Sequential(
    ...([
      new Conv2d(from, to, kernel, { stride, padding: (kernel - 1) / 2, groups, bias: false }),
      new BatchNorm2d(to, { eps: 0.001, momentum: 0.01 }),
      ...(activation === null ? [] : [activation === 'RE' ? new ReLU() : new Hardswish()]),
    ] as Layer[]),
  )

/** Each channel scaled by what all of them are on average. */
class SqueezeExcitation extends Module {
  fc1: Conv2d
  fc2: Conv2d
  constructor(channels: number, squeezed: number) {
    super()
    this.fc1 = new Conv2d(channels, squeezed, 1)
    this.fc2 = new Conv2d(squeezed, channels, 1)
  }
  override forward(x: Tensor): Tensor {
    const whole = relu(this.fc1.forward(mean(x, [2, 3], { keepdim: true })))
    return mul(hardsigmoid(this.fc2.forward(whole)), x)
  }
}

/** To more channels, each convolved by itself, and back to few. */
class InvertedResidual extends Module {
  block: Sequential
  readonly skip: boolean
  constructor([from, kernel, expanded, to, squeeze, activation, stride]: Row) {
    super()
    this.skip = stride === 1 && from === to
    this.block = new Sequential(
      ...([
        ...(expanded === from ? [] : [convNorm(from, expanded, 1, activation)]),
        convNorm(expanded, expanded, kernel, activation, stride, expanded),
        ...(squeeze ? [new SqueezeExcitation(expanded, eights(Math.floor(expanded / 4)))] : []),
        convNorm(expanded, to, 1, null),
      ] as Layer[]),
    )
  }
  override forward(x: Tensor): Tensor {
    const y = this.block.forward(x)
    return this.skip ? add(y, x) : y
  }
}

export interface MobileNetV3Options {
  numClasses?: number
  /** 0.2 unless given. */
  dropout?: number
  /** All numbers of channels times this; 1 unless given. */
  widthMult?: number
}
const places = { numClasses: kinds.count, dropout: kinds.number, widthMult: kinds.number }

/**
 * MobileNetV3 (Howard et al., https://arxiv.org/abs/1905.02244): inverted residual blocks with squeeze and excitation, for small
 * machines. `mobilenetV3Large()` and `mobilenetV3Small()` make them; names of weights are those of torchvision.
 *
 * Shapes: x (N, 3, H, W), logits (N, numClasses).
 * @example mobilenetV3Small({ numClasses: 4, widthMult: 0.25 }).eval().forward(zeros([1, 3, 32, 32])).shape // [1, 4]
 */
export class MobileNetV3 extends Module {
  features: Sequential
  classifier: Sequential
  constructor(size: 'large' | 'small', options: MobileNetV3Options = {}) {
    super()
    const {
      numClasses = 1000,
      dropout = 0.2,
      widthMult = 1,
    } = readOptions<MobileNetV3Options>(
      size === 'large' ? 'mobilenetV3Large' : 'mobilenetV3Small',
      [options],
      {},
      places,
    )
    const wide = (n: number) => eights(n * widthMult)
    const rows = sizes[size].rows.map(
      ([a, k, e, b, ...rest]): Row => [wide(a), k, wide(e), wide(b), ...rest],
    )
    const first = rows[0]![0]
    const out = rows.at(-1)![3]
    const last = wide(sizes[size].last)
    this.features = new Sequential(
      convNorm(3, first, 3, 'HS', 2),
      ...rows.map((row) => new InvertedResidual(row)),
      convNorm(out, 6 * out, 1, 'HS'),
    )
    this.classifier = new Sequential(
      new Linear(6 * out, last),
      new Hardswish(),
      new Dropout(dropout),
      new Linear(last, numClasses),
    )
    for (const m of this.modules()) {
      if (m instanceof Conv2d) init.heNormal(m.weight, { mode: 'fanOut' })
      if (m instanceof Linear) init.normal(m.weight, 0, 0.01)
      if ((m instanceof Conv2d || m instanceof Linear) && m.bias) init.zeros(m.bias)
    }
  }
  override forward(x: Tensor): Tensor {
    imagesOf('MobileNetV3', x, 3, 1)
    return this.classifier.forward(mean(this.features.forward(x), [2, 3]))
  }
}

/** 5,483,032 parameters; see MobileNetV3. */
export const mobilenetV3Large = (options?: MobileNetV3Options): MobileNetV3 =>
  new MobileNetV3('large', options)
/** 2,542,856 parameters; see MobileNetV3. */
export const mobilenetV3Small = (options?: MobileNetV3Options): MobileNetV3 =>
  new MobileNetV3('small', options)
