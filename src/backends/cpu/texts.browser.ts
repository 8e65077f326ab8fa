/**
 * The texts of errors in a page. scripts/transforms.mjs puts them into a file of their own, which is read when the first
 * error is made: a page that makes none does not load them.
 */
import { readBytesNow } from './platform.browser.js'
import { type Bytes, onSource, saidOf } from './source.js'

const name = 'nabla-texts.txt'
/** Of the file that was made with this one; the build writes it. */
const edition = 'edition of nabla-texts.txt'
const hole = '\u0001'

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

/** A text with the values in its holes; where the file cannot be read, its number and the values. */
export function text(number: number, ...values: readonly unknown[]): string {
  lines ??= read()
  const line = lines[0] === edition ? lines[number] : undefined
  if (line === undefined) return [`text ${number} of ${name}`, ...values].join(', ')
  const parts = (JSON.parse(line) as string).split(hole)
  return parts.map((part, i) => (i === 0 ? part : `${values[i - 1]}${part}`)).join('')
}
