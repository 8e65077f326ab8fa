/** Interpolation between the pixels of an image. */
import { expand, reshape } from '../ops/broadcast.js'
import { add, mul, sub } from '../ops/arithmetic.js'
import { toType } from '../ops/define.js'
import { clamp, minimum } from '../ops/elementwise.js'
import { floor, round } from '../ops/functions.js'
import { gather } from '../ops/indexing.js'
import { pad } from '../ops/join.js'
import type { Tensor } from '../ops/tensor.js'

/**
 * Values of x at positions given in pixels: (0, 0) is the center of the first pixel.
 * Shapes: x (N, C, H, W), ix and iy (N or 1, H', W'), y (N, C, H', W'). Outside, the nearest pixel of the border is used.
 */
export function atBorder(x: Tensor, ix: Tensor, iy: Tensor, mode: 'bilinear' | 'nearest'): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number]
  const [, ho, wo] = ix.shape as [number, number, number]
  const flat = reshape(x, [n, c, h * w])
  const read = (px: Tensor, py: Tensor) => {
    const index = toType(add(mul(py, w), px), 'int32')
    return reshape(gather(flat, 2, expand(reshape(index, [-1, 1, ho * wo]), [n, c, ho * wo])), [
      n,
      c,
      ho,
      wo,
    ])
  }
  const [u, v] = [clamp(ix, 0, w - 1), clamp(iy, 0, h - 1)]
  if (mode === 'nearest') return read(round(u), round(v))
  const [x0, y0] = [floor(u), floor(v)]
  const [x1, y1] = [minimum(add(x0, 1), w - 1), minimum(add(y0, 1), h - 1)]
  const one = (t: Tensor) => reshape(t, [-1, 1, ho, wo])
  const [fx, fy] = [one(sub(u, x0)), one(sub(v, y0))]
  const between = (a: Tensor, b: Tensor, f: Tensor) => add(a, mul(sub(b, a), f))
  return between(
    between(read(x0, y0), read(x1, y0), fx),
    between(read(x0, y1), read(x1, y1), fx),
    fy,
  )
}

/** The same with `fill` outside of the image: it is padded with one pixel of it. */
export function atPixels(
  x: Tensor,
  ix: Tensor,
  iy: Tensor,
  mode: 'bilinear' | 'nearest',
  fill = 0,
): Tensor {
  return atBorder(pad(x, [1, 1, 1, 1], { value: fill }), add(ix, 1), add(iy, 1), mode)
}
