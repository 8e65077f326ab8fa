/**
 * ZIP archives (PKWARE's APPNOTE 6.3): reading of stored and deflated files with their checksums, writing of stored ones.
 */
import { inflateRaw } from '#host'
import { crc32 } from './crc.js'
import { FileError } from './errors.js'
import { requireRoom, TooLong } from './limits.js'

const END = 0x06054b50
const END_64 = 0x06064b50
const ENTRY = 0x02014b50
const LOCAL = 0x04034b50
/** In the 32-bit fields: the number stands in the 64-bit part. */
const MANY = 0xffffffff

interface Entry {
  name: string
  method: number
  crc: number
  packed: number
  size: number
  at: number
}

/**
 * The files of an archive, by their names in its order.
 * @throws FileError for what is no archive, truncated or damaged, encrypted or packed otherwise, has a name twice, or
 * needs more than `maxBytes` by its directory
 */
export function readZip(bytes: Uint8Array, op: string, maxBytes?: number): [string, Uint8Array][] {
  const fail = (rule: string, got: string, fix = 'Is it truncated or another format?'): never => {
    throw new FileError({ op, rule, got, fix })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const word = (at: number, size: 2 | 4 | 8): number => {
    if (!(at >= 0 && at + size <= bytes.length))
      fail('an archive must be whole', `${bytes.length} bytes`)
    if (size === 8) return Number(view.getBigUint64(at, true))
    return size === 4 ? view.getUint32(at, true) : view.getUint16(at, true)
  }

  // The end has a comment of up to 65,535 bytes behind it.
  let end = bytes.length - 22
  while (end >= 0 && end > bytes.length - 22 - 65_536 && view.getUint32(end, true) !== END) end--
  if (end < 0 || view.getUint32(end, true) !== END)
    fail('a ZIP archive ends with a directory', 'none')
  let [count, at] = [word(end + 10, 2), word(end + 16, 4)]
  if ((count === 0xffff || at === MANY) && end >= 20) {
    const far = word(end - 20 + 8, 8)
    if (word(far, 4) !== END_64) fail('a large archive has a directory of 64 bits', 'none')
    ;[count, at] = [word(far + 32, 8), word(far + 48, 8)]
  }

  const entries: Entry[] = []
  for (let i = 0; i < count; i++) {
    if (word(at, 4) !== ENTRY) fail('the directory of an archive must be whole', `no entry ${i}`)
    const [nameSize, extraSize, commentSize] = [
      word(at + 28, 2),
      word(at + 30, 2),
      word(at + 32, 2),
    ]
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameSize))
    const entry: Entry = {
      name,
      method: word(at + 10, 2),
      crc: word(at + 16, 4),
      packed: word(at + 20, 4),
      size: word(at + 24, 4),
      at: word(at + 42, 4),
    }
    if (word(at + 8, 2) & 1) fail(`${name} must not be encrypted`, 'a password', 'Pack it again.')
    // Part 1 of the extra fields has those numbers, in order, that do not fit 32 bits.
    for (let e = at + 46 + nameSize, last = e + extraSize; e + 4 <= last; e += 4 + word(e + 2, 2)) {
      if (word(e, 2) !== 1) continue
      let from = e + 4
      for (const key of ['size', 'packed', 'at'] as const)
        if (entry[key] === MANY) {
          entry[key] = word(from, 8)
          from += 8
        }
    }
    entries.push(entry)
    at += 46 + nameSize + extraSize + commentSize
  }
  const names = new Set<string>()
  const twice = entries.find(({ name }) => names.size === names.add(name).size)?.name
  if (twice !== undefined) fail('no name may come twice in an archive', twice, 'Is it damaged?')
  const total = entries.reduce((n, e) => n + e.size, 0)
  requireRoom(op, `an archive of ${entries.length} files`, total, maxBytes)

  return entries.map(({ name, method, crc, packed, size, at: local }) => {
    if (word(local, 4) !== LOCAL) fail('files must lie where the directory says', name)
    const from = local + 30 + word(local + 26, 2) + word(local + 28, 2)
    if (from + packed > bytes.length) fail('an archive must be whole', `the end within ${name}`)
    const body = bytes.subarray(from, from + packed)
    let content: Uint8Array
    if (method === 0) content = body
    else if (method === 8) {
      try {
        content = inflateRaw(body, size)
      } catch (error) {
        const got = error instanceof TooLong ? 'more' : (error as Error).message
        return fail(`${name} must have ${size} bytes, as the directory says`, got, 'Is it damaged?')
      }
    } else return fail(`${name} must be stored or deflated`, `method ${method}`, 'Pack it again.')
    if (content.length !== size || crc32(content) !== crc)
      fail(`${name} must be as it was packed`, 'other bytes', 'Is it damaged?')
    return [name, content]
  })
}

/** An archive of files as they are, unpacked; what is larger than 4 GiB is not written. @throws FileError */
export function writeZip(
  files: readonly (readonly [string, Uint8Array])[],
  op: string,
): Uint8Array {
  const list = files.map(([name, content]) => ({
    name: new TextEncoder().encode(name),
    content,
    crc: crc32(content),
    at: 0,
  }))
  const size = list.reduce((n, f) => n + f.content.length + 76 + 2 * f.name.length, 22)
  if (size >= MANY || list.length >= 0xffff)
    throw new FileError({
      op,
      rule: 'an archive that is written here has less than 4 GiB and 65,535 files',
      got: `${size} bytes, ${list.length} files`,
      fix: 'Write safetensors, or several files.',
    })
  const out = new Uint8Array(size)
  const view = new DataView(out.buffer)
  let at = 0
  /** Fields of 2 or 4 bytes, one after the other. */
  const put = (...fields: (readonly [size: 2 | 4, value: number])[]) => {
    for (const [bytes, value] of fields) {
      if (bytes === 4) view.setUint32(at, value, true)
      else view.setUint16(at, value, true)
      at += bytes
    }
  }
  const bytesOf = (b: Uint8Array) => {
    out.set(b, at)
    at += b.length
  }
  // Version 2.0, names in UTF-8, the first day of 1980, so that the same files give the same bytes.
  const common = (f: (typeof list)[number]) =>
    [
      [2, 20],
      [2, 0x0800],
      [2, 0],
      [2, 0],
      [2, 0x21],
      [4, f.crc],
      [4, f.content.length],
      [4, f.content.length],
      [2, f.name.length],
      [2, 0],
    ] as const
  for (const f of list) {
    f.at = at
    put([4, LOCAL], ...common(f))
    bytesOf(f.name)
    bytesOf(f.content)
  }
  const directory = at
  for (const f of list) {
    put([4, ENTRY], [2, 20], ...common(f), [2, 0], [2, 0], [2, 0], [4, 0], [4, f.at])
    bytesOf(f.name)
  }
  const length = at - directory
  put([4, END], [2, 0], [2, 0], [2, list.length], [2, list.length])
  put([4, length], [4, directory], [2, 0])
  return out
}
