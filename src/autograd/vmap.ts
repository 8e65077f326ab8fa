/** A function of one example, over many at once: traced, then every primitive computes all examples. */
import { requireFunction } from '../core/options.js'
import { callOf } from '../backends/call.js'
import type { Node } from '../backends/ir.js'
import { ShapeError, show, TraceError, ValueError } from '../core/errors.js'
import { treeMap } from '../core/tree.js'
import { expand, sum } from '../ops/broadcast.js'
import { apply, attrKey, type OpRule } from '../ops/define.js'
import { inputNode, runCached } from '../ops/eager.js'
import { ended, type Recorder, state, withState } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'
import { constant, reachable, recorded, tracedTensor } from '../ops/trace.js'
import { walk } from './backward.js'
import { batch, movedAxis, type Operand } from './batching.js'

const isTensor = (v: unknown): v is Tensor => v instanceof Tensor

/** Records the function for one example; tensors from outside, of whatever recorder, are captured. */
class ExampleRecorder implements Recorder {
  readonly tracesUser = true
  readonly nodes: Node[] = []
  readonly captures: Tensor[] = []
  private readonly known = new Map<Tensor, Node>()
  private readonly outer = state.recorder

  /** A tensor for one of the examples. */
  example(t: Tensor): Tensor {
    const own: Node = {
      prim: { op: 'input', index: -1, strides: [], offset: 0, length: 0 },
      inputs: [],
      shape: t.shape.slice(1),
      dtype: t.dtype,
      label: callOf('input'),
    }
    this.nodes.push(own)
    return tracedTensor(own, this)
  }
  input(t: Tensor): Node {
    let own = this.known.get(t)
    if (!own) {
      own = t.storage
        ? inputNode(0, t)
        : { prim: t.node!.prim, inputs: [], shape: t.shape, dtype: t.dtype, label: callOf('input') }
      this.known.set(t, own)
      this.nodes.push(own)
      this.captures.push(t)
    }
    return own
  }
  foreign(t: Tensor): Node {
    return this.input(t)
  }
  nodeOfCapture(t: Tensor): Node {
    return this.known.get(t)!
  }
  assign(): never {
    throw new TraceError({
      op: 'vmap',
      rule: 'the function must not change a tensor, such as the state of the random generator',
      fix: 'Draw random numbers outside, and pass them as an argument that is mapped over.',
    })
  }
  readGrad(_: Tensor, now: Tensor | null): Tensor | null {
    return now
  }
  writeGrad(): never {
    throw new TraceError({
      op: 'vmap',
      rule: 'the function must not set gradients',
      fix: 'Use grad(f) or vjp inside of it in place of backward().',
    })
  }
  guard(read: () => unknown, name?: () => string | undefined): void {
    this.outer?.guard(read, name)
  }
  afterRun(f: () => void): void {
    this.outer?.afterRun?.(f)
  }
  whenTraced(f: () => void): void {
    this.outer?.whenTraced?.(f)
  }
}

type Example = (...examples: Tensor[]) => readonly Tensor[]

/** The function as it was recorded. */
interface Traced {
  order: readonly Node[]
  inputs: readonly Node[]
  outputs: readonly Node[]
  captures: readonly Tensor[]
}

function traceExample(f: Example, batched: readonly Tensor[]): Traced {
  const recorder = new ExampleRecorder()
  return withState('recorder', recorder, () => {
    const examples = batched.map((t) => recorder.example(t))
    const inputs = examples.map((t) => t.node!)
    const made = f(...examples)
    const outputs = made.map((t) => (t.recorder === recorder ? t.node! : recorder.input(t)))
    const { captures } = recorder
    const order = reachable(recorder.nodes, outputs)
    return {
      order,
      outputs,
      captures: [...captures],
      inputs: [...inputs, ...captures.map((t) => recorder.nodeOfCapture(t))],
    }
  })
}

