/** A module's forward as it runs: its name in errors, what it may use, and the hooks around it. */
import { type RemovableHandle, watchBackward } from '../autograd/hooks.js'
import { Call } from '../backends/call.js'
import { NablaError, show, ValueError } from '../core/errors.js'
import { leaves } from '../core/tree.js'
import { state } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import {
  fields,
  held,
  type Inside,
  inside,
  isModule,
  isPart,
  Parameter,
  placeOf,
  tensorsOf,
  walk,
} from './contents.js'
import type { Module } from './module.js'
import { watch } from './watch.js'

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
export interface Hooks {
  pre: readonly ForwardPreHook[]
  post: readonly ForwardHook[]
  backward: readonly BackwardHook[]
}
export const noHooks: Hooks = { pre: [], post: [], backward: [] }

/** The modules whose forward is running, outermost first. */
const running: Module[] = []

/** Runs the forward of a module: names it in errors, checks what it uses, calls the hooks. */
function run(m: Module, forward: (...inputs: unknown[]) => unknown, inputs: unknown[]): unknown {
  const root = running[0]
  const parent = running[running.length - 1]
  let name = m.constructor.name
  if (parent) {
    // To look for what is not below the parent goes through all that is.
    const passed = m[inside].stranger?.deref() === root && !parent[inside].places.has(m)
    const place = passed ? undefined : placeOf(parent, m)
    if (place !== undefined) name = place || name
    else if (!passed) {
      if (unreachable(root!, m)) refuseModule(root!, m)
      if (!given.some((g) => placeOf(g, m) !== undefined)) m[inside].stranger = new WeakRef(root!)
    }
  }
  const level = state.gradEnabled ? 2 : 1
  const check = !root && (m[inside].checked < level || state.recorder !== undefined)
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
    if (check) m[inside].checked = level
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
export function addHook<K extends keyof Hooks>(
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
export function refuseModule(root: Module, m: Module): never {
  throw new ValueError({
    op: root.constructor.name,
    rule: 'every module that forward uses must be reachable from the model, or train(), eval(), parameters() and saving pass it by',
    got: `a ${m.constructor.name} in a #private field, in an object of another class or outside of the model`,
    fix: 'Keep it in a field: this.layer = ..., or in a list, object or Map there; or freeze it: layer.requireGrad(false).',
  })
}

/** Whether the module is the one whose forward the program has called. */
export const isRoot = (m: Module): boolean => running[0] === m

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
