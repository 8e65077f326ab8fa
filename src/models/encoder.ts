/** The encoder layers of BERT and ViT, in the layout of Hugging Face. */
import { Dropout } from '../nn/dropout.js'
import { Linear } from '../nn/layers.js'
import { type Field, fields, Module } from '../nn/module.js'
import { LayerNorm } from '../nn/norm.js'
import { gelu } from '../ops/activation.js'
import { add } from '../ops/arithmetic.js'
import type { Tensor } from '../ops/tensor.js'
import { attentionWithWeights, scaledDotProductAttention } from '../tensor/attention.js'
import { byHead, sideBySide } from './decoder.js'

export interface EncoderSizes {
  hiddenSize: number
  numHiddenLayers: number
  numAttentionHeads: number
  intermediateSize: number
  hiddenDropoutProb: number
  attentionProbsDropoutProb: number
  layerNormEps: number
  /** The deviation of initial weights; 0.02, for wide models, unless given: about the root of 1/hiddenSize suits narrow ones. */
  initializerRange: number
}

/** A module whose `norm` is saved as LayerNorm, as in files of BERT. */
export abstract class WithLayerNorm extends Module {
  override *[fields](): Generator<Field> {
    for (const [key, name, value] of super[fields]())
      yield [key, key === 'norm' ? 'LayerNorm' : name, value]
  }
}

export class SelfAttention extends Module {
  query: Linear
  key: Linear
  value: Linear
  private readonly sizes: EncoderSizes
  /** Set it to have the weights of the last call in `attentionScores`, (N, heads, L, L). */
  keepScores = false
  attentionScores: Tensor | null = null
  constructor(sizes: EncoderSizes) {
    super()
    this.sizes = sizes
    const d = sizes.hiddenSize
    this.query = new Linear(d, d)
    this.key = new Linear(d, d)
    this.value = new Linear(d, d)
  }
  /** `mask` broadcasts to (N, heads, L, L), true where a token is seen. */
  override forward(x: Tensor, mask: Tensor | null = null): Tensor {
    const { numAttentionHeads, attentionProbsDropoutProb } = this.sizes
    const [q, k, v] = [this.query, this.key, this.value].map((w) =>
      byHead(w.forward(x), numAttentionHeads),
    ) as [Tensor, Tensor, Tensor]
    const dropoutP = this.training ? attentionProbsDropoutProb : 0
    const options = { attnMask: mask, dropoutP }
    if (!this.keepScores) return sideBySide(scaledDotProductAttention(q, k, v, options))
    const [y, scores] = attentionWithWeights(q, k, v, options)
    this.attentionScores = scores
    return sideBySide(y)
  }
}

class Intermediate extends Module {
  dense: Linear
  constructor({ hiddenSize, intermediateSize }: EncoderSizes) {
    super()
    this.dense = new Linear(hiddenSize, intermediateSize)
  }
  override forward(x: Tensor): Tensor {
    return gelu(this.dense.forward(x))
  }
}

// ---- BERT: normalization after the sum ----

class BertOutput extends WithLayerNorm {
  dense: Linear
  norm: LayerNorm
  dropout: Dropout
  constructor(from: number, sizes: EncoderSizes) {
    super()
    this.dense = new Linear(from, sizes.hiddenSize)
    this.norm = new LayerNorm(sizes.hiddenSize, { eps: sizes.layerNormEps })
    this.dropout = new Dropout(sizes.hiddenDropoutProb)
  }
  override forward(x: Tensor, residual: Tensor): Tensor {
    return this.norm.forward(add(this.dropout.forward(this.dense.forward(x)), residual))
  }
}
class BertAttention extends Module {
  self: SelfAttention
  output: BertOutput
  constructor(sizes: EncoderSizes) {
    super()
    this.self = new SelfAttention(sizes)
    this.output = new BertOutput(sizes.hiddenSize, sizes)
  }
  override forward(x: Tensor, mask: Tensor | null): Tensor {
    return this.output.forward(this.self.forward(x, mask), x)
  }
}
export class BertLayer extends Module {
  attention: BertAttention
  intermediate: Intermediate
  output: BertOutput
  constructor(sizes: EncoderSizes) {
    super()
    this.attention = new BertAttention(sizes)
    this.intermediate = new Intermediate(sizes)
    this.output = new BertOutput(sizes.intermediateSize, sizes)
  }
  override forward(x: Tensor, mask: Tensor | null): Tensor {
    x = this.attention.forward(x, mask) // (N, L, d)
    return this.output.forward(this.intermediate.forward(x), x)
  }
}

// ---- ViT: normalization before ----

class ViTDense extends Module {
  dense: Linear
  dropout: Dropout
  constructor(from: number, sizes: EncoderSizes) {
    super()
    this.dense = new Linear(from, sizes.hiddenSize)
    this.dropout = new Dropout(sizes.hiddenDropoutProb)
  }
  override forward(x: Tensor): Tensor {
    return this.dropout.forward(this.dense.forward(x))
  }
}
class ViTAttention extends Module {
  attention: SelfAttention
  output: ViTDense
  constructor(sizes: EncoderSizes) {
    super()
    this.attention = new SelfAttention(sizes)
    this.output = new ViTDense(sizes.hiddenSize, sizes)
  }
  override forward(x: Tensor): Tensor {
    return this.output.forward(this.attention.forward(x))
  }
}
export class ViTLayer extends Module {
  attention: ViTAttention
  intermediate: Intermediate
  output: ViTDense
  layernorm_before: LayerNorm
  layernorm_after: LayerNorm
  constructor(sizes: EncoderSizes) {
    super()
    this.attention = new ViTAttention(sizes)
    this.intermediate = new Intermediate(sizes)
    this.output = new ViTDense(sizes.intermediateSize, sizes)
    this.layernorm_before = new LayerNorm(sizes.hiddenSize, { eps: sizes.layerNormEps })
    this.layernorm_after = new LayerNorm(sizes.hiddenSize, { eps: sizes.layerNormEps })
  }
  override forward(x: Tensor): Tensor {
    x = add(x, this.attention.forward(this.layernorm_before.forward(x))) // (N, L, d)
    return add(x, this.output.forward(this.intermediate.forward(this.layernorm_after.forward(x))))
  }
}
