/**
 * Work that is alike for many tensors, as one value each: an optimizer's update. The first of each kind is traced; when it
 * is elementwise it becomes an expression, and for the others nothing is traced any more. Node alone has
 * it: a page compiles the same kernels without it, in more time.
 */
import { Call, callOf } from '../backends/call.js'
import type { Node, Prim } from '../backends/ir.js'
import { step } from '../backends/lower/expand.js'
import { simplify } from '../backends/lower/simplify.js'
import type { Value } from '../backends/lower/value.js'
import { constNode, node, rare } from '../backends/prims.js'
import { expressionPrims } from '../backends/prims/expression.js'
import { sameShape, sizeOf, stridesOf } from '../core/shape.js'
import { state } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { constant, nodeOf, tracedTensor } from '../ops/trace.js'
import { FunctionRecorder } from './recorder.js'

type Own = Extract<Prim, { op: 'expression' }>
/** An expression, the tensors that its results are for, and the operands that are the same for all items. */
interface Alike {
  readonly prim: Own
  readonly results: readonly number[]
  readonly shared: readonly Node[]
}

/** Instructions, and operands with results, that any kernel holds. */
const MOST_STEPS = 40
const MOST_OPERANDS = 20

/** Expressions by what they compute: programs that compute the same have the same. */
const known = new Map<string, Own>()
const MOST_KNOWN = 256
let serial = 0

function remembered(text: string, own: Own): Own {
  if (known.size === MOST_KNOWN) known.clear()
  known.set(text, own)
  return own
}

const isProduct = ({ prim, inputs }: Node): boolean =>
  prim.op === 'view' || prim.op === 'reshape'
    ? isProduct(inputs[0]!)
    : prim.op === 'map' && (prim.fn === 'mul' || prim.fn === 'square')
const isSum = ({ prim }: Node): boolean =>
  prim.op === 'map' && (prim.fn === 'add' || prim.fn === 'sub')

/** What is computed from the operands, simplified; undefined where it is no expression. */
function written(
  operands: readonly Node[],
  inner: readonly Node[],
  results: readonly Node[],
): Own | undefined {
  const at = new Map<Node, Node>()
  const standIns = operands.map((x, index): Node => {
    const { shape, dtype, label } = x
    const prim = {
      op: 'input',
      index,
      strides: stridesOf(shape),
      offset: 0,
      length: sizeOf(shape),
    } as const
    const own = { prim, inputs: [], shape, dtype, label }
    at.set(x, own)
    return own
  })
  const nodes = [...standIns]
  const copy = (n: Node): Node => {
    let own = at.get(n)
    if (!own) {
      own = { ...n, inputs: n.inputs.map(copy) }
      at.set(n, own)
      nodes.push(own)
    }
    return own
  }
  inner.forEach(copy)
  const { all, outputs } = simplify({
    inputs: standIns,
    nodes,
    outputs: results.map((n) => ({ node: at.get(n)! })),
  })
  const made = new Map<Value, Node>()
  /** The expression as text. */
  const lines: unknown[] = operands.map((x) => x.dtype)
  const names: string[] = []
  const body: Node[] = []
  const number = new Map<Node, number>()
  for (const v of all) {
    const { prim, shape, dtype, label } = v
    if (prim.op === 'input') {
      made.set(v, standIns[prim.index]!)
      number.set(standIns[prim.index]!, prim.index)
      continue
    }
    const inputs = v.inputs.map((x) => made.get(x)!)
    const own: Node =
      prim.op === 'const' ? constNode(prim.value, dtype) : { prim, inputs, shape, dtype, label }
    made.set(v, own)
    number.set(own, operands.length + body.length)
    body.push(own)
    if (prim.op === 'map') names.push(prim.fn)
    else if (prim.op !== 'const') return undefined
    const what = prim.op === 'map' ? prim.fn : Object.is(prim.value, -0) ? '-0' : prim.value
    lines.push(`${what} ${dtype} ${inputs.map((x) => number.get(x))}`)
  }
  const outs = outputs.map(({ value }) => made.get(value)!)
  lines.push(outs.map((n) => number.get(n)))
  // Each result is a step of its own.
  if (new Set(outs).size < outs.length || !outs.every((n) => n.prim.op === 'map')) return undefined
  if (names.length > MOST_STEPS || operands.length + outs.length > MOST_OPERANDS) return undefined
  const text = lines.join('|')
  let own = known.get(text)
  if (!own) {
    const sums = body.filter(isSum)
    const summed = standIns.map((x) => sums.some((n) => n.inputs.includes(x)))
    const expression = { inputs: standIns, nodes: body, outputs: outs, summed }
    own = { op: 'expression', fn: `${names.join(' ')} #${++serial}`, body: expression }
    remembered(text, own)
  }
  return own
}

