/** How good generated examples are: the Fréchet distance of their features from real ones, and the classes that they cover. */
import { asNumbers, isFloat } from '../core/dtype.js'
import { DTypeError, ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { eigh } from '../linalg/index.js'
import { cast, div, mul, sub } from '../ops/arithmetic.js'
import { sum, swap } from '../ops/broadcast.js'
import { clamp } from '../ops/elementwise.js'
import { sqrt, square } from '../ops/functions.js'
import { matmul, trace } from '../ops/linalg.js'
import { isfinite } from '../ops/compare.js'
import { all, mean } from '../ops/reduce.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'

/** A normal distribution: mean (D) and covariance (D, D). */
export interface Gaussian {
  mean: Tensor
  covariance: Tensor
}

/**
 * Mean and covariance (divided by N − 1, as numpy.cov) of features (N, D), in float64.
 * @throws ShapeError for fewer than two rows or another rank, DTypeError for integers, ValueError for features that are not finite
 * @example featureStatistics(tensor([[0, 0], [2, 4]])).covariance // [[2, 4], [4, 8]]
 */
export function featureStatistics(features: Tensor): Gaussian {
  const op = 'featureStatistics'
  const [n, d] = features.shape
  if (features.rank !== 2 || n! < 2 || d! < 1)
    throw new ShapeError({
      op,
      rule: 'features are (N, D), of at least two examples',
      got: show(features.shape),
    })
  if (!isFloat(features.dtype))
    throw new DTypeError({
      op,
      rule: 'features must be of a floating-point type',
      got: features.dtype,
    })
  if (!all(isfinite(features)).item())
    throw new ValueError({
      op,
      rule: 'features must be finite numbers',
      got: 'some that are not',
      fix: 'Has the training of the generator diverged?',
    })
  return noGrad(() => {
    const wide = cast(features, 'float64')
    const center = mean(wide, 0)
    const rest = sub(wide, center)
    return { mean: center, covariance: div(matmul(swap(rest), rest), n! - 1) }
  })
}

/**
 * The Fréchet distance of two normal distributions (Dowson and Landau, 1982; of features of networks: Heusel and others, GANs
 * Trained by a Two Time-Scale Update Rule, 2017), squared as everybody reports it:
 * d² = ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½). The root's trace is that of (Σ₁^½ Σ₂ Σ₁^½)^½, which is symmetric, so that singular
 * covariances need no care. In float64.
 * @throws ShapeError for distributions of different sizes
 */
export function gaussianFrechetDistance(a: Gaussian, b: Gaussian): number {
  const [d] = a.mean.shape
  for (const g of [a, b])
    if (g.mean.rank !== 1 || !sameShape(g.covariance.shape, [d!, d!]) || g.mean.shape[0] !== d)
      throw new ShapeError({
        op: 'frechetDistance',
        rule: 'both must have means (D) and covariances (D, D)',
        got: [a, b].map((x) => `${show(x.mean.shape)}, ${show(x.covariance.shape)}`).join('; '),
      })
  return noGrad(() => {
    const [s1, s2] = [a, b].map((g) => cast(g.covariance, 'float64')) as [Tensor, Tensor]
    const apart = sum(square(sub(cast(a.mean, 'float64'), cast(b.mean, 'float64'))))
    const [w, v] = eigh(s1)
    const root = matmul(mul(v, sqrt(clamp(w, 0))), swap(v))
    const inner = matmul(matmul(root, s2), root)
    const [values] = eigh(mul(inner.add(swap(inner)), 0.5))
    const spread = trace(s1).add(trace(s2))
    const distance = apart
      .add(spread)
      .sub(mul(sum(sqrt(clamp(values, 0))), 2))
      .item()
    // Rounding alone takes it below 0.
    return Math.max(0, distance)
  })
}

/**
 * The (squared) Fréchet distance between the features of two sets of examples, (N, D) and (M, D): 0 for sets of the same
 * mean and covariance. Its value depends on the network that the features are of, and is too high for few examples.
 * @throws ShapeError, DTypeError, ValueError as `featureStatistics`, and for features of different sizes
 * @example frechetDistance(tensor([[0], [2]]), tensor([[3], [5]])) // 9
 */
export function frechetDistance(a: Tensor, b: Tensor): number {
  return gaussianFrechetDistance(featureStatistics(a), featureStatistics(b))
}

/** Which classes a set of examples covers. */
export interface Coverage {
  /** The share of each class. */
  shares: number[]
  /** How many classes have at least the least share. */
  covered: number
}

/**
 * The shares of the classes among labels, and how many classes have at least `least` (a tenth of what each would have if all
 * were alike, unless given).
 * @throws ValueError for no labels, labels outside of the classes, and shares outside of 0 to 1
 * @example classCoverage(tensor([0, 0, 2, 2], { dtype: 'int32' }), 3) // { shares: [0.5, 0, 0.5], covered: 2 }
 */
export function classCoverage(labels: Tensor, classes: number, least = 0.1 / classes): Coverage {
  const refuse = (rule: string, got: string): never => {
    throw new ValueError({ op: 'classCoverage', rule, got })
  }
  if (!(Number.isInteger(classes) && classes > 0))
    refuse('classes is a whole number above 0', `${classes}`)
  if (!(least >= 0 && least <= 1)) refuse('the least share lies from 0 to 1', `${least}`)
  const counts = new Array<number>(classes).fill(0)
  const list = asNumbers(labels.toTypedArray())
  if (list.length === 0) refuse('there must be labels', 'none')
  for (const c of list) {
    if (!(Number.isInteger(c) && c >= 0 && c < classes))
      refuse(`labels lie from 0 to ${classes - 1}`, `${c}`)
    counts[c]!++
  }
  const shares = counts.map((n) => n / list.length)
  return { shares, covered: shares.filter((s) => s > 0 && s >= least).length }
}
