/** Training of byte pair encoding: the most frequent pair is merged, again and again. */
import { checkOptions, type OptionNames } from '../../core/options.js'
import type { AddedToken } from '../added.js'
import { Bpe } from '../models/bpe.js'
import { PairTable } from '../models/pairs.js'
import type { Trainer } from '../counting.js'
import { byteChars } from '../unicode.js'
import { contentOf } from './wordLevel.js'

export interface BpeTrainerOptions {
  /** Tokens at most; 30,000 when not given. */
  vocabSize?: number
  /** A pair must come so often to be merged; 0 when not given. */
  minFrequency?: number
  specialTokens?: readonly (string | AddedToken)[]
  /** At most so many characters are kept, the most frequent. */
  limitAlphabet?: number
  /** Characters that are in the vocabulary in any case; `'bytes'` for those of a byte-level vocabulary. */
  initialAlphabet?: 'bytes' | readonly string[]
  continuingSubwordPrefix?: string
  endOfWordSuffix?: string
  /** Characters of a token at most. */
  maxTokenLength?: number
  unknown?: string
  fuseUnknown?: boolean
  byteFallback?: boolean
}
export const bpeNames: OptionNames<BpeTrainerOptions> = {
  vocabSize: true,
  minFrequency: true,
  specialTokens: true,
  limitAlphabet: true,
  initialAlphabet: true,
  continuingSubwordPrefix: true,
  endOfWordSuffix: true,
  maxTokenLength: true,
  unknown: true,
  fuseUnknown: true,
  byteFallback: true,
}

/** A pair that waits to be merged, with the words in which it was found. */
interface Waiting {
  readonly pair: number
  count: number
  readonly words: number[]
}

/** Words as symbols, one after the other. */
interface Words {
  readonly symbols: Int32Array
  readonly starts: Int32Array
  readonly lengths: Int32Array
  readonly counts: Float64Array
}

class Learner {
  readonly ids = new Map<string, number>()
  readonly tokens: string[] = []
  /** Characters of each token. */
  private readonly sizes: number[] = []
  readonly merges: [string, string][] = []
  private readonly table = new PairTable(1 << 16)
  private readonly first: number[] = []
  private readonly second: number[] = []
  private readonly counts: number[] = []
  private heap: Waiting[] = []
  private readonly options: BpeTrainerOptions
  constructor(options: BpeTrainerOptions) {
    this.options = options
  }

