/** GPT-2, in the layout of Hugging Face. */
import { kinds, readOptions } from '../core/options.js'
import { Dropout } from '../nn/dropout.js'
import { Embedding } from '../nn/embedding.js'
import * as init from '../nn/init.js'
import type { Layer } from '../nn/layers.js'
import { Module, Parameter } from '../nn/module.js'
import { LayerNorm } from '../nn/norm.js'
import { gelu } from '../ops/activation.js'
import { add } from '../ops/arithmetic.js'
import { swap } from '../ops/broadcast.js'
import { split } from '../ops/join.js'
import { matmul } from '../ops/linalg.js'
import { linear } from '../ops/linear.js'
import type { Tensor } from '../ops/tensor.js'
import { zeros } from '../tensor/creation.js'
import { normal } from '../tensor/random.js'
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

export interface GPT2Options {
  vocabSize?: number
  /** The longest sequence. */
  nPositions?: number
  nEmbd?: number
  nLayer?: number
  nHead?: number
  /** Of embeddings, attention weights and residual sums. */
  dropout?: number
  layerNormEps?: number
  /** The deviation of initial weights; 0.02 unless given. */
  initializerRange?: number
}
const places = {
  vocabSize: kinds.count,
  nPositions: kinds.count,
  nEmbd: kinds.count,
  nLayer: kinds.count,
  nHead: kinds.count,
  dropout: kinds.number,
  layerNormEps: kinds.number,
  initializerRange: kinds.number,
}

/** y = x W + b with W (in, out): an affine map whose matrix lies the other way round, as in the files of GPT-2. */
export class Conv1D extends Module {
  weight: Parameter
  bias: Parameter
  constructor(outFeatures: number, inFeatures: number, std = 0.02) {
    super()
    this.weight = new Parameter(normal([inFeatures, outFeatures], 0, std))
    this.bias = new Parameter(zeros([outFeatures]))
  }
  /** For `quantize`. */
  asLinear(): { weight: Tensor; bias: Tensor } {
    return { weight: swap(this.weight), bias: this.bias }
  }
  override forward(x: Tensor): Tensor {
    return add(matmul(x, this.weight), this.bias)
  }
}

class Attention extends Module {
  c_attn: Conv1D
  c_proj: Conv1D
  attn_dropout: Dropout
  resid_dropout: Dropout
  readonly heads: number
  constructor(d: number, heads: number, dropout: number, std: number) {
    super()
    this.heads = heads
    this.c_attn = new Conv1D(3 * d, d, std)
    this.c_proj = new Conv1D(d, d, std)
    this.attn_dropout = new Dropout(dropout)
    this.resid_dropout = new Dropout(dropout)
  }
  override forward(x: Tensor, layer: number, seen: Seen): Tensor {
    const d = x.shape[2]!
    const [q, k, v] = split(this.c_attn.forward(x), d, 2).map((t) => byHead(t, this.heads)) as [
      Tensor,
      Tensor,
      Tensor,
    ]
    const y = causalAttention([q, k, v], layer, seen, this.training ? this.attn_dropout.p : 0)
    return this.resid_dropout.forward(this.c_proj.forward(sideBySide(y)))
  }
}

class Mlp extends Module {
  c_fc: Conv1D
  c_proj: Conv1D
  dropout: Dropout
  constructor(d: number, dropout: number, std: number) {
    super()
    this.c_fc = new Conv1D(4 * d, d, std)
    this.c_proj = new Conv1D(d, 4 * d, std)
    this.dropout = new Dropout(dropout)
  }
  override forward(x: Tensor): Tensor {
    const y = gelu(this.c_fc.forward(x), { approximate: 'tanh' })
    return this.dropout.forward(this.c_proj.forward(y))
  }
}

