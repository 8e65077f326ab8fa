/** Memory of eager tensors, given back at the end of a scope. */
import { requireFunction } from '../core/options.js'
import type { Storage } from '../backends/backend.js'
import type { GradNode } from '../ops/tensor.js'
import { state, withState } from '../ops/state.js'
import { isKept, Tensor } from '../ops/tensor.js'

/**
 * Runs `f` and gives back the memory of every tensor that was made in it, but for those that it returns, anywhere in
 * lists, objects, Maps, Sets and instances of classes, with what their gradients need. Parameters and buffers of
 * models, gradients in `grad`, the state of optimizers and what `keep` names stay as well. Without `tidy` memory is
 * given back when the garbage collector comes by, which may be late. Scopes nest; in `compile` there is nothing to
 * give back.
 * @throws ValueError when f is async: its scope ends at its first await
 * @example tidy(() => tensor([1, 2]).mul(2).add(1)) // [3, 5]
 */
export function tidy<T>(f: () => T): T {
  requireFunction('tidy', f)
  if (state.recorder) return withState('scope', undefined, f)
  const outer = state.scope
  const made: Tensor[] = []
  const alive = new Set<Storage>()
  try {
    const result = withState('scope', made, f)
    survivors(result, alive)
    return result
  } finally {
    const freed = new Set<Storage>()
    for (const t of made) {
      const { storage } = t
      if (!storage || freed.has(storage) || isKept(storage)) continue
      if (alive.has(storage)) outer?.push(t)
      else {
        freed.add(storage)
        storage.free()
      }
    }
  }
}

/** The memory of all tensors in a value, of their gradients, and of what their history holds. */
function survivors(value: unknown, alive: Set<Storage>): void {
  const seen = new Set<unknown>()
  const open: unknown[] = [value]
  const history = (node: GradNode) => open.push(...node.inputs, ...node.outputs, node.attrs)
  while (open.length > 0) {
    const v = open.pop()
    if (typeof v !== 'object' || v === null || seen.has(v) || ArrayBuffer.isView(v)) continue
    seen.add(v)
    if (v instanceof Tensor) {
      if (v.storage) alive.add(v.storage)
      if (v.rawGrad) open.push(v.rawGrad)
      if (v.gradNode && !v.gradNode.freed) history(v.gradNode)
    } else if (v instanceof Map) open.push(...v.keys(), ...v.values())
    else if (v instanceof Set || Array.isArray(v)) open.push(...v)
    else for (const key of Reflect.ownKeys(v)) open.push(valueAt(v, key))
  }
}

/** A property that is a value; getters are left alone. */
const valueAt = (o: object, key: PropertyKey): unknown =>
  Object.getOwnPropertyDescriptor(o, key)?.value
