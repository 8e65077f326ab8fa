/** A table in eight numbers a column, as DataFrame.describe. */
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { Tensor } from '../ops/tensor.js'
import { columnOf, type Matrix, type Numbers, numbersOf, tableOf } from '../tensor/values.js'
import { mean, std } from './moments.js'
import { quantileOf } from './quantiles.js'

/** What `describe` says of a column. */
export interface ColumnSummary {
  /** How many numbers there are; NaN, which stands for a missing one, does not count. */
  count: number
  mean: number
  /** Divisor n − 1, as pandas. */
  std: number
  min: number
  '25%': number
  '50%': number
  '75%': number
  max: number
}
const measures = ['count', 'mean', 'std', 'min', '25%', '50%', '75%', 'max'] as const

export interface DescribeOptions {
  /** Names of the columns of a matrix; those of the table, or their numbers, when not given. */
  names?: readonly string[]
}

/** A table with named columns, as the data sets of nabla/data are. */
export interface NamedTable {
  x: Tensor
  columns?: readonly string[]
}

/** The columns with their summaries; `toString` prints them as a table. */
export class Description {
  readonly columns: Readonly<Record<string, ColumnSummary>>
  constructor(columns: Record<string, ColumnSummary>) {
    this.columns = columns
  }
  /** A line for each measure, a column for each column. */
  toString(): string {
    const names = Object.keys(this.columns)
    const cells = names.map((name) => measures.map((m) => digits(this.columns[name]![m], m)))
    const widths = names.map((name, i) => Math.max(name.length, ...cells[i]!.map((c) => c.length)))
    const head = ['     ', ...names.map((name, i) => name.padStart(widths[i]!))].join('  ')
    const lines = measures.map((m, k) =>
      [m.padEnd(5), ...cells.map((c, i) => c[k]!.padStart(widths[i]!))].join('  '),
    )
    return [head, ...lines].join('\n')
  }
}

function digits(v: number, measure: string): string {
  if (measure === 'count') return `${v}`
  if (!Number.isFinite(v) || v === 0) return `${v}`
  const size = Math.abs(v)
  return size >= 1e7 || size < 1e-3 ? v.toExponential(4) : v.toFixed(size >= 1000 ? 2 : 4)
}

function summary(values: ArrayLike<number>): ColumnSummary {
  const x = Float64Array.from(values)
    .filter((v) => !Number.isNaN(v))
    .sort()
  const n = x.length
  const some = (f: () => number) => (n > 0 ? f() : Number.NaN)
  return {
    count: n,
    mean: some(() => mean(x)),
    std: n > 1 ? std(x, { ddof: 1 }) : Number.NaN,
    min: some(() => x[0]!),
    '25%': some(() => quantileOf(x, 0.25)),
    '50%': some(() => quantileOf(x, 0.5)),
    '75%': some(() => quantileOf(x, 0.75)),
    max: some(() => x[n - 1]!),
  }
}

/** The columns of what `describe` takes, by name. */
function columnsOf(
  op: string,
  table: Matrix | Record<string, Numbers> | NamedTable,
  given: readonly string[] | undefined,
): Record<string, ArrayLike<number>> {
  const named =
    !(table instanceof Tensor) && 'x' in table && table.x instanceof Tensor && table.x.rank === 2
  if (named || table instanceof Tensor || Array.isArray(table)) {
    const of = named ? (table as NamedTable) : undefined
    const whole = tableOf(op, of ? of.x : (table as Matrix))
    const names = given ?? of?.columns ?? Array.from({ length: whole.columns }, (_, c) => `${c}`)
    if (names.length !== whole.columns)
      throw new ValueError({
        op,
        rule: `there must be a name for each of the ${whole.columns} columns`,
        got: `${names.length} names`,
      })
    return Object.fromEntries(names.map((name, c) => [name, columnOf(whole, c)]))
  }
  const lists = Object.entries(table as Record<string, Numbers>).map(
    ([name, v]) => [name, numbersOf(v, op)] as const,
  )
  if (lists.length === 0) throw new ShapeError({ op, rule: 'there must be a column', got: 'none' })
  return Object.fromEntries(lists)
}

/**
 * Count, mean, standard deviation (divisor n − 1), least, quartiles (linear) and largest of each column, as
 * DataFrame.describe: NaN stands for a missing number and is left out. Takes a matrix, lists by name, or a table of
 * nabla/data. Printed, it is a table.
 * @throws ShapeError unless the table is a matrix, ValueError for another number of names
 * @example stats.describe({ age: [20, 30, 40] }).columns.age.std // 10
 */
export function describe(
  table: Matrix | Record<string, Numbers> | NamedTable,
  options: DescribeOptions = {},
): Description {
  const op = 'describe'
  const { names } = checkOptions(op, options, ['names'])
  const columns = columnsOf(op, table, names)
  return new Description(
    Object.fromEntries(Object.entries(columns).map(([name, x]) => [name, summary(x)])),
  )
}
