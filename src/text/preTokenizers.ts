/** Pre-tokenizers of tokenizer.json: a text in words, inside which the model looks for tokens. */
import { type Config, type Field, fields, type Json, readFields, readType, refuse } from './json.js'
import {
  type Behavior,
  behaviors,
  type Part,
  partsOf,
  partsWhere,
  type Piece,
  prependTo,
  slicePiece,
  splitParts,
} from './piece.js'
import { patternOf } from './regex.js'
import {
  byteChars,
  classOf,
  LETTER,
  NUMBER,
  PUNCTUATION,
  toByteChars,
  WHITE,
  WORD,
} from './unicode.js'
import { mapChars } from './piece.js'

/** Puts the bounds of the words of a text into a list: start, end, start, end. */
export type Cut = (text: string, out: number[]) => void
/**
 * A pre-tokenizer: `before` may change the text, `cut` splits it, and `bytes` says that words go to the model by the
 * characters of their bytes. Those that follow each other are a list.
 */
export interface Stage {
  readonly before?: (p: Piece) => Piece
  readonly cut?: Cut
  readonly bytes?: boolean
}
interface Kind {
  readonly fields: { readonly [name: string]: Field }
  make(config: Config, place: string): Stage[]
}

const cutBy =
  (parts: (text: string) => Part[], behavior: Behavior): Cut =>
  (text, out) => {
    for (const [a, b] of splitParts(parts(text), behavior)) out.push(a, b)
  }
const isPunctuation = (code: number) => (classOf(code) & PUNCTUATION) !== 0

/** Stretches of which no character is white space. */
const cutAtWhite: Cut = (text, out) => {
  let start = -1
  for (let i = 0; i < text.length; i++) {
    // No white space lies beyond the first plane, so that halves of pairs may be asked.
    const white = (classOf(text.charCodeAt(i)) & WHITE) !== 0
    if (white) {
      if (start >= 0) out.push(start, i)
      start = -1
    } else if (start < 0) start = i
  }
  if (start >= 0) out.push(start, text.length)
}
/** Words, and stretches of what is neither word nor white space: `\w+|[^\w\s]+`. */
const cutWords: Cut = (text, out) => {
  let start = 0
  let kind = 0
  for (let i = 0; i < text.length; ) {
    let code = text.charCodeAt(i)
    let width = 1
    if ((code & 0xfc00) === 0xd800) {
      code = text.codePointAt(i)!
      if (code > 0xffff) width = 2
    }
    const bits = classOf(code)
    const now = bits & WORD ? 2 : bits & WHITE ? 0 : 1
    if (now !== kind) {
      if (kind > 0) out.push(start, i)
      start = i
      kind = now
    }
    i += width
  }
  if (kind > 0) out.push(start, text.length)
}
/** White space left out, each punctuation mark by itself. */
const cutBert: Cut = (text, out) => {
  let start = -1
  for (let i = 0; i < text.length; ) {
    let code = text.charCodeAt(i)
    let width = 1
    if ((code & 0xfc00) === 0xd800) {
      code = text.codePointAt(i)!
      if (code > 0xffff) width = 2
    }
    const bits = classOf(code)
    if (bits & (WHITE | PUNCTUATION)) {
      if (start >= 0) out.push(start, i)
      start = -1
      if (bits & PUNCTUATION) out.push(i, i + width)
    } else if (start < 0) start = i
    i += width
  }
  if (start >= 0) out.push(start, text.length)
}

const contractions = ['s', 't', 're', 've', 'm', 'll', 'd']
/** GPT-2's pattern: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`. */
const cutGpt2: Cut = (text, out) => {
  const n = text.length
  let width = 1
  const kindAt = (i: number): number => {
    let code = text.charCodeAt(i)
    width = 1
    if ((code & 0xfc00) === 0xd800) {
      code = text.codePointAt(i)!
      if (code > 0xffff) width = 2
    }
    const bits = classOf(code)
    return bits & LETTER ? 1 : bits & NUMBER ? 2 : bits & WHITE ? 0 : 3
  }
  for (let i = 0; i < n; ) {
    const start = i
    let kind = kindAt(i)
    if (kind === 3 && text.charCodeAt(i) === 39) {
      const ending = contractions.find((c) => text.startsWith(c, i + 1))
      if (ending) {
        i += 1 + ending.length
        out.push(start, i)
        continue
      }
    }
    if (kind === 0) {
      if (text.charCodeAt(i) === 32 && i + 1 < n) {
        // One space goes with what follows.
        kind = kindAt(i + 1)
        if (kind !== 0) i++
      }
      if (kind === 0) {
        let end = i
        let last = i
        while (end < n && kindAt(end) === 0) {
          last = end
          end += width
        }
        // White space before something gives its last character to it, unless it is alone.
        i = end < n && last > start ? last : end
        out.push(start, i)
        continue
      }
    }
    kindAt(i)
    i += width
    while (i < n && kindAt(i) === kind) i += width
    out.push(start, i)
  }
}

