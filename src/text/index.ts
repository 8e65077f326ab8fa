export type { AddedToken } from './added.js'
export { type Direction, Encoding, mergeEncodings } from './encoding.js'
export { Bpe, type BpeOptions } from './models/bpe.js'
export type { Model, Tokens } from './models/model.js'
export { Unigram } from './models/unigram.js'
export { WordLevel } from './models/wordLevel.js'
export { WordPiece, type WordPieceOptions } from './models/wordPiece.js'
export {
  type EncodeOptions,
  type PaddingOptions,
  type TextInput,
  Tokenizer,
  type TokenizerParts,
  type TruncationOptions,
} from './tokenizer.js'
export type { Trainer } from './tokenizer.js'
export { trainBpe, trainCharacters, trainUnigram, trainWordLevel, trainWordPiece } from './train.js'
export { BpeTrainer, type BpeTrainerOptions } from './trainers/bpe.js'
export { UnigramTrainer, type UnigramTrainerOptions } from './trainers/unigram.js'
export { WordLevelTrainer, type WordLevelTrainerOptions } from './trainers/wordLevel.js'
export { WordPieceTrainer, type WordPieceTrainerOptions } from './trainers/wordPiece.js'
