/** Text to ids and back, as tokenizer.json describes it. */
import { readBytes, writeAtomic } from '#host'
import { FileError, ValueError } from '../core/errors.js'
import { checkOptions, showValue } from '../core/options.js'
import { type AddedToken, AddedTokens, type FullToken, fullToken } from './added.js'
import { requireTexts, type Trainer, WordCounts } from './counting.js'
import { type Decode, makeDecoder } from './decoders.js'
import { Encoding, mergeEncodings } from './encoding.js'
import { readTokenizer, writeTokenizer } from './file.js'
import type { Config, Json, Written } from './json.js'
import {
  fullPadding,
  fullTruncation,
  type PaddingOptions,
  padAll,
  toChars,
  type TruncationOptions,
  truncateAll,
} from './lengths.js'
import { type Model, WordCache } from './models/model.js'
import { makeNormalizer, type Normalize } from './normalizers.js'
import { type Piece, pieceOf } from './piece.js'
import { makePreTokenizer, preTokenize, type Stage } from './preTokenizers.js'
import { makeProcessor, type Process } from './processors.js'
import { fromUtf8, toByteChars } from './unicode.js'

export interface EncodeOptions {
  /** Adds the post-processor's tokens; on when not given. */
  addSpecialTokens?: boolean
  /** Offsets by characters (code points), as the Rust library has them, or by code units for `text.slice`. */
  offsetType?: 'chars' | 'utf16'
}
/** A text, or its words. */
export type TextInput = string | readonly string[]

/** The parts of a tokenizer. Parts other than the model are as they stand in tokenizer.json, with defaults filled in. */
export interface TokenizerParts {
  normalizer?: Json
  preTokenizer?: Json
  postProcessor?: Json
  decoder?: Json
}

/**
 * Turns text into ids and ids into text: normalizer, pre-tokenizer, model, post-processor and decoder, as in the Rust
 * library of Hugging Face. Its file is tokenizer.json; the same ids come from the same file.
 * @example
 * const t = new Tokenizer(new WordLevel(new Map([['[UNK]', 0], ['hello', 1], ['world', 2]]), '[UNK]'), { preTokenizer: { type: 'Whitespace' } })
 * t.encode('hello big world').ids // [1, 0, 2]
 */
export class Tokenizer {
  private currentModel: Model
  private normalizerPart: { config: Config; apply: Normalize } | undefined
  private preTokenizerPart: { config: Config; stages: Stage[] } | undefined
  private processorPart:
    | { config: Config | ReadonlyMap<string, Written>; process: Process }
    | undefined
  private decoderPart: { config: Config; decode: Decode } | undefined
  private readonly added = new AddedTokens()
  private truncationOptions: Required<TruncationOptions> | undefined
  private paddingOptions: Required<PaddingOptions> | undefined
  private cache: WordCache
  private readonly bounds: number[] = []
  private readonly nameOf = (id: number) => this.idToToken(id)

  /** @throws FileError for parts that are not as in tokenizer.json */
  constructor(model: Model, parts: TokenizerParts = {}) {
    checkOptions('Tokenizer', parts, ['normalizer', 'preTokenizer', 'postProcessor', 'decoder'])
    this.currentModel = model
    this.setNormalizer(parts.normalizer ?? null)
    this.preTokenizerPart = parts.preTokenizer ? makePreTokenizer(parts.preTokenizer) : undefined
    this.setPostProcessor(parts.postProcessor ?? null)
    this.setDecoder(parts.decoder ?? null)
    this.cache = this.newCache()
  }
  private newCache(): WordCache {
    return new WordCache(this.currentModel, this.preTokenizerPart?.stages.at(-1)?.bytes === true)
  }

