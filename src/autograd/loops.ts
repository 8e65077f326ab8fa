/** Loops that compile their body once: jax.lax.scan and jax.lax.while_loop. */
import { Call, callOf } from '../backends/call.js'
import type { Loop, Node, Prim } from '../backends/ir.js'
import { loopStep } from '../backends/lower/loop.js'
import { node } from '../backends/prims.js'
import { isFloat } from '../core/dtype.js'
import { GradError, ShapeError, show, TraceError, ValueError } from '../core/errors.js'
import { extras } from '../core/extras.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { treeKey, treeMap } from '../core/tree.js'
import { LoopRecorder, nodeIn } from '../compile/loop.js'
import { FunctionRecorder } from '../compile/recorder.js'
import { add } from '../ops/arithmetic.js'
import { expand, reshape } from '../ops/broadcast.js'
import { scalar } from '../ops/define.js'
import { stack } from '../ops/join.js'
import { select } from '../ops/slice.js'
import { named, state, withState } from '../ops/state.js'
import { type GradNode, type OpRecord, Tensor } from '../ops/tensor.js'
import { tracedTensor } from '../ops/trace.js'
import { detach, walk } from './backward.js'

const isTensor = (v: unknown): v is Tensor => v instanceof Tensor

/** One iteration, over flat lists. */
type Step = (carry: Tensor[], x: Tensor[]) => { carry: Tensor[]; ys: Tensor[] }
type Tensors = readonly Tensor[]

// ---- trees ----

/** Numbers become tensors, so that they can change from iteration to iteration. */
const asTensors = (op: string, tree: unknown): unknown =>
  treeMap(
    tree,
    (v): v is Tensor | number | boolean =>
      isTensor(v) || typeof v === 'number' || typeof v === 'boolean',
    (v) => {
      if (isTensor(v)) return v
      return named(op, () => scalar(Number(v), typeof v === 'boolean' ? 'bool' : 'float32'))
    },
  )
function flatten(tree: unknown): Tensor[] {
  const list: Tensor[] = []
  treeMap(tree, isTensor, (t) => list.push(t))
  return list
}
const rebuild = (tree: unknown, list: Tensors): unknown => {
  let i = 0
  return treeMap(tree, isTensor, () => list[i++]!)
}
const kindOf = (t: Tensor) => `${t.dtype}${show(t.shape)}`

/** @throws ShapeError unless the carry that the body gives is of the kind that it got */
function checkCarry(op: string, before: unknown, after: unknown): void {
  const text = (tree: unknown) => treeKey(tree, isTensor, kindOf)
  if (text(before) === text(after)) return
  const [a, b] = [flatten(before).map(kindOf), flatten(after).map(kindOf)]
  const at = a.findIndex((kind, i) => kind !== b[i])
  const same = a.length === b.length && at >= 0
  throw new ShapeError({
    op,
    rule: 'the carry that the body returns must have the structure, shapes and types of the carry that it gets',
    got: same ? `${b[at]} where it gets ${a[at]}` : `${b.length} tensors where it gets ${a.length}`,
    fix: 'Give the initial carry its final shapes and types, such as zeros([n]) for a sum over rows of n.',
  })
}

// ---- a loop in a program ----

interface Made {
  carry: Tensor[]
  ys: Tensor[]
}
interface LoopOptions {
  op: string
  /** undefined: while the last value that the step carries, a bool, is true. */
  count: number | undefined
  reverse: boolean
  /** Before the step is traced. */
  prepare?: (recorder: LoopRecorder, x: Tensors) => void
}

/** Has the tensor a history that can be walked? */
const hasHistory = (t: Tensor) => t.requiresGrad && !t.gradNode?.freed

const copyOf = (n: Node, recorder: LoopRecorder): Node => {
  const copy = node({ op: 'map', fn: 'copy' }, [n], undefined, callOf('carry'))
  recorder.nodes.push(copy)
  return copy
}

/** Runs `f` with the loop as the frame of all calls. */
const inLoop = <T>(op: string, f: () => T): T =>
  withState('call', new Call(op, state.call, 'loop'), f)

