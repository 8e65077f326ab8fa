/** Coordinates of a shape, one after the other, and where they lie. */
import { type Shape, sizeOf } from '../../core/shape.js'

/** Calls `f` with every coordinate of the shape, in row-major order. */
export function each(shape: Shape, f: (at: number[], flat: number) => void): void {
  const n = sizeOf(shape)
  const at = new Array<number>(shape.length).fill(0)
  for (let flat = 0; flat < n; flat++) {
    f(at, flat)
    for (let a = shape.length - 1; a >= 0; a--) {
      if (++at[a]! < shape[a]!) break
      at[a] = 0
    }
  }
}

/** Where a coordinate lies in memory. */
export function place(at: readonly number[], strides: readonly number[]): number {
  let p = 0
  for (let a = 0; a < strides.length; a++) p += at[a]! * strides[a]!
  return p
}
