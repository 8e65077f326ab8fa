/** Pooling that is told the shape of its result: window i covers the places from ⌊i·n/m⌋ to ⌈(i + 1)·n/m⌉. */
import { reshape } from './broadcast.js'
import { add, div, mul, where } from './arithmetic.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { checkShape, type Shape, show } from '../core/shape.js'
import { lt } from './compare.js'
import { defineOp, toType } from './define.js'
import { floorDivide, remainder } from './elementwise.js'
import { map } from './forms.js'
import { indexSelect } from './indexing.js'
import { flatten } from './movement.js'
import { averagePool, maxPool, maxPoolIndices, type Pooled, type ReturnIndices } from './pool.js'
import { mixTaps } from './taps.js'
import type { Tensor } from './tensor.js'
import { constant, iota } from './trace.js'
import { batched, checkFloats, windowOf } from './window.js'

/** Extents of the result; null keeps that of x. */
export type OutputSize = number | null | readonly (number | null)[]

function sizes(op: string, spatial: Shape, output: OutputSize): number[] {
  const list = Array.isArray(output) ? output : spatial.map(() => output as number | null)
  if (list.length !== spatial.length)
    throw new ValueError({
      op,
      rule: `outputSize must be one extent, or ${spatial.length}`,
      got: show(list),
    })
  const out = list.map((m: number | null, a: number) => m ?? spatial[a]!)
  checkShape(op, out)
  if (spatial.some((n, a) => n === 0 && out[a] !== 0))
    throw new ShapeError({ op, rule: 'x must have places to pool', got: show(spatial) })
  return out
}

const int = (v: number) => constant(v, 'int32')
/** ⌊i·n/m⌋ for i = 0, 1, .. along an axis, and the end of the window after it. */
function bounds(shape: Shape, axis: number, n: number, m: number): [start: Tensor, end: Tensor] {
  const i = iota(shape, axis)
  const start = map('floordiv', map('mul', i, int(n)), int(m))
  const next = map('add', map('mul', map('add', i, int(1)), int(n)), int(m - 1))
  return [start, map('floordiv', next, int(m))]
}

/** The longest of the windows over n places. */
function longest(n: number, m: number): number {
  let most = 1
  for (let i = 0; i < m; i++)
    most = Math.max(most, Math.ceil(((i + 1) * n) / m) - Math.floor((i * n) / m))
  return most
}

/** The places of each adaptive window, as many for all: short ones repeat their last. int32 (m · k). */
const adaptivePlaces = defineOp({
  name: 'adaptivePlaces',
  formula: 'y[i·k + j] = min(⌊i·n/m⌋ + j, ⌈(i + 1)·n/m⌉ − 1)',
  args: (n: number, m: number, k: number) => ({ inputs: [], attrs: { n, m, k } }),
  forward: (_inputs, { n, m, k }) => {
    const [start, end] = bounds([m, k], 0, n, m)
    const places = map('minimum', map('add', start, iota([m, k], 1)), map('sub', end, int(1)))
    return reshape(places, [m * k])
  },
  differentiable: false,
  // 5 places in 3 windows: 0 1, 1 2 3, 3 4.
  example: () => [
    [5, 3, 3],
    [0, 1, 1, 1, 2, 3, 3, 4, 4],
  ],
  samples: () => [
    [7, 3, 3],
    [2, 5, 2],
  ],
})

/** Adaptive averages of n places in m windows of at most k, [place, weight], each (k, m); see taps.ts. */
const adaptiveTaps = defineOp({
  name: 'adaptiveTaps',
  formula:
    'place[j][i] = ⌊i·n/m⌋ + j where that lies in window i, weight = 1 / (places of window i)',
  args: (n: number, m: number, k: number) => ({ inputs: [], attrs: { n, m, k } }),
  forward: (_inputs, { n, m, k }) => {
    const [start, end] = bounds([k, m], 1, n, m)
    const place = map('add', start, iota([k, m], 0))
    const inside = lt(place, end)
    const weight = div(1, toType(map('sub', end, start), 'float32'))
    return [where(inside, place, int(-1)), weight]
  },
  differentiable: false,
  example: () => [
    [3, 2, 2],
    [
      [
        [0, 1],
        [1, 2],
      ],
      [
        [0.5, 0.5],
        [0.5, 0.5],
      ],
    ],
  ],
  samples: () => [
    [7, 3, 3],
    [2, 5, 2],
  ],
})

