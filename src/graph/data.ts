/** Graphs with the features of their nodes and edges, many as one, and what they are as wholes. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { add, sub } from '../ops/arithmetic.js'
import { reshape } from '../ops/broadcast.js'
import { asIndices } from '../ops/indices.js'
import { concat } from '../ops/join.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { full, tensor } from '../tensor/creation.js'
import { type Aggregation, aggregate } from './aggregate.js'
import { checkEdges, readEdges } from './edges.js'

/** What a graph may have. PyTorch Geometric: data.Data. */
export interface GraphFields {
  /** Features of nodes, (N, F). */
  x?: Tensor
  /** (2, E). */
  edgeIndex: Tensor
  /** Features of edges, (E, D). */
  edgeAttr?: Tensor
  /** Weights of edges, (E). */
  edgeWeight?: Tensor
  /** Kinds of edges, (E). */
  edgeType?: Tensor
  /** What is to be learned: of the nodes, (N, ...), or of the graph, (1, ...) or (). */
  y?: Tensor
  /** Places of nodes, (N, D). */
  pos?: Tensor
  /** How many nodes there are, when neither x nor pos says. */
  numNodes?: number
}
const ofEdges = ['edgeAttr', 'edgeWeight', 'edgeType'] as const
const ofNodes = ['x', 'pos'] as const

/**
 * A graph.
 * @throws ShapeError when features and edges do not fit, IndexError for an edge that names no node
 * @example new Graph({ x: ones([3, 2]), edgeIndex: tensor([[0], [1]], { dtype: 'int32' }) }).numEdges // 1
 */
export class Graph implements GraphFields {
  readonly edgeIndex: Tensor
  readonly numNodes: number
  declare readonly x?: Tensor
  declare readonly edgeAttr?: Tensor
  declare readonly edgeWeight?: Tensor
  declare readonly edgeType?: Tensor
  declare readonly y?: Tensor
  declare readonly pos?: Tensor
  constructor(fields: GraphFields) {
    const op = 'Graph'
    this.edgeIndex = checkEdges(op, fields.edgeIndex)
    const rows = fields.x?.shape[0] ?? fields.pos?.shape[0] ?? fields.numNodes
    const { nodes } = readEdges(op, this.edgeIndex, rows)
    this.numNodes = nodes
    const check = (what: string, t: Tensor | undefined, n: number) => {
      if (t && t.shape[0] !== n)
        throw new ShapeError({ op, rule: `${what} must have ${n} rows`, got: show(t.shape) })
    }
    for (const name of ofNodes) check(name, fields[name], nodes)
    for (const name of ofEdges) check(name, fields[name], this.numEdges)
    for (const name of [...ofNodes, ...ofEdges, 'y'] as const)
      if (fields[name]) Object.assign(this, { [name]: fields[name] })
  }
  get numEdges(): number {
    return this.edgeIndex.shape[1]!
  }
  toString(): string {
    const shapes = (['x', 'edgeIndex', ...ofEdges, 'y', 'pos'] as const)
      .filter((name) => this[name])
      .map((name) => `${name}=${show(this[name]!.shape)}`)
    return `Graph(${shapes.join(', ')}, numNodes=${this.numNodes})`
  }
}

/**
 * Graphs of any sizes as one that falls into parts: nodes are numbered on, `batch` says of each the graph that it is from.
 * PyTorch Geometric: data.Batch.
 */
export class GraphBatch extends Graph {
  /** The graph of each node, (N). */
  readonly batch: Tensor
  readonly numGraphs: number
  /** Where the nodes and edges of each graph begin, and last where those of the last end. */
  readonly nodePointer: readonly number[]
  readonly edgePointer: readonly number[]

