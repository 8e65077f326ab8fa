/** Convolutional layers. */
import { ValueError } from '../core/errors.js'
import { kinds, oneOf, readArguments } from '../core/options.js'
import {
  conv1d,
  conv2d,
  conv3d,
  type ConvOptions,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type ConvTransposeOptions,
  resolvePadding,
} from '../ops/conv.js'
import { pad } from '../ops/join.js'
import type { Tensor } from '../ops/tensor.js'
import { type Extents, extents } from '../ops/window.js'
import {
  type BiasOption,
  biasPlace,
  showOptions,
  type Unless,
  uniformParameter,
  unless,
} from './common.js'
import { Module, type Parameter } from './module.js'

export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular'
export interface ConvLayerOptions<B extends boolean = boolean> extends ConvOptions, BiasOption<B> {
  /** What the padding is filled with. */
  paddingMode?: PaddingMode
}
export interface ConvTransposeLayerOptions<B extends boolean = boolean>
  extends ConvTransposeOptions,
    BiasOption<B> {}

/** By place as in PyTorch, with options from any place on. */
type ConvArguments<B extends boolean> = [
  inChannels: number,
  outChannels: number,
  kernelSize: Extents | (ConvLayerOptions<B> & { kernelSize: Extents }),
  stride?: Extents | ConvLayerOptions<B>,
  padding?: ConvOptions['padding'] | ConvLayerOptions<B>,
  dilation?: Extents | ConvLayerOptions<B>,
  groups?: number,
  bias?: B,
  paddingMode?: PaddingMode,
]
type ConvTransposeArguments<B extends boolean> = [
  inChannels: number,
  outChannels: number,
  kernelSize: Extents | (ConvTransposeLayerOptions<B> & { kernelSize: Extents }),
  stride?: Extents | ConvTransposeLayerOptions<B>,
  padding?: Extents | ConvTransposeLayerOptions<B>,
  outputPadding?: Extents | ConvTransposeLayerOptions<B>,
  groups?: number,
  bias?: B,
  dilation?: Extents,
]

/** What all six are made with; see the arguments of Conv2d. */
interface Sizes {
  inChannels: number
  outChannels: number
  kernelSize: Extents
}
const sizes = {
  inChannels: kinds.count,
  outChannels: kinds.count,
  kernelSize: kinds.extents,
  stride: kinds.extents,
}
const padded = {
  rule: "a number, a list of numbers, 'same' or 'valid'",
  holds: (v: unknown) => v === 'same' || v === 'valid' || kinds.extents.holds(v),
}
const paddingMode = oneOf('zeros', 'reflect', 'replicate', 'circular')
const convPlaces = {
  ...sizes,
  padding: padded,
  dilation: kinds.extents,
  groups: kinds.integer,
  ...biasPlace,
  paddingMode,
}
const transposePlaces = {
  ...sizes,
  padding: kinds.extents,
  outputPadding: kinds.extents,
  groups: kinds.integer,
  ...biasPlace,
  dilation: kinds.extents,
  paddingMode: oneOf('zeros'),
}

const functions = {
  conv: [conv1d, conv2d, conv3d],
  transpose: [convTranspose1d, convTranspose2d, convTranspose3d],
} as const

/** What the six layers share: weight and bias, drawn from U(±1/√fanIn). */
abstract class Convolution<B extends boolean> extends Module {
  weight: Parameter
  bias: Unless<B>
  readonly inChannels: number
  readonly outChannels: number

  constructor(
    op: string,
    channels: readonly [inside: number, outside: number],
    weightShape: readonly number[],
    groups: number,
    bias: boolean,
  ) {
    super()
    for (const n of channels)
      if (!Number.isInteger(groups) || groups < 1 || !Number.isInteger(n) || n % groups !== 0)
        throw new ValueError({
          op,
          rule: 'the groups must divide the channels',
          got: `${channels.join(' and ')} channels, ${groups} groups`,
        })
    ;[this.inChannels, this.outChannels] = channels
    const bound = (shape: readonly number[]) =>
      1 /
      Math.sqrt(
        Math.max(
          1,
          shape.slice(1).reduce((a, b) => a * b, 1),
        ),
      )
    this.weight = uniformParameter(weightShape, bound(weightShape))
    this.bias = unless<B, Parameter>(bias, () =>
      uniformParameter([channels[1]], bound(weightShape)),
    )
  }
}

abstract class ConvNd<B extends boolean> extends Convolution<B> {
  /** What was given besides channels and kernel. */
  options: ConvOptions
  paddingMode: PaddingMode
  readonly kernelSize: readonly number[]

