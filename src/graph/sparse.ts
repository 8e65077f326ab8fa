/** Sparse matrices: what stands where, by rows and by columns, and their products. */
import { IndexError, ShapeError, show } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { reshape } from '../ops/broadcast.js'
import { full } from '../ops/creation.js'
import { indexAdd, indexSelect } from '../ops/indexing.js'
import { asIndices } from '../ops/indices.js'
import { stack } from '../ops/join.js'
import { type Pattern, spmm } from '../ops/sparse.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { byGroup, checkEdges, readEdges } from './edges.js'

const ints = (data: Int32Array) => tensor(data, { dtype: 'int32' })
const pick = (data: Int32Array, order: Int32Array) => order.map((e) => data[e]!)

/**
 * A sparse matrix by compressed rows (CSR) that also knows its transposed form: products with dense matrices and their gradients,
 * by the values too, take time in the number of elements. An element that is given twice counts twice.
 *
 * It is made outside of `compile`, once; a compiled function uses it like a constant.
 * @example
 * SparseMatrix.fromCoo(tensor([[0, 1], [1, 0]], { dtype: 'int32' }), tensor([2, 3])).matmul(tensor([[1], [10]])) // [[20], [3]]
 */
export class SparseMatrix {
  readonly shape: readonly [rows: number, cols: number]
  readonly pattern: Pattern
  /** In the order of rows; null: ones. */
  readonly values: Tensor | null

  /** A matrix of a pattern that is known already. */
  constructor(pattern: Pattern, values: Tensor | null = null) {
    this.pattern = pattern
    this.values = values
    this.shape = [pattern[0].size - 1, pattern[2].size - 1]
    if (values && (values.rank !== 1 || values.size !== this.count))
      throw new ShapeError({
        op: 'SparseMatrix',
        rule: `there must be ${this.count} values`,
        got: show(values.shape),
      })
  }

  /**
   * From coordinates: index (2, count), rows above columns, and values (count) or none for ones. Without a shape it is as large as
   * the coordinates need. PyTorch: torch.sparse_coo_tensor.
   * @throws IndexError for coordinates outside of the shape
   */
  static fromCoo(
    index: Tensor,
    values: Tensor | null = null,
    options: { shape?: readonly [number, number] } = {},
  ): SparseMatrix {
    const op = 'SparseMatrix.fromCoo'
    const { shape } = readOptions<{ shape?: readonly [number, number] }>(
      op,
      [options],
      {},
      { shape: kinds.any },
    )
    const data = checkEdges(op, index).toTypedArray() as Int32Array
    const count = index.shape[1]!
    const ends = [data.slice(0, count), data.slice(count)] as const
    const size = ends.map((places, axis) => {
      const most = places.reduce((a, b) => Math.max(a, b), -1) + 1
      const n = shape?.[axis] ?? most
      const wrong = places.find((v) => v < 0 || v >= n)
      if (wrong !== undefined)
        throw new IndexError({
          op,
          rule: `${axis === 0 ? 'rows' : 'columns'} must be from 0 to ${n - 1}`,
          got: `${wrong}`,
        })
      return n
    }) as [number, number]
    if (values && values.size !== count)
      throw new ShapeError({ op, rule: `there must be ${count} values`, got: show(values.shape) })
    const byRow = byGroup(ends[0], size[0])
    const [row, column] = [pick(ends[0], byRow.order), pick(ends[1], byRow.order)]
    const byColumn = byGroup(column, size[1])
    const pattern: Pattern = [
      ints(byRow.pointer),
      ints(column),
      ints(byColumn.pointer),
      ints(pick(row, byColumn.order)),
      ints(byColumn.order),
    ]
    return new SparseMatrix(pattern, values && indexSelect(values, 0, ints(byRow.order)))
  }

