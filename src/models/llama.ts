/** Llama, in the layout of Hugging Face. */
import { kinds, readOptions } from '../core/options.js'
import { Embedding } from '../nn/embedding.js'
import * as init from '../nn/init.js'
import { Linear } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { RMSNorm } from '../nn/norm.js'
import { RotaryEmbedding } from '../nn/positions.js'
import { silu } from '../ops/activation.js'
import { add, mul } from '../ops/arithmetic.js'
import type { Tensor } from '../ops/tensor.js'
import {
  byHead,
  causalAttention,
  type CacheSizes,
  CausalModel,
  type DecoderCall,
  type Seen,
  seenBy,
  seenIn,
  sideBySide,
} from './decoder.js'

export interface LlamaOptions {
  vocabSize?: number
  hiddenSize?: number
  intermediateSize?: number
  numHiddenLayers?: number
  numAttentionHeads?: number
  /** Heads of keys and values; numAttentionHeads unless given. */
  numKeyValueHeads?: number
  maxPositionEmbeddings?: number
  rmsNormEps?: number
  /** The deviation of initial weights; 0.02 unless given. */
  initializerRange?: number
  ropeTheta?: number
  /** The embedding's matrix gives the logits. */
  tieWordEmbeddings?: boolean
}
const places = {
  vocabSize: kinds.count,
  hiddenSize: kinds.count,
  intermediateSize: kinds.count,
  numHiddenLayers: kinds.count,
  numAttentionHeads: kinds.count,
  numKeyValueHeads: kinds.count,
  maxPositionEmbeddings: kinds.count,
  rmsNormEps: kinds.number,
  initializerRange: kinds.number,
  ropeTheta: kinds.number,
  tieWordEmbeddings: kinds.flag,
}
type Sizes = Required<LlamaOptions>

const flat = (from: number, to: number) => new Linear(from, to, { bias: false })

class Attention extends Module {
  q_proj: Linear<false>
  k_proj: Linear<false>
  v_proj: Linear<false>
  o_proj: Linear<false>
  readonly sizes: Sizes
  constructor(sizes: Sizes) {
    super()
    this.sizes = sizes
    const { hiddenSize: d, numAttentionHeads: h, numKeyValueHeads: g } = sizes
    this.q_proj = flat(d, d)
    this.k_proj = flat(d, (d / h) * g)
    this.v_proj = flat(d, (d / h) * g)
    this.o_proj = flat(d, d)
  }
  override forward(x: Tensor, layer: number, seen: Seen, rotary: RotaryEmbedding): Tensor {
    const { numAttentionHeads: h, numKeyValueHeads: g } = this.sizes
    const q = rotary.forward(byHead(this.q_proj.forward(x), h), seen.places) // (N, h, L, d/h)
    const k = rotary.forward(byHead(this.k_proj.forward(x), g), seen.places)
    const v = byHead(this.v_proj.forward(x), g)
    return this.o_proj.forward(sideBySide(causalAttention([q, k, v], layer, seen)))
  }
}

class Mlp extends Module {
  gate_proj: Linear<false>
  up_proj: Linear<false>
  down_proj: Linear<false>
  constructor({ hiddenSize: d, intermediateSize: inner }: Sizes) {
    super()
    this.gate_proj = flat(d, inner)
    this.up_proj = flat(d, inner)
    this.down_proj = flat(inner, d)
  }
  override forward(x: Tensor): Tensor {
    return this.down_proj.forward(mul(silu(this.gate_proj.forward(x)), this.up_proj.forward(x)))
  }
}

class Layer extends Module {
  self_attn: Attention
  mlp: Mlp
  input_layernorm: RMSNorm
  post_attention_layernorm: RMSNorm
  constructor(sizes: Sizes) {
    super()
    this.self_attn = new Attention(sizes)
    this.mlp = new Mlp(sizes)
    this.input_layernorm = new RMSNorm(sizes.hiddenSize, { eps: sizes.rmsNormEps })
    this.post_attention_layernorm = new RMSNorm(sizes.hiddenSize, { eps: sizes.rmsNormEps })
  }
  override forward(x: Tensor, i: number, seen: Seen, rotary: RotaryEmbedding): Tensor {
    const y = this.self_attn.forward(this.input_layernorm.forward(x), i, seen, rotary)
    x = add(seen.some ? seen.some(x, 1) : x, y) // (N, L, d), or of the tokens that the call wants
    return add(x, this.mlp.forward(this.post_attention_layernorm.forward(x)))
  }
}

