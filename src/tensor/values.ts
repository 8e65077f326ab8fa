/** What charts, statistics and estimators take: lists of numbers, typed arrays and tensors. */
import { asNumbers } from '../core/dtype.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { type Kind, showValue } from '../core/options.js'
import { Tensor } from '../ops/tensor.js'

/** Numbers one after the other. */
export type Numbers = ArrayLike<number> | Tensor
/** Numbers in rows of one length. */
export type Matrix = readonly ArrayLike<number>[] | Tensor

const isNumber = (v: unknown) => typeof v === 'number' || typeof v === 'boolean'
/** Refuses what arithmetic would take for a number: null for 0, '2' for 2. */
function refuse(op: string, v: unknown, where: string): never {
  const fix =
    typeof v === 'string'
      ? 'LabelEncoder and OneHotEncoder of nabla/data make numbers of names.'
      : v === null || v === undefined
        ? 'NaN stands for a missing number.'
        : undefined
  throw new ValueError({
    op,
    rule: 'all must be numbers',
    got: `${showValue(v)} ${where}`,
    ...(fix && { fix }),
  })
}

/** @throws ValueError unless they are a list of numbers (true counts 1), a typed array or a tensor */
export function numbersOf(values: Numbers, op = 'numbers'): ArrayLike<number> {
  if (values instanceof Tensor) return asNumbers(values.toTypedArray())
  if (typeof values !== 'object' || typeof values?.length !== 'number')
    throw new ValueError({
      op,
      rule: 'numbers are a list, a typed array or a tensor',
      got: showValue(values),
    })
  if (Array.isArray(values))
    for (let i = 0; i < values.length; i++)
      if (!isNumber(values[i])) refuse(op, values[i], `at position ${i}`)
  return values
}

/** @throws ValueError for an option that is not of its kind */
export function requireOptions(
  op: string,
  values: Record<string, unknown>,
  rules: Record<string, Kind>,
): void {
  for (const [name, kind] of Object.entries(rules))
    if (values[name] !== undefined && !kind.holds(values[name]))
      throw new ValueError({
        op,
        rule: `${name} must be ${kind.rule}`,
        got: showValue(values[name]),
      })
}

/** @throws ShapeError unless there are rows, of one length above 0 */
export function rowsOf(op: string, matrix: Matrix): readonly ArrayLike<number>[] {
  let rows: readonly ArrayLike<number>[]
  if (matrix instanceof Tensor) {
    if (matrix.rank !== 2)
      throw new ShapeError({ op, rule: 'a matrix has two axes', got: show(matrix.shape) })
    const [n, m] = matrix.shape as [number, number]
    const flat = asNumbers(matrix.toTypedArray())
    rows = Array.from({ length: n }, (_, i) => flat.subarray(i * m, (i + 1) * m))
  } else rows = matrix
  if (!Array.isArray(rows) || !rows.every((r) => typeof r === 'object' && r !== null))
    throw new ShapeError({
      op,
      rule: 'a matrix is a list of rows, [[1, 2], [3, 4]], or a tensor',
      got: showValue(matrix),
    })
  const width = rows[0]?.length ?? 0
  const ragged = rows.findIndex((r) => r.length !== width)
  if (width === 0 || ragged >= 0)
    throw new ShapeError({
      op,
      rule: 'a matrix has rows of one length, and at least one number',
      got: width === 0 ? 'nothing' : `${width} and ${rows[ragged]!.length} numbers`,
    })
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    if (Array.isArray(row))
      for (let c = 0; c < width; c++)
        if (!isNumber(row[c])) refuse(op, row[c], `in row ${i}, column ${c}`)
  }
  return rows
}

/** @throws ValueError unless there are as many names as rows or columns */
export function requireNames(
  op: string,
  what: string,
  names: readonly string[],
  count: number,
): void {
  if (names.length !== count)
    throw new ValueError({
      op,
      rule: `there must be a name for each of the ${count} ${what}`,
      got: `${names.length} names`,
    })
}

/** A matrix in float64, row by row. */
export interface Table {
  data: Float64Array
  rows: number
  columns: number
}

/** A matrix in float64, row by row, as a copy. @throws ShapeError unless there are rows, of one length above 0 */
export function tableOf(op: string, matrix: Matrix): Table {
  if (
    matrix instanceof Tensor &&
    matrix.rank === 2 &&
    matrix.shape[1]! > 0 &&
    matrix.shape[0]! > 0
  ) {
    const flat = asNumbers(matrix.toTypedArray())
    const data = flat instanceof Float64Array ? flat : Float64Array.from(flat)
    return { data, rows: matrix.shape[0]!, columns: matrix.shape[1]! }
  }
  const list = rowsOf(op, matrix)
  const columns = list[0]!.length
  const data = new Float64Array(list.length * columns)
  list.forEach((row, i) => {
    data.set(row, i * columns)
  })
  return { data, rows: list.length, columns }
}

/** One column of a table. */
export const columnOf = ({ data, rows, columns }: Table, c: number): Float64Array =>
  Float64Array.from({ length: rows }, (_, i) => data[i * columns + c]!)
