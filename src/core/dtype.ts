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
