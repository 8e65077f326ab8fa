/** Cases on graphs: random ones of given sizes, of which PyTorch and nabla need not have the same. */

/** Whole numbers below n, the same in every run. */
function places(count, n, seed) {
  const out = new Int32Array(count)
  let s = seed
  for (let i = 0; i < count; i++) {
    s = (Math.imul(s, 1664525) + 1013904223) | 0
    out[i] = Math.floor(((s >>> 0) / 2 ** 32) * n)
  }
  return out
}
function coordinates({ nabla }, count, rows, cols) {
  const data = new Int32Array(2 * count)
  data.set(places(count, rows, 12345))
  data.set(places(count, cols, 54321), count)
  return nabla.tensor(data).reshape([2, count])
}

/** A full-batch step of Adam of Kipf and Welling's network; the features are dense, or sparse too. */
function gcn(lib, { nodes, edges, features, hidden, classes, words, sparse }) {
  const { nabla, nn, optim, graph } = lib
  const adj = graph.gcnNorm(
    graph.SparseMatrix.fromEdges(coordinates(lib, edges, nodes, nodes), null, { numNodes: nodes }),
  )
  const found = coordinates(lib, nodes * words, nodes, features)
  const table = graph.SparseMatrix.fromCoo(found, nabla.ones([nodes * words]), {
    shape: [nodes, features],
  })
  const x = sparse ? table : table.toDense()
  const [first, second] = [
    new nn.Linear(features, hidden, false),
    new nn.Linear(hidden, classes, false),
  ]
  const parameters = [...first.parameters(), ...second.parameters()]
  const biases = [hidden, classes].map((n) => new nn.Parameter(nabla.zeros([n])))
  const optimizer = new optim.Adam([...parameters, ...biases], { lr: 1e-7 })
  const y = nabla.tensor(places(nodes, classes, 7))
  const step = nabla.compile(() => {
    const product = sparse ? x.matmul(first.weight.t()) : first.forward(x)
    const h = adj.matmul(product).add(biases[0]).relu()
    const loss = nabla.crossEntropy(adj.matmul(second.forward(h)).add(biases[1]), y)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  })
  return () => step()
}

/** A x and the gradient of x from a given one. */
function spmm(lib, { nodes, edges, features }) {
  const { nabla, graph } = lib
  const a = graph.SparseMatrix.fromCoo(coordinates(lib, edges, nodes, nodes), nabla.rand([edges]), {
    shape: [nodes, nodes],
  })
  const x = nabla.randn([nodes, features])
  x.requiresGrad = true
  const ct = nabla.randn([nodes, features])
  const run = nabla.compile((given) => {
    const y = a.matmul(x)
    return [y, ...nabla.gradients(y, [x], [given])]
  })
  return () => {
    for (const t of run(ct)) t.dispose()
  }
}

const cora = { nodes: 2708, edges: 10_556, features: 1433, hidden: 16, classes: 7, words: 18 }
const large = { nodes: 100_000, edges: 2_000_000, features: 128 }
export const graphCases = [
  ['gcn cora-size dense', { ...cora, sparse: false }, 'gcn', gcn, 1.8],
  ['gcn cora-size sparse features', { ...cora, sparse: true }, 'gcn', gcn, 4],
  ['spmm 100k x 2M x 128 csr', { ...large, form: 'csr' }, 'spmm', spmm, 4],
  ['spmm 100k x 2M x 128 transposed', { ...large, form: 'transposed' }, 'spmm', spmm, 2.2],
  ['spmm 100k x 2M x 128 coo', { ...large, form: 'coo' }, 'spmm', spmm, 2.2],
].map(([name, args, torch, nabla, native]) => ({ name, args, torch, nabla, goal: { native } }))
