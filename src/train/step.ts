/** One step of training as a function of a batch, which `compile` turns into one program. */
import { compile } from '../compile/compile.js'
import { clipGradNorm, clipGradValue } from '../nn/clip.js'
import { eq, isfinite } from '../ops/compare.js'
import { remember } from '../ops/conditional.js'
import { add, where } from '../ops/arithmetic.js'
import type { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/state.js'
import { ValueError } from '../core/errors.js'
import { fromData } from '../ops/tensor.js'
import type { Fitting } from '../distributed/fitting.js'
import { mul } from '../ops/arithmetic.js'
import type { Optimizer } from '../optim/optimizer.js'
import {
  callLoss,
  callModel,
  type Batch,
  type AnyModel,
  type LossFunction,
  rightAnswers,
} from './evaluate.js'

export interface StepOptions {
  optimizer: Optimizer
  /** Clip the norm of all gradients together. */
  clipNorm?: number
  /** Clip every element of the gradients to ±this. */
  clipValue?: number
  /** Count right answers by the largest output; on for labels (int32). */
  accuracy?: boolean
  /** Extra terms of the loss, such as penalties. */
  penalty?: (model: never) => Tensor
  /**
   * Changes the inputs of each batch inside of the step: augmentation. It is given the inputs and then the targets, and
   * returns the first input, or a list of as many tensors as it was given.
   */
  transform?: (x: Tensor, y: Tensor, ...more: Tensor[]) => Tensor | readonly Tensor[]
  /** false runs the step eagerly. */
  compiled?: boolean
}

/** The results of a step: loss, numbers of correct predictions and of labels, and 0 unless the step was skipped (Optimizer.foundInf). */
export type StepResult = readonly [loss: Tensor, right: [Tensor, Tensor] | null, found: Tensor]

/** One step as a function of a batch; `first` clears the gradients, `last` moves the parameters. */
export function makeStep(
  model: AnyModel,
  options: StepOptions,
  loss: LossFunction<never>,
  share: number,
  parallel?: Fitting,
) {
  const { optimizer, penalty, transform } = options
  const changed = (xs: Batch, ys: Batch): [Batch, Batch] => {
    if (!transform) return [xs, ys]
    const made = (transform as (...all: Tensor[]) => Tensor | readonly Tensor[])(...xs, ...ys)
    if ('shape' in made) return [[made, ...xs.slice(1)], ys]
    return [made.slice(0, xs.length), made.length > xs.length ? made.slice(xs.length) : ys]
  }
  const run = (x0: Batch, y0: Batch, first: boolean, last: boolean, weight = 1): StepResult => {
    // A skipped step leaves running statistics unchanged, too.
    const buffers = remember(model.namedBuffers().map(([, t]) => t))
    const [xs, ys] = changed(x0, y0)
    const forward = () => callModel(model, xs)
    const out = parallel ? parallel.run(forward, last) : forward()
    const own = callLoss(loss, out, ys)
    const counted = weight === 1 ? own : own.mul(weight)
    const whole = penalty ? counted.add((penalty as (m: unknown) => Tensor)(model)) : counted
    if (first) optimizer.zeroGrad()
    const fine = noGrad(() => isfinite(whole.detach()))
    const scaled = share === 1 ? whole : whole.mul(1 / share)
    // A loss that is not finite on one rank stops the step on all: by their gradients.
    const told = parallel
      ? mul(
          scaled,
          noGrad(() => where(fine, 1, Number.NaN)),
        )
      : scaled
    told.backward()
    return noGrad(() => {
      if (last) {
        const params = optimizer.groups.flatMap((g) => g.params)
        if (options.clipValue !== undefined) clipGradValue(params, options.clipValue)
        if (options.clipNorm !== undefined) clipGradNorm(params, options.clipNorm)
        optimizer.step(undefined, { when: fine })
      }
      const { foundInf } = optimizer
      const found = last ? add(foundInf, 0) : where(fine, 0, -1)
      buffers(eq(found, 0))
      const right = options.accuracy !== false ? rightAnswers(out, ys, loss) : null
      return [own.detach(), right, found]
    })
  }
  if (optimizer.needsClosure) return closureStep(model, options, loss, share, changed, parallel)
  if (options.compiled === false) return { run, free: () => {} }
  const program = compile(run, { keepGrads: share > 1 })
  return { run: program, free: program.free }
}

/**
 * The step of an optimizer that computes the loss several times, such as LBFGS: one program for loss and gradients, which
 * the optimizer calls. What is counted is of the first evaluation.
 * @throws ValueError with accumulation, where no batch alone has the loss
 */
function closureStep(
  model: AnyModel,
  options: StepOptions,
  loss: LossFunction<never>,
  share: number,
  changed: (xs: Batch, ys: Batch) => [Batch, Batch],
  parallel?: Fitting,
) {
  const { optimizer, penalty } = options
  if (share !== 1)
    throw new ValueError({
      op: 'fit',
      rule: `${optimizer.constructor.name} computes the loss several times in a step, of one batch: accumulate must be 1`,
      got: `${share}`,
      fix: 'Use larger batches.',
    })
  const evaluate = (x0: Batch, y0: Batch, weight: number) => {
    const [xs, ys] = changed(x0, y0)
    const forward = () => callModel(model, xs)
    const out = parallel ? parallel.run(forward, true) : forward()
    const own = callLoss(loss, out, ys)
    const counted = weight === 1 ? own : own.mul(weight)
    const whole = penalty ? counted.add((penalty as (m: unknown) => Tensor)(model)) : counted
    optimizer.zeroGrad()
    whole.backward()
    return noGrad(() => {
      const params = optimizer.groups.flatMap((g) => g.params)
      if (options.clipValue !== undefined) clipGradValue(params, options.clipValue)
      if (options.clipNorm !== undefined) clipGradNorm(params, options.clipNorm)
      const right = options.accuracy !== false ? rightAnswers(out, ys, loss) : null
      // The line search must go the same way on all ranks.
      const value = parallel ? parallel.mean(whole.detach()) : whole.detach()
      return [value, own.detach(), right] as const
    })
  }
  const program = options.compiled === false ? undefined : compile(evaluate, { keepGrads: true })
  const run = (xs: Batch, ys: Batch, _first = true, _last = true, weight = 1): StepResult => {
    let first: ReturnType<typeof evaluate> | undefined
    optimizer.step(() => {
      const now = (program ?? evaluate)(xs, ys, weight)
      first ??= now
      return now[0]
    })
    const [, own, right] = first!
    // It throws itself where something is not finite.
    return [own, right, fromData(Float32Array.of(0), [], 'float32', own.backend)]
  }
  return { run, free: () => program?.free() }
}
