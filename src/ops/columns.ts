/** Images as columns of their windows, and back: PyTorch's functional unfold and fold. */
import { expand, permute, reshape } from './broadcast.js'
import { ShapeError, show } from '../core/errors.js'
import { kinds, type PlacesOr, readOptions } from '../core/options.js'
import { defineOp, scalar } from './define.js'
import { map } from './forms.js'
import { indexAdd, indexSelect } from './indexing.js'
import { pad } from './join.js'
import { narrow } from './slice.js'
import type { Tensor } from './tensor.js'
import { constant, iota } from './trace.js'
import { checkFloats, type Extents, extents } from './window.js'

/** The places that windows read along an axis: one row for each element of the kernel. int32 (k · m). */
const windowPlaces = defineOp({
  name: 'windowPlaces',
  formula: 'y[i·m + j] = i · dilation + j · stride',
  args: (k: number, m: number, stride: number, dilation: number) => ({
    inputs: [],
    attrs: { k, m, stride, dilation },
  }),
  forward: (_inputs, { k, m, stride, dilation }) => {
    const int = (v: number) => constant(v, 'int32')
    const i = map('mul', iota([k, m], 0), int(dilation))
    return reshape(map('add', i, map('mul', iota([k, m], 1), int(stride))), [k * m])
  },
  differentiable: false,
  example: () => [
    [2, 3, 2, 1],
    [0, 2, 4, 1, 3, 5],
  ],
  samples: () => [
    [3, 2, 1, 2],
    [1, 4, 3, 1],
  ],
})

export interface ColumnOptions {
  /** The distance of neighbours in a window; 1 unless said otherwise. */
  dilation?: Extents
  /** Zeros on both sides of each spatial axis. */
  padding?: Extents
  /** The distance of windows; 1 unless said otherwise. */
  stride?: Extents
}
const places = { dilation: kinds.extents, padding: kinds.extents, stride: kinds.extents }

/** The windows over an image of this size: their kernel, their steps, and how many there are along each axis. */
function layout(
  op: string,
  spatial: readonly number[],
  kernelSize: Extents,
  rest: PlacesOr<ColumnOptions>,
) {
  const { dilation = 1, padding = 0, stride = 1 } = readOptions<ColumnOptions>(op, rest, places)
  const kernel = extents(op, 'kernelSize', kernelSize, 2, 1)
  const d = extents(op, 'dilation', dilation, 2, 1)
  const p = extents(op, 'padding', padding, 2, 0)
  const s = extents(op, 'stride', stride, 2, 1)
  const padded = spatial.map((n, a) => n + 2 * p[a]!)
  const count = padded.map((n, a) => Math.floor((n - d[a]! * (kernel[a]! - 1) - 1) / s[a]!) + 1)
  if (count.some((m) => m < 1))
    throw new ShapeError({
      op,
      rule: 'the kernel, with its dilation, must fit into the padded input',
      got: `a kernel of ${show(kernel)} and ${show(padded)}`,
      fix: 'Make the kernel smaller, or pad more.',
    })
  const at = (a: number) => windowPlaces(kernel[a]!, count[a]!, s[a]!, d[a]!)
  return { kernel, padding: p, padded, count, at }
}

/**
 * The windows of images as columns, each with the values of all channels: PyTorch's `nn.functional.unfold`. (The
 * method `unfold` cuts windows along one axis.) An element outside of the image is 0.
 *
 * Formula: y[n, (c·kH + i)·kW + j, l] = x[n, c, h_l + i·dilation, w_l + j·dilation]
 * Shapes: x (N, C, H, W) or (C, H, W), result (N, C·kH·kW, L) or (C·kH·kW, L) with L windows, row by row.
 * Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.unfold.html
 * @throws ShapeError unless x has such a shape and the kernel fits
 * @example im2col(tensor([[[1, 2, 3], [4, 5, 6]]]), 2) // [[1, 2], [2, 3], [4, 5], [5, 6]]
 */
export function im2col(x: Tensor, kernelSize: Extents, ...rest: PlacesOr<ColumnOptions>): Tensor {
  const op = 'im2col'
  checkFloats(op, x)
  if (x.rank === 3) {
    const y = im2col(reshape(x, [1, ...x.shape]), kernelSize, ...rest)
    return reshape(y, y.shape.slice(1))
  }
  if (x.rank !== 4)
    throw new ShapeError({ op, rule: 'x must be (N, C, H, W) or (C, H, W)', got: show(x.shape) })
  const [n, c] = x.shape as [number, number]
  const { kernel, padding, count, at } = layout(op, x.shape.slice(2), kernelSize, rest)
  const [ph, pw] = padding as [number, number]
  const wide = ph + pw > 0 ? pad(x, [pw, pw, ph, ph]) : x
  const cut = indexSelect(indexSelect(wide, 2, at(0)), 3, at(1))
  const [kh, kw, oh, ow] = [...kernel, ...count] as [number, number, number, number]
  const parts = permute(reshape(cut, [n, c, kh, oh, kw, ow]), [0, 1, 2, 4, 3, 5])
  return reshape(parts, [n, c * kh * kw, oh * ow])
}

/**
 * Columns put back as windows of images; where windows lie over each other their values are added: PyTorch's
 * `nn.functional.fold`, the transposed map of im2col.
 *
 * Shapes: x (N, C·kH·kW, L) or (C·kH·kW, L), result (N, C, *outputSize) or (C, *outputSize).
 * Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.fold.html
 * @throws ShapeError unless there is a column for each window and a row for each element of the kernel
 * @example col2im(tensor([[1, 2], [2, 3], [4, 5], [5, 6]]), [2, 3], 2) // [[[1, 4, 3], [4, 10, 6]]]
 */
export function col2im(
  x: Tensor,
  outputSize: Extents,
  kernelSize: Extents,
  ...rest: PlacesOr<ColumnOptions>
): Tensor {
  const op = 'col2im'
  checkFloats(op, x)
  if (x.rank === 2) {
    const y = col2im(reshape(x, [1, ...x.shape]), outputSize, kernelSize, ...rest)
    return reshape(y, y.shape.slice(1))
  }
  const size = extents(op, 'outputSize', outputSize, 2, 1)
  const { kernel, padding, padded, count, at } = layout(op, size, kernelSize, rest)
  const [kh, kw, oh, ow] = [...kernel, ...count] as [number, number, number, number]
  if (x.rank !== 3 || x.shape[1]! % (kh * kw) !== 0 || x.shape[2] !== oh * ow)
    throw new ShapeError({
      op,
      rule: `x must be (N, C · ${kh * kw}, ${oh * ow}), or that without N`,
      got: show(x.shape),
    })
  const n = x.shape[0]!
  const c = x.shape[1]! / (kh * kw)
  const parts = permute(reshape(x, [n, c, kh, kw, oh, ow]), [0, 1, 2, 4, 3, 5])
  const zeros = (shape: readonly number[]) => expand(scalar(0, x.dtype, [x]), shape)
  const rows = reshape(parts, [n, c, kh * oh, kw * ow])
  const wide = indexAdd(zeros([n, c, kh * oh, padded[1]!]), 3, at(1), rows)
  const whole = indexAdd(zeros([n, c, ...padded]), 2, at(0), wide)
  return narrow(narrow(whole, 2, padding[0]!, size[0]!), 3, padding[1]!, size[1]!)
}
