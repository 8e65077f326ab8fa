export * from './csv.js'
export {
  collate,
  ConcatDataset,
  type Dataset,
  datasetFrom,
  IterableDataset,
  MapDataset,
  type Origin,
  SelfTargetDataset,
  Subset,
  TensorDataset,
} from './dataset.js'
export * from './folder.js'
export { type Idx, parseIdx } from './idx.js'
export { ImageDataset, type ImageOptions } from './images.js'
export * from './imputer.js'
export * from './jsonLines.js'
export { DataLoader, type LoaderOptions, type LoaderState } from './loader.js'
export * from './mnist.js'
export * from './pipeline.js'
export * from './preprocessing.js'
export * from './reports.js'
export * from './columnScores.js'
export * from './selection.js'
export * from './series.js'
export {
  BatchSampler,
  type BatchOrder,
  RandomSampler,
  type Sampler,
  SequentialSampler,
  StratifiedSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from './samplers.js'
export * from './split.js'
export * from './tables.js'
export * from './validation.js'
export type { WeightOptions } from './weights.js'
export { parseExpression } from './expression.js'
