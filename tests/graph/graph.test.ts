/** nabla/graph: gradients by differences on awkward graphs, products against dense matrices, builders by hand, errors in words. */
import {
  availableBackends,
  backend,
  compile,
  concat,
  IndexError,
  manualSeed,
  maximum,
  minimum,
  ones,
  rand,
  randint,
  setBackend,
  ShapeError,
  type Tensor,
  tensor,
  ValueError,
  zeros,
} from 'nabla'
import {
  addRemainingSelfLoops,
  addSelfLoops,
  coalesce,
  edgesFromTable,
  fromGraphology,
  GATConv,
  GCNConv,
  GINConv,
  gaussianWeights,
  Graph,
  GraphBatch,
  degree,
  gcnNorm,
  globalMeanPool,
  HeteroConv,
  karateClub,
  knnGraph,
  MessagePassing,
  NeighborLoader,
  RGCNConv,
  removeSelfLoops,
  radiusGraph,
  SAGEConv,
  SparseMatrix,
  spmm,
  toGraphology,
  toUndirected,
} from 'nabla/graph'
import { Identity, type Module } from 'nabla/nn'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { golden, revive } from '../golden/fixture.js'

const edges = (list: readonly (readonly [number, number])[]) =>
  list.length === 0
    ? zeros([2, 0], { dtype: 'int32' })
    : tensor([list.map(([a]) => a), list.map(([, b]) => b)], { dtype: 'int32' })
const graphs: Record<string, readonly (readonly [number, number])[]> = {
  'loops, two at one node': [[0, 0], [1, 1], [0, 0], [1, 0]],
  'double edges': [[0, 1], [0, 1], [1, 2], [1, 2], [1, 0]],
  'isolated nodes': [[0, 1]],
  'no edges': [],
} // biome-ignore format: pairs
const sizes = { nodes: 4, inputs: 3, outputs: 2 }

const usual = backend().name
beforeEach(() => manualSeed(3))

describe.each(Object.entries(graphs))('a graph with %s', (_, list) => {
  const count = list.length
  const layers: Record<string, () => [Module, (x: Tensor, w: Tensor) => Tensor]> = {
    GCNConv: () => {
      const l = new GCNConv(3, 2)
      return [l, (x, w) => l.forward(x, edges(list), w)]
    },
    'SAGEConv mean': () => {
      const l = new SAGEConv(3, 2)
      return [l, (x, w) => l.forward(x, edges(list), w)]
    },
    'SAGEConv max': () => {
      const l = new SAGEConv(3, 2, { aggr: 'max' })
      return [l, (x) => l.forward(x, edges(list))]
    },
    GATConv: () => {
      const l = new GATConv(3, 2, { heads: 2, edgeDim: 1 })
      return [l, (x, w) => l.forward(x, edges(list), w.reshape([count, 1]))]
    },
    GINConv: () => {
      const l = new GINConv(new Identity())
      return [l, (x) => l.forward(x, edges(list))]
    },
    RGCNConv: () => {
      const l = new RGCNConv(3, 2, 2)
      const types = tensor(
        list.map((_, i) => i % 2),
        { dtype: 'int32' },
      )
      return [l, (x) => l.forward(x, edges(list), types)]
    },
    'GCNConv by a matrix': () => {
      const l = new GCNConv(3, 2, { normalize: false })
      const matrix = SparseMatrix.fromEdges(edges(list), null, { numNodes: 4 })
      const order = SparseMatrix.fromEdges(
        edges(list),
        tensor(
          list.map((_, i) => i),
          { dtype: 'int32' },
        ),
        { numNodes: 4 },
      ).values!
      return [l, (x, w) => l.forward(x, matrix.withValues(w.indexSelect(0, order)))]
    },
  }
  test.each(Object.keys(layers))('%s has the gradients of its formula', (name) => {
    setBackend('reference')
    const [layer, forward] = layers[name]!()
    layer.parameters().forEach((p) => {
      p.requiresGrad = false
    })
    const x = rand([sizes.nodes, sizes.inputs])
    const w = rand([count]).add(0.5)
    const y = forward(x, w)
    expect(y.shape[0]).toBe(sizes.nodes)
    // Differences in float32, with the first input alone where edges have nothing.
    const eps = 1e-2
    const ct = rand(y.shape)
    for (const [t, other] of count > 0
      ? ([
          [x, w],
          [w, x],
        ] as const)
      : ([[x, w]] as const)) {
      const f = (v: Tensor) => (t === x ? forward(v, other) : forward(other, v)).mul(ct).sum()
      const leaf = t.clone()
      leaf.requiresGrad = true
      const loss = f(leaf)
      if (loss.requiresGrad) loss.backward()
      const got = leaf.grad?.toTypedArray() ?? new Float32Array(t.size)
      const data = t.toTypedArray()
      for (let i = 0; i < t.size; i++) {
        const at = (d: number) => {
          const moved = Float32Array.from(data as Float32Array)
          moved[i]! += d
          return f(tensor(moved).reshape(t.shape)).item()
        }
        const want = (at(eps) - at(-eps)) / (2 * eps)
        expect(
          Math.abs(got[i]! - want),
          `element ${i}: ${got[i]}, by differences ${want}`,
        ).toBeLessThan(0.02)
      }
    }
    setBackend(usual)
  })
})

