import { arrayOn, type DType, dtypes, type TypedArray, writeNumber } from '../../core/dtype.js'

/** A number as a type stores it: two words, the low one first. */
export function storedWords(value: number, dtype: DType): [low: number, high: number] {
  scratch.fill(0)
  writeNumber(dtype, scratchOf[dtype], 0, value)
  return [scratch[0]!, scratch[1]!]
}
const scratch = new Int32Array(2)
const scratchOf = Object.fromEntries(
  dtypes.map((d) => [d, arrayOn(d, scratch.buffer, 0, 1)]),
) as Record<DType, TypedArray>
