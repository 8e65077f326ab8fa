/**
 * PNG files (https://www.w3.org/TR/png-3/): all color types and depths, palettes, transparent colors, interlacing.
 * Samples are read as they are stored: gamma, chromaticities and color profiles change nothing, as in Pillow and
 * torchvision. Of an animation the default image is read.
 */
import { deflate, inflate } from '#host'
import { crc32 } from './crc.js'
import { FileError } from './errors.js'
import { requireRoom, TooLong } from './limits.js'

/** Rows of pixels; channels side by side, 0 to 1. */
export interface Pixels {
  width: number
  height: number
  /** 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA. */
  channels: number
  data: Float32Array
}

export const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
/** Samples of a pixel, and the depths that are allowed, by color type. */
const types: Record<number, { samples: number; depths: readonly number[] }> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
}
const PALETTE = 3
/** First column and row of each pass of an interlaced image, and the steps to the next. */
const passes = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const
const whole = [[0, 0, 1, 1]] as const
/** Some writers put a few bytes after the last row; more is not what the header says. */
const SLACK = 1024

interface Header {
  width: number
  height: number
  depth: number
  type: number
  interlaced: boolean
}

class Reader {
  private readonly name: string
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private header: Header | undefined
  private palette: Uint8Array | undefined
  private clear: Uint8Array | undefined
  private readonly data: Uint8Array[] = []

