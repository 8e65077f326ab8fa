/**
 * To which of the 45 files of its lexicographers a meaning belongs ("noun.animal", "verb.motion"): of WordNet's 117,791 synsets,
 * by the words of the gloss and by those of the synsets that lead to it. GraphSAGE (Hamilton, Ying and Leskovec, 2017) with drawn
 * neighbours, against the same network without edges. Both learn from 60 % of the synsets; a fifth is for the test.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile, crossEntropy, noGrad, rand, relu, type Tensor, tensor, tidy, zeros } from 'nabla'
import {
  Graph,
  lexicographerFiles,
  NeighborLoader,
  type Pattern,
  SAGEConv,
  SparseMatrix,
  TextFeatures,
  wordNet,
} from 'nabla/graph'
import { Module } from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { lineChart } from 'nabla/plot'
import type { Answers, Recipe } from 'nabla/recipe'

const CLASSES = lexicographerFiles.length
const NEIGHBOURS = [8, 4]
const WORDS = 'words.json'

/** Two layers of messages along the edges that come in; the text features that it knows lie in it, for `nabla predict`. */
class Sage extends Module {
  first: SAGEConv
  second: SAGEConv
  declare idf: Tensor
  declare projection: Tensor
  constructor({ words, size, hidden }: Config) {
    super()
    this.first = new SAGEConv(size, hidden)
    this.second = new SAGEConv(hidden, CLASSES)
    this.registerBuffer('idf', zeros([words]))
    this.registerBuffer('projection', zeros([words, size]))
  }
  /** Blocks as a NeighborLoader gives them, or one matrix of the whole graph twice. */
  override forward(x: Tensor, [outer, inner]: readonly SparseMatrix[]): Tensor {
    const to = (h: Tensor, block: SparseMatrix) => h.narrow(0, 0, block.shape[0])
    const h = relu(this.first.forward([x, to(x, outer!)], outer!))
    return this.second.forward([h, to(h, inner!)], inner!)
  }
}
interface Config {
  words: number
  size: number
  hidden: number
}

const noEdges = () => tensor(new Int32Array(0), { dtype: 'int32' }).reshape([2, 0])

/** A word of WordNet: its meanings, each with what leads to it; another text: the meaning that it describes. */
const answers = {
  judges: true,
  model: (config: Config) => new Sage(config),
  *answer(model, { text, read }) {
    const net = wordNet()
    const wanted = text.trim().toLowerCase()
    const nodes = [...net.synsets.keys()].filter((i) =>
      net.synsets[i]!.words.some((w) => w.toLowerCase() === wanted),
    )
    const words = JSON.parse(read(WORDS)) as string[]
    const { idf, projection } = model
    const features = new TextFeatures({ words, idf, projection })
    if (nodes.length === 0) {
      // No word of WordNet: a meaning that nothing leads to.
      const none = SparseMatrix.fromEdges(noEdges(), null, { numNodes: 1 })
      const p = noGrad(() => model.forward(features.of([text]), [none, none])).softmax(1)
      const best = p.argmax(1).item()
      yield `${lexicographerFiles[best]} (${(100 * p.select(1, best).item()).toFixed(1)} %)`
      return
    }
    const graph = new Graph({ edgeIndex: net.edgeIndex, numNodes: net.synsets.length })
    const options = { numNeighbors: [-1, -1], batchSize: nodes.length, inputNodes: nodes }
    const [part] = [...new NeighborLoader(graph, options)]
    const own = part!.nId.toTypedArray() as Int32Array
    const x = features.of(Array.from(own, (v) => net.synsets[v]!.gloss))
    const found = noGrad(() => model.forward(x, part!.blocks))
      .argmax(1)
      .toTypedArray()
    for (const [i, v] of nodes.entries()) {
      const { words: names, file, gloss } = net.synsets[v]!
      const right = found[i] === file ? '' : ` (WordNet: ${lexicographerFiles[file]})`
      yield `${lexicographerFiles[found[i] as number]}${right}: ${names.join(', ')}: ${gloss}\n`
    }
  },
} satisfies Answers<Sage, Config>

