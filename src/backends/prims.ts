/**
 * One record a primitive: what it gives, what it costs, how its operands must lie. The table is exhaustive by type: a
 * primitive without a record does not compile.
 */
import type { DType } from '../core/dtype.js'
import { BackendError } from '../core/errors.js'
import { broadcastShapes, type Shape, sizeOf } from '../core/shape.js'
import { type Call, callOf } from './call.js'
import { type Node, type Prim, recurrentCells, windowShape } from './ir.js'
import { tests } from './scalar.js'

export interface Typed {
  readonly shape: Shape
  readonly dtype: DType
}
type Op = Prim['op']
type PrimOf<K extends Op> = Extract<Prim, { op: K }>
type Inputs = readonly Typed[]

export interface PrimRecord<K extends Op = Op> {
  /** Shape and type of the first output; the only place that says so. `to` is the type that a cast asks for. */
  readonly gives: (prim: PrimOf<K>, inputs: Inputs, to?: DType) => Typed
  /** Those of the other outputs, which nodes of the primitive 'output' stand for. */
  readonly more?: (prim: PrimOf<K>, first: Typed) => readonly Typed[]
  /** Floating-point operations: products and sums of a matmul count each, moving data counts nothing (the default). */
  readonly flops?: (
    prim: PrimOf<K>,
    inputs: readonly { readonly shape: Shape }[],
    out: Shape,
  ) => number
  /**
   * How it comes to be: it is there ('given'), an expression of a fused kernel ('fused'), another look at its operand
   * where that can be had by strides ('view'), copies ('moves'), or a step of its own ('call').
   */
  readonly as: 'given' | 'fused' | 'view' | 'moves' | 'call'
  /** Are operands of a call read by strides? Otherwise they are contiguous. */
  readonly strided?: true
  /** The operand whose memory may become the result's, when nobody else wants it: the rest of it stays as it is. */
  readonly mayOverwrite?: number
  /** What an index that is out of range is called in the error; the primitive has such an operand. */
  readonly checks?: string
}

/** As the first operand, but for the axes named. */
const along = (x: Typed, axes: readonly number[], n: number): Shape =>
  x.shape.map((d, a) => (axes.includes(a) ? n : d))
const same = (_: unknown, [x]: Inputs): Typed => x!
const shaped = ({ shape }: { shape: Shape }, [x]: Inputs): Typed => ({ shape, dtype: x!.dtype })
const indices = (shape: Shape): Typed => ({ shape, dtype: 'int32' })
const cube = (n: number): number => n * n * n
const sizeOfFirst = (_: unknown, [x]: readonly { shape: Shape }[]) => sizeOf(x!.shape)
const pooled = ({ window }: PrimOf<'maxPool' | 'sumPool'>, [x]: Inputs): Typed => ({
  shape: [...x!.shape.slice(0, 2), ...windowShape(x!.shape.slice(2), window)],
  dtype: x!.dtype,
})
const poolFlops = ({ window }: PrimOf<'maxPool' | 'sumPool'>, _: unknown, out: Shape) =>
  sizeOf(out) * sizeOf(window.kernel)
const recurrentFlops = (
  { run }: PrimOf<'recurrent' | 'recurrentBack'>,
  inputs: readonly { shape: Shape }[],
) => {
  // Of the weights (gates · H, H), or of ct (rows, H).
  const H = inputs[1]!.shape[1]!
  return 2 * inputs[0]!.shape[0]! * H * H * recurrentCells[run.cell].gates
}
const given = (): never => {
  throw new BackendError({ op: 'infer', rule: 'inputs and constants carry their own shape' })
}

