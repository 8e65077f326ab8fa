/**
 * Edges as PyTorch Geometric keeps them: `edgeIndex` (2, E), the sources in row 0, the targets in row 1; an undirected edge
 * is there in both directions.
 */
import { DTypeError, IndexError, ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, oneOf, readOptions, showValue } from '../core/options.js'
import { reshape } from '../ops/broadcast.js'
import { asIndices } from '../ops/indices.js'
import { select } from '../ops/slice.js'
import { Tensor } from '../ops/tensor.js'
import { concat } from '../ops/join.js'
import { indexSelect } from '../ops/indexing.js'
import { full, tensor } from '../tensor/creation.js'
import { within } from '../ops/segments.js'
import { named } from '../ops/state.js'
import { aggregate } from './aggregate.js'

/** Edges, and a weight or a row of features for each. */
export interface Edges {
  edgeIndex: Tensor
  /** (E) or (E, D). */
  edgeWeight: Tensor | null
}

/** @throws ShapeError unless it is (2, E), DTypeError unless it holds whole numbers */
export function checkEdges(op: string, edgeIndex: Tensor): Tensor {
  if (!(edgeIndex instanceof Tensor) || edgeIndex.rank !== 2 || edgeIndex.shape[0] !== 2)
    throw new ShapeError({
      op,
      rule: 'edgeIndex must be a tensor [2, edges], sources in row 0, targets in row 1',
      got: edgeIndex instanceof Tensor ? show(edgeIndex.shape) : typeof edgeIndex,
      fix: 'For a graph without edges: zeros([2, 0], { dtype: "int32" }).',
    })
  return asIndices(op, edgeIndex)
}

/** Sources and targets; in the run, an edge that names no node is an IndexError. */
export function endsOf(
  op: string,
  edgeIndex: Tensor,
  sources: number,
  targets: number,
): [source: Tensor, target: Tensor] {
  const edges = checkEdges(op, edgeIndex)
  const end = (row: number, count: number) =>
    named(op, () => within(select(edges, 0, row), 0, count, 'a node that an edge names'))
  return [end(0, sources), end(1, targets)]
}

/** The edges as numbers. @throws IndexError for one that names no node */
export function readEdges(op: string, edgeIndex: Tensor, numNodes?: number) {
  const edges = checkEdges(op, edgeIndex)
  const data = edges.toTypedArray() as Int32Array
  const count = edges.shape[1]!
  let most = -1
  for (const [i, v] of data.entries()) {
    if (v > most) most = v
    if (v < 0 || (numNodes !== undefined && v >= numNodes))
      throw new IndexError({
        op,
        rule: `edges must name nodes from 0 to ${(numNodes ?? Number.POSITIVE_INFINITY) - 1}`,
        got: `${v}, at edge ${i % count}`,
      })
  }
  return {
    source: data.subarray(0, count),
    target: data.subarray(count),
    count,
    nodes: numNodes ?? most + 1,
  }
}

/** Whole numbers below `count` in their order, equal ones as they come: where each begins, and the places of all. */
export function byGroup(
  groups: Int32Array,
  count: number,
): { pointer: Int32Array; order: Int32Array } {
  const pointer = new Int32Array(count + 1)
  for (const g of groups) pointer[g + 1]!++
  for (let g = 0; g < count; g++) pointer[g + 1]! += pointer[g]!
  const next = pointer.slice(0, count)
  const order = new Int32Array(groups.length)
  for (let e = 0; e < groups.length; e++) order[next[groups[e]!]!++] = e
  return { pointer, order }
}

/** Edges as a tensor (2, E). */
export function edgeTensor(source: ArrayLike<number>, target: ArrayLike<number>): Tensor {
  const data = new Int32Array(2 * source.length)
  data.set(source)
  data.set(target, source.length)
  return reshape(tensor(data, { dtype: 'int32' }), [2, source.length])
}
/** The rows of a tensor at these places. */
const rowsAt = (t: Tensor, places: ArrayLike<number>): Tensor =>
  indexSelect(t, 0, tensor(Int32Array.from(places), { dtype: 'int32' }))

