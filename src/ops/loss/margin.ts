/** Losses that ask for a margin, and distances of embeddings. */
import { broadcastShapes } from '../../core/shape.js'
import { expand } from '../broadcast.js'
import { reshape, sum } from '../broadcast.js'
import { add, div, mul, sub, where, neg } from '../arithmetic.js'
import { ShapeError, show, ValueError } from '../../core/errors.js'
import { kinds, readOptions } from '../../core/options.js'
import { sameShape } from '../../core/shape.js'
import { eq, gt, lt, ne } from '../compare.js'
import { toType } from '../define.js'
import { clamp, maximum, minimum } from '../elementwise.js'
import { abs, exp, log1p, relu, sqrt, square } from '../functions.js'
import { asIndices } from '../indices.js'
import { gather, oneHot } from '../indexing.js'
import { unsqueeze } from '../movement.js'
import { mean } from '../reduce.js'
import { cumsum } from '../scan.js'
import { norm } from '../statistics.js'
import type { Tensor } from '../tensor.js'
import { binaryCrossEntropyWithLogits, classesOf, flatLabels, rowsOf } from './classification.js'
import {
  inFloat32,
  orTensor,
  reduced,
  reductions,
  type LossOptions,
  type MarginOptions,
  reduceLoss,
  requireFloat,
  requireSame,
} from './common.js'

/**
 * x where y = 1, max(0, margin − x) where y = −1: x is a distance of pairs that are alike or not.
 * @throws ShapeError when the shapes differ
 * @example hingeEmbeddingLoss(tensor([2, 0.5]), tensor([1, -1])) // 1.25
 */
export function hingeEmbeddingLoss(x: Tensor, y: Tensor, options?: number | MarginOptions): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { margin = 1, reduction } = readOptions<MarginOptions>('hingeEmbeddingLoss', [options], {
    margin: kinds.number,
    ...reduced,
  })
  requireSame('hingeEmbeddingLoss', x, y)
  // Other labels count as both, as in PyTorch.
  const loss = add(where(ne(y, -1), x, 0), where(ne(y, 1), clamp(sub(margin, x), 0), 0))
  return reduceLoss('hingeEmbeddingLoss', loss, reduction)
}

/**
 * The hinge loss of support vector machines, max(0, margin − y x) with labels ±1. Cortes and Vapnik, 1995.
 * @throws ShapeError when the shapes differ
 * @example hingeLoss(tensor([2, 0.5]), tensor([1, -1])) // 0.75
 */
export function hingeLoss(x: Tensor, y: Tensor, options?: number | MarginOptions): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { margin = 1, reduction } = readOptions<MarginOptions>('hingeLoss', [options], {
    margin: kinds.number,
    ...reduced,
  })
  requireSame('hingeLoss', x, y)
  return reduceLoss('hingeLoss', maximum(sub(margin, mul(x, y)), 0), reduction)
}

/**
 * ln(1 + e^(−y x)) with labels ±1, without overflow.
 * @throws ShapeError when the shapes differ
 * @example softMarginLoss(tensor([0, 0]), tensor([1, -1])) // 0.6931
 */
export function softMarginLoss(x: Tensor, y: Tensor, options?: LossOptions): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { reduction } = readOptions<LossOptions>('softMarginLoss', [options], reduced)
  requireSame('softMarginLoss', x, y)
  const z = neg(mul(x, y))
  return reduceLoss('softMarginLoss', add(maximum(z, 0), log1p(exp(neg(abs(z))))), reduction)
}

/**
 * max(0, −y (a − b) + margin): a should rank higher where y = 1, b where y = −1.
 * @throws ShapeError when the shapes differ
 * @example marginRankingLoss(tensor([1, 2]), tensor([3, 1]), tensor([1, 1])) // 1
 */
export function marginRankingLoss(
  a: Tensor,
  b: Tensor,
  y: Tensor,
  options?: number | MarginOptions,
): Tensor {
  a = inFloat32(a)
  b = inFloat32(b)
  y = inFloat32(y)
  const { margin = 0, reduction } = readOptions<MarginOptions>('marginRankingLoss', [options], {
    margin: kinds.number,
    ...reduced,
  })
  const op = 'marginRankingLoss'
  requireSame(op, a, b, y)
  return reduceLoss(op, clamp(add(neg(mul(y, sub(a, b))), margin), 0), reduction)
}

// Hinges: PyTorch passes the gradient at the kink where it clamps (ranking, embedding, triplet), and stops it where it
// compares (multi-class and multi-label).

/** Checks (N, C) or (C). */
function requireRows(op: string, x: Tensor): void {
  requireFloat(op, x)
  if (x.rank < 1 || x.rank > 2)
    throw new ShapeError({ op, rule: 'the input must be (N, C) or (C)', got: show(x.shape) })
}

/**
 * Multi-class margin: Σ_{j≠y} w[y] max(0, margin − x[y] + x[j])ᵖ / C. Input (N, C) or (C), labels (N) or () of an integer type.
 * @throws IndexError for a label outside [0, C); ShapeError, DTypeError, ValueError for arguments that do not fit
 * @example multiMarginLoss(tensor([[0.5, 1, 0]]), tensor([1], { dtype: 'int32' })) // 0.1667
 */
