/** GloVe: vectors of words by how often they stand near each other (Pennington et al., 2014). */
import { pow as power } from '../../core/math.js'
import { checkOptions, type OptionNames } from '../../core/options.js'
import { requireSeed, shuffled } from '../../data/samplers.js'
import { WordVectors } from '../vectors.js'
import {
  countWords,
  requireAmount,
  requireWhole,
  type Sentences,
  Stream,
  type WordVectorOptions,
} from './vocabulary.js'

export interface GloveOptions extends WordVectorOptions {
  /** Of AdaGrad; 0.05 when not given. */
  lr?: number
  /** Pairs that come so often or more have the full weight; 100 when not given. */
  xMax?: number
  /** The weight of rarer pairs is (count / xMax) to this power; 0.75 when not given. */
  alpha?: number
}
const names: OptionNames<GloveOptions> = {
  vectorSize: true,
  window: true,
  minCount: true,
  epochs: true,
  seed: true,
  onEpoch: true,
  lr: true,
  xMax: true,
  alpha: true,
}
const OP = 'trainGlove'

/** How often each pair of words stands at most `window` places apart, each time counted as 1 / distance. */
export interface CoOccurrences {
  i: Int32Array
  j: Int32Array
  count: Float64Array
}
/** Both orders of a pair are there. */
export function coOccurrences(texts: readonly Int32Array[], size: number, window: number) {
  const counts = new Map<number, number>()
  for (const ids of texts)
    for (let a = 0; a < ids.length; a++)
      for (let b = Math.max(0, a - window); b < a; b++) {
        const [x, y] = [ids[a]!, ids[b]!]
        for (const key of [x * size + y, y * size + x])
          counts.set(key, (counts.get(key) ?? 0) + 1 / (a - b))
      }
  const keys = [...counts.keys()]
  return {
    i: Int32Array.from(keys, (key) => Math.floor(key / size)),
    j: Int32Array.from(keys, (key) => key % size),
    count: Float64Array.from(counts.values()),
  } satisfies CoOccurrences
}

/**
 * Vectors of words by GloVe: the product of two vectors, with a number of each word added, is to be the logarithm of how
 * often the words stand near each other. The sum over all pairs of f(x) (w·w̃ + b + b̃ − log x)² with
 * f(x) = min(1, (x / xMax)^alpha), by AdaGrad; the vectors are w + w̃. The same seed gives the same vectors.
 *
 * Source: Pennington et al., https://aclanthology.org/D14-1162.
 * @throws ValueError for options out of range, and for a text with fewer than two words that come `minCount` times
 * @example
 * const text = ['the cat sat', 'the dog sat'].map(splitWords)
 * trainGlove(text, { vectorSize: 4, minCount: 2 }).words // ['the', 'sat']
 */
export function trainGlove(sentences: Sentences, options: GloveOptions = {}): WordVectors {
  const o = checkOptions(OP, options, names)
  const { vectorSize = 100, window = 10, minCount = 5, epochs = 25, seed = 0, onEpoch } = o
  const { lr = 0.05, xMax = 100, alpha = 0.75 } = o
  requireWhole(OP, { vectorSize, window, minCount, epochs }, 1)
  requireSeed(OP, seed)
  requireAmount(OP, { lr, xMax })
  requireAmount(OP, { alpha }, false)

  const { words, texts } = countWords(OP, sentences, minCount)
  const n = words.length
  const pairs = coOccurrences(texts, n, window)
  const targets = pairs.count.map((x) => Math.log(x))
  const weights = pairs.count.map((x) => Math.min(1, power(x / xMax, alpha)))
  const random = new Stream(seed)
  // Words, then the same words as context; the last number of a row is what is added.
  const d = vectorSize
  const row = d + 1
  const table = Float32Array.from({ length: 2 * n * row }, () => (random.uniform() - 0.5) / row)
  const squares = new Float32Array(2 * n * row).fill(1)

  for (let epoch = 0; epoch < epochs; epoch++) {
    let loss = 0
    for (const p of shuffled(targets.length, seed, epoch)) {
      const [a, b] = [pairs.i[p]! * row, (n + pairs.j[p]!) * row]
      let gap = table[a + d]! + table[b + d]! - targets[p]!
      for (let k = 0; k < d; k++) gap += table[a + k]! * table[b + k]!
      const g = weights[p]! * gap
      loss += 0.5 * g * gap
      for (let k = 0; k < row; k++) {
        const [u, v] = [k < d ? g * table[b + k]! : g, k < d ? g * table[a + k]! : g]
        table[a + k]! -= (lr * u) / Math.sqrt(squares[a + k]!)
        table[b + k]! -= (lr * v) / Math.sqrt(squares[b + k]!)
        squares[a + k]! += u * u
        squares[b + k]! += v * v
      }
    }
    onEpoch?.(epoch, loss / targets.length)
  }
  const data = new Float32Array(n * d)
  for (let i = 0; i < n; i++)
    for (let k = 0; k < d; k++) data[i * d + k] = table[i * row + k]! + table[(n + i) * row + k]!
  return new WordVectors(words, data, d)
}
