/** Layers that have another name here: making one says which. */
import { ValueError } from '../core/errors.js'

/** A class of another framework; its type tells the name. */
type Absent = new (...args: never[]) => never

const absent = (name: string, instead: string): Absent =>
  class {
    static readonly name = name
    constructor() {
      throw new ValueError({
        op: `nn.${name}`,
        rule: 'there is no layer of this name here',
        fix: `Write ${instead}.`,
      })
    }
  } as unknown as Absent

/** @deprecated Keras' name: `Linear(inFeatures, outFeatures)`. */
export const Dense = absent('Dense', 'new Linear(inFeatures, outFeatures)')
/** @deprecated Keras' name: `Conv1d`. */
export const Conv1D = absent('Conv1D', 'new Conv1d(inChannels, outChannels, kernelSize)')
/** @deprecated Keras' name: `Conv2d`. */
export const Conv2D = absent('Conv2D', 'new Conv2d(inChannels, outChannels, kernelSize)')
/** @deprecated Keras' name: `ConvTranspose2d`. */
export const Conv2DTranspose = absent(
  'Conv2DTranspose',
  'new ConvTranspose2d(inChannels, outChannels, kernelSize)',
)
/** @deprecated Keras' name: `MaxPool2d`. */
export const MaxPooling2D = absent('MaxPooling2D', 'new MaxPool2d(kernelSize)')
/** @deprecated Keras' name: `MaxPool2d`. */
export const MaxPool2D = absent('MaxPool2D', 'new MaxPool2d(kernelSize)')
/** @deprecated Keras' name: `AvgPool2d`. */
export const AveragePooling2D = absent('AveragePooling2D', 'new AvgPool2d(kernelSize)')
/** @deprecated Keras' name: `GlobalAvgPool`. */
export const GlobalAveragePooling2D = absent('GlobalAveragePooling2D', 'new GlobalAvgPool()')
/** @deprecated Keras' name: `BatchNorm1d` or `BatchNorm2d`. */
export const BatchNormalization = absent('BatchNormalization', 'new BatchNorm2d(channels)')
/** @deprecated PyTorch's names: `BatchNorm1d` or `BatchNorm2d`. */
export const BatchNorm = absent('BatchNorm', 'new BatchNorm1d(features) or BatchNorm2d(channels)')
/** @deprecated Keras' name: `LayerNorm`. */
export const LayerNormalization = absent('LayerNormalization', 'new LayerNorm(normalizedShape)')
/** @deprecated PyTorch's name: `SiLU`. */
export const Swish = absent('Swish', 'new SiLU()')
/** @deprecated The name is `CrossEntropyLoss`; it takes logits and labels. */
export const CategoricalCrossentropy = absent(
  'CategoricalCrossentropy',
  'new CrossEntropyLoss(), which takes logits',
)
/** @deprecated The name is `MSELoss`. */
export const MeanSquaredError = absent('MeanSquaredError', 'new MSELoss()')
