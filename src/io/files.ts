/** Files, for Node: written beside and renamed, so that a reader never sees half of one. */
import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { FileError } from '../core/errors.js'
import type { Tensor } from '../ops/tensor.js'
import { parseSafetensors, serializeSafetensors } from './safetensors.js'

const reasons: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOSPC: 'the disk is full',
}
function problem(op: string, path: string, error: unknown): FileError {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  return new FileError(
    {
      op,
      rule: `${path} cannot be ${op === 'read' ? 'read' : 'written'}`,
      got: reasons[code] ?? String((error as Error).message),
    },
    { cause: error },
  )
}

/** The bytes of a file. @throws FileError that says why it cannot be read */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw problem('read', path, error)
  }
}

/** Writes a file whole or not at all. @throws FileError, after which the old file is as it was */
export function writeAtomic(path: string, content: Uint8Array | string): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  const beside = `${path}.${process.pid}.tmp`
  try {
    mkdirSync(dirname(path), { recursive: true })
    const fd = openSync(beside, 'w')
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw problem('write', path, error)
  }
}

/** Adds bytes to the end of a file, which is made when there is none. @throws FileError */
export function appendBytes(path: string, bytes: Uint8Array): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    appendFileSync(path, bytes)
  } catch (error) {
    throw problem('write', path, error)
  }
}

/** Removes a file; one that is not there is no error. */
export function removeFile(path: string): void {
  rmSync(path, { force: true })
}

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
    return parseSafetensors(bytes)
  } catch (error) {
    if (error instanceof FileError) error.addPath(path)
    throw error
  }
}