class Block extends Module {
  ln_1: LayerNorm
  attn: Attention
  ln_2: LayerNorm
  mlp: Mlp
  constructor(o: Required<GPT2Options>) {
    super()
    const { nEmbd: d, nHead, dropout, layerNormEps: eps, initializerRange: std } = o
    this.ln_1 = new LayerNorm(d, { eps })
    this.attn = new Attention(d, nHead, dropout, std)
    this.ln_2 = new LayerNorm(d, { eps })
    this.mlp = new Mlp(d, dropout, std)
  }
  override forward(x: Tensor, layer: number, seen: Seen): Tensor {
    const y = this.attn.forward(this.ln_1.forward(x), layer, seen)
    x = add(seen.some ? seen.some(x, 1) : x, y) // (N, L, d), or of the tokens that the call wants
    return add(x, this.mlp.forward(this.ln_2.forward(x)))
  }
}

class Body extends Module {
  wte: Embedding
  wpe: Embedding
  drop: Dropout
  h: Block[]
  ln_f: LayerNorm
  constructor(o: Required<GPT2Options>) {
    super()
    this.wte = new Embedding(o.vocabSize, o.nEmbd)
    this.wpe = new Embedding(o.nPositions, o.nEmbd)
    this.drop = new Dropout(o.dropout)
    this.h = Array.from({ length: o.nLayer }, () => new Block(o))
    this.ln_f = new LayerNorm(o.nEmbd, { eps: o.layerNormEps })
    init.normal(this.wte.weight, 0, o.initializerRange)
    init.normal(this.wpe.weight, 0, o.initializerRange)
    for (const block of this.h)
      for (const w of [block.attn.c_proj.weight, block.mlp.c_proj.weight])
        init.normal(w, 0, o.initializerRange / Math.sqrt(2 * o.nLayer))
  }
  override forward(tokens: Tensor, seen: Seen): Tensor {
    let x = add(this.wte.forward(tokens), this.wpe.forward(seen.places)) // (N, L, d)
    x = this.drop.forward(x)
    this.h.forEach((block, i) => {
      x = block.forward(x, i, seenIn('GPT2', i, this.h.length, seen))
    })
    return this.ln_f.forward(x)
  }
}

/**
 * GPT-2 (Radford et al., Language Models are Unsupervised Multitask Learners, 2019): pre-norm, learned positions, logits by
 * the matrix of the embedding. Names are those of GPT2LMHeadModel of Hugging Face; defaults those of its small size, 124
 * million parameters.
 *
 * Shapes: tokens (N, L) int32, logits (N, L, vocabSize).
 * @throws ShapeError for more than nPositions tokens
 * @example new GPT2({ vocabSize: 10, nPositions: 8, nEmbd: 4, nLayer: 1, nHead: 2 }).forward(zeros([1, 3], { dtype: 'int32' })).shape // [1, 3, 10]
 */
export class GPT2 extends CausalModel {
  /** What files of the body alone leave out before its names. */
  static readonly prefix = 'transformer'
  transformer: Body
  /** What gives the logits, when it is not the matrix of the embedding: a quantized copy of it. */
  lm_head: Layer | null = null
  readonly maxLength: number
  readonly vocabSize: number
  readonly cacheSizes: CacheSizes
  constructor(options: GPT2Options = {}) {
    super()
    const o = {
      vocabSize: 50257,
      nPositions: 1024,
      nEmbd: 768,
      nLayer: 12,
      nHead: 12,
      dropout: 0.1,
      layerNormEps: 1e-5,
      initializerRange: 0.02,
      ...readOptions<GPT2Options>('GPT2', [options], {}, places),
    }
    this.transformer = new Body(o)
    this.maxLength = o.nPositions
    this.vocabSize = o.vocabSize
    this.cacheSizes = { layers: o.nLayer, heads: o.nHead, width: o.nEmbd / o.nHead }
  }
  /** For `quantize`. */
  tiedLinears(): Record<string, Tensor> {
    return this.lm_head ? {} : { lm_head: this.transformer.wte.weight }
  }
  override forward(tokens: Tensor, call: DecoderCall = {}): Tensor {
    const seen = seenBy('GPT2', tokens, this.maxLength, call)
    const x = this.transformer.forward(tokens, seen)
    // Weight tying: the embedding's matrix gives the logits.
    return this.lm_head ? this.lm_head.forward(x) : linear(x, this.transformer.wte.weight)
  }
}
