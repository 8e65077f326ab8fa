import type { Backend, Storage } from '../backends/backend.js'
import type { Node } from '../backends/ir.js'
import type { ArrayOf, DType, TypedArray } from '../core/dtype.js'
import { newArray } from '../core/dtype.js'
import { BackendError, GradError, ShapeError, TraceError, ValueError } from '../core/errors.js'
import type { Recorder } from './state.js'
import { state } from './state.js'
import { isContiguous, type Shape, show, sizeOf } from '../core/shape.js'
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
  /** Module path at the time of the call, for messages. */
  readonly path: string
  freed: boolean
}

/** What the walk needs to know of an operation; see define.ts. */
export interface OpRecord {
  readonly name: string
  /** The gradient rule is run as it stands each time and not kept as a program. */
  readonly dynamic?: boolean
  readonly vjp?: (
    ct: never,
    inputs: readonly Tensor[],
    out: never,
    attrs: never,
  ) => readonly (Tensor | null | undefined)[]
}

/** A tensor: numbers of one type in a box of some shape. Its methods stand in the tensor room. */
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
   * @throws ShapeError when there is not exactly one element
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
    return storage.array()[this.offset]!
  }

  /** A copy of the elements in row-major order. */
  toTypedArray(): TypedArray {
    const storage = concrete(this, 'toTypedArray')
    runPending()
    const from = storage.array()
    const n = this.size
    if (this.isContiguous) return from.slice(this.offset, this.offset + n)
    const out = newArray(this.dtype, n)
    const { shape, strides } = this
    const index = new Array<number>(shape.length).fill(0)
    let at = this.offset
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

/** The storage. @throws TraceError while tracing, where values do not exist yet */
export function concrete(t: Tensor, op: string): Storage {
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
  data: TypedArray,
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
  return onStorage(backend.from(dtype, data), shape)
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
  fill(storage.array() as ArrayOf[D])
  return onStorage(storage, shape)
}

export function onStorage(storage: Storage, shape: Shape, strides = contiguous(shape)): Tensor {
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
      fix: "float64 exists on the reference backend: setBackend('reference').",
    })
}

function contiguous(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let n = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = n
    n *= shape[i]!
  }
  return strides
}

export function requireLeaf(t: Tensor, what: string): void {
  if (t.gradNode)
    throw new GradError({
      op: what,
      rule: 'only a leaf can be changed in place while gradients are recorded',
      fix: 'Do it inside noGrad(() => ...), or compute a new tensor.',
    })
}
