/**
 * Programs run by the WebAssembly core. Tensors are JavaScript arrays, which the garbage collector frees; a run
 * copies inputs into the core's memory and results out of it. What programs write in place, or read again and
 * again, moves into that memory and stays.
 */
import { runtime } from '#platform'
import {
  arrayOn,
  bytesOf,
  type DType,
  dtypes,
  newArray,
  type TypedArray,
} from '../../core/dtype.js'
import { BackendError, ValueError } from '../../core/errors.js'
import type { Backend, Executable, Storage } from '../backend.js'
import { fillHost, type HostStorage, readHost, writeHost } from '../host.js'
import type { Graph } from '../ir.js'
import type { Arena } from './arena.js'
import { Core, giveNow, giveWith } from './core.js'
import { executableOf } from './encode.js'
import {
  type Binding,
  type Bindings,
  bindingError,
  bindSlots,
  checkLength,
  checkThreads,
  disposed,
  inUse,
  indexError,
  rejected,
} from './executable.js'
import { filesFor, firstThreads, loadLater, variantFor } from './files.js'
import type { LaterProgram } from './later.js'
import type { HeapBlock } from './memory.js'
import type { Program } from './program.js'
import { BufferPool } from './pool.js'
import { type WasmPart, wasmParts } from './variant.js'

/** A storage that was copied in so often moves in. */
const USES = 8
/** How many bytes of large freed results are kept for the next of their size. */
const KEEP = 64 * 2 ** 20
const line = (bytes: number): number => Math.ceil(bytes / 64) * 64

class WasmStorage implements HostStorage {
  readonly backend: WasmBackend
  readonly dtype: DType
  readonly length: number
  freed = false
  /** The elements, while they are outside the core's memory and were written. */
  data: TypedArray | undefined
  /** Where they are inside; empty while outside. */
  readonly blocks: HeapBlock[] = []
  core: Core | undefined
  /** The data is a large result, not an array of the user's. */
  private result = false
  private view: TypedArray | undefined
  private uses = 0
  /** See LaterStorage. */
  edition = 0
  busy = 0

  constructor(backend: WasmBackend, dtype: DType, length: number, data: TypedArray | undefined) {
    this.backend = backend
    this.dtype = dtype
    this.length = length
    this.data = data
  }

  array(): TypedArray {
    if (this.freed) throw disposed()
    if (this.busy > 0) throw inUse()
    this.edition++
    if (!this.core) {
      this.data ??= newArray(this.dtype, this.length)
      return this.data
    }
    const { buffer } = this.core.heap.memory
    if (this.view?.buffer !== buffer)
      this.view = arrayOn(this.dtype, buffer, this.blocks[0]!.ptr, this.length)
    return this.view
  }
  async read(offset?: number, count?: number): Promise<TypedArray> {
    return this.readNow(offset, count)
  }
  readNow(offset?: number, count?: number): TypedArray {
    const { edition } = this
    const part = readHost(this, offset, count)
    this.edition = edition // it was read only
    return part
  }
  write(from: TypedArray | ((to: TypedArray) => void), offset?: number): void {
    writeHost(this, from, offset)
  }
  fill(value: number, offset?: number, count?: number): void {
    fillHost(this, value, offset, count)
  }

  /** The address inside `core` after moving there; 0 for a storage that is outside and may stay there. */
  address(core: Core, stay: boolean): number {
    if (this.core === core) return this.blocks[0]!.ptr
    if (stay && !this.core && ++this.uses < USES) return 0
    const block = core.heap.take(Math.max(1, this.length * bytesOf(this.dtype)))
    core.heap.elements(this.dtype).set(this.array(), block.ptr / bytesOf(this.dtype))
    this.leave()
    this.core = core
    this.blocks.push(block)
    giveWith(this, core.heap, this.blocks)
    return block.ptr
  }

  /** Copies elements from a host array into the core. */
  copyIn(core: Core, ptr: number, offset: number, count: number): void {
    const from = this.array()
    const to = core.heap.elements(this.dtype)
    const at = ptr / bytesOf(this.dtype)
    // For a few elements a loop is faster than the calls.
    if (count <= 32) for (let i = 0; i < count; i++) to[at + i] = from[offset + i]!
    else to.set(count === from.length ? from : from.subarray(offset, offset + count), at)
  }

  /** Receives the first elements from an address of the core. */
  copyOut(core: Core, ptr: number, count: number): void {
    const from = core.heap.elements(this.dtype)
    const at = ptr / bytesOf(this.dtype)
    if (count > 4096 && !this.data && count === this.length) {
      const spare = this.backend.pool.take(`${this.dtype} ${count}`)
      spare?.set(from.subarray(at, at + count))
      this.data = spare ?? from.slice(at, at + count) // without zeroing first
      this.result = true
      return
    }
    const to = this.array()
    if (count <= 32) for (let i = 0; i < count; i++) to[i] = from[at + i]!
    else to.set(from.subarray(at, at + count))
  }

