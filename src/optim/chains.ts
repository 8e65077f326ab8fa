import { ValueError } from '../core/errors.js'
import { type Kind, readArguments } from '../core/options.js'
import { type AnyOptimizer, Scheduler, type SchedulerState } from './scheduler.js'
import { epochs } from './schedules.js'

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
