/** The keys that turn what is drawn in space. */
import type { Text } from '../text.js'

export const turns: Text = ['drag, or press the arrow keys, to turn', '拖动或按方向键旋转']
export const turnsAndZooms: Text = [
  'drag, or press the arrow keys, to turn; + and − to come nearer and go away',
  '拖动或按方向键旋转；按 + 和 − 放大和缩小',
]
/** The keys' step, in radians, and the share of the distance by which they zoom. */
const STEP = 0.15
const arrows: Record<string, readonly [number, number]> = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, STEP],
  ArrowDown: [0, -STEP],
}
/** How many times as far away a key goes; the keys of + and − with and without shift. */
const zooms: Record<string, number> = { '+': 1 / 1.1, '=': 1 / 1.1, '-': 1.1, '−': 1.1, _: 1.1 }

/** Turns (right, up) by the arrow keys and zooms by + and −; other keys stay the browser's. */
export function turnByKey(
  event: KeyboardEvent,
  turn: (right: number, up: number) => void,
  zoom?: (times: number) => void,
): void {
  // With these keys the browser goes back, or zooms the page.
  if (event.altKey || event.ctrlKey || event.metaKey) return
  const by = arrows[event.key]
  const times = zoom && zooms[event.key]
  if (!by && !times) return
  event.preventDefault()
  if (by) turn(...by)
  else if (times) zoom(times)
}
