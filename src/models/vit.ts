/** The Vision Transformer, in the layout of Hugging Face. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import * as init from '../nn/init.js'
import { Linear } from '../nn/layers.js'
import { Module, Parameter } from '../nn/module.js'
import { LayerNorm } from '../nn/norm.js'
import { add } from '../ops/arithmetic.js'
import { expand, permute } from '../ops/broadcast.js'
import { concat } from '../ops/join.js'
import { flatten } from '../ops/movement.js'
import { select } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { zeros } from '../tensor/creation.js'
import { type EncoderSizes, ViTLayer } from './encoder.js'

export interface ViTOptions extends Partial<EncoderSizes> {
  imageSize?: number
  patchSize?: number
  numChannels?: number
  /** Classes. */
  numLabels?: number
}
const places = {
  imageSize: kinds.count,
  patchSize: kinds.count,
  numChannels: kinds.count,
  numLabels: kinds.count,
  hiddenSize: kinds.count,
  numHiddenLayers: kinds.count,
  numAttentionHeads: kinds.count,
  intermediateSize: kinds.count,
  hiddenDropoutProb: kinds.number,
  attentionProbsDropoutProb: kinds.number,
  layerNormEps: kinds.number,
  initializerRange: kinds.number,
}
type Sizes = Required<ViTOptions>

class PatchEmbeddings extends Module {
  projection: Conv2d
  constructor({ numChannels, hiddenSize, patchSize }: Sizes) {
    super()
    this.projection = new Conv2d(numChannels, hiddenSize, {
      kernelSize: patchSize,
      stride: patchSize,
    })
  }
  override forward(x: Tensor): Tensor {
    return permute(flatten(this.projection.forward(x), 2), [0, 2, 1]) // (N, patches, d)
  }
}
class Embeddings extends Module {
  cls_token: Parameter
  position_embeddings: Parameter
  patch_embeddings: PatchEmbeddings
  dropout: Dropout
  constructor(sizes: Sizes) {
    super()
    const { hiddenSize: d, imageSize, patchSize } = sizes
    const patches = (imageSize / patchSize) ** 2
    this.cls_token = new Parameter(zeros([1, 1, d]))
    this.position_embeddings = new Parameter(zeros([1, patches + 1, d]))
    this.patch_embeddings = new PatchEmbeddings(sizes)
    this.dropout = new Dropout(sizes.hiddenDropoutProb)
  }
  override forward(x: Tensor): Tensor {
    const rows = this.patch_embeddings.forward(x)
    const first = expand(this.cls_token, [rows.shape[0]!, 1, rows.shape[2]!])
    return this.dropout.forward(add(concat([first, rows], 1), this.position_embeddings))
  }
}
class Encoder extends Module {
  layer: ViTLayer[]
  constructor(sizes: Sizes) {
    super()
    this.layer = Array.from({ length: sizes.numHiddenLayers }, () => new ViTLayer(sizes))
  }
  override forward(x: Tensor): Tensor {
    for (const layer of this.layer) x = layer.forward(x)
    return x
  }
}
class Body extends Module {
  embeddings: Embeddings
  encoder: Encoder
  layernorm: LayerNorm
  constructor(sizes: Sizes) {
    super()
    this.embeddings = new Embeddings(sizes)
    this.encoder = new Encoder(sizes)
    this.layernorm = new LayerNorm(sizes.hiddenSize, { eps: sizes.layerNormEps })
  }
  override forward(x: Tensor): Tensor {
    return this.layernorm.forward(this.encoder.forward(this.embeddings.forward(x)))
  }
}

/**
 * The Vision Transformer (Dosovitskiy et al., https://arxiv.org/abs/2010.11929): patches as tokens, a learned first token,
 * which says the class in the end. Names are those of ViTForImageClassification of Hugging Face; defaults those of the base
 * model for pictures of 224 by 224.
 *
 * Shapes: x (N, numChannels, imageSize, imageSize), logits (N, numLabels).
 * @throws ValueError when the patches do not divide the picture; ShapeError for pictures of another size
 * @example new ViT({ imageSize: 8, patchSize: 4, numChannels: 1, hiddenSize: 8, intermediateSize: 12, numHiddenLayers: 1, numAttentionHeads: 2, numLabels: 3 }).forward(zeros([2, 1, 8, 8])).shape // [2, 3]
 */
export class ViT extends Module {
  static readonly prefix = 'vit'
  vit: Body
  classifier: Linear
  readonly imageShape: readonly [number, number, number]
  constructor(options: ViTOptions = {}) {
    super()
    const sizes: Sizes = {
      imageSize: 224,
      patchSize: 16,
      numChannels: 3,
      numLabels: 1000,
      hiddenSize: 768,
      numHiddenLayers: 12,
      numAttentionHeads: 12,
      intermediateSize: 3072,
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
      layerNormEps: 1e-12,
      initializerRange: 0.02,
      ...readOptions<ViTOptions>('ViT', [options], {}, places),
    }
    if (sizes.imageSize % sizes.patchSize !== 0)
      throw new ValueError({
        op: 'ViT',
        rule: `patches of ${sizes.patchSize} must divide the picture's side`,
        got: `${sizes.imageSize}`,
      })
    this.vit = new Body(sizes)
    this.classifier = new Linear(sizes.hiddenSize, sizes.numLabels)
    this.imageShape = [sizes.numChannels, sizes.imageSize, sizes.imageSize]
    for (const p of this.parameters())
      if (p.rank > 1) init.truncatedNormal(p, 0, sizes.initializerRange)
    for (const m of this.modules()) if (m instanceof Linear && m.bias) init.zeros(m.bias)
  }
  override forward(x: Tensor): Tensor {
    if (x.rank !== 4 || this.imageShape.some((n, i) => x.shape[i + 1] !== n))
      throw new ShapeError({
        op: 'ViT',
        rule: `x must be (N, ${this.imageShape.join(', ')})`,
        got: show(x.shape),
      })
    return this.classifier.forward(select(this.vit.forward(x), 1, 0))
  }
}
