/**
 * The texts of errors in a page. scripts/texts.mjs puts them into a file of their own, which is read when the first
 * error is made: a page that makes none does not load them.
 */
import { type Complaint, type NablaError, show } from '../../core/errors.js'
import { showValue } from '../../core/options.js'
import { readBytesNow } from './platform.browser.js'
import { type Bytes, onSource, saidOf } from './source.js'

const name = 'nabla-texts.txt'
/** Of the file that was made with this one; the build writes it. */
const edition = 'edition of nabla-texts.txt'

let lines: readonly string[] | undefined
onSource(() => {
  lines = undefined
})

function read(): readonly string[] {
  try {
    const found = saidOf(name) ?? new URL('./wasm/nabla-texts.txt', import.meta.url)
    const bytes =
      typeof found === 'string' || 'href' in found
        ? readBytesNow(found as string | URL, name)
        : (found as Bytes)
    return new TextDecoder().decode(bytes).split('\n')
  } catch {
    return []
  }
}

/** What a line of the file holds; undefined where the file cannot be read. */
function line(number: number): unknown {
  lines ??= read()
  return lines[0] === edition ? JSON.parse(lines[number]!) : undefined
}
const lost = (number: number, values: readonly unknown[]) =>
  [`text ${number} of ${name}`, ...values].join(', ')

/** A text with the values in its holes: each names how its value is written, and which it is. */
const filled = (text: string, values: readonly unknown[]) =>
  text.replace(/[\ue000-\ue002]./g, (hole) => {
    const value = values[hole.charCodeAt(1) - 97]
    return [String, show as (v: unknown) => string, showValue][hole.charCodeAt(0) - 0xe000]!(value)
  })

/** A text with the values in its holes; where the file cannot be read, its number and the values. */
export function text(number: number, ...values: readonly unknown[]): string {
  const found = line(number) as string | undefined
  return found === undefined ? lost(number, values) : filled(found, values)
}

/** An error by its complaint in the file: each field is a text or a value, and left out without the value it asks for. */
export function error(
  kind: new (complaint: Complaint) => NablaError,
  number: number,
  ...values: readonly unknown[]
): NablaError {
  const fields = line(number) as [string, string | number, number?][] | undefined
  if (!fields) return new kind({ op: 'nabla', rule: lost(number, values) })
  const complaint: Record<string, unknown> = {}
  for (const [field, own, when] of fields) {
    if (when !== undefined && !values[when]) continue
    complaint[field] = typeof own === 'number' ? values[own] : filled(own, values)
  }
  return new kind(complaint as unknown as Complaint)
}
