/** JSON lines: a JSON value on every line. */
import { readBytes } from '#host'
import { FileError } from '../core/errors.js'
import type { Dataset } from './dataset.js'

/**
 * One example a line; empty lines are left out.
 * @throws FileError for a line that is not JSON, with its number
 * @example new JsonLinesDataset('{"text": "a"}\n{"text": "b"}').get(1) // { text: 'b' }
 */
export class JsonLinesDataset<T = unknown> implements Dataset<T> {
  readonly length: number
  private readonly values: T[] = []

  constructor(text: string, { name = 'jsonl' }: { name?: string } = {}) {
    // JSON itself has no line breaks inside of a value written on one line.
    text.split(/\r?\n/).forEach((line, i) => {
      if (line.trim() === '') return
      try {
        this.values.push(JSON.parse(i === 0 ? line.replace(/^\uFEFF/, '') : line) as T)
      } catch (error) {
        throw new FileError(
          {
            op: name,
            rule: 'every line must be a JSON value',
            got: `line ${i + 1}: ${(error as Error).message}`,
          },
          { cause: error },
        )
      }
    })
    this.length = this.values.length
  }
  get(i: number): T {
    return this.values[i]!
  }
}

/** The dataset of a file of JSON lines, for Node. @throws FileError */
export const jsonLinesFile = <T = unknown>(path: string): JsonLinesDataset<T> =>
  new JsonLinesDataset<T>(new TextDecoder().decode(readBytes(path)), { name: path })
