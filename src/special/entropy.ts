/** Functions of the form x log y, with their limits at 0. */
import { mul, neg, where } from '../ops/arithmetic.js'
import { eq, gt, isnan, logicalAnd, logicalNot, lt } from '../ops/compare.js'
import { operand, operands, type TensorLike } from '../ops/define.js'
import { log, log1p } from '../ops/functions.js'
import type { Tensor } from '../ops/tensor.js'

/**
 * The entropy of one probability: −x log x, 0 at 0 and −∞ below.
 * @example special.entr(tensor([0, 1, 0.5, -1])) // [0, 0, 0.34657, -Infinity]
 */
export function entr(x: TensorLike): Tensor {
  const t = operand('entr', x, true)
  const inside = gt(t, 0)
  const value = neg(mul(t, log(where(inside, t, 1))))
  return where(isnan(t), t, where(inside, value, where(lt(t, 0), Number.NEGATIVE_INFINITY, 0)))
}

/**
 * x log(1 + y), and 0 where x is 0 and y is a number.
 * @example special.xlog1py(tensor([0, 2]), tensor([-1, 1])) // [0, 1.38629]
 */
export function xlog1py(x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = operands('xlog1py', [x, y], { float: true }) as [Tensor, Tensor]
  const zero = logicalAnd(eq(a, 0), logicalNot(isnan(b)))
  return where(zero, 0, mul(a, log1p(where(zero, 0, b))))
}
