import type { BackendName } from '../backends/backend.js'
import { backend } from '../backends/registry.js'
import { NablaError, ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { assign } from '../ops/assign.js'
import { nameTensor } from '../ops/names.js'
import { Tensor } from '../ops/tensor.js'
import { guard, noGrad, state } from '../ops/trace.js'
import { toBackend } from '../tensor/creation.js'

/** A tensor that is trained: a leaf whose gradient is wanted. */
export class Parameter extends Tensor {
  constructor(t: Tensor, requiresGrad = true) {
    super(t.shape, t.dtype, { storage: t.storage!, offset: t.offset, strides: t.strides })
    this.requiresGrad = requiresGrad
  }
}

export type ForwardHook = (module: Module, inputs: readonly unknown[], output: unknown) => void

/** Names as PyTorch writes them: runningMean becomes running_mean. */
const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)

/** The modules whose forward is running, outermost first. */
const running: Module[] = []

/**
 * A part of a network. Properties are its contents: a Parameter is trained, any other tensor is a buffer that is
 * saved along, a Module (or a list of them) is a child. `forward` computes; errors that pass through it tell the path.
 */
export abstract class Module {
  private mode = true
  private hooks: ForwardHook[] | undefined

  abstract forward(...inputs: never[]): unknown

  constructor() {
    const forward = this.forward as (...inputs: unknown[]) => unknown
    Object.defineProperty(this, 'forward', {
      configurable: true,
      enumerable: false,
      writable: true,
      value: (...inputs: unknown[]) => this.run(forward, inputs),
    })
    // Not contents: kept out of what the properties show.
    for (const key of ['mode', 'hooks'])
      Object.defineProperty(this, key, {
        enumerable: false,
        writable: true,
        value: this[key as never],
      })
  }

  private run(forward: (...inputs: unknown[]) => unknown, inputs: unknown[]): unknown {
    const parent = running[running.length - 1]
    const name = parent ? nameIn(parent, this) : this.constructor.name
    running.push(this)
    state.path.push(name)
    try {
      const output = forward.apply(this, inputs)
      if (this.hooks) for (const hook of this.hooks) hook(this, inputs, output)
      return output
    } catch (error) {
      if (error instanceof NablaError) error.addPath(name)
      throw error
    } finally {
      state.path.pop()
      running.pop()
    }
  }

  /** Whether the module is in training mode; compiled programs know both. */
  get training(): boolean {
    return state.recorder ? guard(() => this.mode) : this.mode
  }
  /** Sets training mode here and below. */
  train(mode = true): this {
    for (const m of this.modules()) m.mode = mode
    return this
  }
  /** Sets evaluation mode here and below. */
  eval(): this {
    return this.train(false)
  }

  /** The properties that are contents, lists opened. */
  private *contents(): Generator<[string, Tensor | Module]> {
    for (const [key, value] of Object.entries(this)) {
      if (value instanceof Tensor || value instanceof Module) yield [key, value]
      else if (Array.isArray(value))
        for (let i = 0; i < value.length; i++)
          if (value[i] instanceof Module || value[i] instanceof Parameter)
            yield [`${key}.${i}`, value[i]]
    }
  }
  *namedChildren(): Generator<[string, Module]> {
    for (const [name, value] of this.contents()) if (value instanceof Module) yield [name, value]
  }
  /** This module and all below it, each once, with their paths. */
  *namedModules(prefix = '', seen = new Set<Module>()): Generator<[string, Module]> {
    if (seen.has(this)) return
    seen.add(this)
    yield [prefix, this]
    for (const [name, child] of this.namedChildren())
      yield* child.namedModules(prefix ? `${prefix}.${name}` : name, seen)
  }
  modules(): Module[] {
    return [...this.namedModules()].map(([, m]) => m)
  }

