/** Bounds on gradients. */
import type { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/trace.js'

/** Scales all gradients so that their norm together is at most `max`; gives the norm before. */
export function clipNorm(params: readonly Tensor[], max: number): Tensor {
  return noGrad(() => {
    const grads = params.filter((p) => p.grad)
    let total: Tensor | null = null
    for (const p of grads) {
      const part = p.grad!.square().sum()
      total = total ? total.add(part) : part
    }
    const length = total!.sqrt()
    const scale = length.add(1e-6).reciprocal().mul(max).clamp(null, 1)
    for (const p of grads) p.grad = p.grad!.mul(scale)
    return length
  })
}

/** Clips every element of every gradient to [−max, max]. */
export function clipValue(params: readonly Tensor[], max: number): void {
  noGrad(() => {
    for (const p of params) if (p.grad) p.grad = p.grad.clamp(-max, max)
  })
}
