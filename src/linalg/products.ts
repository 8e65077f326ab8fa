/** Products of several vectors and matrices. */
import { show, ShapeError } from '../core/errors.js'
import { mul } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { cross as crossAlong, matmul } from '../ops/linalg.js'
import type { Tensor } from '../ops/tensor.js'

/**
 * Sums of products along one axis of two tensors that broadcast: Σᵢ xᵢ yᵢ.
 * @example linalg.vecdot(tensor([[1, 2], [3, 4]]), tensor([1, 10])) // [21, 43]
 */
export const vecdot = (x: Tensor, y: Tensor, axis = -1): Tensor => sum(mul(x, y), axis)

/**
 * The product of a chain of matrices in the order that takes the fewest multiplications; the first and the last may
 * be vectors. Source: Cormen et al., Introduction to Algorithms, section "Matrix-chain multiplication".
 * @throws ShapeError unless there are two at least, each a matrix (the outer ones: or a vector)
 * @example linalg.multiDot([tensor([[1, 2]]), tensor([[3], [4]]), tensor([[5]])]) // [[55]]
 */
export function multiDot(list: readonly Tensor[]): Tensor {
  const last = list.length - 1
  for (const [i, t] of list.entries())
    if (t.rank !== 2 && !(t.rank === 1 && (i === 0 || i === last)))
      throw new ShapeError({
        op: 'multiDot',
        rule: 'every tensor must be a matrix; the first and the last may be vectors',
        got: `${show(t.shape)} at place ${i}`,
      })
  if (list.length < 2)
    throw new ShapeError({
      op: 'multiDot',
      rule: 'at least two tensors are needed',
      got: `${list.length}`,
    })
  // Matrix i is sizes[i] by sizes[i + 1].
  const sizes = [
    list[0]!.rank === 1 ? 1 : list[0]!.shape[0]!,
    ...list.map((t, i) => (t.rank === 1 ? (i === 0 ? t.shape[0]! : 1) : t.shape[1]!)),
  ]
  const cost = list.map(() => new Array<number>(list.length).fill(0))
  const cut = list.map(() => new Array<number>(list.length).fill(0))
  for (let span = 1; span <= last; span++)
    for (let i = 0; i + span <= last; i++) {
      const j = i + span
      cost[i]![j] = Number.POSITIVE_INFINITY
      for (let k = i; k < j; k++) {
        const c = cost[i]![k]! + cost[k + 1]![j]! + sizes[i]! * sizes[k + 1]! * sizes[j + 1]!
        if (c >= cost[i]![j]!) continue
        cost[i]![j] = c
        cut[i]![j] = k
      }
    }
  const product = (i: number, j: number): Tensor =>
    i === j ? list[i]! : matmul(product(i, cut[i]![j]!), product(cut[i]![j]! + 1, j))
  return product(0, last)
}

/** The cross product along an axis of extent 3, the last unless another is named. @example linalg.cross(tensor([1, 0, 0]), tensor([0, 1, 0])) // [0, 0, 1] */
export const cross = (a: Tensor, b: Tensor, axis = -1): Tensor => crossAlong(a, b, axis)
