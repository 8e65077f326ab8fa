/** What the functions of this room share: leading axes, windows and magnitudes. */
import { newArray, writeNumber } from '../core/dtype.js'
import { ShapeError, show } from '../core/errors.js'
import { add, mul, where } from '../ops/arithmetic.js'
import { reshape } from '../ops/broadcast.js'
import { gt } from '../ops/compare.js'
import { pow } from '../ops/elementwise.js'
import { square } from '../ops/functions.js'
import { select } from '../ops/slice.js'
import { backendOf, fromData, keep, type Tensor } from '../ops/tensor.js'
import { checkFloats } from '../ops/window.js'

/** @throws DTypeError, ShapeError unless x has floats and at least so many axes, the last of them named */
export function requireAxes(op: string, x: Tensor, ...axes: string[]): void {
  checkFloats(op, x)
  if (x.rank < axes.length)
    throw new ShapeError({ op, rule: `x is (..., ${axes.join(', ')})`, got: show(x.shape) })
}

/** @throws ShapeError unless x is a spectrogram of pairs, (..., frequencies, frames, 2) */
export function requirePairs(op: string, x: Tensor): void {
  requireAxes(op, x, 'frequencies', 'frames', '2')
  if (x.shape[x.rank - 1] !== 2)
    throw new ShapeError({
      op,
      rule: 'a complex spectrogram has pairs in its last axis, (..., frequencies, frames, 2)',
      got: show(x.shape),
      fix: 'spectrogram with power null gives pairs.',
    })
}

/** Numbers that are computed once, as a tensor of the type and on the backend of those that meet it. */
export class Constant {
  readonly #data: ArrayLike<number>
  readonly #shape: readonly number[]
  readonly #kept = new Map<string, Tensor>()
  constructor(data: ArrayLike<number>, shape: readonly number[]) {
    this.#data = data
    this.#shape = shape
  }
  static of(t: Tensor): Constant {
    return new Constant(t.toTypedArray() as ArrayLike<number>, t.shape)
  }
  like(x: Tensor): Tensor {
    const key = `${backendOf('constant', [x]).name} ${x.dtype}`
    let found = this.#kept.get(key)
    if (!found) {
      // A `tidy` around the first call must not take it from the second.
      found = keep(placed(x, this.#data, this.#shape))
      this.#kept.set(key, found)
    }
    return found
  }
}
// Not by `tensor`: within a trace that may be a value of the trace.
function placed(x: Tensor, data: ArrayLike<number>, shape: readonly number[], dtype = x.dtype) {
  const array = newArray(dtype, data.length)
  for (let i = 0; i < data.length; i++) writeNumber(dtype, array, i, data[i]!)
  return fromData(array, shape, dtype, backendOf('constant', [x]))
}
/** A list of numbers where x is, of its type unless another is named. */
export const numbers = (x: Tensor, list: readonly number[], dtype = x.dtype): Tensor =>
  placed(x, list, [list.length], dtype)

/** Runs f on all but the last n axes as one, and gives the leading axes back to its result. */
export function packed(x: Tensor, n: number, f: (x: Tensor) => Tensor): Tensor {
  const lead = x.shape.slice(0, x.rank - n)
  const y = f(reshape(x, [lead.reduce((a, b) => a * b, 1), ...x.shape.slice(x.rank - n)]))
  return reshape(y, [...lead, ...y.shape.slice(1)])
}

/** |z|^power of pairs; its gradient where z is 0 is 0, as in PyTorch, not infinite. */
export function magnitude(z: Tensor, power: number): Tensor {
  const axis = z.rank - 1
  const squares = add(square(select(z, axis, 0)), square(select(z, axis, 1)))
  if (power === 2) return squares
  const some = gt(squares, 0)
  return where(some, pow(where(some, squares, 1), power / 2), mul(squares, 0))
}
