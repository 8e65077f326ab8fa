/** Operations that move elements: shapes, axes, slices, joins. Eagerly most of them are views without a copy. */
import type { View } from '../backends/ir.js'
import { viewLayout } from '../backends/layout.js'
import { ShapeError } from '../core/errors.js'
import {
  isContiguous,
  normAxes,
  normAxis,
  type Shape,
  show,
  sizeOf,
  stridesOf,
} from '../core/shape.js'
import { defineMove, defineOp, type Grads, operand, type TensorLike } from './define.js'
import { assignEager, moved } from './eager.js'
import { sumTo } from './reduced.js'
import { filled, type Tensor } from './tensor.js'
import { prim } from './trace.js'
import { identityView, resolveShape } from './views.js'

/**
 * The adjoint of a view: x put at the view's places in zeros of `shape`; values that meet add up.
 * @example placed(tensor([1, 2]), { shape: [2], offset: [1], axes: [[[0, 1]]] }, [3]) // [0, 1, 2]
 */
export const placed = defineOp({
  name: 'placed',
  formula: 'y[view(i)] += x[i]',
  args: (x: Tensor, v: View, shape: Shape) => ({ inputs: [x], attrs: { view: v, shape } }),
  forward: ([x], { view: v, shape }) =>
    prim({ op: 'place', shape, view: v, fill: 0, accumulate: true }, [x!]),
  // A stretch of memory is written into zeros by a copy, one program for all places of it.
  eager: ([x], { view: v, shape }) => {
    if (!x!.storage) return undefined
    const { strides } = viewLayout(v, stridesOf(shape), 0)
    if (!isContiguous(v.shape, strides)) return undefined
    const y = filled(shape, x!.dtype, (to) => to.fill(0), x!.storage.backend)
    assignEager(moved(y, { op: 'view', view: v })!, x!)
    return y
  },
  dynamic: true,
  vjp: (ct, _inputs, _y, { view: v }): Grads => [viewed(ct, v)],
  example: (m) => [
    [m.of([1, 2]), { shape: [2], offset: [1], axes: [[[0, 1]]] }, [3]],
    [0, 1, 2],
  ],
  samples: (m) => [
    [m.float([2, 2]), { shape: [2, 2], offset: [1, 0], axes: [[[0, 1]], [[1, 2]]] }, [4, 3]],
    [
      m.float([3]),
      {
        shape: [3],
        offset: [0, 0],
        axes: [
          [
            [0, 1],
            [1, 1],
          ],
        ],
      },
      [3, 3],
    ],
    [m.float([2, 3]), { shape: [2, 3], offset: [0], axes: [[], [[0, 1]]] }, [3]],
  ],
})

/**
 * Reads x at affine places: the general form of slice, flip, diagonal and sliding window.
 * @example viewed(tensor([1, 2, 3]), { shape: [2], offset: [1], axes: [[[0, 1]]] }) // [2, 3]
 */
export const viewed = defineMove({
  name: 'viewed',
  formula: 'y[i] = x[view(i)]',
  args: (x: Tensor, v: View) => ({ inputs: [x], attrs: { view: v, from: x.shape } }),
  move: (_, { view: v }) => ({ op: 'view', view: v }),
  vjp: (ct, _inputs, _y, { view: v, from }): Grads => [placed(ct, v, from)],
  example: (m) => [
    [m.of([1, 2, 3]), { shape: [2], offset: [1], axes: [[[0, 1]]] }],
    [2, 3],
  ],
  samples: (m) => [
    [m.float([4, 3]), { shape: [2, 2], offset: [1, 0], axes: [[[0, 1]], [[1, 2]]] }],
  ],
})

/**
 * The same elements in row-major order under another shape; one extent may be −1.
 * @throws ShapeError when the number of elements differs
 * @example reshape(tensor([[1, 2], [3, 4]]), [4]) // [1, 2, 3, 4]
 */
