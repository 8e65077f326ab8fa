/** Normalizations. */
import { requireTensors } from './arguments.js'
import { expand, reshape, sum } from './broadcast.js'
import { add, div, mul, sub } from './arithmetic.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, type PlacesOr, readOptions } from '../core/options.js'
import { type Shape, sameShape, sizeOf } from '../core/shape.js'
import { assign } from './assign.js'
import { alongChannels } from './channels.js'
import { defineOp } from './define.js'
import { rsqrt, square } from './functions.js'
import { mean } from './reduce.js'
import { noGrad } from './state.js'
import type { Tensor } from './tensor.js'

/** The last axes as one, in rows. */
function checkNormalized(
  op: string,
  x: Tensor,
  shape: Shape,
  ...affine: (Tensor | null | undefined)[]
) {
  requireTensors(op, x, ...affine)
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
    // The terms of a row's own numbers are put together first: two walks over the row instead of three.
    const shift = mul(mean(g, axes, { keepdim: true }), scale)
    const tilt = mul(mean(mul(g, unit), axes, { keepdim: true }), scale)
    const gx = sub(mul(g, scale), add(mul(unit, tilt), shift))
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

/** All axes but the channels'. */
const allBut1 = (x: Tensor) => x.shape.map((_, a) => a).filter((a) => a !== 1)

function checkChannels(op: string, x: Tensor, ...vectors: (Tensor | null | undefined)[]): void {
  requireTensors(op, x, ...vectors)
  if (x.rank < 2) throw new ShapeError({ op, rule: 'x must be (N, C, ...)', got: show(x.shape) })
  for (const v of vectors)
    if (v && (v.rank !== 1 || v.size !== x.shape[1]))
      throw new ShapeError({
        op,
        rule: `one value for each of the ${x.shape[1]} channels`,
        got: show(v.shape),
      })
}
const present = (...tensors: (Tensor | null | undefined)[]) => tensors.filter((t) => !!t)

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
    if (x.size === x.shape[1])
      throw new ValueError({
        op: 'batchNorm',
        rule: 'training needs more than one value for each channel',
        got: show(x.shape),
        fix: 'Use a larger batch, or model.eval().',
      })
    return {
      inputs: present(x, weight, bias),
      attrs: { weight: !!weight, bias: !!bias, eps },
    }
  },
  forward: ([x, ...rest], { weight, bias, eps }) => {
    const axes = allBut1(x!)
    const mu = mean(x!, axes, { keepdim: true })
    const centred = sub(x!, mu)
    const variance = mean(square(centred), axes, { keepdim: true })
    let scale = rsqrt(add(variance, eps))
    if (weight) scale = mul(scale, alongChannels(rest[0]!, x!.rank))
    let y = mul(centred, scale)
    if (bias) y = add(y, alongChannels(rest[rest.length - 1]!, x!.rank))
    const c = x!.shape[1]!
    return [y, reshape(mu, [c]), reshape(variance, [c])]
  },
  vjp: ([ct, ctMean, ctVariance], [x, ...rest], [, mu, variance], { weight, bias, eps }) => {
    const { rank } = x!
    const c = x!.shape[1]!
    const n = x!.size / Math.max(1, c)
    const axes = allBut1(x!)
    const centred = sub(x!, alongChannels(mu!, rank))
    // The statistics depend on x only: dμ/dx = 1/n, dσ²/dx = 2(x − μ)/n.
    let gx = ctMean && expand(alongChannels(div(ctMean, n), rank), x!.shape)
    if (ctVariance) {
      const part = mul(centred, alongChannels(mul(ctVariance, 2 / n), rank))
      gx = gx ? add(gx, part) : part
    }
    if (!ct) return [gx]
    const rstd = alongChannels(rsqrt(add(variance!, eps)), rank)
    const unit = mul(centred, rstd)
    const total = sum(ct, axes, { keepdim: true })
    const dot = sum(mul(ct, unit), axes, { keepdim: true })
    const scale = weight ? mul(rstd, alongChannels(rest[0]!, rank)) : rstd
    const own = mul(scale, sub(sub(ct, div(total, n)), mul(unit, div(dot, n))))
    const grads = [gx ? add(gx, own) : own]
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
})

