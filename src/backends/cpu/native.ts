/**
 * Programs run by the native addon, on memory that JavaScript owns: V8 knows how large it is and frees it. Small
 * storages share slabs; a block given back by free() serves the next storage of its size.
 */
import { cores, env, loadAddon, rawBuffer, runtime } from '#platform'
import { arrayOn, bytesOf, type DType, dtypes, type TypedArray } from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'
import type { Backend, Executable, Storage } from '../backend.js'
import { fillHost, type HostStorage, readHost, writeHost } from '../host.js'
import type { Graph } from '../ir.js'
import { epilogues } from '../lower/epilogues.js'
import { recompute } from '../lower/recompute.js'
import { Arena, Arenas } from './arena.js'
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
import type { Engine, LaterProgram } from './later.js'
import { classOf } from './memory.js'
import type { Program } from './program.js'
import { AgingPool } from './agingPool.js'

/** kernels/binding_node.cpp */
export interface Addon {
  isas(): string[]
  start(isa: string): void
  setThreads(count: number): number
  address(buffer: ArrayBuffer): number
  load(words: Int32Array, table: Float64Array): object | string
  free(program: object): void
  run(program: object): undefined | [check: number, value: number, lo: number, hi: number]
}

/** These kernels run at the end of products; those of WebAssembly do not: docs/decisions/0082. */
const layers = { passes: [recompute, epilogues()] }

const ALIGN = 64
const SLAB = 64 * 1024
const SMALL = 16 * 1024
/**
 * Blocks from this size on begin at places of a page that differ by steps: malloc would put them at nearly the same, and
 * a load from the place of a page where another block was just stored to waits for that store.
 */
const LARGE = 256 * 1024
const PAGE = 4096
const STEP = 13 * ALIGN
/** Arrays of so many bytes are not copied to where they would be faster to read. */
const MUCH = 32 * 2 ** 20
/** How much given-back memory is kept for the next storages. */
const KEEP = 256 * 2 ** 20
/** So many bytes of working memory are not held by single operations that may never run again. */
const IDLE = 32 * 2 ** 20

const NONE = new Int32Array()

interface Block {
  buffer: ArrayBuffer
  offset: number
  ptr: number
  bytes: number
}

class Blocks {
  private readonly addon: Addon
  private slab: Block | undefined
  private step = 0
  private readonly pool = new AgingPool<number, Block>(KEEP)
  constructor(addon: Addon) {
    this.addon = addon
  }
  /** At least `bytes`, aligned to a cache line; contents undefined. */
  take(bytes: number): Block {
    // By classes: batches of many sizes take each other's blocks.
    const size = classOf(bytes)
    const spare = this.pool.take(size)
    if (spare) return spare
    if (size > SMALL) return this.own(size)
    let slab = this.slab
    if (!slab || slab.bytes < size) {
      slab = this.own(SLAB)
      this.slab = slab
    }
    const block = { buffer: slab.buffer, offset: slab.offset, ptr: slab.ptr, bytes: size }
    slab.offset += size
    slab.ptr += size
    slab.bytes -= size
    return block
  }
  private own(bytes: number): Block {
    let buffer: ArrayBuffer
    try {
      buffer = rawBuffer(bytes + ALIGN + (bytes < LARGE ? 0 : PAGE))
    } catch (cause) {
      const rule = `there must be memory for a tensor of ${bytes} bytes`
      throw new BackendError({ op: 'alloc', rule, got: `${(cause as Error).message}` }, { cause })
    }
    const ptr = this.addon.address(buffer)
    let offset = (ALIGN - (ptr % ALIGN)) % ALIGN
    if (bytes >= LARGE) offset += this.step = (this.step + STEP) % PAGE
    return { buffer, offset, ptr: ptr + offset, bytes }
  }
  give(block: Block): void {
    this.pool.give(block.bytes, block, block.bytes)
  }
}

