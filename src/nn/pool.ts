/** Pooling layers. */
import { extents, flag, integer, number } from '../core/kinds.js'
import { orNull, type Places, readArguments } from '../core/options.js'
import type { Shape } from '../core/shape.js'
import * as adaptive from '../ops/adaptive.js'
import type { MaxPoolOptions, Pooled, ReturnIndices } from '../ops/pool.js'
import * as f from '../ops/pool.js'
import type { Tensor } from '../ops/tensor.js'
import type { Extents } from '../ops/window.js'
import { showOptions } from './common.js'
import { Module } from './module.js'

const kernel = { kernelSize: extents, stride: orNull(extents) }
const extremePlaces = {
  ...kernel,
  padding: extents,
  dilation: extents,
  returnIndices: flag,
  ceilMode: flag,
}
const averagePlaces = { ...kernel, padding: extents, ceilMode: flag, countIncludePad: flag }
const divisorPlaces = { ...averagePlaces, divisorOverride: orNull(integer) }
const powerPlaces = { normType: number, ...kernel, ceilMode: flag }
const unpoolPlaces = { ...kernel, padding: extents }

/** A layer of a pooling function: its kernel and its options. A stride of null is the kernel's size. */
abstract class Pool<O extends object> extends Module {
  kernelSize: Extents
  options: O
  constructor(op: string, args: readonly unknown[], places: Places, required = 1) {
    super()
    const { kernelSize, ...options } = readArguments<{ kernelSize: Extents }>(
      op,
      args,
      places,
      required,
    )
    this.kernelSize = kernelSize
    this.options = Object.fromEntries(Object.entries(options).filter(([, v]) => v !== null)) as O
  }
  override describe(): string {
    return showOptions({ kernelSize: this.kernelSize, ...this.options })
  }
}

type ExtremeOptions<I extends boolean> = MaxPoolOptions & ReturnIndices<I>
interface ExtremePool<I extends boolean> extends Pool<ExtremeOptions<I>> {
  forward(x: Tensor): Pooled<I>
}
type ExtremePoolClass = new <I extends boolean = false>(
  kernelSize: Extents,
  stride?: Extents | null | ExtremeOptions<I>,
  padding?: Extents | ExtremeOptions<I>,
  dilation?: Extents | ExtremeOptions<I>,
  returnIndices?: I,
  ceilMode?: boolean,
) => ExtremePool<I>
/** The layer of a largest or smallest element. */
const extremeOf = (name: string, pool: typeof f.maxPool1d): ExtremePoolClass =>
  class<I extends boolean> extends Pool<ExtremeOptions<I>> {
    constructor(...args: unknown[]) {
      super(name, args, extremePlaces)
    }
    override forward(x: Tensor): Pooled<I> {
      return pool(x, this.kernelSize, this.options)
    }
  }

/** The largest of each window; see maxPool1d. With `returnIndices` forward gives [values, indices]. */
export class MaxPool1d<I extends boolean = false> extends extremeOf('MaxPool1d', f.maxPool1d)<I> {}
/** The largest of each window over two axes; see MaxPool1d. */
export class MaxPool2d<I extends boolean = false> extends extremeOf('MaxPool2d', f.maxPool2d)<I> {}
/** The largest of each window over three axes; see MaxPool1d. */
export class MaxPool3d<I extends boolean = false> extends extremeOf('MaxPool3d', f.maxPool3d)<I> {}
/** The smallest of each window; see minPool1d. */
export class MinPool1d<I extends boolean = false> extends extremeOf('MinPool1d', f.minPool1d)<I> {}
/** The smallest of each window over two axes; see MinPool1d. */
export class MinPool2d<I extends boolean = false> extends extremeOf('MinPool2d', f.minPool2d)<I> {}
/** The smallest of each window over three axes; see MinPool1d. */
export class MinPool3d<I extends boolean = false> extends extremeOf('MinPool3d', f.minPool3d)<I> {}

