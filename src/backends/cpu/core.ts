/** One instance of the WebAssembly core with its memory, heap and worker threads. */
import { canStartWorkers, startWorker } from '#platform'
import { Arena, Arenas } from './arena.js'
import { wasmModule } from './files.js'
import { Heap, type HeapBlock } from './memory.js'
import { type WasmFile, type WasmVariant, wasmParts } from './variant.js'

const FIRST_PAGES = 64
const MAX_PAGES = 65536
const WORKER_STACK = 256 * 1024

/** kernels/binding_wasm.cpp */
export interface CoreExports {
  __heap_base: WebAssembly.Global
  nabla_reserved(): number
  nabla_handle_bytes(): number
  nabla_set_threads(count: number): number
  nabla_load(handle: number, words: number, count: number): number
  nabla_error_at(handle: number): number
  nabla_slots(handle: number): number
  nabla_scratch_bytes(handle: number): number
  nabla_run(handle: number, slots: number, scratch: number): number
}

/** What a file of one part exports: kernels/vm.cpp. */
interface PartExports {
  validate(check: number): number
  run(exec: number): void
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
  readonly arenas: Arenas<HeapBlock>
  /** Changes with the number of threads: programs are then validated anew. */
  generation = 0
  private readonly module: WebAssembly.Module
  private readonly parts: PartExports[] = []
  /** Why a part could not be loaded: an error may not fly through the core, whose stack would stay as it is. */
  private partProblem: unknown
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
    const instance = new WebAssembly.Instance(this.module, {
      env: { memory },
      parts: {
        validate: (part: number, check: number) => this.part(part, memory)?.validate(check) ?? 0,
        run: (part: number, exec: number) => this.parts[part]!.run(exec),
      },
    })
    this.exports = instance.exports as unknown as CoreExports
    const end = this.exports.__heap_base.value as number
    const heap = new Heap(memory, Math.max(end, this.exports.nabla_reserved()))
    this.heap = heap
    this.arenas = new Arenas(() => {
      const arena = new Arena<HeapBlock>(
        (bytes) => heap.take(bytes),
        (block) => heap.give(block),
      )
      giveWith(arena, heap, arena.blocks)
      return arena
    })
  }

  /** The part of that number, loaded when the first program needs it. */
  private part(part: number, memory: WebAssembly.Memory): PartExports | undefined {
    try {
      this.parts[part] ??= new WebAssembly.Instance(
        wasmModule(`${this.variant}-${wasmParts[part - 1]}` as WasmFile),
        { env: { memory } },
      ).exports as unknown as PartExports
    } catch (error) {
      this.partProblem = error
    }
    return this.parts[part]
  }

  /** Has the core validate a program; gives the reason when it does not. @throws when a part cannot be loaded */
  load(handle: number, words: number, count: number): string | undefined {
    const error = this.exports.nabla_load(handle, words, count)
    const problem = this.partProblem
    this.partProblem = undefined
    if (problem) throw problem
    return error ? `${this.text(error)} at word ${this.exports.nabla_error_at(handle)}` : undefined
  }

  /** How many there are now. */
  setThreads(count: number): number {
    if (!this.shared || !canStartWorkers()) return 1
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
    // A copy: texts are not decoded from shared memory.
    return new TextDecoder().decode(u8.slice(ptr >>> 0, u8.indexOf(0, ptr >>> 0)))
  }
}
