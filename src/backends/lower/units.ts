/**
 * Cuts a graph into units: fused kernels (elementwise work and reductions over one space) and single operations.
 *
 * A fused unit has a space S and possibly reduced trailing axes A. Each of its nodes is FULL (shape S), ROW (S with the
 * axes A at 1) or SCALAR. A reduction over A gives a ROW value that the unit may go on using; a reduction over other
 * axes is accumulated and known only when the kernel ends.
 */
import { type Shape, sameShape, sizeOf, stridesOf } from '../../core/shape.js'
import type { Graph, Node, Prim } from '../ir.js'
import { reshapeStrides, viewLayout } from '../layout.js'

/** Where an operand's elements lie: in the contiguous value of `base`, by strides over the reader's shape. */
export interface Operand {
  base: Node
  strides: readonly number[]
  offset: number
}

export interface Unit {
  id: number
  nodes: Node[]
  /** Set for fused units. */
  space?: Shape
  reduced?: readonly number[] | null
  /** Nodes of a fused unit that are accumulated, not known within it. */
  accumulated: Set<Node>
  /** Nodes of other units that it computes once more, for itself. */
  again?: Set<Node>
  /** A matmul whose result gets this vector added. */
  bias?: Operand
  ancestors: Uint32Array
  /** It is an ancestor of some unit. */
  followed?: boolean
  /** Merged into another unit. */
  dead?: boolean
}

const fusable = new Set<Prim['op']>(['map', 'check', 'random', 'reduce'])
/** Nodes of a unit, at most. */
export const MAX_NODES = 48
export const MAX_OPERANDS = 20
const MAX_ROW = 65536
const MAX_LONE_ROW = 4096

/** Strides of a value as it lies: row-major for what is computed, by layout for inputs, by coordinate for iota. */
function ownLayout(n: Node): { strides: readonly number[]; offset: number } {
  if (n.prim.op === 'input') return { strides: n.prim.strides, offset: n.prim.offset }
  if (n.prim.op === 'iota') {
    const { axis } = n.prim
    return { strides: n.shape.map((_, a) => (a === axis ? 1 : 0)), offset: 0 }
  }
  return { strides: stridesOf(n.shape), offset: 0 }
}

/** Follows views down to a value that exists; reshapes that need a copy are such values themselves. */
export class Layouts {
  private readonly known = new Map<Node, Operand>()
  of(n: Node): Operand {
    let found = this.known.get(n)
    if (!found) {
      found = this.find(n)
      this.known.set(n, found)
    }
    return found
  }
  private find(n: Node): Operand {
    const { prim } = n
    if (prim.op === 'view') {
      const below = this.of(n.inputs[0]!)
      return { base: below.base, ...viewLayout(prim.view, below.strides, below.offset) }
    }
    if (prim.op === 'reshape') {
      const below = this.of(n.inputs[0]!)
      const strides = reshapeStrides(n.inputs[0]!.shape, below.strides, n.shape)
      if (strides) return { base: below.base, strides, offset: below.offset }
    }
    return { base: n, ...ownLayout(n) }
  }
  /** The operand as read at the places of a larger shape, by broadcasting. */
  at(n: Node, shape: Shape): Operand {
    const { base, strides, offset } = this.of(n)
    const extra = shape.length - n.shape.length
    return {
      base,
      offset,
      strides: shape.map((_, a) =>
        a < extra || n.shape[a - extra] === 1 ? 0 : strides[a - extra]!,
      ),
    }
  }
}

/** Equal where it matters: axes of extent 1 have no stride. */
export function sameStrides(shape: Shape, a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < shape.length; i++) if (shape[i] !== 1 && a[i] !== b[i]) return false
  return true
}

export const rowShape = (space: Shape, reduced: readonly number[]): number[] =>
  space.map((n, a) => (reduced.includes(a) ? 1 : n))

