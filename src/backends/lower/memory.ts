/** The memory of a plan: buffers and the steps between which they are in use; working memory by first fit. */
import { bytesOf, type DType } from '../../core/dtype.js'
import type { Buffer } from './plan.js'

const ALIGN = 64

export class Memory {
  readonly buffers: Buffer[] = []
  private readonly inputs = new Map<number, Buffer>()
  /** Buffers that the group being written uses: they live until its last step. */
  private readonly touched = new Set<Buffer>()

  private add(dtype: DType, bytes: number, kind: Buffer['kind'], index: number): Buffer {
    const first = Number.POSITIVE_INFINITY
    const id = this.buffers.length
    const b: Buffer = { id, dtype, bytes, kind, index, offset: 0, first, last: -1 }
    this.buffers.push(b)
    return this.touch(b)
  }
  temporary(dtype: DType, size: number): Buffer {
    return this.add(dtype, size * bytesOf(dtype), 'arena', -1)
  }
  output(dtype: DType, size: number, index: number): Buffer {
    return this.add(dtype, size * bytesOf(dtype), 'output', index)
  }
  input(dtype: DType, length: number, index: number): Buffer {
    let b = this.inputs.get(index)
    if (!b) {
      b = this.add(dtype, length * bytesOf(dtype), 'input', index)
      this.inputs.set(index, b)
    }
    return this.touch(b)
  }
  touch(b: Buffer): Buffer {
    this.touched.add(b)
    return b
  }

  /** What was touched is in use from one step to the other. */
  close(first: number, last: number): void {
    for (const b of this.touched) {
      b.first = Math.min(b.first, first)
      b.last = Math.max(b.last, last)
    }
    this.touched.clear()
  }

  /** Working memory by first fit, the largest first; what does not live together may lie in one place. */
  fit(): number {
    const arena = this.buffers.filter((b) => b.kind === 'arena' && b.bytes > 0)
    arena.sort((a, b) => b.bytes - a.bytes || a.first - b.first)
    // What is placed, in columns, in order of place.
    const n = arena.length
    const starts = new Float64Array(n)
    const ends = new Float64Array(n)
    const first = new Int32Array(n)
    const last = new Int32Array(n)
    let total = 0
    arena.forEach((b, count) => {
      let at = 0
      for (let i = 0; i < count; i++) {
        if (first[i]! > b.last || b.first > last[i]!) continue
        if (at + b.bytes <= starts[i]!) break
        if (ends[i]! > at) at = ends[i]!
      }
      const end = Math.ceil((at + b.bytes) / ALIGN) * ALIGN
      let low = 0
      for (let high = count; low < high; ) {
        const middle = (low + high) >> 1
        if (starts[middle]! <= at) low = middle + 1
        else high = middle
      }
      for (const column of [starts, ends, first, last]) column.copyWithin(low + 1, low, count)
      starts[low] = at
      ends[low] = end
      first[low] = b.first
      last[low] = b.last
      b.offset = at
      total = Math.max(total, end)
    })
    return total
  }
}
