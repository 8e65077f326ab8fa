/** Options of callbacks that count. */
import { ValueError } from '../core/errors.js'

/** @throws ValueError for what is no whole number from `from` up */
export function countFrom(op: string, name: string, n: number, from = 1): number {
  if (!(Number.isInteger(n) && n >= from))
    throw new ValueError({
      op,
      rule: `${name} must be a whole number from ${from} up`,
      got: `${n}`,
    })
  return n
}
