/**
 * Cuts a graph into groups: fused kernels (elementwise work and reductions over one space) and single primitives.
 *
 * A fusion group has a space S and possibly reduced trailing axes A. Each of its values is FULL (shape S), ROW (S with
 * the axes A at 1) or SCALAR. A reduction over A gives a ROW value that the group may go on using; a reduction over
 * other axes is accumulated and known only when the kernel ends.
 */
import { isFloat, isWide } from '../../core/dtype.js'
import { type Shape, sameShape, sizeOf, stridesOf } from '../../core/shape.js'
import { recordOf } from '../prims.js'
import { NEVER, Order, type Ordered } from './order.js'
import { type Operand, operandAt, rowMajor, sameStrides, type Value } from './value.js'
import type { Values } from './simplify.js'

const NONE: ReadonlySet<Value> = new Set()

export class Group implements Ordered<Group> {
  readonly id: number
  values: Value[]
  /** Set for fusion groups. */
  readonly space: Shape | undefined
  /** Places of the space. */
  readonly size: number
  reduced: readonly number[] | null
  /** Values of a fusion group that are accumulated, not known within it. */
  accumulated: ReadonlySet<Value> = NONE
  /** Values of other groups that it computes once more, for itself. */
  again: Set<Value> | undefined = undefined
  /** A product whose result gets this vector added. */
  bias: Operand | undefined = undefined
  /** Of a product: the last of its values as the fused kernel that they are, which runs on each block of the result. */
  tail: Group | undefined = undefined
  /** Merged into another group, or without work. */
  dead = false
  /** Bases that it reads from memory: at least those, since some may have joined it later. */
  reads: Value[] = []
  // The order of groups, see order.ts.
  at = 0
  before: Group | undefined = undefined
  behind: Group | undefined = undefined
  readers: Group[] = []
  into: Group | undefined = undefined
  after: Group | undefined = undefined
  mark = 0
  enters = NEVER
  leaves = -1

  /** Computes with 64 bits a value, or with 32; undefined while all of its values are bools. */
  wide: boolean | undefined = undefined

  constructor(id: number, first: Value, space?: Shape, reduced: readonly number[] | null = null) {
    this.id = id
    this.values = [first]
    this.space = space
    this.size = space ? sizeOf(space) : 0
    this.reduced = reduced
  }

  accumulate(n: Value): void {
    if (this.accumulated === NONE) this.accumulated = new Set()
    ;(this.accumulated as Set<Value>).add(n)
  }

  get last(): Value {
    return this.values[this.values.length - 1]!
  }
}

/** Does a value want lanes of 64 bits, or of 32? Bools are at home in both. */
function widthOf(n: Value): boolean | undefined {
  if (isWide(n.dtype) || n.inputs.some((x) => isWide(x.dtype))) return true
  return n.dtype === 'bool' && n.inputs.every((x) => x.dtype === 'bool') ? undefined : false
}
/** May these be computed together? */
const sameWidth = (a: boolean | undefined, b: boolean | undefined) =>
  a === undefined || b === undefined || a === b

/** Values of a group, at most. */
export const MAX_VALUES = 48
export const MAX_OPERANDS = 20
const MAX_ROW = 65536
const MAX_LONE_ROW = 4096

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
  const out = new Array<number>(space.length).fill(0)
  let i = 0
  for (let a = 0; a < space.length; a++) {
    if (space[a] === 1 || reduced.includes(a)) continue
    while (shape[i] === 1) i++
    if (shape[i] !== space[a]) return undefined
    out[a] = strides[i++]!
  }
  while (shape[i] === 1) i++
  return i === shape.length ? out : undefined
}
export const isRow = (shape: Shape, space: Shape, reduced: readonly number[]) =>
  rowLift(shape, shape, space, reduced) !== undefined

