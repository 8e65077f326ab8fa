/** Normalizers of tokenizer.json: a text before it is split. */
import { type Config, type Field, fields, type Json, readFields, readType } from './json.js'
import {
  dropChars,
  mapChars,
  type Piece,
  PieceBuilder,
  prependTo,
  replaceIn,
  slicePiece,
} from './piece.js'
import { readPrecompiled } from './precompiled.js'
import { patternOf } from './regex.js'
import {
  byteChars,
  classOf,
  CONTROL,
  IDEOGRAPH,
  MARK,
  NONSPACING,
  toByteChars,
  WHITE,
} from './unicode.js'

export type Normalize = (p: Piece) => Piece
interface Kind {
  readonly fields: { readonly [name: string]: Field }
  make(config: Config, place: string): Normalize
}

/** Characters that begin a stretch which Unicode's normal forms change by itself. */
const starter = /^[\p{L}\p{N}\p{P}\p{S}\p{Z}\p{C}]/u

/** A normal form. Stretches of a character and its marks are compared, so that places are known. */
function normalForm(form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): Normalize {
  return (p) => {
    const { text } = p
    if (text.normalize(form) === text) return p
    const builder = new PieceBuilder(p)
    for (let i = 0; i < text.length; ) {
      let end = i + (text.codePointAt(i)! > 0xffff ? 2 : 1)
      while (end < text.length) {
        const next = String.fromCodePoint(text.codePointAt(end)!)
        // Vowels and final consonants of Korean join the letter before them.
        const code = next.charCodeAt(0)
        if (starter.test(next) && !(code >= 0x1160 && code <= 0x11ff) && code < 0xff9e) break
        if (starter.test(next) && code >= 0xff9e && code !== 0xff9e && code !== 0xff9f) break
        end += next.length
      }
      const part = text.slice(i, end)
      const changed = part.normalize(form)
      if (changed === part) builder.keep(i, end)
      else alignForm(builder, text, i, end, changed, form)
      i = end
    }
    return builder.done()
  }
}

/** A changed stretch: composed characters stand for the first of theirs, decomposed ones for that from which they come. */
function alignForm(
  builder: PieceBuilder,
  text: string,
  start: number,
  end: number,
  changed: string,
  form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD',
): void {
  const compatible = form.startsWith('NFK')
  const canonical = compatible ? 'NFKD' : 'NFD'
  // The characters of the decomposed stretch and whence each came.
  const whence: [string, number, number][] = []
  for (let i = start; i < end; ) {
    const c = String.fromCodePoint(text.codePointAt(i)!)
    for (const d of c.normalize(canonical)) whence.push([d, i, i + c.length])
    i += c.length
  }
  const used = new Array<boolean>(whence.length).fill(false)
  for (const c of changed) {
    const [first] = c.normalize(canonical)
    let k = whence.findIndex(([d], j) => !used[j] && d === first)
    if (k < 0) k = Math.max(0, used.indexOf(false))
    for (const d of c.normalize(canonical)) {
      const j = whence.findIndex(([w], n) => !used[n] && w === d)
      if (j >= 0) used[j] = true
    }
    builder.add(c, whence[k]![1], whence[k]![2])
  }
}

const lower: Normalize = (p) => {
  // Without the sigma at a word's end, which depends on its neighbours.
  const text = p.text.replaceAll('Σ', 'σ').toLowerCase()
  if (text === p.text) return p
  if (text.length === p.text.length) return { ...p, text }
  return mapChars(p, (code) => {
    const c = String.fromCodePoint(code)
    const small = c === 'Σ' ? 'σ' : c.toLowerCase()
    return small === c ? undefined : small
  })
}

const hasMarks = /\p{M}/u
function strip(p: Piece, left: boolean, right: boolean): Piece {
  const { text } = p
  let start = 0
  let end = text.length
  if (left) while (start < end && classOf(text.charCodeAt(start)) & WHITE) start++
  if (right) while (end > start && classOf(text.charCodeAt(end - 1)) & WHITE) end--
  return slicePiece(p, start, end)
}

/** Control characters and others that SentencePiece's `nmt_nfkc` removes or makes spaces. */
function nmt(code: number): string | undefined {
  if ((code >= 1 && code <= 8) || code === 0xb || (code >= 0xe && code <= 0x1f)) return ''
  if (code === 0x7f || code === 0x8f || code === 0x9f) return ''
  const spaces = [0x9, 0xa, 0xc, 0xd, 0x1680, 0x2028, 0x2029, 0x2581, 0xfeff, 0xfffd]
  return spaces.includes(code) || (code >= 0x200b && code <= 0x200f) ? ' ' : undefined
}

