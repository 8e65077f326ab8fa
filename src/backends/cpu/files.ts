/** The WebAssembly files as modules: where they lie, when they are loaded, and what an error says. */
import { canStartWorkers, cores, env, fetchBytes, placeOf, readBytesNow } from '#platform'
import { BackendError } from '../../core/errors.js'
import { type Bytes, onSource, saidOf } from './source.js'
import { hasRelaxedSimd, type WasmFile, type WasmPart, type WasmVariant } from './variant.js'

const modules = new Map<WasmFile, WebAssembly.Module>()
const loading = new Map<WasmFile, Promise<void>>()
onSource(() => {
  modules.clear()
  loading.clear()
})

/** The file's address, its bytes or its module. */
function find(file: WasmFile): URL | string | Bytes | WebAssembly.Module {
  const said = saidOf(`nabla-${file}.wasm`)
  if (said !== undefined)
    return (typeof said === 'object' && 'href' in said ? said.href : said) as string | Bytes
  try {
    return placeOf(file)
  } catch (error) {
    throw failed(file, undefined, error)
  }
}

const isPlace = (found: unknown): found is string | URL =>
  typeof found === 'string' || found instanceof URL

function failed(file: WasmFile, found: unknown, error: unknown): BackendError {
  if (error instanceof BackendError) return error
  const got = error instanceof Error ? error.message : String(error)
  const at = isPlace(found) ? ` at ${found}` : ''
  if (/unsafe-eval|Content.Security.Policy|disallowed by embedder|blocked by CSP/i.test(got))
    return new BackendError({
      op: 'wasm',
      rule: 'the page must allow WebAssembly',
      got: `a Content-Security-Policy that forbids it (${got})`,
      fix: "Add 'wasm-unsafe-eval' to the script-src of the policy.",
    })
  return new BackendError({
    op: 'wasm',
    rule: `nabla-${file}.wasm must be readable${at}`,
    got,
    fix: 'setWasmFiles(folder) says where the .wasm files of nabla/dist/backends/cpu/wasm lie.',
  })
}

/** @throws when the bytes are something else, such as the page that a server sends for what it does not find */
function checked(bytes: Bytes): Bytes {
  const all = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes
  if (String.fromCharCode(...all.subarray(0, 4)) !== '\0asm')
    throw new Error('bytes that are not WebAssembly')
  return bytes
}

/** The module of a file, read and compiled at once unless `ready` did it before. */
export function wasmModule(file: WasmFile): WebAssembly.Module {
  let module = modules.get(file)
  if (module) return module
  const found = find(file)
  try {
    module =
      found instanceof WebAssembly.Module
        ? found
        : new WebAssembly.Module(checked(isPlace(found) ? readBytesNow(found, file) : found))
  } catch (error) {
    throw failed(file, found, error)
  }
  modules.set(file, module)
  return module
}

async function load(file: WasmFile): Promise<void> {
  if (modules.has(file)) return
  const found = find(file)
  try {
    modules.set(
      file,
      found instanceof WebAssembly.Module
        ? found
        : // Not compileStreaming: that insists on a media type which simple servers do not send.
          await WebAssembly.compile(checked(isPlace(found) ? await fetchBytes(found) : found)),
    )
  } catch (error) {
    throw failed(file, found, error)
  }
}

/** Loads a file without holding up the page; once, also when asked for twice. */
export function loadLater(file: WasmFile): Promise<void> {
  let promise = loading.get(file)
  if (!promise) {
    promise = load(file)
    loading.set(file, promise)
    promise.catch(() => loading.delete(file))
  }
  return promise
}

let isa: 'simd' | 'relaxed' | undefined
/** The build for this engine and so many threads. */
export function variantFor(threads: number): WasmVariant {
  isa ??= hasRelaxedSimd() && env('NABLA_ISA') !== 'simd' ? 'relaxed' : 'simd'
  return threads > 1 && canStartWorkers() ? `${isa}-threads` : isa
}

/** How many threads the wasm backend begins with. */
export const firstThreads = (): number => Number(env('NABLA_THREADS') ?? cores())

/** The files that programs of these parts need. */
export function filesFor(parts: readonly WasmPart[], threads: number): WasmFile[] {
  const variant = variantFor(threads)
  if (variant.endsWith('-threads')) return [variant]
  return [variant, ...parts.map((part) => `${variant}-${part}` as WasmFile)]
}
