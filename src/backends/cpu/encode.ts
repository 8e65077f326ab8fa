/** A graph as a program of the C++ core: units in order, memory planned, words written. See kernels/program.h. */
import { bytesOf, type DType } from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'
import { type Shape, sameShape, show, sizeOf, stridesOf } from '../../core/shape.js'
import {
  type Graph,
  type Node,
  node,
  type Prim,
  recurrentCells,
  type View,
  type Window,
} from '../ir.js'
import { constantOf, simplify } from '../lower/simplify.js'
import {
  Layouts,
  MAX_NODES,
  makeUnits,
  type Operand,
  sameStrides,
  type Unit,
} from '../lower/units.js'
import { viewLayout } from '../layout.js'
import { recompute } from '../lower/recompute.js'
import { bitsOf, encodeFused, KernelTooLarge } from './fused.js'
import { cells, dtypeCodes, MAGIC, modes, opcodes, VERSION } from './opcodes.js'
import type { Program, SlotPlan } from './program.js'

/** A run of memory; working memory is given its place when all is known. */
interface Buffer {
  slot: number
  dtype: DType
  bytes: number
  plan: SlotPlan
  /** Instructions between which it is in use. */
  first: number
  last: number
}

interface Ref {
  slot: number
  offset: number
}

const ALIGN = 64

/** The order in which units run: by first need, checks early, changes of outside memory late. */
function schedule(
  units: readonly Unit[],
  unitOf: Map<Node, Unit>,
  layouts: Layouts,
  index: Map<Node, number>,
  late: ReadonlySet<Unit>,
): Unit[] {
  const own = (u: Unit) => Math.max(...u.nodes.map((n) => index.get(n)!))
  const lastCheck = Math.max(
    -1,
    ...units.filter((u) => u.nodes.some((n) => n.prim.op === 'check')).map(own),
  )
  const key = (u: Unit) => (late.has(u) ? Math.max(own(u), lastCheck + 0.5) : own(u))
  const behind = new Map<Unit, Set<Unit>>()
  const ahead = new Map<Unit, Unit[]>()
  for (const u of units) {
    const set = new Set<Unit>()
    for (const n of u.nodes)
      for (const x of n.inputs) {
        const { base } = layouts.of(x)
        const v = unitOf.get(base)
        if (v && v !== u && !u.again?.has(base)) set.add(v)
      }
    if (u.bias) {
      const v = unitOf.get(u.bias.base)
      if (v && v !== u) set.add(v)
    }
    behind.set(u, set)
    for (const v of set) {
      const list = ahead.get(v)
      if (list) list.push(u)
      else ahead.set(v, [u])
    }
  }
  // A heap by key.
  const heap: { k: number; u: Unit }[] = []
  const push = (u: Unit) => {
    heap.push({ k: key(u), u })
    for (let i = heap.length - 1; i > 0; ) {
      const p = (i - 1) >> 1
      if (heap[p]!.k <= heap[i]!.k) break
      ;[heap[p], heap[i]] = [heap[i]!, heap[p]!]
      i = p
    }
  }
  const pop = (): Unit => {
    const top = heap[0]!.u
    const end = heap.pop()!
    if (heap.length > 0) {
      heap[0] = end
      for (let i = 0; ; ) {
        const l = 2 * i + 1
        let m = i
        for (const c of [l, l + 1]) if (c < heap.length && heap[c]!.k < heap[m]!.k) m = c
        if (m === i) break
        ;[heap[m], heap[i]] = [heap[i]!, heap[m]!]
        i = m
      }
    }
    return top
  }
  const order: Unit[] = []
  for (const u of units) if (behind.get(u)!.size === 0) push(u)
  while (heap.length > 0) {
    const u = pop()
    order.push(u)
    for (const v of ahead.get(u) ?? []) {
      const set = behind.get(v)!
      set.delete(u)
      if (set.size === 0) push(v)
    }
  }
  if (order.length !== units.length)
    throw new BackendError({
      op: 'encode',
      rule: 'units must not depend on each other in a circle',
    })
  return order
}

/** Places by which a view reads, as strides over row-major memory of `shape`. */
const viewStrides = (view: View, shape: Shape) => viewLayout(view, stridesOf(shape), 0)

/** Does every place of the view hit an element of its own? */
function injective(shape: Shape, strides: readonly number[]): boolean {
  const axes = shape
    .map((n, a) => ({ n, s: Math.abs(strides[a]!) }))
    .filter((x) => x.n > 1)
    .sort((a, b) => a.s - b.s)
  let span = 0
  for (const { n, s } of axes) {
    if (s <= span) return false
    span += s * (n - 1)
  }
  return true
}

