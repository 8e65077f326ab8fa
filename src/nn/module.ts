import type { BackendName } from '../backends/backend.js'
import { Call } from '../backends/call.js'
import { backend } from '../backends/registry.js'
import { NablaError, ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { listed } from '../core/text.js'
import { leaves } from '../core/tree.js'
import { type RemovableHandle, watchBackward } from '../autograd/hooks.js'
import { assign } from '../ops/assign.js'
import { nameTensor } from '../ops/names.js'
import { keep, Tensor } from '../ops/tensor.js'
import { toBackend } from '../tensor/creation.js'
import { guard, noGrad, state } from '../ops/state.js'
import { watch } from './watch.js'

/** A tensor that is trained: a leaf whose gradient is wanted. */
export class Parameter extends Tensor {
  constructor(t: Tensor, requiresGrad = true) {
    super(t.shape, t.dtype, { storage: t.storage!, offset: t.offset, strides: t.strides })
    this.requiresGrad = requiresGrad
    // A model that is made inside of a tidy stays.
    keep(this)
  }
}

export type { RemovableHandle } from '../autograd/hooks.js'
/** Called after forward; what it returns, unless nothing, takes the output's place. */
export type ForwardHook = (module: Module, inputs: readonly unknown[], output: unknown) => unknown
/** Called before forward; what it returns, unless nothing, takes the inputs' place: a list, or the one input. */
export type ForwardPreHook = (module: Module, inputs: readonly unknown[]) => unknown
/** Called with gradients by place, null where there is none; a list that it returns replaces those of the inputs. */
export type BackwardHook = (
  module: Module,
  gradInput: readonly (Tensor | null)[],
  gradOutput: readonly (Tensor | null)[],
) => readonly (Tensor | null)[] | undefined
interface Hooks {
  pre: readonly ForwardPreHook[]
  post: readonly ForwardHook[]
  backward: readonly BackwardHook[]
}
export const noHooks: Hooks = { pre: [], post: [], backward: [] }

/**
 * Property names as PyTorch writes them: runningMean becomes running_mean, selfAttn becomes self_attn, toQKV to_qkv;
 * W and fc1 stay.
 */
const snake = (name: string) =>
  name.replace(/([a-z0-9])([A-Z]+)/g, (_, before, capitals) =>
    `${before}_${capitals}`.toLowerCase(),
  )

/** What a module keeps beside its fields, under a symbol: every name is free for fields. */
export const inside: unique symbol = Symbol('nabla.module')
interface Inside {
  training: boolean
  hooks: Hooks
  /** Fields that are buffers, and whether they are saved. */
  buffers: Map<string, boolean>
  /** Where modules below have been found, for messages. */
  places: WeakMap<Module, string>
  /** Has a whole forward found that every parameter can be reached? */
  checked: boolean
  /** The model that runs it without holding it. */
  stranger: WeakRef<Module> | undefined
}
/** The fields of a module: as they are called in the program, and in saved files. */
export const fields: unique symbol = Symbol('nabla.fields')
/** Modules under names of their own, beside the properties: those of containers. */
export const held: unique symbol = Symbol('nabla.held')
export type Field = readonly [key: string, name: string, value: unknown]

/** The modules whose forward is running, outermost first. */
const running: Module[] = []

const isPart = (v: unknown): v is Module | Parameter =>
  v instanceof Module || v instanceof Parameter
const isModule = (v: unknown): v is Module => v instanceof Module

/** The modules, parameters and buffers of one module, lists, objects, Maps and Sets opened. */
function* contents(m: Module): Generator<readonly [key: string, name: string, Tensor | Module]> {
  for (const [key, name, value] of m[fields]()) {
    if (typeof value !== 'object' || value === null) continue
    if (value instanceof Module) yield [key, name, value]
    else if (value instanceof Tensor) {
      if (value instanceof Parameter || m[inside].buffers.has(key)) yield [key, name, value]
    } else
      for (const [path, part] of leaves(value, isPart))
        yield [`${key}.${path}`, `${name}.${path}`, part]
  }
}

function* children(m: Module): Generator<readonly [key: string, name: string, Module]> {
  for (const [key, name, v] of contents(m)) if (v instanceof Module) yield [key, name, v]
}

/** A module and all below it, each once; `column` 0 gives the paths of the program, 1 those of saved files. */
function* walk(
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
function* tensorsOf(m: Module, which: 'all' | 'saved' = 'all'): Generator<[string, Tensor]> {
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
function placeOf(parent: Module, child: Module): string | undefined {
  const known = parent[inside].places.get(child)
  if (known !== undefined) return known
  for (const [path, m] of walk(parent, 0))
    if (m === child) {
      parent[inside].places.set(child, path)
      return path
    }
  return undefined
}

/** Runs the forward of a module: names it in errors, checks what it uses, calls the hooks. */
function run(m: Module, forward: (...inputs: unknown[]) => unknown, inputs: unknown[]): unknown {
  const root = running[0]
  const parent = running[running.length - 1]
  let name = m.constructor.name
  if (parent) {
    const place = placeOf(parent, m)
    if (place !== undefined) name = place === '' ? name : place
    else if (m[inside].stranger?.deref() !== root) {
      if (unreachable(root!, m)) refuseModule(root!, m)
      if (!given.some((g) => placeOf(g, m) !== undefined)) m[inside].stranger = new WeakRef(root!)
    }
  }
  const check = !root && (!m[inside].checked || state.recorder !== undefined)
  const met = state.met
  if (check) begin(m, inputs)
  running.push(m)
  const { call } = state
  const own = new Call(name, call, 'module')
  state.call = own
  const log = state.recorder?.calls
  try {
    log?.begin(own, m, {}, inputs)
    const output = withHooks(m, forward, inputs)
    log?.end(own, [output])
    if (check && state.gradEnabled) m[inside].checked = true
    return output
  } catch (error) {
    if (error instanceof NablaError) error.addPath(name)
    throw error
  } finally {
    state.call = call
    running.pop()
    state.met = met
  }
}

/** Forward with the hooks around it, in PyTorch's order. */
function withHooks(
  m: Module,
  forward: (...inputs: unknown[]) => unknown,
  given: unknown[],
): unknown {
  const kept = m[inside]
  state.recorder?.guard(() => kept.hooks)
  const { hooks } = kept
  if (hooks === noHooks) return forward.apply(m, given)
  let inputs = given
  for (const hook of hooks.pre) {
    const now = hook(m, inputs)
    if (now !== undefined && now !== null) inputs = Array.isArray(now) ? now : [now]
  }
  const whole = (own: unknown[]) => {
    let output = forward.apply(m, own)
    for (const hook of hooks.post) output = hook(m, own, output) ?? output
    return output
  }
  if (hooks.backward.length === 0) return whole(inputs)
  return watchBackward(inputs, whole, (gradInput, gradOutput) => {
    let now = gradInput
    for (const hook of hooks.backward) now = hook(m, now, gradOutput) ?? now
    return now
  })
}

/** Adds a hook; lists are replaced, never changed, so that compiled programs can tell. */
function addHook<K extends keyof Hooks>(
  m: Module,
  kind: K,
  hook: Hooks[K][number],
): RemovableHandle {
  if (typeof hook !== 'function')
    throw new ValueError({ op: m.constructor.name, rule: 'a hook is a function', got: typeof hook })
  const kept = m[inside]
  // A function of its own: what is registered twice is called twice, and removed once.
  const own = ((...args: never[]) =>
    (hook as (...args: never[]) => unknown)(...args)) as Hooks[K][number]
  kept.hooks = { ...kept.hooks, [kind]: [...kept.hooks[kind], own] }
  return {
    remove() {
      const left = (kept.hooks[kind] as readonly unknown[]).filter((h) => h !== own)
      const now = { ...kept.hooks, [kind]: left }
      const empty = now.pre.length + now.post.length + now.backward.length === 0
      kept.hooks = empty ? noHooks : now
    },
  }
}

/** Before the first forward of a model: what it may use, and what the program that is traced depends on. */
function begin(m: Module, inputs: readonly unknown[]): void {
  if (state.recorder)
    watch(
      walk(m, 0),
      (part) => [...part[fields]()].map(([key, , value]) => [key, value]),
      (part) => part[held],
      state.recorder,
    )
  const mine = new Set<unknown>([...tensorsOf(m)].map(([, t]) => t))
  for (const [, part] of leaves(inputs, isPart)) mine.add(part)
  given = [...leaves(inputs, isModule)].map(([, part]) => part)
  for (const part of given) for (const [, t] of tensorsOf(part)) mine.add(t)
  state.met = (t) => {
    if (!(t instanceof Parameter) || mine.has(t)) return
    throw new ValueError({
      op: m.constructor.name,
      rule: 'every parameter that forward uses must be reachable from the model, or it is not trained and not saved',
      got: `a ${t.constructor.name} ${show(t.shape)} in a #private field or outside of the model`,
      fix: 'Keep it in a field of the module: this.weight = ...; or freeze it: weight.requiresGrad = false.',
    })
  }
}
/** Modules among the arguments of the outermost forward. */
let given: readonly Module[] = []

/** Is the module, which holds what would be trained, no part of the model that is running? */
function unreachable(root: Module, m: Module): boolean {
  if (placeOf(root, m) !== undefined || given.some((g) => placeOf(g, m) !== undefined)) return false
  for (const [, t] of tensorsOf(m)) if (t.requiresGrad) return true
  return false
}
function refuseModule(root: Module, m: Module): never {
  throw new ValueError({
    op: root.constructor.name,
    rule: 'every module that forward uses must be reachable from the model, or train(), eval(), parameters() and saving pass it by',
    got: `a ${m.constructor.name} in a #private field, in an object of another class or outside of the model`,
    fix: 'Keep it in a field: this.layer = ..., or in a list, object or Map there; or freeze it: layer.requireGrad(false).',
  })
}

/** Makes `forward` of an instance run by `run`, and gives it what a module keeps. */
export function prepare(m: Module, kept: Inside): void {
  const forward = Object.getPrototypeOf(m).forward as (...inputs: unknown[]) => unknown
  Object.defineProperty(m, inside, { value: kept, enumerable: false, writable: true })
  Object.defineProperty(m, 'forward', {
    configurable: true,
    enumerable: false,
    writable: true,
    value: (...inputs: unknown[]) => run(m, forward, inputs),
  })
}

/** What to do about names that differ: those of a wrapper (DataParallel, compile) differ by what stands before them. */
function fixOfNames(missing: readonly string[], saved: ReadonlyMap<string, unknown>): string {
  const like = [...saved.keys()].find((k) => k.endsWith(`.${missing[0]}`))
  const before = like?.slice(0, -missing[0]!.length)
  return before && missing.every((m) => saved.has(before + m))
    ? `Take '${before}' off the saved names: loadPretrained does, with { rename: (n) => n.slice(${before.length}) }.`
    : 'Pass { strict: false } to load what fits.'
}

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
      checked: false,
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
    if (root && root === running[0] && this[inside].training && !root[inside].training)
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
    const saved = new Map(Object.entries(values))
    const missing = [...own.keys()].filter((k) => !saved.has(k))
    const unexpected = [...saved.keys()].filter((k) => !own.has(k))
    const pairs: [Tensor, Tensor][] = []
    const shapes: string[] = []
    for (const [key, t] of own) {
      const v = saved.get(key)
      if (!v) continue
      if (!(v instanceof Tensor))
        throw new ValueError({ op, rule: `${key} must be a tensor`, got: typeof v })
      if (sameShape(v.shape, t.shape)) pairs.push([t, v])
      else shapes.push(`${key} is ${show(v.shape)}, the model's is ${show(t.shape)}`)
    }
    const names = strict && missing.length + unexpected.length > 0
    if (names || shapes.length > 0) {
      const complaint = {
        op,
        rule: `the saved ${names ? 'names' : 'shapes'} must be those of the model`,
        got: [
          names && missing.length > 0 ? `missing ${listed(missing)}` : '',
          names && unexpected.length > 0 ? `unexpected ${listed(unexpected)}` : '',
          listed(shapes),
        ]
          .filter(Boolean)
          .join('; '),
      }
      if (!names) throw new ShapeError(complaint)
      throw new ValueError({ ...complaint, fix: fixOfNames(missing, saved) })
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
