/** A fused unit as words: its operands, its instructions on registers, its outputs. */
import type { DType } from '../../core/dtype.js'
import { BackendError } from '../../core/errors.js'
import { type Shape, sameShape, sizeOf, stridesOf } from '../../core/shape.js'
import type { MapFn, Node } from '../ir.js'
import { type Layouts, type Operand, rowLift, rowStrides, type Unit } from '../lower/units.js'
import { constantOf } from '../lower/simplify.js'
import {
  dtypeCodes,
  FULL,
  fusedOps,
  MAX_IO,
  MAX_OUTER,
  MAX_REGS,
  modes,
  opcodes,
  ROW,
  SCALAR,
} from './opcodes.js'

/** A value in memory, read or written by strides over the space. */
export interface Place {
  /** −1: no memory, the element's offset is its value. */
  slot: number
  dtype: DType
  offset: number
  strides: readonly number[]
}

/** An instruction on values that are numbered as they are made. */
interface Step {
  op: string
  dst: number
  args: number[]
  imm: number
  /** imm is a value, too. */
  immValue?: boolean
}

/** The unit needs more registers or operands than a kernel has: it must be cut smaller. */
export class KernelTooLarge extends Error {}

interface Value {
  cls: number
  /** The widest class that a reader asks for: a broadcast operand is counted at every place of a reduction. */
  asked?: number
  input?: Place
  /** Index of the last step that reads it; Infinity for outputs. */
  last: number
  reg: number
}

const suffix = (dtype: DType) => (dtype === 'float32' ? 'F' : 'I')
const bits = new DataView(new ArrayBuffer(4))
/** A number's bits as the type holds it; a bool is a mask. */
export function bitsOf(value: number, dtype: DType): number {
  if (dtype === 'float32') {
    bits.setFloat32(0, value)
    return bits.getInt32(0)
  }
  return dtype === 'bool' ? (value ? -1 : 0) : value | 0
}

const named: { [fn in MapFn]?: string } = {
  floordiv: 'FLOORDIV',
  minimum: 'MIN',
  maximum: 'MAX',
}

