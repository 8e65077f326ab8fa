/** Graph convolutions whose messages are weighted features. */
import { TraceError, ValueError } from '../core/errors.js'
import { kinds, readArguments, readOptions, showValue } from '../core/options.js'
import { add, div, mul, where } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { eq } from '../ops/compare.js'
import { clamp } from '../ops/elementwise.js'
import { relu, rsqrt, sqrt, square } from '../ops/functions.js'
import { indexAdd, indexSelect, scatterReduce } from '../ops/indexing.js'
import { concat, stack } from '../ops/join.js'
import { narrow } from '../ops/slice.js'
import { noGrad, state, withState } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { arange, full } from '../tensor/creation.js'
import { type BiasOption, biasPlace, parameter, type Unless, unless } from '../nn/common.js'
import * as init from '../nn/init.js'
import { Linear } from '../nn/layers.js'
import type { Module, Parameter } from '../nn/module.js'
import { type Aggregation, aggregation } from './aggregate.js'
import { addRemainingSelfLoops, checkWeights, endsOf, type Edges } from './edges.js'
import {
  bothOf,
  type EdgesLike,
  MessagePassing,
  neighborSum,
  type NodeFeatures,
} from './messagePassing.js'
import { SparseMatrix } from './sparse.js'

/** U(±√(6 / (a + b))) with the last two extents a and b, as PyTorch Geometric's `glorot`. */
export function glorot<T extends Tensor>(t: T): T {
  const [a, b] = t.shape.slice(-2) as [number, number]
  const bound = Math.sqrt(6 / (a + b))
  init.uniform(t, -bound, bound)
  return t
}
/** A linear map without bias, its weight by `glorot`. */
export function glorotLinear(inFeatures: number, outFeatures: number): Linear<false> {
  const linear = new Linear(inFeatures, outFeatures, false)
  glorot(linear.weight)
  return linear
}

export interface GcnNormOptions {
  /** A self-loop that is added weighs 2 instead of 1. */
  improved?: boolean
  /** A self-loop for every node; one that exists keeps its weight. True unless said otherwise. */
  addSelfLoops?: boolean
}
const normKinds = { improved: kinds.flag, addSelfLoops: kinds.flag }

/** Each node's self-loop: the weight of its last one, or `fill`; and which edges are self-loops. */
export function selfLoopsOf(
  source: Tensor,
  target: Tensor,
  weight: Tensor,
  nodes: number,
  fill: number,
) {
  const isLoop = eq(source, target)
  const place = arange(source.size, { dtype: 'int32' })
  // Edges that are no loops go to a place behind the nodes.
  const slot = where(isLoop, source, nodes)
  const none = full([nodes + 1], -1, { dtype: 'int32' })
  const last = noGrad(() => scatterReduce(none, 0, slot, place, 'amax'))
  const counts = where(eq(indexSelect(last, 0, slot), place), where(isLoop, weight, 0), 0)
  const own = indexAdd(full([nodes + 1], 0, { dtype: weight.dtype }), 0, slot, counts)
  const weights = where(eq(last, -1), fill, own)
  return { isLoop, loops: narrow(weights, 0, 0, nodes) }
}

const normalized = new WeakMap<SparseMatrix, Map<string, SparseMatrix>>()

/**
 * The weights of D^(−1/2) A D^(−1/2), where A has a self-loop for each node (one that exists keeps its weight) and D holds the sums
 * of the weights that come to each node. Nodes to which nothing comes weigh 0. PyTorch Geometric: nn.conv.gcn_conv.gcn_norm.
 *
 * A matrix gives a matrix, made once for each and outside of `compile`. Edges give edges: those that were there, self-loops among
 * them with weight 0, then the self-loop of each node.
 * @throws IndexError for an edge that names no node
 * @example gcnNorm(tensor([[0], [1]], { dtype: 'int32' }), null, 2).edgeWeight // [0.70710677, 1, 0.5]
 */
