/** Pooling over windows of one to three spatial axes; adaptive.ts has the forms that are told the result's shape. */
import { indexingPrims } from '../backends/prims/indexing.js'
import { rare } from '../backends/prims.js'
import { windowPrims } from '../backends/prims/windows.js'
import { expand, reshape, type ReduceOptions } from './broadcast.js'
import { neg, div, mul } from './arithmetic.js'
import { type Window, windowShape } from '../backends/ir.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, orNull, type PlacesOr, readOptions } from '../core/options.js'
import { type Shape, sizeOf, sameShape } from '../core/shape.js'
import { constant, iota, prim } from './trace.js'
import { defineOp, type Grads, type SampleMaker, toType } from './define.js'
import { abs, relu, sign } from './functions.js'
import { pow } from './elementwise.js'
import { map } from './forms.js'
import { asIndices } from './indices.js'
import { gather } from './indexing.js'
import { amax, mean } from './reduce.js'
import type { Tensor } from './tensor.js'
import { batched, checkFits, checkFloats, type Extents, extents, windowOf } from './window.js'

/** PyTorch takes an empty list as no stride too. */
const noStride = (stride: Extents | undefined): stride is undefined =>
  stride === undefined || (typeof stride !== 'number' && stride.length === 0)

const window1 = (kernel: number[], stride = kernel, more: Partial<Window> = {}): Window => ({
  ...windowOf(kernel),
  stride,
  ...more,
})
const windows = (m: SampleMaker): (readonly [Tensor, Window])[] => [
  [m.float([2, 3, 6]), window1([2])],
  [
    m.float([1, 2, 5, 6]),
    window1([3, 2], [2, 1], {
      padding: [
        [1, 1],
        [0, 1],
      ],
    }),
  ],
  [m.float([2, 1, 7]), window1([2], [2], { dilation: [3] })],
  [m.float([1, 2, 4, 3, 4]), window1([2, 2, 2], [2, 1, 2])],
  [m.float([0, 2, 4]), window1([2])],
]

/** (N, C, spatial) with the spatial axes as one. */
const places = (x: Tensor, count: number) => reshape(x, [x.shape[0]!, x.shape[1]!, count])

/** The largest of each window; NaN wins. Public as maxPool1d, 2d and 3d. Shapes: x (N, C, spatial). */
export const maxPool = defineOp({
  name: 'maxPool',
  formula: 'y[i] = max_k x[s·i + d·k − p],  dx = dy at the first maximum',
  args: (x: Tensor, window: Window) => ({ inputs: [x], attrs: { window } }),
  forward: ([x], { window }) => prim(rare(windowPrims, { op: 'maxPool', window }), [x!]),
  vjp: (ct, [x], _y, { window }): Grads => [maxPoolInput(ct, maxPoolIndices(x!, window), x!.shape)],
  example: (m) => [[m.of([[[1, 3, 2, 0]]]), window1([2])], [[[3, 2]]]],
  samples: windows,
})

/** Where the maxima of maxPool are: flat places of the spatial axes, int32. */
export const maxPoolIndices = defineOp({
  name: 'maxPoolIndices',
  formula: 'y[i] = argmax_k x[s·i + d·k − p]',
  args: (x: Tensor, window: Window) => ({ inputs: [x], attrs: { window } }),
  forward: ([x], { window }) =>
    prim({ op: 'output', index: 1 }, [prim(rare(windowPrims, { op: 'maxPool', window }), [x!])]),
  differentiable: false,
  example: (m) => [[m.of([[[1, 3, 2, 0]]]), window1([2])], [[[1, 2]]]],
  samples: windows,
})