export const reshape = defineMove({
  name: 'reshape',
  formula: 'y[flat] = x[flat]',
  args: (x: TensorLike, shape: Shape) => {
    const t = operand('reshape', x)
    return {
      inputs: [t],
      attrs: { shape: resolveShape('reshape', shape, t.size, t.shape), from: t.shape },
    }
  },
  move: (_, { shape }) => ({ op: 'reshape', shape }),
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
export const expand = defineMove({
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
  move: (from, { shape }) => {
    const extra = shape.length - from.length
    const axes = shape.map((n, i): [number, number][] =>
      i < extra || from[i - extra] !== n ? [] : [[i - extra, 1]],
    )
    return { op: 'view', view: { shape, offset: from.map(() => 0), axes } }
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
export const permute = defineMove({
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
  move: (shape, { axes }) => ({
    op: 'view',
    view: {
      shape: axes.map((a) => shape[a]!),
      offset: axes.map(() => 0),
      axes: axes.map((a) => [[a, 1]]),
    },
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

/** PyTorch's name of `reshape` for what shares memory, as reshaping does here where it can. @example view(tensor([[1, 2], [3, 4]]), [4]) // [1, 2, 3, 4] */
export const view = (x: Tensor, shape: Shape): Tensor => reshape(x, shape)

/** Two axes exchanged. @example transpose(tensor([[1, 2]]), 0, 1) // [[1], [2]] */
export function transpose(x: Tensor, axisA: number, axisB: number): Tensor {
  const a = normAxis('transpose', axisA, x.rank)
  const b = normAxis('transpose', axisB, x.rank)
  const order = x.shape.map((_, i) => (i === a ? b : i === b ? a : i))
  return permute(x, order)
}

/** The axes at `from` moved to `to`, the others in order. @example movedim(zeros([2, 3, 4]), 0, -1).shape // [3, 4, 2] */
export function movedim(
  x: Tensor,
  from: number | readonly number[],
  to: number | readonly number[],
): Tensor {
  const list = (v: number | readonly number[]) =>
    (typeof v === 'number' ? [v] : [...v]).map((a) => normAxis('movedim', a, x.rank))
  const source = list(from)
  const target = list(to)
  if (source.length !== target.length)
    throw new ShapeError({
      op: 'movedim',
      rule: 'as many axes must be named from as to',
      got: `${show(source)} and ${show(target)}`,
    })
  const order = new Array<number>(x.rank).fill(-1)
  source.forEach((a, i) => {
    order[target[i]!] = a
  })
  const rest = x.shape.map((_, a) => a).filter((a) => !source.includes(a))
  return permute(
    x,
    order.map((a) => (a < 0 ? rest.shift()! : a)),
  )
}

/** Without the axes of extent 1: all, or those named (others stay). @example squeeze(zeros([1, 3, 1])).shape // [3] */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  const list = normAxes('squeeze', axes, x.rank)
  return reshape(
    x,
    x.shape.filter((n, a) => n !== 1 || !list.includes(a)),
  )
}

/** A new axis of extent 1 at the place. @example unsqueeze(zeros([3]), 0).shape // [1, 3] */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const a = normAxis('unsqueeze', axis, x.rank + 1)
  return reshape(x, [...x.shape.slice(0, a), 1, ...x.shape.slice(a)])
}

/** The axes from start to end as one. @example flatten(zeros([2, 3, 4]), 1).shape // [2, 12] */
export function flatten(x: Tensor, startAxis = 0, endAxis = -1): Tensor {
  if (x.rank === 0) return reshape(x, [1])
  const from = normAxis('flatten', startAxis, x.rank)
  const to = normAxis('flatten', endAxis, x.rank)
  if (from > to)
    throw new ShapeError({
      op: 'flatten',
      rule: 'the first axis must not come after the last',
      got: `${from} and ${to}`,
    })
  return reshape(x, [
    ...x.shape.slice(0, from),
    sizeOf(x.shape.slice(from, to + 1)),
    ...x.shape.slice(to + 1),
  ])
}

/** One axis as several. @example unflatten(zeros([2, 12]), 1, [3, -1]).shape // [2, 3, 4] */
export function unflatten(x: Tensor, axis: number, shape: Shape): Tensor {
  const a = normAxis('unflatten', axis, x.rank)
  const parts = resolveShape('unflatten', shape, x.shape[a]!, [x.shape[a]!])
  return reshape(x, [...x.shape.slice(0, a), ...parts, ...x.shape.slice(a + 1)])
}

/** The axes backwards. @example flip(tensor([1, 2, 3]), [0]) // [3, 2, 1] */
export const flip = defineMove({
  name: 'flip',
  formula: 'y[i] = x[n − 1 − i]',
  args: (x: TensorLike, axes?: number | readonly number[]) => {
    const t = operand('flip', x)
    return { inputs: [t], attrs: { axes: normAxes('flip', axes, t.rank) } }
  },
  move: (shape, { axes }) => {
    const v = identityView(shape)
    for (const a of axes) {
      v.offset[a] = Math.max(0, shape[a]! - 1)
      v.axes[a] = [[a, -1]]
    }
    return { op: 'view', view: v }
  },
  vjp: (ct, _inputs, _y, { axes }): Grads => [flip(ct, axes)],
  example: (m) => [
    [m.of([1, 2, 3]), [0]],
    [3, 2, 1],
  ],
  samples: (m) => [
    [m.float([2, 3]), [0, 1]],
    [m.float([2, 3]), -1],
    [m.float([0]), 0],
    [m.float([]), []],
  ],
})

/** A copy in row-major order. */
export const contiguous = defineOp({
  name: 'contiguous',
  formula: 'y = x in row-major memory',
  args: (x: Tensor) => ({ inputs: [x], attrs: {} }),
  forward: ([x]) => prim({ op: 'map', fn: 'copy' }, [x!]),
  vjp: (ct) => [ct],
  example: (m) => [[m.of([1, 2])], [1, 2]],
  samples: (m) => [[m.float([2, 3])], [m.int([], 0, 3)]],
})
