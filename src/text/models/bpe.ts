/** Byte pair encoding (Sennrich, Haddow and Birch, 2016): the pairs that training merged, in its order. */
import { ValueError } from '../../core/errors.js'
import { philox } from '../../core/philox.js'
import { checkOptions, type OptionNames } from '../../core/options.js'
import { fields, type Json, refuse, type Written } from '../json.js'
import { toUtf8 } from '../unicode.js'
import {
  byId,
  type Model,
  type ModelKind,
  noUnknown,
  readVocab,
  reversed,
  type Tokens,
} from './model.js'
import { PairTable } from './pairs.js'

export interface BpeOptions {
  /** Leaves out each merge with this probability (Provilkov, Emelianenko and Voita, 2020). */
  dropout?: number | null
  unknown?: string | null
  continuingSubwordPrefix?: string | null
  endOfWordSuffix?: string | null
  /** Unknown characters that follow each other are one token. */
  fuseUnknown?: boolean
  /** Unknown characters become their bytes, `<0x00>` to `<0xFF>`. */
  byteFallback?: boolean
  /** A word that is itself a token is not merged from its parts. */
  ignoreMerges?: boolean
  /** Of the dropout's random numbers. */
  seed?: number
}

const optionNames: OptionNames<BpeOptions> = {
  dropout: true,
  unknown: true,
  continuingSubwordPrefix: true,
  endOfWordSuffix: true,
  fuseUnknown: true,
  byteFallback: true,
  ignoreMerges: true,
  seed: true,
}

/** Symbols of a word while it is merged: a list in which each knows its neighbours. */
interface Symbols {
  id: number[]
  start: number[]
  end: number[]
}

export class Bpe implements Model {
  readonly type = 'BPE'
  readonly vocab: ReadonlyMap<string, number>
  readonly merges: readonly (readonly [string, string])[]
  readonly options: BpeOptions
  readonly steady: boolean
  private readonly tokens: ReadonlyMap<number, string>
  /** The rank of each pair; the merged token is at `made[rank]`. */
  private readonly ranks: PairTable
  private readonly made: Int32Array
  private draws = 0

  /** @throws ValueError for merges whose tokens are not in the vocabulary */
  constructor(
    vocab: ReadonlyMap<string, number>,
    merges: readonly (readonly [string, string])[],
    options: BpeOptions = {},
  ) {
    this.vocab = vocab
    this.merges = merges
    this.options = checkOptions('Bpe', options, optionNames)
    this.steady = !options.dropout
    this.tokens = reversed(vocab)
    this.ranks = new PairTable(merges.length)
    this.made = new Int32Array(merges.length)
    const prefix = options.continuingSubwordPrefix?.length ?? 0
    merges.forEach(([a, b], rank) => {
      const [first, second, merged] = [a, b, a + b.slice(prefix)].map((token) => {
        const id = vocab.get(token)
        if (id === undefined)
          throw new ValueError({
            op: 'BPE',
            rule: 'the tokens of merges must be in the vocabulary',
            got: `'${token}' of merge ${rank} ('${a}' and '${b}'), which is not`,
          })
        return id
      }) as [number, number, number]
      this.ranks.set(first, second, rank)
      this.made[rank] = merged
    })
  }

  tokenize(word: string): Tokens {
    const { ignoreMerges, dropout } = this.options
    if (ignoreMerges) {
      const id = this.vocab.get(word)
      if (id !== undefined) return { ids: [id], starts: [0], ends: [word.length] }
    }
    const symbols = this.symbolsOf(word)
    if (dropout) return this.mergeHeap(symbols, dropout)
    return symbols.id.length > 32 ? this.mergeHeap(symbols, 0) : this.mergeShort(symbols)
  }

