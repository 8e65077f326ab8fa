/** What a tokenizer makes of a text. */
import { ValueError } from '../core/errors.js'

export type Direction = 'Left' | 'Right'

/** The parts of an encoding; all lists have the same length. */
export interface EncodingParts {
  ids: Int32Array
  starts: Int32Array
  ends: Int32Array
  words: Int32Array
  typeIds: Int32Array
  special: Uint8Array
  attention: Uint8Array
  texts?: ReadonlyMap<number, string> | undefined
}

/**
 * Ids with all that is known about each: the token, the stretch of text and the word from which it comes, the sequence of a
 * pair, and whether it was added. Offsets count characters (code points), or code units where the text was encoded with
 * `offsetType: 'utf16'`; words that are not there are −1 in `words`.
 */
export class Encoding {
  readonly ids: Int32Array
  /** 0 for the first text, 1 for the second, or what a template says. */
  typeIds: Int32Array
  /** 1 for tokens of the text, 0 for padding. */
  readonly attentionMask: Uint8Array
  /** 1 for tokens that were added (`[CLS]`, padding). */
  readonly specialTokensMask: Uint8Array
  /** The index of the word to which each token belongs, −1 for none. */
  readonly wordIds: Int32Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** What truncation cut off, in parts of the same length. */
  overflowing: Encoding[] = []
  /** Which tokens belong to which sequence. */
  readonly ranges = new Map<number, readonly [number, number]>()
  private readonly nameOf: (id: number) => string | undefined
  private readonly texts: ReadonlyMap<number, string> | undefined

  constructor(parts: EncodingParts, nameOf: (id: number) => string | undefined) {
    this.ids = parts.ids
    this.starts = parts.starts
    this.ends = parts.ends
    this.wordIds = parts.words
    this.typeIds = parts.typeIds
    this.specialTokensMask = parts.special
    this.attentionMask = parts.attention
    this.texts = parts.texts
    this.nameOf = nameOf
  }
  get length(): number {
    return this.ids.length
  }
  /** The tokens as texts. */
  get tokens(): string[] {
    return Array.from(this.ids, (id, i) => this.texts?.get(i) ?? this.nameOf(id) ?? '')
  }
  /** Start and end of each token in its text. */
  get offsets(): [number, number][] {
    return Array.from(this.starts, (start, i) => [start, this.ends[i]!])
  }
  /** The sequence of each token, null for those that were added. */
  get sequenceIds(): (number | null)[] {
    const out: (number | null)[] = new Array(this.length).fill(null)
    if (this.ranges.size === 0) return out.fill(0)
    for (const [id, [a, b]] of this.ranges) out.fill(id, a, b)
    return out
  }
  /** How many texts it is made of. */
  get sequences(): number {
    return Math.max(1, this.ranges.size)
  }

  private range(sequence: number): readonly [number, number] {
    return this.ranges.get(sequence) ?? [0, this.length]
  }
  /** The sequence of a token, undefined for one that was added. */
  tokenToSequence(token: number): number | undefined {
    if (!(token >= 0 && token < this.length)) return undefined
    if (this.ranges.size === 0) return 0
    for (const [id, [a, b]] of this.ranges) if (token >= a && token < b) return id
    return undefined
  }
  /** The token at a place of the text. */
  charToToken(place: number, sequence = 0): number | undefined {
    const [a, b] = this.range(sequence)
    for (let i = a; i < b; i++) if (place >= this.starts[i]! && place < this.ends[i]!) return i
    return undefined
  }
  /** The word at a place of the text. */
  charToWord(place: number, sequence = 0): number | undefined {
    const token = this.charToToken(place, sequence)
    return token === undefined ? undefined : this.tokenToWord(token)
  }
  /** The stretch of text of a token. */
  tokenToChars(token: number): [number, number] | undefined {
    return this.tokenToSequence(token) === undefined
      ? undefined
      : [this.starts[token]!, this.ends[token]!]
  }
  tokenToWord(token: number): number | undefined {
    const word = this.tokenToSequence(token) === undefined ? -1 : this.wordIds[token]!
    return word < 0 ? undefined : word
  }
  /** The tokens of a word: the first, and the one after the last. */
  wordToTokens(word: number, sequence = 0): [number, number] | undefined {
    const [a, b] = this.range(sequence)
    let start = -1
    let end = -1
    for (let i = a; i < b; i++)
      if (this.wordIds[i] === word) {
        if (start < 0) start = i
        end = i + 1
      }
    return start < 0 ? undefined : [start, end]
  }
  /** The stretch of text of a word. */
  wordToChars(word: number, sequence = 0): [number, number] | undefined {
    const tokens = this.wordToTokens(word, sequence)
    return tokens && [this.starts[tokens[0]]!, this.ends[tokens[1] - 1]!]
  }

