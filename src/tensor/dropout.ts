/** Functions that draw random numbers: dropout in its forms, and the ReLU with random slopes. */
import { mul, where } from '../ops/arithmetic.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import type { Shape } from '../core/shape.js'
import { leakyRelu } from '../ops/activation.js'
import { gt } from '../ops/compare.js'
import { operand, type TensorLike } from '../ops/define.js'
import { alphaDropoutByBits, checkDropout, dropoutByBits } from '../ops/dropout.js'
import type { Tensor } from '../ops/tensor.js'
import { defaultGenerator, type Generator, uniform } from './random.js'

export interface DropoutOptions {
  /** false: x itself. */
  training?: boolean
  generator?: Generator
}

type ByBits = (x: Tensor, bits: Tensor, p: number) => Tensor

function drop(
  op: string,
  byBits: ByBits,
  x: Tensor,
  p: number,
  mask: () => Shape,
  options: boolean | DropoutOptions | undefined,
): Tensor {
  const { training = true, generator = defaultGenerator } = readOptions<DropoutOptions>(
    op,
    [options],
    { training: kinds.flag },
    { generator: kinds.any },
  )
  checkDropout(op, x, p)
  return training && p > 0 ? byBits(x, generator.bits(mask()), p) : x
}

/**
 * Each element 0 with probability p, else scaled by 1/(1 − p); x itself unless training. A compiled function draws
 * again at each call.
 * @throws ValueError unless 0 ≤ p ≤ 1
 * @example dropout(ones([2]), 0.5, { training: false }) // [1, 1]
 */
export const dropout = (x: Tensor, p = 0.5, options?: boolean | DropoutOptions): Tensor =>
  drop('dropout', dropoutByBits, x, p, () => x.shape, options)

/** One draw for each channel: (N, C, 1, ..), or (C, 1, ..) for `n` spatial axes without a batch. */
function channelMask(op: string, x: Tensor, n: number): Shape {
  const lead = x.rank - n
  if (lead !== 1 && lead !== 2)
    throw new ShapeError({
      op,
      rule: `x must be (N, C, ${n} spatial axes), or that without N`,
      got: show(x.shape),
    })
  return x.shape.map((m, a) => (a < lead ? m : 1))
}
const channelDropout =
  (op: string, n: number) =>
  (x: Tensor, p = 0.5, options?: boolean | DropoutOptions): Tensor =>
    drop(op, dropoutByBits, x, p, () => channelMask(op, x, n), options)

/** Whole channels 0 with probability p, else scaled by 1/(1 − p). Shapes: x (N, C, L) or (C, L). */
export const dropout1d = channelDropout('dropout1d', 1)
/** As dropout1d. Shapes: x (N, C, H, W) or (C, H, W). */
export const dropout2d = channelDropout('dropout2d', 2)
/** As dropout1d. Shapes: x (N, C, D, H, W) or (C, D, H, W). */
export const dropout3d = channelDropout('dropout3d', 3)

/** Dropout for nets of SELU: elements fall to its lower limit, and mean 0 and variance 1 stay. */
export const alphaDropout = (x: Tensor, p = 0.5, options?: boolean | DropoutOptions): Tensor =>
  drop('alphaDropout', alphaDropoutByBits, x, p, () => x.shape, options)

/** alphaDropout of whole channels. Shapes: x (N, C, ...). */
export const featureAlphaDropout = (
  x: Tensor,
  p = 0.5,
  options?: boolean | DropoutOptions,
): Tensor => {
  const mask = () => channelMask('featureAlphaDropout', x, Math.max(0, x.rank - 2))
  return drop('featureAlphaDropout', alphaDropoutByBits, x, p, mask, options)
}

export interface RReluOptions extends DropoutOptions {
  lower?: number
  upper?: number
}

/**
 * Leaky ReLU whose slope is drawn from U(lower, upper) for each element in training, their mean otherwise.
 * @throws ValueError when lower is above upper
 * @example rrelu(tensor([-24, 2])) // [-5.5, 2]
 */
export function rrelu(input: TensorLike, options?: number | RReluOptions): Tensor {
  const {
    lower = 1 / 8,
    upper = 1 / 3,
    training = false,
    generator = defaultGenerator,
  } = readOptions<RReluOptions>(
    'rrelu',
    [options],
    { lower: kinds.number, upper: kinds.number, training: kinds.flag },
    { generator: kinds.any },
  )
  const x = operand('rrelu', input, true)
  if (!(lower <= upper))
    throw new ValueError({
      op: 'rrelu',
      rule: 'lower must not be above upper',
      got: `${lower} and ${upper}`,
    })
  if (!training) return leakyRelu(x, { negativeSlope: (lower + upper) / 2 })
  const slope = uniform(x.shape, lower, upper, { generator, dtype: x.dtype })
  return where(gt(x, 0), x, mul(x, slope))
}
