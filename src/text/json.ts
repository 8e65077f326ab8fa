/** Reading and writing of tokenizer.json: fields with their kinds, in the order in which the Rust library writes them. */
import { FileError } from '../core/errors.js'
import { showValue } from '../core/options.js'

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json }
/** A part of a tokenizer as it stands in tokenizer.json: its type, and the fields of that type. */
export interface Config {
  readonly type: string
  readonly [field: string]: Json
}

const format = 'tokenizer.json'
/** @throws FileError that names the place in the file */
export function refuse(place: string, rule: string, got?: unknown, fix?: string): never {
  throw new FileError({
    op: format,
    rule: place ? `${place} ${rule}` : rule,
    ...(got !== undefined && { got: short(got) }),
    ...(fix && { fix }),
  })
}
function short(value: unknown): string {
  const text = typeof value === 'string' && value.length > 60 ? `${value.slice(0, 60)}…` : value
  const shown =
    Array.isArray(text) && text.length > 5 ? `a list of ${text.length}` : showValue(text)
  return shown.length > 120 ? `${shown.slice(0, 120)}…` : shown
}

export const isObject = (v: unknown): v is { readonly [name: string]: Json } =>
  typeof v === 'object' && v !== null && !Array.isArray(v)

/** What a field must be, and what stands for it when it is absent; without `otherwise` it must be there. */
export interface Field {
  readonly rule: string
  readonly holds: (v: Json) => boolean
  readonly otherwise?: Json
}
const field = (rule: string, holds: Field['holds'], otherwise?: Json): Field =>
  otherwise === undefined ? { rule, holds } : { rule, holds, otherwise }
const isWhole = (v: Json) => Number.isInteger(v) && (v as number) >= 0 && (v as number) < 2 ** 32
export const fields = {
  text: (otherwise?: Json) => field('must be a string', (v) => typeof v === 'string', otherwise),
  textOrNull: field('must be a string or null', (v) => v === null || typeof v === 'string', null),
  char: (otherwise?: Json) =>
    field(
      'must be one character',
      (v) =>
        typeof v === 'string' &&
        v.length > 0 &&
        v.length === String.fromCodePoint(v.codePointAt(0)!).length,
      otherwise,
    ),
  flag: (otherwise?: Json) =>
    field('must be true or false', (v) => typeof v === 'boolean', otherwise),
  flagOrNull: field(
    'must be true, false or null',
    (v) => v === null || typeof v === 'boolean',
    null,
  ),
  whole: (otherwise?: Json) => field('must be a whole number from 0', isWhole, otherwise),
  wholeOrNull: field('must be a whole number or null', (v) => v === null || isWhole(v), null),
  oneOf: (names: readonly string[], otherwise?: Json) =>
    field(`must be one of ${names.join(', ')}`, (v) => names.includes(v as string), otherwise),
  probability: field(
    'must be a number from 0 to 1, or null',
    (v) => v === null || (typeof v === 'number' && v >= 0 && v <= 1),
    null,
  ),
  object: (otherwise?: Json) => field('must be an object', isObject, otherwise),
  list: (otherwise?: Json) => field('must be a list', Array.isArray, otherwise),
  /** A token and its id. */
  tokenId: field(
    'must be a pair of a token and its id',
    (v) => Array.isArray(v) && v.length === 2 && typeof v[0] === 'string' && isWhole(v[1] as Json),
  ),
  /** `{ String: ... }` or `{ Regex: ... }`. */
  pattern: field(
    'must be { String } or { Regex }',
    (v) =>
      isObject(v) &&
      Object.keys(v).length === 1 &&
      (typeof v.String === 'string' || typeof v.Regex === 'string'),
  ),
}

/** The fields of a part in their order, with the defaults of those that are absent. @throws FileError */
export function readFields(
  place: string,
  value: { readonly [name: string]: Json },
  known: { readonly [name: string]: Field },
): Record<string, Json> {
  const out: Record<string, Json> = {}
  for (const [name, { rule, holds, otherwise }] of Object.entries(known)) {
    const given = value[name]
    if (given === undefined) {
      if (otherwise === undefined) refuse(`${place}.${name}`, 'must be given')
      out[name] = otherwise
    } else {
      if (!holds(given)) refuse(`${place}.${name}`, rule, given)
      out[name] = given
    }
  }
  return out
}

/** A part of one of the known types. @throws FileError for another type */
export function readType(place: string, value: Json, known: readonly string[]): Config {
  if (!isObject(value)) refuse(place, 'must be an object or null', value)
  if (typeof value.type !== 'string')
    refuse(`${place}.type`, 'must be given', value.type ?? 'nothing')
  if (!known.includes(value.type))
    refuse(`${place}.type`, `must be one of ${known.join(', ')}`, value.type)
  return value as Config
}

/** A number that is written with a point, as Rust writes floating-point numbers. */
export class Float {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}
/** What is written: Json, with maps for objects whose order matters (names of digits would come first). */
export type Written =
  | null
  | boolean
  | number
  | string
  | Float
  | readonly Written[]
  | ReadonlyMap<string, Written>
  | { readonly [name: string]: Written }

/** As serde_json writes, with two spaces for each level when `pretty`. */
export function writeJson(value: Written, pretty: boolean): string {
  const parts: string[] = []
  const list = (
    open: string,
    close: string,
    items: Iterable<readonly [string, Written]>,
    level: number,
  ) => {
    let first = true
    parts.push(open)
    for (const [name, item] of items) {
      if (!first) parts.push(',')
      first = false
      if (pretty) parts.push('\n', '  '.repeat(level + 1))
      parts.push(name)
      write(item, level + 1)
    }
    if (pretty && !first) parts.push('\n', '  '.repeat(level))
    parts.push(close)
  }
  const named = function* (items: Iterable<readonly [string, Written]>) {
    for (const [name, item] of items)
      yield [JSON.stringify(name) + (pretty ? ': ' : ':'), item] as const
  }
  const write = (v: Written, level: number): void => {
    if (v instanceof Float)
      parts.push(
        Number.isInteger(v.value) && Math.abs(v.value) < 1e16 ? v.value.toFixed(1) : `${v.value}`,
      )
    else if (Array.isArray(v))
      list(
        '[',
        ']',
        v.map((item) => ['', item] as const),
        level,
      )
    else if (v instanceof Map) list('{', '}', named(v), level)
    else if (typeof v === 'object' && v !== null) list('{', '}', named(Object.entries(v)), level)
    else parts.push(JSON.stringify(v))
  }
  write(value, 0)
  return parts.join('')
}
