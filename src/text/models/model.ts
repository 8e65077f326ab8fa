/** What all models have: a vocabulary, and the tokens of a word. */
import { ValueError } from '../../core/errors.js'
import {
  type Config,
  type Field,
  isObject,
  type Json,
  readFields,
  refuse,
  type Written,
} from '../json.js'
import { toByteChars } from '../unicode.js'

/** The tokens of a word: ids, and the code units of the word for which each stands. */
export interface Tokens {
  readonly ids: readonly number[]
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  /** Where what a token says is not what its id says: an unknown piece of Unigram. */
  readonly texts?: ReadonlyMap<number, string>
}
export interface Model {
  readonly type: string
  readonly vocab: ReadonlyMap<string, number>
  /** The tokens of a word as it stands in the text. */
  tokenize(word: string): Tokens
  idToToken(id: number): string | undefined
  /** The fields as they are written in tokenizer.json. */
  written(): ReadonlyMap<string, Written>
  /** Whether the same word gives the same tokens every time. */
  readonly steady: boolean
}

/** A vocabulary from the file. @throws FileError for ids that are no whole numbers */
export function readVocab(place: string, value: Json): Map<string, number> {
  if (!isObject(value)) refuse(place, 'must be an object of tokens with their ids', value)
  const vocab = new Map<string, number>()
  for (const [token, id] of Object.entries(value)) {
    if (!(Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 31))
      refuse(`${place}[${JSON.stringify(token)}]`, 'must be a whole number from 0', id)
    vocab.set(token, id as number)
  }
  return vocab
}
/** The vocabulary by ids, as it is written. */
export const byId = (vocab: ReadonlyMap<string, number>): Map<string, number> =>
  new Map([...vocab].sort((a, b) => a[1] - b[1]))
/** Tokens by their ids. */
export function reversed(vocab: ReadonlyMap<string, number>): Map<number, string> {
  return new Map(Array.from(vocab, ([token, id]) => [id, token]))
}

export interface ModelKind {
  readonly fields: { readonly [name: string]: Field }
  make(config: Record<string, Json>, place: string): Model
}

/** @throws ValueError for a word that the model cannot take */
export function noUnknown(model: string, word: string, unknown: string | null): never {
  throw new ValueError({
    op: model,
    rule: 'the vocabulary must have the token for unknown words',
    got: `'${word}', which is not in it, and ${unknown === null ? 'no such token' : `'${unknown}', which is not in it either`}`,
    fix: 'Add the token to the vocabulary and name it as unk_token.',
  })
}

/** The tokens of words, kept for the next time that a word comes. */
export class WordCache {
  private readonly known = new Map<string, Tokens>()
  private readonly model: Model
  private readonly bytes: boolean
  constructor(model: Model, bytes: boolean) {
    this.model = model
    this.bytes = bytes
  }
  get(word: string): Tokens {
    const found = this.known.get(word)
    if (found) return found
    const made = this.bytes ? this.byBytes(word) : this.model.tokenize(word)
    if (this.model.steady && word.length <= 64) {
      if (this.known.size >= 200_000) this.known.clear()
      this.known.set(word, made)
    }
    return made
  }
  /** Tokens of a word by the characters of its bytes; those of a part of a character stand for all of it. */
  private byBytes(word: string): Tokens {
    const chars = toByteChars(word)
    const { ids, starts, ends, texts } = this.model.tokenize(chars)
    if (chars.length === word.length) return { ids, starts, ends, ...(texts && { texts }) }
    const from: number[] = []
    const to: number[] = []
    for (let i = 0; i < word.length; ) {
      const code = word.codePointAt(i)!
      const width = code > 0xffff ? 2 : 1
      const bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
      for (let k = 0; k < bytes; k++) {
        from.push(i)
        to.push(i + width)
      }
      i += width
    }
    return {
      ids,
      starts: starts.map((s) => from[s] ?? word.length),
      ends: ends.map((e) => (e > 0 ? to[e - 1]! : 0)),
      ...(texts && { texts }),
    }
  }
}

/** Reads the fields of a model. @throws FileError */
export function readModel(place: string, config: Config, kind: ModelKind): Model {
  return kind.make(readFields(place, config, kind.fields), place)
}
