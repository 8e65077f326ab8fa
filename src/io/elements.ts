/** Elements in files: what each type of the formats becomes as a tensor, without losing a bit or saying so. */
import { homeOf } from '../backends/registry.js'
import { bigints, type DType, holds, newArray, type TypedArray } from '../core/dtype.js'
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
