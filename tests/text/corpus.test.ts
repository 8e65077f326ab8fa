/** Corpora read in parts, cleaned, and made into batches. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import 'nabla'
import { DataLoader } from 'nabla/data'
import {
  BucketBatchSampler,
  CausalBlocks,
  causalBatch,
  cleanText,
  inBatches,
  padSequences,
  readLines,
  readPairs,
  readParagraphs,
  streamBlocks,
  stripGutenberg,
  Tokenizer,
  translationBatch,
  WordLevel,
  WordLevelTrainer,
  WordVectors,
} from 'nabla/text'
import { afterAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-corpus-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const out: T[] = []
  for await (const item of items) out.push(item)
  return out
}

describe('lines', () => {
  const text = 'one\r\ntwo é 😀\n\nlast'
  const lines = ['one', 'two é 😀', '', 'last']
  test('of a file, packed or not', async () => {
    const path = join(folder, 'a.txt')
    writeFileSync(path, `\ufeff${text}`)
    writeFileSync(`${path}.gz`, gzipSync(text))
    expect(await all(readLines(path))).toEqual(lines)
    expect(await all(readLines(`${path}.gz`))).toEqual(lines)
  })
  test('of a Blob and of a Response', async () => {
    expect(await all(readLines(new Blob([text])))).toEqual(lines)
    expect(await all(readLines(new Response(text)))).toEqual(lines)
    await expect(all(readLines(new Response('', { status: 404 })))).rejects.toThrow(/status 404/)
  })
  test('of bytes cut anywhere', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { minLength: 1 }), async (cuts) => {
        const bytes = new TextEncoder().encode(text)
        const parts: Uint8Array[] = []
        let at = 0
        for (const cut of cuts) {
          parts.push(bytes.slice(at, at + cut))
          at += cut
        }
        parts.push(bytes.slice(at))
        expect(await all(readLines(parts))).toEqual(lines)
      }),
      { numRuns: 50 },
    ))
  test('a file that is not there', async () => {
    await expect(all(readLines(join(folder, 'none')))).rejects.toThrow(
      /cannot be read; got there is no such file/,
    )
  })
  test('reading may end early', async () => {
    const path = join(folder, 'long.txt')
    writeFileSync(path, 'line\n'.repeat(200_000))
    let n = 0
    for await (const line of readLines(path)) if (line === 'line' && ++n === 3) break
    expect(n).toBe(3)
  })
  test('paragraphs and pairs', async () => {
    expect(await all(readParagraphs(['a', 'b ', '', ' ', 'c']))).toEqual(['a b', 'c'])
    expect(await all(readPairs(['a\tb\tx', '', 'c\td']))).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
    await expect(all(readPairs(['a\tb', 'c']))).rejects.toThrow(
      /line 2 must have the columns 0 and 1; got 1 columns/,
    )
    expect(
      await all(readPairs(['a|b|c', 'd'], { separator: '|', columns: [2, 0], skipBad: true })),
    ).toEqual([['c', 'a']])
  })
  test('a vocabulary of a stream', async () => {
    const path = join(folder, 'a.txt')
    const t = new Tokenizer(new WordLevel(new Map()), { preTokenizer: { type: 'Whitespace' } })
    await t.trainAsync(
      readLines(path),
      new WordLevelTrainer({ unknown: '[UNK]', specialTokens: ['[UNK]'] }),
    )
    expect([...t.getVocab().keys()].sort()).toEqual(
      ['[UNK]', 'last', 'one', 'two', 'é', '😀'].sort(),
    )
  })
})

test('cleaning', () => {
  expect(cleanText('  cafe\u0301\u00ad\u0007 \t\u00a0 bar\u200b ')).toBe('café bar')
  expect(cleanText('“Ｈｉ” — it’s', { form: 'NFKC', plainMarks: true, lowercase: true })).toBe(
    '"hi" - it\'s',
  )
  expect(cleanText('👨‍👩‍👧 می‌خواهم')).toBe('👨‍👩‍👧 می‌خواهم')
})
test('books of Project Gutenberg', () => {
  const body = 'Chapter 1\n\nCall me Ishmael.'
  const book = `The Project Gutenberg EBook\n*** START OF THIS PROJECT GUTENBERG EBOOK MOBY DICK ***\n\n${body}\n\n`
  expect(
    stripGutenberg(`${book}*** END OF THE PROJECT GUTENBERG EBOOK MOBY DICK ***\nlicence`),
  ).toBe(body)
  expect(stripGutenberg(`${book}End of Project Gutenberg's Moby Dick, by Melville\nlicence`)).toBe(
    body,
  )
  expect(stripGutenberg(body)).toBe(body)
})

describe('batches', () => {
  test('padding with masks, on either side', () => {
    const p = padSequences([[5, 6, 7], [8], []], { padId: 9, multipleOf: 4 })
    expect(p.ids.toArray()).toEqual([
      [5, 6, 7, 9],
      [8, 9, 9, 9],
      [9, 9, 9, 9],
    ])
    expect(p.mask.toArray()).toEqual([
      [true, true, true, false],
      [true, false, false, false],
      [false, false, false, false],
    ])
    expect(p.lengths.toArray()).toEqual([3, 1, 0])
    expect(
      padSequences([[1, 2, 3], [4]], { direction: 'Left', maxLength: 2 }).ids.toArray(),
    ).toEqual([
      [1, 2],
      [0, 4],
    ])
    expect(() => padSequences([])).toThrow(/\[padSequences\] there must be a list of ids/)
  })
  test('shifted targets', () => {
    const { inputs, targets, mask } = causalBatch(
      [
        [1, 2, 3],
        [4, 5],
      ],
      { padId: 7 },
    )
    expect(inputs.toArray()).toEqual([
      [1, 2],
      [4, 7],
    ])
    expect(targets.toArray()).toEqual([
      [2, 3],
      [5, -100],
    ])
    expect(mask.toArray()).toEqual([
      [true, true],
      [true, false],
    ])
  })
  test('translation', () => {
    const b = translationBatch(
      [
        [[10, 11], [20]],
        [[12], [21, 22, 23]],
      ],
      { padId: 0, startId: 1, endId: 2, maxLength: 4 },
    )
    expect(b.source.toArray()).toEqual([
      [1, 10, 11, 2],
      [1, 12, 2, 0],
    ])
    expect(b.target.toArray()).toEqual([
      [1, 20, 0, 0],
      [1, 21, 22, 23],
    ])
    expect(b.labels.toArray()).toEqual([
      [20, 2, -100, -100],
      [21, 22, 23, 2],
    ])
    expect(b.targetMask.toArray()).toEqual([
      [true, true, false, false],
      [true, true, true, true],
    ])
  })
  test('blocks, and blocks of a stream', async () => {
    const ids = Array.from({ length: 11 }, (_, i) => i)
    const blocks = new CausalBlocks(ids, 3)
    expect(blocks.length).toBe(3)
    expect(blocks.batch([2, 0]).map((t) => t.toArray())).toEqual([
      [
        [6, 7, 8],
        [0, 1, 2],
      ],
      [
        [7, 8, 9],
        [1, 2, 3],
      ],
    ])
    expect([...new DataLoader(blocks, { batchSize: 2 })].map(([x]) => x.shape)).toEqual([
      [2, 3],
      [1, 3],
    ])
    const streamed = await all(streamBlocks([ids.slice(0, 4), [], ids.slice(4)], 3))
    expect(streamed.map((b) => [...b])).toEqual([
      [0, 1, 2, 3],
      [3, 4, 5, 6],
      [6, 7, 8, 9],
    ])
    expect(() => new CausalBlocks([1, 2], 2)).toThrow(/at least 3 ids; got 2/)
    expect(await all(inBatches([1, 2, 3], 2))).toEqual([[1, 2], [3]])
  })
  test('buckets: each text once, little padding, within the limits, the same for a seed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 200 }),
        fc.nat(5),
        (lengths, seed) => {
          const sampler = new BucketBatchSampler(lengths, {
            maxTokens: 120,
            batchSize: 8,
            seed,
            poolBatches: 3,
          })
          const batches = sampler.batches(1)
          expect(batches.flatMap((b) => [...b]).sort((a, b) => a - b)).toEqual(
            lengths.map((_, i) => i),
          )
          for (const b of batches) {
            expect(b.length).toBeLessThanOrEqual(8)
            expect(b.length * Math.max(...Array.from(b, (i) => lengths[i]!))).toBeLessThanOrEqual(
              120,
            )
          }
          expect(
            new BucketBatchSampler(lengths, {
              maxTokens: 120,
              batchSize: 8,
              seed,
              poolBatches: 3,
            }).batches(1),
          ).toEqual(batches)
        },
      ),
      { numRuns: 50 },
    )
    const lengths = Array.from({ length: 4000 }, (_, i) => 1 + ((i * 7919) % 97))
    const padded = new BucketBatchSampler(lengths, { batchSize: 32 })
      .batches(0)
      .reduce((n, b) => n + b.length * Math.max(...Array.from(b, (i) => lengths[i]!)), 0)
    expect(padded / lengths.reduce((a, b) => a + b)).toBeLessThan(1.05)
    expect(() => new BucketBatchSampler([9], { maxTokens: 8 })).toThrow(
      /no text may have more than maxTokens \(8\) ids; got 9 at 0/,
    )
  })
})

describe('word vectors', () => {
  const vectors = new WordVectors(
    ['the', '中', 'ñandú'],
    Float32Array.from([1, 0.1, -2.5, 1e-8, 3, 0.3333333333]),
    2,
  )
  const same = (v: WordVectors) => {
    expect(v.words).toEqual(vectors.words)
    expect([...v.data]).toEqual([...vectors.data])
  }
  test('text, binary and GloVe come back', () => {
    const utf8 = (t: string) => new TextEncoder().encode(t)
    same(WordVectors.parse(utf8(vectors.toText())))
    same(WordVectors.parse(utf8(vectors.toText({ header: false }))))
    same(WordVectors.parse(vectors.toBinary()))
    for (const name of ['v.txt', 'v.bin', 'glove.txt']) {
      vectors.save(join(folder, name))
      same(WordVectors.load(join(folder, name)))
    }
    same(WordVectors.from(vectors.words, vectors.toTensor()))
  })
  test('binary without line feeds, and words with spaces in GloVe files', () => {
    const row = (word: string, numbers: number[]) => [
      ...new TextEncoder().encode(`${word} `),
      ...new Uint8Array(Float32Array.from(numbers).buffer),
    ]
    const bytes = Uint8Array.from([
      ...new TextEncoder().encode('2 2\n'),
      ...row('a', [1, 2]),
      ...row('b', [3, 4]),
    ])
    expect([...WordVectors.parse(bytes).data]).toEqual([1, 2, 3, 4])
    expect(WordVectors.parse(new TextEncoder().encode('a 1 2\n. . 3 4\n')).words).toEqual([
      'a',
      '. .',
    ])
  })
  test('neighbours and analogies', () => {
    const v = new WordVectors(
      ['up', 'high', 'down', 'nil'],
      Float32Array.from([0, 1, 0.1, 2, 0, -1, 0, 0]),
      2,
    )
    expect(v.nearest('up', 2).map((n) => n.word)).toEqual(['high', 'nil'])
    expect(v.nearest('up')[0]!.similarity).toBeCloseTo(2 / Math.hypot(0.1, 2), 6)
    expect(v.similarity('up', 'down')).toBeCloseTo(-1, 6)
    expect(() => v.nearest('none')).toThrow(/the word must have a vector; got 'none'/)
    expect(v.tableFor(['down', 'other'], () => [7, 7]).toArray()).toEqual([
      [0, -1],
      [7, 7],
    ])
  })
  test.each([
    ['', /must hold a word/],
    ['2 2\na 1 2\n', /must hold 2 words, as its first line says; got 1/],
    ['a 1 2\nb 1\n', /line 2 must have a word and 2 numbers/],
    ['a 1 2\nb 1 x\n', /line 2 must have 2 numbers; got 'x'/],
    ['3 2\nab', /must hold 3 words of 2 numbers; got 2 bytes/],
    ['3 0\na', /dimension must be above 0/],
  ])('%j is refused', (text, message) => {
    expect(() => WordVectors.parse(new TextEncoder().encode(text))).toThrow(message)
  })
})
