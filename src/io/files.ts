/** Tensors in files. */
import { appendBytes, readBytes, removeFile, writeAtomic } from '#host'
import { FileError } from '../core/errors.js'
import type { Tensor } from '../ops/tensor.js'
import { parseChecked } from './checksum.js'
import { serializeSafetensors } from './safetensors.js'

export { appendBytes, readBytes, removeFile, writeAtomic }

/** Saves tensors as safetensors. */
export function saveTensors(
  path: string,
  tensors: Record<string, Tensor>,
  metadata: Record<string, string> = {},
): void {
  writeAtomic(path, serializeSafetensors(tensors, metadata))
}

/** Loads a safetensors file. @throws FileError with the path */
export function loadTensors(path: string): {
  tensors: Record<string, Tensor>
  metadata: Record<string, string>
} {
  const bytes = readBytes(path)
  try {
    return parseChecked(bytes, { required: false })
  } catch (error) {
    if (error instanceof FileError) error.addPath(path)
    throw error
  }
}
