/** tokenizer.json as a whole: what stands in it, read and written. */
import { FileError } from '../core/errors.js'
import { type FullToken, readAdded, writtenAdded } from './added.js'
import {
  type Config,
  isObject,
  type Json,
  readType,
  refuse,
  type Written,
  writeJson,
} from './json.js'
import { type Lengths, readLengths, writtenPadding, writtenTruncation } from './lengths.js'
import { bpeKind } from './models/bpe.js'
import { type Model, type ModelKind, readModel } from './models/model.js'
import { unigramKind } from './models/unigram.js'
import { wordLevelKind } from './models/wordLevel.js'
import { wordPieceKind } from './models/wordPiece.js'

const modelKinds: Readonly<Record<string, ModelKind>> = {
  BPE: bpeKind,
  WordPiece: wordPieceKind,
  WordLevel: wordLevelKind,
  Unigram: unigramKind,
}
/** The model of a file without `type`: by the fields that only one of them has. */
function guessModel(value: { readonly [name: string]: Json }): string | undefined {
  if (value.merges !== undefined) return 'BPE'
  if (value.max_input_chars_per_word !== undefined) return 'WordPiece'
  if (Array.isArray(value.vocab)) return 'Unigram'
  return isObject(value.vocab) ? 'WordLevel' : undefined
}
function makeModel(value: Json): Model {
  if (!isObject(value)) refuse('model', 'must be an object', value)
  const type = value.type ?? guessModel(value)
  const config = readType(
    'model',
    type === undefined ? value : { ...value, type },
    Object.keys(modelKinds),
  )
  return readModel('model', config, modelKinds[config.type]!)
}

interface FileContent extends Lengths {
  model: Model
  added: FullToken[]
  normalizer: Json
  preTokenizer: Json
  postProcessor: Json
  decoder: Json
}
/** @throws FileError that names the place in the file */
export function readTokenizer(source: string | object): FileContent {
  let file: Json
  try {
    file = typeof source === 'string' ? (JSON.parse(source) as Json) : (source as Json)
  } catch (error) {
    throw new FileError(
      { op: 'tokenizer.json', rule: 'the file must be JSON', got: (error as Error).message },
      { cause: error },
    )
  }
  if (!isObject(file)) refuse('', 'the file must hold an object', file)
  if (file.version !== undefined && file.version !== '1.0')
    refuse('version', "must be '1.0'", file.version)
  if (file.model === undefined) refuse('model', 'must be given')
  const list = file.added_tokens ?? []
  if (!Array.isArray(list)) refuse('added_tokens', 'must be a list', list)
  return {
    model: makeModel(file.model),
    added: list.map((t: Json, i: number) => readAdded(`added_tokens[${i}]`, t)),
    normalizer: file.normalizer ?? null,
    preTokenizer: file.pre_tokenizer ?? null,
    postProcessor: file.post_processor ?? null,
    decoder: file.decoder ?? null,
    ...readLengths(file.truncation ?? null, file.padding ?? null),
  }
}

interface WrittenParts extends Lengths {
  model: Model
  added: ReadonlyMap<number, FullToken>
  normalizer: Config | null
  preTokenizer: Config | null
  postProcessor: Config | ReadonlyMap<string, Written> | null
  decoder: Config | null
}
/** Byte for byte as the Rust library writes it. */
export function writeTokenizer(parts: WrittenParts, pretty: boolean): string {
  const { truncation, padding, added } = parts
  const written = new Map<string, Written>([
    ['version', '1.0'],
    ['truncation', truncation ? writtenTruncation(truncation) : null],
    ['padding', padding ? writtenPadding(padding) : null],
    [
      'added_tokens',
      [...added].sort((a, b) => a[0] - b[0]).map(([id, token]) => writtenAdded(id, token)),
    ],
    ['normalizer', parts.normalizer],
    ['pre_tokenizer', parts.preTokenizer],
    ['post_processor', parts.postProcessor as Written],
    ['decoder', parts.decoder],
    ['model', parts.model.written() as Written],
  ])
  return writeJson(written, pretty)
}
