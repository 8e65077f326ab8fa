import { DTypeError, ShapeError, show } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { assignEager } from './eager.js'
import { requireLeaf, type Tensor } from './tensor.js'
import { state } from './state.js'
import { nodeOf, replaying } from './trace.js'

/**
 * Writes `value` into the memory of `box`: parameters, optimizer state and running statistics change this way,
 * eagerly and in compiled programs. Views of the box see the change.
 * @throws ShapeError, DTypeError when they differ; GradError for a tensor with a history while gradients are recorded
 */
export function assign(box: Tensor, value: Tensor): void {
  if (!sameShape(box.shape, value.shape))
    throw new ShapeError({
      op: 'assign',
      rule: `the value must have the shape ${show(box.shape)}`,
      got: show(value.shape),
    })
  if (box.dtype !== value.dtype)
    throw new DTypeError({ op: 'assign', rule: `the value must be ${box.dtype}`, got: value.dtype })
  if (state.gradEnabled && box.requiresGrad) requireLeaf(box, 'assign')
  // A segment that is computed a second time has written already.
  if (replaying()) return
  if (!state.recorder) {
    assignEager(box, value)
    return
  }
  state.recorder.assign(box, nodeOf(value))
  box.version++
}
