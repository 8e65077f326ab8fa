/** Operations that move elements: shapes, axes, slices, joins. Eagerly most of them are views without a copy. */
import type { View } from '../backends/ir.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { normAxis, type Shape, sameShape, show, sizeOf } from '../core/shape.js'
import { defineOp, type Grads, operand, type TensorLike } from './define.js'
import { sumTo } from './reduce.js'
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
export const view = (x: Tensor, v: View): Tensor => prim({ op: 'view', view: v }, [x])
/** The adjoint of a view: `x` put at its places in zeros of `shape`; places named twice add up. */
export const unview = (x: Tensor, v: View, shape: Shape): Tensor =>
  prim({ op: 'place', shape, view: v, fill: 0, accumulate: true }, [x])

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

/**
 * The same elements in row-major order under another shape; one extent may be −1.
 * @throws ShapeError when the number of elements differs
 * @example reshape(tensor([[1, 2], [3, 4]]), [4]) // [1, 2, 3, 4]
 */
export const reshape = defineOp({
  name: 'reshape',
  formula: 'y[flat] = x[flat]',
  args: (x: TensorLike, shape: Shape) => {
    const t = operand('reshape', x)
    return {
      inputs: [t],
      attrs: { shape: resolveShape('reshape', shape, t.size, t.shape), from: t.shape },
    }
  },
  forward: ([x], { shape }) => prim({ op: 'reshape', shape }, [x!]),
  vjp: (ct, _inputs, _y, { from }): Grads => [reshape(ct, from)],
  example: (m) => [
    [
      m.of([
        [1, 2],
        [3, 4],
      ]),
      [4],
    ],
    [1, 2, 3, 4],
  ],
  samples: (m) => [
    [m.float([2, 6]), [3, -1]],
    [m.float([]), [1, 1]],
    [m.float([0, 3]), [3, 0]],
    [m.float([1]), []],
    [m.int([4], 0, 9), [2, 2]],
  ],
})

/**
 * Repeats axes of extent 1 (and new leading axes) to the shape without a copy; −1 keeps an extent.
 * @throws ShapeError when an extent that is not 1 would change
 * @example expand(tensor([[1], [2]]), [2, 2]) // [[1, 1], [2, 2]]
 */
export const expand = defineOp({
  name: 'expand',
  formula: 'y[.., i, ..] = x[.., 0, ..] on repeated axes; the gradient is summed over them',
  args: (x: TensorLike, shape: Shape) => {
    const t = operand('expand', x)
    const extra = shape.length - t.rank
    const to = shape.map((n, i) => (n === -1 && i >= extra ? t.shape[i - extra]! : n))
    if (
      extra < 0 ||
      to.some(
        (n, i) => n < 0 || (i >= extra && t.shape[i - extra] !== 1 && t.shape[i - extra] !== n),
      )
    )
      throw new ShapeError({
        op: 'expand',
        rule: `only axes of extent 1, and new leading ones, expand; x is ${show(t.shape)}`,
        got: show(shape),
      })
    return { inputs: [t], attrs: { shape: to, from: t.shape } }
  },
  forward: ([x], { shape }) => {
    const extra = shape.length - x!.rank
    return view(x!, {
      shape,
      offset: x!.shape.map(() => 0),
      axes: shape.map((n, i) => (i < extra || x!.shape[i - extra] !== n ? [] : [[i - extra, 1]])),
    })
  },
  vjp: (ct, _inputs, _y, { from }) => [sumTo(ct, from)],
  example: (m) => [
    [m.of([[1], [2]]), [2, 2]],
    [
      [1, 1],
      [2, 2],
    ],
  ],
  samples: (m) => [
    [m.float([2, 1]), [2, 3]],
    [m.float([3]), [2, -1]],
    [m.float([]), [2, 2]],
    [m.float([1, 3]), [0, 3]],
    [m.float([0]), [2, 0]],
  ],
})

/**
 * The axes in another order.
 * @throws ShapeError unless `order` names every axis once
 * @example permute(zeros([2, 3, 4]), [2, 0, 1]).shape // [4, 2, 3]
 */
export const permute = defineOp({
  name: 'permute',
  formula: 'axis i of y is axis order[i] of x',
  args: (x: TensorLike, order: readonly number[]) => {
    const t = operand('permute', x)
    const axes = order.map((a) => normAxis('permute', a, t.rank))
    if (axes.length !== t.rank || new Set(axes).size !== t.rank)
      throw new ShapeError({
        op: 'permute',
        rule: `every one of the ${t.rank} axes must be named once`,
        got: show(order),
      })
    return { inputs: [t], attrs: { axes } }
  },
  forward: ([x], { axes }) =>
    view(x!, {
      shape: axes.map((a) => x!.shape[a]!),
      offset: axes.map(() => 0),
      axes: axes.map((a) => [[a, 1]]),
    }),
  vjp: (ct, _inputs, _y, { axes }): Grads => [
    permute(
      ct,
      axes.map((_, a) => axes.indexOf(a)),
    ),
  ],
  example: (m) => [
    [
      m.of([
        [1, 2],
        [3, 4],
      ]),
      [1, 0],
    ],
    [
      [1, 3],
      [2, 4],
    ],
  ],
  samples: (m) => [
    [m.float([2, 3, 4]), [2, 0, 1]],
    [m.float([]), []],
    [m.float([2, 0]), [-1, 0]],
    [m.int([2, 3], 0, 9), [1, 0]],
  ],
})

/** Two axes exchanged. @example transpose(tensor([[1, 2]]), 0, 1) // [[1], [2]] */
export function transpose(x: Tensor, axisA: number, axisB: number): Tensor {
  const a = normAxis('transpose', axisA, x.rank)
  const b = normAxis('transpose', axisB, x.rank)
  const order = x.shape.map((_, i) => (i === a ? b : i === b ? a : i))
  return permute(x, order)
}

void sameShape
void ValueError
