/**
 * A fusion group as a kernel: operands by strides over merged axes, and instructions in SSA form. A group is first
 * written down as a row of numbers, in which memory counts only by which operands are the same; groups with the same
 * numbers (the layers of a deep network, the parameters of an optimizer) share one body.
 */
import { type DType, dtypes } from '../../core/dtype.js'
import { type Shape, sameShape, sizeOf, stridesOf } from '../../core/shape.js'
import { type Call, callOf } from '../call.js'
import { Builder, classOf, mergeAxes, type Output, type Port } from './body.js'
import { type Group, rowLift, rowStrides } from './groups.js'
import {
  type Access,
  FULL,
  type FusedKernel,
  type KernelBody,
  type KernelOutput,
  KernelTooLarge,
  type Limits,
} from './plan.js'
import { type Operand, operandAt, Value } from './value.js'

export interface KernelHost {
  /** Where the value of another group, or an input, is. */
  place(base: Value): Access
  /** The operand's values over the space in new row-major memory. */
  materialize(operand: Operand, space: Shape): Access
  checkId(n: Value, what: string): number
  /** The memory of a value that is needed outside of the group. */
  output(n: Value): Access | undefined
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

/** How a value lies over the space that is written at its own places. */
function ownStrides(n: Value, { space, reduced }: Group): readonly number[] {
  return sameShape(n.shape, space!) ? n.strides : rowStrides(space!, reduced!)
}
/** And one that values are added to. */
function addedStrides(n: Value, { space, reduced }: Group): readonly number[] {
  const { shape } = n.inputs[0]!
  const kept = stridesOf(n.shape).map((s, a) => (n.shape[a] === 1 ? 0 : s))
  return sameShape(shape, space!) ? kept : rowLift(shape, kept, space!, reduced!)!
}
const combining = { sum: 'add', prod: 'mul', max: 'max', min: 'min' } as const
const modeOf = ({ prim }: Value, accumulated: boolean): KernelOutput['mode'] =>
  accumulated && prim.op === 'reduce' ? combining[prim.fn] : 'set'

interface Written {
  key: readonly number[]
  body: KernelBody
}

/** Bodies of one plan, or of many: they are plain data. */
export class Kernels {
  private readonly known = new Map<number, Written[]>()
  private readonly limits: Limits
  private readonly key: number[] = []
  private serial = 0

  constructor(limits: Limits) {
    this.limits = limits
  }

  /** The kernel of a group, or undefined when there is nothing to do. */
  make(g: Group, host: KernelHost): FusedKernel | undefined {
    const space = g.space!
    const { reduced } = g
    if (g.size === 0) return undefined
    const serial = ++this.serial
    const inputs: Port[] = []
    const outputs: Output[] = []
    const checks: number[] = []
    /** What the group is, in numbers. */
    const { key } = this
    key.length = 0
    key.push(space.length, reduced ? reduced.length : -1)
    for (let a = 0; a < space.length; a++) key.push(space[a]!)
    if (reduced) for (let i = 0; i < reduced.length; i++) key.push(reduced[i]!)

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
    ): void => {
      // Broadcast along the columns, it is a ROW for elementwise work and FULL for a reduction of it.
      const apart = counted && reduced?.every((a) => strides[a] === 0) === true
      let i = 0
      for (; i < inputs.length; i++) {
        const p = inputs[i]!
        if (p.base !== base || p.offset !== offset || p.apart !== apart) continue
        if (equal(p.strides, strides)) break
      }
      if (i === inputs.length) inputs.push({ base, dtype, offset, strides, apart })
      key.push(~i)
    }
    /** An operand as read by a value whose places are those of `shape`, which is the space or its rows. */
    const read = (x: Value, shape: Shape, counted = false): void => {
      const { constant, base } = x
      if (constant !== undefined) {
        key.push(Number.NaN, constant, x.kind % 32)
        return
      }
      if (base.kernel === serial) {
        key.push(base.step)
        return
      }
      const operand = operandAt(x, shape)
      const strides = inSpace(
        sameShape(shape, space)
          ? operand.strides
          : rowLift(shape, operand.strides, space, reduced!)!,
      )
      if (reduced && !colsMerge(space, reduced, strides)) {
        const copy = host.materialize({ base, offset: operand.offset, strides }, space)
        input(copy, base.dtype, copy.offset, inSpace(stridesOf(space)), false)
      } else if (base.prim.op === 'iota') input(null, 'int32', operand.offset, strides, counted)
      else input(base, base.dtype, operand.offset, strides, counted)
    }