/** A constant of zeros, not of -0. */
function isZeros(n: Node): boolean {
  const c = constantOf(n)
  return c !== undefined && Object.is((c.prim as { value: number }).value, 0)
}

/** What a reduction over nothing gives. */
function identity(fn: 'sum' | 'prod' | 'max' | 'min', dtype: DType): number {
  if (fn === 'sum') return 0
  if (fn === 'prod') return 1
  const sign = fn === 'max' ? -1 : 1
  return dtype === 'float32'
    ? sign * Number.POSITIVE_INFINITY
    : fn === 'max'
      ? -2147483648
      : 2147483647
}

class Encoder {
  private readonly layouts = new Layouts()
  private readonly buffers: Buffer[] = []
  private readonly memory = new Map<Node, Buffer>()
  private readonly inputBuffers = new Map<number, Buffer>()
  private readonly words: number[] = []
  /** What each instruction is, for explain: the flops and bytes so far tell those of its own. */
  private readonly lines: Line[] = []
  private readonly checks: Program['checks'] = []
  private instructions = 0
  private flops = 0
  private readonly graph: Graph
  private readonly unitOf: Map<Node, Unit>
  private readonly units: Unit[]
  private readonly needed = new Set<Node>()
  /** Buffers that the unit being written uses: they live until its last instruction. */
  private readonly touched = new Set<Buffer>()

  constructor(simple: Graph, maxNodes: number) {
    this.graph = this.wrapOutputs(simple)
    const { units, unitOf } = makeUnits(this.graph, this.layouts, maxNodes)
    this.units = recompute(this.graph, this.layouts, units, unitOf, maxNodes)
    this.unitOf = unitOf
  }

  /** Every output becomes a value that one unit computes for it alone. */
  private wrapOutputs(graph: Graph): Graph {
    const claimed = new Set<Node>()
    const extra: Node[] = []
    const outputs = graph.outputs.map((o) => {
      const { base, strides, offset } = this.layouts.of(o.node)
      const plain =
        base.prim.op !== 'input' &&
        base.prim.op !== 'const' &&
        base.prim.op !== 'iota' &&
        offset === 0 &&
        sizeOf(base.shape) === sizeOf(o.node.shape) &&
        sameStrides(o.node.shape, strides, stridesOf(o.node.shape)) &&
        !claimed.has(base)
      if (plain) {
        claimed.add(base)
        return { ...o, node: base }
      }
      const copy = node({ op: 'map', fn: 'copy' }, [o.node], undefined, 'output')
      extra.push(copy)
      return { ...o, node: copy }
    })
    return { inputs: graph.inputs, nodes: [...graph.nodes, ...extra], outputs }
  }

  private buffer(dtype: DType, bytes: number, plan: SlotPlan): Buffer {
    if (dtype === 'float64')
      throw new BackendError({ op: 'encode', rule: 'float64 exists on the reference backend only' })
    const b = {
      slot: this.buffers.length,
      dtype,
      bytes,
      plan,
      first: this.instructions,
      last: this.instructions,
    }
    this.buffers.push(b)
    this.touched.add(b)
    return b
  }
  private temp(dtype: DType, size: number): Buffer {
    const bytes = size * bytesOf(dtype)
    return this.buffer(dtype, bytes, { kind: 'arena', offset: 0, bytes })
  }
  private input(n: Node): Buffer {
    const { index, length } = n.prim as Extract<Prim, { op: 'input' }>
    let b = this.inputBuffers.get(index)
    if (!b) {
      const bytes = length * bytesOf(n.dtype)
      b = this.buffer(n.dtype, bytes, { kind: 'input', index, bytes })
      this.inputBuffers.set(index, b)
    }
    return b
  }
  /** The memory of a value that exists. */
  private bufferOf(base: Node): Buffer {
    const b = base.prim.op === 'input' ? this.input(base) : this.memory.get(base)
    if (!b)
      throw new BackendError({
        op: 'encode',
        rule: 'a value must exist before it is read',
        got: base.prim.op,
      })
    this.touched.add(b)
    return b
  }

  private emit(words: number[], about: string): void {
    words[1] = words.length
    for (const w of words) this.words.push(w)
    let bytes = 0
    for (const b of this.touched) bytes += b.bytes
    this.lines.push({ about, flops: this.flops, bytes })
    this.instructions++
  }

  private op(code: number, operands: (number | Ref)[], about: string): void {
    const words = [code, 0]
    for (const o of operands)
      if (typeof o === 'number') words.push(o)
      else words.push(o.slot, o.offset)
    this.emit(words, about)
  }

