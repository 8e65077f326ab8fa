/** What a browser gives. The WebAssembly file is fetched and compiled while the module loads. */
import { hasRelaxedSimd, type WasmVariant } from './variant.js'

export const runtime: Record<string, string> = {}
export const env = (_name: string): string | undefined => undefined
export const cores = (): number => 1
export const rawBuffer = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes)

// Both addresses are written out, so that bundlers see the files.
const url = hasRelaxedSimd()
  ? new URL('./wasm/nabla-relaxed.wasm', import.meta.url)
  : new URL('./wasm/nabla-simd.wasm', import.meta.url)
const response = await fetch(url)
if (!response.ok) throw new Error(`nabla could not load ${url}: ${response.status}`)
// Not compileStreaming: that insists on a media type which simple servers do not send.
const module = await WebAssembly.compile(await response.arrayBuffer())

export const wasmModule = (_variant: WasmVariant): WebAssembly.Module => module

export const canStartWorkers = false
export function startWorker(
  _module: WebAssembly.Module,
  _memory: WebAssembly.Memory,
  _stack: number,
  _thread: number,
): void {}
