/** The interface of callbacks, and how `fit` calls them. */
import { ValueError } from '../core/errors.js'
import { showValue } from '../core/options.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { Batch, LossFunction, Model } from './evaluate.js'
import type { Metric } from './metrics.js'

/** The numbers of an epoch. Metrics of the validation data have the prefix `val`. */
export interface EpochLog {
  /** From 0. */
  epoch: number
  loss: number
  accuracy?: number
  valLoss?: number
  valAccuracy?: number
  lr: number
  seconds: number
  samplesPerSecond: number
  [metric: string]: number | undefined
}

/** The numbers of a batch. Loss and accuracy are read from the device when they are accessed. */
export interface BatchLog {
  epoch: number
  /** From 1. */
  batch: number
  batches: number
  /** Batches since training began. */
  step: number
  readonly loss: number
  /** Mean loss and accuracy of the epoch so far. */
  readonly meanLoss: number
  readonly accuracy?: number
  samples: number
  seconds: number
}

export interface Trainer {
  readonly model: Model
  readonly optimizer: Optimizer
  readonly loss: LossFunction
  /** How many epochs training has in all, and the logs of those that have ended. */
  readonly epochs: number
  readonly history: EpochLog[]
  /** In an epoch; Infinity when the data do not say. */
  readonly batches: number
  /** Batches since training began. */
  readonly step: number
  /** Whether the optimizer has moved with the last batch: false between the batches of an accumulation. */
  readonly moved: boolean
  readonly metrics: Readonly<Record<string, Metric>>
  /** How many tensors of a batch are inputs, when `fit` was told. */
  readonly inputs: number | undefined
  /** The batch of the last step, before `transform`; its memory may serve the next step's. */
  readonly lastBatch: Batch | undefined
  /** Ends training after this batch or epoch, with a reason. */
  stop(reason: string): void
  readonly stopped: string | undefined
  /**
   * The run as it is now, to be given to `resume`.
   * @throws TrainingError when weights are not finite: such a run is not saved
   */
  checkpoint(): Uint8Array
  /**
   * Where a checkpoint is made by several processes together: is `flag` true on any of them? Else `flag`. For callbacks that
   * decide by the time.
   */
  agree(flag: boolean): boolean
}

/** Called at the moments of training; all are optional. */
export interface Callback {
  /** The name under which checkpoints save its state. */
  name?: string
  /** Called after the other callbacks at each moment, because it saves their states. */
  readonly last?: boolean
  onTrainStart?(t: Trainer): void
  onEpochStart?(t: Trainer, epoch: number): void
  onBatchEnd?(t: Trainer, log: BatchLog): void
  onEpochEnd?(t: Trainer, log: EpochLog): void
  onTrainEnd?(t: Trainer): void
  /** Called however training ends, also by an error: open files and bars are closed here. */
  onClose?(): void
  /** The state that a resumed run needs, as plain data and tensors. */
  state?(): unknown
  /** Loads such a state. @throws ValueError for a state of another kind; nothing is changed then */
  restore?(state: unknown): void
}
const moments = ['onTrainStart', 'onEpochStart', 'onBatchEnd', 'onEpochEnd', 'onTrainEnd'] as const
type Moment = (typeof moments)[number]

/** The callbacks of a run. */
export class Callbacks {
  private readonly list: readonly Callback[]
  private readonly named: readonly [string, Callback][]

  /** @throws ValueError for a value that is not a callback, such as a class instead of an instance */
  constructor(given: readonly Callback[], own: readonly Callback[] = []) {
    if (!Array.isArray(given))
      throw new ValueError({ op: 'fit', rule: 'callbacks are a list', got: showValue(given) })
    const list = [...own, ...given]
    for (const c of list) {
      const some = [...moments, 'onClose' as const].some((m) => typeof c?.[m] === 'function')
      if (typeof c !== 'object' || !some)
        throw new ValueError({
          op: 'fit',
          rule: `a callback has one of ${moments.join(', ')}`,
          got: showValue(c),
          fix:
            typeof c === 'function'
              ? 'Pass an instance: new EarlyStopping().'
              : 'Is its name spelt right?',
        })
    }
    this.list = [...list.filter((c) => !c.last), ...list.filter((c) => c.last)]
    const seen = new Map<string, number>()
    // The callbacks of `fit` itself have no state, and must not change the names of the user's.
    this.named = given.map((c, i) => {
      const name = c.name ?? `callback${i}`
      const n = (seen.get(name) ?? 0) + 1
      seen.set(name, n)
      return [n === 1 ? name : `${name}#${n}`, c]
    })
  }

  /** Calls all of them, also when one throws, so that every callback has seen a moment that is saved. @throws the first error */
  call(moment: Moment, ...args: unknown[]): void {
    const errors: unknown[] = []
    for (const c of this.list)
      try {
        ;(c[moment] as ((...a: unknown[]) => void) | undefined)?.call(c, ...args)
      } catch (error) {
        errors.push(error)
      }
    if (errors.length > 0) throw errors[0]
  }
  close(): void {
    for (const c of this.list) c.onClose?.()
  }
  states(): Record<string, unknown> {
    const states: Record<string, unknown> = {}
    for (const [name, c] of this.named) if (c.state) states[name] = c.state()
    return states
  }
  /** Prepares to load saved states, all or none; `undo` restores the states from before. */
  prepare(saved: Readonly<Record<string, unknown>>): { take(): void; undo(): void } {
    const done: [Callback, unknown][] = []
    const undo = () => {
      for (const [c, state] of done.reverse()) c.restore?.(state)
      done.length = 0
    }
    return {
      take: () => {
        for (const [name, c] of this.named) {
          const own = saved[name]
          if (own === undefined || !c.restore) continue
          const before = c.state?.()
          done.push([c, before])
          c.restore(own)
        }
      },
      undo,
    }
  }
}
