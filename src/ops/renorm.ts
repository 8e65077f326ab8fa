/** Slices held under a norm. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { normAxis } from '../core/shape.js'
import { add, div, mul, where } from './arithmetic.js'
import { gt } from './compare.js'
import { norm } from './statistics.js'
import type { Tensor } from './tensor.js'

/**
 * x, where every slice along `axis` whose p-norm is above `maxnorm` is scaled down to it.
 *
 * y = x maxnorm / (‖x‖ₚ + 10⁻⁷) for slices with ‖x‖ₚ > maxnorm, x elsewhere
 * https://pytorch.org/docs/stable/generated/torch.renorm.html
 * @throws ValueError unless p is above 0 and maxnorm at least 0
 * @example renorm(tensor([[3, 4], [0.3, 0.4]]), 2, 0, 1) // [[0.6, 0.8], [0.3, 0.4]]
 */
export function renorm(x: Tensor, p: number, axis: number, maxnorm: number): Tensor {
  if (!(p > 0 && maxnorm >= 0))
    throw new ValueError({
      op: 'renorm',
      rule: 'p must be above 0 and maxnorm at least 0',
      got: `${p} and ${maxnorm}`,
    })
  if (x.rank < 2)
    throw new ShapeError({
      op: 'renorm',
      rule: 'x must have at least two axes',
      got: show(x.shape),
    })
  const along = normAxis('renorm', axis, x.rank)
  const others = x.shape.map((_, a) => a).filter((a) => a !== along)
  const size = norm(x, p, others, { keepdim: true })
  return mul(x, where(gt(size, maxnorm), div(maxnorm, add(size, 1e-7)), 1))
}
