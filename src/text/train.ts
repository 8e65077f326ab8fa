/** Tokenizers by one call: the usual parts around a trained model. */
import { checkOptions } from '../core/options.js'
import { bpeNames, BpeTrainer, type BpeTrainerOptions } from './trainers/bpe.js'
import { unigramNames, UnigramTrainer, type UnigramTrainerOptions } from './trainers/unigram.js'
import {
  wordLevelNames,
  WordLevelTrainer,
  type WordLevelTrainerOptions,
} from './trainers/wordLevel.js'
import {
  wordPieceNames,
  WordPieceTrainer,
  type WordPieceTrainerOptions,
} from './trainers/wordPiece.js'
import { WordLevel } from './models/wordLevel.js'
import { Tokenizer } from './tokenizer.js'
import type { Json } from './json.js'

interface PartOptions {
  /** As in tokenizer.json; none when not given. */
  normalizer?: Json
  /** As in tokenizer.json. */
  preTokenizer?: Json
}

/** The special tokens of the course's translator. */
const usual = ['[UNK]', '[PAD]', '[SOS]', '[EOS]'] as const

/**
 * A tokenizer of whole words, split at white space as the course's translator does it. Special tokens are `[UNK]`, `[PAD]`, `[SOS]`
 * and `[EOS]` where no others are given, and the minimum frequency is 2.
 * @example trainWordLevel(['a b a', 'b c']).encode('a b c').tokens // ['a', 'b', '[UNK]']
 */
export function trainWordLevel(
  texts: Iterable<string>,
  options: WordLevelTrainerOptions & PartOptions = {},
): Tokenizer {
  checkOptions('trainWordLevel', options, {
    ...wordLevelNames,
    normalizer: true,
    preTokenizer: true,
  })
  const { normalizer = null, preTokenizer = { type: 'Whitespace' }, ...rest } = options
  const trainer = new WordLevelTrainer({
    unknown: '[UNK]',
    specialTokens: usual,
    minFrequency: 2,
    ...rest,
  })
  return begun({ normalizer, preTokenizer }).train(texts, trainer)
}

/**
 * A tokenizer of characters. Decoding gives the text back.
 * @example trainCharacters(['abba', '中文']).encode('中a').tokens // ['中', 'a']
 */
export function trainCharacters(
  texts: Iterable<string>,
  options: WordLevelTrainerOptions & PartOptions = {},
): Tokenizer {
  checkOptions('trainCharacters', options, {
    ...wordLevelNames,
    normalizer: true,
    preTokenizer: true,
  })
  const { normalizer = null, preTokenizer = { type: 'FixedLength', length: 1 }, ...rest } = options
  const trainer = new WordLevelTrainer({ unknown: '[UNK]', specialTokens: usual, ...rest })
  return begun({ normalizer, preTokenizer, decoder: { type: 'Fuse' } }).train(texts, trainer)
}

/**
 * A byte pair tokenizer. It works on bytes, as GPT-2's, so that no text is unknown and every text comes back;
 * `byteLevel: false` works on characters, split at white space and punctuation.
 * @example trainBpe(['low lower lowest low'], { vocabSize: 262 }).encode('lower').tokens // ['low', 'e', 'r']
 */
export function trainBpe(
  texts: Iterable<string>,
  options: BpeTrainerOptions & PartOptions & { byteLevel?: boolean } = {},
): Tokenizer {
  checkOptions('trainBpe', options, {
    ...bpeNames,
    normalizer: true,
    preTokenizer: true,
    byteLevel: true,
  })
  const { normalizer = null, byteLevel = true, preTokenizer, ...rest } = options
  if (!byteLevel) {
    const marked = rest.unknown === undefined ? { unknown: '[UNK]', specialTokens: ['[UNK]'] } : {}
    const suffix = rest.endOfWordSuffix
    const decoder = suffix === undefined ? null : { type: 'BPEDecoder', suffix }
    return begun({
      normalizer,
      preTokenizer: preTokenizer ?? { type: 'Whitespace' },
      decoder,
    }).train(texts, new BpeTrainer({ ...marked, ...rest }))
  }
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  return begun({
    normalizer,
    preTokenizer: preTokenizer ?? bytes,
    postProcessor: { ...bytes, trim_offsets: false },
    decoder: bytes,
  }).train(texts, new BpeTrainer({ initialAlphabet: 'bytes', ...rest }))
}

/**
 * A WordPiece tokenizer with BERT's normalizer, pre-tokenizer and special tokens.
 * @example trainWordPiece(['play player playing played'], { vocabSize: 40 }).encode('played').tokens // ['[CLS]', 'played', '[SEP]']
 */
export function trainWordPiece(
  texts: Iterable<string>,
  options: WordPieceTrainerOptions & PartOptions = {},
): Tokenizer {
  checkOptions('trainWordPiece', options, {
    ...wordPieceNames,
    normalizer: true,
    preTokenizer: true,
  })
  const { normalizer, preTokenizer = { type: 'BertPreTokenizer' }, ...rest } = options
  const bert = {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  }
  const trainer = new WordPieceTrainer({
    specialTokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'],
    ...rest,
  })
  const decoder = { type: 'WordPiece', prefix: rest.continuingSubwordPrefix ?? '##', cleanup: true }
  const out = begun({
    normalizer: normalizer === undefined ? bert : normalizer,
    preTokenizer,
    decoder,
  }).train(texts, trainer)
  const [cls, sep] = [out.tokenToId('[CLS]'), out.tokenToId('[SEP]')]
  if (cls !== undefined && sep !== undefined)
    out.setPostProcessor({
      type: 'TemplateProcessing',
      single: '[CLS] $A [SEP]',
      pair: '[CLS] $A [SEP] $B:1 [SEP]:1',
      special_tokens: [
        ['[CLS]', cls],
        ['[SEP]', sep],
      ],
    })
  return out
}

/**
 * A unigram tokenizer, with spaces as `▁` as in SentencePiece.
 * @example trainUnigram(['hello hello help'], { vocabSize: 12 }).decode(trainUnigram(['hello hello help'], { vocabSize: 12 }).encode('help hello').ids) // 'help hello'
 */
export function trainUnigram(
  texts: Iterable<string>,
  options: UnigramTrainerOptions & PartOptions = {},
): Tokenizer {
  checkOptions('trainUnigram', options, { ...unigramNames, normalizer: true, preTokenizer: true })
  const { normalizer = null, preTokenizer, ...rest } = options
  const spaces = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }
  return begun({ normalizer, preTokenizer: preTokenizer ?? spaces, decoder: spaces }).train(
    texts,
    new UnigramTrainer({ unknown: '<unk>', specialTokens: ['<unk>'], ...rest }),
  )
}

/** A tokenizer whose model is still empty. */
const begun = (parts: ConstructorParameters<typeof Tokenizer>[1]): Tokenizer =>
  new Tokenizer(new WordLevel(new Map()), parts)
