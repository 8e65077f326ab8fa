/** Color transforms. They take and return images from 0 to 1: normalize them afterwards. */
import { expand, sum } from '../ops/broadcast.js'
import { add, div, mul, sub, where } from '../ops/arithmetic.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { eq } from '../ops/compare.js'
import { clamp, remainder } from '../ops/elementwise.js'
import { abs } from '../ops/functions.js'
import { concat } from '../ops/join.js'
import { amax, amin, mean } from '../ops/reduce.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { each, onBatch, randomApply, type Range, rangeOf, type Transform } from './images.js'

/** A number, or one for each image as (N, 1, 1, 1). */
type Factor = number | Tensor

/** y = (x − mean) / std by channels. @throws ShapeError when they are not as many as the channels */
export function normalize(means: readonly number[], stds: readonly number[]): Transform {
  if (means.length !== stds.length || stds.some((s) => s === 0))
    throw new ValueError({
      op: 'normalize',
      rule: 'there must be a mean and a std above 0 for each channel',
      got: `${show(means)} and ${show(stds)}`,
    })
  const row = (values: readonly number[]) =>
    tensor([...values], { shape: [1, values.length, 1, 1] })
  return (x) =>
    onBatch('normalize', x, (t) => {
      if (t.shape[1] !== means.length)
        throw new ShapeError({
          op: 'normalize',
          rule: `images must have ${means.length} channels`,
          got: show(t.shape),
        })
      return div(sub(t, row(means)), row(stds))
    })
}

/** The luma of each pixel, (N, 1, H, W): 0.2989 R + 0.587 G + 0.114 B (ITU-R 601, torchvision's digits). */
function luma(op: string, t: Tensor): Tensor {
  if (t.shape[1] === 1) return t
  if (t.shape[1] !== 3)
    throw new ShapeError({ op, rule: 'images must have 1 or 3 channels', got: show(t.shape) })
  return sum(mul(t, tensor([0.2989, 0.587, 0.114], { shape: [1, 3, 1, 1] })), 1, { keepdim: true })
}

/** f · a + (1 − f) · b: the second image for f = 0, the first for 1, beyond it for more. */
const blend = (a: Tensor, b: Tensor | number, f: Factor) =>
  clamp(add(mul(a, f), mul(b, sub(1, f) as Tensor)), 0, 1)

/** Brightness multiplied by f (torchvision.transforms.functional.adjust_brightness). */
export const adjustBrightness = (x: Tensor, f: Factor): Tensor =>
  onBatch('adjustBrightness', x, (t) => clamp(mul(t, f), 0, 1))
/** Contrast: distances from the image's mean luma multiplied by f. */
export const adjustContrast = (x: Tensor, f: Factor): Tensor =>
  onBatch('adjustContrast', x, (t) =>
    blend(t, mean(luma('adjustContrast', t), [1, 2, 3], { keepdim: true }), f),
  )
/** Saturation: distances from gray multiplied by f; gray images do not change. */
export const adjustSaturation = (x: Tensor, f: Factor): Tensor =>
  onBatch('adjustSaturation', x, (t) => blend(t, luma('adjustSaturation', t), f))

/** Hues shifted by f, from −0.5 to 0.5 of the circle; gray images do not change. */
export function adjustHue(x: Tensor, f: Factor): Tensor {
  return onBatch('adjustHue', x, (t) => {
    if (t.shape[1] === 1) return t
    luma('adjustHue', t)
    const [r, g, b] = [0, 1, 2].map((c) => narrow(t, 1, c, 1)) as [Tensor, Tensor, Tensor]
    const top = amax(t, 1, { keepdim: true })
    const chroma = sub(top, amin(t, 1, { keepdim: true }))
    const safe = where(eq(chroma, 0), 1, chroma)
    // The hue in sixths of the circle; which formula holds depends on the largest channel.
    const sixths = where(
      eq(top, r),
      div(sub(g, b), safe),
      where(eq(top, g), add(div(sub(b, r), safe), 2), add(div(sub(r, g), safe), 4)),
    )
    const hue = remainder(add(sixths, mul(f, 6) as Tensor | number), 6)
    // A channel is top − chroma · clamp(min(k, 4 − k), 0, 1), k = (n + hue) mod 6 with n = 5, 3, 1.
    const channel = (n: number) => {
      const k = remainder(add(hue, n), 6)
      return sub(top, mul(chroma, clamp(sub(2, abs(sub(k, 2))), 0, 1)))
    }
    return concat([channel(5), channel(3), channel(1)], 1)
  })
}

/** Grayscale, with as many channels as before. */
export const grayscale = (x: Tensor): Tensor =>
  onBatch('grayscale', x, (t) => expand(luma('grayscale', t), t.shape))
export const randomGrayscale = (p = 0.1): Transform => randomApply(grayscale, p)

export interface ColorJitterOptions {
  /** Factors from 1 − b to 1 + b, or between two bounds. */
  brightness?: Range
  contrast?: Range
  saturation?: Range
  /** From −h to h, at most 0.5. */
  hue?: Range
}

const jitterOptions: OptionNames<ColorJitterOptions> = {
  brightness: true,
  contrast: true,
  saturation: true,
  hue: true,
}

/**
 * Each image's brightness, contrast, saturation and hue changed at random, in this order
 * (torchvision.transforms.ColorJitter, which also draws the order).
 * @throws ValueError for factors below 0 and hues beyond 0.5
 */
export function colorJitter(given: ColorJitterOptions): Transform {
  const options = checkOptions('colorJitter', given, jitterOptions)
  const check = (name: string, r: Range, middle: number, lo: number, hi: number) => {
    const [a, b] = rangeOf(r, middle)
    const from = typeof r === 'number' && middle === 1 ? Math.max(0, a) : a
    if (!(from >= lo && b <= hi && from <= b))
      throw new ValueError({
        op: 'colorJitter',
        rule: `${name} must lie from ${lo} to ${hi}`,
        got: `[${a}, ${b}]`,
      })
    return [from, b] as const
  }
  const steps: [readonly [number, number], (x: Tensor, f: Factor) => Tensor][] = []
  const limit = Number.POSITIVE_INFINITY
  for (const [name, adjust] of [
    ['brightness', adjustBrightness],
    ['contrast', adjustContrast],
    ['saturation', adjustSaturation],
  ] as const) {
    const r = options[name]
    if (r !== undefined) steps.push([check(name, r, 1, 0, limit), adjust])
  }
  if (options.hue !== undefined) steps.push([check('hue', options.hue, 0, -0.5, 0.5), adjustHue])
  return (x) =>
    onBatch('colorJitter', x, (t) => steps.reduce((y, [r, f]) => f(y, each(t, ...r)), t))
}
