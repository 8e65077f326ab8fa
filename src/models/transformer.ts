/**
 * The whole encoder-decoder, as courses build it from scratch in PyTorch: pre-norm, projections of attention without bias,
 * masks of −10⁹, embeddings times √d. Names of parameters are those of such programs (`encoder.layers.0.
 * self_attention_block.w_q.weight`), so their saved states load as they are.
 */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { Dropout } from '../nn/dropout.js'
import { Embedding } from '../nn/embedding.js'
import * as init from '../nn/init.js'
import { Linear } from '../nn/layers.js'
import { Module, Parameter } from '../nn/module.js'
import { PositionalEncoding } from '../nn/positions.js'
import { add, div, mul, sub, where } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { defineOp } from '../ops/define.js'
import { gt, ne } from '../ops/compare.js'
import { tril } from '../ops/linalg.js'
import { relu, sqrt, square } from '../ops/functions.js'
import { mean } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { attentionWithWeights, scaledDotProductAttention } from '../tensor/attention.js'
import { ones, zeros } from '../tensor/creation.js'
import { byHead, sideBySide } from './decoder.js'

/** See LayerNormalization. One operation, so that without compile it is one program, too. */
const normalized = defineOp({
  name: 'unbiasedLayerNorm',
  formula: 'y = a (x − μ)/(σ + ε) + b,  σ² = Σ (x − μ)²/(n − 1)',
  args: (x: Tensor, alpha: Tensor, bias: Tensor, eps: number) => ({
    inputs: [x, alpha, bias],
    attrs: { eps },
  }),
  forward: ([x, alpha, bias], { eps }) => {
    const n = x!.shape[x!.rank - 1]!
    const centred = sub(x!, mean(x!, -1, { keepdim: true })) // (..., features)
    const variance = div(sum(square(centred), -1, { keepdim: true }), n - 1)
    const some = gt(variance, 0)
    const deviation = where(some, sqrt(where(some, variance, 1)), 0)
    return add(mul(alpha!, div(centred, add(deviation, eps))), bias!)
  },
  // Of 1 and 3 the deviation is √2.
  example: (m) => [
    [m.of([[1, 3]]), m.of([2, 2]), m.of([0, 1]), 0],
    [[-Math.SQRT2, 1 + Math.SQRT2]],
  ],
  samples: (m) => [[m.float([2, 3, 4]), m.float([4]), m.float([4]), 1e-6]],
})

/**
 * y = alpha (x − μ)/(σ + eps) + bias over the last axis, with the unbiased deviation and eps outside of the root. The
 * gradient of a row of equal numbers is finite: its deviation, 0, is taken as constant.
 *
 * Shapes: x and output (..., features).
 */
export class LayerNormalization extends Module {
  alpha: Parameter
  bias: Parameter
  eps: number
  /** `features` 1: one factor and one shift for all, as in the first version of the course. */
  constructor(features: number, eps = 1e-6) {
    super()
    this.alpha = new Parameter(ones([features]))
    this.bias = new Parameter(zeros([features]))
    this.eps = eps
  }
  override forward(x: Tensor): Tensor {
    return normalized(x, this.alpha, this.bias, this.eps)
  }
}

export class FeedForwardBlock extends Module {
  linear_1: Linear
  dropout: Dropout
  linear_2: Linear
  constructor(dModel: number, dFf: number, dropout: number) {
    super()
    this.linear_1 = new Linear(dModel, dFf)
    this.dropout = new Dropout(dropout)
    this.linear_2 = new Linear(dFf, dModel)
  }
  override forward(x: Tensor): Tensor {
    return this.linear_2.forward(this.dropout.forward(relu(this.linear_1.forward(x)))) // (N, L, d)
  }
}

/** Vectors of tokens, times √d. */
export class InputEmbeddings extends Module {
  embedding: Embedding
  constructor(dModel: number, vocabSize: number) {
    super()
    this.embedding = new Embedding(vocabSize, dModel)
  }
  override forward(tokens: Tensor): Tensor {
    return mul(this.embedding.forward(tokens), Math.sqrt(this.embedding.weight.shape[1]!)) // (N, L, d)
  }
}

