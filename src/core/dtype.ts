/**
 * Element types. Each is a row of `info`; what else knows them: the C++ core (kernels/program.h), the printer's codes
 * (backends/cpu/opcodes.ts), PyTorch's promotion (the table below) and files (io/). docs/add-a-dtype.md counts them.
 */
export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'uint8'
  | 'int32'
  | 'int64'
  | 'bool'

/** The host array of each element type; bool is one byte, 0 or 1; half types are their 16 bits. */
export interface ArrayOf {
  float32: Float32Array
  float64: Float64Array
  float16: Uint16Array
  bfloat16: Uint16Array
  int8: Int8Array
  uint8: Uint8Array
  int32: Int32Array
  int64: BigInt64Array
  bool: Uint8Array
}
/** Host arrays with numbers. */
export type NumberArray = ArrayOf[Exclude<DType, 'int64'>]
/**
 * A host array of any type. int64's BigInt64Array passes for one too, since what moves elements does so alike; what
 * computes with them asks for the type first (`readNumber`, `writeNumber`, or bigints of its own).
 */
export type TypedArray = NumberArray
/** What users give and get. */
export type HostArray = NumberArray | BigInt64Array
/** Elements as numbers, where charts and files of images need no more than their 53 bits. */
export const asNumbers = (data: HostArray): NumberArray =>
  data instanceof BigInt64Array ? Float64Array.from(data, Number) : data

const info = {
  float32: { bytes: 4, kind: 'float', array: Float32Array },
  float64: { bytes: 8, kind: 'float', array: Float64Array },
  float16: { bytes: 2, kind: 'float', array: Uint16Array },
  bfloat16: { bytes: 2, kind: 'float', array: Uint16Array },
  int8: { bytes: 1, kind: 'int', array: Int8Array },
  uint8: { bytes: 1, kind: 'int', array: Uint8Array },
  int32: { bytes: 4, kind: 'int', array: Int32Array },
  int64: { bytes: 8, kind: 'int', array: BigInt64Array },
  bool: { bytes: 1, kind: 'bool', array: Uint8Array },
} as const

export const dtypes = Object.keys(info) as DType[]
const otherNames =
  'float float32 double float64 half float16 long int64 int int32 short int32 byte uint8 char int8 boolean bool number float32'.split(
    ' ',
  )
/** The element type that PyTorch's (or C's) other name for it means. */
export function suggestType(name: unknown): DType | undefined {
  const at = otherNames.indexOf(`${String(name)}`.replace('torch.', ''))
  return at < 0 || at % 2 ? undefined : (otherNames[at + 1] as DType)
}
export const bytesOf = (dtype: DType): number => info[dtype].bytes
// The commonest first: every operation asks.
export const isFloat = (dtype: DType): boolean =>
  dtype === 'float32' || info[dtype].kind === 'float'
export const isInteger = (dtype: DType): boolean => info[dtype].kind === 'int'
/** float16 and bfloat16: types of memory, computed with in float32. */
export const isHalf = (dtype: DType): boolean => dtype === 'float16' || dtype === 'bfloat16'
/** float64 and int64, which the C++ core computes with 64 bits a value. */
export const isWide = (dtype: DType): boolean => dtype === 'float64' || dtype === 'int64'

export function newArray(dtype: DType, length: number): TypedArray {
  return new info[dtype].array(length) as TypedArray
}
export function arrayOn(
  dtype: DType,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): TypedArray {
  return new info[dtype].array(buffer as ArrayBuffer, byteOffset, length) as TypedArray
}

/** The least and the largest number of a type. */
export function rangeOf(dtype: DType): [least: number, most: number] {
  switch (dtype) {
    case 'bool':
      return [0, 1]
    case 'uint8':
      return [0, 255]
    case 'int8':
      return [-128, 127]
    case 'int32':
      return [-2147483648, 2147483647]
    case 'int64':
      return [-(2 ** 63), 2 ** 63]
    default:
      return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  }
}

// ---- promotion ----

/** Each type holds those before it, but for two pairs (torch.promote_types; int16 is int32 here). */
const order: readonly DType[] = [
  'bool', 'uint8', 'int8', 'int32', 'int64', 'float16', 'bfloat16', 'float32', 'float64',
] // biome-ignore format: a list

/** The type that holds both: PyTorch's table. */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a
  const [i, j] = [order.indexOf(a), order.indexOf(b)]
  const [least, most] = i < j ? [i, j] : [j, i]
  return least === 1 && most === 2 ? 'int32' : least === 5 && most === 6 ? 'float32' : order[most]!
}

/** bool < integers < floats. */
const category = { bool: 0, int: 1, float: 2 } as const

const isSingle = (v: { readonly dtype: DType } | number | boolean): boolean =>
  typeof v === 'number' || (typeof v === 'object' && v.dtype === 'float32')
/**
 * The type of a result: tensors with axes decide; those of shape [] and then numbers count only where they are of a
 * higher kind (bool < integers < floats). A whole number beside integers is one; alone it is float32. As
 * torch.result_type, but that numbers make int32 of bools (int64 there).
 */