  private copy(
    dtype: DType,
    mode: number,
    shape: Shape,
    from: Ref,
    fromStrides: readonly number[],
    to: Ref,
    toStrides: readonly number[],
  ): void {
    if (sizeOf(shape) === 0) return
    // Merge axes that run on in both.
    const extents: number[] = []
    const a: number[] = []
    const b: number[] = []
    shape.forEach((n, i) => {
      if (n === 1) return
      const last = extents.length - 1
      if (last >= 0 && a[last] === fromStrides[i]! * n && b[last] === toStrides[i]! * n) {
        extents[last]! *= n
        a[last] = fromStrides[i]!
        b[last] = toStrides[i]!
      } else {
        extents.push(n)
        a.push(fromStrides[i]!)
        b.push(toStrides[i]!)
      }
    })
    this.op(
      opcodes.COPY,
      [dtypeCodes[dtype], mode, extents.length, ...extents, from, ...a, to, ...b],
      `copy ${show(extents)} ${dtype}`,
    )
  }

  /** The values of an operand over a shape, in new row-major memory. */
  private materialize(operand: Operand, shape: Shape): Operand {
    const { base } = operand
    const buffer = this.temp(base.dtype, sizeOf(shape))
    const strides = stridesOf(shape)
    if (base.prim.op === 'iota') {
      const words = this.iotaKernel(operand, shape, buffer)
      if (words) this.emit(words, `indices ${show(shape)}`)
    } else
      this.copy(
        base.dtype,
        modes.set,
        shape,
        { slot: this.bufferOf(base).slot, offset: operand.offset },
        operand.strides,
        { slot: buffer.slot, offset: 0 },
        strides,
      )
    const stand = { ...base, prim: { op: 'reshape', shape } as Prim, shape, inputs: [] }
    this.memory.set(stand, buffer)
    return { base: stand, strides, offset: 0 }
  }
  private iotaKernel(operand: Operand, shape: Shape, to: Buffer): number[] | undefined {
    const source = { ...operand.base }
    const reader: Node = {
      prim: { op: 'map', fn: 'copy' },
      inputs: [source],
      shape,
      dtype: 'int32',
      label: 'indices',
    }
    const layouts = { of: () => operand, at: () => operand } as unknown as Layouts
    const unit: Unit = {
      id: -1,
      nodes: [reader],
      accumulated: new Set(),
      ancestors: new Uint32Array(0),
      space: shape,
      reduced: null,
    }
    return encodeFused(unit, { ...this.host(), layouts, output: () => to })?.words
  }

  /** A node's value in row-major memory. */
  private contiguous(n: Node): Ref {
    const c = constantOf(n)
    if (c) {
      const b = this.temp(n.dtype, sizeOf(n.shape))
      this.fill(b, n.dtype, sizeOf(n.shape), (c.prim as { value: number }).value)
      return { slot: b.slot, offset: 0 }
    }
    const operand = this.layouts.of(n)
    const direct =
      operand.base.prim.op !== 'iota' && sameStrides(n.shape, operand.strides, stridesOf(n.shape))
    const o = direct ? operand : this.materialize(operand, n.shape)
    return { slot: this.bufferOf(o.base).slot, offset: o.offset }
  }
  private fill(b: Buffer, dtype: DType, count: number, value: number): void {
    const bits = dtype === 'bool' ? (value ? 1 : 0) : bitsOf(value, dtype)
    this.op(
      opcodes.FILL,
      [dtypeCodes[dtype], count, bits, { slot: b.slot, offset: 0 }],
      `fill ${count} ${dtype}`,
    )
  }

  /** An operand that an instruction reads by strides; what has no memory gets some. */
  private strided(n: Node): { ref: Ref; strides: readonly number[] } {
    const o = this.layouts.of(n)
    if (o.base.prim.op === 'const' || o.base.prim.op === 'iota')
      return { ref: this.contiguous(n), strides: stridesOf(n.shape) }
    return { ref: { slot: this.bufferOf(o.base).slot, offset: o.offset }, strides: o.strides }
  }

  private checkId(n: Node, what: string): number {
    this.checks.push({ op: n.label.split('/')[0] || n.prim.op, what })
    return this.checks.length - 1
  }

  private host() {
    return {
      layouts: this.layouts,
      place: (base: Node) => this.bufferOf(base),
      materialize: (operand: Operand, shape: Shape) => this.materialize(operand, shape),
      checkId: (n: Node, what: string) => this.checkId(n, what),
      output: (n: Node) => {
        if (!this.needed.has(n)) return undefined
        const b = this.memory.get(n)!
        this.touched.add(b)
        return b
      },
    }
  }