/** The adjoint of picking at the indices: y added into zeros of `shape` (N, C, spatial). */
export const maxPoolInput = defineOp({
  name: 'maxPoolInput',
  formula: 'x[index[i]] += y[i]',
  args: (y: Tensor, index: Tensor, shape: Shape) => ({
    inputs: [y, asIndices('maxPoolInput', index)],
    attrs: { shape: [...shape] },
  }),
  forward: ([y, index], { shape }) =>
    prim(rare(windowPrims, { op: 'maxPoolInput', shape }), [y!, index!]),
  vjp: (ct, [y, index], _x, { shape }): Grads => {
    const flat = places(ct, sizeOf(shape.slice(2)))
    const picked = gather(flat, 2, places(index!, sizeOf(y!.shape.slice(2))))
    return [reshape(picked, y!.shape), null]
  },
  example: (m) => [
    [m.of([[[5, 7, 1]]]), m.of([[[1, 2, 1]]], 'int32'), [1, 1, 4]],
    [[[0, 6, 7, 0]]],
  ],
  samples: (m) => [[m.float([2, 3, 2, 2]), m.int([2, 3, 2, 2], 0, 12), [2, 3, 3, 4]]],
})

/** The sum of each window; padding counts as zeros. Shapes: x (N, C, spatial). */
export const sumPool = defineOp({
  name: 'sumPool',
  formula: 'y[i] = Σ_k x[s·i + d·k − p]',
  args: (x: Tensor, window: Window) => ({ inputs: [x], attrs: { window } }),
  forward: ([x], { window }) => prim(rare(windowPrims, { op: 'sumPool', window, factor: 1 }), [x!]),
  vjp: (ct, [x], _y, { window }): Grads => [sumPoolInput(ct, window, x!.shape)],
  example: (m) => [[m.of([[[1, 3, 2, 0]]]), window1([2], [1])], [[[4, 5, 2]]]],
  samples: windows,
})

/** The transpose of sumPool: each y added to all places of its window in zeros of `shape`. */
export const sumPoolInput = defineOp({
  name: 'sumPoolInput',
  formula: 'x[s·i + d·k − p] += y[i]',
  args: (y: Tensor, window: Window, shape: Shape) => ({
    inputs: [y],
    attrs: { window, shape: [...shape] },
  }),
  forward: ([y], { window, shape }) =>
    prim(rare(windowPrims, { op: 'sumPoolInput', window, shape, factor: 1 }), [y!]),
  vjp: (ct, _inputs, _x, { window }): Grads => [sumPool(ct, window)],
  example: (m) => [[m.of([[[1, 2]]]), window1([2], [1]), [1, 1, 3]], [[[1, 3, 2]]]],
  samples: (m) =>
    windows(m).map(([x, w]) => {
      const shape = [...x.shape.slice(0, 2), ...windowShape(x.shape.slice(2), w)]
      return [m.float(shape), w, x.shape]
    }),
})

/**
 * How many places each window is divided by: one number, or one for each window as a tensor of the result's rank.
 * Windows may reach past the padding in ceil mode; that part never counts. `padded`: does the padding count?
 */
function counts(
  spatial: Shape,
  w: Window,
  padding: readonly number[],
  padded: boolean,
): number | Tensor {
  const out = windowShape(spatial, w)
  let fixed = 1
  let varying: Tensor | undefined
  spatial.forEach((n, a) => {
    const [k, s, p] = [w.kernel[a]!, w.stride[a]!, padding[a]!]
    const [lo, hi] = padded ? [-p, n + p] : [0, n]
    const last = (out[a]! - 1) * s - p
    if (-p >= lo && last + k <= hi) {
      fixed *= k
      return
    }
    const shape = out.map((m, i) => (i === a ? m : 1))
    const start = map('sub', map('mul', iota(shape, a), constant(s, 'int32')), constant(p, 'int32'))
    const end = map('minimum', map('add', start, constant(k, 'int32')), constant(hi, 'int32'))
    const count = toType(map('sub', end, map('maximum', start, constant(lo, 'int32'))), 'float32')
    varying = varying ? mul(varying, count) : count
  })
  return varying ? mul(varying, fixed) : fixed
}

interface AverageAttrs {
  window: Window
  padding: readonly number[]
  includePad: boolean
  divisor: number | null
}
/** A factor for the sums, and where windows count different numbers of places these. */
function shares(
  spatial: Shape,
  { window, padding, includePad, divisor }: AverageAttrs,
): { factor: number; by?: Tensor } {
  const by = divisor ?? counts(spatial, window, padding, includePad)
  return typeof by === 'number' ? { factor: 1 / by } : { factor: 1, by }
}
const divided = (x: Tensor, by?: Tensor) => (by ? div(x, toType(by, x.dtype)) : x)

