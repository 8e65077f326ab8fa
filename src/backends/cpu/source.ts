/** Where the WebAssembly files are, as the user says. Its types need no library of a browser or of Node. */

export type Bytes = ArrayBuffer | Uint8Array<ArrayBuffer>
/** An address. */
export type Place = string | { readonly href: string }
/**
 * Where the WebAssembly files lie: a folder, or a function from a file's name (`nabla-relaxed.wasm`) to its address, its
 * bytes or its compiled `WebAssembly.Module`.
 */
export type WasmSource = Place | ((file: string) => Place | Bytes | object)

let source: WasmSource | undefined
const listeners: (() => void)[] = []

/**
 * Says where the WebAssembly files of nabla lie (those of `nabla/dist/backends/cpu/wasm`), for bundlers that do not copy
 * what `new URL('./x.wasm', import.meta.url)` names (esbuild, Rollup, rolldown) and for pages that have the bytes. To be
 * called before the first tensor.
 * @example setWasmFiles('/static/nabla')
 * @example setWasmFiles((file) => bytesOf[file])
 */
export function setWasmFiles(files: WasmSource): void {
  source = files
  for (const changed of listeners) changed()
}

/** What was said of a file; undefined: nothing. */
export function saidOf(name: string): Place | Bytes | object | undefined {
  if (typeof source === 'function') return source(name)
  if (source === undefined) return undefined
  const folder = typeof source === 'string' ? source : source.href
  return `${folder.replace(/\/$/, '')}/${name}`
}
export const onSource = (changed: () => void): void => void listeners.push(changed)