  private idOf(token: string, size: number): number {
    const known = this.ids.get(token)
    if (known !== undefined) return known
    const id = this.tokens.length
    this.ids.set(token, id)
    this.tokens.push(token)
    this.sizes.push(size)
    return id
  }
  learn(counts: ReadonlyMap<string, number>): void {
    for (const t of this.options.specialTokens ?? []) this.idOf(contentOf(t), 1)
    this.alphabet(counts)
    const words = this.split(counts)
    this.countPairs(words)
    this.mergeAll(words)
  }
  private alphabet(counts: ReadonlyMap<string, number>): void {
    const { initialAlphabet = [], limitAlphabet } = this.options
    const seen = new Map<string, number>()
    for (const [word, n] of counts) for (const c of word) seen.set(c, (seen.get(c) ?? 0) + n)
    for (const c of initialAlphabet === 'bytes' ? byteChars : initialAlphabet)
      seen.set([...c][0] ?? '', Number.POSITIVE_INFINITY)
    seen.delete('')
    let kept = [...seen]
    const code = (c: string) => c.codePointAt(0)!
    if (limitAlphabet !== undefined && kept.length > limitAlphabet) {
      kept.sort((a, b) => (a[1] === b[1] ? code(a[0]) - code(b[0]) : b[1] - a[1]))
      kept = kept.slice(0, limitAlphabet)
    }
    kept.sort((a, b) => code(a[0]) - code(b[0]))
    for (const [c] of kept) this.idOf(c, 1)
  }
  private split(counts: ReadonlyMap<string, number>): Words {
    const { continuingSubwordPrefix: prefix, endOfWordSuffix: suffix } = this.options
    let total = 0
    for (const word of counts.keys()) total += word.length
    const symbols = new Int32Array(total)
    const starts = new Int32Array(counts.size)
    const lengths = new Int32Array(counts.size)
    const frequencies = new Float64Array(counts.size)
    let at = 0
    let w = 0
    for (const [word, n] of counts) {
      starts[w] = at
      frequencies[w] = n
      for (let i = 0; i < word.length; ) {
        const code = word.codePointAt(i)!
        const stop = i + (code > 0xffff ? 2 : 1)
        let c = word.slice(i, stop)
        if (this.ids.has(c)) {
          if (prefix && i > 0) c = prefix + c
          if (suffix && stop === word.length) c += suffix
          symbols[at++] = this.idOf(c, 1)
        }
        i = stop
      }
      lengths[w] = at - starts[w]!
      w++
    }
    return { symbols, starts, lengths, counts: frequencies }
  }
  private pairOf(a: number, b: number): number {
    let pair = this.table.get(a, b)
    if (pair < 0) {
      pair = this.first.length
      this.table.set(a, b, pair)
      this.first.push(a)
      this.second.push(b)
      this.counts.push(0)
    }
    return pair
  }
  private countPairs({ symbols, starts, lengths, counts }: Words): void {
    const places: number[][] = []
    for (let w = 0; w < starts.length; w++) {
      const start = starts[w]!
      for (let i = start; i + 1 < start + lengths[w]!; i++) {
        const pair = this.pairOf(symbols[i]!, symbols[i + 1]!)
        this.counts[pair]! += counts[w]!
        places[pair] ??= []
        if (places[pair].at(-1) !== w) places[pair].push(w)
      }
    }
    places.forEach((words, pair) => {
      this.push({ pair, count: this.counts[pair]!, words })
    })
  }
  /** Whether one pair is merged before another: the more frequent, then the one of lower ids. */
  private before(a: Waiting, b: Waiting): boolean {
    if (a.count !== b.count) return a.count > b.count
    const [x, y] = [this.first[a.pair]!, this.first[b.pair]!]
    return x === y ? this.second[a.pair]! < this.second[b.pair]! : x < y
  }
  private push(item: Waiting): void {
    const { heap } = this
    let i = heap.length
    heap.push(item)
    while (i > 0) {
      const up = (i - 1) >> 1
      if (!this.before(item, heap[up]!)) break
      heap[i] = heap[up]!
      i = up
    }
    heap[i] = item
  }
  private pop(): Waiting | undefined {
    const { heap } = this
    const top = heap[0]
    const last = heap.pop()
    if (heap.length > 0 && last) {
      let i = 0
      for (;;) {
        let down = 2 * i + 1
        if (down >= heap.length) break
        if (down + 1 < heap.length && this.before(heap[down + 1]!, heap[down]!)) down++
        if (!this.before(heap[down]!, last)) break
        heap[i] = heap[down]!
        i = down
      }
      heap[i] = last
    }
    return top
  }
  private mergeAll(words: Words): void {
    const { vocabSize = 30_000, minFrequency = 0, continuingSubwordPrefix: prefix } = this.options
    while (this.tokens.length < vocabSize) {
      const top = this.pop()
      if (!top) break
      const now = this.counts[top.pair]!
      if (top.count !== now) {
        // It has become rarer since it was put there.
        top.count = now
        if (now > 0) this.push(top)
        continue
      }
      if (top.count < 1 || top.count < minFrequency) break
      const a = this.first[top.pair]!
      const b = this.second[top.pair]!
      const second = this.tokens[b]!
      const bare = prefix && second.startsWith(prefix) ? second.slice(prefix.length) : second
      const made = this.idOf(this.tokens[a]! + bare, this.sizes[a]! + this.sizes[b]!)
      this.merges.push([this.tokens[a]!, second])
      const found = new Map<number, number[]>()
      for (const w of top.words) this.mergeIn(words, w, a, b, made, found)
      for (const [pair, list] of found)
        if (this.counts[pair]! > 0) this.push({ pair, count: this.counts[pair]!, words: list })
    }
  }
  /** Merges a pair in a word, and keeps the counts of pairs right. */
  private mergeIn(
    { symbols, starts, lengths, counts }: Words,
    w: number,
    a: number,
    b: number,
    made: number,
    found: Map<number, number[]>,
  ): void {
    const base = starts[w]!
    const frequency = counts[w]!
    const longest = this.options.maxTokenLength ?? Number.POSITIVE_INFINITY
    const size = this.sizes[made]!
    let end = base + lengths[w]!
    const gain = (x: number, y: number, other: number) => {
      if (this.sizes[other]! + size >= longest) return
      const pair = this.pairOf(x, y)
      this.counts[pair]! += frequency
      const list = found.get(pair)
      if (!list) found.set(pair, [w])
      else if (list.at(-1) !== w) list.push(w)
    }
    for (let i = base; i + 1 < end; i++) {
      if (symbols[i] !== a || symbols[i + 1] !== b) continue
      if (i > base) {
        const left = symbols[i - 1]!
        this.counts[this.pairOf(left, a)]! -= frequency
        gain(left, made, left)
      }
      symbols[i] = made
      symbols.copyWithin(i + 1, i + 2, end)
      end--
      if (i + 1 < end) {
        const right = symbols[i + 1]!
        this.counts[this.pairOf(b, right)]! -= frequency
        gain(made, right, right)
      }
    }
    lengths[w] = end - base
  }
}

/**
 * The pair of symbols that comes most often becomes a token, until the vocabulary is full; of pairs of one frequency the
 * one of lower ids comes first. The same merges as the Rust library's.
 */
export class BpeTrainer implements Trainer {
  readonly specialTokens: readonly (string | AddedToken)[]
  private readonly options: BpeTrainerOptions
  constructor(options: BpeTrainerOptions = {}) {
    this.options = checkOptions('BpeTrainer', options, bpeNames)
    this.specialTokens = options.specialTokens ?? []
  }
  train(counts: ReadonlyMap<string, number>): Bpe {
    const learner = new Learner(this.options)
    learner.learn(counts)
    const { continuingSubwordPrefix, endOfWordSuffix, unknown, fuseUnknown, byteFallback } =
      this.options
    return new Bpe(learner.ids, learner.merges, {
      ...(continuingSubwordPrefix !== undefined && { continuingSubwordPrefix }),
      ...(endOfWordSuffix !== undefined && { endOfWordSuffix }),
      ...(unknown !== undefined && { unknown }),
      ...(fuseUnknown !== undefined && { fuseUnknown }),
      ...(byteFallback !== undefined && { byteFallback }),
    })
  }
}
