/** Words outside of a vocabulary, numbered after it: for models that copy them, such as PointerGenerator. */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import type { Tokenizer } from './tokenizer.js'

export interface OpenOptions {
  /** Only these words get a number, those of a source: the others stay unknown. */
  words?: readonly string[]
  /** The token of unknown words. `[UNK]` unless given. */
  unknown?: string
}
const names: OptionNames<OpenOptions> = { words: true, unknown: true }

/**
 * The ids of a text, where a word that the vocabulary lacks gets an id of its own: the size of the vocabulary for the first
 * one, the next for the second. `decode(ids, { words })` gives the text back.
 * @throws ValueError when the tokenizer has no such token for unknown words
 * @example
 * const t = trainWordLevel(['a library for a and for'], { minFrequency: 1 }) // 8 tokens, 4 of them special
 * encodeOpen(t, 'a library for zlib').words // ['zlib']
 */
export function encodeOpen(
  tokenizer: Tokenizer,
  text: string,
  options: OpenOptions = {},
): { ids: Int32Array; words: string[] } {
  const { words, unknown = '[UNK]' } = checkOptions('encodeOpen', options, names)
  const id = tokenizer.tokenToId(unknown)
  if (id === undefined)
    throw new ValueError({
      op: 'encodeOpen',
      rule: 'the tokenizer must have a token for unknown words',
      got: `no ${unknown}`,
      fix: 'Name it: { unknown }.',
    })
  const size = tokenizer.getVocabSize()
  const encoding = tokenizer.encode(text, null, { offsetType: 'utf16' })
  const places = new Map(words?.map((w, i) => [w, i]))
  const ids = encoding.ids.map((own, i) => {
    if (own !== id) return own
    const word = text.slice(encoding.starts[i], encoding.ends[i])
    if (!places.has(word) && !words) places.set(word, places.size)
    const place = places.get(word)
    return place === undefined ? own : size + place
  })
  return { ids, words: words ? [...words] : [...places.keys()] }
}
