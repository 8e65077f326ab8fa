/** What a browser gives. */
import type { WasmFile } from './variant.js'

export const runtime: Record<string, string> = {}
export const env = (_name: string): string | undefined => undefined
export const rawBuffer = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes)

/** Each address is written out, so that bundlers see the files. */
const places: { readonly [file in WasmFile]: () => URL } = {
  simd: () => new URL('./wasm/nabla-simd.wasm', import.meta.url),
  relaxed: () => new URL('./wasm/nabla-relaxed.wasm', import.meta.url),
  'simd-order': () => new URL('./wasm/nabla-simd-order.wasm', import.meta.url),
  'relaxed-order': () => new URL('./wasm/nabla-relaxed-order.wasm', import.meta.url),
  'simd-recurrent': () => new URL('./wasm/nabla-simd-recurrent.wasm', import.meta.url),
  'relaxed-recurrent': () => new URL('./wasm/nabla-relaxed-recurrent.wasm', import.meta.url),
  'simd-wide': () => new URL('./wasm/nabla-simd-wide.wasm', import.meta.url),
  'relaxed-wide': () => new URL('./wasm/nabla-relaxed-wide.wasm', import.meta.url),
  'simd-linalg': () => new URL('./wasm/nabla-simd-linalg.wasm', import.meta.url),
  'relaxed-linalg': () => new URL('./wasm/nabla-relaxed-linalg.wasm', import.meta.url),
  'simd-attention': () => new URL('./wasm/nabla-simd-attention.wasm', import.meta.url),
  'relaxed-attention': () => new URL('./wasm/nabla-relaxed-attention.wasm', import.meta.url),
  'simd-quantized': () => new URL('./wasm/nabla-simd-quantized.wasm', import.meta.url),
  'relaxed-quantized': () => new URL('./wasm/nabla-relaxed-quantized.wasm', import.meta.url),
  'simd-sparse': () => new URL('./wasm/nabla-simd-sparse.wasm', import.meta.url),
  'relaxed-sparse': () => new URL('./wasm/nabla-relaxed-sparse.wasm', import.meta.url),
  'simd-threads': () => new URL('./wasm/nabla-simd-threads.wasm', import.meta.url),
  'relaxed-threads': () => new URL('./wasm/nabla-relaxed-threads.wasm', import.meta.url),
}
export const placeOf = (file: WasmFile): URL => places[file]()

export async function fetchBytes(place: string | URL): Promise<ArrayBuffer> {
  const response = await fetch(place)
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim())
  return response.arrayBuffer()
}

/** Reads at once, by the only call of browsers that waits; a page that must not stop uses `await ready()` before. */
export function readBytesNow(place: string | URL, file: string): Uint8Array<ArrayBuffer> {
  const part = /^(simd|relaxed)-(?!threads)(.*)$/.exec(file)?.[2]
  const fix = part ? `await ready({ parts: ['${part}'] })` : 'await ready()'
  if (typeof XMLHttpRequest === 'undefined')
    throw new Error(`nothing here reads files at once: call \`${fix}\` before`)
  const request = new XMLHttpRequest()
  try {
    request.open('GET', place, false)
    // A page may not ask for an ArrayBuffer here: each byte comes as a character.
    request.overrideMimeType('text/plain; charset=x-user-defined')
    request.send()
  } catch (error) {
    throw new Error(`${(error as Error).message}; \`${fix}\` loads the file without waiting`)
  }
  if (request.status && request.status >= 300)
    throw new Error(`${request.status} ${request.statusText}`.trim())
  const text = request.responseText
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** Threads share memory, which browsers allow to isolated pages only (headers COOP and COEP). */
export const canStartWorkers = (): boolean =>
  globalThis.crossOriginIsolated === true && typeof Worker !== 'undefined'
export const cores = (): number =>
  canStartWorkers() ? Math.min(64, Math.max(1, navigator.hardwareConcurrency || 1)) : 1

/** Each worker enters the pool of the shared memory and stays. */
const workerSource = `onmessage = ({ data: { module, memory, stack, thread } }) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  exports.__stack_pointer.value = stack
  exports.nabla_worker(thread)
}`
let workerUrl: string | undefined
export function startWorker(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  stack: number,
  thread: number,
): void {
  workerUrl ??= URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }))
  // Where a policy forbids the worker, its share is taken by the threads that there are.
  const worker = new Worker(workerUrl, { name: `nabla ${thread}` })
  worker.postMessage({ module, memory, stack, thread })
}
