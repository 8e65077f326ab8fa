import { assign } from './assign.js'
import type { Tensor } from './tensor.js'
import { where } from './arithmetic.js'
import { state } from './state.js'
import { nodeOf, tracedTensor } from './trace.js'

/**
 * Remembers the values of tensors. The function that comes back is called after some of them were assigned to: where
 * `fine`, a scalar, is false, they get their values back. In a compiled program this costs a choice in the kernel
 * that writes them anyway.
 */
export function remember(tensors: readonly Tensor[]): (fine: Tensor) => void {
  const { recorder } = state
  const before = tensors.map((t) =>
    recorder ? tracedTensor(nodeOf(t), recorder) : t.detach().clone(),
  )
  return (fine) =>
    tensors.forEach((t, i) => {
      if (!recorder || nodeOf(t) !== nodeOf(before[i]!)) assign(t, where(fine, t, before[i]!))
    })
}
