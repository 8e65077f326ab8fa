/** Operations that keep the shape: elements that the mask leaves out take no part. */
import { kinds, orNull, readOptions } from '../core/options.js'
import { div, neg } from '../ops/arithmetic.js'
import { logSoftmax as plainLogSoftmax, softmax as plainSoftmax } from '../ops/activation.js'
import { operand, type TensorLike } from '../ops/define.js'
import { logaddexp as plainLogaddexp, maximum } from '../ops/elementwise.js'
import * as scan from '../ops/scan.js'
import type { Tensor } from '../ops/tensor.js'
import { filled, type MaskedOptions, maskedOptions } from './common.js'
import { norm } from './reductions.js'

const floor = Number.NEGATIVE_INFINITY

/** @example masked.softmax(tensor([0, 0, 9]), 0, { mask: tensor([true, true, false]) }) // [0.5, 0.5, 0] */
export const softmax = (x: TensorLike, axis: number, options?: MaskedOptions): Tensor =>
  plainSoftmax(
    filled('masked.softmax', x, floor, maskedOptions('masked.softmax', options), true),
    axis,
  )
/** @example masked.logSoftmax(tensor([0, 0, 9]), 0, { mask: tensor([true, true, false]) }) // [-0.693147, -0.693147, -Infinity] */
export const logSoftmax = (x: TensorLike, axis: number, options?: MaskedOptions): Tensor =>
  plainLogSoftmax(
    filled('masked.logSoftmax', x, floor, maskedOptions('masked.logSoftmax', options), true),
    axis,
  )
/** softmax(−x). @example masked.softmin(tensor([0, 0, 9]), 0, { mask: tensor([true, true, false]) }) // [0.5, 0.5, 0] */
export const softmin = (x: TensorLike, axis: number, options?: MaskedOptions): Tensor =>
  softmax(neg(operand('masked.softmin', x, true)), axis, options)
/** @example masked.cumsum(tensor([1, 2, 3]), 0, { mask: tensor([true, false, true]) }) // [1, 1, 4] */
export const cumsum = (x: TensorLike, axis: number, options?: MaskedOptions): Tensor =>
  scan.cumsum(filled('masked.cumsum', x, 0, maskedOptions('masked.cumsum', options)), axis)
/** @example masked.cumprod(tensor([1, 2, 3]), 0, { mask: tensor([true, false, true]) }) // [1, 1, 3] */
export const cumprod = (x: TensorLike, axis: number, options?: MaskedOptions): Tensor =>
  scan.cumprod(filled('masked.cumprod', x, 1, maskedOptions('masked.cumprod', options)), axis)

/** x / max(‖x‖ₚ, eps) along the axis; 0 where the mask does not hold. @example masked.normalize(tensor([3, 9, 4]), 2, 0, { mask: tensor([true, false, true]) }) // [0.6, 0, 0.8] */
export function normalize(
  x: TensorLike,
  p: number,
  axis: number,
  options?: MaskedOptions & { eps?: number },
): Tensor {
  const { eps = 1e-12, ...rest } = readOptions<MaskedOptions & { eps?: number }>(
    'masked.normalize',
    [options],
    {},
    { mask: kinds.any, dtype: kinds.text, eps: kinds.number },
  )
  const t = filled('masked.normalize', x, 0, rest, true)
  return div(t, maximum(norm(x, p, axis, { ...rest, keepdim: true }), eps))
}

/** log(eᵃ + eᵇ); what a mask leaves out counts as −∞. @example masked.logaddexp(tensor([0]), tensor([0])) // [0.693147] */
export function logaddexp(
  a: TensorLike,
  b: TensorLike,
  options?: { inputMask?: Tensor | null; otherMask?: Tensor | null },
): Tensor {
  const { inputMask = null, otherMask = null } = readOptions<{
    inputMask?: Tensor | null
    otherMask?: Tensor | null
  }>(
    'masked.logaddexp',
    [options],
    {},
    {
      inputMask: orNull(kinds.any),
      otherMask: orNull(kinds.any),
    },
  )
  const side = (x: TensorLike, mask: Tensor | null) =>
    filled('masked.logaddexp', x, floor, { mask }, true)
  return plainLogaddexp(side(a, inputMask), side(b, otherMask))
}