/** Rows and columns of random elements, some twice, in no order. */
function randomMatrix(rows: number, cols: number, count: number) {
  const place = (n: number) => randint(0, Math.max(1, n), [count], { dtype: 'int32' })
  const [r, c] = [place(rows), place(cols)]
  const index = tensor([r.toArray() as number[], c.toArray() as number[]], { dtype: 'int32' })
  return SparseMatrix.fromCoo(index, rand([count]).sub(0.5), { shape: [rows, cols] })
}

describe.each(availableBackends())('products on %s', (name) => {
  beforeEach(() => setBackend(name))
  afterAll(() => setBackend(usual))
  test.each([
    [1, 1, 1, 1],
    [5, 7, 20, 3],
    [40, 30, 300, 16],
    [30, 40, 500, 37],
    [3, 200, 600, 131],
    [300, 2, 900, 64],
    [4, 4, 0, 5],
  ])('%d x %d with %d elements, %d features', (rows, cols, count, features) => {
    const a = randomMatrix(rows, cols, count)
    const dense = a.toDense()
    const x = rand([cols, features])
    const y = rand([rows, features])
    expectNear(a.matmul(x), dense.matmul(x))
    expectNear(a.transposedMatmul(y), dense.transpose(0, 1).matmul(y))
    expectNear(a.t().matmul(y), dense.transpose(0, 1).matmul(y))
    const values = a.values!.clone()
    values.requiresGrad = true
    x.requiresGrad = true
    a.withValues(values).matmul(x).mul(y).sum().backward()
    expectNear(x.grad!, dense.transpose(0, 1).matmul(y))
    const [r, c] = a.coo().toArray() as [number[], number[]]
    const all = y.matmul(x.detach().transpose(0, 1)).toArray() as number[][]
    expectNear(
      values.grad!,
      tensor(
        r.map((i, k) => all[i]![c[k]!]!),
        { dtype: 'float32' },
      ),
    )
    const wide = a.withValues(a.values!.to('float64')).matmul(x.detach().to('float64'))
    expectNear(wide.to('float32'), dense.matmul(x.detach()))
  })
  test('a pattern that is none is refused', () => {
    const of = (...lists: number[][]) => lists.map((l) => tensor(l, { dtype: 'int32' }))
    const x = rand([2, 3])
    const good = [
      [0, 1, 2, 2],
      [1, 0],
      [0, 1, 2],
      [1, 0],
      [1, 0],
    ]
    expect(spmm(of(...good), null, x).shape).toEqual([3, 3])
    expect(() => spmm(of(...good.with(1, [1, 2])), null, x).toArray()).toThrow(IndexError)
    expect(() => spmm(of(...good.with(0, [0, 2, 1, 2])), null, x).toArray()).toThrow(IndexError)
    const back = (...lists: number[][]) =>
      spmm(of(...lists), rand([2]), rand([3, 3]), true).toArray()
    expect((back(...good) as number[][]).length).toBe(2)
    expect(() => back(...good.with(3, [3, 0]))).toThrow(IndexError)
    expect(() => back(...good.with(4, [2, 0]))).toThrow(IndexError)
    expect(() => spmm(of(...good), null, rand([3, 3]))).toThrow(ShapeError)
  })
})

function expectNear(got: Tensor, want: Tensor): void {
  expect(got.shape).toEqual(want.shape)
  const [a, b] = [got.toTypedArray(), want.toTypedArray()]
  for (let i = 0; i < b.length; i++)
    if (!(Math.abs(a[i]! - b[i]!) <= 1e-4 * Math.max(1, Math.abs(b[i]!))))
      expect.fail(`element ${i}: ${a[i]}, expected ${b[i]}`)
}