/** Batch normalization by given statistics: the form of evaluation. */
export const batchNormEval = defineOp({
  name: 'batchNormEval',
  formula: 'y = (x − μ_c)/√(σ²_c + ε) · w_c + b_c',
  source: 'https://arxiv.org/abs/1502.03167',
  args: (
    x: Tensor,
    mu: Tensor,
    variance: Tensor,
    weight: Tensor | null,
    bias: Tensor | null,
    eps: number = 1e-5,
  ) => {
    checkChannels('batchNorm', x, mu, variance, weight, bias)
    return {
      inputs: present(x, mu, variance, weight, bias),
      attrs: { weight: !!weight, bias: !!bias, eps },
    }
  },
  forward: ([x, mu, variance, ...rest], { weight, bias, eps }) => {
    let scale = rsqrt(add(variance!, eps))
    if (weight) scale = mul(scale, rest[0]!)
    const y = mul(sub(x!, alongChannels(mu!, x!.rank)), alongChannels(scale, x!.rank))
    return bias ? add(y, alongChannels(rest[rest.length - 1]!, x!.rank)) : y
  },
  example: (m) => [
    [m.of([[1], [3]]), m.of([1]), m.of([4]), m.of([3]), m.of([1]), 0],
    [[1], [4]],
  ],
  samples: (m) => [
    [m.float([4, 3]), m.float([3]), m.float([3], 0.5, 2), m.float([3]), m.float([3])],
    [m.float([2, 2, 3]), m.float([2]), m.float([2], 0.5, 2), null, null],
    [m.float([0, 2]), m.float([2]), m.float([2], 0.5, 2), m.float([2]), null],
  ],
})

/** The running statistics moved toward those of a batch; `variance` is the biased one of `count` values. */
function follow(
  running: { mean: Tensor; variance: Tensor },
  mu: Tensor,
  variance: Tensor,
  count: number,
  momentum: number | Tensor,
): void {
  noGrad(() => {
    const toward = (statistic: Tensor, value: Tensor) =>
      assign(statistic, add(statistic, mul(sub(value, statistic), momentum)))
    toward(running.mean, mu)
    toward(running.variance, mul(variance, count / Math.max(1, count - 1)))
  })
}

export interface RunningNormOptions {
  /** By the statistics of the batch, which then also move the running ones; otherwise by the running ones. */
  training?: boolean
  /** How far the running statistics move toward those of the batch. */
  momentum?: number | Tensor
  eps?: number
}

/**
 * Batch normalization. Running statistics, when given, are changed in place in training: the mean toward the
 * batch's mean, the variance toward its unbiased variance. Without them the batch's own are always used.
 *
 * Shapes: x (N, C, ...), all vectors (C).
 * @throws ShapeError when they do not fit; ValueError in training with one value a channel
 * @example batchNorm(tensor([[1], [3]]), null, null, null, null, { training: true, eps: 0 }) // [[-1], [1]]
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  weight?: Tensor | null,
  bias?: Tensor | null,
  ...rest: PlacesOr<RunningNormOptions>
): Tensor {
  const {
    training = false,
    momentum = 0.1,
    eps = 1e-5,
  } = readOptions<RunningNormOptions>('batchNorm', rest, {
    training: kinds.flag,
    momentum: kinds.any,
    eps: kinds.number,
  })
  requireTensors('batchNorm', x)
  // Nothing to normalize: as in PyTorch no statistic moves, and a vector without elements passes.
  if (x.size === 0 && x.rank < 2) return mul(x, 1)
  if (!training && runningMean && runningVar)
    return batchNormEval(x, runningMean, runningVar, weight ?? null, bias ?? null, eps)
  if (!training && (runningMean || runningVar))
    throw new ValueError({ op: 'batchNorm', rule: 'give both running statistics, or none' })
  const [y, mu, variance] = batchNormTrain(x, weight ?? null, bias ?? null, eps)
  if (training && runningMean && runningVar) {
    checkChannels('batchNorm', x, runningMean, runningVar)
    const count = x.size / x.shape[1]!
    if (count > 0)
      follow({ mean: runningMean, variance: runningVar }, mu!, variance!, count, momentum)
  }
  return y!
}

/**
 * x as (N, C, places), and for each channel of each sample the mean of its group and 1/√(σ² + ε). Only these are of
 * groups: what is done with them goes channel by channel, as its weight and bias do.
 */
function byChannel(x: Tensor, groups: number, eps: number) {
  const [n, c] = x.shape as [number, number]
  const places = sizeOf(x.shape.slice(2))
  const rows = reshape(x, [n, groups, (c / groups) * places])
  const mu = mean(rows, 2, { keepdim: true })
  const variance = mean(square(sub(rows, mu)), 2, { keepdim: true })
  const spread = (t: Tensor) => reshape(expand(t, [n, groups, c / groups]), [n, c, 1])
  return {
    centred: sub(reshape(x, [n, c, places]), spread(mu)),
    scale: spread(rsqrt(add(variance, eps))),
    spread,
  }
}

/**
 * Normalized over the channels of each group and all places, for each sample.
 *
 * Shapes: x (N, C, ...), weight and bias (C).
 * @throws ValueError when the groups do not divide the channels
 */
