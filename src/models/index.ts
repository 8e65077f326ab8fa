export * from './autoencoder.js'
export { Bert, type BertCall, type BertOptions } from './bert.js'
export {
  CenterNet,
  type CenterNetOptions,
  centerNetLoss,
  centerNetTargets,
  type Detected,
  type DetectOptions,
  heatMapLoss,
} from './centerNet.js'
export { type Conditional, conditioned } from './conditioned.js'
export { ntXentLoss } from './contrastive.js'
export * from './convnet.js'
export { type CacheSizes, CausalModel, type DecoderCall, KeyValueCache } from './decoder.js'
export {
  DeepResNet,
  type DeepResNetOptions,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
} from './deepResnet.js'
export * from './gan.js'
export { generate, type GenerateOptions, perplexity, type Prompt, stream } from './generate.js'
export { GPT2, type GPT2Options } from './gpt2.js'
export * from './lenet.js'
export { Llama, type LlamaOptions } from './llama.js'
export * from './mlp.js'
export {
  MobileNetV3,
  type MobileNetV3Options,
  mobilenetV3Large,
  mobilenetV3Small,
} from './mobilenet.js'
export { PointerGenerator, type PointerGeneratorOptions } from './pointerGenerator.js'
export { LoadReport, loadPretrained, loadShards, type PretrainedOptions } from './pretrained.js'
export * from './resnet.js'
export * from './rows.js'
export { distribution, type SamplingOptions } from './sampling.js'
export { Seq2Seq, type Seq2SeqOptions } from './sequenceToSequence.js'
export {
  buildTransformer,
  causalMask,
  EncoderDecoder,
  LayerNormalization,
  type TransformerSizes,
} from './transformer.js'
export { gramMatrix, RandomFeatures, type RandomFeaturesOptions } from './style.js'
export { UNet, type UNetOptions } from './unet.js'
export * from './vgg.js'
export { ViT, type ViTOptions } from './vit.js'