  private leave(): void {
    if (this.core) giveNow(this, this.core.heap, this.blocks)
    this.core = undefined
    this.data = undefined
    this.view = undefined
  }
  free(): void {
    const { data } = this
    if (this.result && data)
      this.backend.pool.give(`${this.dtype} ${this.length}`, data, data.byteLength)
    this.leave()
    this.freed = true
  }
}

class WasmExecutable implements Executable {
  readonly arenaBytes: number
  private readonly backend: WasmBackend
  private readonly program: Program
  private readonly bindings: Bindings
  private core: Core
  private generation = -1
  private freed = false
  /** The program's own memory in the core: its words and its table. */
  private readonly blocks: HeapBlock[] = []
  private handle = 0
  private table = 0
  private scratchBytes = 0
  private readonly family: object
  private arena: Arena<HeapBlock> | undefined
  /** The block of the arena into which the table points, from the first run on. */
  private bound: HeapBlock | undefined

  constructor(backend: WasmBackend, program: Program, graph: Graph, family: object) {
    this.backend = backend
    this.family = family
    this.program = program
    this.bindings = bindSlots(program, graph)
    this.arenaBytes = program.arenaBytes
    this.core = backend.core
    this.load()
  }

  private take(bytes: number): number {
    const block = this.core.heap.take(bytes)
    this.blocks.push(block)
    return block.ptr
  }

  /** Copies the program into the core, which validates it. */
  private load(): void {
    const { exports, heap } = this.core
    const { words, slots } = this.program
    if (this.blocks.length === 0) {
      giveWith(this, heap, this.blocks)
      const handleBytes = line(exports.nabla_handle_bytes())
      const tableBytes = line(4 * slots.length)
      this.handle = this.take(handleBytes + tableBytes + 4 * words.length)
      this.table = this.handle + handleBytes
      heap.i32.set(words, (this.table + tableBytes) / 4)
    }
    const at = this.table + line(4 * slots.length)
    let problem: string | undefined
    try {
      problem = this.core.load(this.handle, at, words.length)
    } catch (error) {
      giveNow(this, heap, this.blocks)
      throw error
    }
    if (problem) {
      giveNow(this, heap, this.blocks)
      throw rejected(problem)
    }
    this.scratchBytes = exports.nabla_scratch_bytes(this.handle)
    this.generation = this.core.generation
    this.arena = this.core.arenas.of(this.family)
    if (this.bindings.arena.length > 0) this.arena.join(this, this.arenaBytes)
  }

  /** Follows the backend to another core or number of threads, and the arena to the block that it has now. */
  private prepare(): void {
    const { core } = this.backend
    if (this.core !== core) {
      giveNow(this, this.core.heap, this.blocks)
      this.arena!.leave(this)
      this.bound = undefined
      this.core = core
      this.load()
    } else if (this.generation !== core.generation) this.load()
    if (this.bindings.arena.length === 0) return
    const block = this.arena!.room(this.arenaBytes)
    const table = this.table / 4
    for (const { slot, offset } of this.bindings.arena)
      core.heap.u32[table + slot] = block.ptr + offset
    this.bound = block
  }

  run(inputs: readonly Storage[], outputs: readonly Storage[], offsets?: readonly number[]): void {
    if (this.freed)
      throw new BackendError({ op: 'run', rule: 'the program must live', got: 'a freed one' })
    const { backend, bindings } = this
    if (
      this.core !== backend.core ||
      this.generation !== this.core.generation ||
      (bindings.arena.length > 0 && (!this.bound || this.bound !== this.arena!.blocks[0]))
    )
      this.prepare()
    const { core } = this
    // First everything that may move tensors or memory.
    let staged = 0
    for (const b of bindings.inputs) {
      const s = checked(backend, inputs[b.index], b, offsets?.[b.index] ?? 0)
      if (b.written) {
        s.edition++
        s.address(core, false)
      }
    }
    for (const b of bindings.inputs) {
      const s = inputs[b.index] as WasmStorage
      if (!s.address(core, true)) staged += line(b.length * b.width)
    }
    for (const b of bindings.outputs) {
      const s = checked(backend, outputs[b.index], b, 0)
      s.edition++
      if (s.core) s.address(core, false)
      else staged += line(b.length * b.width)
    }
    let ptr = core.workspace(staged + this.scratchBytes)
    const { u32 } = core.heap
    const table = this.table / 4
    for (const b of bindings.inputs) {
      const s = inputs[b.index] as WasmStorage
      const offset = offsets?.[b.index] ?? 0
      if (s.core) u32[table + b.slot] = s.blocks[0]!.ptr + offset * b.width
      else {
        u32[table + b.slot] = ptr
        s.copyIn(core, ptr, offset, b.length)
        ptr += line(b.length * b.width)
      }
    }
    for (const b of bindings.outputs) {
      const s = outputs[b.index] as WasmStorage
      u32[table + b.slot] = s.core ? s.blocks[0]!.ptr : ptr
      if (!s.core) ptr += line(b.length * b.width)
    }
    if (core.exports.nabla_run(this.handle, this.table, ptr)) {
      const [, check, value, lo, hi] = core.heap.i32.subarray(this.handle / 4, this.handle / 4 + 5)
      throw indexError(this.program, check!, value!, lo!, hi!)
    }
    for (const b of bindings.outputs) {
      const s = outputs[b.index] as WasmStorage
      if (!s.core) s.copyOut(core, u32[table + b.slot]!, b.length)
    }
  }

