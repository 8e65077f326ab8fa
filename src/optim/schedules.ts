/** Schedules of the learning rate; formulas with t, the steps made, and η₀, the rate of the optimizer. */
import { pow } from '../core/math.js'
import { ValueError } from '../core/errors.js'
import {
  type Kind,
  kinds,
  oneOf,
  type PlacesOr,
  readArguments,
  showValue,
} from '../core/options.js'
import { type AnyOptimizer, Scheduler, type SchedulerState } from './scheduler.js'

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
const epochs: Kind = {
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

export interface PlateauOptions {
  /** Is a smaller metric better, or a larger one? 'min' unless given; in `fit`, the direction of the metric that it watches. */
  mode?: 'min' | 'max'
  factor?: number
  /** Steps without improvement that are tolerated. */
  patience?: number
  threshold?: number
  /** Is the threshold a share of the best, or a difference from it? */
  thresholdMode?: 'rel' | 'abs'
  /** Steps after a reduction that do not count. */
  cooldown?: number
  minLr?: number | readonly number[]
  /** Smaller reductions are not made. */
  eps?: number
}
const plateauPlaces: Record<keyof PlateauOptions, Kind> = {
  mode: oneOf('min', 'max'),
  factor: kinds.number,
  patience: kinds.size,
  threshold: kinds.number,
  thresholdMode: oneOf('rel', 'abs'),
  cooldown: kinds.size,
  minLr: kinds.extents,
  eps: kinds.number,
}
/**
 * η ← η factor when the metric given to `step` has not improved for more than `patience` steps.
 * @throws ValueError unless factor is below 1, and for a step without a metric
 */
export class ReduceLROnPlateau extends Scheduler {
  private readonly options: Required<Omit<PlateauOptions, 'minLr'>>
  private readonly minLrs: number[]
  /** Whether the mode was chosen by the user. */
  private readonly given: boolean
  private best: number
  private bad = 0
  private cooling = 0
  constructor(optimizer: AnyOptimizer, ...args: PlacesOr<PlateauOptions>) {
    super(optimizer)
    const { minLr = 0, ...options } = readArguments<PlateauOptions>(
      'ReduceLROnPlateau',
      args,
      plateauPlaces,
    )
    this.options = {
      mode: 'min',
      factor: 0.1,
      patience: 10,
      threshold: 1e-4,
      thresholdMode: 'rel',
      cooldown: 0,
      eps: 1e-8,
      ...options,
    }
    if (!(this.options.factor < 1))
      throw new ValueError({
        op: 'ReduceLROnPlateau',
        rule: 'factor must be below 1',
        got: `${this.options.factor}`,
      })
    this.given = options.mode !== undefined
    this.minLrs = this.perGroup('minLr', minLr)
    this.best = this.worst
  }
  private get worst(): number {
    return this.options.mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  }
  /**
   * Told by `fit` which number it will watch, and whether small or large values of that are good. A `mode` that was
   * given when it was made stays.
   * @throws ValueError when neither says it
   */
  watch(name: string, better: 'min' | 'max' | undefined): void {
    if (this.given) return
    if (!better)
      throw new ValueError({
        op: 'ReduceLROnPlateau',
        rule: `it must be known whether small or large values of ${name} are good`,
        got: 'no mode',
        fix: "Pass { mode: 'min' } or { mode: 'max' }.",
      })
    if (better === this.options.mode) return
    this.options.mode = better
    this.best = this.worst
  }
  private isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.options
    const sign = mode === 'min' ? -1 : 1
    const gap = thresholdMode === 'rel' ? Math.abs(this.best) * threshold : threshold
    const bar = Number.isFinite(this.best) ? this.best + sign * gap : this.best
    return mode === 'min' ? metric < bar : metric > bar
  }
  override step(metric?: number): void {
    if (metric === undefined)
      throw new ValueError({
        op: 'ReduceLROnPlateau.step',
        rule: 'the metric that is watched must be given',
        fix: 'schedule.step(validationLoss).',
      })
    this.lastEpoch++
    if (this.isBetter(metric)) {
      this.best = metric
      this.bad = 0
    } else this.bad++
    if (this.cooling > 0) {
      this.cooling--
      this.bad = 0
    }
    if (this.bad <= this.options.patience) return
    this.setLrs(this.rates(this.getLastLr()))
    this.cooling = this.options.cooldown
    this.bad = 0
  }
  protected rates(lrs: readonly number[]): number[] {
    return lrs.map((lr, i) => {
      const next = Math.max(lr * this.options.factor, this.minLrs[i]!)
      return lr - next > this.options.eps ? next : lr
    })
  }
  override restart(): void {
    this.lastEpoch = 0
  }
  override stateDict(): SchedulerState {
    const { best, bad, cooling } = this
    return { ...super.stateDict(), best, bad, cooling }
  }
  override prepareStateDict(state: SchedulerState): () => void {
    const own = super.prepareStateDict(state)
    const { best, bad, cooling } = state as Record<string, unknown>
    // JSON writes null for the infinity that it begins with.
    const numbers = [best ?? this.worst, bad, cooling]
    if (!numbers.every((v): v is number => typeof v === 'number'))
      throw new ValueError({
        op: 'ReduceLROnPlateau.loadStateDict',
        rule: 'best, bad and cooling are numbers',
        got: showValue(numbers),
      })
    return () => {
      own()
      ;[this.best, this.bad, this.cooling] = numbers as [number, number, number]
    }
  }
}

