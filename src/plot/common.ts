/** Shared by the charts. */
import { ValueError } from '../core/errors.js'
import { showValue } from '../core/options.js'
import type { Area } from './axes.js'
import { text } from './svg.js'

/** All values of several lists, one after the other. */
export function* allOf(lists: readonly ArrayLike<number>[]): Iterable<number> {
  for (const list of lists) for (let i = 0; i < list.length; i++) yield list[i]!
}

/** @throws ValueError unless it is an object: of things by name, a list or a tensor */
export function requireObject(op: string, rule: string, value: unknown): void {
  if (typeof value !== 'object' || value === null)
    throw new ValueError({ op, rule, got: showValue(value) })
}
/** @throws ValueError unless it is a list */
export function requireList(op: string, rule: string, value: unknown): void {
  if (!Array.isArray(value)) throw new ValueError({ op, rule, got: showValue(value) })
}

/** A note for the reader: how many values are not drawn. */
export function note(left: number, area: Area): string[] {
  if (left === 0) return []
  return [
    text(`${left} not drawn (not finite or out of range)`, area.right - 4, area.top - 4, {
      size: 10,
      'text-anchor': 'end',
      fill: '#b00',
    }),
  ]
}
