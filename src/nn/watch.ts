/** What a compiled function depends on besides tensors' values: the fields of the modules that it runs. */
import { partsOf } from '../core/tree.js'
import type { Recorder } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'

/** One value that was read: what it is called, how to read it again, and what it was. */
type Fact = { name: string; read: () => unknown; value: unknown }
type Parts = readonly (readonly [string, unknown])[]
/** Longer lists are data: they are known by identity and length. */
const LONGEST = 256

const watched = new WeakMap<Recorder, WeakSet<object>>()

function factsOf<M extends object>(
  m: M,
  name: string,
  fieldsOf: (m: M) => Parts,
  facts: Fact[],
): void {
  const open = m as Record<string, unknown>
  const parts = fieldsOf(m)
  const own = Object.keys(m).length
  // The modules of a container are in no field.
  const count = parts.length === own ? () => Object.keys(m).length : () => fieldsOf(m).length
  facts.push({ name: `the number of fields of ${name}`, read: count, value: parts.length })
  for (const [key, value] of parts) {
    if (key in m) facts.push({ name: `${name}.${key}`, read: () => open[key], value })
    within(value, `${name}.${key}`, facts, [m])
  }
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
  recorder: Recorder,
): void {
  const seen = watched.get(recorder) ?? new WeakSet()
  watched.set(recorder, seen)
  let facts: Fact[] = []
  let root = ''
  for (const [path, m] of modules) {
    if (path === '') root = m.constructor.name
    if (seen.has(m)) continue
    seen.add(m)
    factsOf(m, path === '' ? root : `${root}.${path}`, fieldsOf, facts)
  }
  if (facts.length === 0) return
  const holds = (f: Fact) => Object.is(f.read(), f.value)
  recorder.guard(
    () => facts.every(holds),
    () => facts.find((f) => !holds(f))?.name,
  )
  recorder.whenTraced?.(() => {
    facts = facts.filter(holds)
  })
}
