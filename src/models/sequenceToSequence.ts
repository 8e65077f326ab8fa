/** The recurrent encoder-decoder, with attention and without: what translation was before the Transformer. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { Dropout } from '../nn/dropout.js'
import { Embedding } from '../nn/embedding.js'
import { Linear } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { LSTM } from '../nn/recurrent.js'
import { softmax } from '../ops/activation.js'
import { add, sub, where } from '../ops/arithmetic.js'
import { expand, reshape, sum } from '../ops/broadcast.js'
import { gt, ne } from '../ops/compare.js'
import { maximum } from '../ops/elementwise.js'
import { tanh } from '../ops/functions.js'
import { gather, indexSelect } from '../ops/indexing.js'
import { concat } from '../ops/join.js'
import { matmul } from '../ops/linalg.js'
import { transpose, unsqueeze } from '../ops/movement.js'
import { narrow, select } from '../ops/slice.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { ones } from '../tensor/creation.js'
import { one } from './conditioned.js'
import { CausalModel, type DecoderCall, remember, seenBy, wanted } from './decoder.js'
import { hidden } from './transformer.js'

const OP = 'Seq2Seq'

export interface Seq2SeqOptions {
  /** Width of embeddings and states. 256 unless given. */
  hiddenSize?: number
  /** Layers of the encoder, and of the decoder. 1 unless given. */
  numLayers?: number
  /** Of embeddings and of what layers give, while training. 0.1 unless given. */
  dropout?: number
  /** The decoder looks at all states of the encoder; on unless given. */
  attention?: boolean
  /** The longest target for `generate`. 256 unless given. */
  maxLength?: number
}
const kindsOf = {
  hiddenSize: kinds.integer,
  numLayers: kinds.integer,
  dropout: kinds.number,
  attention: kinds.flag,
  maxLength: kinds.integer,
}

/** What the encoder has read: its states (B, S, H), what is added to scores (B, 1, S), and the decoder's first h and c (B, H). */
interface Read {
  memory: Tensor
  added: Tensor | null
  first: readonly (readonly [h: Tensor, c: Tensor])[]
}

/**
 * A recurrent encoder-decoder of LSTM layers. Each layer of the decoder starts from the state of the encoder's at the last word of
 * the source, h_S, and c = W h_S + b. With attention each state h_t of the decoder looks at all of the encoder's, m_1 to m_S:
 *
 *     a = softmax(h_t W m),  ĥ_t = tanh(W_c [Σ a_i m_i; h_t]),  logits = W_o ĥ_t
 *
 * Padding of sources stands at the right, where `srcMask` is 0 or false: it changes nothing.
 *
 * Shapes: src (N, S), tgt (N, T) int32, logits (N, T, V). For text, `conditioned(model, sources)` goes to `generate`.
 *
 * Sources: Sequence to Sequence Learning, https://arxiv.org/abs/1409.3215; attention: https://arxiv.org/abs/1508.04025 ("general").
 * @throws ShapeError unless tokens are (N, L); ValueError for sizes below 1
 * @example
 * const model = new Seq2Seq(20, 30, { hiddenSize: 8 })
 * const tokens = zeros([2, 5], { dtype: 'int32' })
 * model.forward(tokens, tokens).shape // [2, 5, 30]
 */
