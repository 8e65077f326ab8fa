/** Vectors looked up by number. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, oneOf, orNull, readArguments } from '../core/options.js'
import { assign } from '../ops/assign.js'
import {
  embedding,
  embeddingBag,
  type EmbeddingBagOptions,
  type EmbeddingOptions,
} from '../ops/embedding.js'
import { concat } from '../ops/join.js'
import { narrow } from '../ops/slice.js'
import { Tensor } from '../ops/tensor.js'
import { zeros } from '../tensor/creation.js'
import { parameter, showOptions } from './common.js'
import * as init from './init.js'
import { noGrad } from '../ops/state.js'
import { Module, Parameter } from './module.js'

/** A table of vectors, N(0, 1), with zeros at the padding index; or a given one. */
function table(
  op: string,
  count: number,
  dim: number,
  padding: number | null | undefined,
  given: Tensor | undefined,
): Parameter {
  if (given) {
    if (given.rank !== 2 || given.shape[0] !== count || given.shape[1] !== dim)
      throw new ShapeError({
        op,
        rule: `weight must be [${count}, ${dim}]`,
        got: show(given.shape),
      })
    return new Parameter(given)
  }
  const weight = parameter([count, dim])
  init.normal(weight)
  if (padding === null || padding === undefined) return weight
  const at = padding < 0 ? padding + count : padding
  if (!Number.isInteger(at) || at < 0 || at >= count)
    throw new ValueError({
      op,
      rule: `paddingIdx must be from ${-count} to ${count - 1}`,
      got: `${padding}`,
    })
  noGrad(() => {
    const parts = [
      narrow(weight, 0, 0, at),
      zeros([1, dim]),
      narrow(weight, 0, at + 1, count - at - 1),
    ]
    assign(weight, concat(parts, 0))
  })
  return weight
}

interface Given {
  /** The vectors, (count, dim); N(0, 1) otherwise. */
  weight?: Tensor
}
interface Sizes {
  numEmbeddings: number
  embeddingDim: number
  sparse?: false
}
interface Freeze {
  /** Are the vectors left as they are in training? */
  freeze?: boolean
}
interface Pretrained extends Freeze {
  weight: Tensor
}

const limits = {
  maxNorm: orNull(kinds.number),
  normType: kinds.number,
  scaleGradByFreq: kinds.flag,
}
const given = {
  /** Gradients are dense here. */
  sparse: { rule: 'false: gradients are dense here', holds: (v: unknown) => v === false },
  weight: { rule: 'a tensor', holds: (v: unknown) => v instanceof Tensor },
}
const sizes = { numEmbeddings: kinds.count, embeddingDim: kinds.count }
const paddingIdx = orNull(kinds.integer)
const pretrained = { weight: given.weight, freeze: kinds.flag }
const places = { ...pretrained, paddingIdx, ...limits, sparse: given.sparse }
const embeddingPlaces = { ...sizes, paddingIdx, ...limits, ...given }
const mode = oneOf('sum', 'mean', 'max')
const bagged = {
  ...pretrained,
  ...limits,
  mode,
  sparse: given.sparse,
  includeLastOffset: kinds.flag,
  paddingIdx,
}
const bagPlaces = {
  ...sizes,
  ...limits,
  mode,
  ...given,
  includeLastOffset: kinds.flag,
  paddingIdx,
}

/**
 * A table of vectors, looked up by int32 indices; see embedding.
 *
 * Shapes: index (...), weight (count, dim), result (..., dim).
 * @example new Embedding(10, 3).forward(tensor([1, 2], { dtype: 'int32' })).shape // [2, 3]
 */
export class Embedding extends Module {
  weight: Parameter
  options: EmbeddingOptions
  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    paddingIdx?: number | null | (EmbeddingOptions & Given),
    maxNorm?: number | null | Omit<EmbeddingOptions & Given, 'paddingIdx'>,
    normType?: number,
    scaleGradByFreq?: boolean,
  )
  constructor(...args: unknown[]) {
    super()
    const {
      numEmbeddings,
      embeddingDim,
      weight,
      sparse: _,
      ...options
    } = readArguments<Sizes & EmbeddingOptions & Given>('Embedding', args, embeddingPlaces, 2)
    this.weight = table('Embedding', numEmbeddings, embeddingDim, options.paddingIdx, weight)
    this.options = options
  }
  /** Of given vectors (count, dim), which training leaves alone unless `freeze` is false. */
  static fromPretrained(
    weight: Tensor,
    freeze?: boolean | (EmbeddingOptions & Freeze),
    paddingIdx?: number | null | EmbeddingOptions,
  ): Embedding
  static fromPretrained(...args: unknown[]): Embedding {
    const {
      weight,
      freeze = true,
      ...rest
    } = readArguments<Pretrained & EmbeddingOptions>('Embedding.fromPretrained', args, places, 1)
    const [count, dim] = weight.shape as [number, number]
    const made = new Embedding(count, dim, { ...rest, weight })
    made.weight.requiresGrad = !freeze
    return made
  }
  override forward(index: Tensor): Tensor {
    return embedding(index, this.weight, this.options)
  }
  override describe(): string {
    return [...this.weight.shape, showOptions(this.options)].filter((v) => v !== '').join(', ')
  }
}

type BagOptions = Omit<EmbeddingBagOptions, 'offsets' | 'perSampleWeights'>

/**
 * Sums, means or maxima of bags of vectors; see embeddingBag.
 *
 * Shapes: index (bags, length), or (total) with offsets (bags); weight (count, dim), result (bags, dim).
 */
export class EmbeddingBag extends Module {
  weight: Parameter
  options: BagOptions
  constructor(numEmbeddings: number, embeddingDim: number, options?: BagOptions & Given)
  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    maxNorm: number | null,
    normType?: number,
    scaleGradByFreq?: boolean,
    mode?: BagOptions['mode'],
  )
  constructor(...args: unknown[]) {
    super()
    const {
      numEmbeddings,
      embeddingDim,
      weight,
      sparse: _,
      ...options
    } = readArguments<Sizes & BagOptions & Given>('EmbeddingBag', args, bagPlaces, 2)
    this.weight = table('EmbeddingBag', numEmbeddings, embeddingDim, options.paddingIdx, weight)
    this.options = options
  }
  /** Of given vectors (count, dim), which training leaves alone unless `freeze` is false. */
  static fromPretrained(weight: Tensor, freeze?: boolean | (BagOptions & Freeze)): EmbeddingBag
  static fromPretrained(...args: unknown[]): EmbeddingBag {
    const {
      weight,
      freeze = true,
      ...rest
    } = readArguments<Pretrained & BagOptions>('EmbeddingBag.fromPretrained', args, bagged, 1)
    const [count, dim] = weight.shape as [number, number]
    const made = new EmbeddingBag(count, dim, { ...rest, weight })
    made.weight.requiresGrad = !freeze
    return made
  }
  override forward(
    index: Tensor,
    offsets: Tensor | null = null,
    perSampleWeights: Tensor | null = null,
  ): Tensor {
    return embeddingBag(index, this.weight, { ...this.options, offsets, perSampleWeights })
  }
  override describe(): string {
    return [...this.weight.shape, showOptions(this.options)].filter((v) => v !== '').join(', ')
  }
}