export function checkWeights(
  op: string,
  edgeWeight: Tensor | null | undefined,
  count: number,
): void {
  if (edgeWeight && !(edgeWeight instanceof Tensor))
    throw new ValueError({
      op,
      rule: 'weights of edges are a tensor or null; options follow them',
      got: showValue(edgeWeight),
    })
  if (edgeWeight && edgeWeight.shape[0] !== count)
    throw new ShapeError({
      op,
      rule: `there must be a weight for each of the ${count} edges`,
      got: show(edgeWeight.shape),
    })
}

/**
 * How often each node occurs in one row of the edges, float32. A self-loop counts once in each row, as in PyTorch Geometric and
 * unlike in igraph, where it counts twice. PyTorch Geometric: utils.degree.
 * @example degree(tensor([0, 0, 2], { dtype: 'int32' }), 4) // [2, 0, 1, 0]
 */
export function degree(index: Tensor, numNodes: number): Tensor {
  const places = asIndices('degree', index)
  if (places.rank !== 1)
    throw new ShapeError({
      op: 'degree',
      rule: 'the index is one row of edges, [edges]',
      got: show(places.shape),
      fix: 'edgeIndex.select(0, 1) are the targets.',
    })
  return aggregate(full([places.size], 1), places, { dimSize: numNodes, reduce: 'sum' })
}

/** Is there an edge from a node to itself? @example containsSelfLoops(tensor([[0, 1], [1, 1]], { dtype: 'int32' })) // true */
export function containsSelfLoops(edgeIndex: Tensor): boolean {
  const { source, target } = readEdges('containsSelfLoops', edgeIndex)
  return source.some((s, i) => s === target[i])
}

/** The edges without self-loops. @example removeSelfLoops(tensor([[0, 1], [1, 1]], { dtype: 'int32' })).edgeIndex // [[0], [1]] */
export function removeSelfLoops(edgeIndex: Tensor, edgeWeight: Tensor | null = null): Edges {
  const { source, target, count } = readEdges('removeSelfLoops', edgeIndex)
  checkWeights('removeSelfLoops', edgeWeight, count)
  const kept: number[] = []
  for (let i = 0; i < count; i++) if (source[i] !== target[i]) kept.push(i)
  return {
    edgeIndex: edgeTensor(
      kept.map((i) => source[i]!),
      kept.map((i) => target[i]!),
    ),
    edgeWeight: edgeWeight && rowsAt(edgeWeight, kept),
  }
}

const loopOptions = { fillValue: kinds.number, numNodes: kinds.size }
export interface LoopOptions {
  /** The weight of a new self-loop; 1 unless said otherwise. */
  fillValue?: number
  /** How many nodes there are; otherwise one more than the largest that an edge names. */
  numNodes?: number
}
/** One self-loop for each node behind the edges. PyTorch Geometric: utils.add_self_loops. @example addSelfLoops(tensor([[0], [1]], { dtype: 'int32' })).edgeIndex // [[0, 0, 1], [1, 0, 1]] */
export function addSelfLoops(
  edgeIndex: Tensor,
  edgeWeight: Tensor | null = null,
  options: LoopOptions = {},
): Edges {
  const { fillValue = 1, numNodes } = readOptions<LoopOptions>(
    'addSelfLoops',
    [options],
    {},
    loopOptions,
  )
  const { count, nodes } = readEdges('addSelfLoops', edgeIndex, numNodes)
  checkWeights('addSelfLoops', edgeWeight, count)
  const loops = Array.from({ length: nodes }, (_, i) => i)
  return {
    edgeIndex: concat([checkEdges('addSelfLoops', edgeIndex), edgeTensor(loops, loops)], 1),
    edgeWeight:
      edgeWeight &&
      concat([
        edgeWeight,
        full([nodes, ...edgeWeight.shape.slice(1)], fillValue, { dtype: edgeWeight.dtype }),
      ]),
  }
}

