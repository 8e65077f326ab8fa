/** A graph as a plan: groups in order, their memory, and the steps that they take. */
import { type DType, rangeOf } from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'
import { extra } from '../../core/extras.js'
import { type Shape, sameShape, show, sizeOf, stridesOf } from '../../core/shape.js'
import { type Call, callOf } from '../call.js'
import type { Graph, Prim } from '../ir.js'
import { flopsOf, outputsOf, recordOf } from '../prims.js'
import { injective, viewLayout } from '../layout.js'
import { type Group, Grouping, MAX_VALUES } from './groups.js'
import { type KernelHost, Kernels } from './kernel.js'
import { listed } from './lists.js'
import type { CallHost, hostCalls } from './hostCalls.js'
import type { LoopHost } from './loop.js'
import { Memory, place } from './memory.js'
import type { Order } from './order.js'
import type {
  Access,
  Block,
  Buffer,
  CallPrim,
  Check,
  Limits,
  Plan,
  PlanStep,
  PrimCall,
} from './plan.js'
import { recompute } from './recompute.js'
import { type Schedule, schedule } from './schedule.js'
import { simplify, type Values } from './simplify.js'
import { isOutput, type Operand, operandAt, rowMajor, Value } from './value.js'

/** What a reduction over nothing gives. */
const identity = (fn: 'sum' | 'prod' | 'max' | 'min', dtype: DType): number =>
  fn === 'sum' ? 0 : fn === 'prod' ? 1 : rangeOf(dtype)[fn === 'max' ? 0 : 1]

/** The value that the loop begins with, of which the output is what it ends with. */
function carriedInto({ prim, inputs: [n] }: Value): Value | undefined {
  const { index } = prim as Extract<Prim, { op: 'output' }>
  return n!.prim.op === 'loop' && index <= n!.prim.loop.carried ? n!.inputs[index - 1] : undefined
}

/** The value that a primitive changes some elements of, if it lies as the result does: it may be done in its memory. */
function overwrites(n: Value): Value | undefined {
  const at = recordOf(n.prim).mayOverwrite
  const x = n.prim.op === 'output' ? carriedInto(n) : at === undefined ? undefined : n.inputs[at]
  if (!x || x.base.prim.op === 'const' || x.base.prim.op === 'iota') return undefined
  return x.plain && x.base.size === n.size ? x.base : undefined
}

/** Every output becomes a value that one group computes for it alone. */
function separateOutputs(graph: Values): void {
  const claimed = new Set<Value>()
  for (const o of graph.outputs) {
    const { base } = o.value
    const own =
      !base.given &&
      o.value.offset === 0 &&
      base.size === o.value.size &&
      rowMajor(o.value.shape, o.value.strides) &&
      !claimed.has(base)
    if (own) {
      claimed.add(base)
      o.value = base
      continue
    }
    const { value } = o
    o.value = new Value(
      { op: 'map', fn: 'copy' },
      [value],
      value.shape,
      value.dtype,
      callOf('output'),
    )
    o.value.id = graph.all.length
    graph.all.push(o.value)
  }
}

/** What is done to the groups before they are put in order. */
export type Pass = (
  graph: Values,
  groups: Group[],
  maxValues: number,
  order: Order<Group>,
) => Group[]

export interface LowerOptions {
  limits: Limits
  /** Values of a group, at most. */
  maxValues?: number
  /** By default what every backend wants. */
  passes?: readonly Pass[]
  /** Of the plan around a loop, which the body adds to. */
  checks?: Check[]
}

export function lower(graph: Graph, options: LowerOptions): Plan {
  const { maxValues = MAX_VALUES, passes = [recompute] } = options
  const values = simplify(graph)
  separateOutputs(values)
  const grouping = new Grouping(values, maxValues)
  let groups = grouping.run()
  for (const pass of passes) groups = pass(values, groups, maxValues, grouping.order)
  return new Lowering(graph, values, schedule(values, groups), options).plan()
}

class Lowering implements LoopHost, CallHost, KernelHost {
  private readonly options: LowerOptions
  private readonly graph: Graph
  private readonly values: Values
  private readonly schedule: Schedule
  private readonly memory = new Memory()
  private readonly kernels: Kernels
  private readonly bufferOf: (Buffer | undefined)[]
  /** The output that each value is. */
  private readonly outputOf = new Map<Value, number>()
  private readonly inputs: (Value | undefined)[] = []
  /** The input whose storage the changes of a value end in. */
  private readonly endsIn: (number | undefined)[]
  readonly steps: PlanStep[] = []
  private calls: ReturnType<(typeof hostCalls)['of']> | undefined
  private readonly checks: Check[]