  private symbolsOf(word: string): Symbols {
    const { continuingSubwordPrefix, endOfWordSuffix, byteFallback, fuseUnknown, unknown } =
      this.options
    const id: number[] = []
    const start: number[] = []
    const end: number[] = []
    let open = false
    for (let i = 0; i < word.length; ) {
      const code = word.codePointAt(i)!
      const stop = i + (code > 0xffff ? 2 : 1)
      let c = stop - i === 1 ? word[i]! : word.slice(i, stop)
      if (continuingSubwordPrefix && i > 0) c = continuingSubwordPrefix + c
      if (endOfWordSuffix && stop === word.length) c += endOfWordSuffix
      const known = this.vocab.get(c)
      if (known !== undefined) {
        id.push(known)
        start.push(i)
        end.push(stop)
        open = false
      } else {
        const bytes = byteFallback ? this.bytesOf(c) : undefined
        if (bytes) {
          for (const b of bytes) {
            id.push(b)
            start.push(i)
            end.push(stop)
          }
          open = false
        } else if (unknown !== undefined && unknown !== null) {
          if (open && fuseUnknown) end[end.length - 1] = stop
          else {
            id.push(this.vocab.get(unknown) ?? noUnknown('BPE', c, unknown))
            start.push(i)
            end.push(stop)
          }
          open = true
        }
      }
      i = stop
    }
    return { id, start, end }
  }
  private bytesOf(c: string): number[] | undefined {
    const ids: number[] = []
    for (const byte of toUtf8(c)) {
      const id = this.vocab.get(byteToken(byte))
      if (id === undefined) return undefined
      ids.push(id)
    }
    return ids
  }

  /** Merges of a short word: the lowest rank is looked for each time. */
  private mergeShort({ id, start, end }: Symbols): Tokens {
    let n = id.length
    const ranks: number[] = []
    for (let i = 0; i + 1 < n; i++) ranks.push(this.ranks.get(id[i]!, id[i + 1]!))
    while (n > 1) {
      let best = -1
      let at = -1
      for (let i = 0; i + 1 < n; i++) {
        const rank = ranks[i]!
        if (rank >= 0 && (best < 0 || rank < best)) {
          best = rank
          at = i
        }
      }
      if (at < 0) break
      id[at] = this.made[best]!
      end[at] = end[at + 1]!
      n--
      for (let i = at + 1; i < n; i++) {
        id[i] = id[i + 1]!
        start[i] = start[i + 1]!
        end[i] = end[i + 1]!
        ranks[i] = ranks[i + 1]!
      }
      if (at > 0) ranks[at - 1] = this.ranks.get(id[at - 1]!, id[at]!)
      if (at + 1 < n) ranks[at] = this.ranks.get(id[at]!, id[at + 1]!)
    }
    id.length = start.length = end.length = n
    return { ids: id, starts: start, ends: end }
  }

  /** The same by a heap of (rank, place), which takes n log n steps. */
  private mergeHeap({ id, start, end }: Symbols, dropout: number): Tokens {
    const n = id.length
    const before = Int32Array.from(id, (_, i) => i - 1)
    const after = Int32Array.from(id, (_, i) => (i + 1 < n ? i + 1 : -1))
    const alive = new Uint8Array(n).fill(1)
    const heap: number[] = []
    const made: number[] = []
    const key = (rank: number, i: number) => rank * n + i
    const push = (k: number) => {
      let i = heap.length
      heap.push(k)
      while (i > 0) {
        const up = (i - 1) >> 1
        if (heap[up]! <= k) break
        heap[i] = heap[up]!
        i = up
      }
      heap[i] = k
    }
    const pop = (): number => {
      const top = heap[0]!
      const last = heap.pop()!
      const size = heap.length
      if (size > 0) {
        let i = 0
        for (;;) {
          let down = 2 * i + 1
          if (down >= size) break
          if (down + 1 < size && heap[down + 1]! < heap[down]!) down++
          if (heap[down]! >= last) break
          heap[i] = heap[down]!
          i = down
        }
        heap[i] = last
      }
      return top
    }
    const offer = (i: number) => {
      const next = after[i]!
      if (next < 0) return
      const rank = this.ranks.get(id[i]!, id[next]!)
      if (rank >= 0) push(key(rank, i))
    }
    for (let i = 0; i + 1 < n; i++) offer(i)
    while (heap.length > 0) {
      const top = pop()
      if (dropout > 0 && this.uniform() < dropout) {
        made.push(top)
        continue
      }
      for (const k of made.splice(0)) push(k)
      const i = top % n
      const rank = (top - i) / n
      const next = after[i]!
      // A pair that has changed since it was put there.
      if (!alive[i] || next < 0 || this.ranks.get(id[i]!, id[next]!) !== rank) continue
      id[i] = this.made[rank]!
      end[i] = end[next]!
      alive[next] = 0
      after[i] = after[next]!
      if (after[i]! >= 0) before[after[i]!] = i
      if (before[i]! >= 0) offer(before[i]!)
      offer(i)
    }
    const out: { ids: number[]; starts: number[]; ends: number[] } = {
      ids: [],
      starts: [],
      ends: [],
    }
    for (let i = n > 0 ? 0 : -1; i >= 0; i = after[i]!) {
      out.ids.push(id[i]!)
      out.starts.push(start[i]!)
      out.ends.push(end[i]!)
    }
    return out
  }
  private uniform(): number {
    const words = new Int32Array(2)
    philox(this.options.seed ?? 0, 0, this.draws++, 0, words)
    return (words[0]! >>> 0) / 2 ** 32
  }