export class Seq2Seq extends Module {
  src_embed: Embedding
  tgt_embed: Embedding
  encoder: LSTM[]
  decoder: LSTM[]
  bridge: Linear[]
  score: Linear<false> | null
  combine: Linear | null
  projection: Linear
  dropout: Dropout
  readonly maxLength: number
  /** Set it to have the weights of attention of the last call in `attentionScores`, (N, T, S). */
  keepScores = false
  attentionScores: Tensor | null = null
  constructor(srcVocab: number, tgtVocab: number, options: Seq2SeqOptions = {}) {
    super()
    const o = readOptions<Seq2SeqOptions>(OP, [options], kindsOf)
    const {
      hiddenSize: H = 256,
      numLayers = 1,
      dropout = 0.1,
      attention = true,
      maxLength = 256,
    } = o
    for (const [name, n] of Object.entries({ hiddenSize: H, numLayers, maxLength }))
      if (n < 1) throw new ValueError({ op: OP, rule: `${name} must be at least 1`, got: `${n}` })
    this.src_embed = new Embedding(srcVocab, H)
    this.tgt_embed = new Embedding(tgtVocab, H)
    const stack = () =>
      Array.from({ length: numLayers }, () => new LSTM(H, H, { batchFirst: true }))
    this.encoder = stack()
    this.decoder = stack()
    this.bridge = Array.from({ length: numLayers }, () => new Linear(H, H))
    this.score = attention ? new Linear(H, H, { bias: false }) : null
    this.combine = attention ? new Linear(2 * H, H) : null
    this.projection = new Linear(H, tgtVocab)
    this.dropout = new Dropout(dropout)
    this.maxLength = maxLength
  }
  /** Reads sources; `srcMask` broadcasts to (N, 1, 1, S). */
  encode(src: Tensor, srcMask: Tensor | null = null): Read {
    if (src.rank !== 2)
      throw new ShapeError({ op: OP, rule: 'tokens must be (N, L)', got: show(src.shape) })
    const [N, S] = src.shape as [number, number]
    const mask = reshape(srcMask ?? ones([N, S]), [N, S])
    // The last word of each source.
    const length = sum(where(mask.dtype === 'bool' ? mask : ne(mask, 0), 1, 0), 1)
    const last = maximum(sub(length, 1), 0).to('int32') // (N)
    let x = this.dropout.forward(this.src_embed.forward(src)) // (N, S, H)
    const first = this.encoder.map((layer, l) => {
      ;[x] = layer.forward(x)
      const index = expand(reshape(last, [N, 1, 1]), [N, 1, x.shape[2]!])
      const h = select(gather(x, 1, index), 1, 0) // (N, H)
      x = this.dropout.forward(x)
      return [h, this.bridge[l]!.forward(h)] as const
    })
    return { memory: x, added: srcMask && reshape(hidden(srcMask)!, [N, 1, S]), first }
  }
  /** Logits of the decoder's states h (N, T, H). */
  look(h: Tensor, { memory, added }: Read): Tensor {
    if (!this.score || !this.combine) return this.projection.forward(h)
    const scores = matmul(this.score.forward(h), transpose(memory, 1, 2)) // (N, T, S)
    const weights = softmax(added ? add(scores, added) : scores, 2)
    if (this.keepScores) this.attentionScores = weights
    const seen = tanh(this.combine.forward(concat([matmul(weights, memory), h], 2)))
    return this.projection.forward(this.dropout.forward(seen))
  }
  /** Logits (N, T, V) of every next token, for training by teacher forcing. */
  override forward(src: Tensor, tgt: Tensor, srcMask: Tensor | null = null): Tensor {
    const read = this.encode(src, srcMask)
    let x = this.dropout.forward(this.tgt_embed.forward(tgt)) // (N, T, H)
    this.decoder.forEach((layer, l) => {
      const [h, c] = read.first[l]!
      ;[x] = layer.forward(x, [unsqueeze(h, 0), unsqueeze(c, 0)])
      x = this.dropout.forward(x)
    })
    return this.look(x, read)
  }
  /** For `conditioned`. */
  condition(src: Tensor, mask: Tensor | null): CausalModel {
    return new RecurrentDecoder(this, this.encode(src, mask))
  }
}

/** The decoder step by step. Its cache has h and c after every token, so that it can go on from any of them. */
class RecurrentDecoder extends CausalModel {
  model: Seq2Seq
  private readonly read: Read
  readonly maxLength: number
  readonly vocabSize: number
  readonly cacheSizes
  constructor(model: Seq2Seq, read: Read) {
    super()
    this.model = model
    this.read = read
    this.maxLength = model.maxLength
    this.vocabSize = model.tgt_embed.weight.shape[0]!
    const width = model.tgt_embed.weight.shape[1]!
    this.cacheSizes = { layers: model.decoder.length, heads: 1, width }
  }
  override sequence(n: number): CausalModel {
    const { memory, added, first } = this.read
    if (memory.shape[0] === 1) return this
    return noGrad(
      () =>
        new RecurrentDecoder(this.model, {
          memory: one(memory, n),
          added: added && one(added, n),
          first: first.map(([h, c]) => [one(h, n), one(c, n)]),
        }),
    )
  }
  override forward(tokens: Tensor, call: DecoderCall = {}): Tensor {
    const { model, read } = this
    const [N, L] = tokens.shape as [number, number]
    const { rows } = seenBy(OP, tokens, this.maxLength, call) // (L)
    const sources = read.memory.shape[0]!
    if (sources !== 1 && sources !== N)
      throw new ShapeError({
        op: OP,
        rule: `a sequence for each of the ${sources} sources`,
        got: `${N}`,
        fix: 'Give a prompt for each source, such as [[start], [start]].',
      })
    const all = (t: Tensor) => (t.shape[0] === N ? t : expand(t, [N, ...t.shape.slice(1)]))
    const { cache, padding } = call
    let x = model.tgt_embed.forward(tokens) // (N, L, H)
    model.decoder.forEach((layer, l) => {
      const [h0, c0] = read.first[l]!.map(all) as [Tensor, Tensor]
      // The state before the first of these tokens is that after the one in the row before.
      const before = maximum(sub(narrow(rows, 0, 0, 1), 1), 0)
      let state = cache
        ? [cache.keys[l]!, cache.values[l]!].map((t) =>
            reshape(indexSelect(t, 2, before), h0.shape),
          )
        : [h0, c0]
      const states: Tensor[][] = [[], []]
      for (let i = 0; i < L; i++) {
        // Up to the first token that is no padding nothing was read.
        const row = reshape(narrow(rows, 0, i, 1), [1, 1])
        const begun = gt(row, padding ? reshape(padding, [N, 1]) : 0)
        const from = [h0, c0].map((t, k) => unsqueeze(where(begun, state[k]!, t), 0))
        const [, next] = layer.forward(narrow(x, 1, i, 1), from as [Tensor, Tensor])
        state = next.map((t) => select(t, 0, 0))
        state.forEach((t, k) => {
          states[k]!.push(reshape(t, [N, 1, 1, t.shape[1]!]))
        })
      }
      const [h, c] = states.map((list) => concat(list, 2)) as [Tensor, Tensor] // (N, 1, L, H)
      if (cache) remember(h, c, l, cache, rows)
      x = select(h, 1, 0)
    })
    return model.look(wanted(OP, x, call), { ...read, memory: all(read.memory) })
  }
}
