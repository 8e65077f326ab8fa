/** The optimizers, each written for one tensor. Defaults and order of operations as in torch.optim. */
import { ValueError } from '../core/errors.js'
import { assign } from '../ops/assign.js'
import { gt } from '../ops/compare.js'
import { add, div, lerp, maximum, minimum, mul, pow, sub, where } from '../ops/elementwise.js'
import { abs, exp, expm1, neg, rsqrt, sign, sqrt, square } from '../ops/functions.js'
import { mean } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { zeros } from '../tensor/creation.js'
import {
  type Group,
  Optimizer,
  type OptimizerOptions,
  type ParamGroup,
  type State,
  scalarState,
  zeroState,
} from './optimizer.js'

type Params<O> = readonly Tensor[] | readonly ParamGroup<O>[]

interface Decay {
  /** L2: its gradient, weightDecay · p, is added to the gradient. */
  weightDecay?: number
  /** L1: l1 · sign p is added to the gradient. */
  l1?: number
}
/** The gradient with the slopes of the penalties: together they are the elastic net. */
function penalized(g: Tensor, p: Tensor, { weightDecay = 0, l1 = 0 }: Decay): Tensor {
  let total = g
  if (weightDecay !== 0) total = add(total, mul(p, weightDecay))
  if (l1 !== 0) total = add(total, mul(sign(p), l1))
  return total
}
/** 1 − βᵗ for the step count t, accurate for β near 1. */
const correction = (beta: number, t: Tensor): Tensor => neg(expm1(mul(t, Math.log(beta))))
/** s moved toward the gradient: β s + (1 − β) v. */
function average(s: Tensor, v: Tensor, beta: number): Tensor {
  const next = add(mul(s, beta), mul(v, 1 - beta))
  assign(s, next)
  return next
}

export interface SGDOptions extends OptimizerOptions, Decay {
  momentum?: number
  dampening?: number
  nesterov?: boolean
}
/** Stochastic gradient descent: v ← μ v + (1 − τ) g, p ← p − lr v; Nesterov: p ← p − lr (g + μ v). */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: Params<SGDOptions>, options: Partial<SGDOptions> = {}) {
    super(params, { lr: 0.001, ...options })
    for (const { options: o } of this.groups)
      if (o.nesterov && (!((o.momentum ?? 0) > 0) || (o.dampening ?? 0) !== 0))
        throw new ValueError({
          op: 'SGD',
          rule: 'Nesterov needs momentum and no dampening',
          got: `momentum ${o.momentum ?? 0}, dampening ${o.dampening ?? 0}`,
        })
  }
  protected init(p: Tensor, { momentum = 0 }: SGDOptions): State {
    return momentum === 0 ? {} : { momentumBuffer: zeroState(p) }
  }
  protected update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: SGDOptions,
    group: Group<SGDOptions>,
  ): Tensor {
    const { momentum = 0, dampening = 0, nesterov = false } = o
    let d = penalized(g, p, o)
    if (momentum !== 0) {
      // The first step takes the gradient whole, whatever the dampening.
      const share = dampening === 0 ? d : mul(d, where(gt(group.count, 1), 1 - dampening, 1))
      const v = add(mul(s.momentumBuffer!, momentum), share)
      assign(s.momentumBuffer!, v)
      d = nesterov ? add(d, mul(v, momentum)) : v
    }
    return sub(p, mul(group.rate, d))
  }
}

