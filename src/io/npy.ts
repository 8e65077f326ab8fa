/**
 * The files of NumPy: .npy, one array, and .npz, a ZIP archive of them.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { readBytes, writeAtomic } from '#host'
import { DTypeError, FileError, ValueError } from '../core/errors.js'
import type { LimitOptions } from '../core/limits.js'
import { checkOptions } from '../core/options.js'
import { readZip, writeZip } from '../core/zip.js'
import { permute } from '../ops/broadcast.js'
import { contiguous } from '../ops/movement.js'
import { Tensor } from '../ops/tensor.js'
import { bytesOfKind, bytesOfTensor, kindOf, numpyKinds, tensorOf } from './elements.js'

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
const nameOf = Object.fromEntries(Object.entries(numpyKinds).map(([name, kind]) => [kind, name]))

/**
 * The tensor of a .npy file. Its type is kept; int16 and uint16 become int32, uint32 and uint64 int64.
 * Both orders of bytes and of axes are read.
 * @throws FileError for another format, a truncated or corrupt file, whole numbers from 2^63 on, and types
 * other than numbers and booleans
 * @example parseNpy(serializeNpy(tensor([[1, 2]]))) // [[1, 2]]
 */
export function parseNpy(bytes: Uint8Array, options: { name?: string } = {}): Tensor {
  const { name = 'npy' } = checkOptions('parseNpy', options, ['name'])
  const fail = (rule: string, got: string, fix = 'Is it truncated or another format?'): never => {
    throw new FileError({ op: name, rule, got, fix })
  }
  if (bytes.length < 10 || MAGIC.some((b, i) => bytes[i] !== b))
    fail('a .npy file begins with \\x93NUMPY', 'other bytes')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = bytes[6]!
  if (version < 1 || version > 3) fail('the version must be 1, 2 or 3', `${version}`)
  const from = version === 1 ? 10 : 12
  if (bytes.length < from) fail('the header must be whole', `${bytes.length} bytes`)
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  const start = from + length
  if (start > bytes.length) fail('the header must be whole', `${bytes.length} bytes`)
  const text = new TextDecoder().decode(bytes.subarray(from, start))
  // A dictionary of Python with these three entries, in any order.
  const entry = (key: string, value: string) =>
    new RegExp(`['"]${key}['"]\\s*:\\s*${value}`).exec(text)?.[1]
  const type = entry('descr', `['"]([^'"]*)['"]`)
  const fortran = entry('fortran_order', '(True|False)')
  const sizes = entry('shape', '\\(([\\d\\s,]*)\\)')
  if (type === undefined || fortran === undefined || sizes === undefined)
    return fail(
      'the header must say descr, fortran_order and shape, and descr be one simple type',
      text.trim().slice(0, 80),
      'Structured arrays are saved field by field.',
    )
  const kind = /^[<>|=]?/.test(type) ? numpyKinds[type.replace(/^[<>|=]/, '')] : undefined
  if (!kind || !Object.hasOwn(numpyKinds, type.replace(/^[<>|=]/, '')))
    return fail(
      `the type must be one of ${Object.keys(numpyKinds).join(', ')}`,
      type,
      'Convert it in NumPy: a.astype(...).',
    )
  const shape = sizes
    .split(',')
    .map((s) => s.trim())
    .filter((s) => s !== '')
    .map(Number)
  const need = shape.reduce((n, d) => n * d, bytesOfKind(kind))
  if (!Number.isSafeInteger(need) || need !== bytes.length - start)
    fail(
      `shape [${shape.join(', ')}] of ${type} needs ${need} bytes`,
      `${bytes.length - start}`,
      'Is it truncated or damaged?',
    )
  const data = bytes.subarray(start)
  const little = !type.startsWith('>')
  if (fortran === 'False' || shape.length < 2)
    return tensorOf(name, 'array', kind, data, shape, little)
  // The first axis runs fastest: the array with its axes the other way round, turned.
  const turned = tensorOf(name, 'array', kind, data, [...shape].reverse(), little)
  return contiguous(
    permute(
      turned,
      shape.map((_, i) => shape.length - 1 - i),
    ),
  )
}

/** The bytes of a .npy file, which numpy.load reads, rows first. @throws DTypeError for bfloat16, which NumPy has not */
export function serializeNpy(t: Tensor): Uint8Array {
  if (!(t instanceof Tensor))
    throw new ValueError({ op: 'serializeNpy', rule: 'it must be a tensor', got: typeof t })
  const kind = nameOf[kindOf[t.dtype]]
  if (!kind)
    throw new DTypeError({
      op: 'serializeNpy',
      rule: 'the format has no such type',
      got: t.dtype,
      fix: "t.to('float32') keeps every number of it.",
    })
  const shape = t.rank === 1 ? `${t.shape[0]},` : t.shape.join(', ')
  const text = `{'descr': '${kind.endsWith('1') ? '|' : '<'}${kind}', 'fortran_order': False, 'shape': (${shape}), }`
  // Data begins at a multiple of 64; the header ends with a line end.
  const size = Math.ceil((10 + text.length + 1) / 64) * 64
  const data = bytesOfTensor(t)
  const out = new Uint8Array(size + data.length)
  out.set([...MAGIC, 1, 0])
  new DataView(out.buffer).setUint16(8, size - 10, true)
  out.set(new TextEncoder().encode(`${text.padEnd(size - 11)}\n`), 10)
  out.set(data, size)
  return out
}

const ENDING = '.npy'

/**
 * The tensors of a .npz file (numpy.savez, numpy.savez_compressed) by their names.
 * @throws FileError for a damaged archive, one that needs more than `maxBytes`, and arrays that `parseNpy` refuses
 * @example parseNpz(serializeNpz({ a: tensor([1, 2]) })).a // [1, 2]
 */
export function parseNpz(
  bytes: Uint8Array,
  options: LimitOptions & { name?: string } = {},
): Record<string, Tensor> {
  const { name = 'npz', maxBytes } = checkOptions('parseNpz', options, ['maxBytes', 'name'])
  return Object.fromEntries(
    readZip(bytes, name, maxBytes).map(([file, content]) => [
      file.endsWith(ENDING) ? file.slice(0, -ENDING.length) : file,
      parseNpy(content, { name: `${name} ${file}` }),
    ]),
  )
}

/** The bytes of a .npz file, not compressed, which numpy.load reads. @throws FileError for more than 4 GiB */
export const serializeNpz = (tensors: Record<string, Tensor>): Uint8Array =>
  writeZip(
    Object.entries(tensors).map(([name, t]) => [`${name}${ENDING}`, serializeNpy(t)] as const),
    'npz',
  )

/** Reads a .npy file, in Node. @throws FileError */
export const loadNpy = (path: string): Tensor => parseNpy(readBytes(path), { name: path })
/** Writes a .npy file, in Node. @throws FileError */
export const saveNpy = (path: string, t: Tensor): void => writeAtomic(path, serializeNpy(t))
/** Reads a .npz file, in Node. @throws FileError */
export function loadNpz(path: string, options: LimitOptions = {}): Record<string, Tensor> {
  const limit = checkOptions('loadNpz', options, ['maxBytes'])
  return parseNpz(readBytes(path), { ...limit, name: path })
}
/** Writes a .npz file, in Node. @throws FileError */
export const saveNpz = (path: string, tensors: Record<string, Tensor>): void =>
  writeAtomic(path, serializeNpz(tensors))
