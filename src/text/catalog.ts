/** Catalogues of messages as GNU gettext compiles them (.mo): texts of a program with their translations. */
import { readBytes } from '#host'
import { FileError } from '../core/errors.js'
import { fromUtf8 } from './unicode.js'

const OP = 'messageCatalog'
const MAGIC = 0x950412de
const HEADER = 20

/** A text of a program and its translation. */
export interface Message {
  /** Where it stands, as programmers noted it; '' for none. */
  context: string
  source: string
  /** Of a text with plural forms the first. */
  target: string
}

/**
 * The messages of a compiled catalogue in UTF-8, in the order of the file, without the entry that describes the file itself. Debian's
 * `libreoffice-l10n-*` hold those of LibreOffice: its packages of two languages are parallel texts with English.
 *
 * Format: https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
 * @throws FileError for a file that is missing, no catalogue, or damaged
 */
export function messageCatalog(path: string): Message[] {
  const bytes = readBytes(path)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const refuse = (rule: string, got: string): never => {
    throw new FileError({ op: OP, rule: `${path} must ${rule}`, got, fix: 'Is it damaged?' })
  }
  const little = bytes.length >= HEADER && view.getUint32(0, true) === MAGIC
  if (!little && (bytes.length < HEADER || view.getUint32(0) !== MAGIC))
    refuse('be a compiled catalogue of gettext (.mo)', `${bytes.length} bytes of something else`)
  const number = (at: number) => view.getUint32(at, little)
  const [count, sources, targets] = [8, 12, 16].map(number) as [number, number, number]
  for (const table of [sources, targets])
    if (table + 8 * count > bytes.length)
      refuse('hold its tables', `${count} messages at ${table} of ${bytes.length} bytes`)
  const text = (table: number, i: number) => {
    const [length, at] = [number(table + 8 * i), number(table + 8 * i + 4)]
    if (at + length > bytes.length)
      refuse('hold its texts', `message ${i} at ${at} + ${length} of ${bytes.length} bytes`)
    return fromUtf8(bytes.subarray(at, at + length)).split('\0', 1)[0]!
  }
  const messages: Message[] = []
  for (let i = 0; i < count; i++) {
    const whole = text(sources, i)
    const cut = whole.indexOf('\x04')
    const source = whole.slice(cut + 1)
    if (source === '') continue
    messages.push({ context: whole.slice(0, Math.max(0, cut)), source, target: text(targets, i) })
  }
  return messages
}