const schedules: Kind = {
  rule: 'a list of schedules',
  holds: (v) => Array.isArray(v) && v.every((s) => s instanceof Scheduler),
}

/**
 * One schedule after the other: the i-th ends at milestones[i], where the next begins anew.
 * @throws ValueError unless there is one milestone fewer than schedules, all of one optimizer
 */
export class SequentialLR extends Scheduler {
  private readonly schedulers: readonly Scheduler[]
  private readonly milestones: readonly number[]
  constructor(
    optimizer: AnyOptimizer,
    schedulers: readonly Scheduler[],
    milestones: readonly number[],
  ) {
    super(optimizer)
    readArguments(
      'SequentialLR',
      [schedulers, milestones],
      { schedulers: schedules, milestones: epochs },
      2,
    )
    if (schedulers.length !== milestones.length + 1)
      throw new ValueError({
        op: 'SequentialLR',
        rule: 'there must be one milestone fewer than schedules',
        got: `${schedulers.length} and ${milestones.length}`,
      })
    oneOptimizer('SequentialLR', optimizer, schedulers)
    this.schedulers = schedulers
    this.milestones = milestones
    // Each has set the rates when it was made.
    this.rewind()
    schedulers[0]!.restart()
  }
  private get current(): number {
    return this.milestones.filter((m) => m <= this.lastEpoch).length
  }
  override step(metric?: number): void {
    this.lastEpoch++
    const i = this.current
    if (i > 0 && this.milestones[i - 1] === this.lastEpoch) this.schedulers[i]!.restart()
    else this.schedulers[i]!.step(metric)
  }
  protected rates(lrs: readonly number[]): number[] {
    return [...lrs]
  }
  override restart(): void {
    this.lastEpoch = 0
    this.rewind()
    this.schedulers[0]!.restart()
  }
  override stateDict(): SchedulerState {
    return { ...super.stateDict(), schedulers: this.schedulers.map((s) => s.stateDict()) }
  }
  override prepareStateDict(state: SchedulerState): () => void {
    const own = super.prepareStateDict(state)
    const all = prepareAll('SequentialLR', this.schedulers, state)
    return () => {
      own()
      all()
    }
  }
}

/** Schedules that all act at each step, one after the other. @throws ValueError for several optimizers */
export class ChainedScheduler extends Scheduler {
  private readonly schedulers: readonly Scheduler[]
  constructor(schedulers: readonly Scheduler[]) {
    readArguments('ChainedScheduler', [schedulers], { schedulers: schedules }, 1)
    if (schedulers.length === 0)
      throw new ValueError({ op: 'ChainedScheduler', rule: 'there must be schedules' })
    super(schedulers[0]!.optimizer)
    oneOptimizer('ChainedScheduler', schedulers[0]!.optimizer, schedulers)
    this.schedulers = schedulers
  }
  override step(metric?: number): void {
    this.lastEpoch++
    for (const s of this.schedulers) s.step(metric)
  }
  protected rates(lrs: readonly number[]): number[] {
    return [...lrs]
  }
  override restart(): void {
    this.lastEpoch = 0
    for (const s of this.schedulers) s.restart()
  }
  override stateDict(): SchedulerState {
    return { ...super.stateDict(), schedulers: this.schedulers.map((s) => s.stateDict()) }
  }
  override prepareStateDict(state: SchedulerState): () => void {
    const own = super.prepareStateDict(state)
    const all = prepareAll('ChainedScheduler', this.schedulers, state)
    return () => {
      own()
      all()
    }
  }
}

function oneOptimizer(op: string, optimizer: AnyOptimizer, schedulers: readonly Scheduler[]): void {
  if (schedulers.some((s) => s.optimizer !== optimizer))
    throw new ValueError({ op, rule: 'all schedules must be of one optimizer' })
}

function prepareAll(
  op: string,
  schedulers: readonly Scheduler[],
  state: SchedulerState,
): () => void {
  const list = state.schedulers as SchedulerState[] | undefined
  if (!Array.isArray(list) || list.length !== schedulers.length)
    throw new ValueError({
      op: `${op}.loadStateDict`,
      rule: `there must be the states of ${schedulers.length} schedules`,
      got: `${list?.length ?? 0}`,
    })
  const takers = schedulers.map((s, i) => s.prepareStateDict(list[i]!))
  return () => {
    for (const take of takers) take()
  }
}
