/** Images of another size: interpolation, and channels turned into places and back. */
import { permute, reshape } from './broadcast.js'
import { add, mul, neg, sub, where } from './arithmetic.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from './adaptive.js'
import { eq, lt } from './compare.js'
import { defineOp, type Grads, toType } from './define.js'
import { clamp, minimum } from './elementwise.js'
import { floor } from './functions.js'
import { sumPoolInput } from './pool.js'
import { mixTaps } from './taps.js'
import type { Tensor } from './tensor.js'
import { iota } from './trace.js'
import { checkFloats, type Extents, windowOf } from './window.js'

/**
 * For each of m places of the result the one of n before it, at most the last, and how far behind that it lies, t.
 * Its rounding decides which places are read: as in PyTorch that of fused products, but for the places of cubic convolution
 * (`least` −1). The scale comes in two parts, whose products with whole numbers are exact.
 */
function sourcePlaces({ n, m, scale, corners }: TapAttrs, least: number): [Tensor, Tensor] {
  const whole = new Float32Array([scale])
  const high = new Float32Array(whole)
  new Int32Array(high.buffer)[0]! &= ~0xfff
  const i = toType(iota([m], 0), 'float32')
  const at = corners ? i : add(i, 0.5)
  const first = corners ? mul(at, high[0]!) : sub(mul(at, high[0]!), 0.5)
  const second = mul(at, whole[0]! - high[0]!)
  const place = add(first, second)
  // The sum may have been rounded up to a whole number.
  const rounded = floor(place)
  const before = sub(rounded, toType(lt(add(sub(first, rounded), second), 0), 'float32'))
  const low = clamp(corners || least < 0 ? rounded : before, least, n - 1)
  const t = corners || least === 0 ? add(sub(first, low), second) : sub(place, low)
  return [low, clamp(t, 0, 1)]
}
const tapArgs = (n: number, m: number, scale: number, corners: boolean) => ({
  inputs: [],
  attrs: { n, m, scale, corners },
})
type TapAttrs = ReturnType<typeof tapArgs>['attrs']

/** Linear interpolation from n to m places, [place, weight], each (2, m); see taps.ts. */
const linearTaps = defineOp({
  name: 'linearTaps',
  formula:
    'w[0][i] = 1 − t at ⌊s_i⌋, w[1][i] = t at ⌊s_i⌋ + 1,  t = s_i − ⌊s_i⌋,  s_i = scale · i, or scale (i + ½) − ½',
  args: tapArgs,
  forward: (_inputs, attrs: TapAttrs) => {
    const [low, t] = sourcePlaces(attrs, 0)
    const k = iota([2, attrs.m], 0)
    const place = minimum(add(low, toType(k, 'float32')), attrs.n - 1)
    return [toType(place, 'int32'), where(eq(k, 0), sub(1, t), t)]
  },
  differentiable: false,
  // A place of weight 0 is read too; at the end it is the last one again.
  example: () => [
    [2, 3, 0.5, true],
    [
      [
        [0, 0, 1],
        [1, 1, 1],
      ],
      [
        [1, 0.5, 1],
        [0, 0.5, 0],
      ],
    ],
  ],
  samples: () => [
    [3, 7, 3 / 7, false],
    [7, 3, 7 / 3, false],
    [1, 2, 0, true],
  ],
})

/** Keys' constant, as in PyTorch. */
const A = -0.75
/** The weight of a place at the distance 0 ≤ d < 1, and at 1 ≤ d < 2; their slopes. */
const near = (d: Tensor) => add(mul(mul(sub(mul(d, A + 2), A + 3), d), d), 1)
const far = (d: Tensor) => sub(mul(add(mul(sub(mul(d, A), 5 * A), d), 8 * A), d), 4 * A)
const nearSlope = (d: Tensor) => mul(sub(mul(d, 3 * (A + 2)), 2 * (A + 3)), d)
const farSlope = (d: Tensor) => add(mul(sub(mul(d, 3 * A), 10 * A), d), 8 * A)

/** The weights of cubic convolution for the four places around one that is t behind the second of them. */
export const cubicKernel = defineOp({
  name: 'cubicKernel',
  formula: 'w(1 + t), w(t), w(1 − t), w(2 − t)',
  source: 'R. Keys, "Cubic convolution interpolation for digital image processing", 1981',
  args: (t: Tensor) => ({ inputs: [t], attrs: {} }),
  forward: ([t]) => {
    const u = sub(1, t!)
    return [far(add(t!, 1)), near(t!), near(u), far(add(u, 1))]
  },
  vjp: (cts, [t]): Grads => {
    const u = sub(1, t!)
    const slopes = [
      farSlope(add(t!, 1)),
      nearSlope(t!),
      neg(nearSlope(u)),
      neg(farSlope(add(u, 1))),
    ]
    const parts = cts.flatMap((ct, k) => (ct ? [mul(ct, slopes[k]!)] : []))
    return [parts.reduce((a, b) => add(a, b))]
  },
  example: (m) => [[m.of([0.5])], [[-0.09375], [0.59375], [0.59375], [-0.09375]]],
  samples: (m) => [[m.float([3], 0.1, 0.9)], [m.float([2, 2], 0.1, 0.9)]],
})