/** Traces the step once and records the loop; undefined where its body calls the host, which only programs can. */
function traceLoop(step: Step, init: Tensors, xs: Tensors, options: LoopOptions): Made | undefined {
  extras.loops = loopStep
  const { op, count, reverse, prepare } = options
  const around = state.recorder as FunctionRecorder
  const needs = init.map((t) => t.requiresGrad)
  const accumulated = new Set<Tensor>()
  const log = around.calls
  const trace = (told: boolean) => {
    const recorder = new LoopRecorder(around, accumulated)
    if (told) recorder.calls = log
    const carry = init.map((t, i) => recorder.standIn(t.shape, t.dtype, needs[i]!))
    const x = xs.map((t) => recorder.standIn(t.shape.slice(1), t.dtype, t.requiresGrad))
    const starts = carry.map((t) => t.node!)
    const slices = x.map((t) => t.node!)
    prepare?.(recorder, x)
    const made = withState('recorder', recorder, () => step(carry, x))
    return { recorder, starts, slices, made }
  }
  // What the first iteration does not know of the later ones: which values have a history, which gradients are there.
  let traced = trace(log === undefined)
  for (;;) {
    let changed = false
    traced.made.carry.forEach((t, i) => {
      if (needs[i] || !isFloat(t.dtype) || !hasHistory(t)) return
      needs[i] = changed = true
    })
    for (const t of traced.recorder.growing) {
      accumulated.add(t)
      changed = true
    }
    if (!changed) break
    traced = trace(log === undefined)
  }
  if (log) traced = trace(true)
  const { recorder, starts, slices, made } = traced
  if (recorder.nodes.some((n) => n.prim.op === 'host')) return undefined

  const ends = made.carry.map((t) => nodeIn(recorder, t))
  const tracked = state.gradEnabled && (needs.includes(true) || made.ys.some(hasHistory))
  const { assigned } = recorder
  const grads = recorder.gradients()
  /** What stays as it was is no carry. */
  const moves = starts.map(
    (n, i) => ends[i] !== n || (count === undefined && i === starts.length - 1),
  )
  const own = (n: Node): Node => (n.prim.op === 'input' ? copyOf(n, recorder) : n)
  const user = starts.flatMap((from, i) =>
    moves[i] ? [{ from, to: own(ends[i]!), outer: nodeIn(around, init[i]!) }] : [],
  )
  const go = count === undefined ? user.splice(-1) : []
  const carried = [...user, ...assigned, ...grads, ...go]
  const fixed = [
    ...starts.flatMap((from, i) => (moves[i] ? [] : [{ from, outer: nodeIn(around, init[i]!) }])),
    ...recorder.constants,
  ]
  const scanned = xs.map((t, i) => ({ from: slices[i]!, outer: nodeIn(around, t) }))
  // What each iteration begins with, for the gradient. Who does not want it does not get it: see lower/loop.ts.
  const kept = tracked && count !== undefined ? [...user, ...assigned].map((c) => c.from) : []
  const stacks = [...made.ys.map((t) => nodeIn(recorder, t)), ...kept]
  const inputs = [...carried, ...scanned, ...fixed]
  inputs.forEach(({ from }, index) => {
    ;(from as { prim: Prim }).prim = { ...from.prim, index } as Prim
  })
  const loop: Loop = {
    inputs: inputs.map((c) => c.from),
    nodes: recorder.nodes,
    outputs: [...carried.map((c) => c.to), ...stacks],
    carried: carried.length,
    scanned: scanned.length,
    count,
    reverse,
  }
  const whole = node(
    { op: 'loop', loop },
    inputs.map((c) => c.outer),
    undefined,
    state.call ?? callOf(op),
  )
  if (state.fence !== 0) whole.fence = state.fence
  around.nodes.push(whole)
  const output = (i: number): Tensor => {
    const n = node({ op: 'output', index: i + 1 }, [whole], undefined, whole.label)
    around.nodes.push(n)
    return tracedTensor(n, around)
  }
  recorder.commit()
  assigned.forEach(({ tensor }, i) => {
    around.assign(tensor, output(user.length + i).node!)
  })
  if (!recorder.again)
    grads.forEach(({ tensor }, i) => {
      around.writeGrad(tensor, output(user.length + assigned.length + i))
    })
  let next = 0
  const carry = init.map((t, i) => (moves[i] && next < user.length ? output(next++) : t))
  const ys = made.ys.map((_, i) => output(carried.length + i))
  if (!tracked) return { carry, ys }
  const saved = kept.map((_, i) => output(carried.length + made.ys.length + i))
  remember(step, { init, xs, needs, moves, carry, ys, saved, made, recorder, options, assigned })
  return { carry, ys }
}