/** May `n` read the value `x` from inside the group? Only the element at its own place. */
export function readable(
  g: Group,
  n: Value,
  x: Value,
  reduced = g.reduced,
  accumulated: ReadonlySet<Value> = g.accumulated,
): boolean {
  if (n.prim.op === 'random') return false
  const space = g.space!
  const { base } = x
  if (accumulated.has(base) || x.offset !== 0) return false
  // Most are of the space, and so is what they read.
  if (x === base && n.prim.op === 'map' && sameShape(x.shape, space) && sameShape(n.shape, space))
    return true
  if (base.size === 1 && g.size !== 1) return true
  const shape = n.prim.op === 'reduce' ? x.shape : n.shape
  const { strides } = operandAt(x, shape)
  const full = sameShape(shape, space)
  if (full && sameShape(base.shape, space)) return rowMajor(space, strides)
  if (!reduced || !isRow(base.shape, space, reduced)) return false
  const over = full ? strides : rowLift(shape, strides, space, reduced)
  return over !== undefined && sameStrides(space, over, rowStrides(space, reduced))
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
export function aligned(n: Value, reduced: readonly number[]): boolean {
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

interface How {
  accumulate: boolean
  reduced: readonly number[] | null
}

export class Grouping {
  private readonly groups: Group[] = []
  readonly order: Order<Group>
  private readonly graph: Values
  private readonly maxValues: number
  private readonly uses: Uint32Array
  private readonly outputs: Set<Value>

  constructor(graph: Values, maxValues: number) {
    this.graph = graph
    this.maxValues = maxValues
    this.order = new Order(graph)
    this.outputs = new Set(graph.outputs.map((o) => o.value.base))
    // How many readers the value behind each one has.
    this.uses = new Uint32Array(graph.all.length)
    for (const v of graph.all) if (v.base === v) for (const x of v.inputs) this.uses[x.base.id]!++
  }

  run(): Group[] {
    for (const n of this.graph.all) {
      if (n.given || n.base !== n) continue
      if (n.prim.op === 'output') this.joinProducer(n)
      else if (n.prim.op === 'host') this.createHost(n)
      else if (recordOf(n.prim).as !== 'fused') this.create(n)
      else if (!this.foldBias(n) && !this.join(n)) {
        if (n.prim.op === 'reduce') {
          const g = this.create(n, n.inputs[0]!.shape)
          const alone = asRow(g.space!, n.prim.axes)
          g.reduced = alone ? [...n.prim.axes] : null
          if (!alone) g.accumulate(n)
        } else this.create(n, n.shape)
      }
    }
    this.shareReads()
    const live = this.groups.filter((g) => !g.dead)
    for (const g of live) g.values.sort((a, b) => a.id - b.id)
    return live
  }

  private create(n: Value, space?: Shape): Group {
    const g = new Group(this.groups.length, n, space)
    this.groups.push(g)
    n.group = g
    g.wide = widthOf(n)
    this.order.append(g)
    this.added(g, n)
    return g
  }
  /** Records what a value that is now part of the group reads. */
  private added(g: Group, n: Value): void {
    this.order.covers(g, n)
    for (let i = 0; i < n.inputs.length; i++) {
      const { base } = n.inputs[i]!
      const on = base.group
      if (on === g) continue
      if (base.prim.op !== 'const' && !g.reads.includes(base)) g.reads.push(base)
      if (on) this.order.follow(g, on)
    }
  }

  /** Joins the group of an input: the one with the largest space, which may take it as a row; then the latest. */
  private join(n: Value): boolean {
    const candidates: Group[] = []
    for (let i = 0; i < n.inputs.length; i++) {
      const g = n.inputs[i]!.base.group
      if (!g?.space || candidates.includes(g)) continue
      let k = candidates.length
      for (; k > 0 && (candidates[k - 1]!.size - g.size || candidates[k - 1]!.id - g.id) < 0; k--)
        candidates[k] = candidates[k - 1]!
      candidates[k] = g
    }
    let home: Group | undefined
    for (const g of candidates) {
      if (home) {
        this.merge(home, g)
        continue
      }
      const how = this.joins(g, n)
      if (!how || this.operandsOf(g) > MAX_OPERANDS) continue
      home = g
      g.values.push(n)
      g.wide ??= widthOf(n)
      g.reduced = how.reduced
      if (how.accumulate) g.accumulate(n)
      n.group = g
      this.added(g, n)
    }
    return home !== undefined
  }

  /** Can `n` become part of `g`, whose reduced axes may be extended by it? */
  private joins(g: Group, n: Value): How | undefined {
    if (g.dead || !g.space || g.values.length >= this.maxValues) return undefined
    // A second computation starts groups of its own; what uses it may join them.
    if (n.fence !== undefined && n.fence !== g.values[0]!.fence) return undefined
    if (!sameWidth(g.wide, widthOf(n))) return undefined
    const how = this.suits(g, n)
    if (!how) return undefined
    for (const x of n.inputs) {
      const on = x.base.group
      if (on === g ? !readable(g, n, x) : on && this.order.reaches(g, on)) return undefined
    }
    return how
  }
  private suits(g: Group, n: Value): How | undefined {
    const space = g.space!
    const { reduced } = g
    if (n.prim.op === 'reduce') {
      const { axes } = n.prim
      const { shape } = n.inputs[0]!
      if (sameShape(shape, space)) {
        const real = axes.filter((a) => shape[a] !== 1)
        const inRows = trailing(space, axes) && real.length < shape.filter((d) => d !== 1).length
        const row = sizeOf(axes.map((a) => shape[a]!))
        if (inRows && row <= MAX_ROW && row > 0) {
          // What is accumulated already must run along the new columns as one axis.
          if (reduced === null && [...g.accumulated].every((m) => aligned(m, axes)))
            return { accumulate: false, reduced: [...axes] }
          if (reduced && sameShape(rowShape(space, reduced), n.shape))
            return { accumulate: false, reduced }
        }
        if (reduced && !aligned(n, reduced)) return undefined
        return { accumulate: true, reduced }
      }
      // A reduction of a ROW value: accumulated over rows.
      if (reduced && isRow(shape, space, reduced) && sizeOf(space) > 0)
        return { accumulate: true, reduced }
      return undefined
    }
    if (sameShape(n.shape, space)) return { accumulate: false, reduced }
    if (n.prim.op === 'random') return undefined
    if (reduced && isRow(n.shape, space, reduced)) return { accumulate: false, reduced }
    return undefined
  }

  private operandsOf(g: Group): number {
    const { reads } = g
    let n = 0
    for (let i = 0; i < reads.length; i++) if (reads[i]!.group !== g) reads[n++] = reads[i]!
    reads.length = n
    return n
  }

  /** One group out of two over the same space, unless something must run between them. */
  private merge(a: Group, b: Group): boolean {
    if (a === b || a.dead || b.dead || !a.space || !b.space || !sameShape(a.space, b.space))
      return false
    if (a.values[0]!.fence !== b.values[0]!.fence || !sameWidth(a.wide, b.wide)) return false
    if (a.values.length + b.values.length > this.maxValues) return false
    if (
      a.reduced &&
      b.reduced &&
      !sameShape(rowShape(a.space, a.reduced), rowShape(b.space, b.reduced))
    )
      return false
    const rows = a.reduced ?? b.reduced
    if (rows)
      for (const g of [a, b]) for (const m of g.accumulated) if (!aligned(m, rows)) return false
    const inPlace = (reader: Group, from: Group) =>
      reader.values.every((n) =>
        n.inputs.every((x) => x.base.group !== from || readable(a, n, x, rows, from.accumulated)),
      )
    const few = () => this.operandsOf(a) + this.operandsOf(b) <= MAX_OPERANDS + 8
    if (!this.order.merge(a, b, () => inPlace(a, b) && inPlace(b, a) && few())) return false
    a.reduced = rows
    a.wide ??= b.wide
    for (const n of b.values) {
      a.values.push(n)
      n.group = a
    }
    for (const n of b.accumulated) a.accumulate(n)
    for (const x of b.reads) if (!a.reads.includes(x)) a.reads.push(x)
    b.dead = true
    return true
  }

  /** Groups over one space that read the same value in full read it together. */
  private shareReads(): void {
    const reader = new Map<Value, Group>()
    for (const g of this.groups) {
      if (g.dead || !g.space) continue
      const { reads } = g
      this.operandsOf(g)
      for (let i = 0; i < reads.length; i++) {
        const b = reads[i]!
        if (b.group === g || b.size !== g.size) continue
        if (b.prim.op === 'const' || b.prim.op === 'iota') continue
        const first = reader.get(b)
        if (first && this.merge(first, g)) break
        if (!first) reader.set(b, g)
      }
    }
  }

  /** What the host does is done in the order of tracing. */
  private lastHost: Group | undefined
  private createHost(n: Value): void {
    const g = this.create(n)
    if (this.lastHost) {
      g.after = this.lastHost
      this.order.follow(g, this.lastHost)
    }
    this.lastHost = g
  }

  /** One more output of a primitive is computed with the first. */
  private joinProducer(n: Value): void {
    const g = n.inputs[0]!.group!
    g.values.push(n)
    n.group = g
    this.order.covers(g, n)
  }

  /** add(matmul, row vector) and add(conv, a value a channel), where nobody else wants the bare product. */
  private foldBias(n: Value): boolean {
    if (n.prim.op !== 'map' || n.prim.fn !== 'add' || !isFloat(n.dtype)) return false
    for (let i = 0; i < 2; i++) {
      const product = n.inputs[i]!
      const { base } = product
      const record = recordOf(base.prim)
      const g = base.group
      if (record.as !== 'call' || record.biasAxis === undefined) continue
      if (!g || g.bias || g.last !== base) continue
      const fromEnd = record.biasAxis < 0
      const axis = fromEnd ? base.shape.length + record.biasAxis : record.biasAxis
      if (this.uses[base.id] !== 1 || this.outputs.has(base)) continue
      if (base.size !== n.size || n.size === 0 || product.offset !== 0) continue
      if (!rowMajor(n.shape, operandAt(product, n.shape).strides)) continue
      const own = fromEnd ? n.shape.length + record.biasAxis : axis
      if (base.shape[axis] !== n.shape[own]) continue
      const bias = operandAt(n.inputs[1 - i]!, n.shape)
      if (bias.base.prim.op === 'const' || bias.base.prim.op === 'iota') continue
      if (bias.strides.some((s, a) => n.shape[a] !== 1 && s !== (a === own ? 1 : 0))) continue
      const other = bias.base.group
      if (other && (other === g || this.order.reaches(g, other))) continue
      g.bias = bias
      g.values.push(n)
      n.group = g
      this.order.covers(g, n)
      if (other) this.order.follow(g, other)
      return true
    }
    return false
  }
}
