/** Losses of numbers: distances, and negative log likelihoods of distributions. */
import { sum } from '../broadcast.js'
import { add, div, mul, sub, where } from '../arithmetic.js'
import { ShapeError, show } from '../../core/errors.js'
import { kinds, oneOf, readOptions } from '../../core/options.js'
import { broadcastShapes, sameShape } from '../../core/shape.js'
import { gt, lt } from '../compare.js'
import { maximum, minimum } from '../elementwise.js'
import { abs, exp, log, square } from '../functions.js'
import { unsqueeze } from '../movement.js'
import type { Tensor } from '../tensor.js'
import { noGrad } from '../state.js'
import {
  inFloat32,
  reduced,
  reductions,
  type LossOptions,
  type Reduction,
  reduceLoss,
  requireFloat,
  requireSame,
} from './common.js'

/**
 * (x − y)². Any shape, the same for both.
 * @throws ShapeError when the shapes differ
 * @example mseLoss(tensor([1, 2]), tensor([3, 2])) // 2
 */
export function mseLoss(x: Tensor, y: Tensor, options?: LossOptions): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { reduction } = readOptions<LossOptions>('mseLoss', [options], reduced)
  requireSame('mseLoss', x, y)
  return reduceLoss('mseLoss', square(sub(x, y)), reduction)
}

/**
 * The quadratic loss: ½ (y − ŷ)² summed over the outputs of a sample; the mean over the batch (first axis of
 * (N, ...)), the sum, or one number a sample. A vector is one sample.
 * @throws ShapeError when the shapes differ
 * @example quadraticLoss(tensor([[1, 2], [0, 0]]), tensor([[3, 2], [0, 2]])) // 2
 */
export function quadraticLoss(x: Tensor, y: Tensor, options?: LossOptions): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { reduction } = readOptions<LossOptions>('quadraticLoss', [options], reduced)
  requireSame('quadraticLoss', x, y)
  const inner = Array.from({ length: Math.max(0, x.rank - 1) }, (_, a) => a + 1)
  const half = mul(square(sub(x, y)), 0.5)
  const perSample = x.rank > 1 ? sum(half, inner) : sum(half)
  return reduceLoss('quadraticLoss', perSample, reduction)
}

/**
 * |x − y|, the mean absolute error.
 * @throws ShapeError when the shapes differ
 * @example l1Loss(tensor([1, 2]), tensor([3, 2])) // 1
 */
export function l1Loss(x: Tensor, y: Tensor, options?: LossOptions): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { reduction } = readOptions<LossOptions>('l1Loss', [options], reduced)
  requireSame('l1Loss', x, y)
  return reduceLoss('l1Loss', abs(sub(x, y)), reduction)
}

/**
 * Quadratic within beta of 0, linear outside: ½d²/β where |d| < β, else |d| − ½β.
 * @throws ShapeError when the shapes differ
 * @example smoothL1Loss(tensor([0, 3]), tensor([1, 0]), { beta: 2 }) // 1.125
 */
export function smoothL1Loss(
  x: Tensor,
  y: Tensor,
  options?: LossOptions & { beta?: number },
): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { beta = 1, reduction } = readOptions<LossOptions & { beta?: number }>(
    'smoothL1Loss',
    [options],
    { ...reduced, beta: kinds.number },
  )
  requireSame('smoothL1Loss', x, y)
  const d = abs(sub(x, y))
  if (beta === 0) return reduceLoss('smoothL1Loss', d, reduction)
  const loss = where(lt(d, beta), mul(square(d), 0.5 / beta), sub(d, 0.5 * beta))
  return reduceLoss('smoothL1Loss', loss, reduction)
}

/**
 * Quadratic within delta of 0, linear outside: ½d² where |d| ≤ δ, else δ(|d| − ½δ). Huber, 1964.
 * @throws ShapeError when the shapes differ
 * @example huberLoss(tensor([0, 3]), tensor([1, 0]), { delta: 2 }) // 2.25
 */
export function huberLoss(
  x: Tensor,
  y: Tensor,
  options?: LossOptions & { delta?: number },
): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { delta = 1, reduction } = readOptions<LossOptions & { delta?: number }>(
    'huberLoss',
    [options],
    { reduction: reductions, delta: kinds.number },
  )
  requireSame('huberLoss', x, y)
  const d = abs(sub(x, y))
  const near = minimum(d, delta)
  return reduceLoss('huberLoss', mul(near, sub(d, mul(near, 0.5))), reduction)
}

