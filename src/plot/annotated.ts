/** Pictures with what was found in them: boxes, points and lines over images. */
import { asNumbers } from '../core/dtype.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { encodePng, fromPlanes } from '../core/image.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import { colorOf } from './axes.js'
import { requireList } from './common.js'
import { el, picture, text } from './svg.js'

/** Something drawn over an image, in its pixels: a box of four numbers, or points, of which one is a dot and several a line. */
export interface Mark {
  /** x1, y1, x2, y2. */
  box?: ArrayLike<number>
  points?: readonly (readonly [number, number])[]
  /** Written above a box, beside a point. */
  label?: string
  /** The number of a color, or a color of CSS. */
  color?: number | string
  dashed?: boolean
}
export interface AnnotatedOptions {
  title?: string
  /** Images in a row; as many as rows when not given. */
  columns?: number
  /** How many times as large each image is drawn; such that it is about 200 wide unless given. */
  scale?: number
  /** Under each image. */
  captions?: readonly string[]
}
const known: OptionNames<AnnotatedOptions> = {
  title: true,
  columns: true,
  scale: true,
  captions: true,
}

/**
 * Images side by side, each with its marks. Shapes: (N, H, W), (N, 1, H, W) gray, (N, 3, H, W) coloured, from 0 to 1.
 * @throws ShapeError for other shapes and another number of lists of marks than of images; ValueError for marks that are no numbers
 * @example annotatedImages(zeros([1, 8, 8]), [[{ box: [1, 1, 5, 6], label: '7' }]]).includes('<rect') // true
 */
export function annotatedImages(
  images: Tensor,
  marks: readonly (readonly Mark[])[],
  options: AnnotatedOptions = {},
): string {
  const op = 'annotatedImages'
  const { title, captions } = checkOptions(op, options, known)
  const { shape } = images
  const channels = shape.length === 3 ? 1 : shape[1]
  if (
    (shape.length !== 3 && shape.length !== 4) ||
    images.size === 0 ||
    (channels !== 1 && channels !== 3)
  )
    throw new ShapeError({
      op,
      rule: 'images are (N, H, W), (N, 1, H, W) or (N, 3, H, W), and there is at least one',
      got: show(shape),
    })
  requireList(op, 'marks are a list for each image', marks)
  const n = shape[0]!
  if (marks.length !== n || (captions && captions.length !== n))
    throw new ShapeError({
      op,
      rule: `there must be marks${captions ? ' and a caption' : ''} for each of the ${n} images`,
      got: `${marks.length}${captions ? ` and ${captions.length}` : ''}`,
    })
  const [h, w] = shape.slice(-2) as [number, number]
  const { columns = Math.ceil(Math.sqrt(n)), scale = Math.max(1, Math.round(200 / w)) } = options
  for (const [name, v, holds] of [
    ['columns', columns, Number.isInteger(columns) && columns > 0],
    ['scale', scale, scale > 0 && Number.isFinite(scale)],
  ] as const)
    if (!holds) throw new ValueError({ op, rule: `${name} is a number above 0`, got: showValue(v) })
  const values = asNumbers(images.toTypedArray())
  const [gap, top, below] = [8, title ? 32 : 8, captions ? 18 : 0]
  const [cellW, cellH] = [w * scale + gap, h * scale + below + gap]
  const rows = Math.ceil(n / columns)
  const parts: string[] = []
  for (let k = 0; k < n; k++) {
    const left = gap + (k % columns) * cellW
    const up = top + Math.floor(k / columns) * cellH
    const size = channels * h * w
    const png = encodePng(fromPlanes(values.subarray(k * size, (k + 1) * size), channels, h, w))
    const href = `data:image/png;base64,${btoa(Array.from(png, (b) => String.fromCharCode(b)).join(''))}`
    parts.push(
      el('image', {
        x: left,
        y: up,
        width: w * scale,
        height: h * scale,
        preserveAspectRatio: 'none',
        'image-rendering': 'optimizeSpeed',
        style: 'image-rendering:pixelated',
        href,
      }),
    )
    const caption = captions?.[k]
    if (caption) parts.push(text(caption, left, up + h * scale + 13, { room: w * scale }))
    for (const mark of marks[k]!) parts.push(...drawn(op, mark, left, up, scale))
  }
  const width = gap + Math.min(columns, n) * cellW
  const head = title ? [text(title, gap, 21, { size: 14, room: width - 2 * gap })] : []
  return picture(width, top + rows * cellH, ...head, ...parts)
}

function drawn(op: string, mark: Mark, left: number, up: number, scale: number): string[] {
  const { box, points = [], label, color = 1, dashed } = mark
  const places = box
    ? [
        [box[0]!, box[1]!],
        [box[2]!, box[3]!],
      ]
    : points
  if (places.length === 0 || places.some((p) => !p.every(Number.isFinite)))
    throw new ValueError({
      op,
      rule: 'a mark has a box of four finite numbers, or points of two',
      got: showValue(mark),
    })
  const at = places.map(([x, y]) => [left + x! * scale, up + y! * scale] as const)
  const [x, y] = at[0]!
  const stroke = typeof color === 'number' ? colorOf(color) : color
  const line = {
    fill: 'none',
    stroke,
    'stroke-width': 1.5,
    'stroke-dasharray': dashed ? '4 3' : undefined,
  }
  const shape = box
    ? el('rect', { x, y, width: at[1]![0] - x, height: at[1]![1] - y, ...line })
    : at.length === 1
      ? el('circle', { cx: x, cy: y, r: 3, ...line })
      : el('polyline', { points: at.map((p) => p.join(',')).join(' '), ...line })
  if (label === undefined) return [shape]
  const [tx, ty] = box ? [x, y > up + 10 ? y - 2 : at[1]![1] + 10] : [x + 5, y - 3]
  return [shape, text(label, tx, ty, { size: 10, fill: stroke })]
}
