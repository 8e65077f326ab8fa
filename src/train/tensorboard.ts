/**
 * TensorBoard's event files: records of length, checksum and a protocol-buffer message each.
 * Record: uint64 length, masked CRC-32C of those 8 bytes, data, masked CRC-32C of the data
 * (https://www.tensorflow.org/tutorials/load_data/tfrecord). Message: tensorflow/core/util/event.proto.
 */
import { crc32c } from '../core/crc.js'

export type Scalars = Record<string, number>

/** The checksum rotated by 15 and moved by a constant, as the format asks for. */
function maskedCrc(bytes: Uint8Array): number {
  const c = crc32c(bytes)
  return (((c >>> 15) | (c << 17)) + 0xa282ead8) >>> 0
}

function varint(n: number): number[] {
  const out: number[] = []
  for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) + 128)
  out.push(n)
  return out
}
const bytesField = (field: number, data: ArrayLike<number>) => [
  ...varint(field * 8 + 2),
  ...varint(data.length),
  ...Array.from(data),
]
const text = (s: string) => new TextEncoder().encode(s)
const float = (v: number) => new Uint8Array(Float32Array.of(v).buffer)
const double = (v: number) => new Uint8Array(Float64Array.of(v).buffer)

function record(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(16 + data.length)
  const view = new DataView(out.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedCrc(out.subarray(0, 8)), true)
  out.set(data, 12)
  view.setUint32(12 + data.length, maskedCrc(data), true)
  return out
}

/** One record: the scalars of a step. `time` in seconds since 1970. */
export function encodeEvents(step: number, scalars: Scalars, time: number): Uint8Array {
  const values = Object.entries(scalars).flatMap(([tag, v]) =>
    bytesField(1, [...bytesField(1, text(tag)), 0x15, ...float(v)]),
  )
  return record(
    Uint8Array.from([0x09, ...double(time), 0x10, ...varint(step), ...bytesField(5, values)]),
  )
}

/** The version record at the start of every file, and, for a resumed run, the step from which on earlier files are void. */
export function encodeStart(step: number, time: number): Uint8Array {
  const wall = [0x09, ...double(time)]
  const version = record(Uint8Array.from([...wall, ...bytesField(3, text('brain.Event:2'))]))
  if (step === 0) return version
  // SessionLog { status: START }
  const start = record(
    Uint8Array.from([...wall, 0x10, ...varint(step + 1), ...bytesField(7, Uint8Array.of(8, 1))]),
  )
  const both = new Uint8Array(version.length + start.length)
  both.set(version)
  both.set(start, version.length)
  return both
}

/** A number of a step, as an event file holds it. */
export interface Event {
  step: number
  /** Seconds since 1970. */
  time: number
  scalars: Scalars
}

/** The fields of a message of protocol buffers: number, and a value of 8 or 4 bytes, a whole number, or bytes. */
function* fieldsOf(data: Uint8Array): Generator<[field: number, value: number | Uint8Array]> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let at = 0
  const whole = () => {
    let value = 0
    for (let scale = 1; at < data.length; scale *= 128) {
      const byte = data[at++]!
      value += (byte & 127) * scale
      if (byte < 128) break
    }
    return value
  }
  while (at < data.length) {
    const key = whole()
    const [field, type] = [Math.floor(key / 8), key % 8]
    if (type === 0) yield [field, whole()]
    else if (type === 1 || type === 5) {
      const size = type === 1 ? 8 : 4
      // What is cut off is no number.
      if (at + size > data.length) return
      yield [field, type === 1 ? view.getFloat64(at, true) : view.getFloat32(at, true)]
      at += size
    } else if (type === 2) {
      const size = whole()
      if (at + size > data.length) return
      yield [field, data.subarray(at, at + size)]
      at += size
    } else return
  }
}
const bytesOnly = (v: number | Uint8Array | undefined): Uint8Array =>
  v instanceof Uint8Array ? v : new Uint8Array(0)

/** The single number of a TensorProto of float32 or float64, as newer writers have it; undefined for others. */
function tensorScalar(data: Uint8Array): number | undefined {
  const fields = new Map(fieldsOf(data))
  const bytes = bytesOnly(fields.get(4) ?? fields.get(5) ?? fields.get(6))
  const list = fields.get(5) ?? fields.get(6)
  if (typeof list === 'number') return list
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (fields.get(1) === 1 && bytes.length === 4) return view.getFloat32(0, true)
  if (fields.get(1) === 2 && bytes.length === 8) return view.getFloat64(0, true)
  return undefined
}

/**
 * The scalars of an event file of any writer, and how many bytes of it were whole: a file that is being written may end in
 * the middle of a record, and a damaged record ends what can be read.
 */
export function decodeEvents(bytes: Uint8Array): { events: Event[]; length: number } {
  const events: Event[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + 12 <= bytes.length) {
    const size = Number(view.getBigUint64(at, true))
    const end = at + 16 + size
    if (
      end > bytes.length ||
      view.getUint32(at + 8, true) !== maskedCrc(bytes.subarray(at, at + 8))
    )
      break
    const data = bytes.subarray(at + 12, at + 12 + size)
    if (view.getUint32(end - 4, true) !== maskedCrc(data)) break
    at = end
    const event: Event = { step: 0, time: 0, scalars: {} }
    for (const [field, value] of fieldsOf(data)) {
      if (field === 1) event.time = value as number
      if (field === 2) event.step = value as number
      if (field !== 5) continue
      for (const [, item] of fieldsOf(bytesOnly(value))) {
        const fields = new Map(fieldsOf(bytesOnly(item)))
        const tag = new TextDecoder().decode(bytesOnly(fields.get(1)))
        const plain = fields.get(2)
        const number = typeof plain === 'number' ? plain : tensorScalar(bytesOnly(fields.get(8)))
        if (tag !== '' && number !== undefined) event.scalars[tag] = number
      }
    }
    if (Object.keys(event.scalars).length > 0) events.push(event)
  }
  return { events, length: at }
}