  constructor(graph: Graph, values: Values, order: Schedule, options: LowerOptions) {
    this.options = options
    this.checks = options.checks ?? []
    this.graph = graph
    this.values = values
    this.schedule = order
    this.kernels = new Kernels(options.limits)
    this.bufferOf = new Array(values.all.length)
    values.outputs.forEach((o, i) => {
      this.outputOf.set(o.value, i)
    })
    for (const v of values.all) if (v.prim.op === 'input') this.inputs[v.prim.index] = v
    // A change of a change of an input works in its storage from the first on.
    this.endsIn = new Array(values.all.length)
    for (const { value, into } of values.outputs) {
      if (into === undefined) continue
      for (let v = overwrites(value); v && !v.given; v = overwrites(v)) this.endsIn[v.id] = into
    }
  }

  plan(): Plan {
    const finals: { from: Buffer; to: Block }[] = []
    const { outputs } = this.values
    let fresh = 0
    const freshIndex = outputs.map((o) => (o.into === undefined ? fresh++ : -1))
    this.schedule.order.forEach((g, at) => {
      if ('wait' in g) {
        this.calls!.wait(g.wait)
        return
      }
      for (const n of g.values) {
        if (!this.needed(n) || (g.bias && n === g.values[0])) continue
        // What another group computes and this one computes again.
        if (n.group !== g) continue
        const o = this.outputOf.get(n)
        if (o === undefined) {
          this.bufferOf[n.id] =
            this.continued(g, n, at) ?? this.replaced(g, n, at) ?? this.temporary(n.dtype, n.size)
          continue
        }
        const { into } = outputs[o]!
        if (into === undefined) {
          this.bufferOf[n.id] = this.memory.output(n.dtype, n.size, freshIndex[o]!)
          continue
        }
        const to = this.changed(into)
        if (rowMajor(to.shape, to.strides) && to.offset === 0 && this.mayWrite(g, n, into, at))
          this.bufferOf[n.id] = to.buffer
        else {
          const from = this.temporary(n.dtype, n.size)
          finals.push({ from, to })
          this.bufferOf[n.id] = from
        }
      }
      if (g.space) this.fused(g)
      else if (g.values[0]!.prim.op === 'host') {
        this.calls ??= extra('hostCalls').of(this)
        this.calls.start(g)
      } else this.single(g)
    })
    for (const { from, to } of finals)
      this.copy(this.block({ buffer: from, offset: 0 }, to.dtype, to.shape), to, callOf('assign'))
    const { buffers } = this.memory
    let steps: readonly PlanStep[] = this.steps
    const arenaBytes = place(steps, buffers)
    const lists = listed(steps)
    if (lists.length < steps.length) {
      // What stands in a list lives at once; not where that takes more memory.
      if (place(lists, buffers) <= arenaBytes) steps = lists
      else place(steps, buffers)
    }
    return { steps, buffers, arenaBytes, checks: this.checks }
  }

  // ---- memory ----

  /** The elements of an input that the program changes. */
  private changed(into: number): Block {
    const { prim, dtype, shape } = this.graph.inputs[into]!
    const { index, length, offset, strides } = prim as Extract<Prim, { op: 'input' }>
    if (sizeOf(shape) > 0 && !injective(shape, strides))
      throw new BackendError({
        op: 'compile',
        rule: 'every element of a tensor that is changed in place must have a place of its own',
        got: `${show(shape)} with strides ${show(strides)}`,
        fix: 'Assign to the tensor that was expanded.',
      })
    return { buffer: this.memory.input(dtype, length, index), offset, dtype, shape, strides }
  }
  /** May the value be written to the storage of an input at once? Not while its old value is still wanted. */
  private mayWrite(g: Group, n: Value, into: number, at: number): boolean {
    const old = this.inputs[into]
    // What was changed in its place before, for the same input.
    const before = overwrites(n)
    const held = before && this.bufferOf[before.id]
    if (held?.kind === 'input' && held.index === into && !this.dies(g, before!, at)) return false
    if (!old || this.schedule.lastRead[old.id]! < at) return true
    return this.replaces(g, n, old, at) || (before === old && this.dies(g, old, at))
  }
  /** Is this the last step that wants the value, and does it read nothing else of it than what it overwrites? */
  private dies(g: Group, base: Value, at: number): boolean {
    if (this.schedule.lastRead[base.id] !== at) return false
    const [n] = g.values as [Value]
    return n.inputs.filter((x) => x.base === base).length === 1
  }
  /** The memory of the value that this one is a changed form of, when nobody wants that any more. */
  private continued(g: Group, n: Value, at: number): Buffer | undefined {
    const base = overwrites(n)
    if (!base || !this.dies(g, base, at)) return undefined
    const into = this.endsIn[n.id]
    if (base.prim.op === 'input')
      return into === base.prim.index
        ? this.memory.input(base.dtype, base.prim.length, into)
        : undefined
    const b = this.bufferOf[base.id]
    if (this.outputOf.has(base) || !b || b.kind === 'output') return undefined
    return b.kind === 'arena' || b.index === into ? b : undefined
  }