describe('edges', () => {
  test('from tables', () => {
    const rows = [
      { source: 'a', target: 'b', km: 3 },
      { source: 'c', target: 'a', km: '4' },
    ]
    const { edgeIndex, edgeWeight, nodes } = edgesFromTable(rows, { weight: 'km' })
    expect(edgeIndex.toArray()).toEqual([
      [0, 2],
      [1, 0],
    ])
    expect(edgeWeight!.toArray()).toEqual([3, 4])
    expect(nodes).toEqual(['a', 'b', 'c'])
    expect(() => edgesFromTable(rows, { nodes: ['a', 'b'] })).toThrow(/given; got c, in row 1/)
    expect(() => edgesFromTable([{ source: 'a' }])).toThrow(ValueError)
    expect(() =>
      edgesFromTable([{ source: 'a', target: 'b', km: 'far' }], { weight: 'km' }),
    ).toThrow(/far, in row 0/)
  })
  test('self-loops: one that exists keeps its weight', () => {
    const given = edges([
      [0, 0],
      [0, 1],
      [1, 2],
    ])
    const weight = tensor([5, 2, 3])
    const { edgeIndex, edgeWeight } = addRemainingSelfLoops(given, weight)
    expect(edgeIndex.toArray()).toEqual([
      [0, 1, 0, 1, 2],
      [1, 2, 0, 1, 2],
    ])
    expect(edgeWeight!.toArray()).toEqual([2, 3, 5, 1, 1])
    expect(addSelfLoops(given, weight).edgeWeight!.toArray()).toEqual([5, 2, 3, 1, 1, 1])
  })
  test('each once, in both directions', () => {
    const { edgeIndex, edgeWeight } = toUndirected(
      edges([
        [0, 1],
        [1, 0],
        [1, 2],
      ]),
      tensor([1, 2, 4]),
    )
    expect(edgeIndex.toArray()).toEqual([
      [0, 1, 1, 2],
      [1, 0, 2, 1],
    ])
    expect(edgeWeight!.toArray()).toEqual([3, 3, 4, 4])
    expect(coalesce(edges([])).edgeIndex.shape).toEqual([2, 0])
  })
  test('between points that are near', () => {
    const pos = tensor([
      [0, 0],
      [1, 0],
      [5, 0],
      [6, 0],
    ])
    expect(knnGraph(pos, 1).toArray()).toEqual([
      [1, 0, 3, 2],
      [0, 1, 2, 3],
    ])
    expect(knnGraph(pos, 1, { flow: 'targetToSource' }).toArray()).toEqual([
      [0, 1, 2, 3],
      [1, 0, 3, 2],
    ])
    const batch = tensor([0, 1, 0, 1], { dtype: 'int32' })
    expect(knnGraph(pos, 1, { batch }).toArray()).toEqual([
      [2, 3, 0, 1],
      [0, 1, 2, 3],
    ])
    expect(radiusGraph(pos, 1, { loop: true, maxNumNeighbors: 1 }).toArray()).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ])
    expect(radiusGraph(pos, 0.5).shape).toEqual([2, 0])
    const w = gaussianWeights(
      pos,
      edges([
        [0, 1],
        [0, 2],
      ]),
      2,
    ).toArray() as number[]
    expect(w[0]).toBeCloseTo(Math.exp(-1 / 8), 6)
    expect(w[1]).toBeCloseTo(Math.exp(-25 / 8), 6)
  })
})

