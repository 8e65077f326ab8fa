/** What reductions, and gradients through them, are written with. See reduce.ts. */
import type { ReduceFn } from '../backends/ir.js'
import { type Shape, sameShape } from '../core/shape.js'
import { expand, reshape } from './movement.js'
import { sum } from './reduce.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'

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
