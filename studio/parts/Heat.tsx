/** Numbers of a grid as colours. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { dark } from '../shell/theme.js'
import { tint } from './colors.js'

export interface HeatProps {
  /** Row by row. */
  data: ArrayLike<number>
  width: number
  height: number
  /** The number of full colour; the largest of the data when not given. */
  scale?: number
  /** From this paper (0) to ink (scale), as pictures of digits are, instead of two colours around 0. */
  gray?: boolean
  /** Sides of the field as it is drawn; the pixels are smoothed only when asked. */
  smooth?: boolean
  /** What it shows; empty where something around it says so. */
  label: string
  class?: string
}

// One table for each theme: a field of thousands of numbers is drawn 60 times a second.
const tables = new Map<string, Uint32Array>()
function table(gray: boolean): Uint32Array {
  const key = `${dark.value} ${gray}`
  const known = tables.get(key)
  if (known) return known
  const made = new Uint32Array(513)
  for (let i = 0; i <= 512; i++) {
    const v = i / 256 - 1
    const ink = dark.value ? 30 + 215 * v : 250 - 235 * v
    const [r, g, b] = gray && v >= 0 ? [ink, ink, ink] : tint(v)
    made[i] = 0xff000000 | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)
  }
  tables.set(key, made)
  return made
}

export function Heat({
  data,
  width,
  height,
  scale,
  gray = false,
  smooth = false,
  label,
  class: className = '',
}: HeatProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const colors = table(gray)
  // In the frame of all that is drawn with it; other effects come one later.
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (!context) return
    let full = scale ?? 0
    if (scale === undefined)
      for (let i = 0; i < data.length; i++) full = Math.max(full, Math.abs(data[i]!))
    const image = context.createImageData(width, height)
    const pixels = new Uint32Array(image.data.buffer)
    const k = full > 0 ? 256 / full : 0
    for (let i = 0; i < pixels.length; i++) {
      const at = Math.round(data[i]! * k) + 256
      pixels[i] = colors[Number.isNaN(at) ? 0 : Math.max(0, Math.min(512, at))]!
    }
    context.putImageData(image, 0, 0)
  }, [data, width, height, scale, colors])
  return (
    <canvas
      ref={canvas}
      width={width}
      height={height}
      {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true })}
      class={`heat ${smooth ? 'smooth' : ''} ${className}`}
    />
  )
}
