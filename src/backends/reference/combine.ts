/** How the plain loops combine elements and check indices. */
import { arrayFrom, bigints, type DType, isFloat, rangeOf } from '../../core/dtype.js'
import { IndexError } from '../../core/errors.js'
import { type Shape, stridesOf } from '../../core/shape.js'
import type { Node, ReduceFn } from '../ir.js'
import { mapFunction } from './scalar.js'

/** A number as an element: int64 are bigints. */
export const elementOf = (dtype: DType, x: number): number =>
  dtype === 'int64' ? (arrayFrom(dtype, [x])[0] as number) : x

/** Strides by which a value of `shape` is read at the coordinates of a shape that it broadcasts to. */
export function broadcastStrides(shape: Shape, to: Shape): number[] {
  const own = stridesOf(shape)
  const extra = to.length - shape.length
  return to.map((_, a) => (a < extra || shape[a - extra] === 1 ? 0 : own[a - extra]!))
}

const start = { sum: 0, prod: 1 }
/** Two values into one; NaN wins over every number. */
export function combine(fn: ReduceFn, dtype: DType): (a: number, b: number) => number {
  if (dtype === 'int64')
    return mapFunction(
      ({ sum: 'add', prod: 'mul', max: 'maximum', min: 'minimum' } as const)[fn],
      dtype,
      dtype,
    ) as (a: number, b: number) => number
  const int = !isFloat(dtype)
  if (fn === 'sum') return int ? (a, b) => (a + b) | 0 : (a, b) => a + b
  if (fn === 'prod') return int ? Math.imul : (a, b) => a * b
  return fn === 'max' ? Math.max : Math.min
}
function startOf(fn: ReduceFn, dtype: DType): number {
  if (dtype === 'bool') return fn === 'max' || fn === 'sum' ? 0 : 1
  if (fn === 'max') return rangeOf(dtype)[0]
  if (fn === 'min') return rangeOf(dtype)[1]
  return start[fn]
}
/** The element that a reduction starts from. */
export function identityOf(fn: ReduceFn, dtype: DType): number {
  const x = startOf(fn, dtype)
  if (dtype !== 'int64') return x
  // The largest int64 is no number.
  return (
    fn === 'min' ? bigints(arrayFrom(dtype, [2n ** 63n - 1n])) : arrayFrom(dtype, [x])
  )[0] as number
}
/** How an element that has a value already gets another. */
export type MergeMode = 'set' | 'add' | 'mul' | 'max' | 'min'
export function merge(mode: MergeMode, dtype: DType): (a: number, b: number) => number {
  if (mode === 'set') return (_, b) => b
  return combine(({ add: 'sum', mul: 'prod', max: 'max', min: 'min' } as const)[mode], dtype)
}
/** Does b beat a, so that the first of equals and NaN stay? */
export const beats = (fn: 'max' | 'min', a: number, b: number) =>
  !Number.isNaN(a) && (Number.isNaN(b) || (fn === 'max' ? b > a : b < a))

export function checkIndex(n: Node, value: number, extent: number): number {
  if (!(value >= 0 && value < extent))
    throw new IndexError({
      op: n.label.operation,
      rule: `an index must lie from 0 to ${extent - 1}`,
      got: `${value}`,
    })
  return value
}
