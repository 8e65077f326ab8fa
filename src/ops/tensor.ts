import type { Backend, Storage } from '../backends/backend.js'
import type { Call } from '../backends/call.js'
import type { Node } from '../backends/ir.js'
import type { ArrayOf, DType, HostArray, NumberArray, TypedArray } from '../core/dtype.js'
import { bigints, isHalf, newArray, numbersOf, readNumber } from '../core/dtype.js'
import {
  BackendError,
  DTypeError,
  GradError,
  ShapeError,
  TraceError,
  ValueError,
} from '../core/errors.js'
import type { Recorder } from './state.js'
import { state } from './state.js'
import { isContiguous, type Shape, show, sizeOf, stridesOf } from '../core/shape.js'
import { runPending } from './pending.js'

/** How a tensor came to be: the walk of `backward` follows these. */
export interface GradNode {
  readonly op: OpRecord
  readonly attrs: object
  readonly inputs: readonly Tensor[]
  /** Versions of the inputs when they were read; a later change in place makes their gradient wrong. */
  readonly versions: readonly number[]
  readonly outputs: readonly Tensor[]
  /** Grows with time, so that larger comes later. */
  readonly order: number
  /** The call inside of which it ran. */
  readonly call: Call | undefined
  freed: boolean
}

/** What the walk needs to know of an operation; see define.ts. */
export interface OpRecord {
  readonly name: string
  /** The gradient rule is run as it stands each time and not kept as a program. */
  readonly dynamic?: boolean
  /** Takes half types as they are; see define.ts. */
  readonly halves?: true | 'forward'
  readonly vjp?: (
    ct: never,
    inputs: readonly Tensor[],
    out: never,
    attrs: never,
  ) => readonly (Tensor | null | undefined)[]
}

/** A tensor: an array of numbers of one type and shape. Its methods are defined in src/tensor. */
export class Tensor {
  readonly shape: Shape
  readonly dtype: DType
  /** Where the elements are, when they are anywhere: a traced tensor has a node instead. */
  storage: Storage | undefined
  offset: number
  readonly strides: readonly number[]
  node: Node | undefined
  recorder: Recorder | undefined
  requiresGrad = false
  gradNode: GradNode | undefined
  /** Counts changes in place. */
  version = 0
  /** Layout in short, the key of cached programs; see eager.ts. */
  signature: string | undefined
  private gradient: Tensor | null = null

  constructor(
    shape: Shape,
    dtype: DType,
    place:
      | { storage: Storage; offset: number; strides: readonly number[] }
      | { node: Node; recorder: Recorder },
  ) {
    this.shape = shape
    this.dtype = dtype
    if ('storage' in place) {
      this.storage = place.storage
      this.offset = place.offset
      this.strides = place.strides
    } else {
      this.node = place.node
      this.recorder = place.recorder
      this.offset = 0
      this.strides = []
    }
  }

  get rank(): number {
    return this.shape.length
  }
  get size(): number {
    return sizeOf(this.shape)
  }
  get isLeaf(): boolean {
    return this.gradNode === undefined
  }
  get isContiguous(): boolean {
    return this.storage === undefined || isContiguous(this.shape, this.strides)
  }
  /** @throws TraceError for a tensor that exists only in a program being traced */
  get backend(): Backend {
    return concrete(this, 'backend').backend
  }

  /**
   * The gradient that `backward` has put here, of the tensor's own shape; null before and after `zeroGrad`.
   * Only leaves (made by the user, not by an operation) that require one get it.
   */
  get grad(): Tensor | null {
    return state.recorder ? state.recorder.readGrad(this, this.gradient) : this.gradient
  }
  set grad(value: Tensor | null) {
    if (value && (value.shape.length !== this.shape.length || value.size !== this.size))
      throw new ShapeError({
        op: 'grad',
        rule: `a gradient has the shape of its tensor, ${show(this.shape)}`,
        got: show(value.shape),
      })
    if (state.recorder) state.recorder.writeGrad(this, value)
    else this.rawGrad = value
  }
  /** The gradient as it is outside of tracing; for `compile`. */
  get rawGrad(): Tensor | null {
    return this.gradient
  }
  set rawGrad(value: Tensor | null) {
    if (value) keep(value)
    this.gradient = value
  }

  /**
   * The one element as a number (bool: 0 or 1).
   * @throws ShapeError when there is not exactly one element; DTypeError for an int64 beyond 2^53
   */
  item(): number {
    if (this.size !== 1)
      throw new ShapeError({
        op: 'item',
        rule: 'the tensor must have exactly one element',
        got: show(this.shape),
        fix: 'toArray() gives all elements.',
      })
    const storage = concrete(this, 'item')
    runPending()
    const one = storage.readNow(this.offset, 1)
    return this.dtype === 'int64' ? safe('item', bigints(one)[0]!) : readNumber(this.dtype, one, 0)
  }

  /**
   * A copy of the elements in row-major order, in the array of the type: float16 and bfloat16 as a Float32Array of their
   * values, bool as bytes 0 and 1; int64 as a BigInt64Array, which has to be said: x.toTypedArray<BigInt64Array>().
   */
  toTypedArray<A extends HostArray = NumberArray>(): A {
    const data = this.toStored()
    return (isHalf(this.dtype)
      ? Float32Array.from(numbersOf(this.dtype, data))
      : data) as unknown as A
  }