  private fused(u: Unit): void {
    const space = u.space!
    if (sizeOf(space) === 0) {
      for (const n of u.nodes)
        if (u.accumulated.has(n) && this.needed.has(n) && sizeOf(n.shape) > 0)
          this.fill(
            this.memory.get(n)!,
            n.dtype,
            sizeOf(n.shape),
            identity((n.prim as { fn: 'sum' }).fn, n.dtype),
          )
      return
    }
    const kernel = encodeFused(u, this.host())
    if (!kernel) return
    const names = u.nodes.map((n) => ('fn' in n.prim ? n.prim.fn : n.prim.op))
    // Whose they are: the modules and operations around them.
    const labels = new Set<string>()
    u.nodes.forEach(({ label }, i) => {
      const name = names[i]!
      if (label && label !== name)
        labels.add(label.endsWith(`/${name}`) ? label.slice(0, -name.length - 1) : label)
    })
    for (const label of labels)
      for (const outer of labels) if (label.startsWith(`${outer}/`)) labels.delete(label)
    this.flops += sizeOf(space) * u.nodes.length
    this.emit(
      kernel.words,
      `fused ${kernel.about}  ${names.join(' ')}${labels.size > 0 ? ` (${[...labels].join(', ')})` : ''}`,
    )
  }

  private biasOf({ bias }: Unit): Ref {
    return bias
      ? { slot: this.bufferOf(bias.base).slot, offset: bias.offset }
      : { slot: -1, offset: 0 }
  }

  private matmul(u: Unit): void {
    const product = u.nodes[0]!
    const last = u.nodes[u.nodes.length - 1]!
    const rank = product.shape.length - 2
    const [a, b] = product.inputs as [Node, Node]
    const x = this.strided(a)
    const y = this.strided(b)
    const [m, n] = product.shape.slice(-2) as [number, number]
    const k = a.shape[rank + 1]!
    const out = this.memory.get(last)!
    const batch = product.shape.slice(0, rank)
    if (m * n * sizeOf(batch) === 0) return
    const bs = (shape: Shape, strides: readonly number[]) =>
      shape.slice(0, rank).map((d, i) => (d === 1 ? 0 : strides[i]!))
    const own = stridesOf(product.shape)
    const bias = this.biasOf(u)
    this.flops += 2 * m * n * k * sizeOf(batch)
    this.op(
      opcodes.MATMUL,
      [
        rank, ...batch, m, n, k, 0,
        x.ref, x.strides[rank]!, x.strides[rank + 1]!, ...bs(a.shape, x.strides),
        y.ref, y.strides[rank]!, y.strides[rank + 1]!, ...bs(b.shape, y.strides),
        { slot: out.slot, offset: 0 }, n, ...own.slice(0, rank),
        bias,
      ],
      `matmul ${batch.length > 0 ? `${show(batch)} of ` : ''}${m}×${k} by ${k}×${n}${u.bias ? ' + bias' : ''}  ${last.label}`,
    ) // biome-ignore format: operands in the order of program.h
  }

