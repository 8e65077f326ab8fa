/** malloc and free in a WebAssembly memory: free lists by size class over a heap that only grows. */
import { arrayOn, bytesOf, type DType, type TypedArray } from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'

const PAGE = 65536
const ALIGN = 64

/** A block of the heap, aligned to a cache line. */
export interface HeapBlock {
  readonly ptr: number
  readonly bytes: number
}

/** Eight classes for each doubling, so that at most an eighth is wasted. */
export function classOf(bytes: number): number {
  const step = Math.max(ALIGN, 2 ** (Math.floor(Math.log2(Math.max(1, bytes))) - 3))
  return Math.max(step, Math.ceil(bytes / step) * step)
}

export class Heap {
  readonly memory: WebAssembly.Memory
  /** The memory as arrays; replaced when it grows, so never keep them. */
  u8!: Uint8Array
  i32!: Int32Array
  u32!: Uint32Array
  f32!: Float32Array
  private views = new Map<DType, TypedArray>()
  private top: number
  private end = 0
  private readonly lists = new Map<number, HeapBlock[]>()

  constructor(memory: WebAssembly.Memory, base: number) {
    this.memory = memory
    this.top = Math.ceil(base / ALIGN) * ALIGN
    this.refresh()
  }

  private refresh(): void {
    const { buffer } = this.memory
    this.u8 = new Uint8Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.f32 = new Float32Array(buffer)
    this.views = new Map<DType, TypedArray>([
      ['float32', this.f32],
      ['int32', this.i32],
      ['bool', this.u8],
    ])
    this.end = buffer.byteLength
  }

  /** The memory as elements of a type, to be indexed by address / bytesOf(dtype). */
  elements(dtype: DType): TypedArray {
    let view = this.views.get(dtype)
    if (!view) {
      const { buffer } = this.memory
      view = arrayOn(dtype, buffer, 0, Math.floor(buffer.byteLength / bytesOf(dtype)))
      this.views.set(dtype, view)
    }
    return view
  }

  /** At least `bytes`; contents undefined. May grow the memory. */
  take(bytes: number): HeapBlock {
    const size = classOf(bytes)
    const free = this.lists.get(size)?.pop()
    if (free) return free
    if (this.top + size > this.end && !this.grow(this.top + size - this.end)) {
      const larger = [...this.lists.keys()].filter((n) => n > size && this.lists.get(n)!.length > 0)
      const block = this.lists.get(Math.min(...larger))?.pop()
      if (block) return block
      throw new BackendError({
        op: 'wasm',
        rule: `${bytes} more bytes of memory are needed`,
        got: `${this.end} bytes in use, and the WebAssembly memory cannot grow by ${size}`,
        fix: 'Use smaller batches, free tensors with dispose(), or use the native backend',
      })
    }
    const block = { ptr: this.top, bytes: size }
    this.top += size
    return block
  }

  private grow(bytes: number): boolean {
    const needed = Math.ceil(bytes / PAGE)
    // Half as much again, so that growing stays rare; what is needed when that cannot be had.
    for (const pages of [Math.max(needed, Math.floor(this.end / PAGE / 2)), needed])
      try {
        this.memory.grow(pages)
        this.refresh()
        return true
      } catch {}
    return false
  }

  give(block: HeapBlock): void {
    if (block.ptr + block.bytes === this.top) {
      this.top = block.ptr
      return
    }
    const list = this.lists.get(block.bytes)
    if (list) list.push(block)
    else this.lists.set(block.bytes, [block])
  }
}
