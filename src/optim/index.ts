export { Adam, type AdamOptions, Adamax, AdamW, NAdam, type NAdamOptions, RAdam } from './adam.js'
export {
  Adadelta,
  type AdadeltaOptions,
  Adafactor,
  type AdafactorOptions,
  Adagrad,
  type AdagradOptions,
  RMSprop,
  type RMSpropOptions,
} from './adaptive.js'
export {
  type Group,
  Optimizer,
  type OptimizerOptions,
  type OptimizerState,
  type ParamGroup,
} from './optimizer.js'
export {
  ASGD,
  type ASGDOptions,
  Lion,
  type LionOptions,
  Rprop,
  type RpropOptions,
  SGD,
  type SGDOptions,
} from './sgd.js'

export { CyclicLR, type CyclicOptions, OneCycleLR, type OneCycleOptions } from './cycles.js'
export { Scheduler, type SchedulerState } from './scheduler.js'
export {
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  MultiplicativeLR,
  MultiStepLR,
  NoamLR,
  PolynomialLR,
  StepLR,
} from './schedules.js'
export { type PlateauOptions, ReduceLROnPlateau } from './plateau.js'
export { ChainedScheduler, SequentialLR } from './chains.js'
export { LBFGS, type LBFGSOptions } from './lbfgs.js'
export { GradScaler, type GradScalerOptions } from './scaler.js'
