/** Every part of tokenizer.json does what it does in the Rust library, on many languages. */
import { byteLevelAlphabet } from 'tokenizers'
import { describe, test } from 'vitest'
import { file, sameAsRust, vocabOf } from './oracle.js'
import { allTexts, languages } from './samples.js'

const chars = [...new Set(allTexts.join(''))]
const pieces = allTexts.flatMap((t) => [
  ...t.split(/\s+/),
  ...(t.match(/[\p{L}\p{M}\p{N}_]+|[^\p{L}\p{M}\p{N}_\s]+/gu) ?? []),
])
const wordLevel = {
  type: 'WordLevel',
  vocab: vocabOf(['[UNK]', ...pieces.filter(Boolean), ...chars]),
  unk_token: '[UNK]',
}
const whitespace = { type: 'Whitespace' }
const byteLevel = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }
const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }

const split = (pattern: object, behavior: string, invert = false) => ({
  type: 'Split',
  pattern,
  behavior,
  invert,
})
const preTokenizers: Record<string, object> = {
  whitespace,
  whitespaceSplit: { type: 'WhitespaceSplit' },
  bert: { type: 'BertPreTokenizer' },
  metaspace,
  metaspaceFirst: { ...metaspace, prepend_scheme: 'first', split: false },
  metaspaceNever: { ...metaspace, prepend_scheme: 'never' },
  byteLevel,
  byteLevelWhole: { ...byteLevel, add_prefix_space: false, use_regex: false },
  punctuation: { type: 'Punctuation', behavior: 'Isolated' },
  punctuationNext: { type: 'Punctuation', behavior: 'MergedWithNext' },
  punctuationPrevious: { type: 'Punctuation', behavior: 'MergedWithPrevious' },
  punctuationContiguous: { type: 'Punctuation', behavior: 'Contiguous' },
  punctuationRemoved: { type: 'Punctuation', behavior: 'Removed' },
  digits: { type: 'Digits', individual_digits: false },
  eachDigit: { type: 'Digits', individual_digits: true },
  delimiter: { type: 'CharDelimiterSplit', delimiter: 'e' },
  scripts: { type: 'UnicodeScripts' },
  fixedLength: { type: 'FixedLength', length: 3 },
  gpt4: split(
    {
      Regex:
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    },
    'Isolated',
  ),
  splitSpace: split({ String: ' ' }, 'MergedWithPrevious'),
  splitInverted: split({ Regex: '\\w+|[^\\w\\s]+' }, 'Removed', true),
  possessive: split({ Regex: '[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\d\\b|^.|.$' }, 'Isolated'),
  atomic: split({ Regex: '(?>\\p{Lu}\\p{Ll}*)|\\p{Han}+|(?<=\\s)\\S' }, 'MergedWithNext'),
  posix: split({ Regex: '[[:punct:]]|[a-z&&[^aeiou]]+|\\h+|\\x{3042}' }, 'Contiguous'),
  sequence: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'WhitespaceSplit' },
      { type: 'Punctuation', behavior: 'Isolated' },
      { type: 'Digits', individual_digits: true },
      { ...byteLevel, add_prefix_space: false, use_regex: false },
    ],
  },
  bytesThenDigits: {
    type: 'Sequence',
    pretokenizers: [byteLevel, { type: 'Digits', individual_digits: false }],
  },
}
describe('pre-tokenizers', () => {
  test.each(Object.entries(preTokenizers))('%s', async (_, pre_tokenizer) => {
    await sameAsRust(file({ model: wordLevel, pre_tokenizer }))
  })
})

