/** What a compiled function depends on besides tensors' values: the fields of the modules that it runs. */
import { partsOf } from '../core/tree.js'
import type { Recorder } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'

/** One value that was read: what it is called, how to read it again, and what it was. */
type Fact = { name: string; read: () => unknown; value: unknown }
type Parts = readonly (readonly [string, unknown])[]
type Open = Record<string, unknown>
type Held = ReadonlyMap<string, unknown>

/** What is known of one module. */
interface Watched {
  module: Open
  /** The number of fields, and each of them. */
  facts: Fact[]
  /** The same in one comparison, where the fields are the properties: their names and values in order. */
  fields: { names: string[]; values: unknown[] } | undefined
  /** The modules of a container. */
  held: Held | undefined
  parts: Parts
  /** What lies in lists, plain objects, Maps and Sets. */
  deep: Fact[]
}

/** Longer lists are data: they are known by identity and length. */
const LONGEST = 256
/** Stands for the value of a field that the function sets itself. */
const any: unique symbol = Symbol('any')

const seenBy = new WeakMap<Recorder, WeakSet<object>>()

const holds = (f: Fact) => Object.is(f.read(), f.value)
function allHold(facts: readonly Fact[]): boolean {
  for (let i = 0; i < facts.length; i++) if (!holds(facts[i]!)) return false
  return true
}

/** Engines keep the order of the properties with the class of an object, so that this is a few loads a field. */
function sameFields(m: Open, values: readonly unknown[]): boolean {
  let i = 0
  for (const name in m) {
    const value = values[i++]
    if (value !== any && !Object.is(m[name], value)) return false
  }
  return i === values.length
}
const sameNames = (m: object, names: readonly string[]): boolean => {
  const now: string[] = []
  for (const name in m) now.push(name)
  return now.length === names.length && now.every((name, i) => name === names[i])
}

function sameParts(held: Held, parts: Parts): boolean {
  if (held.size !== parts.length) return false
  let i = 0
  for (const [name, part] of held) {
    const before = parts[i++]!
    if (name !== before[0] || part !== before[1]) return false
  }
  return true
}

function unchanged({ module, facts, fields, held, parts, deep }: Watched): boolean {
  if (!fields) return allHold(facts) && allHold(deep)
  return sameFields(module, fields.values) && (!held || sameParts(held, parts)) && allHold(deep)
}

function look<M extends object>(
  m: M,
  name: string,
  fieldsOf: (m: M) => Parts,
  heldBy: (m: M) => Held | undefined,
): Watched {
  const module = m as Open
  const parts = fieldsOf(m)
  const held = heldBy(m)
  const own = held ? parts.filter(([key, value]) => held.get(key) !== value) : parts
  const names = own.map(([key]) => key)
  const facts: Fact[] = [
    {
      name: `the number of fields of ${name}`,
      read: () => fieldsOf(m).length,
      value: parts.length,
    },
  ]
  const deep: Fact[] = []
  for (const [key, value] of parts) {
    if (key in m) facts.push({ name: `${name}.${key}`, read: () => module[key], value })
    within(value, `${name}.${key}`, deep, [m])
  }
  const fields = sameNames(m, names) ? { names, values: own.map(([, v]) => v) } : undefined
  return { module, facts, fields, held, parts: held ? [...held] : [], deep }
}

/** Leaves out what the function has changed itself while it was traced. */
function settle(w: Watched): void {
  w.facts = w.facts.filter(holds)
  w.deep = w.deep.filter(holds)
  const { module, fields, held, parts } = w
  if (!fields) return
  if (!sameNames(module, fields.names) || (held && !sameParts(held, parts))) w.fields = undefined
  else
    fields.names.forEach((name, i) => {
      if (!Object.is(module[name], fields.values[i])) fields.values[i] = any
    })
}

/** The entries of lists, plain objects, Maps and Sets. */
function within(value: unknown, name: string, facts: Fact[], above: readonly object[]): void {
  if (value instanceof Tensor) return
  const parts = partsOf(value)
  if (!parts || above.includes(value as object)) return
  const size = () => partsOf(value)!.length
  facts.push({ name: `the length of ${name}`, read: size, value: parts.length })
  if (parts.length > LONGEST) return
  const deeper = [...above, value as object]
  const one = (i: number) => partsOf(value)![i]?.[1]
  const direct = Array.isArray(value) ? (i: number) => value[i] as unknown : one
  parts.forEach(([key, part], i) => {
    facts.push({ name: `${name}.${key}`, read: () => direct(i), value: part })
    within(part, `${name}.${key}`, facts, deeper)
  })
}

/**
 * Traces the function again when a field of one of the modules has changed: a replaced parameter or layer,
 * an option such as the p of dropout. Fields that the function itself changes are left out.
 */
export function watch<M extends object>(
  modules: Iterable<readonly [string, M]>,
  fieldsOf: (m: M) => Parts,
  heldBy: (m: M) => Held | undefined,
  recorder: Recorder,
): void {
  const seen = seenBy.get(recorder) ?? new WeakSet()
  seenBy.set(recorder, seen)
  const watched: Watched[] = []
  let root = ''
  for (const [path, m] of modules) {
    if (path === '') root = m.constructor.name
    if (seen.has(m)) continue
    seen.add(m)
    watched.push(look(m, path === '' ? root : `${root}.${path}`, fieldsOf, heldBy))
  }
  if (watched.length === 0) return
  recorder.guard(
    () => {
      for (let i = 0; i < watched.length; i++) if (!unchanged(watched[i]!)) return false
      return true
    },
    () => watched.flatMap((w) => [...w.facts, ...w.deep]).find((f) => !holds(f))?.name,
  )
  recorder.whenTraced?.(() => {
    for (const w of watched) settle(w)
  })
}
