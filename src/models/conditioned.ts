/** The decoder of an encoder-decoder, given what the encoder has read: a model of the next token like any other. */
import { ShapeError, show } from '../core/errors.js'
import { expand, reshape } from '../ops/broadcast.js'
import { logicalAnd } from '../ops/compare.js'
import { narrow } from '../ops/slice.js'
import { noGrad } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'
import type { Module } from '../nn/module.js'
import { tensor } from '../tensor/creation.js'
import { CausalModel, type DecoderCall, remember, seenBy, wanted } from './decoder.js'
import { causalMask, EncoderDecoder, hidden, type Projected } from './transformer.js'

const OP = 'conditioned'

/** What each layer of the decoder looks at: keys and values of the sources (B, h, S, d/h), and what is added to scores. */
export interface Source {
  layers: Projected[]
  added: Tensor | null
}

/** The decoder of a model, and what it looks at. */
export class ConditionedDecoder extends CausalModel {
  model: EncoderDecoder
  private readonly source: Source
  readonly maxLength: number
  readonly vocabSize: number
  readonly cacheSizes
  constructor(model: EncoderDecoder, source: Source) {
    super()
    this.model = model
    this.source = source
    this.maxLength = model.tgt_pos.pe.shape[1]!
    this.vocabSize = model.tgt_embed.embedding.weight.shape[0]!
    const [, heads, , width] = source.layers[0]!.k.shape as [number, number, number, number]
    this.cacheSizes = { layers: source.layers.length, heads, width }
  }
  override get training(): boolean {
    return this.model.training
  }
  protected get sources(): number {
    return this.source.layers[0]!.k.shape[0]!
  }
  /** The source of sequence n alone. */
  protected sourceOf(n: number): Source {
    const { layers, added } = this.source
    return noGrad(() => ({
      layers: layers.map(({ k, v }) => ({ k: one(k, n), v: one(v, n) })),
      added: added && one(added, n),
    }))
  }
  override sequence(n: number): CausalModel {
    return this.sources === 1 ? this : new ConditionedDecoder(this.model, this.sourceOf(n))
  }
  override forward(tokens: Tensor, call: DecoderCall = {}): Tensor {
    return this.model.project(this.states(tokens, call))
  }
  /** The decoder's output for the tokens whose logits the call wants, (N, K, d). */
  protected states(tokens: Tensor, call: DecoderCall): Tensor {
    const { model, source, sources } = this
    const seen = seenBy(OP, tokens, this.maxLength, call)
    const [N, L] = tokens.shape as [number, number]
    if (sources !== 1 && sources !== N)
      throw new ShapeError({
        op: OP,
        rule: `a sequence for each of the ${sources} sources`,
        got: `${N}`,
        fix: 'Give a prompt for each source, such as [[start], [start]].',
      })
    const { cache } = call
    const causal = cache ? null : causalMask(L)
    const mask = causal && seen.mask ? logicalAnd(causal, seen.mask) : (causal ?? seen.mask)
    let x = model.tgt_pos.forward(model.tgt_embed.forward(tokens), seen.places) // (N, L, d)
    let chosen = false
    model.decoder.layers.forEach((layer, i) => {
      const own = layer.self_attention_block
      // Of the last layer the rows that nobody wants are keys and values only.
      const last =
        i === model.decoder.layers.length - 1 &&
        !own.keepScores &&
        !layer.cross_attention_block.keepScores
      const some = (t: Tensor, axis = 1) => (last ? wanted(OP, t, call, axis) : t)
      x = layer.run(
        x,
        (t) => {
          const { k, v } = own.project(t)
          const all = cache ? remember(k, v, i, cache, seen.rows) : { k, v }
          return own.attend(some(t), all, mask && (mask.shape[2] === 1 ? mask : some(mask, 2)))
        },
        (t) => {
          const { k, v } = source.layers[i]!
          const all = (s: Tensor) => (s.shape[0] === N ? s : expand(s, [N, ...s.shape.slice(1)]))
          return layer.cross_attention_block.attend(t, { k: all(k), v: all(v) }, source.added)
        },
        some(x),
      )
      chosen = last
    })
    return model.decoder.norm.forward(chosen ? x : wanted(OP, x, call))
  }
}

/** Row n, where there is one for each sequence. */
export const one = (t: Tensor, n: number): Tensor => (t.shape[0] === 1 ? t : narrow(t, 0, n, 1))

