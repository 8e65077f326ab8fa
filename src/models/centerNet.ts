/** A detector without anchors: a heat map of centers, and for each place the distances to the sides of its box. */
import { asNumbers } from '../core/dtype.js'
import { IndexError, ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { checkOptions, kinds, type OptionNames, readOptions, showValue } from '../core/options.js'
import { ReLU } from '../nn/activations.js'
import { Conv2d } from '../nn/conv.js'
import * as init from '../nn/init.js'
import { Sequential } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { BasicBlock } from '../nn/residual.js'
import { assign } from '../ops/assign.js'
import { logsigmoid } from '../ops/activation.js'
import { add, div, mul, neg, sub } from '../ops/arithmetic.js'
import { permute, reshape, sum } from '../ops/broadcast.js'
import { eq } from '../ops/compare.js'
import { toType } from '../ops/define.js'
import { clamp } from '../ops/elementwise.js'
import { exp, sigmoid, square } from '../ops/functions.js'
import { stack } from '../ops/join.js'
import { interpolate } from '../ops/resize.js'
import { narrow, select } from '../ops/slice.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { arange, tensor } from '../tensor/creation.js'
import {
  batchedNms,
  type Boxes,
  boxRows,
  generalizedBoxIouLoss,
  type Inside,
  oneForEach,
} from '../vision/boxes.js'

/** Pixels of the picture in one place of the map. */
const STRIDE = 4
/** Sides of boxes are at most this many times e in places of the map. */
const LARGEST = 5

export interface CenterNetOptions {
  inChannels?: number
  classes?: number
  /** Channels of the first convolution; 16 unless given. */
  width?: number
}
const places = { inChannels: kinds.count, classes: kinds.count, width: kinds.count }

/** Detections of a picture, highest scores first. */
export interface Detected {
  boxes: number[][]
  labels: number[]
  scores: number[]
}
export interface DetectOptions {
  /** Detections below this are left out; 0.05 unless given. */
  minScore?: number
  /** Non-maximum suppression among boxes of a class; 0.5 unless given. */
  iouThreshold?: number
  /** At most this many; 100 unless given. */
  most?: number
}
const detectOptions: OptionNames<DetectOptions> = { minScore: true, iouThreshold: true, most: true }

/**
 * Objects as points (Zhou et al., 2019, https://arxiv.org/abs/1904.07850): the logit of each class at each place, whose peaks are
 * centers of objects, and the logarithms of the distances from there to the sides of the box, trained with GIoU about each center
 * (TTFNet, Liu et al., 2020, https://arxiv.org/abs/1909.00700). A small residual network with features of three resolutions added.
 *
 * Shapes: x (N, inChannels, H, W) with sides that 32 divides, result (N, classes + 4, H/4, W/4).
 * @throws ShapeError for other pictures
 * @example new CenterNet({ classes: 3, width: 4 }).forward(zeros([1, 1, 32, 64])).shape // [1, 7, 8, 16]
 */
export class CenterNet extends Module {
  stem: Sequential
  layer1: Sequential
  layer2: Sequential
  layer3: Sequential
  lateral1: Conv2d
  lateral2: Conv2d
  lateral3: Conv2d
  head: Sequential
  readonly classes: number
  readonly inChannels: number
  constructor(options: CenterNetOptions = {}) {
    super()
    const {
      inChannels = 1,
      classes = 10,
      width: w = 16,
    } = readOptions<CenterNetOptions>('CenterNet', [options], {}, places)
    this.inChannels = inChannels
    this.classes = classes
    const conv = (from: number, to: number, stride = 1) => [
      new Conv2d(from, to, 3, { stride, padding: 1, bias: false }),
      new BatchNorm2d(to),
      new ReLU(),
    ]
    const stage = (from: number, to: number) =>
      new Sequential(new BasicBlock(from, to, { stride: 2 }), new BasicBlock(to, to))
    this.stem = new Sequential(...conv(inChannels, w, 2))
    this.layer1 = stage(w, 2 * w)
    this.layer2 = stage(2 * w, 4 * w)
    this.layer3 = stage(4 * w, 8 * w)
    this.lateral1 = new Conv2d(2 * w, 3 * w, 1)
    this.lateral2 = new Conv2d(4 * w, 3 * w, 1)
    this.lateral3 = new Conv2d(8 * w, 3 * w, 1)
    const last = new Conv2d(4 * w, classes + 4, 1)
    this.head = new Sequential(...conv(3 * w, 3 * w), ...conv(3 * w, 4 * w), last)
    for (const m of this.modules())
      if (m instanceof Conv2d) init.heNormal(m.weight, { mode: 'fanOut' })
    init.normal(last.weight, 0, 0.01)
    // Few places are centers: a probability of 0.02 to begin with (Lin et al., Focal Loss, 2017).
    const first = Float32Array.from({ length: classes + 4 }, (_, k) => (k < classes ? -4 : 1))
    noGrad(() => assign(last.bias, tensor(first)))
  }
  override forward(x: Tensor): Tensor {
    const { inChannels } = this
    const fits = (n: number | undefined) => n !== undefined && n > 0 && n % 32 === 0
    if (x.rank !== 4 || x.shape[1] !== inChannels || !fits(x.shape[2]) || !fits(x.shape[3]))
      throw new ShapeError({
        op: 'CenterNet',
        rule: `x must be (N, ${inChannels}, H, W) with sides that 32 divides`,
        got: show(x.shape),
      })
    const a = this.layer1.forward(this.stem.forward(x)) // (N, 2w, H/4, W/4)
    const b = this.layer2.forward(a) // (N, 4w, H/8, W/8)
    const c = this.layer3.forward(b) // (N, 8w, H/16, W/16)
    const twice = (t: Tensor) => interpolate(t, { scaleFactor: 2 })
    const deep = add(this.lateral2.forward(b), twice(this.lateral3.forward(c)))
    const all = add(this.lateral1.forward(a), twice(deep))
    return this.head.forward(all)
  }

  /**
   * The objects of each picture of a batch of results of `forward`.
   * @throws ShapeError, ValueError for options outside of their ranges
   */
  detect(output: Tensor, options: DetectOptions = {}): Detected[] {
    const {
      minScore = 0.05,
      iouThreshold = 0.5,
      most = 100,
    } = checkOptions('detect', options, detectOptions)
    const { classes } = this
    if (output.rank !== 4 || output.shape[1] !== classes + 4)
      throw new ShapeError({
        op: 'detect',
        rule: `results have shape (N, ${classes + 4}, h, w)`,
        got: show(output.shape),
      })
    const [n, channels, h, w] = output.shape as [number, number, number, number]
    const values = asNumbers(output.toTypedArray())
    const least = Math.log(minScore / (1 - minScore))
    return Array.from({ length: n }, (_, k) => {
      const at = (c: number, i: number, j: number) =>
        i < 0 || j < 0 || i >= h || j >= w
          ? Number.NEGATIVE_INFINITY
          : values[((k * channels + c) * h + i) * w + j]!
      const found: Detected = { boxes: [], labels: [], scores: [] }
      for (let c = 0; c < classes; c++)
        for (let i = 0; i < h; i++)
          for (let j = 0; j < w; j++) {
            const v = at(c, i, j)
            if (!(v >= least)) continue
            let top = true
            for (let a = -1; a <= 1; a++)
              for (let b = -1; b <= 1; b++) if (at(c, i + a, j + b) > v) top = false
            if (!top) continue
            const reach = (d: number) => STRIDE * Math.exp(Math.min(LARGEST, at(classes + d, i, j)))
            const [x, y] = [(j + 0.5) * STRIDE, (i + 0.5) * STRIDE]
            const corner = (v: number, side: number) => Math.min(side * STRIDE, Math.max(0, v))
            found.boxes.push([
              corner(x - reach(0), w),
              corner(y - reach(1), h),
              corner(x + reach(2), w),
              corner(y + reach(3), h),
            ])
            found.labels.push(c)
            found.scores.push(1 / (1 + Math.exp(-v)))
          }
      const kept = [
        ...(batchedNms(
          found.boxes,
          found.scores,
          found.labels,
          iouThreshold,
        ).toTypedArray() as Int32Array),
      ].slice(0, most)
      return {
        boxes: kept.map((i) => found.boxes[i]!),
        labels: kept.map((i) => found.labels[i]!),
        scores: kept.map((i) => found.scores[i]!),
      }
    })
  }
}

/**
 * What CenterNet should say of a picture, for `centerNetLoss`: a heat map for each class, then corners of the box that each
 * place belongs to, then how much the place counts. The smaller of two boxes comes first.
 *
 * Shapes: (classes + 5, height/4, width/4).
 * @throws ValueError for boxes without area and such outside of the picture; IndexError for labels outside of the classes
 */
export function centerNetTargets(
  truth: { boxes: Boxes; labels: Tensor | ArrayLike<number> },
  classes: number,
  picture: Inside,
): Tensor {
  const op = 'centerNetTargets'
  for (const side of [picture.height, picture.width])
    if (!(side > 0 && side % 32 === 0))
      throw new ValueError({
        op,
        rule: 'the sides of the picture are multiples of 32',
        got: showValue(side),
      })
  const boxes = boxRows(op, truth.boxes, picture)
  const labels = oneForEach(op, 'labels', truth.labels, boxes.length)
  const [h, w] = [picture.height / STRIDE, picture.width / STRIDE]
  const plane = h * w
  const data = new Float32Array((classes + 5) * plane)
  const area = (b: readonly number[]) => (b[2]! - b[0]!) * (b[3]! - b[1]!)
  const order = boxes.map((_, i) => i).sort((a, b) => area(boxes[b]!) - area(boxes[a]!))
  for (const n of order) {
    const [x1, y1, x2, y2] = boxes[n] as [number, number, number, number]
    const label = labels[n]!
    if (!(Number.isInteger(label) && label >= 0 && label < classes))
      throw new IndexError({ op, rule: `labels lie from 0 to ${classes - 1}`, got: `${label}` })
    if (!(x2 > x1 && y2 > y1))
      throw new ValueError({ op, rule: 'boxes have an area', got: show(boxes[n]!) })
    const [u, v] = [(x1 + x2) / 2 / STRIDE, (y1 + y2) / 2 / STRIDE]
    const [j0, i0] = [Math.min(w - 1, Math.floor(u)), Math.min(h - 1, Math.floor(v))]
    // Three deviations reach 0.54 of half a side, as in TTFNet.
    const spread = (side: number) => Math.max(1e-3, (0.54 * side) / STRIDE / 6)
    const [sx, sy] = [spread(x2 - x1), spread(y2 - y1)]
    const cells: [at: number, g: number][] = []
    // Beyond four deviations nothing counts.
    const reach = (deviation: number) => Math.ceil(4 * deviation)
    for (let i = Math.max(0, i0 - reach(sy)); i <= Math.min(h - 1, i0 + reach(sy)); i++)
      for (let j = Math.max(0, j0 - reach(sx)); j <= Math.min(w - 1, j0 + reach(sx)); j++) {
        const g = Math.exp(-((j - j0) ** 2) / (2 * sx * sx) - (i - i0) ** 2 / (2 * sy * sy))
        // A place outside of the box has no distances to its sides.
        const [x, y] = [(j + 0.5) * STRIDE, (i + 0.5) * STRIDE]
        const inside = x > x1 && x < x2 && y > y1 && y < y2
        if (g > 0.01 && (inside || (i === i0 && j === j0))) cells.push([i * w + j, g])
      }
    const total = cells.reduce((s, [, g]) => s + g, 0)
    for (const [at, g] of cells) {
      const heat = label * plane + at
      data[heat] = Math.max(data[heat]!, g)
      ;[x1, y1, x2, y2].forEach((c, k) => {
        data[(classes + k) * plane + at] = c
      })
      data[(classes + 4) * plane + at] = g / total
    }
  }
  return tensor(data, { shape: [classes + 5, h, w] })
}

/**
 * The focal loss of heat maps (Law and Deng, CornerNet, 2018), exponents 2 and 4: −(1 − p)² log p where the map is 1, −(1 − y)⁴ p² log(1 − p)
 * elsewhere, p = σ(x), divided by the number of ones. Shapes: logits and heat the same, result a scalar.
 * @example heatMapLoss(tensor([0, 0]), tensor([1, 0])) // 0.34657
 */
export function heatMapLoss(logits: Tensor, heat: Tensor): Tensor {
  if (!sameShape(logits.shape, heat.shape))
    throw new ShapeError({
      op: 'heatMapLoss',
      rule: 'logits and heat must have the same shape',
      got: `${show(logits.shape)} and ${show(heat.shape)}`,
    })
  const one = toType(eq(heat, 1), 'float32')
  const p = sigmoid(logits)
  const right = mul(mul(square(sub(1, p)), logsigmoid(logits)), one)
  const wrong = mul(mul(square(p), logsigmoid(neg(logits))), square(square(sub(1, heat))))
  return neg(div(sum(add(right, wrong)), clamp(sum(one), 1)))
}

/**
 * The loss of CenterNet's result against targets of `centerNetTargets` (N, classes + 5, h, w): the focal loss of the heat map,
 * exponents 2 and 4, plus `boxWeight` (5) times 1 − GIoU of the boxes; both for each object.
 */
export function centerNetLoss(output: Tensor, target: Tensor, boxWeight = 5): Tensor {
  const op = 'centerNetLoss'
  const classes = target.shape[1]! - 5
  if (output.rank !== 4 || target.rank !== 4 || output.shape[1] !== classes + 4)
    throw new ShapeError({
      op,
      rule: 'outputs are (N, classes + 4, h, w), targets (N, classes + 5, h, w)',
      got: `${show(output.shape)} and ${show(target.shape)}`,
    })
  const [h, w] = output.shape.slice(2) as [number, number]
  const heat = narrow(target, 1, 0, classes)
  const classLoss = heatMapLoss(narrow(output, 1, 0, classes), heat)
  const objects = clamp(sum(toType(eq(heat, 1), 'float32')), 1)
  const reach = mul(exp(clamp(narrow(output, 1, classes, 4), -LARGEST, LARGEST)), STRIDE)
  const x = mul(add(reshape(arange(w), [1, 1, w]), 0.5), STRIDE)
  const y = mul(add(reshape(arange(h), [1, h, 1]), 0.5), STRIDE)
  const side = (k: number) => select(reach, 1, k)
  const boxes = stack([sub(x, side(0)), sub(y, side(1)), add(x, side(2)), add(y, side(3))], -1)
  const wanted = permute(narrow(target, 1, classes, 4), [0, 2, 3, 1])
  const off = generalizedBoxIouLoss(boxes, wanted)
  const weight = select(target, 1, classes + 4)
  return add(classLoss, mul(div(sum(mul(off, weight)), objects), boxWeight))
}
