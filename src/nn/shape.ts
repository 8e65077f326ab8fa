/** Layers without parameters that change shapes: axes, padding, size. */
import { ValueError } from '../core/errors.js'
import { kinds, orNull, readArguments } from '../core/options.js'
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
import type { Extents } from '../ops/window.js'
import { showOptions } from './common.js'
import { Module } from './module.js'

/** Returns its input. As in PyTorch its constructor takes any arguments, so that it can replace another layer. */
export class Identity extends Module {
  constructor(..._args: unknown[]) {
    super()
  }
  override forward(x: Tensor): Tensor {
    return x
  }
}

interface AxisRange {
  startAxis?: number
  endAxis?: number
}
/** Axes from start (1 unless said otherwise) to end as one. */
export class Flatten extends Module {
  startAxis: number
  endAxis: number
  constructor(startAxis?: number | AxisRange, endAxis?: number | AxisRange)
  constructor(...args: unknown[]) {
    super()
    const places = { startAxis: kinds.integer, endAxis: kinds.integer }
    const { startAxis = 1, endAxis = -1 } = readArguments<AxisRange>('Flatten', args, places)
    this.startAxis = startAxis
    this.endAxis = endAxis
  }
  override forward(x: Tensor): Tensor {
    return flatten(x, this.startAxis, this.endAxis)
  }
}

const list = { rule: 'a list of whole numbers', holds: (v: unknown) => Array.isArray(v) }

