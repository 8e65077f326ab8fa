/** Bibles as modules of the SWORD project, compressed by zlib (zText): verses by their place. */
import { exists, inflate, joinPath, readBytes } from '#host'
import { FileError } from '../core/errors.js'
import { limitOf } from '../core/limits.js'
import { fromUtf8 } from './unicode.js'

const OP = 'swordVerses'
/** Blocks of a testament: where they are in the file, packed and unpacked length; 12 bytes each, little-endian. */
const BLOCK = 12
/** Verses: block, place in it, length; 10 bytes each. */
const VERSE = 10

const special: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
}
/** The words of a verse: OSIS markup without notes, titles and what stands before the verse itself. */
function plain(markup: string): string {
  return markup
    .replace(/<(note|title)\b[^>]*?(?:\/>|>[\s\S]*?<\/\1>)/g, ' ')
    .replace(/<[^>]*>/g, '')
    .replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => special[name]!)
    .replace(/[\s¶]+/g, ' ')
    .trim()
}

function testament(folder: string, name: string): string[] {
  const path = (end: string) => joinPath(folder, `${name}.bz${end}`)
  const refuse = (file: string, rule: string, got: string, cause?: unknown): never => {
    throw new FileError(
      { op: OP, rule: `${file} must ${rule}`, got, fix: 'Is it damaged?' },
      { cause },
    )
  }
  const [places, verses, packed] = ['s', 'v', 'z'].map((end) => readBytes(path(end))) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const table = (bytes: Uint8Array, end: string, size: number) => {
    if (bytes.length % size !== 0)
      refuse(path(end), `hold entries of ${size} bytes`, `${bytes.length} bytes`)
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  const blocks = table(places, 's', BLOCK)
  const list = table(verses, 'v', VERSE)
  const most = limitOf(path('z'), undefined)
  const unpacked = Array.from({ length: places.length / BLOCK }, (_, i) => {
    const [at, length, size] = [0, 4, 8].map((k) => blocks.getUint32(i * BLOCK + k, true)) as [
      number,
      number,
      number,
    ]
    if (at + length > packed.length || size > most)
      refuse(path('s'), `name blocks of ${path('z')}`, `${at} + ${length} of ${packed.length}`)
    if (size === 0) return new Uint8Array(0)
    try {
      return inflate([packed.subarray(at, at + length)], size)
    } catch (error) {
      return refuse(path('z'), 'hold whole blocks', (error as Error).message, error)
    }
  })
  return Array.from({ length: verses.length / VERSE }, (_, i) => {
    const [block, at] = [0, 4].map((k) => list.getUint32(i * VERSE + k, true)) as [number, number]
    const size = list.getUint16(i * VERSE + 8, true)
    if (size === 0) return ''
    const bytes = unpacked[block]
    if (!bytes || at + size > bytes.length)
      return refuse(path('v'), 'name places in its blocks', `verse ${i} at ${block}, ${at}`)
    const markup = fromUtf8(bytes.subarray(at, at + size))
    // Names of books and numbers of chapters are entries of their own.
    return /<(?:chapter\b|div\b(?=[^>]*\btype="book"))[^>]*\bsID=/.test(markup) ? '' : plain(markup)
  })
}

/**
 * The verses of a Bible by their place, '' where there is none: modules with the same order of verses (versification) are
 * parallel texts. `folder` holds ot.bzs, ot.bzv, ot.bzz and the same of nt. Debian has many: `sword-text-kjv` in English,
 * `sword-text-sparv` in Spanish, both in the public domain.
 *
 * Format: the zText driver of the SWORD project, https://crosswire.org/sword/.
 * @throws FileError for files that are missing or damaged
 */
export function swordVerses(folder: string): string[] {
  const there = ['ot', 'nt'].filter((name) => exists(joinPath(folder, `${name}.bzv`)))
  if (there.length === 0)
    throw new FileError({
      op: OP,
      rule: 'the folder must hold ot.bzv or nt.bzv of a zText module',
      got: folder,
      fix: 'On Debian: apt-get install sword-text-kjv, and look in /usr/share/sword/modules/texts/ztext.',
    })
  return there.flatMap((name) => testament(folder, name))
}
