/** Splits of a dataset into parts for training, validation and test. All are seeded. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { type Dataset, Subset } from './dataset.js'
import { byLabel, shuffled } from './samplers.js'

/**
 * Counts for `n` examples: whole numbers that add up to n, or ratios that add up to 1, of which each gets ⌊n·ratio⌋
 * and the rest is given one by one to the first parts (torch.utils.data.random_split).
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

/** @throws ValueError when a part has no example: nothing could be trained or tested on it */
function requireParts(
  op: string,
  n: number,
  lengths: readonly number[],
  sizes: readonly number[],
): void {
  const empty = sizes.indexOf(0)
  if (empty < 0) return
  throw new ValueError({
    op,
    rule: 'every part must have at least one example',
    got: `none for part ${empty} of [${lengths.join(', ')}] of ${n} examples`,
    fix: 'Give it a larger share, or leave it out.',
  })
}

export interface SplitOptions {
  /** The same seed gives the same parts; 0 when not given. */
  seed?: number
}

/**
 * Parts at random, by counts or ratios.
 * @throws ValueError when they do not add up, or a part is empty
 * @example randomSplit(new TensorDataset(arange(10)), [0.8, 0.2]).map((part) => part.length) // [8, 2]
 */
export function randomSplit<T>(
  dataset: Dataset<T>,
  lengths: readonly number[],
  options: SplitOptions = {},
): Subset<T>[] {
  const op = 'randomSplit'
  const { seed = 0 } = checkOptions(op, options, ['seed'])
  const counts = countsOf(op, dataset.length, lengths)
  requireParts(op, dataset.length, lengths, counts)
  const order = shuffled(dataset.length, seed)
  let at = 0
  return counts.map((c) => {
    at += c
    return new Subset(dataset, order.subarray(at - c, at))
  })
}

/**
 * Parts in the order of time, by ratios or counts: the past first, nothing shuffled.
 * @throws ValueError when they do not add up, or a part is empty
 * @example splitByTime(new TensorDataset(arange(5)), [0.6, 0.4])[1].get(0)[0] // 3
 */
