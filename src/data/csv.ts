/** Tables of numbers from CSV text. */
import { parseCsv, readBytes } from '#host'
import { homeOf } from '../backends/registry.js'
import { FileError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import { fromData, type Tensor } from '../ops/tensor.js'
import { TensorDataset } from './dataset.js'

export interface CsvOptions {
  /** What the cells of a line are separated by, such as ';' or '\t'; ',' when not given. */
  delimiter?: string
  /** What stands before the fraction of a number: '.' when not given, or ','. */
  decimal?: '.' | ','
  /** Whether the first line names the columns; true when not given. Without names they are '0', '1', … */
  header?: boolean
  /** Lines that begin with this text are left out. */
  comment?: string
  /** What to call it in messages. */
  name?: string
}
const csvOptions: OptionNames<CsvOptions> = {
  delimiter: true,
  decimal: true,
  header: true,
  comment: true,
  name: true,
}

/** Cells as text, all rows of one length. */
export interface CsvTable {
  name: string
  columns: string[]
  rows: string[][]
  /** The line of the file in which row i ends, from 1. */
  line(i: number): number
}

interface CsvRecord {
  record: string[]
  info: { bytes: number }
}

/**
 * Reads CSV (RFC 4180: quoted cells may hold delimiters, quotes and line breaks). Lines end in \n, \r\n or \r, also
 * mixed; a byte order mark, empty lines and spaces around cells are left out.
 * @throws FileError for rows of different lengths, open quotes and an empty file, with the line; ValueError for options
 * that do not go together
 * @example readTable('a|b\n1|2', { delimiter: '|' }).rows // [['1', '2']]
 */
export function readTable(content: string | Uint8Array, options: CsvOptions = {}): CsvTable {
  const {
    delimiter = ',',
    decimal = '.',
    header = true,
    comment,
    name = 'csv',
  } = checkOptions('readTable', options, csvOptions)
  if (delimiter === '' || delimiter === decimal || (decimal !== '.' && decimal !== ','))
    throw new ValueError({
      op: name,
      rule: "decimal must be '.' or ',', and the delimiter other than that",
      got: `delimiter '${delimiter}' and decimal '${decimal}'`,
      ...(decimal === ',' && { fix: "Such files often have delimiter: ';'." }),
    })
  const fail = (rule: string, got: string, fix?: string, cause?: unknown): never => {
    throw new FileError({ op: name, rule, got, ...(fix && { fix }) }, { cause })
  }
  let bytes: Uint8Array
  let records: CsvRecord[]
  try {
    bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
    records = parseCsv(
      typeof content === 'string'
        ? content
        : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content),
      {
        delimiter,
        record_delimiter: ['\r\n', '\n', '\r'],
        info: true,
        bom: true,
        skip_empty_lines: true,
        // Compared below, where the first row says how many cells there are.
        relax_column_count: true,
        trim: true,
        ...(comment !== undefined && { comment, comment_no_infix: true }),
      },
    ) as CsvRecord[]
  } catch (error) {
    return fail('the file must be a table in CSV', (error as Error).message, undefined, error)
  }
  // By its place, since the parser counts \r\n within quotes as two lines.
  const lineOf = ({ info }: CsvRecord) =>
    new TextDecoder()
      .decode(bytes.subarray(0, info.bytes))
      .replace(/(\r\n|\n|\r)$/, '')
      .split(/\r\n|\n|\r/).length
  const first = records[0]
  const ragged = records.find((r) => r.record.length !== first!.record.length)
  if (ragged)
    fail(
      'all rows must have as many cells',
      `${ragged.record.length} in line ${lineOf(ragged)}, and ${first!.record.length} in line ${lineOf(first!)}`,
      `Is '${delimiter}' the delimiter?`,
    )
  const columns = header ? records.shift()?.record : first?.record.map((_, i) => `${i}`)
  if (!columns || records.length === 0)
    return fail(
      'there must be at least one row of data',
      columns ? 'a line of names only' : 'an empty file',
      columns?.length === 1 && /[\\/]|\.[ct]sv$/.test(columns[0]!)
        ? 'This looks like a path: csvFile(path) reads a file.'
        : undefined,
    )
  const twice = columns.find((c, i) => columns.indexOf(c) !== i)
  if (twice !== undefined)
    fail(
      'columns must have different names',
      `'${twice}' twice`,
      header ? 'Pass header: false if the first line is data.' : undefined,
    )
  const rows = records.map((r) => r.record)
  // A comma in a number would be read by nobody else.
  const plain = decimal === '.' ? rows : rows.map((r) => r.map((c) => withPoint(c)))
  return { name, columns, rows: plain, line: (i) => lineOf(records[i]!) }
}

