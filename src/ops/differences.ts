/** Differences between neighbours, and areas under what they sample. */
import { add, mul, sub } from './arithmetic.js'
import { sum } from './broadcast.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { type Kind, kinds, orNull, readOptions } from '../core/options.js'
import { normAxis } from '../core/shape.js'
import { concat } from './join.js'
import { cumsum } from './scan.js'
import { narrow } from './slice.js'
import { Tensor } from './tensor.js'
import { unsqueeze } from './movement.js'

const tensorOrNull = orNull({ rule: 'a tensor', holds: (v) => v instanceof Tensor } satisfies Kind)

export interface DiffOptions {
  n?: number
  axis?: number
  /** Put before x along the axis first. */
  prepend?: Tensor | null
  append?: Tensor | null
}
/**
 * The n-th differences of neighbours along an axis, the last unless another is named.
 * @throws ValueError for n below 0, ShapeError for a scalar
 * @example diff(tensor([1, 4, 9])) // [3, 5]
 */
export function diff(x: Tensor, ...rest: (DiffOptions[keyof DiffOptions] | DiffOptions)[]): Tensor {
  const {
    n = 1,
    axis = -1,
    prepend,
    append,
  } = readOptions<DiffOptions>('diff', rest, {
    n: kinds.integer,
    axis: kinds.integer,
    prepend: tensorOrNull,
    append: tensorOrNull,
  })
  if (x.rank === 0)
    throw new ShapeError({ op: 'diff', rule: 'x must have at least one axis', got: '[]' })
  if (n < 0) throw new ValueError({ op: 'diff', rule: 'n must be 0 or more', got: `${n}` })
  const a = normAxis('diff', axis, x.rank)
  // As in PyTorch: nothing is put beside x where nothing is taken off.
  if (n === 0) return x
  const parts = [prepend, x, append].filter((t) => t instanceof Tensor)
  let y = parts.length > 1 ? concat(parts, a) : x
  for (let i = 0; i < n && y.shape[a]! > 0; i++) {
    const m = y.shape[a]! - 1
    y = sub(narrow(y, a, 1, m), narrow(y, a, 0, m))
  }
  return y
}

export interface TrapezoidOptions {
  /** The distance of neighbours; 1 unless said otherwise. */
  dx?: number
  axis?: number
}
/** The areas between neighbours, and their axis. */
function areas(op: string, y: Tensor, x: Tensor | null | undefined, options?: TrapezoidOptions) {
  const { dx = 1, axis = -1 } = readOptions<TrapezoidOptions>(
    op,
    [options],
    {},
    { dx: kinds.number, axis: kinds.integer },
  )
  const a = normAxis(op, axis, y.rank)
  const n = Math.max(0, (y.shape[a] ?? 0) - 1)
  const mean = mul(add(narrow(y, a, Math.min(1, n), n), narrow(y, a, 0, n)), 0.5)
  if (!x) return { list: mul(mean, dx), axis: a }
  // Places in one vector lie along the axis.
  let places = x
  if (x.rank === 1) for (let i = a + 1; i < y.rank; i++) places = unsqueeze(places, -1)
  return { list: mul(mean, diff(places, { axis: x.rank === 1 ? 0 : a })), axis: a }
}
/** The area under y by trapezoids, at places x or at the distance dx. @example trapezoid(tensor([1, 5, 10])) // 10.5 */
export function trapezoid(y: Tensor, x?: Tensor | null, options?: TrapezoidOptions): Tensor {
  const { list, axis } = areas('trapezoid', y, x, options)
  return sum(list, axis)
}
/** The running area under y by trapezoids. @example cumulativeTrapezoid(tensor([1, 5, 10])) // [3, 10.5] */
export function cumulativeTrapezoid(
  y: Tensor,
  x?: Tensor | null,
  options?: TrapezoidOptions,
): Tensor {
  const { list, axis } = areas('cumulativeTrapezoid', y, x, options)
  return cumsum(list, axis)
}
