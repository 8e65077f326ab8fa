/**
 * A fusion group as a kernel: operands by strides over merged axes, and instructions in SSA form. A group is first
 * written down as a row of numbers, in which memory counts only by which operands are the same; groups with the same
 * numbers (the layers of a deep network, the parameters of an optimizer) share one body.
 */
import { type DType, dtypes } from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'
import { type Shape, sameShape, sizeOf, stridesOf } from '../../core/shape.js'
import { type Group, rowLift, rowStrides } from './groups.js'
import {
  type Access,
  type Class,
  FULL,
  type FusedKernel,
  type KernelBody,
  type KernelOutput,
  KernelTooLarge,
  type Limits,
  ROW,
  SCALAR,
  type Step,
  type StepFn,
} from './plan.js'
import { type Operand, operandAt, type Value } from './value.js'

/** What a kernel reads or writes: by strides over the space, from memory that is looked up at once. */
interface Port {
  base: Value | Access | null
  dtype: DType
  offset: number
  strides: readonly number[]
  /** Broadcast along the columns and read by a reduction, which counts it at every place. */
  apart: boolean
}

export interface KernelHost {
  /** Where the value of another group, or an input, is. */
  place(base: Value): Access
  /** The operand's values over the space in new row-major memory. */
  materialize(operand: Operand, space: Shape): Access
  checkId(n: Value, what: string): number
  /** The memory of a value that is needed outside of the group. */
  output(n: Value): Access | undefined
}

const codeOf = new Map<string, number>()
function code(name: string): number {
  let c = codeOf.get(name)
  if (c === undefined) {
    c = codeOf.size
    codeOf.set(name, c)
  }
  return c
}
const dtypeCode = new Map(dtypes.map((d, i) => [d, i]))

/** Axes merged wherever every operand allows it; cols is the last one, or all of the reduced ones. */
interface Space {
  extents: number[]
  /** For each operand its strides over the merged axes. */
  strides: number[][]
}

function collapse(
  space: Shape,
  axes: readonly number[],
  operands: readonly (readonly number[])[],
): Space {
  const extents: number[] = []
  const strides: number[][] = operands.map(() => [])
  for (const a of axes) {
    if (space[a] === 1) continue
    const last = extents.length - 1
    const joins = last >= 0 && operands.every((s, k) => strides[k]![last] === s[a]! * space[a]!)
    if (joins) {
      extents[last]! *= space[a]!
      operands.forEach((s, k) => {
        strides[k]![last] = s[a]!
      })
    } else {
      extents.push(space[a]!)
      operands.forEach((s, k) => {
        strides[k]!.push(s[a]!)
      })
    }
  }
  return { extents, strides }
}

/** Do the reduced axes form one run of memory for these strides? */
function colsMerge(space: Shape, reduced: readonly number[], strides: readonly number[]): boolean {
  let stride = Number.NaN
  for (let a = 0; a < space.length; a++) {
    if (space[a] === 1 || !reduced.includes(a)) continue
    if (!Number.isNaN(stride) && stride !== strides[a]! * space[a]!) return false
    stride = strides[a]!
  }
  return true
}

/** An operand of a value: a value of the kernel, an input (by ~number), or a constant. */
type Read = number | { constant: number; dtype: DType }

interface Written {
  key: readonly number[]
  body: KernelBody
}

/** Bodies of one plan, or of many: they are plain data. */
export class Kernels {
  private readonly known = new Map<number, Written[]>()
  private readonly limits: Limits

  constructor(limits: Limits) {
    this.limits = limits
  }