/** Strides over the space by which a ROW value is read at its own row. */
export function rowStrides(space: Shape, reduced: readonly number[]): number[] {
  const own = stridesOf(rowShape(space, reduced))
  return space.map((_, a) => (reduced.includes(a) ? 0 : own[a]!))
}

/** Strides over the rows of a space for what has the shape of its rows, but for axes of extent 1. */
export function rowLift(
  shape: Shape,
  strides: readonly number[],
  space: Shape,
  reduced: readonly number[],
): number[] | undefined {
  // Rows of one element are the space itself.
  if (reduced.every((a) => space[a] === 1))
    return sameShape(shape, space) ? [...strides] : undefined
  const rows = rowShape(space, reduced)
  const out = rows.map(() => 0)
  let i = 0
  for (let a = 0; a < rows.length; a++) {
    if (rows[a] === 1) continue
    while (shape[i] === 1) i++
    if (shape[i] !== rows[a]) return undefined
    out[a] = strides[i++]!
  }
  while (shape[i] === 1) i++
  return i === shape.length ? out : undefined
}
export const isRow = (shape: Shape, space: Shape, reduced: readonly number[]) =>
  rowLift(shape, shape, space, reduced) !== undefined

/** May `n` read the value `x` from inside the unit? Only the element at its own place. */
export function readable(u: Unit, n: Node, x: Node, layouts: Layouts): boolean {
  if (n.prim.op === 'random') return false
  const space = u.space!
  const shape = n.prim.op === 'reduce' ? x.shape : n.shape
  const { base, strides, offset } = layouts.at(x, shape)
  if (u.accumulated.has(base) || offset !== 0) return false
  if (sizeOf(base.shape) === 1 && sizeOf(space) !== 1) return true
  const full = sameShape(shape, space)
  if (full && sameShape(base.shape, space)) return sameStrides(space, strides, stridesOf(space))
  if (!u.reduced || !isRow(base.shape, space, u.reduced)) return false
  const over = full ? strides : rowLift(shape, strides, space, u.reduced)
  return over !== undefined && sameStrides(space, over, rowStrides(space, u.reduced))
}

/** Are these the last axes, but for axes of extent 1? */
function trailing(space: Shape, axes: readonly number[]): boolean {
  for (let a = space.length - 1, inside = true; a >= 0; a--) {
    if (space[a] === 1) continue
    if (axes.includes(a)) {
      if (!inside) return false
    } else inside = false
  }
  return true
}

/** Does an accumulated reduction take all of the columns or none, so that they stay one axis? */
function aligned(n: Node, reduced: readonly number[]): boolean {
  const x = n.inputs[0]!.shape
  const real = reduced.filter((a) => x[a] !== 1)
  const taken = real.filter((a) => n.shape[a] === 1).length
  return taken === 0 || taken === real.length
}

/** Is a reduction one of rows? A single long row is not: it is accumulated, which many threads can share. */
function asRow(space: Shape, axes: readonly number[]): boolean {
  const row = sizeOf(axes.map((a) => space[a]!))
  if (row === 0 || row > MAX_ROW || !trailing(space, axes)) return false
  return row <= MAX_LONE_ROW || sizeOf(space) > row
}

/** A value that exists only as operand: never computed by itself unless someone asks for it. */
export const isOperandOnly = (n: Node) =>
  n.prim.op === 'const' || n.prim.op === 'iota' || n.prim.op === 'input'

