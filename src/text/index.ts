export type { AddedToken } from './added.js'
export { swordVerses } from './sword.js'
export { type Message, messageCatalog } from './catalog.js'
export { encodeOpen, type OpenOptions } from './openWords.js'
export { DecodeStream } from './decodeStream.js'
export { type Direction, Encoding, mergeEncodings } from './encoding.js'
export { Bpe, type BpeOptions } from './models/bpe.js'
export type { Model, Tokens } from './models/model.js'
export { Unigram } from './models/unigram.js'
export { WordLevel } from './models/wordLevel.js'
export { WordPiece, type WordPieceOptions } from './models/wordPiece.js'
export {
  type EncodeOptions,
  type TextInput,
  Tokenizer,
  type TokenizerParts,
} from './tokenizer.js'
export type { Trainer } from './counting.js'
export { trainBpe, trainCharacters, trainUnigram, trainWordLevel, trainWordPiece } from './train.js'
export { BpeTrainer, type BpeTrainerOptions } from './trainers/bpe.js'
export { UnigramTrainer, type UnigramTrainerOptions } from './trainers/unigram.js'
export { WordLevelTrainer, type WordLevelTrainerOptions } from './trainers/wordLevel.js'
export { WordPieceTrainer, type WordPieceTrainerOptions } from './trainers/wordPiece.js'
export {
  BucketBatchSampler,
  type BucketOptions,
  type CausalBatch,
  CausalBlocks,
  causalBatch,
  inBatches,
  type Padded,
  type PadOptions,
  padSequences,
  streamBlocks,
  type TranslationBatch,
  type TranslationOptions,
  translationBatch,
} from './batches.js'
export {
  brownCorpus,
  type Chapter,
  type CorpusOptions,
  type LabelledSentence,
  mobyDick,
  mobyDickFiles,
  type MobyDickOptions,
  sentimentSentences,
  splitWords,
  type TaggedSentence,
} from './corpora.js'
export * from './corpus.js'
export { editDistance } from '../core/editDistance.js'
export { corruptTokens, type MaskOptions, maskTokens, type NoiseOptions } from './noise.js'
export { type GloveOptions, trainGlove } from './embeddings/glove.js'
export type { Sentences, WordVectorOptions } from './embeddings/vocabulary.js'
export { trainWord2Vec, Word2Vec, type Word2VecOptions } from './embeddings/word2vec.js'
export {
  type BleuOptions,
  type BleuScore,
  corpusBleu,
  type References,
  sentenceBleu,
} from './metrics/bleu.js'
export { type ChrfOptions, corpusChrf, sentenceChrf } from './metrics/chrf.js'
export { Perplexity, perplexity } from './metrics/perplexity.js'
export { type RougeOptions, type RougeScore, type RougeScores, rouge } from './metrics/rouge.js'
export type { BleuTokenizer } from './metrics/tokenize.js'
export { type Neighbour, WordVectors } from './vectors.js'
export type { PaddingOptions, TruncationOptions } from './lengths.js'