  /** The kernel of a group, or undefined when there is nothing to do. */
  make(g: Group, host: KernelHost): FusedKernel | undefined {
    const space = g.space!
    const { reduced } = g
    if (sizeOf(space) === 0) return undefined
    const inputs: Port[] = []
    const outputs: { port: Port; mode: KernelOutput['mode']; value: number }[] = []
    const checks: number[] = []
    const reads: Read[][] = []
    const known = new Map<Value, number>()
    /** What the group is, in numbers. */
    const key: number[] = [space.length, ...space, reduced ? reduced.length : -1]
    if (reduced) for (const a of reduced) key.push(a)

    const inSpace = (strides: readonly number[]): readonly number[] => {
      let own = strides
      for (let a = 0; a < space.length; a++)
        if (space[a] === 1 && own[a] !== 0) {
          if (own === strides) own = [...strides]
          ;(own as number[])[a] = 0
        }
      return own
    }
    const input = (
      base: Port['base'],
      dtype: DType,
      offset: number,
      strides: readonly number[],
      counted: boolean,
    ): number => {
      // Broadcast along the columns, it is a ROW for elementwise work and FULL for a reduction of it.
      const apart = counted && reduced?.every((a) => strides[a] === 0) === true
      for (let i = 0; i < inputs.length; i++) {
        const p = inputs[i]!
        if (
          p.base === base &&
          p.offset === offset &&
          p.apart === apart &&
          equal(p.strides, strides)
        )
          return ~i
      }
      inputs.push({ base, dtype, offset, strides, apart })
      return ~(inputs.length - 1)
    }
    /** An operand as read by a value whose places are those of `shape`, which is the space or its rows. */
    const read = (x: Value, shape: Shape, counted = false): Read => {
      const { constant } = x
      if (constant !== undefined) return { constant, dtype: x.dtype }
      const own = known.get(x.base)
      if (own !== undefined) return own
      const operand = operandAt(x, shape)
      const { base } = operand
      const strides = inSpace(
        sameShape(shape, space)
          ? operand.strides
          : rowLift(shape, operand.strides, space, reduced!)!,
      )
      if (reduced && !colsMerge(space, reduced, strides)) {
        const copy = host.materialize({ base, offset: operand.offset, strides }, space)
        return input(copy, base.dtype, copy.offset, inSpace(stridesOf(space)), false)
      }
      if (base.prim.op === 'iota') return input(null, 'int32', operand.offset, strides, counted)
      return input(base, base.dtype, operand.offset, strides, counted)
    }

    for (let i = 0; i < g.values.length; i++) {
      const n = g.values[i]!
      const { prim } = n
      const full = sameShape(n.shape, space)
      const list: Read[] = []
      let stored: Access | undefined
      const accumulated = g.accumulated.has(n)
      if (prim.op === 'reduce' && accumulated) {
        stored = host.output(n)
        if (!stored) {
          reads.push(list)
          key.push(-1)
          continue
        }
      }
      if (prim.op === 'random') {
        list.push(input(null, 'int32', 0, inSpace(stridesOf(space)), false))
        const { base, offset, strides } = n.inputs[0]!
        const none = new Array<number>(space.length).fill(0)
        for (let w = 0; w < 3; w++)
          list.push(input(base, 'int32', offset + w * strides[0]!, none, false))
      } else if (prim.op === 'reduce') list.push(read(n.inputs[0]!, n.inputs[0]!.shape, true))
      else for (const x of n.inputs) list.push(read(x, n.shape))
      key.push(code('fn' in prim ? prim.fn : prim.op), dtypeCode.get(n.dtype)!, full ? 1 : 0)
      key.push(prim.op === 'reduce' ? (accumulated ? 2 : 1) : 0, list.length)
      for (const r of list)
        if (typeof r === 'number') key.push(r)
        else key.push(Number.NaN, r.constant, dtypeCode.get(r.dtype)!)
      if (prim.op === 'check') {
        key.push(prim.lo, prim.hi, prim.except ?? prim.lo)
        checks.push(host.checkId(n, prim.what))
      }
      if (n.inputs.length > 0) key.push(dtypeCode.get(n.inputs[n.inputs.length - 1]!.dtype)!)
      reads.push(list)
      if (!accumulated) {
        known.set(n, i)
        stored = host.output(n)
      }
      key.push(stored ? 1 : 0)
      if (!stored) continue
      let strides: readonly number[]
      let mode: KernelOutput['mode'] = 'set'
      if (accumulated) {
        const { shape } = n.inputs[0]!
        const kept = stridesOf(n.shape).map((s, a) => (n.shape[a] === 1 ? 0 : s))
        strides = sameShape(shape, space) ? kept : rowLift(shape, kept, space, reduced!)!
        const { fn } = prim as { fn: 'sum' }
        mode = ({ sum: 'add', prod: 'mul', max: 'max', min: 'min' } as const)[fn]
      } else strides = full ? stridesOf(space) : rowStrides(space, reduced!)
      const port = {
        base: stored,
        dtype: n.dtype,
        offset: stored.offset,
        strides: inSpace(strides),
        apart: false,
      }
      outputs.push({ port, mode, value: i })
    }
    if (outputs.length === 0 && checks.length === 0) return undefined
    if (inputs.length > this.limits.operands || outputs.length > this.limits.operands)
      throw new KernelTooLarge()
    for (const p of inputs) {
      key.push(dtypeCode.get(p.dtype)!, p.base ? 1 : 0, p.apart ? 1 : 0)
      for (let a = 0; a < space.length; a++) key.push(p.strides[a]!)
    }
    const body = this.body(key, () => new Builder(g, this.limits, inputs, outputs, reads).body())
    const access = (p: Port): { buffer: Access['buffer'] | null; offset: number } =>
      p.base === null
        ? { buffer: null, offset: p.offset }
        : 'buffer' in p.base
          ? { buffer: p.base.buffer, offset: p.offset }
          : { buffer: host.place(p.base).buffer, offset: p.offset }
    const labels: string[] = []
    for (const n of g.values) if (labels[labels.length - 1] !== n.label) labels.push(n.label)
    return {
      kind: 'fused',
      body,
      inputs: inputs.map(access),
      outputs: outputs.map((o) => ({
        buffer: (o.port.base as Access).buffer,
        offset: o.port.offset,
      })),
      checks,
      labels,
      flops: sizeOf(space) * g.values.length,
    }
  }

