/** word2vec: vectors of words by what stands around them (Mikolov et al., 2013). */
import { pow as power } from '../../core/math.js'
import { ValueError } from '../../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../../core/options.js'
import { requireSeed } from '../../data/samplers.js'
import { WordVectors } from '../vectors.js'
import {
  type Counted,
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
 * word2vec that stops when it is told to: a picture of the vectors can be drawn while they learn. `trainWord2Vec` does all of it at once.
 * The same seed gives the same vectors, in whatever pieces it is trained.
 * @throws ValueError for options out of range, and for a text with fewer than two words that come `minCount` times
 * @example
 * const text = ['the cat sat', 'the dog sat', 'a stone fell'].map(splitWords)
 * const training = new Word2Vec(text, { vectorSize: 4, minCount: 2, epochs: 1, sample: 0 })
 * training.advance(3) // 3
 * training.advance(10) // 1
 * training.progress // 1
 */
export class Word2Vec {
  /** Words by falling count. */
  readonly words: readonly string[]
  /** How often each word comes. */
  readonly counts: Int32Array
  /** Numbers of a vector. */
  readonly vectorSize: number
  /** The vectors, word after word: training changes them in place. */
  readonly input: Float32Array
  /** What the vectors are multiplied by to tell true words from random ones (or the inner nodes of the tree). */
  readonly output: Float32Array
  private readonly work: Generator<void, void, void>
  private sum = 0
  private examples = 0
  private share = 0

  constructor(sentences: Sentences, options: Word2VecOptions = {}) {
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
    const counted = countWords(OP, sentences, minCount)
    const random = new Stream(seed)
    this.words = counted.words
    this.counts = counted.counts
    this.vectorSize = vectorSize
    const size = this.words.length * vectorSize
    this.input = Float32Array.from({ length: size }, () => (random.uniform() - 0.5) / vectorSize)
    this.output = new Float32Array(size)
    this.work = this.run(counted, random, {
      skipGram: algorithm === 'skipGram',
      tree: hierarchicalSoftmax,
      window,
      epochs,
      negative,
      nsExponent,
      sample,
      lr,
      minLr,
      onEpoch,
    })
  }
  /** From 0 at the start to 1 when all epochs are done. */
  get progress(): number {
    return this.share
  }
  /** Mean loss of the examples of the last `advance`, NaN when it had none. */
  get loss(): number {
    return this.sum / this.examples
  }
  /** A copy of the vectors as they are now. */
  get vectors(): WordVectors {
    return new WordVectors(this.words, this.input.slice(), this.vectorSize)
  }
  /**
   * Learns from the next places of the text, with the words around each. Gives how many there were: fewer than `places` when the
   * epochs are done.
   */
  advance(places: number): number {
    this.sum = 0
    this.examples = 0
    let done = 0
    while (done < places && !this.work.next().done) done++
    return done
  }

  /** Learns; stops after every place of the text. */
  private *run(
    { counts, texts, total }: Counted,
    random: Stream,
    o: {
      skipGram: boolean
      tree: boolean
      onEpoch: Word2VecOptions['onEpoch']
    } & Required<
      Pick<
        Word2VecOptions,
        'window' | 'epochs' | 'negative' | 'nsExponent' | 'sample' | 'lr' | 'minLr'
      >
    >,
  ): Generator<void, void, void> {
    const { input, output, vectorSize: d } = this
    const { skipGram, window, epochs, negative, sample, lr, minLr, onEpoch } = o
    const paths = o.tree ? huffman(counts) : undefined
    const noise = drawer(Float64Array.from(counts, (n) => power(n, o.nsExponent)))
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
    /** The loss of a vector at `from` that tells a word. */
    const learn = (h: Float32Array, from: number, word: number): number => {
      moved.fill(0)
      return logisticStep(h, from, output, rows, answers, questions(word), rate, moved)
    }
    /** The loss of all examples at place i of the line, whose context goes from `first` to `last`. */
    const examplesAt = (i: number, first: number, last: number): number => {
      if (skipGram) {
        let loss = 0
        for (let j = first; j <= last; j++) {
          if (j === i) continue
          const from = line[j]! * d
          loss += learn(input, from, line[i]!)
          for (let k = 0; k < d; k++) input[from + k]! += moved[k]!
        }
        return loss
      }
      mean.fill(0)
      const around = last - first
      for (let j = first; j <= last; j++)
        if (j !== i) for (let k = 0; k < d; k++) mean[k]! += input[line[j]! * d + k]! / around
      const loss = learn(mean, 0, line[i]!)
      // The gradient of a mean is an equal part of it for each; the authors' program gives the whole to each, and so does this.
      for (let j = first; j <= last; j++)
        if (j !== i) for (let k = 0; k < d; k++) input[line[j]! * d + k]! += moved[k]!
      return loss
    }

    for (let epoch = 0; epoch < epochs; epoch++) {
      let [loss, examples] = [0, 0]
      for (const ids of texts) {
        rate = Math.max(minLr, lr * (1 - seen / (epochs * total)))
        let length = 0
        for (const id of ids)
          if (kept[id]! >= 1 || random.uniform() < kept[id]!) line[length++] = id
        for (let i = 0; i < length; i++) {
          const reach = 1 + random.below(window)
          const [first, last] = [Math.max(0, i - reach), Math.min(length - 1, i + reach)]
          if (first === last) continue
          const here = examplesAt(i, first, last)
          const count = skipGram ? last - first : 1
          loss += here
          examples += count
          this.sum += here
          this.examples += count
          this.share = (seen + ((i + 1) * ids.length) / length) / (epochs * total)
          yield
        }
        seen += ids.length
        this.share = seen / (epochs * total)
      }
      onEpoch?.(epoch, loss / Math.max(1, examples))
    }
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
  const training = new Word2Vec(sentences, options)
  training.advance(Number.POSITIVE_INFINITY)
  return new WordVectors(training.words, training.input, training.vectorSize)
}
