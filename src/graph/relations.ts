/** Layers for edges of several kinds. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, oneOf, readArguments, readOptions } from '../core/options.js'
import { add, mul } from '../ops/arithmetic.js'
import { reshape } from '../ops/broadcast.js'
import { asIndices } from '../ops/indices.js'
import { indexSelect } from '../ops/indexing.js'
import { matmul } from '../ops/linalg.js'
import { maximum, minimum } from '../ops/elementwise.js'
import { concat, stack } from '../ops/join.js'
import { mean } from '../ops/reduce.js'
import { within } from '../ops/segments.js'
import { named } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { type BiasOption, biasPlace, parameter, type Unless, unless } from '../nn/common.js'
import { ModuleDict } from '../nn/containers.js'
import { Module, type Parameter } from '../nn/module.js'
import { aggregate } from './aggregate.js'
import { glorot } from './convs.js'
import { endsOf } from './edges.js'
import { bothOf, MessagePassing, type NodeFeatures } from './messagePassing.js'

export interface RGCNConvOptions<B extends boolean = boolean> extends BiasOption<B> {
  /** Weights of all relations as sums of so many matrices; null: a matrix each. */
  numBases?: number | null
  /** How neighbours of one relation become one; 'mean' unless said otherwise. */
  aggr?: 'mean' | 'sum' | 'add'
  /** Does a node see itself, by weights of its own? True unless said otherwise. */
  rootWeight?: boolean
}
const places = { inChannels: kinds.count, outChannels: kinds.count, numRelations: kinds.count }

/**
 * x'ᵢ = W₀ xᵢ + b + Σ over relations r of the mean over their neighbours j of W_r xⱼ (Schlichtkrull et al., 2018; PyTorch Geometric: nn.RGCNConv).
 * With `numBases`, W_r = Σ a_rb V_b. Weights are drawn by `glorot`, b is 0.
 *
 * Shapes: x (N, in) or a pair (sources, targets), edgeIndex (2, E), edgeType (E), result (N, out).
 * @throws IndexError for an edge that names no node, and a type that is none
 * @example new RGCNConv(3, 2, 5).forward(ones([4, 3]), tensor([[0], [1]], { dtype: 'int32' }), tensor([4], { dtype: 'int32' })).shape // [4, 2]
 */
export class RGCNConv<B extends boolean = true> extends MessagePassing {
  /** (relations, in, out), or (bases, in, out). */
  weight: Parameter
  /** (relations, bases). */
  comp: Parameter | null
  /** (in, out). */
  root: Parameter | null
  bias: Unless<B>
  readonly numRelations: number
  constructor(
    inChannels: number,
    outChannels: number,
    numRelations: number,
    options?: RGCNConvOptions<B>,
  )
  constructor(...args: unknown[]) {
    const o = readArguments<
      RGCNConvOptions & { inChannels: number; outChannels: number; numRelations: number }
    >('RGCNConv', args, places, 3, {
      numBases: {
        rule: 'a whole number from 1 up, or null',
        holds: (v) => v === null || kinds.count.holds(v),
      },
      aggr: oneOf('mean', 'sum', 'add'),
      rootWeight: kinds.flag,
      ...biasPlace,
    })
    super(o.aggr ?? 'mean')
    const {
      inChannels: from,
      outChannels: to,
      numRelations,
      numBases = null,
      rootWeight = true,
      bias = true,
    } = o
    this.numRelations = numRelations
    this.weight = glorot(parameter([numBases ?? numRelations, from, to]))
    this.comp = numBases ? glorot(parameter([numRelations, numBases])) : null
    this.root = rootWeight ? glorot(parameter([from, to])) : null
    this.bias = unless<B, Parameter>(bias as B, () => parameter([to]))
  }
  override forward(x: NodeFeatures, edgeIndex: Tensor, edgeType: Tensor): Tensor {
    const op = 'RGCNConv'
    const [from, to] = bothOf(op, x)
    const nodes = to?.shape[0] ?? from.shape[0]!
    const [source, target] = endsOf(op, edgeIndex, from.shape[0]!, nodes)
    const types = asIndices(op, edgeType)
    if (types.rank !== 1 || types.size !== source.size)
      throw new ShapeError({
        op,
        rule: `edgeType must be [${source.size}]`,
        got: show(edgeType.shape),
      })
    const R = this.numRelations
    const kind = named(op, () => within(types, 0, R, 'the type of an edge'))
    const [, inner, out] = this.weight.shape as [number, number, number]
    // What comes to each node by each relation stands in a row of its own: one product has the sum over relations.
    const place = add(mul(target, R), kind)
    const reduce = this.aggr === 'mean' ? 'mean' : 'sum'
    const met = aggregate(indexSelect(from, 0, source), place, { dimSize: nodes * R, reduce })
    const { comp, weight } = this
    const maps = comp ? matmul(comp, reshape(weight, [weight.shape[0]!, inner * out])) : weight
    let y = matmul(reshape(met, [nodes, R * inner]), reshape(maps, [R * inner, out]))
    if (this.root && to) y = add(y, matmul(to, this.root))
    return this.bias ? add(y, this.bias) : y
  }
  override describe(): string {
    const [, inner, out] = this.weight.shape
    return `${inner}, ${out}, numRelations=${this.numRelations}`
  }
}

