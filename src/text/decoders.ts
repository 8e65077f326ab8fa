/** Decoders of tokenizer.json: text from tokens. */
import { type Config, type Field, fields, type Json, readFields, readType } from './json.js'
import { readMetaspace } from './preTokenizers.js'
import { patternOf } from './regex.js'
import { charBytes, fromUtf8, toUtf8 } from './unicode.js'

/** Tokens to texts that are put together at the end. */
export type Decode = (tokens: readonly string[]) => string[]
interface Kind {
  readonly fields: { readonly [name: string]: Field }
  make(config: Config, place: string): Decode
}

/** Spaces that English does not write, as BERT's decoder takes them out. */
const cleaned: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
]
export const cleanUp = (text: string): string =>
  cleaned.reduce((t, [from, to]) => t.replaceAll(from, to), text)

const decodeBytes: Decode = (tokens) => {
  const bytes: number[] = []
  for (const token of tokens) {
    const own: number[] = []
    let all = true
    for (const c of token) {
      const byte = charBytes.get(c)
      if (byte === undefined) {
        all = false
        break
      }
      own.push(byte)
    }
    // A token that is not of a byte-level vocabulary stands for itself.
    for (const byte of all ? own : toUtf8(token)) bytes.push(byte)
  }
  return [fromUtf8(Uint8Array.from(bytes))]
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const fallback: Decode = (tokens) => {
  const out: string[] = []
  let bytes: number[] = []
  const flush = () => {
    if (bytes.length === 0) return
    try {
      out.push(strict.decode(Uint8Array.from(bytes)))
    } catch {
      for (let i = 0; i < bytes.length; i++) out.push('\ufffd')
    }
    bytes = []
  }
  for (const token of tokens) {
    const byte = /^<0x([0-9a-fA-F]{2})>$/.exec(token)
    if (byte) bytes.push(Number.parseInt(byte[1]!, 16))
    else {
      flush()
      out.push(token)
    }
  }
  flush()
  return out
}

const kinds: Readonly<Record<string, Kind>> = {
  BPEDecoder: {
    fields: { suffix: fields.text() },
    make: (c) => (tokens) =>
      tokens.map((t, i) => t.replaceAll(c.suffix as string, i === tokens.length - 1 ? '' : ' ')),
  },
  ByteLevel: {
    fields: {
      add_prefix_space: fields.flag(),
      trim_offsets: fields.flag(),
      use_regex: fields.flag(true),
    },
    make: () => decodeBytes,
  },
  WordPiece: {
    fields: { prefix: fields.text(), cleanup: fields.flag() },
    make: (c) => {
      const prefix = c.prefix as string
      return (tokens) =>
        tokens.map((token, i) => {
          const joined =
            i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`
          return c.cleanup === true ? cleanUp(joined) : joined
        })
    },
  },
  Metaspace: {
    fields: {},
    make: (c) => {
      const mark = c.replacement as string
      return (tokens) =>
        tokens.map((t, i) => t.replaceAll(mark, i === 0 && c.prepend_scheme !== 'never' ? '' : ' '))
    },
  },
  CTC: {
    fields: {
      pad_token: fields.text(),
      word_delimiter_token: fields.text(),
      cleanup: fields.flag(),
    },
    make: (c) => {
      const [pad, delimiter] = [c.pad_token as string, c.word_delimiter_token as string]
      return (tokens) =>
        tokens
          .filter((t, i) => i === 0 || t !== tokens[i - 1])
          .map((t) => {
            const bare = t.replaceAll(pad, '')
            return c.cleanup === true ? cleanUp(bare).replaceAll(delimiter, ' ') : bare
          })
          .filter((t) => t !== '')
    },
  },
  ByteFallback: { fields: {}, make: () => fallback },
  Fuse: { fields: {}, make: () => (tokens) => [tokens.join('')] },
  Strip: {
    fields: { content: fields.char(), start: fields.whole(), stop: fields.whole() },
    make: (c) => {
      const [start, stop] = [c.start as number, c.stop as number]
      return (tokens) =>
        tokens.map((token) => {
          const chars = [...token]
          let a = 0
          while (a < start && chars[a] === c.content) a++
          let b = chars.length
          while (b > a && chars.length - b < stop && chars[b - 1] === c.content) b--
          return chars.slice(a, b).join('')
        })
    },
  },
  Replace: {
    fields: { pattern: fields.pattern, content: fields.text() },
    make: (c, place) => {
      const pattern = patternOf(
        c.pattern as { String?: string; Regex?: string },
        `${place}.pattern`,
      )
      const content = c.content as string
      return (tokens) => tokens.map((t) => t.replace(pattern, () => content))
    },
  },
  Sequence: {
    fields: { decoders: fields.list() },
    make: (c, place) => {
      const all = (c.decoders as readonly Json[]).map(
        (d, i) => makeDecoder(d, `${place}.decoders[${i}]`).decode,
      )
      return (tokens) => all.reduce<string[]>((list, decode) => decode(list), [...tokens])
    },
  },
}

/** A decoder and its form in the file. @throws FileError */
export function makeDecoder(value: Json, place = 'decoder'): { config: Config; decode: Decode } {
  const given = readType(place, value, Object.keys(kinds))
  const kind = kinds[given.type]!
  const config: Config =
    given.type === 'Metaspace'
      ? readMetaspace(given, place)
      : { type: given.type, ...readFields(place, given, kind.fields) }
  const decode = kind.make(config, place)
  if (given.type !== 'Sequence') return { config, decode }
  const decoders = (given.decoders as readonly Json[]).map(
    (d, i) => makeDecoder(d, `${place}.decoders[${i}]`).config,
  )
  return { config: { type: 'Sequence', decoders }, decode }
}
