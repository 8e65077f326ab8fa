import { BackendError } from '../core/errors.js'
import type { Backend, BackendName } from './backend.js'
import { referenceBackend } from './reference/index.js'

/** How each backend is had; undefined where it cannot run. */
const factories: { [name in BackendName]?: () => Backend | undefined } = {
  reference: referenceBackend,
}

let current: Backend | undefined

/** The backend of that name, or the current one. @throws BackendError when it cannot run here */
export function backend(name?: BackendName): Backend {
  if (!name) {
    current ??= defaultBackend()
    return current
  }
  const found = factories[name]?.()
  if (!found)
    throw new BackendError({ op: 'backend', rule: 'the backend must be available', got: name })
  return found
}

function defaultBackend(): Backend {
  return backend('reference')
}

/** Where new tensors go from now on. */
export function setBackend(name: BackendName): void {
  current = backend(name)
}
