/** word2vec: vectors of words by what stands around them (Mikolov et al., 2013). */
import { pow as power } from '../../core/math.js'
import { ValueError } from '../../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../../core/options.js'
import { requireSeed } from '../../data/samplers.js'
import { WordVectors } from '../vectors.js'
import {
  countWords,
  requireAmount,
  requireWhole,
  type Sentences,
  Stream,
  type WordVectorOptions,
} from './vocabulary.js'

export interface Word2VecOptions extends WordVectorOptions {
  /** `'skipGram'`: each word of the context tells the word; `'cbow'`: their mean does. Skip-gram when not given. */
  algorithm?: 'skipGram' | 'cbow'
  /** Random words that each true one is told apart from; 5 when not given. */
  negative?: number
  /** A binary tree of the words by their frequency instead of negative words. */
  hierarchicalSoftmax?: boolean
  /** Negative words are drawn by count to this power; 0.75 when not given. */
  nsExponent?: number
  /** Words with a larger share of the text than this are left out by chance; 1e-3 when not given, 0 leaves out none. */
  sample?: number
  /** At the start; 0.025 for skip-gram, 0.05 for CBOW. It falls in a line to `minLr`. */
  lr?: number
  minLr?: number
}
const names: OptionNames<Word2VecOptions> = {
  vectorSize: true,
  window: true,
  minCount: true,
  epochs: true,
  seed: true,
  onEpoch: true,
  algorithm: true,
  negative: true,
  hierarchicalSoftmax: true,
  nsExponent: true,
  sample: true,
  lr: true,
  minLr: true,
}
const OP = 'trainWord2Vec'

/**
 * One step for h, the vector that predicts, and rows of the output table with the answers that they are to give, 1 or 0.
 * The loss is −Σ log σ(±h·row), its gradient (σ(h·row) − answer) row to h and (σ(h·row) − answer) h to the row. Rows move by
 * −lr times theirs; −lr times that of h is added to `moved`.
 */
export function logisticStep(
  h: Float32Array,
  from: number,
  output: Float32Array,
  rows: Int32Array,
  answers: Uint8Array,
  count: number,
  lr: number,
  moved: Float32Array,
): number {
  const d = moved.length
  let loss = 0
  for (let r = 0; r < count; r++) {
    const at = rows[r]! * d
    let z = 0
    for (let k = 0; k < d; k++) z += h[from + k]! * output[at + k]!
    const answer = answers[r]!
    // log(1 + e^−|z|) keeps its digits at both ends.
    const s = answer === 1 ? z : -z
    loss += Math.max(-s, 0) + Math.log1p(Math.exp(-Math.abs(s)))
    const g = lr * (answer - 1 / (1 + Math.exp(-z)))
    for (let k = 0; k < d; k++) {
      moved[k]! += g * output[at + k]!
      output[at + k]! += g * h[from + k]!
    }
  }
  return loss
}

/** The way to each word in Huffman's tree: inner nodes from the root down, and at each whether it goes to the left. */
export interface TreePath {
  nodes: Int32Array
  left: Uint8Array
}
/** Huffman's tree of words by falling counts: frequent ones have short ways. */
export function huffman(counts: Int32Array): TreePath[] {
  const n = counts.length
  const weight = new Float64Array(2 * n - 1)
  weight.set(counts)
  const parent = new Int32Array(2 * n - 1)
  const isLeft = new Uint8Array(2 * n - 1)
  // Leaves from the rarest on, inner nodes in the order they are made: both lists rise.
  let [leaf, inner] = [n - 1, n]
  for (let made = n; made < 2 * n - 1; made++)
    for (const side of [1, 0]) {
      const least =
        leaf >= 0 && (inner >= made || weight[leaf]! <= weight[inner]!) ? leaf-- : inner++
      weight[made]! += weight[least]!
      parent[least] = made
      isLeft[least] = side
    }
  return Array.from({ length: n }, (_, word) => {
    const nodes: number[] = []
    const left: number[] = []
    for (let at = word; at !== 2 * n - 2; at = parent[at]!) {
      nodes.push(parent[at]! - n)
      left.push(isLeft[at]!)
    }
    return { nodes: Int32Array.from(nodes.reverse()), left: Uint8Array.from(left.reverse()) }
  })
}

