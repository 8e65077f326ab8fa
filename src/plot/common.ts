/** Shared by the charts. */
import type { Area } from './axes.js'
import { text } from './svg.js'

/** All values of several lists, one after the other. */
export function* allOf(lists: readonly ArrayLike<number>[]): Iterable<number> {
  for (const list of lists) for (let i = 0; i < list.length; i++) yield list[i]!
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
