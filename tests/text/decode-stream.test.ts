import fc from 'fast-check'
import { DecodeStream, type Tokenizer, trainBpe, trainCharacters, trainWordPiece } from 'nabla/text'
import { describe, expect, test } from 'vitest'

const corpus = [
  'Call me Ishmael. Some years ago — never mind how long',
  '鲸鱼 白鲸 🐳 the white whale',
]
const tokenizers: [string, Tokenizer][] = [
  ['bytes', trainBpe(corpus, { vocabSize: 300 })],
  ['characters', trainCharacters(corpus)],
  ['WordPiece', trainWordPiece(corpus, { vocabSize: 120 })],
]
describe.each(tokenizers)('%s', (_name, tokenizer) => {
  test('parts are the whole text', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(tokenizer.getVocabSize() - 1), { maxLength: 30 }), (ids) => {
        const stream = new DecodeStream(tokenizer)
        const parts = ids.map((id) => stream.step(id))
        expect(parts.join('') + stream.end()).toBe(tokenizer.decode(ids))
      }),
    )
  })
})
test('a character comes when its last byte is there', () => {
  const bytes = trainBpe(['a'], { vocabSize: 256 })
  const { ids } = bytes.encode('a鲸🐳')
  const stream = new DecodeStream(bytes)
  expect(Array.from(ids, (id) => stream.step(id))).toEqual(['a', '', '', '鲸', '', '', '', '🐳'])
  expect(stream.end()).toBe('')
  stream.step(ids[1]!)
  expect(stream.end()).toBe('\ufffd')
})
