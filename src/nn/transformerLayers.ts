/** One layer of the Transformer's encoder, one of its decoder, with the names and defaults of PyTorch. */
import { checkOptions, kinds, type OptionNames, readArguments } from '../core/options.js'
import { gelu } from '../ops/activation.js'
import { add } from '../ops/arithmetic.js'
import { relu } from '../ops/functions.js'
import type { Tensor } from '../ops/tensor.js'
import { type AttentionCall, MultiheadAttention } from './attention.js'
import { Dropout } from './dropout.js'
import { Linear } from './layers.js'
import { Module } from './module.js'
import { LayerNorm } from './norm.js'

/** 'relu', 'gelu', or a function of a tensor. */
export type TransformerActivation = 'relu' | 'gelu' | ((x: Tensor) => Tensor)

export interface TransformerLayerOptions {
  /** Width of the inner layer of the feed-forward part. */
  dimFeedforward?: number
  dropout?: number
  activation?: TransformerActivation
  layerNormEps?: number
  /** Tensors are (N, L, E) instead of (L, N, E). */
  batchFirst?: boolean
  /** Normalization before attention and feed-forward (pre-norm) instead of after the sum. */
  normFirst?: boolean
  bias?: boolean
}
export const activationKind = {
  rule: "'relu', 'gelu' or a function",
  holds: (v: unknown) => v === 'relu' || v === 'gelu' || typeof v === 'function',
}
const layerPlaces = {
  dModel: kinds.count,
  nhead: kinds.count,
  dimFeedforward: kinds.count,
  dropout: kinds.number,
  activation: activationKind,
  layerNormEps: kinds.number,
  batchFirst: kinds.flag,
  normFirst: kinds.flag,
  bias: kinds.flag,
}
export type LayerSizes = { dModel: number; nhead: number }

const functions = { relu, gelu: (x: Tensor) => gelu(x) }
const functionOf = (a: TransformerActivation) => (typeof a === 'function' ? a : functions[a])

/** What a layer's attention is told. */
type Sight = Omit<AttentionCall, 'needWeights' | 'averageAttnWeights'>

/** What the layers of encoder and decoder are made of. Fields are declared, not defined: they come in the order in which
 * the constructor makes them, which is that of PyTorch's saved files. */
abstract class TransformerLayer extends Module {
  declare selfAttn: MultiheadAttention
  declare linear1: Linear<boolean>
  declare dropout: Dropout
  declare linear2: Linear<boolean>
  declare norm1: LayerNorm<true, boolean>
  declare norm2: LayerNorm<true, boolean>
  declare dropout1: Dropout
  declare dropout2: Dropout
  readonly normFirst: boolean
  activation: (x: Tensor) => Tensor
  private readonly options: object

  constructor(options: TransformerLayerOptions & LayerSizes)
  constructor(
    dModel: number,
    nhead: number,
    dimFeedforward?: number | TransformerLayerOptions,
    dropout?: number | TransformerLayerOptions,
    activation?: TransformerActivation | TransformerLayerOptions,
    layerNormEps?: number,
    batchFirst?: boolean,
    normFirst?: boolean,
    bias?: boolean,
  )
  constructor(...args: unknown[]) {
    super()
    const o = {
      dimFeedforward: 2048,
      dropout: 0.1,
      activation: 'relu' as TransformerActivation,
      layerNormEps: 1e-5,
      batchFirst: false,
      normFirst: false,
      bias: true,
      ...readArguments<TransformerLayerOptions & LayerSizes>(
        this.constructor.name,
        args,
        layerPlaces,
        2,
      ),
    }
    const { dModel, nhead, dimFeedforward, dropout, layerNormEps: eps, batchFirst, bias } = o
    const open = this as unknown as Record<string, Module>
    const { attentions } = this
    for (const name of attentions)
      open[name] = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias })
    this.linear1 = new Linear(dModel, dimFeedforward, { bias })
    this.dropout = new Dropout(dropout)
    this.linear2 = new Linear(dimFeedforward, dModel, { bias })
    const sublayers = Array.from({ length: attentions.length + 1 }, (_, i) => i + 1)
    for (const i of sublayers) open[`norm${i}`] = new LayerNorm(dModel, { eps, bias })
    for (const i of sublayers) open[`dropout${i}`] = new Dropout(dropout)
    this.normFirst = o.normFirst
    this.activation = functionOf(o.activation)
    this.options = o
  }
  /** The fields that attend, in order; each is a sublayer, and the feed-forward part is the last. */
  protected get attentions(): readonly string[] {
    return ['selfAttn']
  }
  /** Another layer of the same arguments, with initial values of its own. */
  another(): this {
    return new (this.constructor as new (options: object) => this)(this.options)
  }
  /** The residual sum around a sublayer, with its normalization before it or after the sum. */
  protected around(
    x: Tensor,
    norm: LayerNorm<true, boolean>,
    dropout: Dropout,
    sublayer: (x: Tensor) => Tensor,
  ): Tensor {
    return this.normFirst
      ? add(x, dropout.forward(sublayer(norm.forward(x))))
      : norm.forward(add(x, dropout.forward(sublayer(x))))
  }
  protected attendSelf(x: Tensor, sight: Sight): Tensor {
    return this.around(x, this.norm1, this.dropout1, (t) => seen(this.selfAttn, t, t, sight))
  }
  protected feed(x: Tensor, norm: LayerNorm<true, boolean>, dropout: Dropout): Tensor {
    return this.around(x, norm, dropout, (t) =>
      this.linear2.forward(this.dropout.forward(this.activation(this.linear1.forward(t)))),
    )
  }
}
const seen = (attention: MultiheadAttention, x: Tensor, keys: Tensor, sight: Sight): Tensor =>
  attention.forward(x, keys, keys, { ...sight, needWeights: false })[0]