export function gcnNorm(
  edges: SparseMatrix,
  edgeWeight?: null,
  numNodes?: number,
  options?: GcnNormOptions,
): SparseMatrix
export function gcnNorm(
  edges: Tensor,
  edgeWeight: Tensor | null | undefined,
  numNodes: number,
  options?: GcnNormOptions,
): Edges
export function gcnNorm(
  edges: EdgesLike,
  edgeWeight: Tensor | null = null,
  numNodes = 0,
  options: GcnNormOptions = {},
): Edges | SparseMatrix {
  const op = 'gcnNorm'
  const o = readOptions<GcnNormOptions>(op, [options], {}, normKinds)
  const { improved = false, addSelfLoops = true } = o
  const fill = improved ? 2 : 1
  if (edges instanceof SparseMatrix) {
    const key = `${improved} ${addSelfLoops}`
    const known = normalized.get(edges) ?? new Map<string, SparseMatrix>()
    normalized.set(edges, known)
    let found = known.get(key)
    if (!found) {
      if (state.recorder)
        throw new TraceError({
          op,
          rule: 'a matrix is normalized outside of compile',
          fix: 'Call gcnNorm(matrix) before; the layer finds the result.',
        })
      // It outlives a surrounding `tidy`.
      found = withState('scope', undefined, () => normalizedMatrix(edges, fill, addSelfLoops))
      if (!edges.values?.requiresGrad) known.set(key, found)
    }
    return found
  }
  if (!kinds.size.holds(numNodes))
    throw new ValueError({
      op,
      rule: 'numNodes, the third argument, must be a whole number',
      got: showValue(numNodes),
    })
  const [from, to] = endsOf(op, edges, numNodes, numNodes)
  checkWeights(op, edgeWeight, from.size)
  const given = edgeWeight ?? full([from.size], 1)
  let [source, target, weight] = [from, to, given]
  if (addSelfLoops) {
    const { isLoop, loops } = selfLoopsOf(from, to, given, numNodes, fill)
    const nodes = arange(numNodes, { dtype: 'int32' })
    source = concat([from, nodes])
    target = concat([to, nodes])
    weight = concat([where(isLoop, 0, given), loops])
  }
  const degree = indexAdd(full([numNodes], 0, { dtype: weight.dtype }), 0, target, weight)
  const empty = eq(degree, 0)
  const scale = where(empty, 0, rsqrt(where(empty, 1, degree)))
  const norm = mul(mul(indexSelect(scale, 0, source), weight), indexSelect(scale, 0, target))
  return { edgeIndex: stack([source, target]), edgeWeight: norm }
}

function normalizedMatrix(matrix: SparseMatrix, fill: number, addSelfLoops: boolean): SparseMatrix {
  const numNodes = matrix.shape[0]
  const edgeIndex = stack([matrix.pattern[1], matrix.row])
  const edgeWeight = matrix.values ?? full([matrix.count], 1)
  const all = addSelfLoops
    ? addRemainingSelfLoops(edgeIndex, edgeWeight, { fillValue: fill, numNodes })
    : { edgeIndex, edgeWeight }
  const norm = gcnNorm(all.edgeIndex, all.edgeWeight, numNodes, { addSelfLoops: false })
  return SparseMatrix.fromEdges(all.edgeIndex, norm.edgeWeight, { numNodes })
}

const sizes = { inChannels: kinds.count, outChannels: kinds.count }

export interface GCNConvOptions<B extends boolean = boolean> extends GcnNormOptions, BiasOption<B> {
  /** Weights by `gcnNorm`; true unless said otherwise. Otherwise edges count as they are. */
  normalize?: boolean
}
/**
 * x' = D^(−1/2) (A + I) D^(−1/2) x Θᵀ + b (Kipf and Welling, 2017; PyTorch Geometric: nn.GCNConv), with edge weights where they are given.
 * A self-loop that exists keeps its weight. Θ is drawn by `glorot`, b is 0.
 *
 * Shapes: x (N, in), edgeIndex (2, E) or a SparseMatrix (N, N), edgeWeight (E), result (N, out).
 * @throws IndexError for an edge that names no node
 * @example new GCNConv(3, 2).forward(ones([4, 3]), tensor([[0], [1]], { dtype: 'int32' })).shape // [4, 2]
 */
export class GCNConv<B extends boolean = true> extends MessagePassing {
  lin: Linear<false>
  bias: Unless<B>
  readonly options: GcnNormOptions
  readonly normalize: boolean
  constructor(inChannels: number, outChannels: number, options?: GCNConvOptions<B>)
  constructor(...args: unknown[]) {
    super('add')
    const o = readArguments<GCNConvOptions & { inChannels: number; outChannels: number }>(
      'GCNConv',
      args,
      sizes,
      2,
      { ...normKinds, normalize: kinds.flag, ...biasPlace },
    )
    const { normalize = true, improved = false } = o
    this.normalize = normalize
    this.options = { improved, addSelfLoops: o.addSelfLoops ?? normalize }
    this.lin = glorotLinear(o.inChannels, o.outChannels)
    this.bias = unless<B, Parameter>((o.bias ?? true) as B, () => parameter([o.outChannels]))
  }
  override forward(x: Tensor, edges: EdgesLike, edgeWeight: Tensor | null = null): Tensor {
    const h = this.lin.forward(x)
    const nodes = x.shape[0]!
    let [by, weight] = [edges, edgeWeight]
    if (this.normalize && edges instanceof SparseMatrix)
      by = gcnNorm(edges, null, nodes, this.options)
    else if (this.normalize)
      ({ edgeIndex: by, edgeWeight: weight } = gcnNorm(
        edges as Tensor,
        edgeWeight,
        nodes,
        this.options,
      ))
    const y = neighborSum(this, by, h, weight)
    return this.bias ? add(y, this.bias) : y
  }
  override describe(): string {
    const [out, inner] = this.lin.weight.shape
    return `${inner}, ${out}`
  }
}

