/** Schedules that move the learning rate up and down, and the momentum against it. */
import { pow } from '../core/math.js'
import { ValueError } from '../core/errors.js'
import { type Kind, kinds, oneOf, orNull, type PlacesOr, readArguments } from '../core/options.js'
import { type AnyOptimizer, Scheduler, wholeSteps } from './scheduler.js'

export interface CyclicOptions {
  stepSizeUp?: number
  stepSizeDown?: number
  /** Every cycle the same, each half as high as the last, or each step's height times gamma to the steps made. */
  mode?: 'triangular' | 'triangular2' | 'expRange'
  gamma?: number
  /** In place of a mode: the height by the number of the cycle (from 1) or of the step. */
  scaleFn?: (n: number) => number
  scaleMode?: 'cycle' | 'iterations'
  cycleMomentum?: boolean
  baseMomentum?: number | readonly number[]
  maxMomentum?: number | readonly number[]
}
type Rates = number | readonly number[]
const cyclicPlaces: Record<keyof CyclicOptions | 'baseLr' | 'maxLr', Kind> = {
  baseLr: kinds.extents,
  maxLr: kinds.extents,
  stepSizeUp: kinds.count,
  stepSizeDown: orNull(kinds.count),
  mode: oneOf('triangular', 'triangular2', 'expRange'),
  gamma: kinds.number,
  scaleFn: orNull(kinds.function),
  scaleMode: oneOf('cycle', 'iterations'),
  cycleMomentum: kinds.flag,
  baseMomentum: kinds.extents,
  maxMomentum: kinds.extents,
}
/**
 * The rate goes from baseLr up to maxLr and back in straight lines, again and again; the momentum from maxMomentum down
 * to baseMomentum and back. Smith, 2017.
 * @throws ValueError when the momentum should be cycled and the optimizer has none
 */
export class CyclicLR extends Scheduler {
  private readonly maxLrs: number[]
  private readonly total: number
  private readonly ratio: number
  private readonly height: (cycle: number, step: number) => number
  private readonly momenta: { base: number[]; max: number[] } | null
  constructor(
    optimizer: AnyOptimizer,
    ...args:
      | [
          baseLr: number | readonly number[],
          maxLr: number | readonly number[],
          ...PlacesOr<CyclicOptions>,
        ]
      | [CyclicOptions & { baseLr: Rates; maxLr: Rates }]
  ) {
    super(optimizer)
    const { baseLr, maxLr, ...options } = readArguments<
      CyclicOptions & { baseLr: Rates; maxLr: Rates }
    >('CyclicLR', args, cyclicPlaces, 2)
    const { stepSizeUp = 2000, mode = 'triangular', gamma = 1, cycleMomentum = true } = options
    const down = options.stepSizeDown ?? stepSizeUp
    this.baseLrs = this.perGroup('baseLr', baseLr)
    this.maxLrs = this.perGroup('maxLr', maxLr)
    this.total = stepSizeUp + down
    this.ratio = stepSizeUp / this.total
    const { scaleFn, scaleMode = 'cycle' } = options
    this.height = scaleFn
      ? (cycle, step) => scaleFn(scaleMode === 'cycle' ? cycle : step)
      : mode === 'triangular'
        ? () => 1
        : mode === 'triangular2'
          ? (cycle) => pow(0.5, cycle - 1)
          : (_cycle, step) => pow(gamma, step)
    this.momenta = cycleMomentum
      ? {
          base: this.perGroup('baseMomentum', options.baseMomentum ?? 0.8),
          max: this.perGroup('maxMomentum', options.maxMomentum ?? 0.9),
        }
      : null
    this.start()
  }
  protected rates(): number[] {
    const t = this.lastEpoch
    const cycle = Math.floor(1 + t / this.total)
    const x = 1 + t / this.total - cycle
    const up = x <= this.ratio ? x / this.ratio : (x - 1) / (this.ratio - 1)
    const height = up * this.height(cycle, t)
    const { momenta } = this
    if (momenta)
      this.optimizer.groups.forEach((g, i) => {
        const [base, max] = [momenta.base[i]!, momenta.max[i]!]
        this.optimizer.setMomentum(g, max - (max - base) * height)
      })
    return this.baseLrs.map((lr, i) => lr + (this.maxLrs[i]! - lr) * height)
  }
}

export interface OneCycleOptions {
  /** Steps of the whole, or epochs and their steps. */
  totalSteps?: number
  epochs?: number
  stepsPerEpoch?: number
  /** Share of the steps in which the rate rises. */
  pctStart?: number
  annealStrategy?: 'cos' | 'linear'
  cycleMomentum?: boolean
  baseMomentum?: number | readonly number[]
  maxMomentum?: number | readonly number[]
  /** maxLr / divFactor is the first rate. */
  divFactor?: number
  /** The first rate / finalDivFactor is the last. */
  finalDivFactor?: number
  /** Fall as long as the rise, to the first rate, and then to the last. */
  threePhase?: boolean
}