/**
 * What was recorded from `begin` on for tensors whose nodes were `before`, as an expression, and the nodes that are the same
 * for all items; undefined where it is none.
 */
function found(
  recorder: FunctionRecorder,
  tensors: readonly Tensor[],
  before: readonly Node[],
  begin: number,
): { alike: Alike; rest: Node[] } | undefined {
  const { shape, dtype } = before[0]!
  const of = new Set(before)
  const inner: Node[] = []
  const rest: Node[] = []
  const shared = new Set<Node>()
  for (const n of recorder.nodes.slice(begin)) {
    if (!n.inputs.some((x) => of.has(x))) {
      rest.push(n)
      continue
    }
    // Types of other widths are computed by other kernels.
    const plain = n.dtype === dtype || n.dtype === 'bool'
    if (n.prim.op !== 'map' || !plain || !sameShape(n.shape, shape)) return undefined
    of.add(n)
    for (const x of n.inputs)
      if (!of.has(x)) {
        if (x.dtype !== dtype && x.dtype !== 'bool') return undefined
        if (x.prim.op === 'const') inner.push(x)
        else shared.add(x)
      }
    inner.push(n)
  }
  const results: number[] = []
  tensors.forEach((t, i) => {
    if (nodeOf(t) !== before[i]) results.push(i)
  })
  const last = results.map((i) => nodeOf(tensors[i]!))
  if (last.length === 0 || !last.every((n) => inner.includes(n))) return undefined
  // What it has changed besides stays as it is recorded.
  const own = new Set(last)
  const elsewhere = (n: Node | undefined) => n !== undefined && !own.has(n) && inner.includes(n)
  if (recorder.captures.some((c) => elsewhere(c.written))) return undefined
  const prim = written([...before, ...shared], inner, last)
  return prim && { alike: { prim, results, shared: [...shared] }, rest }
}

function record(
  recorder: FunctionRecorder,
  { prim, results, shared }: Alike,
  tensors: readonly Tensor[],
  inputs: readonly Node[],
  label: Call,
): void {
  const first = node(rare(expressionPrims, prim), [...inputs, ...shared], undefined, label)
  recorder.nodes.push(first)
  results.forEach((k, index) => {
    let n = first
    if (index > 0) {
      const fn = `${prim.fn.slice(prim.fn.indexOf('#'))}.${index}`
      n = node({ op: 'output', index, fn }, [first], undefined, label)
      recorder.nodes.push(n)
    }
    const t = tensors[k]!
    recorder.assign(t, n)
    t.version++
  })
}

/** Whether a kernel rounds a product before it adds it is decided by those who see both: lower/recompute.ts. */
const isRounded = ({ prim }: Alike, inputs: readonly Node[]): boolean =>
  inputs.some((x, k) => prim.body.summed[k] && isProduct(x))

/** What an optimizer tells of itself. */
interface Updating {
  /** Its class, when that says that its update depends on the values and types of its operands only. */
  readonly alike: unknown
  readonly nonFiniteGradients: string
  readonly groups: readonly { readonly params: readonly Tensor[] }[]
  readonly state: ReadonlyMap<Tensor, Readonly<Record<string, Tensor>>>
}

/**
 * What records a program for an optimizer whose updates are alike; undefined where loops, vmap or tools record, which look
 * at each node, or where operations mean more.
 */
function programRecorder(optimizer: Updating): FunctionRecorder | undefined {
  const { recorder, replaced, fence, replay, autocast } = state
  const own = recorder as FunctionRecorder
  if (!recorder || Object.getPrototypeOf(recorder) !== FunctionRecorder.prototype) return undefined
  const alike = optimizer.alike === optimizer.constructor
  return alike && !own.calls && !replaced && !replay && !autocast && fence === 0 ? own : undefined
}

