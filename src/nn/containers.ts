/** Modules that hold modules. */
import { ValueError } from '../core/errors.js'
import { isPlainObject, readArguments, showValue } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import { shown } from './copy.js'
import { type Field, fields, held, Module } from './module.js'

/** A module that takes one tensor and gives one. */
export type Layer = Module & { forward(x: Tensor): Tensor }

/** @throws ValueError: a container of modules is not called itself */
function noForward(op: string): never {
  throw new ValueError({ op, rule: 'a list of modules has no forward', fix: 'Call its modules.' })
}

abstract class Container<M extends Module> extends Module {
  override readonly [held] = new Map<string, M>()

  override *[fields](): Generator<Field> {
    for (const field of super[fields]())
      if (!(field[2] instanceof Module && this[held].get(field[0]) === field[2])) yield field
    for (const [name, m] of this[held]) yield [name, name, m]
  }
  /** Shows the parts as properties, after a copy. */
  [shown](): void {
    for (const [name, m] of this[held]) hold(this.constructor.name, this, name, m)
  }
}

/** Puts a module into a container; where the name is free it is a property as well. */
function hold<M extends Module>(op: string, to: Container<M>, name: string, m: M): void {
  if (!(m instanceof Module))
    throw new ValueError({
      op,
      rule: 'the parts must be modules',
      got: showValue(m),
      fix: 'A function has its module: relu is new ReLU().',
    })
  if (name === '' || name.includes('.'))
    throw new ValueError({
      op,
      rule: 'a name must be without dots and not empty',
      got: `'${name}'`,
    })
  to[held].set(name, m)
  if (!(name in to))
    Object.defineProperty(to, name, {
      configurable: true,
      enumerable: false,
      get: () => to[held].get(name),
      set: (other: M) => hold(op, to, name, other),
    })
}

/** Modules in order, under the names 0, 1, .. */
abstract class Ordered<M extends Module> extends Container<M> implements Iterable<M> {
  get length(): number {
    return this[held].size
  }
  /** The module at an index; negative indices count from the end. @throws ValueError out of range */
  at(i: number): M {
    const list = [...this]
    const m = list.at(i)
    if (!m)
      throw new ValueError({
        op: this.constructor.name,
        rule: `the index must be from ${-list.length} to ${list.length - 1}`,
        got: `${i}`,
      })
    return m
  }
  push(...modules: readonly M[]): this {
    for (const m of modules) hold(this.constructor.name, this, `${this[held].size}`, m)
    return this
  }
  *[Symbol.iterator](): Iterator<M> {
    yield* this[held].values()
  }
}

/**
 * Layers one after the other, given in order or as an object with their names.
 * @example new Sequential(new Linear(2, 3), new ReLU()).forward(zeros([1, 2])).shape // [1, 3]
 */
export class Sequential extends Ordered<Layer> {
  constructor(...layers: readonly Layer[] | readonly [Record<string, Layer>])
  constructor(...layers: readonly unknown[]) {
    super()
    const [first] = layers
    if (layers.length === 1 && isPlainObject(first))
      for (const [name, m] of Object.entries(first)) hold('Sequential', this, name, m as Layer)
    else if (layers.length === 1 && Array.isArray(first)) this.push(...(first as Layer[]))
    else this.push(...(layers as readonly Layer[]))
  }
  get layers(): Layer[] {
    return [...this]
  }
  override forward(x: Tensor): Tensor {
    let y = x
    for (const layer of this) y = layer.forward(y)
    return y
  }
}

const listPlaces = {
  modules: {
    rule: 'a list of modules',
    holds: (v: unknown) => typeof v === 'object' && v !== null && Symbol.iterator in v,
  },
}

/** A list of modules as a child. */
export class ModuleList<M extends Module = Module> extends Ordered<M> {
  constructor(modules?: Iterable<M>)
  constructor(...args: unknown[]) {
    super()
    const { modules = [] } = readArguments<{ modules?: Iterable<M> }>(
      'ModuleList',
      args,
      listPlaces,
    )
    this.push(...modules)
  }
  override forward(): never {
    return noForward('ModuleList')
  }
}

/** Modules by name as a child; every name is free. */
export class ModuleDict<M extends Module = Module> extends Container<M> {
  constructor(modules: Record<string, M> | Iterable<readonly [string, M]> = {}) {
    super()
    const entries =
      Symbol.iterator in modules ? modules : Object.entries(modules as Record<string, M>)
    for (const [name, m] of entries as Iterable<readonly [string, M]>) this.set(name, m)
  }
  /** @throws ValueError when there is none of that name */
  get(name: string): M {
    const m = this[held].get(name)
    if (!m)
      throw new ValueError({
        op: 'ModuleDict',
        rule: `the modules are ${this.keys().join(', ') || 'none'}`,
        got: name,
      })
    return m
  }
  has(name: string): boolean {
    return this[held].has(name)
  }
  set(name: string, m: M): this {
    hold('ModuleDict', this, name, m)
    return this
  }
  /** Takes a module out; gives whether it was there. */
  delete(name: string): boolean {
    const own = Object.getOwnPropertyDescriptor(this, name)
    if (own?.get) delete (this as unknown as Record<string, unknown>)[name]
    return this[held].delete(name)
  }
  keys(): string[] {
    return [...this[held].keys()]
  }
  entries(): [string, M][] {
    return [...this[held]]
  }
  override forward(): never {
    return noForward('ModuleDict')
  }
}
