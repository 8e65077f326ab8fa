import { nativeBackend, nativeProblem, tellFallback } from '#native'
import { env } from '#platform'
import { referenceBackend } from '#reference'
import type { DType } from '../core/dtype.js'
import { BackendError } from '../core/errors.js'
import type { Backend, BackendName } from './backend.js'
import { type WasmPart, wasmParts } from './cpu/variant.js'
import { loadWasm, wasmBackend } from './cpu/wasm.js'

/** How each backend is had; undefined where it cannot run. The default is the first that can. */
const factories: { [name in BackendName]?: () => Backend | undefined } = {
  native: nativeBackend,
  wasm: wasmBackend,
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
  if (found) return found
  const known = name in factories
  throw new BackendError({
    op: 'backend',
    rule: known ? 'the backend must be available here' : `the backend must be one of ${names()}`,
    got: name,
    ...(name === 'native' && { fix: `The native addon is missing: ${nativeProblem()}` }),
    ...(name === 'reference' && { fix: "import 'nabla/reference' brings it." }),
  })
}

const names = (): string => Object.keys(factories).join(', ')

function defaultBackend(): Backend {
  const wanted = env('NABLA_BACKEND')
  if (wanted) return backend(wanted as BackendName)
  const native = nativeBackend()
  if (native) return native
  tellFallback(nativeProblem() ?? '')
  return wasmBackend()
}

/** The current backend where it holds the type, else the reference backend, which holds every one. @throws BackendError */
export function homeOf(dtype: DType): Backend {
  const now = backend()
  return now.dtypes.includes(dtype) ? now : backend('reference')
}

/** The names of the backends that can run here, the default one first. */
export function availableBackends(): BackendName[] {
  const all = Object.keys(factories) as BackendName[]
  // The WebAssembly backend is there always; to ask it would load its file.
  return all.filter((name) => name === 'wasm' || factories[name]?.() !== undefined)
}

/** Where new tensors go from now on. */
export function setBackend(name: BackendName): void {
  current = backend(name)
}

/** How many threads the current backend computes with. */
export const getNumThreads = (): number => backend().threads
export function setNumThreads(count: number): void {
  backend().threads = count
}

/**
 * Loads the WebAssembly that the current backend needs, without holding up a page. `parts` names what few programs use
 * besides: 'order' (sort, cumulative sums), 'recurrent' (LSTM, GRU, RNN), 'linalg', 'attention',
 * 'quantized' and 'sparse', or 'all'. What was not loaded before is
 * loaded by its first use, but then the page waits for it; in a worker, in Node and on the native backend nothing is
 * lost without this call.
 * @throws BackendError when a file cannot be read, or the page's Content-Security-Policy forbids WebAssembly
 * @example await ready({ parts: ['recurrent'] })
 */
export async function ready({
  parts = [],
}: {
  parts?: readonly WasmPart[] | 'all'
} = {}): Promise<void> {
  if ((current ?? nativeBackend() ?? { name: 'wasm' }).name !== 'wasm') return
  await loadWasm(parts === 'all' ? wasmParts : parts)
}
