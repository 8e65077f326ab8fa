/**
 * safetensors files that notice when a bit of them has changed: under `checksum` the metadata hold the CRC-32 of the
 * whole file, itself taken as eight zeros. Other readers see one more entry of the metadata.
 */
import { crc32 } from '../core/crc.js'
import { FileError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import { parseSafetensors, serializeSafetensors } from './safetensors.js'

const KEY = 'checksum'
const EMPTY = '00000000'
const ascii = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0))

/** Where the checksum's digits are; −1 if there is none. It is the first entry of the metadata. */
function placeOf(bytes: Uint8Array): number {
  const start = ascii(`{"__metadata__":{"${KEY}":"`)
  for (let i = 0; i < start.length; i++) if (bytes[8 + i] !== start[i]) return -1
  return 8 + start.length
}

/** The bytes of a safetensors file that carries its checksum. */
export function serializeChecked(
  tensors: Record<string, Tensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const bytes = serializeSafetensors(tensors, { [KEY]: EMPTY, ...metadata })
  bytes.set(ascii(crc32(bytes).toString(16).padStart(8, '0')), placeOf(bytes))
  return bytes
}

/**
 * The tensors and metadata of a file that carries its checksum.
 * @throws FileError when a bit of the file has changed, it is cut, or it has no checksum (unless `required` is false)
 */
export function parseChecked(
  bytes: Uint8Array,
  options: { required?: boolean } = {},
): ReturnType<typeof parseSafetensors> {
  const { required = true } = checkOptions('parseChecked', options, ['required'])
  // What is wrong with the form says more than the checksum.
  const { tensors, metadata } = parseSafetensors(bytes)
  const at = placeOf(bytes)
  if (at >= 0) {
    // `slice` of Node's Buffer copies nothing.
    const copy = new Uint8Array(bytes)
    copy.set(ascii(EMPTY), at)
    const got = crc32(copy).toString(16).padStart(8, '0')
    const want = String.fromCharCode(...bytes.subarray(at, at + 8))
    if (got !== want)
      throw new FileError({
        op: 'checksum',
        rule: `the checksum of the file must be ${/^[0-9a-f]{8}$/.test(want) ? want : 'eight hexadecimal digits'}`,
        got,
        fix: 'The file is damaged: use the one before it.',
      })
  }
  if (at < 0 && required)
    throw new FileError({
      op: 'checksum',
      rule: 'the file must carry its checksum',
      got: 'none',
      fix: 'It is damaged, or was not written by nabla; weights alone are loaded by loadTensors.',
    })
  // It belongs to these bytes, not to what is made of them.
  const { [KEY]: _, ...own } = metadata
  return { tensors, metadata: own }
}
