/** Reading TensorBoard's event files, of any writer: numbers, histograms, pictures and graphs. `tensorboard.ts` tells the format. */
import { type Histogram, maskedCrc, type Scalars } from './tensorboard.js'

/** A picture as the file holds it, in PNG or whatever the writer took. */
export interface EventPicture {
  width: number
  height: number
  bytes: Uint8Array
}
/** A record of a step, as an event file holds it. */
export interface Event {
  step: number
  /** Seconds since 1970. */
  time: number
  scalars: Scalars
  /** These only where they are asked for. */
  histograms?: Record<string, Histogram>
  pictures?: Record<string, EventPicture>
  /** A GraphDef. */
  graph?: Uint8Array
}

/** The fields of a message of protocol buffers: number, and a value of 8 or 4 bytes, a whole number, or bytes. */
export function* fieldsOf(
  data: Uint8Array,
): Generator<[field: number, value: number | Uint8Array]> {
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
export const bytesOnly = (v: number | Uint8Array | undefined): Uint8Array =>
  v instanceof Uint8Array ? v : new Uint8Array(0)

/** The numbers of a packed field, or of one that stands once for each: doubles of `fields`' number `n`. */
function doubles(data: Uint8Array, n: number): number[] {
  const list: number[] = []
  for (const [field, value] of fieldsOf(data)) {
    if (field !== n) continue
    if (typeof value === 'number') list.push(value)
    else {
      const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
      for (let i = 0; i + 8 <= value.length; i += 8) list.push(view.getFloat64(i, true))
    }
  }
  return list
}

interface TensorProto {
  /** Of float32 and float64; others have none. */
  numbers: number[]
  texts: Uint8Array[]
}
/** What summaries have in their tensors: numbers of float32 and float64, and bytes. */
function tensorOf(data: Uint8Array): TensorProto {
  let type = 0
  let content = new Uint8Array(0)
  const found: TensorProto = { numbers: [], texts: [] }
  const unpack = (bytes: Uint8Array, size: 4 | 8) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let i = 0; i + size <= bytes.length; i += size)
      found.numbers.push(size === 4 ? view.getFloat32(i, true) : view.getFloat64(i, true))
  }
  for (const [field, value] of fieldsOf(data)) {
    if (field === 1) type = Number(value)
    else if (field === 4) content = bytesOnly(value) as typeof content
    else if (field === 8) found.texts.push(bytesOnly(value))
    else if (field === 5 || field === 6)
      if (typeof value === 'number') found.numbers.push(value)
      else unpack(value, field === 5 ? 4 : 8)
  }
  if (type === 1) unpack(content, 4)
  else if (type === 2) unpack(content, 8)
  else found.numbers.length = 0
  return found
}

const text = (bytes: number | Uint8Array | undefined) => new TextDecoder().decode(bytesOnly(bytes))

/** The name of the plugin that a summary is for; empty in those of old writers. */
function pluginOf(metadata: number | Uint8Array | undefined): string {
  const data = new Map(fieldsOf(bytesOnly(metadata))).get(1)
  return text(new Map(fieldsOf(bytesOnly(data))).get(1))
}

/** A HistogramProto: least, greatest, and the limits of the buckets at their right. */
function oldHistogram(data: Uint8Array): Histogram | undefined {
  const fields = new Map(fieldsOf(data))
  const low = Number(fields.get(1) ?? 0)
  const high = Number(fields.get(2) ?? 0)
  const limits = doubles(data, 6)
  const counts = doubles(data, 7)
  if (limits.length !== counts.length || counts.length === 0) return undefined
  // Buckets begin and end far outside of the numbers: their ends are those of the numbers.
  const clip = (v: number) => Math.max(low, Math.min(high, v))
  const edges = [low, ...limits.map(clip)]
  // An empty bucket before all numbers has no width.
  const kept = counts.flatMap((c, i) => (c > 0 || edges[i + 1]! > edges[i]! ? [i] : []))
  if (kept.length === 0) return undefined
  return {
    edges: [edges[kept[0]!]!, ...kept.map((i) => edges[i + 1]!)],
    counts: kept.map((i) => counts[i]!),
  }
}
/** Rows of left edge, right edge and count. */
function newHistogram({ numbers }: TensorProto): Histogram | undefined {
  if (numbers.length < 3 || numbers.length % 3 !== 0) return undefined
  const rows = Array.from({ length: numbers.length / 3 }, (_, i) => numbers.slice(3 * i, 3 * i + 3))
  return { edges: [rows[0]![0]!, ...rows.map((r) => r[1]!)], counts: rows.map((r) => r[2]!) }
}

/** Puts what an item of a summary holds into the event. */
function take(item: Uint8Array, event: Event, all: boolean): void {
  const fields = new Map(fieldsOf(item))
  const tag = text(fields.get(1))
  if (tag === '') return
  const plain = fields.get(2)
  if (typeof plain === 'number') {
    event.scalars[tag] = plain
    return
  }
  const plugin = pluginOf(fields.get(9))
  const tensor = fields.has(8) ? tensorOf(bytesOnly(fields.get(8))) : undefined
  if (tensor && tensor.numbers.length === 1 && plugin !== 'histograms' && plugin !== 'images') {
    event.scalars[tag] = tensor.numbers[0]!
    return
  }
  if (!all) return
  const histogram = fields.has(5)
    ? oldHistogram(bytesOnly(fields.get(5)))
    : tensor && plugin === 'histograms'
      ? newHistogram(tensor)
      : undefined
  if (histogram) {
    event.histograms ??= {}
    event.histograms[tag] = histogram
  }
  const picture = fields.has(4) ? new Map(fieldsOf(bytesOnly(fields.get(4)))) : undefined
  const size = (v: unknown) => (typeof v === 'number' ? v : Number(text(v as Uint8Array)))
  const found: EventPicture | undefined = picture
    ? {
        width: size(picture.get(2)),
        height: size(picture.get(1)),
        bytes: bytesOnly(picture.get(4)),
      }
    : tensor && plugin === 'images' && tensor.texts.length > 2
      ? { width: size(tensor.texts[0]), height: size(tensor.texts[1]), bytes: tensor.texts[2]! }
      : undefined
  if (found && found.bytes.length > 0) {
    event.pictures ??= {}
    event.pictures[tag] = found
  }
}

/**
 * The events of a file of any writer, and how many bytes of it were whole: a file that is being written may end in the
 * middle of a record, and a damaged record ends what can be read. Histograms, pictures and graphs come where `all` asks.
 */
export function decodeEvents(
  bytes: Uint8Array,
  { all = false } = {},
): { events: Event[]; length: number } {
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
      else if (field === 2) event.step = value as number
      else if (field === 4 && all) event.graph = bytesOnly(value)
      else if (field === 5)
        for (const [, item] of fieldsOf(bytesOnly(value))) take(bytesOnly(item), event, all)
    }
    const more = event.histograms || event.pictures || event.graph
    if (more || Object.keys(event.scalars).length > 0) events.push(event)
  }
  return { events, length: at }
}
