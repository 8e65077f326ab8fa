/** Graphs for tests of the lowering: a short way of writing them, and random ones from a seed. */
import { callOf } from '../../src/backends/call.js'
import { type DType, newArray, type TypedArray } from '../../src/core/dtype.js'
import { isContiguous, sameShape, type Shape, sizeOf, stridesOf } from '../../src/core/shape.js'
import type {
  Graph,
  GraphOutput,
  Loop,
  MapFn,
  Node,
  Prim,
  ReduceFn,
  View,
  Window,
} from '../../src/backends/ir.js'
import { constNode, node } from '../../src/backends/prims.js'

/** Collects nodes in the order of tracing. */
export class Builder {
  readonly nodes: Node[] = []
  readonly inputs: Node[] = []
  add(prim: Prim, inputs: readonly Node[], dtype?: DType, label?: string): Node {
    const n = node(prim, inputs, dtype, label === undefined ? undefined : callOf(label))
    this.nodes.push(n)
    return n
  }
  input(shape: Shape, dtype: DType = 'float32', strides = stridesOf(shape), offset = 0): Node {
    const reach = shape.reduce((sum, n, a) => sum + Math.max(0, strides[a]! * (n - 1)), 0)
    const length = sizeOf(shape) === 0 ? 0 : offset + 1 + reach
    const prim: Prim = { op: 'input', index: this.inputs.length, strides, offset, length }
    const n: Node = { prim, inputs: [], shape, dtype, label: callOf('input') }
    this.inputs.push(n)
    this.nodes.push(n)
    return n
  }
  const(value: number, dtype: DType = 'float32'): Node {
    const n = constNode(value, dtype)
    this.nodes.push(n)
    return n
  }
  leaf(prim: Extract<Prim, { op: 'iota' }>): Node {
    const n: Node = { prim, inputs: [], shape: prim.shape, dtype: 'int32', label: callOf('iota') }
    this.nodes.push(n)
    return n
  }
  /** Zeros that a body makes itself. */
  const0(shape: Shape): Node {
    return this.view(this.const(0), { shape, offset: [], axes: shape.map(() => []) })
  }
  /** So many slices of a shape, out of one that is given. */
  stacked(given: (shape: Shape) => Node, count: number, shape: Shape): Node {
    const x = given(shape)
    return this.view(x, {
      shape: [count, ...shape],
      offset: shape.map(() => 0),
      axes: [[], ...shape.map((_, a) => [[a, 1]] as const)],
    })
  }
  map(fn: MapFn, ...inputs: Node[]): Node {
    return this.add({ op: 'map', fn }, inputs)
  }
  cast(x: Node, dtype: DType): Node {
    return this.add({ op: 'map', fn: 'cast' }, [x], dtype)
  }
  reduce(fn: ReduceFn, x: Node, ...axes: number[]): Node {
    return this.add({ op: 'reduce', fn, axes }, [x])
  }
  reshape(x: Node, shape: Shape): Node {
    return this.add({ op: 'reshape', shape }, [x])
  }
  view(x: Node, view: View): Node {
    return this.add({ op: 'view', view }, [x])
  }
  permute(x: Node, ...axes: number[]): Node {
    return this.view(x, {
      shape: axes.map((a) => x.shape[a]!),
      offset: x.shape.map(() => 0),
      axes: axes.map((a) => [[a, 1]]),
    })
  }
  transpose(x: Node): Node {
    const r = x.shape.length
    return this.permute(x, ...x.shape.map((_, a) => (a < r - 2 ? a : 2 * r - 3 - a)))
  }
  expand(x: Node, shape: Shape): Node {
    const extra = shape.length - x.shape.length
    return this.view(x, {
      shape,
      offset: x.shape.map(() => 0),
      axes: shape.map((_, a) => (a < extra || x.shape[a - extra] === 1 ? [] : [[a - extra, 1]])),
    })
  }
  matmul(a: Node, b: Node): Node {
    return this.add({ op: 'matmul' }, [a, b])
  }
  graph(...outputs: (Node | GraphOutput)[]): Graph {
    const wanted = outputs.map((o) => ('node' in o ? o : { node: o }))
    const live = new Set<Node>(this.inputs)
    const visit = (n: Node): void => {
      if (live.has(n)) {
        if (n.prim.op !== 'input') return
      }
      live.add(n)
      for (const x of n.inputs) visit(x)
    }
    for (const o of wanted) visit(o.node)
    return { inputs: this.inputs, nodes: this.nodes.filter((n) => live.has(n)), outputs: wanted }
  }
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function uniform(seed: number): () => number {
  let s = seed | 0
  return () => {
    s = (s + 0x6d2b79f5) | 0
    let t = Math.imul(s ^ (s >>> 15), 1 | s)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export function randomData(graph: Graph, next: () => number): TypedArray[] {
  return graph.inputs.map((n) => {
    const { length } = n.prim as Extract<Prim, { op: 'input' }>
    const a = newArray(n.dtype, length)
    for (let i = 0; i < length; i++) {
      const x = next() * 4 - 2
      a[i] = n.dtype === 'float32' ? x : n.dtype === 'bool' ? Number(x > 0) : Math.floor(3 * x)
    }
    return a
  })
}

/** A random graph of about `size` nodes over every primitive that needs no special data. */
export function randomGraph(seed: number, size: number): Graph {
  const next = uniform(seed)
  const below = (n: number) => Math.floor(next() * n)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  const b = new Builder()
  const pool: Node[] = []
  const take = (ok: (n: Node) => boolean): Node | undefined => {
    // Late values are likelier, which makes chains.
    const list = pool.filter(ok)
    return list[Math.max(below(list.length), below(list.length))]
  }
  const float = (n: Node) => n.dtype === 'float32'
  const int = (n: Node) => n.dtype === 'int32'
  const boolean = (n: Node) => n.dtype === 'bool'
  const keep = (n: Node | undefined) => n && sizeOf(n.shape) <= 4000 && pool.push(n)

  const axes = [1, 2, 3, 4, 5]
  const base = Array.from({ length: 3 }, () => pick(axes))
  if (next() < 0.05) base[below(3)] = 0
  for (let i = 0; i < 5; i++) {
    const shape = base.slice(below(3)).map((n) => (next() < 0.15 ? 1 : n))
    const dtype = pick(['float32', 'float32', 'float32', 'int32', 'bool'] as const)
    if (next() < 0.3 && shape.length > 1) {
      const other = [...shape].reverse()
      const strides = stridesOf(other).reverse()
      keep(b.input(shape, dtype, strides, below(3)))
    } else keep(b.input(shape, dtype))
  }
  keep(b.input(base))
  keep(b.input(base))

  const makers: (() => Node | undefined)[] = [
    () => {
      const x = take(float)
      return (
        x && b.map(pick(['tanh', 'sigmoid', 'neg', 'abs', 'sin', 'copy', 'square'] as const), x)
      )
    },
    () => {
      const x = take((n) => float(n) || int(n))
      if (!x) return
      const y = take((n) => n.dtype === x.dtype && fits(n.shape, x.shape))
      const c = () => b.const(pick([0, 1, 2, 0.5, -1]), x.dtype)
      const z = y && next() < 0.8 ? y : c()
      const fn = pick(['add', 'sub', 'mul', 'maximum', 'minimum'] as const)
      return next() < 0.5 ? b.map(fn, x, z) : b.map(fn, z, x)
    },
    () => {
      const x = take(float)
      return x && b.map('div', x, b.map('add', b.map('square', x), b.const(1)))
    },
    () => {
      const x = take(() => true)
      const y = x && take((n) => n.dtype === x.dtype && fits(n.shape, x.shape))
      return y && b.map(pick(['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const), x, y)
    },
    () => {
      const c = take(boolean)
      const x = c && take((n) => float(n) && fits(n.shape, c.shape))
      return x && b.map('where', c, x, b.const(-1))
    },
    () => {
      const x = take(() => true)
      const to = pick(['float32', 'int32', 'bool'] as const)
      // Large floats as integers would wrap in sums anyway: bounded first.
      return x && b.cast(float(x) && to === 'int32' ? b.map('tanh', x) : x, to)
    },
    () => {
      const x = take(boolean)
      return x && b.map('not', x)
    },
    () => {
      const x = take((n) => n.shape.length > 0)
      if (!x) return
      const list = x.shape.flatMap((_, a) => (next() < 0.5 ? [a] : []))
      if (list.length === 0) return
      const empty = list.some((a) => x.shape[a] === 0)
      const fns = boolean(x) || empty ? (['max', 'min'] as const) : (['sum', 'max', 'min'] as const)
      if (empty && !float(x)) return
      return b.reduce(pick(fns), x, ...list)
    },
    // A row statistic, used again.
    () => {
      const x = take((n) => float(n) && n.shape.length > 0 && sizeOf(n.shape) > 0)
      if (!x) return
      const last = x.shape.length - 1
      const m = b.reduce(pick(['sum', 'max'] as const), x, last)
      return b.map('sub', x, next() < 0.5 ? m : b.expand(m, x.shape))
    },
    () => {
      const x = take((n) => n.shape.length > 1)
      if (!x) return
      const order = x.shape.map((_, a) => a).sort(() => next() - 0.5)
      return b.permute(x, ...order)
    },
    () => {
      const x = take(() => true)
      if (!x) return
      return b.reshape(x, pick([[sizeOf(x.shape)], [...x.shape, 1], [1, ...x.shape]]))
    },
    () => {
      const x = take((n) => n.shape.length >= 2)
      if (!x) return
      const [p, q, ...rest] = x.shape
      return b.reshape(x, [p! * q!, ...rest])
    },
    () => {
      const x = take((n) => n.shape.length > 0 && n.shape.some((d) => d > 1))
      if (!x) return
      const a = x.shape.findIndex((d) => d > 1)
      const flip = next() < 0.4
      const from = flip ? x.shape[a]! - 1 : 1
      const count = flip ? x.shape[a]! : x.shape[a]! - 1
      return b.view(x, {
        shape: x.shape.map((d, i) => (i === a ? count : d)),
        offset: x.shape.map((_, i) => (i === a ? from : 0)),
        axes: x.shape.map((_, i) => [[i, i === a && flip ? -1 : 1]]),
      })
    },
    () => {
      const x = take((n) => n.shape.length < 4)
      return x && b.expand(x, [pick([1, 2, 3]), ...x.shape])
    },
    () => {
      const x = take((n) => float(n) && n.shape.length > 0)
      if (!x) return
      const axis = below(x.shape.length)
      const shape = x.shape.map((d, i) => (i === axis ? d + 2 : d))
      const view: View = {
        shape: x.shape,
        offset: shape.map((_, i) => (i === axis ? 1 : 0)),
        axes: x.shape.map((_, i) => [[i, 1]]),
      }
      const accumulate = next() < 0.5
      const y = take((n) => float(n) && sameShape(n.shape, shape))
      return b.add(
        { op: 'place', shape, view, fill: pick([0, 0, 1]), accumulate },
        y ? [x, y] : [x],
      )
    },
    () => {
      const x = take((n) => n.shape.length > 0)
      if (!x) return
      const y = take((n) => n.dtype === x.dtype && sameShape(n.shape, x.shape))
      return b.add({ op: 'concat', axis: below(x.shape.length) }, [x, y!, x])
    },
    () => {
      const x = take((n) => float(n) && n.shape.length >= 2)
      if (!x) return
      const y = take((n) => float(n) && sameShape(n.shape, x.shape))!
      const product = next() < 0.5 ? b.matmul(x, b.transpose(y)) : b.matmul(b.transpose(x), y)
      const n = product.shape.at(-1)!
      const bias = take((v) => float(v) && v.shape.length === 1 && v.shape[0] === n)
      return bias && next() < 0.7 ? b.map('add', product, bias) : product
    },
    () => {
      const x = take((n) => n.shape.length > 0 && n.shape.every((d) => d > 0))
      if (!x) return
      const axis = below(x.shape.length)
      const which = below(4)
      if (which === 0 && !boolean(x))
        return b.add({ op: 'argreduce', fn: pick(['max', 'min']), axis }, [x])
      if (which === 1) {
        const fn = pick(
          boolean(x) ? (['max', 'argmin'] as const) : (['sum', 'max', 'argmax'] as const),
        )
        return b.add({ op: 'scan', fn, axis }, [x])
      }
      if (which === 2) {
        const order = b.add({ op: 'argsort', descending: next() < 0.5 }, [x])
        return next() < 0.5 ? order : b.add({ op: 'gather', axis: x.shape.length - 1 }, [x, order])
      }
      const k = b.leaf({ op: 'iota', axis: 0, shape: [x.shape[axis]!] })
      return b.add({ op: 'take', axis }, [x, k])
    },
    () => {
      const x = take((n) => float(n) && n.shape.length > 0 && n.shape.every((d) => d > 0))
      if (!x) return
      const axis = below(x.shape.length)
      const k = b.leaf({ op: 'iota', axis: 0, shape: [x.shape[axis]!] })
      const y = take((n) => float(n) && sameShape(n.shape, x.shape))!
      const order = b.add({ op: 'check', lo: 0, hi: x.shape[axis]!, what: 'a place' }, [k])
      return b.add({ op: 'put', axis, mode: pick(['set', 'add', 'max']) }, [x, order, y])
    },
    () => {
      const x = take((n) => float(n) && n.shape.length > 0 && n.shape.every((d) => d > 0))
      if (!x) return
      const axis = below(x.shape.length)
      const n = x.shape[axis]!
      const place = b.leaf({ op: 'iota', axis: 1, shape: [pick([1, 2]), n] })
      const y = b.add({ op: 'taps', axis }, [x, place])
      return next() < 0.5 ? y : b.add({ op: 'tapsBack', axis, n: n + below(2) }, [y, place])
    },
    () => {
      const x = take((n) => n.shape.length > 0 && n.dtype === 'int32')
      if (!x) return
      return b.map('add', x, b.leaf({ op: 'iota', axis: below(x.shape.length), shape: x.shape }))
    },
    () => {
      const x = take((n) => float(n) && n.shape.length === 3 && n.shape.every((d) => d > 0))
      if (!x) return
      const window: Window = { kernel: [2], stride: [1], dilation: [1], padding: [[1, 1]] }
      const which = below(4)
      if (which === 0) return b.add({ op: 'maxPool', window }, [x])
      if (which === 1) return b.add({ op: 'sumPool', window, factor: pick([1, 0.25]) }, [x])
      if (which === 2) {
        const value = b.add({ op: 'maxPool', window }, [x])
        const index = b.add({ op: 'output', index: 1 }, [value])
        return b.add({ op: 'maxPoolInput', shape: x.shape }, [value, index])
      }
      const w = b.expand(b.reduce('sum', x, 0, 2), [2, x.shape[1]!, 2])
      const y = b.add({ op: 'conv', window, groups: 1 }, [x, w])
      const bias = take((n) => float(n) && n.shape.length === 1 && n.shape[0] === 2)
      return bias ? b.map('add', y, b.expand(b.reshape(bias, [1, 2, 1]), y.shape)) : y
    },
  ]
  while (pool.length < size + 7) keep(pick(makers)())

  const results: GraphOutput[] = []
  const boxes = b.inputs.filter((n) => {
    const { strides, offset } = n.prim as Extract<Prim, { op: 'input' }>
    return offset === 0 && sizeOf(n.shape) > 0 && isContiguous(n.shape, strides)
  })
  const written = new Set<Node>()
  for (let i = 0; i < 5; i++) {
    const n = next() < 0.2 ? pick(b.inputs) : take(() => true)!
    const box = boxes.find(
      (x) => !written.has(x) && sameShape(x.shape, n.shape) && x.dtype === n.dtype,
    )
    if (box && next() < 0.6) {
      written.add(box)
      results.push({ node: n, into: b.inputs.indexOf(box) })
    } else results.push({ node: n })
  }
  return b.graph(...results)
}

function fits(shape: Shape, other: Shape): boolean {
  for (let i = 1; i <= Math.min(shape.length, other.length); i++) {
    const [x, y] = [shape[shape.length - i]!, other[other.length - i]!]
    if (x !== y && x !== 1 && y !== 1) return false
  }
  return true
}

/**
 * A loop with carried values that are swapped, passed on and computed from each other, slices, what stays the same, and
 * sometimes a loop inside; what follows reads some of its results.
 */
export function randomLoop(seed: number): Graph {
  const random = uniform(seed)
  const below = (n: number) => Math.floor(random() * n)
  const b = new Builder()
  const shapes: Shape[] = [[4], [2, 3], [], [3, 2]]
  const some = () => shapes[below(shapes.length)]!
  const fresh = (shape: Shape) => b.input(shape)
  const last = loopOf(b, (shape) => fresh(shape), 0)
  // Views as initial values, results that nobody wants.
  const kept = last.filter(() => below(3) > 0)
  return b.graph(...(kept.length > 0 ? kept : [last[0]!]))

  function loopOf(around: Builder, given: (shape: Shape) => Node, depth: number): Node[] {
    const carried = Array.from({ length: 1 + below(3) }, some)
    const scanned = Array.from({ length: below(3) }, some)
    const fixed = Array.from({ length: below(3) }, some)
    const count = below(5)
    const body = new Builder()
    const pool = [...carried, ...scanned, ...fixed].map((shape) => body.input(shape))
    const inputs = [...pool]
    const like = (shape: Shape) => {
      const same = pool.filter((n) => `${n.shape}` === `${shape}` && n.dtype === 'float32')
      return same.length > 0 ? same[below(same.length)]! : undefined
    }
    for (let k = 1 + below(8); k > 0; k--) {
      const x = pool[below(pool.length)]!
      const y = like(x.shape)!
      const kind = below(6)
      if (kind === 0) pool.push(body.map('tanh', x))
      else if (kind === 1) pool.push(body.map('sub', x, y))
      else if (kind === 2) pool.push(body.map('maximum', x, y))
      else if (kind === 3 && x.shape.length > 0) {
        const sum = body.reduce('sum', x, x.shape.length - 1)
        pool.push(body.map('mul', x, body.map('tanh', sum)))
      } else if (kind === 4) {
        const [p, q] = [like([2, 3]), like([3, 2])]
        if (p && q) pool.push(body.map('tanh', body.matmul(q, body.matmul(p, q))))
      } else if (kind === 5 && depth === 0) {
        const inner = loopOf(body, (shape) => like(shape) ?? body.const0(shape), 1)
        pool.push(...inner)
      }
    }
    const ends = carried.map((shape) => like(shape)!)
    // What a body hands on is computed by it: recorders copy inputs.
    const own = (n: Node) => (inputs.includes(n) ? body.map('copy', n) : n)
    const stacked = Array.from({ length: below(3) }, () => pool[below(pool.length)]!)
    const loop: Loop = {
      inputs,
      nodes: body.nodes,
      outputs: [...ends.map(own), ...stacked],
      carried: carried.length,
      scanned: scanned.length,
      count,
      reverse: below(2) > 0,
    }
    const first = around.add({ op: 'loop', loop }, [
      ...carried.map(given),
      ...scanned.map((shape) => around.stacked(given, count, shape)),
      ...fixed.map(given),
    ])
    const made = loop.outputs.map((_, i) => around.add({ op: 'output', index: i + 1 }, [first]))
    return made.filter((n, i) => i < carried.length || n.shape.length > 0)
  }
}
