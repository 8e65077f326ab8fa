/** A vocabulary of the most frequent words. */
import { checkOptions, type OptionNames } from '../../core/options.js'
import type { AddedToken } from '../added.js'
import { WordLevel } from '../models/wordLevel.js'
import type { Trainer } from '../counting.js'
import { compareText } from '../unicode.js'

export interface WordLevelTrainerOptions {
  /** Tokens at most; 30,000 when not given. */
  vocabSize?: number
  /** Words that come less often are left out; 0 when not given. */
  minFrequency?: number
  /** These come first, in their order. */
  specialTokens?: readonly (string | AddedToken)[]
  /** Stands for words that are not in the vocabulary. */
  unknown?: string
}
export const wordLevelNames: OptionNames<WordLevelTrainerOptions> = {
  vocabSize: true,
  minFrequency: true,
  specialTokens: true,
  unknown: true,
}
export const contentOf = (t: string | AddedToken): string => (typeof t === 'string' ? t : t.content)

/** The most frequent words, those of one frequency in the order of their characters. */
export class WordLevelTrainer implements Trainer {
  readonly specialTokens: readonly (string | AddedToken)[]
  private readonly options: WordLevelTrainerOptions
  constructor(options: WordLevelTrainerOptions = {}) {
    this.options = checkOptions('WordLevelTrainer', options, wordLevelNames)
    this.specialTokens = options.specialTokens ?? []
  }
  train(counts: ReadonlyMap<string, number>): WordLevel {
    const { vocabSize = 30_000, minFrequency = 0, unknown = '<unk>' } = this.options
    const list = [...counts].filter(([, n]) => n >= minFrequency)
    list.sort((a, b) => b[1] - a[1] || compareText(a[0], b[0]))
    const vocab = new Map<string, number>()
    for (const token of [...this.specialTokens.map(contentOf), ...list.map(([word]) => word)]) {
      if (vocab.size >= vocabSize) break
      if (!vocab.has(token)) vocab.set(token, vocab.size)
    }
    return new WordLevel(vocab, unknown)
  }
}
