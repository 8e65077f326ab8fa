/** Products of matrices. */
import { sizeOf } from '../../core/shape.js'
import { opcodes } from '../cpu/opcodes.js'
import type { Block } from '../lower/plan.js'
import { elementOf } from '../reference/combine.js'
import { each } from '../reference/coordinates.js'
import { type Records, typeCode, type Word } from './record.js'

export interface ProductPrims {
  /** (..., M, K) x (..., K, N) with equal batch axes (expand them before); float. */
  matmul: object
}

export const productPrims = {
  matmul: {
    gives: (_, [a, b]) => ({
      shape: [...a!.shape.slice(0, -1), b!.shape[b!.shape.length - 1]!],
      dtype: a!.dtype,
    }),
    flops: (_, [a], out) => 2 * sizeOf(out) * a!.shape[a!.shape.length - 1]!,
    as: 'call',
    strided: true,
    biasAxis: -1,
    batch: 'leading',
    words({ inputs: [a, b], outputs: [to], bias }) {
      const rank = to.shape.length - 2
      const [m, n] = to.shape.slice(-2) as [number, number]
      const side = (x: Block): Word[] => [
        x,
        x.strides[rank]!,
        x.strides[rank + 1]!,
        ...x.strides.slice(0, rank).map((s, i) => (x.shape[i] === 1 ? 0 : s)),
      ]
      return [
        opcodes.MATMUL, typeCode(a), typeCode(to), rank, ...to.shape.slice(0, rank), m, n, a.shape[rank + 1]!,
        ...side(a), ...side(b), to, n, ...to.strides.slice(0, rank), bias,
      ] // biome-ignore format: operands in the order of program.h
    },
    reference({ shape, dtype, inputs }, [x, y], [out]) {
      const [rows, cols] = shape.slice(-2) as [number, number]
      const inner = inputs[0]!.shape[inputs[0]!.shape.length - 1]!
      each(shape, (at, i) => {
        const batch = Math.floor(i / (rows * cols))
        const r = at[at.length - 2]!
        const c = at[at.length - 1]!
        let sum = elementOf(dtype, 0)
        for (let k = 0; k < inner; k++)
          sum += x[(batch * rows + r) * inner + k]! * y[(batch * inner + k) * cols + c]!
        out[i] = sum
      })
    },
  },
} satisfies Records<keyof ProductPrims>
