/** Penalties on parameters, to be added to a loss. Optimizers can do the same by `weightDecay` and `l1`. */
import { sum } from '../broadcast.js'
import { add, mul } from '../arithmetic.js'
import { ValueError } from '../../core/errors.js'
import { abs, square } from '../functions.js'
import type { Tensor } from '../tensor.js'

function overAll(op: string, params: readonly Tensor[], f: (p: Tensor) => Tensor): Tensor {
  if (params.length === 0)
    throw new ValueError({
      op,
      rule: 'there must be parameters',
      fix: 'Pass model.parameters(), or the weights among them.',
    })
  return params.map((p) => sum(f(p))).reduce((a, b) => add(a, b))
}

/**
 * λ Σ |w|: drives weights to exactly 0 (lasso). Tibshirani, 1996.
 * @throws ValueError without parameters
 * @example l1Penalty([tensor([1, -2])], 0.5) // 1.5
 */
export const l1Penalty = (params: readonly Tensor[], lambda: number): Tensor =>
  mul(overAll('l1Penalty', params, abs), lambda)

/**
 * ½ λ Σ w², whose gradient λ w is that of the optimizers' `weightDecay: λ` (ridge, weight decay).
 * @throws ValueError without parameters
 * @example l2Penalty([tensor([1, -2])], 0.5) // 1.25
 */
export const l2Penalty = (params: readonly Tensor[], lambda: number): Tensor =>
  mul(overAll('l2Penalty', params, square), lambda / 2)

/**
 * The elastic net, λ (ρ Σ |w| + ½ (1 − ρ) Σ w²). Zou and Hastie, 2005.
 * @throws ValueError without parameters
 * @example elasticNetPenalty([tensor([1, -2])], 0.5, 0.5) // 1.375
 */
export function elasticNetPenalty(
  params: readonly Tensor[],
  lambda: number,
  l1Ratio = 0.5,
): Tensor {
  return add(l1Penalty(params, lambda * l1Ratio), l2Penalty(params, lambda * (1 - l1Ratio)))
}
