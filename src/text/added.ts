/** Tokens that are looked for in the text before the model: special ones, and others that were added. */
import { fields, isObject, type Json, readFields, refuse } from './json.js'
import type { Normalize } from './normalizers.js'
import { type Piece, pieceOf, slicePiece } from './piece.js'
import { literalRegex } from './regex.js'
import { classOf, WHITE, WORD } from './unicode.js'

/** A token that is found in the text as it is. */
export interface AddedToken {
  content: string
  /** Left out by `decode`, and not normalized. */
  special?: boolean
  /** Found only where it is not part of a longer word. */
  singleWord?: boolean
  /** Takes the white space on its left with it. */
  lstrip?: boolean
  /** Takes the white space on its right with it. */
  rstrip?: boolean
  /** Looked for in the normalized text; as a rule so unless it is special. */
  normalized?: boolean
}
export type FullToken = Required<AddedToken>
export const fullToken = (t: string | AddedToken, special = false): FullToken => {
  const given = typeof t === 'string' ? { content: t } : t
  const isSpecial = given.special ?? special
  return {
    content: given.content,
    singleWord: given.singleWord ?? false,
    lstrip: given.lstrip ?? false,
    rstrip: given.rstrip ?? false,
    normalized: given.normalized ?? !isSpecial,
    special: isSpecial,
  }
}

/** An added token of the file. @throws FileError */
export function readAdded(place: string, value: Json): FullToken {
  if (!isObject(value)) refuse(place, 'must be an object', value)
  const t = readFields(place, value, {
    id: fields.whole(),
    content: fields.text(),
    single_word: fields.flag(),
    lstrip: fields.flag(),
    rstrip: fields.flag(),
    normalized: fields.flag(),
    special: fields.flag(),
  })
  return {
    content: t.content as string,
    singleWord: t.single_word as boolean,
    lstrip: t.lstrip as boolean,
    rstrip: t.rstrip as boolean,
    normalized: t.normalized as boolean,
    special: t.special as boolean,
  }
}
export const writtenAdded = (id: number, t: FullToken) => ({
  id,
  content: t.content,
  single_word: t.singleWord,
  lstrip: t.lstrip,
  rstrip: t.rstrip,
  normalized: t.normalized,
  special: t.special,
})

/** A stretch of text, or an added token that was found in it. */
export interface Section {
  readonly piece: Piece
  readonly id?: number
}
interface Finder {
  readonly pattern: RegExp
  readonly byText: ReadonlyMap<string, { id: number; token: FullToken }>
}

const charBefore = (text: string, i: number): number =>
  (text.charCodeAt(i - 1) & 0xfc00) === 0xdc00 && i > 1
    ? text.codePointAt(i - 2)!
    : text.charCodeAt(i - 1)

/** Cuts what a finder finds out of a piece. */
function find(piece: Piece, finder: Finder | undefined): Section[] {
  if (!finder) return [{ piece }]
  const { text } = piece
  const { pattern, byText } = finder
  const out: Section[] = []
  let last = 0
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    let start = match.index
    let end = start + match[0].length
    const { id, token } = byText.get(match[0])!
    if (token.singleWord) {
      const joined =
        (start > 0 && classOf(charBefore(text, start)) & WORD) ||
        (end < text.length && classOf(text.codePointAt(end)!) & WORD)
      if (joined) continue
    }
    if (token.lstrip) while (start > last && classOf(text.charCodeAt(start - 1)) & WHITE) start--
    if (token.rstrip) while (end < text.length && classOf(text.charCodeAt(end)) & WHITE) end++
    start = Math.max(start, last)
    if (last < start) out.push({ piece: slicePiece(piece, last, start) })
    if (start < end || !token.lstrip) out.push({ piece: slicePiece(piece, start, end), id })
    last = end
    pattern.lastIndex = Math.max(end, pattern.lastIndex)
  }
  if (last < text.length) out.push({ piece: slicePiece(piece, last, text.length) })
  return out
}

export class AddedTokens {
  /** By id, the last one that was added with it. */
  readonly byId = new Map<number, FullToken>()
  readonly ids = new Map<string, number>()
  private raw: Finder | undefined
  private normalized: Finder | undefined

  /**
   * Adds tokens; one that the model knows keeps its id there, others come after all.
   * @returns how many were new
   */
  add(
    tokens: readonly FullToken[],
    idInModel: (token: string) => number | undefined,
    vocabSize: number,
  ): number {
    let added = 0
    for (const token of tokens) {
      const known = this.ids.get(token.content)
      if (token.content === '' || (known !== undefined && same(this.byId.get(known)!, token)))
        continue
      const highest = Math.max(-1, ...this.ids.values())
      const id =
        known ??
        idInModel(token.content) ??
        (highest >= vocabSize || (vocabSize === 0 && highest >= 0) ? highest + 1 : vocabSize)
      this.ids.set(token.content, id)
      this.byId.set(id, token)
      added++
    }
    return added
  }
  clear(): void {
    this.byId.clear()
    this.ids.clear()
  }
  /** Makes the patterns anew: after tokens were added, or another normalizer was set. */
  refresh(normalize: Normalize | undefined): void {
    const finderOf = (normalized: boolean): Finder | undefined => {
      const byText = new Map<string, { id: number; token: FullToken }>()
      for (const [id, token] of this.byId)
        if (token.normalized === normalized) {
          const text =
            normalized && normalize ? normalize(pieceOf(token.content)).text : token.content
          if (text !== '' && !byText.has(text)) byText.set(text, { id, token })
        }
      if (byText.size === 0) return undefined
      // The longest first: at one place the longest match counts.
      const texts = [...byText.keys()].sort((a, b) => b.length - a.length)
      return {
        pattern: new RegExp(texts.map((t) => literalRegex(t).source).join('|'), 'gv'),
        byText,
      }
    }
    this.raw = finderOf(false)
    this.normalized = finderOf(true)
  }
  /** The sections of a text: what is to be tokenized, normalized, and the tokens found. */
  sections(text: string, normalize: Normalize | undefined): Section[] {
    if (!this.raw && !this.normalized) {
      const piece = pieceOf(text)
      return [{ piece: normalize ? normalize(piece) : piece }]
    }
    return find(pieceOf(text), this.raw).flatMap((section) => {
      if (section.id !== undefined) return [section]
      return find(normalize ? normalize(section.piece) : section.piece, this.normalized)
    })
  }
  isSpecial(id: number): boolean {
    return this.byId.get(id)?.special === true
  }
}
const same = (a: FullToken, b: FullToken): boolean =>
  (Object.keys(a) as (keyof FullToken)[]).every((k) => a[k] === b[k])
