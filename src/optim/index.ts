export * from './algorithms.js'
export { type Group, Optimizer, type OptimizerOptions, type ParamGroup } from './optimizer.js'
