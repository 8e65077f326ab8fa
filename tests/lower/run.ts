/**
 * A plan, run as it is by plain loops: the executable reading of lower/plan.ts, for any backend. Nothing of a processor
 * is in it. Working memory starts as rubbish, and what a plan promises (operands inside their buffers, no overlap, values
 * of the classes that are said) is asserted, so that a bad plan shows.
 */
import { callOf } from '../../src/backends/call.js'
import { arrayOn, bytesOf, type TypedArray } from '../../src/core/dtype.js'
import { IndexError } from '../../src/core/errors.js'
import { philox } from '../../src/core/philox.js'
import { sizeOf, stridesOf } from '../../src/core/shape.js'
import { endCall, type Graph, type MapFn, type Node, type Prim } from '../../src/backends/ir.js'
import {
  type Access,
  type Block,
  type Buffer,
  eachBuffer,
  FULL,
  type FusedKernel,
  type HostStep,
  type KernelList,
  type LoopStep,
  type Plan,
  type PrimCall,
  ROW,
  SCALAR,
  type Slice,
  type Step,
} from '../../src/backends/lower/plan.js'
import { infer } from '../../src/backends/prims.js'
import { compute } from '../../src/backends/reference/compute.js'
import { each, place } from '../../src/backends/reference/coordinates.js'
import { mapFunction } from '../../src/backends/reference/scalar.js'

function must(truth: boolean, rule: string): void {
  if (!truth) throw new Error(`plan: ${rule}`)
}

/** Runs the plan on copies of the inputs; gives the graph's outputs and what the inputs hold afterwards. */
export function runPlan(
  plan: Plan,
  graph: Graph,
  inputs: readonly TypedArray[],
): { outputs: TypedArray[]; inputs: TypedArray[] } {
  const held = inputs.map((x) => x.slice())
  const fresh = graph.outputs.filter((o) => o.into === undefined)
  const made = fresh.map(({ node: { dtype, shape } }) => {
    const bytes = sizeOf(shape) * bytesOf(dtype)
    new Uint8Array(new ArrayBuffer(bytes)).fill(0xfd)
    return arrayOn(dtype, new ArrayBuffer(bytes), 0, sizeOf(shape))
  })
  const arena = new Uint8Array(plan.arenaBytes).fill(0xfd)
  new Runner(plan, held, made, arena).run()
  let next = 0
  const outputs = graph.outputs.map(({ into, node }) => {
    if (into === undefined) return made[next++]!
    const { prim, shape } = graph.inputs[into]!
    const { offset, strides } = prim as Extract<Prim, { op: 'input' }>
    const out = held[into]!.slice(0, sizeOf(node.shape))
    each(shape, (at, i) => {
      out[i] = held[into]![offset + place(at, strides)]!
    })
    return out
  })
  return { outputs, inputs: held }
}

/** Bytes of memory, from the lowest to the highest that is touched. */
interface Span {
  home: unknown
  low: number
  high: number
}
const meet = (a: Span, b: Span) => a.home === b.home && a.low < b.high && b.low < a.high

class Runner {
  private readonly plan: Plan
  private readonly inputs: TypedArray[]
  private readonly outputs: TypedArray[]
  private readonly arena: Uint8Array
  private readonly waits: unknown[] = []

  constructor(plan: Plan, inputs: TypedArray[], outputs: TypedArray[], arena: Uint8Array) {
    this.plan = plan
    this.inputs = inputs
    this.outputs = outputs
    this.arena = arena
  }

  run(): void {
    this.plan.steps.forEach((step, at) => {
      const { buffers } = this.plan
      eachBuffer(step, (b) => {
        must(buffers[b.id] === b, 'a buffer of a step is one of the plan')
        must(b.first <= at && at <= b.last, 'a buffer lives while it is used')
      })
      if (step.kind === 'fused') this.fused(step)
      else if (step.kind === 'list') this.list(step)
      else if (step.kind === 'host') this.host(step)
      else if (step.kind === 'loop') this.loop(step)
      else this.call(step)
    })
  }

