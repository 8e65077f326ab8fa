/** WordPiece (Schuster and Nakajima, 2012; BERT): the longest known beginning, again and again. */
import { checkOptions, type OptionNames } from '../../core/options.js'
import { fields, type Json } from '../json.js'
import { countChars } from '../unicode.js'
import {
  byId,
  type Model,
  type ModelKind,
  noUnknown,
  readVocab,
  reversed,
  type Tokens,
} from './model.js'

export interface WordPieceOptions {
  unknown?: string
  continuingSubwordPrefix?: string
  /** Longer words are unknown. */
  maxInputCharsPerWord?: number
}

const names: OptionNames<WordPieceOptions> = {
  unknown: true,
  continuingSubwordPrefix: true,
  maxInputCharsPerWord: true,
}

export class WordPiece implements Model {
  readonly type = 'WordPiece'
  readonly steady = true
  readonly vocab: ReadonlyMap<string, number>
  readonly unknown: string
  readonly prefix: string
  readonly maxChars: number
  private readonly tokens: ReadonlyMap<number, string>
  private readonly longest: number
  constructor(vocab: ReadonlyMap<string, number>, options: WordPieceOptions = {}) {
    checkOptions('WordPiece', options, names)
    this.vocab = vocab
    this.unknown = options.unknown ?? '[UNK]'
    this.prefix = options.continuingSubwordPrefix ?? '##'
    this.maxChars = options.maxInputCharsPerWord ?? 100
    this.tokens = reversed(vocab)
    let longest = 1
    for (const token of vocab.keys()) longest = Math.max(longest, token.length)
    this.longest = longest
  }
  tokenize(word: string): Tokens {
    const n = word.length
    const ids: number[] = []
    const starts: number[] = []
    const ends: number[] = []
    const unknown = (): Tokens => ({
      ids: [this.vocab.get(this.unknown) ?? noUnknown(this.type, word, this.unknown)],
      starts: [0],
      ends: [n],
    })
    if (n > this.maxChars && countChars(word) > this.maxChars) return unknown()
    for (let start = 0; start < n; ) {
      let id: number | undefined
      let end = Math.min(n, start + this.longest)
      for (; end > start; end--) {
        const part = word.slice(start, end)
        id = this.vocab.get(start > 0 ? this.prefix + part : part)
        if (id !== undefined) break
      }
      if (id === undefined) return unknown()
      ids.push(id)
      starts.push(start)
      ends.push(end)
      start = end
    }
    return { ids, starts, ends }
  }
  idToToken(id: number): string | undefined {
    return this.tokens.get(id)
  }
  written() {
    return new Map<string, string | number | Map<string, number>>([
      ['type', this.type],
      ['unk_token', this.unknown],
      ['continuing_subword_prefix', this.prefix],
      ['max_input_chars_per_word', this.maxChars],
      ['vocab', byId(this.vocab)],
    ])
  }
}

export const wordPieceKind: ModelKind = {
  fields: {
    unk_token: fields.text(),
    continuing_subword_prefix: fields.text(),
    max_input_chars_per_word: fields.whole(),
    vocab: fields.object(),
  },
  make: (c: Record<string, Json>, place) =>
    new WordPiece(readVocab(`${place}.vocab`, c.vocab!), {
      unknown: c.unk_token as string,
      continuingSubwordPrefix: c.continuing_subword_prefix as string,
      maxInputCharsPerWord: c.max_input_chars_per_word as number,
    }),
}