  /**
   * A tokenizer from the text, or the parsed content, of tokenizer.json.
   * @throws FileError that names the place in the file
   */
  static fromJSON(source: string | object): Tokenizer {
    const { model, added, truncation, padding, ...parts } = readTokenizer(source)
    const tokenizer = new Tokenizer(model, parts)
    // As in the Rust library, ids follow from the order: the model's own, then those after its vocabulary.
    tokenizer.addAll(added)
    tokenizer.truncationOptions = truncation
    tokenizer.paddingOptions = padding
    return tokenizer
  }
  /** A tokenizer from a file. @throws FileError */
  static fromFile(path: string | URL): Tokenizer {
    try {
      return Tokenizer.fromJSON(fromUtf8(readBytes(path)))
    } catch (error) {
      if (error instanceof FileError && error.complaint.op === 'tokenizer.json')
        error.addPath(`${path}`)
      throw error
    }
  }
  get model(): Model {
    return this.currentModel
  }
  setModel(model: Model): this {
    this.currentModel = model
    this.cache = this.newCache()
    return this
  }
  /** As in tokenizer.json: `{ type: 'NFC' }`; null for none. */
  setNormalizer(value: Json): this {
    this.normalizerPart = value === null ? undefined : makeNormalizer(value)
    this.added.refresh(this.normalizerPart?.apply)
    return this
  }
  /** As in tokenizer.json: `{ type: 'Whitespace' }`; null for none. */
  setPreTokenizer(value: Json): this {
    this.preTokenizerPart = value === null ? undefined : makePreTokenizer(value)
    this.cache = this.newCache()
    return this
  }
  /**
   * As in tokenizer.json; null for none. A template may be texts:
   * `{ type: 'TemplateProcessing', single: '[CLS] $A [SEP]', pair: '[CLS] $A [SEP] $B:1 [SEP]:1', special_tokens: [['[CLS]', 1], ['[SEP]', 2]] }`.
   */
  setPostProcessor(value: Json): this {
    this.processorPart = value === null ? undefined : makeProcessor(value, this.nameOf)
    return this
  }
  /** As in tokenizer.json: `{ type: 'ByteLevel' }`; null: tokens with spaces between them. */
  setDecoder(value: Json): this {
    this.decoderPart = value === null ? undefined : makeDecoder(value)
    return this
  }
  /** @throws ValueError unless the stride is below the length; null: texts are not cut */
  setTruncation(options: TruncationOptions | null): this {
    if (options === null) {
      this.truncationOptions = undefined
      return this
    }
    const full = fullTruncation(options)
    const { maxLength, stride } = full
    const room = maxLength - (this.processorPart?.process.added(false) ?? 0)
    if (maxLength > 0 && stride >= Math.max(1, room))
      throw new ValueError({
        op: 'setTruncation',
        rule: 'the stride must be below the length without the special tokens',
        got: `a stride of ${stride} and ${room} tokens`,
      })
    this.truncationOptions = full
    return this
  }
  /** Null: texts are not padded. */
  setPadding(options: PaddingOptions | null): this {
    this.paddingOptions = options
      ? fullPadding(options, (token) => this.tokenToId(token))
      : undefined
    return this
  }
  get truncation(): Readonly<Required<TruncationOptions>> | null {
    return this.truncationOptions ?? null
  }
  get padding(): Readonly<Required<PaddingOptions>> | null {
    return this.paddingOptions ?? null
  }

  /** Tokens that are found in the text before the model. @returns how many were new */
  addTokens(tokens: readonly (string | AddedToken)[]): number {
    return this.addAll(tokens.map((t) => fullToken(t)))
  }
  /** The same for tokens that `decode` leaves out. */
  addSpecialTokens(tokens: readonly (string | AddedToken)[]): number {
    return this.addAll(tokens.map((t) => fullToken(t, true)))
  }
  private addAll(tokens: readonly FullToken[]): number {
    const { vocab } = this.currentModel
    const added = this.added.add(tokens, (t) => vocab.get(t), vocab.size)
    this.added.refresh(this.normalizerPart?.apply)
    return added
  }

  tokenToId(token: string): number | undefined {
    return this.added.ids.get(token) ?? this.currentModel.vocab.get(token)
  }
  idToToken(id: number): string | undefined {
    return this.added.byId.get(id)?.content ?? this.currentModel.idToToken(id)
  }
  /** Ids of all tokens. */
  getVocab(withAddedTokens = true): Map<string, number> {
    const vocab = new Map(this.currentModel.vocab)
    if (withAddedTokens) for (const [token, id] of this.added.ids) vocab.set(token, id)
    return vocab
  }
  /** The number of tokens. */
  getVocabSize(withAddedTokens = true): number {
    const { vocab } = this.currentModel
    let size = vocab.size
    if (withAddedTokens) for (const token of this.added.ids.keys()) if (!vocab.has(token)) size++
    return size
  }

