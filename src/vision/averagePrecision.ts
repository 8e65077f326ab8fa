/** Mean average precision as COCO defines it. */
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import { type Boxes, boxRows, iouOf, oneForEach } from './boxes.js'

/** The objects of a picture. */
export interface BoxTruth {
  boxes: Boxes
  /** The class of each box. */
  labels: Tensor | ArrayLike<number>
}
/** What was found in a picture. */
export interface BoxDetections extends BoxTruth {
  scores: Tensor | ArrayLike<number>
}

export interface MeanAveragePrecisionOptions {
  /** 0.5, 0.55 … 0.95 unless given. */
  iouThresholds?: readonly number[]
  /** The most detections of a class in a picture, those of the highest scores; 100 unless given. */
  maxDetections?: number
}
const known: OptionNames<MeanAveragePrecisionOptions> = { iouThresholds: true, maxDetections: true }

/** NaN where there is nothing to find, or the threshold was not asked for. */
export interface AveragePrecision {
  /** Mean over thresholds and classes. */
  map: number
  map50: number
  map75: number
  /** Mean of the largest recall over thresholds and classes. */
  mar: number
  /** Mean over thresholds, by class. */
  byClass: ReadonlyMap<number, number>
}

/** What became of a detection: its score, and whether it is right at each threshold. */
interface Verdict {
  score: number
  right: readonly boolean[]
}
const mean = (list: readonly number[]) =>
  list.length === 0 ? Number.NaN : list.reduce((a, b) => a + b, 0) / list.length
/** Highest first; equal scores keep their order. */
const byScore = <T extends { score: number }>(list: readonly T[]): T[] =>
  [...list].sort((a, b) => b.score - a.score)

/**
 * Mean average precision by the rules of COCO (Lin et al., 2014), for boxes (x1, y1, x2, y2), all areas: in each picture and class
 * the detections, from the highest score down, take the object with the highest IoU that is free and reaches the threshold. Precision,
 * made monotonous from the right, is averaged at the recalls 0, 0.01 … 1, then over thresholds and the classes that occur.
 * @throws ShapeError, ValueError for boxes, scores or lists that do not fit; nothing of such a picture is counted
 * @example
 * const measure = new MeanAveragePrecision()
 * measure.update([{ boxes: [[0, 0, 10, 6]], labels: [3], scores: [0.9] }], [{ boxes: [[0, 0, 10, 10]], labels: [3] }])
 * measure.compute().map // 0.3
 */
export class MeanAveragePrecision {
  readonly better = 'max'
  readonly iouThresholds: readonly number[]
  readonly maxDetections: number
  private readonly verdicts = new Map<number, Verdict[]>()
  private readonly objects = new Map<number, number>()

  constructor(options: MeanAveragePrecisionOptions = {}) {
    const op = 'MeanAveragePrecision'
    const {
      iouThresholds = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100),
      maxDetections = 100,
    } = checkOptions(op, options, known)
    if (iouThresholds.length === 0 || !iouThresholds.every((t) => t > 0 && t <= 1))
      throw new ValueError({
        op,
        rule: 'iouThresholds are numbers above 0, at most 1',
        got: showValue(iouThresholds),
      })
    if (!(Number.isInteger(maxDetections) && maxDetections > 0))
      throw new ValueError({
        op,
        rule: 'maxDetections is a whole number from 1',
        got: showValue(maxDetections),
      })
    this.iouThresholds = iouThresholds
    this.maxDetections = maxDetections
  }
  reset(): void {
    this.verdicts.clear()
    this.objects.clear()
  }

  /** Detections and objects of some pictures, one entry for each. */
  update(detections: readonly BoxDetections[], truths: readonly BoxTruth[]): this {
    const op = 'MeanAveragePrecision'
    if (detections.length !== truths.length)
      throw new ShapeError({
        op,
        rule: 'there must be detections and objects for each picture',
        got: `${detections.length} and ${truths.length}`,
      })
    // All is read before any is counted.
    const read = detections.map((d, k) => {
      const boxes = boxRows(op, d.boxes)
      const labels = oneForEach(op, 'labels', d.labels, boxes.length)
      const scores = oneForEach(op, 'scores', d.scores, boxes.length)
      const real = boxRows(op, truths[k]!.boxes)
      const classes = oneForEach(op, 'labels', truths[k]!.labels, real.length)
      return {
        found: boxes.map((box, i) => ({ box, label: labels[i]!, score: scores[i]! })),
        real: real.map((box, i) => ({ box, label: classes[i]! })),
      }
    })
    for (const { found, real } of read)
      for (const label of new Set([...found, ...real].map((b) => b.label))) {
        const own = real.filter((b) => b.label === label).map((b) => b.box)
        const mine = byScore(found.filter((b) => b.label === label)).slice(0, this.maxDetections)
        const rights = this.iouThresholds.map((t) => matched(mine, own, t))
        const list = this.verdicts.get(label) ?? []
        this.verdicts.set(label, list)
        mine.forEach(({ score }, i) => {
          list.push({ score, right: rights.map((r) => r[i]!) })
        })
        this.objects.set(label, (this.objects.get(label) ?? 0) + own.length)
      }
    return this
  }

  compute(): AveragePrecision {
    const classes = [...this.objects].filter(([, n]) => n > 0).sort(([a], [b]) => a - b)
    const rows = classes.map(([label, objects]) => {
      const list = byScore(this.verdicts.get(label)!)
      return {
        label,
        at: this.iouThresholds.map((_, t) =>
          curve(
            list.map((v) => v.right[t]!),
            objects,
          ),
        ),
      }
    })
    const at = (threshold: number) => {
      const t = this.iouThresholds.indexOf(threshold)
      return t < 0 ? Number.NaN : mean(rows.map((r) => r.at[t]!.precision))
    }
    return {
      map: mean(rows.flatMap((r) => r.at.map((c) => c.precision))),
      map50: at(0.5),
      map75: at(0.75),
      mar: mean(rows.flatMap((r) => r.at.map((c) => c.recall))),
      byClass: new Map(rows.map((r) => [r.label, mean(r.at.map((c) => c.precision))])),
    }
  }
}

/** Which detections, in their order, find an object that is free. */
function matched(
  found: readonly { box: readonly number[] }[],
  objects: readonly (readonly number[])[],
  threshold: number,
): boolean[] {
  const taken = new Set<number>()
  return found.map(({ box }) => {
    let [best, at] = [Math.min(threshold, 1 - 1e-10), -1]
    objects.forEach((object, k) => {
      const iou = taken.has(k) ? -1 : iouOf(box, object)
      // Of equal overlaps the later object, as in COCO's own program.
      if (iou >= best) [best, at] = [iou, k]
    })
    if (at >= 0) taken.add(at)
    return at >= 0
  })
}

/** Average precision at 101 recalls, and the largest recall. */
function curve(right: readonly boolean[], objects: number): { precision: number; recall: number } {
  let hits = 0
  const recall: number[] = []
  const precision = right.map((r, i) => {
    if (r) hits++
    recall.push(hits / objects)
    return hits / (i + 1)
  })
  for (let i = precision.length - 1; i > 0; i--)
    precision[i - 1] = Math.max(precision[i - 1]!, precision[i]!)
  let [sum, i] = [0, 0]
  for (let k = 0; k <= 100; k++) {
    while (i < recall.length && recall[i]! < k / 100) i++
    sum += precision[i] ?? 0
  }
  return { precision: sum / 101, recall: recall.at(-1) ?? 0 }
}
