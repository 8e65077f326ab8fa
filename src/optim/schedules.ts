/** Schedules of the learning rate; formulas with t, the steps made, and η₀, the rate of the optimizer. */
import { pow } from '../core/math.js'
import { ValueError } from '../core/errors.js'
import { type Kind, kinds, readArguments } from '../core/options.js'
import { type AnyOptimizer, Scheduler } from './scheduler.js'

type Factor = (epoch: number) => number
interface LambdaOptions {
  lrLambda?: Factor | readonly Factor[]
}
interface StepOptions extends GammaOptions {
  stepSize?: number
}
interface MultiStepOptions extends GammaOptions {
  milestones?: readonly number[]
}
interface CosineOptions {
  tMax?: number
  etaMin?: number
}
interface NoamOptions {
  modelSize?: number
  warmupSteps?: number
}
interface GammaOptions {
  gamma?: number
}
interface ConstantOptions {
  factor?: number
  totalIters?: number
}
interface LinearOptions {
  startFactor?: number
  endFactor?: number
  totalIters?: number
}
interface PolynomialOptions {
  totalIters?: number
  power?: number
}
interface RestartOptions {
  t0?: number
  tMult?: number
  etaMin?: number
}

const factors: Kind = {
  rule: 'a function, or one for each group',
  holds: (v) => [v].flat().every((f) => typeof f === 'function'),
}
export const epochs: Kind = {
  rule: 'a list of whole numbers from 0 up',
  holds: (v) => Array.isArray(v) && v.every(kinds.size.holds),
}
/** The arguments after the optimizer, in PyTorch's order. */
const places = {
  lambda: { lrLambda: factors },
  step: { stepSize: kinds.count, gamma: kinds.number },
  multiStep: { milestones: epochs, gamma: kinds.number },
  constant: { factor: kinds.number, totalIters: kinds.size },
  linear: { startFactor: kinds.number, endFactor: kinds.number, totalIters: kinds.size },
  exponential: { gamma: kinds.number },
  polynomial: { totalIters: kinds.count, power: kinds.number },
  cosine: { tMax: kinds.count, etaMin: kinds.number },
  restarts: { t0: kinds.count, tMult: kinds.count, etaMin: kinds.number },
  noam: { modelSize: kinds.count, warmupSteps: kinds.count },
}

/**
 * η = η₀ f(t), f for all groups or one for each.
 * @example new LambdaLR(new SGD([w], { lr: 0.1 }), (t) => 0.5 ** t)
 */
export class LambdaLR extends Scheduler {
  private readonly lambdas: Factor[]
  constructor(
    optimizer: AnyOptimizer,
    ...args: [lrLambda: Factor | readonly Factor[] | LambdaOptions]
  ) {
    super(optimizer)
    const { lrLambda } = readArguments<LambdaOptions>('LambdaLR', args, places.lambda, 1)
    this.lambdas = this.perGroup('lrLambda', lrLambda!)
    this.start()
  }
  protected rates(): number[] {
    return this.baseLrs.map((lr, i) => lr * this.lambdas[i]!(this.lastEpoch))
  }
}

/** η ← η f(t) at each step. */
export class MultiplicativeLR extends Scheduler {
  private readonly lambdas: Factor[]
  constructor(
    optimizer: AnyOptimizer,
    ...args: [lrLambda: Factor | readonly Factor[] | LambdaOptions]
  ) {
    super(optimizer)
    const { lrLambda } = readArguments<LambdaOptions>('MultiplicativeLR', args, places.lambda, 1)
    this.lambdas = this.perGroup('lrLambda', lrLambda!)
    this.start()
  }
  protected rates(lrs: readonly number[]): number[] {
    const t = this.lastEpoch
    return lrs.map((lr, i) => (t > 0 ? lr * this.lambdas[i]!(t) : lr))
  }
  /** Goes on from the present rates: there are no others. */
  override restart(): void {
    this.lastEpoch = 0
  }
}

/** η₀ γ^⌊t/stepSize⌋. @throws ValueError for a step size that is no whole number */
export class StepLR extends Scheduler {
  private readonly stepSize: number
  private readonly gamma: number
  constructor(
    optimizer: AnyOptimizer,
    ...args: [StepOptions] | [stepSize: number, gamma?: number | GammaOptions]
  ) {
    super(optimizer)
    const { stepSize, gamma = 0.1 } = readArguments<StepOptions>('StepLR', args, places.step, 1)
    this.stepSize = stepSize!
    this.gamma = gamma
    this.start()
  }
  protected rates(lrs: readonly number[]): number[] {
    const due = this.lastEpoch > 0 && this.lastEpoch % this.stepSize === 0
    return lrs.map((lr) => (due ? lr * this.gamma : lr))
  }
}