/** A number with a comma as one with a point; other cells as they are. */
const withPoint = (cell: string): string =>
  /^\s*[+-]?(\d+,\d*|,\d+)(e[+-]?\d+)?\s*$/i.test(cell) ? cell.replace(',', '.') : cell

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

/** @throws FileError that says what must stand in the cell, and where it is */
function badCell(table: CsvTable, row: number, column: number, rule: string, fix: string): never {
  throw new FileError({
    op: table.name,
    rule,
    got: `'${table.rows[row]![column]}' in row ${row + 1} (line ${table.line(row)}), column ${column + 1} (${table.columns[column]})`,
    fix,
  })
}

/** What most likely makes a cell that is no number one. */
function adviceFor(table: CsvTable, cell: string): string {
  if (/^[+-]?\d+,\d+$/.test(cell)) return "Pass decimal: ','."
  const other = table.columns.length === 1 && [';', '\t', '|'].find((d) => cell.includes(d))
  if (other) return `Pass delimiter: ${JSON.stringify(other)}.`
  return 'Leave the column out of features, or encode it with OneHotEncoder.'
}

export interface CsvDatasetOptions extends CsvOptions {
  /** Columns that make x, by name or place; all but the target when not given. */
  features?: readonly (string | number)[]
  /** The column that makes y; without one the examples are x alone. */
  target?: string | number
  /**
   * What y is: 'number', of type `dtype`, or 'class' (int32, classes in sorted order). When not given, it is 'class' if
   * some cell is not a number.
   */
  targetType?: 'number' | 'class'
  /** Names of the classes 0, 1, … where the cells hold those numbers. */
  classes?: readonly string[]
  /** The number that an empty cell, NA or NaN stands for. Such cells are errors when not given; as a class always. */
  missing?: number
  /** The type of x, and of y where it is a number; float32 when not given. Cells that it cannot hold are errors. */
  dtype?: 'float32' | 'float64'
}
const datasetOptions: OptionNames<CsvDatasetOptions> = {
  ...csvOptions,
  features: true,
  target: true,
  targetType: true,
  classes: true,
  missing: true,
  dtype: true,
}

/** The tensors of a table: x, and y where a target is named. */
export type CsvTensors<O> = O extends { target: string | number }
  ? [Tensor, Tensor]
  : 'target' extends keyof O
    ? [Tensor] | [Tensor, Tensor]
    : [Tensor]

// Spaces within quotes are part of a cell, not of a number.
const isMissing = (cell: string) => /^\s*(|na|n\/a|nan|null|\?)\s*$/i.test(cell)
/** NaN unless the whole cell is a decimal number; infinite when it is too large for any. */
const numberOf = (cell: string): number =>
  /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(cell) ? Number(cell) : Number.NaN

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
 * @throws FileError for cells that are missing, no numbers or too large for the type, with row and column; ValueError
 * for unknown columns and options
 * @example new CsvDataset('a,b,kind\n1,2,cat\n3,4,dog', { target: 'kind' }).classes // ['cat', 'dog']
 */
export class CsvDataset<
  const O extends CsvDatasetOptions = CsvDatasetOptions,
