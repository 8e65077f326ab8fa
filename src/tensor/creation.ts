import { state, withState } from '../ops/state.js'
import type { Backend } from '../backends/backend.js'
import {
  suggestType,
  type AnyTypedArray,
  bigints,
  type DType,
  dtypes,
  holds,
  isFloat,
  isHalf,
  newArray,
  type TypedArray,
  typedArrays,
  writeNumber,
} from '../core/dtype.js'
import { DTypeError, ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import {
  checkShape,
  readShape,
  type Shape,
  type ShapeThen,
  sizeOf,
  sameShape,
} from '../core/shape.js'
import { arangeOp, eyeOp, full as fullOp, linspaceOp } from '../ops/creation.js'
import type { Nested } from '../ops/define.js'
import { fromData, Tensor } from '../ops/tensor.js'

export interface TensorOptions {
  dtype?: DType
  requiresGrad?: boolean
}

const creation: OptionNames<TensorOptions> = { dtype: true, requiresGrad: true }
const tensorOptions = { ...creation, shape: true }
/** @throws ValueError for an option that is not known or an element type that there is none of */
function known(op: string, options: TensorOptions): TensorOptions {
  const { dtype } = checkOptions(op, options, creation)
  if (dtype !== undefined && !dtypes.includes(dtype))
    throw new ValueError({
      op,
      rule: `dtype must be ${dtypes.join(', ')}`,
      got: showValue(dtype),
      ...(suggestType(dtype) && { fix: `Did you mean ${suggestType(dtype)}?` }),
    })
  return options
}

/** Sets what the options ask for. */
function made(t: Tensor, { requiresGrad = false }: TensorOptions): Tensor {
  if (requiresGrad) setRequiresGrad(t, true)
  return t
}

/** @throws DTypeError for a tensor that is not of a float type */
export function setRequiresGrad(t: Tensor, value: boolean): Tensor {
  if (value && !isFloat(t.dtype))
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
    if (!sameShape(other, inner))
      throw new ShapeError({
        op: 'tensor',
        rule: 'nested lists must all have the same lengths',
        got: `${show(inner)} beside ${show(other)}`,
      })
  }
  return [list.length, ...inner]
}

/** The kind of a typed array, also of one from another page or worker. */
const kindOf = (data: ArrayBufferView) =>
  (data as unknown as Record<symbol, string>)[Symbol.toStringTag] as keyof typeof typedArrays

/** @throws ValueError for a number that the type cannot hold */
function put(array: TypedArray, dtype: DType, i: number, v: number | bigint): void {
  if (!holds(dtype, v))
    throw new ValueError({
      op: 'tensor',
      rule: `${dtype} must be able to hold the numbers`,
      got: `${v} at ${i}`,
      fix: "Ask for { dtype: 'float32' }.",
    })
  if (typeof v === 'bigint' && dtype === 'int64') bigints(array)[i] = v
  else writeNumber(dtype, array, i, Number(v))
}

/** A tensor of a typed array: taken over where its numbers are as the type has them, else copied. */
function fromTyped(
  data: AnyTypedArray,
  { dtype, shape = [data.length] }: TensorOptions & { shape?: Shape },
): Tensor {
  const kind = kindOf(data)
  if (!(kind in typedArrays))
    throw new DTypeError({
      op: 'tensor',
      rule: `typed arrays are ${Object.keys(typedArrays).join(', ')}`,
      got: kind,
    })
  const type = dtype ?? typedArrays[kind]
  // Half types' own array is their bits, which a Uint16Array of numbers is not.
  if (newArray(type, 0).constructor.name === kind && type !== 'bool' && !isHalf(type))
    return fromData(data as unknown as TypedArray, shape, type)
  const array = newArray(type, data.length)
  for (let i = 0; i < array.length; i++) put(array, type, i, data[i]!)
  return fromData(array, shape, type)
}

/**
 * A tensor of nested lists or of a typed array with a shape. Numbers become float32, booleans bool, bigints int64, unless
 * `dtype` says otherwise; typed arrays become what `typedArrays` says: the type that has their numbers. They are taken
 * over without a copy where the backend can.
 * @throws ShapeError for ragged lists, ValueError when the shape does not fit the data or a number not the type
 * @example tensor(new Uint8Array([0, 128, 255]), { dtype: 'float32' }) // [0, 128, 255]
 */
