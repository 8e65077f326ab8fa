/** A stretch of text that knows from where in the original each of its code units comes. */

/**
 * `from[i]` and `to[i]` bound the original characters of unit i. Without them the text is the original from `base` on.
 */
export interface Piece {
  readonly text: string
  readonly from: Int32Array | undefined
  readonly to: Int32Array | undefined
  readonly base: number
}
export const pieceOf = (text: string, base = 0): Piece => ({
  text,
  from: undefined,
  to: undefined,
  base,
})

export function slicePiece(p: Piece, start: number, end: number): Piece {
  if (start === 0 && end === p.text.length) return p
  const text = p.text.slice(start, end)
  return p.from
    ? { text, from: p.from.subarray(start, end), to: p.to!.subarray(start, end), base: p.base }
    : pieceOf(text, p.base + start)
}

/** Where the original of a unit begins: at the first half of a pair of surrogates. */
export const fromOf = (p: Piece, i: number): number => (p.from ? p.from[i]! : p.base + i)
export const toOf = (p: Piece, i: number): number => (p.to ? p.to[i]! : p.base + i + 1)

/** Builds a changed text with its places. */
export class PieceBuilder {
  private text = ''
  private from: number[] = []
  private to: number[] = []
  private readonly source: Piece
  constructor(source: Piece) {
    this.source = source
  }
  /** Adds a text that stands for the units from `start` to `end` of the source. */
  add(text: string, start: number, end: number): void {
    this.text += text
    const from = fromOf(this.source, start)
    const to = toOf(this.source, Math.max(start, end - 1))
    for (let i = 0; i < text.length; i++) {
      this.from.push(from)
      this.to.push(to)
    }
  }
  /** Adds units of the source as they are. */
  keep(start: number, end: number): void {
    this.text += this.source.text.slice(start, end)
    for (let i = start; i < end; i++) {
      this.from.push(fromOf(this.source, i))
      this.to.push(toOf(this.source, i))
    }
  }
  done(): Piece {
    return {
      text: this.text,
      from: Int32Array.from(this.from),
      to: Int32Array.from(this.to),
      base: this.source.base,
    }
  }
}

/** Each character changed by itself; undefined leaves it as it is. */
export function mapChars(p: Piece, change: (code: number) => string | undefined): Piece {
  let builder: PieceBuilder | undefined
  const { text } = p
  for (let i = 0; i < text.length; ) {
    const code = text.codePointAt(i)!
    const width = code > 0xffff ? 2 : 1
    const changed = change(code)
    if (changed !== undefined && !builder) {
      builder = new PieceBuilder(p)
      if (i > 0) builder.keep(0, i)
    }
    if (builder) {
      if (changed === undefined) builder.keep(i, i + width)
      else if (changed !== '') builder.add(changed, i, i + width)
    }
    i += width
  }
  return builder ? builder.done() : p
}

/** Characters for which `remove` holds are left out. */
export const dropChars = (p: Piece, remove: (code: number) => boolean): Piece =>
  mapChars(p, (code) => (remove(code) ? '' : undefined))

/** A text before the piece, standing for its first character; nothing before an empty one. */
export function prependTo(p: Piece, text: string): Piece {
  if (p.text === '') return p
  const first = p.text.codePointAt(0)! > 0xffff ? 2 : 1
  const builder = new PieceBuilder(p)
  builder.add(text, 0, first)
  builder.keep(0, p.text.length)
  return builder.done()
}

/** Every match replaced; the new text stands for the last character of the match. */
export function replaceIn(p: Piece, pattern: RegExp, content: string): Piece {
  const { text } = p
  pattern.lastIndex = 0
  let found = pattern.exec(text)
  if (!found) return p
  const builder = new PieceBuilder(p)
  let last = 0
  for (; found; found = pattern.exec(text)) {
    const start = found.index
    const end = start + found[0].length
    builder.keep(last, start)
    if (content !== '' && end > 0) builder.add(content, lastCharAt(text, end), end)
    last = end
    if (end === start) pattern.lastIndex += text.codePointAt(start)! > 0xffff ? 2 : 1
  }
  builder.keep(last, text.length)
  return builder.done()
}
const lastCharAt = (text: string, end: number): number =>
  end > 1 && (text.charCodeAt(end - 1) & 0xfc00) === 0xdc00 ? end - 2 : end - 1

/** The matches of a pattern as [start, end, matched], with what lies between; together they cover the text. */
export type Part = [start: number, end: number, matched: boolean]
export function partsOf(text: string, pattern: RegExp): Part[] {
  const parts: Part[] = []
  let last = 0
  pattern.lastIndex = 0
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const end = found.index + found[0].length
    if (last < found.index) parts.push([last, found.index, false])
    if (end > found.index) parts.push([found.index, end, true])
    else pattern.lastIndex += text.codePointAt(end)! > 0xffff ? 2 : 1
    last = end
  }
  if (last < text.length) parts.push([last, text.length, false])
  return parts
}

/** The places of the characters for which a test holds, with what lies between. */
export function partsWhere(text: string, test: (code: number) => boolean): Part[] {
  const parts: Part[] = []
  let last = 0
  for (let i = 0; i < text.length; ) {
    const code = text.codePointAt(i)!
    const end = i + (code > 0xffff ? 2 : 1)
    if (test(code)) {
      if (last < i) parts.push([last, i, false])
      parts.push([i, end, true])
      last = end
    }
    i = end
  }
  if (last < text.length) parts.push([last, text.length, false])
  return parts
}

export const behaviors = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
] as const
export type Behavior = (typeof behaviors)[number]

/** What becomes of the matches, the delimiters: left out, by themselves, or with a neighbour. */
export function splitParts(parts: readonly Part[], behavior: Behavior): [number, number][] {
  const out: [number, number][] = []
  if (behavior === 'Removed') {
    for (const [a, b, matched] of parts) if (!matched) out.push([a, b])
  } else if (behavior === 'Isolated') {
    for (const [a, b] of parts) out.push([a, b])
  } else if (behavior === 'Contiguous') {
    let before: boolean | undefined
    for (const [a, b, matched] of parts) {
      if (matched === before) out.at(-1)![1] = b
      else out.push([a, b])
      before = matched
    }
  } else if (behavior === 'MergedWithPrevious') {
    let before = false
    for (const [a, b, matched] of parts) {
      const last = out.at(-1)
      if (matched && !before && last) last[1] = b
      else out.push([a, b])
      before = matched
    }
  } else {
    let after = false
    for (let i = parts.length - 1; i >= 0; i--) {
      const [a, b, matched] = parts[i]!
      const last = out.at(-1)
      if (matched && !after && last) last[0] = a
      else out.push([a, b])
      after = matched
    }
    out.reverse()
  }
  return out
}
