/** Reductions: what a mask leaves out counts as the number that changes nothing. */
import { kinds } from '../core/options.js'
import { div, sub } from '../ops/arithmetic.js'
import { type Axes, reduceOperand, reshape, sum as plainSum } from '../ops/broadcast.js'
import type { TensorLike } from '../ops/define.js'
import { maximum } from '../ops/elementwise.js'
import { sqrt, square } from '../ops/functions.js'
import { nanmedian } from '../ops/nans.js'
import * as reduce from '../ops/reduce.js'
import { norm as plainNorm } from '../ops/statistics.js'
import type { Tensor } from '../ops/tensor.js'
import { counted, filled, type MaskedReduceOptions, reduceOptions } from './common.js'

/** @example masked.sum(tensor([1, 2, 3]), 0, { mask: tensor([true, false, true]) }) // 4 */
export function sum(x: TensorLike, axes?: Axes, options?: MaskedReduceOptions): Tensor {
  const { keepdim = false, ...rest } = reduceOptions('masked.sum', options)
  return plainSum(filled('masked.sum', x, 0, rest), axes, { keepdim })
}
/** @example masked.prod(tensor([1, 2, 3]), 0, { mask: tensor([true, false, true]) }) // 3 */
export function prod(x: TensorLike, axes?: Axes, options?: MaskedReduceOptions): Tensor {
  const { keepdim = false, ...rest } = reduceOptions('masked.prod', options)
  return reduce.prod(filled('masked.prod', x, 1, rest), axes, { keepdim })
}
/** −∞ where nothing counts. @example masked.amax(tensor([1, 2, 3]), 0, { mask: tensor([true, true, false]) }) // 2 */
export function amax(x: TensorLike, axes?: Axes, options?: MaskedReduceOptions): Tensor {
  const { keepdim = false, ...rest } = reduceOptions('masked.amax', options)
  return reduce.amax(filled('masked.amax', x, Number.NEGATIVE_INFINITY, rest), axes, { keepdim })
}
/** ∞ where nothing counts. @example masked.amin(tensor([1, 2, 3]), 0, { mask: tensor([false, true, true]) }) // 2 */
export function amin(x: TensorLike, axes?: Axes, options?: MaskedReduceOptions): Tensor {
  const { keepdim = false, ...rest } = reduceOptions('masked.amin', options)
  return reduce.amin(filled('masked.amin', x, Number.POSITIVE_INFINITY, rest), axes, { keepdim })
}
/** @example masked.argmax(tensor([1, 2, 3]), 0, { mask: tensor([true, true, false]) }) // 1 */
export function argmax(x: TensorLike, axis?: number | null, options?: MaskedReduceOptions): Tensor {
  const { keepdim = false, ...rest } = reduceOptions('masked.argmax', options)
  return reduce.argmax(filled('masked.argmax', x, Number.NEGATIVE_INFINITY, rest), axis, {
    keepdim,
  })
}
/** @example masked.argmin(tensor([1, 2, 3]), 0, { mask: tensor([false, true, true]) }) // 1 */
export function argmin(x: TensorLike, axis?: number | null, options?: MaskedReduceOptions): Tensor {
  const { keepdim = false, ...rest } = reduceOptions('masked.argmin', options)
  return reduce.argmin(filled('masked.argmin', x, Number.POSITIVE_INFINITY, rest), axis, {
    keepdim,
  })
}
/** @example masked.logsumexp(tensor([0, 0, 9]), 0, { mask: tensor([true, true, false]) }) // 0.6931472 */
export function logsumexp(x: TensorLike, axes?: Axes, options?: MaskedReduceOptions): Tensor {
  const { keepdim = false, ...rest } = reduceOptions('masked.logsumexp', options)
  const t = filled('masked.logsumexp', x, Number.NEGATIVE_INFINITY, rest, true)
  return reduce.logsumexp(t, axes, { keepdim })
}
/** The p-norm; p comes before the axes, as in PyTorch. @example masked.norm(tensor([3, 9, 4]), 2, 0, { mask: tensor([true, false, true]) }) // 5 */
export function norm(x: TensorLike, p = 2, axes?: Axes, options?: MaskedReduceOptions): Tensor {
  const { keepdim = false, ...rest } = reduceOptions('masked.norm', options)
  const filler = p === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : 0
  return plainNorm(filled('masked.norm', x, filler, rest, true), p, axes, { keepdim })
}
/** NaN where nothing counts. @example masked.mean(tensor([1, 2, 3]), 0, { mask: tensor([true, false, true]) }) // 2 */
export function mean(x: TensorLike, axes?: Axes, options?: MaskedReduceOptions): Tensor {
  const { keepdim = false, ...rest } = reduceOptions('masked.mean', options)
  const t = filled('masked.mean', x, 0, rest, true)
  return div(plainSum(t, axes, { keepdim }), plainSum(counted(t, rest.mask), axes, { keepdim }))
}
/** The lower of the two middle ones; NaN where nothing counts. @example masked.median(tensor([1, 5, 3]), 0, { mask: tensor([true, false, true]) }) // 1 */
export function median(x: TensorLike, axis = -1, options?: MaskedReduceOptions): Tensor {
  const { keepdim = false, ...rest } = reduceOptions('masked.median', options)
  return nanmedian(filled('masked.median', x, Number.NaN, rest, true), axis, { keepdim })[0]
}

export interface MaskedVarianceOptions extends MaskedReduceOptions {
  /** Taken off the number of elements that count; 0 unless said otherwise, as in PyTorch's torch.masked. */
  correction?: number
}
/** @example masked.variance(tensor([1, 9, 3]), 0, { mask: tensor([true, false, true]) }) // 1 */
export function variance(x: TensorLike, axes?: Axes, options?: MaskedVarianceOptions): Tensor {
  const op = 'masked.variance'
  const {
    keepdim = false,
    correction = 0,
    ...rest
  } = reduceOptions<MaskedVarianceOptions>(op, options, { correction: kinds.number })
  const raw = reduceOperand(op, x, rest.dtype, true)
  const t = filled(op, raw, 0, rest, true)
  const count = plainSum(counted(t, rest.mask), axes, { keepdim: true })
  const centre = div(plainSum(t, axes, { keepdim: true }), count)
  const total = plainSum(
    filled(op, square(sub(raw, centre)), 0, { mask: rest.mask ?? null }),
    axes,
    {
      keepdim,
    },
  )
  return div(total, maximum(sub(reshape(count, total.shape), correction), 0))
}
/** @example masked.std(tensor([1, 9, 3]), 0, { mask: tensor([true, false, true]) }) // 1 */
export function std(x: TensorLike, axes?: Axes, options?: MaskedVarianceOptions): Tensor {
  return sqrt(variance(x, axes, options))
}
