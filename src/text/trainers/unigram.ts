/** Training of a unigram vocabulary (Kudo, 2018): expectation and maximization over many pieces, of which the least useful go. */
import { checkOptions, type OptionNames } from '../../core/options.js'
import type { AddedToken } from '../added.js'
import { Trie, Unigram, UNKNOWN_PENALTY } from '../models/unigram.js'
import type { Trainer } from '../counting.js'
import { compareText } from '../unicode.js'
import { repeatedSubstrings } from './substrings.js'
import { contentOf } from './wordLevel.js'

export interface UnigramTrainerOptions {
  /** Tokens at most; 8,000 when not given. */
  vocabSize?: number
  /** Iterations between two prunings; 2 when not given. */
  subIterations?: number
  /** How much of the pieces a pruning keeps; 0.75 when not given. */
  shrinkingFactor?: number
  specialTokens?: readonly (string | AddedToken)[]
  /** Characters that are in the vocabulary in any case. */
  initialAlphabet?: readonly string[]
  unknown?: string
  /** Characters of a piece at most; 16 when not given. */
  maxPieceLength?: number
  /** Pieces at the beginning; 1,000,000 when not given. */
  seedSize?: number
}
export const unigramNames: OptionNames<UnigramTrainerOptions> = {
  vocabSize: true,
  subIterations: true,
  shrinkingFactor: true,
  specialTokens: true,
  initialAlphabet: true,
  unknown: true,
  maxPieceLength: true,
  seedSize: true,
}

/** The derivative of the logarithm of the gamma function, by its asymptotic series from 7 on. */
function digamma(from: number): number {
  let x = from
  let sum = 0
  while (x < 7) {
    sum -= 1 / x
    x++
  }
  x -= 0.5
  const r = 1 / (x * x)
  return sum + Math.log(x) + r * (1 / 24 - r * (7 / 960 - r * (31 / 8064 - (r * 127) / 30720)))
}
const logAdd = (a: number, b: number): number => {
  if (a === Number.NEGATIVE_INFINITY) return b
  const [low, high] = a < b ? [a, b] : [b, a]
  return high - low > 50 ? high : high + Math.log1p(Math.exp(low - high))
}

