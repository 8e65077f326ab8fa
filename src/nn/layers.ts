/** Layers that hold one affine map, and containers. */
import { ValueError } from '../core/errors.js'
import { bilinear, linear } from '../ops/linear.js'
import type { Tensor } from '../ops/tensor.js'
import { type BiasOption, uniformParameter } from './common.js'
import { Module, type Parameter } from './module.js'

/** y = x Wᵀ + b. x (..., in), result (..., out). Initial values U(±1/√in). */
export class Linear extends Module {
  weight: Parameter
  bias: Parameter | null
  constructor(inFeatures: number, outFeatures: number, { bias = true }: BiasOption = {}) {
    super()
    const bound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0
    this.weight = uniformParameter([outFeatures, inFeatures], bound)
    this.bias = bias ? uniformParameter([outFeatures], bound) : null
  }
  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias)
  }
  override describe(): string {
    const [out, inner] = this.weight.shape
    return `${inner}, ${out}${this.bias ? '' : ', bias=false'}`
  }
}

/** y = aᵀ W b + c. */
export class Bilinear extends Module {
  weight: Parameter
  bias: Parameter | null
  constructor(in1: number, in2: number, out: number, { bias = true }: BiasOption = {}) {
    super()
    const bound = 1 / Math.sqrt(in1)
    this.weight = uniformParameter([out, in1, in2], bound)
    this.bias = bias ? uniformParameter([out], bound) : null
  }
  override forward(a: Tensor, b: Tensor): Tensor {
    return bilinear(a, b, this.weight, this.bias)
  }
  override describe(): string {
    const [out, in1, in2] = this.weight.shape
    return `${in1}, ${in2}, ${out}${this.bias ? '' : ', bias=false'}`
  }
}

/** A module that takes one tensor and gives one. */
export type Layer = Module & { forward(x: Tensor): Tensor }

/** Puts a module under a name. @throws ValueError when the name is one of the module's own properties */
function setChild(op: string, parent: Module, name: string, m: Module): void {
  const open = parent as unknown as Record<string, unknown>
  if (name in parent && !(open[name] instanceof Module))
    throw new ValueError({ op, rule: 'no module may have the name of a property', got: name })
  open[name] = m
}
/** @throws ValueError: a container of modules is not called itself */
function noForward(op: string): never {
  throw new ValueError({ op, rule: 'it has no forward', fix: 'Call its modules.' })
}

/** Modules in order, under the names 0, 1, .. */
abstract class Ordered<M extends Module> extends Module implements Iterable<M> {
  get length(): number {
    return [...this].length
  }
  /** The module at a place; negative places count from the end. @throws ValueError out of range */
  at(i: number): M {
    const list = [...this]
    const m = list.at(i)
    if (!m)
      throw new ValueError({
        op: this.constructor.name,
        rule: `places from ${-list.length} to ${list.length - 1}`,
        got: `${i}`,
      })
    return m
  }
  push(...modules: readonly M[]): this {
    for (const m of modules) setChild(this.constructor.name, this, `${this.length}`, m)
    return this
  }
  *[Symbol.iterator](): Iterator<M> {
    for (const [, m] of this.namedChildren()) yield m as M
  }
}

/**
 * Layers one after the other, given in order or as an object with their names.
 * @example new Sequential(new Linear(2, 3), new ReLU()).forward(zeros([1, 2])).shape // [1, 3]
 */
export class Sequential extends Ordered<Layer> {
  constructor(...layers: readonly Layer[] | readonly [Record<string, Layer>]) {
    super()
    const [first] = layers
    if (layers.length === 1 && !(first instanceof Module))
      for (const [name, m] of Object.entries(first as Record<string, Layer>))
        setChild('Sequential', this, name, m)
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

/** A list of modules as a child. */
export class ModuleList<M extends Module = Module> extends Ordered<M> {
  constructor(modules: readonly M[] = []) {
    super()
    this.push(...modules)
  }
  override forward(): never {
    return noForward('ModuleList')
  }
}

/** Modules by name as a child. */
export class ModuleDict<M extends Module = Module> extends Module {
  constructor(modules: Record<string, M> = {}) {
    super()
    for (const [name, m] of Object.entries(modules)) this.set(name, m)
  }
  /** @throws ValueError when there is none of that name */
  get(name: string): M {
    const m = (this as unknown as Record<string, M>)[name]
    if (!(m instanceof Module))
      throw new ValueError({
        op: 'ModuleDict',
        rule: `modules: ${this.keys().join(', ') || 'none'}`,
        got: name,
      })
    return m
  }
  has(name: string): boolean {
    return this.keys().includes(name)
  }
  set(name: string, m: M): this {
    setChild('ModuleDict', this, name, m)
    return this
  }
  keys(): string[] {
    return [...this.namedChildren()].map(([name]) => name)
  }
  entries(): [string, M][] {
    return [...this.namedChildren()] as [string, M][]
  }
  override forward(): never {
    return noForward('ModuleDict')
  }
}
