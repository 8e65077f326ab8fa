/** Boxes (x1, y1, x2, y2): areas, overlaps, other forms, non-maximum suppression. torchvision.ops names and numbers. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import { asNumbers } from '../core/dtype.js'
import { add, div, mul, sub } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { clamp, maximum, minimum } from '../ops/elementwise.js'
import { stack } from '../ops/join.js'
import { unsqueeze } from '../ops/movement.js'
import { mean } from '../ops/reduce.js'
import { select } from '../ops/slice.js'
import { fromData, Tensor } from '../ops/tensor.js'
import { requireMode } from './images.js'

/** Boxes as a tensor (N, 4), or as a list of four numbers each. */
export type Boxes = Tensor | readonly ArrayLike<number>[]
/** xyxy are two corners, xywh the upper left corner with width and height, cxcywh the center with both. */
export type BoxFormat = 'xyxy' | 'xywh' | 'cxcywh'

function requireBoxes(op: string, ...all: Tensor[]): void {
  for (const boxes of all)
    if (!(boxes instanceof Tensor) || boxes.rank < 1 || boxes.shape.at(-1) !== 4)
      throw new ShapeError({
        op,
        rule: 'boxes have shape (N, 4)',
        got: boxes instanceof Tensor ? show(boxes.shape) : showValue(boxes),
      })
}

/** What boxes must lie in. */
export interface Inside {
  height: number
  width: number
}

/**
 * The rows of boxes as plain numbers, checked.
 * @throws ShapeError unless each has four numbers; ValueError for one that is not finite, whose second corner lies before the
 * first, or which leaves the picture where one is given
 */
export function boxRows(op: string, boxes: Boxes, inside?: Inside): number[][] {
  let rows: number[][]
  if (boxes instanceof Tensor) {
    if (boxes.size > 0 || boxes.rank !== 1) requireBoxes(op, boxes)
    const flat = asNumbers(boxes.toTypedArray())
    rows = Array.from({ length: flat.length / 4 }, (_, i) => [...flat.subarray(4 * i, 4 * i + 4)])
  } else rows = Array.from(boxes, (b) => Array.from(b))
  rows.forEach((row, i) => {
    if (row.length !== 4)
      throw new ShapeError({
        op,
        rule: 'a box has four numbers: x1, y1, x2, y2',
        got: `${row.length} for box ${i}`,
      })
    const [x1, y1, x2, y2] = row as [number, number, number, number]
    if (!row.every(Number.isFinite) || x2 < x1 || y2 < y1)
      throw new ValueError({
        op,
        rule: 'a box is x1, y1, x2, y2 with x1 ≤ x2 and y1 ≤ y2, finite numbers',
        got: `${show(row)} for box ${i}`,
        ...(row.every(Number.isFinite) && {
          fix: "Is it xywh? boxConvert(boxes, 'xywh', 'xyxy').",
        }),
      })
    if (inside && !(x1 >= 0 && y1 >= 0 && x2 <= inside.width && y2 <= inside.height))
      throw new ValueError({
        op,
        rule: `boxes must lie inside of the picture, ${inside.width} wide and ${inside.height} high`,
        got: `${show(row)} for box ${i}`,
        fix: 'clipBoxesToImage(boxes, [height, width]) cuts them off.',
      })
  })
  return rows
}

const side = (boxes: Tensor, k: number) => select(boxes, -1, k)

/**
 * (x2 − x1)(y2 − y1) of each box. Shapes: (..., 4) to (...).
 * @example boxArea(tensor([[0, 0, 2, 3]])) // [6]
 */
export function boxArea(boxes: Tensor): Tensor {
  requireBoxes('boxArea', boxes)
  return mul(sub(side(boxes, 2), side(boxes, 0)), sub(side(boxes, 3), side(boxes, 1)))
}

/** Areas of intersection and union, and of the smallest box around both, of boxes that broadcast. */
function overlap(a: Tensor, b: Tensor): { inner: Tensor; union: Tensor; around: Tensor } {
  const span = (lo: number, inner: boolean) => {
    const [far, near] = inner ? [minimum, maximum] : [maximum, minimum]
    return clamp(sub(far(side(a, lo + 2), side(b, lo + 2)), near(side(a, lo), side(b, lo))), 0)
  }
  const inner = mul(span(0, true), span(1, true))
  const union = sub(add(boxArea(a), boxArea(b)), inner)
  return { inner, union, around: mul(span(0, false), span(1, false)) }
}
const pairs = (op: string, a: Tensor, b: Tensor) => {
  requireBoxes(op, a, b)
  return overlap(unsqueeze(a, -2), unsqueeze(b, -3))
}

