/** U-Net, in the layout of Pytorch-UNet. */
import { ValueError } from '../core/errors.js'
import { kinds, readArguments } from '../core/options.js'
import { ReLU } from '../nn/activations.js'
import { Conv2d, ConvTranspose2d } from '../nn/conv.js'
import { Sequential } from '../nn/layers.js'
import { Module, setField } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { MaxPool2d } from '../nn/pool.js'
import { Upsample } from '../nn/shape.js'
import { concat, pad } from '../ops/join.js'
import type { Tensor } from '../ops/tensor.js'
import { imagesOf } from './pictures.js'

/** Twice a 3x3 convolution, batch norm and relu. */
class DoubleConv extends Module {
  doubleConv: Sequential
  constructor(inChannels: number, outChannels: number, midChannels = outChannels) {
    super()
    const conv = (from: number, to: number) => [
      new Conv2d(from, to, 3, { padding: 1, bias: false }),
      new BatchNorm2d(to),
      new ReLU(),
    ]
    this.doubleConv = new Sequential(
      ...conv(inChannels, midChannels),
      ...conv(midChannels, outChannels),
    )
  }
  override forward(x: Tensor): Tensor {
    return this.doubleConv.forward(x)
  }
}
/** Half the side, then two convolutions. */
class Down extends Module {
  maxpoolConv: Sequential
  constructor(inChannels: number, outChannels: number) {
    super()
    this.maxpoolConv = new Sequential(new MaxPool2d(2), new DoubleConv(inChannels, outChannels))
  }
  override forward(x: Tensor): Tensor {
    return this.maxpoolConv.forward(x)
  }
}
/** Twice the side, beside what was there on the way down, then two convolutions. */
class Up extends Module {
  up: ConvTranspose2d | Upsample
  conv: DoubleConv
  constructor(inChannels: number, outChannels: number, bilinear: boolean) {
    super()
    const half = Math.floor(inChannels / 2)
    this.up = bilinear
      ? new Upsample({ scaleFactor: 2, mode: 'bilinear', alignCorners: true })
      : new ConvTranspose2d(inChannels, half, 2, { stride: 2 })
    this.conv = bilinear
      ? new DoubleConv(inChannels, outChannels, half)
      : new DoubleConv(inChannels, outChannels)
  }
  override forward(x: Tensor, beside: Tensor): Tensor {
    let y = this.up.forward(x)
    const [dy, dx] = [2, 3].map((axis) => beside.shape[axis]! - y.shape[axis]!) as [number, number]
    const part = (n: number) => [Math.floor(n / 2), n - Math.floor(n / 2)]
    if (dx > 0 || dy > 0) y = pad(y, [...part(dx), ...part(dy)])
    return this.conv.forward(concat([beside, y], 1))
  }
}
class OutConv extends Module {
  conv: Conv2d
  constructor(inChannels: number, outChannels: number) {
    super()
    this.conv = new Conv2d(inChannels, outChannels, 1)
  }
  override forward(x: Tensor): Tensor {
    return this.conv.forward(x)
  }
}

export interface UNetOptions {
  nChannels?: number
  nClasses?: number
  /** Interpolates on the way up instead of a transposed convolution. */
  bilinear?: boolean
  /** Channels of the first level, twice as many on each that follows; 64 unless given. */
  width?: number
  /** How often the side is halved; 4 unless given. */
  depth?: number
}
const places = {
  nChannels: kinds.count,
  nClasses: kinds.count,
  bilinear: kinds.flag,
}
const named = { width: kinds.count, depth: kinds.count }

/**
 * U-Net (Ronneberger et al., https://arxiv.org/abs/1505.04597) with padding and batch norm: what each pixel is. Arguments and names
 * of weights are those of https://github.com/milesial/Pytorch-UNet, whose files load; torchvision has no U-Net. `new UNet(3, 1)` has
 * 31,037,633 parameters.
 *
 * Shapes: x (N, nChannels, H, W), logits (N, nClasses, H, W); H and W from 2^depth up.
 * @throws ShapeError for other pictures
 * @example new UNet(1, 5, { width: 4, depth: 2 }).forward(zeros([2, 1, 9, 12])).shape // [2, 5, 9, 12]
 */
export class UNet extends Module {
  inc: DoubleConv
  declare outc: OutConv
  readonly depth: number
  readonly nChannels: number
  constructor(
    ...args: [
      nChannels?: number | UNetOptions,
      nClasses?: number | UNetOptions,
      bilinear?: boolean | UNetOptions,
      options?: UNetOptions,
    ]
  )
  constructor(...args: unknown[]) {
    super()
    const given = readArguments<UNetOptions>('UNet', args, places, 0, named)
    const { nChannels = 3, nClasses = 2, bilinear = false, width = 64, depth = 4 } = given
    if (bilinear && depth > 0 && width % 2 !== 0)
      throw new ValueError({
        op: 'UNet',
        rule: 'width is even where it interpolates',
        got: `${width}`,
      })
    this.depth = depth
    this.nChannels = nChannels
    const factor = bilinear ? 2 : 1
    /** Channels that go into the way up from a level. */
    const channels = (level: number) => width * 2 ** level
    this.inc = new DoubleConv(nChannels, width)
    for (let level = 1; level <= depth; level++)
      setField(
        'UNet',
        this,
        `down${level}`,
        new Down(channels(level - 1), channels(level) / (level === depth ? factor : 1)),
      )
    for (let k = 1; k <= depth; k++) {
      const level = depth - k
      setField(
        'UNet',
        this,
        `up${k}`,
        new Up(channels(level + 1), channels(level) / (level === 0 ? 1 : factor), bilinear),
      )
    }
    this.outc = new OutConv(width, nClasses)
  }
  override forward(x: Tensor): Tensor {
    const { depth, nChannels } = this
    imagesOf('UNet', x, nChannels, 2 ** depth)
    const levels = this as unknown as Record<string, Down | Up>
    const way = [this.inc.forward(x)]
    for (let k = 1; k <= depth; k++) way.push((levels[`down${k}`] as Down).forward(way.at(-1)!))
    let y = way[depth]!
    for (let k = 1; k <= depth; k++) y = (levels[`up${k}`] as Up).forward(y, way[depth - k]!)
    return this.outc.forward(y)
  }
}