  /** One instruction, or a few, for an operation that is not fused. */
  private single(u: Unit): void {
    const n = u.nodes[0]!
    const { prim } = n
    const out = this.memory.get(n)
    const to: Ref = { slot: out?.slot ?? -1, offset: 0 }
    const type = dtypeCodes[n.dtype]
    const label = `${prim.op} ${show(n.shape)}  ${n.label}`
    const empty = sizeOf(n.shape) === 0
    const [a, b, c] = n.inputs
    const split = (shape: Shape, axis: number): [number, number, number] => [
      sizeOf(shape.slice(0, axis)),
      shape[axis]!,
      sizeOf(shape.slice(axis + 1)),
    ]
    const copyInto = (x: Node) => {
      const c = constantOf(x)
      if (c) return this.fill(out!, n.dtype, sizeOf(n.shape), (c.prim as { value: number }).value)
      const o = this.strided(x)
      this.copy(n.dtype, modes.set, n.shape, o.ref, o.strides, to, stridesOf(n.shape))
    }
    if (empty && prim.op !== 'maxPool' && prim.op !== 'maxPoolIndex') return
    switch (prim.op) {
      case 'matmul':
        this.matmul(u)
        return
      case 'reshape':
        this.reshape(n, to)
        return
      case 'place': {
        const { strides, offset } = viewStrides(prim.view, n.shape)
        const plain = injective(prim.view.shape, strides)
        if (b) copyInto(b)
        else if (!(plain && sizeOf(prim.view.shape) === sizeOf(n.shape)))
          this.fill(out!, n.dtype, sizeOf(n.shape), prim.fill)
        if (sizeOf(a!.shape) === 0) return
        const mode = prim.accumulate && (b || !plain || prim.fill !== 0) ? modes.add : modes.set
        const o = this.strided(a!)
        this.copy(
          n.dtype,
          mode,
          prim.view.shape,
          o.ref,
          o.strides,
          { slot: to.slot, offset },
          strides,
        )
        return
      }
      case 'concat': {
        const own = stridesOf(n.shape)
        let first = 0
        for (const x of n.inputs) {
          const o = this.strided(x)
          this.copy(
            n.dtype,
            modes.set,
            x.shape,
            o.ref,
            o.strides,
            { slot: to.slot, offset: first * own[prim.axis]! },
            own,
          )
          first += x.shape[prim.axis]!
        }
        return
      }
      case 'take': {
        const [outer, extent, inner] = split(a!.shape, prim.axis)
        const [x, index] = [this.contiguous(a!), this.contiguous(b!)]
        this.op(
          opcodes.TAKE,
          [type, outer, extent, inner, sizeOf(b!.shape), x, index, to, this.checkId(n, 'an index')],
          label,
        )
        return
      }
      case 'put': {
        const fresh = isZeros(a!) && sizeOf(c!.shape) > 0
        if (!fresh) copyInto(a!)
        if (sizeOf(c!.shape) === 0) return
        const [outer, extent, inner] = split(n.shape, prim.axis)
        const [index, src] = [this.contiguous(b!), this.contiguous(c!)]
        this.op(
          opcodes.PUT,
          [
            type,
            modes[prim.mode],
            fresh ? 1 : 0,
            outer,
            extent,
            inner,
            sizeOf(b!.shape),
            index,
            src,
            to,
            this.checkId(n, 'an index'),
          ],
          label,
        )
        return
      }
      case 'gather': {
        const [x, index] = [this.contiguous(a!), this.contiguous(b!)]
        this.op(
          opcodes.GATHER,
          [
            type,
            n.shape.length,
            prim.axis,
            ...a!.shape,
            ...b!.shape,
            x,
            index,
            to,
            this.checkId(n, 'an index'),
          ],
          label,
        )
        return
      }
      case 'scatter': {
        copyInto(a!)
        if (sizeOf(b!.shape) === 0) return
        const [index, src] = [this.contiguous(b!), this.contiguous(c!)]
        this.op(
          opcodes.SCATTER,
          [
            type,
            modes[prim.mode],
            n.shape.length,
            prim.axis,
            ...n.shape,
            ...b!.shape,
            index,
            src,
            to,
            this.checkId(n, 'an index'),
          ],
          label,
        )
        return
      }
      case 'argreduce': {
        const x = this.contiguous(a!)
        this.op(
          opcodes.ARGREDUCE,
          [dtypeCodes[a!.dtype], prim.fn === 'min' ? 1 : 0, ...split(a!.shape, prim.axis), x, to],
          label,
        )
        return
      }
      case 'scan': {
        const fn = ['sum', 'prod', 'max', 'min', 'argmax', 'argmin'].indexOf(prim.fn)
        const x = this.contiguous(a!)
        this.op(
          opcodes.SCAN,
          [dtypeCodes[a!.dtype], fn, ...split(a!.shape, prim.axis), x, to],
          label,
        )
        return
      }
      case 'argsort': {
        const extent = n.shape[n.shape.length - 1]!
        const x = this.contiguous(a!)
        this.op(
          opcodes.ARGSORT,
          [dtypeCodes[a!.dtype], prim.descending ? 1 : 0, sizeOf(n.shape) / extent, extent, x, to],
          label,
        )
        return
      }
      case 'searchsorted': {
        const [s, v] = [this.contiguous(a!), this.contiguous(b!)]
        const [batch, extent] = a!.shape as [number, number]
        this.op(
          opcodes.SEARCHSORTED,
          [dtypeCodes[a!.dtype], prim.right ? 1 : 0, batch, extent, n.shape[1]!, s, v, to],
          label,
        )
        return
      }
      case 'conv':
      case 'convInput':
      case 'convWeight': {
        const x = prim.op === 'conv' ? a!.shape : prim.op === 'convInput' ? n.shape : b!.shape
        const w = prim.op === 'convWeight' ? n.shape : b!.shape
        const y = prim.op === 'conv' ? n.shape : a!.shape
        const geometry = [
          x[0]!, x[1]!, w[0]!, prim.groups, ...three(x.slice(2), 1), ...three(y.slice(2), 1), ...windowWords(prim.window),
        ] // biome-ignore format: as in program.h
        const [p, q] = [this.contiguous(a!), this.contiguous(b!)]
        this.flops += 2 * sizeOf(y) * sizeOf(w.slice(1))
        if (prim.op === 'conv') {
          const y = { slot: this.memory.get(u.nodes.at(-1)!)!.slot, offset: 0 }
          const about = `${label}${u.bias ? ' + bias' : ''}`
          this.op(opcodes.CONV, [...geometry, p, q, y, this.biasOf(u)], about)
        } else
          this.op(
            prim.op === 'convInput' ? opcodes.CONV_INPUT : opcodes.CONV_WEIGHT,
            [...geometry, p, q, to],
            label,
          )
        return
      }
      case 'maxPool':
      case 'maxPoolIndex': {
        if (empty) return
        const value = u.nodes.find((m) => m.prim.op === 'maxPool')
        const index = u.nodes.find((m) => m.prim.op === 'maxPoolIndex')
        const ref = (m: Node | undefined): Ref => ({
          slot: m && this.needed.has(m) ? this.memory.get(m)!.slot : -1,
          offset: 0,
        })
        const x = this.contiguous(a!)
        this.op(
          opcodes.MAX_POOL,
          [...poolWords(a!.shape, n.shape, prim.window), x, ref(value), ref(index)],
          label,
        )
        return
      }
      case 'sumPool': {
        const x = this.contiguous(a!)
        this.op(
          opcodes.SUM_POOL,
          [...poolWords(a!.shape, n.shape, prim.window), bitsOf(prim.factor, 'float32'), x, to],
          label,
        )
        return
      }
      case 'sumPoolInput': {
        const y = this.contiguous(a!)
        this.op(
          opcodes.SUM_POOL_INPUT,
          [...poolWords(n.shape, a!.shape, prim.window), bitsOf(prim.factor, 'float32'), y, to],
          label,
        )
        return
      }
      case 'maxPoolInput': {
        const [y, index] = [this.contiguous(a!), this.contiguous(b!)]
        const planes = n.shape[0]! * n.shape[1]!
        const cells = (s: Shape) => sizeOf(s.slice(2))
        this.op(
          opcodes.MAX_POOL_INPUT,
          [planes, cells(a!.shape), cells(n.shape), y, index, to, this.checkId(n, 'a place')],
          label,
        )
        return
      }
      case 'recurrent':
      case 'recurrentBack': {
        const { cell, reverse, steps } = prim.run
        const back = prim.op === 'recurrentBack'
        const inputs = n.inputs.map((x) => this.contiguous(x))
        const none: Ref = { slot: -1, offset: 0 }
        if (back && cell === 'lstm') inputs.splice(2, 0, inputs.length > 5 ? inputs.pop()! : none)
        if (!back && cell === 'gru' && inputs.length === 3) inputs.push(none)
        const [rows, H] = [a!.shape[0]!, b!.shape[1]!]
        this.flops += 2 * rows * H * H * recurrentCells[cell].gates
        this.op(
          back ? opcodes.RECURRENT_BACK : opcodes.RECURRENT,
          [cells[cell], reverse ? 1 : 0, steps.length, H, ...steps, ...inputs, to],
          `${cell} ${back ? 'back ' : ''}over ${steps.length} steps ${show(n.shape)}  ${n.label}`,
        )
        return
      }
      default:
        throw new BackendError({ op: 'encode', rule: 'unknown primitive', got: prim.op })
    }
  }