/** Scripts that stay together: kana with ideographs, as SentencePiece has it. */
const scriptNames =
  `Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki
Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Common Coptic
Cuneiform Cypriot Cyrillic Deseret Devanagari Duployan Egyptian_Hieroglyphs Elbasan Ethiopic Georgian Glagolitic Gothic
Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited
Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kayah_Li Kharoshthi Khmer Khojki Khudawadi
Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Malayalam Mandaic Manichaean Marchen Meetei_Mayek
Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean New_Tai_Lue Newa
Nko Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_South_Arabian Old_Turkic Oriya
Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra
Sharada Shavian Siddham SignWriting Sinhala Sora_Sompeng Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham
Tai_Viet Takri Tamil Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Ugaritic Vai Warang_Citi Yi`.split(
    /\s+/,
  )
let scripts: RegExp[] | undefined
const scriptCache = new Map<number, number>()
/** A number for the script of a character; −1 fits all. */
function scriptOf(code: number): number {
  const known = scriptCache.get(code)
  if (known !== undefined) return known
  scripts ??= scriptNames.map((name) => new RegExp(`^\\p{Script=${name}}$`, 'u'))
  const han = scriptNames.indexOf('Han')
  const c = String.fromCodePoint(code)
  let found = code === 32 ? -1 : code === 0x30fc ? han : scripts.findIndex((s) => s.test(c))
  if (found < 0 && code !== 32) found = scriptNames.indexOf('Common')
  if (found === scriptNames.indexOf('Hiragana') || found === scriptNames.indexOf('Katakana'))
    found = han
  scriptCache.set(code, found)
  return found
}
/** As the Rust library: spaces belong to what stands before them, and those at the beginning are left out. */
const cutScripts: Cut = (text, out) => {
  let start = -1
  let last = -1
  for (let i = 0; i < text.length; ) {
    const code = text.codePointAt(i)!
    const script = scriptOf(code)
    if (script !== -1 && script !== last) {
      if (start >= 0) out.push(start, i)
      start = i
      last = script
    }
    i += code > 0xffff ? 2 : 1
  }
  if (start >= 0) out.push(start, text.length)
}

/** The same number of characters in each word but the last. */
const cutLength =
  (length: number): Cut =>
  (text, out) => {
    let start = 0
    let n = 0
    for (let i = 0; i < text.length; ) {
      i += text.codePointAt(i)! > 0xffff ? 2 : 1
      if (++n % length === 0) {
        out.push(start, i)
        start = i
      }
    }
    if (start < text.length) out.push(start, text.length)
  }

/** What Metaspace does before it splits, for pre-tokenizer and decoder. */
export function readMetaspace(given: Config, place: string): Config {
  const schemes = ['always', 'never', 'first']
  const out = readFields(place, given, {
    replacement: fields.char(),
    prepend_scheme: fields.oneOf(schemes, 'always'),
    split: fields.flag(true),
  })
  if (given.add_prefix_space === false) {
    // The form of older files.
    if (given.prepend_scheme !== undefined && given.prepend_scheme !== 'never')
      refuse(
        `${place}.prepend_scheme`,
        'must be never where add_prefix_space is false',
        given.prepend_scheme,
      )
    out.prepend_scheme = 'never'
  }
  return { type: 'Metaspace', ...out }
}

