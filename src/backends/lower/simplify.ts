/** Rewrites a graph into an equal, smaller one: dead code, repeated nodes, constants, no-ops. */
import { type DType, isFloat } from '../../core/dtype.js'
import { sameShape, sizeOf } from '../../core/shape.js'
import { constNode, type Graph, type Node, node, type Prim } from '../ir.js'
import { mapFunction } from '../reference/maps.js'

const isConst = (n: Node, value?: number) =>
  n.prim.op === 'const' && (value === undefined || n.prim.value === value)
const constantValue = (n: Node) => (n.prim as { value: number }).value

/** A constant as its type would hold it. */
function rounded(value: number, dtype: DType): number {
  if (dtype === 'float32') return Math.fround(value)
  return dtype === 'int32' ? value | 0 : value
}

/** The same value as `x` under another shape, when `x` is a constant or has the shape already. */
function shaped(x: Node, like: Node): Node | undefined {
  return sameShape(x.shape, like.shape) && x.dtype === like.dtype ? x : undefined
}

function simpler(n: Node): Node | undefined {
  const { prim, inputs } = n
  const [a, b] = inputs
  if (prim.op === 'map') {
    if (n.shape.length === 0 && inputs.every((x) => isConst(x)) && prim.fn !== 'copy') {
      const f = mapFunction(prim.fn, inputs[inputs.length - 1]!.dtype, n.dtype)
      const v = inputs.map(constantValue)
      return constNode(rounded(f(v[0]!, v[1] ?? 0, v[2] ?? 0), n.dtype), n.dtype)
    }
    switch (prim.fn) {
      case 'cast':
        return a!.dtype === n.dtype ? a : undefined
      case 'mul':
        if (isConst(b!, 1)) return shaped(a!, n)
        return isConst(a!, 1) ? shaped(b!, n) : undefined
      case 'div':
        return isConst(b!, 1) ? shaped(a!, n) : undefined
      case 'add':
        if (isConst(b!, 0)) return shaped(a!, n)
        return isConst(a!, 0) ? shaped(b!, n) : undefined
      case 'sub':
        return isConst(b!, 0) ? shaped(a!, n) : undefined
      case 'neg':
        return a!.prim.op === 'map' && a!.prim.fn === 'neg' ? a!.inputs[0] : undefined
      case 'pow':
        if (!isFloat(n.dtype) || !isConst(b!)) return undefined
        if (constantValue(b!) === 1) return shaped(a!, n)
        if (constantValue(b!) === 2)
          return { ...n, prim: { op: 'map', fn: 'square' }, inputs: [a!] }
        return undefined
      default:
        return undefined
    }
  }
  if (prim.op === 'reshape') {
    if (sameShape(a!.shape, n.shape)) return a
    if (a!.prim.op === 'reshape') return { ...n, inputs: [a!.inputs[0]!] }
    // A constant has every shape by broadcasting, but only a scalar stays one.
    return undefined
  }
  if (prim.op === 'view') {
    const { view } = prim
    const identity =
      sameShape(view.shape, a!.shape) &&
      view.offset.every((o) => o === 0) &&
      view.axes.every((parts, i) => parts.length === 1 && parts[0]![0] === i && parts[0]![1] === 1)
    return identity ? a : undefined
  }
  if (prim.op === 'reduce' && n.dtype === 'bool') {
    // Masks are combined as numbers.
    const number = node({ op: 'map', fn: 'cast' }, [a!], 'int32', n.label)
    const reduced = node(prim, [number], undefined, n.label)
    return node({ op: 'map', fn: 'gt' }, [reduced, constNode(0, 'int32')], undefined, n.label)
  }
  if (prim.op === 'reduce' && prim.axes.every((x) => a!.shape[x] === 1)) return a
  if (prim.op === 'concat' && inputs.length === 1) return a
  return undefined
}

/** Does `n` stand for one constant at every place? Then it may be read as that. */
export function constantOf(n: Node): Node | undefined {
  if (n.prim.op === 'const') return n
  if (n.prim.op === 'view' || n.prim.op === 'reshape') return constantOf(n.inputs[0]!)
  return undefined
}

