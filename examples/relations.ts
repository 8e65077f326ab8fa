/**
 * WordNet with its relations told apart: nouns, verbs, adjectives and adverbs are kinds of nodes, and each relation between two kinds ("noun
 * hypernym noun", "verb derivation noun") is a kind of edge with weights of its own (HeteroConv over GraphSAGE). It tells the 45 classes of the synsets
 * from their glosses, against the same network without edges and one that sees all relations as one. All synsets are in every step.
 */
import { compile, concat, crossEntropy, noGrad, rand, relu, type Tensor, tensor, tidy } from 'nabla'
import {
  HeteroConv,
  lexicographerFiles,
  type PartOfSpeech,
  partsOfSpeech,
  SAGEConv,
  SparseMatrix,
  TextFeatures,
  wordNet,
} from 'nabla/graph'
import { Linear, Module } from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { barChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

const CLASSES = lexicographerFiles.length
type ByPart = Record<PartOfSpeech, Tensor>
type Kinds = Record<string, SparseMatrix>

/** One step of messages: a layer for each kind of edge, and what each kind of node makes of itself. */
class Layer extends Module {
  messages: HeteroConv | null
  own: Record<PartOfSpeech, Linear>
  constructor(kinds: Kinds, from: number, to: number) {
    super()
    const convs = Object.keys(kinds).map(
      (kind) => [kind, new SAGEConv([from, from], to, { rootWeight: false, bias: false })] as const,
    )
    this.messages = convs.length > 0 ? new HeteroConv(Object.fromEntries(convs) as never) : null
    this.own = Object.fromEntries(partsOfSpeech.map((p) => [p, new Linear(from, to)])) as never
  }
  override forward(x: ByPart, kinds: Kinds): ByPart {
    const came = this.messages?.forward(x, kinds as never) as Partial<ByPart> | undefined
    const entries = partsOfSpeech.map((p) => {
      const y = this.own[p].forward(x[p])
      return [p, came?.[p] ? y.add(came[p]) : y]
    })
    return Object.fromEntries(entries) as ByPart
  }
}
class Network extends Module {
  first: Layer
  second: Layer
  constructor(kinds: Kinds, size: number, hidden: number) {
    super()
    this.first = new Layer(kinds, size, hidden)
    this.second = new Layer(kinds, hidden, CLASSES)
  }
  /** The classes of all synsets, in their order. */
  override forward(x: ByPart, kinds: Kinds): Tensor {
    const h = this.first.forward(x, kinds)
    const active = Object.fromEntries(partsOfSpeech.map((p) => [p, relu(h[p])])) as ByPart
    const y = this.second.forward(active, kinds)
    return concat(
      partsOfSpeech.map((p) => y[p]),
      0,
    )
  }
}

export default {
  name: 'relations',
  about: 'a heterogeneous graph network with weights for each relation of WordNet',
  data: 'the folder with data.noun and the other files of WordNet',
  defaults: { epochs: 40, lr: 0.02 },
  quick: { limit: 4000, epochs: 2 },
  // On the test synsets: against the network without edges, and the one with one kind of edge.
  expect: { accuracy: { atLeast: 0.7 }, gain: { atLeast: 0.1 }, gainOverOne: { atLeast: 0 } },
  async run(s) {
    const { epochs, lr, limit, data } = s.options
    const { synsets, edgeIndex, edgeType, relations } = wordNet(
      data === undefined ? {} : { folder: data },
    )
    const n = synsets.length
    const short = limit !== undefined
    const glosses = synsets.map((v) => v.gloss)
    const x = new TextFeatures(glosses, { words: short ? 500 : 5000, size: short ? 16 : 64 }).of(
      glosses,
    )
    // Where each part of speech begins: the synsets lie in their order.
    const begin = partsOfSpeech.map((p) => synsets.findIndex((v) => v.pos === p))
    const sizes = begin.map((b, i) => (begin[i + 1] ?? n) - b)
    const parts = Object.fromEntries(
      partsOfSpeech.map((p, i) => [p, x.narrow(0, begin[i]!, sizes[i]!).contiguous()]),
    ) as ByPart
    const ends = edgeIndex.toTypedArray() as Int32Array
    const numberOf = new Map(partsOfSpeech.map((p, i) => [p, i]))
    const kindsBy = (name: (e: number) => string): Kinds => {
      const lists = new Map<
        string,
        { rows: number[]; columns: number[]; shape: [number, number] }
      >()
      for (let e = 0; e < edgeType.length; e++) {
        const [u, v] = [ends[e]!, ends[edgeType.length + e]!]
        const [a, b] = [synsets[u]!.pos, synsets[v]!.pos]
        const [i, j] = [numberOf.get(a)!, numberOf.get(b)!]
        const kind = `${a}__${name(e)}__${b}`
        let list = lists.get(kind)
        if (!list) {
          list = { rows: [], columns: [], shape: [sizes[j]!, sizes[i]!] }
          lists.set(kind, list)
        }
        list.rows.push(v - begin[j]!)
        list.columns.push(u - begin[i]!)
      }
      // Kinds of a few edges have nothing to learn from.
      return Object.fromEntries(
        [...lists]
          .filter(([, { rows }]) => rows.length >= 200)
          .map(([kind, { rows, columns, shape }]) => {
            const places = tensor(Int32Array.from([...rows, ...columns]), { dtype: 'int32' })
            return [kind, SparseMatrix.fromCoo(places.reshape([2, -1]), null, { shape })]
          }),
      )
    }
    const all = kindsBy((e) => relations[edgeType[e]!]!)
    const one = kindsBy(() => 'to')
    s.say(`${n} synsets, ${edgeType.length} edges of ${Object.keys(all).length} kinds`)

    const files = Int32Array.from(synsets, (v) => v.file)
    const y = tensor(files, { dtype: 'int32' })
    const order = rand([n]).argsort()
    const train = order.narrow(0, 0, Math.min(Math.floor(0.6 * n), limit ?? n)).contiguous()
    const test = order.narrow(0, Math.floor(0.8 * n), n - Math.floor(0.8 * n)).contiguous()
    const learn = (title: string, kinds: Kinds) => {
      const model = new Network(kinds, x.shape[1]!, short ? 16 : 48)
      const optimizer = new Adam(model.parameters(), { lr })
      const step = compile(() => {
        const found = model.forward(parts, kinds).indexSelect(0, train)
        const loss = crossEntropy(found, y.indexSelect(0, train))
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        return loss
      })
      let loss = 0
      for (let epoch = 0; epoch < epochs; epoch++) {
        loss = tidy(() => step().item())
        s.demandFinite('the losses', [loss])
        s.emit({ event: 'epoch', run: title, epoch, loss })
      }
      const accuracy = tidy(() => {
        const found = noGrad(() => model.forward(parts, kinds))
          .argmax(1)
          .indexSelect(0, test)
        return found.eq(y.indexSelect(0, test)).to('float32').mean().item()
      })
      step.free()
      s.say(
        `${title.padEnd(24)} loss ${loss.toFixed(3)}, ${(100 * accuracy).toFixed(1)} % of the test synsets right`,
      )
      return { model, accuracy }
    }
    const hetero = learn('a layer each relation', all)
    const single = learn('all relations as one', one)
    const alone = learn('without edges', {})
    await s.picture(
      'accuracy.svg',
      barChart(
        {
          'each relation': hetero.accuracy,
          'as one': single.accuracy,
          'without edges': alone.accuracy,
        },
        { title: 'test accuracy', y: 'share' },
      ),
    )
    s.save(hetero.model)
    return {
      accuracy: hetero.accuracy,
      gain: hetero.accuracy - alone.accuracy,
      gainOverOne: hetero.accuracy - single.accuracy,
    }
  },
} satisfies Recipe
