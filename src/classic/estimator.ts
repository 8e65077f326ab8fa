/** What all estimators share: tables and labels checked, what was learned kept, saved and loaded. */
import { backend } from '../backends/registry.js'
import { FileError, ShapeError, show, ValueError } from '../core/errors.js'
import { type Kind, kinds, showValue } from '../core/options.js'
import { type Fitted, Savable, type Store, type Tensors } from '../data/saved.js'
import { state } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import '../tensor/methods.js'
import { type Matrix, type Numbers, numbersOf, type Table, tableOf } from '../tensor/values.js'

export { requireOptions } from '../tensor/values.js'

// Estimators take plain lists: they work without the rest of nabla being imported.
state.backend = backend

/** What an estimator learned: numbers, texts, arrays of numbers, and objects of these. */
export type Learned = {
  readonly [name: string]: number | string | boolean | null | Float64Array | Int32Array | Learned
}

const real = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(v)
/** The kinds of options that estimators have. */
export const options = {
  count: kinds.count,
  flag: kinds.flag,
  size: kinds.size,
  positive: { rule: 'a number above 0', holds: (v) => real(v) && v > 0 },
  nonNegative: { rule: 'a number from 0 up', holds: (v) => real(v) && v >= 0 },
  share: { rule: 'a number from 0 to 1', holds: (v) => real(v) && v >= 0 && v <= 1 },
  seed: {
    rule: 'a whole number from 0 up',
    holds: (v) => Number.isSafeInteger(v) && (v as number) >= 0,
  },
} satisfies Record<string, Kind>

function requireColumns(op: string, got: number, columns: number | undefined): void {
  if (columns !== undefined && got !== columns)
    throw new ShapeError({
      op,
      rule: `x must have the ${columns} columns that were fitted`,
      got: `${got}`,
    })
}

const refuse = (op: string, v: number, i: number, columns: number): never => {
  throw new ValueError({
    op,
    rule: 'x must be finite',
    got: `${v} in row ${Math.floor(i / columns)}, column ${i % columns}`,
    fix: 'new SimpleImputer() of nabla/data fills missing numbers in.',
  })
}

/** A matrix in float64, all finite, of as many columns as were fitted. @throws ShapeError, ValueError */
export function tableIn(op: string, x: Matrix, columns?: number): Table {
  if (x instanceof Tensor && x.rank === 1)
    throw new ShapeError({
      op,
      rule: 'x must have shape (N, columns)',
      got: show(x.shape),
      fix: 'One column is x.reshape([-1, 1]), one row x.reshape([1, -1]).',
    })
  const table = tableOf(op, x)
  requireColumns(op, table.columns, columns)
  const { data } = table
  for (let i = 0; i < data.length; i++)
    // Infinity − Infinity and NaN − NaN are not 0.
    if (data[i]! - data[i]! !== 0) refuse(op, data[i]!, i, table.columns)
  return table
}

/** The same as a tensor of float64, without a copy where it is one. */
export function matrixIn(op: string, x: Matrix, columns?: number): Tensor {
  if (x instanceof Tensor && x.rank === 2 && x.dtype === 'float64' && x.size > 0) {
    requireColumns(op, x.shape[1]!, columns)
    // The sum of finite numbers is finite unless it leaves the range: then each is looked at.
    if (!Number.isFinite(x.sum().item())) tableIn(op, x, columns)
    return x
  }
  return toTensor(tableIn(op, x, columns))
}

export const toTensor = ({ data, rows, columns }: Table): Tensor =>
  tensor(data, { dtype: 'float64', shape: [rows, columns] })
/** Numbers as a vector in float64. */
export const vector = (data: ArrayLike<number>): Tensor =>
  tensor(Float64Array.from(data), { dtype: 'float64', shape: [data.length] })
export const matrix = (data: Float64Array, columns: number): Tensor =>
  tensor(data, { dtype: 'float64', shape: [data.length / columns, columns] })

/** A finite number for each row. @throws ShapeError, ValueError */
export function targetsIn(op: string, y: Numbers, rows: number): Float64Array {
  if (y instanceof Tensor && y.rank > 1 && y.size !== y.shape[0])
    throw new ShapeError({ op, rule: 'y must be one number for each row', got: show(y.shape) })
  if (
    !(y instanceof Tensor) &&
    !(typeof y === 'object' && y !== null && Number.isInteger(y.length))
  )
    throw new ValueError({ op, rule: 'y must be a list of numbers or a tensor', got: showValue(y) })
  const list = numbersOf(y, op)
  if (list.length !== rows)
    throw new ShapeError({
      op,
      rule: 'there must be one y for each row of x',
      got: `${list.length} and ${rows} rows`,
    })
  const out = Float64Array.from(list)
  const bad = out.findIndex((v) => !Number.isFinite(v))
  if (bad >= 0)
    throw new ValueError({ op, rule: 'y must be finite', got: `${list[bad]} at position ${bad}` })
  return out
}

