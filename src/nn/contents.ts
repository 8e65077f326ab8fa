/** What a module holds: its fields, the modules, parameters and buffers in them, and those of all modules below. */
import { ValueError } from '../core/errors.js'
import { leaves } from '../core/tree.js'
import { keep, Tensor } from '../ops/tensor.js'
import type { Hooks } from './running.js'
import type { Module } from './module.js'

/** A tensor that is trained: a leaf whose gradient is wanted. */
export class Parameter extends Tensor {
  constructor(t: Tensor, requiresGrad = true) {
    super(t.shape, t.dtype, { storage: t.storage!, offset: t.offset, strides: t.strides })
    this.requiresGrad = requiresGrad
    // A model that is made inside of a tidy stays.
    keep(this)
  }
}

/** What a module keeps beside its fields, under a symbol: every name is free for fields. */
export const inside: unique symbol = Symbol('nabla.module')
export interface Inside {
  training: boolean
  hooks: Hooks
  /** Fields that are buffers, and whether they are saved. */
  buffers: Map<string, boolean>
  /** Where modules below have been found, for messages. */
  places: WeakMap<Module, string>
  /** Has a whole forward found that every parameter can be reached? 1: without gradients, 2: with them. */
  checked: 0 | 1 | 2
  /** The model that runs it without holding it. */
  stranger: WeakRef<Module> | undefined
}
/** The fields of a module: as they are called in the program, and in saved files. */
export const fields: unique symbol = Symbol('nabla.fields')
/** Modules under names of their own, beside the properties: those of containers. */
export const held: unique symbol = Symbol('nabla.held')
export type Field = readonly [key: string, name: string, value: unknown]

export const isModule = (v: unknown): v is Module =>
  typeof v === 'object' && v !== null && inside in v
export const isPart = (v: unknown): v is Module | Parameter => isModule(v) || v instanceof Parameter

/** The modules, parameters and buffers of one module, lists, objects, Maps and Sets opened. */
export function* contents(
  m: Module,
): Generator<readonly [key: string, name: string, Tensor | Module]> {
  for (const [key, name, value] of m[fields]()) {
    if (typeof value !== 'object' || value === null) continue
    if (isModule(value)) yield [key, name, value]
    else if (value instanceof Tensor) {
      if (value instanceof Parameter || m[inside].buffers.has(key)) yield [key, name, value]
    } else
      for (const [path, part] of leaves(value, isPart))
        yield [`${key}.${path}`, `${name}.${path}`, part]
  }
}

export function* children(m: Module): Generator<readonly [key: string, name: string, Module]> {
  for (const [key, name, v] of contents(m)) if (isModule(v)) yield [key, name, v]
}

/** A module and all below it, each once; `column` 0 gives the paths of the program, 1 those of saved files. */
export function* walk(
  m: Module,
  column: 0 | 1,
  prefix = '',
  seen = new Set<Module>(),
): Generator<[string, Module]> {
  if (seen.has(m)) return
  seen.add(m)
  yield [prefix, m]
  for (const child of children(m))
    yield* walk(child[2], column, prefix ? `${prefix}.${child[column]}` : child[column], seen)
}

/** Everything below is each once: parameters and buffers under the names of saved files. */
export function* tensorsOf(m: Module, which: 'all' | 'saved' = 'all'): Generator<[string, Tensor]> {
  const names = new Map<string, Tensor>()
  for (const [path, module] of walk(m, 1))
    for (const [key, own, value] of contents(module)) {
      if (!(value instanceof Tensor)) continue
      if (which === 'saved' && module[inside].buffers.get(key) === false) continue
      const name = path ? `${path}.${own}` : own
      const other = names.get(name)
      if (other && other !== value)
        throw new ValueError({
          op: m.constructor.name,
          rule: 'every parameter and buffer must have a name of its own in saved files',
          got: `two called ${name}`,
          fix: 'runningMean and running_mean are one name: rename one of them.',
        })
      names.set(name, value)
      if (!other) yield [name, value]
    }
}

/** Where a module is in another, as a path of the program; undefined: it cannot be reached from there. */
export function placeOf(parent: Module, child: Module): string | undefined {
  const { places } = parent[inside]
  const known = places.get(child)
  if (known !== undefined) return known
  // One walk finds them all: a walk for each layer of a stack would grow with the square of their number.
  for (const [path, m] of walk(parent, 0)) if (!places.has(m)) places.set(m, path)
  return places.get(child)
}