/** A mask of numbers or bools, 0 or false where a key is hidden, as what is added to scores. */
export const hidden = (mask: Tensor | null): Tensor | null =>
  mask && where(mask.dtype === 'bool' ? mask : ne(mask, 0), 0, -1e9)

/** Keys and values that were projected before. */
export interface Projected {
  k: Tensor
  v: Tensor
}

export class MultiHeadAttentionBlock extends Module {
  w_q: Linear<false>
  w_k: Linear<false>
  w_v: Linear<false>
  w_o: Linear<false>
  dropout: Dropout
  readonly h: number
  /** Set it to have the weights of the last call in `attentionScores`, (N, h, L, S). */
  keepScores = false
  attentionScores: Tensor | null = null
  constructor(dModel: number, h: number, dropout: number) {
    super()
    if (dModel % h !== 0)
      throw new ValueError({
        op: 'MultiHeadAttentionBlock',
        rule: `${h} heads must divide dModel`,
        got: `${dModel}`,
      })
    this.h = h
    this.w_q = new Linear(dModel, dModel, { bias: false })
    this.w_k = new Linear(dModel, dModel, { bias: false })
    this.w_v = new Linear(dModel, dModel, { bias: false })
    this.w_o = new Linear(dModel, dModel, { bias: false })
    this.dropout = new Dropout(dropout)
  }
  private heads(x: Tensor): Tensor {
    return byHead(x, this.h) // (N, h, L, d/h)
  }
  /** Keys and values of these rows, by head. */
  project(x: Tensor): Projected {
    return { k: this.heads(this.w_k.forward(x)), v: this.heads(this.w_v.forward(x)) }
  }
  /** The rest of attention, on keys and values that are projected; `added` to the scores. */
  attend(x: Tensor, { k, v }: Projected, added: Tensor | null): Tensor {
    const q = this.heads(this.w_q.forward(x)) // (N, h, L, d/h)
    const options = { attnMask: added, dropoutP: this.training ? this.dropout.p : 0 }
    let y: Tensor
    if (this.keepScores) [y, this.attentionScores] = attentionWithWeights(q, k, v, options)
    else y = scaledDotProductAttention(q, k, v, options)
    return this.w_o.forward(sideBySide(y))
  }
  /** `mask` broadcasts to (N, h, L, S); 0 or false hides a key. */
  override forward(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | null = null): Tensor {
    const projected = { k: this.heads(this.w_k.forward(k)), v: this.heads(this.w_v.forward(v)) }
    return this.attend(q, projected, hidden(mask))
  }
}

/** x + dropout(sublayer(norm(x))); where the sublayer gives some rows only, `kept` are those of x. */
export class ResidualConnection extends Module {
  dropout: Dropout
  norm: LayerNormalization
  constructor(features: number, dropout: number) {
    super()
    this.dropout = new Dropout(dropout)
    this.norm = new LayerNormalization(features)
  }
  override forward(x: Tensor, sublayer: (x: Tensor) => Tensor, kept: Tensor = x): Tensor {
    return add(kept, this.dropout.forward(sublayer(this.norm.forward(x))))
  }
}

interface BlockSizes {
  dModel: number
  h: number
  dropout: number
  dFf: number
  normFeatures: number
}
/** What blocks of both sides are made of; `attentions` are fields. All are declared, not defined: they come in
 * the order in which the constructor makes them, that of saved files. */
abstract class Block extends Module {
  declare self_attention_block: MultiHeadAttentionBlock
  declare feed_forward_block: FeedForwardBlock
  declare residual_connections: ResidualConnection[]
  constructor({ dModel, h, dropout, dFf, normFeatures }: BlockSizes) {
    super()
    const { attentions } = this
    for (const name of attentions)
      (this as unknown as Record<string, Module>)[name] = new MultiHeadAttentionBlock(dModel, h, dropout) // biome-ignore format: a line
    this.feed_forward_block = new FeedForwardBlock(dModel, dFf, dropout)
    this.residual_connections = Array.from(
      { length: attentions.length + 1 },
      () => new ResidualConnection(normFeatures, dropout),
    )
  }
  protected get attentions(): readonly string[] {
    return ['self_attention_block']
  }
  /** x through these and the feed-forward part, each with its residual sum; of the first sum the rows `kept`. */
  protected through(
    x: Tensor,
    sublayers: readonly ((t: Tensor) => Tensor)[],
    kept: Tensor = x,
  ): Tensor {
    const all = [...sublayers, (t: Tensor) => this.feed_forward_block.forward(t)]
    return all.reduce((y, f, i) => this.residual_connections[i]!.forward(y, f, i ? y : kept), x)
  }
}

