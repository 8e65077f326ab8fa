/** Several pictures of one size beside each other: filters, feature maps, samples. */
import { Heat } from './Heat.js'

export interface MapsProps {
  /** One picture after the other, each row by row. */
  data: Float32Array
  width: number
  height: number
  /** The number of full colour; the largest of all pictures when not given. */
  scale?: number
  gray?: boolean
  /** How wide a picture is drawn, in pixels. */
  size: number
  /** What they show; with `onChoose` a number follows it. */
  label: string
  chosen?: number
  onChoose?: (index: number) => void
}

export function Maps({
  data,
  width,
  height,
  scale,
  gray,
  size,
  label,
  chosen,
  onChoose,
}: MapsProps) {
  const n = data.length / (width * height)
  let full = scale ?? 0
  if (scale === undefined)
    for (let i = 0; i < data.length; i++) full = Math.max(full, Math.abs(data[i]!))
  const pictures = Array.from({ length: n }, (_, i) => (
    <Heat
      key={i}
      data={data.subarray(i * width * height, (i + 1) * width * height)}
      width={width}
      height={height}
      scale={full}
      gray={gray ?? false}
      label=""
    />
  ))
  const style = { '--size': `${size}px` }
  return onChoose ? (
    <div class="maps" style={style}>
      {pictures.map((picture, i) => (
        <button
          key={i}
          type="button"
          aria-label={`${label} ${i + 1}`}
          aria-pressed={chosen === i}
          onClick={() => onChoose(i)}
        >
          {picture}
        </button>
      ))}
    </div>
  ) : (
    <div class="maps" style={style} role="img" aria-label={label}>
      {pictures}
    </div>
  )
}
