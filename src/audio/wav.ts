/**
 * WAV: the RIFF form of Microsoft and IBM (Multimedia Programming Interface and Data Specifications 1.0, 1991), its
 * extensible header, and the 64-bit form of the EBU (Tech 3306). Sizes are checked before memory is taken.
 */
import { readBytes, writeAtomic } from '#host'
import { FileError, ShapeError, show, ValueError } from '../core/errors.js'
import { limitOf, type LimitOptions, requireRoom } from '../core/limits.js'
import { checkOptions, kinds, oneOf, type OptionNames, readOptions } from '../core/options.js'
import { grouped } from '../core/text.js'
import type { Tensor } from '../ops/tensor.js'
import { checkFloats } from '../ops/window.js'
import { tensor } from '../tensor/creation.js'

/** How the samples of a file are kept. */
export type WavEncoding = 'pcm' | 'float' | 'alaw' | 'mulaw'

/** What the header of a file says. */
export interface WavInfo {
  /** Samples of each channel in a second, Hz. */
  sampleRate: number
  channels: number
  /** Samples of each channel. */
  frames: number
  encoding: WavEncoding
  /** Bits of a sample as it is stored. */
  bitsPerSample: number
}

export interface WavOptions extends LimitOptions {
  /** Gives the samples that are there when the file is cut off; without it that is an error. */
  partial?: boolean
  /** 'float64' keeps every bit of 32-bit integers and of 64-bit floats; 'float32' when not given. */
  dtype?: 'float32' | 'float64'
  /** What messages call the file. */
  name?: string
}
const wavNames: OptionNames<WavOptions> = { partial: true, dtype: true, name: true, maxBytes: true }

export interface Wav extends WavInfo {
  /** (channels, frames); integers of b bits are divided by 2^(b−1), so that they lie in [−1, 1). */
  waveform: Tensor
}

/** Codes of formats that nabla does not read, for the message. */
const others: Record<number, string> = {
  2: 'Microsoft ADPCM',
  17: 'IMA ADPCM',
  49: 'GSM 6.10',
  80: 'MPEG',
  85: 'MP3',
}
const encodings: Record<number, WavEncoding> = { 1: 'pcm', 3: 'float', 6: 'alaw', 7: 'mulaw' }
const codes: Record<WavEncoding, number> = { pcm: 1, float: 3, alaw: 6, mulaw: 7 }
/** Which sizes in bytes samples of an encoding have. */
const widths: Record<WavEncoding, readonly number[]> = {
  pcm: [1, 2, 3, 4],
  float: [4, 8],
  alaw: [1],
  mulaw: [1],
}
const EXTENSIBLE = 0xfffe
/** What follows the code in the name of a format of the extensible header. */
const GUID = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]
/** A size that was not known when the header was written: a stream. */
const UNKNOWN = 0xffffffff

/** ITU-T G.711, as 16-bit integers. */
function alaw(byte: number): number {
  const b = byte ^ 0x55
  const [exponent, low] = [(b >> 4) & 7, b & 15]
  const size = exponent === 0 ? (low << 4) + 8 : ((low << 4) + 0x108) << (exponent - 1)
  return b & 0x80 ? size : -size
}
function mulaw(byte: number): number {
  const b = ~byte & 0xff
  const size = (((b & 15) << 3) + 0x84) << ((b >> 4) & 7)
  return b & 0x80 ? 0x84 - size : size - 0x84
}

interface Header extends WavInfo {
  /** Bytes of a sample. */
  width: number
  /** Where the samples begin. */
  start: number
  little: boolean
}

const textAt = (bytes: Uint8Array, at: number) => String.fromCharCode(...bytes.subarray(at, at + 4))
const chunkTitle = (name: string) => `'${name.replace(/[^ -~]/g, '?')}'`