  idToToken(id: number): string | undefined {
    return this.tokens.get(id)
  }
  written() {
    const o = this.options
    return new Map<string, Written>([
      ['type', this.type],
      ['dropout', o.dropout ?? null],
      ['unk_token', o.unknown ?? null],
      ['continuing_subword_prefix', o.continuingSubwordPrefix ?? null],
      ['end_of_word_suffix', o.endOfWordSuffix ?? null],
      ['fuse_unk', o.fuseUnknown ?? false],
      ['byte_fallback', o.byteFallback ?? false],
      ['ignore_merges', o.ignoreMerges ?? false],
      ['vocab', byId(this.vocab)],
      ['merges', this.merges],
    ])
  }
}
/** The token of a byte: `<0x0A>`. */
export const byteToken = (byte: number): string =>
  `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`

/** Merges as pairs, or in the older form as texts with a space between. @throws FileError */
function readMerges(place: string, list: readonly Json[]): (readonly [string, string])[] {
  return list.map((merge, i) => {
    const parts = typeof merge === 'string' ? merge.split(' ') : merge
    if (!Array.isArray(parts) || parts.length !== 2 || parts.some((p) => typeof p !== 'string'))
      refuse(`${place}[${i}]`, 'must be a pair of tokens', merge)
    return parts as unknown as readonly [string, string]
  })
}

export const bpeKind: ModelKind = {
  fields: {
    dropout: fields.probability,
    unk_token: fields.textOrNull,
    continuing_subword_prefix: fields.textOrNull,
    end_of_word_suffix: fields.textOrNull,
    fuse_unk: fields.flag(false),
    byte_fallback: fields.flag(false),
    ignore_merges: fields.flag(false),
    vocab: fields.object(),
    merges: fields.list(),
  },
  make: (c: Record<string, Json>, place) => {
    const vocab = readVocab(`${place}.vocab`, c.vocab!)
    const merges = readMerges(
      `${place}.merges`,
      (c.merges as readonly Json[]).filter(
        (m) => !(typeof m === 'string' && m.startsWith('#version')),
      ),
    )
    try {
      return new Bpe(vocab, merges, {
        dropout: c.dropout as number | null,
        unknown: c.unk_token as string | null,
        continuingSubwordPrefix: c.continuing_subword_prefix as string | null,
        endOfWordSuffix: c.end_of_word_suffix as string | null,
        fuseUnknown: c.fuse_unk as boolean,
        byteFallback: c.byte_fallback as boolean,
        ignoreMerges: c.ignore_merges as boolean,
      })
    } catch (error) {
      if (error instanceof ValueError)
        refuse(`${place}.merges`, error.complaint.rule, undefined, `Found ${error.complaint.got}.`)
      throw error
    }
  },
}
