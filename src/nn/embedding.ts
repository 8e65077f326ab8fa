/** Vectors looked up by number. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { assign } from '../ops/assign.js'
import {
  embedding,
  embeddingBag,
  type EmbeddingBagOptions,
  type EmbeddingOptions,
} from '../ops/embedding.js'
import { concat } from '../ops/join.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { noGrad } from '../ops/trace.js'
import { zeros } from '../tensor/creation.js'
import { parameter, showOptions } from './common.js'
import * as init from './init.js'
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
interface Freeze {
  /** Are the vectors left as they are in training? */
  freeze?: boolean
}

/**
 * A table of vectors, looked up by int32 indices; see embedding.
 *
 * Shapes: index (...), weight (count, dim), result (..., dim).
 * @example new Embedding(10, 3).forward(tensor([1, 2], { dtype: 'int32' })).shape // [2, 3]
 */
export class Embedding extends Module {
  weight: Parameter
  private readonly options: EmbeddingOptions
  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    { weight, ...options }: EmbeddingOptions & Given = {},
  ) {
    super()
    this.weight = table('Embedding', numEmbeddings, embeddingDim, options.paddingIdx, weight)
    this.options = options
  }
  /** Of given vectors (count, dim), which training leaves alone unless `freeze` is false. */
  static fromPretrained(
    weight: Tensor,
    { freeze = true, ...options }: EmbeddingOptions & Freeze = {},
  ): Embedding {
    const [count, dim] = weight.shape as [number, number]
    const made = new Embedding(count, dim, { ...options, weight })
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
  private readonly options: BagOptions
  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    { weight, ...options }: BagOptions & Given = {},
  ) {
    super()
    this.weight = table('EmbeddingBag', numEmbeddings, embeddingDim, options.paddingIdx, weight)
    this.options = options
  }
  /** Of given vectors (count, dim), which training leaves alone unless `freeze` is false. */
  static fromPretrained(
    weight: Tensor,
    { freeze = true, ...options }: BagOptions & Freeze = {},
  ): EmbeddingBag {
    const [count, dim] = weight.shape as [number, number]
    const made = new EmbeddingBag(count, dim, { ...options, weight })
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
