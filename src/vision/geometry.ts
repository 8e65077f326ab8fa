/** Geometric transforms: flips, rotations, affine transforms, crops. */
import { expand, reshape } from '../ops/broadcast.js'
import { add, div, mul, sub, neg } from '../ops/arithmetic.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { cos, floor, sin, tan } from '../ops/functions.js'
import { gather } from '../ops/indexing.js'
import { pad } from '../ops/join.js'
import { flip } from '../ops/movement.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { arange, full } from '../tensor/creation.js'
import { randint } from '../tensor/random.js'
import {
  each,
  onBatch,
  randomApply,
  randomBox,
  type Range,
  rangeOf,
  requireMode,
  sizeOf2,
  type Transform,
} from './images.js'
import { atBorder, atPixels } from './sample.js'

export interface WarpOptions {
  mode?: 'bilinear' | 'nearest'
  /** The value of pixels that lie outside of the image; 0 when not given. */
  fill?: number
}
const warpOptions: OptionNames<WarpOptions> = { mode: true, fill: true }

/** Numbers, or tensors of shape (N, 1, 1, 1) with one for each image. */
export interface AffineParameters {
  /** Degrees, clockwise. */
  angle?: number | Tensor
  /** Pixels to the right and down. */
  translate?: readonly [number | Tensor, number | Tensor]
  scale?: number | Tensor
  /** Degrees, along x and y. */
  shear?: readonly [number | Tensor, number | Tensor]
}

const affineParameters: OptionNames<AffineParameters> = {
  angle: true,
  translate: true,
  scale: true,
  shear: true,
}

/**
 * Images rotated, translated, scaled and sheared about their centers: pixel p of the result is read at M⁻¹(p − t), with
 * M = scale · R(angle) · Shear (torchvision.transforms.functional.affine).
 */
export function affine(x: Tensor, parameters: AffineParameters, options: WarpOptions = {}): Tensor {
  const {
    angle = 0,
    translate = [0, 0],
    scale = 1,
    shear = [0, 0],
  } = checkOptions('affine', parameters, affineParameters)
  const { mode = 'bilinear', fill = 0 } = checkOptions('affine', options, warpOptions)
  requireMode('affine', 'mode', mode, ['bilinear', 'nearest'])
  return onBatch('affine', x, (t) => {
    const [h, w] = t.shape.slice(2) as [number, number]
    const one = (v: number | Tensor) =>
      typeof v === 'number' ? full([1, 1, 1], v) : reshape(v, [-1, 1, 1])
    const radians = (v: number | Tensor) => mul(one(v), Math.PI / 180)
    const turn = radians(angle)
    const [sx, sy] = shear.map(radians) as [Tensor, Tensor]
    const [tx, ty] = translate.map(one) as [Tensor, Tensor]
    const [c, s] = [div(cos(sub(turn, sy)), cos(sy)), div(sin(sub(turn, sy)), cos(sy))]
    // M = scale · [[c, b], [s, d]], of determinant scale².
    const b = sub(neg(mul(c, tan(sx))), sin(turn))
    const d = sub(cos(turn), mul(s, tan(sx)))
    const px = sub(reshape(sub(arange(w), (w - 1) / 2), [1, 1, w]), tx)
    const py = sub(reshape(sub(arange(h), (h - 1) / 2), [1, h, 1]), ty)
    const k = one(scale)
    const ix = div(sub(mul(d, px), mul(b, py)), k)
    const iy = div(sub(mul(c, py), mul(s, px)), k)
    return atPixels(t, add(ix, (w - 1) / 2), add(iy, (h - 1) / 2), mode, fill)
  })
}

/** Images rotated counter-clockwise by degrees about their centers (torchvision's rotate). */
export const rotate = (x: Tensor, angle: number | Tensor, options: WarpOptions = {}): Tensor =>
  affine(x, { angle: typeof angle === 'number' ? -angle : neg(angle) }, options)

/** Each image rotated by its own random angle, from −degrees to degrees or between two bounds. */
export function randomRotation(degrees: Range, options: WarpOptions = {}): Transform {
  checkOptions('randomRotation', options, warpOptions)
  return (x) =>
    onBatch('randomRotation', x, (t) => rotate(t, each(t, ...rangeOf(degrees)), options))
}

export interface RandomAffineOptions extends WarpOptions {
  degrees?: Range
  /** How far at most, as parts of width and height. */
  translate?: readonly [number, number]
  scale?: readonly [number, number]
  /** Degrees along x. */
  shear?: Range
}

const randomAffineOptions: OptionNames<RandomAffineOptions> = {
  ...warpOptions,
  degrees: true,
  translate: true,
  scale: true,
  shear: true,
}

/** Each image rotated, translated, scaled and sheared at random (torchvision.transforms.RandomAffine). */
export function randomAffine(given: RandomAffineOptions): Transform {
  const {
    degrees = 0,
    translate,
    scale,
    shear,
    ...options
  } = checkOptions('randomAffine', given, randomAffineOptions)
  return (x) =>
    onBatch('randomAffine', x, (t) => {
      const [h, w] = t.shape.slice(2) as [number, number]
      // Whole pixels, as torchvision translates.
      const moved = (part: number, side: number) =>
        floor(add(each(t, -part * side, part * side), 0.5))
      return affine(
        t,
        {
          angle: each(t, ...rangeOf(degrees)),
          ...(translate && { translate: [moved(translate[0], w), moved(translate[1], h)] }),
          ...(scale && { scale: each(t, ...scale) }),
          ...(shear !== undefined && { shear: [each(t, ...rangeOf(shear)), 0] }),
        },
        options,
      )
    })
}

