/** Attention along edges. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, oneOf, readArguments } from '../core/options.js'
import { leakyRelu } from '../ops/activation.js'
import { add, div, mul, where } from '../ops/arithmetic.js'
import { reshape, sum } from '../ops/broadcast.js'
import { eq } from '../ops/compare.js'
import { clamp } from '../ops/elementwise.js'
import { indexAdd, indexSelect } from '../ops/indexing.js'
import { concat, stack } from '../ops/join.js'
import { mean } from '../ops/reduce.js'
import type { Tensor } from '../ops/tensor.js'
import { arange, full } from '../tensor/creation.js'
import { dropout } from '../tensor/dropout.js'
import { type BiasOption, biasPlace, parameter, type Unless, unless } from '../nn/common.js'
import type { Linear } from '../nn/layers.js'
import type { Parameter } from '../nn/module.js'
import { aggregate, groupSoftmax } from './aggregate.js'
import { glorot, glorotLinear } from './convs.js'
import { endsOf } from './edges.js'
import { bothOf, MessagePassing, type NodeFeatures } from './messagePassing.js'

export interface GATConvOptions<B extends boolean = boolean> extends BiasOption<B> {
  /** How many attentions there are side by side; 1 unless said otherwise. */
  heads?: number
  /** Are the heads' results laid side by side (the default), or averaged? */
  concat?: boolean
  /** Slope of the leaky relu below 0; 0.2 unless said otherwise. */
  negativeSlope?: number
  /** The share of attention weights that training leaves out. */
  dropout?: number
  /** A self-loop for each node, in the place of those that are there; true unless said otherwise. */
  addSelfLoops?: boolean
  /** Features of edges. */
  edgeDim?: number
  /** Edge features of a self-loop: the mean of what comes to the node (the default), or a number. */
  fillValue?: 'mean' | number
}
const head = { inChannels: kinds.count, outChannels: kinds.count, heads: kinds.count }
const meanWord = oneOf('mean')

/**
 * x'ᵢ = Σ αᵢⱼ W xⱼ + b, with α = softmax over the edges to i of leakyRelu(a · W xⱼ + a' · W xᵢ [+ a'' · W' eⱼᵢ]) (Veličković et al., 2018;
 * PyTorch Geometric: nn.GATConv). W, W' and the vectors a are drawn by `glorot`, b is 0.
 *
 * Shapes: x (N, in) or a pair (sources, targets), edgeIndex (2, E), edgeAttr (E, edgeDim), result (N, heads · out), or (N, out) without `concat`.
 * @throws IndexError for an edge that names no node
 * @example new GATConv(3, 2, { heads: 4 }).forward(ones([4, 3]), tensor([[0], [1]], { dtype: 'int32' })).shape // [4, 8]
 */
export class GATConv<B extends boolean = true> extends MessagePassing {
  lin: Linear<false>
  attSrc: Parameter
  attDst: Parameter
  linEdge: Linear<false> | null
  attEdge: Parameter | null
  bias: Unless<B>
  readonly heads: number
  readonly options: Required<
    Pick<GATConvOptions, 'concat' | 'negativeSlope' | 'dropout' | 'addSelfLoops' | 'fillValue'>
  >
  constructor(
    inChannels: number,
    outChannels: number,
    heads?: number | GATConvOptions<B>,
    options?: GATConvOptions<B>,
  )
  constructor(...args: unknown[]) {
    super('add')
    const o = readArguments<GATConvOptions & { inChannels: number; outChannels: number }>(
      'GATConv',
      args,
      head,
      2,
      {
        concat: kinds.flag,
        negativeSlope: kinds.number,
        dropout: kinds.number,
        addSelfLoops: kinds.flag,
        edgeDim: kinds.count,
        fillValue: {
          rule: "'mean' or a number",
          holds: (v) => meanWord.holds(v) || kinds.number.holds(v),
        },
        ...biasPlace,
      },
    )
    const { heads = 1, concat: side = true, edgeDim, outChannels: out, bias = true } = o
    this.heads = heads
    this.options = {
      concat: side,
      negativeSlope: o.negativeSlope ?? 0.2,
      dropout: o.dropout ?? 0,
      addSelfLoops: o.addSelfLoops ?? true,
      fillValue: o.fillValue ?? 'mean',
    }
    this.lin = glorotLinear(o.inChannels, heads * out)
    this.attSrc = glorot(parameter([1, heads, out]))
    this.attDst = glorot(parameter([1, heads, out]))
    this.linEdge = edgeDim ? glorotLinear(edgeDim, heads * out) : null
    this.attEdge = edgeDim ? glorot(parameter([1, heads, out])) : null
    this.bias = unless<B, Parameter>(bias as B, () => parameter([side ? heads * out : out]))
  }