/**
 * The mean of each window. `padding` is what belongs to the tensor (the window's may be larger, by ceil mode);
 * `divisor` replaces the number of places.
 */
export const averagePool = defineOp({
  name: 'averagePool',
  formula: 'y[i] = Σ_k x[s·i + k − p] / n_i',
  args: (x: Tensor, attrs: AverageAttrs) => ({ inputs: [x], attrs }),
  forward: ([x], attrs) => {
    const { factor, by } = shares(x!.shape.slice(2), attrs)
    return divided(
      prim(rare(windowPrims, { op: 'sumPool', window: attrs.window, factor }), [x!]),
      by,
    )
  },
  vjp: (ct, [x], _y, attrs): Grads => [averagePoolInput(ct, attrs, x!.shape)],
  example: (m) => [
    [
      m.of([[[1, 3, 2, 0]]]),
      { window: window1([2]), padding: [0], includePad: true, divisor: null },
    ],
    [[[2, 1]]],
  ],
  samples: (m) =>
    [true, false].flatMap((includePad) =>
      windows(m)
        .filter(([, w]) => w.dilation.every((d) => d === 1))
        .map(([x, window]) => [
          x,
          { window, padding: window.padding.map((p) => p[0]), includePad, divisor: null },
        ]),
    ),
})
/** The transpose of averagePool. */
const averagePoolInput = defineOp({
  name: 'averagePoolInput',
  formula: 'x[s·i + k − p] += y[i] / n_i',
  args: (y: Tensor, attrs: AverageAttrs, shape: Shape) => ({
    inputs: [y],
    attrs: { ...attrs, shape: [...shape] },
  }),
  forward: ([y], attrs) => {
    const { window, shape } = attrs
    const { factor, by } = shares(shape.slice(2), attrs)
    return prim(rare(windowPrims, { op: 'sumPoolInput', window, shape, factor }), [divided(y!, by)])
  },
  vjp: (ct, _inputs, _x, { shape: _, ...attrs }): Grads => [averagePool(ct, attrs)],
  example: (m) => [
    [
      m.of([[[2, 4]]]),
      { window: window1([2], [1]), padding: [0], includePad: true, divisor: null },
      [1, 1, 3],
    ],
    [[[1, 3, 2]]],
  ],
  samples: (m) => [
    [
      m.float([1, 2, 4]),
      {
        window: window1([2], [2], { padding: [[1, 2]] }),
        padding: [1],
        includePad: false,
        divisor: null,
      },
      [1, 2, 6],
    ],
  ],
})

// ---- public forms ----

const kernelPlaces = { stride: orNull(kinds.extents) }
const maxPlaces = {
  ...kernelPlaces,
  padding: kinds.extents,
  dilation: kinds.extents,
  ceilMode: kinds.flag,
  returnIndices: kinds.flag,
}
const avgPlaces = {
  ...kernelPlaces,
  padding: kinds.extents,
  ceilMode: kinds.flag,
  countIncludePad: kinds.flag,
  divisorOverride: orNull(kinds.integer),
}
const powerPlaces = { ...kernelPlaces, ceilMode: kinds.flag }
const unpoolPlaces = {
  ...kernelPlaces,
  padding: kinds.extents,
  outputSize: orNull(kinds.extents),
}

export interface PoolOptions {
  /** The kernel's extents unless given. */
  stride?: Extents
  padding?: Extents
  /** Rounds the number of windows up: the last may reach past the edge. */
  ceilMode?: boolean
}
export interface MaxPoolOptions extends PoolOptions {
  dilation?: Extents
}
export interface AvgPoolOptions extends PoolOptions {
  /** Does padding count among the places that are averaged? */
  countIncludePad?: boolean
  /** Divides each sum instead of the number of places. */
  divisorOverride?: number
}
/** Also gives the places of the extremes, as maxUnpool takes them. */
export interface ReturnIndices<I extends boolean = boolean> {
  returnIndices?: I
}
/** A pooled tensor, or that and its indices. */
export type Pooled<I extends boolean> = I extends true ? [Tensor, Tensor] : Tensor

