/**
 * Who sides with whom (Kipf and Welling, 2017): of 34 members of a karate club only the two leaders are labelled; a graph
 * convolutional network finds the others' side by their friendships alone. Edges count 1 each, or weigh the number of contexts in
 * which two met; both are normalized by D^(−1/2) (A + I) D^(−1/2). The over-smoothing of deep ones is shown beside it.
 */
import { argmax, compile, crossEntropy, indexSelect, relu, type Tensor, tensor } from 'nabla'
import { GCNConv, gcnNorm, karateClub, SparseMatrix } from 'nabla/graph'
import { Linear, Module, ModuleList } from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { graphChart, lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

const HIDDEN = 16

/** `depth` graph convolutions with relu between them. */
class Club extends Module {
  convs: ModuleList<GCNConv>
  constructor(inputs: number, classes: number, depth: number) {
    super()
    const widths = [inputs, ...new Array<number>(depth - 1).fill(HIDDEN), classes]
    this.convs = new ModuleList(widths.slice(1).map((n, i) => new GCNConv(widths[i]!, n)))
  }
  override forward(x: Tensor, adj: SparseMatrix): Tensor {
    const last = this.convs.length - 1
    return [...this.convs].reduce((h, conv, i) => {
      const y = conv.forward(h, adj)
      return i < last ? relu(y) : y
    }, x)
  }
}
/** The same layers for each member alone. */
class Alone extends Module {
  first: Linear
  second: Linear
  constructor(inputs: number, classes: number) {
    super()
    this.first = new Linear(inputs, HIDDEN)
    this.second = new Linear(HIDDEN, classes)
  }
  override forward(x: Tensor): Tensor {
    return this.second.forward(relu(this.first.forward(x)))
  }
}

export default {
  name: 'karate',
  about: 'a graph network finds who sides with whom in a karate club, from two labels',
  defaults: { epochs: 200, lr: 0.01 },
  whole: true,
  quick: { epochs: 50 },
  expect: { accuracy: { atLeast: 0.9 }, gain: { atLeast: 0.2 } },
  async run(s) {
    const { epochs, lr } = s.options
    const { x, y, edgeIndex, edgeWeight, numNodes } = karateClub()
    const labelled = tensor([0, numNodes - 1], { dtype: 'int32' })
    const sides = y.toTypedArray()
    const train = (model: Module, forward: () => Tensor) => {
      const optimizer = new Adam(model.parameters(), { lr, weightDecay: 5e-4 })
      const step = compile(() => {
        const loss = crossEntropy(indexSelect(forward(), 0, labelled), indexSelect(y, 0, labelled))
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        return loss
      })
      for (let epoch = 0; epoch < epochs; epoch++) step()
      const found = argmax(forward(), 1).toTypedArray() as Int32Array
      const right = found.reduce((n, side, i) => n + Number(side === sides[i]), 0) - 2
      return { found, accuracy: right / (numNodes - 2) }
    }
    const club = (adj: SparseMatrix, depth: number) => {
      gcnNorm(adj)
      const model = new Club(numNodes, 2, depth)
      return { model, ...train(model, () => model.forward(x, adj)) }
    }
    const plain = SparseMatrix.fromEdges(edgeIndex)
    const { model, found, accuracy } = club(plain, 2)
    s.save(model)
    const { accuracy: weighted } = club(SparseMatrix.fromEdges(edgeIndex, edgeWeight), 2)
    const lone = new Alone(numNodes, 2)
    const { accuracy: alone } = train(lone, () => lone.forward(x))
    s.say(`of the 32 members without a label:`)
    s.say(`  graph network, edges count 1      ${(100 * accuracy).toFixed(1)} % right`)
    s.say(`  graph network, weighted edges     ${(100 * weighted).toFixed(1)} %`)
    s.say(`  the same layers without edges     ${(100 * alone).toFixed(1)} %`)
    const depths = [1, 2, 4, 8, 16]
    const byDepth = depths.map((depth) => club(plain, depth).accuracy)
    s.say(
      `by depth: ${depths.map((d, i) => `${d}: ${(100 * byDepth[i]!).toFixed(0)} %`).join(', ')}`,
    )
    const [from, to] = edgeIndex.toArray() as [number[], number[]]
    const edges = from.flatMap((a, i) => (a < to[i]! ? [[a, to[i]!] as const] : []))
    await s.picture(
      'club.svg',
      graphChart(numNodes, edges, {
        groups: found,
        names: [...found.keys()].map(String),
        marked: [0, numNodes - 1],
        title: 'sides that the network found; the two labelled members are larger',
      }),
    )
    await s.picture(
      'depth.svg',
      lineChart(
        { accuracy: { x: depths, y: byDepth } },
        { x: 'layers', y: 'accuracy', title: 'over-smoothing' },
      ),
    )
    return { accuracy, weighted, alone, gain: accuracy - alone }
  },
} satisfies Recipe