> extends TensorDataset<CsvTensors<O>> {
  /** Names of the features. */
  readonly columns: readonly string[]
  /** Names of the classes, where y is a class. */
  readonly classes: O extends { classes: readonly string[] }
    ? readonly string[]
    : readonly string[] | undefined

  constructor(content: string | Uint8Array | CsvTable, given?: O) {
    const options: CsvDatasetOptions = checkOptions(
      'CsvDataset',
      given as CsvDatasetOptions,
      datasetOptions,
    )
    const {
      features: chosen,
      target,
      targetType,
      missing,
      dtype = 'float32',
      classes: names,
      ...csv
    } = options
    if (dtype !== 'float32' && dtype !== 'float64')
      throw new ValueError({
        op: 'CsvDataset',
        rule: "dtype must be 'float32' or 'float64'",
        got: showValue(dtype),
      })
    if (targetType !== undefined && targetType !== 'number' && targetType !== 'class')
      throw new ValueError({
        op: 'CsvDataset',
        rule: "targetType must be 'number' or 'class'",
        got: showValue(targetType),
      })
    const table =
      typeof content === 'object' && 'rows' in content ? content : readTable(content, csv)
    const y = target === undefined ? undefined : place(table, target)
    const features = (chosen ?? table.columns.map((_, i) => i).filter((i) => i !== y)).map((c) =>
      place(table, c),
    )
    const { rows } = table
    const numbers = (count: number) =>
      dtype === 'float64' ? new Float64Array(count) : new Float32Array(count)
    const cell = (row: number, column: number): number => {
      const text = rows[row]![column]!
      const must = (rule: string, fix: string) => badCell(table, row, column, rule, fix)
      if (isMissing(text))
        return (
          missing ??
          must(
            'every cell must hold a number',
            'Pass missing: 0 (or another number) to fill such cells.',
          )
        )
      const v = numberOf(text)
      if (Number.isNaN(v)) must('every cell must hold a number', adviceFor(table, text))
      const held = dtype === 'float64' ? v : Math.fround(v)
      if (!Number.isFinite(held))
        must(
          `every number must fit ${dtype}`,
          dtype === 'float64' || !Number.isFinite(v)
            ? 'Is there a mistake in the file?'
            : "Divide the column, or pass dtype: 'float64'.",
        )
      return v
    }
    const x = numbers(rows.length * features.length)
    for (let r = 0, to = 0; r < rows.length; r++) for (const c of features) x[to++] = cell(r, c)
    const home = homeOf(dtype)
    const tensors = [fromData(x, [rows.length, features.length], dtype, home)]
    let classes: readonly string[] | undefined
    if (y !== undefined) {
      const texts = rows.map((r) => r[y]!)
      const type =
        targetType ??
        (texts.every((t) => isMissing(t) || !Number.isNaN(numberOf(t))) ? 'number' : 'class')
      if (type === 'class') {
        texts.forEach((t, r) => {
          if (isMissing(t))
            badCell(
              table,
              r,
              y,
              'every example must have a class',
              'Remove such rows from the file.',
            )
        })
        const values = names?.map((_, i) => `${i}`) ?? sortedClasses(texts)
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
        tensors.push(fromData(Int32Array.from(texts, known), [rows.length], 'int32', home))
        classes = names ?? values
      } else {
        const list = numbers(rows.length)
        for (let r = 0; r < rows.length; r++) list[r] = cell(r, y)
        tensors.push(fromData(list, [rows.length], dtype, home))
      }
    }
    super(...(tensors as CsvTensors<O>))
    this.columns = features.map((c) => table.columns[c]!)
    this.classes = classes as typeof this.classes
  }

  /** All of x. */
  get x(): Tensor {
    return this.tensors[0]
  }
  /** All of y. */
  get y(): CsvTensors<O>[1] {
    return this.tensors[1]
  }
}

/** The dataset of a CSV file, for Node. @throws FileError */
export const csvFile = <const O extends CsvDatasetOptions = CsvDatasetOptions>(
  path: string,
  options?: O,
): CsvDataset<O> => {
  checkOptions('csvFile', options as CsvDatasetOptions, datasetOptions)
  return new CsvDataset(readBytes(path), { name: path, ...options } as O)
}
