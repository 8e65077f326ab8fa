/** Normalization layers. */
import { add, div } from '../ops/arithmetic.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, orNull, readArguments } from '../core/options.js'
import type { Shape } from '../core/shape.js'
import { assign } from '../ops/assign.js'
import { toType } from '../ops/define.js'
import { squeeze, unsqueeze } from '../ops/movement.js'
import { batchNorm, groupNorm, instanceNorm, layerNorm, rmsNorm } from '../ops/norm.js'
import type { Tensor } from '../ops/tensor.js'
import { full, ones, zeros } from '../tensor/creation.js'
import { biasPlace, parameter, showOptions, type Unless, unless } from './common.js'
import { noGrad } from '../ops/state.js'
import { Module, Parameter } from './module.js'

const parameterOfOnes = (shape: Shape) => new Parameter(ones(shape))

export interface ChannelNormOptions<A extends boolean = boolean, T extends boolean = boolean> {
  eps?: number
  /** How far running statistics move at each step; null: they are the mean over all steps (instance norm: they stay). */
  momentum?: number | null
  /** Learned scale and shift. */
  affine?: A
  /** Keep running statistics, which evaluation uses. */
  trackRunningStats?: T
}

/** By place as in PyTorch, with options from any place on. */
type ChannelNormArguments<A extends boolean, T extends boolean> = [
  numFeatures: number,
  eps?: number | ChannelNormOptions<A, T>,
  momentum?: number | null | ChannelNormOptions<A, T>,
  affine?: A,
  trackRunningStats?: T,
]
const channelPlaces = {
  numFeatures: kinds.count,
  eps: kinds.number,
  momentum: orNull(kinds.number),
  affine: kinds.flag,
  trackRunningStats: kinds.flag,
}

/** What batch and instance norm share: scale and shift, running statistics. PyTorch's names. */
abstract class ChannelNorm<A extends boolean, T extends boolean> extends Module {
  weight: Unless<A>
  bias: Unless<A>
  runningMean: Unless<T, Tensor>
  runningVar: Unless<T, Tensor>
  numBatchesTracked: Unless<T, Tensor>
  eps: number
  momentum: number | null
  readonly numFeatures: number
  /** What was given. */
  options: ChannelNormOptions

  constructor(op: string, args: readonly unknown[], standard: boolean) {
    super()
    const { numFeatures, ...options } = readArguments<ChannelNormOptions & { numFeatures: number }>(
      op,
      args,
      channelPlaces,
      1,
    )
    const { eps = 1e-5, momentum = 0.1, affine = standard, trackRunningStats = standard } = options
    const shape = [numFeatures]
    this.weight = unless<A, Parameter>(affine, () => parameterOfOnes(shape))
    this.bias = unless<A, Parameter>(affine, () => parameter(shape))
    const buffer = (name: string, make: () => Tensor) =>
      this.registerBuffer(name, unless<T, Tensor>(trackRunningStats, make))
    this.runningMean = buffer('runningMean', () => zeros(shape))
    this.runningVar = buffer('runningVar', () => ones(shape))
    this.numBatchesTracked = buffer('numBatchesTracked', () => full([], 0, { dtype: 'int32' }))
    this.eps = eps
    this.momentum = momentum
    this.numFeatures = numFeatures
    this.options = options
  }

  /** Forgets the running statistics. */
  resetRunningStats(): void {
    noGrad(() => {
      for (const t of [this.runningMean, this.numBatchesTracked]) if (t) assign(t, zerosLike(t))
      if (this.runningVar) assign(this.runningVar, ones([this.numFeatures]))
    })
  }

  protected check(op: string, x: Tensor, ranks: readonly number[]): void {
    if (!ranks.includes(x.rank))
      throw new ShapeError({
        op,
        rule: `x must have ${ranks.join(' or ')} axes`,
        got: show(x.shape),
      })
  }
  override describe(): string {
    return [`${this.numFeatures}`, showOptions(this.options)].filter(Boolean).join(', ')
  }
}
const zerosLike = (t: Tensor) => zeros(t.shape, { dtype: t.dtype })