/** η₀ γⁿ, n being how many milestones have passed; one that is named twice counts twice. */
export class MultiStepLR extends Scheduler {
  private readonly milestones: readonly number[]
  private readonly gamma: number
  constructor(
    optimizer: AnyOptimizer,
    ...args: [MultiStepOptions] | [milestones: readonly number[], gamma?: number | GammaOptions]
  ) {
    super(optimizer)
    const { milestones, gamma = 0.1 } = readArguments<MultiStepOptions>(
      'MultiStepLR',
      args,
      places.multiStep,
      1,
    )
    this.milestones = milestones!
    this.gamma = gamma
    this.start()
  }
  protected rates(lrs: readonly number[]): number[] {
    const now = this.milestones.filter((m) => m === this.lastEpoch).length
    return lrs.map((lr) => lr * pow(this.gamma, now))
  }
}

/** η₀ f for totalIters steps, then η₀. @throws ValueError unless 0 < factor ≤ 1 */
export class ConstantLR extends Scheduler {
  private readonly factor: number
  private readonly totalIters: number
  constructor(optimizer: AnyOptimizer, ...options: [ConstantOptions?] | [number, number?]) {
    super(optimizer)
    const { factor = 1 / 3, totalIters = 5 } = readArguments<ConstantOptions>(
      'ConstantLR',
      options,
      places.constant,
    )
    if (!(factor > 0 && factor <= 1))
      throw new ValueError({
        op: 'ConstantLR',
        rule: 'factor must be above 0 and at most 1',
        got: `${factor}`,
      })
    this.factor = factor
    this.totalIters = totalIters
    this.start()
  }
  protected rates(lrs: readonly number[]): number[] {
    const t = this.lastEpoch
    const f = t === 0 ? this.factor : t === this.totalIters ? 1 / this.factor : 1
    return lrs.map((lr) => lr * f)
  }
}

/**
 * Linear warm-up (or decay): η₀ times a factor that goes from startFactor to endFactor in totalIters steps.
 * @throws ValueError unless 0 < startFactor ≤ 1 and 0 ≤ endFactor ≤ 1
 */
export class LinearLR extends Scheduler {
  private readonly from: number
  private readonly to: number
  private readonly totalIters: number
  constructor(optimizer: AnyOptimizer, ...options: [LinearOptions?] | [number, number?, number?]) {
    super(optimizer)
    const {
      startFactor = 1 / 3,
      endFactor = 1,
      totalIters = 5,
    } = readArguments<LinearOptions>('LinearLR', options, places.linear)
    if (!(startFactor > 0 && startFactor <= 1 && endFactor >= 0 && endFactor <= 1))
      throw new ValueError({
        op: 'LinearLR',
        rule: 'factors must be from 0 to 1, the first above 0',
        got: `${startFactor} and ${endFactor}`,
      })
    this.from = startFactor
    this.to = endFactor
    this.totalIters = totalIters
    this.start()
  }
  protected rates(lrs: readonly number[]): number[] {
    const t = this.lastEpoch
    if (t === 0) return lrs.map((lr) => lr * this.from)
    if (t > this.totalIters) return [...lrs]
    const rise = this.to - this.from
    return lrs.map((lr) => lr * (1 + rise / (this.totalIters * this.from + (t - 1) * rise)))
  }
}

/** η₀ γᵗ. */
export class ExponentialLR extends Scheduler {
  private readonly gamma: number
  constructor(optimizer: AnyOptimizer, ...args: [gamma: number | GammaOptions]) {
    super(optimizer)
    const { gamma } = readArguments<GammaOptions>('ExponentialLR', args, places.exponential, 1)
    this.gamma = gamma!
    this.start()
  }
  protected rates(lrs: readonly number[]): number[] {
    return lrs.map((lr) => (this.lastEpoch === 0 ? lr : lr * this.gamma))
  }
}