/**
 * Kullback–Leibler divergence of log-probabilities x from targets y, y (ln y − x) pointwise; shapes broadcast.
 * `batchmean` divides the sum by the first extent, which is the mathematical definition; `mean` by all elements.
 * @throws ShapeError when the shapes do not broadcast
 * @example klDiv(tensor([-1, -1]), tensor([1, 0]), { reduction: 'sum' }) // 1
 */
export function klDiv(
  x: Tensor,
  y: Tensor,
  options?: { reduction?: Reduction | 'batchmean'; logTarget?: boolean },
): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const { reduction = 'mean', logTarget = false } = readOptions<{
    reduction?: Reduction | 'batchmean'
    logTarget?: boolean
  }>('klDiv', [options], {
    ...reduced,
    reduction: oneOf('mean', 'sum', 'none', 'batchmean'),
    logTarget: kinds.flag,
  })
  requireFloat('klDiv', x)
  broadcastShapes('klDiv', x.shape, y.shape)
  const positive = gt(y, 0)
  const loss = logTarget
    ? mul(exp(y), sub(y, x))
    : sub(where(positive, mul(y, log(where(positive, y, 1))), 0), mul(y, x))
  return reduction === 'batchmean'
    ? div(sum(loss), x.shape[0] ?? 1)
    : reduceLoss('klDiv', loss, reduction)
}

/**
 * Poisson negative log likelihood of counts y: eˣ − y x, x being the log of the rate; x − y ln(x + ε) when it is the
 * rate itself (`logInput: false`). `full` adds Stirling's y ln y − y + ½ ln 2πy where y > 1.
 * @throws ShapeError when the shapes differ
 * @example poissonNLLLoss(tensor([0]), tensor([3])) // 1
 */
export function poissonNLLLoss(
  x: Tensor,
  y: Tensor,
  options?: boolean | (LossOptions & { logInput?: boolean; full?: boolean; eps?: number }),
): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  const {
    logInput = true,
    full = false,
    eps = 1e-8,
    reduction,
  } = readOptions<LossOptions & { logInput?: boolean; full?: boolean; eps?: number }>(
    'poissonNLLLoss',
    [options],
    {
      logInput: kinds.flag,
      full: kinds.flag,
      sizeAverage: kinds.givenUp,
      eps: kinds.number,
      reduce: kinds.givenUp,
      reduction: reductions,
    },
  )
  requireSame('poissonNLLLoss', x, y)
  let loss = logInput ? sub(exp(x), mul(y, x)) : sub(x, mul(y, log(add(x, eps))))
  if (full) {
    const many = gt(y, 1)
    const safe = where(many, y, 1)
    const stirling = add(sub(mul(safe, log(safe)), safe), mul(log(mul(safe, 2 * Math.PI)), 0.5))
    loss = add(loss, where(many, stirling, 0))
  }
  return reduceLoss('poissonNLLLoss', loss, reduction)
}

/**
 * Gaussian negative log likelihood, ½ (ln v + (x − y)²/v), with a predicted variance v kept above eps; the gradient
 * passes that cut as if it were not there. The variance has the shape of x, of x without its last axis, or 1 there.
 * `full` adds ½ ln 2π.
 * @throws ShapeError when the shapes do not fit
 * @example gaussianNLLLoss(tensor([1]), tensor([3]), tensor([1])) // 2
 */
export function gaussianNLLLoss(
  x: Tensor,
  y: Tensor,
  variance: Tensor,
  options?: boolean | (LossOptions & { full?: boolean; eps?: number }),
): Tensor {
  x = inFloat32(x)
  y = inFloat32(y)
  variance = inFloat32(variance)
  const {
    full = false,
    eps = 1e-6,
    reduction,
  } = readOptions<LossOptions & { full?: boolean; eps?: number }>('gaussianNLLLoss', [options], {
    full: kinds.flag,
    eps: kinds.number,
    reduction: reductions,
  })
  const op = 'gaussianNLLLoss'
  requireFloat(op, x)
  broadcastShapes(op, x.shape, y.shape)
  const outer = x.shape.slice(0, -1)
  const own = sameShape(variance.shape, x.shape) || sameShape(variance.shape, [...outer, 1])
  if (!own && !sameShape(variance.shape, outer))
    throw new ShapeError({
      op,
      rule: `the variance must be ${show(x.shape)}, ${show([...outer, 1])} or ${show(outer)}`,
      got: show(variance.shape),
    })
  const raw = own ? variance : unsqueeze(variance, -1)
  const v = add(
    raw,
    noGrad(() => sub(maximum(raw, eps), raw)),
  )
  const loss = mul(add(log(v), div(square(sub(x, y)), v)), 0.5)
  return reduceLoss(op, full ? add(loss, 0.5 * Math.log(2 * Math.PI)) : loss, reduction)
}
