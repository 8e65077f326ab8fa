import type { BackendName } from '../backends/backend.js'
import { backend } from '../backends/registry.js'
import type { RemovableHandle } from '../autograd/hooks.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { listed } from '../core/text.js'
import { assign } from '../ops/assign.js'
import { nameTensor } from '../ops/names.js'
import { guard, noGrad, state } from '../ops/state.js'
import { keep, Tensor } from '../ops/tensor.js'
import { toBackend } from '../tensor/creation.js'
import {
  children,
  type Field,
  fields,
  held,
  type Inside,
  inside,
  Parameter,
  tensorsOf,
  walk,
} from './contents.js'
import {
  addHook,
  type BackwardHook,
  type ForwardHook,
  type ForwardPreHook,
  isRoot,
  noHooks,
  prepare,
  refuseModule,
} from './running.js'

export { type Field, fields, held, inside, Parameter } from './contents.js'
export type { RemovableHandle } from '../autograd/hooks.js'
export {
  type BackwardHook,
  type ForwardHook,
  type ForwardPreHook,
  noHooks,
  prepare,
} from './running.js'

/**
 * Property names as PyTorch writes them: runningMean becomes running_mean, selfAttn becomes self_attn, toQKV to_qkv;
 * W and fc1 stay.
 */
const snake = (name: string) =>
  name.replace(/([a-z0-9])([A-Z]+)/g, (_, before, capitals) =>
    `${before}_${capitals}`.toLowerCase(),
  )

const strictly: OptionNames<{ strict?: boolean }> = { strict: true }

/**
 * A part of a network. Its fields are its contents: a Parameter is trained; a Module is a child; both are also found
 * in lists, plain objects, Maps and Sets. Tensors that are saved but not trained are registered (`registerBuffer`);
 * any other tensor, such as a result that `forward` keeps, is a plain field. `forward` computes; errors that pass
 * through it tell the path. Names in saved files are PyTorch's: `layers.0.weight`, `self_attn.in_proj_weight`.
 */
export abstract class Module {
  declare readonly [inside]: Inside
  declare readonly [held]?: ReadonlyMap<string, Module>

  abstract forward(...inputs: never[]): unknown

  constructor() {
    prepare(this, {
      training: true,
      hooks: noHooks,
      buffers: new Map(),
      places: new WeakMap(),
      checked: 0,
      stranger: undefined,
    })
  }

  *[fields](): Generator<Field> {
    for (const [key, value] of Object.entries(this)) yield [key, snake(key), value]
  }

  /**
   * Makes a tensor a buffer: it moves with the module and, unless `persistent` is false, is saved with it, but it is
   * not trained. Gives the tensor, so that a field can be set to it. PyTorch: Module.register_buffer.
   * @throws ValueError for a name that is a method of the module, or a value that is no tensor
   */
  registerBuffer<T extends Tensor | null>(
    name: string,
    t: T,
    options: { persistent?: boolean } = {},
  ): T {
    const { persistent = true } = checkOptions('registerBuffer', options, ['persistent'])
    if (t !== null && !(t instanceof Tensor))
      throw new ValueError({ op: 'registerBuffer', rule: `${name} must be a tensor or null` })
    setField('registerBuffer', this, name, t)
    this[inside].buffers.set(name, persistent)
    if (t) keep(t)
    return t
  }
  /** Sets a parameter under a name that is computed; `this.name = parameter` does the same. */
  registerParameter<P extends Parameter | null>(name: string, p: P): P {
    setField('registerParameter', this, name, p)
    return p
  }

  /** Whether the module is in training mode; compiled programs know both. */
  get training(): boolean {
    const root = this[inside].stranger?.deref()
    // One that eval() does not reach would go on training in silence.
    if (root && isRoot(root) && this[inside].training && !root[inside].training)
      refuseModule(root, this)
    return state.recorder ? guard(() => this[inside].training) : this[inside].training
  }
  /** Sets training mode here and below. */
  train(mode = true): this {
    if (typeof mode !== 'boolean')
      throw new ValueError({ op: 'train', rule: 'mode must be true or false', got: `${mode}` })
    for (const [, m] of walk(this, 1)) m[inside].training = mode
    return this
  }
  /** Sets evaluation mode here and below. */
  eval(): this {
    return this.train(false)
  }

  *namedChildren(): Generator<[string, Module]> {
    for (const [, name, m] of children(this)) yield [name, m]
  }
  /** This module and all below it, each once, with their paths. */
  namedModules(): Generator<[string, Module]> {
    return walk(this, 1)
  }
  modules(): Module[] {
    return [...walk(this, 1)].map(([, m]) => m)
  }

  /** Parameters with their names, each once: tied weights appear under their first name. */
  namedParameters(): [string, Parameter][] {
    const seen = new Set<Tensor>()
    const list: [string, Parameter][] = []
    for (const [name, t] of tensorsOf(this))
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
    return [...tensorsOf(this)].filter(([, t]) => !(t instanceof Parameter))
  }
  /** How many numbers are trained. */
  parameterCount(): number {
    return this.parameters().reduce((n, p) => n + p.size, 0)
  }

