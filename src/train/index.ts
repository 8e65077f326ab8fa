export * from './callbacks.js'
export {
  type Restored,
  restoreCheckpoint,
  type Schedule,
  serializeCheckpoint,
} from './checkpoint.js'
export {
  type AnyModel,
  type Batch,
  type BatchSource,
  type Evaluation,
  type EvaluateOptions,
  evaluate,
  firstNonFinite,
  type LossFunction,
  type Model,
  predictions,
} from './evaluate.js'
export * from './fit.js'
export * from './generative.js'
export { Histograms } from './histograms.js'
export * from './logs.js'
export * from './lrFinder.js'
export {
  accuracy,
  auc,
  ConfusionMatrix,
  meanAbsoluteError,
  meanSquaredError,
  r2,
  topKAccuracy,
} from '../data/measures.js'
export * from './metrics.js'
export * from '../data/reports.js'
export type { ClassWeight } from './prepare.js'
export { ProgressBars } from './progress.js'
export { type ConfusionOptions, saveConfusion } from './record.js'
export { RunFolder, type RunFolderOptions, type SavedRun } from './run.js'
export { type ModelNode, modelGraph, plotModel, type PlotModelOptions } from './plotModel.js'
export * from './statistics.js'
export * from './summary.js'