/**
 * Intersection over union of each box of `a` with each of `b`. Shapes: (N, 4), (M, 4) to (N, M).
 * @example boxIou(tensor([[0, 0, 2, 2]]), tensor([[1, 0, 3, 2], [0, 0, 2, 2]])) // [[0.33333, 1]]
 */
export function boxIou(a: Tensor, b: Tensor): Tensor {
  const { inner, union } = pairs('boxIou', a, b)
  return div(inner, union)
}

/**
 * IoU − (C − union)/C, C the area of the smallest box around both (Rezatofighi et al., 2019): −1 to 1, with a slope for boxes
 * that do not meet. Shapes: (N, 4), (M, 4) to (N, M).
 * @example generalizedBoxIou(tensor([[0, 0, 1, 1]]), tensor([[2, 0, 3, 1]])) // [[-0.33333]]
 */
export function generalizedBoxIou(a: Tensor, b: Tensor): Tensor {
  const { inner, union, around } = pairs('generalizedBoxIou', a, b)
  return sub(div(inner, union), div(sub(around, union), around))
}

export interface BoxLossOptions {
  /** 'none' unless given, as in torchvision. */
  reduction?: 'none' | 'mean' | 'sum'
  /** Keeps the division of empty boxes finite; 1e-7 unless given. */
  eps?: number
}
const lossOptions: OptionNames<BoxLossOptions> = { reduction: true, eps: true }

/**
 * 1 − GIoU of each box with the one at its place: a loss for boxes. Shapes: (..., 4) twice, result (...) or a scalar.
 * @example generalizedBoxIouLoss(tensor([[0, 0, 1, 1]]), tensor([[2, 0, 3, 1]])) // [1.33333]
 */
export function generalizedBoxIouLoss(a: Tensor, b: Tensor, options: BoxLossOptions = {}): Tensor {
  const op = 'generalizedBoxIouLoss'
  const { reduction = 'none', eps = 1e-7 } = checkOptions(op, options, lossOptions)
  requireMode(op, 'reduction', reduction, ['none', 'mean', 'sum'])
  requireBoxes(op, a, b)
  const { inner, union, around } = overlap(a, b)
  const giou = sub(div(inner, add(union, eps)), div(sub(around, union), add(around, eps)))
  const loss = sub(1, giou)
  return reduction === 'none' ? loss : reduction === 'mean' ? mean(loss) : sum(loss)
}

/**
 * Boxes in another form.
 * @throws ValueError for a form that is not known
 * @example boxConvert(tensor([[1, 2, 3, 4]]), 'xywh', 'xyxy') // [[1, 2, 4, 6]]
 */
export function boxConvert(boxes: Tensor, inFmt: BoxFormat, outFmt: BoxFormat): Tensor {
  const formats = ['xyxy', 'xywh', 'cxcywh'] as const
  requireMode('boxConvert', 'inFmt', inFmt, formats)
  requireMode('boxConvert', 'outFmt', outFmt, formats)
  requireBoxes('boxConvert', boxes)
  if (inFmt === outFmt) return boxes
  const [a, b, c, d] = [0, 1, 2, 3].map((k) => side(boxes, k)) as [Tensor, Tensor, Tensor, Tensor]
  const half = (t: Tensor) => mul(t, 0.5)
  const corners =
    inFmt === 'xyxy'
      ? [a, b, c, d]
      : inFmt === 'xywh'
        ? [a, b, add(a, c), add(b, d)]
        : [sub(a, half(c)), sub(b, half(d)), add(a, half(c)), add(b, half(d))]
  const [x1, y1, x2, y2] = corners as [Tensor, Tensor, Tensor, Tensor]
  const made =
    outFmt === 'xyxy'
      ? corners
      : outFmt === 'xywh'
        ? [x1, y1, sub(x2, x1), sub(y2, y1)]
        : [half(add(x1, x2)), half(add(y1, y2)), sub(x2, x1), sub(y2, y1)]
  return stack(made, -1)
}

