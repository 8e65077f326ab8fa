/** The Rust library of Hugging Face from Node: what it makes of a file and a text, in the form of nabla's encodings. */
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Encoding, Tokenizer } from 'nabla/text'
import { Tokenizer as Rust } from 'tokenizers'
import { expect } from 'vitest'
import { allTexts } from './samples.js'

export { Rust }
type RustEncoding = Awaited<ReturnType<Rust['encode']>>

export interface Shown {
  ids: number[]
  tokens: string[]
  offsets: number[][]
  typeIds: number[]
  attention: number[]
  special: number[]
  words: (number | null)[]
  sequences: (number | null)[]
}
export const shown = (e: Encoding): Shown => ({
  ids: [...e.ids],
  tokens: e.tokens,
  offsets: e.offsets,
  typeIds: [...e.typeIds],
  attention: [...e.attentionMask],
  special: [...e.specialTokensMask],
  words: Array.from(e.wordIds, (w) => (w < 0 ? null : w)),
  sequences: e.sequenceIds,
})
export const shownRust = (e: RustEncoding): Shown => ({
  ids: e.getIds(),
  tokens: e.getTokens(),
  offsets: e.getOffsets(),
  typeIds: e.getTypeIds(),
  attention: e.getAttentionMask(),
  special: e.getSpecialTokensMask(),
  words: e.getWordIds().map((w) => w ?? null),
  sequences: e.getSequenceIds().map((s) => s ?? null),
})

/** What the Rust library writes. */
export function rustFile(rust: Rust, pretty: boolean): string {
  const path = join(tmpdir(), `nabla-tokenizer-${process.pid}.json`)
  rust.save(path, pretty)
  const text = readFileSync(path, 'utf8')
  rmSync(path)
  return text
}

export interface Comparing {
  pair?: string
  texts?: readonly string[]
  /** What is known to differ. */
  but?: readonly (keyof Shown | 'decoded' | 'written')[]
}
/** Both give the same for all texts, write the same file, and decode the same text. */
export async function sameAsRust(
  file: object | string,
  { pair, texts = allTexts, but = [] }: Comparing = {},
) {
  const text = typeof file === 'string' ? file : JSON.stringify(file)
  const rust = Rust.fromString(text)
  const own = Tokenizer.fromJSON(text)
  for (const input of texts) {
    const want = shownRust(await rust.encode(input, pair))
    const got = shown(own.encode(input, pair))
    for (const key of but)
      if (key !== 'decoded' && key !== 'written') Object.assign(got, { [key]: want[key] })
    expect(got, JSON.stringify(input)).toEqual(want)
    if (!but.includes('decoded'))
      for (const skip of [true, false])
        expect(own.decode(want.ids, { skipSpecialTokens: skip })).toBe(
          await rust.decode(want.ids, skip),
        )
  }
  if (!but.includes('written'))
    for (const pretty of [true, false])
      expect(own.toJSONString(pretty)).toBe(rustFile(rust, pretty))
}

export const file = (parts: object) => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  ...parts,
})
export const vocabOf = (tokens: Iterable<string>): Record<string, number> =>
  Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id]))