  constructor(bytes: Uint8Array, name: string) {
    this.bytes = bytes
    this.name = name
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  fail(rule: string, got: string, fix = 'Is it truncated or corrupt?', cause?: unknown): never {
    throw new FileError({ op: this.name, rule, got, fix }, { cause })
  }

  /** Reads the chunks. */
  read(maxBytes: number | undefined): Pixels {
    const { bytes, view } = this
    let at = SIGNATURE.length
    for (let ended = false; !ended; ) {
      if (at + 12 > bytes.length) this.fail('a PNG file must be whole', 'no end of the image')
      const length = view.getUint32(at)
      if (length > bytes.length - at - 12)
        this.fail(
          'a PNG file must be whole',
          `a chunk of ${length} bytes that is longer than the file`,
        )
      const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
      if (!/^[A-Za-z]{4}$/.test(kind))
        this.fail('a PNG file must be whole', 'a chunk without a name')
      const body = bytes.subarray(at + 8, at + 8 + length)
      const right =
        crc32(bytes.subarray(at + 4, at + 8 + length)) === view.getUint32(at + 8 + length)
      // Ancillary chunks, with a small first letter, are skipped when damaged, as libpng does.
      if (!right && (kind === 'tRNS' || kind[0]! < 'a'))
        this.fail('a PNG file must be whole', `a wrong checksum of its ${kind} chunk`)
      if (right) ended = this.chunk(kind, body, maxBytes)
      at += 12 + length
    }
    return this.pixels()
  }

  /** Reads one chunk; true: it was the last one. */
  private chunk(kind: string, body: Uint8Array, maxBytes: number | undefined): boolean {
    if (!this.header && kind !== 'IHDR')
      this.fail('a PNG file must begin with a header of sizes', `${kind} before it`)
    if (kind === 'IHDR') this.header = this.headerOf(body, maxBytes)
    else if (kind === 'PLTE') {
      if (body.length === 0 || body.length % 3 !== 0 || body.length > 768)
        this.fail('a palette must have 1 to 256 colors', `${body.length} bytes`)
      this.palette = body
    } else if (kind === 'tRNS') this.clear = body
    else if (kind === 'IDAT') this.data.push(body)
    else if (kind === 'IEND') return true
    else if (kind[0]! < 'a')
      this.fail('all critical chunks of a PNG file must be known', kind, 'Save it again.')
    return false
  }

  private headerOf(body: Uint8Array, maxBytes: number | undefined): Header {
    if (this.header || body.length !== 13)
      this.fail('a PNG file must begin with a header of sizes', 'another one')
    const view = new DataView(body.buffer, body.byteOffset, 13)
    const [width, height] = [view.getUint32(0), view.getUint32(4)]
    const [depth, type, compression, filter, interlace] = body.subarray(8) as unknown as number[]
    if (width === 0 || height === 0 || width > 2 ** 31 - 1 || height > 2 ** 31 - 1)
      this.fail('an image must have pixels', `${width} x ${height}`)
    if (!types[type!]?.depths.includes(depth!))
      this.fail(
        'a PNG must have a color type and depth of the format',
        `type ${type}, ${depth} bits`,
      )
    if (compression !== 0 || filter !== 0 || interlace! > 1)
      this.fail(
        'a PNG must be packed as the format says',
        `${compression}, ${filter}, ${interlace}`,
      )
    // As many channels as there can be: transparent colors make one more.
    const channels = type === PALETTE ? 4 : Math.min(4, types[type!]!.samples + 1)
    requireRoom(
      this.name,
      `an image of ${width} x ${height} pixels`,
      width * height * channels * 4,
      maxBytes,
    )
    return { width, height, depth: depth!, type: type!, interlaced: interlace === 1 }
  }

  private pixels(): Pixels {
    const { header, palette } = this
    if (!header) return this.fail('a PNG file must begin with a header of sizes', 'none')
    const { width, height, depth, type } = header
    if (this.data.length === 0) this.fail('a PNG file must be whole', 'no image data')
    if (type === PALETTE && !palette) this.fail('a PNG of this kind must have a palette', 'none')
    const { samples } = types[type]!
    const bits = samples * depth
    const lineBytes = (columns: number) => Math.ceil((columns * bits) / 8)
    const parts = (header.interlaced ? passes : whole).map(([x, y, dx, dy]) => {
      const [columns, rows] = [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)]
      const size = columns > 0 && rows > 0 ? rows * (1 + lineBytes(columns)) : 0
      return { x, y, dx, dy, columns, rows, size }
    })
    const need = parts.reduce((n, p) => n + p.size, 0)
    const raw = this.unpacked(need)

    const colors = this.colors(palette)
    const clear = type === PALETTE ? undefined : this.clearColor(samples, depth)
    const channels = type === PALETTE ? (this.clear ? 4 : 3) : samples + (clear ? 1 : 0)
    const data = new Float32Array(width * height * channels)
    const step = Math.max(1, bits >> 3)
    const top = 2 ** depth - 1
    const scaled = Float32Array.from({ length: type === PALETTE ? 0 : top + 1 }, (_, v) => v / top)
    const line = new Uint16Array(width * samples)
    let from = 0
    for (const { x, y, dx, dy, columns, rows, size } of parts) {
      if (size === 0) continue
      const bytes = lineBytes(columns)
      let above: Uint8Array = new Uint8Array(bytes)
      for (let r = 0; r < rows; r++) {
        const filter = raw[from]!
        if (filter > 4) this.fail('a line of a PNG must have a filter from 0 to 4', `${filter}`)
        const row = raw.subarray(from + 1, from + 1 + bytes)
        unfilter(filter, row, above, step)
        samplesOf(row, depth, columns * samples, line)
        const to = ((y + r * dy) * width + x) * channels
        if (type === PALETTE) this.paint(line, columns, colors, data, to, dx * channels, channels)
        else
          for (
            let c = 0, from = 0, at = to;
            c < columns;
            c++, from += samples, at += dx * channels
          ) {
            for (let k = 0; k < samples; k++) data[at + k] = scaled[line[from + k]!]!
            if (clear) data[at + samples] = clear.every((v, k) => v === line[from + k]) ? 0 : 1
          }
        above = row
        from += 1 + bytes
      }
    }
    return { width, height, channels, data }
  }

  /** The colors of a line of palette indices, written from `to` on, `step` apart. */
  private paint(
    line: Uint16Array,
    columns: number,
    colors: Uint8Array,
    data: Float32Array,
    to: number,
    step: number,
    channels: number,
  ): void {
    for (let c = 0; c < columns; c++) {
      const index = line[c]!
      if (index * 4 >= colors.length)
        throw new FileError({
          op: this.name,
          rule: `palette indices must lie below ${colors.length / 4}`,
          got: `${index}`,
        })
      for (let k = 0; k < channels; k++) data[to + c * step + k] = colors[index * 4 + k]! / 255
    }
  }

  /** The lines of the image, as many bytes as its header asks for. */
  private unpacked(need: number): Uint8Array {
    let raw: Uint8Array
    try {
      raw = inflate(this.data, need + SLACK)
    } catch (error) {
      if (error instanceof TooLong)
        this.fail(
          `the image data must have ${need} bytes, as its sizes say`,
          'more',
          undefined,
          error,
        )
      return this.fail('a PNG file must be whole', (error as Error).message, undefined, error)
    }
    if (raw.length < need)
      this.fail(`the image data must have ${need} bytes, as its sizes say`, `${raw.length}`)
    return raw
  }

