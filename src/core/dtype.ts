/** Element types. float64 exists on the reference backend only. */
export type DType = 'float32' | 'int32' | 'bool' | 'float64'

/** The host array of each element type; bool is one byte, 0 or 1. */
export interface ArrayOf {
  float32: Float32Array
  int32: Int32Array
  bool: Uint8Array
  float64: Float64Array
}
export type TypedArray = ArrayOf[DType]

const info = {
  float32: { bytes: 4, rank: 2, array: Float32Array },
  int32: { bytes: 4, rank: 1, array: Int32Array },
  bool: { bytes: 1, rank: 0, array: Uint8Array },
  float64: { bytes: 8, rank: 3, array: Float64Array },
} as const

export const dtypes = Object.keys(info) as DType[]
export const bytesOf = (dtype: DType): number => info[dtype].bytes
export const isFloat = (dtype: DType): boolean => info[dtype].rank >= 2

export function newArray(dtype: DType, length: number): TypedArray {
  return new info[dtype].array(length)
}
export function arrayOn(
  dtype: DType,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): TypedArray {
  return new info[dtype].array(buffer as ArrayBuffer, byteOffset, length)
}

/** The wider of two types: bool < int32 < float32 < float64. */
export function promote(a: DType, b: DType): DType {
  return info[a].rank >= info[b].rank ? a : b
}

/**
 * The element type that each typed array has as a tensor: the numbers stay what they are. Pixels (Uint8Array,
 * Uint8ClampedArray) are int32, not bool: ask for 'float32' to compute with them, for 'bool' to have x ≠ 0. A
 * Float64Array is what JavaScript computes with and becomes float32 as lists do, unless float64 is asked for. Numbers
 * of Uint32Array, BigInt64Array and BigUint64Array must fit int32, or 'float32' or 'float64' must be asked for.
 */
export const typedArrays = {
  Float32Array: 'float32',
  Float64Array: 'float32',
  Float16Array: 'float32',
  Int8Array: 'int32',
  Uint8Array: 'int32',
  Uint8ClampedArray: 'int32',
  Int16Array: 'int32',
  Uint16Array: 'int32',
  Int32Array: 'int32',
  Uint32Array: 'int32',
  BigInt64Array: 'int32',
  BigUint64Array: 'int32',
} as const satisfies Record<string, DType>

/** Any typed array that a tensor may be made of. */
export type AnyTypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** Whole numbers that a type can hold; undefined: it holds any number, as near as it can. */
const range: { readonly [D in DType]?: readonly [least: number, most: number] } = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
}
/** Can the type hold the number? Fractions lose their part after the point, as in PyTorch. */
export function holds(dtype: DType, v: number): boolean {
  const bounds = range[dtype]
  return !bounds || (Math.trunc(v) >= bounds[0] && Math.trunc(v) <= bounds[1])
}
