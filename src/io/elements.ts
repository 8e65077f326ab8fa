/** Elements in files: what each type of the formats becomes as a tensor, without losing a bit or saying so. */
import { homeOf } from '../backends/registry.js'
import {
  bigints,
  type DType,
  holds,
  isHalf,
  newArray,
  readNumber,
  type TypedArray,
} from '../core/dtype.js'
import { FileError } from '../core/errors.js'
import { fromData, type Tensor } from '../ops/tensor.js'

/** Types of elements, by kind and bits: f a float, i a signed, u an unsigned whole number. */
export type ElementKind =
  | 'f64'
  | 'f32'
  | 'f16'
  | 'bf16'
  | 'i64'
  | 'i32'
  | 'i16'
  | 'i8'
  | 'u64'
  | 'u32'
  | 'u16'
  | 'u8'
  | 'bool'

interface Kind {
  bytes: number
  dtype: DType
  read(view: DataView, at: number, little: boolean): number | bigint
}

const kinds: Record<ElementKind, Kind> = {
  f64: { bytes: 8, dtype: 'float64', read: (v, at, le) => v.getFloat64(at, le) },
  f32: { bytes: 4, dtype: 'float32', read: (v, at, le) => v.getFloat32(at, le) },
  f16: { bytes: 2, dtype: 'float16', read: (v, at, le) => v.getUint16(at, le) },
  bf16: { bytes: 2, dtype: 'bfloat16', read: (v, at, le) => v.getUint16(at, le) },
  i64: { bytes: 8, dtype: 'int64', read: (v, at, le) => v.getBigInt64(at, le) },
  i32: { bytes: 4, dtype: 'int32', read: (v, at, le) => v.getInt32(at, le) },
  i16: { bytes: 2, dtype: 'int32', read: (v, at, le) => v.getInt16(at, le) },
  i8: { bytes: 1, dtype: 'int8', read: (v, at) => v.getInt8(at) },
  u64: { bytes: 8, dtype: 'int64', read: (v, at, le) => v.getBigUint64(at, le) },
  u32: { bytes: 4, dtype: 'int64', read: (v, at, le) => v.getUint32(at, le) },
  u16: { bytes: 2, dtype: 'int32', read: (v, at, le) => v.getUint16(at, le) },
  u8: { bytes: 1, dtype: 'uint8', read: (v, at) => v.getUint8(at) },
  bool: { bytes: 1, dtype: 'bool', read: (v, at) => (v.getUint8(at) ? 1 : 0) },
}
export const bytesOfKind = (kind: ElementKind): number => kinds[kind].bytes
/** The type that elements of a kind have as a tensor. */
export const dtypeOfKind = (kind: ElementKind): DType => kinds[kind].dtype
/** The kinds by NumPy's names, without the order of bytes. */
export const numpyKinds: Record<string, ElementKind> = {
  f8: 'f64',
  f4: 'f32',
  f2: 'f16',
  i8: 'i64',
  i4: 'i32',
  i2: 'i16',
  i1: 'i8',
  u8: 'u64',
  u4: 'u32',
  u2: 'u16',
  u1: 'u8',
  b1: 'bool',
}

/** The kind in which elements of a type are written. */
export const kindOf: Record<DType, ElementKind> = {
  float32: 'f32',
  float64: 'f64',
  float16: 'f16',
  bfloat16: 'bf16',
  int8: 'i8',
  uint8: 'u8',
  int32: 'i32',
  int64: 'i64',
  bool: 'bool',
}

const littleHost = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/**
 * The elements that lie in `bytes`, one after the other.
 * @throws FileError for a whole number that no type holds, with `what` and the place
 */
function arrayOf(
  op: string,
  what: string,
  kind: ElementKind,
  bytes: Uint8Array,
  little: boolean,
): TypedArray {
  const { bytes: size, dtype, read } = kinds[kind]
  const out = newArray(dtype, bytes.length / size)
  if (kind !== 'bool' && kindOf[dtype] === kind && little === littleHost) {
    // The bits as they are; the bytes of a file may begin anywhere.
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes)
    return out
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < out.length; i++) {
    const v = read(view, i * size, little)
    if (!holds(dtype, v))
      throw new FileError({
        op,
        rule: `${what}: whole numbers must lie below 2^63, since they become ${dtype}`,
        got: `${v} at ${i}`,
        fix: 'Save it as float64 if its numbers lie below 2^53.',
      })
    if (dtype === 'int64') bigints(out)[i] = BigInt(v)
    else out[i] = Number(v)
  }
  return out
}

/**
 * The tensor of elements in a file. A type that the current backend does not hold is on the reference backend, and
 * `model.loadStateDict` takes it from there.
 * @throws FileError
 */
export function tensorOf(
  op: string,
  what: string,
  kind: ElementKind,
  bytes: Uint8Array,
  shape: readonly number[],
  little = true,
): Tensor {
  const { dtype } = kinds[kind]
  return fromData(arrayOf(op, what, kind, bytes, little), shape, dtype, homeOf(dtype))
}

/** The bytes of a tensor's elements, the lowest first, as files have them. */
export function bytesOfTensor(t: Tensor): Uint8Array {
  const data = t.toStored()
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const size = data.BYTES_PER_ELEMENT
  if (!littleHost && size > 1)
    for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse()
  return bytes
}

/**
 * The elements, of `width` bytes each, of a view into `bytes`, one after the other. Every element must lie within:
 * who calls checks that.
 */
export function gather(
  bytes: Uint8Array,
  width: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array {
  const size = shape.reduce((n, d) => n * d, 1)
  if (size === 0) return new Uint8Array(0)
  let next = 1
  let dense = true
  for (let i = shape.length - 1; i >= 0; i--) {
    dense &&= shape[i] === 1 || strides[i] === next
    next *= shape[i]!
  }
  if (dense) return bytes.subarray(offset * width, (offset + size) * width)
  const last = shape.reduce((n, d, i) => n + (d - 1) * strides[i]!, offset)
  // A copy begins at a multiple of every width.
  const from = bytes.slice(offset * width, (last + 1) * width)
  const Words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[width]!
  const [source, out] = [new Words(from.buffer), new Words(size)]
  const inner = shape.at(-1)!
  const step = strides.at(-1)!
  const at = shape.map(() => 0)
  let place = 0
  for (let done = 0; done < size; done += inner) {
    for (let i = 0; i < inner; i++) out[done + i] = source[place + i * step]!
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      place += strides[axis]!
      if (++at[axis]! < shape[axis]!) break
      place -= at[axis]! * strides[axis]!
      at[axis] = 0
    }
  }
  return new Uint8Array(out.buffer)
}

/** The one number in `bytes`; a bigint where a number does not hold it. */
export function numberOf(kind: ElementKind, bytes: Uint8Array, little: boolean): number | bigint {
  const { dtype, read } = kinds[kind]
  const v = read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, little)
  if (isHalf(dtype)) return readNumber(dtype, Uint16Array.of(Number(v)), 0)
  return typeof v === 'bigint' && Number.isSafeInteger(Number(v)) ? Number(v) : v
}