/** Cubic convolution from n to m places, [place, weight], each (4, m); the edge goes on outside. */
const cubicTaps = defineOp({
  name: 'cubicTaps',
  formula: 'w[k][i] = w(s_i − place) at the four places around s_i',
  source: 'R. Keys, "Cubic convolution interpolation for digital image processing", 1981',
  args: tapArgs,
  forward: (_inputs, attrs: TapAttrs) => {
    const [first, t] = sourcePlaces(attrs, -1)
    const k = iota([4, attrs.m], 0)
    const place = clamp(add(first, toType(sub(k, 1), 'float32')), 0, attrs.n - 1)
    const weight = cubicKernel(t).reduceRight((rest, w, i) => where(eq(k, i), w, rest))
    return [toType(place, 'int32'), weight]
  },
  differentiable: false,
  // Half way between two places: −0.09375, 0.59375, 0.59375, −0.09375.
  example: () => [
    [4, 1, 4, false],
    [
      [[0], [1], [2], [3]],
      [[-0.09375], [0.59375], [0.59375], [-0.09375]],
    ],
  ],
  samples: () => [
    [3, 7, 3 / 7, false],
    [5, 3, 2, true],
  ],
})

/** For each of m places the one of n that is nearest below (`exact`: nearest to its centre). int32 (1, m). */
const nearestPlaces = defineOp({
  name: 'nearestPlaces',
  formula: 'y[0][i] = min(⌊scale · i⌋, n − 1), or ⌊scale (i + ½)⌋',
  args: (n: number, m: number, scale: number, exact: boolean) => ({
    inputs: [],
    attrs: { n, m, scale, exact },
  }),
  forward: (_inputs, { n, m, scale, exact }) => {
    const i = toType(iota([1, m], 1), 'float32')
    return toType(clamp(floor(mul(exact ? add(i, 0.5) : i, scale)), 0, n - 1), 'int32')
  },
  differentiable: false,
  example: () => [[2, 3, 2 / 3, false], [[0, 0, 1]]],
  samples: () => [
    [5, 3, 5 / 3, true],
    [3, 7, 3 / 7, false],
  ],
})

export type InterpolateMode =
  | 'nearest'
  | 'nearest-exact'
  | 'linear'
  | 'bilinear'
  | 'bicubic'
  | 'trilinear'
  | 'area'
export interface InterpolateOptions {
  /** The spatial shape of the result; this or scaleFactor. */
  size?: Extents
  /** The result's extents are ⌊extent · factor⌋. */
  scaleFactor?: Extents
  mode?: InterpolateMode
  /** The first and last places of x and the result fall together (linear and cubic modes). */
  alignCorners?: boolean
  /** Reckon with the factor that the rounded extents give instead of scaleFactor. */
  recomputeScaleFactor?: boolean
}
/** How many spatial axes a mode takes. */
const interpolation: OptionNames<InterpolateOptions> = {
  size: true,
  scaleFactor: true,
  mode: true,
  alignCorners: true,
  recomputeScaleFactor: true,
}
const axesOf: Record<InterpolateMode, readonly number[]> = {
  nearest: [1, 2, 3],
  'nearest-exact': [1, 2, 3],
  linear: [1],
  bilinear: [2],
  bicubic: [2],
  trilinear: [3],
  area: [1, 2, 3],
}

