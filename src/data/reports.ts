/** How good classifications, scores and clusters are, in float64, as scikit-learn's metrics. */
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { type Matrix, type Numbers, numbersOf, tableOf } from '../tensor/values.js'
import { ConfusionMatrix, refuseNaN, requireBinary, sameLength } from './measures.js'
import { weightsIn, type WeightOptions } from './weights.js'

/** What the report says of a class, or of an average. */
export interface ReportRow {
  precision: number
  recall: number
  f1: number
  /** How many examples have this label, or their weight. */
  support: number
}

/** Precision, recall and F1 of each class; `toString` prints them as a table. */
export class ClassificationReport {
  readonly classes: Readonly<Record<string, ReportRow>>
  readonly accuracy: number
  /** The mean over classes. */
  readonly macro: ReportRow
  /** The mean over classes, weighted by their examples. */
  readonly weighted: ReportRow
  private readonly digits: number
  constructor(
    matrix: ConfusionMatrix,
    names: readonly string[],
    present: readonly number[],
    digits: number,
  ) {
    this.digits = digits
    const rows = present.map(
      (c): ReportRow => ({
        precision: matrix.precision(c),
        recall: matrix.recall(c),
        f1: matrix.f1(c),
        support: matrix.counts[c]!.reduce((a, b) => a + b, 0),
      }),
    )
    this.classes = Object.fromEntries(rows.map((r, i) => [names[i]!, r]))
    this.accuracy = matrix.accuracy()
    const support = rows.reduce((s, r) => s + r.support, 0)
    const mean = (weight: (r: ReportRow) => number, over: number): ReportRow => {
      const of = (key: 'precision' | 'recall' | 'f1') =>
        rows.reduce((s, r) => s + r[key] * weight(r), 0) / over
      return { precision: of('precision'), recall: of('recall'), f1: of('f1'), support }
    }
    this.macro = mean(() => 1, rows.length)
    this.weighted = mean((r) => r.support, support)
  }
  toString(): string {
    const names = [...Object.keys(this.classes), 'weighted avg']
    const first = Math.max(...names.map((n) => n.length))
    const d = this.digits
    const columns = ['precision', 'recall', 'f1', 'support'] as const
    const line = (name: string, cells: readonly string[]) =>
      `${name.padStart(first)}  ${cells.map((c) => c.padStart(d + 8)).join('')}`
    const row = (name: string, r: ReportRow) =>
      line(name, [...columns.slice(0, 3).map((c) => r[c].toFixed(d)), `${r.support}`])
    return [
      line('', columns),
      '',
      ...Object.entries(this.classes).map(([name, r]) => row(name, r)),
      '',
      line('accuracy', ['', '', this.accuracy.toFixed(d), `${this.macro.support}`]),
      row('macro avg', this.macro),
      row('weighted avg', this.weighted),
    ].join('\n')
  }
}

export interface ReportOptions extends WeightOptions {
  /** A name for each class, from 0; their numbers when not given. */
  names?: readonly string[]
  /** Digits after the point when it is printed; 2 when not given. */
  digits?: number
}

/**
 * Precision, recall and F1 of each class that occurs, their means, and the accuracy. What would be divided by 0 is 0.
 * https://scikit-learn.org/stable/modules/generated/sklearn.metrics.classification_report.html
 * @throws ShapeError unless there is a prediction for each label, IndexError for classes that are not whole numbers from 0
 * @example classificationReport([0, 1, 1, 1], [0, 0, 1, 1]).classes['1'].precision // 0.6667
 */
