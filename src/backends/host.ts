/**
 * What storages in the memory of this process share. Functions and not a base class: the file of the native backend is
 * evaluated before the one that this lands in when the package is built, and only calls may look there.
 */
import { arrayFrom, type DType, newArray, type TypedArray } from '../core/dtype.js'
import { BackendError } from '../core/errors.js'
import { type Shape, sizeOf } from '../core/shape.js'
import type { Storage } from './backend.js'
import type { HostArray } from './ir.js'

export interface HostStorage extends Storage {
  /** The elements as they are. Get them anew for each use: they may move. */
  array(): TypedArray
}

/** The elements of a storage of a CPU backend. */
export const hostArray = (s: Storage): TypedArray => (s as HostStorage).array()

export const readHost = (
  s: HostStorage,
  offset = 0,
  count: number = s.length - offset,
): TypedArray => s.array().slice(offset, offset + count)

export function writeHost(
  s: HostStorage,
  from: TypedArray | ((to: TypedArray) => void),
  offset = 0,
): void {
  if (typeof from === 'function') from(s.array())
  else s.array().set(from, offset)
}

export function fillHost(
  s: HostStorage,
  value: number,
  offset = 0,
  count: number = s.length - offset,
): void {
  s.array().fill(arrayFrom(s.dtype, [value])[0]!, offset, offset + count)
}

/** Room for the elements of tensors, one behind the other. */
export function sideBySide(
  tensors: readonly { readonly shape: Shape; readonly dtype: DType }[],
  op: string,
): HostArray[] {
  const dtype = tensors[0]?.dtype ?? 'float32'
  const other = tensors.find((t) => t.dtype !== dtype)
  if (other)
    throw new BackendError({
      op,
      rule: 'what lies together has one type',
      got: `${dtype} and ${other.dtype}`,
    })
  const all = newArray(
    dtype,
    tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
  )
  let first = 0
  return tensors.map(({ shape }) => {
    const own = all.subarray(first, first + sizeOf(shape))
    first += sizeOf(shape)
    return { shape, dtype, data: () => own }
  })
}