export const prims: { readonly [K in Op]: PrimRecord<K> } = {
  output: {
    gives: ({ index }, [x]) => outputsOf(x as Node)[index]!,
    as: 'call',
  },
  host: {
    gives: ({ gives }) => gives[0] ?? indices([0]),
    more: ({ gives }) => gives.slice(1),
    as: 'call',
  },
  input: { gives: given, as: 'given' },
  const: { gives: given, as: 'given' },
  iota: { gives: ({ shape }) => indices(shape), as: 'given' },
  map: {
    gives({ fn }, inputs, to) {
      const shape =
        inputs.length === 1 ? inputs[0]!.shape : broadcastShapes(fn, ...inputs.map((x) => x.shape))
      if (fn === 'cast') return { shape, dtype: to! }
      if (tests.has(fn)) return { shape, dtype: 'bool' }
      return { shape, dtype: inputs[inputs.length - 1]!.dtype }
    },
    flops: ({ fn }, _, out) => (fn === 'copy' || fn === 'cast' ? 0 : sizeOf(out)),
    as: 'fused',
  },
  check: { gives: same, as: 'fused' },
  random: { gives: ({ shape }) => indices(shape), as: 'fused' },
  reduce: {
    gives: ({ axes }, [x]) => ({ shape: along(x!, axes, 1), dtype: x!.dtype }),
    flops: sizeOfFirst,
    as: 'fused',
  },
  reshape: { gives: shaped, as: 'view' },
  view: { gives: ({ view }, [x]) => ({ shape: view.shape, dtype: x!.dtype }), as: 'view' },
  place: { gives: shaped, as: 'moves', mayOverwrite: 1 },
  concat: {
    gives: ({ axis }, inputs) => {
      const n = inputs.reduce((sum, x) => sum + x.shape[axis]!, 0)
      return { shape: along(inputs[0]!, [axis], n), dtype: inputs[0]!.dtype }
    },
    as: 'moves',
  },
  argreduce: {
    gives: ({ axis }, [x]) => indices(along(x!, [axis], 1)),
    flops: sizeOfFirst,
    as: 'call',
  },
  matmul: {
    gives: (_, [a, b]) => ({
      shape: [...a!.shape.slice(0, -1), b!.shape[b!.shape.length - 1]!],
      dtype: a!.dtype,
    }),
    flops: (_, [a], out) => 2 * sizeOf(out) * a!.shape[a!.shape.length - 1]!,
    as: 'call',
    strided: true,
  },
  take: {
    gives: ({ axis }, [x, index]) => ({
      shape: along(x!, [axis], sizeOf(index!.shape)),
      dtype: x!.dtype,
    }),
    as: 'call',
    checks: 'an index',
  },
  put: { gives: same, as: 'call', mayOverwrite: 0, checks: 'an index' },
  gather: {
    gives: (_, [x, index]) => ({ shape: index!.shape, dtype: x!.dtype }),
    as: 'call',
    checks: 'an index',
  },
  scatter: { gives: same, as: 'call', mayOverwrite: 0, checks: 'an index' },
  scan: {
    gives: ({ fn }, [x]) => (fn === 'argmax' || fn === 'argmin' ? indices(x!.shape) : x!),
    flops: sizeOfFirst,
    as: 'call',
  },
  lu: {
    gives: same,
    more: (_, { shape: [batch, m, n] }) => [indices([batch!, Math.min(m!, n!)]), indices([batch!])],
    flops: (_, [x]) => {
      const [batch, m, n] = x!.shape as [number, number, number]
      const k = Math.min(m, n)
      return Math.round(batch * (2 * m * n * k - (m + n) * k * k + (2 / 3) * k * k * k))
    },
    as: 'call',
  },
  cholesky: {
    gives: same,
    more: (_, { shape }) => [indices([shape[0]!])],
    flops: (_, [x]) => Math.round((x!.shape[0]! * cube(x!.shape[1]!)) / 3),
    as: 'call',
  },
  solveTriangular: {
    gives: (_, [, b]) => b!,
    flops: (_, [t], out) => sizeOf(out) * t!.shape[1]!,
    as: 'call',
  },
  qr: {
    gives: same,
    more: (_, { shape: [batch, m, n], dtype }) => [{ shape: [batch!, Math.min(m!, n!)], dtype }],
    flops: (_, [x]) => {
      const [batch, m, n] = x!.shape as [number, number, number]
      const k = Math.min(m, n)
      return Math.round(batch * (4 * m * n * k - 2 * (m + n) * k * k + (4 / 3) * k * k * k))
    },
    as: 'call',
  },
  householderProduct: {
    gives: ({ columns }, [x]) => ({
      shape: [x!.shape[0]!, x!.shape[1]!, columns],
      dtype: x!.dtype,
    }),
    flops: (_, [, tau], out) => 4 * sizeOf(out) * tau!.shape[1]!,
    as: 'call',
  },
  eigh: {
    gives: (_, [x]) => ({ shape: [x!.shape[0]!, x!.shape[1]!], dtype: x!.dtype }),
    more: (_, { shape: [batch, n], dtype }) => [{ shape: [batch!, n!, n!], dtype }],
    flops: (_, [x]) => 9 * x!.shape[0]! * cube(x!.shape[1]!),
    as: 'call',
  },
  svd: {
    gives: same,
    more: (_, { shape: [batch, , n], dtype }) => [
      { shape: [batch!, n!, n!], dtype },
      { shape: [batch!, n!], dtype },
    ],
    flops: (_, [x]) => 16 * sizeOf(x!.shape) * x!.shape[2]!,
    as: 'call',
  },
  fft: {
    gives: same,
    flops: (_, [x]) => Math.round(2.5 * sizeOf(x!.shape) * Math.log2(Math.max(2, x!.shape[1]!))),
    as: 'call',
  },
  argsort: { gives: (_, [x]) => indices(x!.shape), as: 'call' },
  searchsorted: { gives: (_, [, values]) => indices(values!.shape), as: 'call' },
  conv: {
    gives: ({ window }, [x, w]) => ({
      shape: [x!.shape[0]!, w!.shape[0]!, ...windowShape(x!.shape.slice(2), window)],
      dtype: x!.dtype,
    }),
    flops: (_, [, w], out) => 2 * sizeOf(out) * sizeOf(w!.shape.slice(1)),
    as: 'call',
  },
  convInput: {
    gives: shaped,
    flops: (_, [ct, w]) => 2 * sizeOf(ct!.shape) * sizeOf(w!.shape.slice(1)),
    as: 'call',
  },
  convWeight: {
    gives: shaped,
    flops: (_, [ct], out) => 2 * sizeOf(ct!.shape) * sizeOf(out.slice(1)),
    as: 'call',
  },
  maxPool: {
    gives: pooled,
    more: (_, { shape }) => [indices(shape)],
    flops: poolFlops,
    as: 'call',
  },
  sumPool: { gives: pooled, flops: poolFlops, as: 'call' },
  sumPoolInput: { gives: shaped, as: 'call' },
  maxPoolInput: { gives: shaped, as: 'call', checks: 'a place' },
  recurrent: {
    gives: ({ run }, [x, w]) => ({
      shape: [x!.shape[0]!, w!.shape[1]! * recurrentCells[run.cell].saved],
      dtype: x!.dtype,
    }),
    flops: recurrentFlops,
    as: 'call',
  },
  recurrentBack: {
    gives: ({ run }, [kept, ct]) => ({
      shape: [kept!.shape[0]!, ct!.shape[1]! * recurrentCells[run.cell].grads],
      dtype: kept!.dtype,
    }),
    flops: recurrentFlops,
    as: 'call',
  },
}

/** The record of a primitive, for those who take any of them. */
export const recordOf = (prim: Prim): PrimRecord => prims[prim.op] as unknown as PrimRecord

export function infer(prim: Prim, inputs: Inputs, to?: DType): Typed {
  return recordOf(prim).gives(prim, inputs, to)
}
/** Shape and type of every output of a node. */
export function outputsOf(n: { prim: Prim } & Typed): readonly Typed[] {
  return [n, ...(recordOf(n.prim).more?.(n.prim, n) ?? [])]
}
export function flopsOf(n: {
  prim: Prim
  shape: Shape
  inputs: readonly { shape: Shape }[]
}): number {
  return recordOf(n.prim).flops?.(n.prim, n.inputs, n.shape) ?? 0
}

export function node(
  prim: Prim,
  inputs: readonly Node[],
  dtype?: DType,
  label: Call = callOf(prim.op),
): Node {
  const { shape, dtype: type } = infer(prim, inputs, dtype)
  return { prim, inputs, shape, dtype: type, label, index: 0 }
}
export function constNode(value: number, dtype: DType): Node {
  return {
    prim: { op: 'const', value },
    inputs: [],
    shape: [],
    dtype,
    label: callOf('const'),
    index: 0,
  }
}
