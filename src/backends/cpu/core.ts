/** One instance of the WebAssembly core with its memory, heap and worker threads. */
import { canStartWorkers, startWorker, wasmModule } from '#platform'
import { Heap, type HeapBlock } from './memory.js'
import type { WasmVariant } from './variant.js'

const FIRST_PAGES = 64
const MAX_PAGES = 65536
const WORKER_STACK = 256 * 1024

/** kernels/binding_wasm.cpp */
export interface CoreExports {
  __heap_base: WebAssembly.Global
  nabla_handle_bytes(): number
  nabla_set_threads(count: number): number
  nabla_load(handle: number, words: number, count: number): number
  nabla_error_at(handle: number): number
  nabla_slots(handle: number): number
  nabla_scratch_bytes(handle: number): number
  nabla_run(handle: number, slots: number, scratch: number): number
}

/** Blocks of objects that are collected without having been freed. */
const collected = new FinalizationRegistry<{ heap: Heap; blocks: HeapBlock[] }>((held) => {
  for (const block of held.blocks) held.heap.give(block)
  held.blocks.length = 0
})
/** Gives `blocks`, as they are then, back to the heap when `owner` is collected. */
export function giveWith(owner: object, heap: Heap, blocks: HeapBlock[]): void {
  collected.register(owner, { heap, blocks }, owner)
}
export function giveNow(owner: object, heap: Heap, blocks: HeapBlock[]): void {
  collected.unregister(owner)
  for (const block of blocks) heap.give(block)
  blocks.length = 0
}

export class Core {
  readonly variant: WasmVariant
  readonly shared: boolean
  readonly exports: CoreExports
  readonly heap: Heap
  /** Changes with the number of threads: programs are then validated anew. */
  generation = 0
  private readonly module: WebAssembly.Module
  private workers = 1
  private work: HeapBlock | undefined

  constructor(variant: WasmVariant) {
    this.variant = variant
    this.shared = variant.endsWith('-threads')
    this.module = wasmModule(variant)
    const memory = new WebAssembly.Memory(
      this.shared
        ? { initial: FIRST_PAGES, maximum: MAX_PAGES, shared: true }
        : { initial: FIRST_PAGES },
    )
    const instance = new WebAssembly.Instance(this.module, { env: { memory } })
    this.exports = instance.exports as unknown as CoreExports
    this.heap = new Heap(memory, this.exports.__heap_base.value as number)
  }

  /** How many there are now. */
  setThreads(count: number): number {
    if (!this.shared || !canStartWorkers) return 1
    for (; this.workers < count; this.workers++) {
      const { ptr, bytes } = this.heap.take(WORKER_STACK)
      startWorker(this.module, this.heap.memory, ptr + bytes, this.workers)
    }
    this.generation++
    return this.exports.nabla_set_threads(count)
  }

  /** Memory that serves one run after the other: staged tensors and scratch. */
  workspace(bytes: number): number {
    if (!this.work || this.work.bytes < bytes) {
      if (this.work) this.heap.give(this.work)
      this.work = undefined
      this.work = this.heap.take(bytes)
    }
    return this.work.ptr
  }

  /** The zero-terminated text at an address. */
  text(ptr: number): string {
    const { u8 } = this.heap
    let s = ''
    for (let i = ptr >>> 0; u8[i]; i++) s += String.fromCharCode(u8[i]!)
    return s
  }
}
