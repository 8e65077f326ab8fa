/** Pictures in files as numbers: PNG by fast-png, JPEG by jpeg-js. */
import { decodeJpeg } from '#host'
import { type DecodedPng, decode, encode } from 'fast-png'
import { FileError } from './errors.js'

/** Pixels row by row, channels side by side, from 0 to 1. Channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA. */
export interface Pixels {
  width: number
  height: number
  channels: number
  data: Float32Array
}

/** L is gray. */
export type ColorMode = 'L' | 'RGB' | 'RGBA'
const channelsOf: Record<ColorMode, number> = { L: 1, RGB: 3, RGBA: 4 }

const MAX_PIXELS = 2 ** 26
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
const IHDR = [0x49, 0x48, 0x44, 0x52]
const startsWith = (bytes: Uint8Array, head: readonly number[]) =>
  head.every((b, i) => bytes[i] === b)

/**
 * A PNG or JPEG picture, in the channels that it has or those of `mode`.
 * @throws FileError for another format, a truncated or corrupt file, and more than 2²⁶ pixels
 */
export function decodeImage(bytes: Uint8Array, mode?: ColorMode, name = 'image'): Pixels {
  const fail = (rule: string, got: string, fix?: string, cause?: unknown): never => {
    throw new FileError({ op: name, rule, got, ...(fix && { fix }) }, { cause })
  }
  const whole = <T>(format: string, f: () => T): T => {
    try {
      return f()
    } catch (error) {
      if (error instanceof FileError) throw error
      return fail(
        `a ${format} file must be whole`,
        error instanceof Error ? error.message : `${error}`,
        'Is it truncated or corrupt?',
        error,
      )
    }
  }
  let pixels: Pixels
  if (startsWith(bytes, PNG)) {
    if (bytes.length < 33 || !startsWith(bytes.subarray(12), IHDR))
      fail('a PNG file must begin with a header of sizes', `${bytes.length} bytes without one`)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const [width, height] = [view.getUint32(16), view.getUint32(20)]
    if (!(width * height <= MAX_PIXELS) || width * height === 0)
      fail(`a picture has 1 to ${MAX_PIXELS} pixels`, `${width} x ${height}`)
    if (bytes[28] === 1 && bytes[24]! < 8)
      fail('interlaced PNG must have 8 or 16 bits a channel', `${bytes[24]}`, 'Save it anew.')
    pixels = whole('PNG', () => unpack(decode(bytes, { checkCrc: true })))
  } else if (startsWith(bytes, [0xff, 0xd8, 0xff])) {
    const { width, height, data } = whole('JPEG', () => decodeJpeg(bytes))
    pixels = { width, height, channels: 3, data: Float32Array.from(data, (v) => v / 255) }
  } else
    return fail(
      'a picture must be PNG or JPEG',
      bytes.length === 0
        ? 'an empty file'
        : `a file that begins with ${Array.from(bytes.subarray(0, 4), (b) => b.toString(16).padStart(2, '0')).join(' ')}`,
    )
  return mode ? convert(pixels, mode) : pixels
}

/** Samples of 1 to 16 bits, palette indices and transparent colors to numbers. */
function unpack({ width, height, channels, depth, data, palette, transparency }: DecodedPng) {
  const count = width * height * channels
  const perLine = width * channels
  const samples = new Uint16Array(count)
  if (depth >= 8) samples.set(data)
  else {
    // Lines begin at whole bytes.
    const lineBytes = Math.ceil((perLine * depth) / 8)
    const mask = 2 ** depth - 1
    for (let y = 0, to = 0; y < height; y++)
      for (let x = 0; x < perLine; x++, to++) {
        const bit = x * depth
        samples[to] = (data[y * lineBytes + (bit >> 3)]! >> (8 - depth - (bit & 7))) & mask
      }
  }
  if (palette) {
    const colors = palette[0]?.length ?? 3
    const out = new Float32Array(count * colors)
    for (let i = 0; i < count; i++) {
      const color = palette[samples[i]!]
      if (!color)
        throw new FileError({
          op: 'image',
          rule: `palette indices must lie below ${palette.length}`,
          got: `${samples[i]}`,
        })
      for (let c = 0; c < colors; c++) out[i * colors + c] = color[c]! / 255
    }
    return { width, height, channels: colors, data: out }
  }
  const top = 2 ** depth - 1
  const clear = transparency?.length === channels ? transparency : undefined
  const to = channels + (clear ? 1 : 0)
  const out = new Float32Array(width * height * to)
  for (let i = 0; i < width * height; i++) {
    let same = true
    for (let c = 0; c < channels; c++) {
      const v = samples[i * channels + c]!
      out[i * to + c] = v / top
      same &&= v === clear?.[c]
    }
    if (clear) out[i * to + channels] = same ? 0 : 1
  }
  return { width, height, channels: to, data: out }
}

/** Luma of ITU-R 601, as PIL converts: 0.299 R + 0.587 G + 0.114 B. Alpha is dropped or 1. */
function convert({ width, height, channels, data }: Pixels, mode: ColorMode): Pixels {
  const to = channelsOf[mode]
  if (to === channels) return { width, height, channels, data }
  const out = new Float32Array(width * height * to)
  for (let i = 0; i < width * height; i++) {
    const at = i * channels
    const r = data[at]!
    const [g, b] = channels >= 3 ? [data[at + 1]!, data[at + 2]!] : [r, r]
    if (to === 1) out[i] = channels >= 3 ? 0.299 * r + 0.587 * g + 0.114 * b : r
    else {
      out.set([r, g, b], i * to)
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
  return encode({ width, height, channels, data: bytes, depth: 8 })
}

/** Channels one after the other, (C, H, W), in the place of side by side, (H, W, C). */
export function toPlanes({ width, height, channels, data }: Pixels): Float32Array {
  const size = width * height
  const out = new Float32Array(data.length)
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < size; i++) out[c * size + i] = data[i * channels + c]!
  return out
}
/** The other way. */
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