/** Every primitive of the trace, for all examples. */
function replay(traced: Traced, count: number, inputs: readonly Tensor[], size: number): Tensor[] {
  const values = new Map<Node, Operand>()
  const more = new Map<Node, readonly Tensor[]>()
  traced.inputs.forEach((n, i) => {
    values.set(n, { t: inputs[i]!, batched: i < count })
  })
  for (const n of traced.order) {
    if (values.has(n)) continue
    const xs = n.inputs.map((x) => values.get(x)!)
    const { prim: p } = n
    if (p.op === 'const') values.set(n, { t: constant(p.value, n.dtype), batched: false })
    else if (p.op === 'output' && more.has(n.inputs[0]!))
      values.set(n, { t: more.get(n.inputs[0]!)![p.index]!, batched: true })
    else if (xs.some((x) => x.batched)) {
      const all = batch(n, xs, size)
      more.set(n, all)
      values.set(n, { t: all[0]!, batched: true })
    } else {
      const own = recorded(
        p,
        xs.map((x) => x.t),
        n.dtype,
      )
      values.set(n, { t: own, batched: false })
    }
  }
  return traced.outputs.map((n) => {
    const { t, batched } = values.get(n)!
    return batched ? t : expand(t, [size, ...t.shape])
  })
}

function keyOf({ order, inputs, outputs }: Traced): string {
  const number = new Map(order.map((n, i) => [n, i]))
  const place = new Map(inputs.map((n, i) => [n, i]))
  const text = (n: Node) => {
    const at = place.get(n)
    if (at !== undefined) return `in${at}`
    const value = n.prim.op === 'const' && Object.is(n.prim.value, -0) ? '-0' : attrKey(n.prim)
    return `${value}${n.dtype}(${n.inputs.map((x) => number.get(x))})`
  }
  return `${order.map(text).join(';')}>${outputs.map((n) => number.get(n))}`
}

/** The outputs of `f` over the examples in the first axis of every tensor of `batched`. */
function mapped(f: Example, batched: readonly Tensor[], size: number): Tensor[] {
  const traced = traceExample(f, batched)
  const count = batched.length
  const body = (inputs: readonly Tensor[]) => replay(traced, count, inputs, size)
  const rule: OpRule<never, readonly Tensor[]> = {
    name: 'vmap',
    args: undefined as never,
    forward: body,
    eager: (inputs) =>
      runCached(`vmap|${size}|${count}|${keyOf(traced)}`, inputs, body) as Tensor[],
    dynamic: true,
    halves: true,
    vjp: (given, inputs) => {
      const cts = (Array.isArray(given) ? given : [given]) as (Tensor | null)[]
      const present = cts.filter((t): t is Tensor => t !== null)
      const captured = inputs.slice(count)
      const grads = mapped(
        (...all) => {
          const mine = all.slice(0, present.length)
          const examples = all.slice(present.length)
          examples.forEach((t, i) => {
            t.requiresGrad = inputs[i]!.requiresGrad
          })
          const since = state.order
          const outs = withState('gradEnabled', true, () => f(...examples))
          let next = 0
          const own = cts.map((t) => (t ? mine[next++]! : null))
          const roots = outs
            .map((t, i) => [t, own[i]!] as const)
            .filter(([t, ct]) => ct && t.requiresGrad)
          const wanted = [...examples, ...captured]
          const found = walk(
            'vmap',
            roots.map(([t]) => t),
            roots.map(([, ct]) => ct),
            new Set(wanted),
            { createGraph: true },
            since,
          )
          return wanted.map((t) => found.get(t) ?? zerosLike(t))
        },
        [...present, ...inputs.slice(0, count)],
        size,
      )
      // What all examples share gets the sum of their gradients.
      return grads.map((g, i) => (i < count ? g : sum(g, 0)))
    },
  }
  const out = apply(rule as never, [...batched, ...traced.captures], {}) as
    | Tensor
    | readonly Tensor[]
  return out instanceof Tensor ? [out] : [...out]
}

