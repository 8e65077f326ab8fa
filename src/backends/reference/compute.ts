import {
  arrayFrom,
  bigints,
  type DType,
  isFloat,
  isHalf,
  newArray,
  numbersOf,
  rangeOf,
  type TypedArray,
} from '../../core/dtype.js'
import { BackendError, IndexError } from '../../core/errors.js'
import { philox } from '../../core/philox.js'
import { type Shape, sizeOf, stridesOf } from '../../core/shape.js'
import type { Node, Prim, ReduceFn } from '../ir.js'
import { mapFunction } from './scalar.js'
import { each, place } from './coordinates.js'
import { factorize } from './linalg.js'
import { recurrent, recurrentBack } from './recurrent.js'
import { windowed } from './windows.js'

/** Strides by which a value of `shape` is read at the coordinates of a shape that it broadcasts to. */
function broadcastStrides(shape: Shape, to: Shape): number[] {
  const own = stridesOf(shape)
  const extra = to.length - shape.length
  return to.map((_, a) => (a < extra || shape[a - extra] === 1 ? 0 : own[a - extra]!))
}

const start = { sum: 0, prod: 1 }
/** Two values into one; NaN wins over every number. */
function combine(fn: ReduceFn, dtype: DType): (a: number, b: number) => number {
  if (dtype === 'int64')
    return mapFunction(
      ({ sum: 'add', prod: 'mul', max: 'maximum', min: 'minimum' } as const)[fn],
      dtype,
      dtype,
    ) as (a: number, b: number) => number
  const int = !isFloat(dtype)
  if (fn === 'sum') return int ? (a, b) => (a + b) | 0 : (a, b) => a + b
  if (fn === 'prod') return int ? Math.imul : (a, b) => a * b
  return fn === 'max' ? Math.max : Math.min
}
/** The value that a reduction starts from. */
function startOf(fn: ReduceFn, dtype: Node['dtype']): number {
  if (dtype === 'bool') return fn === 'max' || fn === 'sum' ? 0 : 1
  if (fn === 'max') return rangeOf(dtype)[0]
  if (fn === 'min') return rangeOf(dtype)[1]
  return start[fn]
}
/** The same as an element. */
function bigStart(fn: ReduceFn, dtype: DType): number {
  const x = startOf(fn, dtype)
  if (dtype !== 'int64') return x
  // The largest int64 is no number.
  return (
    fn === 'min' ? bigints(arrayFrom(dtype, [2n ** 63n - 1n])) : arrayFrom(dtype, [x])
  )[0] as number
}
type Put = Extract<Prim, { op: 'put' }>['mode']
function merge(mode: Put, dtype: DType): (a: number, b: number) => number {
  if (mode === 'set') return (_, b) => b
  return combine(({ add: 'sum', mul: 'prod', max: 'max', min: 'min' } as const)[mode], dtype)
}
/** Does b beat a, so that the first of equals and NaN stay? */
const beats = (fn: 'max' | 'min', a: number, b: number) =>
  !Number.isNaN(a) && (Number.isNaN(b) || (fn === 'max' ? b > a : b < a))

function checkIndex(n: Node, value: number, extent: number): number {
  if (!(value >= 0 && value < extent))
    throw new IndexError({
      op: n.label.operation,
      rule: `an index must lie from 0 to ${extent - 1}`,
      got: `${value}`,
    })
  return value
}

/**
 * The value of one node from those of its inputs; of several outputs that one, whose shape and type are then the node's.
 * Half types are computed with in double precision and rounded once.
 */
export function compute(
  n: Node,
  args: readonly TypedArray[],
  inputs: readonly TypedArray[],
  offsets: readonly number[],
  which = 0,
): TypedArray {
  const { dtype, prim } = n
  const size = sizeOf(n.shape)
  const numbers = args.map((a, i) => numbersIn(n.inputs[i]!.dtype, a))
  if (!isHalf(dtype)) return fill(n, numbers, inputs, offsets, newArray(dtype, size), which)
  const given =
    prim.op === 'input'
      ? inputs.map((a, i) => (i === prim.index ? numbersOf(dtype, a) : a))
      : inputs
  return arrayFrom(dtype, fill(n, numbers, given, offsets, new Float64Array(size), which))
}
const numbersIn = (dtype: DType, data: TypedArray) =>
  isHalf(dtype) ? numbersOf(dtype, data) : data

