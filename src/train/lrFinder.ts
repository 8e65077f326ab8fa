import { TrainingError } from '../core/errors.js'
import { restoreCheckpoint, serializeCheckpoint } from './checkpoint.js'
import type { BatchSource, LossFunction, Model } from './evaluate.js'
import type { Optimizer } from '../optim/optimizer.js'
import { crossEntropy } from '../ops/loss/index.js'
import { makeStep } from './step.js'

export interface LrFinderOptions {
  data: BatchSource
  optimizer: Optimizer
  loss?: LossFunction
  /** The range that is tried, 1e-6 to 1 unless given. */
  from?: number
  to?: number
  /** How many learning rates; 100. */
  steps?: number
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
 * the loss is four times the best. Weights, optimizer and generator are afterwards as they were.
 * @throws TrainingError when the loss is no number from the start
 */
export function findLr(model: Model, options: LrFinderOptions): LrFound {
  const { data, optimizer, loss = crossEntropy, from = 1e-6, to = 1, steps = 100 } = options
  const before = serializeCheckpoint({ model, optimizer })
  const training = model.training
  const rate = optimizer.lr
  const step = makeStep(model, { optimizer }, loss, 1)
  const rates: number[] = []
  const losses: number[] = []
  model.train()
  try {
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
      optimizer.lr = from * (to / from) ** (i / Math.max(1, steps - 1))
      const value = step.run(next.value[0]!, next.value[1]!, true, true)[0].item()
      if (!Number.isFinite(value)) break
      average = 0.95 * average + 0.05 * value
      const smooth = average / (1 - 0.95 ** (i + 1))
      rates.push(optimizer.lr)
      losses.push(smooth)
      best = Math.min(best, smooth)
      if (smooth > 4 * best) break
    }
  } finally {
    step.free()
    restoreCheckpoint(before, { model, optimizer })
    optimizer.lr = rate
    model.train(training)
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
