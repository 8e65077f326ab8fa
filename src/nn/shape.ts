/** Layers without parameters that change shapes: axes, padding, size. */
import { ValueError } from '../core/errors.js'
import type { Shape } from '../core/shape.js'
import { pad, type PadOptions } from '../ops/join.js'
import { flatten, unflatten } from '../ops/movement.js'
import {
  channelShuffle,
  interpolate,
  type InterpolateOptions,
  pixelShuffle,
  pixelUnshuffle,
} from '../ops/resize.js'
import type { Tensor } from '../ops/tensor.js'
import { showOptions } from './common.js'
import { Module } from './module.js'

/** Gives what it gets. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x
  }
}

/** Axes from start (1 unless said otherwise) to end as one. */
export class Flatten extends Module {
  private readonly start: number
  private readonly end: number
  constructor(startAxis = 1, endAxis = -1) {
    super()
    this.start = startAxis
    this.end = endAxis
  }
  override forward(x: Tensor): Tensor {
    return flatten(x, this.start, this.end)
  }
}

/** One axis as several. */
export class Unflatten extends Module {
  private readonly axis: number
  private readonly shape: Shape
  constructor(axis: number, shape: Shape) {
    super()
    this.axis = axis
    this.shape = shape
  }
  override forward(x: Tensor): Tensor {
    return unflatten(x, this.axis, this.shape)
  }
  override describe(): string {
    return `${this.axis}, [${this.shape.join(', ')}]`
  }
}

abstract class Factor extends Module {
  protected readonly factor: number
  constructor(factor: number) {
    super()
    this.factor = factor
  }
  override describe(): string {
    return `${this.factor}`
  }
}
/** Channels as places; see pixelShuffle. */
export class PixelShuffle extends Factor {
  override forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.factor)
  }
}
/** Places as channels; see pixelUnshuffle. */
export class PixelUnshuffle extends Factor {
  override forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.factor)
  }
}
/** Channels mixed among groups; see channelShuffle. */
export class ChannelShuffle extends Factor {
  override forward(x: Tensor): Tensor {
    return channelShuffle(x, this.factor)
  }
}

/** The spatial axes of (N, C, spatial) at another size; see interpolate. */
export class Upsample extends Module {
  private readonly options: InterpolateOptions
  constructor(options: InterpolateOptions) {
    super()
    this.options = options
  }
  override forward(x: Tensor): Tensor {
    return interpolate(x, this.options)
  }
  override describe(): string {
    return showOptions(this.options)
  }
}

/** Padding of the last axes: one width for all sides, or [before, after] from the last axis on. */
abstract class Pad extends Module {
  protected abstract readonly fill: NonNullable<PadOptions['mode']>
  protected readonly value: number = 0
  private readonly widths: readonly number[]
  constructor(axes: number, padding: number | readonly number[]) {
    super()
    const widths = typeof padding === 'number' ? new Array<number>(2 * axes).fill(padding) : padding
    if (widths.length !== 2 * axes)
      throw new ValueError({
        op: new.target.name,
        rule: `padding is one width, or ${2 * axes}`,
        got: `${widths.length}`,
      })
    this.widths = widths
  }
  override forward(x: Tensor): Tensor {
    return pad(x, this.widths, { mode: this.fill, value: this.value })
  }
  override describe(): string {
    return showOptions({ padding: this.widths, ...(this.value !== 0 && { value: this.value }) })
  }
}
type Widths = number | readonly number[]

abstract class ConstantPad extends Pad {
  protected override readonly fill = 'constant'
  protected override readonly value: number
  constructor(axes: number, padding: Widths, value: number) {
    super(axes, padding)
    this.value = value
  }
}
/** A constant around the last axis; see pad. */
export class ConstantPad1d extends ConstantPad {
  constructor(padding: Widths, value: number) {
    super(1, padding, value)
  }
}
/** A constant around the last two axes. */
export class ConstantPad2d extends ConstantPad {
  constructor(padding: Widths, value: number) {
    super(2, padding, value)
  }
}
/** A constant around the last three axes. */
export class ConstantPad3d extends ConstantPad {
  constructor(padding: Widths, value: number) {
    super(3, padding, value)
  }
}
/** Zeros around the last axis. */
export class ZeroPad1d extends ConstantPad {
  constructor(padding: Widths) {
    super(1, padding, 0)
  }
}
/** Zeros around the last two axes. */
export class ZeroPad2d extends ConstantPad {
  constructor(padding: Widths) {
    super(2, padding, 0)
  }
}
/** Zeros around the last three axes. */
export class ZeroPad3d extends ConstantPad {
  constructor(padding: Widths) {
    super(3, padding, 0)
  }
}

/** The mirror image around the last axis, without the edge itself. */
export class ReflectionPad1d extends Pad {
  protected override readonly fill = 'reflect'
  constructor(padding: Widths) {
    super(1, padding)
  }
}
/** The mirror image around the last two axes, without the edge itself. */
export class ReflectionPad2d extends Pad {
  protected override readonly fill = 'reflect'
  constructor(padding: Widths) {
    super(2, padding)
  }
}
/** The mirror image around the last three axes, without the edge itself. */
export class ReflectionPad3d extends Pad {
  protected override readonly fill = 'reflect'
  constructor(padding: Widths) {
    super(3, padding)
  }
}
/** The edge around the last axis. */
export class ReplicationPad1d extends Pad {
  protected override readonly fill = 'replicate'
  constructor(padding: Widths) {
    super(1, padding)
  }
}
/** The edge around the last two axes. */
export class ReplicationPad2d extends Pad {
  protected override readonly fill = 'replicate'
  constructor(padding: Widths) {
    super(2, padding)
  }
}
/** The edge around the last three axes. */
export class ReplicationPad3d extends Pad {
  protected override readonly fill = 'replicate'
  constructor(padding: Widths) {
    super(3, padding)
  }
}
/** The other end around the last axis. */
export class CircularPad1d extends Pad {
  protected override readonly fill = 'circular'
  constructor(padding: Widths) {
    super(1, padding)
  }
}
/** The other end around the last two axes. */
export class CircularPad2d extends Pad {
  protected override readonly fill = 'circular'
  constructor(padding: Widths) {
    super(2, padding)
  }
}
/** The other end around the last three axes. */
export class CircularPad3d extends Pad {
  protected override readonly fill = 'circular'
  constructor(padding: Widths) {
    super(3, padding)
  }
}
