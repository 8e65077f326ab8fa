/** One layer of the Transformer's encoder, one of its decoder, with the names and defaults of PyTorch. */
import { checkOptions, kinds, type OptionNames, readArguments } from '../core/options.js'
import { gelu } from '../ops/activation.js'
import { add } from '../ops/arithmetic.js'
import { relu } from '../ops/functions.js'
import type { Tensor } from '../ops/tensor.js'
import { MultiheadAttention } from './attention.js'
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

/** The arguments of a layer, with PyTorch's defaults. */
function readLayer(
  op: string,
  args: readonly unknown[],
): Required<TransformerLayerOptions> & LayerSizes {
  return {
    dimFeedforward: 2048,
    dropout: 0.1,
    activation: 'relu',
    layerNormEps: 1e-5,
    batchFirst: false,
    normFirst: false,
    bias: true,
    ...readArguments<TransformerLayerOptions & LayerSizes>(op, args, layerPlaces, 2),
  }
}

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
export class TransformerEncoderLayer extends Module {
  selfAttn: MultiheadAttention
  linear1: Linear<boolean>
  dropout: Dropout
  linear2: Linear<boolean>
  norm1: LayerNorm<true, boolean>
  norm2: LayerNorm<true, boolean>
  dropout1: Dropout
  dropout2: Dropout
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
    const o = readLayer('TransformerEncoderLayer', args)
    const { dModel, nhead, dimFeedforward, dropout, layerNormEps: eps, batchFirst, bias } = o
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias })
    this.linear1 = new Linear(dModel, dimFeedforward, { bias })
    this.dropout = new Dropout(dropout)
    this.linear2 = new Linear(dimFeedforward, dModel, { bias })
    this.norm1 = new LayerNorm(dModel, { eps, bias })
    this.norm2 = new LayerNorm(dModel, { eps, bias })
    this.dropout1 = new Dropout(dropout)
    this.dropout2 = new Dropout(dropout)
    this.normFirst = o.normFirst
    this.activation = functionOf(o.activation)
    this.options = o
  }
  /** Another layer of the same arguments, with initial values of its own. */
  another(): this {
    return new (this.constructor as new (options: object) => this)(this.options)
  }
  override forward(src: Tensor, options: EncoderLayerCall = {}): Tensor {
    const call = checkOptions('TransformerEncoderLayer.forward', options, encoderLayerCall)
    const attend = (x: Tensor) => {
      const [y] = this.selfAttn.forward(x, x, x, {
        attnMask: call.srcMask,
        keyPaddingMask: call.srcKeyPaddingMask,
        isCausal: call.isCausal,
        needWeights: false,
      })
      return this.dropout1.forward(y)
    }
    const feed = (x: Tensor) =>
      this.dropout2.forward(
        this.linear2.forward(this.dropout.forward(this.activation(this.linear1.forward(x)))),
      )
    if (this.normFirst) {
      const x = add(src, attend(this.norm1.forward(src)))
      return add(x, feed(this.norm2.forward(x)))
    }
    const x = this.norm1.forward(add(src, attend(src)))
    return this.norm2.forward(add(x, feed(x)))
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
export class TransformerDecoderLayer extends Module {
  selfAttn: MultiheadAttention
  multiheadAttn: MultiheadAttention
  linear1: Linear<boolean>
  dropout: Dropout
  linear2: Linear<boolean>
  norm1: LayerNorm<true, boolean>
  norm2: LayerNorm<true, boolean>
  norm3: LayerNorm<true, boolean>
  dropout1: Dropout
  dropout2: Dropout
  dropout3: Dropout
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
    const o = readLayer('TransformerDecoderLayer', args)
    const { dModel, nhead, dimFeedforward, dropout, layerNormEps: eps, batchFirst, bias } = o
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias })
    this.multiheadAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias })
    this.linear1 = new Linear(dModel, dimFeedforward, { bias })
    this.dropout = new Dropout(dropout)
    this.linear2 = new Linear(dimFeedforward, dModel, { bias })
    this.norm1 = new LayerNorm(dModel, { eps, bias })
    this.norm2 = new LayerNorm(dModel, { eps, bias })
    this.norm3 = new LayerNorm(dModel, { eps, bias })
    this.dropout1 = new Dropout(dropout)
    this.dropout2 = new Dropout(dropout)
    this.dropout3 = new Dropout(dropout)
    this.normFirst = o.normFirst
    this.activation = functionOf(o.activation)
    this.options = o
  }
  /** Another layer of the same arguments, with initial values of its own. */
  another(): this {
    return new (this.constructor as new (options: object) => this)(this.options)
  }
  override forward(tgt: Tensor, memory: Tensor, options: DecoderCall = {}): Tensor {
    const call = checkOptions('TransformerDecoderLayer.forward', options, decoderCall)
    const attend = (x: Tensor) => {
      const [y] = this.selfAttn.forward(x, x, x, {
        attnMask: call.tgtMask,
        keyPaddingMask: call.tgtKeyPaddingMask,
        isCausal: call.tgtIsCausal,
        needWeights: false,
      })
      return this.dropout1.forward(y)
    }
    const look = (x: Tensor) => {
      const [y] = this.multiheadAttn.forward(x, memory, memory, {
        attnMask: call.memoryMask,
        keyPaddingMask: call.memoryKeyPaddingMask,
        isCausal: call.memoryIsCausal,
        needWeights: false,
      })
      return this.dropout2.forward(y)
    }
    const feed = (x: Tensor) =>
      this.dropout3.forward(
        this.linear2.forward(this.dropout.forward(this.activation(this.linear1.forward(x)))),
      )
    if (this.normFirst) {
      let x = add(tgt, attend(this.norm1.forward(tgt)))
      x = add(x, look(this.norm2.forward(x)))
      return add(x, feed(this.norm3.forward(x)))
    }
    let x = this.norm1.forward(add(tgt, attend(tgt)))
    x = this.norm2.forward(add(x, look(x)))
    return this.norm3.forward(add(x, feed(x)))
  }
}
