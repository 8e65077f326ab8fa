/** What fused kernels compute: element by element, and reductions. */
import { IndexError } from '../../core/errors.js'
import { philox } from '../../core/philox.js'
import { broadcastShapes, type Shape, sizeOf, stridesOf } from '../../core/shape.js'
import { broadcastStrides, combine, identityOf } from '../reference/combine.js'
import { each, place } from '../reference/coordinates.js'
import { mapFunction } from '../reference/scalar.js'
import type { ReduceFn } from '../ir.js'
import { type MapFn, tests } from '../scalar.js'
import { along, indices, type Records, same } from './record.js'

export interface ElementwisePrims {
  /** Elementwise; the inputs broadcast to the node's shape. */
  map: { fn: MapFn }
  /** As 'copy', but the run fails with an index error unless lo <= x < hi (or x == except). int32. */
  check: { lo: number; hi: number; except?: number; what: string }
  /** int32 random bits by Philox4x32-10; the input is int32[3]: key low, key high, counter block. See core/philox.ts. */
  random: { shape: Shape }
  /** Reduced axes stay with extent 1. Sum of float32 is accurate as pairwise summation at least. max and min propagate NaN. */
  reduce: { fn: ReduceFn; axes: readonly number[] }
}

export const elementwisePrims = {
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
    batch: 'own',
    reference({ prim, inputs, shape, dtype }, [x, y, z], [out]) {
      const f = mapFunction(prim.fn, inputs[inputs.length - 1]!.dtype, dtype)
      const strides = inputs.map((t) => broadcastStrides(t.shape, shape))
      const { length } = inputs
      each(shape, (at, i) => {
        const a = x[place(at, strides[0]!)]!
        const b = length > 1 ? y[place(at, strides[1]!)]! : 0
        const c = length > 2 ? z[place(at, strides[2]!)]! : 0
        out[i] = f(a, b, c)
      })
    },
  },
  check: {
    gives: same,
    as: 'fused',
    batch: 'leading',
    reference({ prim, label }, [x], [out]) {
      for (const v of x)
        if (!(v >= prim.lo && v < prim.hi) && v !== prim.except)
          throw new IndexError({
            op: label.operation,
            rule: `${prim.what} must lie from ${prim.lo} to ${prim.hi - 1}`,
            got: `${v}`,
          })
      out.set(x)
    },
  },
  random: {
    gives: ({ shape }) => indices(shape),
    as: 'fused',
    batch: 'own',
    reference: (_, [x], [out]) => philox(x[0]!, x[1]!, x[2]!, 0, out as Int32Array),
  },
  reduce: {
    gives: ({ axes }, [x]) => ({ shape: along(x!, axes, 1), dtype: x!.dtype }),
    flops: (_, [x]) => sizeOf(x!.shape),
    as: 'fused',
    batch: 'own',
    reference({ prim, inputs, shape, dtype }, [x], [out]) {
      // Sums are kept in double precision until the end.
      const f = combine(prim.fn, dtype)
      const strides = stridesOf(shape).map((s, a) => (prim.axes.includes(a) ? 0 : s))
      const total = dtype === 'int64' ? out : new Float64Array(out.length)
      total.fill(identityOf(prim.fn, dtype))
      each(inputs[0]!.shape, (at, i) => {
        const p = place(at, strides)
        total[p] = f(total[p]!, x[i]!)
      })
      if (total !== out) out.set(total)
    },
  },
} satisfies Records<keyof ElementwisePrims>