interface OnePool<O extends object> extends Pool<O> {
  forward(x: Tensor): Tensor
}
type AvgPoolClass = new (
  kernelSize: Extents,
  stride?: Extents | null | f.AvgPoolOptions,
  padding?: Extents | f.AvgPoolOptions,
  ceilMode?: boolean,
  countIncludePad?: boolean,
  divisorOverride?: number | null,
) => OnePool<f.AvgPoolOptions>
/** The layer of a mean. */
const averageOf = (name: string, pool: typeof f.avgPool1d, places: Places): AvgPoolClass =>
  class extends Pool<f.AvgPoolOptions> {
    constructor(...args: unknown[]) {
      super(name, args, places)
    }
    override forward(x: Tensor): Tensor {
      return pool(x, this.kernelSize, this.options)
    }
  }
/** The mean of each window; see avgPool1d. */
export class AvgPool1d extends averageOf('AvgPool1d', f.avgPool1d, averagePlaces) {}
/** The mean of each window over two axes. */
export class AvgPool2d extends averageOf('AvgPool2d', f.avgPool2d, divisorPlaces) {}
/** The mean of each window over three axes. */
export class AvgPool3d extends averageOf('AvgPool3d', f.avgPool3d, divisorPlaces) {}

type PowerOptions = f.LPPoolOptions & { normType: number }
type PowerPoolClass = new (
  normType: number,
  kernelSize: Extents,
  stride?: Extents | null | f.LPPoolOptions,
  ceilMode?: boolean,
) => OnePool<PowerOptions>
/** The layer of a power mean. */
const powerOf = (name: string, pool: typeof f.lpPool1d): PowerPoolClass =>
  class extends Pool<PowerOptions> {
    constructor(...args: unknown[]) {
      super(name, args, powerPlaces, 2)
    }
    override forward(x: Tensor): Tensor {
      const { normType, ...options } = this.options
      return pool(x, normType, this.kernelSize, options)
    }
  }
/** (Σ xᵖ)^(1/p) of each window; see lpPool1d. */
export class LPPool1d extends powerOf('LPPool1d', f.lpPool1d) {}
/** (Σ xᵖ)^(1/p) of each window over two axes. */
export class LPPool2d extends powerOf('LPPool2d', f.lpPool2d) {}
/** (Σ xᵖ)^(1/p) of each window over three axes. */
export class LPPool3d extends powerOf('LPPool3d', f.lpPool3d) {}

type UnpoolOptions = Omit<f.UnpoolOptions, 'outputSize'>
interface Unpool extends Pool<UnpoolOptions> {
  forward(x: Tensor, indices: Tensor, outputSize?: Shape): Tensor
}
type UnpoolClass = new (
  kernelSize: Extents,
  stride?: Extents | null | UnpoolOptions,
  padding?: Extents,
) => Unpool
/** The layer that puts values back. */
const unpoolOf = (name: string, unpool: typeof f.maxUnpool1d): UnpoolClass =>
  class extends Pool<UnpoolOptions> {
    constructor(...args: unknown[]) {
      super(name, args, unpoolPlaces)
    }
    override forward(x: Tensor, indices: Tensor, outputSize?: Shape): Tensor {
      const more = outputSize && { outputSize }
      return unpool(x, indices, this.kernelSize, { ...this.options, ...more })
    }
  }
/** Values of a max pooling back at their places; see maxUnpool1d. */
export class MaxUnpool1d extends unpoolOf('MaxUnpool1d', f.maxUnpool1d) {}
/** The inverse of MaxPool2d; see MaxUnpool1d. */
export class MaxUnpool2d extends unpoolOf('MaxUnpool2d', f.maxUnpool2d) {}
/** The inverse of MaxPool3d; see MaxUnpool1d. */
export class MaxUnpool3d extends unpoolOf('MaxUnpool3d', f.maxUnpool3d) {}

const sizePlaces = {
  outputSize: {
    rule: 'a number or a list of numbers, null where the size stays',
    holds: (v: unknown) => [v].flat().every((n) => n === null || typeof n === 'number'),
  },
}

interface AdaptiveAvgPool extends Module {
  outputSize: adaptive.OutputSize
  forward(x: Tensor): Tensor
}
/** The layer of a mean over windows that fit the result. */
const adaptiveAverageOf = (
  name: string,
  pool: typeof adaptive.adaptiveAvgPool1d,
): (new (
  outputSize: adaptive.OutputSize,
) => AdaptiveAvgPool) =>
  class extends Module {
    outputSize: adaptive.OutputSize
    constructor(...args: unknown[]) {
      super()
      this.outputSize = readArguments<{ outputSize: adaptive.OutputSize }>(
        name,
        args,
        sizePlaces,
        1,
      ).outputSize
    }
    override forward(x: Tensor): Tensor {
      return pool(x, this.outputSize)
    }
    override describe(): string {
      return showOptions({ outputSize: this.outputSize })
    }
  }