export function classificationReport(
  predicted: Numbers,
  labels: Numbers,
  options: ReportOptions = {},
): ClassificationReport {
  const op = 'classificationReport'
  const {
    names,
    digits = 2,
    sampleWeight,
  } = checkOptions(op, options, ['names', 'digits', 'sampleWeight'])
  const weights = sampleWeight && { sampleWeight }
  const [p, t] = [numbersOf(predicted, op), numbersOf(labels, op)]
  sameLength(op, p, t)
  if (t.length === 0) throw new ValueError({ op, rule: 'there must be an example', got: 'none' })
  let top = 0
  for (let i = 0; i < t.length; i++) top = Math.max(top, p[i]!, t[i]!)
  const count = Math.max(Number.isFinite(top) ? Math.floor(top) + 1 : 1, names?.length ?? 0)
  const seen = new Set([...Array.from(p), ...Array.from(t)])
  const known = [...seen].sort((x, y) => x - y)
  if (!names && known.every((c) => Number.isInteger(c) && c >= 0)) {
    // Only classes that occur have a row: labels such as years need no matrix of all numbers below them.
    const code = new Map(known.map((c, k) => [c, k]))
    const codes = (list: ArrayLike<number>) => Array.from(list, (c) => code.get(c)!)
    return new ClassificationReport(
      new ConfusionMatrix(known.length).add(codes(t), codes(p), weights),
      known.map((c) => `${c}`),
      known.map((_, k) => k),
      digits,
    )
  }
  const matrix = new ConfusionMatrix(count).add(t, p, weights)
  const present = Array.from({ length: count }, (_, c) => c).filter(
    (c) => names !== undefined || seen.has(c),
  )
  if (names && names.length !== count)
    throw new ValueError({
      op,
      rule: `there must be a name for each of the ${count} classes`,
      got: `${names.length} names`,
    })
  return new ClassificationReport(
    matrix,
    present.map((c) => names?.[c] ?? `${c}`),
    present,
    digits,
  )
}

/** Counts (weights) of true and false positives for falling thresholds, one for each different score. */
function counted(
  op: string,
  scores: Numbers,
  positive: Numbers | ArrayLike<boolean>,
  options: WeightOptions,
) {
  const s = numbersOf(scores, op)
  const t = numbersOf(positive as Numbers, op)
  sameLength(op, s, t)
  refuseNaN(op, s)
  requireBinary(op, t)
  const weights = weightsIn(op, options, s.length)
  const order = Array.from({ length: s.length }, (_, i) => i).sort((a, b) =>
    s[a]! > s[b]! ? -1 : s[a]! < s[b]! ? 1 : 0,
  )
  const [tps, fps, thresholds]: number[][] = [[], [], []]
  let [tp, fp] = [0, 0]
  order.forEach((i, k) => {
    const w = weights ? weights[i]! : 1
    if (Number(t[i]) === 1) tp += w
    else fp += w
    if (k + 1 < order.length && s[order[k + 1]!] === s[i]) return
    tps!.push(tp)
    fps!.push(fp)
    thresholds!.push(s[i]!)
  })
  return { tps: tps!, fps: fps!, thresholds: thresholds! }
}

/** Points of a ROC curve, from (0, 0) to (1, 1). */
export interface RocCurve {
  /** False positives of all negatives. */
  fpr: Float64Array
  /** True positives of all positives. */
  tpr: Float64Array
  /** What scores at least this counts as positive; Infinity first. */
  thresholds: Float64Array
}
/**
 * The shares of negatives and of positives that score at least a threshold, for falling thresholds; points on a line
 * between others are left out unless `dropIntermediate` is false.
 * https://scikit-learn.org/stable/modules/generated/sklearn.metrics.roc_curve.html
 * @throws ShapeError for lists of different lengths, ValueError for NaN, targets that are not 0 or 1, and one class only
 * @example rocCurve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).tpr // [0, 0.5, 0.5, 1, 1]
 */
