/** Adam and its kin: momentum, and rates by second moments, both corrected for starting at zero. */
import { add, div, mul, sub, where } from '../ops/arithmetic.js'
import { assign } from '../ops/assign.js'
import { gt } from '../ops/compare.js'
import { maximum } from '../ops/elementwise.js'
import { abs, exp, rsqrt, sqrt, square } from '../ops/functions.js'
import type { Tensor } from '../ops/tensor.js'
import {
  Optimizer,
  type OptimizerOptions,
  type Params,
  type State,
  type Step,
  scalarState,
  zeroState,
} from './optimizer.js'
import { average, correction, type Decay, noDecay, oneMinus, penalized } from './options.js'

interface MomentOptions extends OptimizerOptions, Decay {
  /** Decay rates of the running averages of the gradient and of its square. */
  betas?: readonly [number, number]
  eps?: number
}
const moments: Required<Omit<MomentOptions, 'lr'>> = {
  betas: [0.9, 0.999],
  eps: 1e-8,
  maximize: false,
  ...noDecay,
}
const zeroMoments = (p: Tensor): State => ({ expAvg: zeroState(p), expAvgSq: zeroState(p) })

export interface AdamOptions extends MomentOptions {
  /** Divide by the largest second moment so far. Reddi et al., 2018. */
  amsgrad?: boolean
}
/** m̂ and v̂ being the corrected averages of g and g²: p ← p − lr m̂/(√v̂ + ε). Kingma and Ba, 2015. */
export class Adam extends Optimizer<AdamOptions> {
  override readonly alike: unknown = Adam
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, options, { lr: 0.001, ...moments, amsgrad: false })
  }
  protected init(p: Tensor, { amsgrad }: Required<AdamOptions>): State {
    return { ...zeroMoments(p), ...(amsgrad && { maxExpAvgSq: zeroState(p) }) }
  }
  protected update(p: Tensor, g: Tensor, s: State, o: Required<AdamOptions>, at: Step): Tensor {
    return this.moved(p, penalized(g, p, o), s, o, at)
  }
  protected moved(p: Tensor, d: Tensor, s: State, o: Required<AdamOptions>, at: Step): Tensor {
    const b1 = at.hyperparameters.beta1 ?? o.betas[0]
    const m = average(s.expAvg!, d, b1)
    let v = average(s.expAvgSq!, square(d), o.betas[1])
    if (o.amsgrad) {
      v = maximum(s.maxExpAvgSq!, v)
      assign(s.maxExpAvgSq!, v)
    }
    const scale = at.once('scale', () => rsqrt(correction(o.betas[1], at.count)))
    const rate = at.once('rate', () => div(at.rate, correction(b1, at.count)))
    return sub(p, div(mul(m, rate), add(mul(sqrt(v), scale), o.eps)))
  }
}

/** Adam with the decay taken off the parameter itself: p ← (1 − lr λ) p first. Loshchilov and Hutter, 2019. */
export class AdamW extends Adam {
  override readonly alike: unknown = AdamW
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { weightDecay: 0.01, ...options })
  }
  protected override update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: Required<AdamOptions>,
    at: Step,
  ): Tensor {
    const shrunk = mul(
      p,
      at.once('kept', () => sub(1, mul(at.rate, o.weightDecay))),
    )
    return this.moved(shrunk, penalized(g, p, { l1: o.l1 }), s, o, at)
  }
}

/** u ← max(β₂ u, |g| + ε) in place of the second moment: p ← p − lr m̂/u. Kingma and Ba, 2015, section 7.1. */
export class Adamax extends Optimizer<MomentOptions> {
  override readonly alike: unknown = Adamax
  constructor(params: Params<MomentOptions>, options: Partial<MomentOptions> = {}) {
    super(params, options, { lr: 0.002, ...moments })
  }
  protected init(p: Tensor): State {
    return { expAvg: zeroState(p), expInf: zeroState(p) }
  }
  protected update(p: Tensor, g: Tensor, s: State, o: Required<MomentOptions>, at: Step): Tensor {
    const b1 = at.hyperparameters.beta1 ?? o.betas[0]
    const d = penalized(g, p, o)
    const m = average(s.expAvg!, d, b1)
    const u = maximum(mul(s.expInf!, o.betas[1]), add(abs(d), o.eps))
    assign(s.expInf!, u)
    const rate = at.once('rate', () => div(at.rate, correction(b1, at.count)))
    return sub(p, div(mul(m, rate), u))
  }
}

export interface NAdamOptions extends MomentOptions {
  momentumDecay?: number
}
/**
 * Adam with Nesterov's momentum, μₜ = β₁ (1 − ½ 0.96^(t ψ)) with the decay ψ. Dozat, 2016, algorithm 8, as PyTorch has
 * it from 2.0 on.
 */
export class NAdam extends Optimizer<NAdamOptions> {
  constructor(params: Params<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    super(params, options, { lr: 0.002, ...moments, momentumDecay: 0.004 })
  }
  protected init(p: Tensor): State {
    return { ...zeroMoments(p), muProduct: scalarState(p, 1) }
  }
  protected update(p: Tensor, g: Tensor, s: State, o: Required<NAdamOptions>, at: Step): Tensor {
    const b1 = at.hyperparameters.beta1 ?? o.betas[0]
    const d = penalized(g, p, o)
    const t = at.count
    const mu = (step: Tensor) =>
      mul(sub(1, mul(exp(mul(step, o.momentumDecay * Math.log(0.96))), 0.5)), b1)
    const now = mu(t)
    const next = mu(add(t, 1))
    const product = mul(s.muProduct!, now)
    assign(s.muProduct!, product)
    const m = average(s.expAvg!, d, b1)
    const v = average(s.expAvgSq!, square(d), o.betas[1])
    const denom = add(sqrt(div(v, correction(o.betas[1], t))), o.eps)
    const byGrad = div(mul(at.rate, oneMinus(now)), sub(1, product))
    const byMoment = div(mul(at.rate, next), sub(1, mul(product, next)))
    return sub(p, div(add(mul(d, byGrad), mul(m, byMoment)), denom))
  }
}

/** Adam whose rate is rectified by the uncertainty of the variance, and without it while that is large. Liu et al., 2020. */
export class RAdam extends Optimizer<MomentOptions> {
  override readonly alike: unknown = RAdam
  constructor(params: Params<MomentOptions>, options: Partial<MomentOptions> = {}) {
    super(params, options, { lr: 0.001, ...moments })
  }
  protected init(p: Tensor): State {
    return zeroMoments(p)
  }
  protected update(p: Tensor, g: Tensor, s: State, o: Required<MomentOptions>, at: Step): Tensor {
    const b1 = at.hyperparameters.beta1 ?? o.betas[0]
    const b2 = o.betas[1]
    const d = penalized(g, p, o)
    const t = at.count
    const m = div(average(s.expAvg!, d, b1), correction(b1, t))
    const v = average(s.expAvgSq!, square(d), b2)
    const c2 = correction(b2, t)
    const limit = 2 / (1 - b2) - 1
    const rho = sub(limit, div(mul(mul(t, 2), sub(1, c2)), c2))
    const safe = maximum(rho, 5)
    const rect = sqrt(
      div(mul(mul(sub(safe, 4), sub(safe, 2)), limit), mul(safe, (limit - 4) * (limit - 2))),
    )
    const adaptive = mul(rect, div(sqrt(c2), add(sqrt(v), o.eps)))
    const step = where(gt(rho, 5), mul(m, adaptive), m)
    return sub(p, mul(at.rate, step))
  }
}
