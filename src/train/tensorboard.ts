/**
 * TensorBoard's event files: records of length, checksum and a protocol-buffer message each.
 * Record: uint64 length, masked CRC-32C of those 8 bytes, data, masked CRC-32C of the data
 * (https://www.tensorflow.org/tutorials/load_data/tfrecord). Message: tensorflow/core/util/event.proto.
 */
import { crc32c } from '../core/crc.js'

export type Scalars = Record<string, number>
/** How many numbers lie between each edge and the next; one edge more than counts. */
export interface Histogram {
  edges: number[]
  counts: number[]
}

/** The checksum rotated by 15 and moved by a constant, as the format asks for. */
export function maskedCrc(bytes: Uint8Array): number {
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

/** One record: the histograms of a step, as HistogramProto: limits of the buckets at their right, and counts. */
export function encodeHistograms(
  step: number,
  histograms: Readonly<Record<string, Histogram>>,
  time: number,
): Uint8Array {
  const doubles = (list: readonly number[]) => new Uint8Array(Float64Array.from(list).buffer)
  const values = Object.entries(histograms).flatMap(([tag, { edges, counts }]) => {
    const middles = counts.map((c, i) => [c, (edges[i]! + edges[i + 1]!) / 2] as const)
    const sum = middles.reduce((s, [c, v]) => s + c * v, 0)
    const squares = middles.reduce((s, [c, v]) => s + c * v * v, 0)
    const numbers = [edges[0]!, edges.at(-1)!, counts.reduce((a, b) => a + b, 0), sum, squares]
    const message = [
      ...numbers.flatMap((v, i) => [(i + 1) * 8 + 1, ...double(v)]),
      ...bytesField(6, doubles(edges.slice(1))),
      ...bytesField(7, doubles(counts)),
    ]
    return bytesField(1, [...bytesField(1, text(tag)), ...bytesField(5, message)])
  })
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

let files = 0
/** A name for a new event file in a folder: two runs in one second have two files. */
export function eventFile(folder: string): string {
  const unique = `${Math.floor(Date.now() / 1000)}.${Math.floor(performance.timeOrigin % 1e9)}.${files++}`
  return `${folder.replace(/\/$/, '')}/events.out.tfevents.${unique}.nabla`
}
