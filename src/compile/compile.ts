import type { Backend, Executable, Storage } from '../backends/backend.js'
import type { GraphOutput, Node } from '../backends/ir.js'
import type { DType } from '../core/dtype.js'
import { TraceError, ValueError } from '../core/errors.js'
import { extra, extras } from '../core/extras.js'
import { checkOptions, type OptionNames, requireFunction } from '../core/options.js'
import { type Shape, sizeOf } from '../core/shape.js'
import { treeKey, treeMap } from '../core/tree.js'
import { reach, signature } from '../ops/eager.js'
import { runPending } from '../ops/pending.js'
import { backendOf, onStorage, Tensor } from '../ops/tensor.js'
import { nodeOf, reachable } from '../ops/trace.js'
import { ended, state, withState } from '../ops/state.js'
import type { Buckets, Padding } from './buckets.js'
import type { Described, Traced } from './debug.js'
import { Programs } from './programs.js'
import { type Capture, FunctionRecorder, type Guard } from './recorder.js'

export interface CompileOptions {
  /** Keep gradients that the function itself clears before `backward`, so that they can be read after it. */
  keepGrads?: boolean
  /**
   * Runs `fn` as it stands beside the program at every call, and throws at the first difference, with its name. Slow:
   * for finding what the program has frozen.
   */
  debug?: boolean
  /** Programs that are kept in all, 64 unless given; beyond it the one that was used longest ago is given up. */
  maxPrograms?: number
  /**
   * Pads an axis of arguments to the smallest of a few sizes, so that a program serves many lengths. `fn` sees the padded
   * tensors and must see to it that the padding counts for nothing: by a mask that is an argument of the same axis, padded
   * with 0 likewise. Results that have the size of the bucket along that axis are cut back to the size that came in.
   */
  buckets?: Buckets | readonly Buckets[]
}

const compileNames: OptionNames<CompileOptions> = {
  keepGrads: true,
  debug: true,
  maxPrograms: true,
  buckets: true,
}
const MAX_PROGRAMS = 64

export interface Compiled<A extends unknown[], R> {
  (...args: A): R
  /**
   * The same, computed in a worker: the event loop goes on meanwhile. Calls are computed one after the other in the order
   * in which they were made, and read their arguments when their turn comes. The worker has a memory of its own; tensors
   * go there when they are first used or have changed, and those that the call changes (weights, optimizer state) come
   * back with its result. Until then they cannot be used. The first call of a signature traces, here and not in the worker.
   * @throws as the call, by rejecting; BackendError when a tensor is used that an unfinished call changes
   */
  async(...args: A): Promise<R>
  /** The programs made so far, as readable text: kernels, shapes, bytes, flops, what was fused. */
  explain(): string
  /** How many times the function has been traced. */
  readonly traces: number
  /** Forgets all programs and gives their memory back. */
  free(): void
}

const isTensor = (v: unknown): v is Tensor => v instanceof Tensor

/** One traced program and what must hold for it to serve a call. */
interface Variant extends Described {
  /** The signature of the arguments. */
  readonly key: string
  /** What was traced, in debug. */
  traced: Traced | undefined
  captures: Capture[]
  below: number[]
  guards: Guard[]
  executable: Executable | undefined
  /** Shapes and types of the outputs that get new memory, in order. */
  fresh: Fresh[]
  /** The result tree: numbers stand for outputs, tensors for themselves. */
  finish: (outputs: Tensor[], args: readonly Tensor[]) => unknown
  /** Boxes whose memory changes. */
  written: Capture[]
  /** What looks at the state of things after each run. */
  after: readonly (() => void)[]
  backend: Backend
  storages: Storage[]
  offsets: number[]
}

interface Fresh {
  readonly shape: Shape
  readonly dtype: DType
  /** Memory that every run uses again. */
  keep?: Storage
}

class OutputRef {
  readonly index: number
  constructor(index: number) {
    this.index = index
  }
}
const isOutputRef = (v: unknown): v is OutputRef => v instanceof OutputRef

/** Runs the function with a recorder instead of the backend; `add` takes the tensors that it returns. */
export function record(
  fn: (...args: never[]) => unknown,
  args: readonly unknown[],
  add: (node: Node) => unknown,
  begun?: (recorder: FunctionRecorder) => void,
): { recorder: FunctionRecorder; result: unknown } {
  const recorder = new FunctionRecorder()
  const result = withState('recorder', recorder, () => {
    let i = 0
    const standIns = treeMap(args, isTensor, (t) => recorder.argument(t, i++)) as never[]
    begun?.(recorder)
    const value = ended('compile', fn(...standIns))
    return treeMap(value, isTensor, (t) => (t.recorder === recorder ? add(nodeOf(t)) : t))
  })
  for (const f of recorder.waiting) f()
  return { recorder, result }
}
const tracedBy = ({ nodes, captures }: FunctionRecorder): Traced => ({
  nodes: [...nodes],
  captured: captures.map((b) => b.tensor),
})