/** Pieces with their scores; a piece that went has the score −∞. The piece 0 stands for the unknown. */
class Pieces {
  readonly texts: string[]
  readonly scores: Float64Array
  private readonly trie: Trie
  /** The pieces in use, the first of them the unknown. */
  alive: Int32Array
  private unknownScore = 0
  constructor(seeds: readonly (readonly [string, number])[]) {
    this.texts = ['', ...seeds.map(([text]) => text)]
    this.scores = Float64Array.from([0, ...seeds.map(([, score]) => score)])
    this.trie = new Trie(
      seeds.map(([text], i) => [text, i + 1]),
      seeds.length,
    )
    this.alive = Int32Array.from(this.texts, (_, i) => i)
    this.use(this.alive)
  }
  get length(): number {
    return this.alive.length
  }
  get lowest(): number {
    return this.unknownScore + UNKNOWN_PENALTY
  }
  /** Only these pieces are used from now on. */
  use(alive: Int32Array, scores?: ReadonlyMap<number, number>): void {
    const kept = new Map(Array.from(alive, (i) => [i, scores?.get(i) ?? this.scores[i]!]))
    this.scores.fill(Number.NEGATIVE_INFINITY)
    let lowest = Number.POSITIVE_INFINITY
    for (const [i, score] of kept) {
      this.scores[i] = score
      if (i > 0) lowest = Math.min(lowest, score)
    }
    this.alive = alive
    this.unknownScore = (lowest === Number.POSITIVE_INFINITY ? 0 : lowest) - UNKNOWN_PENALTY
  }
  /** Calls for every piece that begins at a place; the unknown where the character is no piece. */
  private edges(
    text: string,
    start: number,
    take: (end: number, piece: number, score: number) => void,
  ): number {
    const width = text.codePointAt(start)! > 0xffff ? 2 : 1
    let single = false
    for (let i = start, node = 0; i < text.length; i++) {
      node = this.trie.next(node, text.charCodeAt(i))
      if (node < 0) break
      const id = this.trie.idAt(node)
      if (id < 0 || this.scores[id] === Number.NEGATIVE_INFINITY) continue
      take(i + 1, id, this.scores[id]!)
      if (i + 1 - start === width) single = true
    }
    if (!single) take(start + width, 0, this.unknownScore)
    return width
  }
  /** Adds how often each piece is to be expected in a text. */
  expect(text: string, count: number, expected: Float64Array): void {
    const n = text.length
    const forward = new Float64Array(n + 1).fill(Number.NEGATIVE_INFINITY)
    const backward = new Float64Array(n + 1).fill(Number.NEGATIVE_INFINITY)
    forward[0] = 0
    backward[n] = 0
    const starts: number[] = []
    for (let start = 0; start < n; ) {
      starts.push(start)
      const here = forward[start]!
      start += this.edges(text, start, (end, _, score) => {
        forward[end] = logAdd(forward[end]!, here + score)
      })
    }
    const total = forward[n]!
    for (const start of starts.reverse())
      this.edges(text, start, (end, piece, score) => {
        const after = score + backward[end]!
        backward[start] = logAdd(backward[start]!, after)
        expected[piece]! += count * Math.exp(forward[start]! + after - total)
      })
  }
  /** The best way to cut a text; `without` a piece that is the whole text, for the second best. */
  best(text: string, without = -1): number[] | undefined {
    const n = text.length
    const score = new Float64Array(n + 1)
    const from = new Int32Array(n + 1).fill(-1)
    const by = new Int32Array(n + 1)
    for (let start = 0; start < n; ) {
      const here = score[start]!
      const reached = start === 0 || from[start]! >= 0
      start += this.edges(text, start, (end, piece, own) => {
        if (!reached || (piece === without && start === 0 && end === n)) return
        if (from[end] === -1 || here + own > score[end]!) {
          score[end] = here + own
          from[end] = start
          by[end] = piece
        }
      })
    }
    if (n > 0 && from[n] === -1) return undefined
    const path: number[] = []
    for (let end = n; end > 0; end = from[end]!) path.push(by[end]!)
    return path.reverse()
  }
}

/** Characters, and substrings that repeat, scored by how often they come times their length. */
function seedsOf(
  words: readonly (readonly [string, number])[],
  longest: number,
  most: number,
): [string, number][] {
  const chars = new Map<string, number>()
  for (const [word, n] of words)
    for (const c of word) if (c !== '\0') chars.set(c, (chars.get(c) ?? 0) + n)
  const downward = (a: [string, number], b: [string, number]) =>
    b[1] - a[1] || compareText(b[0], a[0])
  const seeds = [...chars].sort(downward)
  const parts = repeatedSubstrings(
    words.map(([word]) => word),
    longest,
  ).map(({ text, count }): [string, number] => [text, count * [...text].length])
  seeds.push(...parts.sort(downward).slice(0, Math.max(0, most - seeds.length)))
  const log = Math.log(seeds.reduce((sum, [, n]) => sum + n, 0))
  return seeds.map(([text, n]) => [text, Math.log(n) - log])
}

/** One iteration: what is to be expected, and scores from it. Pieces below half a time go. */
function maximize(pieces: Pieces, words: readonly (readonly [string, number])[]): void {
  const expected = new Float64Array(pieces.texts.length)
  for (const [word, n] of words) pieces.expect(word, n, expected)
  const kept = pieces.alive.filter((i) => i === 0 || expected[i]! >= 0.5)
  let sum = 0
  for (const i of kept) if (i > 0) sum += expected[i]!
  const log = digamma(sum)
  pieces.use(kept, new Map(Array.from(kept, (i) => [i, i === 0 ? 0 : digamma(expected[i]!) - log])))
}