/** Moves parameters by `work`, each by its gradient, where all but a few need not be traced; false where they must be. */
function repeat(
  optimizer: Updating,
  params: readonly Tensor[],
  work: (p: Tensor) => void,
): boolean {
  const own = programRecorder(optimizer)
  // Without the check of gradients an update may become part of the kernel that makes its gradient.
  if (!own || optimizer.nonFiniteGradients === 'ignore') return false
  const label = new Call(optimizer.constructor.name, state.call)
  const kinds = new Map<string, Alike | undefined>()
  for (const p of params) {
    const tensors = [p, p.grad!, ...Object.values(optimizer.state.get(p)!)]
    const { shape, dtype } = p
    const inputs = tensors.map(nodeOf)
    // The check of a single number is a number itself: both may be part of one kernel.
    const suits =
      p.size > 1 &&
      (dtype === 'float32' || dtype === 'float64') &&
      inputs.every((n) => n.dtype === dtype && sameShape(n.shape, shape)) &&
      new Set(inputs).size === inputs.length
    const kind = `${dtype}${tensors.length}`
    const begin = own.nodes.length
    if (suits && !kinds.has(kind)) {
      work(p)
      const made = found(own, tensors, inputs, begin)
      kinds.set(kind, made?.alike)
      if (!made || isRounded(made.alike, inputs)) continue
      own.nodes.length = begin
      own.nodes.push(...made.rest)
    }
    const alike = suits ? kinds.get(kind) : undefined
    if (alike && !isRounded(alike, inputs)) record(own, alike, tensors, inputs, label)
    else work(p)
  }
  return true
}

/** Sums that one expression looks at: with those of another one they are operands of one kernel. */
const MOST_SUMS = 8
/** code ← i where a sum is not 0, for each of these numbers i in order. */
function lastWrong(places: readonly number[]): Own {
  const text = `check ${places}`
  let own = known.get(text)
  if (own) return own
  const label = callOf('where')
  const scalar = (index: number): Node => ({
    prim: { op: 'input', index, strides: [], offset: 0, length: 1 },
    inputs: [],
    shape: [],
    dtype: 'float32',
    label,
  })
  const code = scalar(0)
  const inputs = [code]
  const zero = constNode(0, 'float32')
  const nodes = [zero]
  let last = code
  for (const i of places) {
    const sum = scalar(inputs.length)
    inputs.push(sum)
    const fine = node({ op: 'map', fn: 'eq' }, [sum, zero], undefined, label)
    const place = constNode(i, 'float32')
    last = node({ op: 'map', fn: 'where' }, [fine, last, place], undefined, label)
    nodes.push(fine, place, last)
  }
  const summed = inputs.map(() => false)
  const fn = `${places.map(() => 'eq where').join(' ')} #${++serial}`
  own = { op: 'expression', fn, body: { inputs, nodes, outputs: [last], summed } }
  return remembered(text, own)
}

/**
 * The number of the last parameter, counted from 1, whose gradient is not finite, or `code`; undefined where that must be
 * recorded by operations.
 */
function check(optimizer: Updating, code: Tensor): Tensor | undefined {
  const params = optimizer.groups.flatMap((g) => g.params)
  const own = programRecorder(optimizer)
  const given = params.filter((p) => p.requiresGrad && p.grad)
  if (!own || given.some((p) => p.dtype !== 'float32' || p.size < 2)) return undefined
  const label = new Call('sum', state.call)
  const zero = nodeOf(constant(0, 'float32'))
  const add = (prim: Prim, inputs: readonly Node[]): Node => {
    const n = node(prim, inputs, undefined, label)
    own.nodes.push(n)
    return n
  }
  let last = nodeOf(code)
  let sums: Node[] = []
  let places: number[] = []
  const flush = () => {
    if (sums.length > 0) last = add(rare(expressionPrims, lastWrong(places)), [last, ...sums])
    sums = []
    places = []
  }
  params.forEach((p, i) => {
    if (!p.requiresGrad || !p.grad) return
    const product = add({ op: 'map', fn: 'mul' }, [nodeOf(p.grad), zero])
    const axes = p.shape.map((_, a) => a)
    sums.push(
      add({ op: 'reshape', shape: [] }, [add({ op: 'reduce', fn: 'sum', axes }, [product])]),
    )
    places.push(i + 1)
    if (sums.length === MOST_SUMS) flush()
  })
  flush()
  return tracedTensor(last, own)
}

export const expressions = { step, repeat, check }

declare module '../core/extras.js' {
  interface Extras {
    expressions: typeof expressions
  }
}
