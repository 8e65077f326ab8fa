/** BERT, in the layout of Hugging Face. */
import { ShapeError, show } from '../core/errors.js'
import { checkOptions, kinds, readOptions } from '../core/options.js'
import { Dropout } from '../nn/dropout.js'
import { Embedding } from '../nn/embedding.js'
import * as init from '../nn/init.js'
import { Linear } from '../nn/layers.js'
import { Module, Parameter } from '../nn/module.js'
import { LayerNorm } from '../nn/norm.js'
import { gelu } from '../ops/activation.js'
import { add, mul } from '../ops/arithmetic.js'
import { reshape } from '../ops/broadcast.js'
import { ne } from '../ops/compare.js'
import { tanh } from '../ops/functions.js'
import { linear } from '../ops/linear.js'
import { select } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { arange, zeros } from '../tensor/creation.js'
import { BertLayer, type EncoderSizes, WithLayerNorm } from './encoder.js'

export interface BertOptions extends Partial<EncoderSizes> {
  vocabSize?: number
  maxPositionEmbeddings?: number
  typeVocabSize?: number
}
const places = {
  vocabSize: kinds.count,
  hiddenSize: kinds.count,
  numHiddenLayers: kinds.count,
  numAttentionHeads: kinds.count,
  intermediateSize: kinds.count,
  maxPositionEmbeddings: kinds.count,
  typeVocabSize: kinds.count,
  hiddenDropoutProb: kinds.number,
  attentionProbsDropoutProb: kinds.number,
  layerNormEps: kinds.number,
  initializerRange: kinds.number,
}
type Sizes = Required<BertOptions>

export interface BertCall {
  /** (N, L): which of two texts a token belongs to, 0 or 1; 0 unless given. */
  tokenTypeIds?: Tensor | null
  /** (N, L): 1 or true where a token is seen, 0 where it is padding. */
  attentionMask?: Tensor | null
}

class Embeddings extends WithLayerNorm {
  word_embeddings: Embedding
  position_embeddings: Embedding
  token_type_embeddings: Embedding
  norm: LayerNorm
  dropout: Dropout
  constructor(sizes: Sizes) {
    super()
    const d = sizes.hiddenSize
    this.word_embeddings = new Embedding(sizes.vocabSize, d)
    this.position_embeddings = new Embedding(sizes.maxPositionEmbeddings, d)
    this.token_type_embeddings = new Embedding(sizes.typeVocabSize, d)
    this.norm = new LayerNorm(d, { eps: sizes.layerNormEps })
    this.dropout = new Dropout(sizes.hiddenDropoutProb)
  }
  override forward(tokens: Tensor, types: Tensor | null): Tensor {
    const L = tokens.shape[1]!
    const kind = types ?? mul(tokens, 0)
    const x = add(this.word_embeddings.forward(tokens), this.token_type_embeddings.forward(kind))
    const y = add(x, this.position_embeddings.forward(arange(L, { dtype: 'int32' }))) // (N, L, d)
    return this.dropout.forward(this.norm.forward(y))
  }
}
class Encoder extends Module {
  layer: BertLayer[]
  constructor(sizes: Sizes) {
    super()
    this.layer = Array.from({ length: sizes.numHiddenLayers }, () => new BertLayer(sizes))
  }
  override forward(x: Tensor, mask: Tensor | null): Tensor {
    for (const layer of this.layer) x = layer.forward(x, mask)
    return x
  }
}
class Pooler extends Module {
  dense: Linear
  constructor(d: number) {
    super()
    this.dense = new Linear(d, d)
  }
  override forward(x: Tensor): Tensor {
    return tanh(this.dense.forward(select(x, 1, 0))) // of the first token, (N, d)
  }
}
class Body extends Module {
  embeddings: Embeddings
  encoder: Encoder
  pooler: Pooler
  readonly maxLength: number
  constructor(sizes: Sizes) {
    super()
    this.embeddings = new Embeddings(sizes)
    this.encoder = new Encoder(sizes)
    this.pooler = new Pooler(sizes.hiddenSize)
    this.maxLength = sizes.maxPositionEmbeddings
    for (const p of this.parameters()) if (p.rank > 1) init.normal(p, 0, sizes.initializerRange)
    for (const m of this.modules()) if (m instanceof Linear && m.bias) init.zeros(m.bias)
  }
  override forward(tokens: Tensor, call: BertCall): Tensor {
    if (tokens.rank !== 2 || tokens.shape[1]! > this.maxLength)
      throw new ShapeError({
        op: 'Bert',
        rule: `tokens must be (N, L), L at most ${this.maxLength}`,
        got: show(tokens.shape),
      })
    const { tokenTypeIds = null, attentionMask } = checkOptions('Bert.forward', call, [
      'tokenTypeIds',
      'attentionMask',
    ])
    const [N, L] = tokens.shape as [number, number]
    const mask = attentionMask
      ? reshape(attentionMask.dtype === 'bool' ? attentionMask : ne(attentionMask, 0), [N, 1, 1, L])
      : null
    return this.encoder.forward(this.embeddings.forward(tokens, tokenTypeIds), mask)
  }
}
class Transform extends WithLayerNorm {
  dense: Linear
  norm: LayerNorm
  constructor({ hiddenSize: d, layerNormEps: eps }: Sizes) {
    super()
    this.dense = new Linear(d, d)
    this.norm = new LayerNorm(d, { eps })
  }
  override forward(x: Tensor): Tensor {
    return this.norm.forward(gelu(this.dense.forward(x)))
  }
}
class Predictions extends Module {
  bias: Parameter
  transform: Transform
  constructor(sizes: Sizes) {
    super()
    this.bias = new Parameter(zeros([sizes.vocabSize]))
    this.transform = new Transform(sizes)
  }
  override forward(x: Tensor, words: Tensor): Tensor {
    return linear(this.transform.forward(x), words, this.bias)
  }
}
class Head extends Module {
  predictions: Predictions
  constructor(sizes: Sizes) {
    super()
    this.predictions = new Predictions(sizes)
  }
  override forward(x: Tensor, words: Tensor): Tensor {
    return this.predictions.forward(x, words)
  }
}