/** The pieces without which the texts lose least likelihood go. */
function prune(
  pieces: Pieces,
  words: readonly (readonly [string, number])[],
  target: number,
): void {
  const alternatives = new Map<number, number[]>()
  const keep = new Set<number>()
  for (const i of pieces.alive) {
    if (i === 0) continue
    const text = pieces.texts[i]!
    const best = pieces.best(text)!
    if (best.length > 1) continue
    keep.add(i)
    const second = pieces.best(text, i)
    if (second) alternatives.set(i, second)
  }
  const used = new Float64Array(pieces.texts.length)
  const found = new Float64Array(pieces.texts.length)
  let all = 0
  for (const [word, n] of words) {
    all += n
    for (const i of pieces.best(word) ?? []) {
      used[i]! += n
      found[i]! += n
    }
  }
  let sum = 0
  for (const i of pieces.alive) sum += used[i]!
  const log = Math.log(sum)
  const kept: number[] = [0]
  const candidates: [number, number][] = []
  for (const i of pieces.alive) {
    if (i === 0 || (used[i] === 0 && !keep.has(i))) continue
    const others = alternatives.get(i)
    if (!others) kept.push(i)
    else if (found[i]! > 0) {
      const logAlternative = Math.log(sum + used[i]! * (others.length - 1))
      let alternative = 0
      for (const o of others) alternative += Math.log(used[o]! + used[i]!) - logAlternative
      candidates.push([i, (found[i]! / all) * (Math.log(used[i]!) - log - alternative)])
    }
  }
  candidates.sort((a, b) => b[1] - a[1])
  for (const [i] of candidates) {
    if (kept.length >= target) break
    kept.push(i)
  }
  pieces.use(Int32Array.from(kept))
}

/** Many pieces at first; iterations give their probabilities, and the least useful go until the vocabulary is small enough. */
export class UnigramTrainer implements Trainer {
  readonly specialTokens: readonly (string | AddedToken)[]
  private readonly options: UnigramTrainerOptions
  constructor(options: UnigramTrainerOptions = {}) {
    this.options = checkOptions('UnigramTrainer', options, unigramNames)
    this.specialTokens = options.specialTokens ?? []
  }
  train(counts: ReadonlyMap<string, number>): Unigram {
    const { vocabSize = 8000, subIterations = 2, shrinkingFactor = 0.75 } = this.options
    const { maxPieceLength = 16, seedSize = 1_000_000 } = this.options
    const words = [...counts]
    const pieces = new Pieces(seedsOf(words, maxPieceLength, seedSize))
    const desired = Math.floor((vocabSize * 11) / 10)
    for (;;) {
      for (let k = 0; k < subIterations; k++) maximize(pieces, words)
      if (pieces.length <= desired) break
      const before = pieces.length
      prune(pieces, words, Math.max(desired, Math.floor(pieces.length * shrinkingFactor)))
      // Pieces that nothing can stand for stay: there is no smaller vocabulary.
      if (pieces.length === before) break
    }
    return this.finish(pieces, words)
  }
  /** All characters first, then the best pieces until the vocabulary is full. */
  private finish(pieces: Pieces, words: readonly (readonly [string, number])[]): Unigram {
    const { vocabSize = 8000, unknown, initialAlphabet = [] } = this.options
    const known = new Map(
      Array.from(pieces.alive.subarray(1), (i) => [pieces.texts[i]!, pieces.scores[i]!]),
    )
    const required = new Set<string>()
    for (const [word] of words) for (const c of word) required.add(c)
    for (const c of initialAlphabet) required.add(c)
    const list: [string, number][] = []
    let penalty = 0
    const inserted = new Set<string>()
    for (const c of [...required].sort(compareText)) {
      inserted.add(c)
      const score = known.get(c)
      list.push([c, score ?? pieces.lowest + penalty])
      if (score === undefined) penalty += 0.0001
    }
    const special: [string, number][] = this.specialTokens.map((t) => [contentOf(t), 0])
    let unknownId: number | null =
      unknown === undefined ? null : special.findIndex(([t]) => t === unknown)
    if (unknownId === -1) {
      special.unshift([unknown!, 0])
      unknownId = 0
    }
    const room = vocabSize - special.length
    for (const [text, score] of known) {
      if (list.length >= room) break
      if (!inserted.has(text)) list.push([text, score])
    }
    list.sort((a, b) => b[1] - a[1])
    return new Unigram([...special, ...list], unknownId)
  }
}
