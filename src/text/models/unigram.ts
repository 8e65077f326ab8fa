/** Unigram language model (Kudo, 2018): the most probable way to cut a text, by Viterbi's algorithm. */
import { fields, Float, type Json, refuse, type Written } from '../json.js'
import { toUtf8 } from '../unicode.js'
import { byteToken } from './bpe.js'
import { type Model, type ModelKind, noUnknown, type Tokens } from './model.js'
import { PairTable } from './pairs.js'

/** An unknown character scores so much below the lowest token. */
export const UNKNOWN_PENALTY = 10

/** Tokens by their code units, from a root at 0. */
export class Trie {
  private readonly edges: PairTable
  private readonly ids: number[] = [-1]
  constructor(tokens: Iterable<readonly [string, number]>, expected: number) {
    this.edges = new PairTable(expected * 4)
    for (const [token, id] of tokens) {
      let node = 0
      for (let i = 0; i < token.length; i++) {
        const unit = token.charCodeAt(i)
        let next = this.edges.get(node, unit)
        if (next < 0) {
          next = this.ids.length
          this.ids.push(-1)
          this.edges.set(node, unit, next)
        }
        node = next
      }
      this.ids[node] = id
    }
  }
  /** The node after a unit; −1: no token goes on so. */
  next(node: number, unit: number): number {
    return this.edges.get(node, unit)
  }
  /** The token that ends at a node, −1 for none. */
  idAt(node: number): number {
    return this.ids[node]!
  }
}

export class Unigram implements Model {
  readonly type = 'Unigram'
  readonly steady = true
  readonly vocab: ReadonlyMap<string, number>
  readonly pieces: readonly (readonly [string, number])[]
  readonly unknown: number | null
  readonly byteFallback: boolean
  readonly trie: Trie
  readonly scores: Float64Array
  readonly lowest: number
  constructor(
    pieces: readonly (readonly [string, number])[],
    unknown: number | null = 0,
    byteFallback = false,
  ) {
    this.pieces = pieces
    this.unknown = unknown
    this.byteFallback = byteFallback
    const vocab = new Map<string, number>()
    for (const [id, [token]] of pieces.entries()) vocab.set(token, id)
    this.vocab = vocab
    this.trie = new Trie(
      [...vocab].filter(([token]) => token !== ''),
      pieces.length,
    )
    this.scores = Float64Array.from(pieces, ([, score]) => score)
    let lowest = Number.POSITIVE_INFINITY
    for (const [, score] of pieces) if (score < lowest) lowest = score
    this.lowest = lowest
  }
  tokenize(word: string): Tokens {
    const n = word.length
    const best = new Float64Array(n + 1)
    const from = new Int32Array(n + 1).fill(-1)
    const by = new Int32Array(n + 1)
    const { trie, scores } = this
    const penalty = this.lowest - UNKNOWN_PENALTY
    for (let start = 0; start < n; ) {
      const here = best[start]!
      const width = word.codePointAt(start)! > 0xffff ? 2 : 1
      let single = false
      for (let i = start, node = 0; i < n; i++) {
        node = trie.next(node, word.charCodeAt(i))
        if (node < 0) break
        const id = trie.idAt(node)
        if (id < 0) continue
        const score = here + scores[id]!
        if (from[i + 1] === -1 || score > best[i + 1]!) {
          best[i + 1] = score
          from[i + 1] = start
          by[i + 1] = id
        }
        if (i + 1 - start === width) single = true
      }
      if (!single) {
        const end = start + width
        const score = here + penalty
        if (from[end] === -1 || score > best[end]!) {
          best[end] = score
          from[end] = start
          by[end] = this.unknown ?? noUnknown(this.type, word.slice(start, end), null)
        }
      }
      start += width
    }
    return this.readBack(word, from, by)
  }
  /** The tokens of the best path; unknown ones that follow each other are one. */
  private readBack(word: string, from: Int32Array, by: Int32Array): Tokens {
    const parts: [number, number, boolean][] = []
    for (let end = word.length; end > 0; end = from[end]!) {
      const start = from[end]!
      const unknown = by[end] === this.unknown
      const last = parts.at(-1)
      if (unknown && last?.[2]) last[0] = start
      else parts.push([start, end, unknown])
    }
    const ids: number[] = []
    const starts: number[] = []
    const ends: number[] = []
    let texts: Map<number, string> | undefined
    for (const [start, end] of parts.reverse()) {
      const text = word.slice(start, end)
      const known = this.vocab.get(text)
      const bytes = known === undefined && this.byteFallback ? this.bytesOf(text) : undefined
      for (const id of bytes ?? [known ?? this.unknown!]) {
        if (known === undefined && !bytes) {
          texts ??= new Map()
          texts.set(ids.length, text)
        }
        ids.push(id)
        starts.push(start)
        ends.push(end)
      }
    }
    return { ids, starts, ends, ...(texts && { texts }) }
  }
  private bytesOf(text: string): number[] | undefined {
    const ids: number[] = []
    for (const byte of toUtf8(text)) {
      const id = this.vocab.get(byteToken(byte))
      if (id === undefined) return undefined
      ids.push(id)
    }
    return ids
  }
  idToToken(id: number): string | undefined {
    return this.pieces[id]?.[0]
  }
  written() {
    return new Map<string, Written>([
      ['type', this.type],
      ['unk_id', this.unknown],
      ['vocab', this.pieces.map(([token, score]) => [token, new Float(score)])],
      ['byte_fallback', this.byteFallback],
    ])
  }
}

export const unigramKind: ModelKind = {
  fields: { unk_id: fields.wholeOrNull, vocab: fields.list(), byte_fallback: fields.flag(false) },
  make: (c: Record<string, Json>, place) => {
    const pieces = (c.vocab as readonly Json[]).map((piece, i) => {
      if (!Array.isArray(piece) || typeof piece[0] !== 'string' || typeof piece[1] !== 'number')
        refuse(`${place}.vocab[${i}]`, 'must be a pair of a token and its score', piece)
      return piece as unknown as readonly [string, number]
    })
    const unknown = c.unk_id as number | null
    if (unknown !== null && unknown >= pieces.length)
      refuse(
        `${place}.unk_id`,
        `must be below the ${pieces.length} tokens of the vocabulary`,
        unknown,
      )
    return new Unigram(pieces, unknown, c.byte_fallback as boolean)
  },
}
