/** Convolutional layers. */
import { ValueError } from '../core/errors.js'
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
import { type BiasOption, showOptions, uniformParameter } from './common.js'
import { Module, type Parameter } from './module.js'

interface Kernel {
  kernelSize: Extents
}
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular'
export interface ConvLayerOptions extends ConvOptions, BiasOption {
  /** What stands in the padding. */
  paddingMode?: PaddingMode
}
export interface ConvTransposeLayerOptions extends ConvTransposeOptions, BiasOption {}

/** `new Conv2d(3, 8, 5, { padding: 2 })` or `new Conv2d(3, 8, { kernelSize: 5, padding: 2 })`. */
type Arguments<O> = [
  inChannels: number,
  outChannels: number,
  kernel: Extents | (O & Kernel),
  options?: O,
]

/** The kernel as a number or list beside the options, or among them. */
function kernelOf<O extends object>(
  kernel: Extents | (O & Kernel),
  options: O | undefined,
): Kernel & Partial<O> {
  if (typeof kernel === 'number' || Array.isArray(kernel))
    return { ...options, kernelSize: kernel as Extents } as Kernel & Partial<O>
  return kernel as O & Kernel
}

const functions = {
  conv: [conv1d, conv2d, conv3d],
  transpose: [convTranspose1d, convTranspose2d, convTranspose3d],
} as const

/** What the six layers share: weight and bias, drawn from U(±1/√fanIn). */
abstract class Convolution extends Module {
  weight: Parameter
  bias: Parameter | null
  protected readonly channels: readonly [number, number]

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
    this.channels = channels
    const bound = (shape: readonly number[]) =>
      1 /
      Math.sqrt(
        Math.max(
          1,
          shape.slice(1).reduce((a, b) => a * b, 1),
        ),
      )
    this.weight = uniformParameter(weightShape, bound(weightShape))
    this.bias = bias ? uniformParameter([channels[1]], bound(weightShape)) : null
  }
}

abstract class ConvNd extends Convolution {
  private readonly options: ConvOptions
  private readonly paddingMode: PaddingMode
  private readonly own: ConvLayerOptions & Kernel

  constructor(
    spatial: 1 | 2 | 3,
    ...[inChannels, outChannels, kernel, given]: Arguments<ConvLayerOptions>
  ) {
    const o = kernelOf(kernel, given)
    const { kernelSize, bias = true, paddingMode = 'zeros', ...options } = o
    const op = `Conv${spatial}d`
    const size = extents(op, 'kernelSize', kernelSize, spatial, 1)
    const groups = options.groups ?? 1
    const channels = [inChannels, outChannels] as const
    super(op, channels, [outChannels, Math.floor(inChannels / groups), ...size], groups, bias)
    if (!['zeros', 'reflect', 'replicate', 'circular'].includes(paddingMode))
      throw new ValueError({
        op,
        rule: "paddingMode is 'zeros', 'reflect', 'replicate' or 'circular'",
        got: `'${paddingMode}'`,
      })
    this.options = options
    this.paddingMode = paddingMode
    this.own = o
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
    return [...this.channels, showOptions(this.own)].join(', ')
  }
}

/**
 * Cross-correlation over one axis; see conv1d. `new Conv1d(4, 8, 3, { padding: 1 })`, or kernelSize among the options.
 *
 * Shapes: x (N, in, L) or (in, L), weight (out, in/groups, K), bias (out).
 * @throws ValueError when the groups do not divide the channels
 */
export class Conv1d extends ConvNd {
  constructor(...args: Arguments<ConvLayerOptions>) {
    super(1, ...args)
  }
}
/** Cross-correlation over two axes; see Conv1d. Shapes: x (N, in, H, W), weight (out, in/groups, KH, KW), bias (out). */
export class Conv2d extends ConvNd {
  constructor(...args: Arguments<ConvLayerOptions>) {
    super(2, ...args)
  }
}
/** Cross-correlation over three axes; see Conv1d. Shapes: x (N, in, D, H, W), weight (out, in/groups, KD, KH, KW). */
export class Conv3d extends ConvNd {
  constructor(...args: Arguments<ConvLayerOptions>) {
    super(3, ...args)
  }
}

abstract class ConvTransposeNd extends Convolution {
  private readonly options: ConvTransposeOptions
  private readonly own: ConvTransposeLayerOptions & Kernel

  constructor(
    spatial: 1 | 2 | 3,
    ...[inChannels, outChannels, kernel, given]: Arguments<ConvTransposeLayerOptions>
  ) {
    const o = kernelOf(kernel, given)
    const { kernelSize, bias = true, ...options } = o
    const op = `ConvTranspose${spatial}d`
    const size = extents(op, 'kernelSize', kernelSize, spatial, 1)
    const groups = options.groups ?? 1
    const channels = [inChannels, outChannels] as const
    super(op, channels, [inChannels, Math.floor(outChannels / groups), ...size], groups, bias)
    this.options = options
    this.own = o
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
    return [...this.channels, showOptions(this.own)].join(', ')
  }
}

/**
 * The transpose of a convolution over one axis; see convTranspose1d.
 *
 * Shapes: x (N, in, L) or (in, L), weight (in, out/groups, K), bias (out).
 */
export class ConvTranspose1d extends ConvTransposeNd {
  constructor(...args: Arguments<ConvTransposeLayerOptions>) {
    super(1, ...args)
  }
}
/** The transpose of a convolution over two axes. Shapes: x (N, in, H, W), weight (in, out/groups, KH, KW), bias (out). */
export class ConvTranspose2d extends ConvTransposeNd {
  constructor(...args: Arguments<ConvTransposeLayerOptions>) {
    super(2, ...args)
  }
}
/** The transpose of a convolution over three axes. Shapes: x (N, in, D, H, W), weight (in, out/groups, KD, KH, KW). */
export class ConvTranspose3d extends ConvTransposeNd {
  constructor(...args: Arguments<ConvTransposeLayerOptions>) {
    super(3, ...args)
  }
}
