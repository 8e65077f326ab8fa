/** Splits of a dataset into parts for training, validation and test. All are seeded. */
import { ValueError } from '../core/errors.js'
import { type Dataset, Subset } from './dataset.js'
import { byLabel, shuffled } from './samplers.js'

/**
 * Counts for `n` examples: whole numbers that add up to n, or ratios that add up to 1, of which each gets ⌊n·ratio⌋
 * and what is left goes one by one to the first (torch.utils.data.random_split).
 */
function countsOf(op: string, n: number, lengths: readonly number[]): number[] {
  const total = lengths.reduce((a, b) => a + b, 0)
  const bad = (got: string): never => {
    throw new ValueError({
      op,
      rule: `lengths must be counts that add up to ${n}, or ratios that add up to 1`,
      got,
    })
  }
  if (lengths.length === 0 || lengths.some((v) => !(v >= 0))) bad(`[${lengths.join(', ')}]`)
  if (total === n && lengths.every(Number.isInteger)) return [...lengths]
  if (Math.abs(total - 1) > 1e-9) bad(`[${lengths.join(', ')}], together ${total}`)
  // 0.7·10 is 7.000000000000001 or 6.999999999999999 in some orders of rounding.
  const counts = lengths.map((r) => Math.floor(n * r + 1e-9))
  let left = n - counts.reduce((a, b) => a + b, 0)
  for (let i = 0; left > 0; i = (i + 1) % counts.length, left--) counts[i]!++
  return counts
}

/**
 * Parts at random, by counts or ratios.
 * @throws ValueError when they do not add up
 * @example randomSplit(new TensorDataset(arange(10)), [0.8, 0.2]).map((part) => part.length) // [8, 2]
 */
export function randomSplit<T>(
  dataset: Dataset<T>,
  lengths: readonly number[],
  { seed = 0 }: { seed?: number } = {},
): Subset<T>[] {
  const counts = countsOf('randomSplit', dataset.length, lengths)
  const order = shuffled(dataset.length, seed)
  let at = 0
  return counts.map((c) => {
    at += c
    return new Subset(dataset, order.subarray(at - c, at))
  })
}

/**
 * Parts in the order of time, by ratios or counts: the past first, nothing shuffled.
 * @throws ValueError when they do not add up
 */
export function splitByTime<T>(dataset: Dataset<T>, lengths: readonly number[]): Subset<T>[] {
  let at = 0
  return countsOf('splitByTime', dataset.length, lengths).map((c) => {
    at += c
    return new Subset(
      dataset,
      Int32Array.from({ length: c }, (_, i) => at - c + i),
    )
  })
}

function requireLabels(op: string, n: number, labels: ArrayLike<number | string>): void {
  if (labels.length !== n)
    throw new ValueError({
      op,
      rule: 'there must be a label for each example',
      got: `${labels.length} labels for ${n} examples`,
    })
}

/**
 * Parts by ratios, each with the labels in their proportion in the whole (up to one example a label and part).
 * @throws ValueError when the ratios do not add up to 1
 */
export function stratifiedSplit<T>(
  dataset: Dataset<T>,
  labels: ArrayLike<number | string>,
  ratios: readonly number[],
  { seed = 0 }: { seed?: number } = {},
): Subset<T>[] {
  const op = 'stratifiedSplit'
  requireLabels(op, dataset.length, labels)
  const order = shuffled(dataset.length, seed)
  const mixed = Array.from(order, (i) => labels[i]!)
  const parts: number[][] = ratios.map(() => [])
  for (const group of byLabel(mixed).values()) {
    let at = 0
    countsOf(op, group.length, ratios).forEach((c, k) => {
      for (const place of group.slice(at, at + c)) parts[k]!.push(place)
      at += c
    })
  }
  // In the shuffled order again, so that labels are not in blocks.
  return parts.map(
    (part) =>
      new Subset(
        dataset,
        part.sort((a, b) => a - b).map((place) => order[place]!),
      ),
  )
}

/** One round of cross-validation. */
export interface Fold<T> {
  train: Subset<T>
  test: Subset<T>
}

