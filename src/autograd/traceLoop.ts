/** A loop of a program: its body is traced once, and so is the body of its gradient. */
import { Call, callOf } from '../backends/call.js'
import type { Loop, Node, Prim } from '../backends/ir.js'
import { loopWords } from '../backends/cpu/loopWords.js'
import { loopStep } from '../backends/lower/loop.js'
import { node } from '../backends/prims.js'
import { isFloat } from '../core/dtype.js'
import { GradError } from '../core/errors.js'
import { extras } from '../core/extras.js'
import { LoopRecorder, nodeIn } from '../compile/loop.js'
import type { FunctionRecorder } from '../compile/recorder.js'
import { add } from '../ops/arithmetic.js'
import { expand } from '../ops/broadcast.js'
import { scalar } from '../ops/define.js'
import { state, withState } from '../ops/state.js'
import { type GradNode, type OpRecord, Tensor } from '../ops/tensor.js'
import { tracedTensor } from '../ops/trace.js'
import { walk } from './backward.js'

/** One iteration, over flat lists. */
export type Step = (carry: Tensor[], x: Tensor[]) => Made
export type Tensors = readonly Tensor[]
export interface Made {
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
export const inLoop = <T>(op: string, f: () => T): T =>
  withState('call', new Call(op, state.call, 'loop'), f)

/** Traces the step once and records the loop; undefined where its body calls the host, which only programs can. */
export function traceLoop(
  step: Step,
  init: Tensors,
  xs: Tensors,
  options: LoopOptions,
): Made | undefined {
  Object.assign(extras, { loops: loopStep, loopWords })
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
    ...recorder.unchanged,
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

export const filledLike = (value: number, t: Tensor): Tensor =>
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

/** Of a loop whose number of steps is not known. */
export const withoutGradient = {
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
