/**
 * The safetensors format: 8 bytes of header length, a JSON header with type, shape and place of each tensor, the data.
 * https://huggingface.co/docs/safetensors
 */
import { type DType, newArray, type TypedArray } from '../core/dtype.js'
import { FileError } from '../core/errors.js'
import { sizeOf } from '../core/shape.js'
import { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'

interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** Types of the format: bytes an element, nabla's type, and how to read one element. */
const types: Record<
  string,
  { bytes: number; dtype: DType; read?: (view: DataView, at: number) => number }
> = {
  F32: { bytes: 4, dtype: 'float32' },
  I32: { bytes: 4, dtype: 'int32' },
  BOOL: { bytes: 1, dtype: 'bool' },
  F64: { bytes: 8, dtype: 'float32', read: (v, at) => v.getFloat64(at, true) },
  I64: { bytes: 8, dtype: 'int32', read: (v, at) => Number(v.getBigInt64(at, true)) },
  U8: { bytes: 1, dtype: 'int32', read: (v, at) => v.getUint8(at) },
  I8: { bytes: 1, dtype: 'int32', read: (v, at) => v.getInt8(at) },
  I16: { bytes: 2, dtype: 'int32', read: (v, at) => v.getInt16(at, true) },
  F16: { bytes: 2, dtype: 'float32', read: (v, at) => half(v.getUint16(at, true)) },
  BF16: { bytes: 2, dtype: 'float32', read: (v, at) => brain(v.getUint16(at, true)) },
}
function half(h: number): number {
  const sign = h & 0x8000 ? -1 : 1
  const e = (h >> 10) & 31
  const m = h & 1023
  if (e === 31) return m ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (e === 0 ? m * 2 ** -24 : (1 + m / 1024) * 2 ** (e - 15))
}
const word = new DataView(new ArrayBuffer(4))
function brain(h: number): number {
  word.setUint32(0, h << 16)
  return word.getFloat32(0)
}
const names: Record<DType, string> = { float32: 'F32', int32: 'I32', bool: 'BOOL', float64: 'F64' }

const MAX_HEADER = 100 * 2 ** 20

function fail(rule: string, got?: string, fix?: string): never {
  throw new FileError({ op: 'safetensors', rule, ...(got && { got }), ...(fix && { fix }) })
}

/** Header and data of a file's bytes, checked: nothing overlaps, nothing lies outside, every shape fits its bytes. */
function readHeader(bytes: Uint8Array): {
  entries: [string, Entry][]
  metadata: Record<string, string>
  start: number
} {
  if (bytes.length < 8)
    fail(
      'a file starts with the 8 bytes of the header length',
      `${bytes.length} bytes`,
      'Is it truncated?',
    )
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = Number(view.getBigUint64(0, true))
  if (length > MAX_HEADER || length > bytes.length - 8)
    fail(
      'the header must lie within the file',
      `a header of ${length} bytes in a file of ${bytes.length}`,
      'Is it truncated, or another format?',
    )
  let header: unknown
  try {
    header = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length)),
    )
  } catch {
    fail('the header must be JSON', 'something else', 'Is it another format?')
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    fail('the header must be an object')
  const { __metadata__: metadata = {}, ...rest } = header as Record<string, unknown>
  const start = 8 + length
  const room = bytes.length - start
  const entries = Object.entries(rest).map(([name, value]): [string, Entry] => {
    const e = value as Partial<Entry> | null
    const what = `tensor ${JSON.stringify(name)}`
    if (typeof e !== 'object' || e === null) fail(`${what}: an entry must be an object`)
    const type = types[e.dtype ?? '']
    if (!type)
      fail(`${what}: the dtype must be one of ${Object.keys(types).join(', ')}`, `${e.dtype}`)
    const whole = (n: unknown) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0
    if (!Array.isArray(e.shape) || !e.shape.every(whole))
      fail(`${what}: the shape must be whole numbers`, JSON.stringify(e.shape))
    const at = e.data_offsets
    if (!Array.isArray(at) || at.length !== 2 || !at.every(whole) || at[0] > at[1] || at[1] > room)
      fail(
        `${what}: its data must lie within the ${room} bytes of data`,
        JSON.stringify(at),
        'Is the file truncated?',
      )
    const size = e.shape.reduce((n, d) => n * d, 1)
    if (size * type.bytes !== at[1] - at[0])
      fail(
        `${what}: shape [${e.shape.join(', ')}] of ${e.dtype} needs ${size * type.bytes} bytes`,
        `${at[1] - at[0]}`,
      )
    return [name, e as Entry]
  })
  const byPlace = [...entries].sort((a, b) => a[1].data_offsets[0] - b[1].data_offsets[0])
  for (let i = 1; i < byPlace.length; i++)
    if (byPlace[i]![1].data_offsets[0] < byPlace[i - 1]![1].data_offsets[1])
      fail('tensors must not overlap', `${byPlace[i - 1]![0]} and ${byPlace[i]![0]}`)
  return { entries, metadata: metadata as Record<string, string>, start }
}

/**
 * The tensors of a safetensors file. float64, float16 and bfloat16 become float32, other integers int32.
 * @throws FileError that names the tensor and what is wrong, for a truncated or corrupt file
 */
export function parseSafetensors(bytes: Uint8Array): {
  tensors: Record<string, Tensor>
  metadata: Record<string, string>
} {
  const { entries, metadata, start } = readHeader(bytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tensors: Record<string, Tensor> = {}
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of entries) {
    const type = types[dtype]!
    let data: TypedArray
    if (type.read) {
      data = newArray(type.dtype, sizeOf(shape))
      for (let i = 0; i < data.length; i++) data[i] = type.read(view, start + from + i * type.bytes)
    } else {
      // A copy of its own: the file's bytes may lie at any place, and `slice` of Node's Buffer copies nothing.
      const copy = new Uint8Array(bytes.subarray(start + from, start + to))
      data =
        type.dtype === 'float32'
          ? new Float32Array(copy.buffer)
          : type.dtype === 'int32'
            ? new Int32Array(copy.buffer)
            : copy.map((b) => (b ? 1 : 0))
    }
    tensors[name] = tensor(data, { shape })
  }
  return { tensors, metadata }
}

/** The bytes of a safetensors file: tensors in the order given. */
export function serializeSafetensors(
  tensors: Record<string, Tensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const header: Record<string, unknown> = {}
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata
  const parts: Uint8Array[] = []
  let at = 0
  for (const [name, t] of Object.entries(tensors)) {
    if (!(t instanceof Tensor)) fail(`${name} must be a tensor`)
    const data = t.toTypedArray()
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    header[name] = { dtype: names[t.dtype], shape: t.shape, data_offsets: [at, at + bytes.length] }
    parts.push(bytes)
    at += bytes.length
  }
  let text = JSON.stringify(header)
  // Data begins at a multiple of 8.
  const encoder = new TextEncoder()
  let head = encoder.encode(text)
  if (head.length % 8 !== 0) {
    text += ' '.repeat(8 - (head.length % 8))
    head = encoder.encode(text)
  }
  const out = new Uint8Array(8 + head.length + at)
  new DataView(out.buffer).setBigUint64(0, BigInt(head.length), true)
  out.set(head, 8)
  let place = 8 + head.length
  for (const p of parts) {
    out.set(p, place)
    place += p.length
  }
  return out
}
