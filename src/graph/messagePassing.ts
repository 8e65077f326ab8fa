/** Layers that send messages along edges. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { div, mul } from '../ops/arithmetic.js'
import { reshape } from '../ops/broadcast.js'
import { indexSelect } from '../ops/indexing.js'
import { Tensor } from '../ops/tensor.js'
import { full } from '../tensor/creation.js'
import { clamp } from '../ops/elementwise.js'
import { Module } from '../nn/module.js'
import { type Aggregation, aggregate } from './aggregate.js'
import { endsOf } from './edges.js'
import { SparseMatrix } from './sparse.js'

/** Features of the nodes, or of two kinds of nodes: those that send and those that receive. */
export type NodeFeatures = Tensor | readonly [source: Tensor, target: Tensor | null]
/** Edges (2, E), or a matrix whose row i has an element for each edge to node i. */
export type EdgesLike = Tensor | SparseMatrix

/** What a message is made of; what there is for each edge. */
export interface MessageParts {
  /** Features of the node that sends, (E, ...). */
  xJ: Tensor
  /** Features of the node that receives, (E, ...); null where it has none. */
  xI: Tensor | null
  /** The nodes, (E). */
  source: Tensor
  target: Tensor
  /** (E), or null. */
  edgeWeight: Tensor | null
  /** (E, D), or null. */
  edgeAttr: Tensor | null
  /** How many nodes receive. */
  numNodes: number
}
export interface PropagateOptions {
  edgeWeight?: Tensor | null
  edgeAttr?: Tensor | null
  /** Nodes that receive, when `x` does not say. */
  size?: number
}
export type Flow = 'sourceToTarget' | 'targetToSource'

/** Numbers of the edges, one behind each row of features. */
export const perEdge = (w: Tensor, like: Tensor): Tensor =>
  reshape(w, [w.shape[0]!, ...like.shape.slice(1).map(() => 1)])

/** The features that are sent, and those of the nodes that receive. */
export function bothOf(op: string, x: NodeFeatures): [source: Tensor, target: Tensor | null] {
  const [source, target] = x instanceof Tensor ? [x, x] : x
  if (!(source instanceof Tensor) || source.rank < 2)
    throw new ShapeError({
      op,
      rule: 'x must be [nodes, features]',
      got: source instanceof Tensor ? show(source.shape) : typeof source,
    })
  return [source, target]
}

/**
 * x'ᵢ = update(aggregate over the edges (j, i) of message(xⱼ, xᵢ, edge)). A layer of one's own defines `message`, and perhaps
 * `aggregate` and `update`, and calls `propagate`. PyTorch Geometric: nn.MessagePassing.
 * @throws IndexError for an edge that names no node
 */
export abstract class MessagePassing extends Module {
  readonly aggr: Aggregation
  readonly flow: Flow
  constructor(aggr: Aggregation = 'add', flow: Flow = 'sourceToTarget') {
    super()
    this.aggr = aggr
    this.flow = flow
  }

  /** What goes along each edge: xⱼ, times the edge's weight where there is one. */
  protected message({ xJ, edgeWeight }: MessageParts): Tensor {
    return edgeWeight ? mul(perEdge(edgeWeight, xJ), xJ) : xJ
  }
  /** What comes to each node, as one. */
  protected aggregate(messages: Tensor, { target, numNodes }: MessageParts): Tensor {
    return aggregate(messages, target, { dimSize: numNodes, reduce: this.aggr })
  }
  /** What a node makes of it. */
  protected update(aggregated: Tensor, _parts: MessageParts): Tensor {
    return aggregated
  }

  /** Sends the messages: x (N, F) or a pair, result (N of the receivers, ...). */
  propagate(edgeIndex: Tensor, x: NodeFeatures, options: PropagateOptions = {}): Tensor {
    const op = this.constructor.name
    const [from, to] = bothOf(op, x)
    const { edgeWeight = null, edgeAttr = null, size } = options
    const numNodes = size ?? to?.shape[0] ?? from.shape[0]!
    const sends = this.flow === 'sourceToTarget'
    const counts = [from.shape[0]!, numNodes] as const
    const ends = endsOf(op, edgeIndex, counts[sends ? 0 : 1], counts[sends ? 1 : 0])
    const [source, target] = sends ? ends : [ends[1], ends[0]]
    for (const [what, t] of [
      ['edgeWeight', edgeWeight],
      ['edgeAttr', edgeAttr],
    ] as const)
      if (t && t.shape[0] !== source.size)
        throw new ShapeError({
          op,
          rule: `${what} must have a row for each of the ${source.size} edges`,
          got: show(t.shape),
        })
    const parts: MessageParts = {
      xJ: indexSelect(from, 0, source),
      xI: to && indexSelect(to, 0, target),
      source,
      target,
      edgeWeight,
      edgeAttr,
      numNodes,
    }
    return this.update(this.aggregate(this.message(parts), parts), parts)
  }
}

/**
 * Σ or mean over the edges (j, i) of wⱼᵢ xⱼ: by a sparse product when the edges are a matrix.
 * @throws ValueError for another aggregation by a matrix, ShapeError when the matrix has other nodes
 */
export function neighborSum(
  layer: MessagePassing,
  edges: EdgesLike,
  x: NodeFeatures,
  edgeWeight: Tensor | null,
): Tensor {
  if (!(edges instanceof SparseMatrix)) return layer.propagate(edges, x, { edgeWeight })
  const op = layer.constructor.name
  const [from] = bothOf(op, x)
  if (edgeWeight)
    throw new ValueError({
      op,
      rule: 'the values of a SparseMatrix are the weights',
      got: 'edgeWeight too',
    })
  if (layer.aggr === 'max' || layer.aggr === 'min')
    throw new ValueError({
      op,
      rule: 'a SparseMatrix sums or averages',
      got: layer.aggr,
      fix: 'Give edgeIndex.',
    })
  if (layer.flow !== 'sourceToTarget')
    throw new ValueError({
      op,
      rule: 'a SparseMatrix sends from columns to rows',
      got: layer.flow,
      fix: 'matrix.t() turns it round.',
    })
  const total = edges.matmul(from)
  if (layer.aggr !== 'mean') return total
  const ones = edges.withValues(null).matmul(full([edges.shape[1], 1], 1, { dtype: from.dtype }))
  return div(total, clamp(ones, 1))
}