test('an edge that names no node is an IndexError, in layers, eagerly and compiled, and in graphs', () => {
  const x = rand([3, 3])
  const wrong = edges([[0, 3]])
  for (const layer of [
    new GCNConv(3, 2),
    new SAGEConv(3, 2),
    new GATConv(3, 2),
    new GINConv(new Identity()),
  ]) {
    const run = () =>
      (layer as Module & { forward(x: Tensor, e: Tensor): Tensor }).forward(x, wrong)
    // By the name of what was called, with and without compile.
    const says = /\[(GCNConv|gcnNorm|SAGEConv|GATConv|GINConv)\] a node that an edge names.*got 3/
    expect(() => run().toArray()).toThrow(says)
    expect(() => compile(run)().toArray()).toThrow(IndexError)
    expect(() => compile(run)().toArray()).toThrow(says)
  }
  expect(() =>
    new RGCNConv(3, 2, 2).forward(x, edges([[0, 1]]), tensor([2], { dtype: 'int32' })).toArray(),
  ).toThrow(/the type of an edge/)
  expect(() => degree(wrong, 3)).toThrow(/\[degree\] the index is one row/)
  expect(() => gcnNorm(wrong, null, { numNodes: 3 } as never)).toThrow(/\[gcnNorm\] numNodes/)
  expect(() => gcnNorm(edges([[0, 1]]), ones([2]), 3)).toThrow(
    /\[gcnNorm\] .*a weight for each of the 1/,
  )
  for (const near of [(p: Tensor) => knnGraph(p, 1), (p: Tensor) => radiusGraph(p, 1)])
    expect(() => near(tensor([[0], [Number.NaN]]))).toThrow(/finite numbers; got NaN for node 1/)
  expect(() => new Graph({ x, edgeIndex: wrong })).toThrow(IndexError)
  expect(() => new Graph({ x, edgeIndex: edges([[-1, 0]]) })).toThrow(IndexError)
  expect(() => SparseMatrix.fromEdges(wrong, null, { numNodes: 3 })).toThrow(IndexError)
  expect(() => new GCNConv(3, 2).forward(x, zeros([3, 2], { dtype: 'int32' }))).toThrow(
    /edgeIndex must be a tensor \[2, edges\]/,
  )
  expect(() => new GCNConv(3, 2).forward(x, undefined as unknown as Tensor)).toThrow(ShapeError)
  expect(() => new GCNConv(3, 2).forward(x, edges([[0, 1]]), rand([2]))).toThrow(Error)
})

test('a matrix is normalized once, and not inside of compile', () => {
  const matrix = SparseMatrix.fromEdges(
    edges([
      [0, 1],
      [1, 0],
    ]),
  )
  const layer = new GCNConv(3, 2)
  const run = compile((x: Tensor) => layer.forward(x, matrix))
  expect(() => run(rand([2, 3]))).toThrow(/outside of compile/)
  expect(gcnNorm(matrix)).toBe(gcnNorm(matrix))
  const x = rand([2, 3])
  expectNear(
    run(x),
    layer.forward(
      x,
      edges([
        [0, 1],
        [1, 0],
      ]),
    ),
  )
})

test('messages with features of edges, of a layer of one own', () => {
  class Own extends MessagePassing {
    constructor() {
      super('max', 'targetToSource')
    }
    protected override message({
      xI,
      xJ,
      edgeAttr,
    }: {
      xI: Tensor | null
      xJ: Tensor
      edgeAttr: Tensor | null
    }) {
      return xJ.sub(xI!).add(edgeAttr!)
    }
    override forward(x: Tensor, e: Tensor, edgeAttr: Tensor) {
      return this.propagate(e, x, { edgeAttr })
    }
  }
  const y = new Own().forward(
    tensor([[1], [5], [9]]),
    edges([
      [0, 1],
      [0, 2],
    ]),
    tensor([[10], [1]]),
  )
  expect(y.toArray()).toEqual([[14], [0], [0]])
})

test('batches of graphs of different sizes, and back', () => {
  const one = new Graph({
    x: tensor([[1], [3]]),
    edgeIndex: edges([[0, 1]]),
    y: tensor([7]),
    edgeWeight: tensor([0.5]),
  })
  const two = new Graph({
    x: tensor([[5]]),
    edgeIndex: edges([]),
    y: tensor([8]),
    edgeWeight: zeros([0]),
  })
  const batch = GraphBatch.fromList([two, one])
  expect(batch.batch.toArray()).toEqual([0, 1, 1])
  expect(batch.edgeIndex.toArray()).toEqual([[1], [2]])
  expect(globalMeanPool(batch.x!, batch.batch).toArray()).toEqual([[5], [2]])
  const back = batch.graph(1)
  expect([back.x!.toArray(), back.edgeIndex.toArray(), back.y!.toArray()]).toEqual([
    [[1], [3]],
    [[0], [1]],
    [7],
  ])
  expect(batch.graph(0).numEdges).toBe(0)
  const layer = new GCNConv(1, 2)
  const whole = layer.forward(batch.x!, batch.edgeIndex, batch.edgeWeight!)
  expectNear(whole.narrow(0, 1, 2), layer.forward(one.x!, one.edgeIndex, one.edgeWeight!))
  expect(() => GraphBatch.fromList([])).toThrow(ValueError)
})