export function tensor(
  data: Nested | AnyTypedArray,
  options: TensorOptions & { shape?: Shape } = {},
): Tensor {
  const { shape: _, ...rest } = checkOptions('tensor', options, tensorOptions)
  known('tensor', rest)
  if (ArrayBuffer.isView(data)) return made(fromTyped(data, options), options)
  const shape = shapeOf(data)
  const flat = (shape.length === 0 ? [data] : (data as unknown[]).flat(shape.length as 1)) as (
    | number
    | boolean
    | bigint
  )[]
  const dtype =
    options.dtype ??
    (flat.length === 0
      ? 'float32'
      : flat.every((v) => typeof v === 'boolean')
        ? 'bool'
        : flat.some((v) => typeof v === 'bigint')
          ? 'int64'
          : 'float32')
  const array = newArray(dtype, flat.length)
  for (let i = 0; i < flat.length; i++) {
    const v: unknown = flat[i]
    if (typeof v !== 'number' && typeof v !== 'boolean' && typeof v !== 'bigint')
      throw new ValueError({
        op: 'tensor',
        rule: 'elements must be numbers or booleans',
        got: showValue(v),
        ...(v instanceof Tensor && { fix: 'stack(list) joins tensors, x.clone() copies one.' }),
        ...(v instanceof ArrayBuffer && { fix: 'new Float32Array(buffer) reads its numbers.' }),
        ...(typeof v === 'string' && { fix: 'Number(text) makes a number of a text.' }),
      })
    put(array, dtype, i, typeof v === 'boolean' ? Number(v) : v)
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
export function full(shape: Shape, value: number | boolean, options: TensorOptions = {}): Tensor {
  checkShape('full', shape)
  const { dtype = typeof value === 'boolean' ? 'bool' : 'float32' } = known('full', options)
  if (!holds(dtype, Number(value)))
    throw new ValueError({ op: 'full', rule: `${dtype} must be able to hold it`, got: `${value}` })
  return made(fullOp(shape, value, dtype), options)
}
const filledWith =
  (op: string, value: number) =>
  (...args: ShapeThen<TensorOptions>): Tensor => {
    const [shape, options] = readShape(op, args)
    return full(shape, value, known(op, options))
  }
/** Zeros; the extents may be a list or come one by one. @example zeros(2, 1) // [[0], [0]] */
export const zeros = filledWith('zeros', 0)
/** Ones; the extents may be a list or come one by one. @example ones([2]) // [1, 1] */
export const ones = filledWith('ones', 1)
/** Values of any kind, to be overwritten; they are zeros here, so that nothing depends on chance. */
export const empty = filledWith('empty', 0)
/** Runs a creation on the backend of a tensor. */
const beside = (t: Tensor, f: () => Tensor): Tensor =>
  t.storage && !state.recorder ? withState('backend', () => t.backend, f) : f()
export const fullLike = (t: Tensor, value: number | boolean, options: TensorOptions = {}): Tensor =>
  beside(t, () => full(t.shape, value, { dtype: t.dtype, ...options }))
export const zerosLike = (t: Tensor, options: TensorOptions = {}): Tensor => fullLike(t, 0, options)
export const onesLike = (t: Tensor, options: TensorOptions = {}): Tensor => fullLike(t, 1, options)

/** arange(end) or arange(start, end, step). @example arange(3) // [0, 1, 2] */
export function arange(end: number, options?: TensorOptions): Tensor
export function arange(
  start: number,
  end: number,
  step?: number | TensorOptions,
  options?: TensorOptions,
): Tensor
export function arange(
  a: number,
  b?: number | TensorOptions,
  step: number | TensorOptions = 1,
  options: TensorOptions = {},
): Tensor {
  if (typeof b === 'number') {
    if (typeof step === 'object') return arange(a, b, 1, step)
    return made(arangeOp(a, b, step, known('arange', options).dtype), options)
  }
  return made(arangeOp(0, a, 1, known('arange', b ?? {}).dtype), b ?? {})
}
/** `steps` numbers from start to end, both included. @example linspace(0, 1, 3) // [0, 0.5, 1] */
export const linspace = (
  start: number,
  end: number,
  steps: number,
  options: TensorOptions = {},
): Tensor => made(linspaceOp(start, end, steps, known('linspace', options).dtype), options)
/** Ones on the diagonal. @example eye(2) // [[1, 0], [0, 1]] */
export function eye(
  rows: number,
  cols: number | TensorOptions = rows,
  options: TensorOptions = {},
): Tensor {
  if (typeof cols !== 'number') return eye(rows, rows, cols)
  return made(eyeOp(rows, cols, known('eye', options).dtype), options)
}

/** The same values on another backend (a copy without history). */
export function toBackend(t: Tensor, backend: Backend): Tensor {
  if (t.backend === backend) return t
  const copy = fromData(t.toStored(), t.shape, t.dtype, backend)
  copy.requiresGrad = t.requiresGrad
  return copy
}

export { Tensor }
