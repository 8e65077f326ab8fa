/** Interpolation between the pixels of an image. */
import { expand, reshape } from '../ops/broadcast.js'
import { add, mul, sub, where } from '../ops/arithmetic.js'
import { ShapeError, show } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { toType } from '../ops/define.js'
import { clamp, minimum, remainder } from '../ops/elementwise.js'
import { eq } from '../ops/compare.js'
import { abs, floor, round } from '../ops/functions.js'
import { gather } from '../ops/indexing.js'
import { pad, stack } from '../ops/join.js'
import { select } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { requireMode } from './images.js'
import { arange } from '../tensor/creation.js'

export interface SampleOptions {
  mode?: 'bilinear' | 'nearest'
  /** Values outside of the image: zeros, the nearest border pixel, or the image reflected. */
  paddingMode?: 'zeros' | 'border' | 'reflection'
  /** Whether −1 and 1 are the centers of the corner pixels (true) or their outer edges (false, when not given). */
  alignCorners?: boolean
}

const sampleOptions: OptionNames<SampleOptions> = {
  mode: true,
  paddingMode: true,
  alignCorners: true,
}

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

/** A coordinate reflected at lo and lo + span until it lies between them. */
function mirrored(p: Tensor, lo: number, span: number): Tensor {
  if (span === 0) return mul(p, 0)
  const away = abs(sub(p, lo))
  const rest = remainder(away, span)
  const even = eq(remainder(floor(mul(away, 1 / span)), 2), 0)
  return add(where(even, rest, sub(span, rest)), lo)
}

/**
 * x at the positions of a grid, whose last axis holds (x, y) from −1, the left or upper edge, to 1.
 * Shapes: x (N, C, H, W), grid (N, H', W', 2), y (N, C, H', W').
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html
 * @throws ShapeError
 * @example gridSample(tensor([[[[1, 3]]]]), tensor([[[[0, 0]]]])) // [[[[2]]]]
 */
export function gridSample(x: Tensor, grid: Tensor, options: SampleOptions = {}): Tensor {
  const {
    mode = 'bilinear',
    paddingMode = 'zeros',
    alignCorners = false,
  } = checkOptions('gridSample', options, sampleOptions)
  requireMode('gridSample', 'mode', mode, ['bilinear', 'nearest'])
  requireMode('gridSample', 'paddingMode', paddingMode, ['zeros', 'border', 'reflection'])
  if (x.rank !== 4 || grid.rank !== 4 || grid.shape[3] !== 2 || grid.shape[0] !== x.shape[0])
    throw new ShapeError({
      op: 'gridSample',
      rule: "x has shape (N, C, H, W) and grid (N, H', W', 2)",
      got: `${show(x.shape)} and ${show(grid.shape)}`,
    })
  const [ix, iy] = [x.shape[3]!, x.shape[2]!].map((n, axis) => {
    const g = select(grid, 3, axis)
    const p = alignCorners ? mul(add(g, 1), (n - 1) / 2) : sub(mul(add(g, 1), n / 2), 0.5)
    if (paddingMode !== 'reflection') return p
    return alignCorners ? mirrored(p, 0, n - 1) : mirrored(p, -0.5, n)
  }) as [Tensor, Tensor]
  return paddingMode === 'zeros' ? atPixels(x, ix, iy, mode) : atBorder(x, ix, iy, mode)
}

/**
 * The grid of an affine transform: position (x, y) of the result is read at theta · (x, y, 1).
 * Shapes: theta (N, 2, 3), size [N, C, H, W], y (N, H, W, 2).
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.affine_grid.html
 * @throws ShapeError
 * @example affineGrid(tensor([[[1, 0, 0], [0, 1, 0]]]), [1, 1, 1, 2]) // [[[[-0.5, 0], [0.5, 0]]]]
 */
export function affineGrid(
  theta: Tensor,
  size: readonly number[],
  options: { alignCorners?: boolean } = {},
): Tensor {
  const { alignCorners = false } = checkOptions('affineGrid', options, ['alignCorners'])
  const [n, , h, w] = size
  if (
    theta.rank !== 3 ||
    theta.shape[1] !== 2 ||
    theta.shape[2] !== 3 ||
    theta.shape[0] !== n ||
    size.length !== 4
  )
    throw new ShapeError({
      op: 'affineGrid',
      rule: 'theta has shape (N, 2, 3) and size is [N, C, H, W]',
      got: `${show(theta.shape)} and ${show(size)}`,
    })
  // 2(i + ½)/n − 1, or 2i/(n − 1) − 1 where the corners' middles are −1 and 1.
  const places = (count: number) => {
    const i = arange(count)
    if (!alignCorners) return sub(mul(add(i, 0.5), 2 / count), 1)
    return count === 1 ? mul(i, 0) : sub(mul(i, 2 / (count - 1)), 1)
  }
  const x = reshape(places(w!), [1, 1, w!])
  const y = reshape(places(h!), [1, h!, 1])
  const part = (row: number, column: number) =>
    reshape(select(select(theta, 1, row), 1, column), [-1, 1, 1])
  const along = (row: number) => add(add(mul(part(row, 0), x), mul(part(row, 1), y)), part(row, 2))
  return stack([along(0), along(1)], 3)
}
