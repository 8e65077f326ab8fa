/** Gaussian noise and random erasing. */
import { reshape } from '../ops/broadcast.js'
import { add, mul, sub, where } from '../ops/arithmetic.js'
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { ge, logicalAnd, lt } from '../ops/compare.js'
import { floor } from '../ops/functions.js'
import type { Tensor } from '../ops/tensor.js'
import { arange } from '../tensor/creation.js'
import { randn } from '../tensor/random.js'
import { each, onBatch, randomBox, type Transform } from './images.js'

/** y = x + std · z, z standard normal for each pixel. */
export const gaussianNoise =
  (std: number): Transform =>
  (x) =>
    onBatch('gaussianNoise', x, (t) => add(t, mul(randn(t.shape), std)))

/** Whether pixels lie in a box of h x w pixels from (top, left): (N, 1, H, W). All of shape (N, 1, 1, 1). */
export function inBox(t: Tensor, top: Tensor, left: Tensor, h: Tensor, w: Tensor): Tensor {
  const [height, width] = t.shape.slice(2) as [number, number]
  const y = reshape(arange(height), [1, 1, height, 1])
  const x = reshape(arange(width), [1, 1, 1, width])
  const within = (p: Tensor, from: Tensor, size: Tensor) =>
    logicalAnd(ge(p, from), lt(p, add(from, size)))
  return logicalAnd(within(y, top, h), within(x, left, w))
}

export interface ErasingOptions {
  /** How likely it is; 0.5 when not given. */
  p?: number
  /** The least and the largest part of the area that is filled; [0.02, 0.33] when not given. */
  scale?: readonly [number, number]
  /** The least and the largest width over height; [0.3, 3.3] when not given. */
  ratio?: readonly [number, number]
  /** The value of the filled pixels; 0 when not given. */
  value?: number
}

const erasingOptions: OptionNames<ErasingOptions> = {
  p: true,
  scale: true,
  ratio: true,
  value: true,
}

/**
 * A random box of each image filled with `value`, with probability p
 * (torchvision.transforms.RandomErasing; Zhong et al., 2017).
 */
export function randomErasing(options: ErasingOptions = {}): Transform {
  const {
    p = 0.5,
    scale = [0.02, 0.33],
    ratio = [0.3, 3.3],
    value = 0,
  } = checkOptions('randomErasing', options, erasingOptions)
  return (x) =>
    onBatch('randomErasing', x, (t) => {
      const [h, w] = t.shape.slice(2) as [number, number]
      const [bh, bw] = randomBox(t, scale, ratio).map((side) => floor(add(side, 0.5))) as [
        Tensor,
        Tensor,
      ]
      const place = (side: number, part: Tensor) =>
        floor(mul(each(t, 0, 1), add(sub(side, part), 1)))
      const hole = inBox(t, place(h, bh), place(w, bw), bh, bw)
      return where(logicalAnd(hole, lt(each(t, 0, 1), p)), value, t)
    })
}

/**
 * A square of `size` pixels with a random center in each image filled with `value`; at the borders only a part of it
 * lies inside (DeVries and Taylor, 2017).
 */
export function cutout(size: number, options: { value?: number } = {}): Transform {
  const { value = 0 } = checkOptions('cutout', options, ['value'])
  if (!(Number.isInteger(size) && size >= 0))
    throw new ValueError({ op: 'cutout', rule: 'size is a whole number from 0', got: `${size}` })
  return (x) =>
    onBatch('cutout', x, (t) => {
      const from = (side: number) => sub(floor(each(t, 0, side)), Math.floor(size / 2))
      const [top, left] = [from(t.shape[2]!), from(t.shape[3]!)]
      const side = mul(add(mul(top, 0), 1), size)
      return where(inBox(t, top, left, side, side), value, t)
    })
}
