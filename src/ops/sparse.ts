/** Products of sparse and dense matrices. */
import { rare } from '../backends/prims.js'
import { sparsePrims } from '../backends/prims/sparse.js'
import { ShapeError, show } from '../core/errors.js'
import { defineOp, type Grads, operands } from './define.js'
import { asIndices } from './indices.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'

/**
 * Where the elements of a sparse matrix (rows, cols) stand, by rows and by columns, int32:
 * - pointer (rows + 1): the elements of row r are number pointer[r] to pointer[r + 1] − 1
 * - column (count): the column of each
 * - the same of the transposed matrix: columnPointer (cols + 1), row (count)
 * - order (count): the number of each element of the transposed matrix among those by rows
 */
export type Pattern = readonly [
  pointer: Tensor,
  column: Tensor,
  columnPointer: Tensor,
  row: Tensor,
  order: Tensor,
]

/** The pattern as inputs, (rows, cols) and the number of elements. */
function read(op: string, pattern: readonly Tensor[]) {
  const inputs = pattern.map((t) => asIndices(op, t))
  const [pointer, column, columnPointer, row, order] = inputs.map((t) => t.shape)
  const count = column?.[0]
  if (
    inputs.length !== 5 ||
    !inputs.every((t) => t.rank === 1) ||
    row![0] !== count ||
    order![0] !== count ||
    pointer![0] === 0 ||
    columnPointer![0] === 0
  )
    throw new ShapeError({
      op,
      rule: 'the pattern is [pointer, column, columnPointer, row, order] with as many columns as rows and places',
      got: inputs.map((t) => show(t.shape)).join(', '),
    })
  return { inputs, rows: pointer![0]! - 1, cols: columnPointer![0]! - 1, count: count! }
}
const patternOf = (inputs: readonly Tensor[]) => inputs.slice(0, 5) as unknown as Pattern

function requireShape(op: string, what: string, t: Tensor, want: readonly number[]): void {
  if (t.rank !== want.length || want.some((n, a) => n >= 0 && t.shape[a] !== n))
    throw new ShapeError({
      op,
      rule: `${what} must be [${want.map((n) => (n < 0 ? '..' : n)).join(', ')}]`,
      got: show(t.shape),
    })
}

/**
 * A x, or Aᵀ x, for a sparse matrix A of this pattern and these values (null: ones).
 *
 * Shapes: values (count), x (cols, features), result (rows, features); the other way round when transposed.
 * PyTorch: torch.sparse.mm. In `nabla/graph`, SparseMatrix holds a pattern and multiplies.
 * @throws ShapeError when the shapes do not fit; IndexError for a pattern that is none
 */