/** A whole number for each row, its class. @throws ShapeError, ValueError */
export function labelsIn(op: string, y: Numbers, rows: number): Int32Array {
  const list = targetsIn(op, y, rows)
  const bad = list.findIndex((v) => !Number.isInteger(v) || Math.abs(v) > 2 ** 31 - 1)
  if (bad >= 0)
    throw new ValueError({
      op,
      rule: 'classes must be whole numbers',
      got: `${list[bad]} at position ${bad}`,
      fix: 'LabelEncoder of nabla/data makes them of names.',
    })
  return Int32Array.from(list)
}

/** The classes in ascending order, and the place of each label among them. */
export function classesOf(labels: Int32Array): { classes: Int32Array; codes: Int32Array } {
  const classes = Int32Array.from([...new Set(labels)].sort((a, b) => a - b))
  const place = new Map([...classes].map((c, k) => [c, k]))
  return { classes, codes: labels.map((c) => place.get(c)!) }
}

/** @throws ValueError unless there are enough rows */
export function requireRows(op: string, rows: number, least: number, why: string): void {
  if (rows < least)
    throw new ValueError({ op, rule: `${why} needs ${least} rows or more`, got: `${rows}` })
}

/** An option that is a matrix: kept as rows. */
export const rowsOfOption = (op: string, m: Matrix): number[][] => {
  const { data, rows, columns } = tableIn(op, m)
  return Array.from({ length: rows }, (_, i) => [...data.subarray(i * columns, (i + 1) * columns)])
}

type Json = number | string | boolean | null | { [name: string]: Json } | Json[]
const wide = (v: number): number | string => (Number.isFinite(v) ? v : `${v}`)

/** Arrays as lists, or as tensors beside the JSON. */
function pack(learned: Learned, path: string, store?: Store): Json {
  const out: { [name: string]: Json } = {}
  for (const [name, v] of Object.entries(learned)) {
    const key = path + name
    if (v instanceof Float64Array || v instanceof Int32Array) {
      const dtype = v instanceof Float64Array ? 'float64' : 'int32'
      if (store) store.tensors[key] = tensor(v, { dtype, shape: [v.length] })
      out[name] = { [dtype]: store ? key : Array.from(v, wide) }
    } else if (typeof v === 'object' && v !== null) out[name] = { of: pack(v, `${key}.`, store) }
    else out[name] = typeof v === 'number' ? wide(v) : v
  }
  return out
}
const special = new Set(['NaN', 'Infinity', '-Infinity'])
const narrow = (v: unknown) => (typeof v === 'string' && special.has(v) ? Number(v) : v)
function unpack(json: unknown, tensors: Record<string, Tensor>): Learned {
  const out: Record<string, unknown> = {}
  for (const [name, v] of Object.entries(json as Record<string, unknown>)) {
    if (typeof v !== 'object' || v === null) out[name] = narrow(v)
    else if ('of' in v) out[name] = unpack(v.of, tensors)
    else {
      const [dtype, list] = Object.entries(v)[0] as ['float64' | 'int32', string | unknown[]]
      const values = typeof list === 'string' ? tensors[list]!.toTypedArray() : list.map(narrow)
      out[name] = (dtype === 'float64' ? Float64Array : Int32Array).from(values as number[])
    }
  }
  return out as Learned
}

/**
 * The base of all estimators: options at construction, `fit` learns, `predict` and its kin use what was learned. The
 * names, objectives and defaults are scikit-learn's; all numbers are float64.
 */
export abstract class Estimator<L extends Learned = Learned> extends Savable {
  protected learned: L | undefined
  /** The names of what is learned. */
  protected abstract readonly fields: readonly (keyof L & string)[]

  /** Whether `fit` was called. */
  get isFitted(): boolean {
    return this.learned !== undefined
  }
  /** What was learned. @throws ValueError before `fit` */
  protected get got(): L {
    if (this.learned === undefined)
      throw new ValueError({
        op: this.kind,
        rule: 'it must be fitted first',
        fix: 'Call fit with the training data.',
      })
    return this.learned
  }
  /** A new one with the same options that has learned nothing. */
  clone(): this {
    const make = this.constructor as new (options: object) => this
    return new make(this.getOptions())
  }
  protected learnedFor(store?: Store): unknown {
    return pack(this.got, store?.path ?? '', store)
  }
  /** Takes over what `toJSON` gave. @throws FileError when it is something else */
  restore(saved: Fitted, tensors: Tensors = {}): this {
    const fail = (got: string): never => {
      throw new FileError({
        op: this.kind,
        rule: `it must be a fitted ${this.kind}`,
        got,
        fix: 'Is the file damaged, or of another version?',
      })
    }
    if (saved?.type !== this.kind) fail(`${saved?.type ?? typeof saved}`)
    let learned: L
    try {
      learned = unpack(saved.learned, tensors) as L
    } catch {
      return fail('something that is damaged')
    }
    const lacking = this.fields.find((f) => !(f in learned))
    if (lacking !== undefined) fail(`no ${lacking}`)
    this.learned = learned
    return this
  }
}
