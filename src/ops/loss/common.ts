/** What all losses share: reductions and the checks of shapes. */
import { sum } from '../broadcast.js'
import { DTypeError, ShapeError, show, ValueError } from '../../core/errors.js'
import { isFloat } from '../../core/dtype.js'
import { kinds, oneOf, orNull } from '../../core/options.js'
import { broadcastShapes, sameShape } from '../../core/shape.js'
import { mean } from '../reduce.js'
import { unhalved } from '../define.js'
import { state } from '../state.js'
import { Tensor } from '../tensor.js'

/** A tensor or null, such as the weights of classes. */
export const orTensor = orNull({ rule: 'a tensor', holds: (v) => v instanceof Tensor })
export const reductions = oneOf('mean', 'sum', 'none')
/** PyTorch's places: the two that it has given up stand before the reduction. */
export const reduced = { sizeAverage: kinds.givenUp, reduce: kinds.givenUp, reduction: reductions }

export type Reduction = 'mean' | 'sum' | 'none'
export interface LossOptions {
  /** The mean over all elements (the default), their sum, or every loss by itself. */
  reduction?: Reduction | undefined
}
export interface MarginOptions extends LossOptions {
  margin?: number
}

/** What autocast does for losses, which lose by a half type: it gives them as float32 (PyTorch's table). */
export const inFloat32 = (t: Tensor): Tensor =>
  state.autocast && t instanceof Tensor ? unhalved(t) : t

/** @throws ValueError for an unknown reduction */
export function reduceLoss(op: string, loss: Tensor, reduction: Reduction = 'mean'): Tensor {
  if (reduction === 'none') return loss
  if (reduction === 'mean') return mean(loss)
  if (reduction === 'sum') return sum(loss)
  throw new ValueError({ op, rule: "reduction is 'mean', 'sum' or 'none'", got: `${reduction}` })
}

/** @throws ShapeError unless all have the shape of the first; DTypeError unless that is a float tensor */
export function requireSame(op: string, x: Tensor, ...others: Tensor[]): void {
  requireFloat(op, x)
  for (const y of others) {
    if (!(y instanceof Tensor))
      throw new DTypeError({ op, rule: 'the target must be a tensor', got: typeof y })
    if (!sameShape(x.shape, y.shape))
      throw new ShapeError({
        op,
        rule: 'input and target must have one shape',
        got: `${show(x.shape)} and ${show(y.shape)}`,
        fix: 'Reshape the target; broadcasting a loss hides mistakes.',
      })
  }
}

/** @throws ShapeError unless `extra` (a weight) broadcasts to the shape of `x` without making it larger */
export function requireWeight(op: string, what: string, extra: Tensor, x: Tensor): void {
  if (!sameShape(broadcastShapes(op, extra.shape, x.shape), x.shape))
    throw new ShapeError({
      op,
      rule: `${what} must broadcast to ${show(x.shape)}`,
      got: show(extra.shape),
    })
}

/** @throws DTypeError unless it is a float tensor */
export function requireFloat(op: string, x: Tensor): void {
  if (!(x instanceof Tensor))
    throw new DTypeError({ op, rule: 'a tensor is needed', got: x === null ? 'null' : typeof x })
  if (!isFloat(x.dtype))
    throw new DTypeError({
      op,
      rule: 'the input must be a float tensor',
      got: x.dtype,
      fix: "x.to('float32') converts.",
    })
}