  /** In any order: here from the last to the first. */
  private list({ kernels }: KernelList): void {
    kernels.forEach((k, i) => {
      const written = new Set(k.outputs.map((o) => o.buffer))
      kernels.forEach((other, j) => {
        if (i === j) return
        for (const o of [...other.inputs, ...other.outputs])
          must(!o.buffer || !written.has(o.buffer), 'kernels of a list are independent')
      })
    })
    for (const k of [...kernels].reverse()) this.fused(k)
  }

  private array(b: Buffer): TypedArray {
    if (b.kind === 'input') return this.inputs[b.index]!
    if (b.kind === 'output') return this.outputs[b.index]!
    must(b.offset + b.bytes <= this.arena.length, 'working memory lies in the arena')
    const start = this.arena.byteOffset + b.offset
    return arrayOn(b.dtype, this.arena.buffer, start, b.bytes / bytesOf(b.dtype))
  }
  /** Bytes of a buffer. */
  private bytes(b: Buffer, offset: number, count: number): Uint8Array {
    must(offset >= 0 && offset + count <= b.bytes, 'what a loop is given lies in its buffer')
    const { buffer, byteOffset } = this.array(b)
    return new Uint8Array(buffer, byteOffset + offset, count)
  }

  private loop({ count, reverse, body, memory, ins, outs, go }: LoopStep): void {
    must(memory.length === body.buffers.length, 'every buffer of a body has its memory')
    const given = body.buffers.map((b, i) => {
      const { buffer, offset } = memory[i]!
      must(offset % 8 === 0, 'memory of a body begins at a multiple of 8')
      return this.bytes(buffer, offset, b.bytes)
    })
    const of = (kind: Buffer['kind']): TypedArray[] => {
      const list: TypedArray[] = []
      body.buffers.forEach((b, i) => {
        if (b.kind !== kind) return
        const { buffer, byteOffset } = given[i]!
        list[b.index] = arrayOn(b.dtype, buffer, byteOffset, b.bytes / bytesOf(b.dtype))
      })
      return list
    }
    const [inputs, outputs] = [of('input'), of('output')]
    const first = body.buffers.findIndex((b) => b.kind === 'arena' && b.bytes > 0)
    const arena =
      first < 0
        ? new Uint8Array(0)
        : this.bytes(
            memory[first]!.buffer,
            memory[first]!.offset - body.buffers[first]!.offset,
            body.arenaBytes,
          )
    const slice = ({ outer: { buffer, offset }, bytes }: Slice, i: number) =>
      this.bytes(buffer, offset * bytesOf(buffer.dtype) + i * bytes, bytes)
    for (let n = 0; count === undefined ? given[go!.id]![0] !== 0 : n < count; n++) {
      const i = reverse ? count! - 1 - n : n
      for (const s of ins) given[s.inner.id]!.set(slice(s, i))
      // What no iteration hands on is rubbish for the next one.
      arena.fill(0xfd)
      for (const s of outs) given[s.inner.id]!.fill(0xfd)
      new Runner(body, inputs, outputs, arena).run()
      for (const s of outs) slice(s, i).set(given[s.inner.id]!)
    }
  }
  private span(
    { buffer, offset }: Access,
    extents: readonly number[],
    strides: readonly number[],
  ): Span {
    let [low, high] = [offset, offset + 1]
    for (let a = 0; a < extents.length; a++) {
      if (extents[a] === 0) return { home: undefined, low: 0, high: 0 }
      const reach = (extents[a]! - 1) * strides[a]!
      if (reach < 0) low += reach
      else high += reach
    }
    const width = bytesOf(buffer.dtype)
    must(low >= 0 && high * width <= buffer.bytes, 'an operand lies in its buffer')
    const start = buffer.kind === 'arena' ? buffer.offset : 0
    const home = buffer.kind === 'arena' ? this.arena : this.array(buffer)
    return { home, low: start + low * width, high: start + high * width }
  }

