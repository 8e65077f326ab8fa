/** JSON lines: a JSON value on every line. */
import { readBytes } from '#host'
import { FileError, IndexError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import type { Dataset } from './dataset.js'

/**
 * One example a line; empty lines are left out.
 * @throws FileError for a line that is not JSON, with its number
 * @example new JsonLinesDataset('{"text": "a"}\n{"text": "b"}').get(1) // { text: 'b' }
 */
export class JsonLinesDataset<T = unknown> implements Dataset<T> {
  readonly length: number
  private readonly values: T[] = []

  constructor(text: string, options: { name?: string } = {}) {
    const { name = 'jsonl' } = checkOptions('JsonLinesDataset', options, ['name'])
    // JSON itself has no line breaks inside of a value written on one line.
    text.split(/\r\n|\n|\r/).forEach((line, i) => {
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
    if (i in this.values) return this.values[i]!
    throw new IndexError({
      op: 'JsonLinesDataset',
      rule: `indices lie from 0 to ${this.length - 1}`,
      got: `${i}`,
    })
  }
}

/** @throws FileError for bytes that are not UTF-8, which would be replaced */
function textOf(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new FileError(
      { op: name, rule: 'the file must be text in UTF-8', got: 'other bytes' },
      { cause },
    )
  }
}

/** The dataset of a file of JSON lines, for Node. @throws FileError */
export const jsonLinesFile = <T = unknown>(path: string): JsonLinesDataset<T> =>
  new JsonLinesDataset<T>(textOf(readBytes(path), path), { name: path })
