/** What word2vec and GloVe share: counting words, checking options, random numbers. */
import { ValueError } from '../../core/errors.js'
import { showValue } from '../../core/options.js'
import { philox } from '../../core/philox.js'

/** Texts as lists of words: what word vectors are trained on. It is read several times. */
export type Sentences = readonly (readonly string[])[]

/** What all trainings of word vectors take. */
export interface WordVectorOptions {
  /** Numbers of a vector; 100 when not given. */
  vectorSize?: number
  /** Words on each side that count as the context; 5 when not given (10 for GloVe). */
  window?: number
  /** Words that come less often are left out; 5 when not given. */
  minCount?: number
  /** Passes over the text. */
  epochs?: number
  seed?: number
  /** Called after every epoch with the mean loss of its examples. */
  onEpoch?: (epoch: number, loss: number) => void
}

/** Words by falling count, equal ones in the order of the text, and the text as their indices; rare words are left out. */
export interface Counted {
  words: string[]
  counts: Int32Array
  /** A list of indices for each text that has at least two words left. */
  texts: Int32Array[]
  total: number
}

/** @throws ValueError when fewer than two words come often enough */
export function countWords(op: string, sentences: Sentences, minCount: number): Counted {
  const found = new Map<string, number>()
  for (const sentence of sentences) {
    if (typeof sentence === 'string' || typeof sentence?.[Symbol.iterator] !== 'function')
      throw new ValueError({
        op,
        rule: 'sentences must be lists of words',
        got: showValue(sentence),
        fix: 'Split them: splitWords(text).',
      })
    for (const word of sentence) found.set(word, (found.get(word) ?? 0) + 1)
  }
  const kept = [...found].filter(([, n]) => n >= minCount).sort((a, b) => b[1] - a[1])
  if (kept.length < 2)
    throw new ValueError({
      op,
      rule: `at least 2 words must come ${minCount} times or more`,
      got: `${kept.length} of ${found.size}`,
      fix: 'Give a longer text, or a smaller minCount.',
    })
  const places = new Map(kept.map(([word], i) => [word, i]))
  const texts: Int32Array[] = []
  for (const sentence of sentences) {
    const ids = Int32Array.from(
      sentence.flatMap((word) => {
        const i = places.get(word)
        return i === undefined ? [] : [i]
      }),
    )
    if (ids.length > 1) texts.push(ids)
  }
  return {
    words: kept.map(([word]) => word),
    counts: Int32Array.from(kept, ([, n]) => n),
    texts,
    total: texts.reduce((n, ids) => n + ids.length, 0),
  }
}

/** @throws ValueError for a count that is no whole number, or below the least */
export function requireWhole(
  op: string,
  counts: Readonly<Record<string, number>>,
  least: number,
): void {
  for (const [name, n] of Object.entries(counts))
    if (!(Number.isSafeInteger(n) && n >= least))
      throw new ValueError({
        op,
        rule: `${name} must be a whole number from ${least}`,
        got: showValue(n),
      })
}
/** @throws ValueError for a quantity that is no number from 0, or 0 itself where it must be above */
export function requireAmount(
  op: string,
  amounts: Readonly<Record<string, number>>,
  above = true,
): void {
  for (const [name, v] of Object.entries(amounts))
    if (!(Number.isFinite(v) && (above ? v > 0 : v >= 0)))
      throw new ValueError({
        op,
        rule: `${name} must be a number ${above ? 'above' : 'from'} 0`,
        got: showValue(v),
      })
}

const BLOCK = 4096
/** Random words of 32 bits, one after the other: the same from the same seed, wherever they are drawn. */
export class Stream {
  private readonly key: readonly [number, number]
  private readonly block = new Int32Array(BLOCK)
  private at = BLOCK
  private blocks = 0
  constructor(seed: number) {
    this.key = [seed | 0, Math.floor(seed / 2 ** 32) | 0]
  }
  bits(): number {
    if (this.at === BLOCK) {
      philox(this.key[0], this.key[1], 0, BLOCK * this.blocks++, this.block)
      this.at = 0
    }
    return this.block[this.at++]! >>> 0
  }
  /** In [0, 1). */
  uniform(): number {
    return this.bits() / 2 ** 32
  }
  /** 0, 1 .. n − 1. */
  below(n: number): number {
    return Math.floor(this.uniform() * n)
  }
}
