/** Multi-head attention. */
import { DTypeError, ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, kinds, type OptionNames, orNull, readArguments } from '../core/options.js'
import { isFloat } from '../core/dtype.js'
import { sameShape, type Shape } from '../core/shape.js'
import { add, where } from '../ops/arithmetic.js'
import { coordinates, expand, permute, reshape } from '../ops/broadcast.js'
import { ge, logicalAnd, logicalNot } from '../ops/compare.js'
import { scalar } from '../ops/define.js'
import { concat } from '../ops/join.js'
import { linear } from '../ops/linear.js'
import { squeeze, unsqueeze } from '../ops/movement.js'
import { mean } from '../ops/reduce.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { attentionWithWeights, scaledDotProductAttention } from '../tensor/attention.js'
import { parameter } from './common.js'
import * as init from './init.js'
import { Linear } from './layers.js'
import { Module, type Parameter } from './module.js'

export interface MultiheadAttentionOptions {
  /** The probability that a weight is dropped in training. */
  dropout?: number
  bias?: boolean
  /** One more key and value, learned, that every query sees. */
  addBiasKv?: boolean
  /** One more key and value of zeros. */
  addZeroAttn?: boolean
  /** Widths of key and value; embedDim unless given. */
  kdim?: number | null
  vdim?: number | null
  /** Tensors are (N, L, E) instead of (L, N, E). */
  batchFirst?: boolean
  /** Heads of keys and values, fewer than of queries (grouped queries); numHeads unless given. Not in PyTorch. */
  numKvHeads?: number | null
}
const places = {
  embedDim: kinds.count,
  numHeads: kinds.count,
  dropout: kinds.number,
  bias: kinds.flag,
  addBiasKv: kinds.flag,
  addZeroAttn: kinds.flag,
  kdim: orNull(kinds.count),
  vdim: orNull(kinds.count),
  batchFirst: kinds.flag,
}

export interface AttentionCall {
  /** (N, S), or (S): bool, true where a key is ignored; or numbers that are added. */
  keyPaddingMask?: Tensor | null
  /** Whether weights are given beside the output; without them n x n numbers are never held. */
  needWeights?: boolean
  /** (L, S) or (N · heads, L, S): bool, true where a key must not be seen; or numbers that are added. */
  attnMask?: Tensor | null
  /** Weights as the mean of the heads; otherwise of each. */
  averageAttnWeights?: boolean
  /** Query i sees keys 0 to i only. Needs no mask beside it. */
  isCausal?: boolean
}
const callNames: OptionNames<AttentionCall> = {
  keyPaddingMask: true,
  needWeights: true,
  attnMask: true,
  averageAttnWeights: true,
  isCausal: true,
}

/** True where a key takes part, or what is added: the other way round from PyTorch's layers, as its function has it. */
const allowed = (mask: Tensor): Tensor => (mask.dtype === 'bool' ? logicalNot(mask) : mask)

/** Two masks as one: both must hold. */
function bothOf(a: Tensor | null, b: Tensor | null): Tensor | null {
  if (!a || !b) return a ?? b
  if (a.dtype === 'bool' && b.dtype === 'bool') return logicalAnd(a, b)
  const added = (t: Tensor) => (t.dtype === 'bool' ? where(t, 0, Number.NEGATIVE_INFINITY) : t)
  return add(added(a), added(b))
}

/**
 * Attention of several heads, with projections before and after: each head's softmax(q kᵀ/√d) v, side by side, times a
 * matrix. As torch.nn.MultiheadAttention, whose names parameters have in saved files; grouped queries by `numKvHeads`.
 *
 * Shapes: query (L, N, E), key (S, N, kdim), value (S, N, vdim), output (L, N, E), weights (N, L, S) or (N, heads, L, S);
 * N first with `batchFirst`, and no N at all for one sequence. Source: https://arxiv.org/abs/1706.03762.
 * @throws ValueError when the heads do not divide embedDim
 * @example
 * const attention = new MultiheadAttention(8, 2, { batchFirst: true })
 * const x = ones([1, 3, 8])
 * attention.forward(x, x, x)[1].shape // [1, 3, 3]
 */