/** Images flipped horizontally. */
export const hflip = (x: Tensor): Tensor => onBatch('hflip', x, (t) => flip(t, [3]))
/** Images flipped vertically. */
export const vflip = (x: Tensor): Tensor => onBatch('vflip', x, (t) => flip(t, [2]))

export const randomHorizontalFlip = (p = 0.5): Transform => randomApply(hflip, p)
export const randomVerticalFlip = (p = 0.5): Transform => randomApply(vflip, p)

/** The part of h x w pixels whose corner is at (top, left). @throws ShapeError when it is not inside */
export function crop(x: Tensor, top: number, left: number, h: number, w: number): Tensor {
  return onBatch('crop', x, (t) => narrow(narrow(t, 2, top, h), 3, left, w))
}

/** The central part. @throws ShapeError when the images are smaller */
export const centerCrop =
  (size: number | readonly [number, number]): Transform =>
  (x) => {
    const [h, w] = sizeOf2(size)
    const [height, width] = x.shape.slice(-2) as [number, number]
    requireRoom('centerCrop', height, width, h, w)
    return crop(x, Math.round((height - h) / 2), Math.round((width - w) / 2), h, w)
  }

function requireRoom(op: string, height: number, width: number, h: number, w: number): void {
  if (!(h <= height && w <= width))
    throw new ShapeError({
      op,
      rule: `images must have at least ${h} x ${w} pixels`,
      got: `${height} x ${width}`,
      fix: 'Pass padding, or resize them first.',
    })
}

export interface RandomCropOptions {
  /** Pixels added on each side; 0 when not given. */
  padding?: number
  /** The value of these pixels; 0 when not given. */
  fill?: number
}
const cropOptions: OptionNames<RandomCropOptions> = { padding: true, fill: true }

/** A random part of each image, after `padding` pixels of `fill` were added on each side (torchvision.transforms.RandomCrop). */
export function randomCrop(
  size: number | readonly [number, number],
  options: RandomCropOptions = {},
): Transform {
  const { padding = 0, fill = 0 } = checkOptions('randomCrop', options, cropOptions)
  return (x) =>
    onBatch('randomCrop', x, (t) => {
      const [h, w] = sizeOf2(size)
      const around = padding > 0 ? pad(t, [padding, padding, padding, padding], { value: fill }) : t
      const [n, c, height, width] = around.shape as [number, number, number, number]
      requireRoom('randomCrop', height, width, h, w)
      const top = randint(0, height - h + 1, [n, 1, 1])
      const left = randint(0, width - w + 1, [n, 1, 1])
      const side = (count: number) => arange(count, { dtype: 'int32' })
      const rows = mul(add(reshape(side(h), [1, h, 1]), top), width)
      const index = add(rows, add(reshape(side(w), [1, 1, w]), left))
      const all = expand(reshape(index, [n, 1, h * w]), [n, c, h * w])
      return reshape(gather(reshape(around, [n, c, height * width]), 2, all), [n, c, h, w])
    })
}

export interface RandomResizedCropOptions {
  /** The least and the largest part of the area; [0.08, 1] when not given. */
  scale?: readonly [number, number]
  /** The least and the largest width over height; [3/4, 4/3] when not given. */
  ratio?: readonly [number, number]
  mode?: 'bilinear' | 'nearest'
}
const resizedCropOptions: OptionNames<RandomResizedCropOptions> = {
  scale: true,
  ratio: true,
  mode: true,
}

/**
 * A part of random area and aspect ratio of each image, resized to `size`: the area is `scale` of the whole, width over
 * height log-uniform in `ratio` (torchvision.transforms.RandomResizedCrop; Szegedy et al., 2015). Interpolated
 * without antialiasing.
 */
export function randomResizedCrop(
  size: number | readonly [number, number],
  options: RandomResizedCropOptions = {},
): Transform {
  const {
    scale = [0.08, 1],
    ratio = [3 / 4, 4 / 3],
    mode = 'bilinear',
  } = checkOptions('randomResizedCrop', options, resizedCropOptions)
  requireMode('randomResizedCrop', 'mode', mode, ['bilinear', 'nearest'])
  const [h, w] = sizeOf2(size)
  if (
    !(scale[0] > 0 && scale[0] <= scale[1] && scale[1] <= 1 && ratio[0] > 0 && ratio[0] <= ratio[1])
  )
    throw new ValueError({
      op: 'randomResizedCrop',
      rule: 'scale goes up within (0, 1], and ratio goes up above 0',
      got: `[${scale.join(', ')}] and [${ratio.join(', ')}]`,
    })
  return (x) =>
    onBatch('randomResizedCrop', x, (t) => {
      const [n, , height, width] = t.shape as [number, number, number, number]
      const [ph, pw] = randomBox(t, scale, ratio)
      // The middles of `count` equal stretches of `part` pixels, begun anywhere.
      const along = (side: number, part: Tensor, count: number, shape: number[]) => {
        const start = mul(each(t, 0, 1), sub(side, part))
        const middles = reshape(add(arange(count), 0.5), [1, 1, 1, count])
        const places = sub(add(start, mul(div(part, count), middles)), 0.5)
        return expand(reshape(places, shape), [n, h, w])
      }
      return atBorder(t, along(width, pw, w, [n, 1, w]), along(height, ph, h, [n, h, 1]), mode)
    })
}
