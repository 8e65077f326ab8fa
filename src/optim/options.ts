/** Options that optimizers share: what they must be, and what they do to a gradient. */
import { ValueError } from '../core/errors.js'
import { assign } from '../ops/assign.js'
import type { TensorLike } from '../ops/define.js'
import { add, mul, sub } from '../ops/elementwise.js'
import { expm1, log, neg, sign } from '../ops/functions.js'
import type { Tensor } from '../ops/tensor.js'

export interface Decay {
  /** L2: its gradient, weightDecay · p, is added to the gradient. Together with l1 it is the elastic net. */
  weightDecay?: number
  /** L1: l1 · sign p is added to the gradient. */
  l1?: number
}
export const noDecay = { weightDecay: 0, l1: 0 }

const notNegative = { holds: (v: number) => v >= 0, rule: 'at least 0' }
const share = { holds: (v: number) => v >= 0 && v < 1, rule: 'at least 0 and below 1' }
const rules: Record<string, { holds: (v: number) => boolean; rule: string }> = {
  lr: notNegative,
  momentum: notNegative,
  weightDecay: notNegative,
  l1: notNegative,
  eps: notNegative,
  lrDecay: notNegative,
  betas: share,
  rho: { holds: (v) => v >= 0 && v <= 1, rule: 'from 0 to 1' },
}

/** @throws ValueError for an option that is not among the known ones, or outside of its range */
export function checkOptions(op: string, options: object, known: object): void {
  for (const [key, value] of Object.entries(options)) {
    if (!(key in known))
      throw new ValueError({
        op,
        rule: `the options are ${Object.keys(known).join(', ')}`,
        got: key,
      })
    const rule = rules[key]
    if (rule && ![value].flat().every((v) => typeof v === 'number' && rule.holds(v)))
      throw new ValueError({ op, rule: `${key} must be ${rule.rule}`, got: `${value}` })
  }
}

/** The gradient with the slopes of the penalties. */
export function penalized(g: Tensor, p: Tensor, { weightDecay = 0, l1 = 0 }: Decay): Tensor {
  let total = g
  if (weightDecay !== 0) total = add(total, mul(p, weightDecay))
  if (l1 !== 0) total = add(total, mul(sign(p), l1))
  return total
}

/** 1 − βᵗ for the step count t, accurate for β near 1. */
export const correction = (beta: number | Tensor, t: Tensor): Tensor =>
  neg(expm1(mul(t, typeof beta === 'number' ? Math.log(beta) : log(beta))))

export const oneMinus = (x: number | Tensor): TensorLike =>
  typeof x === 'number' ? 1 - x : sub(1, x)

/** s moved toward the gradient: β s + (1 − β) v. */
export function average(s: Tensor, v: Tensor, beta: number | Tensor): Tensor {
  const next = add(mul(s, beta), mul(v, oneMinus(beta)))
  assign(s, next)
  return next
}
