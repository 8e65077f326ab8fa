/** Options and positional arguments: what is not known is refused, with the name that was most likely meant. */
import { ValueError } from './errors.js'
import { extras } from './extras.js'
import { any, givenUp, type Kind } from './kinds.js'

/** The names of all options of a type; one that is missing or too many does not compile. */
export type OptionNames<O> = { readonly [K in keyof O]-?: unknown }

/** A value in a few words, for `got`. */
export function showValue(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (typeof value === 'function') return `the function ${value.name || '(without a name)'}`
  if (Array.isArray(value)) return `[${value.map(showValue).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const kind = value.constructor?.name
  return kind && kind !== 'Object' ? `a ${kind}` : `{ ${Object.keys(value).join(', ')} }`
}

/** @throws ValueError unless it is a function */
export function requireFunction(op: string, f: unknown): void {
  if (typeof f !== 'function')
    throw new ValueError({
      op,
      rule: 'the first argument is a function',
      got: showValue(f),
      fix: `${op}((...) => ...)`,
    })
}

/** `{ ... }` and not an instance of a class, a list or a function. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const proto = Object.getPrototypeOf(value)
  return proto === Object.prototype || proto === null
}

function refuse(op: string, name: string, known: readonly string[]): never {
  const fix = extras.advise?.(name, known)
  throw new ValueError({
    op,
    rule: known.length > 0 ? `the options are ${known.join(', ')}` : 'there are no options',
    got: name,
    ...(fix && { fix }),
  })
}

/**
 * Gives the options back when every name among them is known. `known` is an object whose keys are the names; typed
 * `OptionNames<O>`, the compiler sees that it is whole.
 * @throws ValueError for a name that is not known, and for a value that is no object of options
 * @example
 * const known: OptionNames<LoaderOptions> = { batchSize: true, shuffle: true }
 * const { batchSize = 1 } = checkOptions('DataLoader', options, known)
 */
export function checkOptions<O extends object>(
  op: string,
  given: O | null | undefined,
  known: OptionNames<O> | readonly (keyof O)[],
): O {
  if (given === undefined || given === null) return {} as O
  const names = (Array.isArray(known) ? known : Object.keys(known)) as string[]
  if (typeof given !== 'object' || Array.isArray(given) || ArrayBuffer.isView(given))
    throw new ValueError({
      op,
      rule: `options are an object${names.length > 0 ? ` with ${names.join(', ')}` : ''}`,
      got: showValue(given),
    })
  for (const name in given) if (!names.includes(name)) refuse(op, name, names)
  return given
}

export * as kinds from './kinds.js'
export type { Kind } from './kinds.js'
export const orNull = (k: Kind): Kind => ({
  rule: `${k.rule} or null`,
  holds: (v) => v === null || k.holds(v),
})
export const oneOf = (...values: readonly string[]): Kind => ({
  rule: values
    .map((v) => `'${v}'`)
    .join(', ')
    .replace(/, ([^,]*)$/, ' or $1'),
  holds: (v) => values.includes(v as string),
})

/** The arguments of a function or class by name, in their order, with what each must be. */
export interface Places {
  readonly [name: string]: Kind
}
const placesOf = (places: Places | readonly string[]): Places =>
  Array.isArray(places)
    ? Object.fromEntries(places.map((name: string) => [name, any]))
    : (places as Places)

/**
 * Arguments by place, as in PyTorch, then an object of options with the rest: `(1, 6, 5, { padding: 2 })` and
 * `(1, 6, 5, 1, 2)` both give `{ inChannels: 1, outChannels: 6, kernelSize: 5, padding: 2, ... }`. `places` names the
 * arguments in order, the first `required` must be there; `named` are options that have no place.
 * @throws ValueError for an unknown option, one given twice, one of another kind, a missing argument and one too many
 */
export function readArguments<O extends object>(
  op: string,
  args: readonly unknown[],
  places: Places | readonly string[],
  required = 0,
  named: Places | readonly string[] = {},
): O {
  const [byPlace, byName] = [placesOf(places), placesOf(named)]
  const names = Object.keys(byPlace)
  const all = { ...byPlace, ...byName }
  let count = args.length
  while (count > 0 && args[count - 1] === undefined) count--
  const last = count > 0 ? args[count - 1] : undefined
  const options = isPlainObject(last) ? last : undefined
  if (options) count--
  if (count > names.length) {
    const others = Object.keys(byName)
    throw new ValueError({
      op,
      rule: names.length > 0 ? `the arguments are ${names.join(', ')}` : 'it takes no arguments',
      got: `${count}, the last of them ${showValue(args[count - 1])}`,
      ...(others.length > 0 && { fix: `By name: { ${others.join(', ')} }.` }),
    })
  }
  const values: Record<string, unknown> = {}
  for (let i = 0; i < count; i++) if (args[i] !== undefined) values[names[i]!] = args[i]
  if (options) {
    checkOptions<Record<string, unknown>>(op, options, all)
    for (const [name, value] of Object.entries(options)) {
      if (value === undefined) continue
      if (name in values)
        throw new ValueError({ op, rule: 'an argument may be given once', got: `${name} twice` })
      values[name] = value
    }
  }
  for (const name of names.slice(0, required))
    if (values[name] === undefined)
      throw new ValueError({ op, rule: `${name} must be given`, got: showValue([...args]) })
  for (const [name, value] of Object.entries(values))
    if (!all[name]!.holds(value) && !(value === null && all[name] === givenUp))
      throw new ValueError({
        op,
        rule: `${name} must be ${all[name]!.rule}`,
        got: showValue(value),
      })
  return values as O
}

/** Options, or their values by place. */
export type PlacesOr<O> = (O[keyof O] | O | null)[]

const none = {}
/** What stands after the operands of a function: options, or their values in PyTorch's order; see readArguments. */
export function readOptions<O extends object>(
  op: string,
  rest: readonly unknown[],
  places: Places,
  named: Places = none,
): O {
  if (rest.length === 0 || (rest.length === 1 && rest[0] === undefined)) return none as O
  return readArguments<O>(op, rest, places, 0, named)
}