export function multiMarginLoss(
  x: Tensor,
  target: Tensor,
  options?: number | (MarginOptions & { p?: 1 | 2; weight?: Tensor | null }),
): Tensor {
  x = inFloat32(x)
  target = inFloat32(target)
  const {
    p = 1,
    margin = 1,
    weight = null,
    reduction,
  } = readOptions<MarginOptions & { p?: 1 | 2; weight?: Tensor | null }>(
    'multiMarginLoss',
    [options],
    { p: kinds.number, margin: kinds.number, weight: orTensor, ...reduced },
  )
  const op = 'multiMarginLoss'
  // A scalar is one class; the label of one row may be a vector of one.
  if (x.rank === 0) return multiMarginLoss(reshape(x, [1]), target, options)
  if (x.rank === 1 && target.rank === 1 && target.size === 1)
    return multiMarginLoss(x, reshape(target, []), options)
  requireRows(op, x)
  const c = classesOf(op, x, weight)
  if (p !== 1 && p !== 2) throw new ValueError({ op, rule: 'p is 1 or 2', got: `${p}` })
  const labels = flatLabels(op, x, target)
  const rows = rowsOf(x)
  const own = gather(rows, 1, unsqueeze(labels, 1))
  let d = relu(add(sub(rows, own), margin))
  if (p === 2) d = square(d)
  if (weight) d = mul(d, unsqueeze(gather(weight, 0, labels), 1))
  const others = where(gt(oneHot(labels, c), 0), 0, d)
  const loss = div(sum(others, 1), c)
  return reduceLoss(op, x.rank === 1 ? reshape(loss, []) : loss, reduction)
}

/**
 * Multi-label margin: Σ_{j in labels} Σ_{i not in labels} max(0, 1 − x[j] + x[i]) / C. Input (N, C) or (C); the integer
 * target has the same shape, each row listing its labels up to the first negative entry.
 * @throws IndexError for a label of C or more; ShapeError, DTypeError for arguments that do not fit
 * @example multiLabelMarginLoss(tensor([0.1, 0.2, 0.4, 0.8]), tensor([3, 0, -1, 1], { dtype: 'int32' })) // 0.85
 */
export function multiLabelMarginLoss(x: Tensor, target: Tensor, options?: LossOptions): Tensor {
  x = inFloat32(x)
  target = inFloat32(target)
  const { reduction } = readOptions<LossOptions>('multiLabelMarginLoss', [options], reduced)
  const op = 'multiLabelMarginLoss'
  if (x.rank === 0) return multiLabelMarginLoss(reshape(x, [1]), reshape(target, [1]), options)
  requireRows(op, x)
  requireSame(op, x, target)
  const rows = rowsOf(x) // (N, C)
  const labels = reshape(asIndices(op, target), rows.shape)
  const c = rows.shape[1]!
  const ends = toType(lt(labels, 0), 'int32')
  const counts = eq(cumsum(ends, 1), 0) // (N, C): before the first negative entry
  const safe = where(counts, labels, 0)
  const hits = mul(oneHot(safe, c), unsqueeze(toType(counts, 'int32'), 2)) // (N, label, class)
  const wanted = gt(sum(hits, 1), 0) // (N, class)
  const own = unsqueeze(gather(rows, 1, safe), 2) // (N, label, 1)
  const d = relu(add(sub(unsqueeze(rows, 1), own), 1)) // (N, label, class)
  const kept = where(unsqueeze(counts, 2), where(unsqueeze(wanted, 1), 0, d), 0)
  const loss = div(sum(kept, [1, 2]), c)
  return reduceLoss(op, x.rank === 1 ? reshape(loss, []) : loss, reduction)
}

/**
 * Multi-label soft margin: the mean over classes (the last axis) of binary cross-entropy with logits, weighted by class.
 * @throws ShapeError when the shapes differ
 * @example multiLabelSoftMarginLoss(tensor([[0, 0]]), tensor([[1, 0]])) // 0.6931
 */
export function multiLabelSoftMarginLoss(
  x: Tensor,
  y: Tensor,
  options?: Tensor | null | (LossOptions & { weight?: Tensor | null }),
): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { weight = null, reduction } = readOptions<LossOptions & { weight?: Tensor | null }>(
    'multiLabelSoftMarginLoss',
    [options],
    { weight: orTensor, ...reduced },
  )
  const op = 'multiLabelSoftMarginLoss'
  requireSame(op, x, y)
  const each = binaryCrossEntropyWithLogits(x, y, { weight, reduction: 'none' })
  return reduceLoss(op, mean(each, -1), reduction)
}

/**
 * ‖x − y + ε‖ₚ over the last axis; shapes broadcast.
 * @example pairwiseDistance(tensor([[3, 0]]), tensor([[0, 4]])) // [5]
 */