  /** The body with this key, made when there is none. */
  private body(key: readonly number[], make: () => KernelBody): KernelBody {
    let hash = key.length
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ (key[i]! * 16), 0x01000193)
    const list = this.known.get(hash)
    const found = list?.find((w) => equal(w.key, key))
    if (found) return found.body
    const written = { key, body: make() }
    if (list) list.push(written)
    else this.known.set(hash, [written])
    return written.body
  }

  /** Indices that lie nowhere, written down. */
  indices({ offset, strides }: Operand, shape: Shape, to: Access): FusedKernel | undefined {
    if (sizeOf(shape) === 0) return undefined
    const ports = [port(null, offset, strides), port(to, to.offset, stridesOf(shape))]
    const axes = mergeAxes(shape, null, ports, this.limits)
    const [from, out] = axes.strides as [number[], number[]]
    const body: KernelBody = {
      extents: axes.extents,
      inputs: [{ dtype: 'int32', strides: from, cls: classOf(from), indices: true }],
      steps: [{ fn: 'copy', cls: FULL, from: 'int32', to: 'int32', args: [0], imm: 0 }],
      outputs: [{ dtype: 'int32', strides: out, mode: 'set', value: 1 }],
      names: ['copy'],
      size: sizeOf(shape),
    }
    return {
      kind: 'fused',
      body,
      inputs: [{ buffer: null, offset }],
      outputs: [to],
      checks: [],
      labels: ['indices'],
      flops: 0,
    }
  }
}

/** The class of an input by its strides: the narrowest that it can have. */
function classOf(strides: readonly number[]): Class {
  if (strides[strides.length - 1] !== 0) return FULL
  return strides.every((s) => s === 0) ? SCALAR : ROW
}

const port = (base: Port['base'], offset: number, strides: readonly number[]): Port => ({
  base,
  dtype: 'int32',
  offset,
  strides,
  apart: false,
})

function equal(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false
  return true
}