// ---- its gradient ----

/** All that the gradient of a loop needs. */
interface Past {
  init: Tensors
  xs: Tensors
  /** By carried value: has it a history; does it change? */
  needs: readonly boolean[]
  moves: readonly boolean[]
  carry: Tensors
  ys: Tensors
  /** What each iteration begins with: carried values that change, then tensors that are assigned to. */
  saved: Tensors
  made: Made
  recorder: LoopRecorder
  options: LoopOptions
  assigned: readonly { tensor: Tensor }[]
}
interface LoopAttrs {
  step: Step
  past: Past
  sources: Tensors
  /** By carried value: the stack of what iterations begin with, or of what stays as it is the value itself. */
  begins: readonly Tensor[]
}

/** Leaves a node behind, from which the walk finds the gradient. */
function remember(step: Step, past: Past): void {
  const { init, xs, needs, moves, carry, ys, saved, made, recorder, options } = past
  const sources = [...recorder.read()].flatMap(([t]) => (t.requiresGrad ? [t] : []))
  let next = 0
  const begins = init.map((t, i) => (moves[i] && options.count !== undefined ? saved[next++]! : t))
  const given = [
    ...init.filter((_, i) => needs[i]),
    ...xs.filter((t) => t.requiresGrad),
    ...sources,
  ]
  const outputs = [
    ...carry.filter((_, i) => needs[i] && moves[i]),
    ...ys.filter((_, i) => hasHistory(made.ys[i]!)),
    ...begins.filter((_, i) => needs[i] && moves[i] && options.count !== undefined),
  ]
  if (given.length === 0 || outputs.length === 0) return
  const gradNode: GradNode = {
    op: options.count === undefined ? withoutGradient : rule,
    attrs: { step, past, sources, begins } satisfies LoopAttrs,
    inputs: given,
    versions: given.map((t) => t.version),
    outputs,
    order: state.order++,
    call: state.call,
    freed: false,
  }
  for (const t of outputs) {
    t.requiresGrad = true
    t.gradNode = gradNode
  }
}

const filledLike = (value: number, t: Tensor): Tensor =>
  expand(scalar(value, t.dtype, [t]), t.shape)

