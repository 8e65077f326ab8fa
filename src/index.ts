/** Public names, nothing else. */
import { state } from './ops/trace.js'
import { backend } from './backends/registry.js'
import './tensor/methods.js'
import './tensor/print.js'

state.backend = backend

export * from './autograd/backward.js'
export { backend, setBackend } from './backends/registry.js'
export { compile } from './compile/compile.js'
export * from './core/errors.js'
export * from './ops/compare.js'
export * from './tensor/creation.js'
export * from './tensor/random.js'
export * from './ops/activation.js'
export * from './ops/linear.js'
export * from './ops/norm.js'
export * from './ops/loss.js'
