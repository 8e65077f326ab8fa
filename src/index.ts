/** Public names, nothing else. */
import { state } from './ops/state.js'
import { backend } from './backends/registry.js'
import './tensor/methods.js'
import '#methods'

state.backend = backend

export { detectAnomaly } from './autograd/anomaly.js'
export {
  Profile,
  type ProfileEvent,
  type ProfileOptions,
  type ProfileRow,
  profile,
} from './autograd/profile.js'
export {
  backward,
  type BackwardOptions,
  detach,
  grad,
  gradients,
  valueAndGrad,
} from './autograd/backward.js'
export type { RemovableHandle, TensorHook } from './autograd/hooks.js'
export { type FunctionalOptions, hessian, jacobian, jvp, vjp } from './autograd/functional.js'
export { type Loose, scan, type ScanOptions, whileLoop } from './autograd/loops.js'
export { vmap } from './autograd/vmap.js'
export { gradCheck, type GradCheckOptions } from './autograd/check.js'
export { checkpoint } from './autograd/checkpoint.js'
export type { Backend, BackendName } from './backends/backend.js'
export {
  availableBackends,
  backend,
  getNumThreads,
  ready,
  setBackend,
  setNumThreads,
} from './backends/registry.js'
export { setWasmFiles, type WasmSource } from './backends/cpu/source.js'
export type { WasmPart } from './backends/cpu/variant.js'
export { CallGraph, type CallRecord, type CallValue, symbolicTrace } from './compile/calls.js'
export { type Compiled, compile, type CompileOptions } from './compile/compile.js'
export type { DType } from './core/dtype.js'
export { type AutocastOptions, autocast, isAutocastEnabled } from './ops/autocast.js'
export * from './core/errors.js'
export type { Shape } from './core/shape.js'
export * from './ops/activation.js'
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
} from './ops/adaptive.js'
export * from './ops/arithmetic.js'
export * from './ops/bitwise.js'
export { assign } from './ops/assign.js'
export {
  type Axes,
  expand,
  permute,
  type ReduceOptions,
  reshape,
  sum,
  type TypedReduceOptions,
} from './ops/broadcast.js'
export { at, type Index, indexPut, type IndexPutOptions } from './ops/at.js'
export { col2im, type ColumnOptions, im2col } from './ops/columns.js'
export * from './ops/compare.js'
export * from './ops/composed.js'
export {
  conv1d,
  conv2d,
  conv3d,
  type ConvOptions,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type ConvTransposeOptions,
} from './ops/conv.js'
export * from './ops/covariance.js'
export { defineOp, type Op, type OpSpec, registry as operations } from './ops/define.js'
export * from './ops/differences.js'
export * from './ops/distance.js'
export * from './ops/elementwise.js'
export {
  type BagMode,
  embedding,
  embeddingBag,
  type EmbeddingBagOptions,
  type EmbeddingOptions,
} from './ops/embedding.js'
export * from './ops/functions.js'
export { affineGrid, gridSample, type SampleOptions } from './ops/gridSample.js'
export { hostCall } from './ops/host.js'
export * from './ops/histogram.js'
export * from './ops/indexing.js'
export * from './ops/join.js'
export * from './ops/linalg.js'
export * from './ops/linear.js'
export * from './ops/loss/index.js'
export * from './ops/movement.js'
export * from './ops/nans.js'
export * from './ops/norm.js'
export * from './ops/norms.js'
export { gruCell, lstmCell, type RecurrentWeights, rnnCell } from './ops/recurrent.js'
export {
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type AvgPoolOptions,
  globalAvgPool,
  globalMaxPool,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type MaxPoolOptions,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
  minPool1d,
  minPool2d,
  minPool3d,
  type PoolOptions,
} from './ops/pool.js'
export * from './ops/reduce.js'
export {
  channelShuffle,
  interpolate,
  type InterpolateMode,
  type InterpolateOptions,
  pixelShuffle,
  pixelUnshuffle,
} from './ops/resize.js'
export * from './ops/places.js'
export * from './ops/products.js'
export * from './ops/scan.js'
export * from './ops/renorm.js'
export { segmentReduce, type SegmentOptions } from './ops/segments.js'
export * from './ops/slice.js'
export * from './ops/sort.js'
export * from './ops/stacks.js'
export * from './ops/strided.js'
export { noGrad } from './ops/state.js'
export * from './ops/statistics.js'
export { keep } from './ops/tensor.js'
export type { Extents } from './ops/window.js'
export {
  arange,
  empty,
  eye,
  full,
  fullLike,
  linspace,
  ones,
  onesLike,
  Tensor,
  tensor,
  type TensorOptions,
  zeros,
  zerosLike,
} from './tensor/creation.js'
export { type AttentionOptions, scaledDotProductAttention } from './tensor/attention.js'
export * from './tensor/dropout.js'
export * from './tensor/dynamic.js'
export * from './tensor/fractionalPool.js'
export * from './tensor/likes.js'
export { debugPrint } from './tensor/debug.js'
export { setPrintOptions } from './tensor/print.js'
export * from './tensor/random.js'
export { tidy } from './tensor/tidy.js'