class NativeStorage implements HostStorage {
  readonly backend: NativeBackend
  readonly dtype: DType
  readonly length: number
  /** Of element 0. */
  readonly ptr: number
  /** Undefined when freed. */
  block: Block | undefined
  /** False for memory taken over from the user, who may still hold it. */
  private readonly owned: boolean
  /** See LaterStorage. */
  edition = 0
  busy = 0
  private view: TypedArray | undefined
  constructor(backend: NativeBackend, dtype: DType, length: number, block: Block, owned: boolean) {
    this.backend = backend
    this.dtype = dtype
    this.length = length
    this.ptr = block.ptr
    this.block = block
    this.owned = owned
    this.view = undefined
  }
  array(): TypedArray {
    if (!this.block) throw disposed()
    if (this.busy > 0) throw inUse()
    this.edition++
    this.view ??= arrayOn(this.dtype, this.block.buffer, this.block.offset, this.length)
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
  free(): void {
    if (this.block && this.owned) this.backend.blocks.give(this.block)
    this.block = undefined
    this.view = undefined
  }
}

class NativeExecutable implements Executable {
  readonly arenaBytes: number
  private readonly backend: NativeBackend
  private readonly program: Program
  private readonly bindings: Bindings
  /** The address of each slot, read by the addon. */
  private readonly table: Float64Array
  private handle: object | undefined
  private readonly arena: Arena<Block>
  private readonly brief: boolean
  /** The block into which the addresses of the table point, from the first run on. */
  private bound: number | undefined

  constructor(backend: NativeBackend, program: Program, graph: Graph, family: object) {
    this.backend = backend
    this.program = program
    this.bindings = bindSlots(program, graph)
    this.arenaBytes = program.arenaBytes
    this.table = new Float64Array(
      new ArrayBuffer(8 * Math.max(1, program.slots.length)),
      0,
      program.slots.length,
    )
    backend.addon.start(backend.isa)
    const handle = backend.addon.load(program.words, this.table)
    if (typeof handle === 'string') throw rejected(handle)
    this.handle = handle
    this.arena = backend.arenas.of(family)
    // The addon has words of its own, and no worker asks for those of a single operation.
    if ('brief' in family) this.program = { ...program, words: NONE, slots: [] }
    this.brief = 'brief' in family && this.arenaBytes > 0
    if (this.bindings.arena.length > 0) this.arena.join(this, this.arenaBytes)
  }

  /** Follows the arena to the block that it has now. */
  private prepare(): void {
    const block = this.arena.room(this.arenaBytes)
    for (const { slot, offset } of this.bindings.arena) this.table[slot] = block.ptr + offset
    this.bound = block.ptr
  }

  /** Gives a large block back between runs, for others. */
  private rest(): void {
    const [block] = this.arena.blocks
    if (block && block.bytes >= IDLE) this.arena.drop(block)
  }

  run(inputs: readonly Storage[], outputs: readonly Storage[], offsets?: readonly number[]): void {
    const { handle, table, backend } = this
    if (!handle)
      throw new BackendError({ op: 'run', rule: 'the program must live', got: 'a freed one' })
    if (
      this.bindings.arena.length > 0 &&
      (this.bound === undefined || this.bound !== this.arena.blocks[0]?.ptr)
    )
      this.prepare()
    const ins = this.bindings.inputs
    for (let i = 0; i < ins.length; i++) {
      const b = ins[i]!
      const s = inputs[b.index] as NativeStorage
      const offset = offsets === undefined ? 0 : (offsets[b.index] ?? 0)
      if (
        s === undefined ||
        s.backend !== backend ||
        s.dtype !== b.dtype ||
        s.block === undefined ||
        s.block.buffer.byteLength === 0 ||
        s.busy > 0 ||
        !(offset >= 0 && offset + b.length <= s.length)
      )
        throw unbound(backend, s, b, offset)
      if (b.written) s.edition++
      table[b.slot] = s.ptr + offset * b.width
    }
    const outs = this.bindings.outputs
    for (let i = 0; i < outs.length; i++) {
      const b = outs[i]!
      const s = outputs[b.index] as NativeStorage
      if (
        s === undefined ||
        s.backend !== backend ||
        s.dtype !== b.dtype ||
        s.block === undefined ||
        s.block.buffer.byteLength === 0 ||
        b.length > s.length
      )
        throw unbound(backend, s, b, 0)
      s.edition++
      table[b.slot] = s.ptr
    }
    const fault = backend.addon.run(handle)
    if (this.brief) this.rest()
    if (fault !== undefined) throw indexError(this.program, ...fault)
  }

