/** Classes of characters as the Rust tokenizers see them, by tables of 256 code points that are made when needed. */

/** White_Space: Rust's `char::is_whitespace` and `\s`. */
export const WHITE = 1
export const LETTER = 2
/** Categories Nd, Nl and No: Rust's `char::is_numeric`. */
export const NUMBER = 4
/** Rust's `\w`: Alphabetic, M, Nd, Pc and Join_Control (Unicode Technical Standard 18, Annex C). */
export const WORD = 8
/** ASCII punctuation and symbols, and category P. */
export const PUNCTUATION = 16
/** Category Mn. */
export const NONSPACING = 32
/** Category M. */
export const MARK = 64
/** Categories Cc, Cf and Co but tab, line feed and carriage return: what BERT's cleaning removes. */
export const CONTROL = 128
/** Ideographs between which BERT puts spaces. */
export const IDEOGRAPH = 256

const classes: readonly (readonly [number, RegExp])[] = [
  [WHITE, /\p{White_Space}/u],
  [LETTER, /\p{L}/u],
  [NUMBER, /\p{N}/u],
  [WORD, /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u],
  [PUNCTUATION, /[\p{P}$+<=>^`|~]/u],
  [NONSPACING, /\p{Mn}/u],
  [MARK, /\p{M}/u],
  [CONTROL, /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/u],
  [
    IDEOGRAPH,
    /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/u,
  ],
]
const pages: (Uint16Array | undefined)[] = new Array(0x1100).fill(undefined)

function makePage(page: number): Uint16Array {
  const table = new Uint16Array(256)
  for (let i = 0; i < 256; i++) {
    const c = String.fromCodePoint(page * 256 + i)
    for (const [bit, pattern] of classes) if (pattern.test(c)) table[i]! |= bit
  }
  pages[page] = table
  return table
}

const latin = makePage(0)

/** The classes of a code point, as bits. */
export function classOf(code: number): number {
  if (code < 256) return latin[code]!
  return (pages[code >> 8] ?? makePage(code >> 8))[code & 255]!
}

/** Code units of the character that begins at a place: 2 for a pair of surrogates. */
export const widthOf = (code: number): number => (code > 0xffff ? 2 : 1)

/** Number of characters (code points). */
export function countChars(text: string): number {
  let n = text.length
  for (let i = 0; i + 1 < text.length; i++)
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      n--
      i++
    }
  return n
}

/** Order of strings by code points, which is that of their UTF-8 bytes. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    // Surrogates stand for characters above all others.
    const high = Number(x >= 0xd800 && x <= 0xdfff) - Number(y >= 0xd800 && y <= 0xdfff)
    return high !== 0 ? high : x - y
  }
  return a.length - b.length
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
/** UTF-8; a surrogate without its other half becomes U+FFFD. */
export const toUtf8 = (text: string): Uint8Array => encoder.encode(text)
/** Text of UTF-8 bytes; what is not valid becomes U+FFFD. */
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes)

/**
 * The printable character that stands for each byte in GPT-2's byte-level vocabularies: itself where it is printable
 * in Latin-1, otherwise the next one from U+0100.
 */
export const byteChars: readonly string[] = (() => {
  const chars: string[] = []
  let next = 256
  for (let b = 0; b < 256; b++) {
    const printable = (b > 32 && b < 127) || (b > 160 && b !== 173)
    chars.push(String.fromCharCode(printable ? b : next++))
  }
  return chars
})()
/** The byte for which a character stands. */
export const charBytes: ReadonlyMap<string, number> = new Map(byteChars.map((c, b) => [c, b]))

/** A text with each byte of its UTF-8 form as its character. */
export function toByteChars(text: string): string {
  let out = ''
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 128) out += byteChars[code]
    else {
      const c = String.fromCodePoint(text.codePointAt(i)!)
      for (const b of toUtf8(c)) out += byteChars[b]
      i += c.length - 1
    }
  }
  return out
}