export function pairwiseDistance(
  x: Tensor,
  y: Tensor,
  { p = 2, eps = 1e-6, keepdim = false } = {},
): Tensor {
  return norm(add(sub(x, y), eps), p, -1, { keepdim })
}

/**
 * x·y / (‖x‖ ‖y‖) along an axis, each norm at least eps; shapes broadcast.
 * @example cosineSimilarity(tensor([[3, 4]]), tensor([[4, 3]])) // [0.96]
 */
export function cosineSimilarity(x: Tensor, y: Tensor, axis = 1, eps = 1e-8): Tensor {
  // The axis is one of the common shape: a vector that is repeated along it is longer.
  const shape = broadcastShapes('cosineSimilarity', x.shape, y.shape)
  const [a, b] = [expand(x, shape), expand(y, shape)]
  const length = (t: Tensor) => clamp(norm(t, 2, axis), eps)
  return div(sum(mul(a, b), axis), mul(length(a), length(b)))
}

/**
 * 1 − cos(a, b) where y = 1, max(0, cos(a, b) − margin) where y = −1. a and b (N, D) or (D), y (N) or ().
 * @throws ShapeError when they do not fit
 * @example cosineEmbeddingLoss(tensor([[3, 4]]), tensor([[4, 3]]), tensor([1])) // 0.04
 */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  y: Tensor,
  options?: number | MarginOptions,
): Tensor {
  a = inFloat32(a)
  b = inFloat32(b)
  y = inFloat32(y)
  const { margin = 0, reduction } = readOptions<MarginOptions>('cosineEmbeddingLoss', [options], {
    margin: kinds.number,
    ...reduced,
  })
  const op = 'cosineEmbeddingLoss'
  requireRows(op, a)
  requireSame(op, a, b)
  if (!sameShape(y.shape, a.shape.slice(0, -1)))
    throw new ShapeError({
      op,
      rule: `the target must be ${show(a.shape.slice(0, -1))}`,
      got: show(y.shape),
    })
  const eps = 1e-12
  const axis = a.rank - 1
  const cos = div(
    sum(mul(a, b), axis),
    sqrt(mul(add(sum(square(a), axis), eps), add(sum(square(b), axis), eps))),
  )
  const apart = where(eq(y, -1), clamp(sub(cos, margin), 0), 0)
  return reduceLoss(op, where(eq(y, 1), sub(1, cos), apart), reduction)
}

const tripletNames = {
  distanceFunction: kinds.function,
  margin: kinds.number,
  swap: kinds.flag,
  reduction: reductions,
}

export interface TripletOptions extends MarginOptions {
  /** Take the nearer of the anchor and the positive to the negative. Balntas et al., 2016. */
  swap?: boolean
}

/**
 * max(0, d(a, p) − d(a, n) + margin) with a distance of one's own, which maps two tensors to distances.
 * @throws ShapeError when the shapes differ
 * @example tripletMarginWithDistanceLoss(tensor([[0]]), tensor([[1]]), tensor([[1.5]]), { distanceFunction: (x, y) => x.sub(y).abs().sum(-1) }) // 0.5
 */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options?: TripletOptions & { distanceFunction?: (x: Tensor, y: Tensor) => Tensor },
): Tensor {
  anchor = inFloat32(anchor)
  positive = inFloat32(positive)
  negative = inFloat32(negative)
  const {
    distanceFunction = (x, y) => pairwiseDistance(x, y),
    margin = 1,
    swap = false,
    reduction,
  } = readOptions<TripletOptions & { distanceFunction?: (x: Tensor, y: Tensor) => Tensor }>(
    'tripletMarginWithDistanceLoss',
    [options],
    {},
    tripletNames,
  )
  requireSame('tripletMarginLoss', anchor, positive, negative)
  const near = distanceFunction(anchor, positive)
  let far = distanceFunction(anchor, negative)
  if (swap) far = minimum(far, distanceFunction(positive, negative))
  return reduceLoss('tripletMarginLoss', clamp(add(sub(near, far), margin), 0), reduction)
}

/**
 * max(0, ‖a − p‖ − ‖a − n‖ + margin), the p-norm over the last axis. Schroff et al., 2015.
 * @throws ShapeError when the shapes differ
 * @example tripletMarginLoss(tensor([[0, 0]]), tensor([[3, 4]]), tensor([[0, 5]])) // 1
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options?: number | (TripletOptions & { p?: number; eps?: number }),
): Tensor {
  anchor = inFloat32(anchor)
  positive = inFloat32(positive)
  negative = inFloat32(negative)
  const {
    p = 2,
    eps = 1e-6,
    ...rest
  } = readOptions<TripletOptions & { p?: number; eps?: number }>('tripletMarginLoss', [options], {
    margin: kinds.number,
    p: kinds.number,
    eps: kinds.number,
    swap: kinds.flag,
    ...reduced,
  })
  return tripletMarginWithDistanceLoss(anchor, positive, negative, {
    ...rest,
    distanceFunction: (x, y) => pairwiseDistance(x, y, { p, eps }),
  })
}