  /** The same as it is stored: half types as their 16 bits. */
  toStored(): TypedArray {
    const storage = concrete(this, 'toTypedArray')
    runPending()
    const n = this.size
    if (n === 0 || this.isContiguous) return storage.readNow(this.offset, n)
    // The stretch of memory in which the elements lie.
    let first = this.offset
    let last = this.offset
    this.strides.forEach((s, a) => {
      if (s < 0) first += s * (this.shape[a]! - 1)
      else last += s * (this.shape[a]! - 1)
    })
    const from = storage.readNow(first, last - first + 1)
    const out = newArray(this.dtype, n)
    const { shape, strides } = this
    const index = new Array<number>(shape.length).fill(0)
    let at = this.offset - first
    for (let i = 0; i < n; i++) {
      out[i] = from[at]!
      for (let a = shape.length - 1; a >= 0; a--) {
        at += strides[a]!
        if (++index[a]! < shape[a]!) break
        at -= strides[a]! * shape[a]!
        index[a] = 0
      }
    }
    return out
  }

  /**
   * A tensor prints in a template string; any other use as a number, a string or beside one is refused, since
   * JavaScript would compare and add its text.
   * @throws ValueError for `t > 0.4`, `t + 1`, `t == 1`, `+t`, `Number(t)`
   */
  [Symbol.toPrimitive](hint: 'string' | 'number' | 'default'): string {
    if (hint === 'string') return `${this.toString()}`
    throw new ValueError({
      op: 'tensor',
      rule: 'a tensor is no number: the operators >, <, +, -, == and so on of JavaScript cannot compute with it',
      got: `a tensor ${show(this.shape)}`,
      fix: 'loss.item() gives the number: loss.item() > 0.4; a.add(b), a.gt(b), a.eq(b) compute with tensors.',
    })
  }

  /** Gives the memory back now. Every later use of the tensor, or of a view of it, is an error. */
  dispose(): void {
    this.storage?.free()
  }
  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Memory that no `tidy` gives back. */
const kept = new WeakSet<Storage>()
export const isKept = (s: Storage): boolean => kept.has(s)
/**
 * Keeps a tensor beyond the `tidy` in which it was made, until it is disposed or nothing refers to it.
 * @example tidy(() => keep(ones([2])).size) // 2
 */
export function keep<T extends Tensor>(t: T): T {
  if (t.storage && state.scope) kept.add(t.storage)
  return t
}

/** An int64 that a number holds. @throws DTypeError for another one */
export function safe(op: string, v: bigint): number {
  const n = Number(v)
  if (!Number.isSafeInteger(n))
    throw new DTypeError({
      op,
      rule: 'a number holds whole numbers up to 2^53',
      got: `${v}`,
      fix: 'toTypedArray<BigInt64Array>() gives every int64 as it is.',
    })
  return n
}

/** The storage. @throws TraceError while tracing, where values do not exist yet */
export function concrete(t: Tensor, op: string): Storage {
  if (!t.storage && !state.recorder)
    throw new TraceError({
      op,
      rule: 'a tensor made while compile traced a function has no value outside of its program',
      fix: 'Return it from the compiled function instead of keeping it in a variable.',
    })
  if (state.recorder?.tracesUser || !t.storage)
    throw new TraceError({
      op,
      rule: 'a value cannot be read while compile traces the function: it does not exist yet',
      fix: 'Return the tensor from the compiled function and read it outside, or use where() instead of if.',
    })
  return t.storage
}

/** The backend of the tensors, which must be one. */
export function backendOf(op: string, inputs: readonly Tensor[]): Backend {
  let found: Backend | undefined
  for (const t of inputs) {
    const b = t.storage?.backend
    if (!b || b === found) continue
    if (found)
      throw new BackendError({
        op,
        rule: 'all tensors must be on one backend',
        got: `${found.name} and ${b.name}`,
        fix: "Move one with t.to('native'), t.to('wasm') or t.to('reference').",
      })
    found = b
  }
  return found ?? state.backend()
}

/** A tensor over new memory holding `data` (taken over where the backend can). */
export function fromData(
  data: HostArray,
  shape: Shape,
  dtype: DType,
  backend = state.backend(),
): Tensor {
  if (data.length !== sizeOf(shape))
    throw new ValueError({
      op: 'tensor',
      rule: `shape ${show(shape)} needs ${sizeOf(shape)} elements`,
      got: `${data.length}`,
    })
  checkDType('tensor', backend, dtype)
  return onStorage(backend.from(dtype, data as TypedArray), shape)
}

/** A tensor over new memory, every element of which `fill` writes. */
export function filled<D extends DType>(
  shape: Shape,
  dtype: D,
  fill: (elements: ArrayOf[D]) => void,
  backend = state.backend(),
): Tensor {
  checkDType('tensor', backend, dtype)
  const storage = backend.alloc(dtype, sizeOf(shape))
  storage.write((to) => fill(to as unknown as ArrayOf[D]))
  return onStorage(storage, shape)
}

export function onStorage(storage: Storage, shape: Shape, strides = stridesOf(shape)): Tensor {
  const t = new Tensor(shape, storage.dtype, { storage, offset: 0, strides })
  state.scope?.push(t)
  return t
}

export function checkDType(op: string, backend: Backend, dtype: DType): void {
  if (!backend.dtypes.includes(dtype))
    throw new BackendError({
      op,
      rule: `the ${backend.name} backend holds ${backend.dtypes.join(', ')}`,
      got: dtype,
    })
}

export function requireLeaf(t: Tensor, what: string): void {
  if (t.gradNode)
    throw new GradError({
      op: what,
      rule: 'only a leaf can be changed in place while gradients are recorded',
      fix: 'Do it inside noGrad(() => ...), or compute a new tensor.',
    })
}