  /** Edges with the self-loops of nodes, which edges do not count, and the features of all. */
  private withLoops(source: Tensor, target: Tensor, nodes: number, edgeAttr: Tensor | null) {
    const own = arange(nodes, { dtype: 'int32' })
    const isLoop = eq(source, target)
    let attr = edgeAttr
    if (edgeAttr) {
      const width = edgeAttr.shape[1]!
      const { fillValue } = this.options
      let fill: Tensor
      if (fillValue === 'mean') {
        const other = reshape(where(isLoop, 0, full([source.size], 1, { dtype: edgeAttr.dtype })), [
          source.size,
          1,
        ])
        const sums = (t: Tensor) => aggregate(t, target, { dimSize: nodes })
        fill = div(sums(mul(edgeAttr, other)), clamp(sums(other), 1))
      } else fill = full([nodes, width], fillValue, { dtype: edgeAttr.dtype })
      attr = concat([edgeAttr, fill])
    }
    return {
      source: concat([source, own]),
      target: concat([target, own]),
      left: concat([isLoop, full([nodes], false, { dtype: 'bool' })]),
      attr,
    }
  }

  /** Attention of every edge, (E, heads), with the edges that it is for: those given, then the self-loops. */
  private attention(x: NodeFeatures, edgeIndex: Tensor, edgeAttr: Tensor | null) {
    const op = 'GATConv'
    const [from, to] = bothOf(op, x)
    const { negativeSlope, addSelfLoops } = this.options
    const C = this.attSrc.shape[2]!
    if (Boolean(edgeAttr) !== Boolean(this.linEdge))
      throw new ValueError({
        op,
        rule: this.linEdge
          ? 'edgeAttr must be given: the layer has edgeDim'
          : 'edgeAttr needs edgeDim',
        got: edgeAttr ? 'edgeAttr' : 'none',
      })
    const features = (t: Tensor) => reshape(this.lin.forward(t), [t.shape[0]!, this.heads, C])
    const hSource = features(from)
    const hTarget = to === from ? hSource : to && features(to)
    const nodes = to?.shape[0] ?? from.shape[0]!
    let [source, target] = endsOf(op, edgeIndex, from.shape[0]!, nodes)
    let attr = edgeAttr
    if (attr && (attr.rank !== 2 || attr.shape[0] !== source.size))
      throw new ShapeError({
        op,
        rule: `edgeAttr must be [${source.size}, edgeDim]`,
        got: show(attr.shape),
      })
    let left: Tensor | undefined
    if (addSelfLoops) {
      if (to && to !== from && to.shape[0] !== from.shape[0])
        throw new ShapeError({
          op,
          rule: 'self-loops need as many sources as targets',
          got: `${from.shape[0]} and ${to.shape[0]}`,
          fix: '{ addSelfLoops: false } leaves them out.',
        })
      ;({ source, target, left, attr } = this.withLoops(source, target, nodes, attr))
    }
    const score = (h: Tensor, a: Tensor) => sum(mul(h, a), -1)
    let alpha = indexSelect(score(hSource, this.attSrc), 0, source)
    if (hTarget) alpha = add(alpha, indexSelect(score(hTarget, this.attDst), 0, target))
    if (attr) {
      const e = reshape(this.linEdge!.forward(attr), [attr.shape[0]!, this.heads, C])
      alpha = add(alpha, score(e, this.attEdge!))
    }
    alpha = leakyRelu(alpha, negativeSlope)
    // Self-loops that were there are replaced: they get no attention.
    if (left) alpha = where(reshape(left, [left.size, 1]), Number.NEGATIVE_INFINITY, alpha)
    return { alpha: groupSoftmax(alpha, target, nodes), source, target, hSource, nodes }
  }

  override forward(x: NodeFeatures, edgeIndex: Tensor, edgeAttr: Tensor | null = null): Tensor {
    const { alpha, source, target, hSource, nodes } = this.attention(x, edgeIndex, edgeAttr)
    const { dropout: p, concat: side } = this.options
    const weight = dropout(alpha, p, { training: this.training })
    const messages = mul(indexSelect(hSource, 0, source), reshape(weight, [...weight.shape, 1]))
    const zeros = full([nodes, ...hSource.shape.slice(1)], 0, { dtype: messages.dtype })
    const all = indexAdd(zeros, 0, target, messages)
    const y = side ? reshape(all, [nodes, all.shape[1]! * all.shape[2]!]) : mean(all, 1)
    return this.bias ? add(y, this.bias) : y
  }

  /** The attention of each edge, behind them of each node to itself: edges (2, E + N), weights (E + N, heads). */
  attentionWeights(x: NodeFeatures, edgeIndex: Tensor, edgeAttr: Tensor | null = null) {
    const { alpha, source, target } = this.attention(x, edgeIndex, edgeAttr)
    return { edgeIndex: stack([source, target]), alpha }
  }
  override describe(): string {
    const [, heads, out] = this.attSrc.shape
    return `${this.lin.weight.shape[1]}, ${out}, heads=${heads}`
  }
}