/** @throws ShapeError, ValueError when the numbers or the shapes do not fit */
export function poolWindow(
  op: string,
  spatial: Shape,
  kernelSize: Extents,
  { stride, padding = 0, dilation = 1, ceilMode = false }: MaxPoolOptions,
): { window: Window; padding: number[] } {
  const n = spatial.length
  const kernel = extents(op, 'kernelSize', kernelSize, n, 1)
  const s = noStride(stride) ? kernel : extents(op, 'stride', stride, n, 1)
  const p = extents(op, 'padding', padding, n, 0)
  const d = extents(op, 'dilation', dilation, n, 1)
  if (p.some((v, a) => v > kernel[a]! / 2))
    throw new ValueError({
      op,
      rule: 'padding must be at most half of the kernel',
      got: `${show(p)} for ${show(kernel)}`,
    })
  const window: Window = { kernel, stride: s, dilation: d, padding: p.map((v) => [v, v]) }
  checkFits(op, spatial, window)
  if (!ceilMode) return { window, padding: p }
  const after = spatial.map((m, a) => {
    const reach = d[a]! * (kernel[a]! - 1) + 1
    let count = Math.ceil((m + 2 * p[a]! - reach) / s[a]!) + 1
    // No window starts in the padding after x.
    if ((count - 1) * s[a]! >= m + p[a]!) count--
    return Math.max(p[a]!, (count - 1) * s[a]! + reach - m - p[a]!)
  })
  return { window: { ...window, padding: p.map((v, a) => [v, after[a]!]) }, padding: p }
}

function extremePool(op: string, n: number, smallest: boolean) {
  return <I extends boolean = false>(
    x: Tensor,
    kernelSize: Extents,
    ...rest: PlacesOr<MaxPoolOptions & ReturnIndices<I>>
  ): Pooled<I> =>
    batched<Tensor | Tensor[]>(op, x, n, (x) => {
      const { returnIndices, ...options } = readOptions<MaxPoolOptions & ReturnIndices<I>>(
        op,
        rest,
        maxPlaces,
      )
      checkFloats(op, x)
      const { window } = poolWindow(op, x.shape.slice(2), kernelSize, options)
      const from = smallest ? neg(x) : x
      const y = maxPool(from, window)
      const value = smallest ? neg(y) : y
      return returnIndices ? [value, maxPoolIndices(from, window)] : value
    }) as Pooled<I>
}

/**
 * The largest of each window over the last axis.
 *
 * Shapes: x (N, C, L) or (C, L), result (N, C, L'), L' = ⌊(L + 2·padding − dilation·(K − 1) − 1)/stride⌋ + 1.
 * With `returnIndices` the result is [values, flat places in the spatial axes (int32)].
 * @throws ShapeError, ValueError when kernel and padding do not fit
 * @example maxPool1d(tensor([[[1, 3, 2, 0]]]), 2) // [[[3, 2]]]
 */
export const maxPool1d = extremePool('maxPool1d', 1, false)
/** The largest of each window over the last two axes. Shapes: x (N, C, H, W) or (C, H, W). @example maxPool2d(ones([1, 1, 4, 4]), 2).shape // [1, 1, 2, 2] */
export const maxPool2d = extremePool('maxPool2d', 2, false)
/** The largest of each window over the last three axes. Shapes: x (N, C, D, H, W) or (C, D, H, W). */
export const maxPool3d = extremePool('maxPool3d', 3, false)
/** The smallest of each window over the last axis. @example minPool1d(tensor([[[1, 3, 2, 0]]]), 2) // [[[1, 0]]] */
export const minPool1d = extremePool('minPool1d', 1, true)
/** The smallest of each window over the last two axes. */
export const minPool2d = extremePool('minPool2d', 2, true)
/** The smallest of each window over the last three axes. */
export const minPool3d = extremePool('minPool3d', 3, true)