/** The steps backward: each computes its own forward again from what it began with, and walks back through it. */
const rule = {
  name: 'scan',
  dynamic: true,
  halves: true,
  vjp(
    ct: Tensor | readonly (Tensor | null)[],
    _given: unknown,
    _outputs: unknown,
    { step, past, sources, begins }: LoopAttrs,
  ) {
    const { init, xs, needs, moves, ys, saved, made, assigned, options } = past
    const cts = ct instanceof Tensor ? [ct] : [...ct]
    const createGraph = state.gradEnabled
    const moving = init.map((_, i) => needs[i]! && moves[i]!)
    const indices = [...init.keys()]
    // In the order of the outputs: last values, stacks, what iterations began with.
    const ctCarry = new Map(indices.filter((i) => moving[i]).map((i) => [i, cts.shift()]))
    const ctYs = ys.map((_, i) => (hasHistory(made.ys[i]!) ? cts.shift() : undefined))
    const ctBegins = new Map(indices.filter((i) => moving[i]).map((i) => [i, cts.shift()]))
    /** What the steps hand on: gradients of carried values, and sums for what every step reads. */
    const flowing = indices.filter((i) => moving[i])
    const summed = [
      ...new Set([
        ...indices.filter((i) => needs[i] && !moves[i]).map((i) => init[i]!),
        ...sources,
      ]),
    ]
    const slices: Tensor[] = []
    const slice = (t: Tensor) => slices.push(t) - 1
    const at = {
      begins: indices.map((i) => (moves[i] ? slice(begins[i]!) : -1)),
      assigned: assigned.map((_, i) => slice(saved[saved.length - assigned.length + i]!)),
      xs: xs.map(slice),
      ctYs: ctYs.map((t) => (t ? slice(t) : -1)),
      ctBegins: indices.map((i) => {
        const t = ctBegins.get(i)
        return t ? slice(t) : -1
      }),
    }
    const back: Step = (carry, x) => {
      const since = state.order
      const leaves = indices.map((i) => {
        const t = moves[i] ? x[at.begins[i]!]! : init[i]!
        if (moving[i]) t.requiresGrad = true
        return t
      })
      const parts = at.xs.map((k, i) => {
        const t = x[k]!
        t.requiresGrad = xs[i]!.requiresGrad
        return t
      })
      const out = withState('gradEnabled', true, () => step(leaves, parts))
      const roots: { t: Tensor; ct: Tensor }[] = []
      const root = (t: Tensor, ct: Tensor) => {
        if (hasHistory(t)) roots.push({ t, ct })
      }
      flowing.forEach((i, k) => {
        root(out.carry[i]!, carry[k]!)
      })
      at.ctYs.forEach((k, i) => {
        if (k >= 0) root(out.ys[i]!, x[k]!)
      })
      const wanted = new Set([...leaves, ...parts, ...sources].filter((t) => t.requiresGrad))
      const found = walk(
        'scan',
        roots.map((r) => r.t),
        roots.map((r) => r.ct),
        wanted,
        { createGraph },
        since,
      )
      const grad = (t: Tensor) => found.get(t) ?? filledLike(0, t)
      return withState('gradEnabled', createGraph, () => ({
        carry: [
          ...flowing.map((i) => {
            const k = at.ctBegins[i]!
            return k < 0 ? grad(leaves[i]!) : add(grad(leaves[i]!), x[k]!)
          }),
          ...summed.map((t, k) => {
            const g = found.get(t)
            const before = carry[flowing.length + k]!
            return g ? add(before, g) : before
          }),
        ],
        ys: parts.filter((t) => t.requiresGrad).map(grad),
      }))
    }
    const start = [
      ...flowing.map((i) => ctCarry.get(i) ?? filledLike(0, init[i]!)),
      ...summed.map((t) => filledLike(-0, t)),
    ]
    const { count, reverse } = options
    const result = traceLoop(back, start, slices, {
      op: 'scan',
      count,
      reverse: !reverse,
      prepare(recorder, x) {
        recorder.again = true
        options.prepare?.(
          recorder,
          at.xs.map((k) => x[k]!),
        )
        assigned.forEach(({ tensor }, i) => {
          recorder.replace(tensor, x[at.assigned[i]!]!)
        })
      },
    })!
    // A tensor that comes several times gets its sum once.
    const ofSummed = new Map(summed.map((t, k) => [t, result.carry[flowing.length + k]!]))
    const once = (t: Tensor): Tensor | null => {
      const g = ofSummed.get(t) ?? null
      ofSummed.delete(t)
      return g
    }
    return [
      ...indices
        .filter((i) => needs[i])
        .map((i) => (moves[i] ? result.carry[flowing.indexOf(i)]! : once(init[i]!))),
      ...result.ys,
      ...sources.map(once),
    ]
  },
} as unknown as OpRecord

const withoutGradient = {
  name: 'whileLoop',
  dynamic: true,
  halves: true,
  vjp() {
    throw new GradError({
      op: 'whileLoop',
      rule: 'there is no gradient through whileLoop, whose number of steps is not known',
      fix: 'Use scan with a fixed number of steps; detach() the result where no gradient is wanted.',
    })
  },
} as unknown as OpRecord

// ---- the public functions ----

export interface ScanOptions {
  /** How many steps, where there is nothing to take slices of (`xs` null). */
  length?: number
  /** From the last slice to the first; what the steps give is stacked in the order of the slices all the same. */
  reverse?: boolean
}
const scanNames: OptionNames<ScanOptions> = { length: true, reverse: true }