  /** A reshape whose elements do not lie in order: copied out by the old shape. */
  private reshape(n: Node, to: Ref): void {
    const x = n.inputs[0]!
    const o = this.strided(x)
    this.copy(n.dtype, modes.set, x.shape, o.ref, o.strides, to, stridesOf(x.shape))
  }

  encode(): Program {
    const { graph } = this
    const index = new Map(graph.nodes.map((n, i) => [n, i]))
    const outputNodes = new Map(graph.outputs.map((o, i) => [o.node, i]))
    // What is read outside of its unit needs memory.
    for (const u of this.units) {
      for (const n of u.nodes)
        for (const x of n.inputs) {
          const { base } = this.layouts.of(x)
          if (u.again?.has(base)) continue
          const home = this.unitOf.get(base)
          if (home && (home !== u || (u.accumulated.has(base) && home === u))) this.needed.add(base)
        }
      if (u.bias && this.unitOf.has(u.bias.base)) this.needed.add(u.bias.base)
    }
    for (const o of graph.outputs) this.needed.add(o.node)

    // Units that only feed changes of outside memory run late.
    const late = new Set<Unit>()
    const into = new Set(graph.outputs.filter((o) => o.into !== undefined).map((o) => o.node))
    const readers = new Map<Node, number>()
    for (const u of this.units)
      for (const n of u.nodes)
        for (const x of n.inputs) {
          const { base } = this.layouts.of(x)
          if (this.unitOf.get(base) !== u) readers.set(base, (readers.get(base) ?? 0) + 1)
        }
    for (const u of this.units) {
      const out = u.nodes.filter((n) => this.needed.has(n))
      if (out.length > 0 && out.every((n) => into.has(n) && !readers.get(n))) late.add(u)
    }
    const order = schedule(this.units, this.unitOf, this.layouts, index, late)
    const position = new Map(order.map((u, i) => [u, i]))

    // When each value is read for the last time, and whether a kernel reads it only at its own places.
    const idOf = (base: Node) => (base.prim.op === 'input' ? base.prim.index : base)
    const lastRead = new Map<Node | number, number>()
    const plainReads = new Map<Unit, Map<Node | number, boolean>>()
    for (const u of order) {
      const reads = new Map<Node | number, boolean>()
      plainReads.set(u, reads)
      for (const n of u.nodes) {
        const operands = n.inputs.map((x) => {
          const shape = n.prim.op === 'map' ? n.shape : x.shape
          return { o: this.layouts.at(x, shape), shape }
        })
        if (u.bias && n === u.nodes[u.nodes.length - 1])
          operands.push({ o: u.bias, shape: n.shape })
        for (const { o, shape } of operands) {
          const id = idOf(o.base)
          lastRead.set(id, position.get(u)!)
          const plain =
            u.space !== undefined &&
            n.prim.op !== 'random' &&
            sameShape(shape, u.space) &&
            o.offset === 0 &&
            sameStrides(shape, o.strides, stridesOf(shape))
          reads.set(id, (reads.get(id) ?? true) && plain)
        }
      }
    }
    /** May the unit write `n` over what it reads there, which nobody reads later? */
    const replaces = (u: Unit, n: Node, id: Node | number) =>
      lastRead.get(id) === position.get(u) &&
      plainReads.get(u)!.get(id) === true &&
      !u.accumulated.has(n) &&
      u.space !== undefined &&
      sameShape(n.shape, u.space)
    /** Working memory that the unit may write `n` to, while it is in the cache. */
    const replaced = (u: Unit, n: Node): Buffer | undefined => {
      for (const id of plainReads.get(u)!.keys()) {
        if (typeof id === 'number' || outputNodes.has(id) || !replaces(u, n, id)) continue
        const b = this.memory.get(id)
        if (b?.plan.kind !== 'arena' || sizeOf(id.shape) !== sizeOf(n.shape)) continue
        if (bytesOf(id.dtype) !== bytesOf(n.dtype) || u.nodes.some((m) => this.memory.get(m) === b))
          continue
        return b
      }
      return undefined
    }
    const finals: { from: Buffer; to: Buffer; size: number; dtype: DType }[] = []
    let fresh = 0
    const freshIndex = graph.outputs.map((o) => (o.into === undefined ? fresh++ : -1))

    for (const u of order) {
      const p = position.get(u)!
      for (const n of u.nodes) {
        if (!this.needed.has(n) || (u.bias && n === u.nodes[0])) continue
        const size = sizeOf(n.shape)
        const o = outputNodes.get(n)
        if (o === undefined) {
          this.memory.set(n, replaced(u, n) ?? this.temp(n.dtype, size))
          continue
        }
        const target = graph.outputs[o]!
        if (target.into === undefined) {
          const bytes = size * bytesOf(n.dtype)
          this.memory.set(
            n,
            this.buffer(n.dtype, bytes, { kind: 'output', index: freshIndex[o]!, bytes }),
          )
          continue
        }
        const box = graph.inputs[target.into]!
        const prim = box.prim as Extract<Prim, { op: 'input' }>
        const plainBox =
          prim.offset === 0 && sameStrides(box.shape, prim.strides, stridesOf(box.shape))
        if (!plainBox)
          throw new BackendError({
            op: 'compile',
            rule: 'a tensor that is changed in place must be contiguous',
            got: show(box.shape),
          })
        const safe = (lastRead.get(target.into) ?? -1) < p || replaces(u, n, target.into)
        const boxBuffer = this.input(box)
        if (safe) this.memory.set(n, boxBuffer)
        else {
          const t = this.temp(n.dtype, size)
          this.memory.set(n, t)
          finals.push({ from: t, to: boxBuffer, size, dtype: n.dtype })
        }
      }
      const start = this.instructions
      if (u.space) this.fused(u)
      else this.single(u)
      for (const n of u.nodes) {
        const b = this.memory.get(n)
        if (b) this.touched.add(b)
      }
      for (const b of this.touched) {
        b.first = Math.min(b.first, start)
        b.last = Math.max(b.last, this.instructions - 1)
      }
      this.touched.clear()
    }
    for (const { from, to, size, dtype } of finals) {
      from.last = Math.max(from.last, this.instructions)
      this.copy(
        dtype,
        modes.set,
        [size],
        { slot: from.slot, offset: 0 },
        [1],
        { slot: to.slot, offset: 0 },
        [1],
      )
    }
    // Inputs that nothing reads have a slot all the same, so that numbering is theirs.
    return this.finish()
  }