/** The mean of windows that cover x evenly; see adaptiveAvgPool1d. */
export class AdaptiveAvgPool1d extends adaptiveAverageOf(
  'AdaptiveAvgPool1d',
  adaptive.adaptiveAvgPool1d,
) {}
/** As AdaptiveAvgPool1d, over two axes. */
export class AdaptiveAvgPool2d extends adaptiveAverageOf(
  'AdaptiveAvgPool2d',
  adaptive.adaptiveAvgPool2d,
) {}
/** As AdaptiveAvgPool1d, over three axes. */
export class AdaptiveAvgPool3d extends adaptiveAverageOf(
  'AdaptiveAvgPool3d',
  adaptive.adaptiveAvgPool3d,
) {}

interface AdaptiveMaxPool<I extends boolean> extends Module {
  outputSize: adaptive.OutputSize
  options: ReturnIndices<I>
  forward(x: Tensor): Pooled<I>
}
type AdaptiveMaxPoolClass = new <I extends boolean = false>(
  outputSize: adaptive.OutputSize,
  returnIndices?: I | ReturnIndices<I>,
) => AdaptiveMaxPool<I>
/** The layer of the largest over windows that fit the result. */
const adaptiveMaxOf = (
  name: string,
  pool: typeof adaptive.adaptiveMaxPool1d,
): AdaptiveMaxPoolClass =>
  class<I extends boolean> extends Module {
    outputSize: adaptive.OutputSize
    options: ReturnIndices<I>
    constructor(...args: unknown[]) {
      super()
      const { outputSize, ...options } = readArguments<
        ReturnIndices<I> & { outputSize: adaptive.OutputSize }
      >(name, args, { ...sizePlaces, returnIndices: flag }, 1)
      this.outputSize = outputSize
      this.options = options as ReturnIndices<I>
    }
    override forward(x: Tensor): Pooled<I> {
      return pool(x, this.outputSize, this.options)
    }
    override describe(): string {
      return showOptions({ outputSize: this.outputSize, ...this.options })
    }
  }
/** The largest of windows that cover x evenly; see adaptiveMaxPool1d. With `returnIndices` forward gives [values, indices]. */
export class AdaptiveMaxPool1d<I extends boolean = false> extends adaptiveMaxOf(
  'AdaptiveMaxPool1d',
  adaptive.adaptiveMaxPool1d,
)<I> {}
/** As AdaptiveMaxPool1d, over two axes. */
export class AdaptiveMaxPool2d<I extends boolean = false> extends adaptiveMaxOf(
  'AdaptiveMaxPool2d',
  adaptive.adaptiveMaxPool2d,
)<I> {}
/** As AdaptiveMaxPool1d, over three axes. */
export class AdaptiveMaxPool3d<I extends boolean = false> extends adaptiveMaxOf(
  'AdaptiveMaxPool3d',
  adaptive.adaptiveMaxPool3d,
)<I> {}

interface GlobalPool extends Module {
  options: { keepdim?: boolean }
  forward(x: Tensor): Tensor
}
/** The layer of one number a channel. */
const globalOf = (
  name: string,
  pool: typeof f.globalAvgPool,
): (new (
  keepdim?: boolean | { keepdim?: boolean },
) => GlobalPool) =>
  class extends Module {
    options: { keepdim?: boolean }
    constructor(...args: unknown[]) {
      super()
      this.options = readArguments<{ keepdim?: boolean }>(name, args, { keepdim: flag })
    }
    override forward(x: Tensor): Tensor {
      return pool(x, this.options)
    }
  }
/** The mean over all places of each channel: (N, C, spatial) to (N, C), or to (N, C, 1, ..) with keepdim. */
export class GlobalAvgPool extends globalOf('GlobalAvgPool', f.globalAvgPool) {}
/** The largest over all places of each channel; see GlobalAvgPool. */
export class GlobalMaxPool extends globalOf('GlobalMaxPool', f.globalMaxPool) {}
