/** Products with sparse matrices by compressed rows: the elements of row r are pointer[r] to pointer[r + 1] − 1. */
import type { TypedArray } from '../../core/dtype.js'
import { sizeOf } from '../../core/shape.js'
import { opcodes } from '../cpu/opcodes.js'
import { checkIndex } from '../reference/combine.js'
import { type Called, type Computed, type Records, typeCode } from './record.js'

export interface SparsePrims {
  /** pointer (rows + 1) and column (count), int32, x (cols, features) [, values (count) [, order (count), int32]]: Σ values[order[j]] x[column[j]] over the elements of each row, (rows, features). A number out of range fails the run. */
  spmm: object
  /** pointer, column, a (rows, features), b (cols, features): for each element the product of its row of a with its row of b, (count). */
  sddmm: object
}

/** rows, cols, count, features of program.h. */
const head = (
  inputs: Called<'spmm' | 'sddmm'>['inputs'],
  cols: number,
  features: number,
): number[] => [sizeOf(inputs[0].shape) - 1, cols, sizeOf(inputs[1].shape), features]

/** Calls back with every element of every row. */
function eachElement(
  n: Computed<'spmm'> | Computed<'sddmm'>,
  [pointer, column]: readonly TypedArray[],
  cols: number,
  visit: (row: number, column: number, element: number) => void,
): void {
  const rows = pointer!.length - 1
  const count = column!.length
  for (let r = 0; r <= rows; r++) {
    const least = r === 0 ? 0 : r === rows ? count : (pointer![r - 1] as number)
    checkIndex(n, (pointer![r] as number) - least, (r === 0 ? 0 : count - least) + 1)
  }
  for (const c of column!) checkIndex(n, c as number, cols)
  for (let r = 0; r < rows; r++)
    for (let j = pointer![r] as number; j < (pointer![r + 1] as number); j++)
      visit(r, column![j] as number, j)
}

export const sparsePrims = {
  spmm: {
    gives: (_, [pointer, , x]) => ({
      shape: [pointer!.shape[0]! - 1, x!.shape[1]!],
      dtype: x!.dtype,
    }),
    flops: (_, [, column, x]) => 2 * column!.shape[0]! * x!.shape[1]!,
    as: 'call',
    checks: 'a row or column',
    batch: 'unrolled',
    words({ inputs, outputs: [to], check }) {
      const [pointer, column, x, values, order] = inputs
      const extents = head(inputs, x.shape[0]!, x.shape[1]!)
      return [
        ...[opcodes.SPMM, typeCode(to), ...extents],
        ...[pointer, column, values, order, x, to, check],
      ]
    },
    reference(n, args, [out]) {
      const [, , x, values, order] = args
      const [cols, features] = n.inputs[2]!.shape as [number, number]
      out.fill(0)
      eachElement(n, args, cols, (r, c, j) => {
        const place = order ? checkIndex(n, order[j] as number, order.length) : j
        const v = values ? (values[place] as number) : 1
        for (let f = 0; f < features; f++)
          (out[r * features + f] as number) += v * (x[c * features + f] as number)
      })
    },
  },
  sddmm: {
    gives: (_, [, column, a]) => ({ shape: column!.shape, dtype: a!.dtype }),
    flops: (_, [, column, a]) => 2 * column!.shape[0]! * a!.shape[1]!,
    as: 'call',
    checks: 'a row or column',
    batch: 'unrolled',
    words({ inputs, outputs: [to], check }) {
      const [pointer, column, a, b] = inputs
      const extents = head(inputs, b!.shape[0]!, a.shape[1]!)
      return [opcodes.SDDMM, typeCode(to), ...extents, pointer, column, a, b, to, check]
    },
    reference(n, args, [out]) {
      const [, , a, b] = args
      const [cols, features] = n.inputs[3]!.shape as [number, number]
      eachElement(n, args, cols, (r, c, j) => {
        let s = 0
        for (let f = 0; f < features; f++)
          s += (a[r * features + f] as number) * (b![c * features + f] as number)
        out[j] = s
      })
    },
  },
} satisfies Records<keyof SparsePrims>
