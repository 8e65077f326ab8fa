/**
 * An encoder-decoder that writes words of its vocabulary or copies words of its source: for summaries and titles, whose names no
 * vocabulary holds.
 */
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'
import { Linear } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { softmax } from '../ops/activation.js'
import { add, mul, neg, sub, where } from '../ops/arithmetic.js'
import { expand, reshape, sum } from '../ops/broadcast.js'
import { eq, ge, logicalAnd, lt } from '../ops/compare.js'
import { clampMin } from '../ops/composed.js'
import { exp, log, sigmoid } from '../ops/functions.js'
import { scatterAdd } from '../ops/indexing.js'
import { concat, pad } from '../ops/join.js'
import { matmul } from '../ops/linalg.js'
import { crossEntropy } from '../ops/loss/index.js'
import { transpose, unsqueeze } from '../ops/movement.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { arange } from '../tensor/creation.js'
import { ConditionedDecoder, one, read, type Source } from './conditioned.js'
import { type CausalModel, type DecoderCall, wanted } from './decoder.js'
import { causalMask, EncoderDecoder, hidden, type TransformerSizes } from './transformer.js'

const OP = 'PointerGenerator'
const IGNORED = -100
/** No logarithm is of less. */
const LEAST = 1e-20

export interface PointerGeneratorOptions extends TransformerSizes {
  /** The token that words outside the vocabulary are read as. 0 unless given. */
  unknown?: number
}
const names: OptionNames<PointerGeneratorOptions> = {
  dModel: true,
  N: true,
  h: true,
  dropout: true,
  dFf: true,
  normPerFeature: true,
  unknown: true,
}

/** What may be copied: tokens of the sources (N, S), their encodings and keys (N, S, d), what is added to scores (N, 1, S). */
interface Pages {
  src: Tensor
  memory: Tensor
  keys: Tensor
  added: Tensor | null
}

/**
 * A Transformer that at each place either writes a word of its vocabulary or copies one of the source:
 *
 *     P(w) = p · P_vocab(w) + (1 − p) · Σ_{i: src_i = w} a_i
 *     a = softmax((W_q h)(W_k m)ᵀ / √d),  p = σ(w · [Σ_i a_i m_i; h; x] + b)
 *
 * with m the output of the encoder, h that of the decoder and x the embedding of the word before. Tokens from `vocabSize` on
 * stand for words outside the vocabulary, counted in each source (`encodeOpen`): they are read as `unknown`, and
 * can be copied. Source, target and projection share one matrix of embeddings.
 *
 * Shapes: src (N, S), tgt (N, T) int32; `forward` gives log P, (N, T, vocabSize + words). For text, `conditioned(model, sources)`
 * goes to `generate`, which never writes the unknown token.
 *
 * Source: Get To The Point, https://arxiv.org/abs/1704.04368, with a Transformer in place of the LSTM.
 * @throws ValueError for an unknown token outside the vocabulary, or heads that do not divide dModel; ShapeError for sequences
 * longer than srcLen or tgtLen
 * @example
 * const model = new PointerGenerator(20, 10, 10, { dModel: 8, N: 1, h: 2, dFf: 16 })
 * const src = tensor([[4, 20, 5, 21]], { dtype: 'int32' }) // two words that the vocabulary lacks
 * model.forward(src, tensor([[1, 20]], { dtype: 'int32' }), null, 2).shape // [1, 2, 22]
 */