function refuseEmpty(got: string): never {
  throw new ShapeError({ op: OP, rule: 'a source has at least one token', got })
}

/** Lists of any lengths as a tensor, and which of its tokens are no padding; no mask when all are. */
function padded(lists: readonly (readonly number[])[]): [src: Tensor, mask: Tensor | null] {
  const S = Math.max(...lists.map((l) => l.length))
  const ids = lists.flatMap((l) => [...l, ...new Array<number>(S - l.length).fill(0)])
  const src = tensor(Int32Array.from(ids), { shape: [lists.length, S] })
  if (lists.every((l) => l.length === S)) return [src, null]
  const there = lists.flatMap((l) => Array.from({ length: S }, (_, j) => j < l.length))
  return [src, tensor(there, { shape: [lists.length, 1, 1, S] })]
}

/** A model that writes after reading a source, other than the EncoderDecoder. */
export interface Conditional extends Module {
  /** What `conditioned` gives for sources (N, S) and their mask, which broadcasts to (N, 1, 1, S). */
  condition(src: Tensor, mask: Tensor | null): CausalModel
}

/** Sources and their mask as tensors. @throws ShapeError for sources that are empty */
export function sourcesOf(
  sources: Tensor | readonly number[] | readonly (readonly number[])[],
  srcMask: Tensor | null,
): [src: Tensor, mask: Tensor | null] {
  let [src, mask] = [sources as Tensor, srcMask]
  if (!(sources instanceof Tensor)) {
    const many = Array.isArray(sources[0])
    const lists = (many ? sources : [sources]) as readonly (readonly number[])[]
    if (lists.some((l) => l.length === 0)) refuseEmpty('none')
    const [tokens, there] = padded(lists)
    src = tokens
    if (mask && there)
      throw new ShapeError({
        op: OP,
        rule: 'srcMask goes with a tensor, or lists of one length',
        got: `lengths ${show(lists.map((l) => l.length))}`,
      })
    mask = mask ?? there
  }
  if (src.size === 0) refuseEmpty(show(src.shape))
  return [src, mask]
}

/** What `f` gives while the model computes in evaluation mode and keeps nothing for gradients. */
export function inEvaluation<T>(model: Module, f: () => T): T {
  const was = model.training
  model.eval()
  try {
    return noGrad(f)
  } finally {
    model.train(was)
  }
}

/** Reads sources: the output of the encoder (N, S, d), and what the decoder looks at. */
export function read(model: EncoderDecoder, src: Tensor, mask: Tensor | null) {
  const memory = model.encode(src, mask)
  const layers = model.decoder.layers.map((l) => l.cross_attention_block.project(memory))
  const added = hidden(mask)
  const ones = new Array<number>(Math.max(0, 4 - (added?.rank ?? 4))).fill(1)
  const source: Source = {
    layers: layers.map(({ k, v }) => ({ k: k.contiguous(), v: v.contiguous() })),
    added: added && reshape(added, [...ones, ...added.shape]),
  }
  return { memory, source }
}

/**
 * An encoder-decoder, a PointerGenerator or a Seq2Seq that has read its sources, as a model of the next token for `generate` and `stream`. The encoder runs
 * once, in evaluation mode; keys and values of its output are kept. All options of `generate` hold: beams with a penalty
 * for length, sampling, stop tokens, drafts. Later changes of the weights are not seen by what is kept.
 *
 * `sources`: token ids, a list of them, several of any lengths, or a tensor (N, S); with a tensor, `srcMask` broadcasts to
 * (N, 1, 1, S) and is 0 or false where a token is padding. `generate` takes a prompt for each source, such as its start token.
 * @throws ShapeError for sources that are empty or longer than the model's
 * @example
 * const model = buildTransformer(20, 30, 10, 10, { dModel: 8, N: 1, h: 2, dFf: 16 })
 * generate(conditioned(model, [[5, 6, 7], [8, 9]]), [[1], [1]], { maxNewTokens: 4, beams: 3 }).length // 2
 */
export function conditioned(
  model: EncoderDecoder | Conditional,
  sources: Tensor | readonly number[] | readonly (readonly number[])[],
  srcMask: Tensor | null = null,
): CausalModel {
  const [src, mask] = sourcesOf(sources, srcMask)
  return inEvaluation(model, () =>
    model instanceof EncoderDecoder
      ? new ConditionedDecoder(model, read(model, src, mask).source)
      : model.condition(src, mask),
  )
}