function trace(
  fn: (...args: never[]) => unknown,
  args: readonly unknown[],
  tensors: readonly Tensor[],
  key: string,
  { keepGrads, debug, family }: { keepGrads: boolean; debug: boolean; family: object },
): Variant {
  const outputs: GraphOutput[] = []
  const fresh: Fresh[] = []
  const add = (node: Node): OutputRef => {
    outputs.push({ node })
    fresh.push({ shape: node.shape, dtype: node.dtype })
    return new OutputRef(fresh.length - 1)
  }
  const { recorder, result } = record(fn, args, add)
  const traced = debug ? tracedBy(recorder) : undefined
  const written = recorder.captures.filter((b) => b.written && b.written !== b.node)
  if (written.length > 0) {
    const capturesOn = new Map<Storage | undefined, number>()
    for (const { tensor } of recorder.captures)
      capturesOn.set(tensor.storage, (capturesOn.get(tensor.storage) ?? 0) + 1)
    for (const { tensor } of written)
      if (capturesOn.get(tensor.storage) !== 1)
        throw new TraceError({
          op: 'compile',
          rule: 'a tensor that the function changes must not also be read through a view made outside of it',
          fix: 'Make the view inside of the function.',
        })
  }
  // What becomes of gradients: thrown away, or given back to their tensors.
  const grads: GradResult[] = []
  for (const entry of recorder.grads.values()) {
    const { current, initial, owner, cleared, capture } = entry
    if (current === initial && !(cleared && current === null)) continue
    if (!current || (cleared && !keepGrads)) grads.push({ owner, ref: null })
    else if (current.recorder !== recorder)
      throw new TraceError({
        op: 'compile',
        rule: 'a gradient set by the function must be computed by it',
      })
    else if (capture && !cleared && capture.tensor.isContiguous) {
      capture.written = current.node!
      written.push(capture)
    } else grads.push({ owner, ref: add(current.node!) })
  }
  for (const capture of written)
    outputs.push({ node: capture.written!, into: (capture.node.prim as { index: number }).index })

  const effects = recorder.nodes.filter((n) => n.prim.op === 'host')
  const order = reachable(recorder.nodes, [
    ...effects,
    ...outputs.map((o) => o.node),
    ...written.map((b) => b.node),
  ])
  // The captured tensors that the program needs are numbered again.
  order.forEach((n, i) => {
    n.index = i
  })
  const captures = recorder.captures.filter(({ node }) => order[node.index!] === node)
  const renumber: number[] = []
  captures.forEach(({ node }, i) => {
    const prim = node.prim as { index: number }
    renumber[prim.index] = i
    prim.index = i
  })
  for (const o of outputs) if (o.into !== undefined) o.into = renumber[o.into]!
  const backend = backendOf('compile', [
    ...tensors,
    ...captures.filter((b) => b.tensor.storage).map((b) => b.tensor),
  ])
  const executable =
    outputs.length > 0 || effects.length > 0
      ? backend.compile(
          { inputs: captures.map((b) => b.node), nodes: order, outputs, effects },
          family,
        )
      : undefined
  // A written gradient that is kept lives in memory that every run uses again.
  const keptRefs = new Set(grads.flatMap((g) => (g.ref ? [g.ref.index] : [])))
  for (const i of keptRefs) fresh[i]!.keep = backend.alloc(fresh[i]!.dtype, sizeOf(fresh[i]!.shape))
  // From here on only what a run needs is held, not the graph.
  if (!debug) recorder.release()
  return {
    key,
    traced,
    captures,
    below: captures.map((b) => reach(b.tensor.shape, b.tensor.strides).below),
    guards: recorder.guards,
    executable,
    fresh,
    written,
    after: recorder.after,
    backend,
    storages: new Array(captures.length),
    offsets: new Array(captures.length),
    finish: finisher(grads, result),
  }
}

