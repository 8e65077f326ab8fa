/** Normalizations. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { type Shape, sameShape, sizeOf } from '../core/shape.js'
import { defineOp } from './define.js'
import { add, div, mul, sub } from './elementwise.js'
import { rsqrt, square } from './functions.js'
import { reshape } from './movement.js'
import { mean, sum } from './reduce.js'
import type { Tensor } from './tensor.js'

/** The last axes as one, in rows. */
function checkNormalized(
  op: string,
  x: Tensor,
  shape: Shape,
  ...affine: (Tensor | null | undefined)[]
) {
  if (shape.length === 0 || !sameShape(x.shape.slice(-shape.length), shape))
    throw new ShapeError({ op, rule: `x must end in the axes ${show(shape)}`, got: show(x.shape) })
  for (const t of affine)
    if (t && !sameShape(t.shape, shape))
      throw new ShapeError({
        op,
        rule: `weight and bias must be ${show(shape)}`,
        got: show(t.shape),
      })
}
const lastAxes = (n: number) => Array.from({ length: n }, (_, i) => i - n)

/**
 * Normalized over the last axes, then scaled and shifted.
 *
 * Shapes: x (..., *shape), weight and bias (*shape).
 * @throws ShapeError when x does not end in `shape`
 */
export const layerNorm = defineOp({
  name: 'layerNorm',
  formula: 'y = (x − μ)/√(σ² + ε) · w + b',
  source: 'https://arxiv.org/abs/1607.06450',
  args: (
    x: Tensor,
    shape: Shape,
    weight?: Tensor | null,
    bias?: Tensor | null,
    eps: number = 1e-5,
  ) => {
    checkNormalized('layerNorm', x, shape, weight, bias)
    const inputs = [x, weight, bias].filter((t) => t !== null && t !== undefined)
    return { inputs, attrs: { n: shape.length, weight: !!weight, bias: !!bias, eps } }
  },
  forward: ([x, ...rest], { n, weight, bias, eps }) => {
    const axes = lastAxes(n)
    const centred = sub(x!, mean(x!, axes, { keepdim: true }))
    const scale = rsqrt(add(mean(square(centred), axes, { keepdim: true }), eps))
    let y = mul(centred, scale)
    if (weight) y = mul(y, rest[0]!)
    return bias ? add(y, rest[rest.length - 1]!) : y
  },
  vjp: (ct, [x, ...rest], _y, { n, weight, bias, eps }) => {
    const axes = lastAxes(n)
    const centred = sub(x!, mean(x!, axes, { keepdim: true }))
    const scale = rsqrt(add(mean(square(centred), axes, { keepdim: true }), eps))
    const unit = mul(centred, scale)
    const g = weight ? mul(ct, rest[0]!) : ct
    const gx = mul(
      scale,
      sub(
        sub(g, mean(g, axes, { keepdim: true })),
        mul(unit, mean(mul(g, unit), axes, { keepdim: true })),
      ),
    )
    const lead = Array.from({ length: x!.rank - n }, (_, i) => i)
    const down = (t: Tensor) => (lead.length > 0 ? sum(t, lead) : t)
    const grads = [gx]
    if (weight) grads.push(down(mul(ct, unit)))
    if (bias) grads.push(down(ct))
    return grads
  },
  // (1, 3): mean 2, variance 1.
  example: (m) => [[m.of([[1, 3]]), [2], m.of([2, 2]), m.of([0, 1]), 0], [[-2, 3]]],
  samples: (m) => [
    [m.float([3, 4]), [4], m.float([4]), m.float([4])],
    [m.float([2, 3, 4]), [3, 4], m.float([3, 4])],
    [m.float([2, 5]), [5]],
  ],
})

/**
 * Scaled by the root mean square of the last axes. eps null: the type's machine epsilon.
 *
 * Shapes: x (..., *shape), weight (*shape).
 */
export const rmsNorm = defineOp({
  name: 'rmsNorm',
  formula: 'y = x/√(mean x² + ε) · w',
  source: 'https://arxiv.org/abs/1910.07467',
  args: (x: Tensor, shape: Shape, weight?: Tensor | null, eps: number | null = null) => {
    checkNormalized('rmsNorm', x, shape, weight)
    return {
      inputs: weight ? [x, weight] : [x],
      attrs: { n: shape.length, eps: eps ?? 1.1920928955078125e-7 },
    }
  },
  forward: ([x, weight], { n, eps }) => {
    const scale = rsqrt(add(mean(square(x!), lastAxes(n), { keepdim: true }), eps))
    const y = mul(x!, scale)
    return weight ? mul(y, weight) : y
  },
  vjp: (ct, [x, weight], _y, { n, eps }) => {
    const axes = lastAxes(n)
    const scale = rsqrt(add(mean(square(x!), axes, { keepdim: true }), eps))
    const unit = mul(x!, scale)
    const g = weight ? mul(ct, weight) : ct
    const gx = mul(scale, sub(g, mul(unit, mean(mul(g, unit), axes, { keepdim: true }))))
    const lead = Array.from({ length: x!.rank - n }, (_, i) => i)
    const gw = mul(ct, unit)
    return [gx, weight ? (lead.length > 0 ? sum(gw, lead) : gw) : null]
  },
  example: (m) => [[m.of([[1, 7]]), [2], null, 0], [[0.2, 1.4]]],
  samples: (m) => [
    [m.float([3, 4]), [4], m.float([4])],
    [m.float([2, 3, 4]), [3, 4]],
  ],
})

/** A vector along axis 1 of a tensor of that rank. */
const along1 = (v: Tensor, rank: number) =>
  reshape(
    v,
    Array.from({ length: rank }, (_, i) => (i === 1 ? v.size : 1)),
  )