function zerosLike(t: Tensor): Tensor {
  return expand(constant(0, t.dtype), t.shape)
}

type Dims = number | null | readonly (number | null)[]

/**
 * The function that applies `f` to every example at once. `f` is written for one; `inDims` says which axis of the tensors
 * in each argument counts the examples (null: the argument is the same for all), `outDims` where that axis stands in the
 * results. Tensors from outside are the same for all. It can be differentiated, nested, compiled, and applied to functions
 * that compute gradients: `vmap(grad(loss))` gives the gradient of each example.
 * PyTorch: torch.func.vmap with randomness='error'.
 *
 * `f` runs once, on tensors that have no values yet: it cannot read them or change tensors from outside. What has no rule
 * over many examples (recurrent layers) is computed one example after the other.
 *
 * @throws ShapeError when the arguments have different numbers of examples, or lack the axis
 * @throws ValueError when no argument is mapped, or inDims does not fit the arguments
 * @throws TraceError when f reads a value, draws random numbers, or changes a tensor
 * @example vmap((x, y) => x.mul(y).sum())(tensor([[1, 2], [3, 4]]), ones([2, 2])) // [3, 7]
 */
export function vmap<A extends unknown[], R>(
  f: (...args: A) => R,
  inDims: Dims = 0,
  outDims: number | readonly number[] = 0,
): (...args: A) => R {
  requireFunction('vmap', f)
  const refuse = (rule: string, got: string): never => {
    throw new ValueError({ op: 'vmap', rule, got })
  }
  if (typeof f !== 'function') refuse('a function is needed', typeof f)
  return (...args) => {
    const dims = Array.isArray(inDims)
      ? (inDims as (number | null)[])
      : args.map(() => inDims as number | null)
    if (dims.length !== args.length)
      refuse('inDims has an entry for each argument', `${dims.length} for ${args.length} arguments`)
    const batched: Tensor[] = []
    let size: number | undefined
    const places = args.map((arg, i) =>
      treeMap(arg, isTensor, (t) => {
        const d = dims[i]!
        if (d === null) return t
        const axis = d < 0 ? d + t.rank : d
        const own = t.shape[axis]
        if (own === undefined)
          throw new ShapeError({
            op: 'vmap',
            rule: `argument ${i} must have the axis ${d} that counts the examples`,
            got: show(t.shape),
            fix: 'null in inDims passes an argument as it is to every example.',
          })
        if (size !== undefined && size !== own)
          throw new ShapeError({
            op: 'vmap',
            rule: 'all mapped arguments must have one number of examples',
            got: `${size} and ${own}`,
          })
        size = own
        return new Place(batched.push(movedAxis(t, axis, 0)) - 1)
      }),
    )
    if (size === undefined) return refuse('an argument must hold a tensor that is mapped', 'none')
    let result: unknown
    let outs = 0
    const made = mapped(
      (...examples) => {
        const list: Tensor[] = []
        const value = f(
          ...(places.map((p) => treeMap(p, isPlace, ({ index }) => examples[index]!)) as A),
        )
        result = treeMap(ended('vmap', value), isTensor, (t) => new Place(list.push(t) - 1))
        outs = list.length
        return list
      },
      batched,
      size,
    )
    const ends = typeof outDims === 'number' ? new Array<number>(outs).fill(outDims) : outDims
    if (ends.length !== outs)
      refuse('outDims has an entry for each result', `${ends.length} for ${outs} results`)
    return treeMap(result, isPlace, ({ index }) => {
      const t = made[index]!
      const to = ends[index]!
      return movedAxis(t, 0, to < 0 ? to + t.rank : to)
    }) as R
  }
}

/** Where a tensor stands in a tree. */
class Place {
  readonly index: number
  constructor(index: number) {
    this.index = index
  }
}
const isPlace = (v: unknown): v is Place => v instanceof Place