interface GradResult {
  owner: (args: readonly Tensor[]) => Tensor
  ref: OutputRef | null
}
/** A function of its own, so that it holds nothing else of the trace. */
const finisher =
  (grads: readonly GradResult[], result: unknown): Variant['finish'] =>
  (made, now) => {
    for (const { owner, ref } of grads) owner(now).rawGrad = ref ? made[ref.index]! : null
    return treeMap(result, isOutputRef, (ref) => made[ref.index]!)
  }

/** Can the program be used for this call? Fills in where its captured tensors are. */
function fits(v: Variant, args: readonly Tensor[]): boolean {
  for (const { read, value } of v.guards) if (!Object.is(read(), value)) return false
  for (let i = 0; i < v.captures.length; i++) {
    const capture = v.captures[i]!
    const t = capture.find(args)
    if (!t?.storage || t.requiresGrad !== capture.requiresGrad) return false
    if ((t.signature ?? signature(t)) !== capture.signature) return false
    v.storages[i] = t.storage
    v.offsets[i] = t.offset - v.below[i]!
  }
  return true
}

/** The name of the first fact that is another than it was traced with. */
function changed(v: Variant): string | undefined {
  const guard = v.guards.find(({ read, value }) => !Object.is(read(), value))
  return guard?.name?.()
}

const outputsOf = (v: Variant): Storage[] =>
  v.fresh.map((f) => f.keep ?? v.backend.alloc(f.dtype, sizeOf(f.shape)))

function run(v: Variant, args: readonly Tensor[], padding: readonly Padding[]): unknown {
  const outputs = outputsOf(v)
  if (state.profile?.run && v.executable)
    state.profile.run(v.executable, v.storages, outputs, v.offsets)
  else v.executable?.run(v.storages, outputs, v.offsets)
  return done(v, args, outputs, padding)
}

async function runLater(
  v: Variant,
  args: readonly Tensor[],
  padding: readonly Padding[],
): Promise<unknown> {
  const outputs = outputsOf(v)
  if (v.executable?.runLater) await v.executable.runLater([...v.storages], outputs, [...v.offsets])
  else v.executable?.run(v.storages, outputs, v.offsets)
  return done(v, args, outputs, padding)
}

/** What follows a run. */
function done(
  v: Variant,
  args: readonly Tensor[],
  storages: readonly Storage[],
  padding: readonly Padding[],
): unknown {
  for (const capture of v.written) {
    const t = capture.find(args)
    if (t) t.version++
  }
  for (const f of v.after) f()
  return v.finish(
    storages.map((s, i) => {
      const t = onStorage(s, v.fresh[i]!.shape)
      // Gradients have the size of their tensor.
      return padding.length > 0 && !v.fresh[i]!.keep ? extra('buckets').cut(t, padding) : t
    }),
    args,
  )
}

/**
 * Traces `fn` once for each signature of its arguments and runs it as one program from then on.
 *
 * **What is read again at each call.** The elements of tensors: of arguments, and of every tensor from outside that `fn`
 * reads or writes (parameters, gradients, optimizer state, running statistics, the random generator). They are captured
 * when they are met and changed in place. The learning rate and what schedules move are tensors as well.
 *
 * **What is frozen.** Everything else has the value that it had while `fn` was traced: numbers, strings and lists from
 * outside, `Math.random()`, `Date.now()`, `console.log`, and which way an `if` went. So
 * ```js
 * let scale = 1
 * const step = compile((x) => x.mul(scale))
 * step(ones([1])) // [1]
 * scale = 2
 * step(ones([1])) // [1]: 1 is part of the program
 * ```
 * Pass what changes as an argument (`step(x, scale)`: each value is traced once; `step(x, tensor(scale))`: all share one
 * program) or keep it in a tensor and `assign` to it. Random numbers come from `rand`, `normal`, `dropout`.
 *
 * **When it traces again.** For another shape, type or layout of a tensor argument, or another value of an argument that
 * is no tensor; when a module that ran goes between `train()` and `eval()`, or one of its fields is another: a
 * parameter, buffer or layer that was replaced, added or taken out, an option such as the `p` of a dropout, an entry in a
 * list of options; when a parameter is frozen, and when an option of the optimizer changes. Fields that `fn` sets itself
 * (a kept attention map, a counter) are not watched; a counter is frozen.
 *
 * **What is kept.** Eight programs for each signature and `maxPrograms` in all; the one used longest ago goes. They never
 * run at once and share one working memory, as large as the largest needs. Who traces often is told once what changes;
 * `buckets` pads an axis to a few sizes (in a page, `import 'nabla/methods'` adds it):
 * ```js
 * const mean = compile((x, mask) => x.mul(mask).sum().div(mask.sum()), {
 *   buckets: { argument: [0, 1], axis: 0, sizes: [8, 16, 32] },
 * })
 * mean(tensor([1, 2, 6]), ones([3])).item() // 3, by the program for 8 numbers
 * ```
 *
 * **How to see.** `step.traces` counts, `step.explain()` prints the programs and why they were traced again, and
 * `compile(fn, { debug: true })` runs `fn` beside the program at every call and throws at the first difference, with the
 * place, such as `Net.fc/mul`, and both values.
 *
 * Gradients that `fn` clears itself before `backward` are null after the call unless `keepGrads` is set. Results carry no
 * history: call `backward` inside.
 *
 * @throws TraceError when `fn` reads a value (`item`, `toArray`), and in debug mode at a difference; ValueError when it
 * returns a promise
 * @example compile((x) => x.mul(2).sum())(tensor([1, 2])).item() // 6
 */