/**
 * BERT (Devlin et al., https://arxiv.org/abs/1810.04805) with its head for hidden words: an encoder over all tokens at once,
 * post-norm, learned positions; logits by the matrix of the embedding. Names are those of BertForMaskedLM and BertModel of
 * Hugging Face; defaults those of the base model, 110 million parameters.
 *
 * Shapes: tokens (N, L) int32, logits (N, L, vocabSize); `encode` (N, L, hiddenSize), `pool` of that (N, hiddenSize).
 * @throws ShapeError for more than maxPositionEmbeddings tokens
 * @example new Bert({ vocabSize: 10, hiddenSize: 8, intermediateSize: 12, numHiddenLayers: 1, numAttentionHeads: 2 }).forward(zeros([1, 3], { dtype: 'int32' })).shape // [1, 3, 10]
 */
export class Bert extends Module {
  static readonly prefix = 'bert'
  bert: Body
  cls: Head
  constructor(options: BertOptions = {}) {
    super()
    const sizes: Sizes = {
      vocabSize: 30522,
      hiddenSize: 768,
      numHiddenLayers: 12,
      numAttentionHeads: 12,
      intermediateSize: 3072,
      maxPositionEmbeddings: 512,
      typeVocabSize: 2,
      hiddenDropoutProb: 0.1,
      attentionProbsDropoutProb: 0.1,
      layerNormEps: 1e-12,
      initializerRange: 0.02,
      ...readOptions<BertOptions>('Bert', [options], {}, places),
    }
    this.bert = new Body(sizes)
    this.cls = new Head(sizes)
  }
  /** The last layer's vectors, (N, L, hiddenSize). */
  encode(tokens: Tensor, call: BertCall = {}): Tensor {
    return this.bert.forward(tokens, call)
  }
  /** One vector for each sequence, (N, hiddenSize), from what `encode` gives: for classifying. */
  pool(encoded: Tensor): Tensor {
    return this.bert.pooler.forward(encoded)
  }
  override forward(tokens: Tensor, call: BertCall = {}): Tensor {
    return this.cls.forward(this.encode(tokens, call), this.bert.embeddings.word_embeddings.weight)
  }
}
