/** Tables of numbers from CSV text. */
import { parseCsv, readBytes } from '#host'
import { FileError, ValueError } from '../core/errors.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { TensorDataset } from './dataset.js'

export interface CsvOptions {
  /** ',' when not given; what the cells of a line are parted by. */
  delimiter?: string
  /** Whether the first line names the columns; true when not given. Without names they are '0', '1', … */
  header?: boolean
  /** Lines that begin so are left out. */
  comment?: string
  /** What to call it in messages. */
  name?: string
}

/** Cells as text, all rows of one length. */
export interface CsvTable {
  name: string
  columns: string[]
  rows: string[][]
  /** The line of the file in which row i ends, from 1. */
  line(i: number): number
}

/**
 * Reads CSV (RFC 4180: quoted cells may hold delimiters, quotes and line breaks).
 * @throws FileError for rows of different lengths, open quotes and an empty file, with the line
 */
export function readTable(content: string | Uint8Array, options: CsvOptions = {}): CsvTable {
  const { delimiter = ',', header = true, comment, name = 'csv' } = options
  let text: string
  let records: { record: string[]; info: { lines: number } }[]
  try {
    text =
      typeof content === 'string'
        ? content
        : new TextDecoder('utf-8', { fatal: true }).decode(content)
    records = parseCsv(text, {
      delimiter,
      info: true,
      bom: true,
      skip_empty_lines: true,
      trim: true,
      ...(comment !== undefined && { comment, comment_no_infix: true }),
    }) as typeof records
  } catch (error) {
    const ragged = (error as { code?: string }).code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH'
    throw new FileError(
      {
        op: name,
        rule: ragged ? 'all rows must have as many cells' : 'the file must be a table in CSV',
        got: (error as Error).message,
        ...(ragged && { fix: `Is '${delimiter}' the delimiter?` }),
      },
      { cause: error },
    )
  }
  const first = header ? records.shift()?.record : records[0]?.record.map((_, i) => `${i}`)
  if (!first || records.length === 0)
    throw new FileError({
      op: name,
      rule: 'there must be at least one row of data',
      got: first ? 'a line of names only' : 'an empty file',
    })
  const twice = first.find((c, i) => first.indexOf(c) !== i)
  if (twice !== undefined)
    throw new FileError({
      op: name,
      rule: 'columns must have different names',
      got: `'${twice}' twice`,
      ...(header && { fix: 'Pass header: false if the first line is data.' }),
    })
  return {
    name,
    columns: first,
    rows: records.map((r) => r.record),
    line: (i) => records[i]!.info.lines,
  }
}

/** A column by name or place. @throws ValueError when there is none */
function place({ name, columns }: CsvTable, column: string | number): number {
  const i = typeof column === 'number' ? column : columns.indexOf(column)
  if (columns[i] === undefined)
    throw new ValueError({
      op: name,
      rule: `a column must be one of ${columns.join(', ')}`,
      got: `${column}`,
    })
  return i
}

/** What must stand at the cell, and where it is. */
function badCell(table: CsvTable, row: number, column: number, rule: string, fix: string): never {
  throw new FileError({
    op: table.name,
    rule,
    got: `'${table.rows[row]![column]}' in row ${row + 1} (line ${table.line(row)}), column ${column + 1} (${table.columns[column]})`,
    fix,
  })
}

export interface CsvDatasetOptions extends CsvOptions {
  /** Columns that make x, by name or place; all but the target when not given. */
  features?: readonly (string | number)[]
  /** The column that makes y; without one the examples are x alone. */
  target?: string | number
  /**
   * What y is: 'number' (float32), or 'class' (int32, classes in sorted order). When not given, it is 'class' if
   * some cell is not a number.
   */
  targetType?: 'number' | 'class'
  /** Names of the classes 0, 1, … where the cells hold those numbers. */
  classes?: readonly string[]
  /** What an empty cell, NA or NaN stands for. Such cells are errors when not given. */
  missing?: number
}