export function compile<A extends unknown[], R>(
  fn: (...args: A) => R,
  options: CompileOptions = {},
): Compiled<A, R> {
  requireFunction('compile', fn)
  const {
    keepGrads = false,
    debug = false,
    maxPrograms = MAX_PROGRAMS,
    buckets: given,
  } = checkOptions('compile', options, compileNames)
  if (!Number.isInteger(maxPrograms) || maxPrograms < 1)
    throw new ValueError({
      op: 'compile',
      rule: 'maxPrograms must be a whole number from 1 up',
      got: `${maxPrograms}`,
    })
  const buckets = given === undefined ? [] : extra('buckets').check(given)
  const programs = new Programs<Variant>(maxPrograms)
  const advice = extras.retraces?.(maxPrograms)
  let traces = 0
  const reasons: string[] = []
  const how = { keepGrads, debug, family: programs }
  /** The program for these arguments. */
  const find = (args: A): [Variant, Tensor[]] => {
    // What the run before has found wrong is told before the next one.
    runPending()
    const tensors: Tensor[] = []
    const key =
      treeKey(args, isTensor, (t) => {
        tensors.push(t)
        return `${t.signature ?? signature(t)}${t.requiresGrad ? '!' : ''}`
      }) +
      (state.gradEnabled ? '' : '~') +
      (state.autocast ?? '')
    const list = programs.of(key)
    let variant = list.find((v) => fits(v, tensors))
    if (variant) programs.use(variant)
    else {
      const reason = list[0] && changed(list[0])
      variant = trace(fn as never, args, tensors, key, how)
      if (reason) reasons.push(reason)
      if (reasons.length > maxPrograms) reasons.shift()
      traces++
      const surplus = programs.add(variant)
      advice?.add(args, reason, surplus)
      if (!fits(variant, tensors))
        throw new TraceError({
          op: 'compile',
          rule: 'what the function depends on must not change while it runs',
        })
    }
    return [variant, tensors]
  }
  // Inside of another traced function it is part of that program; while results are inspected it runs eagerly.
  const plain = () =>
    Boolean(state.recorder ?? state.inspect ?? (state.profile && !state.profile.run))
  const none: readonly Padding[] = []
  /** The arguments in their buckets, and the program. */
  const ready = (args: A): [A, Variant, Tensor[], readonly Padding[]] =>
    buckets.length === 0 ? [args, ...find(args), none] : extra('buckets').ready(args, buckets, find)
  const call = (...args: A): R => {
    if (plain()) return fn(...args)
    const [now, variant, tensors, padding] = ready(args)
    if (!debug) return run(variant, tensors, padding) as R
    return extra('compileTools').compared(
      variant,
      tracedBy(record(fn as never, now, () => new OutputRef(0)).recorder),
      tensors,
      () => run(variant, tensors, padding) as R,
      () => treeMap(fn(...now), isTensor, (t) => extra('buckets').cut(t, padding)) as R,
    )
  }
  const compiled = Object.assign(call, {
    async async(...args: A): Promise<R> {
      if (plain()) return fn(...args)
      const { gradEnabled, autocast } = state
      const { inTurn } = await import('../backends/cpu/later.js')
      return inTurn(() => {
        const [, variant, tensors, padding] = withState('autocast', autocast, () =>
          withState('gradEnabled', gradEnabled, () => ready(args)),
        )
        return runLater(variant, tensors, padding) as Promise<R>
      })
    },
    explain: () => extra('compileTools').describeAll(programs.all, reasons),
    free() {
      programs.clear()
      advice?.restart()
    },
  })
  return Object.defineProperty(compiled, 'traces', { get: () => traces }) as Compiled<A, R>
}