export interface EncoderLayerCall {
  /** (L, L) or (N · heads, L, L): bool, true where a place must not be seen; or numbers that are added. */
  srcMask?: Tensor | null
  /** (N, L): bool, true where a place is padding; or numbers that are added. */
  srcKeyPaddingMask?: Tensor | null
  /** Place i sees places 0 to i only. Needs no mask beside it. */
  isCausal?: boolean
}
const encoderLayerCall: OptionNames<EncoderLayerCall> = {
  srcMask: true,
  srcKeyPaddingMask: true,
  isCausal: true,
}

/**
 * Self-attention, then two affine maps with an activation between them; each with a residual sum and a normalization.
 * As torch.nn.TransformerEncoderLayer.
 *
 * Shapes: src and output (L, N, E), or (N, L, E) with `batchFirst`, or (L, E). Source: https://arxiv.org/abs/1706.03762;
 * pre-norm: https://arxiv.org/abs/2002.04745.
 * @throws ValueError when the heads do not divide dModel
 * @example new TransformerEncoderLayer(8, 2, { batchFirst: true }).forward(ones([1, 3, 8])).shape // [1, 3, 8]
 */
export class TransformerEncoderLayer extends TransformerLayer {
  override forward(src: Tensor, options: EncoderLayerCall = {}): Tensor {
    const call = checkOptions('TransformerEncoderLayer.forward', options, encoderLayerCall)
    const x = this.attendSelf(src, {
      attnMask: call.srcMask,
      keyPaddingMask: call.srcKeyPaddingMask,
      isCausal: call.isCausal,
    })
    return this.feed(x, this.norm2, this.dropout2)
  }
}

export interface DecoderCall {
  /** (T, T) or (N · heads, T, T): bool, true where a place must not be seen; or numbers that are added. */
  tgtMask?: Tensor | null
  /** (T, S) or (N · heads, T, S): the same for the places of memory. */
  memoryMask?: Tensor | null
  /** (N, T): bool, true where a place is padding; or numbers that are added. */
  tgtKeyPaddingMask?: Tensor | null
  /** (N, S): the same for memory. */
  memoryKeyPaddingMask?: Tensor | null
  /** Place i of the target sees places 0 to i only. Needs no mask beside it. */
  tgtIsCausal?: boolean
  /** Place i of the target sees places 0 to i of memory only. */
  memoryIsCausal?: boolean
}
export const decoderCall: OptionNames<DecoderCall> = {
  tgtMask: true,
  memoryMask: true,
  tgtKeyPaddingMask: true,
  memoryKeyPaddingMask: true,
  tgtIsCausal: true,
  memoryIsCausal: true,
}

/**
 * Self-attention, attention on what an encoder gave (`memory`), then two affine maps with an activation between them;
 * each with a residual sum and a normalization. As torch.nn.TransformerDecoderLayer.
 *
 * Shapes: tgt and output (T, N, E), memory (S, N, E); N first with `batchFirst`; or without N.
 * @throws ValueError when the heads do not divide dModel
 * @example
 * const layer = new TransformerDecoderLayer(8, 2, { batchFirst: true })
 * layer.forward(ones([1, 3, 8]), ones([1, 5, 8])).shape // [1, 3, 8]
 */
export class TransformerDecoderLayer extends TransformerLayer {
  declare multiheadAttn: MultiheadAttention
  declare norm3: LayerNorm<true, boolean>
  declare dropout3: Dropout
  protected override get attentions(): readonly string[] {
    return ['selfAttn', 'multiheadAttn']
  }
  override forward(tgt: Tensor, memory: Tensor, options: DecoderCall = {}): Tensor {
    const call = checkOptions('TransformerDecoderLayer.forward', options, decoderCall)
    const x = this.attendSelf(tgt, {
      attnMask: call.tgtMask,
      keyPaddingMask: call.tgtKeyPaddingMask,
      isCausal: call.tgtIsCausal,
    })
    const y = this.around(x, this.norm2, this.dropout2, (t) =>
      seen(this.multiheadAttn, t, memory, {
        attnMask: call.memoryMask,
        keyPaddingMask: call.memoryKeyPaddingMask,
        isCausal: call.memoryIsCausal,
      }),
    )
    return this.feed(y, this.norm3, this.dropout3)
  }
}
