export * from './activations.js'
export * as init from './init.js'
export * from './layers.js'
export { type ForwardHook, Module, Parameter } from './module.js'
