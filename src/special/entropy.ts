/** Functions of the form x log y, with their limits at 0. */
import { add, mul, neg, where } from '../ops/arithmetic.js'
import { eq, gt, isnan, logicalAnd, logicalNot, lt } from '../ops/compare.js'
import { defineOp, operand, operands, type TensorLike } from '../ops/define.js'
import { log, log1p } from '../ops/functions.js'
import type { Tensor } from '../ops/tensor.js'

/**
 * The entropy of one probability: −x log x, 0 at 0 and −∞ below.
 * @example special.entr(tensor([0, 1, 0.5, -1])) // [0, 0, 0.34657, -Infinity]
 */
export const entr = defineOp({
  name: 'entr',
  formula: 'y = −x ln x,  dy/dx = −ln x − 1',
  source: 'https://pytorch.org/docs/stable/special.html#torch.special.entr',
  args: (x: TensorLike) => ({ inputs: [operand('entr', x, true)], attrs: {} }),
  forward: ([x]) => {
    const inside = gt(x!, 0)
    const value = neg(mul(x!, log(where(inside, x!, 1))))
    return where(isnan(x!), x!, where(inside, value, where(lt(x!, 0), Number.NEGATIVE_INFINITY, 0)))
  },
  vjp: (ct, [x]) => [mul(ct, neg(add(log(x!), 1)))],
  example: (m) => [[m.of([0, 1, 0.5])], [0, 0, 0.5 * Math.LN2]],
  samples: (m) => [[m.float([2, 3], 0.1, 2)], [m.float([], 0.1, 2)], [m.float([0])]],
})

/**
 * x log(1 + y), and 0 where x is 0 and y is a number.
 * @example special.xlog1py(tensor([0, 2]), tensor([-1, 1])) // [0, 1.38629]
 */
export function xlog1py(x: TensorLike, y: TensorLike): Tensor {
  const [a, b] = operands('xlog1py', [x, y], { float: true }) as [Tensor, Tensor]
  const zero = logicalAnd(eq(a, 0), logicalNot(isnan(b)))
  return where(zero, 0, mul(a, log1p(where(zero, 0, b))))
}