export function splitByTime<T>(dataset: Dataset<T>, lengths: readonly number[]): Subset<T>[] {
  const counts = countsOf('splitByTime', dataset.length, lengths)
  requireParts('splitByTime', dataset.length, lengths, counts)
  let at = 0
  return counts.map((c) => {
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
 * How many of each label every part gets: ⌊n·ratio⌋, and of what is left one each to the parts that are behind their
 * share of all labels so far. So each part is within one example of its share of each label.
 */
function sharesOf(sizes: readonly number[], ratios: readonly number[]): number[][] {
  const behind = ratios.map(() => 0)
  return sizes.map((size) => {
    const counts = ratios.map((r) => Math.floor(size * r + 1e-9))
    ratios.forEach((r, k) => {
      behind[k]! += size * r - counts[k]!
    })
    const left = size - counts.reduce((a, b) => a + b, 0)
    const first = ratios.map((_, k) => k).sort((a, b) => behind[b]! - behind[a]! || a - b)
    for (const k of first.slice(0, left)) {
      counts[k]!++
      behind[k]!--
    }
    return counts
  })
}

/**
 * Parts by ratios, each with the labels in their proportion in the whole (within one example of each label).
 * @throws ValueError when the ratios do not add up to 1, there are not as many labels as examples, or a part is empty
 * @example stratifiedSplit(new TensorDataset(arange(4)), ['a', 'b', 'a', 'b'], [0.5, 0.5]).map((part) => part.length) // [2, 2]
 */
export function stratifiedSplit<T>(
  dataset: Dataset<T>,
  labels: ArrayLike<number | string>,
  ratios: readonly number[],
  options: SplitOptions = {},
): Subset<T>[] {
  const op = 'stratifiedSplit'
  const { seed = 0 } = checkOptions(op, options, ['seed'])
  const n = dataset.length
  requireLabels(op, n, labels)
  const total = ratios.reduce((a, b) => a + b, 0)
  if (ratios.some((r) => !(r >= 0)) || Math.abs(total - 1) > 1e-9)
    throw new ValueError({
      op,
      rule: 'ratios must add up to 1',
      got: `[${ratios.join(', ')}], together ${total}`,
    })
  const order = shuffled(n, seed)
  const groups = [...byLabel(Array.from(order, (i) => labels[i]!)).values()]
  const parts: number[][] = ratios.map(() => [])
  sharesOf(
    groups.map((g) => g.length),
    ratios,
  ).forEach((counts, g) => {
    let at = 0
    counts.forEach((c, k) => {
      for (const place of groups[g]!.slice(at, at + c)) parts[k]!.push(place)
      at += c
    })
  })
  requireParts(
    op,
    n,
    ratios,
    parts.map((p) => p.length),
  )
  // In the shuffled order, so that labels are mixed.
  return parts.map(
    (part) =>
      new Subset(
        dataset,
        part.sort((a, b) => a - b).map((place) => order[place]!),
      ),
  )
}

export interface FoldOptions extends SplitOptions {
  /** Puts the examples into a random order first; off when not given. */
  shuffle?: boolean
}
const foldOptions: OptionNames<FoldOptions> = { shuffle: true, seed: true }

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
export function kFold<T>(dataset: Dataset<T>, k: number, options: FoldOptions = {}): Fold<T>[] {
  const { shuffle = false, seed = 0 } = checkOptions('kFold', options, foldOptions)
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
 * k folds with the labels in their proportion in each: the examples of each label are distributed to the folds in turn, beginning
 * after the fold where the previous label ended.
 * @throws ValueError unless 2 ≤ k ≤ the examples of the most frequent label
 */
export function stratifiedKFold<T>(
  dataset: Dataset<T>,
  labels: ArrayLike<number | string>,
  k: number,
  options: FoldOptions = {},
): Fold<T>[] {
  const op = 'stratifiedKFold'
  const { shuffle = false, seed = 0 } = checkOptions(op, options, foldOptions)
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

export interface TimeSeriesOptions {
  /** Examples between training and test that are left out; 0 when not given. */
  gap?: number
  /** Examples of each test; n / (splits + 1) when not given. */
  testSize?: number
  /** At most so many examples are trained on; all when not given. */
  maxTrainSize?: number
}
const timeOptions: OptionNames<TimeSeriesOptions> = {
  gap: true,
  testSize: true,
  maxTrainSize: true,
}

/**
 * Cross-validation in the order of time: each round trains on the past and tests on the examples after it
 * (sklearn.model_selection.TimeSeriesSplit).
 * @throws ValueError when there are too few examples, and for sizes that are not whole numbers
 * @example timeSeriesSplit(new TensorDataset(arange(8)), 3).map(({ train }) => train.length) // [2, 4, 6]
 */
export function timeSeriesSplit<T>(
  dataset: Dataset<T>,
  splits = 5,
  options: TimeSeriesOptions = {},
): Fold<T>[] {
  const op = 'timeSeriesSplit'
  const n = dataset.length
  const {
    gap = 0,
    testSize = Math.floor(n / (splits + 1)),
    maxTrainSize = Number.POSITIVE_INFINITY,
  } = checkOptions(op, options, timeOptions)
  for (const [name, value, least] of [
    ['splits', splits, 1],
    ['gap', gap, 0],
    ['maxTrainSize', maxTrainSize, 1],
  ] as const)
    if (!((Number.isInteger(value) || value === Number.POSITIVE_INFINITY) && value >= least))
      throw new ValueError({
        op,
        rule: `${name} must be a whole number from ${least}`,
        got: `${value}`,
      })
  const first = n - splits * testSize
  if (!(Number.isInteger(testSize) && testSize >= 1 && first - gap >= 1))
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
