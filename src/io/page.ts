/** Files of a page: fetched with progress, kept in IndexedDB, offered as downloads. What Node has too works there. */
import { FileError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'

export interface FetchOptions {
  /** Told after each piece: bytes so far, and of the whole where the server says. */
  onProgress?: (loaded: number, total: number | undefined) => void
  /** Ends the fetch: the signal of an AbortController. */
  signal?: unknown
}

/**
 * The bytes of an address.
 * @throws FileError with the status, when they cannot be had
 * @example parseSafetensors(await fetchBytes('/model.safetensors', { onProgress: (n, all) => bar(n / all) }))
 */
export async function fetchBytes(
  url: string | { readonly href: string },
  options: FetchOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { onProgress, signal } = checkOptions('fetchBytes', options, ['onProgress', 'signal'])
  const place = typeof url === 'string' ? url : url.href
  const fail = (got: string, cause?: unknown) =>
    new FileError({ op: 'fetch', rule: `${place} must be readable`, got }, { cause })
  let response: Response
  try {
    response = await fetch(place, signal ? { signal: signal as AbortSignal } : {})
  } catch (error) {
    throw fail((error as Error).message, error)
  }
  if (!response.ok) throw fail(`${response.status} ${response.statusText}`.trim())
  const length = Number(response.headers.get('content-length'))
  // The length is that of what is sent, which may be packed.
  const total = length > 0 && !response.headers.get('content-encoding') ? length : undefined
  if (!onProgress || !response.body) return new Uint8Array(await response.arrayBuffer())
  const pieces: Uint8Array[] = []
  let loaded = 0
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    pieces.push(value)
    loaded += value.length
    onProgress(loaded, total)
  }
  return joined(pieces, loaded)
}

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/**
 * Unpacks gzip (or 'deflate') by the engine's own decoder. `maxBytes` bounds the result, 1 GiB unless given.
 * @throws FileError for a corrupt file, and one that is larger unpacked
 */
export async function unpack(
  bytes: Uint8Array,
  options: { format?: 'gzip' | 'deflate'; maxBytes?: number } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { format = 'gzip', maxBytes = 2 ** 30 } = checkOptions('unpack', options, [
    'format',
    'maxBytes',
  ])
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream()
  const reader = source.pipeThrough(new DecompressionStream(format)).getReader()
  const pieces: Uint8Array[] = []
  let size = 0
  for (;;) {
    let step: ReadableStreamReadResult<Uint8Array>
    try {
      step = (await reader.read()) as ReadableStreamReadResult<Uint8Array>
    } catch (cause) {
      const got = (cause as Error).message
      throw new FileError({ op: 'unpack', rule: `a ${format} file must be whole`, got }, { cause })
    }
    if (step.done) return joined(pieces, size)
    size += step.value.length
    if (size > maxBytes) {
      void reader.cancel()
      throw new FileError({
        op: 'unpack',
        rule: `the contents must be at most maxBytes = ${maxBytes} bytes`,
        got: 'more',
        fix: 'Raise maxBytes for a file that you trust.',
      })
    }
    pieces.push(step.value)
  }
}

/** The SHA-256 sum of bytes, in hexadecimal, by the engine's own code. @example await sha256(Uint8Array.of(97, 98, 99)) */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const sum = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return Array.from(new Uint8Array(sum), (b) => b.toString(16).padStart(2, '0')).join('')
}

const STORE = 'files'
const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () =>
      reject(
        new FileError(
          {
            op: 'storage',
            rule: "the browser's storage must take it",
            got: request.error?.message ?? '',
            fix: 'Is the disk full, or a private window open?',
          },
          { cause: request.error },
        ),
      )
  })

/**
 * Files that a page keeps in the browser (IndexedDB) until it removes them.
 * @example await new BrowserFiles('digits').write('model.safetensors', serializeSafetensors(model.stateDict()))
 */
export class BrowserFiles {
  private readonly name: string
  private opened: Promise<unknown> | undefined

  /** Stores of different names do not see each other. */
  constructor(name = 'nabla') {
    this.name = name
  }

  private async store(mode: 'readonly' | 'readwrite') {
    if (typeof indexedDB === 'undefined')
      throw new FileError({
        op: 'storage',
        rule: 'there must be IndexedDB',
        fix: 'In Node readBytes and writeAtomic read and write files.',
      })
    if (!this.opened) {
      const request = indexedDB.open(`nabla ${this.name}`, 1)
      request.onupgradeneeded = () => request.result.createObjectStore(STORE)
      this.opened = done(request)
    }
    const database = (await this.opened) as IDBDatabase
    return database.transaction(STORE, mode).objectStore(STORE)
  }

  /** Writes a file, over one of that name. @throws FileError when the browser's storage does not take it */
  async write(file: string, bytes: Uint8Array): Promise<void> {
    await done((await this.store('readwrite')).put(bytes, file))
  }
  /** @throws FileError when there is none of that name */
  async read(file: string): Promise<Uint8Array> {
    const bytes = (await done((await this.store('readonly')).get(file))) as Uint8Array | undefined
    if (!bytes)
      throw new FileError({
        op: 'storage',
        rule: `${file} must be in the store`,
        got: (await this.list()).join(', ') || 'an empty store',
      })
    return bytes
  }
  /** The names of the files, in order. */
  async list(): Promise<string[]> {
    return (await done((await this.store('readonly')).getAllKeys())) as string[]
  }
  /** Removes a file; nothing happens when there is none. */
  async remove(file: string): Promise<void> {
    await done((await this.store('readwrite')).delete(file))
  }
}

/** Offers bytes to the user as a file to save. For the page itself, not its workers. */
export function offerDownload(file: string, bytes: Uint8Array): void {
  if (typeof document === 'undefined')
    throw new FileError({
      op: 'download',
      rule: 'there must be a page',
      fix: 'A worker sends the bytes to its page; Node writes files with writeAtomic.',
    })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>]))
  link.download = file
  link.click()
  // Not at once: the browser has yet to read it.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
