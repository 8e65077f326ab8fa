/** Whole words as tokens. */
import { fields, type Json } from '../json.js'
import {
  byId,
  type Model,
  type ModelKind,
  noUnknown,
  readVocab,
  reversed,
  type Tokens,
} from './model.js'

export class WordLevel implements Model {
  readonly type = 'WordLevel'
  readonly steady = true
  readonly vocab: ReadonlyMap<string, number>
  readonly unknown: string
  private readonly tokens: ReadonlyMap<number, string>
  constructor(vocab: ReadonlyMap<string, number>, unknown = '<unk>') {
    this.vocab = vocab
    this.unknown = unknown
    this.tokens = reversed(vocab)
  }
  tokenize(word: string): Tokens {
    const id =
      this.vocab.get(word) ??
      this.vocab.get(this.unknown) ??
      noUnknown(this.type, word, this.unknown)
    return { ids: [id], starts: [0], ends: [word.length] }
  }
  idToToken(id: number): string | undefined {
    return this.tokens.get(id)
  }
  written() {
    return new Map<string, string | Map<string, number>>([
      ['type', this.type],
      ['vocab', byId(this.vocab)],
      ['unk_token', this.unknown],
    ])
  }
}

export const wordLevelKind: ModelKind = {
  fields: { vocab: fields.object(), unk_token: fields.text() },
  make: (c: Record<string, Json>, place) =>
    new WordLevel(readVocab(`${place}.vocab`, c.vocab!), c.unk_token as string),
}