export const groupNorm = defineOp({
  name: 'groupNorm',
  formula: 'y = (x − μ_g)/√(σ²_g + ε) · w_c + b_c over the channels of a group and all places',
  source: 'https://arxiv.org/abs/1803.08494',
  args: (
    x: Tensor,
    groups: number,
    weight?: Tensor | null,
    bias?: Tensor | null,
    eps: number = 1e-5,
  ) => {
    checkChannels('groupNorm', x, weight, bias)
    if (!(Number.isInteger(groups) && groups > 0) || x.shape[1]! % groups !== 0)
      throw new ValueError({
        op: 'groupNorm',
        rule: `${groups} groups must divide the channels`,
        got: `${x.shape[1]}`,
      })
    return {
      inputs: present(x, weight, bias),
      attrs: { groups, weight: !!weight, bias: !!bias, eps },
    }
  },
  forward: ([x, ...rest], { groups, weight, bias, eps }) => {
    const { centred, scale } = byChannel(x!, groups, eps)
    let y = mul(centred, weight ? mul(scale, alongChannels(rest[0]!, 3)) : scale)
    if (bias) y = add(y, alongChannels(rest[rest.length - 1]!, 3))
    return reshape(y, x!.shape)
  },
  vjp: (ct, [x, ...rest], _y, { groups, weight, bias, eps }) => {
    const { centred, scale, spread } = byChannel(x!, groups, eps)
    const [n, c, places] = centred.shape as [number, number, number]
    const g = reshape(ct, centred.shape)
    const own = weight ? mul(scale, alongChannels(rest[0]!, 3)) : scale
    // The sums of a group, of the weight and of the bias are sums of these.
    const total = sum(g, 2, { keepdim: true })
    const dot = sum(mul(g, centred), 2, { keepdim: true })
    const overGroup = (t: Tensor) => {
      const few = reshape(mul(t, own), [n, groups, c / groups])
      return spread(div(sum(few, 2, { keepdim: true }), (c / groups) * places))
    }
    const tilt = mul(overGroup(dot), square(scale))
    const gx = sub(mul(g, own), add(mul(centred, tilt), overGroup(total)))
    const grads = [reshape(gx, x!.shape)]
    if (weight) grads.push(reshape(sum(mul(dot, scale), 0), [c]))
    if (bias) grads.push(reshape(sum(total, 0), [c]))
    return grads
  },
  // Each group of two channels has mean 2, variance 1.
  example: (m) => [[m.of([[1, 3, 3, 1]]), 2, m.of([1, 1, 2, 2]), null, 0], [[-1, 1, 2, -2]]],
  samples: (m) => [
    [m.float([2, 4, 3]), 2, m.float([4]), m.float([4])],
    [m.float([2, 3, 2, 2]), 3],
    [m.float([2, 6]), 1, null, m.float([6])],
  ],
})

export interface InstanceNormOptions extends Omit<RunningNormOptions, 'training'> {
  runningMean?: Tensor | null
  runningVar?: Tensor | null
  /** By the statistics of each sample (the default), or by the running ones. */
  useInputStats?: boolean
}

const instanceNames = {
  runningMean: kinds.any,
  runningVar: kinds.any,
  useInputStats: kinds.flag,
  momentum: kinds.any,
  eps: kinds.number,
}
/**
 * Normalized over the places of each channel of each sample. Running statistics, when given, are changed in place
 * toward the means over the batch of those of the samples.
 *
 * Shapes: x (N, C, spatial), all vectors (C).
 * @throws ShapeError when they do not fit; ValueError with one place a channel
 * @example instanceNorm(tensor([[[1, 3]]]), null, null, { eps: 0 }) // [[[-1, 1]]]
 */
export function instanceNorm(
  x: Tensor,
  weight?: Tensor | null,
  bias?: Tensor | null,
  options?: InstanceNormOptions,
): Tensor {
  const {
    runningMean,
    runningVar,
    useInputStats = true,
    momentum = 0.1,
    eps = 1e-5,
  } = readOptions<InstanceNormOptions>('instanceNorm', [options], {}, instanceNames)
  checkChannels('instanceNorm', x, weight, bias, runningMean, runningVar)
  if (!useInputStats) {
    if (!runningMean || !runningVar)
      throw new ValueError({
        op: 'instanceNorm',
        rule: 'without the statistics of the samples the running ones are needed',
      })
    return batchNormEval(x, runningMean, runningVar, weight ?? null, bias ?? null, eps)
  }
  const [n, c, ...spatial] = x.shape as [number, number, ...number[]]
  const count = sizeOf(spatial)
  if (count < 2)
    throw new ValueError({
      op: 'instanceNorm',
      rule: 'more than one place for each channel is needed',
      got: show(x.shape),
    })
  if (runningMean && runningVar)
    noGrad(() => {
      const rows = reshape(x, [n, c, count])
      const mu = mean(rows, 2)
      const spread = mean(square(sub(rows, mean(rows, 2, { keepdim: true }))), [0, 2])
      follow({ mean: runningMean, variance: runningVar }, mean(mu, 0), spread, count, momentum)
    })
  return groupNorm(x, c, weight, bias, eps)
}
