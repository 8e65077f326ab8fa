/** Tensors as pictures: filters, feature maps, digits in a grid. */
import { asNumbers } from '../core/dtype.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { encodeBytes } from '../core/png.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'

export interface GridOptions {
  /** Images in a row; as many as rows when not given. */
  columns?: number
  /** Pixels that one element becomes, on each side; such that an image is about 56 wide unless given. */
  scale?: number
  /** 'each' stretches every image over black to white, 'all' all together, a pair says what black and white are. */
  range?: 'each' | 'all' | readonly [black: number, white: number]
  /** Pixels between the images. */
  gap?: number
}

const gridOptions: OptionNames<GridOptions> = { columns: true, scale: true, range: true, gap: true }

const bounds = (v: ArrayLike<number>, from: number, to: number): [number, number] => {
  let lo = Number.POSITIVE_INFINITY
  let hi = Number.NEGATIVE_INFINITY
  for (let i = from; i < to; i++) {
    if (v[i]! < lo) lo = v[i]!
    if (v[i]! > hi) hi = v[i]!
  }
  return [lo, hi]
}

/**
 * Images in rows, as the bytes of a PNG. (H, W), (N, H, W) and (N, 1, H, W) are gray, (N, 3, H, W) coloured; the images
 * of other channel counts, such as the filters (O, C, kH, kW) of a convolution, stand side by side as gray ones.
 * @throws ShapeError for other ranks or when there is nothing to draw
 */
export function imageGrid(t: Tensor, options: GridOptions = {}): Uint8Array {
  checkOptions('imageGrid', options, gridOptions)
  const { shape } = t
  if (shape.length < 2 || shape.length > 4 || t.size === 0)
    throw new ShapeError({
      op: 'imageGrid',
      rule: 'images are (H, W), (N, H, W) or (N, C, H, W), and there is at least one',
      got: show(shape),
    })
  const [height, width] = [shape[shape.length - 2]!, shape[shape.length - 1]!]
  const colors = shape.length === 4 && shape[1] === 3 ? 3 : 1
  const values = asNumbers(t.toTypedArray())
  const plane = height * width
  const count = values.length / (plane * colors)
  const { columns = Math.ceil(Math.sqrt(count)), gap = 2, range = 'each' } = options
  const scale = options.scale ?? Math.max(1, Math.round(56 / width))
  for (const [name, value, least] of [
    ['columns', columns, 1],
    ['scale', scale, 1],
    ['gap', gap, 0],
  ] as const)
    if (!(Number.isInteger(value) && value >= least))
      throw new ValueError({
        op: 'imageGrid',
        rule: `${name} must be a whole number from ${least}`,
        got: `${value}`,
      })
  const rows = Math.ceil(count / columns)
  const W = columns * (width * scale + gap) + gap
  const H = rows * (height * scale + gap) + gap
  const data = new Uint8Array(W * H * colors).fill(90)
  const all = range === 'all' ? bounds(values, 0, values.length) : undefined
  for (let n = 0; n < count; n++) {
    const base = n * plane * colors
    const [lo, hi] =
      typeof range === 'object' ? range : (all ?? bounds(values, base, base + plane * colors))
    const factor = hi > lo ? 255 / (hi - lo) : 0
    const left = gap + (n % columns) * (width * scale + gap)
    const top = gap + Math.floor(n / columns) * (height * scale + gap)
    for (let y = 0; y < height * scale; y++)
      for (let x = 0; x < width * scale; x++) {
        const at = Math.floor(y / scale) * width + Math.floor(x / scale)
        for (let c = 0; c < colors; c++) {
          const v = (values[base + c * plane + at]! - lo) * factor
          data[((top + y) * W + left + x) * colors + c] = Math.max(0, Math.min(255, Math.round(v)))
        }
      }
  }
  return encodeBytes(W, H, colors, data)
}
