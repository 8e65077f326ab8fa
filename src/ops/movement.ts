/** Operations that move elements: shapes, axes, slices, joins. Eagerly most of them are views without a copy. */
import { misread } from './arguments.js'
import { permute, reshape } from './broadcast.js'
import type { View } from '../backends/ir.js'
import { injective, viewLayout } from '../backends/layout.js'
import { isHalf, type NumberArray } from '../core/dtype.js'
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
import { defineMove, defineOp, type Grads, operand, type TensorLike, toType } from './define.js'
import { assignEager, moved } from './eager.js'
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
  forward: ([x], { view: v, shape }) => {
    const place = (t: Tensor) =>
      prim({ op: 'place', shape, view: v, fill: 0, accumulate: true }, [t])
    // Half types are not added up as they are.
    const { strides } = viewLayout(v, stridesOf(shape), 0)
    if (!isHalf(x!.dtype) || injective(v.shape, strides)) return place(x!)
    return toType(place(toType(x!, 'float32')), x!.dtype)
  },
  halves: true,
  // A stretch of memory is written into zeros by a copy, one program for all places of it.
  eager: ([x], { view: v, shape }) => {
    if (!x!.storage) return undefined
    const { strides } = viewLayout(v, stridesOf(shape), 0)
    if (!isContiguous(v.shape, strides)) return undefined
    const y = filled(shape, x!.dtype, (to) => (to as NumberArray).fill(0), x!.storage.backend)
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
  halves: true,
  vjp: (ct, _inputs, _y, { view: v, from }): Grads => [placed(ct, v, from)],
  example: (m) => [
    [m.of([1, 2, 3]), { shape: [2], offset: [1], axes: [[[0, 1]]] }],
    [2, 3],
  ],
  samples: (m) => [
    [m.float([4, 3]), { shape: [2, 2], offset: [1, 0], axes: [[[0, 1]], [[1, 2]]] }],
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
  if (!Array.isArray(shape)) throw misread('unflatten', [x, axis, shape])
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
