import { writeFileSync } from 'node:fs'
import { compile, crossEntropy, manualSeed } from 'nabla'
import { PCA } from 'nabla/classic'
import { generate, GPT2, perplexity } from 'nabla/models'
import { quantize } from 'nabla/nn'
import { Adam } from 'nabla/optim'
import { scatterChart } from 'nabla/plot'
import { CausalBlocks, splitWords, trainBpe, trainCharacters, trainWord2Vec } from 'nabla/text'

// #region tokens
const text = 'the whale swims, the sea swells, the ship sails '.repeat(40)
const characters = trainCharacters([text])
const pairs = trainBpe([text], { vocabSize: 280 })
console.log(characters.encode('the whale').ids.length) //> 9
console.log(pairs.encode('the whale').ids.length < 9) //> true
console.log(pairs.decode(pairs.encode('the whale').ids)) //> the whale
// #endregion tokens

// #region vectors
const sentences = Array.from({ length: 300 }, (_, i) =>
  splitWords(
    i % 2
      ? `fast ${['ship', 'boat'][(i >> 1) % 2]} sails home`
      : `ripe ${['plum', 'pear'][(i >> 1) % 2]} tastes sweet`,
  ),
)
const vectors = trainWord2Vec(sentences, {
  vectorSize: 12,
  window: 3,
  sample: 0,
  epochs: 20,
  seed: 1,
})
console.log(vectors.similarity('ship', 'boat') > vectors.similarity('ship', 'plum')) //> true
console.log(vectors.nearest('pear', 1)[0].word) //> plum
// #endregion vectors

// #region map
const places = new PCA({ nComponents: 2 }).fitTransform(vectors.toTensor()).toArray()
const [x, y] = [0, 1].map((axis) => places.map((place) => place[axis]))
writeFileSync(
  'pictures/language-map.svg',
  scatterChart({ words: { x, y, labels: vectors.words } }, { x: 'first', y: 'second' }),
)
// #endregion map

// #region model
manualSeed(1)
const ids = characters.encode(text).ids
const vocabSize = characters.getVocabSize()
const model = new GPT2({ vocabSize, nPositions: 32, nEmbd: 32, nLayer: 1, nHead: 2, dropout: 0 })
const optimizer = new Adam(model.parameters(), { lr: 0.01 })
const blocks = new CausalBlocks(ids, 32, 7) // [inputs, the same shifted by one]
const step = compile((inputs, targets) => {
  const logits = model.forward(inputs) // (N, L, V)
  const loss = crossEntropy(logits.reshape([-1, vocabSize]), targets.reshape([-1]))
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss
})
let loss
for (let i = 0; i < 150; i++)
  loss = step(...blocks.batch(Array.from({ length: 8 }, (_, k) => (i * 8 + k) % blocks.length)))
console.log(Math.exp(loss.item()) < 2) //> true
// #endregion model

// #region generate
const prompt = [...characters.encode('the whale sw').ids]
console.log(characters.decode(generate(model, prompt, { maxNewTokens: 4 }))) //> ims,
// #endregion generate

// #region bits
const sea = [...characters.encode('the sea swells, the ship sails').ids]
const exact = perplexity(model, sea)
quantize(model, { bits: 4, groupSize: 32 })
console.log(perplexity(model, sea) < 1.3 * exact) //> true
console.log(characters.decode(generate(model, prompt, { maxNewTokens: 4 }))) //> ims,
// #endregion bits
