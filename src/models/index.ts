export * from './autoencoder.js'
export { Bert, type BertCall, type BertOptions } from './bert.js'
export { conditioned } from './conditioned.js'
export * from './convnet.js'
export { type CacheSizes, CausalModel, type DecoderCall, KeyValueCache } from './decoder.js'
export * from './gan.js'
export { generate, type GenerateOptions, perplexity, type Prompt, stream } from './generate.js'
export { GPT2, type GPT2Options } from './gpt2.js'
export * from './lenet.js'
export { Llama, type LlamaOptions } from './llama.js'
export * from './mlp.js'
export { LoadReport, loadPretrained, loadShards, type PretrainedOptions } from './pretrained.js'
export * from './resnet.js'
export * from './rows.js'
export type { SamplingOptions } from './sampling.js'
export {
  buildTransformer,
  causalMask,
  EncoderDecoder,
  LayerNormalization,
  type TransformerSizes,
} from './transformer.js'
export { ViT, type ViTOptions } from './vit.js'