function requireFolds(op: string, k: number, most: number): void {
  if (!(Number.isInteger(k) && k >= 2 && k <= most))
    throw new ValueError({
      op,
      rule: `folds must be a whole number from 2 to ${most}`,
      got: `${k}`,
    })
}

function foldsOf<T>(dataset: Dataset<T>, k: number, foldOf: (i: number) => number): Fold<T>[] {
  return Array.from({ length: k }, (_, fold) => {
    const [train, test]: [number[], number[]] = [[], []]
    for (let i = 0; i < dataset.length; i++) (foldOf(i) === fold ? test : train).push(i)
    return { train: new Subset(dataset, train), test: new Subset(dataset, test) }
  })
}

/**
 * k-fold cross-validation: every example is tested once. The first n mod k folds have one example more
 * (sklearn.model_selection.KFold).
 * @throws ValueError unless 2 ≤ k ≤ n
 */
export function kFold<T>(
  dataset: Dataset<T>,
  k: number,
  { shuffle = false, seed = 0 }: { shuffle?: boolean; seed?: number } = {},
): Fold<T>[] {
  const n = dataset.length
  requireFolds('kFold', k, n)
  const order = shuffle ? shuffled(n, seed) : undefined
  const fold = new Int32Array(n)
  for (let f = 0, at = 0; f < k; f++)
    for (const end = at + Math.floor(n / k) + (f < n % k ? 1 : 0); at < end; at++)
      fold[order ? order[at]! : at] = f
  return foldsOf(dataset, k, (i) => fold[i]!)
}

/**
 * k folds with the labels in their proportion in each: the examples of each label are dealt out in turn, going on
 * where the label before ended.
 * @throws ValueError unless 2 ≤ k ≤ the examples of the most frequent label
 */
export function stratifiedKFold<T>(
  dataset: Dataset<T>,
  labels: ArrayLike<number | string>,
  k: number,
  { shuffle = false, seed = 0 }: { shuffle?: boolean; seed?: number } = {},
): Fold<T>[] {
  const op = 'stratifiedKFold'
  const n = dataset.length
  requireLabels(op, n, labels)
  const order = shuffle ? shuffled(n, seed) : Int32Array.from({ length: n }, (_, i) => i)
  const groups = [...byLabel(Array.from(order, (i) => labels[i]!)).values()]
  requireFolds(op, k, Math.max(0, ...groups.map((g) => g.length)))
  const fold = new Int32Array(n)
  let turn = 0
  for (const group of groups) for (const place of group) fold[order[place]!] = turn++ % k
  return foldsOf(dataset, k, (i) => fold[i]!)
}

/**
 * Rounds for data in the order of time: each trains on the past and tests on the stretch after it
 * (sklearn.model_selection.TimeSeriesSplit). `gap` examples between them are left out; at most `maxTrainSize` are
 * trained on.
 * @throws ValueError when there are too few examples
 * @example timeSeriesSplit(new TensorDataset(arange(8)), 3).map(({ train }) => train.length) // [2, 4, 6]
 */
export function timeSeriesSplit<T>(
  dataset: Dataset<T>,
  splits = 5,
  {
    gap = 0,
    testSize = Math.floor(dataset.length / (splits + 1)),
    maxTrainSize = Number.POSITIVE_INFINITY,
  }: { gap?: number; testSize?: number; maxTrainSize?: number } = {},
): Fold<T>[] {
  const op = 'timeSeriesSplit'
  const n = dataset.length
  const first = n - splits * testSize
  if (!(Number.isInteger(splits) && splits >= 1 && testSize >= 1 && first - gap >= 1))
    throw new ValueError({
      op,
      rule: 'there must be examples to train and test on in every round',
      got: `${n} examples, ${splits} rounds of ${testSize}, gap ${gap}`,
    })
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
  return Array.from({ length: splits }, (_, k) => {
    const start = first + k * testSize
    const end = start - gap
    return {
      train: new Subset(dataset, range(Math.max(0, end - maxTrainSize), end)),
      test: new Subset(dataset, range(start, start + testSize)),
    }
  })
}
