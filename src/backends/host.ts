/**
 * What storages in the memory of this process share. Functions and not a base class: the file of the native backend is
 * evaluated before the one that this lands in when the package is built, and only calls may look there.
 */
import { arrayFrom, type TypedArray } from '../core/dtype.js'
import type { Storage } from './backend.js'

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