export interface AdamOptions extends OptimizerOptions, Decay {
  betas?: readonly [number, number]
  eps?: number
  /** Divide by the largest second moment so far. */
  amsgrad?: boolean
}
/** Kingma and Ba, 2015: p ← p − lr m̂/(√v̂ + ε). */
export class Adam extends Optimizer<AdamOptions> {
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 0.001, ...options })
  }
  protected init(p: Tensor, { amsgrad }: AdamOptions): State {
    const s: State = { expAvg: zeroState(p), expAvgSq: zeroState(p) }
    if (amsgrad) s.maxExpAvgSq = zeroState(p)
    return s
  }
  protected update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: AdamOptions,
    group: Group<AdamOptions>,
  ): Tensor {
    return this.moved(p, penalized(g, p, o), s, o, group)
  }
  protected moved(
    p: Tensor,
    d: Tensor,
    s: State,
    o: AdamOptions,
    group: Group<AdamOptions>,
  ): Tensor {
    const { betas: [b1, b2] = [0.9, 0.999], eps = 1e-8, amsgrad } = o
    const m = average(s.expAvg!, d, b1)
    let v = average(s.expAvgSq!, square(d), b2)
    if (amsgrad) {
      v = maximum(s.maxExpAvgSq!, v)
      assign(s.maxExpAvgSq!, v)
    }
    const scale = rsqrt(correction(b2, group.count))
    const rate = div(group.rate, correction(b1, group.count))
    return sub(p, div(mul(m, rate), add(mul(sqrt(v), scale), eps)))
  }
}
/** Loshchilov and Hutter, 2019: Adam with the decay taken off the parameter itself. */
export class AdamW extends Adam {
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { weightDecay: 0.01, ...options })
  }
  protected override update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: AdamOptions,
    group: Group<AdamOptions>,
  ): Tensor {
    const { weightDecay = 0, l1 = 0 } = o
    const shrunk = mul(p, sub(1, mul(group.rate, weightDecay)))
    return this.moved(shrunk, penalized(g, p, { l1 }), s, o, group)
  }
}

export interface AdagradOptions extends OptimizerOptions, Decay {
  lrDecay?: number
  initialAccumulator?: number
  eps?: number
}
/** Duchi et al., 2011: p ← p − lr g/(√Σg² + ε). */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: Params<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    super(params, { lr: 0.01, ...options })
  }
  protected init(p: Tensor, { initialAccumulator = 0 }: AdagradOptions): State {
    const sumOf = zeroState(p)
    if (initialAccumulator !== 0) assign(sumOf, add(sumOf, initialAccumulator))
    return { sum: sumOf }
  }
  protected update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: AdagradOptions,
    group: Group<AdagradOptions>,
  ): Tensor {
    const { lrDecay = 0, eps = 1e-10 } = o
    const d = penalized(g, p, o)
    const total = add(s.sum!, square(d))
    assign(s.sum!, total)
    const rate =
      lrDecay === 0 ? group.rate : div(group.rate, add(mul(sub(group.count, 1), lrDecay), 1))
    return sub(p, div(mul(rate, d), add(sqrt(total), eps)))
  }
}

export interface AdadeltaOptions extends OptimizerOptions, Decay {
  rho?: number
  eps?: number
}
/** Zeiler, 2012: steps in units of the parameter itself. */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(params: Params<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    super(params, { lr: 1, ...options })
  }
  protected init(p: Tensor): State {
    return { squareAvg: zeroState(p), accDelta: zeroState(p) }
  }
  protected update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: AdadeltaOptions,
    group: Group<AdadeltaOptions>,
  ): Tensor {
    const { rho = 0.9, eps = 1e-6 } = o
    const d = penalized(g, p, o)
    const v = average(s.squareAvg!, square(d), rho)
    const delta = mul(div(sqrt(add(s.accDelta!, eps)), sqrt(add(v, eps))), d)
    average(s.accDelta!, square(delta), rho)
    return sub(p, mul(group.rate, delta))
  }
}