/** Reads the header as far as the samples. */
function header(bytes: Uint8Array, op: string, partial: boolean): Header {
  const refuse = (rule: string, got: string, fix?: string): never => {
    throw new FileError({ op, rule, got, ...(fix && { fix }) })
  }
  const cut = (rule: string, got: string): never =>
    refuse(
      rule,
      got,
      'The file is cut off: copy it again, or { partial: true } gives what is there.',
    )
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = textAt(bytes, 0)
  if (bytes.length < 12)
    refuse('a WAV file begins with 12 bytes, RIFF and WAVE', `${bytes.length} bytes`)
  if (!['RIFF', 'RIFX', 'RF64', 'BW64'].includes(magic) || textAt(bytes, 8) !== 'WAVE')
    refuse(
      'a WAV file begins with RIFF and WAVE',
      `${chunkTitle(magic)} and ${chunkTitle(textAt(bytes, 8))}`,
      'In a page an AudioContext decodes other formats: decodeAudioData.',
    )
  const little = magic !== 'RIFX'
  const u16 = (at: number) => view.getUint16(at, little)
  const u32 = (at: number) => view.getUint32(at, little)
  let format: Omit<Header, 'frames' | 'start'> | undefined
  let wide: number | undefined
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = textAt(bytes, at)
    const said = u32(at + 4)
    const start = at + 8
    const left = bytes.length - start
    if (name === 'data') {
      if (!format) return refuse('the fmt chunk stands before the samples', "a 'data' chunk first")
      const unknown = said === UNKNOWN
      const size = unknown ? (wide ?? left) : said
      if (size > left && !partial)
        cut(`the header says ${grouped(size)} bytes of samples`, `${grouped(left)}`)
      const block = format.channels * format.width
      const there = Math.min(size, left)
      // A stream may end anywhere; what has a size must end with a sample of the last channel.
      if (there % block !== 0 && !partial && !(unknown && wide === undefined))
        cut(
          `the samples are blocks of ${block} bytes, one of each channel`,
          `${grouped(there)} bytes`,
        )
      return { ...format, start, frames: Math.floor(there / block) }
    }
    if (said > left)
      cut(`the chunk ${chunkTitle(name)} has ${grouped(said)} bytes`, `${grouped(left)}`)
    if (name === 'ds64' && said >= 24) wide = Number(view.getBigUint64(start + 8, little))
    if (name === 'fmt ') {
      if (said < 16) refuse('the fmt chunk has at least 16 bytes', `${said}`)
      let code = u16(start)
      const [channels, sampleRate] = [u16(start + 2), u32(start + 4)]
      const [block, bitsPerSample] = [u16(start + 12), u16(start + 14)]
      if (code === EXTENSIBLE) {
        if (said < 40) refuse('an extensible fmt chunk has 40 bytes', `${said}`)
        const known = GUID.every((b, i) => bytes[start + 26 + i] === b)
        code = known ? u16(start + 24) : -1
      }
      const encoding = encodings[code]
      if (!encoding)
        return refuse(
          'samples are PCM, float, A-law or mu-law',
          code < 0 ? 'an unknown subformat' : (others[code] ?? `format ${code}`),
          'Convert the file to PCM.',
        )
      if (channels < 1 || sampleRate < 1)
        refuse(
          'there are at least one channel and one sample a second',
          `${channels} and ${sampleRate}`,
        )
      const width = Math.ceil(bitsPerSample / 8)
      if (!widths[encoding].includes(width))
        refuse(
          `a sample of ${encoding} has ${widths[encoding].map((w) => 8 * w).join(', ')} bits`,
          `${bitsPerSample}`,
        )
      if (block !== channels * width)
        refuse(`a block of ${channels} channels has ${channels * width} bytes`, `${block}`)
      format = { sampleRate, channels, encoding, bitsPerSample, width, little }
    }
    // Chunks begin at even places.
    at = start + said + (said % 2)
  }
  return refuse(
    'a WAV file has samples, a data chunk',
    format ? 'none' : 'neither format nor samples',
    'The file is cut off or empty.',
  )
}

const infoOf = ({ sampleRate, channels, frames, encoding, bitsPerSample }: Header): WavInfo => ({
  sampleRate,
  channels,
  frames,
  encoding,
  bitsPerSample,
})

function checked(op: string, given: WavOptions) {
  return readOptions<WavOptions>(op, [checkOptions(op, given, wavNames)], {
    partial: kinds.flag,
    dtype: oneOf('float32', 'float64'),
    name: kinds.text,
    maxBytes: kinds.number,
  })
}

/**
 * What the header of a WAV says, without reading the samples. @throws FileError
 * @example audio.wavInfo(audio.toWav(tensor([0, 0.5]), 8000)).frames // 2
 */
