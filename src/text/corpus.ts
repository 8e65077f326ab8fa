/** Corpora: lines of files of any size, cleaned, as paragraphs or pairs. */
import { readParts } from '#host'
import { FileError, ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'

/** What is used of a stream, a Blob and a Response: their own types are not known where there is no DOM. */
interface StreamLike {
  getReader(): {
    read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>
    cancel(): Promise<void>
  }
}
interface BlobLike {
  readonly size: number
  stream(): StreamLike
}
interface ResponseLike {
  readonly ok: boolean
  readonly status: number
  readonly url: string
  readonly body: StreamLike | null
}

/** Where text comes from: a path (Node), bytes or texts in parts, a Blob or File, or what `fetch` gives. */
export type TextSource =
  | string
  | URL
  | BlobLike
  | ResponseLike
  | StreamLike
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>

async function* partsOf(source: TextSource): AsyncGenerator<Uint8Array | string, void, undefined> {
  if (typeof source === 'string' || source instanceof URL) {
    yield* isAddress(source) ? partsOf(await fetched(source)) : readParts(source)
  } else if ('getReader' in source) {
    // Not all browsers iterate over streams.
    const reader = source.getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        yield value!
      }
    } finally {
      await reader.cancel()
    }
  } else if ('stream' in source) yield* partsOf(source.stream())
  else if ('body' in source) {
    if (!source.ok)
      throw new FileError({
        op: 'readLines',
        rule: `${source.url || 'the address'} must answer with the text`,
        got: `status ${source.status}`,
      })
    if (source.body) yield* partsOf(source.body)
  } else yield* source as AsyncIterable<Uint8Array | string>
}
const isAddress = (source: string | URL): boolean => /^https?:/.test(`${source}`)
const fetched = (source: string | URL): Promise<Response> => fetch(source)

/** Bytes unpacked when they are gzip. */
async function* unpacked(
  parts: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<Uint8Array | string, void, undefined> {
  const iterator = parts[Symbol.asyncIterator]()
  const first = await iterator.next()
  const rest: AsyncIterable<Uint8Array | string> = {
    async *[Symbol.asyncIterator]() {
      if (!first.done) yield first.value
      for (;;) {
        const { done, value } = await iterator.next()
        if (done) return
        yield value
      }
    },
  }
  try {
    const head = first.value
    const packed = head instanceof Uint8Array && head[0] === 0x1f && head[1] === 0x8b
    if (!packed) {
      yield* rest
      return
    }
    const stream = new ReadableStream<BufferSource>({
      async start(controller) {
        try {
          for await (const part of rest) controller.enqueue(part as Uint8Array<ArrayBuffer>)
          controller.close()
        } catch (error) {
          controller.error(error)
        }
      },
    })
    yield* partsOf(stream.pipeThrough(new DecompressionStream('gzip')))
  } finally {
    await iterator.return?.()
  }
}

/**
 * The lines of a text, without their ends (`\n` or `\r\n`), one after the other: a corpus may be larger than memory. gzip is unpacked, a
 * byte-order mark is left out, bytes that are not UTF-8 become U+FFFD.
 * @throws FileError when the file cannot be read
 * @example for await (const line of readLines('corpus.txt.gz')) console.log(line)
 */
export async function* readLines(source: TextSource): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const part of unpacked(partsOf(source))) {
    const lines = (
      rest + (typeof part === 'string' ? part : decoder.decode(part, { stream: true }))
    ).split('\n')
    rest = lines.pop()!
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
  }
  rest += decoder.decode()
  if (rest !== '') yield rest.endsWith('\r') ? rest.slice(0, -1) : rest
}

/** Lines that stand together, joined by spaces; empty lines are between paragraphs. */
export async function* readParagraphs(
  lines: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<string, void, undefined> {
  let paragraph: string[] = []
  for await (const line of lines) {
    if (line.trim() !== '') paragraph.push(line.trim())
    else if (paragraph.length > 0) {
      yield paragraph.join(' ')
      paragraph = []
    }
  }
  if (paragraph.length > 0) yield paragraph.join(' ')
}

export interface PairOptions {
  /** Between the columns; a tab when not given. */
  separator?: string
  /** Which columns; the first two when not given. */
  columns?: readonly [number, number]
  /** Leaves out lines without both columns instead of refusing them. */
  skipBad?: boolean
}
/**
 * Pairs of texts in columns, as in files of translations (TSV). Empty lines are left out.
 * @throws ValueError for a line without both columns, with its number
 */
export async function* readPairs(
  lines: AsyncIterable<string> | Iterable<string>,
  options: PairOptions = {},
): AsyncGenerator<[string, string], void, undefined> {
  const o = checkOptions('readPairs', options, ['separator', 'columns', 'skipBad'])
  const { separator = '\t', columns = [0, 1], skipBad = false } = o
  let number = 0
  for await (const line of lines) {
    number++
    if (line.trim() === '') continue
    const parts = line.split(separator)
    const [a, b] = [parts[columns[0]], parts[columns[1]]]
    if (a !== undefined && b !== undefined) yield [a.trim(), b.trim()]
    else if (!skipBad)
      throw new ValueError({
        op: 'readPairs',
        rule: `line ${number} must have the columns ${columns.join(' and ')}`,
        got: `${parts.length} columns`,
        fix: 'Give the separator, or skipBad: true.',
      })
  }
}

export interface CleanOptions {
  /** Unicode's normal form; NFC when not given, null for none. */
  form?: 'NFC' | 'NFKC' | 'NFD' | 'NFKD' | null
  lowercase?: boolean
  /** Quotation marks and dashes of typesetting as those of ASCII. */
  plainMarks?: boolean
}
/**
 * A line in a common form: Unicode's normal form, no control characters and no invisible ones (soft hyphen, zero width
 * space, byte-order mark), white space as single spaces, none at the ends. Joiners inside words stay: Persian and emoji need
 * them.
 * @example cleanText('  caf\u0065\u0301\u00ad \t bar ') // 'café bar'
 */
export function cleanText(text: string, options: CleanOptions = {}): string {
  const o = checkOptions('cleanText', options, ['form', 'lowercase', 'plainMarks'])
  const { form = 'NFC', lowercase = false, plainMarks = false } = o
  let out = form === null ? text : text.normalize(form)
  out = out.replace(/[\u00ad\u200b\u2060\ufeff]/g, '').replace(/\p{White_Space}+/gu, ' ')
  out = out.replace(/\p{Cc}/gu, '').trim()
  if (plainMarks)
    out = out
      .replace(/[‘’‚‛′]/g, "'")
      .replace(/[“”„‟″«»]/g, '"')
      .replace(/[‐‑‒–—―]/g, '-')
      .replace(/…/g, '...')
  return lowercase ? out.toLowerCase() : out
}

const gutenbergStart = /^\s*\*\*\*\s*START OF (?:THE|THIS) PROJECT GUTENBERG EBOOK.*\*\*\*\s*$/im
const gutenbergEnd =
  /^\s*(?:\*\*\*\s*END OF (?:THE|THIS) PROJECT GUTENBERG EBOOK.*\*\*\*|End of (?:the )?Project Gutenberg's? .*)\s*$/im
/**
 * A book of Project Gutenberg without what stands before and after it; a text without these marks stays as it is.
 * @example stripGutenberg('Licence\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\nCall me.\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\nMore') // 'Call me.'
 */
export function stripGutenberg(text: string): string {
  const start = gutenbergStart.exec(text)
  const from = start ? start.index + start[0].length : 0
  const end = gutenbergEnd.exec(text.slice(from))
  return start || end ? text.slice(from, end ? from + end.index : text.length).trim() : text
}