/** A window for each place of the result, when they do not overlap. */
function evenWindow(spatial: Shape, out: Shape) {
  if (out.some((m, a) => m === 0 || spatial[a]! % m !== 0)) return null
  const kernel = spatial.map((n, a) => n / out[a]!)
  return { ...windowOf(kernel), stride: kernel }
}

function adaptiveAvg(op: string, n: number) {
  return (x: Tensor, outputSize: OutputSize): Tensor =>
    batched(op, x, n, (x) => {
      checkFloats(op, x)
      const spatial = x.shape.slice(2)
      const out = sizes(op, spatial, outputSize)
      const window = evenWindow(spatial, out)
      if (window) {
        const padding = window.kernel.map(() => 0)
        return averagePool(x, { window, padding, includePad: true, divisor: null })
      }
      return spatial.reduceRight<Tensor>((t, m, a) => {
        const to = out[a]!
        if (m === to) return t
        const [place, weight] = adaptiveTaps(m, to, longest(m, to))
        return mixTaps(t, a + 2, [place!, weight])
      }, x)
    })
}
/**
 * The mean of each of `outputSize` windows that cover the last axis evenly.
 *
 * Shapes: x (N, C, L) or (C, L), result (N, C, outputSize).
 * @throws ValueError, ShapeError when the extents do not fit
 * @example adaptiveAvgPool1d(tensor([[[1, 3, 5]]]), 2) // [[[2, 4]]]
 */
export const adaptiveAvgPool1d = adaptiveAvg('adaptiveAvgPool1d', 1)
/** As adaptiveAvgPool1d, over two axes; null keeps an extent. @example adaptiveAvgPool2d(ones([1, 2, 5, 7]), [3, null]).shape // [1, 2, 3, 7] */
export const adaptiveAvgPool2d = adaptiveAvg('adaptiveAvgPool2d', 2)
/** As adaptiveAvgPool1d, over three axes. */
export const adaptiveAvgPool3d = adaptiveAvg('adaptiveAvgPool3d', 3)

function adaptiveMax(op: string, n: number) {
  return <I extends boolean = false>(
    x: Tensor,
    outputSize: OutputSize,
    options?: I | ReturnIndices<I>,
  ): Pooled<I> =>
    batched<Tensor | Tensor[]>(op, x, n, (x) => {
      const { returnIndices } = readOptions<ReturnIndices<I>>(op, [options], {
        returnIndices: kinds.flag,
      })
      checkFloats(op, x)
      const spatial = x.shape.slice(2)
      const out = sizes(op, spatial, outputSize)
      const even = evenWindow(spatial, out)
      if (even) {
        const y = maxPool(x, even)
        return returnIndices ? [y, maxPoolIndices(x, even)] : y
      }
      // The places of the windows side by side, so that windows of one length follow each other.
      const kernel = spatial.map((m, a) => longest(m, out[a]!))
      const places = spatial.map((m, a) => adaptivePlaces(m, out[a]!, kernel[a]!))
      const spread = places.reduce<Tensor>((t, p, a) => indexSelect(t, a + 2, p), x)
      const window = evenWindow(spread.shape.slice(2), out)!
      const y = maxPool(spread, window)
      if (!returnIndices) return y
      let flat = maxPoolIndices(spread, window)
      let index: Tensor | undefined
      let step = 1
      for (let a = n - 1; a >= 0; a--) {
        const extent = out[a]! * kernel[a]!
        const at = flatten(remainder(flat, extent))
        const place = mul(reshape(indexSelect(places[a]!, 0, at), flat.shape), step)
        index = index ? add(index, place) : place
        step *= spatial[a]!
        flat = floorDivide(flat, extent)
      }
      return [y, index!]
    }) as Pooled<I>
}
/**
 * The largest of each of `outputSize` windows that cover the last axis evenly; with `returnIndices` their places too.
 *
 * Shapes: x (N, C, L) or (C, L), result (N, C, outputSize).
 * @throws ValueError, ShapeError when the extents do not fit
 * @example adaptiveMaxPool1d(tensor([[[1, 3, 5]]]), 2) // [[[3, 5]]]
 */
export const adaptiveMaxPool1d = adaptiveMax('adaptiveMaxPool1d', 1)
/** As adaptiveMaxPool1d, over two axes; null keeps an extent. */
export const adaptiveMaxPool2d = adaptiveMax('adaptiveMaxPool2d', 2)
/** As adaptiveMaxPool1d, over three axes. */
export const adaptiveMaxPool3d = adaptiveMax('adaptiveMaxPool3d', 3)
