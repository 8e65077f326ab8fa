/** Tools that only inspect a model leave it unchanged. */
import type { Module } from '../nn/module.js'
import { assign } from '../ops/assign.js'
import type { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/state.js'
import { defaultGenerator } from '../tensor/random.js'

/**
 * Remembers the mode of every module (one that is frozen in evaluation mode too), gradients, buffers such as running
 * statistics, and the random generator. The returned function restores them.
 */
export function rememberModel(model: Module): () => void {
  const modes = model.modules().map((m) => [m, m.training] as const)
  const grads = model.parameters().map((p) => [p, p.grad] as const)
  const buffers = model
    .namedBuffers()
    .map(([, t]): [Tensor, number, Tensor] => [t, t.version, noGrad(() => t.detach().clone())])
  const generator = defaultGenerator.getState()
  return () => {
    // Outer modules first: setting one sets those below it.
    for (const [m, mode] of modes) if (m.training !== mode) m.train(mode)
    for (const [p, grad] of grads) if (p.grad !== grad) p.grad = grad
    noGrad(() => {
      for (const [t, version, value] of buffers) if (t.version !== version) assign(t, value)
    })
    defaultGenerator.setState(generator)
  }
}

/** Runs `f` and leaves the model as it was, however `f` ends. */
export function untouched<T>(model: Module, f: () => T): T {
  const putBack = rememberModel(model)
  try {
    return f()
  } finally {
    putBack()
  }
}
