export * from './activations.js'
export * from './attention.js'
export * from './average.js'
export { copy } from './copy.js'
export { clipGradNorm, clipGradValue, gradNorm } from './clip.js'
export * from './conv.js'
export * from './dropout.js'
export * from './elsewhere.js'
export * from './embedding.js'
export * from './feedForward.js'
export { functionalCall } from './functionalCall.js'
export * as init from './init.js'
export * from './layers.js'
export {
  padPackedSequence,
  padSequence,
  packPaddedSequence,
  type PackedSequence,
  packSequence,
  unpackSequence,
  unpadSequence,
} from './packed.js'
export * from './recurrent.js'
export { lora, LoRALinear, type LoRAOptions, mergeLora } from './lora.js'
export * from './losses.js'
export * from './norm.js'
export * from './pool.js'
export {
  quantize,
  QuantizedEmbedding,
  QuantizedLinear,
  type Quantizable,
  type QuantizeOptions,
  quantizeWeight,
} from './quantized.js'
export * from './residual.js'
export * from './positions.js'
export * from './shape.js'
export * from './transformer.js'
export {
  type DecoderCall,
  type EncoderLayerCall,
  type TransformerActivation,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './transformerLayers.js'
export { type ForwardHook, Module, Parameter } from './module.js'
