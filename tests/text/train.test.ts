/** Training gives what the Rust trainers give; every text comes back; bad files are refused. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { tensor } from 'nabla'
import * as text from 'nabla/text'
import {
  Bpe,
  BpeTrainer,
  Tokenizer,
  type Trainer,
  trainBpe,
  trainCharacters,
  trainUnigram,
  trainWordLevel,
  trainWordPiece,
  UnigramTrainer,
  WordLevelTrainer,
  WordPieceTrainer,
} from 'nabla/text'
import { afterAll, describe, expect, test } from 'vitest'
import { file, Rust, rustFile, sameAsRust } from './oracle.js'
import { allTexts, languages } from './samples.js'

const folder = mkdtempSync(join(tmpdir(), 'nabla-train-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Words in the proportions of a language: some often, most rarely. */
const corpus = allTexts.flatMap((text, i) => {
  const words = text.split(/(?<=\s)/)
  return Array.from(
    { length: 6 },
    (_, k) => `${words.slice((i + k) % 3, words.length - (k % 4)).join('')}\n`,
  )
})
const byteLevel = {
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: true,
}
const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }
const empty: Record<string, object> = {
  WordLevel: { type: 'WordLevel', vocab: {}, unk_token: '<unk>' },
  BPE: { type: 'BPE', vocab: {}, merges: [] },
  WordPiece: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: {},
  },
  Unigram: { type: 'Unigram', unk_id: 0, vocab: [['<unk>', 0]], byte_fallback: false },
}
interface Learned {
  vocab: Record<string, number> | [string, number][]
  merges?: unknown
}
function both(model: string, pre_tokenizer: object, trainer: Trainer): [Learned, Learned] {
  const text = JSON.stringify(file({ model: empty[model], pre_tokenizer }))
  const path = join(folder, 'corpus.txt')
  // The Rust library reads lines with their ends.
  const lines = corpus.join('').match(/[^\n]*\n/g)!
  writeFileSync(path, lines.join(''))
  const rust = Rust.fromString(text)
  rust.train([path])
  const own = Tokenizer.fromJSON(text).train(lines, trainer)
  const modelOf = (t: string) => (JSON.parse(t) as { model: Learned }).model
  return [modelOf(rustFile(rust, false)), modelOf(own.toJSONString(false))]
}

describe('as the Rust trainers', () => {
  test('words', () => {
    const [want, got] = both('WordLevel', { type: 'Whitespace' }, new WordLevelTrainer())
    expect(got).toEqual(want)
  })
  test.each([
    ['characters', { type: 'Whitespace' }],
    ['bytes', byteLevel],
  ])('BPE of %s', (_, pre) => {
    const [want, got] = both('BPE', pre, new BpeTrainer())
    expect((want.merges as unknown[]).length).toBeGreaterThan(500)
    expect(got).toEqual(want)
  })
  // The ids of its continuing characters follow the order of a hash map there: the tokens are the same, in another order.
  test('WordPiece', () => {
    const [want, got] = both('WordPiece', { type: 'BertPreTokenizer' }, new WordPieceTrainer())
    const tokens = (m: Learned) => new Set(Object.keys(m.vocab))
    const missing = [...tokens(want)].filter((t) => !tokens(got).has(t))
    expect(missing.length).toBeLessThan(tokens(want).size / 10)
  })
  // Sums run over a hash map there, and characters without a score of their own get theirs in its order.
  test('Unigram', () => {
    const [want, got] = both('Unigram', metaspace, new UnigramTrainer())
    const scores = new Map(got.vocab as [string, number][])
    for (const [token, score] of want.vocab as [string, number][])
      expect(Math.abs((scores.get(token) ?? Number.NaN) - score), token).toBeLessThan(0.05)
  })
  test('a smaller vocabulary is the beginning of a larger one', () => {
    const [large, small] = [600, 400].map(
      (vocabSize) => trainBpe(corpus, { vocabSize }).model as Bpe,
    )
    expect(small!.vocab.size).toBe(400)
    expect(large!.merges.slice(0, small!.merges.length)).toEqual(small!.merges)
  })
})

