/**
 * Why graph networks are not deep (Li, Han and Wu, 2018): each graph convolution averages over neighbours, and after many of them all nodes
 * are alike. Networks of 2 to 32 layers tell the class of 4,000 nouns of WordNet; beside them the same with a tenth of the first
 * layer's features added in every layer (initial residual: Chen et al., 2020, https://arxiv.org/abs/2007.02133).
 */
import { compile, crossEntropy, noGrad, rand, relu, type Tensor, tensor, tidy } from 'nabla'
import { GCNConv, gcnNorm, SparseMatrix, TextFeatures, wordNet } from 'nabla/graph'
import { Linear, Module, ModuleList } from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

const HIDDEN = 32
const NODES = 4000

class Deep extends Module {
  enter: Linear
  convs: ModuleList<GCNConv>
  leave: Linear
  private readonly kept: number
  constructor(inputs: number, classes: number, depth: number, kept: number) {
    super()
    this.kept = kept
    this.enter = new Linear(inputs, HIDDEN)
    this.convs = new ModuleList(
      Array.from({ length: depth }, () => new GCNConv(HIDDEN, HIDDEN, { normalize: false })),
    )
    this.leave = new Linear(HIDDEN, classes)
  }
  hidden(x: Tensor, adj: SparseMatrix): Tensor {
    const first = relu(this.enter.forward(x))
    return [...this.convs].reduce((h, conv) => {
      const y = relu(conv.forward(h, adj))
      return this.kept > 0 ? y.mul(1 - this.kept).add(first.mul(this.kept)) : y
    }, first)
  }
  override forward(x: Tensor, adj: SparseMatrix): Tensor {
    return this.leave.forward(this.hidden(x, adj))
  }
}

/** The mean of 1 − cosine over pairs of nodes, each and the next. */
function distance(h: Tensor): number {
  const unit = h.div(h.square().sum(1, { keepdim: true }).sqrt().add(1e-9))
  const n = h.shape[0]! - 1
  const cosine = unit
    .narrow(0, 0, n)
    .mul(unit.narrow(0, 1, n))
    .sum(1)
  return 1 - cosine.mean().item()
}

export default {
  name: 'oversmoothing',
  about: 'graph networks of 2 to 32 layers: with many layers all nodes become alike',
  data: 'the folder with data.noun and the other files of WordNet',
  defaults: { epochs: 60, lr: 0.01 },
  quick: { limit: 500, epochs: 5 },
  // Accuracy that 32 layers lose against 2, how far apart nodes are then (a share), and what initial residuals save.
  expect: { lost: { atLeast: 0.1 }, apart: { atMost: 0.5 }, saved: { atLeast: 0.1 } },
  async run(s) {
    const { epochs, lr, limit, data } = s.options
    const { synsets, edgeIndex } = wordNet(data === undefined ? {} : { folder: data })
    // The part of the graph around "entity", in breadth.
    const count = Math.min(NODES, limit ?? NODES)
    const whole = SparseMatrix.fromEdges(edgeIndex, null, { numNodes: synsets.length })
    const [pointer, column] = whole.pattern.map((t) => t.toTypedArray()) as Int32Array[]
    const place = new Map([[0, 0]])
    for (const v of place.keys())
      for (let k = pointer![v]!; k < pointer![v + 1]! && place.size < count; k++) {
        const w = column![k]!
        if (!place.has(w) && synsets[w]!.pos === 'noun') place.set(w, place.size)
      }
    const own = [...place.keys()]
    const [from, to] = [[], []] as number[][] as [number[], number[]]
    for (const v of own)
      for (let k = pointer![v]!; k < pointer![v + 1]!; k++) {
        const w = place.get(column![k]!)
        if (w === undefined) continue
        from.push(w)
        to.push(place.get(v)!)
      }
    const edges = tensor(Int32Array.from([...from, ...to]), { dtype: 'int32' }).reshape([2, -1])
    const adj = gcnNorm(SparseMatrix.fromEdges(edges, null, { numNodes: count }))
    const features = new TextFeatures(
      own.map((v) => synsets[v]!.gloss),
      { words: 1500, size: 64 },
    )
    const x = features.of(own.map((v) => synsets[v]!.gloss))
    const files = own.map((v) => synsets[v]!.file)
    const classes = Math.max(...files) + 1
    const y = tensor(Int32Array.from(files), { dtype: 'int32' })
    const order = rand([count]).argsort()
    const train = order.narrow(0, 0, Math.floor(0.6 * count)).contiguous()
    const test = order
      .narrow(0, Math.floor(0.8 * count), count - Math.floor(0.8 * count))
      .contiguous()
    s.say(`${count} nouns, ${from.length} edges, ${new Set(files).size} classes`)

    const learn = (depth: number, kept: number) => {
      const model = new Deep(x.shape[1]!, classes, depth, kept)
      const optimizer = new Adam(model.parameters(), { lr })
      const step = compile(() => {
        const loss = crossEntropy(
          model.forward(x, adj).indexSelect(0, train),
          y.indexSelect(0, train),
        )
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        return loss
      })
      for (let epoch = 0; epoch < epochs; epoch++)
        s.demandFinite('the losses', [tidy(() => step().item())])
      const result = tidy(() =>
        noGrad(() => {
          const found = model.forward(x, adj).argmax(1).indexSelect(0, test)
          const right = found.eq(y.indexSelect(0, test)).to('float32').mean().item()
          return { accuracy: right, distance: distance(model.hidden(x, adj).indexSelect(0, order)) }
        }),
      )
      step.free()
      s.emit({ event: 'depth', depth, kept, ...result })
      s.say(
        `${`${depth} layers`.padEnd(10)} ${kept > 0 ? 'with the first kept' : 'plain'.padEnd(19)}  ${(100 * result.accuracy).toFixed(1)} % right, nodes ${result.distance.toFixed(3)} apart`,
      )
      return result
    }
    const depths = limit === undefined ? [2, 4, 8, 16, 32] : [2, 8]
    const plain = depths.map((depth) => learn(depth, 0))
    const kept = depths.map((depth) => learn(depth, 0.1))
    const [shallow, deep] = [plain[0]!, plain.at(-1)!]
    await s.picture(
      'depth.svg',
      lineChart(
        {
          'accuracy, plain': { x: depths, y: plain.map((r) => r.accuracy) },
          'accuracy, the first kept': { x: depths, y: kept.map((r) => r.accuracy) },
          'distance of nodes, plain': { x: depths, y: plain.map((r) => r.distance) },
          'distance of nodes, the first kept': { x: depths, y: kept.map((r) => r.distance) },
        },
        { title: 'what depth does', x: 'layers', logX: true, width: 760 },
      ),
    )
    return {
      lost: shallow.accuracy - deep.accuracy,
      apart: deep.distance / shallow.distance,
      saved: kept.at(-1)!.accuracy - deep.accuracy,
    }
  },
} satisfies Recipe
