/** Starts of k-means: k-means++ (Arthur and Vassilvitskii, 2007). */
import { indexSelect } from '../ops/indexing.js'
import { tidy } from '../tensor/tidy.js'
import { indices, numbers, products, type Rows, squares, total } from './lloyd.js'
import type { Random } from './random.js'

/** k rows far from each other: each new one with a probability by its squared distance, the best of a few draws. */
export function plusPlus(rows: Rows, k: number, random: Random): Float64Array {
  const { n, p, norms, x } = rows
  const weights = rows.weights ?? new Float64Array(n).fill(1)
  const trials = 2 + Math.floor(Math.log(k))
  const at = (list: Int32Array) => tidy(() => numbers(indexSelect(x, 0, indices(list))))
  /** A row with a probability by its mass. */
  const draw = (mass: Float64Array, all: number) => {
    const wanted = random.next() * all
    let s = 0
    for (let i = 0; i < n; i++) {
      s += mass[i]!
      if (s > wanted) return i
    }
    return random.below(n)
  }
  const distancesTo = (centers: Float64Array) => {
    const scores = products(x, centers, p)
    const lengths = squares(centers, p)
    const m = lengths.length
    return Array.from({ length: m }, (_, c) =>
      norms.map((v, i) => weights[i]! * Math.max(0, v - 2 * scores[i * m + c]! + lengths[c]!)),
    )
  }
  const centers = new Float64Array(k * p)
  const first = rows.weights ? draw(weights, total(weights)) : random.below(n)
  centers.set(at(Int32Array.of(first)))
  let closest = distancesTo(centers.slice(0, p))[0]!
  closest[first] = 0
  for (let c = 1; c < k; c++) {
    const all = total(closest)
    const picks = Int32Array.from({ length: trials }, () => draw(closest, all))
    const candidates = at(picks)
    let best = closest
    let least = Number.POSITIVE_INFINITY
    let chosen = 0
    distancesTo(candidates).forEach((d, t) => {
      let s = 0
      for (let i = 0; i < n; i++) {
        d[i] = Math.min(d[i]!, closest[i]!)
        s += d[i]!
      }
      d[picks[t]!] = 0
      if (s < least) {
        least = s
        best = d
        chosen = t
      }
    })
    closest = best
    centers.set(candidates.subarray(chosen * p, (chosen + 1) * p), c * p)
  }
  return centers
}
