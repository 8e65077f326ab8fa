/** A module run with other parameters than its own: torch.func.functional_call. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { withState } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import type { Module } from './module.js'

/**
 * `model.forward(...inputs)` with other tensors in the place of some parameters and buffers, by the names of
 * `namedParameters()` and `namedBuffers()`. The module itself stays as it is, so the result can be differentiated by the
 * tensors that are given, and mapped over them: ensembles, meta-learning, the gradient of each example.
 * PyTorch: torch.func.functional_call.
 * @throws ValueError for a name that the model has not, ShapeError for a tensor of another shape
 * @example functionalCall(new Linear(2, 1), { weight: ones([1, 2]), bias: zeros([1]) }, tensor([3, 4])) // [7]
 */
export function functionalCall<A extends unknown[], R>(
  model: Module & { forward(...inputs: A): R },
  parameters: Readonly<Record<string, Tensor>>,
  ...inputs: A
): R {
  const own = new Map<string, Tensor>([...model.namedParameters(), ...model.namedBuffers()])
  const replaced = new Map<Tensor, Tensor>()
  for (const [name, t] of Object.entries(parameters)) {
    const before = own.get(name)
    const op = 'functionalCall'
    if (!before)
      throw new ValueError({
        op,
        rule: `the names are those of the parameters and buffers of the model: ${[...own.keys()].join(', ')}`,
        got: name,
      })
    if (!sameShape(before.shape, t.shape))
      throw new ShapeError({
        op,
        rule: `${name} must be ${show(before.shape)}`,
        got: show(t.shape),
      })
    replaced.set(before, t)
  }
  return withState('replaced', replaced, () => model.forward(...inputs))
}