  private later: LaterProgram | undefined
  async runLater(
    inputs: readonly Storage[],
    outputs: readonly Storage[],
    offsets: readonly number[],
  ): Promise<void> {
    const { backend, program, bindings } = this
    this.later ??= { backend, program, bindings, engine: () => backend.engine() }
    const { runLater } = await import('./later.js')
    return runLater(this.later, inputs, outputs, offsets)
  }

  free(): void {
    if (!this.handle) return
    this.backend.addon.free(this.handle)
    this.handle = undefined
    this.arena.leave(this)
    this.bound = undefined
  }
}

function unbound(
  backend: NativeBackend,
  s: NativeStorage | undefined,
  b: Binding,
  offset: number,
): BackendError {
  if (s?.busy) return inUse()
  const freed = s?.backend === backend && (s.block?.buffer.byteLength ?? 0) === 0
  return bindingError(backend, s, b, offset, freed)
}

export class NativeBackend implements Backend {
  readonly name = 'native'
  readonly dtypes: readonly DType[] = dtypes
  readonly addon: Addon
  readonly blocks: Blocks
  readonly arenas: Arenas<Block>
  readonly isa: string
  private count: number

  constructor(addon: Addon, isa: string) {
    this.addon = addon
    this.isa = isa
    const blocks = new Blocks(addon)
    this.blocks = blocks
    this.arenas = new Arenas(
      () =>
        new Arena(
          (bytes) => blocks.take(bytes),
          (block) => blocks.give(block),
        ),
    )
    addon.start(isa)
    this.count = addon.setThreads(checkThreads(Number(env('NABLA_THREADS') ?? cores())))
  }

  alloc(dtype: DType, length: number): Storage {
    checkLength(length)
    return new NativeStorage(this, dtype, length, this.blocks.take(length * bytesOf(dtype)), true)
  }

  from(dtype: DType, data: TypedArray): Storage {
    const { buffer, byteLength } = data
    // Small arrays are copied: their buffers may live in V8's heap, and an address costs more than the copy. So are
    // those that do not begin with a cache line, since every load would read two; but not what fills much memory.
    if (
      byteLength > SMALL &&
      buffer instanceof ArrayBuffer &&
      buffer.byteLength === byteLength &&
      !(buffer as { resizable?: boolean }).resizable
    ) {
      const ptr = this.addon.address(buffer)
      if (ptr % ALIGN === 0 || (ptr % 16 === 0 && byteLength > MUCH)) {
        const block = { buffer, offset: 0, ptr, bytes: byteLength }
        return new NativeStorage(this, dtype, data.length, block, false)
      }
    }
    const storage = this.alloc(dtype, data.length)
    storage.write(data)
    return storage
  }

  compile(graph: Graph, family: object = {}): Executable {
    return executableOf(
      graph,
      this,
      (program, part) => this.load(program, part, family),
      family,
      layers,
    )
  }
  load(program: Program, graph: Graph, family: object = {}): Executable {
    return new NativeExecutable(this, program, graph, family)
  }

  /** For a worker of later.ts. */
  engine(): Engine {
    return { file: loadAddon().file!, isa: this.isa, threads: this.count }
  }

  info(): Record<string, string | number> {
    return {
      backend: this.name,
      isa: this.isa,
      threads: this.count,
      ...runtime,
    }
  }

  get threads(): number {
    return this.count
  }
  set threads(count: number) {
    this.count = this.addon.setThreads(checkThreads(count))
  }
}

let instance: NativeBackend | undefined

/** The C++ core as a Node-API addon; undefined where it was not built. */
export function nativeBackend(): Backend | undefined {
  if (instance) return instance
  const { addon } = loadAddon()
  if (!addon) return undefined
  const isas = addon.isas()
  const isa = env('NABLA_ISA') ?? isas[0]!
  if (!isas.includes(isa))
    throw new BackendError({
      op: 'native',
      rule: `NABLA_ISA must be one of ${isas.join(', ')} on this processor`,
      got: isa,
    })
  instance = new NativeBackend(addon, isa)
  return instance
}

/** Why `nativeBackend()` gives none. */
export const nativeProblem = (): string | undefined => loadAddon().reason
export { tellFallback } from '#platform'