const trained: Record<string, Tokenizer> = {
  words: trainWordLevel(corpus),
  characters: trainCharacters(corpus),
  bytes: trainBpe(corpus, { vocabSize: 500 }),
  'characters with suffix': trainBpe(corpus, {
    vocabSize: 500,
    byteLevel: false,
    endOfWordSuffix: '</w>',
  }),
  WordPiece: trainWordPiece(corpus, { vocabSize: 500 }),
  Unigram: trainUnigram(corpus, { vocabSize: 500 }),
}
describe('trained here, read by the Rust library', () => {
  // The Rust library reads some scores a little wrong, so that it writes others than it read.
  test.each(Object.entries(trained))('%s', (name, t) =>
    sameAsRust(t.toJSONString(false), { but: name === 'Unigram' ? ['written'] : [] }),
  )
  test('special tokens follow when the vocabulary is learned anew', () => {
    const t = trainWordLevel(['a a'], { specialTokens: ['[UNK]', '[X]'] })
    t.addTokens(['own'])
    t.train(['b c'], new WordLevelTrainer({ unknown: '[UNK]', specialTokens: ['[UNK]'] }))
    expect([...t.getVocab()]).toEqual([
      ['[UNK]', 0],
      ['b', 1],
      ['c', 2],
      ['[X]', 3],
      ['own', 4],
    ])
    expect(t.encode('b [X] own c').tokens).toEqual(['b', '[X]', 'own', 'c'])
  })
})

describe('every text comes back', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc
      .array(fc.constantFrom(...Object.values(languages).join(' ')), { maxLength: 40 })
      .map((c) => c.join('')),
  )
  test('by bytes', () => {
    const t = trained.bytes!
    fc.assert(
      fc.property(text, (s) => {
        const e = t.encode(s, null, { offsetType: 'utf16' })
        expect(t.decode(e.ids, { skipSpecialTokens: false })).toBe(s)
        // The tokens stand one after the other, and cover the text.
        let end = 0
        e.offsets.forEach(([a, b]) => {
          expect(a).toBeLessThanOrEqual(end)
          expect(b).toBeGreaterThanOrEqual(end)
          end = b
        })
        expect(end).toBe(s.length)
      }),
      { numRuns: 300 },
    )
  })
  test('as in the Rust library', async () => {
    const rust = Rust.fromString(trained.bytes!.toJSONString(false))
    await fc.assert(
      fc.asyncProperty(text, async (s) => {
        fc.pre(!/\p{Cs}/u.test(s))
        expect([...trained.bytes!.encode(s).ids]).toEqual((await rust.encode(s)).getIds())
      }),
      { numRuns: 200 },
    )
  })
  test('by characters that are known', () => {
    const all = [...new Set([...corpus.join('')])]
    const t = trainCharacters([all.join('')])
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...all)), (chars) => {
        expect(t.decode(t.encode(chars.join('')).ids)).toBe(chars.join(''))
      }),
      { numRuns: 100 },
    )
  })
  test('long words merge by the heap as short ones do', () => {
    const { model } = trained.bytes!
    const word = 'thequickbrownfox'.repeat(8)
    const short = word.match(/.{16}/g)!.flatMap((w) => [...model.tokenize(w).ids])
    expect(trained.bytes!.decode(model.tokenize(word).ids)).toBe(word)
    expect(model.tokenize(word).ids.length).toBeLessThanOrEqual(short.length)
  })
})

