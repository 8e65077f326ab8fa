import { TrainingError, ValueError } from '../core/errors.js'
import { pow } from '../core/math.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { crossEntropy } from '../ops/loss/index.js'
import type { Tensor } from '../ops/tensor.js'
import type { Optimizer } from '../optim/optimizer.js'
import { restoreCheckpoint, serializeCheckpoint } from './checkpoint.js'
import { type AnyModel, type BatchSource, type LossFunction, splitBatch } from './evaluate.js'
import { makeStep } from './step.js'
import { rememberModel } from './untouched.js'

export interface LrFinderOptions<Out = Tensor> {
  data: BatchSource
  optimizer: Optimizer
  loss?: LossFunction<Out>
  /** How many tensors of a batch are inputs of the model; all but the last unless given. */
  inputs?: number
  /** The range that is tried, 1e-6 to 1 unless given. */
  from?: number
  to?: number
  /** How many learning rates; 100. */
  steps?: number
}

const lrFinderOptions: OptionNames<LrFinderOptions> = {
  data: true,
  optimizer: true,
  loss: true,
  inputs: true,
  from: true,
  to: true,
  steps: true,
}

export interface LrFound {
  /** Where the smoothed loss falls fastest: a good rate for most optimizers. */
  lr: number
  /** What was tried, and the smoothed loss there. */
  rates: number[]
  losses: number[]
}

/**
 * The range test of L. Smith (Cyclical Learning Rates for Training Neural Networks, 2017): the learning rate grows from
 * step to step by one factor, and the loss, smoothed by an exponential average, tells where it helps most. Stops when
 * the loss is four times the best. Weights, optimizer, gradients, the mode of every module and the generator are afterwards as they were.
 * @throws TrainingError when the loss is not finite from the start
 */
export function findLr<Out = Tensor>(model: AnyModel<Out>, options: LrFinderOptions<Out>): LrFound {
  const {
    data,
    optimizer,
    from = 1e-6,
    to = 1,
    steps = 100,
    inputs,
  } = checkOptions('findLr', options, lrFinderOptions as OptionNames<LrFinderOptions<Out>>)
  if (!(from > 0 && to > from && Number.isFinite(to)))
    throw new ValueError({
      op: 'findLr',
      rule: 'the rates must go from a number above 0 to a larger one',
      got: `${from} to ${to}`,
    })
  const loss = (options.loss ?? crossEntropy) as LossFunction<never>
  const putBack = rememberModel(model)
  const before = serializeCheckpoint({ model, optimizer })
  const step = makeStep(model, { optimizer }, loss, 1)
  const rates: number[] = []
  const losses: number[] = []
  try {
    model.train()
    let average = 0
    let best = Number.POSITIVE_INFINITY
    let epoch = 0
    let source = data.from(0, 0)
    for (let i = 0; i < steps; i++) {
      let next = source.next()
      if (next.done) {
        source = data.from(++epoch, 0)
        next = source.next()
      }
      if (next.done) break
      optimizer.lr = from * pow(to / from, i / Math.max(1, steps - 1))
      const [xs, ys] = splitBatch('findLr', next.value, inputs)
      const result = step.run(xs, ys, true, true)
      // A rate that is too large is the end of the search, not an error.
      const found = optimizer.takeFound()
      const value = result[0].item()
      if (found || !Number.isFinite(value)) break
      average = 0.95 * average + 0.05 * value
      const smooth = average / (1 - pow(0.95, i + 1))
      rates.push(optimizer.lr)
      losses.push(smooth)
      best = Math.min(best, smooth)
      if (smooth > 4 * best) break
    }
  } finally {
    step.free()
    restoreCheckpoint(before, { model, optimizer })
    putBack()
  }
  if (losses.length < 3)
    throw new TrainingError({
      op: 'findLr',
      rule: 'the loss must be a number for the smallest rates at least',
      got: `${losses.length} steps`,
      fix: 'Lower `from`, or look at the data.',
    })
  // The smoothed loss over equal steps of log lr: its steepest fall.
  let at = 1
  for (let i = 1; i + 1 < losses.length; i++)
    if (losses[i + 1]! - losses[i - 1]! < losses[at + 1]! - losses[at - 1]!) at = i
  return { lr: rates[at]!, rates, losses }
}