export class MultiheadAttention extends Module {
  inProjWeight: Parameter | null = null
  qProjWeight: Parameter | null = null
  kProjWeight: Parameter | null = null
  vProjWeight: Parameter | null = null
  inProjBias: Parameter | null
  biasK: Parameter | null
  biasV: Parameter | null
  outProj: Linear<boolean>
  readonly embedDim: number
  readonly numHeads: number
  readonly numKvHeads: number
  readonly headDim: number
  readonly batchFirst: boolean
  readonly addZeroAttn: boolean
  dropout: number

  constructor(
    embedDim: number,
    numHeads: number,
    dropout?: number | MultiheadAttentionOptions,
    bias?: boolean | MultiheadAttentionOptions,
    addBiasKv?: boolean,
    addZeroAttn?: boolean,
    kdim?: number | null,
    vdim?: number | null,
    batchFirst?: boolean,
  )
  constructor(...args: unknown[]) {
    super()
    const {
      embedDim,
      numHeads,
      dropout = 0,
      bias = true,
      addBiasKv = false,
      addZeroAttn = false,
      kdim,
      vdim,
      batchFirst = false,
      numKvHeads,
    } = readArguments<MultiheadAttentionOptions & { embedDim: number; numHeads: number }>(
      'MultiheadAttention',
      args,
      places,
      2,
      { numKvHeads: orNull(kinds.count) },
    )
    if (embedDim % numHeads !== 0)
      throw new ValueError({
        op: 'MultiheadAttention',
        rule: `${numHeads} heads must divide embedDim`,
        got: `${embedDim}`,
      })
    const groups = numKvHeads ?? numHeads
    if (numHeads % groups !== 0)
      throw new ValueError({
        op: 'MultiheadAttention',
        rule: 'numKvHeads must divide numHeads',
        got: `${groups} and ${numHeads}`,
      })
    if (!(dropout >= 0 && dropout <= 1))
      throw new ValueError({
        op: 'MultiheadAttention',
        rule: 'dropout must lie in [0, 1]',
        got: `${dropout}`,
      })
    this.embedDim = embedDim
    this.numHeads = numHeads
    this.numKvHeads = groups
    this.headDim = embedDim / numHeads
    this.batchFirst = batchFirst
    this.addZeroAttn = addZeroAttn
    this.dropout = dropout
    const inner = groups * this.headDim
    const [ofKey, ofValue] = [kdim ?? embedDim, vdim ?? embedDim]
    const drawn = (...shape: number[]) => {
      const p = parameter(shape)
      init.xavierUniform(p)
      return p
    }
    if (ofKey === embedDim && ofValue === embedDim)
      this.inProjWeight = drawn(embedDim + 2 * inner, embedDim)
    else {
      this.qProjWeight = drawn(embedDim, embedDim)
      this.kProjWeight = drawn(inner, ofKey)
      this.vProjWeight = drawn(inner, ofValue)
    }
    this.inProjBias = bias ? parameter([embedDim + 2 * inner]) : null
    const extra = () => {
      const p = parameter([1, 1, inner])
      init.xavierNormal(p)
      return p
    }
    this.biasK = addBiasKv ? extra() : null
    this.biasV = addBiasKv ? extra() : null
    this.outProj = new Linear(embedDim, embedDim, { bias })
    if (this.outProj.bias) init.zeros(this.outProj.bias)
  }

