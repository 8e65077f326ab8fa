/** Options and positional arguments: what is not known is refused, with the name that was most likely meant. */
import { ValueError } from './errors.js'

/** The names of all options of a type; one that is missing or too many does not compile. */
export type OptionNames<O> = { readonly [K in keyof O]-?: unknown }

/** Names of PyTorch and Keras whose spelling does not lead to ours. */
const renamed: Record<string, readonly string[]> = {
  axis: ['axes'],
  axes: ['axis'],
  dim: ['axis', 'axes'],
  dims: ['axes', 'axis'],
  keepdims: ['keepdim'],
  unbiased: ['correction'],
  learningrate: ['lr'],
  decay: ['weightDecay', 'lrDecay'],
  beta1: ['betas'],
  beta2: ['betas'],
  epsilon: ['eps'],
  rate: ['p', 'lr'],
  probability: ['p'],
  prob: ['p'],
  usebias: ['bias'],
  strides: ['stride'],
  pad: ['padding'],
  filters: ['outChannels'],
  units: ['outFeatures', 'hiddenSize'],
  numworkers: ['workers'],
  datadir: ['folder', 'root'],
  nepochs: ['epochs'],
  numepochs: ['epochs'],
  maxepochs: ['epochs'],
  device: ['backend'],
  labels: ['classes', 'targets'],
}
/** Options that other frameworks have and nabla has no use for. */
const needless: Record<string, string> = {
  inplace: 'Operations give new tensors here, and compile reuses memory: leave it out.',
  device: "setBackend('native') or setBackend('wasm') chooses where tensors live: leave it out.",
  pinmemory: 'There is no device to copy to: leave it out.',
  foreach: 'compile makes one program of the whole step: leave it out.',
  fused: 'compile makes one program of the whole step: leave it out.',
  capturable: 'compile makes one program of the whole step: leave it out.',
  sizeaverage: "PyTorch has given it up: use reduction: 'mean' or 'sum'.",
  reduce: "PyTorch has given it up: use reduction: 'none', 'mean' or 'sum'.",
  dtype: 'Convert afterwards: t.to(dtype).',
}

const bare = (name: string) => name.replace(/[_\-\s]/g, '').toLowerCase()

/** How many letters must be changed, added, left out or exchanged with their neighbours. */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let d = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        d = Math.min(d, before[j - 2]! + 1)
      row.push(d)
    }
    ;[before, above] = [above, row]
  }
  return above[b.length]!
}

/**
 * The known name that was most likely meant: the same but for underscores and case (`batch_size`), another
 * framework's name for it (`dim`), or one that differs by a letter or two (`patiance`); undefined: none is near.
 */
export function suggest(name: string, known: readonly string[]): string | undefined {
  const own = bare(name)
  const same = known.find((k) => bare(k) === own)
  if (same) return same
  const other = renamed[own]?.find((k) => known.includes(k))
  if (other) return other
  let best: string | undefined
  let least = own.length <= 3 ? 1.5 : own.length / 3 + 0.5
  for (const k of known) {
    const d = editDistance(own, bare(k))
    if (d < least && d < bare(k).length) [best, least] = [k, d]
  }
  if (best) return best
  const begun = known.filter((k) => own.length > 2 && bare(k).startsWith(own))
  return begun.length === 1 ? begun[0] : undefined
}

/** A value in a few words, for `got`. */
export function showValue(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (typeof value === 'function') return `the function ${value.name || '(without a name)'}`
  if (Array.isArray(value)) return `[${value.map(showValue).join(', ')}]`
  if (typeof value !== 'object' || value === null) return `${value as number}`
  const kind = value.constructor?.name
  return kind && kind !== 'Object' ? `a ${kind}` : `{ ${Object.keys(value).join(', ')} }`
}

/** `{ ... }` and not an instance of a class, a list or a function. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const proto = Object.getPrototypeOf(value)
  return proto === Object.prototype || proto === null
}

function refuse(op: string, name: string, known: readonly string[]): never {
  const meant = suggest(name, known)
  const advice = needless[bare(name)]
  throw new ValueError({
    op,
    rule: known.length > 0 ? `the options are ${known.join(', ')}` : 'there are no options',
    got: name,
    ...(meant ? { fix: `Did you mean ${meant}?` } : advice && { fix: advice }),
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

/**
 * Arguments by place, as in PyTorch, then an object of options with the rest: `(1, 6, 5, { padding: 2 })` and
 * `(1, 6, 5, 1, 2)` both give `{ inChannels: 1, outChannels: 6, kernelSize: 5, padding: 2, ... }`. `names` lists the
 * arguments in order, `required` of them must be there; `named` are options that have no place.
 * @throws ValueError for an unknown option, one given twice, a missing argument and one too many
 */
export function readArguments<O extends object>(
  op: string,
  args: readonly unknown[],
  names: readonly (keyof O & string)[],
  required = 0,
  named: readonly (keyof O & string)[] = [],
): O {
  let count = args.length
  while (count > 0 && args[count - 1] === undefined) count--
  const last = count > 0 ? args[count - 1] : undefined
  const options = isPlainObject(last) ? last : undefined
  if (options) count--
  if (count > names.length)
    throw new ValueError({
      op,
      rule:
        names.length > 0
          ? `the arguments are ${names.join(', ')}`
          : `it takes ${named.length > 0 ? 'an object of options' : 'no arguments'}`,
      got: `${count} arguments, the last ${showValue(args[count - 1])}`,
      ...(named.length > 0 && { fix: `By name only: { ${named.join(', ')} }.` }),
    })
  const values: Record<string, unknown> = {}
  for (let i = 0; i < count; i++) if (args[i] !== undefined) values[names[i]!] = args[i]
  if (options) {
    checkOptions(op, options, [...names, ...named])
    for (const [name, value] of Object.entries(options)) {
      if (value === undefined) continue
      if (name in values)
        throw new ValueError({ op, rule: 'an argument may be given once', got: `${name} twice` })
      values[name] = value
    }
  }
  for (const name of names.slice(0, required))
    if (values[name] === undefined)
      throw new ValueError({
        op,
        rule: `${name} must be given`,
        got: showValue(args.length === 1 ? args[0] : [...args]),
      })
  return values as O
}
