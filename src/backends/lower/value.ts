/** The values of a graph that is being lowered: nodes with a number, and with the place where their elements lie. */
import { type DType, dtypes } from '../../core/dtype.js'
import { type Shape, sizeOf, stridesOf } from '../../core/shape.js'
import type { Call } from '../call.js'
import type { Prim } from '../ir.js'
import { reshapeStrides, viewLayout } from '../layout.js'
import type { Group } from './groups.js'

/** Where elements lie: in the row-major value of `base` (an input: as given), by strides over the reader's shape. */
export interface Operand {
  readonly base: Value
  readonly strides: readonly number[]
  readonly offset: number
}

const codes = new Map<string, number>()
const types = new Map(dtypes.map((d, i) => [d, i]))
/** A number for what a value is made by and its type. */
export function kindOf(prim: Prim, dtype: DType): number {
  const name = 'fn' in prim ? prim.fn : prim.op
  let code = codes.get(name)
  if (code === undefined) {
    code = codes.size
    codes.set(name, code)
  }
  return 32 * code + types.get(dtype)!
}

/** Views, and reshapes that need no copy, are no values of their own: they are read at their base. */
export class Value implements Operand {
  readonly prim: Prim
  readonly inputs: readonly Value[]
  readonly shape: Shape
  readonly dtype: DType
  readonly label: Call
  readonly fence: number | undefined
  readonly size: number
  /** Primitive (of a family, the function) and type as a number. */
  readonly kind: number
  readonly base: Value
  readonly offset: number
  /** Undefined: those of row-major order, which few ask for. */
  private layout: readonly number[] | undefined = undefined
  /** Its place in the order of tracing. */
  id = -1
  /** Its step in the kernel that is being written, and which kernel that is. */
  step = -1
  kernel = -1
  /** The fusion group that computes it. */
  group: Group | undefined = undefined

  constructor(
    prim: Prim,
    inputs: readonly Value[],
    shape: Shape,
    dtype: DType,
    label: Call,
    fence?: number,
  ) {
    this.prim = prim
    this.inputs = inputs
    this.shape = shape
    this.dtype = dtype
    this.label = label
    this.fence = fence
    this.size = sizeOf(shape)
    this.kind = kindOf(prim, dtype)
    this.base = this
    this.offset = 0
    if (prim.op === 'view') {
      const below = inputs[0]!
      const layout = viewLayout(prim.view, below.strides, below.offset)
      this.base = below.base
      this.layout = layout.strides
      this.offset = layout.offset
    } else if (prim.op === 'reshape') {
      const below = inputs[0]!
      const strides = reshapeStrides(below.shape, below.strides, shape)
      if (strides) {
        this.base = below.base
        this.offset = below.offset
        this.layout = strides
      }
    } else if (prim.op === 'input') {
      this.layout = prim.strides
      this.offset = prim.offset
    } else if (prim.op === 'iota') this.layout = shape.map((_, a) => (a === prim.axis ? 1 : 0))
  }

  get strides(): readonly number[] {
    this.layout ??= stridesOf(this.shape)
    return this.layout
  }

  /** Its elements lie in row-major order, from the first of its base on. */
  get plain(): boolean {
    return this.offset === 0 && (this.layout === undefined || rowMajor(this.shape, this.layout))
  }

  /** A value that exists only as operand: never computed by itself unless someone asks for it. */
  get given(): boolean {
    const { op } = this.prim
    return op === 'const' || op === 'iota' || op === 'input'
  }

  /** The number that stands at every place of it, if there is one. */
  get constant(): number | undefined {
    let v: Value = this
    while (v.prim.op === 'view' || v.prim.op === 'reshape') v = v.inputs[0]!
    return v.prim.op === 'const' ? v.prim.value : undefined
  }
}

/** A value as read at the places of a larger shape, by broadcasting. */
export function operandAt(x: Value, shape: Shape): Operand {
  const extra = shape.length - x.shape.length
  if (extra === 0) {
    let same = true
    for (let a = 0; a < shape.length && same; a++)
      same = x.shape[a] !== 1 ? x.shape[a] === shape[a] : x.strides[a] === 0
    if (same) return x
  }
  const strides = new Array<number>(shape.length)
  for (let a = 0; a < shape.length; a++)
    strides[a] = a < extra || x.shape[a - extra] === 1 ? 0 : x.strides[a - extra]!
  return { base: x.base, strides, offset: x.offset }
}

/** Equal where it matters: axes of extent 1 have no stride. */
export function sameStrides(shape: Shape, a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true
  for (let i = 0; i < shape.length; i++) if (shape[i] !== 1 && a[i] !== b[i]) return false
  return true
}

/** `sameStrides` with those of row-major order. */
export function rowMajor(shape: Shape, strides: readonly number[]): boolean {
  let n = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== n) return false
    n *= shape[i]!
  }
  return true
}

/** Whether it stands for that output of another value. */
export const isOutput = ({ prim }: Value, i: number): boolean =>
  prim.op === 'output' && prim.index === i
