/** Layers that hold one affine map, and containers. */
import { ValueError } from '../core/errors.js'
import type { Shape } from '../core/shape.js'
import { bilinear, linear } from '../ops/linear.js'
import { flatten, unflatten } from '../ops/movement.js'
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
}

/** Gives what it gets. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x
  }
}

/** Axes from start (1 unless said otherwise) to end as one. */
export class Flatten extends Module {
  private readonly start: number
  private readonly end: number
  constructor(startAxis = 1, endAxis = -1) {
    super()
    this.start = startAxis
    this.end = endAxis
  }
  override forward(x: Tensor): Tensor {
    return flatten(x, this.start, this.end)
  }
}

/** One axis as several. */
export class Unflatten extends Module {
  private readonly axis: number
  private readonly shape: Shape
  constructor(axis: number, shape: Shape) {
    super()
    this.axis = axis
    this.shape = shape
  }
  override forward(x: Tensor): Tensor {
    return unflatten(x, this.axis, this.shape)
  }
}

/** A module that takes one tensor and gives one. */
export type Layer = Module & { forward(x: Tensor): Tensor }

/** Layers one after the other. */
export class Sequential extends Module {
  constructor(...layers: Layer[]) {
    super()
    layers.forEach((layer, i) => {
      ;(this as unknown as Record<string, Layer>)[`${i}`] = layer
    })
  }
  get layers(): Layer[] {
    return [...this.namedChildren()].map(([, m]) => m as Layer)
  }
  override forward(x: Tensor): Tensor {
    let y = x
    for (const layer of this.layers) y = layer.forward(y)
    return y
  }
}

/** A list of modules as a child. */
export class ModuleList<M extends Module = Module> extends Module implements Iterable<M> {
  constructor(modules: readonly M[] = []) {
    super()
    for (const m of modules) this.push(m)
  }
  get length(): number {
    return [...this.namedChildren()].length
  }
  at(i: number): M {
    const list = [...this]
    const m = list.at(i)
    if (!m)
      throw new ValueError({
        op: 'ModuleList',
        rule: `places 0 to ${list.length - 1}`,
        got: `${i}`,
      })
    return m
  }
  push(m: M): this {
    ;(this as unknown as Record<string, M>)[`${this.length}`] = m
    return this
  }
  *[Symbol.iterator](): Iterator<M> {
    for (const [, m] of this.namedChildren()) yield m as M
  }
  override forward(): never {
    throw new ValueError({
      op: 'ModuleList',
      rule: 'a list has no forward',
      fix: 'Call its modules.',
    })
  }
}

/** Modules by name as a child. */
export class ModuleDict<M extends Module = Module> extends Module {
  constructor(modules: Record<string, M> = {}) {
    super()
    for (const [name, m] of Object.entries(modules)) this.set(name, m)
  }
  get(name: string): M {
    const m = (this as unknown as Record<string, M>)[name]
    if (!(m instanceof Module))
      throw new ValueError({ op: 'ModuleDict', rule: 'no such module', got: name })
    return m
  }
  set(name: string, m: M): this {
    ;(this as unknown as Record<string, M>)[name] = m
    return this
  }
  override forward(): never {
    throw new ValueError({
      op: 'ModuleDict',
      rule: 'a dictionary has no forward',
      fix: 'Call its modules.',
    })
  }
}
