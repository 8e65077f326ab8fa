/** Local SGD (Lin et al., 2020, https://arxiv.org/abs/1808.07217): ranks train alone and average their weights every k steps. */
import { ValueError } from '../core/errors.js'
import { showValue } from '../core/options.js'
import type { Optimizer } from '../optim/optimizer.js'
import { mul } from '../ops/arithmetic.js'
import { assign } from '../ops/assign.js'
import { hostCall } from '../ops/host.js'
import { guard, noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { reduceTogether } from './collectives.js'
import { byType } from './ddp.js'
import { groupOf, type ProcessGroup } from './world.js'
import { requireOptimizer } from './zero.js'

export interface ModelAveragerOptions {
  /** Steps from one average to the next. */
  period: number
  /** Steps before, in which gradients are averaged as usual. */
  warmupSteps?: number
  processGroup?: ProcessGroup
}

/** Averages weights over ranks every `period` steps. PyTorch: PeriodicModelAverager. */
export class PeriodicModelAverager {
  readonly period: number
  readonly warmupSteps: number
  readonly group: ProcessGroup
  /** Steps so far. */
  step = 0
  /** @throws ValueError unless the period is a whole number above 0 */
  constructor({ period, warmupSteps = 0, processGroup }: ModelAveragerOptions) {
    if (!(Number.isInteger(period) && period > 0) || !(warmupSteps >= 0))
      throw new ValueError({
        op: 'PeriodicModelAverager',
        rule: 'period must be a whole number above 0, warmupSteps from 0 up',
        got: `${period}, ${warmupSteps}`,
      })
    this.period = period
    this.warmupSteps = warmupSteps
    this.group = groupOf('PeriodicModelAverager', processGroup)
  }
  /** Are gradients each rank's own at the present step? */
  get local(): boolean {
    return this.step >= this.warmupSteps
  }
  /** Are weights averaged after the present step? */
  get due(): boolean {
    return this.local && (this.step - this.warmupSteps + 1) % this.period === 0
  }
  /** Averages now. */
  average(params: readonly Tensor[]): void {
    const { group } = this
    if (group.size === 1) return
    noGrad(() => {
      for (const list of byType(params)) {
        const sums = reduceTogether(list, 'sum', group, 'weights')
        list.forEach((p, i) => {
          assign(p, mul(sums[i]!, 1 / group.size))
        })
      }
    })
  }
  /** After a step of the optimizer: averages when it is time. PyTorch: average_parameters. */
  averageParameters(params: readonly Tensor[]): void {
    if (guard(() => this.due)) this.average(params)
    // A program counts where it runs.
    hostCall({ name: 'step', start: () => void this.step++ }, [])
  }
}

const averagers = new WeakMap<object, PeriodicModelAverager>()
export const averagerOf = (optimizer: object): PeriodicModelAverager | undefined =>
  averagers.get(optimizer)

/**
 * Makes an optimizer average the weights after its steps when `averager` says so; the optimizer itself is changed and
 * returned. `fit` then leaves gradients on their ranks; in loops of your own leave DistributedDataParallel out, or use its
 * noSync. PyTorch: PostLocalSGDOptimizer.
 * @throws ValueError unless they are an optimizer and an averager
 */
export function postLocalSGD<O extends Optimizer>(
  optimizer: O,
  averager: PeriodicModelAverager,
): O {
  requireOptimizer('postLocalSGD', optimizer)
  if (!(averager instanceof PeriodicModelAverager))
    throw new ValueError({
      op: 'postLocalSGD',
      rule: 'the second argument must be a PeriodicModelAverager',
      got: showValue(averager),
    })
  averagers.set(optimizer, averager)
  optimizer.around = (step, when) => {
    step(when)
    averager.averageParameters(optimizer.groups.flatMap((g) => g.params))
  }
  return optimizer
}