  private fused({ body, inputs, outputs, checks }: FusedKernel): void {
    const { extents, steps } = body
    const rank = extents.length
    const cols = extents[rank - 1]!
    must(rank >= 2 && sizeOf(extents) === body.size, 'a kernel has rows and columns')
    body.inputs.forEach(({ cls, strides }) => {
      if (cls !== FULL) must(strides[rank - 1] === 0, 'ROW and SCALAR inputs stay along a row')
      if (cls === SCALAR)
        must(
          strides.every((s) => s === 0),
          'SCALAR inputs do not move',
        )
    })
    outputs.forEach((o, k) => {
      const span = this.span(o, extents, body.outputs[k]!.strides)
      inputs.forEach((x, i) => {
        if (!x.buffer || !meet(span, this.span(x as Access, extents, body.inputs[i]!.strides)))
          return
        const alike = `${body.outputs[k]!.strides}` === `${body.inputs[i]!.strides}`
        must(
          body.outputs[k]!.mode === 'set' && o.offset === x.offset && alike,
          'an output over an input has its places',
        )
      })
      outputs.slice(k + 1).forEach((p, j) => {
        must(
          !meet(span, this.span(p, extents, body.outputs[k + 1 + j]!.strides)),
          'outputs are apart',
        )
      })
    })
    const classOf = (v: number) =>
      v < inputs.length ? body.inputs[v]!.cls : steps[v - inputs.length]!.cls
    const totals = outputs.map(() => new Map<number, number>())
    let firstRow = true
    each(extents.slice(0, -1), (at) => {
      const row: number[][] = body.inputs.map(({ strides, cls, indices }, i) => {
        const { buffer, offset } = inputs[i]!
        const data = buffer ? this.array(buffer) : undefined
        const from = offset + place(at, strides.slice(0, -1))
        return Array.from({ length: cls === FULL ? cols : 1 }, (_, j) => {
          const p = from + j * strides[rank - 1]!
          return indices ? p : Number(data![p]!)
        })
      })
      for (const s of steps) {
        for (const v of s.args) must(v < row.length, 'a step reads what is made before it')
        row.push(this.step(s, row, classOf, cols, checks))
      }
      body.outputs.forEach(({ value, strides, mode }, k) => {
        const cls = classOf(value)
        const from = outputs[k]!.offset + place(at, strides.slice(0, -1))
        if (cls === SCALAR && (!firstRow || mode !== 'set')) return
        for (let j = 0; j < (cls === FULL ? cols : 1); j++) {
          const p = from + j * strides[rank - 1]!
          const v = row[value]![j]!
          const total = totals[k]!
          const old = total.get(p)
          must(mode !== 'set' || old === undefined, 'a place is set once')
          total.set(p, old === undefined ? v : combine(mode, body.outputs[k]!.dtype, old, v))
        }
        // What is set at its own places is there for nobody else in this kernel; what is combined is stored at the end.
      })
      firstRow = false
    })
    totals.forEach((total, k) => {
      const data = this.array(outputs[k]!.buffer)
      for (const [p, v] of total) data[p] = v as never
    })
  }

  private step(
    s: Step,
    row: readonly number[][],
    classOf: (v: number) => number,
    cols: number,
    checks: readonly number[],
  ): number[] {
    const arg = (i: number, j: number) => {
      const list = row[s.args[i]!]!
      return list[list.length === 1 ? 0 : j]!
    }
    const count = s.cls === FULL ? cols : 1
    const map = (f: (j: number) => number) =>
      Array.from({ length: count }, (_, j) => stored(f(j), s.to))
    const sums = ['sum', 'prod', 'max', 'min', 'dot'] as string[]
    if (sums.includes(s.fn)) {
      must(s.cls === ROW && s.args.every((v) => classOf(v) === FULL), 'reductions: FULL into ROW')
      const mode = ({ sum: 'add', dot: 'add', prod: 'mul', max: 'max', min: 'min' } as const)[
        s.fn as 'sum'
      ]
      const term = (j: number) => (s.fn === 'dot' ? arg(0, j) * arg(1, j) : arg(0, j))
      let v = term(0)
      for (let j = 1; j < cols; j++) v = combine(mode, s.to, v, term(j))
      return [stored(v, s.to)]
    }
    if (s.fn !== 'check')
      for (const v of s.args) must(classOf(v) >= s.cls, `${s.fn} takes no operand of a wider class`)
    switch (s.fn) {
      case 'const':
        return [stored(s.imm, s.to)]
      case 'fma':
        return map((j) => arg(0, j) * arg(1, j) + arg(2, j))
      case 'fms':
        return map((j) => arg(0, j) * arg(1, j) - arg(2, j))
      case 'fnma':
        return map((j) => arg(2, j) - arg(0, j) * arg(1, j))
      case 'random': {
        const word = new Int32Array(1)
        return map((j) => {
          philox(arg(1, 0), arg(2, 0), arg(3, 0), arg(0, j), word)
          return word[0]!
        })
      }
      case 'check': {
        const [lo, hi, except] = [arg(1, 0), arg(2, 0), arg(3, 0)]
        for (const v of row[s.args[0]!]!)
          if ((v < lo || v >= hi) && v !== except) this.fault(checks[s.imm]!, `${v}`)
        return []
      }
    }
    const f = mapFunction(s.fn as MapFn, s.from, s.to) as (...list: number[]) => number
    return map((j) =>
      f(arg(0, j), s.args.length > 1 ? arg(1, j) : 0, s.args.length > 2 ? arg(2, j) : 0),
    )
  }