  /** A text as the model gets it. */
  normalize(text: string): string {
    return this.normalizerPart ? this.normalizerPart.apply(pieceOf(text)).text : text
  }
  /** The words of a text, normalized and split: those that trainers count. */
  words(text: string): string[] {
    const piece = pieceOf(text)
    const out: string[] = []
    this.eachWord(
      this.normalizerPart ? this.normalizerPart.apply(piece) : piece,
      (p, start, end) => {
        out.push(p.text.slice(start, end))
      },
    )
    return out
  }
  /** Gives the words of a piece as stretches of it, or of others that were made from it. */
  private eachWord(piece: Piece, take: (p: Piece, start: number, end: number) => void): void {
    if (piece.text === '') return
    const stages = this.preTokenizerPart?.stages
    if (!stages) take(piece, 0, piece.text.length)
    else if (stages.length === 1) {
      // The usual case, without an object for each word.
      const { before, cut } = stages[0]!
      const p = before ? before(piece) : piece
      if (!cut) {
        take(p, 0, p.text.length)
        return
      }
      const { bounds } = this
      bounds.length = 0
      cut(p.text, bounds)
      for (let i = 0; i < bounds.length; i += 2)
        if (bounds[i]! < bounds[i + 1]!) take(p, bounds[i]!, bounds[i + 1]!)
    } else for (const p of preTokenize(stages, piece).words) take(p, 0, p.text.length)
  }
  /**
   * Learns the model's vocabulary from texts: each is normalized and split, then the trainer gets the words with their
   * counts. The trainer's special tokens are added.
   */
  train(texts: Iterable<string>, trainer: Trainer): this {
    const counts = new WordCounts()
    requireTexts(texts)
    for (const text of texts) this.count(text, counts)
    return this.learn(counts, trainer)
  }
  /** The same for texts that come one after the other: the lines of a file that is larger than memory. */
  async trainAsync(
    texts: AsyncIterable<string> | Iterable<string>,
    trainer: Trainer,
  ): Promise<this> {
    const counts = new WordCounts()
    requireTexts(texts)
    for await (const text of texts) this.count(text, counts)
    return this.learn(counts, trainer)
  }
  private count(text: string, counts: WordCounts): void {
    if (typeof text !== 'string')
      throw new ValueError({ op: 'train', rule: 'every text is a string', got: showValue(text) })
    const piece = pieceOf(text)
    this.eachWord(
      this.normalizerPart ? this.normalizerPart.apply(piece) : piece,
      (p, start, end) => {
        counts.add(p.text.slice(start, end))
      },
    )
  }
  private learn(counts: WordCounts, trainer: Trainer): this {
    const bytes = this.preTokenizerPart?.stages.at(-1)?.bytes === true
    const words = counts.by((word) => (bytes ? toByteChars(word) : word))
    this.setModel(trainer.train(words))
    // Ids of tokens that were added before are those of another vocabulary.
    const before = [...this.added.byId.values()]
    this.added.clear()
    this.addSpecialTokens(trainer.specialTokens)
    this.addAll(before.filter(({ content }) => !this.added.ids.has(content)))
    return this
  }

  /**
   * The ids of a text, or of a pair of texts, with all that is known about each. A list of strings is taken as words that
   * are already split.
   * @throws ValueError when a word is unknown and the model has no token for that
   * @example trainBpe(['low lower lowest'], { vocabSize: 265 }).encode('lower low').tokens // ['low', 'e', 'r', 'Ġlow']
   */
  encode(text: TextInput, pair?: TextInput | null, options: EncodeOptions = {}): Encoding {
    return padAll([this.encodeBare(text, pair, options)], this.paddingOptions)[0]!
  }
  /** Many texts, or pairs as `[first, second]` by `pairs`; padded to the same length where padding is set. */
  encodeBatch(
    texts: readonly TextInput[],
    pairs?: readonly TextInput[] | null,
    options: EncodeOptions = {},
  ): Encoding[] {
    if (pairs && pairs.length !== texts.length)
      throw new ValueError({
        op: 'encodeBatch',
        rule: 'there must be a second text for each first',
        got: `${texts.length} and ${pairs.length}`,
      })
    return padAll(
      texts.map((text, i) => this.encodeBare(text, pairs?.[i], options)),
      this.paddingOptions,
    )
  }
  private encodeBare(
    text: TextInput,
    pair: TextInput | null | undefined,
    options: EncodeOptions,
  ): Encoding {
    const { addSpecialTokens = true, offsetType = 'chars' } = checkOptions('encode', options, [
      'addSpecialTokens',
      'offsetType',
    ])
    const byChars = offsetType === 'chars'
    const list = [this.encodeText(text, 0, byChars)]
    if (pair !== undefined && pair !== null) list.push(this.encodeText(pair, 1, byChars))
    const added = addSpecialTokens ? (this.processorPart?.process.added(list.length === 2) ?? 0) : 0
    const limits = this.truncationOptions
    const cut = limits ? truncateAll(list, limits, added) : list
    cut.forEach((e, i) => {
      for (const part of [e, ...e.overflowing]) part.ranges.set(i, [0, part.length])
    })
    const done = this.processorPart ? this.processorPart.process.apply(cut, addSpecialTokens) : cut
    return mergeEncodings(done)
  }
  private encodeText(text: TextInput, typeId: number, byChars: boolean): Encoding {
    if (typeof text === 'string') return this.encodeSections(text, typeId, undefined, byChars)
    if (!Array.isArray(text) || text.some((word) => typeof word !== 'string'))
      throw new ValueError({
        op: 'encode',
        rule: 'a text is a string, or a list of words',
        got: typeof text,
      })
    const parts = text.map((word: string, i: number) =>
      this.encodeSections(word, typeId, i, byChars),
    )
    return parts.length > 0
      ? mergeEncodings(parts)
      : this.encodeSections('', typeId, undefined, byChars)
  }
  private encodeSections(
    text: string,
    typeId: number,
    wordIndex: number | undefined,
    byChars: boolean,
  ): Encoding {
    const ids: number[] = []
    const starts: number[] = []
    const ends: number[] = []
    const words: number[] = []
    let texts: Map<number, string> | undefined
    let word = 0
    for (const { piece, id } of this.added.sections(text, this.normalizerPart?.apply)) {
      if (id !== undefined) {
        if (piece.text !== this.idToToken(id)) {
          texts ??= new Map()
          texts.set(ids.length, piece.text)
        }
        ids.push(id)
        starts.push(piece.from ? piece.from[0]! : piece.base)
        ends.push(piece.to ? piece.to.at(-1)! : piece.base + piece.text.length)
        words.push(wordIndex ?? word)
        word++
        continue
      }
      this.eachWord(piece, (p, start, end) => {
        const tokens = this.cache.get(p.text.slice(start, end))
        const { from, to } = p
        const at = p.base + start
        if (tokens.texts) {
          texts ??= new Map()
          for (const [i, t] of tokens.texts) texts.set(ids.length + i, t)
        }
        for (let i = 0; i < tokens.ids.length; i++) {
          ids.push(tokens.ids[i]!)
          const a = tokens.starts[i]!
          const b = tokens.ends[i]!
          starts.push(from ? from[start + a]! : at + a)
          ends.push(to ? to[start + b - 1]! : at + b)
          words.push(wordIndex ?? word)
        }
        word++
      })
    }
    const n = ids.length
    const out = new Encoding(
      {
        ids: Int32Array.from(ids),
        starts: Int32Array.from(starts),
        ends: Int32Array.from(ends),
        words: Int32Array.from(words),
        typeIds: typeId === 0 ? new Int32Array(n) : new Int32Array(n).fill(typeId),
        special: new Uint8Array(n),
        attention: new Uint8Array(n).fill(1),
        texts,
      },
      this.nameOf,
    )
    if (byChars && n > 0 && /[\ud800-\udbff]/.test(text)) toChars(text, out)
    return out
  }