export interface RMSpropOptions extends OptimizerOptions, Decay {
  alpha?: number
  eps?: number
  momentum?: number
  centered?: boolean
}
/** Hinton, 2012: p ← p − lr g/(√mean g² + ε). */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(params: Params<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    super(params, { lr: 0.01, ...options })
  }
  protected init(p: Tensor, { momentum = 0, centered }: RMSpropOptions): State {
    const s: State = { squareAvg: zeroState(p) }
    if (momentum > 0) s.momentumBuffer = zeroState(p)
    if (centered) s.gradAvg = zeroState(p)
    return s
  }
  protected update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: RMSpropOptions,
    group: Group<RMSpropOptions>,
  ): Tensor {
    const { alpha = 0.99, eps = 1e-8, momentum = 0, centered } = o
    const d = penalized(g, p, o)
    const v = average(s.squareAvg!, square(d), alpha)
    const spread = centered ? sub(v, square(average(s.gradAvg!, d, alpha))) : v
    const step = div(d, add(sqrt(spread), eps))
    if (momentum === 0) return sub(p, mul(group.rate, step))
    const b = add(mul(s.momentumBuffer!, momentum), step)
    assign(s.momentumBuffer!, b)
    return sub(p, mul(group.rate, b))
  }
}

/** Kingma and Ba, 2015, section 7.1: the infinity norm in place of the second moment. */
export class Adamax extends Optimizer<AdamOptions> {
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 0.002, ...options })
  }
  protected init(p: Tensor): State {
    return { expAvg: zeroState(p), expInf: zeroState(p) }
  }
  protected update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: AdamOptions,
    group: Group<AdamOptions>,
  ): Tensor {
    const { betas: [b1, b2] = [0.9, 0.999], eps = 1e-8 } = o
    const d = penalized(g, p, o)
    const m = average(s.expAvg!, d, b1)
    const u = maximum(mul(s.expInf!, b2), add(abs(d), eps))
    assign(s.expInf!, u)
    return sub(p, div(mul(m, div(group.rate, correction(b1, group.count))), u))
  }
}

export interface NAdamOptions extends AdamOptions {
  momentumDecay?: number
}
/** Dozat, 2016: Adam with Nesterov's momentum. */
export class NAdam extends Optimizer<NAdamOptions> {
  constructor(params: Params<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    super(params, { lr: 0.002, ...options })
  }
  protected init(p: Tensor): State {
    return { expAvg: zeroState(p), expAvgSq: zeroState(p), muProduct: scalarState(p, 1) }
  }
  protected update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: NAdamOptions,
    group: Group<NAdamOptions>,
  ): Tensor {
    const { betas: [b1, b2] = [0.9, 0.999], eps = 1e-8, momentumDecay = 0.004 } = o
    const d = penalized(g, p, o)
    const t = group.count
    const mu = (step: Tensor) =>
      mul(sub(1, mul(exp(mul(step, momentumDecay * Math.log(0.96))), 0.5)), b1)
    const now = mu(t)
    const next = mu(add(t, 1))
    const product = mul(s.muProduct!, now)
    assign(s.muProduct!, product)
    const m = average(s.expAvg!, d, b1)
    const v = average(s.expAvgSq!, square(d), b2)
    const denom = add(sqrt(div(v, correction(b2, t))), eps)
    const byGrad = div(mul(group.rate, sub(1, now)), sub(1, product))
    const byMoment = div(mul(group.rate, next), sub(1, mul(product, next)))
    return sub(p, div(add(mul(d, byGrad), mul(m, byMoment)), denom))
  }
}

/** Liu et al., 2020: Adam whose variance is rectified while it is uncertain. */
export class RAdam extends Optimizer<AdamOptions> {
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 0.001, ...options })
  }
  protected init(p: Tensor): State {
    return { expAvg: zeroState(p), expAvgSq: zeroState(p) }
  }
  protected update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: AdamOptions,
    group: Group<AdamOptions>,
  ): Tensor {
    const { betas: [b1, b2] = [0.9, 0.999], eps = 1e-8 } = o
    const d = penalized(g, p, o)
    const t = group.count
    const m = div(average(s.expAvg!, d, b1), correction(b1, t))
    const v = average(s.expAvgSq!, square(d), b2)
    const c2 = correction(b2, t)
    const limit = 2 / (1 - b2) - 1
    const rho = sub(limit, div(mul(mul(t, 2), sub(1, c2)), c2))
    const safe = maximum(rho, 5)
    const rect = sqrt(
      div(mul(mul(sub(safe, 4), sub(safe, 2)), limit), mul(safe, (limit - 4) * (limit - 2))),
    )
    const adaptive = mul(rect, div(sqrt(c2), add(sqrt(v), eps)))
    const step = where(gt(rho, 5), mul(m, adaptive), m)
    return sub(p, mul(group.rate, step))
  }
}

