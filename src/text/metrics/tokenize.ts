/** The tokenizers of sacreBLEU (Post, 2018): what BLEU counts. */

type Change = readonly [RegExp, string]
const apply = (text: string, changes: readonly Change[]): string =>
  changes.reduce((t, [pattern, by]) => t.replace(pattern, by), text)

/** mteval-v13a: punctuation by itself, points and commas but between digits, dashes after digits. */
const western: readonly Change[] = [
  [/([{-~[-` -&(-+:-@/])/g, ' $1 '],
  [/([^0-9])([.,])/gu, '$1 $2 '],
  [/([.,])([^0-9])/gu, ' $1 $2'],
  [/([0-9])(-)/g, '$1 $2 '],
]
const entities: readonly Change[] = [
  [/<skipped>/g, ''],
  [/-\n/g, ''],
  [/\n/g, ' '],
  [/&quot;/g, '"'],
  [/&amp;/g, '&'],
  [/&lt;/g, '<'],
  [/&gt;/g, '>'],
]
/** mteval-v14: every mark but between digits, and every symbol, of all of Unicode. */
const international: readonly Change[] = [
  [/(\P{N})(\p{P})/gu, '$1 $2 '],
  [/(\p{P})(\P{N})/gu, ' $1 $2'],
  [/(\p{S})/gu, ' $1 '],
]
/**
 * Characters that are words by themselves in Chinese. The stretch from U+2001 to U+2A6D stands in sacreBLEU's list where
 * ideographs from U+20000 on were meant; scores are compared, so it stays.
 */
const chinese =
  /[\u3400-\u4db5\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\u2001-\u2a6d\u2f81-\u2fa1\uff00-\uffef\u2e80-\u2eff\u3000-\u303f\u31c0-\u31ef\u2f00-\u2fdf\u2ff0-\u2fff\u3100-\u312f\u31a0-\u31bf\ufe10-\ufe1f\ufe30-\ufe4f\u3200-\u33ff]/g

/** White space as Python's `split()` sees it. */
export const wordsOf = (text: string): string[] => text.split(pythonSpace).filter((w) => w !== '')
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python's white space has them
const pythonSpace = /[\p{White_Space}\x1c-\x1f]+/u

export type BleuTokenizer = '13a' | 'zh' | 'intl' | 'char' | 'none'
export const bleuTokenizers: Readonly<Record<BleuTokenizer, (text: string) => string[]>> = {
  '13a': (text) => wordsOf(apply(` ${apply(text, entities)} `, western)),
  zh: (text) => wordsOf(apply(text.trim().replace(chinese, ' $& '), western)),
  intl: (text) => wordsOf(apply(text, international)),
  char: (text) => wordsOf([...text].join(' ')),
  none: wordsOf,
}
