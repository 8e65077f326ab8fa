/** What goes along an axis by the order of its elements, or compares them. */
import { sizeOf, stridesOf } from '../../core/shape.js'
import { opcodes } from '../cpu/opcodes.js'
import type { ReduceFn } from '../ir.js'
import { beats, combine } from '../reference/combine.js'
import { each, place } from '../reference/coordinates.js'
import { split } from './indexing.js'
import { along, indices, type Records, typeCode } from './record.js'

export interface OrderPrims {
  /** First index of the largest or smallest (NaN wins); int32; the axis stays with extent 1. */
  argreduce: { fn: 'max' | 'min'; axis: number }
  /** Running sum, product, maximum or minimum along an axis; argmax and argmin give the int32 index of the running extreme (last one on ties, as torch.cummax). */
  scan: { fn: ReduceFn | 'argmax' | 'argmin'; axis: number }
  /** Stable; NaN last (first when descending); int32 indices along the last axis. */
  argsort: { descending: boolean }
  /** sorted (B..., n), values (B..., m): insertion places, int32. */
  searchsorted: { right: boolean }
}

const scans = ['sum', 'prod', 'max', 'min', 'argmax', 'argmin']

export const extremePrims = {
  argreduce: {
    gives: ({ axis }, [x]) => indices(along(x!, [axis], 1)),
    flops: (_, [x]) => sizeOf(x!.shape),
    as: 'call',
    batch: 'later',
    words({ prim, inputs: [x], outputs: [to] }) {
      const extents = split(x.shape, prim.axis)
      return [opcodes.ARGREDUCE, typeCode(x), prim.fn === 'min' ? 1 : 0, ...extents, x, to]
    },
    reference({ prim, inputs, shape }, [x], [out]) {
      const from = inputs[0]!.shape
      const own = stridesOf(from)
      const extent = from[prim.axis]!
      each(shape, (at, i) => {
        const base = place(at, own)
        let best = 0
        for (let k = 1; k < extent; k++)
          if (beats(prim.fn, x[base + best * own[prim.axis]!]!, x[base + k * own[prim.axis]!]!))
            best = k
        out[i] = best
      })
    },
  },
} satisfies Records<'argreduce'>

/** Their instructions lie in a WebAssembly file of their own. */
export const orderPrims = {
  scan: {
    gives: ({ fn }, [x]) => (fn === 'argmax' || fn === 'argmin' ? indices(x!.shape) : x!),
    flops: (_, [x]) => sizeOf(x!.shape),
    as: 'call',
    batch: 'later',
    words({ prim, inputs: [x], outputs: [to] }) {
      return [
        opcodes.SCAN,
        typeCode(x),
        scans.indexOf(prim.fn),
        ...split(x.shape, prim.axis),
        x,
        to,
      ]
    },
    reference({ prim, inputs, shape }, [x], [out]) {
      const own = stridesOf(shape)
      const step = own[prim.axis]!
      const arg = prim.fn === 'argmax' || prim.fn === 'argmin'
      const fn = arg ? (prim.fn === 'argmax' ? 'max' : 'min') : (prim.fn as ReduceFn)
      const f = combine(fn, inputs[0]!.dtype)
      // The index is that of the last element which reaches the extreme so far; NaN stays.
      const reaches = (a: number, b: number) =>
        Number.isNaN(b) || (!Number.isNaN(a) && (fn === 'max' ? b >= a : b <= a))
      const first = shape.map((m, a) => (a === prim.axis ? Math.min(1, m) : m))
      each(first, (at) => {
        const base = place(at, own)
        let total = 0
        let best = 0
        for (let k = 0; k < shape[prim.axis]!; k++) {
          const v = x[base + k * step]!
          if (k > 0 && reaches(total, v)) best = k
          total = k === 0 ? v : f(total, v)
          out[base + k * step] = arg ? best : total
        }
      })
    },
  },
  argsort: {
    gives: (_, [x]) => indices(x!.shape),
    as: 'call',
    batch: 'leading',
    words({ prim, inputs: [x], outputs: [to] }) {
      const extent = to.shape[to.shape.length - 1]!
      const rows = sizeOf(to.shape) / extent
      return [opcodes.ARGSORT, typeCode(x), prim.descending ? 1 : 0, rows, extent, x, to]
    },
    reference({ prim, shape }, [x], [out]) {
      const extent = shape[shape.length - 1]!
      const rank = (v: number) => (Number.isNaN(v) ? Number.POSITIVE_INFINITY : v)
      for (let row = 0; row < out.length; row += extent) {
        const order = Array.from({ length: extent }, (_, k) => k)
        order.sort((a, b) => {
          const [u, v] = [x[row + a]!, x[row + b]!]
          const nan = Number(Number.isNaN(u)) - Number(Number.isNaN(v))
          const d = nan !== 0 ? nan : rank(u) === rank(v) ? 0 : rank(u) < rank(v) ? -1 : 1
          return prim.descending ? -d : d
        })
        out.set(order, row)
      }
    },
  },
  searchsorted: {
    gives: (_, [, values]) => indices(values!.shape),
    as: 'call',
    batch: 'own',
    words({ prim, inputs: [sorted, values], outputs: [to] }) {
      const extents = [...sorted.shape.slice(0, 2), to.shape[1]!]
      const right = prim.right ? 1 : 0
      return [opcodes.SEARCHSORTED, typeCode(sorted), right, ...extents, sorted, values, to]
    },
    reference({ prim, inputs }, [sorted, values], [out]) {
      const [batch, extent] = inputs[0]!.shape as [number, number]
      const m = inputs[1]!.shape[1]!
      for (let b = 0; b < batch; b++)
        for (let j = 0; j < m; j++) {
          const v = values[b * m + j]!
          // By halves, which is defined for what is not sorted too, as PyTorch does.
          let [count, end] = [0, extent]
          while (count < end) {
            const half = (count + end) >> 1
            const s = sorted[b * extent + half]!
            const before = prim.right ? !(s > v) : s < v || (Number.isNaN(v) && !Number.isNaN(s))
            if (before) count = half + 1
            else end = half
          }
          out[b * m + j] = count
        }
    },
  },
} satisfies Records<Exclude<keyof OrderPrims, 'argreduce'>>
