/** Products by their short names, and those that add to something. */
import { add, mul } from './arithmetic.js'
import { sum, zerosOf } from './broadcast.js'
import { show, ShapeError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { besideProduct } from './beside.js'
import { matmul, outer, type ScaleOptions } from './linalg.js'
import type { Tensor } from './tensor.js'
import { tensordot } from './linalg.js'

function requireRanks(op: string, a: Tensor, b: Tensor, ra: number, rb: number): void {
  if (a.rank !== ra || b.rank !== rb)
    throw new ShapeError({
      op,
      rule: `the operands must have ${ra} and ${rb} axes`,
      got: `${show(a.shape)} and ${show(b.shape)}`,
      fix: 'matmul() takes all ranks.',
    })
}
/** The product of two matrices. @example mm(tensor([[1, 2]]), tensor([[3], [4]])) // [[11]] */
export function mm(a: Tensor, b: Tensor): Tensor {
  requireRanks('mm', a, b, 2, 2)
  return matmul(a, b)
}
/** A matrix times a vector. @example mv(tensor([[1, 2]]), tensor([3, 4])) // [11] */
export function mv(a: Tensor, b: Tensor): Tensor {
  requireRanks('mv', a, b, 2, 1)
  return matmul(a, b)
}
/** The products of two stacks of matrices of one length. @example bmm(tensor([[[1, 2]]]), tensor([[[3], [4]]])) // [[[11]]] */
export function bmm(a: Tensor, b: Tensor): Tensor {
  requireRanks('bmm', a, b, 3, 3)
  if (a.shape[0] !== b.shape[0])
    throw new ShapeError({
      op: 'bmm',
      rule: 'both stacks must have one length',
      got: `${show(a.shape)} and ${show(b.shape)}`,
    })
  return matmul(a, b)
}
/** Σ aᵢ bᵢ over the last axis of both; with a scalar, the product. @example inner(tensor([1, 2]), tensor([[3, 4], [5, 6]])) // [11, 17] */
export function inner(a: Tensor, b: Tensor): Tensor {
  if (a.rank === 0 || b.rank === 0) return mul(a, b)
  return tensordot(a, b, [[a.rank - 1], [b.rank - 1]])
}
/** The sum of products of two vectors: of real numbers the same as `dot`. @example vdot(tensor([1, 2]), tensor([3, 4])) // 11 */
export function vdot(a: Tensor, b: Tensor): Tensor {
  requireRanks('vdot', a, b, 1, 1)
  return matmul(a, b)
}

function scaled(op: string, c: Tensor, product: Tensor, options?: ScaleOptions): Tensor {
  const { beta = 1, alpha = 1 } = readOptions<ScaleOptions>(
    op,
    [options],
    {},
    { beta: kinds.number, alpha: kinds.number },
  )
  const p = alpha === 1 ? product : mul(product, alpha)
  // With beta 0 what c holds does not count, NaN neither.
  return beta === 0 ? add(zerosOf(c), p) : add(beta === 1 ? c : mul(c, beta), p)
}
/** beta · c + alpha · a v for a matrix and a vector. @example addmv(tensor([1]), tensor([[1, 2]]), tensor([3, 4])) // [12] */
export const addmv = (c: Tensor, a: Tensor, v: Tensor, options?: ScaleOptions): Tensor =>
  scaled('addmv', c, mv(a, v), options)
/** beta · c + alpha · all products of two vectors. @example addr(tensor([[1, 1]]), tensor([2]), tensor([3, 4])) // [[7, 9]] */
export const addr = (c: Tensor, a: Tensor, b: Tensor, options?: ScaleOptions): Tensor =>
  scaled('addr', c, outer(a, b), options)
/** beta · c + alpha · the sum of the products of two stacks. @example addbmm(tensor([[1]]), tensor([[[2]], [[3]]]), tensor([[[4]], [[5]]])) // [[24]] */
export const addbmm = (c: Tensor, a: Tensor, b: Tensor, options?: ScaleOptions): Tensor => {
  const product = sum(bmm(a, b), 0)
  return scaled('addbmm', besideProduct(c, product), product, options)
}
