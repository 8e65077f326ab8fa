/**
 * The settings of a page: one record each, from which come its control, its default, its place in the link and the check
 * of what a link says.
 */
import type { Text } from './text.js'

interface Common {
  label: Text
  /** Has no control of its own: the page's picture changes it. */
  hidden?: boolean
  /** Which settings must be how, so that this one matters; it is not shown otherwise. */
  when?: (values: Record<string, unknown>) => boolean
}
export interface Range extends Common {
  value: number
  min: number
  max: number
  step: number
  unit?: string
}
export interface Choice<T extends string | number> extends Common {
  value: T
  /** Texts by value; numbers are their own texts. */
  options: T extends string ? Readonly<Record<T, Text | string>> : readonly T[]
}
export interface Flag extends Common {
  value: boolean
}
/** A value that only the picture changes. */
export interface Free<T> extends Common {
  value: T
  hidden: true
  /** Whether a value from a link is one. */
  valid: (value: unknown) => boolean
}
export type Setting = Range | Choice<string> | Choice<number> | Flag | Free<unknown>
export type Schema = Readonly<Record<string, Setting>>
export type Values<S extends Schema> = {
  -readonly [K in keyof S]: S[K] extends { options: infer O }
    ? O extends readonly unknown[]
      ? number
      : keyof O & string
    : S[K] extends { value: infer V }
      ? V extends number
        ? number
        : V extends boolean
          ? boolean
          : V
      : never
}

export const isRange = (s: Setting): s is Range => 'min' in s
export const isChoice = (s: Setting): s is Choice<string> | Choice<number> => 'options' in s

export const defaults = <S extends Schema>(schema: S): Values<S> =>
  Object.fromEntries(Object.entries(schema).map(([k, s]) => [k, s.value])) as Values<S>

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** What a link says about one setting; undefined when it is none of the values that it may have. */
function read(s: Setting, text: string): unknown {
  if (isChoice(s)) {
    if (Array.isArray(s.options)) return s.options.find((o) => `${o}` === text)
    return Object.hasOwn(s.options, text) ? text : undefined
  }
  if (isRange(s)) {
    const n = Number(text)
    return text.trim() !== '' && n >= s.min && n <= s.max ? n : undefined
  }
  if (typeof s.value === 'boolean') return text === '1' ? true : text === '0' ? false : undefined
  try {
    const value: unknown = JSON.parse(text)
    return (s as Free<unknown>).valid(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The values of a link; what it does not say, or says wrongly, has its default. */
export function fromLink<S extends Schema>(schema: S, query: URLSearchParams): Values<S> {
  const values: Record<string, unknown> = {}
  for (const [name, s] of Object.entries(schema)) {
    const text = query.get(name)
    values[name] = (text === null ? undefined : read(s, text)) ?? s.value
  }
  return values as Values<S>
}

/** What differs from the defaults, as the query of a link. */
export function toLink(schema: Schema, values: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams()
  for (const [name, s] of Object.entries(schema)) {
    const v = values[name]
    if (same(v, s.value)) continue
    const plain = isChoice(s) || isRange(s)
    query.set(name, plain ? `${v}` : typeof v === 'boolean' ? (v ? '1' : '0') : JSON.stringify(v))
  }
  return query.toString()
}

/** What the random numbers of a page begin with. */
export const seed = (value = 1): Range => ({
  label: ['Seed', '随机种子'],
  value,
  min: 0,
  max: 50,
  step: 1,
})

const rateLabel: Text = ['Learning rate', '学习率']
/** How far a step goes: one of some, or by a slider. */
export function learningRate(value: number, options: readonly number[]): Choice<number>
export function learningRate(
  value: number,
  range: { min: number; max: number; step: number },
): Range
export function learningRate(value: number, by: readonly number[] | object) {
  return { label: rateLabel, value, ...(Array.isArray(by) ? { options: by } : by) }
}

export const batchSize = (value: number, options: readonly number[]): Choice<number> => ({
  label: ['Batch size', '批大小'],
  value,
  options,
})

type Valid = (value: unknown) => boolean
const isList = (v: unknown, least: number, most: number): v is unknown[] =>
  Array.isArray(v) && v.length >= least && v.length <= most
const isNumber = (v: unknown, most: number) =>
  typeof v === 'number' && Number.isFinite(v) && Math.abs(v) <= most

/** `count` numbers of at most `most` in size. */
export const numberList =
  (count: number, most: number): Valid =>
  (v) =>
    isList(v, count, count) && v.every((n) => isNumber(n, most))

/** Rows of `columns` numbers (of any one count of them where it is 0) of at most `most` in size. */
export const numberRows =
  (columns: number, most: number, rows: { least?: number; most: number }): Valid =>
  (v) =>
    isList(v, rows.least ?? 0, rows.most) &&
    v.every(
      (row) =>
        isList(row, 1, Number.POSITIVE_INFINITY) &&
        row.length === (columns || (v[0] as unknown[]).length) &&
        row.every((n) => isNumber(n, most)),
    )

/** Lists of whole numbers, as sizes of layers are. */
export const wholeList =
  (most: number, min: number, max: number): Valid =>
  (v) =>
    isList(v, 0, most) &&
    v.every((n) => Number.isInteger(n) && (n as number) >= min && (n as number) <= max)

/** At least one of these, none twice. */
export const someOf =
  (all: readonly unknown[]): Valid =>
  (v) =>
    isList(v, 1, all.length) && new Set(v).size === v.length && v.every((n) => all.includes(n))

/** A text of at most `most` characters, and at least `least` without the spaces around it. */
export const textOf =
  (least: number, most: number): Valid =>
  (v) =>
    typeof v === 'string' && v.length <= most && v.trim().length >= least
