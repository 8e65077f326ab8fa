/** Words and how often each comes: what trainers learn from. */
import { ValueError } from '../core/errors.js'
import { showValue } from '../core/options.js'
import type { AddedToken } from './added.js'
import type { Model } from './models/model.js'

/** Learns a model from words and how often each comes. */
export interface Trainer {
  readonly specialTokens: readonly (string | AddedToken)[]
  train(counts: ReadonlyMap<string, number>): Model
}

/** @throws ValueError for one string, of which each letter would count as a text */
export function requireTexts(texts: unknown): void {
  const list = typeof texts === 'object' && texts !== null
  if (list && (Symbol.iterator in texts || Symbol.asyncIterator in texts)) return
  throw new ValueError({
    op: 'train',
    rule: 'texts are a list of strings',
    got: showValue(texts).slice(0, 60),
    ...(typeof texts === 'string' && {
      fix: '[text] is a list of one; text.split("\\n") its lines.',
    }),
  })
}

/** How often words come. */
export class WordCounts {
  /** An object for each, so that a word that is known is looked up once. */
  private readonly known = new Map<string, { n: number }>()
  add(word: string): void {
    const entry = this.known.get(word)
    if (entry) entry.n++
    else this.known.set(word, { n: 1 })
  }
  /** The counts, each word as `write` gives it. */
  by(write: (word: string) => string): Map<string, number> {
    return new Map(Array.from(this.known, ([word, { n }]) => [write(word), n]))
  }
}
