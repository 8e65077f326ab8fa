/** What masked operations share. */
import type { DType } from '../core/dtype.js'
import { DTypeError } from '../core/errors.js'
import { type Kind, kinds, orNull, readOptions } from '../core/options.js'
import { where } from '../ops/arithmetic.js'
import { expand, reduceOperand } from '../ops/broadcast.js'
import { type TensorLike, toType } from '../ops/define.js'
import { Tensor } from '../ops/tensor.js'

export interface MaskedOptions {
  /** Elements count where it holds; it broadcasts to x. Without one all count. */
  mask?: Tensor | null
  /** x is converted to this type first. */
  dtype?: DType
}
export interface MaskedReduceOptions extends MaskedOptions {
  /** Reduced axes stay with extent 1. */
  keepdim?: boolean
}
const tensorKind: Kind = { rule: 'a tensor', holds: (v) => v instanceof Tensor }
const names = { mask: orNull(tensorKind), dtype: kinds.text }

export const maskedOptions = (op: string, options?: MaskedOptions): MaskedOptions =>
  readOptions<MaskedOptions>(op, [options], {}, names)
export function reduceOptions<O extends MaskedReduceOptions>(
  op: string,
  options?: O,
  more: Record<string, Kind> = {},
): O {
  return readOptions<O>(op, [options], {}, { ...names, keepdim: kinds.flag, ...more })
}

/** x with a filler where the mask does not hold; `filler` changes no result. */
export function filled(
  op: string,
  x: TensorLike,
  filler: number,
  { mask, dtype }: MaskedOptions,
  float = false,
): Tensor {
  const t = reduceOperand(op, x, dtype, float)
  if (!mask) return t
  if (mask.dtype !== 'bool')
    throw new DTypeError({
      op,
      rule: 'the mask must be bool',
      got: mask.dtype,
      fix: 'Compare first: { mask: gt(x, 0) }.',
    })
  return where(expand(mask, t.shape), t, filler)
}

/** 1 where an element counts, of x's shape. */
export function counted(x: Tensor, mask: Tensor | null | undefined): Tensor {
  const one = where(mask ? expand(mask, x.shape) : toType(x, 'bool'), 1, mask ? 0 : 1)
  return toType(one, x.dtype)
}