test('defaults of the course: special tokens first, words that come twice', () => {
  const t = trainWordLevel(['the cat', 'the dog', '猫 the cat'])
  expect([...t.getVocab()]).toEqual([
    ['[UNK]', 0],
    ['[PAD]', 1],
    ['[SOS]', 2],
    ['[EOS]', 3],
    ['the', 4],
    ['cat', 5],
  ])
  expect(t.encode('[SOS] the cow [EOS]').tokens).toEqual(['[SOS]', 'the', '[UNK]', '[EOS]'])
  expect(t.decode([2, 4, 5, 3])).toBe('the cat')
  t.setPadding({ padToken: '[PAD]' }).setTruncation({ maxLength: 3 })
  expect(t.encodeBatch(['the', 'cat the the the']).map((e) => [...e.ids])).toEqual([
    [4, 1, 1],
    [5, 4, 4],
  ])
})
test('words of other scripts hold together', () => {
  const t = trainWordLevel(['café', '你好，世界'], { minFrequency: 1 })
  expect(t.encode('café').tokens).toEqual(['café'])
  expect(t.encode('你好，世界').tokens).toEqual(['你好', '，', '世界'])
})
test('dropout gives other tokens, the same for a seed, and the same text', () => {
  const { vocab, merges } = trained.bytes!.model as Bpe
  const make = () =>
    new Tokenizer(new Bpe(vocab, merges, { dropout: 0.5, seed: 3 }), {
      preTokenizer: byteLevel,
      decoder: byteLevel,
    })
  const [a, b] = [make(), make()]
  const runs = Array.from({ length: 5 }, () => [...a.encode(languages.english!).ids])
  expect(new Set(runs.map(String)).size).toBeGreaterThan(1)
  expect(Array.from({ length: 5 }, () => [...b.encode(languages.english!).ids])).toEqual(runs)
  for (const ids of runs) expect(a.decode(ids)).toBe(languages.english)
  const all = new Tokenizer(new Bpe(vocab, merges, { dropout: 1 }), { preTokenizer: byteLevel })
  expect(all.encode('the the').tokens).toEqual(['t', 'h', 'e', 'Ġ', 't', 'h', 'e'])
})
test('places of tokens, words and characters', () => {
  const t = trained.WordPiece!
  const e = t.encode('The dogs', 'cats')
  const [a, b] = e.wordToTokens(1, 0)!
  expect([e.wordToChars(1, 0), e.charToWord(5), e.tokenToWord(a), e.tokenToSequence(b)]).toEqual([
    [4, 8],
    1,
    1,
    undefined,
  ])
  expect(e.tokenToSequence(e.length - 2)).toBe(1)
  expect(e.tokenToChars(0)).toBeUndefined()
  expect(e.charToToken(4)).toBe(a)
  expect(t.encode(['The', 'dogs']).offsets.slice(1, 2)).toEqual([[0, 3]])
})

