/** A picture of 28 by 28 pixels to draw on. The ink is kept as numbers, not read back from a canvas, which changes colours. */
import { useRef } from 'preact/hooks'
import { Heat } from './Heat.js'

const SIDE = 28

export function Pad({
  ink,
  onInk,
  label,
}: {
  /** 784 numbers from 0 to 1. */
  ink: ArrayLike<number>
  /** The picture with a new stroke; `done` when the pen is lifted. */
  onInk: (ink: number[], done: boolean) => void
  label: string
}) {
  const last = useRef<{ x: number; y: number } | undefined>(undefined)
  const now = useRef<number[]>([])
  const stroke = (e: PointerEvent, start: boolean) => {
    const box = (e.currentTarget as Element).getBoundingClientRect()
    const to = {
      x: ((e.clientX - box.left) / box.width) * SIDE,
      y: ((e.clientY - box.top) / box.height) * SIDE,
    }
    if (start) now.current = Array.from(ink)
    const from = start ? to : (last.current ?? to)
    last.current = to
    const length = Math.hypot(to.x - from.x, to.y - from.y)
    // How far each pixel is from the stroke: a pen of about two pixels with a soft edge.
    now.current = now.current.map((v, i) => {
      const [px, py] = [(i % SIDE) + 0.5, Math.floor(i / SIDE) + 0.5]
      const along =
        length === 0
          ? 0
          : Math.max(
              0,
              Math.min(
                1,
                ((px - from.x) * (to.x - from.x) + (py - from.y) * (to.y - from.y)) / length ** 2,
              ),
            )
      const far = Math.hypot(
        px - from.x - along * (to.x - from.x),
        py - from.y - along * (to.y - from.y),
      )
      return Math.max(v, Math.max(0, Math.min(1, 1.7 - far)))
    })
    onInk(now.current, false)
  }
  return (
    <div
      class="pad"
      onPointerDown={(e) => {
        e.currentTarget.setPointerCapture(e.pointerId)
        stroke(e, true)
      }}
      onPointerMove={(e) => {
        if (e.buttons > 0) stroke(e, false)
      }}
      onPointerUp={() => {
        last.current = undefined
        if (now.current.length > 0) onInk(now.current, true)
      }}
    >
      <Heat data={ink} width={SIDE} height={SIDE} scale={1} gray label={label} />
    </div>
  )
}