export function rocCurve(
  scores: Numbers,
  positive: Numbers | ArrayLike<boolean>,
  options: { dropIntermediate?: boolean } & WeightOptions = {},
): RocCurve {
  const op = 'rocCurve'
  const { dropIntermediate = true, ...weights } = checkOptions(op, options, [
    'dropIntermediate',
    'sampleWeight',
  ])
  const { tps, fps, thresholds } = counted(op, scores, positive, weights)
  const [p, n] = [tps.at(-1) ?? 0, fps.at(-1) ?? 0]
  if (p === 0 || n === 0)
    throw new ValueError({
      op,
      rule: 'there must be positive and negative examples',
      got: `${p} positive and ${n} negative`,
    })
  const last = tps.length - 1
  const kept = tps
    .map((_, k) => k)
    .filter((k) => {
      if (!dropIntermediate || tps.length <= 2 || k === 0 || k === last) return true
      const bend = (v: number[]) => v[k + 1]! - 2 * v[k]! + v[k - 1]! !== 0
      return bend(tps) || bend(fps)
    })
  return {
    fpr: Float64Array.from([0, ...kept.map((k) => fps[k]! / n)]),
    tpr: Float64Array.from([0, ...kept.map((k) => tps[k]! / p)]),
    thresholds: Float64Array.from([Number.POSITIVE_INFINITY, ...kept.map((k) => thresholds[k]!)]),
  }
}

/** Points of a precision-recall curve, of rising thresholds; the last point is (recall 0, precision 1). */
export interface PrecisionRecallCurve {
  precision: Float64Array
  recall: Float64Array
  thresholds: Float64Array
}
/**
 * Precision and recall when what scores at least a threshold counts as positive, for rising thresholds; the point (0, 1), which
 * has no threshold, is the last.
 * https://scikit-learn.org/stable/modules/generated/sklearn.metrics.precision_recall_curve.html
 * @throws ShapeError for lists of different lengths, ValueError for NaN, targets that are not 0 or 1, and no positive
 * @example precisionRecallCurve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).precision // [0.5, 0.6667, 0.5, 1, 1]
 */
export function precisionRecallCurve(
  scores: Numbers,
  positive: Numbers | ArrayLike<boolean>,
  options: WeightOptions = {},
): PrecisionRecallCurve {
  const op = 'precisionRecallCurve'
  const { tps, fps, thresholds } = counted(op, scores, positive, options)
  const p = tps.at(-1) ?? 0
  if (p === 0) throw new ValueError({ op, rule: 'there must be positive examples', got: 'none' })
  return {
    precision: Float64Array.from([...tps.map((v, k) => v / (v + fps[k]!)).reverse(), 1]),
    recall: Float64Array.from([...tps.map((v) => v / p).reverse(), 0]),
    thresholds: Float64Array.from(thresholds).reverse(),
  }
}

/**
 * Σ (Rₖ − Rₖ₋₁) Pₖ: the area under the precision-recall curve as steps (sklearn.metrics.average_precision_score).
 * @throws ShapeError for lists of different lengths, ValueError for NaN, targets that are not 0 or 1, and no positive
 * @example averagePrecision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) // 0.8333
 */
export function averagePrecision(
  scores: Numbers,
  positive: Numbers | ArrayLike<boolean>,
  options: WeightOptions = {},
): number {
  const weights = checkOptions('averagePrecision', options, ['sampleWeight'])
  const { precision, recall } = precisionRecallCurve(scores, positive, weights)
  let s = 0
  for (let k = 0; k + 1 < recall.length; k++) s += (recall[k]! - recall[k + 1]!) * precision[k]!
  return s
}

function clustersOf(op: string, rows: number, labels: Numbers): Map<number, number[]> {
  const list = numbersOf(labels, op)
  if (list.length !== rows)
    throw new ShapeError({
      op,
      rule: 'there must be a label for each row',
      got: `${list.length} labels and ${rows} rows`,
    })
  const members = new Map<number, number[]>()
  for (let i = 0; i < rows; i++) {
    const own = members.get(list[i]!)
    if (own) own.push(i)
    else members.set(list[i]!, [i])
  }
  if (members.size < 2 || members.size >= rows)
    throw new ValueError({
      op,
      rule: `there must be from 2 to ${rows - 1} clusters`,
      got: `${members.size}`,
    })
  return members
}