  /** The memory of a value that exists. */
  place(base: Value): Access {
    const { prim } = base
    if (prim.op === 'input') {
      const buffer = this.memory.input(base.dtype, prim.length, prim.index)
      return { buffer, offset: 0 }
    }
    const buffer = this.bufferOf[base.id]
    if (!buffer)
      throw new BackendError({
        op: 'lower',
        rule: 'a value must exist before it is read',
        got: prim.op,
      })
    return { buffer, offset: 0 }
  }
  // ---- for loops and calls of the host ----

  needed(n: Value): boolean {
    return this.schedule.needed[n.id] === 1
  }
  temporary(dtype: DType, size: number): Buffer {
    return this.memory.temporary(dtype, size)
  }
  lower(body: Graph): Plan {
    return lower(body, { ...this.options, checks: this.checks })
  }

  private own(n: Value): Access {
    return { buffer: this.bufferOf[n.id]!, offset: 0 }
  }
  output(n: Value): Access | undefined {
    return this.needed(n) ? this.own(n) : undefined
  }

  /** Does the group read the value only at its own places, and nobody later? Then `n` may be written over it. */
  private replaces(g: Group, n: Value, base: Value, at: number): boolean {
    const { space, accumulated, values } = g.tail ?? g
    if (this.schedule.lastRead[base.id] !== at || !space) return false
    if (accumulated.has(n) || !sameShape(n.shape, space) || !values.includes(n)) return false
    for (const m of g.values)
      for (const x of m.inputs) {
        if (x.base !== base) continue
        // A product reads its operands until the last block.
        if (!values.includes(m)) return false
        const shape = m.prim.op === 'map' ? m.shape : x.shape
        if (m.prim.op === 'random' || x.offset !== 0 || !sameShape(shape, space)) return false
        if (sameShape(x.shape, shape) ? !x.plain : !rowMajor(shape, operandAt(x, shape).strides))
          return false
      }
    return true
  }
  /** Working memory that the group may write `n` to, while it is in the cache. */
  private replaced(g: Group, n: Value, at: number): Buffer | undefined {
    const { values } = g.tail ?? g
    for (const m of values)
      for (const { base } of m.inputs) {
        const b = this.bufferOf[base.id]
        if (b?.kind !== 'arena' || this.outputOf.has(base) || base.size !== n.size) continue
        if (base.dtype !== n.dtype) continue
        if (!this.replaces(g, n, base, at)) continue
        if (values.some((v) => v.group === g && this.bufferOf[v.id] === b)) continue
        return b
      }
    return undefined
  }

  checkId(n: Value, what: string): number {
    return this.checks.push({ call: n.label, what }) - 1
  }

  // ---- operands of single primitives ----

  private call(
    prim: CallPrim,
    inputs: readonly (Block | undefined)[],
    outputs: readonly (Block | undefined)[],
    label: Call,
    more: Partial<Pick<PrimCall, 'bias' | 'epilogue' | 'check' | 'flops' | 'inPlace'>> = {},
  ): void {
    const own = { prim, inputs, outputs, label }
    this.steps.push({ kind: 'prim', check: -1, flops: 0, inPlace: false, ...own, ...more })
  }
  copy(from: Block, to: Block, label: Call, { accumulate = false, inPlace = false } = {}): void {
    if (sizeOf(from.shape) === 0) return
    this.call({ op: 'copy', accumulate }, [from], [to], label, { inPlace })
  }
  private fill(to: Block, value: number, label: Call): void {
    this.call({ op: 'fill', value }, [], [to], label)
  }
  block({ buffer, offset }: Access, dtype: DType, shape: Shape): Block {
    return { buffer, offset, dtype, shape, strides: stridesOf(shape) }
  }
  result(n: Value): Block {
    return this.block(this.own(n), n.dtype, n.shape)
  }