  /**
   * @throws ValueError for no graphs, and for graphs of which some have what others have not
   * @example GraphBatch.fromList([1, 2].map((n) => new Graph({ edgeIndex: zeros([2, 0], { dtype: 'int32' }), numNodes: n }))).batch // [0, 1, 1]
   */
  static fromList(graphs: readonly Graph[]): GraphBatch {
    return new GraphBatch(graphs)
  }
  private constructor(graphs: readonly Graph[]) {
    const op = 'GraphBatch.fromList'
    if (graphs.length === 0) throw new ValueError({ op, rule: 'there must be graphs', got: 'none' })
    const nodes = pointers(graphs.map((g) => g.numNodes))
    const fields: Record<string, unknown> = {
      edgeIndex: concat(
        graphs.map((g, i) => add(g.edgeIndex, nodes[i]!)),
        1,
      ),
      numNodes: nodes.at(-1),
    }
    for (const name of [...ofNodes, ...ofEdges, 'y'] as const) {
      const have = graphs.filter((g) => g[name])
      if (have.length === 0) continue
      if (have.length < graphs.length)
        throw new ValueError({
          op,
          rule: `all graphs or none must have ${name}`,
          got: `${have.length} of ${graphs.length}`,
        })
      fields[name] = concat(
        graphs.map((g) => (g[name]!.rank === 0 ? reshape(g[name]!, [1]) : g[name]!)),
      )
    }
    super(fields as unknown as GraphFields)
    this.numGraphs = graphs.length
    this.nodePointer = nodes
    this.edgePointer = pointers(graphs.map((g) => g.numEdges))
    const of = new Int32Array(nodes.at(-1)!)
    graphs.forEach((_, i) => {
      of.fill(i, nodes[i], nodes[i + 1])
    })
    this.batch = tensor(of, { dtype: 'int32' })
  }

  /** Graph i again, y only when there is a row of it for each node or graph. @throws ValueError when there is none of this number */
  graph(i: number): Graph {
    if (!(Number.isInteger(i) && i >= 0 && i < this.numGraphs))
      throw new ValueError({
        op: 'GraphBatch.graph',
        rule: `graphs are 0 to ${this.numGraphs - 1}`,
        got: `${i}`,
      })
    const [n0, n1] = [this.nodePointer[i]!, this.nodePointer[i + 1]!]
    const [e0, e1] = [this.edgePointer[i]!, this.edgePointer[i + 1]!]
    const fields: Record<string, unknown> = {
      edgeIndex: sub(narrow(this.edgeIndex, 1, e0, e1 - e0), n0),
      numNodes: n1 - n0,
    }
    for (const name of ofNodes) if (this[name]) fields[name] = narrow(this[name]!, 0, n0, n1 - n0)
    for (const name of ofEdges) if (this[name]) fields[name] = narrow(this[name]!, 0, e0, e1 - e0)
    const rows = this.y?.shape[0]
    if (rows === this.numNodes) fields.y = narrow(this.y!, 0, n0, n1 - n0)
    else if (rows === this.numGraphs) fields.y = narrow(this.y!, 0, i, 1)
    return new Graph(fields as unknown as GraphFields)
  }
}
function pointers(counts: readonly number[]): number[] {
  const list = [0]
  for (const n of counts) list.push(list.at(-1)! + n)
  return list
}

const pool =
  (op: string, reduce: Aggregation) =>
  (x: Tensor, batch: Tensor | null = null, size?: number): Tensor => {
    if (!batch)
      return aggregate(x, full([x.shape[0]!], 0, { dtype: 'int32' }), { dimSize: 1, reduce })
    const of = asIndices(op, batch)
    const most = () => (of.toTypedArray() as Int32Array).reduce((a, b) => Math.max(a, b), -1) + 1
    return aggregate(x, of, { dimSize: size ?? most(), reduce })
  }
/**
 * The sum of the rows of each graph; without `batch` all are of one. PyTorch Geometric: nn.global_add_pool. In a compiled function, `size`
 * says how many graphs there are.
 *
 * Shapes: x (N, F), batch (N), result (graphs, F).
 * @example globalAddPool(tensor([[1], [2], [5]]), tensor([0, 0, 1], { dtype: 'int32' })) // [[3], [5]]
 */
export const globalAddPool = pool('globalAddPool', 'sum')
/** Their mean. @example globalMeanPool(tensor([[1], [2], [5]]), tensor([0, 0, 1], { dtype: 'int32' })) // [[1.5], [5]] */
export const globalMeanPool = pool('globalMeanPool', 'mean')
/** Their largest, feature by feature. @example globalMaxPool(tensor([[1], [2], [5]]), tensor([0, 0, 1], { dtype: 'int32' })) // [[2], [5]] */
export const globalMaxPool = pool('globalMaxPool', 'max')