const bert = {
  type: 'BertNormalizer',
  clean_text: true,
  handle_chinese_chars: true,
  strip_accents: null,
  lowercase: true,
}
const normalizers: Record<string, object> = {
  NFC: { type: 'NFC' },
  NFD: { type: 'NFD' },
  NFKC: { type: 'NFKC' },
  NFKD: { type: 'NFKD' },
  lowercase: { type: 'Lowercase' },
  strip: { type: 'Strip', strip_left: true, strip_right: true },
  stripLeft: { type: 'Strip', strip_left: true, strip_right: false },
  accents: { type: 'Sequence', normalizers: [{ type: 'NFD' }, { type: 'StripAccents' }] },
  replace: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
  replaceSpaces: { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
  replaceLonger: { type: 'Replace', pattern: { Regex: '[aeiou]+' }, content: 'xyz' },
  prepend: { type: 'Prepend', prepend: '▁' },
  nmt: { type: 'Nmt' },
  bert,
  bertAccents: {
    ...bert,
    clean_text: false,
    handle_chinese_chars: false,
    strip_accents: true,
    lowercase: false,
  },
  byteLevel: { type: 'ByteLevel' },
  llama: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
}
describe('normalizers', () => {
  test.each(Object.entries(normalizers))('%s', async (_, normalizer) => {
    for (const pre_tokenizer of [null, whitespace, { type: 'FixedLength', length: 1 }])
      await sameAsRust(file({ model: wordLevel, normalizer, pre_tokenizer }))
  })
})

const bytes = Array.from(
  { length: 256 },
  (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`,
)
const merged = ['th', 'the', 're', 'in', 'er', 'aa', 'aaaa']
const bpe = (options: object = {}) => ({
  type: 'BPE',
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
  vocab: vocabOf(['[UNK]', ...chars.slice(0, 120), ...merged]),
  merges: [
    ['t', 'h'],
    ['r', 'e'],
    ['th', 'e'],
    ['e', 'r'],
    ['i', 'n'],
    ['a', 'a'],
    ['aa', 'aa'],
  ],
  ...options,
})
const gpt2 = bpe({
  vocab: vocabOf([
    ...byteLevelAlphabet().sort(),
    'th',
    'the',
    'Ġt',
    'Ġa',
    'er',
    'in',
    'Ġthe',
    'å¤',
    'ä¸',
  ]),
  merges: [
    ['t', 'h'],
    ['Ġ', 't'],
    ['th', 'e'],
    ['Ġ', 'a'],
    ['e', 'r'],
    ['i', 'n'],
    ['Ġ', 'the'],
    ['å', '¤'],
    ['ä', '¸'],
  ],
})
const wordPiece = {
  type: 'WordPiece',
  unk_token: '[UNK]',
  continuing_subword_prefix: '##',
  max_input_chars_per_word: 20,
  vocab: vocabOf([
    '[PAD]',
    '[UNK]',
    '[CLS]',
    '[SEP]',
    '[MASK]',
    ...chars.slice(0, 150),
    ...chars.slice(0, 150).map((c) => `##${c}`),
    'the',
    '##the',
    '##er',
    'hel',
    '##lo',
    'quick',
  ]),
}
const unigram = (options: object = {}, more: [string, number][] = []) => ({
  type: 'Unigram',
  unk_id: 0,
  vocab: [
    ['<unk>', 0],
    ['▁', -2],
    ...chars.slice(0, 90).map((c, i): [string, number] => [c, -5 - i / 7]),
    ['▁the', -3.5],
    ['er', -4],
    ['in', -4.25],
    ['aa', -5],
    ['lo', -6e-8],
    ['aaa', -7.5],
    ...more,
  ],
  byte_fallback: false,
  ...options,
})
const llamaDecoder = {
  type: 'Sequence',
  decoders: [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    { type: 'Strip', content: ' ', start: 1, stop: 0 },
  ],
}
const models: Record<string, object> = {
  'BPE, unknown': { model: bpe({ unk_token: '[UNK]' }), pre_tokenizer: whitespace },
  'BPE, unknown fused': {
    model: bpe({ unk_token: '[UNK]', fuse_unk: true }),
    pre_tokenizer: whitespace,
  },
  'BPE, whole texts': { model: bpe({ unk_token: '[UNK]', fuse_unk: true }) },
  'BPE, byte fallback': {
    model: bpe({
      byte_fallback: true,
      unk_token: '[UNK]',
      vocab: vocabOf(['[UNK]', ...bytes, ...chars.slice(0, 60), ...merged]),
    }),
    pre_tokenizer: whitespace,
    decoder: llamaDecoder,
  },
  'BPE, ignore merges': {
    model: bpe({
      ignore_merges: true,
      unk_token: '[UNK]',
      vocab: vocabOf(['[UNK]', ...chars, ...merged, 'world', 'dogs']),
    }),
    pre_tokenizer: whitespace,
  },
  'BPE, suffix': {
    model: bpe({
      unk_token: '[UNK]',
      end_of_word_suffix: '</w>',
      vocab: vocabOf(['[UNK]', ...chars, ...chars.map((c) => `${c}</w>`), ...merged]),
    }),
    pre_tokenizer: whitespace,
    decoder: { type: 'BPEDecoder', suffix: '</w>' },
  },
  'BPE, prefix': {
    model: bpe({
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      vocab: vocabOf(['[UNK]', ...chars, ...chars.map((c) => `##${c}`), 'th', 'the']),
      merges: [
        ['t', '##h'],
        ['th', '##e'],
      ],
    }),
    pre_tokenizer: whitespace,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  },
  Unigram: { model: unigram(), pre_tokenizer: metaspace, decoder: metaspace },
  'Unigram, whole texts': { model: unigram() },
  'Unigram, byte fallback': {
    model: unigram(
      { byte_fallback: true },
      bytes.map((b) => [b, -20]),
    ),
    pre_tokenizer: metaspace,
    decoder: {
      type: 'Sequence',
      decoders: [{ type: 'ByteFallback' }, { ...metaspace, prepend_scheme: 'first' }],
    },
  },
  'WordPiece, CTC decoder': {
    model: wordPiece,
    pre_tokenizer: whitespace,
    decoder: { type: 'CTC', pad_token: 'a', word_delimiter_token: 'e', cleanup: true },
  },
}
describe('models', () => {
  test.each(Object.entries(models))('%s', (_, parts) => sameAsRust(file(parts)))
  test('BPE without a token for the unknown leaves characters out; offsets stay those of the text', () =>
    sameAsRust(file({ model: bpe(), pre_tokenizer: whitespace }), { but: ['offsets'] }))
})