  /**
   * The matrix that sends features along edges: row i has an element in column j for each edge from j to i, PyTorch Geometric's
   * `adj_t`, so that `matmul` sums up what comes to each node. Layers take it in the place of `edgeIndex`.
   */
  static fromEdges(
    edgeIndex: Tensor,
    edgeWeight: Tensor | null = null,
    options: { numNodes?: number } = {},
  ): SparseMatrix {
    const op = 'SparseMatrix.fromEdges'
    const { numNodes } = readOptions<{ numNodes?: number }>(
      op,
      [options],
      {},
      { numNodes: kinds.size },
    )
    const edges = checkEdges(op, edgeIndex)
    const n = numNodes ?? readEdges(op, edges).nodes
    const turned = indexSelect(edges, 0, tensor([1, 0], { dtype: 'int32' }))
    return SparseMatrix.fromCoo(turned, edgeWeight, { shape: [n, n] })
  }

  /** From compressed rows: crow (rows + 1), col (count), values (count). PyTorch: torch.sparse_csr_tensor. @throws IndexError for rows and columns that are none */
  static fromCsr(
    crow: Tensor,
    col: Tensor,
    values: Tensor | null = null,
    cols?: number,
  ): SparseMatrix {
    const op = 'SparseMatrix.fromCsr'
    const pointer = asIndices(op, crow).toTypedArray() as Int32Array
    const column = asIndices(op, col).toTypedArray() as Int32Array
    const row = new Int32Array(column.length)
    const last = pointer.length - 1
    if (last < 0 || pointer[0] !== 0 || pointer[last] !== column.length)
      throw new IndexError({
        op,
        rule: `crow must begin with 0 and end with ${column.length}`,
        got: `${pointer[0]} and ${pointer[last]}`,
      })
    for (let r = 0; r < last; r++) {
      if (pointer[r + 1]! < pointer[r]!)
        throw new IndexError({
          op,
          rule: 'crow must never go down',
          got: `${pointer[r]} before ${pointer[r + 1]}`,
        })
      row.fill(r, pointer[r]!, pointer[r + 1]!)
    }
    const coo = stack([ints(row), ints(column)])
    const most = column.reduce((a, b) => Math.max(a, b), -1) + 1
    return SparseMatrix.fromCoo(coo, values, { shape: [last, cols ?? most] })
  }

  /** How many elements it has. */
  get count(): number {
    return this.pattern[1].size
  }
  /** The same elements with other values, in the order of rows; null: ones. */
  withValues(values: Tensor | null): SparseMatrix {
    return new SparseMatrix(this.pattern, values)
  }
  /** The row of each element. */
  get row(): Tensor {
    const [, , , row, order] = this.pattern
    return indexAdd(full([this.count], 0, 'int32'), 0, order, row)
  }
  /** Rows above columns, (2, count), in the order of rows. */
  coo(): Tensor {
    return stack([this.row, this.pattern[1]])
  }
  /** A x for a matrix (cols, features) or a vector (cols). PyTorch: torch.sparse.mm. @throws ShapeError when they do not fit */
  matmul(x: Tensor): Tensor {
    return product(this.pattern, this.values, x, false)
  }
  /** Aᵀ x. */
  transposedMatmul(x: Tensor): Tensor {
    return product(this.pattern, this.values, x, true)
  }
  /** The transposed matrix. */
  t(): SparseMatrix {
    const [pointer, column, columnPointer, row, order] = this.pattern
    const places = order.toTypedArray() as Int32Array
    const back = new Int32Array(places.length)
    places.forEach((e, i) => {
      back[e] = i
    })
    return new SparseMatrix(
      [columnPointer, row, pointer, column, ints(back)],
      this.values && indexSelect(this.values, 0, order),
    )
  }
  /** As a dense matrix; elements that are there twice add up. */
  toDense(): Tensor {
    const [rows, cols] = this.shape
    const { row } = this
    const column = this.pattern[1]
    const values = this.values ?? full([this.count], 1, 'float32')
    const data = (row.toTypedArray() as Int32Array).map(
      (r, j) => r * cols + (column.toTypedArray() as Int32Array)[j]!,
    )
    return reshape(indexAdd(full([rows * cols], 0, values.dtype), 0, ints(data), values), [
      rows,
      cols,
    ])
  }
}

function product(pattern: Pattern, values: Tensor | null, x: Tensor, transposed: boolean): Tensor {
  if (x.rank !== 1) return spmm(pattern, values, x, transposed)
  const y = spmm(pattern, values, reshape(x, [x.size, 1]), transposed)
  return reshape(y, [y.size])
}
