import { DTypeError, ShapeError, show } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { assignEager } from './eager.js'
import { requireLeaf, type Tensor } from './tensor.js'
import { state } from './state.js'
import { nodeOf, replaying } from './trace.js'

/**
 * Writes `value` into the memory of `target`: parameters, optimizer state and running statistics change this way,
 * eagerly and in compiled programs. Views of the target see the change.
 * @throws ShapeError, DTypeError when they differ; GradError for a tensor with a history while gradients are recorded
 */
export function assign(given: Tensor, value: Tensor): void {
  const target = state.replaced?.get(given) ?? given
  if (!sameShape(target.shape, value.shape))
    throw new ShapeError({
      op: 'assign',
      rule: `the value must have the shape ${show(target.shape)}`,
      got: show(value.shape),
    })
  if (target.dtype !== value.dtype)
    throw new DTypeError({
      op: 'assign',
      rule: `the value must be ${target.dtype}`,
      got: value.dtype,
    })
  if (state.gradEnabled && target.requiresGrad) requireLeaf(target, 'assign')
  // A segment that is computed a second time has written already.
  if (replaying()) return
  if (!state.recorder) {
    assignEager(target, value)
    return
  }
  state.recorder.assign(target, nodeOf(value))
  target.version++
}