export function wavInfo(bytes: Uint8Array, options: WavOptions = {}): WavInfo {
  const { partial = false, name = 'wav' } = checked('wavInfo', options)
  return infoOf(header(bytes, name, partial))
}

/** One sample after the other, as numbers. */
function sampleReader(bytes: Uint8Array, h: Header): (at: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { width, little, encoding } = h
  if (encoding === 'float')
    return width === 4 ? (at) => view.getFloat32(at, little) : (at) => view.getFloat64(at, little)
  if (encoding !== 'pcm') {
    const of = encoding === 'alaw' ? alaw : mulaw
    const table = Float64Array.from({ length: 256 }, (_, b) => of(b) / 32768)
    return (at) => table[bytes[at]!]!
  }
  if (width === 1) return (at) => (bytes[at]! - 128) / 128
  if (width === 2) return (at) => view.getInt16(at, little) / 2 ** 15
  if (width === 4) return (at) => view.getInt32(at, little) / 2 ** 31
  const [low, high] = little ? [0, 2] : [2, 0]
  return (at) =>
    (((bytes[at + high]! << 24) >> 8) | (bytes[at + 1]! << 8) | bytes[at + low]!) / 2 ** 23
}

/**
 * The samples of a WAV as a tensor (channels, frames), with what the header says: integers of 8, 16, 24 and 32 bits,
 * floats of 32 and 64, A-law and mu-law; RIFF, RIFX, RF64, and extensible headers. The numbers are those of
 * `torchaudio.load`. A size of 0xFFFFFFFF, as streams have it, means as far as the file goes.
 * @throws FileError for another format, a file that is cut off (unless `partial`), and one that needs more than `maxBytes`
 * @example audio.fromWav(audio.toWav(tensor([[0, 0.5], [-1, 0.25]]), 8000)).waveform // [[0, 0.5], [-1, 0.25]]
 */
export function fromWav(bytes: Uint8Array, options: WavOptions = {}): Wav {
  const { partial = false, dtype = 'float32', name = 'wav', maxBytes } = checked('fromWav', options)
  const h = header(bytes, name, partial)
  const { channels, frames, width, start } = h
  const size = channels * frames
  requireRoom(name, 'the sound', size * (dtype === 'float64' ? 8 : 4), limitOf(name, maxBytes))
  const data = dtype === 'float64' ? new Float64Array(size) : new Float32Array(size)
  const read = sampleReader(bytes, h)
  let at = start
  for (let t = 0; t < frames; t++)
    for (let c = 0; c < channels; c++, at += width) data[c * frames + t] = read(at)
  return { ...infoOf(h), waveform: tensor(data, { shape: [channels, frames], dtype }) }
}

export interface ToWavOptions {
  /** Integers or floats; 'pcm' when not given. */
  encoding?: 'pcm' | 'float'
  /** 8, 16 (when not given), 24 or 32 for integers, 32 (when not given) or 64 for floats. */
  bitsPerSample?: number
}
const toWavNames: OptionNames<ToWavOptions> = { encoding: true, bitsPerSample: true }

/**
 * A waveform (channels, frames) or (frames) as a WAV. Integers of b bits are round(x · 2^(b−1)), limited to what b bits
 * hold, so that what `fromWav` reads comes back bit by bit; more than two channels or 16 bits get an extensible header.
 * @throws ShapeError for another shape; ValueError for a rate or bits that cannot be, and for integers of what is not finite
 * @example audio.toWav(tensor([0, 0.5, -0.5]), 8000).length // 50
 */