/**
 * The spatial axes brought to another size.
 *
 * Shapes: x (N, C, spatial) of one to three spatial axes, result (N, C, size).
 * Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
 * @throws ValueError for a mode that does not fit, or unless exactly one of size and scaleFactor is given
 * @example interpolate(tensor([[[1, 2]]]), { scaleFactor: 2 }) // [[[1, 1, 2, 2]]]
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const op = 'interpolate'
  const {
    size,
    scaleFactor,
    mode = 'nearest',
    alignCorners = false,
  } = checkOptions(op, options, interpolation)
  checkFloats(op, x)
  const n = x.rank - 2
  if (!axesOf[mode]?.includes(n))
    throw new ValueError({
      op,
      rule: `modes for ${n} spatial axes: ${Object.keys(axesOf)
        .filter((k) => axesOf[k as InterpolateMode].includes(n))
        .join(', ')}`,
      got: `'${mode}' for x of ${show(x.shape)}`,
    })
  if ((size === undefined) === (scaleFactor === undefined))
    throw new ValueError({ op, rule: 'give either size or scaleFactor' })
  const spatial = x.shape.slice(2)
  const listOf = (v: Extents) => (typeof v === 'number' ? spatial.map(() => v) : [...v])
  const factors = scaleFactor === undefined ? null : listOf(scaleFactor)
  const out = factors ? spatial.map((m, a) => Math.floor(m * factors[a]!)) : listOf(size!)
  if (out.length !== n || out.some((m) => !Number.isInteger(m) || m < 1))
    throw new ValueError({
      op,
      rule: `the result needs ${n} extents from 1 up`,
      got: show(out),
    })
  if (mode === 'area')
    return [adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d][n - 1]!(x, out)
  const given = factors && !options.recomputeScaleFactor
  // Whole factors: each place fills a window, and its gradient is that window's sum.
  if (mode.startsWith('nearest') && (!given || factors.every(Number.isInteger))) {
    const kernel = spatial.map((m, a) => out[a]! / m)
    if (kernel.every(Number.isInteger)) {
      const window = { ...windowOf(kernel), stride: kernel }
      return sumPoolInput(x, window, [...x.shape.slice(0, 2), ...out])
    }
  }
  // The last axis first, as its rows are shorter then.
  return spatial.reduceRight<Tensor>((t, m, a) => {
    const [axis, to] = [a + 2, out[a]!]
    const scale = given ? 1 / factors[a]! : m / to
    if (mode === 'nearest' || mode === 'nearest-exact') {
      if (m === to && scale === 1) return t
      return mixTaps(t, axis, [nearestPlaces(m, to, scale, mode === 'nearest-exact')])
    }
    const step = alignCorners ? (to > 1 ? (m - 1) / (to - 1) : 0) : scale
    if (m === to && step === 1) return t
    const taps = mode === 'bicubic' ? cubicTaps : linearTaps
    const [place, weight] = taps(m, to, step, alignCorners)
    return mixTaps(t, axis, [place!, weight])
  }, x)
}

function checkFactor(op: string, x: Tensor, factor: number): void {
  if (x.rank < 3) throw new ShapeError({ op, rule: 'x must be (..., C, H, W)', got: show(x.shape) })
  if (!Number.isInteger(factor) || factor < 1)
    throw new ValueError({
      op,
      rule: 'the factor must be a whole number from 1 up',
      got: `${factor}`,
    })
}
/**
 * Channels as places: (..., C·r², H, W) becomes (..., C, H·r, W·r). Shi et al., 2016.
 * @throws ShapeError unless r² divides the channels
 * @example pixelShuffle(tensor([[[1]], [[2]], [[3]], [[4]]]), 2) // [[[1, 2], [3, 4]]]
 */
export function pixelShuffle(x: Tensor, factor: number): Tensor {
  checkFactor('pixelShuffle', x, factor)
  const [c, h, w] = x.shape.slice(-3) as [number, number, number]
  const lead = x.shape.slice(0, -3)
  if (c % (factor * factor) !== 0)
    throw new ShapeError({
      op: 'pixelShuffle',
      rule: `${factor * factor} must divide the channels`,
      got: `${c}`,
    })
  const out = c / (factor * factor)
  const k = lead.length
  const order = [...lead.keys(), k, k + 3, k + 1, k + 4, k + 2]
  const parts = reshape(x, [...lead, out, factor, factor, h, w])
  return reshape(permute(parts, order), [...lead, out, h * factor, w * factor])
}
/**
 * The inverse of pixelShuffle: (..., C, H·r, W·r) becomes (..., C·r², H, W).
 * @throws ShapeError unless r divides height and width
 * @example pixelUnshuffle(tensor([[[1, 2], [3, 4]]]), 2) // [[[1]], [[2]], [[3]], [[4]]]
 */
export function pixelUnshuffle(x: Tensor, factor: number): Tensor {
  checkFactor('pixelUnshuffle', x, factor)
  const [c, h, w] = x.shape.slice(-3) as [number, number, number]
  const lead = x.shape.slice(0, -3)
  if (h % factor !== 0 || w % factor !== 0)
    throw new ShapeError({
      op: 'pixelUnshuffle',
      rule: `${factor} must divide height and width`,
      got: `${h} and ${w}`,
    })
  const k = lead.length
  const order = [...lead.keys(), k, k + 2, k + 4, k + 1, k + 3]
  const parts = reshape(x, [...lead, c, h / factor, factor, w / factor, factor])
  return reshape(permute(parts, order), [...lead, c * factor * factor, h / factor, w / factor])
}
/**
 * The channels of (N, C, ...) mixed among groups: channel g·(C/groups) + i goes to i·groups + g. Zhang et al., 2017.
 * @throws ShapeError unless the groups divide the channels
 * @example channelShuffle(tensor([[1, 2, 3, 4]]), 2) // [[1, 3, 2, 4]]
 */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  const [n, c, ...rest] = x.shape as [number, number, ...number[]]
  if (x.rank < 2 || c % groups !== 0)
    throw new ShapeError({
      op: 'channelShuffle',
      rule: `x must be (N, C, ...) and ${groups} groups divide the channels`,
      got: show(x.shape),
    })
  const parts = reshape(x, [n, groups, c / groups, ...rest])
  return reshape(permute(parts, [0, 2, 1, ...rest.map((_, a) => a + 3)]), x.shape)
}
