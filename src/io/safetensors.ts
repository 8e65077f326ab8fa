/**
 * The safetensors format: 8 bytes of header length, a JSON header with type, shape and place of each tensor, the data.
 * What is refused and accepted is what the reference reader, in Rust, refuses and accepts, and the format's text where
 * it says more (no name twice). https://huggingface.co/docs/safetensors
 */
import { bytesOf } from '../core/dtype.js'
import { FileError } from '../core/errors.js'
import { Tensor } from '../ops/tensor.js'
import { bytesOfKind, bytesOfTensor, type ElementKind, kindOf, tensorOf } from './elements.js'

interface Entry {
  name: string
  kind: ElementKind
  shape: number[]
  from: number
  to: number
}

/** Types of the format and how nabla reads them. */
const kinds: Record<string, ElementKind> = {
  F64: 'f64',
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  I64: 'i64',
  I32: 'i32',
  I16: 'i16',
  I8: 'i8',
  U64: 'u64',
  U32: 'u32',
  U16: 'u16',
  U8: 'u8',
  BOOL: 'bool',
}
/** Types of the format that nabla does not read. */
const others = ['C64', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F6_E2M3', 'F6_E3M2', 'F4']
const nameOf = Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [kind, name]))

/** As in the reference reader: not 100 · 2^20. */
const MAX_HEADER = 100_000_000
const MAX_DEPTH = 127

function fail(rule: string, got?: string, fix?: string, cause?: unknown): never {
  throw new FileError(
    { op: 'safetensors', rule, ...(got && { got }), ...(fix && { fix }) },
    { cause },
  )
}
/** A value of the header in a few letters. */
const brief = (value: unknown): string => `${JSON.stringify(value)}`.slice(0, 60)
const quoted = (name: string) => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)

/**
 * Refuses what JSON.parse lets pass: a name that comes twice in an object, of which it keeps the last, and whole numbers
 * written as 1.0 or 1e3, which the reference reader does not take.
 */
function checkSpelling(text: string): void {
  const open: (Set<string> | undefined)[] = []
  let key: string | undefined
  // Strings first, so that nothing inside of them is seen; then numbers that are not whole as written.
  for (const [token] of text.matchAll(
    /"(?:[^"\\]|\\.)*"|[{}[\]:,]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g,
  )) {
    const first = token[0]!
    if (first === '{' || first === '[') {
      // As deep as the reference reader goes; deeper ones also exhaust the stack.
      if (open.length === MAX_DEPTH)
        fail('the header must not be nested deeply', `more than ${MAX_DEPTH} levels`)
      open.push(first === '{' ? new Set() : undefined)
    } else if (first === '}' || first === ']') open.pop()
    else if (first === '"') key = token
    else if (first === ':') {
      const name = JSON.parse(key!) as string
      const names = open.at(-1)!
      if (names.has(name)) fail('no name may come twice', quoted(name))
      names.add(name)
    } else if (first !== ',' && !/^\d+$/.test(token))
      fail('numbers of the header must be whole and not negative', token)
  }
}

/** The header as an object. */
function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    return fail('the header must be text in UTF-8', 'other bytes', 'Is it another format?', cause)
  }
  let header: unknown
  try {
    header = JSON.parse(text)
  } catch (cause) {
    return fail('the header must be JSON', 'something else', 'Is it another format?', cause)
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    fail('the header must be an object')
  checkSpelling(text)
  return header as Record<string, unknown>
}

function metadataOf(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    return fail('__metadata__ must be a map of strings', brief(value))
  for (const [key, text] of Object.entries(value))
    if (typeof text !== 'string')
      fail('__metadata__ must be a map of strings', `${brief(text)} at ${quoted(key)}`)
  return value as Record<string, string>
}

const isCount = (n: unknown): n is number =>
  typeof n === 'number' && Number.isSafeInteger(n) && n >= 0

function entryOf(name: string, value: unknown, room: number): Entry {
  const what = `tensor ${quoted(name)}`
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail(`${what}: an entry must be an object`)
  const { dtype, shape, data_offsets: at } = value as Record<string, unknown>
  const kind = typeof dtype === 'string' && Object.hasOwn(kinds, dtype) ? kinds[dtype] : undefined
  if (!kind)
    return fail(
      `${what}: the dtype must be one of ${Object.keys(kinds).join(', ')}`,
      typeof dtype === 'string' && others.includes(dtype)
        ? `${dtype}, which nabla does not read`
        : `${brief(dtype)}, which is no type of the format (besides these: ${others.join(', ')})`,
    )
  if (!Array.isArray(shape) || !shape.every(isCount))
    return fail(`${what}: the shape must be whole numbers below 2^53`, brief(shape))
  if (!Array.isArray(at) || at.length !== 2 || !at.every(isCount) || at[0] > at[1] || at[1] > room)
    return fail(
      `${what}: its data must lie within the ${room} bytes of data`,
      brief(at),
      'Is the file truncated?',
    )
  let size = bytesOfKind(kind)
  for (const n of shape) {
    size *= n
    if (!Number.isSafeInteger(size))
      fail(`${what}: its size must be below 2^53 bytes`, `shape [${shape.join(', ')}]`)
  }
  const [from, to] = at as [number, number]
  if (size !== to - from)
    fail(`${what}: shape [${shape.join(', ')}] of ${dtype} needs ${size} bytes`, `${to - from}`)
  return { name, kind, shape: shape as number[], from, to }
}