const plain = (cut: Cut): Kind => ({ fields: {}, make: () => [{ cut }] })
const kinds: Readonly<Record<string, Kind>> = {
  BertPreTokenizer: plain(cutBert),
  Whitespace: plain(cutWords),
  WhitespaceSplit: plain(cutAtWhite),
  UnicodeScripts: plain(cutScripts),
  ByteLevel: {
    fields: {
      add_prefix_space: fields.flag(),
      trim_offsets: fields.flag(),
      use_regex: fields.flag(true),
    },
    make: (c) => [
      {
        ...(c.add_prefix_space === true && {
          before: (p: Piece) => (p.text.startsWith(' ') ? p : prependTo(p, ' ')),
        }),
        ...(c.use_regex === true && { cut: cutGpt2 }),
        bytes: true,
      },
    ],
  },
  CharDelimiterSplit: {
    fields: { delimiter: fields.char() },
    make: (c) => {
      const code = (c.delimiter as string).codePointAt(0)!
      return [{ cut: cutBy((text) => partsWhere(text, (x) => x === code), 'Removed') }]
    },
  },
  Metaspace: {
    fields: {},
    make: (c) => {
      const mark = c.replacement as string
      const scheme = c.prepend_scheme as string
      const code = mark.codePointAt(0)!
      return [
        {
          before: (p) => {
            let out = p
            if (p.text.includes(' ')) {
              out =
                mark.length === 1
                  ? { ...p, text: p.text.replaceAll(' ', mark) }
                  : mapChars(p, (x) => (x === 32 ? mark : undefined))
            }
            const first =
              scheme === 'always' || (scheme === 'first' && (p.from?.[0] ?? p.base) === 0)
            return first && !out.text.startsWith(mark) ? prependTo(out, mark) : out
          },
          ...(c.split === true && {
            cut: cutBy((text) => partsWhere(text, (x) => x === code), 'MergedWithNext'),
          }),
        },
      ]
    },
  },
  Split: {
    fields: { pattern: fields.pattern, behavior: fields.oneOf(behaviors), invert: fields.flag() },
    make: (c, place) => {
      const pattern = patternOf(
        c.pattern as { String?: string; Regex?: string },
        `${place}.pattern`,
      )
      const parts = (text: string) => {
        const found = partsOf(text, pattern)
        if (c.invert === true) for (const part of found) part[2] = !part[2]
        return found
      }
      return [{ cut: cutBy(parts, c.behavior as Behavior) }]
    },
  },
  Punctuation: {
    fields: { behavior: fields.oneOf(behaviors, 'Isolated') },
    make: (c) => [
      { cut: cutBy((text) => partsWhere(text, isPunctuation), c.behavior as Behavior) },
    ],
  },
  Digits: {
    fields: { individual_digits: fields.flag() },
    make: (c) => [
      {
        cut: cutBy(
          (text) => partsWhere(text, (code) => (classOf(code) & NUMBER) !== 0),
          c.individual_digits === true ? 'Isolated' : 'Contiguous',
        ),
      },
    ],
  },
  FixedLength: {
    fields: { length: fields.whole(5) },
    make: (c, place) => {
      if (c.length === 0) refuse(`${place}.length`, 'must be above 0', c.length)
      return [{ cut: cutLength(c.length as number) }]
    },
  },
  Sequence: {
    fields: { pretokenizers: fields.list() },
    make: (c, place) =>
      (c.pretokenizers as readonly Json[]).flatMap(
        (p, i) => makePreTokenizer(p, `${place}.pretokenizers[${i}]`).stages,
      ),
  },
}

/** A pre-tokenizer and its form in the file. @throws FileError */
export function makePreTokenizer(
  value: Json,
  place = 'pre_tokenizer',
): { config: Config; stages: Stage[] } {
  const given = readType(place, value, Object.keys(kinds))
  const kind = kinds[given.type]!
  if (given.type === 'Metaspace') {
    const config = readMetaspace(given, place)
    return { config, stages: kind.make(config, place) }
  }
  const config: Config = { type: given.type, ...readFields(place, given, kind.fields) }
  const stages = kind.make(config, place)
  if (given.type !== 'Sequence') return { config, stages }
  const pretokenizers = (given.pretokenizers as readonly Json[]).map(
    (p, i) => makePreTokenizer(p, `${place}.pretokenizers[${i}]`).config,
  )
  return { config: { type: 'Sequence', pretokenizers }, stages }
}

/** Words by the characters of their bytes, with the places of the characters. */
const byBytes = (p: Piece): Piece => {
  const text = toByteChars(p.text)
  return text.length === p.text.length
    ? { ...p, text }
    : mapChars(p, (code) =>
        code < 128 ? byteChars[code]! : toByteChars(String.fromCodePoint(code)),
      )
}

/** The words of a piece. `bytes` of the result: the model is to take each by the characters of its bytes. */
export function preTokenize(
  stages: readonly Stage[],
  p: Piece,
): { words: Piece[]; bytes: boolean } {
  let words: Piece[] = p.text === '' ? [] : [p]
  stages.forEach(({ before, cut, bytes }, k) => {
    if (before) words = words.map(before)
    if (cut) {
      const next: Piece[] = []
      const bounds: number[] = []
      for (const word of words) {
        bounds.length = 0
        cut(word.text, bounds)
        for (let i = 0; i < bounds.length; i += 2)
          if (bounds[i]! < bounds[i + 1]!) next.push(slicePiece(word, bounds[i]!, bounds[i + 1]!))
      }
      words = next
    }
    if (bytes && k < stages.length - 1) words = words.map(byBytes)
  })
  return { words, bytes: stages.at(-1)?.bytes === true }
}