test.each([false, true])(
  'all neighbours: a part gives the numbers of the whole graph, filled up: %s',
  (pad) => {
    const club = karateClub()
    const [a, b] = [new SAGEConv(34, 8), new SAGEConv(8, 2)]
    const forward = (x: Tensor, e: Tensor) => b.forward(a.forward(x, e).relu(), e)
    const whole = forward(club.x, club.edgeIndex)
    const loader = new NeighborLoader(club, {
      ...{ numNeighbors: [-1, -1], batchSize: 5, shuffle: true },
      pad,
    })
    const met: number[] = []
    for (const part of loader) {
      const own = part.nId.toArray() as number[]
      met.push(...own.slice(0, part.batchSize))
      if (!pad) expect(new Set(own).size).toBe(own.length)
      expect(part.numSampledNodes.reduce((n, m) => n + m)).toBe(own.length)
      const want = whole.indexSelect(0, part.nId.narrow(0, 0, part.batchSize))
      const y = forward(part.x!, part.edgeIndex)
      expectNear(y.narrow(0, 0, part.batchSize), want)
      // By what each layer needs alone.
      expect(part.blocks.map((m) => m.values!.size)).toEqual(part.blocks.map((m) => m.count))
      const [outer, inner] = part.blocks.map((m) => m.withValues(null)) as [
        SparseMatrix,
        SparseMatrix,
      ]
      const to = (h: Tensor, block: SparseMatrix) => h.narrow(0, 0, block.shape[0])
      const h = a.forward([part.x!, to(part.x!, outer)], outer).relu()
      const z = b.forward([h, to(h, inner)], inner)
      expectNear(z.narrow(0, 0, part.batchSize), want)
      expectNear(inner.t().t().toDense(), inner.toDense())
      if (!pad) continue
      // The last row of each hop fills up: its edges lead to itself alone.
      const last = new Set(part.blocks.map((block) => block.shape[0] - 1))
      const [from, to_] = part.edgeIndex.toArray() as [number[], number[]]
      for (const [e, v] of from.entries()) if (last.has(v)) expect(to_[e]).toBe(v)
    }
    expect(met.sort((p, q) => p - q)).toEqual(Array.from({ length: 34 }, (_, i) => i))
  },
)

test('few neighbours: at most so many, different ones, the same by seed', () => {
  const club = karateClub()
  const options = { numNeighbors: [3, 2], batchSize: 34, seed: 4 }
  const [few] = [...new NeighborLoader(club, options)]
  const targets = few!.edgeIndex.select(0, 1).toArray() as number[]
  for (let i = 0; i < 34; i++) expect(targets.filter((t) => t === i).length).toBeLessThanOrEqual(3)
  const ids = few!.eId.toArray() as number[]
  expect(new Set(ids).size).toBe(ids.length)
  expect([...new NeighborLoader(club, options)][0]!.eId.toArray()).toEqual(ids)
  expect([...new NeighborLoader(club, { ...options, seed: 5 })][0]!.eId.toArray()).not.toEqual(ids)
  expect(() => new NeighborLoader(club, { numNeighbors: [1], inputNodes: [34] })).toThrow(
    /from 0 to 33; got 34/,
  )
})

test('parts that are filled up come in few sizes, so that a compiled step has few programs', () => {
  const n = 20_000
  const graph = new Graph({ edgeIndex: randint(0, n, [2, 3 * n]), numNodes: n })
  const options = { numNeighbors: [8, 4], batchSize: 500, shuffle: true, pad: true }
  const sizes = new Set<string>()
  const loader = new NeighborLoader(graph, options)
  for (const part of loader) {
    sizes.add(`${part.numSampledNodes} ${part.blocks.map((b) => b.count)}`)
    // Sources that are there, no edge twice but those that fill up.
    const real = (part.eId.toArray() as number[]).filter((e) => e > 0)
    expect(new Set(real).size).toBe(real.length)
  }
  expect(loader.length).toBe(40)
  expect(sizes.size).toBeLessThanOrEqual(8)
})

