import { ValueError } from '../core/errors.js'
import { isPlainObject, showValue } from '../core/options.js'
import type { Group, Optimizer } from './optimizer.js'

/** An optimizer of any kind: schedules use only what all have in common. */
export type AnyOptimizer = Pick<Optimizer, 'momentumOf' | 'setMomentum' | 'setLr'> & {
  readonly groups: Group<{ lr: number; maximize: boolean }>[]
}

/** What a schedule is saved as: numbers that JSON writes. */
export type SchedulerState = { [key: string]: number | number[] | SchedulerState[] }

/** The rate that a group had before any schedule moved it. */
const initialLrs = new WeakMap<object, number>()

/**
 * A learning rate as a function of the steps made. Making one sets the rate of step 0; `step()` after each epoch (or
 * batch) sets the next. The rate is a tensor that compiled programs read: nothing is traced anew.
 * Written as in PyTorch by how a rate changes from one step to the next, so that schedules can be chained.
 */
export abstract class Scheduler {
  readonly optimizer: AnyOptimizer
  /** Steps made. */
  lastEpoch = 0
  protected baseLrs: number[]

  /** A subclass calls `start()` when it is ready. */
  constructor(optimizer: AnyOptimizer) {
    if (!Array.isArray(optimizer?.groups))
      throw new ValueError({
        op: new.target.name,
        rule: 'the first argument must be an optimizer',
        got: showValue(optimizer),
      })
    this.optimizer = optimizer
    this.baseLrs = optimizer.groups.map((g) => {
      if (!initialLrs.has(g)) initialLrs.set(g, g.options.lr)
      return initialLrs.get(g)!
    })
  }

  /** The rates at `lastEpoch`, `lrs` being those of the step before. */
  protected abstract rates(lrs: readonly number[]): number[]

  /** The present rates, one for each group of the optimizer. */
  getLastLr(): number[] {
    return this.optimizer.groups.map((g) => g.options.lr)
  }
  /** @throws ValueError, before anything is changed, for a rate that is no finite number */
  protected setLrs(lrs: readonly number[]): void {
    if (!lrs.every(Number.isFinite))
      throw new ValueError({
        op: this.constructor.name,
        rule: 'a learning rate must be a finite number',
        got: `${lrs.join(', ')} at step ${this.lastEpoch}`,
      })
    this.optimizer.groups.forEach((g, i) => {
      this.optimizer.setLr(g, lrs[i]!)
    })
  }
  protected start(): void {
    this.setLrs(this.rates(this.getLastLr()))
  }
  /** The next rate. A metric may be given to every schedule; only ReduceLROnPlateau looks at it. */
  step(_metric?: number): void {
    this.lastEpoch++
    this.setLrs(this.rates(this.getLastLr()))
  }
  /** Begins anew from the rates that it was made for. */
  restart(): void {
    this.lastEpoch = 0
    this.setLrs(this.rates(this.baseLrs))
  }
  /** Undoes what making the schedule did, for one that begins later. */
  rewind(): void {
    this.optimizer.groups.forEach((g) => {
      this.optimizer.setLr(g, initialLrs.get(g)!)
    })
  }

  stateDict(): SchedulerState {
    return { lastEpoch: this.lastEpoch, baseLrs: [...this.baseLrs] }
  }
  /**
   * Continues from a saved state; nothing is changed when it does not fit. The current learning rates are saved with
   * the optimizer.
   * @throws ValueError for a state of another kind of schedule, or of another number of groups
   */
  loadStateDict(state: SchedulerState): void {
    this.prepareStateDict(state)()
  }
  /** Checks a saved state and returns a function that loads it; that function throws no error. */
  prepareStateDict(state: SchedulerState): () => void {
    const op = `${this.constructor.name}.loadStateDict`
    const own = Object.keys(this.stateDict())
    const given = isPlainObject(state) ? Object.keys(state) : []
    if (`${[...own].sort()}` !== `${[...given].sort()}`)
      throw new ValueError({
        op,
        rule: `a state has ${own.join(', ')}`,
        got: given.join(', ') || showValue(state),
        fix: 'Is it the state of another kind of schedule?',
      })
    const { lastEpoch, baseLrs } = state as { lastEpoch?: number; baseLrs?: number[] }
    const isNumber = (v: unknown): v is number => typeof v === 'number' && !Number.isNaN(v)
    if (!isNumber(lastEpoch) || lastEpoch < 0)
      throw new ValueError({
        op,
        rule: 'lastEpoch is a number from 0 up',
        got: showValue(lastEpoch),
      })
    if (
      !Array.isArray(baseLrs) ||
      baseLrs.length !== this.baseLrs.length ||
      !baseLrs.every((v) => isNumber(v) && Number.isFinite(v) && v >= 0)
    )
      throw new ValueError({
        op,
        rule: `baseLrs are the rates of ${this.baseLrs.length} groups`,
        got: showValue(baseLrs),
      })
    return () => {
      this.lastEpoch = lastEpoch
      this.baseLrs = [...baseLrs]
    }
  }

  /** One value for each group. @throws ValueError */
  protected perGroup<T>(what: string, value: T | readonly T[]): T[] {
    const groups = this.optimizer.groups.length
    if (!Array.isArray(value)) return new Array(groups).fill(value)
    if (value.length !== groups)
      throw new ValueError({
        op: this.constructor.name,
        rule: `${what} must be one value, or one for each of ${groups} groups`,
        got: `${value.length}`,
      })
    return [...value]
  }
}

/** @throws ValueError unless the value is a whole number above 0 */
export function wholeSteps(op: string, what: string, value: number): number {
  if (!(Number.isInteger(value) && value > 0))
    throw new ValueError({ op, rule: `${what} must be a whole number above 0`, got: `${value}` })
  return value
}
