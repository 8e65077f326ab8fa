/**
 * Products with sparse matrices by compressed rows, where the elements of row r are pointer[r] to pointer[r + 1] − 1, and with
 * those that have as many in each row.
 */
import type { TypedArray } from '../../core/dtype.js'
import { type Shape, sizeOf } from '../../core/shape.js'
import { opcodes } from '../cpu/opcodes.js'
import { checkIndex } from '../reference/combine.js'
import { along, type Called, type Computed, type Records, typeCode } from './record.js'

export interface SparsePrims {
  /** pointer (rows + 1) and column (count), int32, x (cols, features) [, values (count) [, order (count), int32]]: Σ values[order[j]] x[column[j]] over the elements of each row, (rows, features). A number out of range fails the run. */
  spmm: object
  /** pointer, column, a (rows, features), b (cols, features): for each element the product of its row of a with its row of b, (count). */
  sddmm: object
  /**
   * x, place (k, m), int32 [, weight (k, m)]: y[i] = Σ_k weight[k][i] x[place[k][i]] along the axis; the place −1 has no part.
   * A number out of range fails the run.
   */
  taps: { axis: number }
  /** Its adjoint, from the gradient of y: of x, whose axis has n places. */
  tapsBack: { axis: number; n: number }
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

/** The rows before an axis and the numbers for each place of it. */
const around = (shape: Shape, axis: number): [rows: number, inner: number] => [
  sizeOf(shape.slice(0, axis)),
  sizeOf(shape.slice(axis + 1)),
]
/** Calls back with the flat places that each tap joins: of x (rows, n, inner) and of y (rows, m, inner). */
function eachTap(
  n: Computed<'taps'> | Computed<'tapsBack'>,
  [, place, weight]: readonly (TypedArray | undefined)[],
  count: number,
  visit: (x: number, y: number, weight: number) => void,
): void {
  const [k, m] = n.inputs[1]!.shape as [number, number]
  const [rows, inner] = around(n.inputs[0]!.shape, n.prim.axis)
  for (let j = 0; j < k * m; j++) {
    const p = place![j] as number
    if (p === -1) continue
    checkIndex(n, p, count)
    for (let r = 0; r < rows; r++)
      for (let f = 0; f < inner; f++)
        visit((r * count + p) * inner + f, (r * m + (j % m)) * inner + f, weight ? (weight[j] as number) : 1) // biome-ignore format: a line
  }
}
const tapWords = (
  opcode: number,
  {
    inputs: [a, place, weight],
    outputs: [b],
    check,
  }: Pick<Called<'taps'>, 'inputs' | 'outputs' | 'check'>,
  axis: number,
  n: number,
) => {
  const [k, m] = place.shape as [number, number]
  const [rows, inner] = around(a.shape, axis)
  return [opcode, typeCode(b), rows, n, m, inner, k, place, weight, a, b, check]
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
  taps: {
    gives: ({ axis }, [x, place]) => ({ shape: along(x!, [axis], place!.shape[1]!), dtype: x!.dtype }), // biome-ignore format: a line
    flops: (_, [, place], out) => 2 * sizeOf(out) * place!.shape[0]!,
    as: 'call',
    checks: 'a place',
    batch: 'own',
    words: (step) => tapWords(opcodes.TAPS, step, step.prim.axis, step.inputs[0].shape[step.prim.axis]!), // biome-ignore format: a line
    reference(n, args, [y]) {
      y.fill(0)
      eachTap(n, args, n.inputs[0]!.shape[n.prim.axis]!, (from, to, w) => {
        ;(y[to] as number) += w * (args[0][from] as number)
      })
    },
  },
  tapsBack: {
    gives: ({ axis, n }, [ct]) => ({ shape: along(ct!, [axis], n), dtype: ct!.dtype }),
    flops: (_, [ct, place]) => 2 * sizeOf(ct!.shape) * place!.shape[0]!,
    as: 'call',
    checks: 'a place',
    batch: 'own',
    words: (step) => tapWords(opcodes.TAPS_BACK, step, step.prim.axis, step.prim.n),
    reference(n, args, [x]) {
      x.fill(0)
      eachTap(n, args, n.prim.n, (to, from, w) => {
        ;(x[to] as number) += w * (args[0][from] as number)
      })
    },
  },
} satisfies Records<keyof SparsePrims>
