/** The gradient of a function against differences of its values, in float64. */
import { sum } from '../ops/broadcast.js'
import { mul } from '../ops/arithmetic.js'
import { backend } from '../backends/registry.js'
import { isFloat } from '../core/dtype.js'
import { DTypeError, GradError } from '../core/errors.js'
import { kinds, readOptions, requireFunction } from '../core/options.js'
import { fromData, Tensor } from '../ops/tensor.js'
import { ended, withState } from '../ops/state.js'
import { gradients } from './backward.js'

export interface GradCheckOptions {
  /** Half the distance of the differences. */
  eps?: number
  /** How far apart the two may be: atol + rtol |difference quotient|. */
  atol?: number
  rtol?: number
}

/**
 * Checks the gradients of `f` with respect to its float inputs by central differences, (f(x + ε) − f(x − ε))/2ε for
 * every element, with random weights over the outputs. It runs in float64 on the reference backend with copies of the
 * inputs, so `f` must make all else that it needs from them. PyTorch: torch.autograd.gradcheck.
 * @throws GradError that names the input and the element whose gradient is wrong; DTypeError when `f` leaves float64
 * @example gradCheck((x) => x.square().sum(), [tensor([1, 2])]) // true
 */
export function gradCheck(
  f: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options?: number | GradCheckOptions,
): true {
  requireFunction('gradCheck', f)
  const {
    eps = 1e-6,
    atol = 1e-5,
    rtol = 1e-3,
  } = readOptions<GradCheckOptions>('gradCheck', [options], {
    eps: kinds.number,
    atol: kinds.number,
    rtol: kinds.number,
  })
  const op = 'gradCheck'
  const reference = backend('reference')
  return withState(
    'backend',
    () => reference,
    () => {
      const values = inputs.map((t) =>
        isFloat(t.dtype)
          ? Float64Array.from(t.toTypedArray() as Iterable<number>)
          : t.toTypedArray(),
      )
      const copies = inputs.map((t, i) =>
        fromData(values[i]!.slice(), t.shape, isFloat(t.dtype) ? 'float64' : t.dtype, reference),
      )
      const leaves = copies.filter((t) => isFloat(t.dtype))
      for (const t of leaves) t.requiresGrad = true
      const weights: Tensor[] = []
      const value = (): Tensor => {
        const result = ended('gradCheck', f(...copies))
        const outs = (result instanceof Tensor ? [result] : [...result]).filter((t) =>
          isFloat(t.dtype),
        )
        outs.forEach((t, k) => {
          if (t.dtype !== 'float64')
            throw new DTypeError({
              op,
              rule: 'the result must be float64, as the inputs are',
              got: t.dtype,
              fix: 'A tensor that is made inside of the function has another type: make it from the inputs.',
            })
          weights[k] ??= fromData(spread(t.size, k), t.shape, 'float64', reference)
        })
        if (!outs.some((t) => t.requiresGrad))
          throw new GradError({ op, rule: 'a float result must depend on the inputs' })
        return outs.map((t, k) => sum(mul(t, weights[k]!))).reduce((a, b) => a.add(b))
      }
      const grads = gradients(value(), leaves)
      copies.forEach((t, i) => {
        if (!isFloat(t.dtype)) return
        const got = grads[leaves.indexOf(t)]?.toTypedArray()
        const host = t.storage!
        for (let j = 0; j < t.size; j++) {
          const x = values[i]![j]!
          const at = (h: number) => {
            host.fill(x + h, j, 1)
            return value().item()
          }
          const want = (at(eps) - at(-eps)) / (2 * eps)
          host.fill(x, j, 1)
          const own = got?.[j] ?? 0
          if (!(Math.abs(own - want) <= atol + rtol * Math.abs(want)))
            throw new GradError({
              op,
              rule: `the gradient of input ${i} must be that of the finite differences`,
              got: `${own} at element ${j}, where the differences give ${want}`,
              fix: 'A vjp is wrong, or the function has a kink or a detach there.',
            })
        }
      })
      return true
    },
  )
}

/** Weights between 0.5 and 1.5 that share no pattern with usual data. */
const spread = (n: number, seed: number) =>
  Float64Array.from({ length: n }, (_, i) => 0.5 + (((i + 1) * 0.6180339887 + seed * 0.37) % 1))