/**
 * Normalized over the batch for each channel (axis 1) by its own mean and variance (biased), the training form.
 * Gives [y, mean, biased variance].
 */
export const batchNormTrain = defineOp({
  name: 'batchNormTrain',
  formula: 'y = (x − μ_c)/√(σ²_c + ε) · w_c + b_c over all axes but 1',
  source: 'https://arxiv.org/abs/1502.03167',
  args: (x: Tensor, weight: Tensor | null, bias: Tensor | null, eps: number = 1e-5) => {
    checkChannels('batchNorm', x, weight, bias)
    const n = x.size / Math.max(1, x.shape[1]!)
    if (n < 2)
      throw new ValueError({
        op: 'batchNorm',
        rule: 'training needs more than one value for each channel',
        got: show(x.shape),
        fix: 'Use a larger batch, or model.eval().',
      })
    const inputs = [x, weight, bias].filter((t) => t !== null)
    return { inputs, attrs: { weight: !!weight, bias: !!bias, eps } }
  },
  forward: ([x, ...rest], { weight, bias, eps }) => {
    const axes = x!.shape.map((_, a) => a).filter((a) => a !== 1)
    const mu = mean(x!, axes, { keepdim: true })
    const centred = sub(x!, mu)
    const variance = mean(square(centred), axes, { keepdim: true })
    let scale = rsqrt(add(variance, eps))
    if (weight) scale = mul(scale, along1(rest[0]!, x!.rank))
    let y = mul(centred, scale)
    if (bias) y = add(y, along1(rest[rest.length - 1]!, x!.rank))
    const c = x!.shape[1]!
    return [y, reshape(mu, [c]), reshape(variance, [c])]
  },
  vjp: ([ct], [x, ...rest], [, mu, variance], { weight, bias, eps }) => {
    // Running statistics carry no gradient.
    if (!ct) return []
    const rank = x!.rank
    const axes = x!.shape.map((_, a) => a).filter((a) => a !== 1)
    const n = x!.size / x!.shape[1]!
    const rstd = along1(rsqrt(add(variance!, eps)), rank)
    const unit = mul(sub(x!, along1(mu!, rank)), rstd)
    const total = sum(ct, axes, { keepdim: true })
    const dot = sum(mul(ct, unit), axes, { keepdim: true })
    const scale = weight ? mul(rstd, along1(rest[0]!, rank)) : rstd
    const gx = mul(scale, sub(sub(ct, div(total, n)), mul(unit, div(dot, n))))
    const c = x!.shape[1]!
    const grads = [gx]
    if (weight) grads.push(reshape(dot, [c]))
    if (bias) grads.push(reshape(total, [c]))
    return grads
  },
  example: (m) => [
    [m.of([[1], [3]]), m.of([2]), m.of([1]), 0],
    [[[-1], [3]], [2], [1]],
  ],
  samples: (m) => [
    [m.float([4, 3]), m.float([3]), m.float([3])],
    [m.float([2, 3, 4]), null, null],
    [m.float([2, 2, 3, 3]), m.float([2]), m.float([2])],
  ],
  except: {
    gradient:
      'the statistics among the results carry no gradient; a test of its own compares with PyTorch',
  },
})

function checkChannels(op: string, x: Tensor, ...vectors: (Tensor | null)[]): void {
  if (x.rank < 2) throw new ShapeError({ op, rule: 'x must be (N, C, ...)', got: show(x.shape) })
  for (const v of vectors)
    if (v && (v.rank !== 1 || v.size !== x.shape[1]))
      throw new ShapeError({
        op,
        rule: `one value for each of the ${x.shape[1]} channels`,
        got: show(v.shape),
      })
}

/** Batch normalization by given statistics: the form of evaluation. */
export function batchNormEval(
  x: Tensor,
  mu: Tensor,
  variance: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  eps = 1e-5,
): Tensor {
  checkChannels('batchNorm', x, mu, variance, weight, bias)
  let scale = rsqrt(add(variance, eps))
  if (weight) scale = mul(scale, weight)
  const y = mul(sub(x, along1(mu, x.rank)), along1(scale, x.rank))
  return bias ? add(y, along1(bias, x.rank)) : y
}

/**
 * Normalized over the channels of each group and all places, for each sample.
 *
 * Shapes: x (N, C, ...), weight and bias (C).
 * @throws ValueError when the groups do not divide the channels
 */
export function groupNorm(
  x: Tensor,
  groups: number,
  weight?: Tensor | null,
  bias?: Tensor | null,
  eps = 1e-5,
): Tensor {
  checkChannels('groupNorm', x, weight ?? null, bias ?? null)
  const c = x.shape[1]!
  if (c % groups !== 0)
    throw new ValueError({
      op: 'groupNorm',
      rule: `${groups} groups must divide the channels`,
      got: `${c}`,
    })
  const size = (c / groups) * sizeOf(x.shape.slice(2))
  const y = reshape(
    layerNorm(reshape(x, [x.shape[0]! * groups, size]), [size], null, null, eps),
    x.shape,
  )
  const scaled = weight ? mul(y, along1(weight, x.rank)) : y
  return bias ? add(scaled, along1(bias, x.rank)) : scaled
}

/** Normalized over the places of each channel of each sample. Shapes: x (N, C, ...), weight and bias (C). */
export function instanceNorm(
  x: Tensor,
  weight?: Tensor | null,
  bias?: Tensor | null,
  eps = 1e-5,
): Tensor {
  checkChannels('instanceNorm', x, weight ?? null, bias ?? null)
  return groupNorm(x, x.shape[1]!, weight, bias, eps)
}