export function toWav(x: Tensor, sampleRate: number, options: ToWavOptions = {}): Uint8Array {
  const op = 'toWav'
  const { encoding = 'pcm', bitsPerSample = encoding === 'float' ? 32 : 16 } = checkOptions(
    op,
    options,
    toWavNames,
  )
  const refuse = (rule: string, got: string, fix?: string): never => {
    throw new ValueError({ op, rule, got, ...(fix && { fix }) })
  }
  checkFloats(op, x)
  if (x.rank !== 1 && x.rank !== 2)
    throw new ShapeError({
      op,
      rule: 'a waveform is (frames) or (channels, frames)',
      got: show(x.shape),
    })
  const [channels, frames] = (x.rank === 1 ? [1, x.size] : x.shape) as [number, number]
  if (channels < 1 || channels > 65535)
    throw new ShapeError({ op, rule: 'there are 1 to 65,535 channels', got: `${channels}` })
  if (!(Number.isInteger(sampleRate) && sampleRate >= 1 && sampleRate < 2 ** 32))
    refuse('sampleRate is a whole number of Hz from 1 up', `${sampleRate}`)
  if (encoding !== 'pcm' && encoding !== 'float')
    refuse("encoding is 'pcm' or 'float'", `${encoding}`)
  const width = bitsPerSample / 8
  if (!widths[encoding].includes(width))
    refuse(
      `bitsPerSample of ${encoding} is ${widths[encoding].map((w) => 8 * w).join(', ')}`,
      `${bitsPerSample}`,
    )
  const size = channels * frames * width
  const block = channels * width
  if (size > 0xffffff00 || block > 65535)
    refuse('a WAV holds at most 4 GiB, 65,535 bytes for a block', `${grouped(size)} bytes`)
  const extended = channels > 2 || (encoding === 'pcm' && bitsPerSample > 16)
  const simple = encoding === 'pcm' && !extended
  const fmt = extended ? 40 : simple ? 16 : 18
  const start = 12 + 8 + fmt + (simple ? 0 : 12) + 8
  const bytes = new Uint8Array(start + size + (size % 2))
  const view = new DataView(bytes.buffer)
  let at = 0
  const text = (s: string) => {
    for (const c of s) bytes[at++] = c.charCodeAt(0)
  }
  const number = (v: number, n: 2 | 4) => {
    if (n === 2) view.setUint16(at, v, true)
    else view.setUint32(at, v, true)
    at += n
  }
  text('RIFF')
  number(bytes.length - 8, 4)
  text('WAVEfmt ')
  number(fmt, 4)
  number(extended ? EXTENSIBLE : codes[encoding], 2)
  number(channels, 2)
  number(sampleRate, 4)
  number(Math.min(0xffffffff, sampleRate * block), 4)
  number(block, 2)
  number(bitsPerSample, 2)
  if (!simple) number(extended ? 22 : 0, 2)
  if (extended) {
    number(bitsPerSample, 2)
    // Which loudspeaker: one in front, left and right, else not said.
    number(channels === 1 ? 4 : channels === 2 ? 3 : 0, 4)
    number(codes[encoding], 2)
    bytes.set(GUID, at)
    at += GUID.length
  }
  if (!simple) {
    text('fact')
    number(4, 4)
    number(frames, 4)
  }
  text('data')
  number(size, 4)
  const data = x.toTypedArray() as ArrayLike<number>
  const [scale, top] = [2 ** (bitsPerSample - 1), 2 ** (bitsPerSample - 1) - 1]
  for (let t = 0; t < frames; t++)
    for (let c = 0; c < channels; c++, at += width) {
      const v = data[c * frames + t]!
      if (encoding === 'float') {
        if (width === 4) view.setFloat32(at, v, true)
        else view.setFloat64(at, v, true)
        continue
      }
      if (!Number.isFinite(v))
        refuse(
          'integers hold finite numbers',
          `${v} at ${show([c, t])}`,
          "{ encoding: 'float' } keeps it.",
        )
      const i = Math.min(top, Math.max(-scale, roundEven(v * scale)))
      if (width === 1) bytes[at] = i + 128
      else if (width === 2) view.setInt16(at, i, true)
      else if (width === 4) view.setInt32(at, i, true)
      else {
        bytes[at] = i & 255
        bytes[at + 1] = (i >> 8) & 255
        bytes[at + 2] = (i >> 16) & 255
      }
    }
  return bytes
}

/** To the nearest whole number, halves to the even one. */
function roundEven(v: number): number {
  const r = Math.round(v)
  return Math.abs(v % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r
}

/** Reads a WAV file, for Node; see `fromWav`. @throws FileError */
export const readWav = (path: string, options: WavOptions = {}): Wav =>
  fromWav(readBytes(path), { name: path, ...options })
/** Writes a WAV file, for Node; see `toWav`. @throws FileError, ShapeError, ValueError */
export const writeWav = (
  path: string,
  x: Tensor,
  sampleRate: number,
  options: ToWavOptions = {},
): void => writeAtomic(path, toWav(x, sampleRate, options))