  /** Working memory by first fit, the largest first among those that live together. */
  private finish(): Program {
    const arena = this.buffers.filter((b) => b.plan.kind === 'arena' && b.bytes > 0)
    const placed: { at: number; end: number; first: number; last: number }[] = []
    let arenaBytes = 0
    arena.sort((a, b) => b.bytes - a.bytes || a.first - b.first)
    for (const b of arena) {
      let at = 0
      for (const q of placed) {
        if (q.first > b.last || b.first > q.last) continue
        if (at + b.bytes <= q.at) break
        at = Math.max(at, q.end)
      }
      const end = Math.ceil((at + b.bytes) / ALIGN) * ALIGN
      // Kept in order of place.
      let i = placed.length
      while (i > 0 && placed[i - 1]!.at > at) i--
      placed.splice(i, 0, { at, end, first: b.first, last: b.last })
      b.plan = { kind: 'arena', offset: at, bytes: b.bytes }
      arenaBytes = Math.max(arenaBytes, end)
    }
    const slots = this.buffers.map((b) => b.plan)
    const sizes = slots.flatMap((s) => [s.bytes | 0, Math.floor(s.bytes / 2 ** 32)])
    const total = 5 + sizes.length + this.words.length
    const words = Int32Array.from([
      MAGIC,
      VERSION,
      total,
      slots.length,
      this.instructions,
      ...sizes,
    ])
    const all = new Int32Array(total)
    all.set(words)
    all.set(this.words, words.length)
    const { lines, flops, instructions } = this
    return {
      words: all,
      slots,
      arenaBytes,
      checks: this.checks,
      explain: () =>
        [
          ...table(lines),
          `${instructions} instruction${instructions === 1 ? '' : 's'}, ${amount(flops, 'FLOP')}, ${arenaBytes} bytes of working memory`,
        ].join('\n'),
    }
  }
}