export function resultType(
  values: readonly ({ readonly dtype: DType; readonly rank: number } | number | boolean)[],
): DType {
  if (values.every(isSingle)) return 'float32'
  /** With axes, of shape [], numbers. */
  const found: (DType | undefined)[] = [undefined, undefined, undefined]
  const see = (i: number, d: DType) => {
    found[i] = found[i] === undefined ? d : promote(found[i]!, d)
  }
  for (const v of values) if (typeof v === 'object') see(v.rank > 0 ? 0 : 1, v.dtype)
  const beside = found[0] ?? found[1]
  for (const v of values)
    if (typeof v === 'boolean') see(2, 'bool')
    else if (typeof v === 'number')
      see(2, beside && !isFloat(beside) && Number.isInteger(v) ? 'int32' : 'float32')
  let result: DType | undefined
  for (const d of found)
    if (d && (!result || category[info[d].kind] > category[info[result].kind])) result = d
  return result!
}

// ---- numbers in arrays ----

/** The array of an int64, as what it is. */
export const bigints = (data: TypedArray): BigInt64Array => data as unknown as BigInt64Array

const word = new DataView(new ArrayBuffer(8))
/** As the bits of a half type: of its mantissa, and the exponent's bias. Rounds to nearest even, beyond the largest to infinity. */
function toHalf(x: number, mantissa: number, bias: number): number {
  const one = 1 << mantissa
  const infinity = (2 * bias + 1) * one
  if (Number.isNaN(x)) return infinity + one / 2
  const a = Math.abs(x)
  // Denormal numbers have the least exponent, without the leading one.
  const e = Math.max(exponentOf(a), 1 - bias)
  const bits = (e + bias - 1) * one + roundEven(a * 2 ** (mantissa - e))
  return Math.min(bits, infinity) + (x < 0 || Object.is(x, -0) ? 0x8000 : 0)
}
function fromHalf(h: number): number {
  const m = h & 0x3ff
  const e = (h >> 10) & 31
  const v =
    e === 31
      ? m
        ? Number.NaN
        : Number.POSITIVE_INFINITY
      : e
        ? (m + 1024) * 2 ** (e - 25)
        : m * 2 ** -24
  return h & 0x8000 ? -v : v
}
function fromBHalf(h: number): number {
  word.setUint32(0, h << 16)
  return word.getFloat32(0)
}
/** The e of 2^e <= a < 2^(e + 1), for what is not denormal. */
function exponentOf(a: number): number {
  word.setFloat64(0, a)
  return ((word.getUint32(0) >> 20) & 2047) - 1023
}
/** To the nearest whole number, ties to the even one; below 2^52. */
const roundEven = (x: number) => x + 2 ** 52 - 2 ** 52

/** Element `i` as a number; an int64 beyond 2^53 is rounded. */
export function readNumber(dtype: DType, data: TypedArray, i: number): number {
  const v = data[i]!
  if (dtype === 'float16') return fromHalf(v)
  if (dtype === 'bfloat16') return fromBHalf(v)
  return Number(v)
}
/** Puts a number there: rounded to nearest even, whole types toward 0 and by their low bits. */
export function writeNumber(dtype: DType, data: TypedArray, i: number, value: number): void {
  if (dtype === 'int64') bigints(data)[i] = toBigInt(value)
  else if (dtype === 'float16') data[i] = toHalf(value, 10, 15)
  else if (dtype === 'bfloat16') data[i] = toHalf(value, 7, 127)
  else if (dtype === 'bool') data[i] = value ? 1 : 0
  else data[i] = value
}
/** A number as an int64: toward 0; what does not fit, and NaN, as the least one (what processors do). */
export function toBigInt(x: number): bigint {
  const t = Math.trunc(x)
  return t >= -(2 ** 63) && t < 2 ** 63 ? BigInt(t) : -(2n ** 63n)
}

/** The elements as numbers: the array itself unless it holds half types or int64. */
export function numbersOf(dtype: DType, data: TypedArray): NumberArray {
  if (!isHalf(dtype) && dtype !== 'int64') return data
  const out = new Float64Array(data.length)
  for (let i = 0; i < out.length; i++) out[i] = readNumber(dtype, data, i)
  return out
}
/** An array of the type with these numbers. */
export function arrayFrom(dtype: DType, values: ArrayLike<number | bigint | boolean>): TypedArray {
  const out = newArray(dtype, values.length)
  if (dtype === 'int64')
    for (let i = 0; i < out.length; i++) {
      const v = values[i]!
      bigints(out)[i] = typeof v === 'bigint' ? v : toBigInt(Number(v))
    }
  else for (let i = 0; i < out.length; i++) writeNumber(dtype, out, i, Number(values[i]))
  return out
}

/**
 * The element type that each typed array has as a tensor: the numbers stay what they are. Pixels (Uint8Array,
 * Uint8ClampedArray) are uint8: ask for 'float32' to compute with them, for 'bool' to have x ≠ 0. Types that no tensor
 * has become the next wider one; numbers of BigUint64Array must fit int64.
 */
export const typedArrays = {
  Float32Array: 'float32',
  Float64Array: 'float64',
  Float16Array: 'float16',
  Int8Array: 'int8',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
  Int16Array: 'int32',
  Uint16Array: 'int32',
  Int32Array: 'int32',
  Uint32Array: 'int64',
  BigInt64Array: 'int64',
  BigUint64Array: 'int64',
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

/** Can the type hold the number? Fractions lose their part after the point, as in PyTorch. */
export function holds(dtype: DType, v: number | bigint): boolean {
  if (!isInteger(dtype)) return true
  if (typeof v === 'bigint' && dtype === 'int64') return BigInt.asIntN(64, v) === v
  const [least, most] = rangeOf(dtype)
  const t = typeof v === 'bigint' ? v : Math.trunc(v)
  return t >= least && (dtype === 'int64' ? t < most : t <= most)
}
