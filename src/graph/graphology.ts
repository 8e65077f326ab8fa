/** Graphs of the package graphology, which reads GEXF, GraphML and more; nabla does not load it. */
import { ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { Graph, type GraphFields } from './data.js'
import { edgeTensor, readEdges } from './edges.js'

type Attributes = Record<string, unknown>
/** What is needed of a graphology graph. */
export interface GraphologyGraph {
  readonly order: number
  forEachNode(f: (name: string, attributes: Attributes) => void): void
  forEachEdge(
    f: (
      name: string,
      attributes: Attributes,
      source: string,
      target: string,
      sourceAttributes: Attributes,
      targetAttributes: Attributes,
      undirected: boolean,
    ) => void,
  ): void
}
/** What is needed to fill one. */
export interface GraphologyTarget {
  addNode(name: unknown, attributes?: Attributes): unknown
  addEdge(source: unknown, target: unknown, attributes?: Attributes): unknown
}
export interface FromGraphologyOptions {
  /** Attributes of nodes that become the columns of x. */
  nodeAttributes?: readonly string[]
  /** The attribute of edges that becomes edgeWeight. */
  weight?: string
}

/**
 * A graph of graphology's: nodes in its order, an undirected edge in both directions (a self-loop once).
 * @throws ValueError where a node or edge has no such number
 */
export function fromGraphology(
  graph: GraphologyGraph,
  options: FromGraphologyOptions = {},
): { graph: Graph; nodes: string[] } {
  const op = 'fromGraphology'
  const { nodeAttributes, weight } = readOptions<FromGraphologyOptions>(
    op,
    [options],
    {},
    {
      nodeAttributes: kinds.any,
      weight: kinds.text,
    },
  )
  const number = (attributes: Attributes, name: string, of: string): number => {
    const v = attributes[name]
    if (typeof v !== 'number' || Number.isNaN(v))
      throw new ValueError({
        op,
        rule: `every node or edge must have a number as ${name}`,
        got: `${v}, at ${of}`,
      })
    return v
  }
  const nodes: string[] = []
  const numbers = new Map<string, number>()
  const rows: number[][] = []
  graph.forEachNode((name, attributes) => {
    numbers.set(name, nodes.push(name) - 1)
    if (nodeAttributes) rows.push(nodeAttributes.map((a) => number(attributes, a, `node ${name}`)))
  })
  const from: number[] = []
  const to: number[] = []
  const weights: number[] = []
  graph.forEachEdge((name, attributes, source, target, _s, _t, undirected) => {
    const w = weight === undefined ? 1 : number(attributes, weight, `edge ${name}`)
    const add = (a: string, b: string) => {
      from.push(numbers.get(a)!)
      to.push(numbers.get(b)!)
      weights.push(w)
    }
    add(source, target)
    if (undirected && source !== target) add(target, source)
  })
  const fields: GraphFields = { edgeIndex: edgeTensor(from, to), numNodes: nodes.length }
  if (weight !== undefined) fields.edgeWeight = tensor(Float32Array.from(weights))
  if (nodeAttributes && rows.length > 0) fields.x = tensor(rows)
  return { graph: new Graph(fields), nodes }
}

/**
 * Adds the nodes and edges to a graph of graphology's; weights become the attribute `weight`. For an undirected one, edges that are there in both
 * directions are added once.
 */
export function toGraphology<G extends GraphologyTarget>(
  graph: Graph,
  target: G,
  options: { nodes?: readonly unknown[]; undirected?: boolean } = {},
): G {
  const { nodes, undirected = false } = readOptions<typeof options>(
    'toGraphology',
    [options],
    {},
    {
      nodes: kinds.any,
      undirected: kinds.flag,
    },
  )
  const nameOf = (i: number) => nodes?.[i] ?? i
  for (let i = 0; i < graph.numNodes; i++) target.addNode(nameOf(i))
  const { source, target: to, count } = readEdges('toGraphology', graph.edgeIndex, graph.numNodes)
  const weights = (graph.edgeWeight as Tensor | undefined)?.toTypedArray()
  for (let e = 0; e < count; e++)
    if (!undirected || source[e]! <= to[e]!)
      target.addEdge(
        nameOf(source[e]!),
        nameOf(to[e]!),
        weights ? { weight: Number(weights[e]) } : {},
      )
  return target
}
