import {
  compile,
  concat,
  crossEntropy,
  manualSeed,
  noGrad,
  randint,
  scaledDotProductAttention,
  tensor,
  zeros,
} from 'nabla'
import { buildTransformer, GPT2, generate } from 'nabla/models'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'

// #region attention
// One question, three words: each has a key, by which it is found, and a value, which is what it gives.
const query = tensor([[1, 0]])
const keys = tensor([
  [4, 0],
  [0, 4],
  [4, 0],
])
const values = tensor([[10], [20], [30]])
console.log(scaledDotProductAttention(query, keys, values).item().toFixed(2)) //> 20.00
// #endregion attention

// #region layer
const attention = new nn.MultiheadAttention(8, 2, { batchFirst: true })
const words = zeros([1, 5, 8])
const [mixed, weights] = attention.forward(words, words, words, { isCausal: true })
console.log(mixed.shape, weights.shape) //> [ 1, 5, 8 ] [ 1, 5, 5 ]
// The second word sees two.
console.log(weights.toArray()[0][1]) //> [ 0.5, 0.5, 0, 0, 0 ]
// #endregion layer

// #region copy
manualSeed(1)
const V = 8
const model = buildTransformer(V, V, 6, 6, { dModel: 32, N: 1, h: 4, dropout: 0, dFf: 64 })
const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 })
// What the decoder has written so far: one step to the right, with 0 to begin.
const shifted = (t) => concat([zeros([t.shape[0], 1], { dtype: 'int32' }), t.narrow(1, 0, 4)], 1)
const step = compile((source) => {
  const logits = model.forward(source, shifted(source))
  const loss = crossEntropy(logits.reshape([-1, V]), source.reshape([-1]))
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss
})
for (let i = 0; i < 250; i++) step(randint(2, V, [32, 5]))
model.eval()
const source = tensor([[2, 7, 3, 3, 5]], { dtype: 'int32' })
console.log(noGrad(() => model.forward(source, shifted(source)).argmax(2)).toArray()) //> [ [ 2, 7, 3, 3, 5 ] ]
// #endregion copy

// #region generate
const small = new GPT2({ vocabSize: 50, nPositions: 32, nEmbd: 16, nLayer: 2, nHead: 2 })
const text = generate(small, [1, 2, 3], { maxNewTokens: 5, temperature: 0.8, topK: 10, seed: 7 })
console.log(text.length) //> 5
// #endregion generate
