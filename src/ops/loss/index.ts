/** Losses, with PyTorch's definitions and reductions; one file a family. */
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  crossEntropy,
  type CrossEntropyOptions,
  nllLoss,
} from './classification.js'
export type { LossOptions, MarginOptions, Reduction } from './common.js'
export { ctcLoss, type CTCOptions } from './ctc.js'
export {
  gaussianNLLLoss,
  huberLoss,
  klDiv,
  l1Loss,
  mseLoss,
  poissonNLLLoss,
  quadraticLoss,
  smoothL1Loss,
} from './regression.js'
export {
  cosineEmbeddingLoss,
  cosineSimilarity,
  hingeEmbeddingLoss,
  hingeLoss,
  marginRankingLoss,
  multiLabelMarginLoss,
  multiLabelSoftMarginLoss,
  multiMarginLoss,
  pairwiseDistance,
  softMarginLoss,
  type TripletOptions,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from './margin.js'
export { elasticNetPenalty, l1Penalty, l2Penalty } from './penalty.js'