export default {
  name: 'wordnet',
  about:
    'a graph network with drawn neighbours sorts the 117,791 meanings of WordNet into 45 classes',
  data: 'the folder with data.noun and the other files of WordNet',
  defaults: { epochs: 6, batchSize: 1024, lr: 0.005 },
  quick: { limit: 8192, epochs: 1 },
  // On the test synsets, and what the edges add.
  expect: { accuracy: { atLeast: 0.77 }, gain: { atLeast: 0.15 } },
  answers,
  async run(s) {
    const { epochs, batchSize, lr, seed, limit, data } = s.options
    const { synsets, edgeIndex } = wordNet(data === undefined ? {} : { folder: data })
    const n = synsets.length
    const short = limit !== undefined
    const features = new TextFeatures(
      synsets.map((v) => v.gloss),
      { words: short ? 1000 : 6000, size: short ? 32 : 128 },
    )
    const x = features.of(synsets.map((v) => v.gloss))
    const files = Int32Array.from(synsets, (v) => v.file)
    const y = tensor(files, { dtype: 'int32' })
    s.say(
      `${n} synsets with ${edgeIndex.shape[1]} edges, ${features.words.length} words of glosses as ${x.shape[1]} features`,
    )
    const order = rand([n]).argsort().toTypedArray() as Int32Array
    const train = order.slice(0, Math.min(Math.floor(0.6 * n), limit ?? n))
    const test = order.slice(Math.floor(0.8 * n))

    const config = { words: features.words.length, size: x.shape[1]!, hidden: short ? 32 : 128 }
    const learn = (title: string, graph: Graph, whole: SparseMatrix) => {
      const model = new Sage(config)
      const optimizer = new Adam(model.parameters(), { lr })
      const step = compile((part: Tensor, wanted: Tensor, outer: Pattern, inner: Pattern) => {
        const blocks = [new SparseMatrix(outer), new SparseMatrix(inner)]
        const rows = wanted.shape[0]!
        const loss = crossEntropy(model.forward(part, blocks).narrow(0, 0, rows), wanted)
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        return loss
      })
      const loader = new NeighborLoader(graph, {
        ...{
          numNeighbors: NEIGHBOURS,
          batchSize,
          inputNodes: train,
          shuffle: true,
          seed,
          pad: true,
        },
      })
      const speeds: number[] = []
      for (let epoch = 0; epoch < epochs; epoch++) {
        let [count, seconds, total, steps] = [0, 0, 0, 0]
        let before = performance.now()
        for (const part of loader) {
          total += tidy(() => {
            const [outer, inner] = part.blocks as [SparseMatrix, SparseMatrix]
            const wanted = part.y!.narrow(0, 0, part.batchSize).contiguous()
            return step(part.x!, wanted, outer.pattern, inner.pattern).item()
          })
          for (const t of [part.x, part.y, part.edgeIndex, part.nId, part.eId]) t!.dispose()
          for (const block of part.blocks) for (const t of block.pattern) t.dispose()
          const now = performance.now()
          // The first steps compile.
          if (steps++ > 2 || epoch > 0) {
            count += part.batchSize
            seconds += (now - before) / 1000
          }
          before = now
        }
        s.demandFinite('the losses', [total])
        if (count > 0) speeds.push(count / seconds)
        s.emit({ event: 'epoch', run: title, epoch, loss: total / steps })
        s.say(
          `${title}: epoch ${epoch + 1}, loss ${(total / steps).toFixed(3)}, ${Math.round(count / seconds)} synsets/s`,
        )
      }
      const found = tidy(() =>
        noGrad(() => model.forward(x, [whole, whole]))
          .argmax(1)
          .toTypedArray()
          .slice(),
      )
      const right = (list: Int32Array) =>
        list.reduce((k, v) => k + Number(found[v] === files[v]), 0) / list.length
      return { model, found, accuracy: right(test), speed: Math.max(0, ...speeds), right }
    }
    const none = noEdges()
    const linked = new Graph({ x, y, edgeIndex })
    const graph = learn(
      'graph network',
      linked,
      SparseMatrix.fromEdges(edgeIndex, null, { numNodes: n }),
    )
    const alone = learn(
      'without edges',
      new Graph({ x, y, edgeIndex: none }),
      SparseMatrix.fromEdges(none, null, { numNodes: n }),
    )
    const nouns = test.filter((v) => synsets[v]!.pos === 'noun')
    s.say(
      `of ${test.length} test synsets: ${(100 * graph.accuracy).toFixed(1)} % right, without edges ${(100 * alone.accuracy).toFixed(1)} %; of the nouns ${(100 * graph.right(nouns)).toFixed(1)} and ${(100 * alone.right(nouns)).toFixed(1)} %`,
    )
    // How many of each class are found.
    const shares = (found: ArrayLike<number>) => {
      const [all, hits] = [new Float64Array(CLASSES), new Float64Array(CLASSES)]
      for (const v of test) {
        all[files[v]!]!++
        if (found[v] === files[v]) hits[files[v]!]!++
      }
      return Array.from(hits, (h, c) => h / Math.max(1, all[c]!))
    }
    await s.picture(
      'classes.svg',
      lineChart(
        { 'graph network': shares(graph.found), 'without edges': shares(alone.found) },
        { title: 'found of each class', x: 'number of the class', y: 'share', width: 900 },
      ),
    )
    graph.model.loadStateDict({
      ...graph.model.stateDict(),
      idf: features.idf,
      projection: features.projection,
    })
    writeFileSync(join(s.folder, WORDS), JSON.stringify(features.words))
    s.save(graph.model, { config })
    return {
      accuracy: graph.accuracy,
      withoutEdges: alone.accuracy,
      gain: graph.accuracy - alone.accuracy,
      nodesPerSecond: graph.speed,
    }
  },
} satisfies Recipe
