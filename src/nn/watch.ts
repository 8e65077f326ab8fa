/** What a compiled function depends on besides tensors' values: the fields of the modules that it runs. */
import { partsOf } from '../core/tree.js'
import type { Recorder } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'

/** One value that was read: where it stands and what it was. */
type Fact = { read: () => unknown; value: unknown }
/** Longer lists are data: they are known by identity and length. */
const LONGEST = 256

const watched = new WeakMap<Recorder, WeakSet<object>>()

function factsOf<M extends object>(
  m: M,
  parts: readonly (readonly [string, unknown])[],
  facts: Fact[],
): void {
  const open = m as Record<string, unknown>
  const count = Object.keys(m).length
  facts.push({ read: () => Object.keys(m).length, value: count })
  for (const [key, value] of parts) {
    // A container's parts stand in no property.
    if (key in m) facts.push({ read: () => open[key], value })
    within(value, facts, [m])
  }
}

/** The entries of lists, plain objects, Maps and Sets. */
function within(value: unknown, facts: Fact[], above: readonly object[]): void {
  if (value instanceof Tensor) return
  const parts = partsOf(value)
  if (!parts || above.includes(value as object)) return
  const size = () => partsOf(value)!.length
  facts.push({ read: size, value: parts.length })
  if (parts.length > LONGEST) return
  const deeper = [...above, value as object]
  const one = (i: number) => partsOf(value)![i]?.[1]
  const direct = Array.isArray(value) ? (i: number) => value[i] as unknown : one
  parts.forEach(([, part], i) => {
    facts.push({ read: () => direct(i), value: part })
    within(part, facts, deeper)
  })
}

/**
 * Has the function traced anew when a field of one of the modules is another than now: a replaced parameter or layer,
 * an option such as the p of dropout. Fields that the function itself changes are left out.
 */
export function watch<M extends object>(
  modules: Iterable<readonly [string, M]>,
  fieldsOf: (m: M) => readonly (readonly [string, unknown])[],
  recorder: Recorder,
): void {
  const seen = watched.get(recorder) ?? new WeakSet()
  watched.set(recorder, seen)
  let facts: Fact[] = []
  for (const [, m] of modules) {
    if (seen.has(m)) continue
    seen.add(m)
    factsOf(m, fieldsOf(m), facts)
  }
  const holds = (f: Fact) => Object.is(f.read(), f.value)
  recorder.guard(() => facts.every(holds))
  recorder.whenTraced?.(() => {
    facts = facts.filter(holds)
  })
}