  private *tensors(): Generator<[string, Tensor]> {
    for (const [path, module] of this.namedModules())
      for (const [name, value] of module.contents())
        if (value instanceof Tensor) yield [path ? `${path}.${snake(name)}` : snake(name), value]
  }
  /** Parameters with their names, each once: tied weights appear under their first name. */
  namedParameters(): [string, Parameter][] {
    const seen = new Set<Tensor>()
    const list: [string, Parameter][] = []
    for (const [name, t] of this.tensors())
      if (t instanceof Parameter && !seen.has(t)) {
        seen.add(t)
        nameTensor(t, `${this.constructor.name}.${name}`)
        list.push([name, t])
      }
    return list
  }
  parameters(): Parameter[] {
    return this.namedParameters().map(([, p]) => p)
  }
  namedBuffers(): [string, Tensor][] {
    return [...this.tensors()].filter(([, t]) => !(t instanceof Parameter))
  }
  /** How many numbers are trained. */
  parameterCount(): number {
    return this.parameters().reduce((n, p) => n + p.size, 0)
  }

  /** All parameters and buffers by PyTorch's names. The tensors are those of the module, not copies. */
  stateDict(): Record<string, Tensor> {
    return Object.fromEntries(this.tensors())
  }
  /**
   * Copies values into parameters and buffers; nothing is changed when anything does not fit.
   * @throws ValueError for missing or unexpected names (unless strict is false), ShapeError for a wrong shape
   */
  loadStateDict(
    values: Record<string, Tensor>,
    { strict = true }: { strict?: boolean } = {},
  ): { missing: string[]; unexpected: string[] } {
    const own = new Map(this.tensors())
    const name = this.constructor.name
    const missing = [...own.keys()].filter((k) => !(k in values))
    const unexpected = Object.keys(values).filter((k) => !own.has(k))
    if (strict && missing.length + unexpected.length > 0)
      throw new ValueError({
        op: `${name}.loadStateDict`,
        rule: 'names must agree',
        got: [
          missing.length > 0 ? `missing ${missing.join(', ')}` : '',
          unexpected.length > 0 ? `unexpected ${unexpected.join(', ')}` : '',
        ]
          .filter(Boolean)
          .join('; '),
        fix: 'Pass { strict: false } to load what fits.',
      })
    const pairs: [Tensor, Tensor][] = []
    for (const [key, t] of own) {
      const v = values[key]
      if (!v) continue
      if (!sameShape(v.shape, t.shape))
        throw new ShapeError({
          op: `${name}.loadStateDict`,
          rule: `${key} must be ${show(t.shape)}`,
          got: show(v.shape),
        })
      pairs.push([t, v])
    }
    noGrad(() => {
      for (const [t, v] of pairs)
        assign(t, toBackend(v.dtype === t.dtype ? v : v.to(t.dtype), t.backend))
    })
    return { missing, unexpected }
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const p of this.parameters()) p.grad = null
  }
  /** Whether the parameters are trained; false freezes them. */
  requireGrad(value = true): this {
    for (const p of this.parameters()) p.requiresGrad = value
    return this
  }
  /** Calls `f` for every module below and this one. */
  apply(f: (m: Module) => void): this {
    for (const m of this.modules().reverse()) f(m)
    return this
  }
  /** Moves all tensors to another backend, in place. */
  to(name: BackendName): this {
    const target = backend(name)
    for (const [, t] of this.tensors()) {
      const moved = toBackend(t.contiguous(), target)
      t.storage = moved.storage
      t.offset = 0
      t.rawGrad = null
    }
    return this
  }
  /** Calls `hook` after each forward of this module. Returns the way to stop that. */
  onForward(hook: ForwardHook): () => void {
    this.hooks = [...(this.hooks ?? []), hook]
    return () => {
      this.hooks = this.hooks?.filter((h) => h !== hook)
      if (this.hooks?.length === 0) this.hooks = undefined
    }
  }

  /** One line about the module itself, without its children. */
  describe(): string {
    return ''
  }
  toString(): string {
    const children = [...this.namedChildren()]
    const head = `${this.constructor.name}(${this.describe()}`
    if (children.length === 0) return `${head})`
    const lines = children.map(([name, m]) => `  (${name}): ${m.toString().replace(/\n/g, '\n  ')}`)
    return `${head}\n${lines.join('\n')}\n)`
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** The path under which a parent holds a module, itself or in a list of modules. */
function nameIn(parent: Module, child: Module): string {
  for (const [name, m] of parent.namedChildren()) if (m === child) return name
  for (const [path, m] of parent.namedModules()) if (m === child) return path
  return child.constructor.name
}