  /** The tokens from `start` to `end`, by themselves. */
  slice(start: number, end: number): Encoding {
    const texts =
      this.texts &&
      new Map([...this.texts].flatMap(([i, t]) => (i >= start && i < end ? [[i - start, t]] : [])))
    return new Encoding(
      {
        ids: this.ids.slice(start, end),
        starts: this.starts.slice(start, end),
        ends: this.ends.slice(start, end),
        words: this.wordIds.slice(start, end),
        typeIds: this.typeIds.slice(start, end),
        special: this.specialTokensMask.slice(start, end),
        attention: this.attentionMask.slice(start, end),
        texts,
      },
      this.nameOf,
    )
  }
  /**
   * At most `length` tokens; the rest is in `overflowing`, in parts that share `stride` tokens with the one before.
   * @throws ValueError unless the stride is below the length
   */
  truncate(length: number, stride = 0, direction: Direction = 'Right'): Encoding {
    const n = this.length
    if (length >= n) return this
    if (length === 0) {
      const empty = this.slice(0, 0)
      empty.overflowing = [this]
      return empty
    }
    if (!(stride < length))
      throw new ValueError({
        op: 'truncate',
        rule: 'the stride must be below the length',
        got: `a stride of ${stride} and a length of ${length}`,
      })
    const parts: [number, number][] = []
    const step = length - stride
    if (direction === 'Right')
      for (let start = 0; start < n; start += step) {
        const stop = Math.min(start + length, n)
        parts.push([start, stop])
        if (stop === n) break
      }
    else
      for (let stop = n; stop > 0; stop -= step) {
        const start = Math.max(0, stop - length)
        parts.push([start, stop])
        if (start === 0) break
      }
    const [first, ...rest] = parts.map(([a, b]) => this.slice(a, b))
    first!.overflowing = rest
    return first!
  }
  /** At least `length` tokens, by padding on one side; parts that were cut off too. */
  pad(length: number, id: number, typeId: number, token: string, direction: Direction): Encoding {
    const n = Math.max(0, length - this.length)
    const overflowing = this.overflowing.map((o) => o.pad(length, id, typeId, token, direction))
    if (n === 0) {
      this.overflowing = overflowing
      return this
    }
    const padding = new Encoding(
      {
        ids: new Int32Array(n).fill(id),
        starts: new Int32Array(n),
        ends: new Int32Array(n),
        words: new Int32Array(n).fill(-1),
        typeIds: new Int32Array(n).fill(typeId),
        special: new Uint8Array(n).fill(1),
        attention: new Uint8Array(n),
        texts: new Map(Array.from({ length: n }, (_, i) => [i, token])),
      },
      this.nameOf,
    )
    const bare = this.slice(0, this.length)
    for (const [k, r] of this.ranges) bare.ranges.set(k, r)
    const out = direction === 'Right' ? joinTwo(bare, padding) : joinTwo(padding, bare)
    out.overflowing = overflowing
    return out
  }
  /** @internal */
  static join(a: Encoding, b: Encoding): Encoding {
    const n = a.length
    const both = <T extends Int32Array | Uint8Array>(x: T, y: T): T => {
      const out = new (x.constructor as new (n: number) => T)(n + y.length)
      out.set(x)
      out.set(y, n)
      return out
    }
    const texts = new Map(a.texts ?? [])
    for (const [i, t] of b.texts ?? []) texts.set(i + n, t)
    const out = new Encoding(
      {
        ids: both(a.ids, b.ids),
        starts: both(a.starts, b.starts),
        ends: both(a.ends, b.ends),
        words: both(a.wordIds, b.wordIds),
        typeIds: both(a.typeIds, b.typeIds),
        special: both(a.specialTokensMask, b.specialTokensMask),
        attention: both(a.attentionMask, b.attentionMask),
        texts: texts.size > 0 ? texts : undefined,
      },
      a.nameOf,
    )
    for (const [k, r] of a.ranges) out.ranges.set(k, r)
    for (const [k, [x, y]] of b.ranges) out.ranges.set(k, [x + n, y + n])
    return out
  }
}
const joinTwo = Encoding.join

/** One encoding of several; each part that was cut off from one goes with all of the others. */
export function mergeEncodings(list: readonly Encoding[]): Encoding {
  const merge = (a: Encoding, b: Encoding): Encoding => {
    const over: Encoding[] = []
    for (const o of a.overflowing) {
      over.push(merge(o, bare(b)))
      for (const p of b.overflowing) over.push(merge(o, p))
    }
    for (const p of b.overflowing) over.push(merge(bare(a), p))
    const out = joinTwo(a, b)
    out.overflowing = over
    return out
  }
  const [first, ...rest] = list
  return rest.reduce(merge, first!)
}
/** The same without what was cut off. */
function bare(e: Encoding): Encoding {
  if (e.overflowing.length === 0) return e
  const out = e.slice(0, e.length)
  for (const [k, r] of e.ranges) out.ranges.set(k, r)
  return out
}
