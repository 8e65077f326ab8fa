/** Training of WordPiece: merges as for BPE, of which only the tokens are kept. */
import { checkOptions, type OptionNames } from '../../core/options.js'
import type { AddedToken } from '../added.js'
import { WordPiece } from '../models/wordPiece.js'
import type { Trainer } from '../counting.js'
import { BpeTrainer, type BpeTrainerOptions } from './bpe.js'

export interface WordPieceTrainerOptions
  extends Omit<BpeTrainerOptions, 'fuseUnknown' | 'byteFallback' | 'maxTokenLength'> {
  maxInputCharsPerWord?: number
}
export const wordPieceNames: OptionNames<WordPieceTrainerOptions> = {
  vocabSize: true,
  minFrequency: true,
  specialTokens: true,
  limitAlphabet: true,
  initialAlphabet: true,
  continuingSubwordPrefix: true,
  endOfWordSuffix: true,
  unknown: true,
  maxInputCharsPerWord: true,
}

export class WordPieceTrainer implements Trainer {
  readonly specialTokens: readonly (string | AddedToken)[]
  private readonly options: WordPieceTrainerOptions
  constructor(options: WordPieceTrainerOptions = {}) {
    this.options = checkOptions('WordPieceTrainer', options, wordPieceNames)
    this.specialTokens = options.specialTokens ?? []
  }
  train(counts: ReadonlyMap<string, number>): WordPiece {
    const {
      maxInputCharsPerWord,
      unknown = '[UNK]',
      continuingSubwordPrefix = '##',
      ...rest
    } = this.options
    const { vocab } = new BpeTrainer({ ...rest, continuingSubwordPrefix }).train(counts)
    return new WordPiece(vocab, {
      unknown,
      continuingSubwordPrefix,
      ...(maxInputCharsPerWord !== undefined && { maxInputCharsPerWord }),
    })
  }
}