function bert(
  clean: boolean,
  ideographs: boolean,
  accents: boolean,
  lowercase: boolean,
): Normalize {
  const decompose = normalForm('NFD')
  const special = /[^\x20-\x7e]/
  return (p) => {
    let out = p
    if (special.test(p.text)) {
      if (clean)
        out = mapChars(out, (code) => {
          if (code === 0 || code === 0xfffd) return ''
          const bits = classOf(code)
          if (bits & CONTROL) return ''
          return bits & WHITE && code !== 32 ? ' ' : undefined
        })
      if (ideographs)
        out = mapChars(out, (code) =>
          classOf(code) & IDEOGRAPH ? ` ${String.fromCodePoint(code)} ` : undefined,
        )
      if (accents) {
        out = decompose(out)
        if (hasMarks.test(out.text))
          out = dropChars(out, (code) => (classOf(code) & NONSPACING) !== 0)
      }
    }
    return lowercase ? lower(out) : out
  }
}

const form = (name: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): Kind => ({
  fields: {},
  make: () => normalForm(name),
})
const kinds: Readonly<Record<string, Kind>> = {
  NFC: form('NFC'),
  NFD: form('NFD'),
  NFKC: form('NFKC'),
  NFKD: form('NFKD'),
  Lowercase: { fields: {}, make: () => lower },
  Strip: {
    fields: { strip_left: fields.flag(), strip_right: fields.flag() },
    make: (c) => (p) => strip(p, c.strip_left === true, c.strip_right === true),
  },
  StripAccents: {
    fields: {},
    make: () => (p) =>
      hasMarks.test(p.text) ? dropChars(p, (code) => (classOf(code) & MARK) !== 0) : p,
  },
  Replace: {
    fields: { pattern: fields.pattern, content: fields.text() },
    make: (c, place) => {
      const pattern = patternOf(
        c.pattern as { String?: string; Regex?: string },
        `${place}.pattern`,
      )
      const { content } = c as unknown as { content: string }
      const given = (c.pattern as { String?: string }).String
      // One character for one: the places stay.
      if (given?.length === 1 && content.length === 1)
        return (p) =>
          p.text.includes(given) ? { ...p, text: p.text.replaceAll(given, content) } : p
      return (p) => replaceIn(p, pattern, content)
    },
  },
  Prepend: {
    fields: { prepend: fields.text() },
    make: (c) => (p) => prependTo(p, c.prepend as string),
  },
  Nmt: { fields: {}, make: () => (p) => mapChars(p, nmt) },
  Precompiled: {
    fields: { precompiled_charsmap: fields.text() },
    make: (c, place) =>
      readPrecompiled(c.precompiled_charsmap as string, `${place}.precompiled_charsmap`),
  },
  BertNormalizer: {
    fields: {
      clean_text: fields.flag(),
      handle_chinese_chars: fields.flag(),
      strip_accents: fields.flagOrNull,
      lowercase: fields.flag(),
    },
    make: (c) =>
      bert(
        c.clean_text === true,
        c.handle_chinese_chars === true,
        (c.strip_accents ?? c.lowercase) === true,
        c.lowercase === true,
      ),
  },
  ByteLevel: {
    fields: {},
    make: () => (p) => {
      const changed = toByteChars(p.text)
      if (changed === p.text) return p
      return changed.length === p.text.length
        ? { ...p, text: changed }
        : mapChars(p, (code) =>
            code > 32 && code < 127
              ? undefined
              : code < 128
                ? byteChars[code]!
                : toByteChars(String.fromCodePoint(code)),
          )
    },
  },
  Sequence: {
    fields: { normalizers: fields.list() },
    make: (c, place) => {
      const all = (c.normalizers as readonly Json[]).map(
        (n, i) => makeNormalizer(n, `${place}.normalizers[${i}]`).apply,
      )
      return (p) => all.reduce((piece, normalize) => normalize(piece), p)
    },
  },
}

/** A normalizer and its form in the file. @throws FileError */
export function makeNormalizer(
  value: Json,
  place = 'normalizer',
): { config: Config; apply: Normalize } {
  const given = readType(place, value, Object.keys(kinds))
  const kind = kinds[given.type]!
  const config: Config = { type: given.type, ...readFields(place, given, kind.fields) }
  const apply = kind.make(config, place)
  if (given.type !== 'Sequence') return { config, apply }
  const normalizers = (given.normalizers as readonly Json[]).map(
    (n, i) => makeNormalizer(n, `${place}.normalizers[${i}]`).config,
  )
  return { config: { type: 'Sequence', normalizers }, apply }
}
