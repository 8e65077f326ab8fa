/** Word vectors: files of word2vec and GloVe, nearest neighbours, analogies. */
import { readBytes, writeAtomic } from '#host'
import { FileError, ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { fromData, type Tensor } from '../ops/tensor.js'
import { fromUtf8, toUtf8 } from './unicode.js'

/** A word with how near it is: the cosine of the angle between the vectors. */
export interface Neighbour {
  word: string
  similarity: number
}

/**
 * Vectors of words, one row each.
 * @throws ValueError when there are not as many numbers as words times the dimension
 * @example
 * const v = new WordVectors(['king', 'man', 'woman', 'queen', 'apple'], new Float32Array([1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 1, -1, 0, 0]), 3)
 * v.analogy('man', 'king', 'woman', 1).map((n) => n.word) // ['queen']
 */
export class WordVectors {
  readonly words: readonly string[]
  readonly dimension: number
  /** All numbers, word after word. */
  readonly data: Float32Array
  private readonly places: ReadonlyMap<string, number>
  private unit: Float32Array | undefined
  constructor(words: readonly string[], data: Float32Array, dimension: number) {
    if (!(Number.isInteger(dimension) && dimension > 0 && data.length === words.length * dimension))
      throw new ValueError({
        op: 'WordVectors',
        rule: `there must be ${words.length} words times the dimension numbers`,
        got: `${data.length} numbers and the dimension ${dimension}`,
      })
    this.words = words
    this.data = data
    this.dimension = dimension
    // Of words that come twice the first counts, as in gensim.
    const places = new Map<string, number>()
    for (const [i, word] of words.entries()) if (!places.has(word)) places.set(word, i)
    this.places = places
  }
  /** From an embedding table [words, dimension]. */
  static from(words: readonly string[], table: Tensor): WordVectors {
    if (table.shape.length !== 2 || table.shape[0] !== words.length)
      throw new ValueError({
        op: 'WordVectors',
        rule: `the table must have a row for each of the ${words.length} words`,
        got: `the shape [${table.shape.join(', ')}]`,
      })
    return new WordVectors(
      words,
      Float32Array.from(table.toTypedArray() as Float32Array),
      table.shape[1]!,
    )
  }
  has(word: string): boolean {
    return this.places.has(word)
  }
  indexOf(word: string): number | undefined {
    return this.places.get(word)
  }
  /** The vector of a word. @throws ValueError for a word that is not there */
  get(word: string): Float32Array {
    const i = this.places.get(word)
    if (i === undefined)
      throw new ValueError({
        op: 'WordVectors',
        rule: 'the word must have a vector',
        got: `'${word}'`,
      })
    return this.data.subarray(i * this.dimension, (i + 1) * this.dimension)
  }
  /** [words, dimension], for `Embedding.fromPretrained`. */
  toTensor(): Tensor {
    return fromData(Float32Array.from(this.data), [this.words.length, this.dimension], 'float32')
  }
  /** The rows for the tokens of a vocabulary, in their order; words without a vector get `missing(i)`, zeros when not given. */
  tableFor(tokens: readonly string[], missing?: (i: number) => ArrayLike<number>): Tensor {
    const out = new Float32Array(tokens.length * this.dimension)
    tokens.forEach((token, i) => {
      const row = this.has(token) ? this.get(token) : missing?.(i)
      if (row) out.set(row, i * this.dimension)
    })
    return fromData(out, [tokens.length, this.dimension], 'float32')
  }
  /** All vectors with length 1. */
  private units(): Float32Array {
    if (this.unit) return this.unit
    const { data, dimension: d } = this
    const out = new Float32Array(data.length)
    for (let at = 0; at < data.length; at += d) {
      let sum = 0
      for (let k = at; k < at + d; k++) sum += data[k]! ** 2
      const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0
      for (let k = at; k < at + d; k++) out[k] = data[k]! * scale
    }
    this.unit = out
    return out
  }
  private unitOf(word: string): Float32Array {
    this.get(word)
    const i = this.places.get(word)!
    return this.units().subarray(i * this.dimension, (i + 1) * this.dimension)
  }
  /** The cosine of the angle between two words. */
  similarity(a: string, b: string): number {
    const [x, y] = [this.unitOf(a), this.unitOf(b)]
    return x.reduce((sum, v, k) => sum + v * y[k]!, 0)
  }
  /** The words nearest to a word or a vector, without the word itself. */
  nearest(
    of: string | ArrayLike<number>,
    count = 10,
    without: readonly string[] = [],
  ): Neighbour[] {
    const d = this.dimension
    const query = typeof of === 'string' ? this.unitOf(of) : Float32Array.from(of)
    if (query.length !== d)
      throw new ValueError({
        op: 'nearest',
        rule: `a vector must have ${d} numbers`,
        got: `${query.length}`,
      })
    const length = Math.sqrt(query.reduce((sum, v) => sum + v * v, 0)) || 1
    const units = this.units()
    const left = new Set(
      [...without, ...(typeof of === 'string' ? [of] : [])].map((w) => this.places.get(w)),
    )
    const best: { i: number; s: number }[] = []
    for (let i = 0; i < this.words.length; i++) {
      if (left.has(i)) continue
      let s = 0
      for (let k = 0; k < d; k++) s += units[i * d + k]! * query[k]!
      if (best.length >= count && s <= best.at(-1)!.s) continue
      let at = best.length
      while (at > 0 && best[at - 1]!.s < s) at--
      best.splice(at, 0, { i, s })
      if (best.length > count) best.pop()
    }
    return best.map(({ i, s }) => ({ word: this.words[i]!, similarity: s / length }))
  }
  /** What is to `c` as `b` is to `a`: the words nearest to b − a + c (of vectors of length 1; Mikolov et al., 2013). */
  analogy(a: string, b: string, c: string, count = 10): Neighbour[] {
    const [x, y, z] = [this.unitOf(a), this.unitOf(b), this.unitOf(c)]
    return this.nearest(
      y.map((v, k) => v - x[k]! + z[k]!),
      count,
      [a, b, c],
    )
  }

  /** The text form of word2vec: a line with the counts, then a line for each word; without the first line it is GloVe's. */
  toText(options: { header?: boolean } = {}): string {
    const { header = true } = checkOptions('toText', options, ['header'])
    const odd = this.words.find((w) => /[\n ]/.test(w) || w === '')
    if (odd !== undefined)
      throw new ValueError({
        op: 'toText',
        rule: 'words must have no spaces',
        got: `'${odd}'`,
        fix: 'Use toBinary.',
      })
    const d = this.dimension
    const lines = this.words.map((w, i) => {
      const numbers = Array.from(this.data.subarray(i * d, (i + 1) * d), (v) => shortest(v))
      return `${w} ${numbers.join(' ')}\n`
    })
    return (header ? `${this.words.length} ${d}\n` : '') + lines.join('')
  }
  /** The binary form of word2vec: the counts as text, then each word, a space, and its numbers as float32. */
  toBinary(): Uint8Array {
    const d = this.dimension
    const parts: Uint8Array[] = [toUtf8(`${this.words.length} ${d}\n`)]
    this.words.forEach((w, i) => {
      const row = new Uint8Array(4 * d + 1)
      const view = new DataView(row.buffer)
      for (let k = 0; k < d; k++) view.setFloat32(4 * k, this.data[i * d + k]!, true)
      row[4 * d] = 10
      parts.push(toUtf8(`${w} `), row)
    })
    const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
    let at = 0
    for (const p of parts) {
      out.set(p, at)
      at += p.length
    }
    return out
  }
  /** Writes the text form, the binary one for names that end in `.bin`, or GloVe's for `glove` in the name. */
  save(path: string): void {
    if (path.endsWith('.bin')) writeAtomic(path, this.toBinary())
    else writeAtomic(path, this.toText({ header: !/glove/i.test(path) }))
  }

  /** Vectors from bytes in any of the three forms. @throws FileError for other bytes */
  static parse(bytes: Uint8Array): WordVectors {
    const end = bytes.indexOf(10)
    const first = fromUtf8(bytes.subarray(0, end < 0 ? bytes.length : end))
    const header = /^(\d+) (\d+)\s*$/.exec(first)
    if (!header) return parseText(bytes, undefined)
    const [count, dimension] = [Number(header[1]), Number(header[2])]
    const rest = bytes.subarray(end + 1)
    if (dimension < 1) refuse('the dimension must be above 0', first)
    return looksBinary(rest, dimension)
      ? parseBinary(rest, count, dimension)
      : parseText(rest, { count, dimension })
  }
  /** Vectors from a file. @throws FileError */
  static load(path: string | URL): WordVectors {
    try {
      return WordVectors.parse(readBytes(path))
    } catch (error) {
      if (error instanceof FileError && error.complaint.op === 'WordVectors')
        error.addPath(`${path}`)
      throw error
    }
  }
}

const refuse = (rule: string, got: string): never => {
  throw new FileError({ op: 'WordVectors', rule, got })
}
/** The fewest digits that give the same float32. */
function shortest(v: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = v.toPrecision(digits)
    if (Math.fround(Number(text)) === v) return `${Number(text)}`
  }
  return `${Number(v.toPrecision(9))}`
}
/** Whether the first row is no line of so many numbers. */
function looksBinary(bytes: Uint8Array, dimension: number): boolean {
  const end = bytes.indexOf(10)
  const line = fromUtf8(bytes.subarray(0, end < 0 ? bytes.length : end)).trimEnd()
  const parts = line.split(/[ \t]+/)
  return !(
    parts.length === dimension + 1 &&
    parts.slice(1).every((p) => p !== '' && !Number.isNaN(Number(p)))
  )
}
function parseBinary(bytes: Uint8Array, count: number, dimension: number): WordVectors {
  const size = 4 * dimension
  if (count * (size + 2) > bytes.length)
    refuse(`the file must hold ${count} words of ${dimension} numbers`, `${bytes.length} bytes`)
  const data = new Float32Array(count * dimension)
  const words: string[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  for (let i = 0; i < count; i++) {
    // word2vec ends rows by a line feed, some others do not.
    while (bytes[at] === 10) at++
    const space = bytes.indexOf(32, at)
    if (space < 0 || space + 1 + size > bytes.length)
      refuse(`the file must hold ${count} words`, `an end after ${i}`)
    words.push(fromUtf8(bytes.subarray(at, space)))
    for (let k = 0; k < dimension; k++)
      data[i * dimension + k] = view.getFloat32(space + 1 + 4 * k, true)
    at = space + 1 + size
  }
  return new WordVectors(words, data, dimension)
}
function parseText(
  bytes: Uint8Array,
  header: { count: number; dimension: number } | undefined,
): WordVectors {
  const words: string[] = []
  const numbers: number[] = []
  let dimension = header?.dimension
  let number = header ? 1 : 0
  for (let at = 0; at < bytes.length; ) {
    let end = bytes.indexOf(10, at)
    if (end < 0) end = bytes.length
    const line = fromUtf8(bytes.subarray(at, end)).trimEnd()
    at = end + 1
    number++
    if (line === '') continue
    const parts = line.split(/[ \t]/)
    dimension ??= parts.length - 1
    // Words of GloVe's largest files have spaces.
    const row = parts.slice(parts.length - dimension)
    if (parts.length <= dimension || dimension < 1)
      refuse(`line ${number} must have a word and ${dimension} numbers`, `${parts.length} parts`)
    for (const text of row) {
      const v = Number(text)
      if (text === '' || Number.isNaN(v))
        refuse(`line ${number} must have ${dimension} numbers`, `'${text.slice(0, 40)}'`)
      numbers.push(v)
    }
    words.push(parts.slice(0, parts.length - dimension).join(' '))
  }
  if (header && header.count !== words.length)
    refuse(`the file must hold ${header.count} words, as its first line says`, `${words.length}`)
  if (words.length === 0) refuse('the file must hold a word', 'none')
  return new WordVectors(words, Float32Array.from(numbers), dimension!)
}