  constructor(spatial: 1 | 2 | 3, args: readonly unknown[]) {
    const op = `Conv${spatial}d`
    const given = readArguments<Sizes & ConvLayerOptions>(op, args, convPlaces, 3)
    const { inChannels, outChannels, kernelSize, bias = true, paddingMode, ...options } = given
    const size = extents(op, 'kernelSize', kernelSize, spatial, 1)
    const groups = options.groups ?? 1
    const channels = [inChannels, outChannels] as const
    super(op, channels, [outChannels, Math.floor(inChannels / groups), ...size], groups, bias)
    for (const key of ['stride', 'dilation'] as const)
      if (options[key] !== undefined) extents(op, key, options[key], spatial, 1)
    if (typeof options.padding === 'number') extents(op, 'padding', options.padding, spatial, 0)
    this.options = options
    this.paddingMode = paddingMode ?? 'zeros'
    this.kernelSize = size
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, options, paddingMode } = this
    const n = weight.rank - 2
    const run = functions.conv[n - 1]!
    if (paddingMode === 'zeros') return run(x, weight, bias, options)
    const { stride = 1, dilation = 1, padding = 0 } = options
    const numbers = (what: string, v: Extents) => extents(`conv${n}d`, what, v, n, 1)
    const pairs = resolvePadding(
      `conv${n}d`,
      padding,
      weight.shape.slice(2),
      numbers('stride', stride),
      numbers('dilation', dilation),
    )
    const padded = pad(x, pairs.reverse().flat(), { mode: paddingMode })
    return run(padded, weight, bias, { ...options, padding: 0 })
  }
  override describe(): string {
    const { inChannels, outChannels, kernelSize, options, paddingMode } = this
    const shown = {
      kernelSize,
      ...options,
      ...(!this.bias && { bias: false }),
      ...(paddingMode !== 'zeros' && { paddingMode }),
    }
    return [inChannels, outChannels, showOptions(shown)].join(', ')
  }
}

/**
 * Cross-correlation over one axis; see conv1d. `new Conv1d(4, 8, 3, { padding: 1 })`, or
 * by place as in PyTorch: `new Conv1d(4, 8, 3, 1, 1)`.
 *
 * Shapes: x (N, in, L) or (in, L), weight (out, in/groups, K), bias (out).
 * @throws ValueError when the groups do not divide the channels
 */
export class Conv1d<B extends boolean = true> extends ConvNd<B> {
  constructor(...args: ConvArguments<B>) {
    super(1, args)
  }
}
/** Cross-correlation over two axes; see Conv1d. Shapes: x (N, in, H, W), weight (out, in/groups, KH, KW), bias (out). */
export class Conv2d<B extends boolean = true> extends ConvNd<B> {
  constructor(...args: ConvArguments<B>) {
    super(2, args)
  }
}
/** Cross-correlation over three axes; see Conv1d. Shapes: x (N, in, D, H, W), weight (out, in/groups, KD, KH, KW). */
export class Conv3d<B extends boolean = true> extends ConvNd<B> {
  constructor(...args: ConvArguments<B>) {
    super(3, args)
  }
}

abstract class ConvTransposeNd<B extends boolean> extends Convolution<B> {
  /** What was given besides channels and kernel. */
  options: ConvTransposeOptions
  readonly kernelSize: readonly number[]

  constructor(spatial: 1 | 2 | 3, args: readonly unknown[]) {
    const op = `ConvTranspose${spatial}d`
    const given = readArguments<Sizes & ConvTransposeLayerOptions & { paddingMode?: PaddingMode }>(
      op,
      args,
      transposePlaces,
      3,
    )
    const { inChannels, outChannels, kernelSize, bias = true, paddingMode: _, ...options } = given
    const size = extents(op, 'kernelSize', kernelSize, spatial, 1)
    const groups = options.groups ?? 1
    const channels = [inChannels, outChannels] as const
    super(op, channels, [inChannels, Math.floor(outChannels / groups), ...size], groups, bias)
    this.options = options
    this.kernelSize = size
  }

  /** `outputSize` chooses among the shapes that a stride allows; it replaces outputPadding. */
  override forward(x: Tensor, outputSize?: readonly number[]): Tensor {
    const { weight, bias, options } = this
    const n = weight.rank - 2
    const run = functions.transpose[n - 1]!
    if (!outputSize) return run(x, weight, bias, options)
    const op = `convTranspose${n}d`
    const number = (what: string, v: Extents, least: number) => extents(op, what, v, n, least)
    const s = number('stride', options.stride ?? 1, 1)
    const p = number('padding', options.padding ?? 0, 0)
    const d = number('dilation', options.dilation ?? 1, 1)
    const sizes = outputSize.slice(-n)
    const outputPadding = sizes.map((m, a) => {
      const reach = d[a]! * (weight.shape[a + 2]! - 1) + 1
      return m - ((x.shape[x.rank - n + a]! - 1) * s[a]! - 2 * p[a]! + reach)
    })
    return run(x, weight, bias, { ...options, outputPadding })
  }
  override describe(): string {
    const { inChannels, outChannels, kernelSize, options } = this
    const shown = { kernelSize, ...options, ...(!this.bias && { bias: false }) }
    return [inChannels, outChannels, showOptions(shown)].join(', ')
  }
}

/**
 * The transpose of a convolution over one axis; see convTranspose1d.
 *
 * Shapes: x (N, in, L) or (in, L), weight (in, out/groups, K), bias (out).
 */
export class ConvTranspose1d<B extends boolean = true> extends ConvTransposeNd<B> {
  constructor(...args: ConvTransposeArguments<B>) {
    super(1, args)
  }
}
/** The transpose of a convolution over two axes. Shapes: x (N, in, H, W), weight (in, out/groups, KH, KW), bias (out). */
export class ConvTranspose2d<B extends boolean = true> extends ConvTransposeNd<B> {
  constructor(...args: ConvTransposeArguments<B>) {
    super(2, args)
  }
}
/** The transpose of a convolution over three axes. Shapes: x (N, in, D, H, W), weight (in, out/groups, KD, KH, KW). */
export class ConvTranspose3d<B extends boolean = true> extends ConvTransposeNd<B> {
  constructor(...args: ConvTransposeArguments<B>) {
    super(3, args)
  }
}
