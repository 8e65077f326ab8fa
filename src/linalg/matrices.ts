/** What every function of matrices shares: stacks of them as one batch, and the checks of their arguments. */
import { DTypeError, ShapeError } from '../core/errors.js'
import { isFloat } from '../core/dtype.js'
import { broadcastShapes, type Shape, show, sizeOf } from '../core/shape.js'
import { cast } from '../ops/arithmetic.js'
import { expand, reshape, sum, swap } from '../ops/broadcast.js'
import { operand, type SampleMaker, type TensorLike } from '../ops/define.js'
import type { Tensor } from '../ops/tensor.js'
import { prim } from '../ops/trace.js'
import type { Known } from '../backends/prims.js'

/** A float tensor of matrices. @throws ShapeError for fewer than two axes, or where `square` is asked for and not met */
export function matrices(op: string, x: TensorLike, square = false): Tensor {
  const t = operand(op, x)
  if (!isFloat(t.dtype))
    throw new DTypeError({
      op,
      rule: 'matrices must be of a floating-point type',
      got: t.dtype,
      fix: "t.to('float32') converts.",
    })
  if (t.rank < 2)
    throw new ShapeError({ op, rule: 'there must be at least two axes', got: show(t.shape) })
  const [m, n] = t.shape.slice(-2)
  if (square && m !== n)
    throw new ShapeError({ op, rule: 'the matrices must be square', got: show(t.shape) })
  return t
}

/** (..., m, n) as (batch, m, n), and the axes that were before. */
export function flat(x: Tensor, inner = 2): { x: Tensor; batch: Shape } {
  const batch = x.shape.slice(0, x.rank - inner)
  return { x: reshape(x, [sizeOf(batch), ...x.shape.slice(x.rank - inner)]), batch }
}
/** (batch, ...) under its own axes again. */
export const unflat = (x: Tensor, batch: Shape): Tensor =>
  reshape(x, [...batch, ...x.shape.slice(1)])

/** Every output of a primitive on (batch, ...) tensors, under the batch axes of the first. */
export function outputs(
  p: Known,
  inputs: readonly Tensor[],
  count: number,
  batch: Shape,
): Tensor[] {
  const first = prim(p, inputs)
  return Array.from({ length: count }, (_, index) =>
    unflat(index === 0 ? first : prim({ op: 'output', index }, [first]), batch),
  )
}

/** What a factorization of matrices without elements says of itself: 0 for each. */
export const noFault = (x: Tensor): Tensor => cast(sum(x, [-2, -1]), 'int32')

/** In float64, for what is computed in that alone. */
export const wide = (x: Tensor): Tensor => (x.dtype === 'float64' ? x : cast(x, 'float64'))

/** Matrices and right-hand sides under the batch axes that they broadcast to. */
export function aligned(op: string, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const batch = broadcastShapes(op, a.shape.slice(0, -2), b.shape.slice(0, -2))
  return [expand(a, [...batch, ...a.shape.slice(-2)]), expand(b, [...batch, ...b.shape.slice(-2)])]
}

/** Transposed matrices. */
export const t = swap

/** The identity for samples, made of what the laws give alone: they run on the built package too. */
export const unit = (m: SampleMaker, n: number): Tensor =>
  m.of(Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j))))
