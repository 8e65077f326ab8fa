/** Loops that compile their body once: jax.lax.scan and jax.lax.while_loop. */
import { ShapeError, show, TraceError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { treeKey, treeMap } from '../core/tree.js'
import { FunctionRecorder } from '../compile/recorder.js'
import { reshape } from '../ops/broadcast.js'
import { scalar } from '../ops/define.js'
import { stack } from '../ops/join.js'
import { select } from '../ops/slice.js'
import { named, state, withState } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'
import { detach } from './backward.js'
import {
  filledLike,
  inLoop,
  type Made,
  type Step,
  type Tensors,
  traceLoop,
  withoutGradient,
} from './traceLoop.js'

const isTensor = (v: unknown): v is Tensor => v instanceof Tensor

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
 * Source: https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html
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
 * Source: https://docs.jax.dev/en/latest/_autosummary/jax.lax.while_loop.html
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