/** Blocks one after the other, and a normalization. */
abstract class Stack<B extends Module> extends Module {
  layers: B[]
  norm: LayerNormalization
  constructor(count: number, sizes: BlockSizes, block: new (sizes: BlockSizes) => B) {
    super()
    this.layers = Array.from({ length: count }, () => new block(sizes))
    this.norm = new LayerNormalization(sizes.normFeatures)
  }
  protected through(x: Tensor, each: (block: B, x: Tensor) => Tensor): Tensor {
    return this.norm.forward(this.layers.reduce((y, block) => each(block, y), x))
  }
}

export class EncoderBlock extends Block {
  override forward(x: Tensor, srcMask: Tensor | null): Tensor {
    return this.through(x, [(t) => this.self_attention_block.forward(t, t, t, srcMask)])
  }
}

export class Encoder extends Stack<EncoderBlock> {
  constructor(count: number, sizes: BlockSizes) {
    super(count, sizes, EncoderBlock)
  }
  override forward(x: Tensor, mask: Tensor | null): Tensor {
    return this.through(x, (block, y) => block.forward(y, mask))
  }
}

export class DecoderBlock extends Block {
  declare cross_attention_block: MultiHeadAttentionBlock
  protected override get attentions(): readonly string[] {
    return ['self_attention_block', 'cross_attention_block']
  }
  override forward(
    x: Tensor,
    encoderOutput: Tensor,
    srcMask: Tensor | null,
    tgtMask: Tensor | null,
  ): Tensor {
    return this.run(
      x,
      (t) => this.self_attention_block.forward(t, t, t, tgtMask),
      (t) => this.cross_attention_block.forward(t, encoderOutput, encoderOutput, srcMask),
    )
  }
  /** With attention by what is given, such as a cache; where it gives some rows only, `kept` are those of x. */
  run(
    x: Tensor,
    attend: (t: Tensor) => Tensor,
    look: (t: Tensor) => Tensor,
    kept: Tensor = x,
  ): Tensor {
    return this.through(x, [attend, look], kept)
  }
}

export class Decoder extends Stack<DecoderBlock> {
  constructor(count: number, sizes: BlockSizes) {
    super(count, sizes, DecoderBlock)
  }
  override forward(
    x: Tensor,
    encoderOutput: Tensor,
    srcMask: Tensor | null,
    tgtMask: Tensor | null,
  ): Tensor {
    return this.through(x, (block, y) => block.forward(y, encoderOutput, srcMask, tgtMask))
  }
}

/** Logits of the vocabulary. */
export class ProjectionLayer extends Module {
  proj: Linear
  constructor(dModel: number, vocabSize: number) {
    super()
    this.proj = new Linear(dModel, vocabSize)
  }
  override forward(x: Tensor): Tensor {
    return this.proj.forward(x) // (N, L, V)
  }
}

export interface TransformerSizes {
  dModel?: number
  /** Layers of the encoder, and of the decoder. */
  N?: number
  h?: number
  dropout?: number
  dFf?: number
  /** One factor and shift of normalizations for each feature, or one for all as in the first version of the course. */
  normPerFeature?: boolean
}
const names: OptionNames<TransformerSizes> = {
  dModel: true,
  N: true,
  h: true,
  dropout: true,
  dFf: true,
  normPerFeature: true,
}

/** See buildTransformer. */
export class EncoderDecoder extends Module {
  encoder: Encoder
  decoder: Decoder
  src_embed: InputEmbeddings
  tgt_embed: InputEmbeddings
  src_pos: PositionalEncoding
  tgt_pos: PositionalEncoding
  projection_layer: ProjectionLayer

