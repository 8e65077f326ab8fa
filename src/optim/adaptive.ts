/** Optimizers that scale each number's rate by its past gradients. */
import { add, div, mul, sub } from '../ops/arithmetic.js'
import { assign } from '../ops/assign.js'
import { lerp, maximum, minimum, pow } from '../ops/elementwise.js'
import { rsqrt, sqrt, square } from '../ops/functions.js'
import { mean } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { fullLike, zeros } from '../tensor/creation.js'
import {
  Optimizer,
  type OptimizerOptions,
  type Params,
  type State,
  type Step,
  zeroState,
} from './optimizer.js'
import { withState } from '../ops/state.js'
import { average, type Decay, noDecay, penalized } from './options.js'

export interface AdagradOptions extends OptimizerOptions, Decay {
  lrDecay?: number
  initialAccumulatorValue?: number
  eps?: number
}
/** p ← p − lr/(1 + (t − 1) η) g/(√Σg² + ε), η being lrDecay. Duchi et al., 2011. */
export class Adagrad extends Optimizer<AdagradOptions> {
  override readonly alike: unknown = Adagrad
  constructor(params: Params<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    super(params, options, {
      lr: 0.01,
      lrDecay: 0,
      initialAccumulatorValue: 0,
      eps: 1e-10,
      maximize: false,
      ...noDecay,
    })
  }
  protected init(p: Tensor, { initialAccumulatorValue }: Required<AdagradOptions>): State {
    return { sum: fullLike(p, initialAccumulatorValue, { requiresGrad: false }) }
  }
  protected update(p: Tensor, g: Tensor, s: State, o: Required<AdagradOptions>, at: Step): Tensor {
    const d = penalized(g, p, o)
    const total = add(s.sum!, square(d))
    assign(s.sum!, total)
    const rate = o.lrDecay === 0 ? at.rate : div(at.rate, add(mul(sub(at.count, 1), o.lrDecay), 1))
    return sub(p, div(mul(rate, d), add(sqrt(total), o.eps)))
  }
}

export interface AdadeltaOptions extends OptimizerOptions, Decay {
  rho?: number
  eps?: number
}
/** p ← p − lr δ with δ = g √(mean δ² + ε)/√(mean g² + ε), both means with the factor ρ. Zeiler, 2012. */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  override readonly alike: unknown = Adadelta
  constructor(params: Params<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    super(params, options, { lr: 1, rho: 0.9, eps: 1e-6, maximize: false, ...noDecay })
  }
  protected init(p: Tensor): State {
    return { squareAvg: zeroState(p), accDelta: zeroState(p) }
  }
  protected update(p: Tensor, g: Tensor, s: State, o: Required<AdadeltaOptions>, at: Step): Tensor {
    const d = penalized(g, p, o)
    const v = average(s.squareAvg!, square(d), o.rho)
    const delta = mul(div(sqrt(add(s.accDelta!, o.eps)), sqrt(add(v, o.eps))), d)
    average(s.accDelta!, square(delta), o.rho)
    return sub(p, mul(at.rate, delta))
  }
}

export interface RMSpropOptions extends OptimizerOptions, Decay {
  alpha?: number
  eps?: number
  momentum?: number
  /** Divide by the standard deviation instead of the root mean square. Graves, 2013. */
  centered?: boolean
}
/** p ← p − lr g/(√mean g² + ε), with momentum v ← μ v + that step. Hinton, 2012, lecture 6e. */
export class RMSprop extends Optimizer<RMSpropOptions> {
  override readonly alike: unknown = RMSprop
  constructor(params: Params<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    super(params, options, {
      lr: 0.01,
      alpha: 0.99,
      eps: 1e-8,
      momentum: 0,
      centered: false,
      maximize: false,
      ...noDecay,
    })
  }
  protected init(p: Tensor, { momentum, centered }: Required<RMSpropOptions>): State {
    return {
      squareAvg: zeroState(p),
      ...(momentum !== 0 && { momentumBuffer: zeroState(p) }),
      ...(centered && { gradAvg: zeroState(p) }),
    }
  }
  protected update(p: Tensor, g: Tensor, s: State, o: Required<RMSpropOptions>, at: Step): Tensor {
    const d = penalized(g, p, o)
    const v = average(s.squareAvg!, square(d), o.alpha)
    const spread = o.centered ? sub(v, square(average(s.gradAvg!, d, o.alpha))) : v
    const step = div(d, add(sqrt(spread), o.eps))
    if (o.momentum === 0) return sub(p, mul(at.rate, step))
    const b = add(mul(s.momentumBuffer!, at.hyperparameters.momentum ?? o.momentum), step)
    assign(s.momentumBuffer!, b)
    return sub(p, mul(at.rate, b))
  }
}

export interface AdafactorOptions extends OptimizerOptions, Decay {
  beta2Decay?: number
  /** The smallest root of a second moment, and the smallest scale of a parameter. */
  eps?: readonly [number, number]
  /** Limit of the root mean square of an update. */
  d?: number
}
/**
 * Second moments of matrices kept as row and column means, learning rates relative to the size of the parameter.
 * Shazeer and Stern, 2018, algorithms 4 and 5; defaults as in PyTorch 2.5.
 */
export class Adafactor extends Optimizer<AdafactorOptions> {
  constructor(params: Params<AdafactorOptions>, options: Partial<AdafactorOptions> = {}) {
    super(params, options, {
      lr: 0.01,
      beta2Decay: -0.8,
      eps: [2 ** -23, 1e-3],
      d: 1,
      maximize: false,
      ...noDecay,
    })
  }
  protected init(p: Tensor): State {
    if (p.rank < 2) return { variance: zeroState(p) }
    const rows = [...p.shape.slice(0, -1), 1]
    const cols = [...p.shape.slice(0, -2), 1, p.shape[p.rank - 1]!]
    return withState(
      'backend',
      () => p.backend,
      () => ({ rowVar: zeros(rows), colVar: zeros(cols) }),
    )
  }
  protected update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: Required<AdafactorOptions>,
    at: Step,
  ): Tensor {
    const [e1, e2] = o.eps
    const d = penalized(g, p, { l1: o.l1 })
    const share = pow(at.count, o.beta2Decay)
    const rho = minimum(at.rate, rsqrt(at.count))
    const rms = (x: Tensor) => sqrt(mean(square(x)))
    const alpha = mul(maximum(rms(p), e2), rho)
    const shrunk = o.weightDecay === 0 ? p : mul(p, sub(1, mul(at.rate, o.weightDecay)))
    let v: Tensor
    if (p.rank < 2) {
      v = lerp(s.variance!, square(d), share)
      assign(s.variance!, v)
    } else {
      const rows = lerp(s.rowVar!, mean(square(d), -1, { keepdim: true }), share)
      const cols = lerp(s.colVar!, mean(square(d), -2, { keepdim: true }), share)
      assign(s.rowVar!, rows)
      assign(s.colVar!, cols)
      v = div(mul(rows, cols), maximum(mean(rows, -2, { keepdim: true }), e1))
    }
    const step = mul(rsqrt(maximum(v, e1 * e1)), d)
    const scale = div(alpha, maximum(1, div(rms(step), o.d)))
    return sub(shrunk, mul(step, scale))
  }
}