export const spmm = defineOp({
  name: 'spmm',
  formula:
    'y[r] = Σ values[j] x[column[j]] over the elements j of row r; ∂x = Aᵀ ct, ∂values[j] = ct[r] · x[column[j]]',
  source: 'https://pytorch.org/docs/1.13/sparse.html',
  args: (
    pattern: readonly Tensor[],
    values: Tensor | null,
    x: Tensor,
    transposed: boolean = false,
  ) => {
    const { inputs, rows, cols, count } = read('spmm', pattern)
    const [t, v] = operands('spmm', values ? [x, values] : [x], { float: true })
    requireShape('spmm', 'x', t!, [transposed ? rows : cols, -1])
    if (v) requireShape('spmm', 'values', v, [count])
    return { inputs: [...inputs, t!, ...(v ? [v] : [])], attrs: { transposed } }
  },
  forward: ([pointer, column, columnPointer, row, order, x, values], { transposed }) => {
    const p = rare(sparsePrims, { op: 'spmm' })
    const places = transposed ? [columnPointer!, row!, x!] : [pointer!, column!, x!]
    const weights = values ? [values, ...(transposed ? [order!] : [])] : []
    return prim(p, [...places, ...weights])
  },
  vjp: (ct, inputs, _y, { transposed }): Grads => {
    const [x, values] = inputs.slice(5)
    const pattern = patternOf(inputs)
    return [
      ...pattern.map(() => null),
      spmm(pattern, values ?? null, ct, !transposed),
      ...(values ? [transposed ? sddmm(pattern, x!, ct) : sddmm(pattern, ct, x!)] : []),
    ]
  },
  // [[0, 2], [3, 0], [0, 0]]
  example: (m) => [
    [
      [
        [0, 1, 2, 2],
        [1, 0],
        [0, 1, 2],
        [1, 0],
        [1, 0],
      ].map((list) => m.of(list, 'int32')),
      m.of([2, 3]),
      m.of([
        [1, 2],
        [10, 20],
      ]),
    ],
    [
      [20, 40],
      [3, 6],
      [0, 0],
    ],
  ],
  samples: (m) => {
    const of = (...lists: number[][]) => lists.map((list) => m.of(list, 'int32'))
    // Loops, an element that is there twice, an empty row and an empty column.
    const loops = () =>
      of([0, 2, 4, 4, 5], [0, 2, 2, 2, 0], [0, 2, 2, 5], [0, 3, 0, 1, 1], [0, 4, 1, 2, 3])
    const none = () => [
      m.of([0, 0, 0], 'int32'),
      m.int([0], 0, 1),
      m.of([0, 0], 'int32'),
      m.int([0], 0, 1),
      m.int([0], 0, 1),
    ]
    return [
      [loops(), m.float([5]), m.float([3, 2])],
      [loops(), m.float([5]), m.float([4, 3]), true],
      [loops(), null, m.float([3, 17])],
      [loops(), m.float([5]), m.float([3, 0])],
      [none(), m.float([0]), m.float([1, 2])],
      [none(), null, m.float([2, 2]), true],
    ]
  },
})

/**
 * The elements of a bᵀ that stand in a sparse pattern: what is in the gradient of `spmm` by its values.
 *
 * Shapes: a (rows, features), b (cols, features), result (count).
 * @throws ShapeError when the shapes do not fit; IndexError for a pattern that is none
 */
export const sddmm = defineOp({
  name: 'sddmm',
  formula:
    'y[j] = a[r] · b[column[j]] for the elements j of row r; ∂a = spmm(ct, b), ∂b = spmm(ct, a) transposed',
  source: 'https://pytorch.org/docs/1.13/generated/torch.sparse.sampled_addmm.html',
  args: (pattern: readonly Tensor[], a: Tensor, b: Tensor) => {
    const { inputs, rows, cols } = read('sddmm', pattern)
    const [s, t] = operands('sddmm', [a, b], { float: true })
    requireShape('sddmm', 'a', s!, [rows, -1])
    requireShape('sddmm', 'b', t!, [cols, s!.shape[1]!])
    return { inputs: [...inputs, s!, t!], attrs: {} }
  },
  forward: ([pointer, column, , , , a, b]) =>
    prim(rare(sparsePrims, { op: 'sddmm' }), [pointer!, column!, a!, b!]),
  vjp: (ct, inputs): Grads => {
    const [a, b] = inputs.slice(5)
    const pattern = patternOf(inputs)
    return [...pattern.map(() => null), spmm(pattern, ct, b!), spmm(pattern, ct, a!, true)]
  },
  example: (m) => [
    [
      [
        [0, 1, 2, 2],
        [1, 0],
        [0, 1, 2],
        [1, 0],
        [1, 0],
      ].map((list) => m.of(list, 'int32')),
      m.of([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
      m.of([
        [1, 0],
        [0, 1],
      ]),
    ],
    [2, 3],
  ],
  samples: (m) => {
    const loops = [
      [0, 2, 4, 4, 5],
      [0, 2, 2, 2, 0],
      [0, 2, 2, 5],
      [0, 3, 0, 1, 1],
      [0, 4, 1, 2, 3],
    ].map((list) => m.of(list, 'int32'))
    return [
      [loops, m.float([4, 2]), m.float([3, 2])],
      [loops, m.float([4, 0]), m.float([3, 0])],
    ]
  },
})