  constructor(
    srcVocab: number,
    tgtVocab: number,
    srcLen: number,
    tgtLen: number,
    options: TransformerSizes = {},
  ) {
    super()
    const {
      dModel = 512,
      N = 6,
      h = 8,
      dropout = 0.1,
      dFf = 2048,
      normPerFeature = true,
    } = checkOptions('buildTransformer', options, names)
    const sizes = { dModel, h, dropout, dFf, normFeatures: normPerFeature ? dModel : 1 }
    this.encoder = new Encoder(N, sizes)
    this.decoder = new Decoder(N, sizes)
    this.src_embed = new InputEmbeddings(dModel, srcVocab)
    this.tgt_embed = new InputEmbeddings(dModel, tgtVocab)
    this.src_pos = new PositionalEncoding(dModel, srcLen, dropout)
    this.tgt_pos = new PositionalEncoding(dModel, tgtLen, dropout)
    this.projection_layer = new ProjectionLayer(dModel, tgtVocab)
    for (const p of this.parameters()) if (p.rank > 1) init.xavierUniform(p)
  }
  /** src (N, S) int32, srcMask broadcasts to (N, 1, 1, S), 0 or false where a token is padding: (N, S, d). */
  encode(src: Tensor, srcMask: Tensor | null = null): Tensor {
    requireTokens('encode', src)
    return this.encoder.forward(this.src_pos.forward(this.src_embed.forward(src)), srcMask)
  }
  /** tgt (N, T) int32, tgtMask broadcasts to (N, 1, T, T): (N, T, d). */
  decode(
    encoderOutput: Tensor,
    srcMask: Tensor | null,
    tgt: Tensor,
    tgtMask: Tensor | null = null,
  ): Tensor {
    requireTokens('decode', tgt)
    const x = this.tgt_pos.forward(this.tgt_embed.forward(tgt))
    return this.decoder.forward(x, encoderOutput, srcMask, tgtMask)
  }
  /** Logits (N, T, V). */
  project(x: Tensor): Tensor {
    return this.projection_layer.forward(x)
  }
  /** Logits (N, T, V) of every next token, for training by teacher forcing. */
  override forward(
    src: Tensor,
    tgt: Tensor,
    srcMask: Tensor | null = null,
    tgtMask: Tensor | null = causalMask(tgt.shape[1]!),
  ): Tensor {
    return this.project(this.decode(this.encode(src, srcMask), srcMask, tgt, tgtMask))
  }
}

function requireTokens(op: string, tokens: Tensor): void {
  if (tokens.rank !== 2)
    throw new ShapeError({ op, rule: 'tokens must be (N, L)', got: show(tokens.shape) })
}

/** True where place i may see place j: j ≤ i. Shape (1, 1, size, size). @example causalMask(2).shape // [1, 1, 2, 2] */
export const causalMask = (size: number): Tensor => gt(tril(ones([1, 1, size, size])), 0)

/**
 * The Transformer for translation: vocabularies and longest sequences of source and target; d 512, N 6, h 8, dropout 0.1,
 * d_ff 2048 unless given. Weights start by Xavier's uniform values. A state saved by the PyTorch program of the course
 * loads by `loadStateDict` strictly.
 *
 * Source: Attention Is All You Need, https://arxiv.org/abs/1706.03762.
 * @throws ValueError when the heads do not divide dModel; ShapeError for sequences longer than srcLen or tgtLen
 * @example
 * const model = buildTransformer(20, 30, 10, 10, { dModel: 8, N: 1, h: 2, dFf: 16 })
 * const tokens = zeros([2, 5], { dtype: 'int32' })
 * model.forward(tokens, tokens).shape // [2, 5, 30]
 */
export const buildTransformer = (
  srcVocab: number,
  tgtVocab: number,
  srcLen: number,
  tgtLen: number,
  options: TransformerSizes = {},
): EncoderDecoder => new EncoderDecoder(srcVocab, tgtVocab, srcLen, tgtLen, options)
