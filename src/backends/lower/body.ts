/** The body of a kernel: its operands over merged axes, its instructions in SSA form. */
import { type DType, dtypes } from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'
import { extra } from '../../core/extras.js'
import { type Shape, sameShape, sizeOf } from '../../core/shape.js'
import type { Group } from './groups.js'
import {
  type Access,
  type Class,
  FULL,
  type KernelBody,
  type KernelOutput,
  type Limits,
  ROW,
  SCALAR,
  type Step,
  type StepFn,
} from './plan.js'
import type { Value } from './value.js'

/** What a kernel reads or writes: by strides over the space, from memory that is looked up at once. */
export interface Port {
  base: Value | Access | null
  dtype: DType
  offset: number
  strides: readonly number[]
  /** Broadcast along the columns and read by a reduction, which counts it at every place. */
  apart: boolean
}

export interface Output {
  /** Which value of the group. */
  value: number
  to: Access
  dtype: DType
  strides: readonly number[]
  mode: KernelOutput['mode']
}

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

/** The class of an input by its strides: the narrowest that it can have. */
export function classOf(strides: readonly number[]): Class {
  if (strides[strides.length - 1] !== 0) return FULL
  return strides.every((s) => s === 0) ? SCALAR : ROW
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
export class Builder {
  private readonly steps: Draft[] = []
  private readonly constants = new Map<string, number>()
  private readonly g: Group
  private readonly limits: Limits
  private readonly inputs: readonly Port[]
  private readonly outputs: readonly Output[]
  private readonly key: readonly number[]

  constructor(
    g: Group,
    limits: Limits,
    inputs: readonly Port[],
    outputs: readonly Output[],
    key: readonly number[],
  ) {
    this.g = g
    this.limits = limits
    this.inputs = inputs
    this.outputs = outputs
    this.key = key
  }

  step(fn: StepFn, cls: Class, from: DType, to: DType, args: number[], imm = 0): number {
    this.steps.push({ fn, cls, from, to, args, imm })
    return this.steps.length - 1
  }
  constant(value: number, dtype: DType): number {
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
    // The operands are read from the key, as `make` wrote it.
    const { key } = this
    let at = 2 + space.length + (reduced?.length ?? 0)
    g.values.forEach((n, i) => {
      const { prim } = n
      if (key[at] === -1) {
        at++
        return
      }
      const cls = sameShape(n.shape, space) ? FULL : ROW
      const accumulated = g.accumulated.has(n)
      const stores = key[at + 1]! >= 4
      at += 2
      const args: number[] = []
      for (let k = prim.op === 'random' ? 4 : n.inputs.length; k > 0; k--) {
        const r = key[at++]!
        if (Number.isNaN(r)) args.push(this.constant(key[at++]!, dtypes[key[at++]!]!))
        else args.push(r < 0 ? r : made[r]!)
      }
      at++
      if (prim.op === 'check') at += 3
      if (stores) at += space.length
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
        if (accumulated) stored.set(i, x)
        else made[i] = this.step(prim.fn, ROW, from, n.dtype, [x])
      } else made[i] = extra('expressions').step(this, prim, cls, args)
    })
    const outs = this.outputs.map((o) => stored.get(o.value) ?? made[o.value]!)

    const ports = [...inputs, ...this.outputs]
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
        dtype: o.dtype,
        strides: strides[inputs.length + k]!,
        mode: o.mode,
        value: final(outs[k]!),
      })),
      names: g.values.map((n) => ('fn' in n.prim ? n.prim.fn : n.prim.op)),
      size: sizeOf(space),
      wide: g.wide === true,
    }
  }
}

/** Outer axes, rows and columns, and the strides of every operand over them. */
export function mergeAxes(
  space: Shape,
  reduced: readonly number[] | null,
  ports: readonly { strides: readonly number[] }[],
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
    if (s.to !== 'float32' && s.to !== 'float64') continue
    const sum = s.fn === 'add' || s.fn === 'sub'
    // A sum over the columns has one operand.
    if (!sum && s.fn !== 'sum') continue
    for (let i = 0; i < s.args.length; i++) {
      const v = s.args[i]!
      const product = v >= 0 ? steps[v]! : undefined
      if (!product || uses[v] !== 1) continue
      if ((product.fn !== 'mul' && product.fn !== 'square') || product.to !== s.to) continue
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