const oneCyclePlaces: Record<keyof OneCycleOptions | 'maxLr', Kind> = {
  maxLr: kinds.extents,
  totalSteps: orNull(kinds.count),
  epochs: orNull(kinds.count),
  stepsPerEpoch: orNull(kinds.count),
  pctStart: kinds.number,
  annealStrategy: oneOf('cos', 'linear'),
  cycleMomentum: kinds.flag,
  baseMomentum: kinds.extents,
  maxMomentum: kinds.extents,
  divFactor: kinds.number,
  finalDivFactor: kinds.number,
  threePhase: kinds.flag,
}

interface Phase {
  end: number
  lr: (max: number) => [from: number, to: number]
  momentum: (base: number, max: number) => [from: number, to: number]
}

/**
 * One rise of the rate to maxLr and one fall far below where it began; the momentum the other way. Smith and Topin, 2018.
 * @throws ValueError without a number of steps, for a step beyond it, and when the momentum should be cycled and the optimizer has none
 */
export class OneCycleLR extends Scheduler {
  private readonly maxLrs: number[]
  private readonly totalSteps: number
  private readonly phases: Phase[]
  private readonly anneal: (from: number, to: number, share: number) => number
  private readonly momenta: { base: number[]; max: number[] } | null
  constructor(
    optimizer: AnyOptimizer,
    ...args: [maxLr: Rates, ...PlacesOr<OneCycleOptions>] | [OneCycleOptions & { maxLr: Rates }]
  ) {
    super(optimizer)
    const { maxLr, ...options } = readArguments<OneCycleOptions & { maxLr: Rates }>(
      'OneCycleLR',
      args,
      oneCyclePlaces,
      1,
    )
    const { pctStart = 0.3, annealStrategy = 'cos', cycleMomentum = true } = options
    const { divFactor = 25, finalDivFactor = 1e4, threePhase = false } = options
    const steps = options.totalSteps ?? (options.epochs ?? 0) * (options.stepsPerEpoch ?? 0)
    const total = wholeSteps('OneCycleLR', 'totalSteps (or epochs times stepsPerEpoch)', steps)
    if (!(pctStart >= 0 && pctStart <= 1))
      throw new ValueError({
        op: 'OneCycleLR',
        rule: 'pctStart must be from 0 to 1',
        got: `${pctStart}`,
      })
    this.totalSteps = total
    this.maxLrs = this.perGroup('maxLr', maxLr)
    this.anneal =
      annealStrategy === 'linear'
        ? (a, b, x) => a + (b - a) * x
        : (a, b, x) => b + ((a - b) / 2) * (1 + Math.cos(Math.PI * x))
    const first = (max: number) => max / divFactor
    const last = (max: number) => first(max) / finalDivFactor
    const rise: Phase = {
      end: pctStart * total - 1,
      lr: (max) => [first(max), max],
      momentum: (base, max) => [max, base],
    }
    this.phases = threePhase
      ? [
          rise,
          {
            end: 2 * pctStart * total - 2,
            lr: (max) => [max, first(max)],
            momentum: (base, max) => [base, max],
          },
          {
            end: total - 1,
            lr: (max) => [first(max), last(max)],
            momentum: (_base, max) => [max, max],
          },
        ]
      : [
          rise,
          {
            end: total - 1,
            lr: (max) => [max, last(max)],
            momentum: (base, max) => [base, max],
          },
        ]
    this.momenta = cycleMomentum
      ? {
          base: this.perGroup('baseMomentum', options.baseMomentum ?? 0.85),
          max: this.perGroup('maxMomentum', options.maxMomentum ?? 0.95),
        }
      : null
    this.start()
  }
  protected rates(): number[] {
    const t = this.lastEpoch
    if (t > this.totalSteps)
      throw new ValueError({
        op: 'OneCycleLR.step',
        rule: `the cycle has ${this.totalSteps} steps`,
        got: `step ${t}`,
        fix: 'Give it the number of batches of the whole run, or step once an epoch.',
      })
    let start = 0
    let phase = this.phases[0]!
    for (const p of this.phases) {
      phase = p
      if (t <= p.end || p === this.phases[this.phases.length - 1]) break
      start = p.end
    }
    const share = (t - start) / (phase.end - start)
    const { momenta } = this
    if (momenta)
      this.optimizer.groups.forEach((g, i) => {
        const [from, to] = phase.momentum(momenta.base[i]!, momenta.max[i]!)
        this.optimizer.setMomentum(g, this.anneal(from, to, share))
      })
    return this.maxLrs.map((max) => this.anneal(...phase.lr(max), share))
  }
}