interface Draft {
  fn: StepFn
  cls: Class
  from: DType
  to: DType
  /** Steps by number, inputs by ~number. */
  args: number[]
  imm: number
}

/** Writes a body, when none is known. */
class Builder {
  private readonly steps: Draft[] = []
  private readonly constants = new Map<string, number>()
  private readonly g: Group
  private readonly limits: Limits
  private readonly inputs: readonly Port[]
  private readonly outputs: readonly { port: Port; mode: KernelOutput['mode']; value: number }[]
  private readonly reads: readonly Read[][]

  constructor(
    g: Group,
    limits: Limits,
    inputs: readonly Port[],
    outputs: Builder['outputs'],
    reads: readonly Read[][],
  ) {
    this.g = g
    this.limits = limits
    this.inputs = inputs
    this.outputs = outputs
    this.reads = reads
  }

  private step(fn: StepFn, cls: Class, from: DType, to: DType, args: number[], imm = 0): number {
    this.steps.push({ fn, cls, from, to, args, imm })
    return this.steps.length - 1
  }
  private constant(value: number, dtype: DType): number {
    const key = `${dtype} ${Object.is(value, -0) ? '-0' : value}`
    let v = this.constants.get(key)
    if (v === undefined) {
      v = this.step('const', SCALAR, dtype, dtype, [], value)
      this.constants.set(key, v)
    }
    return v
  }

  body(): KernelBody {
    const { g, inputs } = this
    const space = g.space!
    const { reduced } = g
    /** The step of each value of the group. */
    const made: number[] = []
    /** The widest class that a reader asks of an input. */
    const asked = inputs.map((): Class => SCALAR)
    const stored = new Map<number, number>()
    let checks = 0
    g.values.forEach((n, i) => {
      const { prim } = n
      const cls = sameShape(n.shape, space) ? FULL : ROW
      const args = this.reads[i]!.map((r) =>
        typeof r !== 'number' ? this.constant(r.constant, r.dtype) : r < 0 ? r : made[r]!,
      )
      if (args.length === 0 && n.inputs.length > 0) return
      const from = n.inputs.length > 0 ? n.inputs[n.inputs.length - 1]!.dtype : n.dtype
      if (prim.op === 'map') {
        const fn = prim.fn === 'cast' && from === n.dtype ? 'copy' : prim.fn
        made[i] = this.step(fn, cls, from, n.dtype, args)
      } else if (prim.op === 'check') {
        const [lo, hi] = [this.constant(prim.lo, 'int32'), this.constant(prim.hi, 'int32')]
        const except = this.constant(prim.except ?? prim.lo, 'int32')
        this.step('check', cls, 'int32', 'int32', [args[0]!, lo, hi, except], checks++)
        made[i] = this.step('copy', cls, 'int32', 'int32', [args[0]!])
      } else if (prim.op === 'random') made[i] = this.step('random', cls, 'int32', 'int32', args)
      else if (prim.op === 'reduce') {
        const wanted = sameShape(n.inputs[0]!.shape, space) ? FULL : ROW
        let x = args[0]!
        if (x < 0) asked[~x] = Math.min(wanted, asked[~x]!) as Class
        else if (this.steps[x]!.cls > wanted) x = this.step('copy', wanted, from, from, [x])
        if (g.accumulated.has(n)) stored.set(i, x)
        else made[i] = this.step(prim.fn, ROW, from, n.dtype, [x])
      } else throw new BackendError({ op: prim.op, rule: 'not a part of fused kernels' })
    })
    const outs = this.outputs.map((o) => stored.get(o.value) ?? made[o.value]!)

    const ports = [...inputs, ...this.outputs.map((o) => o.port)]
    const { extents, strides } = mergeAxes(space, reduced, ports, this.limits)
    const classes = inputs.map((_, k) => Math.min(classOf(strides[k]!), asked[k]!) as Class)
    const classAt = (v: number) => (v < 0 ? classes[~v]! : this.steps[v]!.cls)
    const kept = contract(this.steps, classAt, outs)
    const number = new Map<number, number>()
    const final = (v: number) => (v < 0 ? ~v : inputs.length + number.get(v)!)
    const steps: Step[] = []
    for (const v of kept) {
      const s = this.steps[v]!
      number.set(v, steps.length)
      steps.push({ ...s, args: s.args.map(final) })
    }
    return {
      extents,
      inputs: inputs.map((p, k) => ({
        dtype: p.dtype,
        strides: strides[k]!,
        cls: classes[k]!,
        indices: p.base === null,
      })),
      steps,
      outputs: this.outputs.map((o, k) => ({
        dtype: o.port.dtype,
        strides: strides[inputs.length + k]!,
        mode: o.mode,
        value: final(outs[k]!),
      })),
      names: g.values.map((n) => ('fn' in n.prim ? n.prim.fn : n.prim.op)),
      size: sizeOf(space),
    }
  }
}

