/** Bounds on gradients, applied between `backward` and the optimizer's step. */
import { sum } from '../ops/broadcast.js'
import { add, div, mul } from '../ops/arithmetic.js'
import { ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { clamp, minimum } from '../ops/elementwise.js'
import { norm } from '../ops/statistics.js'
import { sqrt, square } from '../ops/functions.js'
import { stack } from '../ops/join.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'

const withGrad = (params: readonly Tensor[]) => params.filter((p) => p.grad)

/** The p-norm of all gradients as one vector (`normType` 2 unless given, Infinity for the largest). null without any. */
export function gradNorm(params: readonly Tensor[], normType = 2): Tensor | null {
  return noGrad(() => {
    const grads = withGrad(params).map((p) => p.grad!)
    if (grads.length === 0) return null
    if (normType === 2) return sqrt(grads.map((g) => sum(square(g))).reduce((a, b) => add(a, b)))
    return norm(stack(grads.map((g) => norm(g, normType))), normType)
  })
}

/**
 * Scales all gradients by min(1, max/(‖g‖ + 1e-6)), so that their norm together is at most `max`; gives the norm before
 * (null when there is no gradient). Pascanu et al., 2013; PyTorch: torch.nn.utils.clip_grad_norm_.
 * @throws ValueError unless max is above 0
 */
export function clipGradNorm(
  params: readonly Tensor[],
  max: number,
  options?: number | { normType?: number },
): Tensor | null {
  const { normType = 2 } = readOptions<{ normType?: number }>('clipGradNorm', [options], {
    normType: kinds.number,
  })
  positive('clipGradNorm', max)
  return noGrad(() => {
    const length = gradNorm(params, normType)
    if (!length) return null
    const scale = minimum(div(max, add(length, 1e-6)), 1)
    for (const p of withGrad(params)) p.grad = mul(p.grad!, scale)
    return length
  })
}

/**
 * Clips every element of every gradient to [−max, max]. PyTorch: torch.nn.utils.clip_grad_value_.
 * @throws ValueError unless max is above 0
 */
export function clipGradValue(params: readonly Tensor[], max: number): void {
  positive('clipGradValue', max)
  noGrad(() => {
    for (const p of withGrad(params)) p.grad = clamp(p.grad!, -max, max)
  })
}

function positive(op: string, max: number): void {
  if (!(max > 0)) throw new ValueError({ op, rule: 'the bound must be above 0', got: `${max}` })
}