const isMissing = (cell: string) => /^(|na|n\/a|nan|null|\?)$/i.test(cell)
/** NaN unless the whole cell is a finite decimal number. */
const numberOf = (cell: string): number =>
  /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(cell) ? Number(cell) : Number.NaN

/** Numbers by size, then text by its letters. */
const sortedClasses = (texts: readonly string[]): string[] =>
  [...new Set(texts)].sort((a, b) => {
    const [x, y] = [numberOf(a), numberOf(b)]
    if (Number.isFinite(x) && Number.isFinite(y)) return x - y || (a < b ? -1 : 1)
    if (Number.isFinite(x) !== Number.isFinite(y)) return Number.isFinite(x) ? -1 : 1
    return a < b ? -1 : 1
  })

/**
 * Rows as examples [x, y] or [x].
 * Shapes: x (columns), y ().
 * @throws FileError for cells that are not numbers, with row and column; ValueError for unknown columns
 * @example new CsvDataset('a,b,kind\n1,2,cat\n3,4,dog', { target: 'kind' }).classes // ['cat', 'dog']
 */
export class CsvDataset extends TensorDataset {
  /** Names of the features. */
  readonly columns: readonly string[]
  /** Names of the classes, where y is a class. */
  readonly classes: readonly string[] | undefined

  constructor(content: string | Uint8Array | CsvTable, options: CsvDatasetOptions = {}) {
    const table =
      typeof content === 'object' && 'rows' in content ? content : readTable(content, options)
    const { target, missing } = options
    const y = target === undefined ? undefined : place(table, target)
    const features = (
      options.features ?? table.columns.map((_, i) => i).filter((i) => i !== y)
    ).map((c) => place(table, c))
    const { rows } = table
    const cell = (row: number, column: number): number => {
      const text = rows[row]![column]!
      if (isMissing(text))
        return (
          missing ??
          badCell(
            table,
            row,
            column,
            'every cell must hold a number',
            'Pass missing: 0 (or another number) to fill such cells.',
          )
        )
      const v = numberOf(text)
      if (Number.isFinite(v)) return v
      return badCell(
        table,
        row,
        column,
        'every cell must hold a number',
        'Leave the column out of features, or encode it with OneHotEncoder.',
      )
    }
    const x = new Float32Array(rows.length * features.length)
    for (let r = 0, to = 0; r < rows.length; r++) for (const c of features) x[to++] = cell(r, c)
    const tensors = [tensor(x, { shape: [rows.length, features.length] })]
    let classes: readonly string[] | undefined
    if (y !== undefined) {
      const texts = rows.map((r) => r[y]!)
      const type =
        options.targetType ??
        (texts.every((t) => isMissing(t) || Number.isFinite(numberOf(t))) ? 'number' : 'class')
      if (type === 'class') {
        const values = options.classes?.map((_, i) => `${i}`) ?? sortedClasses(texts)
        const index = new Map(values.map((c, i) => [c, i]))
        const known = (t: string, r: number) =>
          index.get(t) ??
          badCell(
            table,
            r,
            y,
            `a class must lie from 0 to ${values.length - 1}`,
            'Is it another column?',
          )
        tensors.push(tensor(Int32Array.from(texts, known)))
        classes = options.classes ?? values
      } else tensors.push(tensor(Float32Array.from(rows, (_, r) => cell(r, y))))
    }
    super(...tensors)
    this.columns = features.map((c) => table.columns[c]!)
    this.classes = classes
  }

  /** All of x. */
  get x(): Tensor {
    return this.tensors[0]!
  }
  /** All of y. */
  get y(): Tensor | undefined {
    return this.tensors[1]
  }
}

/** The dataset of a CSV file, for Node. @throws FileError */
export const csvFile = (path: string, options: CsvDatasetOptions = {}): CsvDataset =>
  new CsvDataset(readBytes(path), { name: path, ...options })
