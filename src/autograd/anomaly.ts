/** Finds the operation, and the layer it belongs to, where numbers stop being finite. */
import { requireFunction } from '../core/options.js'
import { isFloat } from '../core/dtype.js'
import { AnomalyError } from '../core/errors.js'
import type { Tensor } from '../ops/tensor.js'
import { withState } from '../ops/state.js'
import { hooks } from './backward.js'

/** How many elements are NaN and infinite. */
function count(t: Tensor): { nan: number; inf: number } {
  const found = { nan: 0, inf: 0 }
  if (!isFloat(t.dtype)) return found
  for (const v of t.toTypedArray())
    if (Number.isNaN(v)) found.nan++
    else if (v === Number.POSITIVE_INFINITY || v === Number.NEGATIVE_INFINITY) found.inf++
  return found
}

/** What is wrong with a result: NaN always, infinities unless an operand had some (masks do). */
function trouble(t: Tensor, from: readonly Tensor[]): string | undefined {
  const { nan, inf } = count(t)
  if (nan === 0 && inf === 0) return undefined
  const before = from.map(count)
  if (nan === 0 && before.some((b) => b.inf > 0)) return undefined
  const parts = [nan > 0 && `${nan} NaN`, inf > 0 && `${inf} infinite`].filter(Boolean).join(', ')
  const bad = before.findIndex((b) => b.nan > 0)
  return `${parts} of ${t.size} elements${bad >= 0 ? `; operand ${bad} has NaN already` : ''}`
}

/**
 * Runs `f` and looks at the result of every operation and at every gradient: the first NaN, or the first infinity that
 * comes of finite numbers, throws. Functions made by `compile` run eagerly inside. Slow: for finding the place.
 * PyTorch: torch.autograd.detect_anomaly, which looks at gradients only.
 * @throws AnomalyError with the module path and the operation: `MLP.0: [linear] ...`
 * @example detectAnomaly(() => tensor([4]).sqrt().item()) // 2
 */
export function detectAnomaly<T>(f: () => T): T {
  requireFunction('detectAnomaly', f)
  const before = hooks.afterNode
  hooks.afterNode = (node, grads, cts) => {
    before?.(node, grads, cts)
    grads.forEach((g, i) => {
      const got =
        g &&
        trouble(
          g,
          cts.filter((t): t is Tensor => t !== null),
        )
      if (!got) return
      const error = new AnomalyError({
        op: node.op.name,
        rule: `the gradient of operand ${i} must be finite`,
        got,
        fix: 'Look at the values there: a root or logarithm at 0, an overflow, or too large a learning rate.',
      })
      throw error.addPath(node.call?.layer ?? '')
    })
  }
  try {
    return withState(
      'inspect',
      (op, inputs, outputs) => {
        for (const t of outputs) {
          const got = inputs.length > 0 && trouble(t, inputs)
          if (got)
            throw new AnomalyError({
              op,
              rule: 'the result must be finite',
              got,
              fix: 'Look at the operands: a division by 0, a logarithm of 0, an overflow.',
            })
        }
      },
      f,
    )
  } finally {
    hooks.afterNode = before
  }
}
