/** What movement operations are written with. See movement.ts. */
import type { View } from '../backends/ir.js'
import { ShapeError } from '../core/errors.js'
import { type Shape, show, sizeOf } from '../core/shape.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'

/** The view that maps every axis to itself; the start of others. */
export function identityView(shape: Shape): {
  shape: number[]
  offset: number[]
  axes: [axis: number, step: number][][]
} {
  return {
    shape: [...shape],
    offset: shape.map(() => 0),
    axes: shape.map((_, a) => [[a, 1]]),
  }
}

/** Records a view primitive. */
export const recordView = (x: Tensor, v: View): Tensor => prim({ op: 'view', view: v }, [x])

/** The shape with its one −1 replaced by what the size asks for. */
export function resolveShape(op: string, shape: Shape, size: number, got: Shape): number[] {
  const unknown = shape.indexOf(-1)
  const out = [...shape]
  if (unknown >= 0) {
    const rest = shape.reduce((n, d, i) => (i === unknown ? n : n * d), 1)
    out[unknown] = rest === 0 ? 0 : size / rest
  }
  if (out.some((d) => !Number.isInteger(d) || d < 0) || sizeOf(out) !== size)
    throw new ShapeError({
      op,
      rule: `the ${size} elements of ${show(got)} must fill the new shape`,
      got: show(shape),
      fix: 'One extent may be -1: it is computed.',
    })
  return out
}
