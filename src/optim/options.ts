/** Options that optimizers share: their rules, and their effect on a gradient. */
import { add, mul, sub, neg } from '../ops/arithmetic.js'
import { ValueError } from '../core/errors.js'
import { checkOptions, showValue } from '../core/options.js'
import { assign } from '../ops/assign.js'
import type { TensorLike } from '../ops/define.js'
import { expm1, log, sign } from '../ops/functions.js'
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

/**
 * Checks options against the defaults: their names, their kinds and their ranges.
 * @throws ValueError for an option that is not among the known ones, of another kind, or outside of its range
 */
export function checkHyperparameters(op: string, options: object, known: object): void {
  checkOptions(op, options as Record<string, unknown>, Object.keys(known))
  for (const [key, value] of Object.entries(options)) {
    const usual = (known as Record<string, unknown>)[key]
    const refuse = (rule: string): never => {
      throw new ValueError({ op, rule: `${key} must be ${rule}`, got: showValue(value) })
    }
    const rule = rules[key]
    if (rule) {
      const list: unknown[] = [value].flat()
      if (!list.every((v) => typeof v === 'number' && rule.holds(v))) refuse(rule.rule)
      if (!list.every(Number.isFinite)) refuse('finite')
    } else if (typeof usual === 'number' && !(typeof value === 'number' && !Number.isNaN(value)))
      refuse('a number')
    if (typeof usual === 'boolean' && typeof value !== 'boolean') refuse('true or false')
    if (
      Array.isArray(usual) &&
      !(
        Array.isArray(value) &&
        value.length === usual.length &&
        value.every((v) => typeof v === 'number' && !Number.isNaN(v))
      )
    )
      refuse(`${usual.length} numbers`)
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
