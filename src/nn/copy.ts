/** Models copied: with all that they hold, tied weights tied again. */
import { partsOf } from '../core/tree.js'
import { state, withState } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'
import { inside, Module, Parameter, prepare, noHooks } from './module.js'

/**
 * A copy of a model (or of a list, object or tensor) that shares nothing with it: parameters, buffers, options, modes.
 * What is one thing there is one thing in the copy, so tied weights stay tied. Gradients, hooks and histories are left
 * behind; functions are shared. PyTorch: copy.deepcopy(model). A class with #private fields keeps them out of reach of
 * any copy: its methods then fail; use ordinary fields.
 * @example copy(new Linear(2, 3)).forward(zeros([1, 2])).shape // [1, 3]
 */
export function copy<T>(value: T): T {
  return withState('recorder', undefined, () =>
    withState('scope', undefined, () => copied(value, new Map()) as T),
  )
}

function copied(value: unknown, done: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  const known = done.get(value)
  if (known !== undefined) return known
  if (value instanceof Tensor) return remember(done, value, tensorOf(value))
  if (ArrayBuffer.isView(value)) return remember(done, value, structuredClone(value))
  if (value instanceof Map) {
    const map = remember(done, value, new Map<unknown, unknown>())
    for (const [k, v] of value) map.set(copied(k, done), copied(v, done))
    return map
  }
  if (value instanceof Set) {
    const set = remember(done, value, new Set<unknown>())
    for (const v of value) set.add(copied(v, done))
    return set
  }
  // Instances of other classes are shared unless they hold tensors.
  if (!(value instanceof Module) && !partsOf(value) && !holdsTensors(value, new Set())) return value
  const made = remember(
    done,
    value,
    Array.isArray(value) ? [] : Object.create(Object.getPrototypeOf(value)),
  )
  if (value instanceof Module) {
    const { training, buffers } = value[inside]
    prepare(made as Module, {
      training,
      hooks: noHooks,
      buffers: new Map(buffers),
      places: new WeakMap(),
      checked: 0,
      stranger: undefined,
    })
  }
  for (const key of Reflect.ownKeys(value)) {
    const own = Object.getOwnPropertyDescriptor(value, key)!
    if (key === inside || (key === 'forward' && value instanceof Module && !own.enumerable))
      continue
    // What a container shows under a name reads its own parts.
    if (own.get && shown in value) continue
    if ('value' in own) own.value = copied(own.value, done)
    Object.defineProperty(made, key, own)
  }
  if (value instanceof Module) (made as { [shown]?: () => void })[shown]?.()
  return made
}
/** Containers define the properties of their modules again. */
export const shown: unique symbol = Symbol('nabla.shown')

function remember<T>(done: Map<object, unknown>, from: object, to: T): T {
  done.set(from, to)
  return to
}

function tensorOf(t: Tensor): Tensor {
  const own = withState('gradEnabled', false, () => (state.recorder ? t : t.clone()))
  if (t instanceof Parameter) return new Parameter(own, t.requiresGrad)
  own.requiresGrad = t.requiresGrad && t.isLeaf
  return own
}

function holdsTensors(value: unknown, seen: Set<unknown>): boolean {
  if (value instanceof Tensor || value instanceof Module) return true
  if (typeof value !== 'object' || value === null || seen.has(value)) return false
  seen.add(value)
  const parts = partsOf(value)?.map(([, v]) => v) ?? Object.values(value)
  return parts.some((v) => holdsTensors(v, seen))
}
