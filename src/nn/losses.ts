/**
 * Losses as modules: each holds the options of its function, and tensors among them (weights of classes) are buffers,
 * which move and are saved with the module. The formulas stand with the functions of the same names.
 */
import * as f from '../ops/loss/index.js'
import { Tensor } from '../ops/tensor.js'
import { Module } from './module.js'

/** A loss module with the tensors and options of a function. */
type LossModule<F extends (...args: never[]) => Tensor> =
  Parameters<F> extends [...infer Inputs, (infer O)?]
    ? new (
        options?: NonNullable<O>,
      ) => Module & { forward(...inputs: Inputs): Tensor }
    : never

function lossOf<F extends (...args: never[]) => Tensor>(name: string, call: F): LossModule<F> {
  const made = class extends Module {
    private readonly options: Record<string, unknown> = {}
    constructor(options: Record<string, unknown> = {}) {
      super()
      for (const [key, value] of Object.entries(options))
        if (value instanceof Tensor) (this as Record<string, unknown>)[key] = value
        else this.options[key] = value
    }
    override forward(...inputs: Tensor[]): Tensor {
      const buffers = this as unknown as Record<string, unknown>
      const own = Object.entries(buffers).filter(([, v]) => v instanceof Tensor)
      const all = { ...this.options, ...Object.fromEntries(own) }
      return (call as unknown as (...args: unknown[]) => Tensor)(...inputs, all)
    }
    override describe(): string {
      return Object.entries(this.options)
        .map(([k, v]) => `${k}=${typeof v === 'function' ? v.name || 'function' : v}`)
        .join(', ')
    }
  }
  Object.defineProperty(made, 'name', { value: name })
  return made as unknown as LossModule<F>
}

export const CrossEntropyLoss = lossOf('CrossEntropyLoss', f.crossEntropy)
export const NLLLoss = lossOf('NLLLoss', f.nllLoss)
export const BCELoss = lossOf('BCELoss', f.binaryCrossEntropy)
export const BCEWithLogitsLoss = lossOf('BCEWithLogitsLoss', f.binaryCrossEntropyWithLogits)
export const MSELoss = lossOf('MSELoss', f.mseLoss)
export const QuadraticLoss = lossOf('QuadraticLoss', f.quadraticLoss)
export const L1Loss = lossOf('L1Loss', f.l1Loss)
export const SmoothL1Loss = lossOf('SmoothL1Loss', f.smoothL1Loss)
export const HuberLoss = lossOf('HuberLoss', f.huberLoss)
export const KLDivLoss = lossOf('KLDivLoss', f.klDiv)
export const HingeLoss = lossOf('HingeLoss', f.hingeLoss)
export const HingeEmbeddingLoss = lossOf('HingeEmbeddingLoss', f.hingeEmbeddingLoss)
export const MarginRankingLoss = lossOf('MarginRankingLoss', f.marginRankingLoss)
export const MultiMarginLoss = lossOf('MultiMarginLoss', f.multiMarginLoss)
export const MultiLabelMarginLoss = lossOf('MultiLabelMarginLoss', f.multiLabelMarginLoss)
export const MultiLabelSoftMarginLoss = lossOf(
  'MultiLabelSoftMarginLoss',
  f.multiLabelSoftMarginLoss,
)
export const SoftMarginLoss = lossOf('SoftMarginLoss', f.softMarginLoss)
export const TripletMarginLoss = lossOf('TripletMarginLoss', f.tripletMarginLoss)
export const TripletMarginWithDistanceLoss = lossOf(
  'TripletMarginWithDistanceLoss',
  f.tripletMarginWithDistanceLoss,
)
export const CosineEmbeddingLoss = lossOf('CosineEmbeddingLoss', f.cosineEmbeddingLoss)
export const CTCLoss = lossOf('CTCLoss', f.ctcLoss)
export const PoissonNLLLoss = lossOf('PoissonNLLLoss', f.poissonNLLLoss)
export const GaussianNLLLoss = lossOf('GaussianNLLLoss', f.gaussianNLLLoss)
