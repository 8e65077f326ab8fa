/** What Node offers: files, checksums, decompression, decoders, threads. Imported as `#host`. */
import { kMaxLength } from 'node:buffer'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import nodeModule from 'node:module'
import { homedir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  MessageChannel,
  receiveMessageOnPort,
  type Transferable,
  Worker,
} from 'node:worker_threads'
import { constants, deflateSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import type { decode } from 'jpeg-js'
import { FileError, ValueError } from './errors.js'
import { TooLong } from './limits.js'

export const joinPath = (...parts: string[]): string => join(...parts)

/**
 * Decoders are loaded by the first file that needs them: that takes longer than a training step. Bundlers that make
 * CommonJS leave nothing of `import.meta`, and webpack replaces a call of the imported name.
 */
const load = nodeModule.createRequire(import.meta.url ?? __filename)
export const parseCsv = (text: string, options: object): unknown =>
  (load('csv-parse/sync') as { parse(text: string, options: object): unknown }).parse(text, options)
export const exists = (path: string): boolean => existsSync(path)

const reasons: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'it is not a folder',
  ENOSPC: 'the disk is full',
}
function problem(op: 'read' | 'write', path: string, error: unknown): FileError {
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
export function readBytes(path: string | URL): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw problem('read', `${path}`, error)
  }
}

/** The bytes of a file in parts: it may be larger than memory. @throws FileError that says why it cannot be read */
export async function* readParts(path: string | URL): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* createReadStream(path) as AsyncIterable<Uint8Array>
  } catch (error) {
    throw problem('read', `${path}`, error)
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
    try {
      rmSync(beside, { force: true })
    } catch {
      // It was not written, so there is nothing to remove.
    }
    throw problem('write', path, error)
  }
}

/** Makes a file that is not there yet: false when it is. @throws FileError */
export function createFile(path: string, content: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && existsSync(path)) return false
    throw problem('write', path, error)
  }
}

/** The way from a folder to a file, with slashes. */
export function relativePath(folder: string, file: string | URL): string {
  const text = `${file}`
  const path = text.startsWith('file:') ? fileURLToPath(text) : text
  return relative(folder, path).replaceAll('\\', '/')
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

/** What this process has used: seconds of all its threads, and bytes of memory now. Undefined where nothing tells it. */
export function processUse(): { cpu: number; memory: number } | undefined {
  const { user, system } = process.cpuUsage()
  return { cpu: (user + system) / 1e6, memory: process.memoryUsage.rss() }
}

/** Removes a file; one that is not there is no error. */
export function removeFile(path: string): void {
  rmSync(path, { force: true })
}

/** Whether a link leads to a folder; one that leads nowhere does not. */
const leadsToFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

/** The path of a file or folder without links. */
export const realPath = (path: string): string => realpathSync(path)

/**
 * Names in a folder, sorted, folders among them with a slash, also those that are links.
 * @throws FileError when it cannot be read
 */
export function listFolder(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .map((e) =>
        e.isDirectory() || (e.isSymbolicLink() && leadsToFolder(join(path, e.name)))
          ? `${e.name}/`
          : e.name,
      )
      .sort()
  } catch (error) {
    throw problem('read', path, error)
  }
}

/** Unpacks at most so many bytes. @throws TooLong when there are more, Error with zlib's words */
function bounded(unpack: typeof inflateSync, bytes: Uint8Array, most: number): Uint8Array {
  try {
    return unpack(bytes, { maxOutputLength: Math.max(1, Math.min(most, kMaxLength)) })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error
    throw new TooLong(`more than ${most} bytes`, { cause: error })
  }
}
/** gzip (RFC 1952), at most so many bytes. @throws TooLong, Error with zlib's words */
export const gunzip = (bytes: Uint8Array, most: number): Uint8Array =>
  bounded(gunzipSync, bytes, most)
/** zlib (RFC 1950) in parts, at most so many bytes. @throws TooLong, Error with zlib's words */
export const inflate = (parts: readonly Uint8Array[], most: number): Uint8Array =>
  bounded(inflateSync, parts.length === 1 ? parts[0]! : Buffer.concat(parts), most)
/** Deflate without a header (RFC 1951), at most so many bytes. @throws TooLong, Error with zlib's words */
export const inflateRaw = (bytes: Uint8Array, most: number): Uint8Array =>
  bounded(inflateRawSync, bytes, most)
/** zlib (RFC 1950). */
export const deflate = (bytes: Uint8Array): Uint8Array => deflateSync(bytes)
/** The first bytes of what a gzip file holds, without unpacking the rest; none when they cannot be had. */
export function gunzipStart(bytes: Uint8Array): Uint8Array {
  try {
    // A byte of deflate makes at most 1,032.
    return gunzipSync(bytes.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return new Uint8Array(0)
  }
}

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')

/** A file of an installed package (`name/file`), looked for beside nabla and beside the program. */
export function packageFile(file: string): string | undefined {
  for (const from of [import.meta.url ?? __filename, join(process.cwd(), 'x.js')]) {
    try {
      return nodeModule.createRequire(from).resolve(file)
    } catch {}
  }
  return undefined
}

/** The folder of an installed package. */
export function packageFolder(name: string): string | undefined {
  const file = packageFile(`${name}/package.json`)
  return file && dirname(file)
}

/** Where downloads are kept: $NABLA_CACHE, else $XDG_CACHE_HOME/nabla, else ~/.cache/nabla. */
export const cacheFolder = (): string =>
  process.env.NABLA_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'nabla')

