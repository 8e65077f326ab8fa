/** The IDX format of MNIST: two zero bytes, type, number of axes, extents (big-endian), data. */
import { FileError } from '../core/errors.js'

export interface Idx {
  shape: number[]
  data: Uint8Array
}

/** How many bytes a file has by its header; undefined when these are not the first bytes of one. */
export function idxSize(start: Uint8Array): number | undefined {
  const rank = start[3] ?? 0
  if (start.length < 4 + 4 * rank || start[0] !== 0 || start[1] !== 0 || rank > 4) return undefined
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength)
  let size = 1
  for (let i = 0; i < rank; i++) size *= view.getUint32(4 + 4 * i)
  return 4 + 4 * rank + size
}

/**
 * Reads unsigned bytes in IDX form.
 * @throws FileError for a wrong magic number, an unknown type, missing or left-over bytes
 */
export function parseIdx(bytes: Uint8Array, name = 'file'): Idx {
  const fail = (rule: string, got: string, fix?: string): never => {
    throw new FileError({ op: `idx ${name}`, rule, got, ...(fix && { fix }) })
  }
  if (bytes.length < 4)
    fail('an IDX file has a header', `${bytes.length} bytes`, 'Is it truncated?')
  if (bytes[0] !== 0 || bytes[1] !== 0)
    fail(
      'the magic number must start with two zero bytes',
      `${bytes[0]}, ${bytes[1]}`,
      bytes[0] === 0x1f && bytes[1] === 0x8b
        ? 'It is compressed: unpack it first.'
        : 'Is it another format?',
    )
  if (bytes[2] !== 0x08)
    fail('the elements must be unsigned bytes (type 0x08)', `type 0x${bytes[2]!.toString(16)}`)
  const rank = bytes[3]!
  if (rank < 1 || rank > 4) fail('there must be 1 to 4 axes', `${rank}`)
  if (bytes.length < 4 + 4 * rank)
    fail('the header must be whole', `${bytes.length} bytes`, 'Is it truncated?')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const size = shape.reduce((n, d) => n * d, 1)
  const have = bytes.length - 4 - 4 * rank
  if (have !== size)
    fail(
      `shape [${shape.join(', ')}] needs ${size} bytes`,
      `${have}`,
      have < size ? 'Is it truncated?' : 'Bytes are left over: is it corrupt?',
    )
  return { shape, data: bytes.subarray(4 + 4 * rank) }
}