/** How many slices there are. @throws ValueError, ShapeError */
function lengthOf(xs: Tensors, given: number | undefined): number {
  const found = xs.map((t) => t.shape[0])
  if (given !== undefined && !(Number.isInteger(given) && given >= 0 && given < 2 ** 31))
    throw new ValueError({
      op: 'scan',
      rule: 'length must be a whole number from 0 up',
      got: `${given}`,
    })
  const length = given ?? found[0]
  if (length === undefined)
    throw new ValueError({
      op: 'scan',
      rule:
        xs.length > 0
          ? 'every tensor in xs needs an axis 0, along which it is cut'
          : 'without xs the number of steps must be given',
      got: xs.length > 0 ? 'a scalar' : 'no length',
      fix:
        xs.length > 0 ? 'Capture what is the same in every step instead.' : 'Pass { length: n }.',
    })
  const wrong = xs.find((t) => t.shape[0] !== length)
  if (wrong)
    throw new ShapeError({
      op: 'scan',
      rule: `every tensor in xs must have ${length} slices along axis 0`,
      got: show(wrong.shape),
    })
  return length
}

/** The recorder of a program, which can hold a loop; one operation or an example of vmap holds its steps. */
const programRecorder = () => state.recorder instanceof FunctionRecorder

/**
 * A loop over the slices of `xs` along axis 0: `[carry, y] = f(carry, x)` for each, from `init` on. Gives the last carry
 * and the stack of all y. Carry, x and y are tensors or lists and objects of them, also null; numbers in `init` become
 * float32 tensors, so that they can change.
 *
 * Inside of `compile` the body is traced and compiled once, and all steps are one call of the core. Tensors from outside
 * that the body assigns to (parameters, the state of an optimizer, running statistics, the random generator) are handed
 * from step to step, so that k training steps are one call, with the same bits as k calls. Elsewhere it is a plain loop.
 * ```js
 * const epoch = compile((xs, ys) => scan((_, [x, y]) => [null, step(x, y)], null, [xs, ys])[1])
 * const losses = epoch(xs, ys) // xs (steps, batch, features): a loss for each step
 * ```
 * Gradients flow to `init`, `xs` and the tensors that `f` captures; the backward pass keeps the carry of every step and
 * computes the rest of the step again. What `f` does with the host (`hostCall`) has the steps compiled one after the other.
 * @throws ShapeError when the carry changes its structure, shapes or types; ValueError without a length
 * @source https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html
 * @example scan((sum, x) => [sum.add(x), sum.mul(x)], 0, tensor([1, 2, 3])) // [6, [0, 2, 9]]
 */
export function scan<C, X, Y>(
  f: (carry: C, x: X) => readonly [carry: C, y: Y],
  init: Loose<C>,
  xs: X,
  options: ScanOptions = {},
): [carry: C, ys: Y] {
  const { length: given, reverse = false } = checkOptions('scan', options, scanNames)
  const first = asTensors('scan', init)
  const slices = flatten(xs)
  const count = lengthOf(slices, given)
  let result: unknown
  const step: Step = (carry, x) => {
    const made = f(rebuild(first, carry) as C, rebuild(xs, x) as X)
    if (!Array.isArray(made) || made.length !== 2)
      throw new ValueError({
        op: 'scan',
        rule: 'the body must return a list of two, [carry, y]',
        got: Array.isArray(made) ? `a list of ${made.length}` : typeof made,
        fix: 'Return [carry, null] when there is nothing to stack.',
      })
    const after = asTensors('scan', made[0])
    checkCarry('scan', first, after)
    result = asTensors('scan', made[1])
    return { carry: flatten(after), ys: flatten(result) }
  }
  const start = flatten(first)
  const made = (): Made => {
    const traced = () =>
      inLoop('scan', () => traceLoop(step, start, slices, { op: 'scan', count, reverse }))
    const looped = programRecorder() ? traced() : undefined
    if (looped) return looped
    if (count === 0) return emptyScan(traced, start)
    return plainScan(step, start, slices, count, reverse)
  }
  const { carry, ys } = made()
  return [rebuild(first, carry) as C, rebuild(result, ys) as Y]
}
/** What a carry may begin as: numbers stand for tensors. */
export type Loose<C> = C extends Tensor
  ? C | number | boolean
  : C extends readonly unknown[] | Readonly<Record<string, unknown>>
    ? { readonly [K in keyof C]: Loose<C[K]> }
    : C