  /**
   * The text of ids. Ids that are not in the vocabulary are left out, or stand for `words` from its size on (`encodeOpen`).
   * @example
   * const t = trainBpe(['low lower lowest'], { vocabSize: 265 })
   * t.decode(t.encode('slower now').ids) // 'slower now'
   */
  decode(
    ids: ArrayLike<number>,
    options: { skipSpecialTokens?: boolean; words?: readonly string[] } = {},
  ): string {
    const { skipSpecialTokens = true, words } = checkOptions('decode', options, [
      'skipSpecialTokens',
      'words',
    ])
    const size = words && this.getVocabSize()
    if (typeof ids !== 'object' || typeof ids?.length !== 'number')
      throw new ValueError({
        op: 'decode',
        rule: 'ids are a list of whole numbers',
        got: showValue(ids),
        ...(typeof ids === 'object' && { fix: 'ids.toTypedArray() gives those of a tensor.' }),
      })
    const tokens: string[] = []
    for (let i = 0; i < ids.length; i++) {
      const id = Number(ids[i])
      if (!(Number.isInteger(id) && id >= 0))
        throw new ValueError({
          op: 'decode',
          rule: 'an id is a whole number from 0',
          got: `${showValue(ids[i])} at position ${i}`,
        })
      const token = this.idToToken(id) ?? words?.[id - size!]
      if (token === undefined || (skipSpecialTokens && this.added.isSpecial(id))) continue
      tokens.push(token)
    }
    return this.decoderPart ? this.decoderPart.decode(tokens).join('') : tokens.join(' ')
  }
  /** The texts of many lists of ids. */
  decodeBatch(
    lists: readonly ArrayLike<number>[],
    options: { skipSpecialTokens?: boolean } = {},
  ): string[] {
    return lists.map((ids) => this.decode(ids, options))
  }

  /** The content of tokenizer.json, byte for byte as the Rust library writes it. */
  toJSONString(pretty = true): string {
    return writeTokenizer(
      {
        model: this.currentModel,
        added: this.added.byId,
        normalizer: this.normalizerPart?.config ?? null,
        preTokenizer: this.preTokenizerPart?.config ?? null,
        postProcessor: this.processorPart?.config ?? null,
        decoder: this.decoderPart?.config ?? null,
        truncation: this.truncationOptions,
        padding: this.paddingOptions,
      },
      pretty,
    )
  }
  /** Writes tokenizer.json. @throws FileError */
  save(path: string, pretty = true): void {
    writeAtomic(path, this.toJSONString(pretty))
  }
}
