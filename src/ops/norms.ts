/** Normalizations that few networks use, and PyTorch's forms that also give the statistics. */
import { add, div, mul, sub } from './arithmetic.js'
import { reshape } from './broadcast.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, type PlacesOr, readOptions } from '../core/options.js'
import { type Shape, sizeOf } from '../core/shape.js'
import { pow } from './elementwise.js'
import { rsqrt, square } from './functions.js'
import { batchNorm, layerNorm } from './norm.js'
import { averagePool } from './pool.js'
import { mean } from './reduce.js'
import { full } from './creation.js'
import { noGrad } from './state.js'
import type { Tensor } from './tensor.js'
import { checkFloats } from './window.js'

export interface LocalResponseOptions {
  alpha?: number
  beta?: number
  k?: number
}
/**
 * Each element divided by the size of its neighbours among the channels: y = x / (k + α · mean of `size` squares)^β; channels
 * that do not exist count as zeros. Krizhevsky et al., 2012.
 *
 * Shapes: x (N, C, ...), result the same. https://pytorch.org/docs/stable/generated/torch.nn.functional.local_response_norm.html
 * @throws ShapeError for fewer than three axes; ValueError unless size is a whole number from 1 up
 * @example localResponseNorm(tensor([[[1], [2]]]), 1, { alpha: 1, beta: 1, k: 0 }) // [[[1], [0.5]]]
 */
export function localResponseNorm(
  x: Tensor,
  size: number,
  ...rest: PlacesOr<LocalResponseOptions>
): Tensor {
  const op = 'localResponseNorm'
  const {
    alpha = 1e-4,
    beta = 0.75,
    k = 1,
  } = readOptions<LocalResponseOptions>(op, rest, {
    alpha: kinds.number,
    beta: kinds.number,
    k: kinds.number,
  })
  checkFloats(op, x)
  if (x.rank < 3)
    throw new ShapeError({
      op,
      rule: 'x must be (N, C, ...) with three axes or more',
      got: show(x.shape),
    })
  if (!(Number.isInteger(size) && size >= 1))
    throw new ValueError({ op, rule: 'size must be a whole number from 1 up', got: `${size}` })
  const [n, c, ...places] = x.shape as [number, number, ...number[]]
  const before = Math.floor(size / 2)
  const window = {
    kernel: [size, 1],
    stride: [1, 1],
    dilation: [1, 1],
    padding: [[before, size - 1 - before] as const, [0, 0] as const],
  }
  const channels = reshape(square(x), [n, 1, c, sizeOf(places)])
  const around = averagePool(channels, {
    window,
    padding: [before, 0],
    includePad: true,
    divisor: size,
  })
  return div(x, pow(add(mul(reshape(around, x.shape), alpha), k), beta))
}

/**
 * `layerNorm` with the mean and 1/√(σ² + ε) of each row, [y, mean, rstd]; the latter carry no gradient.
 *
 * Shapes: x (..., *shape), mean and rstd (..., 1, ...). https://pytorch.org/docs/1.13/generated/torch.nn.functional.layer_norm.html
 * @example nativeLayerNorm(tensor([[1, 3]]), [2], null, null, 0) // [[[-1, 1]], [[2]], [[1]]]
 */
export function nativeLayerNorm(
  x: Tensor,
  shape: Shape,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): [y: Tensor, mean: Tensor, rstd: Tensor] {
  const y = layerNorm(x, shape, weight, bias, eps)
  return [
    y,
    ...statistics(
      x,
      shape.map((_, i) => i - shape.length),
      eps,
    ),
  ]
}
/** The mean over the axes and 1/√(σ² + ε), which stay with extent 1. */
const statistics = (x: Tensor, axes: readonly number[], eps: number): [Tensor, Tensor] =>
  noGrad(() => {
    const mu = mean(x, axes, { keepdim: true })
    return [mu, rsqrt(add(mean(square(sub(x, mu)), axes, { keepdim: true }), eps))]
  })

/**
 * `batchNorm` with the mean and 1/√(σ² + ε) of each channel, [y, mean, rstd], empty unless in training; the latter carry
 * no gradient. Running statistics, when given, follow in training.
 *
 * Shapes: x (N, C, ...), all vectors (C). https://pytorch.org/docs/1.13/generated/torch.nn.functional.batch_norm.html
 * @example nativeBatchNorm(tensor([[1], [3]]), null, null, null, null, true, 0.1, 0) // [[[-1], [1]], [2], [1]]
 */
export function nativeBatchNorm(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  training: boolean,
  momentum: number,
  eps: number,
): [y: Tensor, mean: Tensor, rstd: Tensor] {
  const options = { training, momentum, eps }
  const y = batchNorm(x, runningMean, runningVar, weight, bias, options)
  if (!training) {
    const none = full([0], 0, x.dtype)
    return [y, none, none]
  }
  const axes = x.shape.map((_, a) => a).filter((a) => a !== 1)
  const [mu, rstd] = statistics(x, axes, eps)
  return [y, reshape(mu, [-1]), reshape(rstd, [-1])]
}
