export * from './callbacks.js'
export { restoreCheckpoint, type Schedule, serializeCheckpoint } from './checkpoint.js'
export {
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
export * from './lrFinder.js'
export * from './metrics.js'
export * from './statistics.js'
export * from './summary.js'
