import type { Backend } from '../backends/backend.js'
import { constNode, type Node, node, type Prim } from '../backends/ir.js'
import type { DType } from '../core/dtype.js'
import { TraceError, ValueError } from '../core/errors.js'
import type { Shape } from '../core/shape.js'
import { Tensor } from './tensor.js'

/** Collects the nodes of a program: of one operation (eager.ts) or of a user's function (compile). */
export interface Recorder {
  /** Is it a user's function, whose values must not be read? */
  readonly tracesUser: boolean
  /** Every node, in the order of tracing. */
  readonly nodes: Node[]
  /** The node that stands for a tensor holding data. */
  input(t: Tensor): Node
  /** The tensor's value from now on. */
  assign(t: Tensor, value: Node): void
  readGrad(t: Tensor, now: Tensor | null): Tensor | null
  writeGrad(t: Tensor, value: Tensor | null): void
  /** A fact that was read while tracing; a change of it traces anew. */
  guard(read: () => unknown): void
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
  /** Names of the operations and modules being run, outermost first. */
  path: string[]
  order: number
  /** Looks at what every operation gives; see autograd/anomaly.ts. */
  inspect: ((op: string, inputs: readonly Tensor[], outputs: readonly Tensor[]) => void) | undefined
  /** Told of every input of an operation that wants a gradient, while a model runs for the first time. */
  met: ((t: Tensor) => void) | undefined
  replay: Replay | undefined
  /** Marks the nodes of a second computation, which must not be merged with the first; 0: none. */
  fence: number
} = {
  recorder: undefined,
  gradEnabled: true,
  scope: undefined,
  backend: () => {
    throw new TraceError({ op: 'backend', rule: 'no backend has been chosen' })
  },
  path: [],
  order: 0,
  inspect: undefined,
  met: undefined,
  replay: undefined,
  fence: 0,
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

const scopes: { readonly [key in keyof typeof state]?: string } = {
  gradEnabled: 'noGrad',
  scope: 'tidy',
  inspect: 'detectAnomaly',
  replay: 'checkpoint',
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

/** Runs `f` under a name, which nodes and messages then carry. */
export function named<T>(name: string, f: () => T): T {
  state.path.push(name)
  try {
    return ended('named', f())
  } finally {
    state.path.pop()
  }
}

/**
 * `f` without recording gradients. It must be synchronous: what an async function does after its first await would
 * run outside.
 * @throws ValueError when f is async or a generator
 * @example noGrad(() => tensor([1], { requiresGrad: true }).mul(2).requiresGrad) // false
 */
export function noGrad<T>(f: () => T): T {
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

function recording(): Recorder {
  if (!state.recorder)
    throw new TraceError({ op: 'prim', rule: 'primitives are recorded, inside of an operation' })
  return state.recorder
}

export function nodeOf(t: Tensor): Node {
  const r = recording()
  if (t.recorder === undefined) return r.input(t)
  if (t.recorder !== r || !t.node)
    throw new TraceError({
      op: state.path.join('/') || 'compile',
      rule: 'a tensor made while tracing lives only in the program being traced',
      fix: 'Return it from the compiled function instead of keeping it in a variable.',
    })
  return t.node
}

function traced(n: Node): Tensor {
  const r = recording()
  r.nodes.push(n)
  return tracedTensor(n, r)
}

/** Records a primitive; the only way in which an operation does anything. */
export function prim(p: Prim, inputs: readonly Tensor[] = [], dtype?: DType): Tensor {
  const n = node(p, inputs.map(nodeOf), dtype, state.path.join('/'))
  if (state.fence !== 0) n.fence = state.fence
  return traced(n)
}

/** Is a segment being computed a second time? */
export function replaying(): boolean {
  for (let r = state.replay; r; r = r.parent) if (r.replaying) return true
  return false
}

/** The state of a generator at a draw: `make` gives it and moves on; the second computation gets it again. */
export function drawn(make: () => Tensor, r: Replay | undefined): Tensor {
  if (!r) return make()
  if (r.replaying) return r.draws[r.next++]!
  const t = drawn(make, r.parent)
  r.draws.push(t)
  return t
}

/** A number inside of an operation; shape []. */
export function constant(value: number, dtype: DType = 'float32'): Tensor {
  return traced(constNode(value, dtype))
}

/** int32 coordinates along an axis. */
export function iota(shape: Shape, axis: number): Tensor {
  return prim({ op: 'iota', shape, axis })
}

/** The nodes that the outputs need, producers first. */
export function reachable(nodes: readonly Node[], outputs: readonly Node[]): Node[] {
  for (let i = 0; i < nodes.length; i++) nodes[i]!.index = i
  const wanted = new Uint8Array(nodes.length)
  for (const n of outputs) wanted[n.index!] = 1
  for (let i = nodes.length - 1; i >= 0; i--) {
    if (!wanted[i]) continue
    const { inputs } = nodes[i]!
    for (let k = 0; k < inputs.length; k++) wanted[inputs[k]!.index!] = 1
  }
  return nodes.filter((_, i) => wanted[i])
}

/** A traced tensor for a node made elsewhere. */
export function tracedTensor(n: Node, recorder: Recorder): Tensor {
  return new Tensor(n.shape, n.dtype, { node: n, recorder })
}