export interface LionOptions extends OptimizerOptions, Decay {
  betas?: readonly [number, number]
}
/** Chen et al., 2023: the sign of an interpolated momentum. */
export class Lion extends Optimizer<LionOptions> {
  constructor(params: Params<LionOptions>, options: Partial<LionOptions> = {}) {
    super(params, { lr: 1e-4, ...options })
  }
  protected init(p: Tensor): State {
    return { expAvg: zeroState(p) }
  }
  protected update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: LionOptions,
    group: Group<LionOptions>,
  ): Tensor {
    const { betas: [b1, b2] = [0.9, 0.99], weightDecay = 0 } = o
    const direction = sign(add(mul(s.expAvg!, b1), mul(g, 1 - b1)))
    const shrunk = weightDecay === 0 ? p : mul(p, sub(1, mul(group.rate, weightDecay)))
    average(s.expAvg!, g, b2)
    return sub(shrunk, mul(group.rate, direction))
  }
}

export interface AdafactorOptions extends OptimizerOptions, Decay {
  beta2Decay?: number
  eps?: readonly [number, number]
  /** Limit of the root mean square of an update. */
  d?: number
}
/** Shazeer and Stern, 2018: second moments of matrices as row and column means. */
export class Adafactor extends Optimizer<AdafactorOptions> {
  constructor(params: Params<AdafactorOptions>, options: Partial<AdafactorOptions> = {}) {
    super(params, { lr: 0.01, ...options })
  }
  protected init(p: Tensor): State {
    if (p.rank < 2) return { variance: zeroState(p) }
    const rows = [...p.shape.slice(0, -1), 1]
    const cols = [...p.shape.slice(0, -2), 1, p.shape[p.rank - 1]!]
    return { rowVar: zeros(rows), colVar: zeros(cols) }
  }
  protected update(
    p: Tensor,
    g: Tensor,
    s: State,
    o: AdafactorOptions,
    group: Group<AdafactorOptions>,
  ): Tensor {
    const {
      beta2Decay = -0.8,
      eps: [e1, e2] = [1.1920928955078125e-7, 1e-3],
      d: limit = 1,
      weightDecay = 0,
    } = o
    const t = group.count
    const share = pow(t, beta2Decay)
    const rho = minimum(group.rate, rsqrt(t))
    const rms = (x: Tensor) => sqrt(mean(square(x)))
    const alpha = mul(maximum(rms(p), e2), rho)
    const shrunk = weightDecay === 0 ? p : mul(p, sub(1, mul(group.rate, weightDecay)))
    let v: Tensor
    if (p.rank < 2) {
      v = lerp(s.variance!, square(g), share)
      assign(s.variance!, v)
    } else {
      const rows = lerp(s.rowVar!, mean(square(g), -1, { keepdim: true }), share)
      const cols = lerp(s.colVar!, mean(square(g), -2, { keepdim: true }), share)
      assign(s.rowVar!, rows)
      assign(s.colVar!, cols)
      v = div(mul(rows, cols), maximum(mean(rows, -2, { keepdim: true }), e1))
    }
    const step = mul(rsqrt(maximum(v, e1 * e1)), g)
    const scale = div(alpha, maximum(1, div(rms(step), limit)))
    return sub(shrunk, mul(step, scale))
  }
}
