/** Pooling layers. */
import * as adaptive from '../ops/adaptive.js'
import * as f from '../ops/pool.js'
import type { MaxPoolOptions, Pooled, ReturnIndices } from '../ops/pool.js'
import type { Shape } from '../core/shape.js'
import type { Tensor } from '../ops/tensor.js'
import type { Extents } from '../ops/window.js'
import { showOptions } from './common.js'
import { Module } from './module.js'

/** A layer of a pooling function: its kernel and its options. */
abstract class Pool<O extends object> extends Module {
  protected readonly kernelSize: Extents
  protected readonly options: O
  constructor(kernelSize: Extents, options: O = {} as O) {
    super()
    this.kernelSize = kernelSize
    this.options = options
  }
  override describe(): string {
    return showOptions({ kernelSize: this.kernelSize, ...this.options })
  }
}

abstract class ExtremePool<I extends boolean> extends Pool<MaxPoolOptions & ReturnIndices<I>> {
  protected abstract readonly pool: typeof f.maxPool1d
  override forward(x: Tensor): Pooled<I> {
    return this.pool(x, this.kernelSize, this.options)
  }
}
/** The largest of each window; see maxPool1d. With `returnIndices` forward gives [values, indices]. */
export class MaxPool1d<I extends boolean = false> extends ExtremePool<I> {
  protected override readonly pool = f.maxPool1d
}
/** The largest of each window over two axes; see MaxPool1d. */
export class MaxPool2d<I extends boolean = false> extends ExtremePool<I> {
  protected override readonly pool = f.maxPool2d
}
/** The largest of each window over three axes; see MaxPool1d. */
export class MaxPool3d<I extends boolean = false> extends ExtremePool<I> {
  protected override readonly pool = f.maxPool3d
}
/** The smallest of each window; see MaxPool1d. */
export class MinPool1d<I extends boolean = false> extends ExtremePool<I> {
  protected override readonly pool = f.minPool1d
}
/** The smallest of each window over two axes; see MaxPool1d. */
export class MinPool2d<I extends boolean = false> extends ExtremePool<I> {
  protected override readonly pool = f.minPool2d
}
/** The smallest of each window over three axes; see MaxPool1d. */
export class MinPool3d<I extends boolean = false> extends ExtremePool<I> {
  protected override readonly pool = f.minPool3d
}

abstract class AvgPool extends Pool<f.AvgPoolOptions> {
  protected abstract readonly pool: typeof f.avgPool1d
  override forward(x: Tensor): Tensor {
    return this.pool(x, this.kernelSize, this.options)
  }
}
/** The mean of each window; see avgPool1d. */
export class AvgPool1d extends AvgPool {
  protected override readonly pool = f.avgPool1d
}
/** The mean of each window over two axes. */
export class AvgPool2d extends AvgPool {
  protected override readonly pool = f.avgPool2d
}
/** The mean of each window over three axes. */
export class AvgPool3d extends AvgPool {
  protected override readonly pool = f.avgPool3d
}

abstract class LPPool extends Pool<f.LPPoolOptions> {
  protected abstract readonly pool: typeof f.lpPool1d
  private readonly normType: number
  constructor(normType: number, kernelSize: Extents, options: f.LPPoolOptions = {}) {
    super(kernelSize, options)
    this.normType = normType
  }
  override forward(x: Tensor): Tensor {
    return this.pool(x, this.normType, this.kernelSize, this.options)
  }
  override describe(): string {
    return `normType=${this.normType}, ${super.describe()}`
  }
}
/** (Σ xᵖ)^(1/p) of each window; see lpPool1d. */
export class LPPool1d extends LPPool {
  protected override readonly pool = f.lpPool1d
}
/** (Σ xᵖ)^(1/p) of each window over two axes. */
export class LPPool2d extends LPPool {
  protected override readonly pool = f.lpPool2d
}
/** (Σ xᵖ)^(1/p) of each window over three axes. */
export class LPPool3d extends LPPool {
  protected override readonly pool = f.lpPool3d
}

