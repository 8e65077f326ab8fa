import type { Backend } from '../backends/backend.js'
import { type DType, newArray, type TypedArray } from '../core/dtype.js'
import { DTypeError, ShapeError, show, ValueError } from '../core/errors.js'
import { type Shape, sizeOf } from '../core/shape.js'
import { arangeOp, eyeOp, full as fullOp, linspaceOp } from '../ops/creation.js'
import type { Nested } from '../ops/define.js'
import { toType } from '../ops/define.js'
import { fromData, Tensor } from '../ops/tensor.js'
import { state, withState } from '../ops/trace.js'

export interface TensorOptions {
  dtype?: DType
  requiresGrad?: boolean
}

/** Runs a creation and sets what the options ask for. */
function made(t: Tensor, { requiresGrad = false }: TensorOptions): Tensor {
  if (requiresGrad) setRequiresGrad(t, true)
  return t
}

/** @throws DTypeError for a tensor that is not of a float type */
export function setRequiresGrad(t: Tensor, value: boolean): Tensor {
  if (value && t.dtype !== 'float32' && t.dtype !== 'float64')
    throw new DTypeError({
      op: 'requiresGrad',
      rule: 'only float tensors have gradients',
      got: t.dtype,
    })
  t.requiresGrad = value
  return t
}

/** The shape of nested lists. @throws ShapeError when they are ragged */
export function shapeOf(data: Nested): number[] {
  if (!Array.isArray(data)) return []
  const list = data as readonly Nested[]
  if (list.length === 0) return [0]
  const inner = shapeOf(list[0]!)
  for (const part of list) {
    const other = shapeOf(part)
    if (show(other) !== show(inner))
      throw new ShapeError({
        op: 'tensor',
        rule: 'nested lists must all have the same lengths',
        got: `${show(inner)} beside ${show(other)}`,
      })
  }
  return [list.length, ...inner]
}

const typeOfArray = (data: TypedArray): DType =>
  data instanceof Float32Array
    ? 'float32'
    : data instanceof Int32Array
      ? 'int32'
      : data instanceof Uint8Array
        ? 'bool'
        : 'float64'

/**
 * A tensor of nested lists or of a typed array with a shape. Numbers become float32, booleans bool, unless `dtype`
 * says otherwise; a Float32Array or Int32Array is taken over without a copy where the backend can.
 * @throws ShapeError for ragged lists, ValueError when the shape does not fit the data
 * @example tensor([[1, 2], [3, 4]]).shape // [2, 2]
 */
export function tensor(
  data: Nested | TypedArray,
  options: TensorOptions & { shape?: Shape } = {},
): Tensor {
  if (ArrayBuffer.isView(data)) {
    const own = typeOfArray(data)
    const shape = options.shape ?? [data.length]
    let t: Tensor
    if (own === 'float64' && options.dtype !== 'float64')
      t = fromData(Float32Array.from(data), shape, 'float32')
    else t = fromData(data, shape, own)
    return made(options.dtype ? toType(t, options.dtype) : t, options)
  }
  const shape = shapeOf(data)
  const flat = (shape.length === 0 ? [data] : (data as unknown[]).flat(shape.length as 1)) as (
    | number
    | boolean
  )[]
  const dtype =
    options.dtype ??
    (flat.length > 0 && flat.every((v) => typeof v === 'boolean') ? 'bool' : 'float32')
  const array = newArray(dtype, flat.length)
  for (let i = 0; i < flat.length; i++) {
    const v = flat[i]
    if (typeof v !== 'number' && typeof v !== 'boolean')
      throw new ValueError({
        op: 'tensor',
        rule: 'elements must be numbers or booleans',
        got: v === null ? 'null' : typeof v,
      })
    array[i] = dtype === 'bool' ? (v ? 1 : 0) : Number(v)
  }
  if (options.shape && sizeOf(options.shape) !== flat.length)
    throw new ValueError({
      op: 'tensor',
      rule: `shape ${show(options.shape)} needs ${sizeOf(options.shape)} elements`,
      got: `${flat.length}`,
    })
  return made(fromData(array, options.shape ?? shape, dtype), options)
}

/** A tensor of one value. @example full([2], 7) // [7, 7] */
export const full = (shape: Shape, value: number | boolean, options: TensorOptions = {}): Tensor =>
  made(
    fullOp(shape, value, options.dtype ?? (typeof value === 'boolean' ? 'bool' : 'float32')),
    options,
  )
/** @example zeros([2]) // [0, 0] */
export const zeros = (shape: Shape, options: TensorOptions = {}): Tensor => full(shape, 0, options)
/** @example ones([2]) // [1, 1] */
export const ones = (shape: Shape, options: TensorOptions = {}): Tensor => full(shape, 1, options)
/** Values of any kind, to be overwritten; they are zeros here, so that nothing depends on chance. */
export const empty = zeros
/** Runs a creation on the backend of a tensor. */
const beside = (t: Tensor, f: () => Tensor): Tensor =>
  t.storage && !state.recorder ? withState('backend', () => t.backend, f) : f()
export const fullLike = (t: Tensor, value: number | boolean, options: TensorOptions = {}): Tensor =>
  beside(t, () => full(t.shape, value, { dtype: t.dtype, ...options }))
export const zerosLike = (t: Tensor, options: TensorOptions = {}): Tensor => fullLike(t, 0, options)
export const onesLike = (t: Tensor, options: TensorOptions = {}): Tensor => fullLike(t, 1, options)

/** arange(end) or arange(start, end, step). @example arange(3) // [0, 1, 2] */
export function arange(end: number, options?: TensorOptions): Tensor
export function arange(start: number, end: number, step?: number, options?: TensorOptions): Tensor
export function arange(
  a: number,
  b?: number | TensorOptions,
  step = 1,
  options: TensorOptions = {},
) {
  if (typeof b === 'number') return made(arangeOp(a, b, step, options.dtype), options)
  return made(arangeOp(0, a, 1, b?.dtype), b ?? {})
}
/** `steps` numbers from start to end, both included. @example linspace(0, 1, 3) // [0, 0.5, 1] */
export const linspace = (
  start: number,
  end: number,
  steps: number,
  options: TensorOptions = {},
): Tensor => made(linspaceOp(start, end, steps, options.dtype), options)
/** Ones on the diagonal. @example eye(2) // [[1, 0], [0, 1]] */
export const eye = (rows: number, cols = rows, options: TensorOptions = {}): Tensor =>
  made(eyeOp(rows, cols, options.dtype), options)

/** The same values on another backend (a copy without history). */
export function toBackend(t: Tensor, backend: Backend): Tensor {
  if (t.backend === backend) return t
  const copy = fromData(t.toTypedArray(), t.shape, t.dtype, backend)
  copy.requiresGrad = t.requiresGrad
  return copy
}

export { Tensor }