  /** Output and weights; weights are null unless `needWeights`, which is true unless said otherwise, as in PyTorch. */
  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: AttentionCall & { needWeights: false },
  ): [output: Tensor, weights: null]
  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options?: AttentionCall & { needWeights?: true },
  ): [output: Tensor, weights: Tensor]
  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options?: AttentionCall,
  ): [output: Tensor, weights: Tensor | null]
  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: AttentionCall = {},
  ): [output: Tensor, weights: Tensor | null] {
    const {
      keyPaddingMask = null,
      needWeights = true,
      attnMask = null,
      averageAttnWeights = true,
      isCausal = false,
    } = checkOptions('MultiheadAttention.forward', options, callNames)
    this.check(query, key, value)
    const single = query.rank === 2
    const [q, k, v] = this.project(query, key, value)
    const [N, , L] = q.shape as [number, number, number]
    const S = k.shape[2]!
    const given = S - (this.biasK ? 1 : 0) - (this.addZeroAttn ? 1 : 0)
    let mask = bothOf(
      this.attention(attnMask, [N, L, given]),
      this.padding(keyPaddingMask, N, given),
    )
    // Rows that were added are seen by every query: the form of the mask is no triangle then.
    const triangle = isCausal && S === given
    if (isCausal && !triangle) mask = bothOf(mask, causalMask(L, given, q))
    const call = {
      attnMask: mask && widened(mask, S),
      isCausal: triangle,
      dropoutP: this.training ? this.dropout : 0,
      enableGqa: this.numKvHeads !== this.numHeads,
    }
    const [mixed, weights] = needWeights
      ? attentionWithWeights(q, k, v, call)
      : [scaledDotProductAttention(q, k, v, call), null]
    // (N, H, L, D) to rows of all heads.
    const order = this.batchFirst || single ? [0, 2, 1, 3] : [2, 0, 1, 3]
    const rows = permute(mixed, order)
    const joined = reshape(rows, [...rows.shape.slice(0, 2), this.embedDim])
    const output = this.outProj.forward(joined)
    const shown = weights && averageAttnWeights ? mean(weights, 1) : weights
    return [single ? squeeze(output, 0) : output, single && shown ? squeeze(shown, 0) : shown]
  }

  private check(query: Tensor, key: Tensor, value: Tensor): void {
    const op = 'MultiheadAttention'
    const { embedDim } = this
    const inner = [
      embedDim,
      this.kProjWeight?.shape[1] ?? embedDim,
      this.vProjWeight?.shape[1] ?? embedDim,
    ]
    const all = [query, key, value]
    const names = ['query', 'key', 'value']
    const form = this.batchFirst ? '(N, L, ' : '(L, N, '
    all.forEach((t, i) => {
      if (
        (t.rank !== 2 && t.rank !== 3) ||
        t.rank !== query.rank ||
        t.shape[t.rank - 1] !== inner[i]
      )
        throw new ShapeError({
          op,
          rule: `${names[i]} must be ${form}${inner[i]}), or (L, ${inner[i]}), with as many axes as query`,
          got: show(t.shape),
        })
    })
    if (!sameShape(key.shape.slice(0, -1), value.shape.slice(0, -1)))
      throw new ShapeError({
        op,
        rule: 'key and value must be of the same sequences',
        got: `${show(key.shape)} and ${show(value.shape)}`,
      })
    const batch = this.batchFirst ? 0 : 1
    if (query.rank === 3 && query.shape[batch] !== key.shape[batch])
      throw new ShapeError({
        op,
        rule: `query and key must have the same batch, axis ${batch}`,
        got: `${show(query.shape)} and ${show(key.shape)}`,
        fix: this.batchFirst
          ? 'Without batchFirst the batch is axis 1.'
          : 'With batchFirst the batch is axis 0.',
      })
  }

  /** Queries, keys and values by head: (N, H, L, D), (N, G, S, D), (N, G, S, D). */
  private project(query: Tensor, key: Tensor, value: Tensor): [Tensor, Tensor, Tensor] {
    const { embedDim, headDim, numHeads: H, numKvHeads: G, inProjWeight, inProjBias } = this
    const inner = G * headDim
    const bias = (from: number, count: number) => inProjBias && narrow(inProjBias, 0, from, count)
    const heads = [H, G, G]
    let parts: Tensor[]
    // Rows of several projections at once, cut apart afterwards: one product instead of three.
    const cut = (t: Tensor, counts: readonly number[]): Tensor[] => {
      const apart = reshape(t, [...t.shape.slice(0, -1), -1, headDim])
      let at = 0
      return counts.map((n) => {
        at += n
        return narrow(apart, t.rank - 1, at - n, n)
      })
    }
    if (inProjWeight && query === key && key === value)
      parts = cut(linear(query, inProjWeight, inProjBias), heads)
    else if (inProjWeight && key === value)
      parts = [
        ...cut(linear(query, narrow(inProjWeight, 0, 0, embedDim), bias(0, embedDim)), [H]),
        ...cut(
          linear(key, narrow(inProjWeight, 0, embedDim, 2 * inner), bias(embedDim, 2 * inner)),
          [G, G],
        ),
      ]
    else {
      const from = [0, embedDim, embedDim + inner]
      const count = [embedDim, inner, inner]
      const own = [this.qProjWeight, this.kProjWeight, this.vProjWeight]
      parts = [query, key, value].flatMap((x, i) => {
        const w = own[i] ?? narrow(inProjWeight!, 0, from[i]!, count[i]!)
        return cut(linear(x, w, bias(from[i]!, count[i]!)), [heads[i]!])
      })
    }
    const byHead = parts.map((t) =>
      t.rank === 3
        ? unsqueeze(permute(t, [1, 0, 2]), 0)
        : permute(t, this.batchFirst ? [0, 2, 1, 3] : [1, 2, 0, 3]),
    ) as [Tensor, Tensor, Tensor]
    const [q, k, v] = byHead
    return [q, this.extended(k, this.biasK), this.extended(v, this.biasV)]
  }

  /** With the learned row and that of zeros behind. */
  private extended(t: Tensor, learned: Parameter | null): Tensor {
    const row = [t.shape[0]!, this.numKvHeads, 1, this.headDim]
    const parts = [t]
    if (learned) parts.push(expand(reshape(learned, [1, this.numKvHeads, 1, this.headDim]), row))
    if (this.addZeroAttn) parts.push(expand(scalar(0, t.dtype, [t]), row))
    return parts.length === 1 ? t : concat(parts, 2)
  }

  /** A mask of keys as (N, 1, 1, S). */
  private padding(mask: Tensor | null, N: number, S: number): Tensor | null {
    if (!mask) return null
    requireMask('keyPaddingMask', mask, [N, S], ...(N === 1 ? [[S]] : []))
    return allowed(reshape(mask, [N, 1, 1, S]))
  }
  /** A mask of queries and keys as (1, 1, L, S) or (N, H, L, S). */
  private attention(
    mask: Tensor | null,
    [N, L, S]: readonly [number, number, number],
  ): Tensor | null {
    if (!mask) return null
    requireMask('attnMask', mask, [L, S], [N * this.numHeads, L, S])
    const shape = mask.rank === 2 ? [1, 1, L, S] : [N, this.numHeads, L, S]
    return allowed(reshape(mask, shape))
  }
  override describe(): string {
    const groups = this.numKvHeads === this.numHeads ? '' : `, numKvHeads=${this.numKvHeads}`
    return `${this.embedDim}, ${this.numHeads}${groups}`
  }
}