test('kinds of nodes and edges', () => {
  const conv = new HeteroConv({
    author__writes__paper: new SAGEConv([2, 3], 4),
    paper__cites__paper: new GCNConv(3, 4),
  })
  const x = { author: rand([2, 2]), paper: rand([3, 3]) }
  const y = conv.forward(x, {
    author__writes__paper: edges([[1, 2]]),
    paper__cites__paper: edges([[0, 1]]),
  })
  expect(Object.keys(y)).toEqual(['paper'])
  const first = (conv.convs.get('author__writes__paper') as SAGEConv).forward(
    [x.author, x.paper],
    edges([[1, 2]]),
  )
  const second = (conv.convs.get('paper__cites__paper') as GCNConv).forward(
    x.paper,
    edges([[0, 1]]),
  )
  expectNear(y.paper!, first.add(second))
  const ways = {
    cat: concat([first, second], 1),
    mean: first.add(second).div(2),
    max: maximum(first, second),
    min: minimum(first, second),
  }
  for (const [aggr, want] of Object.entries(ways)) {
    const other = new HeteroConv(
      { author__writes__paper: new SAGEConv([2, 3], 4), paper__cites__paper: new GCNConv(3, 4) },
      { aggr: aggr as keyof typeof ways },
    )
    other.loadStateDict(conv.stateDict())
    const both = {
      author__writes__paper: edges([[1, 2]]),
      paper__cites__paper: edges([[0, 1]]),
    }
    expectNear(other.forward(x, both).paper!, want)
  }
  expect(() => new HeteroConv({ writes: new Identity() } as never)).toThrow(
    /source__relation__target/,
  )
  expect(() => conv.forward({ author: x.author }, { author__writes__paper: edges([]) })).toThrow(
    /nodes are author/,
  )
})

test('options in the place of weights are refused in words', () => {
  const loop = edges([[0, 1]])
  for (const f of [addSelfLoops, removeSelfLoops, toUndirected, coalesce])
    expect(() => f(loop, { numNodes: 3 } as never)).toThrow(/tensor or null.*numNodes/)
})

test("the karate club: networkx's friendships, weights and sides", () => {
  const [want] = golden('graphs')
  const { edges: list, sides } = revive(want) as { edges: Tensor; sides: Tensor }
  const both = (list.toArray() as number[][]).flatMap(([a, b, w]) => [
    [a, b, w],
    [b, a, w],
  ])
  const { edgeIndex, edgeWeight, numNodes, y } = karateClub()
  const [from, to] = edgeIndex.toArray() as [number[], number[]]
  const weights = edgeWeight.toArray() as number[]
  expect(numNodes).toBe(34)
  expect(new Set(from.map((a, e) => `${[a, to[e], weights[e]]}`))).toEqual(
    new Set(both.map(String)),
  )
  expect(from.length).toBe(both.length)
  expect(y.toArray()).toEqual(sides.toArray())
})

test("to and from graphology's graphs", () => {
  // What graphology's UndirectedGraph does of it.
  const nodes: string[] = []
  const list: [string, string, Record<string, unknown>][] = []
  const graph = {
    get order() {
      return nodes.length
    },
    addNode: (name: unknown) => nodes.push(`${name}`),
    addEdge: (a: unknown, b: unknown, w?: Record<string, unknown>) =>
      list.push([`${a}`, `${b}`, w ?? {}]),
    forEachNode: (f: (name: string, a: Record<string, unknown>) => void) => {
      for (const n of nodes) f(n, { age: 3 })
    },
    forEachEdge: (
      f: (
        n: string,
        w: Record<string, unknown>,
        a: string,
        b: string,
        c: object,
        d: object,
        u: boolean,
      ) => void,
    ) => {
      for (const [i, [a, b, w]] of list.entries()) f(`${i}`, w, a, b, {}, {}, true)
    },
  }
  const given = new Graph({
    edgeIndex: edges([
      [0, 1],
      [1, 0],
      [2, 2],
    ]),
    edgeWeight: tensor([2, 2, 5]),
  })
  toGraphology(given, graph, { nodes: ['x', 'y', 'z'], undirected: true })
  expect(list).toEqual([
    ['x', 'y', { weight: 2 }],
    ['z', 'z', { weight: 5 }],
  ])
  const back = fromGraphology(graph as never, { weight: 'weight', nodeAttributes: ['age'] })
  expect(back.nodes).toEqual(['x', 'y', 'z'])
  expect(back.graph.edgeIndex.toArray()).toEqual(given.edgeIndex.toArray())
  expect(back.graph.edgeWeight!.toArray()).toEqual([2, 2, 5])
  expect(back.graph.x!.toArray()).toEqual([[3], [3], [3]])
  expect(() => fromGraphology(graph as never, { weight: 'cost' })).toThrow(/a number as cost/)
})
