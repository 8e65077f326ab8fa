/**
 * What works on demand and is not loaded with the rest: tools of development (texts of programs and tensors, suggestions
 * of names), and what only some operations need. The tools come with `#methods`: Node loads them from the beginning, a page by
 * `import 'nabla/methods'`. What an operation needs it puts here itself.
 */
import { ValueError } from './errors.js'

/** Each module adds what it gives. */
// biome-ignore lint/suspicious/noEmptyInterface: modules add to it
export interface Extras {}

export const extras: Partial<Extras> = {}

/** @throws ValueError in a page that has not loaded it */
export function extra<K extends keyof Extras>(name: K): NonNullable<Partial<Extras>[K]> {
  const found = extras[name]
  if (found) return found
  throw new ValueError({
    op: name,
    rule: 'a page must load this tool',
    fix: "import 'nabla/methods' adds it and the others.",
  })
}
