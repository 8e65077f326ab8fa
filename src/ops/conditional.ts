import { assign } from './assign.js'
import type { Tensor } from './tensor.js'
import { where } from './arithmetic.js'
import { state } from './state.js'
import { nodeOf, tracedTensor } from './trace.js'

type Back = (fine: Tensor) => void

/** `remember` within a compiled program: a choice in the kernel that writes them anyway. */
export function rememberTraced(tensors: readonly Tensor[]): Back {
  const recorder = state.recorder!
  const before = tensors.map(nodeOf)
  return (fine) => {
    tensors.forEach((t, i) => {
      const now = nodeOf(t)
      if (now !== before[i])
        assign(t, where(fine, tracedTensor(now, recorder), tracedTensor(before[i]!, recorder)))
    })
  }
}

/**
 * Remembers the values of tensors. The function that comes back is called after some of them were assigned to: where
 * `fine`, a scalar, is false, they get their values back.
 */
export function remember(tensors: readonly Tensor[]): Back {
  if (state.recorder) return rememberTraced(tensors)
  const versions = tensors.map((t) => t.version)
  const before = tensors.map((t) => t.detach().clone())
  return (fine) => {
    tensors.forEach((t, i) => {
      if (t.version !== versions[i]) assign(t, where(fine, t, before[i]!))
    })
  }
}
