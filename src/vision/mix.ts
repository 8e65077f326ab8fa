/** Mixup and CutMix: images of a batch mixed with each other, and their labels likewise. */
import { reshape } from '../ops/broadcast.js'
import { add, div, mul, sub, where } from '../ops/arithmetic.js'
import { isFloat } from '../core/dtype.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { toType } from '../ops/define.js'
import { maximum, minimum } from '../ops/elementwise.js'
import { floor, sqrt } from '../ops/functions.js'
import { indexSelect, oneHot } from '../ops/indexing.js'
import { roll } from '../ops/join.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { uniform } from '../tensor/random.js'
import { inBox } from './noise.js'

export interface MixOptions {
  /** λ comes from Beta(α, α): near 0 and 1 for small α, uniform for 1; 0 mixes nothing. 1 when not given. */
  alpha?: number
  /** The number of classes; needed when labels are whole numbers. */
  numClasses?: number
}
const mixOptions: OptionNames<MixOptions> = { alpha: true, numClasses: true }

/** A batch and its labels, (N) whole or (N, K) probabilities, to a batch and probabilities (N, K). */
export type Mix = (x: Tensor, y: Tensor) => [Tensor, Tensor]

/** Quantiles of Beta(α, α) at (i + ½)/n: the distribution as a table, since its inverse has no formula. */
function betaTable(alpha: number, n = 4096): Float32Array {
  // t = 1/(1 + e^−s) turns the density into ~ (t(1 − t))^α ds, smooth at both ends.
  const width = 40 / Math.min(1, alpha)
  const steps = 1 << 16
  const running = new Float64Array(steps + 1)
  const at = (k: number) => ((k / steps) * 2 - 1) * width
  const density = (s: number) => {
    const a = Math.abs(s)
    return Math.exp(alpha * (-a - 2 * Math.log1p(Math.exp(-a))))
  }
  for (let k = 1; k <= steps; k++)
    running[k] = running[k - 1]! + (density(at(k - 1)) + density(at(k))) / 2
  const out = new Float32Array(n)
  for (let i = 0, k = 0; i < n; i++) {
    const target = ((i + 0.5) / n) * running[steps]!
    while (running[k + 1]! < target) k++
    const s = at(k + (target - running[k]!) / (running[k + 1]! - running[k]!))
    out[i] = 1 / (1 + Math.exp(-s))
  }
  return out
}

/** Returns a function that draws λ, of shape []. */
function betaOf(op: string, alpha: number): () => Tensor {
  if (!(alpha >= 0 && alpha < 1e6))
    throw new ValueError({ op, rule: 'alpha must be a number from 0', got: `${alpha}` })
  if (alpha === 0) return () => tensor(1)
  const table = betaTable(alpha)
  return () => {
    const place = toType(mul(uniform([1], 0, 1), table.length), 'int32')
    return reshape(indexSelect(tensor(table.slice()), 0, minimum(place, table.length - 1)), [])
  }
}

/** Labels as probabilities. */
function probabilities(op: string, y: Tensor, classes: number | undefined): Tensor {
  if (isFloat(y.dtype) && y.rank === 2) return y
  if (y.rank !== 1 || isFloat(y.dtype))
    throw new ShapeError({
      op,
      rule: 'labels are whole numbers (N) or probabilities (N, K)',
      got: `${y.dtype} ${show(y.shape)}`,
    })
  if (classes === undefined)
    throw new ValueError({ op, rule: 'numClasses is needed for labels that are whole numbers' })
  return toType(oneHot(y, classes), 'float32')
}

const blend = (a: Tensor, lambda: Tensor): Tensor =>
  add(mul(a, lambda), mul(roll(a, 1, 0), sub(1, lambda)))

/**
 * Each image mixed with the previous one of the batch: λ x_i + (1 − λ) x_{i−1}, labels likewise, one λ for the batch
 * (Zhang et al., 2017; torchvision.transforms.v2.MixUp).
 * @throws ValueError, ShapeError
 * @example const [x, y] = mixup({ alpha: 0.2, numClasses: 10 })(images, labels); crossEntropy(model.forward(x), y)
 */
export function mixup(options: MixOptions = {}): Mix {
  const { alpha = 1, numClasses } = checkOptions('mixup', options, mixOptions)
  const draw = betaOf('mixup', alpha)
  return (x, y) => {
    const lambda = draw()
    return [blend(x, lambda), blend(probabilities('mixup', y, numClasses), lambda)]
  }
}

/**
 * Each image with a box out of the one before it in the batch; the labels by the areas. The box has 1 − λ of the
 * area and its middle anywhere, what lies outside is cut off (Yun et al., 2019; torchvision.transforms.v2.CutMix).
 * @throws ValueError, ShapeError
 */
export function cutmix(options: MixOptions = {}): Mix {
  const { alpha = 1, numClasses } = checkOptions('cutmix', options, mixOptions)
  const draw = betaOf('cutmix', alpha)
  return (x, y) => {
    if (x.rank !== 4)
      throw new ShapeError({
        op: 'cutmix',
        rule: 'images have shape (N, C, H, W)',
        got: show(x.shape),
      })
    const half = mul(sqrt(sub(1, draw())), 0.5)
    const span = (side: number) => {
      const middle = floor(uniform([1, 1, 1, 1], 0, side))
      const reach = floor(mul(half, side))
      const from = maximum(sub(middle, reach), 0)
      return [from, sub(minimum(add(middle, reach), side), from)] as const
    }
    const [h, w] = x.shape.slice(2) as [number, number]
    const [[top, bh], [left, bw]] = [span(h), span(w)]
    const kept = reshape(sub(1, div(mul(bh, bw), h * w)), [])
    return [
      where(inBox(x, top, left, bh, bw), roll(x, 1, 0), x),
      blend(probabilities('cutmix', y, numClasses), kept),
    ]
  }
}