/** The mask for the rows that were added behind: they are always seen. */
function widened(mask: Tensor, S: number): Tensor {
  const more = S - mask.shape[3]!
  if (more === 0) return mask
  const seen = scalar(mask.dtype === 'bool' ? 1 : 0, mask.dtype, [mask])
  return concat([mask, expand(seen, [...mask.shape.slice(0, 3), more])], 3)
}
/** True where the key does not come after the query, (1, 1, L, S). */
function causalMask(L: number, S: number, like: Tensor): Tensor {
  const plane = expand(scalar(0, 'int32', [like]), [1, 1, L, S])
  return ge(coordinates(plane, 2), coordinates(plane, 3))
}

function requireMask(name: string, mask: Tensor, ...shapes: Shape[]): void {
  const op = 'MultiheadAttention'
  if (mask.dtype !== 'bool' && !isFloat(mask.dtype))
    throw new DTypeError({
      op,
      rule: `${name} must be bool (true: not seen), or of a float type (added)`,
      got: mask.dtype,
      fix: "mask.to('bool') converts.",
    })
  if (!shapes.some((s) => sameShape(s, mask.shape)))
    throw new ShapeError({
      op,
      rule: `${name} must be ${shapes.map(show).join(' or ')}`,
      got: show(mask.shape),
    })
}
