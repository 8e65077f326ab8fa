/** The running sums of an epoch, and the step whose results have not been read yet. */
import { TrainingError } from '../core/errors.js'
import type { Tensor } from '../ops/tensor.js'
import { nameOf } from '../ops/names.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { BatchLog, EpochLog } from './callback.js'
import { type AnyModel, type Batch, firstNonFinite } from './evaluate.js'
import type { StepResult } from './step.js'

/** The position in the data, and the running sums of the epoch. */
export interface Progress {
  epoch: number
  batch: number
  step: number
  total: number
  hits: number
  counted: number
  samples: number
  seconds: number
}
const fresh = { batch: 0, total: 0, hits: 0, counted: 0, samples: 0, seconds: 0 }

interface Issued {
  result: StepResult
  inputs: Batch
  samples: number
  step: number
  epoch: number
  batch: number
}

/**
 * The results of a step are read when the next step has been issued, so that `fit` does not wait for a device, or
 * earlier when a callback accesses them. A step that was not finite is reported then; until then further steps change nothing.
 */
export class Ledger {
  at: Progress = { ...fresh, epoch: 0, step: 0 }
  private readonly model: AnyModel
  private readonly optimizer: Optimizer
  private waiting: Issued | undefined
  /** After it no result can be read and no checkpoint saved. */
  private failed: TrainingError | undefined
  private lastLoss = Number.NaN
  private start = 0

  constructor(model: AnyModel, optimizer: Optimizer) {
    this.model = model
    this.optimizer = optimizer
  }

  add(result: StepResult, inputs: Batch, samples = inputs[0]!.shape[0]!): void {
    const before = this.waiting
    const { at } = this
    at.step++
    at.batch++
    at.samples += samples
    this.optimizer.holdReport()
    this.waiting = { result, inputs, samples, step: at.step, epoch: at.epoch, batch: at.batch }
    if (before) this.take(before)
  }
  /** Reads the results that have not been read. @throws TrainingError for a step that was not finite */
  settle(): void {
    if (this.failed) throw this.failed
    const { waiting } = this
    this.waiting = undefined
    if (waiting) this.take(waiting)
  }
  private take(issued: Issued): void {
    const [loss, right, found] = issued.result
    const skip = this.optimizer.nonFiniteGradients === 'skip'
    const raw = (t: Tensor) => t.storage!.readNow(t.offset, 1)[0]!
    if (raw(found) !== 0 && !skip) {
      this.failed = this.failure(issued, raw(loss), raw(found))
      throw this.failed
    }
    const value = raw(loss)
    this.lastLoss = value
    this.at.total += value * issued.samples
    if (right && issued.samples > 0) {
      this.at.hits += raw(right[0])
      this.at.counted += raw(right[1])
    }
  }
  private failure({ inputs, step, epoch, batch }: Issued, loss: number, code: number) {
    this.optimizer.takeFound()
    this.waiting = undefined
    const place = firstNonFinite(this.model, ...inputs)
    const p = this.optimizer.groups.flatMap((g) => g.params)[code - 1]
    const at = `at step ${step} (epoch ${epoch + 1}, batch ${batch})`
    const finite = Number.isFinite(loss)
    const names = new Map(this.model.namedParameters().map(([name, own]) => [own as Tensor, name]))
    const name = p && (names.get(p) ?? nameOf(p))
    return new TrainingError({
      op: 'fit',
      rule: finite ? 'gradients must be finite numbers' : 'the loss must stay a finite number',
      got: finite
        ? `a gradient that is not ${at}, first in parameter ${name ?? `number ${code}`}`
        : `${loss} ${at}${place ? `, first in ${place}` : ''}`,
      fix: 'That step was left out: the weights are those before it. Lower the learning rate, clip the gradients (clipNorm), or look at the data.',
    })
  }

  startClock(): void {
    this.start = performance.now() - this.at.seconds * 1000
  }
  stopClock(): void {
    this.at.seconds = (performance.now() - this.start) / 1000
  }

  /** The batch's log, whose numbers are read when they are accessed. */
  log(epoch: number, batches: number): BatchLog {
    const { batch, step, samples, seconds } = this.at
    const ledger = this
    const mean = () => this.at.total / this.at.samples
    const log: BatchLog = {
      epoch,
      batch,
      batches,
      step,
      get loss() {
        ledger.settle()
        return ledger.lastLoss
      },
      get meanLoss() {
        ledger.settle()
        return mean()
      },
      samples,
      seconds,
    }
    if (this.waiting?.result[1])
      Object.defineProperty(log, 'accuracy', {
        enumerable: true,
        get() {
          ledger.settle()
          return ledger.at.hits / ledger.at.counted
        },
      })
    return log
  }
  epochLog(epoch: number, lr: number): EpochLog {
    this.settle()
    this.stopClock()
    const { total, hits, counted, samples, seconds } = this.at
    return {
      epoch,
      loss: total / samples,
      ...(counted > 0 && { accuracy: hits / counted }),
      lr,
      seconds,
      samplesPerSecond: samples / seconds,
    }
  }
  /** The sums of the epoch over all who train together. */
  merge(sum: (values: readonly number[]) => number[]): void {
    this.settle()
    const { total, hits, counted, samples } = this.at
    const [a = 0, b = 0, c = 0, d = 0] = sum([total, hits, counted, samples])
    this.at = { ...this.at, total: a, hits: b, counted: c, samples: d }
  }
  nextEpoch(): void {
    this.at = { ...fresh, epoch: this.at.epoch + 1, step: this.at.step }
  }
}