  /** The values of an operand over a shape, in new row-major memory. */
  materialize({ base, offset, strides }: Operand, shape: Shape): Access {
    const to = { buffer: this.temporary(base.dtype, sizeOf(shape)), offset: 0 }
    if (base.prim.op === 'iota') {
      const kernel = this.kernels.indices({ base, offset, strides }, shape, to)
      if (kernel) this.steps.push(kernel)
    } else {
      const from = { ...this.strided(base), offset, shape, strides }
      this.copy(from, this.block(to, base.dtype, shape), base.label)
    }
    return to
  }
  /** A value in row-major memory. */
  contiguous(n: Value): Block {
    const c = n.constant
    if (c !== undefined) {
      const buffer = this.temporary(n.dtype, n.size)
      const to = this.block({ buffer, offset: 0 }, n.dtype, n.shape)
      this.fill(to, c, n.label)
      return to
    }
    const direct = n.base.prim.op !== 'iota' && rowMajor(n.shape, n.strides)
    const at = direct ? { ...this.place(n.base), offset: n.offset } : this.materialize(n, n.shape)
    return this.block(at, n.dtype, n.shape)
  }
  /** An operand that a step reads by strides; what has no memory gets some. */
  private strided(n: Value): Block {
    const { op } = n.base.prim
    if (op === 'const' || op === 'iota') return this.contiguous(n)
    const { offset, dtype, shape, strides } = n
    return { ...this.place(n.base), offset, dtype, shape, strides }
  }
  /** The result starts as a value. Says whether that is there already: see `continued`. */
  startAs(x: Value, to: Block, label: Call): boolean {
    const c = x.constant
    if (c !== undefined) {
      this.fill(to, c, label)
      return false
    }
    const from = this.strided(x)
    if (from.buffer === to.buffer) return true
    this.copy({ ...from, shape: to.shape }, to, label)
    return false
  }

  // ---- steps ----

  private fused(g: Group): void {
    if (sizeOf(g.space!) === 0) {
      for (const n of g.values)
        if (g.accumulated.has(n) && this.needed(n) && n.size > 0)
          this.fill(this.result(n), identity((n.prim as { fn: 'sum' }).fn, n.dtype), n.label)
      return
    }
    const kernel = this.kernels.make(g, this)
    if (kernel) this.steps.push(kernel)
  }

  /** One step, or a few, for a primitive that is not fused. */
  private single(g: Group): void {
    const n = g.values[0]!
    const { prim, label } = n
    const [a, b] = n.inputs as [Value, Value]
    if (prim.op === 'loop') {
      this.steps.push(extra('loops')(g, this))
      return
    }
    if (n.size === 0) return
    switch (prim.op) {
      case 'reshape': {
        // Elements that do not lie in order, copied out by the old shape.
        this.copy(this.strided(a), this.block(this.own(n), n.dtype, a.shape), label)
        return
      }
      case 'place': {
        const to = this.result(n)
        const { strides, offset } = viewLayout(prim.view, to.strides, 0)
        const { shape } = prim.view
        const plain = injective(shape, strides)
        let inPlace = false
        if (b) inPlace = this.startAs(b, to, label)
        else if (!(plain && sizeOf(shape) === n.size)) this.fill(to, prim.fill, label)
        if (a.size === 0) return
        const add = prim.accumulate && (b !== undefined || !plain || prim.fill !== 0)
        const places = { ...to, offset, shape, strides }
        this.copy({ ...this.strided(a), shape }, places, label, { accumulate: add, inPlace })
        return
      }
      case 'concat': {
        const to = this.result(n)
        let first = 0
        for (const x of n.inputs) {
          const offset = first * to.strides[prim.axis]!
          this.copy(this.strided(x), { ...to, offset, shape: x.shape }, label)
          first += x.shape[prim.axis]!
        }
        return
      }
    }
    const record = recordOf(prim)
    if (record.as !== 'call')
      throw new BackendError({ op: 'lower', rule: 'no step of its own', got: prim.op })
    const { mayOverwrite: base, checks } = record
    // With a bias the second value of the group is the result.
    const end = g.bias ? g.values[1]! : n
    const results = outputsOf(n).map(({ dtype, shape }, i) => {
      const o = i === 0 ? end : g.values.find((v) => isOutput(v, i))
      const at = o && this.output(o)
      return at && this.block(at, dtype, shape)
    })
    const read = (x: Value) => (record.strided ? this.strided(x) : this.contiguous(x))
    let inPlace = false
    let fresh = false
    if (base !== undefined) {
      const rest = n.inputs.filter((_, i) => i !== base)
      const nothing = rest.some((x) => x.size === 0)
      fresh = record.fresh === true && Object.is(n.inputs[base]!.constant, 0) && !nothing
      if (!fresh) inPlace = this.startAs(n.inputs[base]!, results[0]!, label)
      if (nothing) return
    }
    const inputs = n.inputs.map((x, i) => (i !== base ? read(x) : fresh ? undefined : results[0]))
    this.call(prim as CallPrim, inputs, results, end.label, {
      check: checks === undefined ? -1 : this.checkId(n, checks),
      bias: g.bias && { ...this.place(g.bias.base), offset: g.bias.offset },
      epilogue: g.tail && this.kernels.make(g.tail, this),
      flops: flopsOf(n),
      inPlace,
    })
  }
}