  /** All parameters and saved buffers by PyTorch's names. The tensors are those of the module, not copies. */
  stateDict(): Record<string, Tensor> {
    return Object.fromEntries(tensorsOf(this, 'saved'))
  }
  /**
   * Copies values into parameters and buffers; nothing is changed when anything does not fit.
   * @throws ValueError for missing or unexpected names (unless strict is false), ShapeError for wrong shapes; both list
   * everything that differs, eight names of each
   */
  loadStateDict(
    values: Record<string, Tensor>,
    options: { strict?: boolean } = {},
  ): { missing: string[]; unexpected: string[] } {
    const op = `${this.constructor.name}.loadStateDict`
    const { strict = true } = checkOptions(op, options, strictly)
    const own = new Map(tensorsOf(this, 'saved'))
    const saved = Object.keys(values)
    const missing = [...own.keys()].filter((k) => !saved.includes(k))
    const unexpected = saved.filter((k) => !own.has(k))
    const pairs: [Tensor, Tensor][] = []
    const shapes: string[] = []
    for (const [key, t] of own) {
      const v = values[key]
      if (!v || missing.includes(key)) continue
      if (!(v instanceof Tensor))
        throw new ValueError({ op, rule: `${key} must be a tensor`, got: typeof v })
      if (sameShape(v.shape, t.shape)) pairs.push([t, v])
      else shapes.push(`${key} is ${show(v.shape)}, the model's is ${show(t.shape)}`)
    }
    if (strict && missing.length + unexpected.length > 0) {
      // Names of a wrapper (DataParallel, compile) differ by what stands before them.
      const [first = ''] = missing
      const before = saved.find((k) => k.endsWith(`.${first}`))?.slice(0, -first.length)
      throw new ValueError({
        op,
        rule: 'the saved names must be those of the model',
        got: [
          missing.length > 0 && `missing ${listed(missing)}`,
          unexpected.length > 0 && `unexpected ${listed(unexpected)}`,
          listed(shapes),
        ]
          .filter(Boolean)
          .join('; '),
        fix:
          before && missing.every((m) => saved.includes(before + m))
            ? `Take '${before}' off the saved names: loadPretrained does, with { rename: (n) => n.slice(${before.length}) }.`
            : 'Pass { strict: false } to load what fits.',
      })
    }
    if (shapes.length > 0)
      throw new ShapeError({
        op,
        rule: 'the saved shapes must be those of the model',
        got: listed(shapes),
      })
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
  /** Moves all parameters and buffers to another backend, in place. */
  to(name: BackendName): this {
    const target = backend(name)
    for (const [, t] of tensorsOf(this)) {
      const moved = toBackend(t.contiguous(), target)
      t.storage = moved.storage
      t.offset = 0
      t.rawGrad = null
    }
    return this
  }
  /** Calls `hook` after each forward of this module. Returns a function that removes the hook. */
  onForward(hook: ForwardHook): () => void {
    const handle = addHook(this, 'post', (m, inputs, output) => {
      hook(m, inputs, output)
    })
    return () => handle.remove()
  }
  /**
   * Calls `hook(module, inputs)` before each forward; what it returns takes the inputs' place. Compiled programs are
   * traced again when a hook comes or goes, and hold what it computed. PyTorch: register_forward_pre_hook.
   */
  registerForwardPreHook(hook: ForwardPreHook): RemovableHandle {
    return addHook(this, 'pre', hook)
  }
  /**
   * Calls `hook(module, inputs, output)` after each forward; what it returns takes the output's place.
   * PyTorch: register_forward_hook.
   */
  registerForwardHook(hook: ForwardHook): RemovableHandle {
    return addHook(this, 'post', hook)
  }
  /**
   * Calls `hook(module, gradInput, gradOutput)` when the gradients of the inputs have been computed; a list that it
   * returns takes their place. Gradients stand by the place of the argument, null for what has none.
   * PyTorch: register_full_backward_hook.
   */
  registerFullBackwardHook(hook: BackwardHook): RemovableHandle {
    return addHook(this, 'backward', hook)
  }

  /** One line about the module itself, without its children. */
  describe(): string {
    return ''
  }
  toString(): string {
    const parts = [...children(this)]
    const head = `${this.constructor.name}(${this.describe()}`
    if (parts.length === 0) return `${head})`
    const lines = parts.map(([key, , m]) => `  (${key}): ${m.toString().replace(/\n/g, '\n  ')}`)
    return `${head}\n${lines.join('\n')}\n)`
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** Sets a field whose name is computed. @throws ValueError for the name of a method, an empty one and one with a dot */
export function setField(op: string, m: Module, name: string, value: unknown): void {
  const open = m as unknown as Record<string, unknown>
  if (
    name === '' ||
    name.includes('.') ||
    (name in m && !Object.hasOwn(m, name)) ||
    name === 'forward'
  )
    throw new ValueError({
      op,
      rule: 'a name must be without dots and not that of a method',
      got: `'${name}'`,
    })
  open[name] = value
}