export function makeUnits(
  graph: Graph,
  layouts: Layouts,
  maxNodes = MAX_NODES,
): { units: Unit[]; unitOf: Map<Node, Unit> } {
  const units: Unit[] = []
  const unitOf = new Map<Node, Unit>()
  const uses = countUses(graph)
  const outputs = new Set(graph.outputs.map((o) => layouts.of(o.node).base))

  const has = (set: Uint32Array, id: number) => (set[id >> 5]! & (1 << (id & 31))) !== 0
  /** Its set of ancestors, long enough for so many words. */
  const ancestorsOf = (u: Unit, words: number) => {
    if (u.ancestors.length < words) {
      const more = new Uint32Array(words)
      more.set(u.ancestors)
      u.ancestors = more
    }
    return u.ancestors
  }
  const unite = (u: Unit, { ancestors: from }: Unit) => {
    const to = ancestorsOf(u, from.length)
    for (let i = 0; i < from.length; i++) to[i]! |= from[i]!
  }
  const follow = (u: Unit, on: Unit) => {
    ancestorsOf(u, (on.id >> 5) + 1)[on.id >> 5]! |= 1 << (on.id & 31)
    on.followed = true
  }
  /** Everything behind a unit's inputs, recorded; passed on to the units that stand behind it. */
  const depend = (u: Unit, on: Unit) => {
    if (on === u) return
    const before = has(u.ancestors, on.id)
    unite(u, on)
    follow(u, on)
    if (before || !u.followed) return
    for (const v of units) if (!v.dead && v !== u && has(v.ancestors, u.id)) unite(v, u)
  }
  const bases = (n: Node) => n.inputs.map((x) => layouts.of(x).base)
  const unitsBehind = (n: Node) => bases(n).flatMap((b) => unitOf.get(b) ?? [])

  const create = (n: Node, space?: Shape, reduced: readonly number[] | null = null): Unit => {
    const u: Unit = {
      id: units.length,
      nodes: [n],
      accumulated: new Set(),
      ancestors: new Uint32Array((units.length >> 5) + 1),
      ...(space && { space, reduced }),
    }
    units.push(u)
    unitOf.set(n, u)
    for (const on of unitsBehind(n)) depend(u, on)
    return u
  }

  /** Can `n` become part of `u`, whose space and reduced axes may be extended by it? */
  const joins = (
    u: Unit,
    n: Node,
  ): { accumulate: boolean; reduced: readonly number[] | null } | undefined => {
    if (u.dead || !u.space || u.nodes.length >= maxNodes) return undefined
    // A second computation starts units of its own; what uses it may join them.
    if (n.fence !== undefined && n.fence !== u.nodes[0]!.fence) return undefined
    for (const b of bases(n)) {
      const other = unitOf.get(b)
      if (other && other !== u && has(other.ancestors, u.id)) return undefined
    }
    if (n.inputs.some((x) => unitOf.get(layouts.of(x).base) === u && !readable(u, n, x, layouts)))
      return undefined
    const reduced = u.reduced ?? null
    if (n.prim.op === 'reduce') {
      const { axes } = n.prim
      const shape = n.inputs[0]!.shape
      if (sameShape(shape, u.space)) {
        const real = axes.filter((a) => shape[a] !== 1)
        const inRows = trailing(u.space, axes) && real.length < shape.filter((d) => d !== 1).length
        const row = sizeOf(axes.map((a) => shape[a]!))
        if (inRows && row <= MAX_ROW && row > 0) {
          // What is accumulated already must run along the new columns as one axis.
          if (reduced === null && [...u.accumulated].every((m) => aligned(m, axes)))
            return { accumulate: false, reduced: [...axes] }
          if (reduced && sameShape(rowShape(u.space, reduced), n.shape))
            return { accumulate: false, reduced }
        }
        if (reduced && !aligned(n, reduced)) return undefined
        return { accumulate: true, reduced }
      }
      // A reduction of a ROW value: accumulated over rows.
      if (reduced && isRow(shape, u.space, reduced) && sizeOf(u.space) > 0)
        return { accumulate: true, reduced }
      return undefined
    }
    if (sameShape(n.shape, u.space)) return { accumulate: false, reduced }
    if (n.prim.op === 'random') return undefined
    if (reduced && isRow(n.shape, u.space, reduced)) return { accumulate: false, reduced }
    return undefined
  }

  const operandsOf = (u: Unit) => {
    const seen = new Set<Node>()
    for (const n of u.nodes)
      for (const b of bases(n)) if (unitOf.get(b) !== u && b.prim.op !== 'const') seen.add(b)
    return seen.size
  }

  /** One unit out of two over the same space, unless something must run between them. */
  const merge = (a: Unit, b: Unit): boolean => {
    if (a === b || a.dead || b.dead || !a.space || !b.space || !sameShape(a.space, b.space))
      return false
    if (a.nodes[0]!.fence !== b.nodes[0]!.fence) return false
    if (a.nodes.length + b.nodes.length > maxNodes) return false
    if (
      a.reduced &&
      b.reduced &&
      !sameShape(rowShape(a.space, a.reduced), rowShape(b.space, b.reduced))
    )
      return false
    for (const u of units)
      if (!u.dead && u !== a && u !== b)
        if (
          (has(u.ancestors, a.id) && has(b.ancestors, u.id)) ||
          (has(u.ancestors, b.id) && has(a.ancestors, u.id))
        )
          return false
    const rows = a.reduced ?? b.reduced
    if (rows && ![...a.accumulated, ...b.accumulated].every((m) => aligned(m, rows))) return false
    const union: Unit = { ...a, reduced: a.reduced ?? b.reduced ?? null }
    // What each reads of the other must be at its own place.
    for (const [reader, from] of [
      [a, b],
      [b, a],
    ] as const)
      for (const n of reader.nodes)
        for (const x of n.inputs) {
          if (unitOf.get(layouts.of(x).base) !== from) continue
          if (
            from.accumulated.has(layouts.of(x).base) ||
            !readable({ ...union, accumulated: from.accumulated }, n, x, layouts)
          )
            return false
        }
    if (operandsOf(a) + operandsOf(b) > MAX_OPERANDS + 8) return false
    a.reduced = union.reduced ?? null
    for (const n of b.nodes) {
      a.nodes.push(n)
      unitOf.set(n, a)
    }
    for (const n of b.accumulated) a.accumulated.add(n)
    b.dead = true
    unite(a, b)
    for (const { id } of [a, b]) a.ancestors[id >> 5]! &= ~(1 << (id & 31))
    if (!a.followed && !b.followed) return true
    for (const v of units) {
      if (v.dead || v === a) continue
      if (has(v.ancestors, a.id) || has(v.ancestors, b.id)) {
        unite(v, a)
        follow(v, a)
      }
    }
    return true
  }

  const index = new Map(graph.nodes.map((n, i) => [n, i]))
  for (const n of graph.nodes) {
    if (isOperandOnly(n)) continue
    if (layouts.of(n).base !== n) continue
    if (!fusable.has(n.prim.op)) {
      if (!pairPool(n)) create(n)
      continue
    }
    if (foldBias(n)) continue
    // Join the unit of an input: the one with the largest space, which may take it as a row; then the latest.
    const candidates = [...new Set(unitsBehind(n))].filter((u) => u.space)
    if (candidates.length > 1)
      candidates.sort((a, b) => sizeOf(b.space!) - sizeOf(a.space!) || b.id - a.id)
    let home: Unit | undefined
    for (const u of candidates) {
      if (home) {
        merge(home, u)
        continue
      }
      const how = joins(u, n)
      if (!how || operandsOf(u) > MAX_OPERANDS) continue
      home = u
      u.nodes.push(n)
      u.reduced = how.reduced
      if (how.accumulate) u.accumulated.add(n)
      unitOf.set(n, u)
      for (const on of unitsBehind(n)) depend(u, on)
    }
    if (home) continue
    if (n.prim.op === 'reduce') {
      const shape = n.inputs[0]!.shape
      const u = create(n, shape)
      const how = alone(n)
      u.reduced = how.reduced
      if (how.accumulate) u.accumulated.add(n)
    } else create(n, n.shape)
  }
  shareReads()
  const live = units.filter((u) => !u.dead)
  for (const u of live) u.nodes.sort((a, b) => index.get(a)! - index.get(b)!)
  return { units: live, unitOf }

  function alone(n: Node): { accumulate: boolean; reduced: readonly number[] | null } {
    const { axes } = n.prim as { axes: readonly number[] }
    const shape = n.inputs[0]!.shape
    return asRow(shape, axes)
      ? { accumulate: false, reduced: [...axes] }
      : { accumulate: true, reduced: null }
  }

  /** Units over one space that read the same value in full read it together. */
  function shareReads(): void {
    const reader = new Map<Node, Unit>()
    for (const u of units) {
      if (u.dead || !u.space) continue
      const read = new Set(u.nodes.flatMap(bases))
      for (const b of read) {
        if (unitOf.get(b) === u || sizeOf(b.shape) !== sizeOf(u.space)) continue
        if (b.prim.op === 'const' || b.prim.op === 'iota') continue
        const first = reader.get(b)
        if (first && merge(first, u)) break
        if (!first) reader.set(b, u)
      }
    }
  }

  /** The largest element and its place come from one walk. */
  function pairPool(n: Node): boolean {
    if (n.prim.op !== 'maxPool' && n.prim.op !== 'maxPoolIndex') return false
    const key = JSON.stringify(n.prim.window)
    const twin = units.find(
      ({ nodes: [m] }) =>
        (m!.prim.op === 'maxPool' || m!.prim.op === 'maxPoolIndex') &&
        m!.prim.op !== n.prim.op &&
        m!.inputs[0] === n.inputs[0] &&
        JSON.stringify(m!.prim.window) === key,
    )
    twin?.nodes.push(n)
    if (twin) unitOf.set(n, twin)
    return twin !== undefined
  }

  /** add(matmul, row vector) and add(conv, a value a channel), where nobody else wants the bare product. */
  function foldBias(n: Node): boolean {
    if (n.prim.op !== 'map' || n.prim.fn !== 'add' || n.dtype !== 'float32') return false
    for (const [i, j] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const product = layouts.at(n.inputs[i]!, n.shape)
      const u = unitOf.get(product.base)
      const { op } = product.base.prim
      const rank = product.base.shape.length
      // The axis along which the bias runs.
      const axis = op === 'matmul' ? rank - 1 : op === 'conv' ? 1 : -1
      if (axis < 0 || !u || u.bias || u.nodes[u.nodes.length - 1] !== product.base) continue
      if (uses.get(product.base) !== 1 || outputs.has(product.base)) continue
      if (sizeOf(product.base.shape) !== sizeOf(n.shape) || sizeOf(n.shape) === 0) continue
      if (product.offset !== 0 || !sameStrides(n.shape, product.strides, stridesOf(n.shape)))
        continue
      const own = op === 'matmul' ? n.shape.length - 1 : axis
      if (product.base.shape[axis] !== n.shape[own]) continue
      const bias = layouts.at(n.inputs[j]!, n.shape)
      if (bias.base.prim.op === 'const' || bias.base.prim.op === 'iota') continue
      if (bias.strides.some((s, a) => n.shape[a] !== 1 && s !== (a === own ? 1 : 0))) continue
      const other = unitOf.get(bias.base)
      if (other && (other === u || has(other.ancestors, u.id))) continue
      u.bias = bias
      u.nodes.push(n)
      unitOf.set(n, u)
      if (other) depend(u, other)
      return true
    }
    return false
  }

  /** How many readers the value behind each node has. */
  function countUses(g: Graph): Map<Node, number> {
    const counts = new Map<Node, number>()
    for (const n of g.nodes) {
      if (layouts.of(n).base !== n) continue
      for (const x of n.inputs) {
        const b = layouts.of(x).base
        counts.set(b, (counts.get(b) ?? 0) + 1)
      }
    }
    return counts
  }
}