  private fault(check: number, got: string): never {
    const { call, what } = this.plan.checks[check]!
    throw new IndexError({ op: call.operation, rule: `${what} must lie in its range`, got })
  }

  /** The elements of a block, in row-major order. */
  private read({ buffer, dtype, shape, strides, offset }: Block): TypedArray {
    this.span({ buffer, offset }, shape, strides)
    const from = this.array(buffer)
    const out = arrayOn(dtype, new ArrayBuffer(sizeOf(shape) * bytesOf(dtype)), 0, sizeOf(shape))
    each(shape, (at, i) => {
      out[i] = from[offset + place(at, strides)]! as never
    })
    return out
  }
  private write(
    { buffer, shape, strides, offset }: Block,
    data: ArrayLike<number | bigint>,
    f: (old: number, v: number) => number = (_, v) => v,
  ): void {
    this.span({ buffer, offset }, shape, strides)
    const to = this.array(buffer)
    each(shape, (at, i) => {
      const p = offset + place(at, strides)
      to[p] = f(to[p] as number, data[i] as number) as never
    })
  }

  private call({ prim, inputs, outputs, bias, epilogue, check, inPlace }: PrimCall): void {
    const spans = (list: readonly (Block | undefined)[]) =>
      list.flatMap((b) => (b && sizeOf(b.shape) > 0 ? [this.span(b, b.shape, b.strides)] : []))
    // What scatters gets its own result as the base.
    const changes =
      (prim.op === 'put' || prim.op === 'scatter') && inputs[0]?.buffer === outputs[0]?.buffer
    for (const x of spans(changes ? inputs.slice(1) : inputs))
      for (const y of spans(outputs)) must(!meet(x, y), `${prim.op} writes over no operand`)
    if (prim.op === 'fill') {
      const [to] = outputs as [Block]
      const value = to.dtype === 'bool' ? Number(Boolean(prim.value)) : prim.value
      this.write(to, new Array<number>(sizeOf(to.shape)).fill(value))
      return
    }
    if (prim.op === 'copy') {
      const [from, to] = [inputs[0]!, outputs[0]!]
      this.write(to, this.read(from), prim.accumulate ? (old, v) => old + v : undefined)
      return
    }
    must(!inPlace || changes, 'only changes are made in place')
    const given = inputs.map((b, i) => {
      if (b) return { shape: b.shape, dtype: b.dtype, data: this.read(b) }
      if (prim.op !== 'put' || i > 0) return undefined
      // A base that is left out is one of zeros.
      const { shape, dtype } = outputs[0]!
      const data = arrayOn(dtype, new ArrayBuffer(sizeOf(shape) * bytesOf(dtype)), 0, sizeOf(shape))
      return { shape, dtype, data }
    })
    const args = given.flatMap((x) => x ?? [])
    const nodes = args.map(
      ({ shape, dtype }): Node => ({
        prim: { op: 'reshape', shape },
        inputs: [],
        shape,
        dtype,
        label: callOf(''),
      }),
    )
    const { shape, dtype } = infer(prim, nodes)
    const node: Node = { prim, inputs: nodes, shape, dtype, label: callOf(prim.op) }
    let results: TypedArray[]
    try {
      const data = args.map((a) => a.data)
      results = compute(node, data, [], [])
    } catch (e) {
      if (!(e instanceof IndexError) || check < 0) throw e
      this.fault(check, `${e.complaint.got}`)
    }
    outputs.forEach((to, which) => {
      if (!to) return
      const result = results[which]!
      if (bias) {
        const axis = prim.op === 'conv' ? 1 : to.shape.length - 1
        const b = this.array(bias.buffer)
        each(to.shape, (at, i) => {
          result[i] = ((result[i] as number) + Number(b[bias.offset + at[axis]!])) as never
        })
      }
      this.write(to, result)
    })
    if (!epilogue) return
    const [to] = outputs as [Block]
    this.ends(epilogue, to, inputs, bias)
    this.fused(epilogue)
  }

