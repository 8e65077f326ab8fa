/** `#host` in a browser: the same functions as host.node.ts. There are no files: the program passes text and bytes. */
import { type FlateStreamHandler, Gunzip, Inflate, Unzlib, zlibSync } from 'fflate'
import { FileError } from './errors.js'
import { TooLong } from './limits.js'

import { parse } from 'csv-parse/browser/esm/sync'

function missing(op: string, fix: string): never {
  throw new FileError({ op, rule: 'a browser has no files', fix })
}
const handOver = 'fetch() the file and hand over its text or bytes.'

export const readBytes = (_path: string | URL): Uint8Array => missing('read', handOver)
export const readParts = (_path: string | URL): AsyncGenerator<Uint8Array, void, undefined> =>
  missing('read', handOver)
const keep = 'Offer the bytes as a download, or keep them in IndexedDB.'
export const writeAtomic = (_path: string, _content: Uint8Array | string): void =>
  missing('write', keep)
export const createFile = (_path: string, _content: string): boolean => missing('write', keep)
export const relativePath = (_folder: string, file: string | URL): string => `${file}`
export const appendBytes = (_path: string, _bytes: Uint8Array): void => missing('write', keep)
export const processUse = (): { cpu: number; memory: number } | undefined => undefined
export const removeFile = (_path: string): void => {}
export const listFolder = (_path: string): string[] => missing('read', handOver)
export const realPath = (path: string): string => path
export const exists = (_path: string): boolean => false
export const parseCsv: (text: string, options: object) => unknown = parse
export const joinPath = (...parts: string[]): string => parts.join('/')
interface Stream {
  ondata: FlateStreamHandler
  push(chunk: Uint8Array<ArrayBuffer>, final?: boolean): void
}
/** Unpacks by pieces, so that more than the limit is never in memory. */
function bounded(
  stream: Stream,
  parts: readonly Uint8Array[],
  most: number,
  seen: (size: number) => void = () => {},
): Uint8Array {
  const found: Uint8Array[] = []
  let size = 0
  stream.ondata = (chunk) => {
    size += chunk.length
    if (size > most) throw new TooLong(`more than ${most} bytes`)
    found.push(chunk)
    seen(size)
  }
  const step = 1 << 14
  for (const part of parts)
    for (let at = 0; at < part.length; at += step)
      stream.push(part.subarray(at, at + step) as Uint8Array<ArrayBuffer>)
  stream.push(new Uint8Array(0), true)
  const out = new Uint8Array(size)
  let at = 0
  for (const chunk of found) {
    out.set(chunk, at)
    at += chunk.length
  }
  return out
}
export function gunzip(bytes: Uint8Array, most: number): Uint8Array {
  const stream = new Gunzip()
  let [size, start] = [0, 0]
  stream.onmember = () => {
    start = size
  }
  const out = bounded(stream, [bytes], most, (n) => {
    size = n
  })
  // The library takes a file that ends early for a whole one; the last four bytes are the size of the last member.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const said = bytes.length < 18 ? -1 : view.getUint32(bytes.length - 4, true)
  if ((out.length - start) >>> 0 !== said) throw new Error('unexpected end of file')
  return out
}
export const inflate = (parts: readonly Uint8Array[], most: number): Uint8Array =>
  bounded(new Unzlib(), parts, most)
export const inflateRaw = (bytes: Uint8Array, most: number): Uint8Array =>
  bounded(new Inflate(), [bytes], most)
export const deflate = (bytes: Uint8Array): Uint8Array => zlibSync(bytes)
export function gunzipStart(bytes: Uint8Array): Uint8Array {
  const found: Uint8Array[] = []
  try {
    new Gunzip((chunk) => found.push(chunk)).push(bytes.subarray(0, 4096))
  } catch {}
  return found[0] ?? new Uint8Array(0)
}
export const sha256 = (_bytes: Uint8Array): string => missing('sha256', 'Use crypto.subtle.digest.')
export const packageFile = (_file: string): string | undefined => undefined
export const packageFolder = (_name: string): string | undefined => undefined
export const cacheFolder = (): string => 'nabla'
export const decodeJpeg = (
  _bytes: Uint8Array,
  _chroma: boolean,
): { width: number; height: number; data: Uint8Array } =>
  missing('jpeg', 'Let createImageBitmap decode it and draw it on a canvas.')

/** An SVG as PNG, drawn by the page. @throws FileError for text that is no SVG */
export async function renderSvg(
  svg: string,
  scale: number,
  _fonts?: readonly Uint8Array[],
): Promise<Uint8Array> {
  const image = new Image()
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`
  await image.decode().catch((cause: unknown) => {
    throw new FileError({ op: 'svgToPng', rule: 'the text must be an SVG' }, { cause })
  })
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(image.width * scale)
  canvas.height = Math.round(image.height * scale)
  canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'))
  return new Uint8Array(await blob!.arrayBuffer())
}

/** A live bar. */
export interface Bar {
  update(done: number, text: () => string): void
  end(): void
}
/** Columns of the terminal that people look at; undefined: there is none. */
export const terminalWidth = (): number | undefined => undefined
export const startBar = (_title: string, _total: number): Bar => ({ update() {}, end() {} })
export const writeLine = (line: string): void => console.log(line)

export const canStartThreads = false
export interface Thread {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void
  receive(): unknown
  stop(): void
}
export const startThread = (_module: URL, _data: Record<string, unknown>): Thread =>
  missing('startThread', 'Batches are made on the calling thread here.')