  /** Red, green, blue and alpha of each color. */
  private colors(palette: Uint8Array | undefined): Uint8Array {
    const count = (palette?.length ?? 0) / 3
    const out = new Uint8Array(count * 4).fill(255)
    for (let i = 0; i < count; i++) {
      out.set(palette!.subarray(3 * i, 3 * i + 3), 4 * i)
      if (this.clear && i < this.clear.length) out[4 * i + 3] = this.clear[i]!
    }
    return out
  }

  /** The samples of the transparent color; one of another length is left out, as libpng does. */
  private clearColor(samples: number, depth: number): number[] | undefined {
    const { clear } = this
    if (samples % 2 === 0 || clear?.length !== 2 * samples) return undefined
    const mask = 2 ** depth - 1
    return Array.from(
      { length: samples },
      (_, k) => ((clear[2 * k]! << 8) | clear[2 * k + 1]!) & mask,
    )
  }
}

/** Undoes the filter of a line in place. `step` is the distance of a byte to that of the pixel before. */
function unfilter(filter: number, row: Uint8Array, above: Uint8Array, step: number): void {
  const n = row.length
  if (filter === 1) for (let i = step; i < n; i++) row[i]! += row[i - step]!
  else if (filter === 2) for (let i = 0; i < n; i++) row[i]! += above[i]!
  else if (filter === 3)
    for (let i = 0; i < n; i++) row[i]! += ((i < step ? 0 : row[i - step]!) + above[i]!) >> 1
  else if (filter === 4)
    for (let i = 0; i < n; i++) {
      const a = i < step ? 0 : row[i - step]!
      const b = above[i]!
      const c = i < step ? 0 : above[i - step]!
      const [da, db, dc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)]
      row[i]! += da <= db && da <= dc ? a : db <= dc ? b : c
    }
}

/** The first `count` samples of a line; those of less than 8 bits lie side by side, the first in the high bits. */
function samplesOf(row: Uint8Array, depth: number, count: number, to: Uint16Array): void {
  if (depth === 8) for (let i = 0; i < count; i++) to[i] = row[i]!
  else if (depth === 16)
    for (let i = 0; i < count; i++) to[i] = (row[2 * i]! << 8) | row[2 * i + 1]!
  else {
    const mask = 2 ** depth - 1
    for (let i = 0; i < count; i++) {
      const bit = i * depth
      to[i] = (row[bit >> 3]! >> (8 - depth - (bit & 7))) & mask
    }
  }
}

/** @throws FileError for a file that is not whole, and one whose pixels need more than `maxBytes` */
export const decodePng = (bytes: Uint8Array, name: string, maxBytes?: number): Pixels =>
  new Reader(bytes, name).read(maxBytes)

/** A PNG of bytes, 8 bits a channel. */
export function encodeBytes(
  width: number,
  height: number,
  channels: number,
  data: Uint8Array,
): Uint8Array {
  const line = width * channels
  const raw = new Uint8Array(height * (1 + line))
  for (let y = 0; y < height; y++)
    raw.set(data.subarray(y * line, (y + 1) * line), y * (1 + line) + 1)
  const header = new Uint8Array(13)
  const sizes = new DataView(header.buffer)
  sizes.setUint32(0, width)
  sizes.setUint32(4, height)
  header.set([8, [0, 4, 2, 6][channels - 1]!], 8)
  const chunks = [
    ['IHDR', header],
    ['IDAT', deflate(raw)],
    ['IEND', new Uint8Array(0)],
  ] as const
  const out = new Uint8Array(
    SIGNATURE.length + chunks.reduce((n, [, body]) => n + 12 + body.length, 0),
  )
  out.set(SIGNATURE)
  const view = new DataView(out.buffer)
  let at = SIGNATURE.length
  for (const [kind, body] of chunks) {
    view.setUint32(at, body.length)
    out.set(new TextEncoder().encode(kind), at + 4)
    out.set(body, at + 8)
    view.setUint32(at + 8 + body.length, crc32(out.subarray(at + 4, at + 8 + body.length)))
    at += 12 + body.length
  }
  return out
}
