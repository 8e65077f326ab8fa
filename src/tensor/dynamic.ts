/** Functions whose result's shape depends on the values: they read them, so they cannot be compiled. */
import { expand, reshape } from '../ops/broadcast.js'
import { show, ShapeError } from '../core/errors.js'
import { kinds, orNull, type PlacesOr, readOptions } from '../core/options.js'
import { broadcastShapes, normAxis, sameShape } from '../core/shape.js'
import { type CloseOptions, closePlaces } from '../ops/composed.js'
import { requireType } from '../ops/define.js'
import { indexSelect } from '../ops/indexing.js'
import { flatten, transpose } from '../ops/movement.js'
import { select } from '../ops/slice.js'
import { fromData, type Tensor } from '../ops/tensor.js'

/**
 * The coordinates of elements that are not 0, one row each (int32); with `asTuple` a vector for each axis, as `at` takes
 * them.
 * @example nonzero(tensor([0, 5, 6])) // [[1], [2]]
 */
export function nonzero(x: Tensor): Tensor
export function nonzero(x: Tensor, options: { asTuple: true }): Tensor[]
export function nonzero(x: Tensor, options: { asTuple?: boolean }): Tensor | Tensor[]
export function nonzero(x: Tensor, options?: { asTuple?: boolean }): Tensor | Tensor[] {
  const { asTuple = false } = readOptions<{ asTuple?: boolean }>(
    'nonzero',
    [options],
    {},
    { asTuple: kinds.flag },
  )
  if (asTuple && x.rank === 0) return nonzero(reshape(x, [1]), { asTuple })
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
  const found = fromData(Int32Array.from(rows), [count, x.rank], 'int32', x.backend)
  return asTuple ? x.shape.map((_, a) => select(found, 1, a)) : found
}
/** PyTorch's other name of `nonzero`. @example argwhere(tensor([0, 5, 6])) // [[1], [2]] */
export const argwhere = (x: Tensor): Tensor => nonzero(x)

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

/** What `unique` and `uniqueConsecutive` give. */
export interface Distinct {
  values: Tensor
  /** Where each element, or slice, went among the values. */
  inverse: Tensor
  counts: Tensor
}

export interface DistinctOptions {
  /** Slices along it are compared; without one, elements are. */
  axis?: number | null
}
/** Slices of an axis as rows of numbers; without an axis every element is a row. */
function rowsOf(op: string, x: Tensor, axis: number | undefined | null) {
  const whole = axis === undefined || axis === null
  const a = whole ? 0 : normAxis(op, axis, x.rank)
  const t = whole ? reshape(x, [x.size]) : x.rank === 0 ? reshape(x, [1]) : transpose(x, a, 0)
  const n = t.shape[0]!
  const width = n === 0 ? 0 : t.size / n
  if (!whole && n > 0 && width === 0)
    throw new ShapeError({
      op,
      rule: 'slices along the axis must hold elements',
      got: show(x.shape),
    })
  const data = t.toTypedArray()
  const order = (i: number, j: number) => {
    for (let k = 0; k < width; k++) {
      const [p, q] = [data[i * width + k]!, data[j * width + k]!]
      // NaN comes last.
      if (p < q || (!Number.isNaN(p) && Number.isNaN(q))) return -1
      if (p > q || (Number.isNaN(p) && !Number.isNaN(q))) return 1
    }
    return 0
  }
  const results = (kept: number[], inverse: Int32Array, counts: number[]): Distinct => {
    const index = fromData(Int32Array.from(kept), [kept.length], 'int32', x.backend)
    const rows = indexSelect(t, 0, index)
    return {
      values: whole || x.rank === 0 ? rows : transpose(rows, a, 0),
      inverse: fromData(inverse, whole ? x.shape : [n], 'int32', x.backend),
      counts: fromData(Int32Array.from(counts), [counts.length], 'int32', x.backend),
    }
  }
  return { n, order, results }
}

/** Groups places that are equal and next to each other in `sequence`. */
function grouped(
  op: string,
  x: Tensor,
  options: DistinctOptions | undefined,
  sorted: boolean,
): Distinct {
  const { axis } = readOptions<DistinctOptions>(op, [options], {}, { axis: orNull(kinds.integer) })
  const { n, order, results } = rowsOf(op, x, axis)
  const sequence = Array.from({ length: n }, (_, i) => i)
  if (sorted) sequence.sort((i, j) => order(i, j) || i - j)
  const kept: number[] = []
  const counts: number[] = []
  const inverse = new Int32Array(n)
  for (const [at, i] of sequence.entries()) {
    if (at === 0 || order(sequence[at - 1]!, i) !== 0) {
      kept.push(i)
      counts.push(0)
    }
    counts[counts.length - 1]!++
    inverse[i] = kept.length - 1
  }
  return results(kept, inverse, counts)
}

/**
 * The distinct elements in order (or the distinct slices of an axis), where each went, and how often each occurs.
 * @throws ShapeError when slices of the axis are empty
 * @example unique(tensor([3, 1, 3])).values // [1, 3]
 */
export const unique = (x: Tensor, options?: DistinctOptions): Distinct =>
  grouped('unique', x, options, true)

/**
 * The elements (or slices of an axis) without those that equal the one before.
 * @example uniqueConsecutive(tensor([1, 1, 3, 1])).values // [1, 3, 1]
 */
export const uniqueConsecutive = (x: Tensor, options?: DistinctOptions): Distinct =>
  grouped('uniqueConsecutive', x, options, false)

/** Have both the same shape and the same numbers? NaN equals nothing. @example equal(tensor([1]), tensor([1])) // true */
export function equal(a: Tensor, b: Tensor): boolean {
  if (!sameShape(a.shape, b.shape)) return false
  const [x, y] = [a.toTypedArray(), b.toTypedArray()]
  return x.every((v, i) => v === y[i])
}

/** Do both hold the same numbers within |a − b| ≤ atol + rtol |b|? @example allclose(tensor([1]), tensor([1.000001])) // true */
export function allclose(a: Tensor, b: Tensor, ...rest: PlacesOr<CloseOptions>): boolean {
  const {
    rtol = 1e-5,
    atol = 1e-8,
    equalNan = false,
  } = readOptions<CloseOptions>('allclose', rest, closePlaces)
  const shape = broadcastShapes('allclose', a.shape, b.shape)
  const x = expand(a, shape).toTypedArray()
  const y = expand(b, shape).toTypedArray()
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [x[i]!, y[i]!]
    if (p === q || (equalNan && Number.isNaN(p) && Number.isNaN(q))) continue
    if (!(Number.isFinite(q) && Math.abs(p - q) <= atol + rtol * Math.abs(q))) return false
  }
  return true
}