const added = (id: number, content: string, options: object = {}) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
  ...options,
})
const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].map((c, i) => added(i, c))
const slot = (kind: string, id: string, type_id: number) => ({ [kind]: { id, type_id } })
const template = {
  type: 'TemplateProcessing',
  single: [
    slot('SpecialToken', '[CLS]', 0),
    slot('Sequence', 'A', 0),
    slot('SpecialToken', '[SEP]', 0),
  ],
  pair: [
    slot('SpecialToken', '[CLS]', 0),
    slot('Sequence', 'A', 0),
    slot('SpecialToken', '[SEP]', 0),
    slot('Sequence', 'B', 1),
    slot('SpecialToken', '[SEP]', 1),
  ],
  special_tokens: {
    '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
    '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
  },
}
const bertFile = file({
  model: wordPiece,
  normalizer: bert,
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: template,
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  added_tokens: special,
})
const roberta = {
  type: 'RobertaProcessing',
  sep: ['</s>', 2],
  cls: ['<s>', 0],
  trim_offsets: true,
  add_prefix_space: true,
}
const processors: Record<string, object> = {
  template: bertFile,
  bert: {
    ...bertFile,
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
  },
  roberta: file({
    model: gpt2,
    pre_tokenizer: byteLevel,
    post_processor: roberta,
    decoder: byteLevel,
    added_tokens: [added(264, '<mask>', { lstrip: true })],
  }),
  sequence: file({
    model: gpt2,
    pre_tokenizer: byteLevel,
    decoder: byteLevel,
    post_processor: { type: 'Sequence', processors: [byteLevel, template] },
  }),
  ...Object.fromEntries(
    [true, false].flatMap((trim_offsets) =>
      [true, false].map((add_prefix_space) => {
        const part = { ...byteLevel, add_prefix_space }
        return [
          `byte level, trim ${trim_offsets}, prefix ${add_prefix_space}`,
          file({
            model: gpt2,
            pre_tokenizer: part,
            post_processor: { ...part, trim_offsets },
            decoder: byteLevel,
          }),
        ]
      }),
    ),
  ),
}
describe('post-processors', () => {
  test.each(Object.entries(processors))('%s', async (_, f) => {
    await sameAsRust(f)
    await sameAsRust(f, { pair: languages.chinese! })
  })
})

describe('added tokens', () => {
  const options = [
    {},
    { lstrip: true },
    { rstrip: true },
    { single_word: true },
    { special: false },
    { lstrip: true, rstrip: true, single_word: true },
  ]
  test.each(options)('%j', (o) =>
    sameAsRust({
      ...bertFile,
      added_tokens: [
        ...special.slice(0, 4),
        added(4, '[MASK]', o),
        added(400, 'wor', o),
        added(401, 'world', o),
      ],
    }),
  )
  // The Rust library decodes these in their normalized form, and does not know them as special then.
  test.each([{ normalized: true }, { normalized: true, lstrip: true }])('%j', (o) =>
    sameAsRust(
      {
        ...bertFile,
        added_tokens: [...special.slice(0, 4), added(4, '[MASK]', o), added(400, 'Ello', o)],
      },
      { but: ['decoded'] },
    ),
  )
})

/** The Rust library reads no further than truncation needs, and counts words from there when it cuts the left. */
describe('truncation and padding', () => {
  const cases = ['Left', 'Right'].flatMap((direction) =>
    [0, 1].flatMap((stride) => [8, 15].map((max_length) => ({ direction, stride, max_length }))),
  )
  test.each(cases)('%j', async ({ direction, stride, max_length }) => {
    const lengths = (strategy: string, most = max_length) => ({
      ...bertFile,
      truncation: { direction, max_length: most, strategy, stride },
      padding: {
        strategy: stride ? { Fixed: 30 } : 'BatchLongest',
        direction,
        pad_to_multiple_of: stride ? 4 : null,
        pad_id: 0,
        pad_type_id: 1,
        pad_token: '[PAD]',
      },
    })
    const but = direction === 'Left' ? (['words'] as const) : []
    for (const strategy of ['LongestFirst', 'OnlyFirst'])
      await sameAsRust(lengths(strategy), { but })
    await sameAsRust(lengths('LongestFirst', 11), { but, pair: languages.english! })
    const fit = { but, pair: languages.english!, texts: [languages.english!, languages.german!] }
    for (const strategy of ['OnlyFirst', 'OnlySecond'])
      await sameAsRust(lengths(strategy, 101), fit)
  })
})
