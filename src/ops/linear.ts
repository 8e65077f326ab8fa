/** Affine maps. */
import { reshape, sum, swap } from './broadcast.js'
import { add } from './arithmetic.js'
import { ShapeError, show } from '../core/errors.js'
import { sizeOf } from '../core/shape.js'
import { defineOp } from './define.js'
import { map } from './forms.js'
import { einsum, matmul } from './linalg.js'
import type { Tensor } from './tensor.js'

/**
 * x Wᵀ + b over the last axis of x.
 *
 * Shapes: x (..., in), weight (out, in), bias (out), result (..., out).
 * @throws ShapeError when the extents do not fit
 */
export const linear = defineOp({
  name: 'linear',
  formula: 'y = x Wᵀ + b,  dx = dy W,  dW = dyᵀ x,  db = Σ dy',
  source: 'https://pytorch.org/docs/stable/generated/torch.nn.functional.linear.html',
  args: (x: Tensor, weight: Tensor, bias?: Tensor | null) => {
    const [out, inner] = weight.shape
    if (weight.rank !== 2)
      throw new ShapeError({
        op: 'linear',
        rule: 'weight must be (out, in)',
        got: show(weight.shape),
      })
    const last = x.shape[x.rank - 1]
    if (last !== inner) {
      const flat = x.rank > 2 && sizeOf(x.shape.slice(1)) === inner
      throw new ShapeError({
        op: 'linear',
        rule: `the last axis of x must be ${inner}`,
        got: show(x.shape),
        ...(flat && { fix: 'Did you forget flatten(1)?' }),
      })
    }
    if (bias && (bias.rank !== 1 || bias.size !== out))
      throw new ShapeError({
        op: 'linear',
        rule: `bias must have ${out} elements`,
        got: show(bias.shape),
      })
    return { inputs: bias ? [x, weight, bias] : [x, weight], attrs: {} }
  },
  forward: ([x, weight, bias]) => {
    const y = matmul(x!, swap(weight!))
    return bias ? map('add', y, bias) : y
  },
  halves: true,
  vjp: (ct, [x, weight, bias]) => {
    const rows = (t: Tensor) => reshape(t, [-1, t.shape[t.rank - 1]!])
    const g =
      ct.size === 0 ? reshape(ct, [sizeOf(ct.shape.slice(0, -1)), weight!.shape[0]!]) : rows(ct)
    const flat = reshape(x!, [g.shape[0]!, weight!.shape[1]!])
    return [matmul(ct, weight!), matmul(swap(g), flat), bias ? sum(g, 0) : null]
  },
  example: (m) => [
    [
      m.of([[1, 2]]),
      m.of([
        [3, 4],
        [5, 6],
      ]),
      m.of([10, 20]),
    ],
    [[21, 37]],
  ],
  samples: (m) => [
    [m.float([3, 4]), m.float([2, 4]), m.float([2])],
    [m.float([2, 3, 4]), m.float([5, 4])],
    [m.float([4]), m.float([2, 4]), m.float([2])],
    [m.float([0, 4]), m.float([2, 4]), m.float([2])],
  ],
})

/**
 * y_k = aᵀ W_k b + bias_k over the last axes.
 *
 * Shapes: a (..., in1), b (..., in2), weight (out, in1, in2), bias (out), result (..., out).
 */
export function bilinear(a: Tensor, b: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  if (
    weight.rank !== 3 ||
    a.shape[a.rank - 1] !== weight.shape[1] ||
    b.shape[b.rank - 1] !== weight.shape[2]
  )
    throw new ShapeError({
      op: 'bilinear',
      rule: `the last axes of a and b must be those of weight ${show(weight.shape)}`,
      got: `${show(a.shape)} and ${show(b.shape)}`,
    })
  const y = einsum('...i,kij,...j->...k', a, weight, b)
  return bias ? add(y, bias) : y
}