export class PointerGenerator extends Module {
  net: EncoderDecoder
  w_q: Linear<false>
  w_k: Linear<false>
  gate: Linear
  readonly vocabSize: number
  readonly unknown: number
  constructor(
    vocabSize: number,
    srcLen: number,
    tgtLen: number,
    options: PointerGeneratorOptions = {},
  ) {
    super()
    const { unknown = 0, ...sizes } = checkOptions(OP, options, names)
    if (!(Number.isInteger(unknown) && unknown >= 0 && unknown < vocabSize))
      throw new ValueError({
        op: OP,
        rule: `the unknown token is one of the vocabulary, from 0 to ${vocabSize - 1}`,
        got: `${unknown}`,
      })
    this.vocabSize = vocabSize
    this.unknown = unknown
    this.net = new EncoderDecoder(vocabSize, vocabSize, srcLen, tgtLen, sizes)
    this.net.tgt_embed = this.net.src_embed
    this.net.projection_layer.proj.weight = this.net.src_embed.embedding.weight
    const d = this.net.src_embed.embedding.weight.shape[1]!
    this.w_q = new Linear(d, d, { bias: false })
    this.w_k = new Linear(d, d, { bias: false })
    this.gate = new Linear(3 * d, 1)
  }
  /** Tokens as the embedding knows them. */
  known(tokens: Tensor): Tensor {
    return where(lt(tokens, this.vocabSize), tokens, this.unknown)
  }
  /** Keys for copying. */
  pages(src: Tensor, memory: Tensor, added: Tensor | null): Pages {
    return { src, memory, keys: this.w_k.forward(memory), added }
  }
  /** Weights of copying (N, T, S), and the probability of writing (N, T, 1). */
  private look(h: Tensor, tgt: Tensor, { memory, keys, added }: Pages) {
    const scores = matmul(
      mul(this.w_q.forward(h), 1 / Math.sqrt(h.shape[2]!)),
      transpose(keys, 1, 2),
    )
    const copy = softmax(added ? add(scores, added) : scores, 2) // (N, T, S)
    const x = this.net.tgt_embed.forward(tgt)
    const write = sigmoid(this.gate.forward(concat([matmul(copy, memory), h, x], 2)))
    return { copy, write }
  }
  /** log P (N, T, vocabSize + words) by the decoder's output h (N, T, d) after tgt. */
  logProbs(h: Tensor, tgt: Tensor, pages: Pages, words: number): Tensor {
    const { copy, write } = this.look(h, tgt, pages)
    const [N, T, S] = copy.shape as [number, number, number]
    const own = pad(mul(write, softmax(this.net.project(h), 2)), [0, words])
    const index = expand(unsqueeze(pages.src, 1), [N, T, S])
    return log(clampMin(scatterAdd(own, 2, index, mul(sub(1, write), copy)), LEAST))
  }
  private run(src: Tensor, tgt: Tensor, srcMask: Tensor | null) {
    const [source, target] = [this.known(src), this.known(tgt)]
    const memory = this.net.encode(source, srcMask)
    const h = this.net.decode(memory, srcMask, target, causalMask(tgt.shape[1]!))
    return { h, target, pages: this.pages(src, memory, flat(hidden(srcMask))) }
  }
  /**
   * log P (N, T, vocabSize + words) of every next word. `words`: how many words outside the vocabulary the sources have at most;
   * `srcMask` broadcasts to (N, 1, 1, S), 0 or false where a token is padding.
   */
  override forward(src: Tensor, tgt: Tensor, srcMask: Tensor | null = null, words = 0): Tensor {
    const { h, target, pages } = this.run(src, tgt, srcMask)
    return this.logProbs(h, target, pages, words)
  }
  /**
   * log P of the labels (N, T) alone, 0 where a label is −100: what training needs, without a row of probabilities for each
   * place. The loss is its negative mean.
   */
  score(src: Tensor, tgt: Tensor, labels: Tensor, srcMask: Tensor | null = null): Tensor {
    const { h, target, pages } = this.run(src, tgt, srcMask)
    const { copy, write } = this.look(h, target, pages)
    const [N, T] = labels.shape as [number, number]
    const inside = logicalAnd(ge(labels, 0), lt(labels, this.vocabSize))
    const logits = reshape(this.net.project(h), [N * T, this.vocabSize])
    const wanted = reshape(where(inside, labels, IGNORED), [N * T])
    const nll = reshape(crossEntropy(logits, wanted, { reduction: 'none' }), [N, T])
    const own = where(inside, exp(neg(nll)), 0) // (N, T)
    const same = eq(unsqueeze(src, 1), unsqueeze(labels, 2)) // (N, T, S)
    const copied = sum(where(same, copy, 0), 2)
    const p = reshape(write, [N, T])
    const all = add(mul(p, own), mul(sub(1, p), copied))
    return where(eq(labels, IGNORED), 0, log(clampMin(all, LEAST)))
  }
  /** For `conditioned`. */
  condition(src: Tensor, mask: Tensor | null): CausalModel {
    const { memory, source } = read(this.net, this.known(src), mask)
    const last = (src.max().item() as number) + 1 - this.vocabSize
    const pages = this.pages(src, memory, flat(hidden(mask)))
    return new CopyingDecoder(this, source, pages, Math.max(0, last))
  }
}

/** (N, 1, 1, S) as (N, 1, S). */
const flat = (added: Tensor | null): Tensor | null =>
  added && (added.rank > 3 ? reshape(added, [added.shape[0]!, ...added.shape.slice(2)]) : added)

class CopyingDecoder extends ConditionedDecoder {
  pointer: PointerGenerator
  private readonly pages: Pages
  private readonly words: number
  override readonly vocabSize: number
  constructor(pointer: PointerGenerator, source: Source, pages: Pages, words: number) {
    super(pointer.net, source)
    this.pointer = pointer
    this.pages = pages
    this.words = words
    this.vocabSize = pointer.vocabSize + words
  }
  override sequence(n: number): CausalModel {
    if (this.sources === 1) return this
    const { src, memory, keys, added } = this.pages
    const pages = noGrad(() => ({
      src: one(src, n),
      memory: one(memory, n),
      keys: one(keys, n),
      added: added && one(added, n),
    }))
    return new CopyingDecoder(this.pointer, this.sourceOf(n), pages, this.words)
  }
  override forward(tokens: Tensor, call: DecoderCall = {}): Tensor {
    const target = this.pointer.known(tokens)
    const h = this.states(target, call)
    const all = (t: Tensor) =>
      t.shape[0] === tokens.shape[0] ? t : expand(t, [tokens.shape[0]!, ...t.shape.slice(1)])
    const { src, memory, keys, added } = this.pages
    const pages = { src: all(src), memory: all(memory), keys: all(keys), added }
    const logP = this.pointer.logProbs(h, wanted('conditioned', target, call), pages, this.words)
    // It stands for words that neither vocabulary nor source has: there is nothing to write.
    const unknown = eq(arange(this.vocabSize, { dtype: 'int32' }), this.pointer.unknown)
    return where(unknown, Math.log(LEAST), logP)
  }
}