function avgPool(op: string, n: number) {
  return (x: Tensor, kernelSize: Extents, ...rest: PlacesOr<AvgPoolOptions>): Tensor =>
    batched(op, x, n, (x) => {
      const {
        countIncludePad = true,
        divisorOverride,
        ...options
      } = readOptions<AvgPoolOptions>(op, rest, avgPlaces)
      checkFloats(op, x)
      if (divisorOverride === 0)
        throw new ValueError({ op, rule: 'divisorOverride must not be 0', got: '0' })
      const { window, padding } = poolWindow(op, x.shape.slice(2), kernelSize, options)
      const divisor = divisorOverride ?? null
      return averagePool(x, { window, padding, includePad: countIncludePad, divisor })
    })
}
/**
 * The mean of each window over the last axis.
 *
 * Shapes: x (N, C, L) or (C, L), result (N, C, L'), L' = ⌊(L + 2·padding − K)/stride⌋ + 1.
 * @throws ShapeError, ValueError when kernel and padding do not fit
 * @example avgPool1d(tensor([[[1, 3, 2, 0]]]), 2) // [[[2, 1]]]
 */
export const avgPool1d = avgPool('avgPool1d', 1)
/** The mean of each window over the last two axes. Shapes: x (N, C, H, W) or (C, H, W). */
export const avgPool2d = avgPool('avgPool2d', 2)
/** The mean of each window over the last three axes. Shapes: x (N, C, D, H, W) or (C, D, H, W). */
export const avgPool3d = avgPool('avgPool3d', 3)

export type LPPoolOptions = Omit<PoolOptions, 'padding'>

function lpPool(op: string, n: number) {
  return (
    x: Tensor,
    normType: number,
    kernelSize: Extents,
    ...rest: PlacesOr<LPPoolOptions>
  ): Tensor => {
    const { stride, ceilMode } = readOptions<LPPoolOptions>(op, rest, powerPlaces)
    const size = sizeOf(extents(op, 'kernelSize', kernelSize, n, 1))
    const means = avgPool(op, n)(pow(x, normType), kernelSize, {
      ...(stride !== undefined && { stride }),
      ...(ceilMode !== undefined && { ceilMode }),
    })
    return pow(mul(mul(sign(means), relu(abs(means))), size), 1 / normType)
  }
}
/**
 * The power mean without its division, y = (Σ xᵖ)^(1/p), of each window over the last axis. A window that reaches
 * past the edge by ceil mode is scaled up to the kernel's size.
 * @example lpPool1d(tensor([[[3, 4, 6, 8]]]), 2, 2) // [[[5, 10]]]
 */
export const lpPool1d = lpPool('lpPool1d', 1)
/** As lpPool1d, over the last two axes. */
export const lpPool2d = lpPool('lpPool2d', 2)
/** As lpPool1d, over the last three axes. */
export const lpPool3d = lpPool('lpPool3d', 3)

/** Values put at flat places of zeros (N, C, spatial). Where places repeat one of the values stays. */
const unpool = defineOp({
  name: 'maxUnpool',
  formula: 'y[index[i]] = x[i],  dx = dy[index]',
  source: 'https://pytorch.org/docs/stable/generated/torch.nn.MaxUnpool2d.html',
  args: (x: Tensor, index: Tensor, shape: Shape) => ({
    inputs: [x, asIndices('maxUnpool', index)],
    attrs: { shape: [...shape] },
  }),
  forward: ([x, index], { shape }) => {
    const count = sizeOf(shape.slice(2))
    const n = sizeOf(x!.shape.slice(2))
    const base = expand(constant(0, x!.dtype), [shape[0]!, shape[1]!, count])
    return reshape(
      prim(rare(indexingPrims, { op: 'scatter', axis: 2, mode: 'set' }), [
        base,
        places(index!, n),
        places(x!, n),
      ]),
      shape,
    )
  },
  vjp: (ct, [x, index], _y, { shape }): Grads => {
    const flat = places(ct, sizeOf(shape.slice(2)))
    const picked = gather(flat, 2, places(index!, sizeOf(x!.shape.slice(2))))
    return [reshape(picked, x!.shape), null]
  },
  example: (m) => [[m.of([[[5, 7]]]), m.of([[[3, 1]]], 'int32'), [1, 1, 4]], [[[0, 7, 0, 5]]]],
  samples: (m) => [
    [
      m.float([1, 1, 2, 2]),
      m.of(
        [
          [
            [
              [0, 5],
              [11, 3],
            ],
          ],
        ],
        'int32',
      ),
      [1, 1, 3, 4],
    ],
    [m.float([2, 1, 1]), m.of([[[2]], [[0]]], 'int32'), [2, 1, 3]],
  ],
})

