/** Running reductions along an axis. */
import { rare } from '../backends/prims.js'
import { orderPrims } from '../backends/prims/order.js'
import { coordinates, expand, reduceOperand, sum, zerosOf } from './broadcast.js'
import { mul, where } from './arithmetic.js'
import type { DType } from '../core/dtype.js'
import { kinds, readOptions } from '../core/options.js'
import { normAxis } from '../core/shape.js'
import {
  defineOp,
  type Grads,
  operand,
  type SampleMaker,
  type TensorLike,
  toType,
} from './define.js'
import { eq, ge } from './compare.js'
import { logaddexp } from './elementwise.js'
import { concat } from './join.js'
import { narrow } from './slice.js'
import type { Tensor } from './tensor.js'
import { map } from './forms.js'
import { scatterAdd } from './indexing.js'
import { flip, unsqueeze } from './movement.js'
import { constant, prim } from './trace.js'

const scanSamples = (m: SampleMaker) => [
  [m.float([2, 3]), 0],
  [m.float([2, 3]), -1],
  [m.float([4]), 0],
  [m.float([]), 0],
  [m.float([2, 0]), 1],
  [m.int([5], 1, 4), 0],
]

const scanArgs = (name: string) => (x: TensorLike, axis: number, options?: { dtype?: DType }) => {
  const { dtype } = readOptions<{ dtype?: DType }>(name, [options], {}, { dtype: kinds.text })
  const t = reduceOperand(name, x, dtype)
  return {
    inputs: [t.dtype === 'bool' ? toType(t, 'int32') : t],
    attrs: { axis: normAxis(name, axis, t.rank) },
  }
}

/** The running sum along the axis. @example cumsum(tensor([1, 2, 3]), 0) // [1, 3, 6] */
export const cumsum = defineOp({
  name: 'cumsum',
  formula: 'yᵢ = Σ_{j≤i} xⱼ',
  args: scanArgs('cumsum'),
  forward: ([x], { axis }) =>
    x!.rank === 0 ? map('copy', x!) : prim(rare(orderPrims, { op: 'scan', fn: 'sum', axis }), [x!]),
  vjp: (ct, _inputs, _y, { axis }): Grads => [
    ct.rank === 0 ? ct : flip(cumsum(flip(ct, [axis]), axis), [axis]),
  ],
  example: (m) => [
    [m.of([1, 2, 3]), 0],
    [1, 3, 6],
  ],
  samples: scanSamples,
})

/** The running product along the axis. @example cumprod(tensor([1, 2, 3]), 0) // [1, 2, 6] */
export const cumprod = defineOp({
  name: 'cumprod',
  formula: 'yᵢ = Π_{j≤i} xⱼ,  dyᵢ/dxₖ = Π_{j≤i, j≠k} xⱼ',
  args: scanArgs('cumprod'),
  forward: ([x], { axis }) =>
    x!.rank === 0
      ? map('copy', x!)
      : prim(rare(orderPrims, { op: 'scan', fn: 'prod', axis }), [x!]),
  vjp: (ct, [x], _y, { axis }): Grads => {
    if (ct.rank === 0) return [ct]
    // All pairs (k, i): the product with factor k left out. Quadratic in the extent, and exact where factors are 0.
    const n = ct.shape[axis]!
    const full = [...ct.shape.slice(0, axis), n, ...ct.shape.slice(axis)]
    const pairs = expand(unsqueeze(x!, axis), full)
    const k = coordinates(pairs, axis)
    const i = coordinates(pairs, axis + 1)
    const without = cumprod(where(eq(k, i), 1, pairs), axis + 1)
    const reached = where(ge(i, k), mul(without, unsqueeze(ct, axis)), 0)
    return [sum(reached, axis + 1)]
  },
  example: (m) => [
    [m.of([1, 2, 3]), 0],
    [1, 2, 6],
  ],
  samples: (m) => [...scanSamples(m), [m.of([2, 0, 3, 0]), 0]],
})

function runningExtreme(
  name: 'cummax' | 'cummin',
  fn: 'max' | 'min',
  values: number[],
  indices: number[],
) {
  return defineOp({
    name,
    formula: `yᵢ = ${fn}_{j≤i} xⱼ, with the index of the last one that reaches it`,
    args: scanArgs(name),
    forward: ([x], { axis }) =>
      x!.rank === 0
        ? [map('copy', x!), constant(0, 'int32')]
        : [
            prim(rare(orderPrims, { op: 'scan', fn, axis }), [x!]),
            prim(rare(orderPrims, { op: 'scan', fn: fn === 'max' ? 'argmax' : 'argmin', axis }), [
              x!,
            ]),
          ],
    vjp: ([ct], [x], [, index], { axis }) => {
      if (!ct) return [null]
      return [x!.rank === 0 ? ct : scatterAdd(zerosOf(x!), axis, index!, ct)]
    },
    example: (m) => [
      [m.of([1, 3, 2]), 0],
      [values, indices],
    ],
    samples: scanSamples,
  })
}
/** The running maximum along the axis and its index, [values, indices]. @example cummax(tensor([1, 3, 2]), 0) // [[1, 3, 3], [0, 1, 1]] */
export const cummax = runningExtreme('cummax', 'max', [1, 3, 3], [0, 1, 1])
/** The running minimum along the axis and its index, [values, indices]. @example cummin(tensor([1, 3, 2]), 0) // [[1, 1, 1], [0, 0, 0]] */
export const cummin = runningExtreme('cummin', 'min', [1, 1, 1], [0, 0, 0])

/** log Σ_{j≤i} e^{xⱼ} in log n steps, each of which takes twice as many elements together. */
function doubled(x: Tensor, axis: number): Tensor {
  const n = x.shape[axis] ?? 0
  let y = x
  for (let step = 1; step < n; step *= 2) {
    const part = (from: number, count: number) => narrow(y, axis, from, count)
    y = concat([part(0, step), logaddexp(part(step, n - step), part(0, n - step))], axis)
  }
  return y
}
/** The running logarithm of the sum of exponentials along the axis, without overflow. @example logcumsumexp(tensor([0, 0, 1000]), 0) // [0, 0.6931472, 1000] */
export const logcumsumexp = defineOp({
  name: 'logcumsumexp',
  formula: 'yᵢ = log Σ_{j≤i} exp xⱼ,  dxⱼ = Σ_{i≥j} dyᵢ exp(xⱼ − yᵢ)',
  source: 'https://pytorch.org/docs/stable/generated/torch.logcumsumexp.html',
  args: (x: TensorLike, axis: number) => {
    const t = operand('logcumsumexp', x, true)
    return { inputs: [t], attrs: { axis: normAxis('logcumsumexp', axis, t.rank) } }
  },
  forward: ([x], { axis }) => (x!.rank === 0 ? mul(x!, 1) : doubled(x!, axis)),
  example: (m) => [
    [m.of([0, 0, 1000]), 0],
    [0, 0.6931471805599453, 1000],
  ],
  samples: (m) => [
    [m.float([2, 3]), 0],
    [m.float([2, 5]), -1],
    [m.float([]), 0],
    [m.float([2, 0]), 1],
  ],
})
