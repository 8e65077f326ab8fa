import { compile, cosineSimilarity, crossEntropy, manualSeed, noGrad, tensor } from 'nabla'
import { Embedding, Linear } from 'nabla/nn'
import { Adam } from 'nabla/optim'

// #region table
const table = new Embedding(5, 3) // 5 words, a vector of 3 numbers each
console.log(
  table.forward(
    tensor(
      [
        [0, 2],
        [2, 4],
      ],
      { dtype: 'int32' },
    ),
  ).shape,
) //> [ 2, 2, 3 ]
// #endregion table

// #region meaning
// Words in the same company get similar vectors: predict a neighbour from a word.
manualSeed(0)
const words = ['cat', 'dog', 'purrs', 'barks', 'eats', 'king', 'queen', 'rules']
const id = (w) => words.indexOf(w)
const pairs = [
  ['cat', 'eats'],
  ['dog', 'eats'],
  ['cat', 'purrs'],
  ['dog', 'barks'],
  ['king', 'rules'],
  ['queen', 'rules'],
]
const [from, to] = [0, 1].map((i) =>
  tensor(
    pairs.map((p) => id(p[i])),
    { dtype: 'int32' },
  ),
)
const vectors = new Embedding(8, 4)
const output = new Linear(4, 8)
const optimizer = new Adam([...vectors.parameters(), ...output.parameters()], { lr: 0.05 })
const step = compile(() => {
  const loss = crossEntropy(output.forward(vectors.forward(from)), to)
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss
})
for (let i = 0; i < 300; i++) step()
const vector = (w) => noGrad(() => vectors.forward(tensor([id(w)], { dtype: 'int32' })))
const likeness = (a, b) => cosineSimilarity(vector(a), vector(b)).item()
console.log(likeness('king', 'queen') > likeness('king', 'cat')) //> true
// #endregion meaning
