/** Nested lists and plain objects with leaves of a class: the arguments and results of functions. */
import { isPlainObject } from './options.js'

const ids = new WeakMap<object, number>()
let nextId = 0
/** A number for an object's identity. */
function idOf(object: object): number {
  let id = ids.get(object)
  if (id === undefined) {
    id = nextId++
    ids.set(object, id)
  }
  return id
}

/**
 * Walks the tree in order: leaves are handed to `leaf`, which gives their part of the key. The key holds the
 * structure and every static value; objects of other classes count by identity.
 */
export function treeKey<L>(
  value: unknown,
  isLeaf: (v: unknown) => v is L,
  leaf: (v: L) => string,
): string {
  if (isLeaf(value)) return leaf(value)
  if (typeof value === 'function') return `#${idOf(value)}`
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' || value === null) return `${value}`
  if (Array.isArray(value)) {
    let s = '['
    for (const v of value) s += `${treeKey(v, isLeaf, leaf)},`
    return `${s}]`
  }
  if (!isPlainObject(value)) return `#${idOf(value)}`
  let s = '{'
  for (const [k, v] of Object.entries(value)) s += `${k}:${treeKey(v, isLeaf, leaf)},`
  return `${s}}`
}

/** The same tree with every leaf replaced. */
export function treeMap<L, M>(
  value: unknown,
  isLeaf: (v: unknown) => v is L,
  f: (v: L) => M,
): unknown {
  if (isLeaf(value)) return f(value)
  if (Array.isArray(value)) return value.map((v) => treeMap(v, isLeaf, f))
  if (isPlainObject(value))
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, treeMap(v, isLeaf, f)]))
  return value
}

/**
 * The leaves in nested lists, plain objects, Maps and Sets, with the keys that lead to them. What is met a second
 * time on its own path is not followed.
 */
export function* leaves<L>(
  value: unknown,
  isLeaf: (v: unknown) => v is L,
  path = '',
  above: readonly object[] = [],
): Generator<[path: string, leaf: L]> {
  if (isLeaf(value)) {
    yield [path, value]
    return
  }
  const parts = partsOf(value)
  if (!parts || above.includes(value as object)) return
  const within = [...above, value as object]
  for (const [key, part] of parts)
    if (typeof part === 'object' && part !== null)
      yield* leaves(part, isLeaf, path === '' ? key : `${path}.${key}`, within)
}

/** What a list, plain object, Map or Set holds, with its keys as text; undefined for anything else. */
export function partsOf(value: unknown): [key: string, part: unknown][] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) return value.map((part, i) => [`${i}`, part])
  if (value instanceof Map) return [...value].map(([k, part]) => [`${k}`, part])
  if (value instanceof Set) return [...value].map((part, i) => [`${i}`, part])
  return isPlainObject(value) ? Object.entries(value) : undefined
}
