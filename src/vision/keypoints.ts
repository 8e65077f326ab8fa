/** Places in pictures as heat maps, and back; the share that was found. */
import { asNumbers } from '../core/dtype.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { showValue } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { linearSumAssignment } from './assignment.js'
import type { Inside } from './boxes.js'

/** (x, y) in pixels: the center of the upper left pixel is (0.5, 0.5). */
export type Point = readonly [x: number, y: number]

function requirePoints(op: string, points: readonly (readonly Point[])[], inside?: Inside): void {
  points.forEach((list, c) => {
    list.forEach((p, i) => {
      const fits = p.length === 2 && p.every(Number.isFinite)
      if (
        fits &&
        (!inside || (p[0] >= 0 && p[1] >= 0 && p[0] <= inside.width && p[1] <= inside.height))
      )
        return
      throw new ValueError({
        op,
        rule: inside
          ? `points lie inside of the picture, ${inside.width} wide and ${inside.height} high`
          : 'a point is two finite numbers',
        got: `${showValue([...p])}, point ${i} of list ${c}`,
      })
    })
  })
}

/**
 * A map (channels, H, W) for lists of points, one list a channel: exp(−d²/2σ²) of the distance to the nearest point, in pixels of
 * the map, and 1 at the pixel that a point lies in. `stride` is the number of pixels of the picture in one of the map.
 * @throws ValueError for points outside of the picture
 * @example keypointHeatMaps([[[1.5, 0.5]]], { height: 1, width: 3 }, 1) // [[[0.60653, 1, 0.60653]]]
 */
export function keypointHeatMaps(
  points: readonly (readonly Point[])[],
  map: Inside,
  sigma: number,
  stride = 1,
): Tensor {
  const op = 'keypointHeatMaps'
  const { height, width } = map
  if (!(sigma > 0)) throw new ValueError({ op, rule: 'sigma is above 0', got: showValue(sigma) })
  requirePoints(op, points, { height: height * stride, width: width * stride })
  const data = new Float32Array(points.length * height * width)
  points.forEach((list, c) => {
    for (const [x, y] of list) {
      const u = Math.min(width - 1, Math.floor(x / stride))
      const v = Math.min(height - 1, Math.floor(y / stride))
      const reach = Math.ceil(4 * sigma)
      for (let i = Math.max(0, v - reach); i <= Math.min(height - 1, v + reach); i++)
        for (let j = Math.max(0, u - reach); j <= Math.min(width - 1, u + reach); j++) {
          const at = (c * height + i) * width + j
          const value = Math.exp(-((i - v) ** 2 + (j - u) ** 2) / (2 * sigma * sigma))
          if (value > data[at]!) data[at] = value
        }
    }
  })
  return tensor(data, { shape: [points.length, height, width] })
}

export interface Peak {
  x: number
  y: number
  score: number
}

/**
 * The peaks of each channel of a map (channels, H, W): pixels that no neighbour exceeds and that reach `least`, highest first, at
 * most `most` a channel. Their places lie between pixels, by the parabola through each peak and its neighbours.
 * @throws ShapeError for a tensor that is no map
 * @example heatMapPeaks(tensor([[[0, 1, 0, 0]]]), 0.5) // [[{ x: 1.5, y: 0.5, score: 1 }]]
 */
export function heatMapPeaks(map: Tensor, least: number, most = 100): Peak[][] {
  if (map.rank !== 3)
    throw new ShapeError({
      op: 'heatMapPeaks',
      rule: 'a map has shape (channels, H, W)',
      got: show(map.shape),
    })
  const [channels, height, width] = map.shape as [number, number, number]
  const values = asNumbers(map.toTypedArray())
  return Array.from({ length: channels }, (_, c) => {
    const at = (i: number, j: number) =>
      i < 0 || j < 0 || i >= height || j >= width
        ? Number.NEGATIVE_INFINITY
        : values[(c * height + i) * width + j]!
    const found: Peak[] = []
    for (let i = 0; i < height; i++)
      for (let j = 0; j < width; j++) {
        const v = at(i, j)
        if (!(v >= least)) continue
        let top = true
        // Of a flat top the first pixel is the peak.
        for (let a = -1; a <= 1; a++)
          for (let b = -1; b <= 1; b++) {
            const first = a < 0 || (a === 0 && b < 0)
            if ((a !== 0 || b !== 0) && (first ? at(i + a, j + b) >= v : at(i + a, j + b) > v))
              top = false
          }
        if (top)
          found.push({
            x: j + 0.5 + between(at(i, j - 1), v, at(i, j + 1)),
            y: i + 0.5 + between(at(i - 1, j), v, at(i + 1, j)),
            score: v,
          })
      }
    return found.sort((a, b) => b.score - a.score).slice(0, most)
  })
}
/** Where the top of the parabola through three values lies. */
function between(a: number, b: number, c: number): number {
  const bend = a - 2 * b + c
  return Number.isFinite(bend) && bend < 0 ? Math.max(-0.5, Math.min(0.5, (a - c) / (2 * bend))) : 0
}

/**
 * Which found point belongs to which true one: pairs (true, found) nearer than `distance`, as many as there can be, then of the
 * least sum of distances.
 * @example matchPoints([[0, 0], [5, 0]], [[5, 1], [9, 9]], 2) // [[1, 0]]
 */
export function matchPoints(
  truth: readonly Point[],
  found: readonly Point[],
  distance: number,
): [truth: number, found: number][] {
  requirePoints('matchPoints', [truth, found])
  if (truth.length === 0) return []
  const far = (truth.length + 1) * distance
  const costs = truth.map(([x, y]) =>
    found.map(([u, v]) => {
      const d = Math.hypot(x - u, y - v)
      return d <= distance ? d : far
    }),
  )
  const [rows, columns] = linearSumAssignment(costs)
  return rows
    .map((i, k) => [i, columns[k]!] as [number, number])
    .filter(([i, j]) => costs[i]![j]! <= distance)
}

/**
 * The percentage of correct keypoints (Yang and Ramanan, 2013) as a share: of the points of known places (`found[i]` is what was found
 * for `truth[i]`, or null) those found within alpha · size. NaN without points.
 * @throws ShapeError for lists of different lengths
 * @example pck([[0, 0], [10, 10], [3, 3]], [[0, 1], [14, 10], null], 20, 0.1) // 0.33333
 */
export function pck(
  truth: readonly Point[],
  found: readonly (Point | null)[],
  size: number,
  alpha = 0.2,
): number {
  if (truth.length !== found.length)
    throw new ShapeError({
      op: 'pck',
      rule: 'there must be a found point, or null, for each true one',
      got: `${found.length} and ${truth.length}`,
    })
  requirePoints('pck', [truth, found.filter((p) => p !== null)])
  const hits = truth.filter(([x, y], i) => {
    const p = found[i]
    return p != null && Math.hypot(x - p[0], y - p[1]) <= alpha * size
  })
  return hits.length / truth.length
}