/** `source__relation__target`: PyTorch Geometric's triple as one word. */
export type EdgeKind = `${string}__${string}__${string}`
/** What each kind of edge has. */
export type ByEdge<T> = Readonly<Record<EdgeKind, T>>
/** What each kind of node has. */
export type ByNode<T> = Readonly<Record<string, T>>
/** A layer that `HeteroConv` can hold. */
export type EdgeLayer = Module & {
  forward(x: [Tensor, Tensor], edges: Tensor, ...more: never[]): Tensor
}
const reductions = ['sum', 'mean', 'max', 'min', 'cat'] as const

/**
 * A layer for each kind of edge; what comes to a kind of node by several is joined. PyTorch Geometric: nn.HeteroConv, whose triples
 * ('author', 'writes', 'paper') are written author__writes__paper.
 *
 * forward(x by kind of node, edges by kind of edge, more of each edge's kind): results by kind of the nodes that receive.
 * @throws ValueError for a kind that is not written so, or names nodes that are not given
 */
export class HeteroConv extends Module {
  convs: ModuleDict
  readonly aggr: (typeof reductions)[number]
  constructor(convs: ByEdge<Module>, options: { aggr?: (typeof reductions)[number] } = {}) {
    super()
    const { aggr = 'sum' } = readOptions<{ aggr?: (typeof reductions)[number] }>(
      'HeteroConv',
      [options],
      {},
      {
        aggr: oneOf(...reductions),
      },
    )
    for (const kind of Object.keys(convs)) partsOf(kind)
    this.convs = new ModuleDict(convs as Record<string, Module>)
    this.aggr = aggr
  }
  override forward(
    x: ByNode<Tensor>,
    edges: ByEdge<Tensor>,
    more: ByEdge<readonly unknown[]> = {},
  ): Record<string, Tensor> {
    const found: Record<string, Tensor[]> = {}
    const nodesOf = (name: string, kind: string): Tensor => {
      const t = x[name]
      if (!t)
        throw new ValueError({
          op: 'HeteroConv',
          rule: `nodes are ${Object.keys(x).join(', ')}`,
          got: `${name}, of the edges ${kind}`,
        })
      return t
    }
    for (const [kind, edgeIndex] of Object.entries(edges)) {
      if (!this.convs.has(kind)) continue
      const [from, , to] = partsOf(kind)
      const conv = this.convs.get(kind) as EdgeLayer
      const ends: NodeFeatures = [nodesOf(from, kind), nodesOf(to, kind)]
      const given = from === to ? (ends[0] as never) : (ends as [Tensor, Tensor])
      const y = conv.forward(given, edgeIndex, ...((more[kind as EdgeKind] ?? []) as never[]))
      found[to] = [...(found[to] ?? []), y]
    }
    return Object.fromEntries(
      Object.entries(found).map(([name, list]) => [name, this.joined(list)]),
    )
  }
  private joined(list: readonly Tensor[]): Tensor {
    if (this.aggr === 'cat') return concat(list, -1)
    if (this.aggr === 'mean') return mean(stack(list), 0)
    const join = { sum: add, max: maximum, min: minimum }[this.aggr]
    return list.reduce((a, b) => join(a, b))
  }
}

function partsOf(kind: string): [string, string, string] {
  const parts = kind.split('__')
  if (parts.length !== 3 || parts.some((p) => p === ''))
    throw new ValueError({
      op: 'HeteroConv',
      rule: 'edges are named source__relation__target',
      got: kind,
      fix: 'author__writes__paper',
    })
  return parts as [string, string, string]
}