const literal = (v: number) => (Object.is(v, -0) ? '-0' : `${v}`)
/** Tells primitives apart. JSON has neither infinities nor NaN nor -0. */
function keyOf(prim: Prim): string {
  switch (prim.op) {
    case 'map':
      return prim.fn
    case 'const':
      return `const ${literal(prim.value)}`
    case 'reduce':
      return `${prim.op} ${prim.fn} ${prim.axes}`
    case 'reshape':
      return `${prim.op} ${prim.shape}`
    case 'place':
      return `${literal(prim.fill)} ${JSON.stringify(prim)}`
    default:
      return JSON.stringify(prim)
  }
}

/** A copy of the graph without what is not needed. Input nodes keep their identity. */
export function simplify(graph: Graph): Graph {
  const made = new Map<Node, Node>()
  const known = new Map<string, Node>()
  const ids = new Map<Node, number>()
  const idOf = (n: Node) => {
    let id = ids.get(n)
    if (id === undefined) {
      id = ids.size
      ids.set(n, id)
    }
    return id
  }
  const intern = (n: Node): Node => {
    if (n.prim.op === 'input') return n
    const key = `${keyOf(n.prim)}|${n.dtype}|${n.inputs.map(idOf)}|${n.fence ?? ''}`
    const same = known.get(key)
    if (same) return same
    known.set(key, n)
    return n
  }
  for (const old of graph.nodes) {
    let n: Node = old
    if (old.inputs.length > 0) {
      const inputs = old.inputs.map((x) => made.get(x)!)
      const prim = old.prim
      // Elementwise operands that are one constant everywhere are read as the constant itself.
      const lean =
        prim.op === 'map' && inputs.length > 1 ? inputs.map((x) => lighter(x, inputs, old)) : inputs
      n = { ...old, inputs: lean }
      const s = simpler(n)
      if (s) n = s
    }
    made.set(old, intern(n))
  }
  const outputs = graph.outputs.map((o) => ({ ...o, node: made.get(o.node)! }))
  const nodes: Node[] = []
  const seen = new Set<Node>()
  const stack: [Node, number][] = []
  for (const { node: root } of outputs) {
    if (!seen.has(root)) {
      seen.add(root)
      stack.push([root, 0])
    }
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!
      const next = top[0].inputs[top[1]++]
      if (!next) nodes.push(stack.pop()![0])
      else if (!seen.has(next)) {
        seen.add(next)
        stack.push([next, 0])
      }
    }
  }
  // In the order of tracing, which keeps values short-lived.
  const order = new Map<Node, number>()
  graph.nodes.forEach((old, i) => {
    const n = made.get(old)!
    if (!order.has(n)) order.set(n, i)
  })
  const rank = (n: Node): number => order.get(n) ?? -1
  const final = nodes.map((n, i) => ({ n, i }))
  final.sort((x, y) => rank(x.n) - rank(y.n) || x.i - y.i)
  return { inputs: graph.inputs, nodes: dependable(final.map((x) => x.n)), outputs }
}

/** The order, repaired where a rewritten node stands before its inputs. */
function dependable(nodes: Node[]): Node[] {
  const out: Node[] = []
  const done = new Set<Node>()
  const visit = (n: Node) => {
    if (done.has(n)) return
    done.add(n)
    for (const x of n.inputs) visit(x)
    out.push(n)
  }
  for (const n of nodes) {
    if (n.inputs.every((x) => done.has(x))) {
      if (!done.has(n)) {
        done.add(n)
        out.push(n)
      }
    } else visit(n)
  }
  return out
}

/** The scalar constant behind an expanded one, when another operand still carries the full shape. */
function lighter(x: Node, all: readonly Node[], n: Node): Node {
  if (x.shape.length === 0 || sizeOf(x.shape) === 0) return x
  const c = constantOf(x)
  if (!c || !all.some((y) => y !== x && sameShape(y.shape, n.shape) && !constantOf(y))) return x
  return c
}