/** Outer axes, rows and columns, and the strides of every operand over them. */
function mergeAxes(
  space: Shape,
  reduced: readonly number[] | null,
  ports: readonly Port[],
  limits: Limits,
): { extents: number[]; strides: number[][] } {
  const all = ports.map((p) => p.strides)
  const order = space.map((_, a) => a)
  const body = collapse(space, reduced ? order.filter((a) => !reduced.includes(a)) : order, all)
  const { extents, strides } = body
  if (reduced) {
    const tail = collapse(
      space,
      order.filter((a) => reduced.includes(a)),
      all,
    )
    if (tail.extents.length > 1)
      throw new BackendError({ op: 'lower', rule: 'the columns of a kernel must merge' })
    extents.push(tail.extents[0] ?? 1)
    strides.forEach((s, k) => {
      s.push(tail.strides[k]![0] ?? 0)
    })
  } else if (extents.length === 0) {
    extents.push(1)
    for (const s of strides) s.push(0)
  }
  if (extents.length === 1) {
    extents.unshift(1)
    for (const s of strides) s.unshift(0)
  }
  if (extents.length - 2 > limits.outer)
    throw new BackendError({
      op: 'lower',
      rule: `at most ${limits.outer + 2} axes that do not merge`,
      got: `${extents.length}`,
    })
  return { extents, strides }
}

/**
 * A product that only one sum, difference or reduction reads becomes part of it: one walk over the elements less, and
 * one rounding less. Not where random numbers are made: these are the same bits on every backend. Gives the steps that
 * are left.
 */
function contract(
  steps: Draft[],
  classOf: (v: number) => Class,
  outs: readonly number[],
): number[] {
  const all = steps.map((_, v) => v)
  if (steps.some((s) => s.fn === 'random')) return all
  const uses = new Int32Array(steps.length)
  for (const s of steps) for (const v of s.args) if (v >= 0) uses[v]!++
  for (const v of outs) if (v >= 0) uses[v]!++
  const gone = new Set<number>()
  for (const s of steps) {
    if (s.to !== 'float32') continue
    const sum = s.fn === 'add' || s.fn === 'sub'
    // A sum over the columns has one operand.
    if (!sum && s.fn !== 'sum') continue
    for (let i = 0; i < s.args.length; i++) {
      const v = s.args[i]!
      const product = v >= 0 ? steps[v]! : undefined
      if (!product || uses[v] !== 1) continue
      if ((product.fn !== 'mul' && product.fn !== 'square') || product.to !== 'float32') continue
      const [a, b = a] = product.args as [number, number?]
      if (sum) {
        if (product.cls !== s.cls) continue
        s.args = [a, b!, s.args[1 - i]!]
        s.fn = s.fn === 'add' ? 'fma' : i === 0 ? 'fms' : 'fnma'
      } else {
        // Both factors lie place by place.
        if (classOf(a) !== FULL || classOf(b!) !== FULL) continue
        s.fn = 'dot'
        s.args = [a, b!]
      }
      gone.add(v)
      break
    }
  }
  return gone.size > 0 ? all.filter((v) => !gone.has(v)) : all
}