/** Draws words with the given weights. */
function drawer(weights: Float64Array): (u: number) => number {
  const sums = new Float64Array(weights.length)
  let total = 0
  for (let i = 0; i < weights.length; i++) sums[i] = total += weights[i]!
  return (u) => {
    const wanted = u * total
    let [low, high] = [0, sums.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}

/**
 * Vectors of words by word2vec: two words are near each other when the words around them are the same. Each word is told from
 * `negative` random ones (or found in a tree) by the words at most `window` places away, the farther ones less often.
 * The same seed gives the same vectors.
 *
 * Source: Mikolov et al., https://arxiv.org/abs/1301.3781 and https://arxiv.org/abs/1310.4546.
 * @throws ValueError for options out of range, and for a text with fewer than two words that come `minCount` times
 * @example
 * const text = ['the cat sat', 'the dog sat', 'a stone fell'].map(splitWords)
 * trainWord2Vec(text, { vectorSize: 4, minCount: 2 }).words // ['the', 'sat']
 */
export function trainWord2Vec(sentences: Sentences, options: Word2VecOptions = {}): WordVectors {
  const o = checkOptions(OP, options, names)
  const { algorithm = 'skipGram', hierarchicalSoftmax = false, onEpoch } = o
  const { vectorSize = 100, window = 5, minCount = 5, epochs = 5, negative = 5, seed = 0 } = o
  const { nsExponent = 0.75, sample = 1e-3, minLr = 1e-4 } = o
  if (algorithm !== 'skipGram' && algorithm !== 'cbow')
    throw new ValueError({
      op: OP,
      rule: "the algorithm must be 'skipGram' or 'cbow'",
      got: showValue(algorithm),
    })
  const { lr = algorithm === 'cbow' ? 0.05 : 0.025 } = o
  requireWhole(OP, { vectorSize, window, minCount, epochs, negative }, 1)
  requireSeed(OP, seed)
  requireAmount(OP, { lr })
  requireAmount(OP, { sample, minLr }, false)
  if (!Number.isFinite(nsExponent))
    throw new ValueError({
      op: OP,
      rule: 'nsExponent must be a finite number',
      got: showValue(nsExponent),
    })

  const { words, counts, texts, total } = countWords(OP, sentences, minCount)
  const random = new Stream(seed)
  const d = vectorSize
  const input = Float32Array.from({ length: words.length * d }, () => (random.uniform() - 0.5) / d)
  const output = new Float32Array(words.length * d)
  const paths = hierarchicalSoftmax ? huffman(counts) : undefined
  const noise = drawer(Float64Array.from(counts, (n) => power(n, nsExponent)))
  // The share of a frequent word that is kept, as in the authors' program.
  const kept = Float64Array.from(counts, (n) => {
    const ratio = (sample * total) / n
    return sample === 0 ? 1 : Math.min(1, Math.sqrt(ratio) + ratio)
  })
  const longest = paths?.reduce((n, p) => Math.max(n, p.nodes.length), 0) ?? negative + 1
  const rows = new Int32Array(longest)
  const answers = new Uint8Array(longest)
  const moved = new Float32Array(d)
  const mean = new Float32Array(d)
  const line = new Int32Array(texts.reduce((n, ids) => Math.max(n, ids.length), 0))
  let seen = 0
  let rate = lr

  /** What the vector before is to tell of a word. */
  const questions = (word: number): number => {
    if (paths) {
      const { nodes, left } = paths[word]!
      rows.set(nodes)
      answers.set(left)
      return nodes.length
    }
    rows[0] = word
    answers[0] = 1
    let count = 1
    for (let i = 0; i < negative; i++) {
      const other = noise(random.uniform())
      if (other === word) continue
      rows[count] = other
      answers[count++] = 0
    }
    return count
  }

  for (let epoch = 0; epoch < epochs; epoch++) {
    let [loss, examples] = [0, 0]
    for (const ids of texts) {
      rate = Math.max(minLr, lr * (1 - seen / (epochs * total)))
      seen += ids.length
      let length = 0
      for (const id of ids) if (kept[id]! >= 1 || random.uniform() < kept[id]!) line[length++] = id
      for (let i = 0; i < length; i++) {
        const reach = 1 + random.below(window)
        const [first, last] = [Math.max(0, i - reach), Math.min(length - 1, i + reach)]
        if (first === last) continue
        if (algorithm === 'skipGram') {
          for (let j = first; j <= last; j++) {
            if (j === i) continue
            const from = line[j]! * d
            moved.fill(0)
            const count = questions(line[i]!)
            loss += logisticStep(input, from, output, rows, answers, count, rate, moved)
            for (let k = 0; k < d; k++) input[from + k]! += moved[k]!
            examples++
          }
          continue
        }
        mean.fill(0)
        moved.fill(0)
        const around = last - first
        for (let j = first; j <= last; j++)
          if (j !== i) for (let k = 0; k < d; k++) mean[k]! += input[line[j]! * d + k]! / around
        const count = questions(line[i]!)
        loss += logisticStep(mean, 0, output, rows, answers, count, rate, moved)
        // The gradient of a mean is an equal part of it for each; the authors' program gives the whole to each, and so does this.
        for (let j = first; j <= last; j++)
          if (j !== i) for (let k = 0; k < d; k++) input[line[j]! * d + k]! += moved[k]!
        examples++
      }
    }
    onEpoch?.(epoch, loss / Math.max(1, examples))
  }
  return new WordVectors(words, input, d)
}
