/**
 * What one fused kernel would store only for others to read is computed again by each of them, where that is cheap: a
 * few instructions on registers over values that lie in memory in any case. Less is read and written, and no more
 * memory is in use at any time.
 */
import { bytesOf, isFloat } from '../../core/dtype.js'
import { sameShape, stridesOf } from '../../core/shape.js'
import type { MapFn } from '../ir.js'
import { type Group, isRow, MAX_OPERANDS, readable } from './groups.js'
import { type Operand, operandAt, rowMajor, sameStrides, type Value } from './value.js'
import type { Values } from './simplify.js'

export const cheap: ReadonlySet<MapFn> = new Set([
  ...(['add', 'sub', 'mul', 'neg', 'abs', 'square', 'minimum', 'maximum'] as const),
  ...(['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'and', 'or', 'xor', 'not', 'shr'] as const),
  ...(['where', 'cast', 'copy'] as const),
])
/** Instructions for one value, at most. */
const MAX_STEPS = 3

/** How to compute a value: values of its group, and what they read from elsewhere or what is stored. */
interface Recipe {
  values: Set<Value>
  leaves: Operand[]
}

const isProduct = ({ prim, dtype }: Value) =>
  prim.op === 'map' && (prim.fn === 'mul' || prim.fn === 'square') && isFloat(dtype)
const sums = ({ prim }: Value) =>
  prim.op === 'reduce' || (prim.op === 'map' && (prim.fn === 'add' || prim.fn === 'sub'))
const draws = (g: Group) => g.values.some((n) => n.prim.op === 'random')
const bytes = (v: Value) => v.size * bytesOf(v.dtype)
const inside = (b: Value, g: Group) => b.group === g || g.again?.has(b) === true

export function recompute(graph: Values, groups: Group[], maxValues: number): Group[] {
  const outputs = new Set(graph.outputs.map((o) => o.value))
  const changed = new Set(graph.outputs.map((o) => o.into))
  /** By value: the groups that read it from memory, where another one computes it. */
  const readers = new Array<Group[] | undefined>(graph.all.length)
  const uses = new Uint32Array(graph.all.length)
  const summed = new Uint8Array(graph.all.length)
  const addReader = (b: Value, g: Group) => {
    if (!b.group || b.group === g) return
    readers[b.id] ??= []
    if (!readers[b.id]!.includes(g)) readers[b.id]!.push(g)
  }
  for (const g of groups) {
    for (const n of g.values) {
      for (const { base } of n.inputs) {
        addReader(base, g)
        uses[base.id]!++
        if (isProduct(base) && sums(n)) summed[base.id] = 1
      }
    }
    if (g.bias) addReader(g.bias.base, g)
  }
  const stored = (n: Value) => readers[n.id] || outputs.has(n)

  const recipeOf = (value: Value, home: Group): Recipe | undefined => {
    const values = new Set<Value>()
    const leaves: Operand[] = []
    const visit = (n: Value): boolean => {
      if (values.has(n)) return true
      if (n.prim.op !== 'map' || !cheap.has(n.prim.fn) || !sameShape(n.shape, value.shape))
        return false
      // All bits stay as they are: a sum rounds its product with itself (`contract` in kernel.ts) in every kernel or
      // in none.
      if (summed[n.id] && (n === value || uses[n.id] !== 1 || draws(home))) return false
      values.add(n)
      if (values.size > MAX_STEPS) return false
      return n.inputs.every((x) => {
        if (x.constant !== undefined) return true
        const b = x.base
        if (inside(b, home) && !stored(b)) return visit(b)
        // Memory that is changed would have to be copied first.
        if (b.prim.op === 'iota' || (b.prim.op === 'input' && changed.has(b.prim.index)))
          return false
        leaves.push(operandAt(x, n.shape))
        return true
      })
    }
    return visit(value) ? { values, leaves } : undefined
  }

  /** What the group would read from memory that it does not read now; undefined where the recipe does not suit it. */
  const moreFor = (g: Group, value: Value, { values, leaves }: Recipe): Set<Value> | undefined => {
    if (!g.space || draws(g)) return undefined
    const own = sameShape(value.shape, g.space)
    if (!own && !(g.reduced && isRow(value.shape, g.space, g.reduced))) return undefined
    const read = new Set<Value>()
    const places: Operand[] = []
    for (const n of g.values)
      for (const x of n.inputs) {
        const b = x.base
        if (b === value && !readable(g, n, x)) return undefined
        if (inside(b, g) || x.constant !== undefined) continue
        read.add(b)
        if (sameShape(n.shape, value.shape)) places.push(operandAt(x, n.shape))
      }
    const same = (p: Operand, q: Operand) =>
      p.base === q.base && p.offset === q.offset && sameStrides(value.shape, p.strides, q.strides)
    const more = new Set<Value>()
    for (const leaf of leaves) {
      if (places.some((p) => same(p, leaf))) continue
      if (!rowMajor(value.shape, leaf.strides) && leaf.base.size !== 1 && !perRow(g, value, leaf))
        return undefined
      more.add(leaf.base)
    }
    if (g.values.length + values.size > maxValues || read.size + more.size > MAX_OPERANDS)
      return undefined
    return more
  }

  /** Is it a value for each run of the last axis? */
  const perRow = ({ space, reduced }: Group, { shape }: Value, { strides, offset }: Operand) => {
    const last = shape.length - 1
    if (offset !== 0 || last < 1 || strides[last] !== 0) return false
    if (!sameShape(shape, space!) || reduced?.some((a) => a !== last)) return false
    return sameStrides(shape.slice(0, -1), strides.slice(0, -1), stridesOf(shape.slice(0, -1)))
  }

  const attempt = (value: Value, home: Group): void => {
    const recipe = recipeOf(value, home)
    if (!recipe) return
    const to = readers[value.id]!
    const temporaries = new Set<Value>()
    let more = 0
    for (const g of to) {
      const reads = moreFor(g, value, recipe)
      if (!reads) return
      for (const b of reads) {
        more += bytes(b)
        if (b.group && !outputs.has(b)) temporaries.add(b)
      }
    }
    // These may have to live until the value would have died.
    const kept = [...temporaries].reduce((sum, b) => sum + bytes(b), 0)
    if (more >= bytes(value) * (1 + to.length) || kept > bytes(value)) return
    readers[value.id] = undefined
    for (const g of to) {
      g.again ??= new Set()
      for (const n of recipe.values) {
        if (g.again.has(n)) continue
        g.again.add(n)
        g.values.push(n)
      }
      g.values.sort((a, b) => a.id - b.id)
      for (const { base } of recipe.leaves) addReader(base, g)
    }
    for (const n of [...recipe.values].sort((a, b) => b.id - a.id)) {
      if (stored(n) || home.values.some((m) => m.inputs.some((x) => x.base === n))) continue
      home.values.splice(home.values.indexOf(n), 1)
      if (!home.again?.delete(n)) n.group = undefined
    }
    home.dead = home.values.length === 0
  }
  for (const n of graph.all) {
    const home = n.group
    if (home?.space && readers[n.id] && !outputs.has(n)) attempt(n, home)
  }
  return groups.filter((g) => !g.dead)
}
