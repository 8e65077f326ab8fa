/**
 * Losses as modules: each holds the arguments of its function, and tensors among them (weights of classes) are buffers,
 * which move and are saved with the module. The formulas stand with the functions of the same names.
 */
import { flag, givenUp, integer, number } from '../core/kinds.js'
import { kinds, oneOf, orNull, type Places, readArguments } from '../core/options.js'
import * as f from '../ops/loss/index.js'
import { Tensor } from '../ops/tensor.js'
import { showOptions } from './common.js'
import { Module } from './module.js'

const tensor = orNull({ rule: 'a tensor', holds: (v: unknown) => v instanceof Tensor })
const reduction = oneOf('mean', 'sum', 'none')
/** PyTorch's places: the two that it has given up stand before the reduction. */
const reduced = { sizeAverage: givenUp, reduce: givenUp, reduction }
const margin = { margin: number, ...reduced }

/** What a loss is computed of, and its options. */
type Inputs<F extends (...args: never[]) => Tensor> =
  Parameters<F> extends [...infer I, (infer _O)?] ? I : never
type Options<F extends (...args: never[]) => Tensor> =
  Parameters<F> extends [...infer _I, (infer O)?] ? NonNullable<O> : never

/** A loss with its arguments; tensors among them are buffers. */
interface Loss<F extends (...args: never[]) => Tensor> extends Module {
  options: Omit<Options<F>, 'weight' | 'posWeight'>
  forward(...inputs: Inputs<F>): Tensor
}
/** Options by name, or arguments by place as in PyTorch. */
type LossClass<F extends (...args: never[]) => Tensor> = new (
  ...args: [options?: Options<F>] | (Tensor | number | boolean | string | null | Options<F>)[]
) => Loss<F>

/** `places` are the arguments in PyTorch's order, `named` those that have no place. */
const lossOf = <F extends (...args: never[]) => Tensor>(
  name: string,
  call: F,
  places: Places,
  named: Places = {},
): LossClass<F> =>
  class extends Module {
    options: Omit<Options<F>, 'weight' | 'posWeight'>
    constructor(...args: unknown[]) {
      super()
      const options: Record<string, unknown> = {}
      const all = readArguments<Record<string, unknown>>(name, args, places, 0, named)
      for (const [key, value] of Object.entries(all))
        if (value instanceof Tensor) this.registerBuffer(key, value)
        else if (value !== null || places[key] !== givenUp) options[key] = value
      this.options = options as Omit<Options<F>, 'weight' | 'posWeight'>
    }
    override forward(...inputs: Inputs<F>): Tensor {
      const { weight, posWeight } = this as { weight?: Tensor; posWeight?: Tensor }
      return (call as unknown as (...args: unknown[]) => Tensor)(...inputs, {
        ...this.options,
        ...(weight && { weight }),
        ...(posWeight && { posWeight }),
      })
    }
    override describe(): string {
      return showOptions(this.options)
    }
  }

export class CrossEntropyLoss extends lossOf('CrossEntropyLoss', f.crossEntropy, {
  weight: tensor,
  sizeAverage: givenUp,
  ignoreIndex: integer,
  reduce: givenUp,
  reduction,
  labelSmoothing: number,
}) {}
export class NLLLoss extends lossOf('NLLLoss', f.nllLoss, {
  weight: tensor,
  sizeAverage: givenUp,
  ignoreIndex: integer,
  reduce: givenUp,
  reduction,
}) {}
export class BCELoss extends lossOf('BCELoss', f.binaryCrossEntropy, {
  weight: tensor,
  ...reduced,
}) {}
export class BCEWithLogitsLoss extends lossOf('BCEWithLogitsLoss', f.binaryCrossEntropyWithLogits, {
  weight: tensor,
  ...reduced,
  posWeight: tensor,
}) {}
export class MSELoss extends lossOf('MSELoss', f.mseLoss, reduced) {}
export class QuadraticLoss extends lossOf('QuadraticLoss', f.quadraticLoss, { reduction }) {}
export class L1Loss extends lossOf('L1Loss', f.l1Loss, reduced) {}
export class SmoothL1Loss extends lossOf('SmoothL1Loss', f.smoothL1Loss, {
  ...reduced,
  beta: number,
}) {}
export class HuberLoss extends lossOf('HuberLoss', f.huberLoss, { reduction, delta: number }) {}
export class KLDivLoss extends lossOf('KLDivLoss', f.klDiv, {
  ...reduced,
  reduction: oneOf('mean', 'sum', 'none', 'batchmean'),
  logTarget: flag,
}) {}
export class HingeLoss extends lossOf('HingeLoss', f.hingeLoss, { margin: number, reduction }) {}
export class HingeEmbeddingLoss extends lossOf(
  'HingeEmbeddingLoss',
  f.hingeEmbeddingLoss,
  margin,
) {}
export class MarginRankingLoss extends lossOf('MarginRankingLoss', f.marginRankingLoss, margin) {}
export class MultiMarginLoss extends lossOf('MultiMarginLoss', f.multiMarginLoss, {
  p: integer,
  margin: number,
  weight: tensor,
  ...reduced,
}) {}
export class MultiLabelMarginLoss extends lossOf(
  'MultiLabelMarginLoss',
  f.multiLabelMarginLoss,
  reduced,
) {}
export class MultiLabelSoftMarginLoss extends lossOf(
  'MultiLabelSoftMarginLoss',
  f.multiLabelSoftMarginLoss,
  { weight: tensor, ...reduced },
) {}
export class SoftMarginLoss extends lossOf('SoftMarginLoss', f.softMarginLoss, reduced) {}
export class TripletMarginLoss extends lossOf('TripletMarginLoss', f.tripletMarginLoss, {
  margin: number,
  p: number,
  eps: number,
  swap: flag,
  ...reduced,
}) {}
export class TripletMarginWithDistanceLoss extends lossOf(
  'TripletMarginWithDistanceLoss',
  f.tripletMarginWithDistanceLoss,
  {},
  { distanceFunction: kinds.function, margin: number, swap: flag, reduction },
) {}
export class CosineEmbeddingLoss extends lossOf(
  'CosineEmbeddingLoss',
  f.cosineEmbeddingLoss,
  margin,
) {}
export class CTCLoss extends lossOf('CTCLoss', f.ctcLoss, {
  blank: integer,
  reduction,
  zeroInfinity: flag,
}) {}
export class PoissonNLLLoss extends lossOf('PoissonNLLLoss', f.poissonNLLLoss, {
  logInput: flag,
  full: flag,
  sizeAverage: givenUp,
  eps: number,
  reduce: givenUp,
  reduction,
}) {}
export class GaussianNLLLoss extends lossOf(
  'GaussianNLLLoss',
  f.gaussianNLLLoss,
  {},
  { full: flag, eps: number, reduction },
) {}
