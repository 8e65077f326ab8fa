/** Functions whose result's shape depends on the values: they read them, so they cannot be compiled. */
import { expand } from '../ops/broadcast.js'
import { show, ShapeError } from '../core/errors.js'
import { kinds, type PlacesOr, readOptions } from '../core/options.js'
import { broadcastShapes } from '../core/shape.js'
import { requireType } from '../ops/define.js'
import { indexSelect } from '../ops/indexing.js'
import { flatten } from '../ops/movement.js'
import { fromData, type Tensor } from '../ops/tensor.js'

/** The coordinates of elements that are not 0, one row each (int32). @example nonzero(tensor([0, 5, 6])) // [[1], [2]] */
export function nonzero(x: Tensor): Tensor {
  const data = x.toTypedArray()
  const rows: number[] = []
  let count = 0
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 0) continue
    count++
    let rest = i
    const at: number[] = []
    for (let a = x.rank - 1; a >= 0; a--) {
      at.unshift(rest % x.shape[a]!)
      rest = Math.floor(rest / x.shape[a]!)
    }
    rows.push(...at)
  }
  return fromData(Int32Array.from(rows), [count, x.rank], 'int32', x.backend)
}

/** The elements where the mask holds, in row-major order; differentiable. @example maskedSelect(tensor([1, 2]), tensor([true, false])) // [1] */
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  requireType('maskedSelect', mask, 'bool')
  const shape = broadcastShapes('maskedSelect', x.shape, mask.shape)
  const data = expand(mask, shape).toTypedArray()
  const places: number[] = []
  for (let i = 0; i < data.length; i++) if (data[i]) places.push(i)
  const index = fromData(Int32Array.from(places), [places.length], 'int32', x.backend)
  return indexSelect(flatten(expand(x, shape)), 0, index)
}

/**
 * The distinct elements in order, where each element went, and how often each occurs.
 * @example unique(tensor([3, 1, 3])).values // [1, 3]
 */
export function unique(x: Tensor): { values: Tensor; inverse: Tensor; counts: Tensor } {
  const data = x.toTypedArray()
  const values = [...new Set<number>(data as Iterable<number>)].sort((a, b) =>
    Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : a - b,
  )
  const place = new Map(values.map((v, i) => [v, i]))
  const counts = new Int32Array(values.length)
  const inverse = Int32Array.from(data as Iterable<number>, (v) => {
    const i = place.get(v)!
    counts[i]!++
    return i
  })
  const array = data.slice(0, values.length)
  array.set(values)
  return {
    values: fromData(array, [values.length], x.dtype, x.backend),
    inverse: fromData(inverse, x.shape, 'int32', x.backend),
    counts: fromData(counts, [values.length], 'int32', x.backend),
  }
}

const closePlaces = { rtol: kinds.number, atol: kinds.number, equalNan: kinds.flag }
export interface AllcloseOptions {
  rtol?: number
  atol?: number
  equalNan?: boolean
}
/** Do both hold the same numbers within |a − b| ≤ atol + rtol |b|? @example allclose(tensor([1]), tensor([1.000001])) // true */
export function allclose(a: Tensor, b: Tensor, ...rest: PlacesOr<AllcloseOptions>): boolean {
  const {
    rtol = 1e-5,
    atol = 1e-8,
    equalNan = false,
  } = readOptions<AllcloseOptions>('allclose', rest, closePlaces)
  if (show(a.shape) !== show(b.shape))
    throw new ShapeError({
      op: 'allclose',
      rule: 'the shapes must be equal',
      got: `${show(a.shape)} and ${show(b.shape)}`,
    })
  const x = a.toTypedArray()
  const y = b.toTypedArray()
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [x[i]!, y[i]!]
    if (p === q || (equalNan && Number.isNaN(p) && Number.isNaN(q))) continue
    if (!(Math.abs(p - q) <= atol + rtol * Math.abs(q))) return false
  }
  return true
}
