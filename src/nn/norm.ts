/** Normalization layers. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import type { Shape } from '../core/shape.js'
import { assign } from '../ops/assign.js'
import { toType } from '../ops/define.js'
import { add, div } from '../ops/elementwise.js'
import { squeeze, unsqueeze } from '../ops/movement.js'
import { batchNorm, groupNorm, instanceNorm, layerNorm, rmsNorm } from '../ops/norm.js'
import type { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/trace.js'
import { full, ones, zeros } from '../tensor/creation.js'
import { parameter, showOptions } from './common.js'
import { Module, Parameter } from './module.js'

const parameterOfOnes = (shape: Shape) => new Parameter(ones(shape))

export interface ChannelNormOptions {
  eps?: number
  /** How far running statistics move at each step; null: they are the mean over all steps (instance norm: they stay). */
  momentum?: number | null
  /** Learned scale and shift. */
  affine?: boolean
  /** Keep running statistics, which evaluation uses. */
  trackRunningStats?: boolean
}

/** What batch and instance norm share: scale and shift, running statistics. PyTorch's names. */
abstract class ChannelNorm extends Module {
  weight: Parameter | null
  bias: Parameter | null
  runningMean: Tensor | null
  runningVar: Tensor | null
  numBatchesTracked: Tensor | null
  protected readonly eps: number
  protected readonly momentum: number | null
  private readonly features: number
  private readonly own: ChannelNormOptions

  constructor(
    features: number,
    own: ChannelNormOptions,
    { eps, momentum, affine, trackRunningStats }: Required<ChannelNormOptions>,
  ) {
    super()
    this.weight = affine ? parameterOfOnes([features]) : null
    this.bias = affine ? parameter([features]) : null
    this.runningMean = trackRunningStats ? zeros([features]) : null
    this.runningVar = trackRunningStats ? ones([features]) : null
    this.numBatchesTracked = trackRunningStats ? full([], 0, { dtype: 'int32' }) : null
    this.eps = eps
    this.momentum = momentum
    this.features = features
    this.own = own
  }

  /** Forgets the running statistics. */
  resetRunningStats(): void {
    noGrad(() => {
      for (const t of [this.runningMean, this.numBatchesTracked]) if (t) assign(t, zerosLike(t))
      if (this.runningVar) assign(this.runningVar, ones([this.features]))
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
    return [`${this.features}`, showOptions(this.own)].filter(Boolean).join(', ')
  }
}
const zerosLike = (t: Tensor) => zeros(t.shape, { dtype: t.dtype })

abstract class BatchNorm extends ChannelNorm {
  protected abstract readonly ranks: readonly number[]
  constructor(numFeatures: number, options: ChannelNormOptions = {}) {
    super(numFeatures, options, {
      eps: 1e-5,
      momentum: 0.1,
      affine: true,
      trackRunningStats: true,
      ...options,
    })
  }
  /** Counts a step of training and gives how far the running statistics move at it. */
  private step(): number | Tensor {
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
export class BatchNorm1d extends BatchNorm {
  protected override readonly ranks = [2, 3]
}
/** Each channel normalized over the batch and all places; see BatchNorm1d. Shapes: (N, C, H, W). */
export class BatchNorm2d extends BatchNorm {
  protected override readonly ranks = [4]
}
/** Each channel normalized over the batch and all places; see BatchNorm1d. Shapes: (N, C, D, H, W). */
export class BatchNorm3d extends BatchNorm {
  protected override readonly ranks = [5]
}

abstract class InstanceNorm extends ChannelNorm {
  protected abstract readonly ranks: readonly number[]
  constructor(numFeatures: number, options: ChannelNormOptions = {}) {
    super(numFeatures, options, {
      eps: 1e-5,
      momentum: 0.1,
      affine: false,
      trackRunningStats: false,
      ...options,
    })
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
export class InstanceNorm1d extends InstanceNorm {
  protected override readonly ranks = [2, 3]
}
/** Each channel of each sample normalized over its places. Shapes: (N, C, H, W) or (C, H, W). */
export class InstanceNorm2d extends InstanceNorm {
  protected override readonly ranks = [3, 4]
}
/** Each channel of each sample normalized over its places. Shapes: (N, C, D, H, W) or (C, D, H, W). */
export class InstanceNorm3d extends InstanceNorm {
  protected override readonly ranks = [4, 5]
}

const shapeOf = (shape: number | Shape): Shape => (typeof shape === 'number' ? [shape] : shape)

export interface LayerNormOptions {
  eps?: number
  /** Learned scale and shift. */
  elementwiseAffine?: boolean
  bias?: boolean
}
/** Normalized over the last axes; see layerNorm. Shapes: (..., *normalizedShape). */
export class LayerNorm extends Module {
  weight: Parameter | null
  bias: Parameter | null
  private readonly shape: Shape
  private readonly eps: number
  constructor(
    normalizedShape: number | Shape,
    { eps = 1e-5, elementwiseAffine = true, bias = true }: LayerNormOptions = {},
  ) {
    super()
    this.shape = shapeOf(normalizedShape)
    this.weight = elementwiseAffine ? parameterOfOnes(this.shape) : null
    this.bias = elementwiseAffine && bias ? parameter(this.shape) : null
    this.eps = eps
  }
  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.shape, this.weight, this.bias, this.eps)
  }
  override describe(): string {
    return `${show(this.shape)}, eps=${this.eps}`
  }
}

export interface RMSNormOptions {
  /** null: the machine epsilon of the type. */
  eps?: number | null
  elementwiseAffine?: boolean
}
/** Scaled by the root mean square of the last axes; see rmsNorm. Shapes: (..., *normalizedShape). */
export class RMSNorm extends Module {
  weight: Parameter | null
  private readonly shape: Shape
  private readonly eps: number | null
  constructor(
    normalizedShape: number | Shape,
    { eps = null, elementwiseAffine = true }: RMSNormOptions = {},
  ) {
    super()
    this.shape = shapeOf(normalizedShape)
    this.weight = elementwiseAffine ? parameterOfOnes(this.shape) : null
    this.eps = eps
  }
  override forward(x: Tensor): Tensor {
    return rmsNorm(x, this.shape, this.weight, this.eps)
  }
  override describe(): string {
    return `${show(this.shape)}, eps=${this.eps}`
  }
}

export interface GroupNormOptions {
  eps?: number
  affine?: boolean
}
/**
 * Normalized over the channels of each group and all places, for each sample; see groupNorm. Shapes: (N, C, ...).
 * @throws ValueError when the groups do not divide the channels
 */
export class GroupNorm extends Module {
  weight: Parameter | null
  bias: Parameter | null
  private readonly groups: number
  private readonly channels: number
  private readonly eps: number
  constructor(
    numGroups: number,
    numChannels: number,
    { eps = 1e-5, affine = true }: GroupNormOptions = {},
  ) {
    super()
    if (numChannels % numGroups !== 0)
      throw new ValueError({
        op: 'GroupNorm',
        rule: `${numGroups} groups must divide the channels`,
        got: `${numChannels}`,
      })
    this.weight = affine ? parameterOfOnes([numChannels]) : null
    this.bias = affine ? parameter([numChannels]) : null
    this.groups = numGroups
    this.channels = numChannels
    this.eps = eps
  }
  override forward(x: Tensor): Tensor {
    return groupNorm(x, this.groups, this.weight, this.bias, this.eps)
  }
  override describe(): string {
    return `${this.groups}, ${this.channels}, eps=${this.eps}`
  }
}