/**
 * One self-loop for each node: one that exists keeps its weight and comes behind the other edges. Of several at one node the last counts.
 * PyTorch Geometric: utils.add_remaining_self_loops.
 * @example addRemainingSelfLoops(tensor([[0, 1], [1, 1]], { dtype: 'int32' }), tensor([2, 3])).edgeWeight // [2, 1, 3]
 */
export function addRemainingSelfLoops(
  edgeIndex: Tensor,
  edgeWeight: Tensor | null = null,
  options: LoopOptions = {},
): Edges {
  const op = 'addRemainingSelfLoops'
  const { fillValue = 1, numNodes } = readOptions<LoopOptions>(op, [options], {}, loopOptions)
  const { source, target, count, nodes } = readEdges(op, edgeIndex, numNodes)
  checkWeights(op, edgeWeight, count)
  const rest = removeSelfLoops(edgeIndex, edgeWeight)
  const loops = Array.from({ length: nodes }, (_, i) => i)
  let weight: Tensor | null = null
  if (edgeWeight) {
    const own = loops.map((i) => count + i)
    for (let i = 0; i < count; i++) if (source[i] === target[i]) own[source[i]!] = i
    const fill = full([nodes, ...edgeWeight.shape.slice(1)], fillValue, { dtype: edgeWeight.dtype })
    weight = concat([rest.edgeWeight!, rowsAt(concat([edgeWeight, fill]), own)])
  }
  return { edgeIndex: concat([rest.edgeIndex, edgeTensor(loops, loops)], 1), edgeWeight: weight }
}

export interface CoalesceOptions {
  /** How the weights of an edge that is there several times become one: 'sum' unless said otherwise. */
  reduce?: 'sum' | 'mean' | 'max' | 'min'
}
/** Edges in the order of sources, then targets, each once. PyTorch Geometric: utils.coalesce. @example coalesce(tensor([[1, 0, 1], [0, 1, 0]], { dtype: 'int32' }), tensor([1, 2, 3])).edgeWeight // [2, 4] */
export function coalesce(
  edgeIndex: Tensor,
  edgeWeight: Tensor | null = null,
  options: CoalesceOptions = {},
): Edges {
  const { reduce = 'sum' } = readOptions<CoalesceOptions>(
    'coalesce',
    [options],
    {},
    { reduce: oneOf('sum', 'mean', 'max', 'min') },
  )
  const { source, target, count } = readEdges('coalesce', edgeIndex)
  checkWeights('coalesce', edgeWeight, count)
  const order = Int32Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => source[a]! - source[b]! || target[a]! - target[b]! || a - b,
  )
  const place = new Int32Array(count)
  const first: number[] = []
  for (const e of order) {
    const last = first.at(-1)
    if (last === undefined || source[last] !== source[e] || target[last] !== target[e])
      first.push(e)
    place[e] = first.length - 1
  }
  return {
    edgeIndex: edgeTensor(
      first.map((e) => source[e]!),
      first.map((e) => target[e]!),
    ),
    edgeWeight:
      edgeWeight &&
      aggregate(edgeWeight, tensor(place, { dtype: 'int32' }), { dimSize: first.length, reduce }),
  }
}

/** Every edge in both directions, each once. PyTorch Geometric: utils.to_undirected, which adds the weights of edges that meet. @example toUndirected(tensor([[0], [1]], { dtype: 'int32' })).edgeIndex // [[0, 1], [1, 0]] */
export function toUndirected(
  edgeIndex: Tensor,
  edgeWeight: Tensor | null = null,
  options: CoalesceOptions = {},
): Edges {
  const { source, target, count } = readEdges('toUndirected', edgeIndex)
  checkWeights('toUndirected', edgeWeight, count)
  const both = edgeTensor([...source, ...target], [...target, ...source])
  return coalesce(both, edgeWeight && concat([edgeWeight, edgeWeight]), options)
}