/**
 * (b − a) / max(a, b) of each row: a the mean distance to the others of its cluster, b the least mean distance to the rows of
 * another one; 0 for a row that is alone (sklearn.metrics.silhouette_samples, Euclidean).
 * @throws ShapeError unless there is a label for each row, ValueError unless there are from 2 to N − 1 clusters
 * @example silhouetteSamples([[0], [1], [10]], [0, 0, 1]) // [0.9, 0.8889, 0]
 */
export function silhouetteSamples(x: Matrix, labels: Numbers): Float64Array {
  const op = 'silhouetteSamples'
  const { data, rows, columns: p } = tableOf(op, x)
  refuseNaN(op, data)
  const members = clustersOf(op, rows, labels)
  const place = new Int32Array(rows)
  const sizes: number[] = []
  for (const list of members.values()) {
    for (const i of list) place[i] = sizes.length
    sizes.push(list.length)
  }
  const k = sizes.length
  // Σ of distances of each row to each cluster.
  const sums = new Float64Array(rows * k)
  for (let i = 0; i < rows; i++)
    for (let j = i + 1; j < rows; j++) {
      let d = 0
      for (let c = 0; c < p; c++) {
        const v = data[i * p + c]! - data[j * p + c]!
        d += v * v
      }
      d = Math.sqrt(d)
      sums[i * k + place[j]!]! += d
      sums[j * k + place[i]!]! += d
    }
  return Float64Array.from({ length: rows }, (_, i) => {
    const own = place[i]!
    if (sizes[own] === 1) return 0
    const a = sums[i * k + own]! / (sizes[own]! - 1)
    let b = Number.POSITIVE_INFINITY
    for (let c = 0; c < k; c++) if (c !== own) b = Math.min(b, sums[i * k + c]! / sizes[c]!)
    const most = Math.max(a, b)
    return most === 0 ? 0 : (b - a) / most
  })
}
/**
 * The mean of `silhouetteSamples`: 1 for clusters far apart, 0 where they touch, below 0 for wrong ones.
 * @throws ShapeError unless there is a label for each row, ValueError unless there are from 2 to N − 1 clusters
 * @example silhouetteScore([[0], [1], [10]], [0, 0, 1]) // 0.5963
 */
export function silhouetteScore(x: Matrix, labels: Numbers): number {
  const s = silhouetteSamples(x, labels)
  return s.reduce((a, b) => a + b, 0) / s.length
}

/**
 * How much two partitions agree: the share of pairs that both put together or apart, corrected so that chance gives 0 and the same
 * partition 1 (Hubert and Arabie, 1985; sklearn.metrics.adjusted_rand_score). The names of clusters do not matter.
 * @throws ShapeError for lists of different lengths
 * @example adjustedRandScore([0, 0, 1, 2], [0, 0, 1, 1]) // 0.5714
 */
export function adjustedRandScore(a: Numbers, b: Numbers): number {
  const op = 'adjustedRandScore'
  const [x, y] = [numbersOf(a, op), numbersOf(b, op)]
  sameLength(op, x, y)
  const counts = {
    both: new Map<string, number>(),
    x: new Map<string, number>(),
    y: new Map<string, number>(),
  }
  const add = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1)
  for (let i = 0; i < x.length; i++) {
    add(counts.both, `${x[i]},${y[i]}`)
    add(counts.x, `${x[i]}`)
    add(counts.y, `${y[i]}`)
  }
  const pairs = (n: number) => (n * (n - 1)) / 2
  const sum = (map: Map<string, number>) => [...map.values()].reduce((s, n) => s + pairs(n), 0)
  const [both, ofX, ofY, all] = [sum(counts.both), sum(counts.x), sum(counts.y), pairs(x.length)]
  const expected = all === 0 ? 0 : (ofX * ofY) / all
  const most = (ofX + ofY) / 2
  return most === expected ? 1 : (both - expected) / (most - expected)
}