    for (let i = 0; i < g.values.length; i++) {
      const n = g.values[i]!
      const { prim } = n
      const full = sameShape(n.shape, space)
      const accumulated = prim.op === 'reduce' && g.accumulated.has(n)
      const stored = host.output(n)
      if (accumulated && !stored) {
        key.push(-1)
        continue
      }
      key.push(n.kind, (full ? 1 : 0) + (accumulated ? 2 : 0) + (stored ? 4 : 0))
      if (prim.op === 'random') {
        input(null, 'int32', 0, inSpace(stridesOf(space)), false)
        const { base, offset, strides } = n.inputs[0]!
        const none = new Array<number>(space.length).fill(0)
        for (let w = 0; w < 3; w++) input(base, 'int32', offset + w * strides[0]!, none, false)
      } else if (prim.op === 'reduce') read(n.inputs[0]!, n.inputs[0]!.shape, true)
      else for (let k = 0; k < n.inputs.length; k++) read(n.inputs[k]!, n.shape)
      key.push(n.inputs.length > 0 ? n.inputs[n.inputs.length - 1]!.kind % 32 : -1)
      if (prim.op === 'check') {
        key.push(prim.lo, prim.hi, prim.except ?? prim.lo)
        checks.push(host.checkId(n, prim.what))
      }
      if (!accumulated) {
        n.kernel = serial
        n.step = i
      }
      if (!stored) continue
      const strides = inSpace(accumulated ? addedStrides(n, g) : ownStrides(n, g))
      for (let a = 0; a < strides.length; a++) key.push(strides[a]!)
      outputs.push({ value: i, to: stored, dtype: n.dtype, strides, mode: modeOf(n, accumulated) })
    }
    if (outputs.length === 0 && checks.length === 0) return undefined
    if (inputs.length > this.limits.operands || outputs.length > this.limits.operands)
      throw new KernelTooLarge()
    for (let i = 0; i < inputs.length; i++) {
      const { dtype, base, apart, strides } = inputs[i]!
      key.push(dtypes.indexOf(dtype), (base ? 1 : 0) + (apart ? 2 : 0))
      for (let a = 0; a < strides.length; a++) key.push(strides[a]!)
    }
    const body = this.body(() => new Builder(g, this.limits, inputs, outputs, key).body())
    const labels: Call[] = []
    for (const n of g.values) if (labels[labels.length - 1] !== n.label) labels.push(n.label)
    return {
      kind: 'fused',
      body,
      inputs: inputs.map(({ base, offset }) => ({
        buffer:
          base === null ? null : base instanceof Value ? host.place(base).buffer : base.buffer,
        offset,
      })),
      outputs: outputs.map((o) => o.to),
      checks,
      labels,
    }
  }

  /** The body with this key, made when there is none. */
  private body(make: () => KernelBody): KernelBody {
    const { key } = this
    let hash = key.length
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ (key[i]! * 16), 0x01000193)
    const list = this.known.get(hash)
    if (list) for (const w of list) if (equal(w.key, key)) return w.body
    const written = { key: [...key], body: make() }
    if (list) list.push(written)
    else this.known.set(hash, [written])
    return written.body
  }

  /** Indices that lie nowhere, written down. */
  indices({ offset, strides }: Operand, shape: Shape, to: Access): FusedKernel | undefined {
    if (sizeOf(shape) === 0) return undefined
    const axes = mergeAxes(shape, null, [{ strides }, { strides: stridesOf(shape) }], this.limits)
    const [from, out] = axes.strides as [number[], number[]]
    const body: KernelBody = {
      extents: axes.extents,
      inputs: [{ dtype: 'int32', strides: from, cls: classOf(from), indices: true }],
      steps: [{ fn: 'copy', cls: FULL, from: 'int32', to: 'int32', args: [0], imm: 0 }],
      outputs: [{ dtype: 'int32', strides: out, mode: 'set', value: 1 }],
      names: ['copy'],
      size: sizeOf(shape),
      wide: false,
    }
    return {
      kind: 'fused',
      body,
      inputs: [{ buffer: null, offset }],
      outputs: [to],
      checks: [],
      labels: [callOf('indices')],
    }
  }
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false
  return true
}
