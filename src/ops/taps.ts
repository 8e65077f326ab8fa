/** Weighted sums of a few places along an axis: what interpolation and uneven pooling are made of. */
import { rare } from '../backends/prims.js'
import { sparsePrims } from '../backends/prims/sparse.js'
import { GradError } from '../core/errors.js'
import { defineOp, type Grads, toType, unhalved } from './define.js'
import { asIndices } from './indices.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'

/** For each of m places of a result the k places that it reads, int32 (k, m), −1 for none; their weights (k, m), or ones. */
export type Taps = readonly [place: Tensor, weight?: Tensor]

const inputsOf = (op: string, x: Tensor, [place, weight]: Taps): Tensor[] => {
  if (weight?.requiresGrad)
    throw new GradError({ op, rule: 'weights have no gradient', fix: 'Use weight.detach().' })
  const index = asIndices(op, place)
  return weight ? [x, index, weight] : [x, index]
}
const tapsOf = ([, place, weight]: readonly Tensor[]): Taps =>
  weight ? [place!, weight] : [place!]
const none = (inputs: readonly Tensor[]) => inputs.slice(1).map(() => null)

/**
 * Along one axis the sums over the taps. A NaN or an infinity reaches only what reads it, with the weight 0 too, as 0 · ∞ is
 * NaN; a product with a matrix would spread it everywhere.
 */
const mixed = defineOp({
  name: 'mixed',
  formula: 'y[i] = Σ_k w[k][i] x[place[k][i]],  dx[place[k][i]] += w[k][i] dy[i]',
  args: (x: Tensor, axis: number, ...taps: Taps) => ({
    inputs: inputsOf('mixed', x, taps),
    attrs: { axis },
  }),
  forward: (inputs, { axis }) => prim(rare(sparsePrims, { op: 'taps', axis }), inputs),
  vjp: (ct, inputs, _y, { axis }): Grads => [
    mixedBack(ct, axis, inputs[0]!.shape[axis]!, ...tapsOf(inputs)),
    ...none(inputs),
  ],
  differentiable: [0],
  example: (m) => [
    [
      m.of([1, 3, Number.POSITIVE_INFINITY]),
      0,
      m.of(
        [
          [0, 1, 1],
          [1, 2, -1],
        ],
        'int32',
      ),
      m.of([
        [0.5, 0.5, 2],
        [0.5, 0.5, 0],
      ]),
    ],
    [2, Number.POSITIVE_INFINITY, 6],
  ],
  samples: (m) => {
    const place = (k: number, n: number) => m.int([k, 4], 0, n)
    const weight = (k: number) => m.float([k, 4], 0.1, 1)
    const gaps = m.of([[0, -1, 2, 1]], 'int32')
    return [
      [m.float([2, 3]), 1, place(2, 3), weight(2)],
      [m.float([3, 2]), 0, place(4, 3), weight(4)],
      [m.float([5, 3, 2]), 1, place(3, 3), weight(3)],
      [m.float([5, 3]), 1, gaps],
      [m.float([3, 2, 2]), 0, gaps, weight(1)],
      [m.float([0, 3]), 1, place(1, 3)],
    ]
  },
})

/** The transpose of mixed: y added to the places that its taps read, in zeros of extent n. */
const mixedBack = defineOp({
  name: 'mixedBack',
  formula: 'x[place[k][i]] += w[k][i] y[i]',
  args: (y: Tensor, axis: number, n: number, ...taps: Taps) => ({
    inputs: inputsOf('mixedBack', y, taps),
    attrs: { axis, n },
  }),
  forward: (inputs, attrs) => prim(rare(sparsePrims, { op: 'tapsBack', ...attrs }), inputs),
  vjp: (ct, inputs, _x, { axis }): Grads => [mixed(ct, axis, ...tapsOf(inputs)), ...none(inputs)],
  differentiable: [0],
  example: (m) => [
    [m.of([5, 7, 1]), 0, 4, m.of([[1, 2, 1]], 'int32')],
    [0, 6, 7, 0],
  ],
  samples: (m) => {
    const place = (k: number, n: number) => m.int([k, 4], 0, n)
    const weight = (k: number) => m.float([k, 4], 0.1, 1)
    return [
      [m.float([2, 4]), 1, 3, place(2, 3), weight(2)],
      [m.float([5, 4, 2]), 1, 3, place(4, 3), weight(4)],
      [m.float([4]), 0, 3, m.of([[0, -1, 2, 1]], 'int32')],
      [m.float([0, 4]), 1, 3, place(1, 3)],
    ]
  },
})

/** The weighted sums along an axis; half types are computed in float32 and rounded once. */
export function mixTaps(x: Tensor, axis: number, [place, weight]: Taps): Tensor {
  const own = unhalved(x)
  const y = weight ? mixed(own, axis, place, toType(weight, own.dtype)) : mixed(own, axis, place)
  return toType(y, x.dtype)
}
