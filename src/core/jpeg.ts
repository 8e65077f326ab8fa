/**
 * The header of a JPEG, read before it is decoded: sizes, color space, orientation.
 * ITU-T T.81 for the markers, JEITA CP-3451 (Exif 2.3) for the orientation.
 */
import { FileError } from './errors.js'
import { requireRoom } from './limits.js'

export interface JpegHeader {
  width: number
  height: number
  /** 1 gray, 3 in color, 4 in printing inks. */
  components: number
  /** The three are luma and chroma, not red, green and blue. */
  chroma: boolean
  /** 1 to 8: how the image must be rotated and flipped to be seen as it was taken (Exif). */
  orientation: number
}

/** Frames that are decoded: baseline, extended and progressive, with Huffman codes. */
const frames = new Set([0xc0, 0xc1, 0xc2])
const ADOBE = [0x41, 0x64, 0x6f, 0x62, 0x65]
const EXIF = [0x45, 0x78, 0x69, 0x66, 0, 0]
const startsWith = (bytes: Uint8Array, head: readonly number[]) =>
  head.every((b, i) => bytes[i] === b)

/** The orientation of an Exif block, 1 when it has none. */
function orientationOf(block: Uint8Array): number {
  const tiff = block.subarray(EXIF.length)
  if (tiff.length < 14) return 1
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength)
  const little = view.getUint16(0) === 0x4949
  const start = view.getUint32(4, little)
  if (start + 2 > tiff.length) return 1
  const count = view.getUint16(start, little)
  for (let i = 0, at = start + 2; i < count && at + 12 <= tiff.length; i++, at += 12)
    if (view.getUint16(at, little) === 0x0112) {
      const v = view.getUint16(at + 8, little)
      return v >= 1 && v <= 8 ? v : 1
    }
  return 1
}

/**
 * Reads the markers in front of the image.
 * @throws FileError for kinds that are not decoded, a file without sizes, and one that needs more than `maxBytes`
 */
export function jpegHeader(bytes: Uint8Array, name: string, maxBytes?: number): JpegHeader {
  const fail = (rule: string, got: string, fix: string): never => {
    throw new FileError({ op: name, rule, got, fix })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let [jfif, adobe, orientation] = [false, -1, 1]
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) break
    const marker = bytes[at + 1]!
    // Fill bytes, and markers that stand alone.
    if (marker === 0xff || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker === 0xff ? 1 : 2
      continue
    }
    const length = view.getUint16(at + 2)
    const body = bytes.subarray(at + 4, at + 2 + length)
    if (length < 2 || at + 2 + length > bytes.length) break
    if (marker === 0xe0 && startsWith(body, [0x4a, 0x46, 0x49, 0x46])) jfif = true
    else if (marker === 0xe1 && startsWith(body, EXIF)) orientation = orientationOf(body)
    else if (marker === 0xee && startsWith(body, ADOBE) && body.length >= 12) adobe = body[11]!
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (!frames.has(marker) || body[0] !== 8)
        fail(
          'a JPEG must be baseline or progressive, with 8 bits and Huffman codes',
          `a frame of kind ${marker - 0xc0} with ${body[0]} bits`,
          'Save it again, or as PNG.',
        )
      const components = body[5] ?? 0
      const [height, width] =
        body.length > 5 ? [view.getUint16(at + 5), view.getUint16(at + 7)] : [0, 0]
      if (
        width === 0 ||
        height === 0 ||
        ![1, 3, 4].includes(components) ||
        body.length < 6 + 3 * components
      )
        fail(
          'a JPEG must have pixels of 1, 3 or 4 components',
          `${width} x ${height} of ${components}`,
          'Is it truncated or corrupt?',
        )
      if (components === 4 && adobe < 0)
        fail(
          'a JPEG of printing inks (CMYK) must have the mark of Adobe',
          'none',
          'Save it as RGB.',
        )
      const part = (k: number) => body.subarray(6 + 3 * k, 9 + 3 * k)
      const ids = Array.from({ length: components }, (_, k) => part(k)[0]!)
      const area = (k: number) => (part(k)[1]! >> 4) * (part(k)[1]! & 15)
      const all = ids.map((_, k) => area(k))
      // The decoder holds eight bytes for each sample of each component, the result has four for each number.
      const finest = Math.max(...all, 1)
      const samples = all.reduce((n, a) => n + a / finest, 0)
      const pixels = width * height
      const need = pixels * Math.ceil(8 * samples + 4 * Math.min(3, components))
      requireRoom(name, `an image of ${width} x ${height} pixels`, need, maxBytes)
      const rgb = String.fromCharCode(...ids) === 'RGB'
      // As libjpeg decides.
      const chroma = (components === 3 && jfif) || (adobe >= 0 ? adobe !== 0 : !rgb)
      return { width, height, components, chroma, orientation }
    } else if (marker === 0xda || marker === 0xd9) break
    at += 2 + length
  }
  return fail('a JPEG file must be whole', 'no sizes', 'Is it truncated or corrupt?')
}
