/** Norms of vectors and matrices. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import type { DType } from '../core/dtype.js'
import { kinds, readOptions } from '../core/options.js'
import { normAxes, normAxis } from '../core/shape.js'
import { cast, div, mul } from '../ops/arithmetic.js'
import { permute, reshape, sum } from '../ops/broadcast.js'
import { abs } from '../ops/functions.js'
import { amax, amin } from '../ops/reduce.js'
import { norm as vectorNormOf } from '../ops/statistics.js'
import type { Tensor } from '../ops/tensor.js'
import { svdvals } from './spectral.js'
import { inv } from './systems.js'
import { matrices } from './matrices.js'

export interface NormOptions {
  axis?: number | readonly number[]
  keepdim?: boolean
  dtype?: DType
}
const normKinds = { axis: kinds.any, keepdim: kinds.flag, dtype: kinds.any }
export type MatrixOrder = 'fro' | 'nuc' | 1 | -1 | 2 | -2 | number

/**
 * (Σ |x|ᵖ)^(1/p) over axes (all unless named); order Infinity the largest, -Infinity the smallest, 0 how many are not 0.
 * https://pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html
 * @example linalg.vectorNorm(tensor([3, -4])) // 5
 */
export function vectorNorm(x: Tensor, order = 2, options: NormOptions = {}): Tensor {
  const {
    axis,
    keepdim = false,
    dtype,
  } = readOptions<NormOptions>('vectorNorm', [options], normKinds)
  const y = dtype ? cast(x, dtype) : x
  return vectorNormOf(y, order, axis, { keepdim })
}

/**
 * The norm of matrices: 'fro' (the default), 'nuc' (sum of singular values), 2 and -2 (largest and smallest singular
 * value), 1 and -1 (largest and smallest sum of a column), Infinity and -Infinity (of a row).
 * https://pytorch.org/docs/stable/generated/torch.linalg.matrix_norm.html
 * @example linalg.matrixNorm(tensor([[3, 0], [0, 4]]), 'nuc') // 7
 */
export function matrixNorm(
  x: Tensor,
  order: MatrixOrder = 'fro',
  options: NormOptions = {},
): Tensor {
  const o = readOptions<NormOptions>('matrixNorm', [options], normKinds)
  const { keepdim = false, dtype, axis = [-2, -1] } = o
  const list = typeof axis === 'number' ? [axis] : axis
  if (list.length !== 2)
    throw new ShapeError({ op: 'matrixNorm', rule: 'a matrix has two axes', got: show(list) })
  const [r, c] = list.map((a) => normAxis('matrixNorm', a, x.rank)) as [number, number]
  if (r === c)
    throw new ShapeError({ op: 'matrixNorm', rule: 'the axes must differ', got: show(list) })
  const others = x.shape.map((_, a) => a).filter((a) => a !== r && a !== c)
  const y = matrices('matrixNorm', permute(dtype ? cast(x, dtype) : x, [...others, r, c]))
  const value = byOrder(y, order)
  return keepdim
    ? reshape(
        value,
        x.shape.map((n, a) => (a === r || a === c ? 1 : n)),
      )
    : value
}
function byOrder(y: Tensor, order: MatrixOrder): Tensor {
  switch (order) {
    case 'fro':
      return vectorNormOf(y, 2, [-2, -1])
    case 'nuc':
      return sum(svdvals(y), -1)
    case 2:
      return amax(svdvals(y), -1)
    case -2:
      return amin(svdvals(y), -1)
    case 1:
      return amax(sum(abs(y), -2), -1)
    case -1:
      return amin(sum(abs(y), -2), -1)
    case Number.POSITIVE_INFINITY:
      return amax(sum(abs(y), -1), -1)
    case Number.NEGATIVE_INFINITY:
      return amin(sum(abs(y), -1), -1)
    default:
      throw new ValueError({
        op: 'matrixNorm',
        rule: "the order is 'fro', 'nuc', 1, -1, 2, -2, Infinity or -Infinity",
        got: `${order}`,
      })
  }
}

/**
 * The norm of vectors or matrices: without an order the root of the sum of squares of all elements; with one, of matrices
 * where two axes are meant (two named, or a matrix without any), of vectors otherwise.
 * https://pytorch.org/docs/stable/generated/torch.linalg.norm.html
 * @example linalg.norm(tensor([[3, 0], [0, 4]])) // 5
 */
export function norm(x: Tensor, order?: MatrixOrder, options: NormOptions = {}): Tensor {
  const o = readOptions<NormOptions>('norm', [options], normKinds)
  const axes = o.axis === undefined ? undefined : normAxes('norm', o.axis, x.rank)
  if (order === undefined) return vectorNorm(x, 2, o)
  if (typeof order === 'string' || axes?.length === 2 || (!axes && x.rank === 2))
    return matrixNorm(x, order, axes ? o : { ...o, axis: [-2, -1] })
  if (!axes && x.rank > 2)
    throw new ShapeError({
      op: 'norm',
      rule: 'with an order and no axes there are one or two axes',
      got: show(x.shape),
    })
  return vectorNorm(x, order, o)
}

/**
 * The condition number: ‖A‖ ‖A⁻¹‖, with order 2 (the default) and -2 the ratio of singular values.
 * https://pytorch.org/docs/stable/generated/torch.linalg.cond.html
 * @example linalg.cond(tensor([[2, 0], [0, 1]])) // 2
 */
export function cond(a: Tensor, order: MatrixOrder = 2): Tensor {
  const x = matrices('cond', a)
  if (order === 2 || order === -2) {
    const s = svdvals(x)
    const [top, least] = [amax(s, -1), amin(s, -1)]
    return order === 2 ? div(top, least) : div(least, top)
  }
  return mul(matrixNorm(x, order), matrixNorm(inv(x), order))
}