/** Writes the elements of a node; half types are given and written as numbers, int64 as bigints. */
function fill(
  n: Node,
  args: readonly TypedArray[],
  inputs: readonly TypedArray[],
  offsets: readonly number[],
  out: TypedArray,
  which: number,
): TypedArray {
  const { prim, shape, dtype } = n
  const big = dtype === 'int64'
  /** A number as an element. */
  const element = (x: number) => (big ? arrayFrom(dtype, [x])[0]! : x)
  const [x, y, z] = args
  const inShape = (i: number): Shape => n.inputs[i]!.shape
  switch (prim.op) {
    case 'input': {
      const from = inputs[prim.index]!
      const first = (offsets[prim.index] ?? 0) + prim.offset
      each(shape, (at, i) => {
        out[i] = from[first + place(at, prim.strides)]!
      })
      return out
    }
    case 'const':
      return out.fill(element(dtype === 'bool' ? Number(Boolean(prim.value)) : prim.value))
    case 'iota':
      each(shape, (at, i) => {
        out[i] = at[prim.axis]!
      })
      return out
    case 'random':
      philox(x![0]!, x![1]!, x![2]!, 0, out as Int32Array)
      return out
    case 'map': {
      const from = n.inputs[n.inputs.length - 1]!.dtype
      const f = mapFunction(prim.fn, from, dtype)
      const strides = n.inputs.map((t) => broadcastStrides(t.shape, shape))
      each(shape, (at, i) => {
        const a = x![place(at, strides[0]!)]!
        const b = y ? y[place(at, strides[1]!)]! : 0
        const c = z ? z[place(at, strides[2]!)]! : 0
        out[i] = f(a, b, c)
      })
      return out
    }
    case 'check':
      for (const v of x!)
        if (!(v >= prim.lo && v < prim.hi) && v !== prim.except)
          throw new IndexError({
            op: n.label.operation,
            rule: `${prim.what} must lie from ${prim.lo} to ${prim.hi - 1}`,
            got: `${v}`,
          })
      out.set(x!)
      return out
    case 'reduce': {
      // Sums are kept in double precision until the end.
      const f = combine(prim.fn, dtype)
      const strides = stridesOf(shape).map((s, a) => (prim.axes.includes(a) ? 0 : s))
      const total = big ? out : new Float64Array(out.length)
      total.fill(bigStart(prim.fn, dtype))
      each(inShape(0), (at, i) => {
        const p = place(at, strides)
        total[p] = f(total[p]!, x![i]!)
      })
      if (total !== out) out.set(total)
      return out
    }
    case 'argreduce': {
      const from = inShape(0)
      const own = stridesOf(from)
      const extent = from[prim.axis]!
      each(shape, (at, i) => {
        const base = place(at, own)
        let best = 0
        for (let k = 1; k < extent; k++)
          if (beats(prim.fn, x![base + best * own[prim.axis]!]!, x![base + k * own[prim.axis]!]!))
            best = k
        out[i] = best
      })
      return out
    }
    case 'host':
    case 'output':
      throw new BackendError({
        op: 'output',
        rule: 'outputs are computed from the inputs of their node',
      })
    case 'reshape':
      out.set(x!)
      return out
    case 'view': {
      const own = stridesOf(inShape(0))
      const base = place(prim.view.offset, own)
      each(shape, (at, i) => {
        let p = base
        prim.view.axes.forEach((parts, o) => {
          for (const [axis, step] of parts) p += step * own[axis]! * at[o]!
        })
        out[i] = x![p]!
      })
      return out
    }
    case 'place': {
      if (y) out.set(y)
      else out.fill(element(prim.fill))
      const own = stridesOf(shape)
      const base = place(prim.view.offset, own)
      each(prim.view.shape, (at, i) => {
        let p = base
        prim.view.axes.forEach((parts, o) => {
          for (const [axis, step] of parts) p += step * own[axis]! * at[o]!
        })
        out[p] = prim.accumulate ? out[p]! + x![i]! : x![i]!
      })
      return out
    }
    case 'concat': {
      const own = stridesOf(shape)
      let first = 0
      n.inputs.forEach((t, k) => {
        each(t.shape, (at, i) => {
          out[place(at, own) + first * own[prim.axis]!] = args[k]![i]!
        })
        first += t.shape[prim.axis]!
      })
      return out
    }
    case 'matmul': {
      const [rows, cols] = [shape[shape.length - 2]!, shape[shape.length - 1]!]
      const inner = inShape(0)[inShape(0).length - 1]!
      each(shape, (at, i) => {
        const batch = Math.floor(i / (rows * cols))
        const r = at[at.length - 2]!
        const c = at[at.length - 1]!
        let sum = element(0)
        for (let k = 0; k < inner; k++)
          sum += x![(batch * rows + r) * inner + k]! * y![(batch * inner + k) * cols + c]!
        out[i] = sum
      })
      return out
    }
    case 'take': {
      const own = stridesOf(inShape(0))
      const extent = inShape(0)[prim.axis]!
      each(shape, (at, i) => {
        const k = checkIndex(n, y![at[prim.axis]!]!, extent)
        out[i] = x![place(at, own) + (k - at[prim.axis]!) * own[prim.axis]!]!
      })
      return out
    }
    case 'put': {
      out.set(x!)
      const own = stridesOf(shape)
      const f = merge(prim.mode, dtype)
      for (const k of y!) checkIndex(n, k, shape[prim.axis]!)
      each(inShape(2), (at, i) => {
        const p = place(at, own) + (y![at[prim.axis]!]! - at[prim.axis]!) * own[prim.axis]!
        out[p] = f(out[p]!, z![i]!)
      })
      return out
    }
    case 'gather': {
      const own = stridesOf(inShape(0))
      each(shape, (at, i) => {
        const k = checkIndex(n, y![i]!, inShape(0)[prim.axis]!)
        out[i] = x![place(at, own) + (k - at[prim.axis]!) * own[prim.axis]!]!
      })
      return out
    }
    case 'scatter': {
      out.set(x!)
      const own = stridesOf(shape)
      const f = merge(prim.mode, dtype)
      each(inShape(1), (at, i) => {
        const k = checkIndex(n, y![i]!, shape[prim.axis]!)
        const p = place(at, own) + (k - at[prim.axis]!) * own[prim.axis]!
        out[p] = f(out[p]!, z![i]!)
      })
      return out
    }
    case 'scan': {
      const own = stridesOf(shape)
      const step = own[prim.axis]!
      const arg = prim.fn === 'argmax' || prim.fn === 'argmin'
      const fn = arg ? (prim.fn === 'argmax' ? 'max' : 'min') : (prim.fn as ReduceFn)
      const f = combine(fn, n.inputs[0]!.dtype)
      // The index is that of the last element which reaches the extreme so far; NaN stays.
      const reaches = (a: number, b: number) =>
        Number.isNaN(b) || (!Number.isNaN(a) && (fn === 'max' ? b >= a : b <= a))
      const first = shape.map((m, a) => (a === prim.axis ? Math.min(1, m) : m))
      each(first, (at) => {
        const base = place(at, own)
        let total = 0
        let best = 0
        for (let k = 0; k < shape[prim.axis]!; k++) {
          const v = x![base + k * step]!
          if (k > 0 && reaches(total, v)) best = k
          total = k === 0 ? v : f(total, v)
          out[base + k * step] = arg ? best : total
        }
      })
      return out
    }
    case 'argsort': {
      const extent = shape[shape.length - 1]!
      const rank = (v: number) => (Number.isNaN(v) ? Number.POSITIVE_INFINITY : v)
      for (let row = 0; row < out.length; row += extent) {
        const order = Array.from({ length: extent }, (_, k) => k)
        order.sort((a, b) => {
          const [u, v] = [x![row + a]!, x![row + b]!]
          const nan = Number(Number.isNaN(u)) - Number(Number.isNaN(v))
          const d = nan !== 0 ? nan : rank(u) === rank(v) ? 0 : rank(u) < rank(v) ? -1 : 1
          return prim.descending ? -d : d
        })
        out.set(order, row)
      }
      return out
    }
    case 'lu':
    case 'cholesky':
    case 'solveTriangular':
    case 'qr':
    case 'householderProduct':
    case 'eigh':
    case 'svd':
    case 'fft':
      out.set(factorize(n, args)[which] ?? [])
      return out
    case 'searchsorted': {
      const [batch, extent] = inShape(0) as [number, number]
      const m = inShape(1)[1]!
      for (let b = 0; b < batch; b++)
        for (let j = 0; j < m; j++) {
          const v = y![b * m + j]!
          // By halves, which is defined for what is not sorted too, as PyTorch does.
          let [count, end] = [0, extent]
          while (count < end) {
            const half = (count + end) >> 1
            const s = x![b * extent + half]!
            const before = prim.right ? !(s > v) : s < v || (Number.isNaN(v) && !Number.isNaN(s))
            if (before) count = half + 1
            else end = half
          }
          out[b * m + j] = count
        }
      return out
    }
    case 'recurrent':
      recurrent(prim.run, inShape(1)[1]!, args, out)
      return out
    case 'recurrentBack':
      recurrentBack(prim.run, inShape(2)[1]!, args, out)
      return out
    default:
      windowed(n, prim, args, out, which)
      return out
  }
}
