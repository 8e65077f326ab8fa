/**
 * The character map of SentencePiece as it stands in tokenizer.json: four bytes with the size of a double-array trie (the
 * layout of Darts-clone), the trie, then the replacements, each ended by a zero byte.
 */
import { refuse } from './json.js'
import { type Piece, PieceBuilder } from './piece.js'
import { fromUtf8, toUtf8 } from './unicode.js'

function decodeBase64(text: string, place: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  } catch {
    return refuse(place, 'must be base64', text)
  }
}

/** @throws FileError for bytes that are no such map */
export function readPrecompiled(base64: string, place: string): (p: Piece) => Piece {
  const bytes = decodeBase64(base64, place)
  if (bytes.length < 4)
    refuse(place, 'must be a character map of SentencePiece', `${bytes.length} bytes`)
  const view = new DataView(bytes.buffer)
  const size = view.getUint32(0, true)
  if (size % 4 !== 0 || size < 4 || size + 4 > bytes.length)
    refuse(
      place,
      'must be a character map of SentencePiece',
      `a trie of ${size} bytes in ${bytes.length}`,
    )
  const units = new Uint32Array(size / 4)
  for (let i = 0; i < units.length; i++) units[i] = view.getUint32(4 + 4 * i, true)
  const texts = bytes.subarray(4 + size)
  const offsetOf = (unit: number) => ((unit >>> 10) << ((unit & 512) >>> 6)) >>> 0
  const known = new Map<string, string | undefined>()

  /** The replacement of the shortest beginning of a chunk that has one, as SentencePiece's users expect. */
  const find = (chunk: string): string | undefined => {
    let node = offsetOf(units[0]!)
    for (const byte of toUtf8(chunk)) {
      if (byte === 0) return undefined
      node ^= byte
      const unit = units[node]
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined
      node ^= offsetOf(unit)
      if (((unit >>> 8) & 1) === 0) continue
      const at = (units[node] ?? 0) & 0x7fffffff
      const end = texts.indexOf(0, at)
      return fromUtf8(texts.subarray(at, end < 0 ? texts.length : end))
    }
    return undefined
  }
  const replacement = (chunk: string): string | undefined => {
    if (known.has(chunk)) return known.get(chunk)
    const found = find(chunk)
    if (known.size > 1e5) known.clear()
    known.set(chunk, found)
    return found
  }
  const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
  return (p) => {
    const { text } = p
    const builder = new PieceBuilder(p)
    let changed = false
    const put = (chunk: string, start: number): boolean => {
      const found = replacement(chunk)
      if (found === undefined) return false
      changed = true
      if (found !== '') builder.add(found, start, start + chunk.length)
      return true
    }
    for (const { segment, index } of graphemes.segment(text)) {
      if (segment.length < 6 && toUtf8(segment).length < 6 && put(segment, index)) continue
      let at = index
      for (const c of segment) {
        if (!put(c, at)) builder.keep(at, at + c.length)
        at += c.length
      }
    }
    return changed ? builder.done() : p
  }
}
