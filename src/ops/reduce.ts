/** Reductions over any axes. */
import { normAxes, type Shape, sameShape } from '../core/shape.js'
import { defineOp, operand, type TensorLike, toType } from './define.js'
import { expand, reshape } from './movement.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'

export interface ReduceOptions {
  /** Reduced axes stay with extent 1. */
  keepdim?: boolean
}
export type Axes = number | readonly number[] | null

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

/**
 * The sum over the axes (all of them when none are named). bool counts as int32.
 * @example sum(tensor([[1, 2], [3, 4]]), 0) // [4, 6]
 */
export const sum = defineOp({
  name: 'sum',
  formula: 'y = Σ x,  dy/dx = 1',
  args: (x: TensorLike, axes?: Axes, { keepdim = false }: ReduceOptions = {}) => {
    const t = operand('sum', x)
    return {
      inputs: [t.dtype === 'bool' ? toType(t, 'int32') : t],
      attrs: { axes: normAxes('sum', axes, t.rank), keepdim, from: t.shape },
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