/** Boxes cut off at the edges of a picture of [height, width]. @example clipBoxesToImage(tensor([[-1, 2, 9, 9]]), [6, 8]) // [[0, 2, 8, 6]] */
export function clipBoxesToImage(boxes: Tensor, size: readonly [number, number]): Tensor {
  requireBoxes('clipBoxesToImage', boxes)
  const [height, width] = size
  const most = [width, height, width, height]
  return stack(
    most.map((n, k) => clamp(side(boxes, k), 0, n)),
    -1,
  )
}

const indices = (list: readonly number[]) => fromData(Int32Array.from(list), [list.length], 'int32')

/** The places of the boxes whose sides have at least `minSize`. @example removeSmallBoxes(tensor([[0, 0, 1, 9], [0, 0, 3, 3]]), 2) // [1] */
export function removeSmallBoxes(boxes: Tensor, minSize: number): Tensor {
  const rows = boxRows('removeSmallBoxes', boxes)
  return indices(
    rows.flatMap(([x1, y1, x2, y2], i) =>
      x2! - x1! >= minSize && y2! - y1! >= minSize ? [i] : [],
    ),
  )
}

/** Intersection over union of two boxes of plain numbers; 0 for two without area. */
export function iouOf(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const w = Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!)
  const h = Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!)
  if (w <= 0 || h <= 0) return 0
  const inner = w * h
  const area = (c: ArrayLike<number>) => (c[2]! - c[0]!) * (c[3]! - c[1]!)
  return inner / (area(a) + area(b) - inner)
}

/** Plain numbers of a list or tensor, one for each box. @throws ShapeError, ValueError for NaN */
export function oneForEach(
  op: string,
  what: string,
  values: Tensor | ArrayLike<number>,
  count: number,
): number[] {
  const list = [
    ...(values instanceof Tensor ? asNumbers(values.toTypedArray()) : Array.from(values)),
  ]
  if (list.length !== count)
    throw new ShapeError({
      op,
      rule: `there must be one of the ${what} for each box`,
      got: `${list.length} for ${count} boxes`,
    })
  const odd = list.findIndex(Number.isNaN)
  if (odd >= 0) throw new ValueError({ op, rule: `${what} must be numbers`, got: `NaN at ${odd}` })
  return list
}

/**
 * Non-maximum suppression: from the highest score down, boxes that overlap a kept one by more than `iouThreshold` are left
 * out. Gives the places of the kept ones in descending order of scores (of equal scores the first).
 *
 * Shapes: boxes (N, 4), scores (N), result int32 (K).
 * @throws ShapeError, ValueError for boxes and scores that are not numbers, and a threshold outside 0 to 1
 * @example nms(tensor([[0, 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]]), tensor([0.8, 0.9, 0.1]), 0.5) // [1, 2]
 */
export function nms(
  boxes: Boxes,
  scores: Tensor | ArrayLike<number>,
  iouThreshold: number,
): Tensor {
  return suppress('nms', boxes, scores, undefined, iouThreshold)
}

/**
 * `nms` among the boxes of each class by itself; `idxs` (N) says the class of each box.
 * @example batchedNms(tensor([[0, 0, 2, 2], [0, 0, 2, 2]]), [0.8, 0.9], [0, 1], 0.5) // [1, 0]
 */
export function batchedNms(
  boxes: Boxes,
  scores: Tensor | ArrayLike<number>,
  idxs: Tensor | ArrayLike<number>,
  iouThreshold: number,
): Tensor {
  return suppress('batchedNms', boxes, scores, idxs, iouThreshold)
}

function suppress(
  op: string,
  boxes: Boxes,
  scores: Tensor | ArrayLike<number>,
  classes: Tensor | ArrayLike<number> | undefined,
  threshold: number,
): Tensor {
  if (!(threshold >= 0 && threshold <= 1))
    throw new ValueError({ op, rule: 'iouThreshold lies from 0 to 1', got: showValue(threshold) })
  const rows = boxRows(op, boxes)
  const score = oneForEach(op, 'scores', scores, rows.length)
  const of = classes && oneForEach(op, 'classes', classes, rows.length)
  const kept: number[] = []
  for (const i of rows.map((_, i) => i).sort((a, b) => score[b]! - score[a]!))
    if (kept.every((k) => (of && of[k] !== of[i]) || iouOf(rows[k]!, rows[i]!) <= threshold))
      kept.push(i)
  return indices(kept)
}
