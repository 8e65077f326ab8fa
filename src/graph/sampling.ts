/** Training on graphs that are too large for one step: nodes in batches, with some of their neighbours. */
import { ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { requireSeed, shuffled } from '../data/samplers.js'
import { asIndices } from '../ops/indices.js'
import { indexSelect } from '../ops/indexing.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { Generator } from '../tensor/random.js'
import type { Graph } from './data.js'
import { byGroup, edgeTensor } from './edges.js'
import { SparseMatrix } from './sparse.js'

export interface NeighborLoaderOptions {
  /** How many neighbours are drawn of each node, hop by hop from the batch outward; −1: all. */
  numNeighbors: readonly number[]
  /** How many nodes a step is for. */
  batchSize?: number
  /** The nodes that steps are for, numbers or a bool of each; all unless said. */
  inputNodes?: Tensor | ArrayLike<number> | null
  shuffle?: boolean
  /** May a neighbour be drawn again? */
  replace?: boolean
  /** Decides the order and the neighbours, with the number of the epoch. */
  seed?: number
  /**
   * Fills parts up, so that a compiled step sees few sizes: with rows of node 0 behind the nodes of each hop, and edges of such a row to
   * itself. No other edge leads there, and of the result only the first `batchSize` rows count as ever.
   */
  pad?: boolean
}
/** A part of a graph, for the nodes of a step, which come first. */
export interface NeighborBatch {
  /** The rows of the graph's x and y; x of all nodes. */
  x?: Tensor
  y?: Tensor
  /** Edges among the nodes of the part, by their numbers in it, (2, E). */
  edgeIndex: Tensor
  edgeWeight?: Tensor
  edgeAttr?: Tensor
  edgeType?: Tensor
  /** The number in the graph of each node, (N), and of each edge, (E). */
  nId: Tensor
  eId: Tensor
  /** How many nodes the step is for: the first ones. */
  batchSize: number
  /** How many nodes each hop brought, the batch first, with those that fill up. */
  numSampledNodes: number[]
  /**
   * The edges that each layer needs, the outermost first: rows are the nodes to which the later layers look, columns those and their
   * neighbours, so `conv.forward([x, x.narrow(0, 0, block.shape[0])], block)`. Weights are those of the graph.
   */
  blocks: SparseMatrix[]
}

/** Whole numbers below n, from bits that are drawn in blocks. */
class Draws {
  private readonly generator: Generator
  private bits: ArrayLike<number> = []
  private next = 0
  constructor(seed: number) {
    this.generator = new Generator(seed)
  }
  below(n: number): number {
    if (this.next === this.bits.length) {
      const t = this.generator.bits([4096])
      this.bits = t.toTypedArray().slice() as Int32Array
      t.dispose()
      this.next = 0
    }
    return Math.floor((((this.bits[this.next++] as number) >>> 0) / 2 ** 32) * n)
  }
}

/**
 * Steps over the nodes of a graph, each with neighbours drawn hop by hop along the edges that come in (Hamilton, Ying and Leskovec,
 * 2017; PyTorch Geometric: loader.NeighborLoader). A network of as many layers as hops computes the first `batchSize` rows as it would
 * in the whole graph, but for the neighbours that were not drawn. Iterate it once for each epoch.
 *
 * Edges are drawn once for each node, and every node is in a part once.
 * @throws ValueError for nodes that the graph has not
 * @example [...new NeighborLoader(new Graph({ x: ones([3, 1]), edgeIndex: tensor([[0, 1], [1, 2]], { dtype: 'int32' }) }), { numNeighbors: [1] })].map((b) => b.nId.toArray()) // [[0, 1, 2]]
 */
export class NeighborLoader implements Iterable<NeighborBatch> {
  private readonly graph: Graph
  private readonly options: Required<Omit<NeighborLoaderOptions, 'inputNodes'>>
  private readonly nodes: Int32Array
  /** The edges that come to node i: number edges[pointer[i]] to edges[pointer[i + 1] - 1]. */
  private readonly pointer: Int32Array
  private readonly edges: Int32Array
  private readonly source: Int32Array
  private readonly target: Int32Array
  /** The number of each node in the part that is being made, or −1. */
  private readonly place: Int32Array
  /** The sizes used so far: of the nodes of the batch, then of the edges and of the nodes of each hop. */
  private readonly sizes: number[][]
  private epoch = 0

  constructor(graph: Graph, options: NeighborLoaderOptions) {
    const op = 'NeighborLoader'
    const o = readOptions<NeighborLoaderOptions>(
      op,
      [options],
      {},
      {
        numNeighbors: {
          rule: 'a list of whole numbers from 1 up, or -1 for all',
          holds: (v) => Array.isArray(v) && v.every((n) => n === -1 || kinds.count.holds(n)),
        },
        batchSize: kinds.count,
        inputNodes: kinds.any,
        shuffle: kinds.flag,
        replace: kinds.flag,
        seed: kinds.size,
        pad: kinds.flag,
      },
    )
    if (!o.numNeighbors)
      throw new ValueError({
        op,
        rule: 'numNeighbors must be given',
        got: 'none',
        fix: '{ numNeighbors: [10, 10] }',
      })
    this.graph = graph
    this.options = {
      numNeighbors: o.numNeighbors,
      batchSize: o.batchSize ?? 1024,
      shuffle: o.shuffle ?? false,
      replace: o.replace ?? false,
      seed: requireSeed(op, o.seed ?? 0),
      pad: o.pad ?? false,
    }
    const n = graph.numNodes
    this.nodes = nodesOf(op, o.inputNodes ?? null, n)
    const data = graph.edgeIndex.toTypedArray() as Int32Array
    this.source = data.slice(0, graph.numEdges)
    this.target = data.slice(graph.numEdges)
    ;({ pointer: this.pointer, order: this.edges } = byGroup(this.target, n))
    this.place = new Int32Array(n).fill(-1)
    this.sizes = Array.from({ length: 1 + 2 * o.numNeighbors.length }, () => [])
  }
  /** Steps in an epoch. */
  get length(): number {
    return Math.ceil(this.nodes.length / this.options.batchSize)
  }

  *[Symbol.iterator](): Iterator<NeighborBatch> {
    const { shuffle, seed, batchSize } = this.options
    const epoch = this.epoch++
    const order = shuffle ? shuffled(this.nodes.length, seed, epoch) : undefined
    const draws = new Draws(seed + epoch * 2 ** 32)
    for (let from = 0; from < this.nodes.length; from += batchSize) {
      const size = Math.min(batchSize, this.nodes.length - from)
      const roots = Int32Array.from(
        { length: size },
        (_, i) => this.nodes[order ? order[from + i]! : from + i]!,
      )
      yield this.part(roots, draws)
    }
  }

  private part(roots: Int32Array, draws: Draws): NeighborBatch {
    const { numNeighbors, replace, pad } = this.options
    const { place, pointer, edges, source } = this
    const nodes = new Ints()
    const taken = new Ints()
    const chosen = new Int32Array(Math.max(0, ...numNeighbors))
    // The numbers of both ends of each edge, and where the edges to each node begin: they are in the order of their targets.
    const from = new Ints()
    const into = new Ints()
    const starts = new Ints()
    const add = (v: number): void => {
      if (place[v]! >= 0) return
      place[v] = nodes.length
      nodes.push(v)
    }
    // One more node at least fills up: the edges that fill up begin and end there.
    let filled = 0
    const room = (n: number) => (pad ? roomFor(n, this.sizes[filled++]!) : 0)
    const fill = (): void => {
      for (let n = room(nodes.length + 1) - nodes.length; n > 0; n--) nodes.push(0)
    }
    for (const v of roots) add(v)
    const levels = [0]
    const hops: number[] = []
    let real = nodes.length
    fill()
    levels.push(nodes.length)
    for (const most of numNeighbors) {
      const [begin, end] = levels.slice(-2) as [number, number]
      const known = taken.length
      for (let i = begin; i < end; i++) {
        starts.push(taken.length)
        if (i >= real) continue
        const first = pointer[nodes.data[i]!]!
        const count = pointer[nodes.data[i]! + 1]! - first
        if (count === 0) continue
        const all = most < 0 || (!replace && count <= most)
        const few = all ? count : most
        for (let k = 0; k < few; k++) {
          let at = k
          if (!all) {
            at = draws.below(replace ? count : count - most + k + 1)
            // Floyd's: `most` different ones of `count`; the list is short.
            if (!replace && k > 0 && chosen.lastIndexOf(at, k - 1) >= 0) at = count - most + k
            chosen[k] = at
          }
          taken.push(edges[first + at]!)
          into.push(i)
        }
      }
      for (let k = known; k < taken.length; k++) {
        const v = source[taken.data[k]!]!
        add(v)
        from.push(place[v]!)
      }
      for (let n = room(taken.length) - taken.length; n > 0; n--) {
        taken.push(0)
        from.push(end - 1)
        into.push(end - 1)
      }
      hops.push(taken.length)
      real = nodes.length
      fill()
      levels.push(nodes.length)
    }
    for (let i = 0; i < nodes.length; i++) place[nodes.data[i]!] = -1
    const { graph } = this
    const nId = tensor(nodes.all(), { dtype: 'int32' })
    const eId = tensor(taken.all(), { dtype: 'int32' })
    const batch: NeighborBatch = {
      edgeIndex: edgeTensor(from.all(), into.all()),
      nId,
      eId,
      batchSize: roots.length,
      numSampledNodes: levels.slice(1).map((n, i) => n - levels[i]!),
      blocks: [],
    }
    for (const name of ['x', 'y'] as const)
      if (graph[name]) batch[name] = indexSelect(graph[name]!, 0, nId)
    for (const name of ['edgeWeight', 'edgeAttr', 'edgeType'] as const)
      if (graph[name]) batch[name] = indexSelect(graph[name]!, 0, eId)
    const ints = (data: Int32Array) => tensor(data, { dtype: 'int32' })
    for (const [hop, count] of hops.entries()) {
      const [rows, cols] = [levels[hop + 1]!, levels[hop + 2]!]
      const rowStarts = new Int32Array(rows + 1).fill(count)
      rowStarts.set(starts.data.subarray(0, rows))
      const columns = from.data.slice(0, count)
      const byColumn = byGroup(columns, cols)
      const weight = batch.edgeWeight && narrow(batch.edgeWeight, 0, 0, count)
      batch.blocks.unshift(
        new SparseMatrix(
          [
            ints(rowStarts),
            ints(columns),
            ints(byColumn.pointer),
            ints(byColumn.order.map((e) => into.data[e]!)),
            ints(byColumn.order),
          ],
          weight ?? null,
        ),
      )
    }
    return batch
  }
}

/** A list of whole numbers that grows. */
class Ints {
  data = new Int32Array(1024)
  length = 0
  push(v: number): void {
    if (this.length === this.data.length) {
      const more = new Int32Array(2 * this.length)
      more.set(this.data)
      this.data = more
    }
    this.data[this.length++] = v
  }
  all(): Int32Array {
    return this.data.slice(0, this.length)
  }
}

/**
 * The size that n is filled up to: the largest of those used before that is at most an eighth (and 4) more, so that there are few
 * sizes; else 17 to 32 parts of 32 of a power of two, which is added to them.
 */
function roomFor(n: number, used: number[]): number {
  const known = Math.max(0, ...used.filter((size) => size >= n && size <= 1.125 * n + 4))
  if (known > 0) return known
  const step = Math.max(32, 2 ** Math.ceil(Math.log2(Math.max(1, n)))) / 32
  const size = Math.ceil(n / step) * step
  used.push(size)
  return size
}
function nodesOf(op: string, given: Tensor | ArrayLike<number> | null, count: number): Int32Array {
  if (given === null) return Int32Array.from({ length: count }, (_, i) => i)
  let list: Int32Array
  if ('dtype' in given && given.dtype === 'bool') {
    const mask = given.toTypedArray() as Uint8Array
    if (mask.length !== count)
      throw new ValueError({
        op,
        rule: `inputNodes must say true or false of ${count} nodes`,
        got: `${mask.length}`,
      })
    list = Int32Array.from([...mask.keys()].filter((i) => mask[i]))
  } else
    list =
      'dtype' in given
        ? (asIndices(op, given).toTypedArray() as Int32Array)
        : Int32Array.from(given)
  const wrong = list.find((v) => v < 0 || v >= count)
  if (wrong !== undefined)
    throw new ValueError({ op, rule: `inputNodes must be from 0 to ${count - 1}`, got: `${wrong}` })
  return list
}