abstract class MaxUnpool extends Pool<Omit<f.UnpoolOptions, 'outputSize'>> {
  protected abstract readonly unpool: typeof f.maxUnpool1d
  override forward(x: Tensor, indices: Tensor, outputSize?: Shape): Tensor {
    const more = outputSize && { outputSize }
    return this.unpool(x, indices, this.kernelSize, { ...this.options, ...more })
  }
}
/** Values of a max pooling back at their places; see maxUnpool1d. */
export class MaxUnpool1d extends MaxUnpool {
  protected override readonly unpool = f.maxUnpool1d
}
/** The inverse of MaxPool2d; see MaxUnpool1d. */
export class MaxUnpool2d extends MaxUnpool {
  protected override readonly unpool = f.maxUnpool2d
}
/** The inverse of MaxPool3d; see MaxUnpool1d. */
export class MaxUnpool3d extends MaxUnpool {
  protected override readonly unpool = f.maxUnpool3d
}

abstract class AdaptiveAvgPool extends Module {
  protected abstract readonly pool: typeof adaptive.adaptiveAvgPool1d
  private readonly outputSize: adaptive.OutputSize
  constructor(outputSize: adaptive.OutputSize) {
    super()
    this.outputSize = outputSize
  }
  override forward(x: Tensor): Tensor {
    return this.pool(x, this.outputSize)
  }
  override describe(): string {
    return showOptions({ outputSize: this.outputSize })
  }
}
/** The mean of windows that cover x evenly; see adaptiveAvgPool1d. */
export class AdaptiveAvgPool1d extends AdaptiveAvgPool {
  protected override readonly pool = adaptive.adaptiveAvgPool1d
}
/** As AdaptiveAvgPool1d, over two axes. */
export class AdaptiveAvgPool2d extends AdaptiveAvgPool {
  protected override readonly pool = adaptive.adaptiveAvgPool2d
}
/** As AdaptiveAvgPool1d, over three axes. */
export class AdaptiveAvgPool3d extends AdaptiveAvgPool {
  protected override readonly pool = adaptive.adaptiveAvgPool3d
}

abstract class AdaptiveMaxPool<I extends boolean> extends Module {
  protected abstract readonly pool: typeof adaptive.adaptiveMaxPool1d
  private readonly outputSize: adaptive.OutputSize
  private readonly options: ReturnIndices<I>
  constructor(outputSize: adaptive.OutputSize, options: ReturnIndices<I> = {}) {
    super()
    this.outputSize = outputSize
    this.options = options
  }
  override forward(x: Tensor): Pooled<I> {
    return this.pool(x, this.outputSize, this.options)
  }
  override describe(): string {
    return showOptions({ outputSize: this.outputSize, ...this.options })
  }
}
/** The largest of windows that cover x evenly; see adaptiveMaxPool1d. With `returnIndices` forward gives [values, indices]. */
export class AdaptiveMaxPool1d<I extends boolean = false> extends AdaptiveMaxPool<I> {
  protected override readonly pool = adaptive.adaptiveMaxPool1d
}
/** As AdaptiveMaxPool1d, over two axes. */
export class AdaptiveMaxPool2d<I extends boolean = false> extends AdaptiveMaxPool<I> {
  protected override readonly pool = adaptive.adaptiveMaxPool2d
}
/** As AdaptiveMaxPool1d, over three axes. */
export class AdaptiveMaxPool3d<I extends boolean = false> extends AdaptiveMaxPool<I> {
  protected override readonly pool = adaptive.adaptiveMaxPool3d
}

/** The mean over all places of each channel: (N, C, spatial) to (N, C), or to (N, C, 1, ..) with keepdim. */
export class GlobalAvgPool extends Module {
  private readonly options: { keepdim?: boolean }
  constructor(options: { keepdim?: boolean } = {}) {
    super()
    this.options = options
  }
  override forward(x: Tensor): Tensor {
    return f.globalAvgPool(x, this.options)
  }
}
/** The largest over all places of each channel; see GlobalAvgPool. */
export class GlobalMaxPool extends Module {
  private readonly options: { keepdim?: boolean }
  constructor(options: { keepdim?: boolean } = {}) {
    super()
    this.options = options
  }
  override forward(x: Tensor): Tensor {
    return f.globalMaxPool(x, this.options)
  }
}
