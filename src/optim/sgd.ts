/** Optimizers without adaptive rates, and those by the sign of the gradient. */
import { add, div, mul, sub, where } from '../ops/arithmetic.js'
import { ValueError } from '../core/errors.js'
import { assign } from '../ops/assign.js'
import { gt, lt } from '../ops/compare.js'
import { clamp, lerp, maximum, pow } from '../ops/elementwise.js'
import { sign } from '../ops/functions.js'
import type { Tensor } from '../ops/tensor.js'
import { fullLike } from '../tensor/creation.js'
import {
  Optimizer,
  type OptimizerOptions,
  type Params,
  type State,
  type Step,
  zeroState,
} from './optimizer.js'
import { average, type Decay, noDecay, penalized } from './options.js'

export interface SGDOptions extends OptimizerOptions, Decay {
  momentum?: number
  dampening?: number
  nesterov?: boolean
}
/**
 * Stochastic gradient descent: v ← μ v + (1 − τ) g, p ← p − lr v; Nesterov: p ← p − lr (g + μ v), with momentum μ and
 * dampening τ (the first step takes the gradient whole). Sutskever et al., 2013, in PyTorch's form.
 */
export class SGD extends Optimizer<SGDOptions> {
  override readonly alike: unknown = SGD
  constructor(params: Params<SGDOptions>, options: Partial<SGDOptions> = {}) {
    super(params, options, {
      lr: 0.001,
      momentum: 0,
      dampening: 0,
      nesterov: false,
      maximize: false,
      ...noDecay,
    })
  }
  protected override checkGroup({ nesterov, momentum, dampening }: Required<SGDOptions>): void {
    if (nesterov && (momentum === 0 || dampening !== 0))
      throw new ValueError({
        op: 'SGD',
        rule: 'Nesterov needs momentum and no dampening',
        got: `momentum ${momentum}, dampening ${dampening}`,
      })
  }
  protected init(p: Tensor, { momentum }: Required<SGDOptions>): State {
    return momentum === 0 ? {} : { momentumBuffer: zeroState(p) }
  }
  protected update(p: Tensor, g: Tensor, s: State, o: Required<SGDOptions>, at: Step): Tensor {
    let d = penalized(g, p, o)
    if (o.momentum !== 0) {
      const momentum = at.hyperparameters.momentum ?? o.momentum
      const share = o.dampening === 0 ? d : mul(d, where(gt(at.count, 1), 1 - o.dampening, 1))
      const v = add(mul(s.momentumBuffer!, momentum), share)
      assign(s.momentumBuffer!, v)
      d = o.nesterov ? add(d, mul(v, momentum)) : v
    }
    return sub(p, mul(at.rate, d))
  }
}

export interface ASGDOptions extends OptimizerOptions, Decay {
  lambd?: number
  alpha?: number
  t0?: number
}
/**
 * Averaged descent: p ← (1 − λ η) p − η g with η = lr/(1 + λ lr t)^α; `ax` of the state averages p from step t0 on.
 * Polyak and Juditsky, 1992.
 */
export class ASGD extends Optimizer<ASGDOptions> {
  override readonly alike: unknown = ASGD
  constructor(params: Params<ASGDOptions>, options: Partial<ASGDOptions> = {}) {
    super(params, options, {
      lr: 0.01,
      lambd: 1e-4,
      alpha: 0.75,
      t0: 1e6,
      maximize: false,
      ...noDecay,
    })
  }
  protected init(p: Tensor): State {
    return { ax: zeroState(p) }
  }
  protected update(p: Tensor, g: Tensor, s: State, o: Required<ASGDOptions>, at: Step): Tensor {
    const before = sub(at.count, 1)
    const eta = div(at.rate, pow(add(mul(mul(at.rate, o.lambd), before), 1), o.alpha))
    const moved = sub(mul(p, sub(1, mul(eta, o.lambd))), mul(eta, penalized(g, p, o)))
    const mu = div(1, maximum(sub(before, o.t0), 1))
    assign(s.ax!, lerp(s.ax!, moved, mu))
    return moved
  }
}

export interface RpropOptions extends OptimizerOptions {
  /** Factors of the step where the gradient's sign has changed, and where it has not. */
  etas?: readonly [number, number]
  /** The smallest and the largest step. */
  stepSizes?: readonly [number, number]
}
/**
 * Resilient backpropagation: every number has a step of its own, larger while the sign of its gradient stays and
 * smaller when it changes. Riedmiller and Braun, 1993. For whole batches.
 */
export class Rprop extends Optimizer<RpropOptions> {
  override readonly alike: unknown = Rprop
  constructor(params: Params<RpropOptions>, options: Partial<RpropOptions> = {}) {
    super(params, options, {
      lr: 0.01,
      etas: [0.5, 1.2],
      stepSizes: [1e-6, 50],
      maximize: false,
    })
  }
  protected init(p: Tensor, { lr }: Required<RpropOptions>): State {
    return { prev: zeroState(p), stepSize: fullLike(p, lr, { requiresGrad: false }) }
  }
  protected update(p: Tensor, g: Tensor, s: State, o: Required<RpropOptions>): Tensor {
    const agree = mul(g, s.prev!)
    const turned = lt(agree, 0)
    const factor = where(turned, o.etas[0], where(gt(agree, 0), o.etas[1], 1))
    const size = clamp(mul(s.stepSize!, factor), ...o.stepSizes)
    assign(s.stepSize!, size)
    const used = where(turned, 0, g)
    assign(s.prev!, used)
    return sub(p, mul(sign(used), size))
  }
}

export interface LionOptions extends OptimizerOptions, Decay {
  betas?: readonly [number, number]
}
/**
 * p ← p − lr (sign(β₁ m + (1 − β₁) g) + λ p), m ← β₂ m + (1 − β₂) g, with weight decay λ. Chen et al., 2023,
 * algorithm 2.
 */
export class Lion extends Optimizer<LionOptions> {
  override readonly alike: unknown = Lion
  constructor(params: Params<LionOptions>, options: Partial<LionOptions> = {}) {
    super(params, options, { lr: 1e-4, betas: [0.9, 0.99], maximize: false, ...noDecay })
  }
  protected init(p: Tensor): State {
    return { expAvg: zeroState(p) }
  }
  protected update(p: Tensor, g: Tensor, s: State, o: Required<LionOptions>, at: Step): Tensor {
    const b1 = at.hyperparameters.beta1 ?? o.betas[0]
    const d = penalized(g, p, { l1: o.l1 })
    const direction = sign(lerp(d, s.expAvg!, b1))
    const shrunk = o.weightDecay === 0 ? p : mul(p, sub(1, mul(at.rate, o.weightDecay)))
    average(s.expAvg!, d, o.betas[1])
    return sub(shrunk, mul(at.rate, direction))
  }
}
