/** Rewrites a graph into equal, fewer values: dead code, repeated work, constants, no-ops. */
import { arrayFrom, type DType, isFloat, isHalf, readNumber } from '../../core/dtype.js'
import { type Shape, sameShape } from '../../core/shape.js'
import { type Call, callOf } from '../call.js'
import type { Graph, Node, Prim } from '../ir.js'
import { infer, recordOf } from '../prims.js'
import { plainFunction } from '../scalar.js'
import { kindOf, Value } from './value.js'

/** A graph's values, producers first, in the order of tracing. */
export interface Values {
  all: Value[]
  outputs: { value: Value; into?: number }[]
  /** Values that must come to be whether or not somebody reads them. */
  effects: Value[]
}

const isConst = (v: Value, value?: number) =>
  v.prim.op === 'const' && (value === undefined || v.prim.value === value)
const numberOf = (v: Value) => (v.prim as { value: number }).value

/** A constant as its type would hold it. */
function rounded(value: number, dtype: DType): number {
  return readNumber(dtype, arrayFrom(dtype, [value]), 0)
}

/** Equal in every part; NaN is itself, 0 is not -0. */
function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i++) if (!same(a[i], b[i])) return false
    return true
  }
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  for (const key of keys)
    if (!same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
      return false
  return true
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

class Simplifier {
  readonly all: Value[] = []
  /** Values by hash: the last one of each chain, and the one before each, by id. */
  private readonly heads: Int32Array
  private readonly before: number[] = []
  private readonly hashes: number[] = []

  constructor(nodes: number) {
    this.heads = new Int32Array(2 ** Math.ceil(Math.log2(2 * nodes + 2))).fill(-1)
  }

  /** The value that is known already, or a new one. */
  private intern(
    prim: Prim,
    inputs: readonly Value[],
    shape: Shape,
    dtype: DType,
    label: Call,
    fence: number | undefined,
  ): Value {
    const kind = kindOf(prim, dtype)
    let hash = Math.imul(kind ^ ((fence ?? 0) << 16), 0x9e3779b1)
    if (prim.op === 'const') hash ^= Math.imul(prim.value * 65536, 0x85ebca6b)
    for (let i = 0; i < inputs.length; i++) hash = Math.imul(hash ^ inputs[i]!.id, 0x01000193)
    for (let a = 0; a < shape.length; a++) hash = Math.imul(hash ^ shape[a]!, 0x01000193)
    hash ^= hash >>> 15
    const { all, hashes, before, heads } = this
    const slot = hash & (heads.length - 1)
    for (let id = heads[slot]!; id >= 0; id = before[id]!) {
      if (hashes[id] !== hash) continue
      const v = all[id]!
      if (v.kind !== kind || v.fence !== fence || !sameItems(v.inputs, inputs)) continue
      if (sameShape(v.shape, shape) && same(v.prim, prim)) return v
    }
    const v = this.add(new Value(prim, inputs, shape, dtype, label, fence))
    before[v.id] = heads[slot]!
    hashes[v.id] = hash
    heads[slot] = v.id
    return v
  }

  add(v: Value): Value {
    v.id = this.all.length
    this.all.push(v)
    this.before.push(-1)
    this.hashes.push(0)
    return v
  }

  make(
    prim: Prim,
    inputs: readonly Value[],
    shape: Shape,
    dtype: DType,
    label: Call,
    fence: number | undefined,
  ): Value {
    return (
      this.simpler(prim, inputs, shape, dtype, label, fence) ??
      this.intern(prim, inputs, shape, dtype, label, fence)
    )
  }
  private derived(prim: Prim, inputs: readonly Value[], label: Call, to?: DType): Value {
    const { shape, dtype } = infer(prim, inputs, to)
    return this.make(prim, inputs, shape, dtype, label, undefined)
  }
  private constant(value: number, dtype: DType): Value {
    return this.intern({ op: 'const', value }, [], [], dtype, callOf('const'), undefined)
  }

  /** An equal value that is had for less. */
  private simpler(
    prim: Prim,
    inputs: readonly Value[],
    shape: Shape,
    dtype: DType,
    label: Call,
    fence: number | undefined,
  ): Value | undefined {
    const a = inputs[0]
    const b = inputs[1]
    /** The operand itself, when it has the result's shape. */
    const alone = (x: Value) => (sameShape(x.shape, shape) && x.dtype === dtype ? x : undefined)
    switch (prim.op) {
      case 'map': {
        if (
          shape.length === 0 &&
          prim.fn !== 'copy' &&
          inputs.every((x) => isConst(x) && x.dtype !== 'int64') &&
          dtype !== 'int64'
        ) {
          const f = plainFunction(prim.fn, inputs[inputs.length - 1]!.dtype, dtype)
          const v = inputs.map(numberOf)
          if (f) return this.constant(rounded(f(v[0]!, v[1] ?? 0, v[2] ?? 0), dtype), dtype)
        }
        switch (prim.fn) {
          case 'cast':
            return a!.dtype === dtype ? a : undefined
          case 'mul':
            if (isConst(b!, 1)) return alone(a!)
            return isConst(a!, 1) ? alone(b!) : undefined
          case 'div':
            return isConst(b!, 1) ? alone(a!) : undefined
          case 'add':
            if (isConst(b!, 0)) return alone(a!)
            if (isConst(a!, 0)) return alone(b!)
            return recordOf(a!.prim).plus?.(a!, b!, (p, list) => this.derived(p, list, label))
          case 'sub':
            return isConst(b!, 0) ? alone(a!) : undefined
          case 'neg':
            return a!.prim.op === 'map' && a!.prim.fn === 'neg' ? a!.inputs[0] : undefined
          case 'pow':
            if (!isFloat(dtype) || !isConst(b!)) return undefined
            if (numberOf(b!) === 1) return alone(a!)
            if (numberOf(b!) === 2)
              return this.make({ op: 'map', fn: 'square' }, [a!], shape, dtype, label, fence)
            return undefined
        }
        return undefined
      }
      case 'reshape':
        if (sameShape(a!.shape, shape)) return a
        // A constant has every shape by broadcasting, but only a scalar stays one.
        return a!.prim.op === 'reshape'
          ? this.make(prim, [a!.inputs[0]!], shape, dtype, label, fence)
          : undefined
      case 'view': {
        const { view } = prim
        const identity =
          sameShape(view.shape, a!.shape) &&
          view.offset.every((o) => o === 0) &&
          view.axes.every((p, i) => p.length === 1 && p[0]![0] === i && p[0]![1] === 1)
        return identity ? a : undefined
      }
      case 'reduce': {
        if (dtype === 'bool') {
          // Masks are combined as numbers.
          const number = this.derived({ op: 'map', fn: 'cast' }, [a!], label, 'int32')
          const reduced = this.derived(prim, [number], label)
          return this.derived({ op: 'map', fn: 'gt' }, [reduced, this.constant(0, 'int32')], label)
        }
        return prim.axes.every((x) => a!.shape[x] === 1) ? a : undefined
      }
      case 'concat':
        return inputs.length === 1 ? a : undefined
    }
    return undefined
  }

  /** Elementwise operands that are one constant everywhere are read as the constant itself. */
  lighten(inputs: Value[], shape: Shape): void {
    for (let i = 0; i < inputs.length; i++) {
      const x = inputs[i]!
      // Behind an expanded one, when another operand still carries the full shape.
      if (x.shape.length === 0 || x.size === 0 || x.constant === undefined) continue
      if (!inputs.some((y) => y !== x && sameShape(y.shape, shape) && y.constant === undefined))
        continue
      let v = x
      while (v.prim.op !== 'const') v = v.inputs[0]!
      inputs[i] = v
    }
  }
}

const isCast = ({ prim }: Value): boolean => prim.op === 'map' && prim.fn === 'cast'

/**
 * Casts to half types that the backward pass makes again (autograd/backward.ts) spare memory where what they are made of
 * is there anyway: an input, or a value that is read later still. The others are the casts of the forward pass.
 */
export function simplify(graph: Graph): Values {
  const again = new Map<Node, Value>()
  const values = simplified(graph, again)
  if (again.size === 0) return values
  const casts = new Set(again.values())
  const lastReader = new Map<Value, number>()
  for (const v of values.all) if (!casts.has(v)) for (const u of v.inputs) lastReader.set(u, v.id)
  const wasted = new Set<Node>()
  for (const [n, v] of again)
    if (values.all[v.id] === v && (lastReader.get(v.inputs[0]!) ?? -1) < v.id) wasted.add(n)
  return wasted.size > 0 ? simplified(graph, undefined, wasted) : values
}

/** `again` gets the casts of values of the forward pass behind a fence; those `wasted` lose it. */
function simplified(graph: Graph, again?: Map<Node, Value>, wasted?: ReadonlySet<Node>): Values {
  const { nodes } = graph
  const s = new Simplifier(nodes.length)
  const made = new Array<Value>(nodes.length)
  for (let i = 0; i < nodes.length; i++) {
    const n = nodes[i]!
    const { prim, shape, dtype, label } = n
    const fence = wasted?.has(n) ? undefined : n.fence
    n.index = i
    if (prim.op === 'input') {
      made[i] = s.add(new Value(prim, [], shape, dtype, label))
      continue
    }
    if (prim.op === 'host' || prim.op === 'loop') {
      // Each runs, alike or not.
      const inputs = n.inputs.map((x) => made[x.index!]!)
      made[i] = s.add(new Value(prim, inputs, shape, dtype, label))
      continue
    }
    const inputs = new Array<Value>(n.inputs.length)
    for (let k = 0; k < inputs.length; k++) inputs[k] = made[n.inputs[k]!.index!]!
    if (prim.op === 'map' && inputs.length > 1) s.lighten(inputs, shape)
    const v = s.make(prim, inputs, shape, dtype, label, fence)
    made[i] = v
    if (again && fence !== undefined && isHalf(dtype) && v.fence === fence && isCast(v)) {
      const [from] = v.inputs
      if (from!.fence === undefined && from!.prim.op !== 'input') again.set(n, v)
    }
  }
  const outputs = graph.outputs.map(({ node, into }) => ({
    value: made[node.index!]!,
    ...(into !== undefined && { into }),
  }))
  const live = new Uint8Array(s.all.length)
  const effects = (graph.effects ?? []).map((n) => made[n.index!]!)
  for (const { value } of outputs) live[value.id] = 1
  for (const v of effects) live[v.id] = 1
  for (let i = s.all.length - 1; i >= 0; i--) {
    if (!live[i]) continue
    const { inputs } = s.all[i]!
    for (let k = 0; k < inputs.length; k++) live[inputs[k]!.id] = 1
  }
  const all: Value[] = []
  for (const v of s.all)
    if (live[v.id]) {
      v.id = all.length
      all.push(v)
    }
  return { all, outputs, effects }
}