/** One step after the other. */
function plainScan(step: Step, init: Tensors, xs: Tensors, count: number, reverse: boolean): Made {
  let carry = [...init]
  const ys: Tensor[][] = []
  for (let n = 0; n < count; n++) {
    const i = reverse ? count - 1 - n : n
    const made = step(
      carry,
      xs.map((t) => select(t, 0, i)),
    )
    carry = made.carry
    made.ys.forEach((t, k) => {
      ys[k] ??= []
      ys[k][i] = t
    })
  }
  return { carry, ys: ys.map((list) => stack(list)) }
}

/** Of no steps: what would be stacked is found by tracing a step. */
function emptyScan(traced: () => Made | undefined, init: Tensors): Made {
  const { recorder } = state
  const made =
    recorder instanceof FunctionRecorder
      ? undefined
      : withState('recorder', new FunctionRecorder(), traced)
  if (!made)
    throw new ValueError({ op: 'scan', rule: 'a body that calls the host needs a step at least' })
  const ys = made.ys.map((t) => filledLike(0, t))
  return { carry: [...init], ys: ys.map((t) => reshape(t, t.shape)) }
}

/**
 * `carry = body(carry)` as long as `cond(carry)`, a bool scalar, is true, from `init` on: gives the last carry. It is a
 * tensor, or lists and objects of them; numbers in `init` become float32 tensors. Inside of `compile` the loop is part of
 * the program, and how many steps it makes is found while it runs. There is no gradient through it, as in JAX.
 * @throws ShapeError when the carry changes its structure, shapes or types, or the condition is no scalar; GradError from
 * `backward` through it
 * @source https://docs.jax.dev/en/latest/_autosummary/jax.lax.while_loop.html
 * @example whileLoop((x) => x.lt(100), (x) => x.mul(3), 1).item() // 243
 */
export function whileLoop<C>(cond: (carry: C) => Tensor, body: (carry: C) => C, init: Loose<C>): C {
  const op = 'whileLoop'
  const first = asTensors(op, init)
  const start = flatten(first)
  const goes = (carry: Tensors): Tensor => {
    const t = cond(rebuild(first, carry) as C)
    if (!isTensor(t) || t.size !== 1 || t.dtype !== 'bool')
      throw new ShapeError({
        op,
        rule: 'the condition must be a bool scalar',
        got: isTensor(t) ? kindOf(t) : typeof t,
        fix: 'Such as (x) => x.lt(10); all() makes one of many.',
      })
    return reshape(t, [])
  }
  const step = (carry: Tensors): Tensor[] => {
    const after = asTensors(op, body(rebuild(first, carry) as C))
    checkCarry(op, first, after)
    return flatten(after)
  }
  if (programRecorder()) {
    const both: Step = (carry) => {
      const after = step(carry.slice(0, -1))
      return { carry: [...after, goes(after)], ys: [] }
    }
    const made = inLoop(op, () =>
      traceLoop(both, [...start, goes(start)], [], { op, count: undefined, reverse: false }),
    )
    if (!made)
      throw new TraceError({
        op,
        rule: 'the host cannot be called in a loop whose number of steps is not known',
        fix: 'Call it outside, on what the loop gives; eagerly whileLoop is a plain loop.',
      })
    return rebuild(first, made.carry.slice(0, start.length)) as C
  }
  if (state.recorder)
    throw new TraceError({
      op,
      rule: 'the number of steps must be one number: vmap and operations cannot hold a loop that each example leaves at another step',
      fix: 'Use scan with a fixed number of steps and where() for what is done.',
    })
  let carry: Tensor[] = start
  while (goes(carry).item()) carry = step(carry)
  return rebuild(first, carry.map(cutOff)) as C
}

/** The same value, through which no gradient goes. */
function cutOff(t: Tensor): Tensor {
  if (!t.requiresGrad || !state.gradEnabled) return t
  const own = detach(t)
  own.requiresGrad = true
  own.gradNode = {
    op: withoutGradient,
    attrs: {},
    inputs: [t],
    versions: [t.version],
    outputs: [own],
    order: state.order++,
    call: state.call,
    freed: false,
  }
  return own
}
