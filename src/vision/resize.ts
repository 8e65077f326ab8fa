/** Resizing of images. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { matmul } from '../ops/linalg.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { onBatch, requireMode, sizeOf2, type Transform } from './images.js'

export interface ResizeOptions {
  mode?: 'bilinear' | 'bicubic' | 'nearest'
  /** Averages over the area that a pixel of a smaller image covers; on when not given, unless the mode is 'nearest'. */
  antialias?: boolean
}

const resizeOptions: OptionNames<ResizeOptions> = { mode: true, antialias: true }

/** Keys' cubic convolution; a is −0.75 between pixels and −0.5 in averages, as in PyTorch. */
const cubic = (a: number) => (t: number) => {
  const d = Math.abs(t)
  if (d >= 2) return 0
  return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : a * (((d - 5) * d + 8) * d - 4)
}
const triangle = (t: number) => Math.max(0, 1 - Math.abs(t))

/** The weight of each of `from` pixels in each of `to` pixels: the rows of the matrix (to, from). */
function weights(from: number, to: number, mode: ResizeOptions['mode'], antialias: boolean) {
  const out = new Float32Array(to * from)
  const scale = from / to
  for (let i = 0; i < to; i++) {
    const put = (j: number, w: number) => {
      out[i * from + Math.min(from - 1, Math.max(0, j))]! += w
    }
    if (mode === 'nearest') {
      put(Math.floor(i * scale), 1)
      continue
    }
    const middle = (i + 0.5) * scale
    if (antialias) {
      const wide = Math.max(1, scale)
      const filter = mode === 'bicubic' ? cubic(-0.5) : triangle
      const support = (mode === 'bicubic' ? 2 : 1) * wide
      const first = Math.max(0, Math.floor(middle - support + 0.5))
      const end = Math.min(from, Math.floor(middle + support + 0.5))
      const list = Array.from({ length: end - first }, (_, j) =>
        filter((first + j - middle + 0.5) / wide),
      )
      const total = list.reduce((a, b) => a + b, 0)
      list.forEach((w, j) => {
        put(first + j, w / total)
      })
    } else {
      const at = mode === 'bicubic' ? middle - 0.5 : Math.max(0, middle - 0.5)
      const first = Math.floor(at)
      const filter = mode === 'bicubic' ? cubic(-0.75) : triangle
      for (let j = first - 1; j <= first + 2; j++) put(j, filter(at - j))
    }
  }
  return out
}

/**
 * Images resized: each side by a matrix of weights. Bilinear with antialiasing when not given otherwise, as
 * torchvision.transforms.Resize; the numbers of torch.nn.functional.interpolate with align_corners false.
 * Shapes: (…, C, H, W) to (…, C, h, w).
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
 * @throws ValueError unless both sides are whole numbers above 0
 * @example resize(2)(tensor([[[0, 2], [4, 6]]])) // [[[0, 2], [4, 6]]]
 */
export function resize(
  size: number | readonly [number, number],
  options: ResizeOptions = {},
): Transform {
  const { mode = 'bilinear', antialias = mode !== 'nearest' } = checkOptions(
    'resize',
    options,
    resizeOptions,
  )
  requireMode('resize', 'mode', mode, ['bilinear', 'bicubic', 'nearest'])
  const [h, w] = sizeOf2(size)
  if (![h, w].every((n) => Number.isInteger(n) && n > 0))
    throw new ValueError({
      op: 'resize',
      rule: 'sides are whole numbers above 0',
      got: `${h} x ${w}`,
    })
  return (x) =>
    onBatch('resize', x, (t: Tensor) => {
      const [height, width] = t.shape.slice(2) as [number, number]
      let y = t
      if (width !== w) {
        const across = tensor(weights(width, w, mode, antialias), { shape: [w, width] })
        y = matmul(y, across.transpose(0, 1))
      }
      if (height !== h)
        y = matmul(tensor(weights(height, h, mode, antialias), { shape: [h, height] }), y)
      return y
    })
}
