/**
 * Sums of tensors that are zero but for a part each, the parts being apart: what the gradients of `narrow`, `split`,
 * `select` and their like give. Nothing has to be added up: the parts lie side by side in one tensor.
 */
import { type Shape, sameShape, sizeOf } from '../../core/shape.js'
import type { Prim } from '../ir.js'
import { movePrims } from './move.js'
import type { Made, Make } from './record.js'

/** A part: the place of its first element, and its extents along the axes of the whole. */
interface Piece<T> {
  value: T
  prim: Extract<Prim, { op: 'place' }>
  start: readonly number[]
  extent: number[]
}

/** Parts of a sum, at most: each is compared with all others. */
const MOST = 16

/** The view as a box, axes in their order, steps of 1; those that it lacks have one place. */
function boxOf(prim: Extract<Prim, { op: 'place' }>): number[] | undefined {
  const { view, shape } = prim
  const extent = new Array<number>(shape.length).fill(1)
  let last = -1
  for (let o = 0; o < view.axes.length; o++) {
    const parts = view.axes[o]!
    if (parts.length !== 1) return undefined
    const [axis, step] = parts[0]!
    if (step !== 1 || axis <= last) return undefined
    extent[axis] = view.shape[o]!
    last = axis
  }
  return extent
}

/** The parts that a value is made of, on zeros; undefined if it is not made so. */
function piecesOf<T extends Made<T>>(v: T): Piece<T>[] | undefined {
  const list: Piece<T>[] = []
  for (let at = v; ; ) {
    const { prim } = at
    if (prim.op !== 'place' || list.length === MOST) return undefined
    const extent = boxOf(prim)
    if (!extent) return undefined
    list.push({ value: at.inputs[0]!, prim, start: prim.view.offset, extent })
    if (at.inputs.length === 1) return Object.is(prim.fill, 0) ? list.reverse() : undefined
    at = at.inputs[1]!
  }
}

function apart(a: Piece<unknown>, b: Piece<unknown>): boolean {
  for (let i = 0; i < a.start.length; i++) {
    const [p, q] = [a.start[i]!, b.start[i]!]
    if (p + a.extent[i]! <= q || q + b.extent[i]! <= p) return true
  }
  return false
}

/** The axis along which the parts, in order, make up the whole. */
function joinedAlong(pieces: readonly Piece<unknown>[], shape: Shape): number | undefined {
  const axis = shape.findIndex((n, i) => pieces[0]!.extent[i] !== n)
  if (axis < 0) return undefined
  let next = 0
  for (const { start, extent } of pieces) {
    if (extent.some((n, i) => i !== axis && n !== shape[i]) || start[axis] !== next)
      return undefined
    next += extent[axis]!
  }
  return next === shape[axis] ? axis : undefined
}

/** The parts side by side along an axis where they are the whole, else those of the second put into the first. */
function sumOfPieces<T extends Made<T>>(a: T, b: T, make: Make<T>): T | undefined {
  const { shape } = a
  const [first, second] = [piecesOf(a), piecesOf(b)]
  if (!first || !second || !sameShape(shape, b.shape)) return undefined
  const all = [...first, ...second]
  if (all.length > MOST || sizeOf(shape) === 0) return undefined
  for (let i = 0; i < all.length; i++)
    for (let k = 0; k < i; k++) if (!apart(all[i]!, all[k]!)) return undefined
  const sorted = [...all].sort((x, y) => {
    const axis = x.start.findIndex((n, i) => n !== y.start[i])
    return x.start[axis]! - y.start[axis]!
  })
  const axis = joinedAlong(sorted, shape)
  if (axis === undefined)
    return second.reduce(
      (into, { value, prim }) => make({ ...prim, accumulate: false }, [value, into]),
      a,
    )
  const whole = sorted.map(({ value, extent }) => make({ op: 'reshape', shape: extent }, [value]))
  return make({ op: 'concat', axis }, whole)
}

/** `place` as operations record it that take parts of tensors. */
export const piecePrims = { place: { ...movePrims.place, plus: sumOfPieces } }
