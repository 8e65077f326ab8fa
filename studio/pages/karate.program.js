// @ts-check
import { compile, crossEntropy, eye, indexSelect, manualSeed, noGrad, scan, tensor } from 'nabla'
import { GCNConv, gcnNorm, karateClub, SparseMatrix } from 'nabla/graph'
import { Module } from 'nabla/nn'
import { Adam } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** Nodes of a graph of one's own: place, and 0, 1, or -1 for one whose class is not told; edges by the places of their ends in the list. */
/** @typedef {{ nodes: number[][], edges: number[][] }} Drawn */
/** @typedef {{ graph: 'club' | 'drawn', rate: number, width: number, edges: boolean, labelled: number[], drawn: Drawn, seed: number }} Settings */

/** Two graph convolutions: features move along the edges twice. */
class Club extends Module {
  /** @param {number} inputs @param {number} width */
  constructor(inputs, width) {
    super()
    this.first = new GCNConv(inputs, width)
    this.second = new GCNConv(width, 2)
  }
  /** @param {Tensor} x @param {SparseMatrix} adj */
  forward(x, adj) {
    const hidden = this.first.forward(x, adj).tanh()
    return { hidden, scores: this.second.forward(hidden, adj) }
  }
}

/** What is learned from: who is joined to whom, in both directions, classes, and whose class is told. @param {Settings} s */
export function graphOf(s) {
  if (s.graph === 'club') {
    const { edgeIndex, y } = karateClub()
    const edges = /** @type {number[][]} */ (edgeIndex.toArray())
    return { edges, classes: [...y.toTypedArray()].map(Number), known: s.labelled }
  }
  const { nodes, edges } = s.drawn
  const [from, to] = [0, 1].map((end) => edges.map((e) => e[end] ?? 0))
  const classes = nodes.map((node) => node[2] ?? -1)
  return {
    edges: [
      [...(from ?? []), ...(to ?? [])],
      [...(to ?? []), ...(from ?? [])],
    ],
    classes,
    known: classes.flatMap((c, i) => (c >= 0 ? [i] : [])),
  }
}

/** @param {Settings} s */
export function build(s) {
  const { edges, classes, known: told } = graphOf(s)
  const numNodes = classes.length
  // Without edges each node sees itself alone.
  const own = [...classes.keys()]
  const adj = SparseMatrix.fromEdges(
    tensor(s.edges && edges[0]?.length ? edges : [own, own], { dtype: 'int32' }),
    null,
    { numNodes },
  )
  const sent = gcnNorm(adj)
  // Nobody knows anything but who he is.
  const x = eye(numNodes)
  const y = tensor(
    classes.map((c) => Math.max(0, c)),
    { dtype: 'int32' },
  )
  const model = new Club(numNodes, s.width)
  const optimizer = new Adam(model.parameters(), { lr: s.rate, weightDecay: 5e-4 })
  // Only these are told their side.
  const known = tensor(told, { dtype: 'int32' })
  const step = () => {
    const loss = crossEntropy(
      indexSelect(model.forward(x, adj).scores, 0, known),
      indexSelect(y, 0, known),
    )
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  }
  const look = compile(() => {
    const { hidden, scores } = model.forward(x, adj)
    return { hidden, probabilities: scores.softmax(1) }
  })
  return {
    model,
    sides: classes,
    edges,
    known: told,
    /** What of a feature of one node has come to each node after so many layers, without their weights. @param {number} node @param {number} layers */
    spread: (node, layers) =>
      noGrad(() => {
        let h = x.narrow(1, node, 1)
        for (let i = 0; i < layers; i++) h = sent.matmul(h)
        return [...h.reshape([-1]).toTypedArray()].map(Number)
      }),
    run: compile((/** @type {number} */ k) =>
      scan(() => [null, step()], null, null, { length: k })[1].mean(),
    ),
    /** The probability of the officer's side for each member, and the hidden features. */
    look: () =>
      noGrad(() => {
        const { hidden, probabilities } = look()
        return {
          officer: [...probabilities.select(1, 1).toTypedArray()],
          hidden: /** @type {number[][]} */ (hidden.toArray()),
        }
      }),
  }
}
/** The share of members who are found, those that were told left out: none where all are told, as in a drawn graph. @param {number[]} known @param {number[]} sides @param {number[]} officer */
export function accuracy(known, sides, officer) {
  const others = sides.map((_, i) => i).filter((i) => !known.includes(i) && (sides[i] ?? -1) >= 0)
  return others.filter((i) => Number((officer[i] ?? 0) > 0.5) === sides[i]).length / others.length
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { run, look, sides, known, spread } = build(s)
  for (let i = 0; i < 4; i++) {
    run(50)
    const { officer } = look()
    const found =
      s.graph === 'club'
        ? `accuracy ${accuracy(known, sides, officer)}`
        : officer.map((p) => p.toFixed(3)).join(' ')
    console.log(`after ${(i + 1) * 50} steps: ${found}`)
  }
  console.log('a feature of the first after two layers', ...spread(0, 2))
}
