/** One step of training as a function of a batch, which `compile` turns into one program. */
import { where } from '../ops/arithmetic.js'
import { compile } from '../compile/compile.js'
import { isfinite } from '../ops/compare.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { Tensor } from '../ops/tensor.js'
import { clipGradNorm, clipGradValue } from '../nn/clip.js'
import { noGrad } from '../ops/state.js'
import { correct, isClass, type LossFunction, type Model } from './evaluate.js'

export interface StepOptions {
  optimizer: Optimizer
  /** Clip the norm of all gradients together. */
  clipNorm?: number
  /** Clip every element of the gradients to ±this. */
  clipValue?: number
  /** Count right answers by the largest output; on for labels (int32). */
  accuracy?: boolean
  /** Extra terms of the loss, such as penalties. */
  penalty?: (model: Model) => Tensor
  /** Changes each batch inside of the step: augmentation. */
  transform?: (x: Tensor, y: Tensor) => Tensor | readonly [x: Tensor, y: Tensor]
  /** false runs the step eagerly. */
  compiled?: boolean
}

/** One step as a function of a batch; `first` clears the gradients, `last` moves the parameters. */
export function makeStep(model: Model, options: StepOptions, loss: LossFunction, share: number) {
  const { optimizer, penalty, transform } = options
  const run = (x0: Tensor, y0: Tensor, first: boolean, last: boolean) => {
    const changed = transform ? transform(x0, y0) : x0
    const [x, y] = 'shape' in changed ? [changed, y0] : changed
    const out = model.forward(x)
    const own = loss(out, y)
    const whole = penalty ? own.add(penalty(model)) : own
    if (first) optimizer.zeroGrad()
    const scaled = share === 1 ? whole : whole.mul(1 / share)
    scaled.backward()
    if (last)
      noGrad(() => {
        // A loss that is not a number must not spoil the weights: they tell where it came from.
        const fine = isfinite(whole.detach())
        for (const { params } of optimizer.groups)
          for (const p of params) if (p.grad) p.grad = where(fine, p.grad, 0)
        const params = optimizer.groups.flatMap((g) => g.params)
        if (options.clipValue !== undefined) clipGradValue(params, options.clipValue)
        if (options.clipNorm !== undefined) clipGradNorm(params, options.clipNorm)
        optimizer.step()
      })
    const counts = options.accuracy !== false && isClass(y) && out.rank === 2
    return [own.detach(), counts ? noGrad(() => correct(out.detach(), y)) : null] as const
  }
  if (options.compiled === false) return { run, free: () => {} }
  const program = compile(run, { keepGrads: share > 1 })
  return { run: program, free: program.free }
}