export interface SAGEConvOptions<B extends boolean = boolean> extends BiasOption<B> {
  /** How neighbours become one; 'mean' unless said otherwise. */
  aggr?: Aggregation
  /** The result divided by its length. */
  normalize?: boolean
  /** Does a node see itself, by weights of its own? True unless said otherwise. */
  rootWeight?: boolean
  /** Neighbours pass a linear map and relu before they meet. */
  project?: boolean
}
/**
 * x'ᵢ = W₁ aggr(xⱼ) + b + W₂ xᵢ over the neighbours j (Hamilton, Ying and Leskovec, 2017; PyTorch Geometric: nn.SAGEConv, where they are lin_l and
 * lin_r). Initial values as those of `Linear`.
 *
 * Shapes: x (N, in), or a pair (sources, targets) with a shape each; edgeIndex (2, E) or a SparseMatrix; result (targets, out).
 * @throws IndexError for an edge that names no node
 * @example new SAGEConv(3, 2).forward(ones([4, 3]), tensor([[0], [1]], { dtype: 'int32' })).shape // [4, 2]
 */
export class SAGEConv<B extends boolean = true> extends MessagePassing {
  linL: Linear<B>
  linR: Linear<false> | null
  lin: Linear | null
  readonly normalize: boolean
  constructor(
    inChannels: number | readonly [number, number],
    outChannels: number,
    options?: SAGEConvOptions<B>,
  )
  constructor(...args: unknown[]) {
    const o = readArguments<
      SAGEConvOptions & { inChannels: number | [number, number]; outChannels: number }
    >('SAGEConv', args, { inChannels: kinds.extents, outChannels: kinds.count }, 2, {
      aggr: aggregation,
      normalize: kinds.flag,
      rootWeight: kinds.flag,
      project: kinds.flag,
      ...biasPlace,
    })
    super(o.aggr ?? 'mean')
    const [from, to] =
      typeof o.inChannels === 'number' ? [o.inChannels, o.inChannels] : o.inChannels
    const { rootWeight = true, project = false, bias = true } = o
    this.normalize = o.normalize ?? false
    this.lin = project ? new Linear(from, from) : null
    this.linL = new Linear<B>(from, o.outChannels, bias as B)
    this.linR = rootWeight ? new Linear(to, o.outChannels, false) : null
  }
  override forward(x: NodeFeatures, edges: EdgesLike, edgeWeight: Tensor | null = null): Tensor {
    const [from, to] = bothOf('SAGEConv', x)
    const sent = this.lin ? relu(this.lin.forward(from)) : from
    let y = this.linL.forward(neighborSum(this, edges, [sent, to], edgeWeight))
    if (this.linR && to) y = add(y, this.linR.forward(to))
    if (!this.normalize) return y
    return div(y, clamp(sqrt(sum(square(y), -1, { keepdim: true })), 1e-12))
  }
  override describe(): string {
    const [out, inner] = this.linL.weight.shape
    return `${inner}, ${out}, aggr=${this.aggr}`
  }
}

export interface GINConvOptions {
  /** ε at the beginning; 0 unless said otherwise. */
  eps?: number
  /** Is ε learned? */
  trainEps?: boolean
}
/**
 * x'ᵢ = h((1 + ε) xᵢ + Σ xⱼ) over the neighbours j, with a network h (Xu, Hu, Leskovec and Jegelka, 2019; PyTorch Geometric: nn.GINConv).
 *
 * Shapes: x (N, in), edgeIndex (2, E) or a SparseMatrix, result that of h.
 * @throws IndexError for an edge that names no node
 * @example new GINConv(new Identity()).forward(tensor([[1], [2]]), tensor([[0], [1]], { dtype: 'int32' })) // [[1], [3]]
 */
export class GINConv extends MessagePassing {
  nn: Module & { forward(x: Tensor): Tensor }
  eps: Parameter | number
  constructor(nn: Module & { forward(x: Tensor): Tensor }, options: GINConvOptions = {}) {
    super('add')
    const { eps = 0, trainEps = false } = readOptions<GINConvOptions>(
      'GINConv',
      [options],
      {},
      {
        eps: kinds.number,
        trainEps: kinds.flag,
      },
    )
    if (typeof nn?.forward !== 'function')
      throw new ValueError({ op: 'GINConv', rule: 'the first argument is a module', got: `${nn}` })
    this.nn = nn
    this.eps = trainEps ? (init.constant(parameter([1]), eps) as Parameter) : eps
  }
  override forward(x: NodeFeatures, edges: EdgesLike): Tensor {
    const [, to] = bothOf('GINConv', x)
    const y = neighborSum(this, edges, x, null)
    return this.nn.forward(
      to ? add(y, mul(to, add(full([1], 1, { dtype: y.dtype }), this.eps))) : y,
    )
  }
}