/** η₀ (1 − t/totalIters)^power until totalIters, then 0. */
export class PolynomialLR extends Scheduler {
  private readonly totalIters: number
  private readonly power: number
  constructor(optimizer: AnyOptimizer, ...options: [PolynomialOptions?] | [number, number?]) {
    super(optimizer)
    const { totalIters = 5, power = 1 } = readArguments<PolynomialOptions>(
      'PolynomialLR',
      options,
      places.polynomial,
    )
    this.totalIters = totalIters
    this.power = power
    this.start()
  }
  protected rates(lrs: readonly number[]): number[] {
    const t = this.lastEpoch
    if (t === 0 || t > this.totalIters) return [...lrs]
    const f = pow((1 - t / this.totalIters) / (1 - (t - 1) / this.totalIters), this.power)
    return lrs.map((lr) => lr * f)
  }
}

/** η_min + ½ (η₀ − η_min)(1 + cos(π t/tMax)), up again after tMax. Loshchilov and Hutter, 2017, without restarts. */
export class CosineAnnealingLR extends Scheduler {
  private readonly tMax: number
  private readonly etaMin: number
  constructor(
    optimizer: AnyOptimizer,
    ...args: [CosineOptions] | [tMax: number, etaMin?: number | Pick<CosineOptions, 'etaMin'>]
  ) {
    super(optimizer)
    const { tMax, etaMin = 0 } = readArguments<CosineOptions>(
      'CosineAnnealingLR',
      args,
      places.cosine,
      1,
    )
    this.tMax = tMax!
    this.etaMin = etaMin
    this.start()
  }
  protected rates(lrs: readonly number[]): number[] {
    const { lastEpoch: t, tMax, etaMin } = this
    if (t === 0) return [...lrs]
    // From the bottom there is no ratio to go by.
    if ((t - 1 - tMax) % (2 * tMax) === 0)
      return lrs.map(
        (lr, i) => lr + ((this.baseLrs[i]! - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2,
      )
    const up = (k: number) => 1 + Math.cos((Math.PI * k) / tMax)
    return lrs.map((lr) => (up(t) / up(t - 1)) * (lr - etaMin) + etaMin)
  }
}

/**
 * Cosine annealing that starts again after t0 steps, then after t0 · tMult, and so on. Loshchilov and Hutter, 2017.
 * `stepTo` sets a fractional epoch.
 */
export class CosineAnnealingWarmRestarts extends Scheduler {
  private readonly t0: number
  private readonly tMult: number
  private readonly etaMin: number
  constructor(
    optimizer: AnyOptimizer,
    ...args:
      | [RestartOptions]
      | [t0: number, RestartOptions?]
      | [t0: number, tMult: number, etaMin?: number | RestartOptions]
  ) {
    super(optimizer)
    const {
      t0,
      tMult = 1,
      etaMin = 0,
    } = readArguments<RestartOptions>('CosineAnnealingWarmRestarts', args, places.restarts, 1)
    this.t0 = t0!
    this.tMult = tMult
    this.etaMin = etaMin
    this.start()
  }
  /** The rate at a place between epochs, such as epoch + batch/batches. */
  stepTo(epoch: number): void {
    this.lastEpoch = epoch
    this.setLrs(this.rates())
  }
  protected rates(): number[] {
    let since = this.lastEpoch
    let period = this.t0
    if (this.tMult === 1) since %= period
    else
      while (since >= period) {
        since -= period
        period *= this.tMult
      }
    const share = (1 + Math.cos((Math.PI * since) / period)) / 2
    return this.baseLrs.map((lr) => this.etaMin + (lr - this.etaMin) * share)
  }
}

/**
 * η₀ d^(−½) min(s^(−½), s warmup^(−3/2)) with s = t + 1, the schedule of the Transformer. Vaswani et al., 2017,
 * equation 3; the optimizer's rate, there 1, is a factor.
 */
export class NoamLR extends Scheduler {
  private readonly modelSize: number
  private readonly warmupSteps: number
  constructor(
    optimizer: AnyOptimizer,
    ...args: [NoamOptions] | [modelSize: number, warmupSteps?: number | NoamOptions]
  ) {
    super(optimizer)
    const { modelSize, warmupSteps = 4000 } = readArguments<NoamOptions>(
      'NoamLR',
      args,
      places.noam,
      1,
    )
    this.modelSize = modelSize!
    this.warmupSteps = warmupSteps
    this.start()
  }
  protected rates(): number[] {
    const s = this.lastEpoch + 1
    const f = pow(this.modelSize, -0.5) * Math.min(pow(s, -0.5), s * pow(this.warmupSteps, -1.5))
    return this.baseLrs.map((lr) => lr * f)
  }
}
