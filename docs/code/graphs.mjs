import { writeFileSync } from 'node:fs'
import { argmax, compile, crossEntropy, manualSeed, ones, relu, tensor, zeros } from 'nabla'
import {
  GCNConv,
  Graph,
  GraphBatch,
  gcnNorm,
  globalMeanPool,
  karateClub,
  MessagePassing,
  NeighborLoader,
  SparseMatrix,
} from 'nabla/graph'
import { Adam } from 'nabla/optim'
import { graphChart } from 'nabla/plot'

manualSeed(0)

// #region edges
const edgeIndex = tensor(
  [
    [0, 1, 1, 2],
    [1, 0, 2, 1],
  ],
  { dtype: 'int32' },
)
const x = tensor([[1], [10], [100]])
const adjacency = SparseMatrix.fromEdges(edgeIndex)
console.log(adjacency.matmul(x).toArray()) //> [ [ 10 ], [ 101 ], [ 10 ] ]
// #endregion edges

// #region own
class MeanOfNeighbors extends MessagePassing {
  constructor() {
    super('mean')
  }
  forward(x, edges) {
    return this.propagate(edges, x)
  }
}
console.log(new MeanOfNeighbors().forward(x, edgeIndex).toArray()) //> [ [ 10 ], [ 50.5 ], [ 10 ] ]
// #endregion own

// #region karate
const club = karateClub()
const edges = SparseMatrix.fromEdges(club.edgeIndex)
gcnNorm(edges)
const [first, second] = [new GCNConv(34, 16), new GCNConv(16, 2)]
const forward = () => second.forward(relu(first.forward(club.x, edges)), edges)
const leaders = tensor([0, 33], { dtype: 'int32' })
const optimizer = new Adam([...first.parameters(), ...second.parameters()], { lr: 0.01 })
const step = compile(() => {
  const loss = crossEntropy(forward().indexSelect(0, leaders), club.y.indexSelect(0, leaders))
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
})
for (let i = 0; i < 200; i++) step()
const sides = argmax(forward(), 1).toArray()
const right = sides.filter((side, i) => side === club.y.toArray()[i]).length
console.log(right >= 30) //> true
// #endregion karate

// #region batch
const triangle = new Graph({
  x: ones([3, 2]),
  edgeIndex: tensor(
    [
      [0, 1, 2],
      [1, 2, 0],
    ],
    { dtype: 'int32' },
  ),
})
const alone = new Graph({ x: zeros([1, 2]), edgeIndex: zeros([2, 0], { dtype: 'int32' }) })
const batch = GraphBatch.fromList([triangle, alone])
console.log(globalMeanPool(batch.x, batch.batch).toArray()) //> [ [ 1, 1 ], [ 0, 0 ] ]
// #endregion batch

// #region sampling
const loader = new NeighborLoader(club, { numNeighbors: [5, 5], batchSize: 8, shuffle: true })
console.log(loader.length) //> 5
for (const part of loader) console.assert(part.x.shape[0] === part.nId.size)
// #endregion sampling

const [from, to] = club.edgeIndex.toArray()
writeFileSync(
  'pictures/graphs-club.svg',
  graphChart(
    34,
    from.map((a, i) => [a, to[i]]),
    { groups: sides, names: sides.map((_, i) => `${i}`), marked: [0, 33] },
  ),
)