/** RGB, three bytes a pixel; the memory that it takes is checked before. @throws Error with the decoder's words */
export const decodeJpeg = (
  bytes: Uint8Array,
  chroma: boolean,
): { width: number; height: number; data: Uint8Array } =>
  (load('jpeg-js') as { decode: typeof decode }).decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    colorTransform: chroma,
    maxResolutionInMP: Number.POSITIVE_INFINITY,
    maxMemoryUsageInMB: Number.POSITIVE_INFINITY,
  })

let renderer:
  | Promise<{ Resvg: typeof import('@resvg/resvg-wasm').Resvg; font: Uint8Array }>
  | undefined
async function loadRenderer() {
  try {
    const { initWasm, Resvg } = await import('@resvg/resvg-wasm')
    const wasm = packageFile('@resvg/resvg-wasm/index_bg.wasm')
    const letters = packageFile('dejavu-fonts-ttf/ttf/DejaVuSans.ttf')
    if (!wasm) throw new Error('@resvg/resvg-wasm is missing')
    if (!letters) throw new Error('dejavu-fonts-ttf is missing')
    const font = readFileSync(letters)
    await initWasm(readFileSync(wasm))
    return { Resvg, font }
  } catch (error) {
    throw new ValueError(
      {
        op: 'svgToPng',
        rule: 'the packages @resvg/resvg-wasm and dejavu-fonts-ttf must be installed',
        got: (error as Error).message,
        fix: 'npm install @resvg/resvg-wasm dejavu-fonts-ttf',
      },
      { cause: error },
    )
  }
}

/** An SVG as PNG, drawn by resvg. @throws ValueError when it is missing, or for text that is no SVG */
export async function renderSvg(
  svg: string,
  scale: number,
  fonts?: readonly Uint8Array[],
): Promise<Uint8Array> {
  renderer ??= loadRenderer()
  const { Resvg, font } = await renderer
  try {
    const drawing = new Resvg(svg, {
      fitTo: { mode: 'zoom', value: scale },
      font: { fontBuffers: [...(fonts ?? []), font], defaultFontFamily: 'DejaVu Sans' },
    })
    try {
      const image = drawing.render()
      try {
        return image.asPng()
      } finally {
        image.free()
      }
    } finally {
      drawing.free()
    }
  } catch (error) {
    throw new ValueError(
      {
        op: 'svgToPng',
        rule: 'the text must be an SVG',
        got: `${(error as Error).message ?? error}`,
      },
      { cause: error },
    )
  }
}

/** A live bar. */
export interface Bar {
  update(done: number, text: () => string): void
  end(): void
}
/** Columns of the terminal that people look at; undefined: there is none. */
export const terminalWidth = (): number | undefined =>
  process.stderr.isTTY ? process.stderr.columns || 80 : undefined

/** A bar on the terminal. It draws itself at most 20 times a second, and not by a timer: training may be synchronous. */
export function startBar(title: string, total: number): Bar {
  const { Presets, SingleBar } = load('cli-progress') as typeof import('cli-progress')
  const bar = new SingleBar(
    {
      format: Number.isFinite(total)
        ? `${title} {bar} {percentage}%  {text}`
        : `${title} {value} batches  {text}`,
      hideCursor: true,
      clearOnComplete: true,
      barsize: 24,
    },
    Presets.shades_classic,
  )
  bar.start(Number.isFinite(total) ? total : 0, 0, { text: '' })
  let last = 0
  return {
    update(done, text) {
      const now = performance.now()
      if (now - last < 50) return
      last = now
      bar.update(done, { text: text() })
      bar.render()
    },
    end: () => bar.stop(),
  }
}
export const writeLine = (line: string): void => void process.stdout.write(`${line}\n`)

/** Whether threads can be started, and waited for without giving up the thread. */
export const canStartThreads: boolean = true

/** Another thread that answers messages; `receive` does not wait. */
export interface Thread {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void
  receive(): unknown
  stop(): void
}

/** Starts a module in a thread of its own: it gets `{ port, ...data }` as workerData. */
export function startThread(module: URL, data: Record<string, unknown>): Thread {
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(fileURLToPath(module), {
    workerData: { ...data, port: port2 },
    // It computes with one thread: several such threads share the processors.
    env: { ...process.env, NABLA_THREADS: '1' },
    transferList: [port2 as unknown as Transferable],
  })
  worker.unref()
  port1.unref()
  // What ends a thread is told by the thread itself, through the shared words: see data/worker.ts.
  worker.on('error', () => {})
  return {
    post: (message, transfer = []) => port1.postMessage(message, transfer as Transferable[]),
    receive: () => receiveMessageOnPort(port1)?.message,
    stop() {
      port1.close()
      void worker.terminate()
    },
  }
}
