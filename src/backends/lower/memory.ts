/** The memory of a plan: buffers and the steps between which they are in use; working memory by first fit. */
import { bytesOf, type DType } from '../../core/dtype.js'
import { type Buffer, eachBuffer, type PlanStep } from './plan.js'

const ALIGN = 64

export class Memory {
  readonly buffers: Buffer[] = []
  private readonly inputs = new Map<number, Buffer>()
  private add(dtype: DType, size: number, kind: Buffer['kind'], index = -1): Buffer {
    const first = Number.POSITIVE_INFINITY
    const id = this.buffers.length
    const bytes = size * bytesOf(dtype)
    const b: Buffer = { id, dtype, bytes, kind, index, offset: 0, first, last: -1 }
    this.buffers.push(b)
    return b
  }
  temporary(dtype: DType, size: number): Buffer {
    return this.add(dtype, size, 'arena')
  }
  output(dtype: DType, size: number, index: number): Buffer {
    return this.add(dtype, size, 'output', index)
  }
  input(dtype: DType, length: number, index: number): Buffer {
    let b = this.inputs.get(index)
    if (!b) {
      b = this.add(dtype, length, 'input', index)
      this.inputs.set(index, b)
    }
    return b
  }
}

/** The working memory of steps: when it is in use, and where it is. Gives its bytes. */
export function place(steps: readonly PlanStep[], buffers: readonly Buffer[]): number {
  for (const b of buffers) {
    b.first = Number.POSITIVE_INFINITY
    b.last = -1
  }
  for (let at = 0; at < steps.length; at++)
    eachBuffer(steps[at]!, (b) => {
      if (b.first > at) b.first = at
      b.last = at
    })
  return fit(buffers)
}

/** Gives working memory its places by first fit, the largest first; what does not live together may lie in one place. */
function fit(buffers: readonly Buffer[]): number {
  const arena = buffers.filter((b) => b.kind === 'arena' && b.bytes > 0 && b.last >= 0)
  arena.sort((a, b) => b.bytes - a.bytes || a.first - b.first)
  const steps = arena.reduce((most, b) => Math.max(most, b.last + 1), 0)
  // Those that live for a short time look only at what lives in their part of the time: parts overlap by half.
  const part = Math.max(64, Math.ceil(steps / 24))
  const parts = Array.from({ length: Math.ceil(steps / part) + 1 }, () => new Placed())
  const all = new Placed()
  let total = 0
  for (const b of arena) {
    const low = Math.floor(b.first / part)
    const short = b.last < (low + 2) * part
    const at = (short ? parts[low]! : all).place(b)
    b.offset = at
    const end = Math.ceil((at + b.bytes) / ALIGN) * ALIGN
    total = Math.max(total, end)
    all.add(b, end)
    for (let i = Math.max(0, low - 1); i * part <= b.last; i++) parts[i]?.add(b, end)
  }
  return total
}

/** What is placed already, in order of place. */
class Placed {
  private readonly list: Buffer[] = []
  private readonly ends: number[] = []

  /** The lowest place that is free while the buffer is in use. */
  place(b: Buffer): number {
    const { list, ends } = this
    let at = 0
    for (let i = 0; i < list.length; i++) {
      const q = list[i]!
      if (q.first > b.last || b.first > q.last) continue
      if (at + b.bytes <= q.offset) break
      if (ends[i]! > at) at = ends[i]!
    }
    return at
  }

  add(b: Buffer, end: number): void {
    const { list, ends } = this
    let low = 0
    for (let high = list.length; low < high; ) {
      const middle = (low + high) >> 1
      if (list[middle]!.offset <= b.offset) low = middle + 1
      else high = middle
    }
    list.splice(low, 0, b)
    ends.splice(low, 0, end)
  }
}
