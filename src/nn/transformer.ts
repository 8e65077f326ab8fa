/** Stacks of the Transformer's layers, and the whole of encoder and decoder. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, kinds, type OptionNames, orNull, readArguments } from '../core/options.js'
import { triu } from '../ops/linalg.js'
import type { Tensor } from '../ops/tensor.js'
import { full } from '../tensor/creation.js'
import * as init from './init.js'
import { Module } from './module.js'
import { LayerNorm } from './norm.js'
import {
  activationKind,
  type DecoderCall,
  decoderCall,
  type EncoderLayerCall,
  type LayerSizes,
  type TransformerActivation,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './transformerLayers.js'

/** A layer that can make others like it, or what makes the i-th. */
export type LayerSource<L extends Module> = (L & { another(): L }) | ((index: number) => L)

const layerKind = {
  rule: 'a layer or a function that makes one',
  holds: (v: unknown) => v instanceof Module || typeof v === 'function',
}
const moduleKind = orNull({ rule: 'a module', holds: (v: unknown) => v instanceof Module })
const stackPlaces = { numLayers: kinds.size, norm: moduleKind }

/** `count` layers, each with initial values of its own. */
function stackOf<L extends Module>(op: string, source: LayerSource<L>, count: number): L[] {
  const make =
    typeof source === 'function'
      ? source
      : typeof source?.another === 'function'
        ? () => source.another()
        : undefined
  if (!make)
    throw new ValueError({
      op,
      rule: 'the layer must have a method another(), which makes one more like it',
      got: `${(source as Module | undefined)?.constructor?.name}`,
      fix: 'Pass a function instead: (i) => new MyLayer(...).',
    })
  return Array.from({ length: count }, (_, i) => make(i))
}

type Normalization = Module & { forward(x: Tensor): Tensor }
type EncoderPart = Module & { forward(src: Tensor, options?: EncoderLayerCall): Tensor }
type DecoderPart = Module & { forward(tgt: Tensor, memory: Tensor, options?: DecoderCall): Tensor }

export interface EncoderCall {
  /** (L, L) or (N · heads, L, L): bool, true where a place must not be seen; or numbers that are added. */
  mask?: Tensor | null
  /** (N, L): bool, true where a place is padding; or numbers that are added. */
  srcKeyPaddingMask?: Tensor | null
  isCausal?: boolean
}
const encoderCall: OptionNames<EncoderCall> = {
  mask: true,
  srcKeyPaddingMask: true,
  isCausal: true,
}

/**
 * A stack of encoder layers. As torch.nn.TransformerEncoder, but each layer starts from values of its own: PyTorch copies
 * those of the one that is given.
 *
 * Shapes: as those of its layers.
 * @example
 * const encoder = new TransformerEncoder(new TransformerEncoderLayer(8, 2), 2)
 * encoder.forward(ones([3, 1, 8])).shape // [3, 1, 8]
 */
export class TransformerEncoder extends Module {
  layers: EncoderPart[]
  norm: Normalization | null
  constructor(
    encoderLayer: LayerSource<EncoderPart>,
    numLayers: number,
    norm?: Normalization | null | { norm?: Normalization | null },
  )
  constructor(...args: unknown[]) {
    super()
    const {
      encoderLayer,
      numLayers,
      norm = null,
    } = readArguments<{
      encoderLayer: LayerSource<EncoderPart>
      numLayers: number
      norm?: Normalization | null
    }>('TransformerEncoder', args, { encoderLayer: layerKind, ...stackPlaces }, 2)
    this.layers = stackOf('TransformerEncoder', encoderLayer, numLayers)
    this.norm = norm
  }
  override forward(src: Tensor, options: EncoderCall = {}): Tensor {
    const { mask, ...rest } = checkOptions('TransformerEncoder.forward', options, encoderCall)
    let x = src
    for (const layer of this.layers) x = layer.forward(x, { srcMask: mask, ...rest })
    return this.norm ? this.norm.forward(x) : x
  }
}

/**
 * A stack of decoder layers. As torch.nn.TransformerDecoder, but each layer starts from values of its own: PyTorch copies
 * those of the one that is given.
 *
 * Shapes: as those of its layers.
 * @example
 * const decoder = new TransformerDecoder(new TransformerDecoderLayer(8, 2), 2)
 * decoder.forward(ones([3, 1, 8]), ones([5, 1, 8])).shape // [3, 1, 8]
 */
export class TransformerDecoder extends Module {
  layers: DecoderPart[]
  norm: Normalization | null
  constructor(
    decoderLayer: LayerSource<DecoderPart>,
    numLayers: number,
    norm?: Normalization | null | { norm?: Normalization | null },
  )
  constructor(...args: unknown[]) {
    super()
    const {
      decoderLayer,
      numLayers,
      norm = null,
    } = readArguments<{
      decoderLayer: LayerSource<DecoderPart>
      numLayers: number
      norm?: Normalization | null
    }>('TransformerDecoder', args, { decoderLayer: layerKind, ...stackPlaces }, 2)
    this.layers = stackOf('TransformerDecoder', decoderLayer, numLayers)
    this.norm = norm
  }
  override forward(tgt: Tensor, memory: Tensor, options: DecoderCall = {}): Tensor {
    const call = checkOptions('TransformerDecoder.forward', options, decoderCall)
    let x = tgt
    for (const layer of this.layers) x = layer.forward(x, memory, call)
    return this.norm ? this.norm.forward(x) : x
  }
}

