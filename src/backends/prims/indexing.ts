/** Elements and slices at indices that are data. */
import { type Shape, sizeOf, stridesOf } from '../../core/shape.js'
import { modes, opcodes } from '../cpu/opcodes.js'
import { checkIndex, merge, type MergeMode } from '../reference/combine.js'
import { each, place } from '../reference/coordinates.js'
import { along, type Records, same, typeCode } from './record.js'

export interface IndexingPrims {
  /** x, index (int32, one axis): the slices of x at index along the axis. Out of range fails the run. */
  take: { axis: number }
  /** base, index (one axis), src: base with its slices at index set to, or combined with, those of src. */
  put: { axis: number; mode: MergeMode }
  /** torch.gather: x, index of the same rank (extents may be smaller off the axis). */
  gather: { axis: number }
  /** torch.scatter_reduce with include_self: base, index, src. 'set' is torch.scatter. */
  scatter: { axis: number; mode: MergeMode }
}

/** Elements before an axis, along it, behind it. */
export const split = (shape: Shape, axis: number): [number, number, number] => [
  sizeOf(shape.slice(0, axis)),
  shape[axis]!,
  sizeOf(shape.slice(axis + 1)),
]

export const indexingPrims = {
  take: {
    gives: ({ axis }, [x, index]) => ({
      shape: along(x!, [axis], sizeOf(index!.shape)),
      dtype: x!.dtype,
    }),
    as: 'call',
    checks: 'an index',
    batch: 'own',
    words({ prim, inputs: [x, index], outputs: [to], check }) {
      const extents = [...split(x.shape, prim.axis), sizeOf(index.shape)]
      return [opcodes.TAKE, typeCode(to), ...extents, x, index, to, check]
    },
    reference(n, [x, index], [out]) {
      const { prim, inputs, shape } = n
      const own = stridesOf(inputs[0]!.shape)
      const extent = inputs[0]!.shape[prim.axis]!
      each(shape, (at, i) => {
        const k = checkIndex(n, index[at[prim.axis]!]!, extent)
        out[i] = x[place(at, own) + (k - at[prim.axis]!) * own[prim.axis]!]!
      })
    },
  },
  put: {
    gives: same,
    as: 'call',
    mayOverwrite: 0,
    fresh: true,
    checks: 'an index',
    batch: 'own',
    words({ prim, inputs: [base, index, src], outputs: [to], check }) {
      const extents = [...split(to.shape, prim.axis), sizeOf(index.shape)]
      const fresh = base ? 0 : 1
      return [opcodes.PUT, typeCode(to), modes[prim.mode], fresh, ...extents, index, src, to, check]
    },
    reference(n, [base, index, src], [out]) {
      const { prim, inputs, shape, dtype } = n
      out.set(base)
      const own = stridesOf(shape)
      const f = merge(prim.mode, dtype)
      for (const k of index) checkIndex(n, k, shape[prim.axis]!)
      each(inputs[2]!.shape, (at, i) => {
        const p = place(at, own) + (index[at[prim.axis]!]! - at[prim.axis]!) * own[prim.axis]!
        out[p] = f(out[p]!, src[i]!)
      })
    },
  },
  gather: {
    gives: (_, [x, index]) => ({ shape: index!.shape, dtype: x!.dtype }),
    as: 'call',
    checks: 'an index',
    batch: 'later',
    words: ({ prim, inputs: [x, index], outputs: [to], check }) => [
      opcodes.GATHER, typeCode(to), to.shape.length, prim.axis, ...x.shape, ...index.shape, x, index, to, check,
    ], // biome-ignore format: operands in the order of program.h
    reference(n, [x, index], [out]) {
      const { prim, inputs, shape } = n
      const own = stridesOf(inputs[0]!.shape)
      each(shape, (at, i) => {
        const k = checkIndex(n, index[i]!, inputs[0]!.shape[prim.axis]!)
        out[i] = x[place(at, own) + (k - at[prim.axis]!) * own[prim.axis]!]!
      })
    },
  },
  scatter: {
    gives: same,
    as: 'call',
    mayOverwrite: 0,
    checks: 'an index',
    batch: 'later',
    words({ prim, inputs: [, index, src], outputs: [to], check }) {
      const extents = [to.shape.length, prim.axis, ...to.shape, ...index.shape]
      return [opcodes.SCATTER, typeCode(to), modes[prim.mode], ...extents, index, src, to, check]
    },
    reference(n, [base, index, src], [out]) {
      const { prim, inputs, shape, dtype } = n
      out.set(base)
      const own = stridesOf(shape)
      const f = merge(prim.mode, dtype)
      each(inputs[1]!.shape, (at, i) => {
        const k = checkIndex(n, index[i]!, shape[prim.axis]!)
        const p = place(at, own) + (k - at[prim.axis]!) * own[prim.axis]!
        out[p] = f(out[p]!, src[i]!)
      })
    },
  },
} satisfies Records<keyof IndexingPrims>
