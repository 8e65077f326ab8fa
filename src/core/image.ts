/** Images in files as numbers: PNG (core/png.ts), and JPEG by jpeg-js. */
import { decodeJpeg } from '#host'
import { FileError } from './errors.js'
import { jpegHeader } from './jpeg.js'
import type { LimitOptions } from './limits.js'
import { decodePng, encodeBytes, type Pixels, SIGNATURE } from './png.js'

export type { Pixels } from './png.js'

/** L is gray. */
export type ColorMode = 'L' | 'RGB' | 'RGBA'
const channelsOf: Record<ColorMode, number> = { L: 1, RGB: 3, RGBA: 4 }

export interface DecodeOptions extends LimitOptions {
  /** Gray 'L', 'RGB' or 'RGBA'; the channels that the file has when not given. */
  mode?: ColorMode
  /** What to call it in messages. */
  name?: string
  /**
   * Rotates and flips a JPEG according to its Exif orientation, as browsers and viewers do; on when not given. Pillow and
   * torchvision do not by default.
   */
  exifOrientation?: boolean
}

const startsWith = (bytes: Uint8Array, head: readonly number[]) =>
  head.every((b, i) => bytes[i] === b)

/**
 * A PNG or JPEG image, in the channels that it has or those of `mode`.
 *
 * PNG: every color type and depth. Samples are v / (2^bits − 1) as they are stored; gamma and color profiles are not
 * applied. A palette gives RGB, with transparent entries RGBA; a transparent color gives one more channel, 0 there.
 * JPEG: baseline and progressive. Gray has one channel; subsampled chroma is repeated, not smoothed; printing inks (CMYK
 * and YCCK with Adobe's mark) become RGB by (1 − ink)(1 − black), without a color profile.
 * @throws FileError for another format, a truncated or corrupt file, and one that needs more than `maxBytes`
 */
export function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Pixels {
  const { mode, name = 'image', maxBytes, exifOrientation = true } = options
  let pixels: Pixels
  if (startsWith(bytes, SIGNATURE)) pixels = decodePng(bytes, name, maxBytes)
  else if (startsWith(bytes, [0xff, 0xd8, 0xff]))
    pixels = readJpeg(bytes, name, maxBytes, exifOrientation)
  else
    throw new FileError({
      op: name,
      rule: 'an image must be PNG or JPEG',
      got:
        bytes.length === 0
          ? 'an empty file'
          : `a file that begins with ${Array.from(bytes.subarray(0, 4), (b) => b.toString(16).padStart(2, '0')).join(' ')}`,
    })
  return mode ? convert(pixels, mode) : pixels
}

function readJpeg(
  bytes: Uint8Array,
  name: string,
  maxBytes: number | undefined,
  exifOrientation: boolean,
): Pixels {
  const { components, chroma, orientation } = jpegHeader(bytes, name, maxBytes)
  let decoded: { width: number; height: number; data: Uint8Array }
  try {
    decoded = decodeJpeg(bytes, chroma)
  } catch (error) {
    if (error instanceof FileError) throw error
    throw new FileError(
      {
        op: name,
        rule: 'a JPEG file must be whole',
        got: error instanceof Error ? error.message : `${error}`,
        fix: 'Is it truncated or corrupt?',
      },
      { cause: error },
    )
  }
  const { width, height, data } = decoded
  const channels = components === 1 ? 1 : 3
  // The decoder writes gray three times.
  const every = 3 / channels
  const out = new Float32Array(width * height * channels)
  for (let i = 0; i < out.length; i++) out[i] = data[i * every]! / 255
  const pixels = { width, height, channels, data: out }
  return exifOrientation ? oriented(pixels, orientation) : pixels
}

/** The image rotated and flipped: 2 mirrored, 3 by 180°, 4 upside down, 5 to 8 with rows and columns exchanged. */
function oriented(pixels: Pixels, orientation: number): Pixels {
  if (orientation === 1) return pixels
  const { width, height, channels, data } = pixels
  const swapped = orientation >= 5
  const [w, h] = swapped ? [height, width] : [width, height]
  const right = [2, 3, 7, 8].includes(orientation)
  const down = [3, 4, 6, 7].includes(orientation)
  const out = new Float32Array(data.length)
  for (let y = 0, to = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const [column, row] = swapped ? [y, x] : [x, y]
      const at =
        ((down ? height - 1 - row : row) * width + (right ? width - 1 - column : column)) * channels
      for (let c = 0; c < channels; c++) out[to++] = data[at + c]!
    }
  return { width: w, height: h, channels, data: out }
}

/** Luma of ITU-R 601, as PIL converts: 0.299 R + 0.587 G + 0.114 B. Alpha is dropped or 1. */
export function convert({ width, height, channels, data }: Pixels, mode: ColorMode): Pixels {
  const to = channelsOf[mode]
  if (to === channels) return { width, height, channels, data }
  const out = new Float32Array(width * height * to)
  for (let i = 0; i < width * height; i++) {
    const at = i * channels
    const r = data[at]!
    const [g, b] = channels >= 3 ? [data[at + 1]!, data[at + 2]!] : [r, r]
    if (to === 1) out[i] = channels >= 3 ? 0.299 * r + 0.587 * g + 0.114 * b : r
    else {
      out[i * to] = r
      out[i * to + 1] = g
      out[i * to + 2] = b
      if (to === 4) out[i * to + 3] = channels === 2 ? data[at + 1]! : 1
    }
  }
  return { width, height, channels: to, data: out }
}

/** A PNG of 8 bits a channel; numbers are clamped to 0..1. */
export function encodePng({ width, height, channels, data }: Pixels): Uint8Array {
  const bytes = new Uint8Array(width * height * channels)
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Math.round(Math.min(1, Math.max(0, data[i]!)) * 255)
  return encodeBytes(width, height, channels, bytes)
}

/** Channels one after the other, (C, H, W), instead of side by side, (H, W, C). */
export function toPlanes({ width, height, channels, data }: Pixels): Float32Array {
  const size = width * height
  const out = new Float32Array(data.length)
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < size; i++) out[c * size + i] = data[i * channels + c]!
  return out
}
/** The inverse of `toPlanes`. */
export function fromPlanes(
  data: ArrayLike<number>,
  channels: number,
  height: number,
  width: number,
): Pixels {
  const size = width * height
  const out = new Float32Array(size * channels)
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < size; i++) out[i * channels + c] = data[c * size + i]!
  return { width, height, channels, data: out }
}