export interface TransformerOptions extends TransformerLayerOptions {
  numEncoderLayers?: number
  numDecoderLayers?: number
  customEncoder?: EncoderStack | null
  customDecoder?: DecoderPart | null
}
type EncoderStack = Module & { forward(src: Tensor, options?: EncoderCall): Tensor }
export interface TransformerCall extends DecoderCall {
  srcMask?: Tensor | null
  srcKeyPaddingMask?: Tensor | null
  srcIsCausal?: boolean
}
const transformerCall: OptionNames<TransformerCall> = {
  ...decoderCall,
  srcMask: true,
  srcKeyPaddingMask: true,
  srcIsCausal: true,
}
const transformerPlaces = {
  dModel: kinds.count,
  nhead: kinds.count,
  numEncoderLayers: kinds.size,
  numDecoderLayers: kinds.size,
  dimFeedforward: kinds.count,
  dropout: kinds.number,
  activation: activationKind,
  customEncoder: moduleKind,
  customDecoder: moduleKind,
  layerNormEps: kinds.number,
  batchFirst: kinds.flag,
  normFirst: kinds.flag,
  bias: kinds.flag,
}

/**
 * Encoder and decoder of the Transformer, without embeddings: as torch.nn.Transformer. For the whole model with
 * vocabularies see `buildTransformer` of nabla/models.
 *
 * Shapes: src (S, N, E), tgt and output (T, N, E); N first with `batchFirst`; or without N. Source:
 * https://arxiv.org/abs/1706.03762.
 * @throws ValueError when the heads do not divide dModel; ShapeError when the widths are not dModel
 * @example
 * const model = new Transformer(8, 2, { numEncoderLayers: 1, numDecoderLayers: 1, batchFirst: true })
 * model.forward(ones([1, 5, 8]), ones([1, 3, 8]), { tgtIsCausal: true }).shape // [1, 3, 8]
 */
export class Transformer extends Module {
  encoder: EncoderStack
  decoder: DecoderPart
  readonly dModel: number
  readonly nhead: number
  readonly batchFirst: boolean

  constructor(
    dModel?: number | TransformerOptions,
    nhead?: number | TransformerOptions,
    numEncoderLayers?: number | TransformerOptions,
    numDecoderLayers?: number | TransformerOptions,
    dimFeedforward?: number | TransformerOptions,
    dropout?: number | TransformerOptions,
    activation?: TransformerActivation | TransformerOptions,
    customEncoder?: EncoderStack | null,
    customDecoder?: DecoderPart | null,
    layerNormEps?: number,
    batchFirst?: boolean,
    normFirst?: boolean,
    bias?: boolean,
  )
  constructor(...args: unknown[]) {
    super()
    const {
      dModel = 512,
      nhead = 8,
      numEncoderLayers = 6,
      numDecoderLayers = 6,
      customEncoder,
      customDecoder,
      ...options
    } = readArguments<TransformerOptions & Partial<LayerSizes>>(
      'Transformer',
      args,
      transformerPlaces,
    )
    const { layerNormEps: eps = 1e-5, bias = true } = options
    this.encoder =
      customEncoder ??
      new TransformerEncoder(
        () => new TransformerEncoderLayer(dModel, nhead, options),
        numEncoderLayers,
        new LayerNorm(dModel, { eps, bias }),
      )
    this.decoder =
      customDecoder ??
      new TransformerDecoder(
        () => new TransformerDecoderLayer(dModel, nhead, options),
        numDecoderLayers,
        new LayerNorm(dModel, { eps, bias }),
      )
    for (const p of this.parameters()) if (p.rank > 1) init.xavierUniform(p)
    this.dModel = dModel
    this.nhead = nhead
    this.batchFirst = options.batchFirst ?? false
  }
  override forward(src: Tensor, tgt: Tensor, options: TransformerCall = {}): Tensor {
    const {
      srcMask: mask,
      srcKeyPaddingMask,
      srcIsCausal: isCausal,
      ...rest
    } = checkOptions('Transformer.forward', options, transformerCall)
    for (const [name, t] of [
      ['src', src],
      ['tgt', tgt],
    ] as const)
      if (t.shape[t.rank - 1] !== this.dModel)
        throw new ShapeError({
          op: 'Transformer',
          rule: `the last axis of ${name} must be dModel, ${this.dModel}`,
          got: show(t.shape),
        })
    const memory = this.encoder.forward(src, { mask, srcKeyPaddingMask, isCausal })
    return this.decoder.forward(tgt, memory, rest)
  }
  /**
   * A mask (size, size) that is added: −∞ above the diagonal, 0 elsewhere. `isCausal` does the same without one.
   * @example Transformer.generateSquareSubsequentMask(2) // [[0, -Infinity], [0, 0]]
   */
  static generateSquareSubsequentMask(size: number): Tensor {
    return triu(full([size, size], Number.NEGATIVE_INFINITY), 1)
  }
  override describe(): string {
    return `${this.dModel}, ${this.nhead}`
  }
}