/** Header and data of a file's bytes, checked: the tensors lie one after the other and fill the data. */
function readHeader(bytes: Uint8Array): {
  entries: Entry[]
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
  if (length > MAX_HEADER)
    fail('the header must have at most 100,000,000 bytes', `${length}`, 'Is it another format?')
  if (length > bytes.length - 8)
    fail(
      'the header must lie within the file',
      `a header of ${length} bytes in a file of ${bytes.length}`,
      'Is it truncated, or another format?',
    )
  const start = 8 + length
  const { __metadata__: metadata, ...rest } = parseHeader(bytes.subarray(8, start))
  const room = bytes.length - start
  const entries = Object.entries(rest).map(([name, value]) => entryOf(name, value, room))
  // Tensors without elements take no place: they come before the one that begins where they lie.
  const placed = [...entries].sort((a, b) => a.from - b.from || a.to - b.to)
  let end = 0
  let last = ''
  for (const { name, from, to } of placed) {
    if (from < end) fail('tensors must not overlap', `${quoted(last)} and ${quoted(name)}`)
    if (from > end)
      fail(
        'tensors must lie one after the other',
        `${from - end} bytes before ${quoted(name)} that are no tensor's`,
      )
    end = to
    last = name
  }
  if (end !== room)
    fail(
      'the tensors must fill the data',
      `${room - end} bytes after the last one`,
      'Is it another file, or damaged?',
    )
  return { entries, metadata: metadataOf(metadata), start }
}

/**
 * The tensors of a safetensors file. Types are kept with all their bits; I16 and U16 become int32, U32 and U64
 * int64. `model.loadStateDict` converts to the types of the model.
 * @throws FileError that names the tensor and what is wrong: a truncated or corrupt file, bytes that are no tensor's,
 * a name that comes twice, whole numbers from 2^63 on, types that nabla does not read
 * @example parseSafetensors(serializeSafetensors({ w: tensor([1, 2]) })).tensors.w // [1, 2]
 */
export function parseSafetensors(bytes: Uint8Array): {
  tensors: Record<string, Tensor>
  metadata: Record<string, string>
} {
  const { entries, metadata, start } = readHeader(bytes)
  // Not by assignment: a tensor may be called __proto__.
  const tensors = Object.fromEntries(
    entries.map(({ name, kind, shape, from, to }) => [
      name,
      tensorOf(
        'safetensors',
        `tensor ${quoted(name)}`,
        kind,
        bytes.subarray(start + from, start + to),
        shape,
      ),
    ]),
  )
  return { tensors, metadata }
}

/**
 * The bytes of a safetensors file. The header has the tensors in the order given; those of larger elements lie first in
 * the data, so that every element is aligned.
 * @throws FileError for a value that is no tensor, metadata that are no strings, and a name that the format cannot hold
 */
export function serializeSafetensors(
  tensors: Record<string, Tensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const list = Object.entries(tensors)
  for (const [name, t] of list) {
    if (!(t instanceof Tensor)) fail(`${quoted(name)} must be a tensor`, typeof t)
    if (name === '__metadata__' || /\p{Surrogate}/u.test(name))
      fail('the name of a tensor must be text other than __metadata__', quoted(name))
  }
  metadataOf(metadata)
  const places = new Map<string, [number, number]>()
  let size = 0
  for (const [name, t] of [...list].sort((a, b) => bytesOf(b[1].dtype) - bytesOf(a[1].dtype))) {
    const end = size + t.size * bytesOf(t.dtype)
    places.set(name, [size, end])
    size = end
  }
  // Written by parts: an object would put names that are numbers before all others.
  const entries: [string, unknown][] = list.map(([name, t]) => [
    name,
    { dtype: nameOf[kindOf[t.dtype]], shape: t.shape, data_offsets: places.get(name) },
  ])
  if (Object.keys(metadata).length > 0) entries.unshift(['__metadata__', metadata])
  const header = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  const text = new TextEncoder().encode(`{${header.join(',')}}`)
  // Data begins at a multiple of 8.
  const padded = Math.ceil(text.length / 8) * 8
  const out = new Uint8Array(8 + padded + size)
  new DataView(out.buffer).setBigUint64(0, BigInt(padded), true)
  out.set(text, 8)
  out.fill(0x20, 8 + text.length, 8 + padded)
  for (const [name, t] of list) out.set(bytesOfTensor(t), 8 + padded + places.get(name)![0])
  return out
}