/** The steps of an elementwise function: names with operands `a`, `b`, `c` or earlier results by number. */
function recipe(
  fn: MapFn,
  from: DType,
  to: DType,
): [op: string, ...args: (number | 'a' | 'b' | 'c')[]][] {
  const F = suffix(from)
  switch (fn) {
    case 'copy':
      return [['MOV', 'a']]
    case 'where':
      return [['WHERE', 'a', 'b', 'c']]
    case 'not':
      return [['NOT', 'a']]
    case 'and':
    case 'or':
    case 'xor':
      return [[fn.toUpperCase(), 'a', 'b']]
    case 'shr':
      return [['SHRI', 'a', 'b']]
    case 'cast': {
      const code = (d: DType) => (d === 'float32' ? 'F' : d === 'int32' ? 'I' : 'B')
      return from === to ? [['MOV', 'a']] : [[`${code(from)}TO${code(to)}`, 'a']]
    }
  }
  if (from === 'bool') {
    if (fn === 'minimum') return [['AND', 'a', 'b']]
    if (fn === 'maximum') return [['OR', 'a', 'b']]
    if (fn === 'ne') return [['XOR', 'a', 'b']]
    if (fn === 'eq')
      return [
        ['XOR', 'a', 'b'],
        ['NOT', 0],
      ]
    if (fn === 'lt' || fn === 'le' || fn === 'gt' || fn === 'ge')
      return [
        ['BTOI', 'a'],
        ['BTOI', 'b'],
        [`${fn.toUpperCase()}I`, 0, 1],
      ]
  }
  const op = `${named[fn] ?? fn.toUpperCase()}${F}`
  if (!(op in fusedOps) || from === 'float64')
    throw new BackendError({ op: fn, rule: 'no such instruction for this type', got: from })
  return [[op, 'a', 'b', 'c']]
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

export interface FusedHost {
  layouts: Layouts
  /** Where the value of a node of another unit, or an input, is; undefined for what has no memory. */
  place(base: Node): { slot: number; dtype: DType }
  /** The operand's values over the space in new row-major memory. */
  materialize(operand: Operand, space: Shape): Operand
  checkId(n: Node, what: string): number
  /** Nodes whose value is needed outside of the unit, with their memory. */
  output(n: Node): { slot: number } | undefined
}

/** The words of one kernel, or undefined when its space is empty. */
export function encodeFused(
  u: Unit,
  host: FusedHost,
): { words: number[]; about: string } | undefined {
  const space = u.space!
  const reduced = u.reduced ?? null
  if (sizeOf(space) === 0) return undefined
  const values: Value[] = []
  const steps: Step[] = []
  const inputs = new Map<string, number>()
  const constants = new Map<string, number>()
  const known = new Map<Node, number>()

  const inSpace = (strides: readonly number[]) => space.map((n, a) => (n === 1 ? 0 : strides[a]!))
  const addInput = (place: Place, counted = false): number => {
    // Broadcast along the columns, it is a ROW for elementwise work and FULL for a reduction of it.
    const apart = counted && reduced?.every((a) => place.strides[a] === 0)
    const key = `${place.slot}:${place.offset}:${place.strides}${apart ? '*' : ''}`
    let v = inputs.get(key)
    if (v === undefined) {
      v = values.length
      values.push({ cls: FULL, input: place, last: -1, reg: -1 })
      inputs.set(key, v)
    }
    return v
  }
  const constant = (value: number, dtype: DType): number => {
    const imm = bitsOf(value, dtype)
    const key = `${imm}`
    let v = constants.get(key)
    if (v === undefined) {
      v = step('CONST', SCALAR, [], imm)
      constants.set(key, v)
    }
    return v
  }
  const step = (op: string, cls: number, args: number[], imm = 0, immValue = false): number => {
    const dst = values.length
    values.push({ cls, last: -1, reg: -1 })
    steps.push({ op, dst, args, imm, immValue })
    return dst
  }
  const isSpace = (n: Node) => sameShape(n.shape, space)
  /** Strides over the shape of a node of the unit as strides over the space. */
  const lift = (shape: Shape, strides: readonly number[]) =>
    sameShape(shape, space) ? strides : rowLift(shape, strides, space, reduced!)!

  /** An operand as read by a node whose places are those of `shape`, which is the space or its rows. */
  const read = (x: Node, shape: Shape, counted = false): number => {
    const c = constantOf(x)
    if (c) return constant((c.prim as { value: number }).value, c.dtype)
    let operand = host.layouts.at(x, shape)
    const { base } = operand
    const own = known.get(base)
    if (own !== undefined) return own
    const strides = inSpace(lift(shape, operand.strides))
    const merges = !reduced || colsMerge(space, reduced, strides)
    if (base.prim.op === 'iota' && merges)
      return addInput({ slot: -1, dtype: 'int32', offset: operand.offset, strides }, counted)
    if (!merges) {
      operand = host.materialize({ ...operand, strides }, space)
      return addInput({
        ...host.place(operand.base),
        offset: operand.offset,
        strides: inSpace(operand.strides),
      })
    }
    return addInput({ ...host.place(base), offset: operand.offset, strides }, counted)
  }

  const outs: { place: Place; mode: number; value: number }[] = []
  for (const n of u.nodes) {
    const { prim } = n
    const cls = isSpace(n) ? FULL : ROW
    let value: number
    if (prim.op === 'map') {
      const args = n.inputs.map((x) => read(x, n.shape))
      const from = n.inputs[n.inputs.length - 1]!.dtype
      const made: number[] = []
      for (const [op, ...operands] of recipe(prim.fn, from, n.dtype)) {
        const list = operands
          .map((o) => (o === 'a' ? args[0] : o === 'b' ? args[1] : o === 'c' ? args[2] : made[o]))
          .filter((v): v is number => v !== undefined)
        made.push(step(op, cls, list))
      }
      value = made[made.length - 1]!
    } else if (prim.op === 'check') {
      value = read(n.inputs[0]!, n.shape)
      const lo = constant(prim.lo, 'int32')
      const hi = constant(prim.hi, 'int32')
      const except = constant(prim.except ?? prim.lo, 'int32')
      steps.push({
        op: 'CHECK',
        dst: except,
        args: [value, lo, hi],
        imm: host.checkId(n, prim.what),
      })
      value = step('MOV', cls, [value])
    } else if (prim.op === 'random') {
      const index = addInput({
        slot: -1,
        dtype: 'int32',
        offset: 0,
        strides: inSpace(stridesOf(space)),
      })
      const state = host.layouts.of(n.inputs[0]!)
      const word = (i: number) =>
        addInput({
          ...host.place(state.base),
          offset: state.offset + i * state.strides[0]!,
          strides: space.map(() => 0),
        })
      value = step('RAND', cls, [index, word(0), word(1)], word(2), true)
    } else if (prim.op === 'reduce') {
      const from = n.inputs[0]!
      const wanted = isSpace(from) ? FULL : ROW
      let x = read(from, from.shape, true)
      if (values[x]!.input) values[x]!.asked = Math.min(wanted, values[x]!.asked ?? SCALAR)
      else if (values[x]!.cls > wanted) x = step('MOV', wanted, [x])
      if (u.accumulated.has(n)) {
        const target = host.output(n)
        if (!target) continue
        const own = stridesOf(n.shape)
        const kept = own.map((s, a) => (n.shape[a] === 1 ? 0 : s))
        const strides = inSpace(lift(from.shape, kept))
        const mode = modes[({ sum: 'add', prod: 'mul', max: 'max', min: 'min' } as const)[prim.fn]]
        outs.push({
          place: { slot: target.slot, dtype: n.dtype, offset: 0, strides },
          mode,
          value: x,
        })
        continue
      }
      value = step(`R${prim.fn.toUpperCase()}${suffix(n.dtype)}`, ROW, [x])
    } else throw new BackendError({ op: prim.op, rule: 'not a part of fused kernels' })
    known.set(n, value)
    const target = host.output(n)
    if (target) {
      const strides = isSpace(n) ? stridesOf(space) : rowStrides(space, reduced!)
      outs.push({
        place: { slot: target.slot, dtype: n.dtype, offset: 0, strides: inSpace(strides) },
        mode: 0,
        value,
      })
    }
  }
  if (outs.length === 0 && !steps.some((s) => s.op === 'CHECK')) return undefined

  // Axes.
  const places = [...values.flatMap((v) => v.input ?? []), ...outs.map((o) => o.place)]
  const all = places.map((p) => p.strides)
  const order = space.map((_, a) => a)
  const rowAxes = reduced ? order.filter((a) => !reduced.includes(a)) : order
  const body = collapse(space, rowAxes, all)
  const tail = reduced
    ? collapse(
        space,
        order.filter((a) => reduced.includes(a)),
        all,
      )
    : undefined
  if (tail && tail.extents.length > 1)
    throw new BackendError({ op: 'encode', rule: 'the columns of a kernel must merge' })
  let cols = tail ? (tail.extents[0] ?? 1) : (body.extents.pop() ?? 1)
  const colStride = (k: number): number =>
    tail ? (tail.strides[k]![0] ?? 0) : hadCols ? body.strides[k]!.pop()! : 0
  const hadCols = !tail && sizeOf(space) > 1
  const colStrides = places.map((_, k) => colStride(k))
  let rows = body.extents.pop() ?? 1
  const rowStrideOf = places.map((_, k) => body.strides[k]!.pop() ?? 0)
  const outer = body.extents
  if (outer.length > MAX_OUTER)
    throw new BackendError({
      op: 'encode',
      rule: `at most ${MAX_OUTER + 2} axes that do not merge`,
      got: `${outer.length + 2}`,
    })
  if (!reduced && outer.length === 0 && rows > 1 && cols === 1) {
    // A single strided axis runs along the columns.
    cols = rows
    rows = 1
    places.forEach((_, k) => {
      colStrides[k] = rowStrideOf[k]!
      rowStrideOf[k] = 0
    })
  }
  const at = new Map(places.map((p, k) => [p, k]))
  const zero = (k: number) => rowStrideOf[k] === 0 && body.strides[k]!.every((s) => s === 0)
  let next = 0
  for (const v of values)
    if (v.input) {
      const k = at.get(v.input)!
      const least = colStrides[k] !== 0 ? FULL : zero(k) ? SCALAR : ROW
      v.cls = Math.min(least, v.asked ?? SCALAR)
      v.reg = next++
    }
  const nIn = next
  contract(steps, values, outs)

  // A ROW result may not read what is FULL by layout: its operand's column stride is 0 already.
  steps.forEach((s, i) => {
    for (const a of s.args) values[a]!.last = i
    if (s.immValue) values[s.imm]!.last = i
    if (s.op === 'CHECK') values[s.dst]!.last = i
  })
  for (const o of outs) values[o.value]!.last = Number.POSITIVE_INFINITY

  // Registers: those whose value is dead serve again, within their class.
  const free: number[][] = [[], [], []]
  const classes: number[] = []
  for (const v of values) if (v.input) classes[v.reg] = v.cls
  steps.forEach((s, i) => {
    if (s.op !== 'CHECK') {
      const v = values[s.dst]!
      for (const a of new Set(s.args)) {
        const w = values[a]!
        if (!w.input && w.last === i && w.cls === v.cls) free[w.cls]!.push(w.reg)
      }
      const reuse = s.op === 'CONST' ? undefined : free[v.cls]!.pop()
      v.reg = reuse ?? next++
      classes[v.reg] = v.cls
      // Given back after the step, when they were not taken.
      for (const a of new Set(s.args)) {
        const w = values[a]!
        if (!w.input && w.last === i && w.cls !== v.cls) free[w.cls]!.push(w.reg)
      }
      if (v.last === -1) free[v.cls]!.push(v.reg)
    }
  })

  if (next > MAX_REGS || nIn > MAX_IO || outs.length > MAX_IO) throw new KernelTooLarge()
  const words: number[] = [
    opcodes.FUSED,
    0,
    outer.length,
    ...outer,
    rows,
    cols,
    nIn,
    steps.length,
    next,
    outs.length,
  ]
  words.push(...classes)
  for (const v of values)
    if (v.input) {
      const k = at.get(v.input)!
      const { slot, dtype, offset } = v.input
      words.push(
        slot,
        dtypeCodes[dtype],
        offset,
        ...body.strides[k]!,
        rowStrideOf[k]!,
        colStrides[k]!,
      )
    }
  for (const s of steps) {
    const code = fusedOps[s.op]
    if (code === undefined)
      throw new BackendError({ op: 'encode', rule: 'unknown instruction', got: s.op })
    const reg = (i: number) => (s.args[i] === undefined ? 0 : values[s.args[i]!]!.reg)
    words.push(
      code,
      values[s.dst]!.reg,
      reg(0),
      reg(1),
      reg(2),
      s.immValue ? values[s.imm]!.reg : s.imm,
    )
  }
  for (const o of outs) {
    const k = at.get(o.place)!
    const { slot, dtype, offset } = o.place
    words.push(
      slot,
      dtypeCodes[dtype],
      offset,
      ...body.strides[k]!,
      rowStrideOf[k]!,
      colStrides[k]!,
      o.mode,
      values[o.value]!.reg,
    )
  }
  words[1] = words.length
  const spaceText = [...outer, rows, cols].join('×')
  return { words, about: spaceText }
}

/**
 * A product that only one sum, difference or reduction reads becomes part of it: one walk over the lanes less, and
 * one rounding less. Not where random numbers are made: these are the same bits on every backend.
 */
function contract(
  steps: Step[],
  values: readonly Value[],
  outs: readonly { value: number }[],
): void {
  if (steps.some((s) => s.op === 'RAND')) return
  const uses = new Map<number, number>()
  const use = (v: number) => uses.set(v, (uses.get(v) ?? 0) + 1)
  for (const s of steps) {
    s.args.forEach(use)
    if (s.immValue) use(s.imm)
    if (s.op === 'CHECK') use(s.dst)
  }
  for (const o of outs) use(o.value)
  const products = new Map<number, Step>()
  const gone = new Set<Step>()
  for (const s of steps) {
    if (s.op === 'MULF' || s.op === 'SQUAREF') products.set(s.dst, s)
    const sum = s.op === 'ADDF' || s.op === 'SUBF'
    if (!sum && s.op !== 'RSUMF') continue
    for (const [i, v] of s.args.entries()) {
      const product = products.get(v)
      if (!product || uses.get(v) !== 1) continue
      const [a, b = a] = product.args as [number, number?]
      if (sum) {
        if (values[v]!.cls !== values[s.dst]!.cls) continue
        s.op = s.op === 'ADDF' ? 'FMAF' : i === 0 ? 'FMSF' : 'FNMAF'
        s.args = [a, b!, s.args[1 - i]!]
      } else {
        // Both factors lie lane by lane.
        if (values[a]!.cls !== FULL || values[b!]!.cls !== FULL) continue
        s.op = 'RDOTF'
        s.args = [a, b!]
      }
      gone.add(product)
      break
    }
  }
  if (gone.size > 0) steps.splice(0, steps.length, ...steps.filter((s) => !gone.has(s)))
}

/** Do the reduced axes form one run of memory for these strides? */
function colsMerge(space: Shape, reduced: readonly number[], strides: readonly number[]): boolean {
  return (
    collapse(
      space,
      [...reduced].sort((a, b) => a - b),
      [strides],
    ).extents.length <= 1
  )
}