/** A row of a table of edges. */
export type EdgeRow = Readonly<Record<string, unknown>>
export interface TableOptions {
  /** The columns with the two ends; 'source' and 'target' unless said otherwise. */
  source?: string
  target?: string
  /** The column of weights; none unless said. */
  weight?: string
  /** The names of the nodes in their order; otherwise the order in which they are met. */
  nodes?: readonly unknown[]
}
/**
 * Edges from rows such as those of a CSV file: whatever the ends are called, nodes get the numbers from 0 up.
 * @throws ValueError for rows without an end or a weight; IndexError for an end that is not among the nodes given
 * @example edgesFromTable([{ source: 'ann', target: 'bob' }, { source: 'bob', target: 'eve' }]).edgeIndex // [[0, 1], [1, 2]]
 */
export function edgesFromTable(
  rows: readonly EdgeRow[],
  options: TableOptions = {},
): Edges & { nodes: unknown[] } {
  const op = 'edgesFromTable'
  const o = readOptions<TableOptions>(
    op,
    [options],
    {},
    {
      source: kinds.text,
      target: kinds.text,
      weight: kinds.text,
      nodes: kinds.any,
    },
  )
  const { source = 'source', target = 'target' } = o
  const nodes: unknown[] = [...(o.nodes ?? [])]
  const numbers = new Map(nodes.map((name, i) => [name, i]))
  const numberOf = (row: EdgeRow, column: string, i: number): number => {
    const name = row[column]
    if (name === undefined || name === null || name === '')
      throw new ValueError({
        op,
        rule: `every row must have a ${column}`,
        got: `row ${i} without one`,
      })
    let n = numbers.get(name)
    if (n === undefined) {
      if (o.nodes)
        throw new IndexError({
          op,
          rule: 'edges must name nodes that were given',
          got: `${name}, in row ${i}`,
        })
      n = nodes.length
      nodes.push(name)
      numbers.set(name, n)
    }
    return n
  }
  const ends = rows.map((row, i) => [numberOf(row, source, i), numberOf(row, target, i)] as const)
  const { weight } = o
  const weights = weight
    ? rows.map((row, i) => {
        const w = row[weight] === '' ? Number.NaN : Number(row[weight])
        if (Number.isNaN(w))
          throw new ValueError({
            op,
            rule: `every row must have a number as ${weight}`,
            got: `${row[weight]}, in row ${i}`,
          })
        return w
      })
    : undefined
  return {
    edgeIndex: edgeTensor(
      ends.map(([s]) => s),
      ends.map(([, t]) => t),
    ),
    edgeWeight: weights ? tensor(weights, { dtype: 'float32' }) : null,
    nodes,
  }
}

/** @throws DTypeError unless it is a list of nodes with a place in each axis, (N, D) floats */
export function readPositions(
  op: string,
  pos: Tensor,
): { at: Float64Array; nodes: number; width: number } {
  if (pos.rank !== 2)
    throw new ShapeError({ op, rule: 'positions must be [nodes, axes]', got: show(pos.shape) })
  if (pos.dtype === 'int64')
    throw new DTypeError({ op, rule: 'positions must be floats', got: pos.dtype })
  const at = Float64Array.from(pos.toTypedArray() as Float64Array)
  const bad = at.findIndex((v) => !Number.isFinite(v))
  if (bad >= 0)
    throw new ValueError({
      op,
      rule: 'positions must be finite numbers',
      got: `${at[bad]} for node ${Math.floor(bad / pos.shape[1]!)}`,
    })
  return {
    at,
    nodes: pos.shape[0]!,
    width: pos.shape[1]!,
  }
}
