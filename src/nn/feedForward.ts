/** Feed-forward parts of the Transformer with a gate. */
import { kinds, readArguments } from '../core/options.js'
import { silu } from '../ops/activation.js'
import { mul } from '../ops/arithmetic.js'
import type { Tensor } from '../ops/tensor.js'
import { Linear } from './layers.js'
import { Module } from './module.js'

export interface SwiGLUOptions {
  bias?: boolean
  /** Width of the result; that of the input unless given. */
  outFeatures?: number
}

/**
 * y = W2 (silu(W1 x) ∘ W3 x), the feed-forward part of Llama; the names of its matrices are those of Llama's paper code.
 *
 * Shapes: x (..., inFeatures), output (..., outFeatures). Source: https://arxiv.org/abs/2002.05202.
 * @example new SwiGLU(8, 16).forward(zeros([2, 8])).shape // [2, 8]
 */
export class SwiGLU extends Module {
  w1: Linear<boolean>
  w2: Linear<boolean>
  w3: Linear<boolean>
  constructor(inFeatures: number, hiddenFeatures: number, options?: SwiGLUOptions)
  constructor(...args: unknown[]) {
    super()
    const {
      inFeatures,
      hiddenFeatures,
      outFeatures,
      bias = false,
    } = readArguments<SwiGLUOptions & { inFeatures: number; hiddenFeatures: number }>(
      'SwiGLU',
      args,
      { inFeatures: kinds.count, hiddenFeatures: kinds.count },
      2,
      { bias: kinds.flag, outFeatures: kinds.count },
    )
    this.w1 = new Linear(inFeatures, hiddenFeatures, { bias })
    this.w2 = new Linear(hiddenFeatures, outFeatures ?? inFeatures, { bias })
    this.w3 = new Linear(inFeatures, hiddenFeatures, { bias })
  }
  override forward(x: Tensor): Tensor {
    return this.w2.forward(mul(silu(this.w1.forward(x)), this.w3.forward(x)))
  }
}
