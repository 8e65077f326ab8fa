/**
 * Shapes that change while elements stay: reshape, expand, permute, and the sum, which is the gradient of expanding.
 * The gradients of these call each other, and those of nearly all other operations call these.
 */
import type { ReduceFn } from '../backends/ir.js'
import type { DType } from '../core/dtype.js'
import { ShapeError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { normAxis, reducedAxes, sameShape, type Shape, show } from '../core/shape.js'
import {
  defineMove,
  defineOp,
  type Grads,
  operand,
  scalar,
  type TensorLike,
  toType,
} from './define.js'
import type { Tensor } from './tensor.js'
import { iota, prim } from './trace.js'
import { resolveShape } from './views.js'

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

export interface ReduceOptions {
  /** Reduced axes stay with extent 1. */
  keepdim?: boolean
}
/** Of reductions that compute: `sum`, `mean`, `prod`. */
export interface TypedReduceOptions extends ReduceOptions {
  /** x is converted to this type first. */
  dtype?: DType
}
/** The operand of a reduction, as the type that is asked for. */
export const reduceOperand = (op: string, x: TensorLike, dtype?: DType, float = false): Tensor =>
  dtype ? toType(operand(op, x), dtype) : operand(op, x, float)

export type Axes = number | readonly number[] | null

/**
 * The sum over the axes (all of them when none are named). bool counts as int32.
 * @example sum(tensor([[1, 2], [3, 4]]), 0) // [4, 6]
 */
export const sum = defineOp({
  name: 'sum',
  formula: 'y = Σ x,  dy/dx = 1',
  args: (x: TensorLike, axes?: Axes, options?: boolean | TypedReduceOptions) => {
    const { keepdim = false, dtype } = readOptions<TypedReduceOptions>(
      'sum',
      [options],
      { keepdim: kinds.flag },
      { dtype: kinds.text },
    )
    const t = reduceOperand('sum', x, dtype)
    return {
      inputs: [t.dtype === 'bool' ? toType(t, 'int32') : t],
      attrs: { axes: reducedAxes('sum', axes, t.rank), keepdim, from: t.shape },
    }
  },
  forward: ([x], { axes, keepdim, from }) => {
    const y = prim({ op: 'reduce', fn: 'sum', axes }, [x!])
    return keepdim ? y : prim({ op: 'reshape', shape: reducedShape(from, axes, false) }, [y])
  },
  vjp: (ct, _inputs, _y, { axes, from }) => [unreduce(ct, axes, from)],
  example: (m) => [
    [
      m.of([
        [1, 2],
        [3, 4],
      ]),
      0,
    ],
    [4, 6],
  ],
  samples: (m) => [
    [m.float([2, 3])],
    [m.float([2, 3, 4]), [0, -1], { keepdim: true }],
    [m.float([2, 3, 4]), 1],
    [m.float([])],
    [m.float([0, 3]), 0],
    [m.float([2, 0]), 1],
    [m.int([3, 2], -5, 5), 1],
    [m.bool([3])],
  ],
})

/** The shape with the axes set to 1, or taken out. */
export function reducedShape(shape: Shape, axes: readonly number[], keepdim: boolean): number[] {
  const out: number[] = []
  shape.forEach((n, i) => {
    if (!axes.includes(i)) out.push(n)
    else if (keepdim) out.push(1)
  })
  return out
}

/** A reduced value back at the shape it was reduced from, for gradients. */
export function unreduce(y: Tensor, axes: readonly number[], shape: Shape): Tensor {
  return expand(reshape(y, reducedShape(shape, axes, true)), shape)
}

/** Records a reduction over the axes. */
export function reduceTo(fn: ReduceFn, x: Tensor, axes: readonly number[], keepdim = true): Tensor {
  const y = prim({ op: 'reduce', fn, axes }, [x])
  return keepdim ? y : prim({ op: 'reshape', shape: reducedShape(x.shape, axes, false) }, [y])
}

/** The sum of `x` down to a shape that broadcasts to x's: what a broadcast does to a gradient. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x
  const extra = x.rank - shape.length
  const axes = x.shape.flatMap((n, i) =>
    i < extra || (shape[i - extra] === 1 && n !== 1) ? [i] : [],
  )
  const y = axes.length > 0 ? sum(x, axes, { keepdim: true }) : x
  return reshape(y, shape)
}

/** Zeros of the tensor's shape and type, whatever it holds. */
export const zerosOf = (t: Tensor): Tensor => expand(scalar(0, t.dtype, [t]), t.shape)

/** The last two axes exchanged. */
export const swap = (x: Tensor): Tensor =>
  permute(
    x,
    x.shape.map((_, a) => (a < x.rank - 2 ? a : 2 * x.rank - 3 - a)),
  )

/** The coordinate along an axis, of the tensor's shape. */
export const coordinates = defineOp({
  name: 'coordinates',
  formula: 'y[i] = the coordinate of i along the axis (int32)',
  args: (x: Tensor, axis: number) => ({
    inputs: [],
    attrs: { shape: x.shape, axis: normAxis('coordinates', axis, x.rank) },
  }),
  forward: (_inputs, { shape, axis }) => iota(shape, axis),
  differentiable: false,
  example: (m) => [
    [
      m.of([
        [5, 6],
        [7, 8],
      ]),
      1,
    ],
    [
      [0, 1],
      [0, 1],
    ],
  ],
  samples: (m) => [
    [m.float([2, 3]), 0],
    [m.float([0]), 0],
  ],
})