/** One axis as several. */
export class Unflatten extends Module {
  axis: number
  shape: Shape
  constructor(axis: number, shape: Shape)
  constructor(...args: unknown[]) {
    super()
    const { axis, shape } = readArguments<{ axis: number; shape: Shape }>(
      'Unflatten',
      args,
      { axis: kinds.integer, shape: list },
      2,
    )
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

interface FactorLayer extends Module {
  factor: number
  forward(x: Tensor): Tensor
}
/** Layers of one number. */
const factorOf = (
  name: string,
  argument: string,
  call: (x: Tensor, factor: number) => Tensor,
): (new (
  factor: number,
) => FactorLayer) =>
  class extends Module {
    factor: number
    constructor(...args: unknown[]) {
      super()
      const places = { [argument]: kinds.count }
      this.factor = readArguments<Record<string, number>>(name, args, places, 1)[argument]!
    }
    override forward(x: Tensor): Tensor {
      return call(x, this.factor)
    }
    override describe(): string {
      return `${this.factor}`
    }
  }
/** Channels as places; see pixelShuffle. */
export class PixelShuffle extends factorOf('PixelShuffle', 'upscaleFactor', pixelShuffle) {}
/** Places as channels; see pixelUnshuffle. */
export class PixelUnshuffle extends factorOf('PixelUnshuffle', 'downscaleFactor', pixelUnshuffle) {}
/** Channels mixed among groups; see channelShuffle. */
export class ChannelShuffle extends factorOf('ChannelShuffle', 'groups', channelShuffle) {}

const upsamplePlaces = {
  size: orNull(kinds.extents),
  scaleFactor: orNull(kinds.extents),
  mode: kinds.text,
  alignCorners: orNull(kinds.flag),
  recomputeScaleFactor: orNull(kinds.flag),
}

/** The spatial axes of (N, C, spatial) at another size; see interpolate. */
export class Upsample extends Module {
  options: InterpolateOptions
  constructor(options: InterpolateOptions)
  constructor(
    size: Extents | null,
    scaleFactor?: Extents | null,
    mode?: InterpolateOptions['mode'],
    alignCorners?: boolean | null,
    recomputeScaleFactor?: boolean | null,
  )
  constructor(...args: unknown[]) {
    super()
    const given = readArguments<InterpolateOptions>('Upsample', args, upsamplePlaces)
    this.options = Object.fromEntries(Object.entries(given).filter(([, v]) => v !== null))
  }
  override forward(x: Tensor): Tensor {
    return interpolate(x, this.options)
  }
  override describe(): string {
    return showOptions(this.options)
  }
}

type Widths = number | readonly number[]
type PadMode = NonNullable<PadOptions['mode']>

interface PadLayer extends Module {
  padding: readonly number[]
  forward(x: Tensor): Tensor
}
/** Padding of the last axes: one width for all sides, or [before, after] from the last axis on. */
const padOf = (name: string, axes: number, mode: PadMode): (new (padding: Widths) => PadLayer) =>
  class extends Module {
    padding: readonly number[]
    constructor(...args: unknown[]) {
      super()
      const places = { padding: kinds.extents }
      this.padding = widths(name, axes, readArguments<{ padding: Widths }>(name, args, places, 1))
    }
    override forward(x: Tensor): Tensor {
      return pad(x, this.padding, { mode })
    }
    override describe(): string {
      return showOptions({ padding: this.padding })
    }
  }
function widths(op: string, axes: number, { padding }: { padding: Widths }): readonly number[] {
  const all = typeof padding === 'number' ? new Array<number>(2 * axes).fill(padding) : padding
  if (all.length !== 2 * axes)
    throw new ValueError({
      op,
      rule: `padding is one width, or ${2 * axes}`,
      got: `${all.length}`,
    })
  return all
}
interface ConstantPadLayer extends PadLayer {
  value: number
}
const constantPadOf = (
  name: string,
  axes: number,
): (new (
  padding: Widths,
  value: number,
) => ConstantPadLayer) =>
  class extends Module {
    padding: readonly number[]
    value: number
    constructor(...args: unknown[]) {
      super()
      const places = { padding: kinds.extents, value: kinds.number }
      const given = readArguments<{ padding: Widths; value: number }>(name, args, places, 2)
      this.padding = widths(name, axes, given)
      this.value = given.value
    }
    override forward(x: Tensor): Tensor {
      return pad(x, this.padding, { value: this.value })
    }
    override describe(): string {
      return showOptions({ padding: this.padding, value: this.value })
    }
  }
/** A constant around the last axis; see pad. */
export class ConstantPad1d extends constantPadOf('ConstantPad1d', 1) {}
/** A constant around the last two axes. */
export class ConstantPad2d extends constantPadOf('ConstantPad2d', 2) {}
/** A constant around the last three axes. */
export class ConstantPad3d extends constantPadOf('ConstantPad3d', 3) {}
/** Zeros around the last axis. */
export class ZeroPad1d extends padOf('ZeroPad1d', 1, 'constant') {}
/** Zeros around the last two axes. */
export class ZeroPad2d extends padOf('ZeroPad2d', 2, 'constant') {}
/** Zeros around the last three axes. */
export class ZeroPad3d extends padOf('ZeroPad3d', 3, 'constant') {}
/** The mirror image around the last axis, without the edge itself. */
export class ReflectionPad1d extends padOf('ReflectionPad1d', 1, 'reflect') {}
/** The mirror image around the last two axes, without the edge itself. */
export class ReflectionPad2d extends padOf('ReflectionPad2d', 2, 'reflect') {}
/** The mirror image around the last three axes, without the edge itself. */
export class ReflectionPad3d extends padOf('ReflectionPad3d', 3, 'reflect') {}
/** The edge around the last axis. */
export class ReplicationPad1d extends padOf('ReplicationPad1d', 1, 'replicate') {}
/** The edge around the last two axes. */
export class ReplicationPad2d extends padOf('ReplicationPad2d', 2, 'replicate') {}
/** The edge around the last three axes. */
export class ReplicationPad3d extends padOf('ReplicationPad3d', 3, 'replicate') {}
/** The other end around the last axis. */
export class CircularPad1d extends padOf('CircularPad1d', 1, 'circular') {}
/** The other end around the last two axes. */
export class CircularPad2d extends padOf('CircularPad2d', 2, 'circular') {}
/** The other end around the last three axes. */
export class CircularPad3d extends padOf('CircularPad3d', 3, 'circular') {}
