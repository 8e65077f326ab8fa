/** Averages of weights over the steps of a training. */
import { checkOptions, type OptionNames } from '../core/options.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { isFloat } from '../core/dtype.js'
import { add, div, mul, sub } from '../ops/arithmetic.js'
import { assign } from '../ops/assign.js'
import { toType } from '../ops/define.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { minimum } from '../ops/elementwise.js'
import { full } from '../tensor/creation.js'
import { copy } from './copy.js'
import { Module } from './module.js'

export interface AveragedModelOptions {
  /** Averages floating buffers (running statistics) too; otherwise they are copied at each update. */
  useBuffers?: boolean
}
export interface EmaOptions extends AveragedModelOptions {
  /** How much of the average stays at each update: 0.999 unless said otherwise. */
  decay?: number
  /** Lets the decay grow as (1 + n)/(10 + n), so that the first steps count less. */
  warmup?: boolean
}
const meanNames: OptionNames<AveragedModelOptions> = { useBuffers: true }
const emaNames: OptionNames<EmaOptions> = { useBuffers: true, decay: true, warmup: true }

/** A copy of a model whose weights follow an average of those that it is shown. */
abstract class Averaged<
  M extends Module & { forward(...inputs: never[]): unknown },
> extends Module {
  /** The model with the average; it is saved, loaded and called like any other. */
  readonly module: M
  /** How many updates there have been, int32. */
  nAveraged: Tensor
  private readonly useBuffers: boolean
  constructor(model: M, useBuffers: boolean) {
    super()
    this.module = copy(model).requireGrad(false)
    this.nAveraged = this.registerBuffer('nAveraged', full([], 0, { dtype: 'int32' }))
    this.useBuffers = useBuffers
  }
  /** How far the average moves toward the new weights; n counts the updates before. */
  protected abstract weight(n: Tensor): Tensor | number

  /**
   * Takes the model's weights of now into the average. In a compiled step it is part of the program.
   * @throws ShapeError, ValueError when the model is not of the same parts
   */
  update(model: M): void {
    const own = [...this.module.namedParameters(), ...this.module.namedBuffers()]
    const other = new Map([...model.namedParameters(), ...model.namedBuffers()])
    const op = `${this.constructor.name}.update`
    noGrad(() => {
      const share = this.weight(toType(this.nAveraged, 'float32'))
      const parameters = new Set<Tensor>(this.module.parameters())
      for (const [name, t] of own) {
        const now = other.get(name)
        if (!now) throw new ValueError({ op, rule: `the model must have ${name}` })
        if (!sameShape(now.shape, t.shape))
          throw new ShapeError({ op, rule: `${name} must be [${t.shape}]`, got: `[${now.shape}]` })
        const averaged = isFloat(t.dtype) && (parameters.has(t) || this.useBuffers)
        assign(t, averaged ? add(t, mul(sub(now, t), share)) : now)
      }
      assign(this.nAveraged, add(this.nAveraged, 1))
    })
  }
  override forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    return (this.module.forward as (...all: unknown[]) => ReturnType<M['forward']>)(...inputs)
  }
}

/**
 * The mean of the weights over all updates: stochastic weight averaging. Izmailov et al., 2018,
 * https://arxiv.org/abs/1803.05407; PyTorch: torch.optim.swa_utils.AveragedModel. Statistics of batch norm are those of the
 * last update unless `useBuffers` averages them.
 *
 *     const mean = new AveragedModel(model)
 *     ...; optimizer.step(); mean.update(model)
 *     mean.eval().forward(x)
 */
export class AveragedModel<
  M extends Module & { forward(...inputs: never[]): unknown } = Module,
> extends Averaged<M> {
  constructor(model: M, options: AveragedModelOptions = {}) {
    const { useBuffers = false } = checkOptions('AveragedModel', options, meanNames)
    super(model, useBuffers)
  }
  protected override weight(n: Tensor): Tensor {
    return div(1, add(n, 1))
  }
}

/**
 * The exponential moving average of the weights: avg ← d · avg + (1 − d) · w, starting with the weights at the first
 * update. Polyak and Juditsky, 1992; PyTorch: AveragedModel with get_ema_multi_avg_fn.
 * @throws ValueError unless 0 ≤ decay ≤ 1
 */
export class ExponentialMovingAverage<
  M extends Module & { forward(...inputs: never[]): unknown } = Module,
> extends Averaged<M> {
  decay: number
  warmup: boolean
  constructor(model: M, options: EmaOptions = {}) {
    const {
      decay = 0.999,
      warmup = false,
      useBuffers = false,
    } = checkOptions('ExponentialMovingAverage', options, emaNames)
    if (!(decay >= 0 && decay <= 1))
      throw new ValueError({
        op: 'ExponentialMovingAverage',
        rule: 'decay must lie from 0 to 1',
        got: `${decay}`,
      })
    super(model, useBuffers)
    this.decay = decay
    this.warmup = warmup
  }
  protected override weight(n: Tensor): Tensor {
    const steady = this.warmup ? minimum(div(add(n, 1), add(n, 10)), this.decay) : this.decay
    const share = sub(1, steady)
    // 1 at the first update: the average is what it is shown.
    const first = sub(1, minimum(n, 1))
    return add(share, mul(first, sub(1, share)))
  }
}
