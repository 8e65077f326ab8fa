/** Averages of weights over the steps of a training. */
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
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
  /**
   * How much of the average stays at each update, for an exponential moving average; null, the default: the plain mean
   * of all updates.
   */
  decay?: number | null
  /** Lets the decay grow as (1 + n)/(10 + n), so that the first steps count less. */
  warmup?: boolean
  /** Averages floating buffers (running statistics) too; otherwise they are copied at each update. */
  useBuffers?: boolean
}
const names: OptionNames<AveragedModelOptions> = { decay: true, warmup: true, useBuffers: true }

/**
 * A copy of a model whose weights follow an average of those that it is shown: the mean over all updates (stochastic
 * weight averaging, Izmailov et al., 2018, https://arxiv.org/abs/1803.05407), or with `decay` d the exponential moving
 * average avg ← d · avg + (1 − d) · w, which starts with the weights of the first update. It is a module: it is called,
 * saved and loaded like any other. PyTorch: torch.optim.swa_utils.AveragedModel. To average a list of parameters in
 * place of a whole model there is ExponentialMovingAverage of nabla/optim.
 *
 *     const average = new AveragedModel(model, { decay: 0.999 })
 *     ...; optimizer.step(); average.update(model)
 *     average.eval().forward(x)
 * @throws ValueError unless 0 ≤ decay ≤ 1
 */
export class AveragedModel<
  M extends Module & { forward(...inputs: never[]): unknown } = Module,
> extends Module {
  /** The model with the average. */
  readonly module: M
  /** How many updates there have been, int32. */
  nAveraged: Tensor
  decay: number | null
  warmup: boolean
  useBuffers: boolean
  constructor(model: M, options: AveragedModelOptions = {}) {
    super()
    const op = 'AveragedModel'
    if (!(model instanceof Module))
      throw new ValueError({
        op,
        rule: 'the first argument must be a model',
        got: showValue(model),
        fix: 'Of a list of parameters there is ExponentialMovingAverage of nabla/optim.',
      })
    const { decay = null, warmup = false, useBuffers = false } = checkOptions(op, options, names)
    if (decay !== null && !(decay >= 0 && decay <= 1))
      throw new ValueError({ op, rule: 'decay must lie from 0 to 1', got: showValue(decay) })
    this.module = copy(model).requireGrad(false)
    this.nAveraged = this.registerBuffer('nAveraged', full([], 0, { dtype: 'int32' }))
    this.decay = decay
    this.warmup = warmup
    this.useBuffers = useBuffers
  }
  /** How far the average moves toward the new weights; n counts the updates before. */
  private share(n: Tensor): Tensor {
    if (this.decay === null) return div(1, add(n, 1))
    const steady = this.warmup ? minimum(div(add(n, 1), add(n, 10)), this.decay) : this.decay
    const rest = sub(1, steady)
    // 1 at the first update: the average is what it is shown.
    return add(rest, mul(sub(1, minimum(n, 1)), sub(1, rest)))
  }

  /**
   * Takes the model's weights of now into the average. In a compiled step it is part of the program.
   * @throws ShapeError, ValueError when the model is not of the same parts
   */
  update(model: M): void {
    const own = [...this.module.namedParameters(), ...this.module.namedBuffers()]
    const other = new Map([...model.namedParameters(), ...model.namedBuffers()])
    const op = 'AveragedModel.update'
    noGrad(() => {
      const share = this.share(toType(this.nAveraged, 'float32'))
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
