/** Views by strides, and tensors that are written into a view of another. */
import type { View } from '../backends/ir.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape, type Shape, sizeOf } from '../core/shape.js'
import { reshape, zerosOf } from './broadcast.js'
import { defineOp, type Grads, toType } from './define.js'
import { flatten, viewed } from './movement.js'
import { diagonal } from './slice.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'

/** x with `source` in the places of a view of it, which must not meet. */
const overlaid = defineOp({
  name: 'overlaid',
  formula: 'y = x, but y[view(i)] = source[i]',
  args: (x: Tensor, source: Tensor, v: View) => ({ inputs: [x, source], attrs: { view: v } }),
  forward: ([x, source], { view: v }) =>
    prim({ op: 'place', shape: x!.shape, view: v, fill: 0, accumulate: false }, [source!, x!]),
  halves: true,
  dynamic: true,
  vjp: (ct, [, source], _y, { view: v }): Grads => [
    overlaid(ct, zerosOf(source!), v),
    viewed(ct, v),
  ],
  example: (m) => [
    [m.of([1, 2, 3]), m.of([9]), { shape: [1], offset: [1], axes: [[[0, 1]]] }],
    [1, 9, 3],
  ],
  samples: (m) => [
    [
      m.float([4, 3]),
      m.float([2, 2]),
      { shape: [2, 2], offset: [1, 0], axes: [[[0, 1]], [[1, 2]]] },
    ],
    [m.float([3]), m.float([0]), { shape: [0], offset: [0], axes: [[[0, 1]]] }],
  ],
})

/** The view of a flat tensor of n elements; PyTorch's checks. */
function stridedView(op: string, n: number, size: Shape, stride: Shape, offset: number): View {
  if (size.length !== stride.length)
    throw new ShapeError({
      op,
      rule: 'size and stride have one number an axis',
      got: `${show(size)} and ${show(stride)}`,
    })
  if (![...size, ...stride, offset].every((v) => Number.isInteger(v) && v >= 0))
    throw new ValueError({
      op,
      rule: 'sizes, strides and the offset are whole numbers from 0 up',
      got: `${show(size)}, ${show(stride)}, ${offset}`,
    })
  const last = size.reduce((sum, m, a) => sum + (m - 1) * stride[a]!, offset)
  if (sizeOf(size) > 0 && last >= n)
    throw new ShapeError({
      op,
      rule: `the last element must be among the ${n} of x`,
      got: `element ${last}`,
    })
  // A view of the one axis of the flat tensor: place = offset + Σ stride · index.
  return {
    shape: [...size],
    offset: [sizeOf(size) > 0 ? offset : 0],
    axes: stride.map((step) => [[0, step]]),
  }
}

/**
 * Elements of x at offset + Σ strideₐ · iₐ, counted in row-major order (in PyTorch: in memory).
 *
 * Shapes: x any, result `size`. https://pytorch.org/docs/stable/generated/torch.as_strided.html
 * @throws ShapeError where that is outside of x
 * @example asStrided(tensor([1, 2, 3, 4]), [2, 3], [1, 1]) // [[1, 2, 3], [2, 3, 4]]
 */
export const asStrided = (x: Tensor, size: Shape, stride: Shape, storageOffset = 0): Tensor =>
  viewed(flatten(x), stridedView('asStrided', x.size, size, stride, storageOffset))

/**
 * x with `source` at the places that `asStrided` reads; they must not meet.
 *
 * Shapes: source `size`, result that of x. https://pytorch.org/docs/stable/generated/torch.as_strided_scatter.html
 * @throws ShapeError where that is outside of x, or for another source
 * @example asStridedScatter(tensor([1, 2, 3, 4]), tensor([8, 9]), [2], [2], 1) // [1, 8, 3, 9]
 */
export function asStridedScatter(
  x: Tensor,
  source: Tensor,
  size: Shape,
  stride: Shape,
  storageOffset = 0,
): Tensor {
  const op = 'asStridedScatter'
  if (!sameShape(source.shape, size))
    throw new ShapeError({ op, rule: `source must be ${show(size)}`, got: show(source.shape) })
  const v = stridedView(op, x.size, size, stride, storageOffset)
  return reshape(overlaid(flatten(x), toType(source, x.dtype), v), x.shape)
}

/**
 * x with `source` on the diagonal that `diagonal` reads.
 *
 * Shapes: source that of the diagonal, result that of x. https://pytorch.org/docs/stable/generated/torch.diagonal_scatter.html
 * @throws ShapeError for another source
 * @example diagonalScatter(tensor([[1, 2], [3, 4]]), tensor([8, 9])) // [[8, 2], [3, 9]]
 */
export function diagonalScatter(
  x: Tensor,
  source: Tensor,
  offset = 0,
  axisA = 0,
  axisB = 1,
): Tensor {
  const { view: v } = diagonal.spec.args(x, offset, axisA, axisB).attrs as { view: View }
  if (!sameShape(v.shape, source.shape))
    throw new ShapeError({
      op: 'diagonalScatter',
      rule: `source must be ${show(v.shape)}`,
      got: show(source.shape),
    })
  return overlaid(x, toType(source, x.dtype), v)
}