export interface UnpoolOptions {
  stride?: Extents
  padding?: Extents
  /** The spatial shape of the result, where several give the same pooled shape. */
  outputSize?: Shape
}
function maxUnpool(op: string, n: number) {
  return (
    x: Tensor,
    places: Tensor,
    kernelSize: Extents,
    ...rest: PlacesOr<UnpoolOptions>
  ): Tensor => {
    const { stride, padding = 0, outputSize } = readOptions<UnpoolOptions>(op, rest, unpoolPlaces)
    const indices = asIndices(op, places)
    if (!sameShape(indices.shape, x.shape))
      throw new ShapeError({
        op,
        rule: `indices must have the shape of x, ${show(x.shape)}`,
        got: show(indices.shape),
      })
    return batched(op, x, n, (b) => {
      checkFloats(op, b)
      const kernel = extents(op, 'kernelSize', kernelSize, n, 1)
      const s = noStride(stride) ? kernel : extents(op, 'stride', stride, n, 1)
      const p = extents(op, 'padding', padding, n, 0)
      const usual = kernel.map((k, a) => (b.shape[a + 2]! - 1) * s[a]! + k - 2 * p[a]!)
      const spatial = outputSize ? outputSize.slice(-n) : usual
      if (spatial.length !== n || spatial.some((m, a) => Math.abs(m - usual[a]!) >= s[a]!))
        throw new ShapeError({
          op,
          rule: `outputSize must be within less than a stride of ${show(usual)}`,
          got: show(spatial),
        })
      return unpool(b, reshape(indices, b.shape), [...b.shape.slice(0, 2), ...spatial])
    })
  }
}
/**
 * The values of a max pooling put back at their places, zeros elsewhere.
 *
 * Shapes: x and indices (N, C, L) or (C, L), result (N, C, L'), L' = (L − 1)·stride + K − 2·padding.
 * @throws ShapeError, DTypeError when indices or outputSize do not fit
 * @example maxUnpool1d(...maxPool1d(tensor([[[1, 3, 2, 0]]]), 2, { returnIndices: true }), 2) // [[[0, 3, 2, 0]]]
 */
export const maxUnpool1d = maxUnpool('maxUnpool1d', 1)
/** The inverse of maxPool2d. Shapes: x and indices (N, C, H, W) or (C, H, W). */
export const maxUnpool2d = maxUnpool('maxUnpool2d', 2)
/** The inverse of maxPool3d. Shapes: x and indices (N, C, D, H, W) or (C, D, H, W). */
export const maxUnpool3d = maxUnpool('maxUnpool3d', 3)

/** The axes after the first two. */
function spatialAxes(op: string, x: Tensor): number[] {
  if (x.rank < 3)
    throw new ShapeError({ op, rule: 'x must be (N, C, spatial)', got: show(x.shape) })
  return x.shape.map((_, a) => a).slice(2)
}
/**
 * The mean over all places of each channel. Shapes: x (N, C, spatial), result (N, C), or (N, C, 1, ..) with keepdim.
 * @example globalAvgPool(tensor([[[1, 3]]])) // [[2]]
 */
export const globalAvgPool = (x: Tensor, options?: boolean | ReduceOptions): Tensor =>
  mean(x, spatialAxes('globalAvgPool', x), options)
/** The largest of all places of each channel; see globalAvgPool. @example globalMaxPool(tensor([[[1, 3]]])) // [[3]] */
export const globalMaxPool = (x: Tensor, options?: boolean | ReduceOptions): Tensor =>
  amax(x, spatialAxes('globalMaxPool', x), options)
