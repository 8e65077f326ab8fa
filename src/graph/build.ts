/** Edges between points that are near. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, oneOf, orNull, readOptions } from '../core/options.js'
import { div, mul, sub } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { exp, square } from '../ops/functions.js'
import { indexSelect } from '../ops/indexing.js'
import { asIndices } from '../ops/indices.js'
import type { Tensor } from '../ops/tensor.js'
import { edgeTensor, endsOf, readPositions } from './edges.js'

export interface NearOptions {
  /** The graph of each node: only nodes of one graph are joined. */
  batch?: Tensor | null
  /** Is a node its own neighbour? */
  loop?: boolean
  /** Do edges go from neighbours to the node (the default), or the other way? */
  flow?: 'sourceToTarget' | 'targetToSource'
}
const nearKinds = {
  batch: kinds.any,
  loop: kinds.flag,
  flow: oneOf('sourceToTarget', 'targetToSource'),
}

/** Edges from the neighbours that `keep` leaves of each node, nearest first; of equal distances the first. */
function nearEdges(
  op: string,
  pos: Tensor,
  { batch, loop = false, flow = 'sourceToTarget' }: NearOptions,
  keep: (distances: Float64Array, near: number[]) => number[],
): Tensor {
  const { at, nodes, width } = readPositions(op, pos)
  const graph = batch ? (asIndices(op, batch).toTypedArray() as Int32Array) : undefined
  if (graph && graph.length !== nodes)
    throw new ShapeError({ op, rule: `batch must be [${nodes}]`, got: show(batch!.shape) })
  const from: number[] = []
  const to: number[] = []
  const distances = new Float64Array(nodes)
  for (let i = 0; i < nodes; i++) {
    const others: number[] = []
    for (let k = 0; k < nodes; k++) {
      if ((k === i && !loop) || (graph && graph[k] !== graph[i])) continue
      let d = 0
      for (let a = 0; a < width; a++) d += (at[i * width + a]! - at[k * width + a]!) ** 2
      distances[k] = d
      others.push(k)
    }
    for (const k of keep(distances, others)) {
      from.push(k)
      to.push(i)
    }
  }
  return flow === 'sourceToTarget' ? edgeTensor(from, to) : edgeTensor(to, from)
}

/**
 * Edges to each node from the k nearest others. PyTorch Geometric: nn.knn_graph.
 *
 * Shapes: pos (N, D), result (2, ≤ N k). Compares all pairs.
 * @example knnGraph(tensor([[0], [1], [3]]), 1) // [[1, 0, 1], [0, 1, 2]]
 */
export function knnGraph(pos: Tensor, k: number, options: NearOptions = {}): Tensor {
  const o = readOptions<NearOptions>('knnGraph', [options], {}, nearKinds)
  if (!kinds.count.holds(k))
    throw new ValueError({
      op: 'knnGraph',
      rule: 'k must be a whole number from 1 up',
      got: `${k}`,
    })
  return nearEdges('knnGraph', pos, o, (d, near) =>
    near.sort((a, b) => d[a]! - d[b]! || a - b).slice(0, k),
  )
}

export interface RadiusOptions extends NearOptions {
  /** At most so many neighbours, the nearest; 32 unless said otherwise, null for all. */
  maxNumNeighbors?: number | null
}
/**
 * Edges to each node from all others at most r away. PyTorch Geometric: nn.radius_graph, which takes any 32 where there are more; here it is the nearest.
 *
 * Shapes: pos (N, D), result (2, E).
 * @example radiusGraph(tensor([[0], [1], [3]]), 1.5) // [[1, 0], [0, 1]]
 */
export function radiusGraph(pos: Tensor, r: number, options: RadiusOptions = {}): Tensor {
  const o = readOptions<RadiusOptions>(
    'radiusGraph',
    [options],
    {},
    {
      ...nearKinds,
      maxNumNeighbors: orNull(kinds.count),
    },
  )
  if (!(r >= 0))
    throw new ValueError({ op: 'radiusGraph', rule: 'r must be 0 or more', got: `${r}` })
  const { maxNumNeighbors = 32 } = o
  return nearEdges('radiusGraph', pos, o, (d, near) => {
    const inside = near.filter((k) => d[k]! <= r * r).sort((a, b) => d[a]! - d[b]! || a - b)
    return maxNumNeighbors === null ? inside : inside.slice(0, maxNumNeighbors)
  })
}

/**
 * exp(−‖pᵢ − pⱼ‖² / (2σ²)) for each edge: 1 for nodes at one place, near 0 far away.
 *
 * Shapes: pos (N, D), result (E).
 * @throws ValueError unless sigma is above 0; IndexError for an edge that names no node
 * @example gaussianWeights(tensor([[0], [2]]), tensor([[0], [1]], { dtype: 'int32' }), 1) // [0.13533528]
 */
export function gaussianWeights(pos: Tensor, edgeIndex: Tensor, sigma: number): Tensor {
  const op = 'gaussianWeights'
  if (!(sigma > 0)) throw new ValueError({ op, rule: 'sigma must be above 0', got: `${sigma}` })
  if (pos.rank !== 2)
    throw new ShapeError({ op, rule: 'positions must be [nodes, axes]', got: show(pos.shape) })
  const nodes = pos.shape[0]!
  const [source, target] = endsOf(op, edgeIndex, nodes, nodes)
  const gap = sub(indexSelect(pos, 0, source), indexSelect(pos, 0, target))
  return exp(div(mul(sum(square(gap), 1), -1), 2 * sigma * sigma))
}
