// @ts-check
import { compile, crossEntropy, indexSelect, manualSeed, noGrad, scan, tensor } from 'nabla'
import { GCNConv, gcnNorm, karateClub, SparseMatrix } from 'nabla/graph'
import { Module } from 'nabla/nn'
import { Adam } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ rate: number, width: number, edges: boolean, labelled: number[], seed: number }} Settings */

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

/** @param {Settings} s */
export function build(s) {
  const { x, y, edgeIndex, numNodes } = karateClub()
  // Without edges each member sees himself alone.
  const own = tensor([[...Array(numNodes).keys()], [...Array(numNodes).keys()]], { dtype: 'int32' })
  const adj = SparseMatrix.fromEdges(s.edges ? edgeIndex : own)
  gcnNorm(adj)
  const model = new Club(numNodes, s.width)
  const optimizer = new Adam(model.parameters(), { lr: s.rate, weightDecay: 5e-4 })
  // Only these are told their side.
  const known = tensor(s.labelled, { dtype: 'int32' })
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
    sides: [...y.toTypedArray()],
    edges: /** @type {number[][]} */ (edgeIndex.toArray()),
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
/** The share of members who are found, those that were told left out. @param {Settings} s @param {number[]} sides @param {number[]} officer */
export function accuracy(s, sides, officer) {
  const others = sides.map((_, i) => i).filter((i) => !s.labelled.includes(i))
  return others.filter((i) => Number((officer[i] ?? 0) > 0.5) === sides[i]).length / others.length
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { run, look, sides } = build(s)
  for (let i = 0; i < 4; i++) {
    run(50)
    console.log(`after ${(i + 1) * 50} steps: accuracy ${accuracy(s, sides, look().officer)}`)
  }
}
