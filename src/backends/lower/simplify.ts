/** Rewrites a graph into equal, fewer values: dead code, repeated work, constants, no-ops. */
import { type DType, isFloat } from '../../core/dtype.js'
import { type Shape, sameShape } from '../../core/shape.js'
import { type Graph, infer, type Node, type Prim } from '../ir.js'
import { mapFunction } from '../scalar.js'
import { Value } from './value.js'

/** A graph's values, producers first, in the order of tracing. */
export interface Values {
  all: Value[]
  outputs: { value: Value; into?: number }[]
}

const isConst = (v: Value, value?: number) =>
  v.prim.op === 'const' && (value === undefined || v.prim.value === value)
const numberOf = (v: Value) => (v.prim as { value: number }).value

/** A constant as its type would hold it. */
function rounded(value: number, dtype: DType): number {
  if (dtype === 'float32') return Math.fround(value)
  return dtype === 'int32' ? value | 0 : value
}

/** Numbers for names, to make hashes of. */
const codes = new Map<string, number>()
function codeOf(name: string): number {
  let code = codes.get(name)
  if (code === undefined) {
    code = Math.imul(codes.size + 1, 0x9e3779b1)
    codes.set(name, code)
  }
  return code
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

class Simplifier {
  readonly all: Value[] = []
  private readonly known = new Map<number, Value[]>()

  /** The value that is known already, or this one from now on. */
  private intern(v: Value): Value {
    const { prim, inputs } = v
    let hash = codeOf('fn' in prim ? prim.fn : prim.op) ^ codeOf(v.dtype) ^ (v.fence ?? 0)
    if (prim.op === 'const') hash ^= Math.imul(prim.value * 65536, 0x85ebca6b)
    for (let i = 0; i < inputs.length; i++) hash = Math.imul(hash ^ inputs[i]!.id, 0x01000193)
    for (let a = 0; a < v.shape.length; a++) hash = Math.imul(hash ^ v.shape[a]!, 0x01000193)
    const list = this.known.get(hash)
    if (list)
      for (const u of list)
        if (
          u.dtype === v.dtype &&
          u.fence === v.fence &&
          u.inputs.length === inputs.length &&
          u.inputs.every((x, i) => x === inputs[i]) &&
          sameShape(u.shape, v.shape) &&
          same(u.prim, prim)
        )
          return u
    if (list) list.push(v)
    else this.known.set(hash, [v])
    return this.add(v)
  }

  add(v: Value): Value {
    v.id = this.all.length
    this.all.push(v)
    return v
  }

  make(
    prim: Prim,
    inputs: readonly Value[],
    shape: Shape,
    dtype: DType,
    label: string,
    fence: number | undefined,
  ): Value {
    const found = this.simpler(prim, inputs, shape, dtype, label, fence)
    return found ?? this.intern(new Value(prim, inputs, shape, dtype, label, fence))
  }
  private derived(prim: Prim, inputs: readonly Value[], label: string, to?: DType): Value {
    const { shape, dtype } = infer(prim, inputs, to)
    return this.make(prim, inputs, shape, dtype, label, undefined)
  }
  private constant(value: number, dtype: DType): Value {
    return this.intern(new Value({ op: 'const', value }, [], [], dtype, 'const'))
  }

  /** An equal value that is had for less. */
  private simpler(
    prim: Prim,
    inputs: readonly Value[],
    shape: Shape,
    dtype: DType,
    label: string,
    fence: number | undefined,
  ): Value | undefined {
    const [a, b] = inputs
    /** The operand itself, when it has the result's shape. */
    const alone = (x: Value) => (sameShape(x.shape, shape) && x.dtype === dtype ? x : undefined)
    switch (prim.op) {
      case 'map': {
        if (shape.length === 0 && prim.fn !== 'copy' && inputs.every((x) => isConst(x))) {
          const f = mapFunction(prim.fn, inputs[inputs.length - 1]!.dtype, dtype)
          const v = inputs.map(numberOf)
          return this.constant(rounded(f(v[0]!, v[1] ?? 0, v[2] ?? 0), dtype), dtype)
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
            return isConst(a!, 0) ? alone(b!) : undefined
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

  /** The scalar constant behind an expanded one, when another operand still carries the full shape. */
  lighter(x: Value, all: readonly Value[], shape: Shape): Value {
    if (x.shape.length === 0 || x.size === 0 || x.constant === undefined) return x
    if (!all.some((y) => y !== x && sameShape(y.shape, shape) && y.constant === undefined)) return x
    let v = x
    while (v.prim.op !== 'const') v = v.inputs[0]!
    return v
  }
}

export function simplify(graph: Graph): Values {
  const s = new Simplifier()
  const made = new Map<Node, Value>()
  for (const n of graph.nodes) {
    const { prim, shape, dtype, label, fence } = n
    if (prim.op === 'input') {
      made.set(n, s.add(new Value(prim, [], shape, dtype, label)))
      continue
    }
    let inputs: Value[] = []
    for (let i = 0; i < n.inputs.length; i++) inputs.push(made.get(n.inputs[i]!)!)
    // Elementwise operands that are one constant everywhere are read as the constant itself.
    if (prim.op === 'map' && inputs.length > 1)
      inputs = inputs.map((x) => s.lighter(x, inputs, shape))
    made.set(n, s.make(prim, inputs, shape, dtype, label, fence))
  }
  const outputs = graph.outputs.map(({ node, into }) => ({
    value: made.get(node)!,
    ...(into !== undefined && { into }),
  }))
  const live = new Uint8Array(s.all.length)
  for (const { value } of outputs) live[value.id] = 1
  for (let i = s.all.length - 1; i >= 0; i--)
    if (live[i]) for (const x of s.all[i]!.inputs) live[x.id] = 1
  const all = s.all.filter((v) => live[v.id])
  for (let i = 0; i < all.length; i++) all[i]!.id = i
  return { all, outputs }
}