class Body extends Module {
  embed_tokens: Embedding
  layers: Layer[]
  norm: RMSNorm
  rotary_emb: RotaryEmbedding
  constructor(sizes: Sizes) {
    super()
    this.embed_tokens = new Embedding(sizes.vocabSize, sizes.hiddenSize)
    this.layers = Array.from({ length: sizes.numHiddenLayers }, () => new Layer(sizes))
    this.norm = new RMSNorm(sizes.hiddenSize, { eps: sizes.rmsNormEps })
    this.rotary_emb = new RotaryEmbedding(sizes.hiddenSize / sizes.numAttentionHeads, {
      base: sizes.ropeTheta,
      maxLen: sizes.maxPositionEmbeddings,
    })
  }
  override forward(tokens: Tensor, seen: Seen): Tensor {
    let x = this.embed_tokens.forward(tokens) // (N, L, d)
    this.layers.forEach((layer, i) => {
      const there = seenIn('Llama', i, this.layers.length, seen)
      x = layer.forward(x, i, there, this.rotary_emb)
    })
    return this.norm.forward(x)
  }
}

/**
 * Llama (Touvron et al., https://arxiv.org/abs/2302.13971; grouped queries: https://arxiv.org/abs/2307.09288): pre-norm by
 * root mean squares, rotary positions, SwiGLU. Names are those of LlamaForCausalLM of Hugging Face; defaults those of the 7
 * billion model.
 *
 * Shapes: tokens (N, L) int32, logits (N, L, vocabSize).
 * @throws ShapeError for more than maxPositionEmbeddings tokens
 * @example new Llama({ vocabSize: 10, hiddenSize: 8, intermediateSize: 12, numHiddenLayers: 1, numAttentionHeads: 2, numKeyValueHeads: 1, maxPositionEmbeddings: 16 }).forward(zeros([1, 3], { dtype: 'int32' })).shape // [1, 3, 10]
 */
export class Llama extends CausalModel {
  static readonly prefix = 'model'
  model: Body
  lm_head: Linear<false>
  readonly maxLength: number
  readonly vocabSize: number
  readonly cacheSizes: CacheSizes
  constructor(options: LlamaOptions = {}) {
    super()
    const given = readOptions<LlamaOptions>('Llama', [options], {}, places)
    const sizes: Sizes = {
      vocabSize: 32000,
      hiddenSize: 4096,
      intermediateSize: 11008,
      numHiddenLayers: 32,
      numAttentionHeads: 32,
      numKeyValueHeads: given.numAttentionHeads ?? 32,
      maxPositionEmbeddings: 2048,
      rmsNormEps: 1e-6,
      initializerRange: 0.02,
      ropeTheta: 10000,
      tieWordEmbeddings: false,
      ...given,
    }
    this.model = new Body(sizes)
    this.lm_head = flat(sizes.hiddenSize, sizes.vocabSize)
    for (const p of this.parameters()) if (p.rank > 1) init.normal(p, 0, sizes.initializerRange)
    if (sizes.tieWordEmbeddings) this.lm_head.weight = this.model.embed_tokens.weight
    this.maxLength = sizes.maxPositionEmbeddings
    this.vocabSize = sizes.vocabSize
    this.cacheSizes = {
      layers: sizes.numHiddenLayers,
      heads: sizes.numKeyValueHeads,
      width: sizes.hiddenSize / sizes.numAttentionHeads,
    }
  }
  override forward(tokens: Tensor, call: DecoderCall = {}): Tensor {
    const seen = seenBy('Llama', tokens, this.maxLength, call)
    return this.lm_head.forward(this.model.forward(tokens, seen))
  }
}