abstract class BatchNorm<A extends boolean, T extends boolean> extends ChannelNorm<A, T> {
  private readonly ranks: readonly number[]
  constructor(spatial: number, ranks: readonly number[], args: readonly unknown[]) {
    super(`BatchNorm${spatial}d`, args, true)
    this.ranks = ranks
  }
  /** Counts a step of training and gives how far the running statistics move at it. */
  protected step(): number | Tensor {
    const count = this.numBatchesTracked
    if (!count || !this.training) return this.momentum ?? 0
    return noGrad(() => {
      const now = add(count, 1)
      assign(count, now)
      return this.momentum ?? div(1, toType(now, 'float32'))
    })
  }

  override forward(x: Tensor): Tensor {
    this.check('batchNorm', x, this.ranks)
    const { runningMean, runningVar, weight, bias, training, eps } = this
    const momentum = this.step()
    return batchNorm(x, runningMean, runningVar, weight, bias, { training, momentum, eps })
  }
}
/**
 * Each channel normalized over the batch, by its statistics in training and by the running ones in evaluation;
 * see batchNorm. Shapes: (N, C) or (N, C, L).
 */
export class BatchNorm1d<A extends boolean = true, T extends boolean = true> extends BatchNorm<
  A,
  T
> {
  constructor(...args: ChannelNormArguments<A, T>) {
    super(1, [2, 3], args)
  }
}
/** Each channel normalized over the batch and all places; see BatchNorm1d. Shapes: (N, C, H, W). */
export class BatchNorm2d<A extends boolean = true, T extends boolean = true> extends BatchNorm<
  A,
  T
> {
  constructor(...args: ChannelNormArguments<A, T>) {
    super(2, [4], args)
  }
}
/** Each channel normalized over the batch and all places; see BatchNorm1d. Shapes: (N, C, D, H, W). */
export class BatchNorm3d<A extends boolean = true, T extends boolean = true> extends BatchNorm<
  A,
  T
> {
  constructor(...args: ChannelNormArguments<A, T>) {
    super(3, [5], args)
  }
}

abstract class InstanceNorm<A extends boolean, T extends boolean> extends ChannelNorm<A, T> {
  private readonly ranks: readonly number[]
  constructor(spatial: number, ranks: readonly number[], args: readonly unknown[]) {
    super(`InstanceNorm${spatial}d`, args, false)
    this.ranks = ranks
  }
  override forward(x: Tensor): Tensor {
    this.check('instanceNorm', x, this.ranks)
    const unbatched = x.rank === this.ranks[0]
    const { runningMean, runningVar, weight, bias, eps, training } = this
    const useInputStats = training || !runningMean
    // As PyTorch, which does not count the steps here.
    const momentum = this.momentum ?? 0
    const y = instanceNorm(unbatched ? unsqueeze(x, 0) : x, weight, bias, {
      runningMean,
      runningVar,
      useInputStats,
      momentum,
      eps,
    })
    return unbatched ? squeeze(y, 0) : y
  }
}
/** Each channel of each sample normalized over its places; see instanceNorm. Shapes: (N, C, L) or (C, L). */
export class InstanceNorm1d<
  A extends boolean = false,
  T extends boolean = false,
> extends InstanceNorm<A, T> {
  constructor(...args: ChannelNormArguments<A, T>) {
    super(1, [2, 3], args)
  }
}
/** Each channel of each sample normalized over its places. Shapes: (N, C, H, W) or (C, H, W). */
export class InstanceNorm2d<
  A extends boolean = false,
  T extends boolean = false,
> extends InstanceNorm<A, T> {
  constructor(...args: ChannelNormArguments<A, T>) {
    super(2, [3, 4], args)
  }
}
/** Each channel of each sample normalized over its places. Shapes: (N, C, D, H, W) or (C, D, H, W). */
export class InstanceNorm3d<
  A extends boolean = false,
  T extends boolean = false,
> extends InstanceNorm<A, T> {
  constructor(...args: ChannelNormArguments<A, T>) {
    super(3, [4, 5], args)
  }
}

const shapeOf = (shape: number | Shape): Shape => (typeof shape === 'number' ? [shape] : shape)

const shapePlaces = {
  normalizedShape: kinds.extents,
  eps: kinds.number,
  elementwiseAffine: kinds.flag,
}

