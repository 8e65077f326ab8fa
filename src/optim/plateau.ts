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