interface Line {
  /** The kernel and its shapes; after two spaces what it is for. */
  about: string
  /** Of the program up to and with this instruction. */
  flops: number
  /** Of the memory that it reads or writes. */
  bytes: number
}

/** `3.42 MFLOP`: three digits and the prefix that suits. */
function amount(n: number, unit: string): string {
  const power = n < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(n) / 3))
  return `${power === 0 ? n : (n / 1000 ** power).toPrecision(3)} ${['', 'k', 'M', 'G', 'T'][power]}${unit}`
}

/** Instructions in columns: number, flops, bytes, kernel with shapes, what was fused or whose it is. */
function table(lines: readonly Line[]): string[] {
  const rows = lines.map(({ about, flops, bytes }, i) => {
    const [kernel, ...rest] = about.split('  ')
    const own = flops - (lines[i - 1]?.flops ?? 0)
    return [`${i}`, amount(own, 'FLOP'), amount(bytes, 'B'), kernel!, rest.join('  ')]
  })
  const width = (c: number) => Math.max(0, ...rows.map((row) => row[c]!.length))
  const widths = [0, 1, 2, 3].map(width)
  return rows.map((row) =>
    row
      .map((text, c) => (c < 3 ? text.padStart(widths[c]!) : text.padEnd(widths[c] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

/** Words of up to three axes, missing ones first. */
function three(list: readonly number[], fill: number): number[] {
  return [...new Array<number>(3 - list.length).fill(fill), ...list]
}
function windowWords(w: Window): number[] {
  return [
    ...three(w.kernel, 1),
    ...three(w.stride, 1),
    ...three(w.dilation, 1),
    ...three(
      w.padding.map((p) => p[0]),
      0,
    ),
  ]
}
const poolWords = (input: Shape, output: Shape, w: Window) => [
  input[0]! * input[1]!,
  ...three(input.slice(2), 1),
  ...three(output.slice(2), 1),
  ...windowWords(w),
]

/** The program of a graph. */
export function encode(graph: Graph): Program {
  const simple = simplify(graph)
  for (let maxNodes = MAX_NODES; ; maxNodes >>= 1)
    try {
      return new Encoder(simple, maxNodes).encode()
    } catch (e) {
      // Rare: what a kernel needs is known when it is written.
      if (!(e instanceof KernelTooLarge) || maxNodes === 1) throw e
    }
}
