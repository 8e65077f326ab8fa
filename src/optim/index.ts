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