describe('bad files', () => {
  const good = JSON.parse(trained.WordPiece!.toJSONString()) as Record<string, unknown>
  const cases: [string, object | string, RegExp][] = [
    ['no JSON', '{"version": ', /\[tokenizer.json\] the file must be JSON/],
    ['no object', '[1]', /the file must hold an object; got \[1\]/],
    ['another version', { ...good, version: '2.0' }, /version must be '1.0'; got '2.0'/],
    ['no model', { version: '1.0' }, /model must be given/],
    [
      'unknown model',
      { model: { type: 'GPT' } },
      /model.type must be one of BPE, WordPiece, WordLevel, Unigram; got 'GPT'/,
    ],
    [
      'ids that are no numbers',
      { model: { type: 'WordLevel', vocab: { a: 'x' }, unk_token: 'a' } },
      /model.vocab\["a"\] must be a whole number from 0; got 'x'/,
    ],
    [
      'merges of unknown tokens',
      { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a b'] } },
      /the tokens of merges must be in the vocabulary. Found 'b' of merge 0/,
    ],
    [
      'merges of three',
      { model: { type: 'BPE', vocab: { a: 0 }, merges: ['a b c'] } },
      /model.merges\[0\] must be a pair of tokens; got 'a b c'/,
    ],
    [
      'an unk_id too high',
      { model: { type: 'Unigram', vocab: [['a', 0]], unk_id: 1 } },
      /model.unk_id must be below the 1 tokens/,
    ],
    [
      'unknown normalizer',
      { ...good, normalizer: { type: 'Sequence', normalizers: [{ type: 'NFX' }] } },
      /normalizer.normalizers\[0\].type must be one of NFC/,
    ],
    [
      'a field of another kind',
      { ...good, pre_tokenizer: { type: 'Digits', individual_digits: 1 } },
      /pre_tokenizer.individual_digits must be true or false; got 1/,
    ],
    [
      'a bad pattern',
      {
        ...good,
        pre_tokenizer: {
          type: 'Split',
          pattern: { Regex: '(a' },
          behavior: 'Removed',
          invert: false,
        },
      },
      /pre_tokenizer.pattern must be a regular expression that can be used \(a bracket that is not closed/,
    ],
    [
      'an unknown special token',
      {
        ...good,
        post_processor: {
          type: 'TemplateProcessing',
          single: '[X] $A',
          pair: '$A $B',
          special_tokens: {},
        },
      },
      /post_processor.single\[0\] must name a token of special_tokens; got '\[X\]'/,
    ],
    [
      'a bad character map',
      { ...good, normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } },
      /normalizer.precompiled_charsmap must be a character map of SentencePiece; got '3 bytes'/,
    ],
    [
      'a bad added token',
      { ...good, added_tokens: [{ id: 1 }] },
      /added_tokens\[0\].content must be given/,
    ],
  ]
  test.each(cases)('%s', (_, f, message) => {
    expect(() => Tokenizer.fromJSON(f)).toThrow(message)
  })
  test('anything in any place: a FileError or a tokenizer, never another error', () => {
    const texts = Object.values(trained).map((t) => t.toJSONString(false))
    const paths = (value: unknown, at: (string | number)[] = []): (string | number)[][] =>
      typeof value !== 'object' || value === null
        ? [at]
        : [
            at,
            ...Object.entries(value)
              .slice(0, 12)
              .flatMap(([k, v]) => paths(v, [...at, Array.isArray(value) ? Number(k) : k])),
          ]
    const put = (value: unknown, [first, ...rest]: (string | number)[], by: unknown): unknown => {
      if (first === undefined) return by
      const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }
      const holder = copy as Record<string | number, unknown>
      holder[first] = put(holder[first], rest, by)
      return copy
    }
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.nat(), fc.jsonValue(), (text, k, by) => {
        const whole = JSON.parse(text) as unknown
        const places = paths(whole).filter((p) => p.length > 0)
        try {
          const t = Tokenizer.fromJSON(put(whole, places[k % places.length]!, by) as object)
          t.encode('a b')
        } catch (error) {
          expect(['FileError', 'ValueError']).toContain((error as Error).name)
          expect((error as Error).message).toMatch(
            /^\[(tokenizer\.json|encode|truncate|WordLevel|WordPiece|BPE|Unigram)\]/,
          )
        }
      }),
      { numRuns: 400 },
    )
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.nat(), (text, k) => {
        expect(() => Tokenizer.fromJSON(text.slice(0, k % text.length))).toThrow(
          /\[tokenizer.json\] the file must be JSON/,
        )
      }),
      { numRuns: 50 },
    )
  })
})

test('what is no list of texts, and no list of ids, is refused', () => {
  const trainers = [
    text.trainBpe,
    text.trainWordPiece,
    text.trainWordLevel,
    text.trainUnigram,
    text.trainCharacters,
  ]
  for (const train of trainers) {
    expect(() => train('hello' as never), train.name).toThrow(
      "texts are a list of strings; got 'hello'",
    )
    expect(() => train(5 as never), train.name).toThrow('texts are a list of strings; got 5')
    expect(() => train(['a', null] as never), train.name).toThrow(
      'every text is a string; got null',
    )
  }
  const t = text.trainCharacters(['hello'])
  for (const bad of [-1, 1.5, Number.NaN, 'a'])
    expect(() => t.decode([1, bad] as never)).toThrow('an id is a whole number from 0; got ')
  expect(() => t.decode(tensor([1, 2]) as never)).toThrow('ids.toTypedArray()')
  expect(() => t.decode('12' as never)).toThrow("ids are a list of whole numbers; got '12'")
  expect(t.decode(Int32Array.of(...t.encode('hell').ids, 999))).toBe('hell')
})
