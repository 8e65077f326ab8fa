/** What holds for the whole process at this moment: who records, whether gradients are recorded, names for messages. */
import { requireFunction } from '../core/options.js'
import type { Backend, Executable } from '../backends/backend.js'
import { Call } from '../backends/call.js'
import type { Node } from '../backends/ir.js'
import type { DType } from '../core/dtype.js'
import { TraceError, ValueError } from '../core/errors.js'
import type { Tensor } from './tensor.js'

/** Measures what runs; see autograd/profile.ts. */
export interface Watcher {
  /** An operation that is run by itself begins and ends. */
  begin(op: string): void
  end(outputs: readonly Tensor[]): void
  /** Runs the program of a compiled function; undefined: compiled functions run eagerly. */
  run: ((program: Executable, ...args: Parameters<Executable['run']>) => void) | undefined
}

/** Told of every call that is traced: an operation, a module's forward, an operation's gradient. */
export interface CallLog {
  begin(call: Call, target: object, attrs: object, inputs: readonly unknown[]): void
  end(call: Call, outputs: readonly unknown[]): void
}

/** Collects the nodes of a program: of one operation (eager.ts) or of a user's function (compile). */
export interface Recorder {
  /** Is it a user's function, whose values must not be read? */
  readonly tracesUser: boolean
  /** Every node, in the order of tracing. */
  readonly nodes: Node[]
  /** The node of each number that was asked for last with it. */
  constants?: Map<number, Node>
  /** Set while somebody wants to know the calls; see compile/calls.ts. */
  calls?: CallLog | undefined
  /** The node that stands for a tensor holding data. */
  input(t: Tensor): Node
  /** The node that stands for a tensor of another recorder, which runs around this one. */
  foreign?(t: Tensor): Node
  /** The tensor's value from now on. */
  assign(t: Tensor, value: Node): void
  readGrad(t: Tensor, now: Tensor | null): Tensor | null
  writeGrad(t: Tensor, value: Tensor | null): void
  /** A fact that was read while tracing; a change of it traces anew. */
  guard(read: () => unknown, name?: () => string | undefined): void
  /** Has `f` called after each run of the program. */
  afterRun?(f: () => void): void
  /** Runs `f` when the function has been traced to its end. */
  whenTraced?(f: () => void): void
}

/** The draws of random numbers in a segment that is computed a second time; see autograd/checkpoint.ts. */
export interface Replay {
  replaying: boolean
  /** The state of the generator at each draw. */
  draws: Tensor[]
  next: number
  parent: Replay | undefined
}

/** What holds for the whole process at this moment. */
export const state: {
  recorder: Recorder | undefined
  gradEnabled: boolean
  /** The tensors made since the innermost `tidy` began. */
  scope: Tensor[] | undefined
  /** The backend of new tensors; set by the registry's users. */
  backend: () => Backend
  /** The innermost operation or module that is being run. */
  call: Call | undefined
  order: number
  /** Looks at what every operation gives; see autograd/anomaly.ts. */
  inspect: ((op: string, inputs: readonly Tensor[], outputs: readonly Tensor[]) => void) | undefined
  profile: Watcher | undefined
  /** Told of every input of an operation that wants a gradient, while a model runs for the first time. */
  met: ((t: Tensor) => void) | undefined
  replay: Replay | undefined
  /** What operations read and write in the place of other tensors; see nn/functionalCall.ts. */
  replaced: ReadonlyMap<Tensor, Tensor> | undefined
  /** Marks the nodes of a second computation, which must not be merged with the first; 0: none. */
  fence: number
  /** The half type of products; see autocast.ts. */
  autocast: DType | undefined
} = {
  recorder: undefined,
  gradEnabled: true,
  scope: undefined,
  backend: () => {
    throw new TraceError({ op: 'backend', rule: 'no backend has been chosen' })
  },
  call: undefined,
  order: 0,
  inspect: undefined,
  profile: undefined,
  met: undefined,
  replay: undefined,
  replaced: undefined,
  fence: 0,
  autocast: undefined,
}

const scopes: { readonly [key in keyof typeof state]?: string } = {
  gradEnabled: 'noGrad',
  scope: 'tidy',
  inspect: 'detectAnomaly',
  call: 'named',
  replay: 'checkpoint',
  replaced: 'functionalCall',
  autocast: 'autocast',
}

/** Runs `f` with some of the state changed, and puts it back however `f` ends. @throws ValueError when f is async */
export function withState<K extends keyof typeof state, T>(
  key: K,
  value: (typeof state)[K],
  f: () => T,
): T {
  const before = state[key]
  state[key] = value
  try {
    return ended(scopes[key] ?? key, f())
  } finally {
    state[key] = before
  }
}

/** Runs `f` as a call of that name, which nodes and messages then carry. */
export const named = <T>(name: string, f: () => T): T =>
  withState('call', new Call(name, state.call), f)

/**
 * `f` without recording gradients. It must be synchronous: what an async function does after its first await would
 * run outside.
 * @throws ValueError when f is async or a generator
 * @example noGrad(() => tensor([1], { requiresGrad: true }).mul(2).requiresGrad) // false
 */
export function noGrad<T>(f: () => T): T {
  requireFunction('noGrad', f)
  return withState('gradEnabled', false, f)
}

/** A fact other than a tensor that the function being traced depends on, such as train or eval mode. */
export function guard<T>(read: () => T): T {
  state.recorder?.guard(read)
  return read()
}

/** Calls `f` after each run of the program being traced; at once when none is. */
export function afterRun(f: () => void): void {
  if (state.recorder) state.recorder.afterRun?.(f)
  else f()
}

/**
 * The result of a function that ran in a scope (noGrad, tidy, withGenerator, ..), unless that goes on after the scope
 * has ended: the rest of an async function or of a generator would run outside of it.
 * @throws ValueError for a promise or a generator
 */
export function ended<T>(op: string, result: T): T {
  if (typeof result !== 'object' || result === null) return result
  const { then } = result as { then?: unknown }
  const promise = typeof then === 'function'
  // Asked first, since the look at the kind takes longer and every call comes here.
  if (!promise && typeof (result as { next?: unknown }).next !== 'function') return result
  if (!promise && !/Generator\]$/.test(Object.prototype.toString.call(result))) return result
  // It is refused here; that it may also fail later is of no interest.
  if (promise) (then as Promise<T>['then']).call(result, undefined, () => {})
  throw new ValueError({
    op,
    rule: 'the function must be synchronous',
    got: promise ? 'a promise, from an async function' : 'a generator, whose body runs later',
    fix: promise
      ? `The scope ends when the function returns. Await first, outside: const x = await load(); ${op}(() => model.forward(x)).`
      : `The scope ends when the function returns. Call ${op} inside of the generator, without yield in it.`,
  })
}
