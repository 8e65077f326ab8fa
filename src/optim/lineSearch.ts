/** A step length that fulfils the strong Wolfe conditions. Nocedal and Wright, 2006, algorithms 3.5 and 3.6. */
import { sum } from '../ops/broadcast.js'
import { mul } from '../ops/arithmetic.js'
import { abs } from '../ops/functions.js'
import { amax } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'

/** A loss and its gradient, at some place. */
export interface Loss {
  value: number
  grad: Tensor
}
interface Point {
  t: number
  loss: Loss
  /** The slope along the direction. */
  slope: number
}

interface Search {
  /** The first length to try. */
  t: number
  d: Tensor
  start: Loss
  slope: number
  toleranceChange: number
  c1?: number
  c2?: number
  maxEvaluations?: number
}

/** The minimum of the cubic through two points with slopes, held within bounds. Equation 3.59. */
function cubic(a: Point, b: Point, lo = Math.min(a.t, b.t), hi = Math.max(a.t, b.t)): number {
  const [p, q] = a.t <= b.t ? [a, b] : [b, a]
  const d1 = p.slope + q.slope - (3 * (p.loss.value - q.loss.value)) / (p.t - q.t)
  const square = d1 * d1 - p.slope * q.slope
  if (!(square >= 0)) return (lo + hi) / 2
  const d2 = Math.sqrt(square)
  const t = q.t - (q.t - p.t) * ((q.slope + d2 - d1) / (q.slope - p.slope + 2 * d2))
  return Math.min(Math.max(t, lo), hi)
}

/** Tries lengths until the loss has fallen enough and its slope is flat enough; returns the best one found. */
export function strongWolfe(
  at: (t: number) => Loss,
  { t: first, d, start, slope, toleranceChange, c1 = 1e-4, c2 = 0.9, maxEvaluations = 25 }: Search,
): { t: number; loss: Loss; evaluations: number } {
  let evaluations = 0
  const probe = (t: number): Point => {
    evaluations++
    const loss = at(t)
    return { t, loss, slope: sum(mul(loss.grad, d)).item() }
  }
  const high = (p: Point) => p.loss.value > start.value + c1 * p.t * slope
  const flat = (p: Point) => Math.abs(p.slope) <= -c2 * slope

  // Lengthen until the minimum is passed.
  let before: Point = { t: 0, loss: start, slope }
  let now = probe(first)
  let bracket: [Point, Point] | undefined
  let found: Point | undefined
  let tries = 0
  for (; tries < maxEvaluations; tries++) {
    if (high(now) || (tries > 1 && now.loss.value >= before.loss.value)) {
      bracket = [before, now]
      break
    }
    if (flat(now)) {
      found = now
      break
    }
    if (now.slope >= 0) {
      bracket = [before, now]
      break
    }
    const next = cubic(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10)
    before = now
    now = probe(next)
  }
  if (found) return { t: found.t, loss: found.loss, evaluations }
  const origin: Point = { t: 0, loss: start, slope }
  const [a, b] = bracket ?? [origin, now]
  let [low, other] = a.loss.value <= b.loss.value ? [a, b] : [b, a]

  // Narrow the bracket around it.
  const reach = amax(abs(d)).item()
  let stuck = false
  for (; tries < maxEvaluations; tries++) {
    const [left, right] = [Math.min(low.t, other.t), Math.max(low.t, other.t)]
    if ((right - left) * reach < toleranceChange) break
    let t = cubic(low, other)
    // A trial near an end twice, or at it, is moved inside: progress must be made.
    const margin = 0.1 * (right - left)
    if (Math.min(right - t, t - left) < margin) {
      if (stuck || t >= right || t <= left) {
        t = Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin
        stuck = false
      } else stuck = true
    } else stuck = false
    const p = probe(t)
    if (high(p) || p.loss.value >= low.loss.value) {
      other = p
      if (p.loss.value < low.loss.value) [low, other] = [other, low]
    } else {
      const done = flat(p)
      if (!done && p.slope * (other.t - low.t) >= 0) other = low
      low = p
      if (done) break
    }
  }
  return { t: low.t, loss: low.loss, evaluations }
}