  /** What a plan promises of an epilogue, so that it may run block by block. */
  private ends(
    { body, inputs, outputs }: FusedKernel,
    to: Block,
    read: readonly (Block | undefined)[],
    bias: Access | undefined,
  ): void {
    const { extents, steps } = body
    const own = stridesOf(extents)
    const result = this.span(to, to.shape, to.strides)
    must(sizeOf(to.shape) === body.size, 'an epilogue has the places of the result')
    must(sizeOf(to.shape) % extents.at(-1)! === 0, 'the columns of an epilogue are those of the result') // biome-ignore format: a line
    must(!steps.some((s) => ['sum', 'prod', 'max', 'min', 'dot', 'check'].includes(s.fn)), 'an epilogue reduces no rows and checks nothing') // biome-ignore format: a line
    const given = read.flatMap((b) => (b ? [this.span(b, b.shape, b.strides)] : []))
    if (bias) given.push(this.span(bias, [1], [1]))
    let reads = false
    for (const [ports, at] of [
      [body.inputs, inputs],
      [body.outputs, outputs],
    ] as const)
      ports.forEach(({ strides, dtype }, i) => {
        const { buffer, offset } = at[i]!
        if (!buffer) return
        const span = this.span({ buffer, offset }, extents, strides)
        if (at === outputs)
          for (const x of given) must(!meet(x, span), 'an epilogue writes over no operand')
        if (!meet(span, result)) return
        must(
          dtype === to.dtype && offset === to.offset,
          'an epilogue finds the result in its place',
        )
        strides.forEach((s, a) => {
          must(extents[a] === 1 || s === own[a], 'an epilogue reads the result at its own places')
        })
        reads ||= at === inputs
      })
    must(reads, 'an epilogue reads the result')
  }

  private host({ call, phase, number, inputs, outputs }: HostStep): void {
    if (phase === 'wait') {
      endCall(this.waits[number])
      return
    }
    const array = (b: Block) => ({
      shape: b.shape,
      dtype: b.dtype,
      data: () => this.array(b.buffer).subarray(b.offset, b.offset + sizeOf(b.shape)),
    })
    this.waits[number] = call.start(inputs.map(array), outputs.map(array))
  }
}

const one = new Map<string, TypedArray>()
/** A number as the type holds it. */
function stored(v: number, dtype: Step['to']): number {
  let cell = one.get(dtype)
  if (!cell) {
    cell = arrayOn(dtype, new ArrayBuffer(8), 0, 1)
    one.set(dtype, cell)
  }
  cell[0] = (dtype === 'bool' ? Number(Boolean(v)) : v) as never
  return Number(cell[0])
}
/** Two values of an accumulation into one. */
function combine(mode: string, dtype: Step['to'], a: number, b: number): number {
  if (mode === 'add') return dtype === 'int32' ? (a + b) | 0 : a + b
  if (mode === 'mul') return dtype === 'int32' ? Math.imul(a, b) : a * b
  return mode === 'max' ? Math.max(a, b) : Math.min(a, b)
}