  private later: LaterProgram | undefined
  async runLater(
    inputs: readonly Storage[],
    outputs: readonly Storage[],
    offsets: readonly number[],
  ): Promise<void> {
    const { backend, program, bindings } = this
    this.later ??= { backend, program, bindings, engine: () => ({ wasm: true }) }
    const { runLater } = await import('./later.js')
    return runLater(this.later, inputs, outputs, offsets)
  }

  free(): void {
    if (this.freed) return
    this.freed = true
    giveNow(this, this.core.heap, this.blocks)
    this.arena!.leave(this)
    this.bound = undefined
  }
}

function checked(
  backend: WasmBackend,
  storage: Storage | undefined,
  b: Binding,
  offset: number,
): WasmStorage {
  const s = storage as WasmStorage
  if (
    s === undefined ||
    s.backend !== backend ||
    s.dtype !== b.dtype ||
    s.freed ||
    s.busy > 0 ||
    (s.data !== undefined && s.data.length !== s.length) ||
    !(offset >= 0 && offset + b.length <= s.length)
  )
    throw s?.busy
      ? inUse()
      : bindingError(backend, s, b, offset, s?.freed || (s?.data && s.data.length !== s.length))
  return s
}

class WasmBackend implements Backend {
  readonly name = 'wasm'
  readonly dtypes: readonly DType[] = dtypes
  core: Core
  private count = 1
  readonly pool = new BufferPool<string, TypedArray>(KEEP)

  constructor() {
    const threads = checkThreads(firstThreads())
    this.core = new Core(variantFor(threads))
    this.count = this.core.setThreads(threads)
  }

  alloc(dtype: DType, length: number): Storage {
    checkLength(length)
    return new WasmStorage(this, dtype, length, undefined)
  }

  from(dtype: DType, data: TypedArray): Storage {
    const covers = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength
    return new WasmStorage(this, dtype, data.length, covers ? data : data.slice())
  }

  compile(graph: Graph, family: object = {}): Executable {
    return executableOf(graph, this, (program, part) => this.load(program, part, family), family)
  }
  load(program: Program, graph: Graph, family: object = {}): Executable {
    return new WasmExecutable(this, program, graph, family)
  }

  info(): Record<string, string | number> {
    return {
      backend: this.name,
      isa: this.core.variant.replace('-threads', ''),
      threads: this.count,
      wasm: this.core.variant,
      memory: this.core.heap.u8.length,
      ...runtime,
    }
  }

  get threads(): number {
    return this.count
  }
  set threads(count: number) {
    checkThreads(count)
    // Threads need a shared memory: tensors and programs move to it when they are next used.
    const variant = variantFor(count)
    if (count > 1 && variant !== this.core.variant) this.core = new Core(variant)
    this.count = this.core.setThreads(count)
  }
}

let instance: WasmBackend | undefined

/** The C++ core as WebAssembly: runs wherever JavaScript does. */
export function wasmBackend(): Backend {
  instance ??= new WasmBackend()
  return instance
}

/** Loads the WebAssembly files of the core and of the parts named. @throws BackendError, ValueError, see `ready` */
export async function loadWasm(parts: readonly WasmPart[]): Promise<void> {
  for (const part of parts)
    if (!wasmParts.includes(part))
      throw new ValueError({
        op: 'ready',
        rule: `parts must be among ${wasmParts.join(', ')}`,
        got: String(part),
      })
  await Promise.all(filesFor(parts, instance?.threads ?? firstThreads()).map(loadLater))
}