export interface LayerNormOptions<A extends boolean = boolean, B extends boolean = boolean> {
  eps?: number
  /** Learned scale and shift. */
  elementwiseAffine?: A
  bias?: B
}
/** Normalized over the last axes; see layerNorm. Shapes: (..., *normalizedShape). */
export class LayerNorm<A extends boolean = true, B extends boolean = true> extends Module {
  weight: Unless<A>
  bias: A extends true ? Unless<B> : null
  readonly normalizedShape: Shape
  eps: number
  constructor(
    normalizedShape: number | Shape,
    eps?: number | LayerNormOptions<A, B>,
    elementwiseAffine?: A | LayerNormOptions<A, B>,
    bias?: B,
  )
  constructor(...args: unknown[]) {
    super()
    const {
      normalizedShape,
      eps = 1e-5,
      elementwiseAffine = true,
      bias = true,
    } = readArguments<LayerNormOptions & { normalizedShape: number | Shape }>(
      'LayerNorm',
      args,
      { ...shapePlaces, ...biasPlace },
      1,
    )
    this.normalizedShape = shapeOf(normalizedShape)
    this.weight = unless<A, Parameter>(elementwiseAffine, () =>
      parameterOfOnes(this.normalizedShape),
    )
    this.bias = unless<boolean, Parameter>(elementwiseAffine && bias, () =>
      parameter(this.normalizedShape),
    ) as typeof this.bias
    this.eps = eps
  }
  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps)
  }
  override describe(): string {
    return `${show(this.normalizedShape)}, eps=${this.eps}`
  }
}

export interface RMSNormOptions<A extends boolean = boolean> {
  /** null: the machine epsilon of the type. */
  eps?: number | null
  elementwiseAffine?: A
}
/** Scaled by the root mean square of the last axes; see rmsNorm. Shapes: (..., *normalizedShape). */
export class RMSNorm<A extends boolean = true> extends Module {
  weight: Unless<A>
  readonly normalizedShape: Shape
  eps: number | null
  constructor(
    normalizedShape: number | Shape,
    eps?: number | null | RMSNormOptions<A>,
    elementwiseAffine?: A,
  )
  constructor(...args: unknown[]) {
    super()
    const {
      normalizedShape,
      eps = null,
      elementwiseAffine = true,
    } = readArguments<RMSNormOptions & { normalizedShape: number | Shape }>(
      'RMSNorm',
      args,
      { ...shapePlaces, eps: orNull(kinds.number) },
      1,
    )
    this.normalizedShape = shapeOf(normalizedShape)
    this.weight = unless<A, Parameter>(elementwiseAffine, () =>
      parameterOfOnes(this.normalizedShape),
    )
    this.eps = eps
  }
  override forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, this.weight, this.eps)
  }
  override describe(): string {
    return `${show(this.normalizedShape)}, eps=${this.eps}`
  }
}

export interface GroupNormOptions<A extends boolean = boolean> {
  eps?: number
  affine?: A
}
const groupPlaces = {
  numGroups: kinds.count,
  numChannels: kinds.count,
  eps: kinds.number,
  affine: kinds.flag,
}
/**
 * Normalized over the channels of each group and all places, for each sample; see groupNorm. Shapes: (N, C, ...).
 * @throws ValueError when the groups do not divide the channels
 */
export class GroupNorm<A extends boolean = true> extends Module {
  weight: Unless<A>
  bias: Unless<A>
  readonly numGroups: number
  readonly numChannels: number
  eps: number
  constructor(
    numGroups: number,
    numChannels: number,
    eps?: number | GroupNormOptions<A>,
    affine?: A,
  )
  constructor(...args: unknown[]) {
    super()
    const {
      numGroups,
      numChannels,
      eps = 1e-5,
      affine = true,
    } = readArguments<GroupNormOptions & { numGroups: number; numChannels: number }>(
      'GroupNorm',
      args,
      groupPlaces,
      2,
    )
    if (numChannels % numGroups !== 0)
      throw new ValueError({
        op: 'GroupNorm',
        rule: `${numGroups} groups must divide the channels`,
        got: `${numChannels}`,
      })
    this.weight = unless<A, Parameter>(affine, () => parameterOfOnes([numChannels]))
    this.bias = unless<A, Parameter>(affine, () => parameter([numChannels]))
    this.numGroups = numGroups
    this.numChannels = numChannels
    this.eps = eps
  }
  override forward(x: Tensor): Tensor {
    return groupNorm(x, this.numGroups, this.weight, this.bias, this.eps)
  }
  override describe(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${this.eps}`
  }
}
