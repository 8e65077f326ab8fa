/**
 * What one fused kernel would store only for others to read is computed again by each of them, where that is cheap: a
 * few instructions on registers over values that lie in memory in any case. Less is read and written, and no more
 * memory is in use at any time.
 */
import { bytesOf } from '../../core/dtype.js'
import { sameShape, sizeOf, stridesOf } from '../../core/shape.js'
import type { Graph, MapFn, Node } from '../ir.js'
import { constantOf } from './simplify.js'
import {
  isRow,
  type Layouts,
  MAX_OPERANDS,
  type Operand,
  readable,
  sameStrides,
  type Unit,
} from './units.js'

const cheap: ReadonlySet<MapFn> = new Set([
  ...(['add', 'sub', 'mul', 'neg', 'abs', 'square', 'minimum', 'maximum'] as const),
  ...(['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'and', 'or', 'xor', 'not', 'shr'] as const),
  ...(['where', 'cast', 'copy'] as const),
])
/** Instructions for one value, at most. */
const MAX_STEPS = 3

/** How to compute a value: nodes of its unit, and what they read from elsewhere or what is stored. */
interface Recipe {
  nodes: Set<Node>
  leaves: Operand[]
}

const isProduct = ({ prim, dtype }: Node) =>
  prim.op === 'map' && (prim.fn === 'mul' || prim.fn === 'square') && dtype === 'float32'
const sums = ({ prim }: Node) =>
  prim.op === 'reduce' || (prim.op === 'map' && (prim.fn === 'add' || prim.fn === 'sub'))
const draws = (u: Unit) => u.nodes.some((n) => n.prim.op === 'random')

export function recompute(
  graph: Graph,
  layouts: Layouts,
  units: readonly Unit[],
  unitOf: Map<Node, Unit>,
  maxNodes: number,
): Unit[] {
  const base = (x: Node) => layouts.of(x).base
  const index = new Map(graph.nodes.map((n, i) => [n, i]))
  const outputs = new Set(graph.outputs.map((o) => o.node))
  const changed = new Set(graph.outputs.map((o) => o.into))
  /** Units that read a value of another one from memory. */
  const readers = new Map<Node, Set<Unit>>()
  const uses = new Map<Node, number>()
  const summed = new Set<Node>()
  const addReader = (b: Node, u: Unit) => {
    if (!unitOf.has(b) || unitOf.get(b) === u) return
    const set = readers.get(b)
    if (set) set.add(u)
    else readers.set(b, new Set([u]))
  }
  for (const u of units) {
    for (const n of u.nodes)
      for (const x of n.inputs) {
        const b = base(x)
        addReader(b, u)
        uses.set(b, (uses.get(b) ?? 0) + 1)
        if (isProduct(b) && sums(n)) summed.add(b)
      }
    if (u.bias) addReader(u.bias.base, u)
  }
  const inside = (b: Node, u: Unit) => unitOf.get(b) === u || u.again?.has(b) === true
  const stored = (n: Node) => outputs.has(n) || readers.has(n)

  const recipeOf = (value: Node, home: Unit): Recipe | undefined => {
    const nodes = new Set<Node>()
    const leaves: Operand[] = []
    const visit = (n: Node): boolean => {
      if (nodes.has(n)) return true
      if (n.prim.op !== 'map' || !cheap.has(n.prim.fn) || !sameShape(n.shape, value.shape))
        return false
      // All bits stay as they are: a sum rounds its product with itself (`contract` in cpu/fused.ts) in every kernel or
      // in none.
      if (summed.has(n) && (n === value || uses.get(n) !== 1 || draws(home))) return false
      nodes.add(n)
      if (nodes.size > MAX_STEPS) return false
      return n.inputs.every((x) => {
        if (constantOf(x)) return true
        const b = base(x)
        if (inside(b, home) && !stored(b)) return visit(b)
        // Memory that is changed would have to be copied first.
        if (b.prim.op === 'iota' || (b.prim.op === 'input' && changed.has(b.prim.index)))
          return false
        leaves.push(layouts.at(x, n.shape))
        return true
      })
    }
    return visit(value) ? { nodes, leaves } : undefined
  }

  /** What the unit would read from memory that it does not read now; undefined where the recipe does not suit it. */
  const moreFor = (u: Unit, value: Node, { nodes, leaves }: Recipe): Set<Node> | undefined => {
    if (!u.space || draws(u)) return undefined
    const own = sameShape(value.shape, u.space)
    if (!own && !(u.reduced && isRow(value.shape, u.space, u.reduced))) return undefined
    const read = new Set<Node>()
    const places: Operand[] = []
    for (const n of u.nodes)
      for (const x of n.inputs) {
        const b = base(x)
        if (b === value && !readable(u, n, x, layouts)) return undefined
        if (inside(b, u) || constantOf(x)) continue
        read.add(b)
        if (sameShape(n.shape, value.shape)) places.push(layouts.at(x, n.shape))
      }
    const same = (p: Operand, q: Operand) =>
      p.base === q.base && p.offset === q.offset && sameStrides(value.shape, p.strides, q.strides)
    const more = new Set<Node>()
    for (const leaf of leaves) {
      if (places.some((p) => same(p, leaf))) continue
      const direct = sameStrides(value.shape, leaf.strides, stridesOf(value.shape))
      if (!direct && sizeOf(leaf.base.shape) !== 1 && !perRow(u, value, leaf)) return undefined
      more.add(leaf.base)
    }
    if (u.nodes.length + nodes.size > maxNodes || read.size + more.size > MAX_OPERANDS)
      return undefined
    return more
  }

  /** Is it a value for each run of the last axis? */
  const perRow = ({ space, reduced }: Unit, { shape }: Node, { strides, offset }: Operand) => {
    const last = shape.length - 1
    if (offset !== 0 || last < 1 || strides[last] !== 0) return false
    if (!sameShape(shape, space!) || reduced?.some((a) => a !== last)) return false
    return sameStrides(shape.slice(0, -1), strides.slice(0, -1), stridesOf(shape.slice(0, -1)))
  }

  const bytes = (n: Node) => sizeOf(n.shape) * bytesOf(n.dtype)
  const attempt = (value: Node, home: Unit): void => {
    const recipe = recipeOf(value, home)
    if (!recipe) return
    const to = [...readers.get(value)!]
    const temporaries = new Set<Node>()
    let more = 0
    for (const u of to) {
      const reads = moreFor(u, value, recipe)
      if (!reads) return
      for (const b of reads) {
        more += bytes(b)
        if (unitOf.has(b) && !outputs.has(b)) temporaries.add(b)
      }
    }
    // These may have to live until the value would have died.
    const kept = [...temporaries].reduce((sum, b) => sum + bytes(b), 0)
    if (more >= bytes(value) * (1 + to.length) || kept > bytes(value)) return
    readers.delete(value)
    for (const u of to) {
      u.again ??= new Set()
      for (const n of recipe.nodes) {
        if (u.again.has(n)) continue
        u.again.add(n)
        u.nodes.push(n)
      }
      u.nodes.sort((a, b) => index.get(a)! - index.get(b)!)
      for (const { base: b } of recipe.leaves) addReader(b, u)
    }
    for (const n of [...recipe.nodes].sort((a, b) => index.get(b)! - index.get(a)!)) {
      if (stored(n) || home.nodes.some((m) => m.inputs.some((x) => base(x) === n))) continue
      home.nodes.splice(home.nodes.indexOf(n), 1)
      if (!home.again?.delete(n)) unitOf.delete(n)
    }
    home.dead = home.nodes.length === 0
  }
  for (const n of graph.nodes) {
    const home = unitOf.get(n)
    if (home?.space && readers.has(n) && !outputs.has(n)) attempt(n, home)
  }
  return units.filter((u) => !u.dead)
}
