/**
 * A small Vision Transformer on Fashion-MNIST: patches of 4 by 4 as tokens, beside a network of one layer; what its class token looks at
 * is drawn on the pictures.
 */
import { concat, interpolate, noGrad, type Tensor } from 'nabla'
import { DataLoader, fashionMnist } from 'nabla/data'
import { ViT } from 'nabla/models'
import { Flatten, Linear, Sequential } from 'nabla/nn'
import { Adam, AdamW, OneCycleLR } from 'nabla/optim'
import { imageGrid, learningCurves } from 'nabla/plot'
import type { Classifier, Recipe } from 'nabla/recipe'
import { EarlyStopping, evaluate } from 'nabla/train'

const SIDE = 28
const PATCH = 4

const classifier = {
  images: fashionMnist,
  input: { shape: [1, SIDE, SIDE], mean: 0.286, std: 0.353 },
  model: () =>
    new ViT({
      imageSize: SIDE,
      patchSize: PATCH,
      numChannels: 1,
      numLabels: 10,
      hiddenSize: 48,
      intermediateSize: 96,
      numHiddenLayers: 3,
      numAttentionHeads: 4,
      // For a width of 768 it is 0.02.
      initializerRange: 0.1,
    }),
} satisfies Classifier

export default {
  name: 'vit',
  about: 'a Vision Transformer on Fashion-MNIST, its attention drawn on the pictures',
  defaults: { epochs: 3, batchSize: 128, lr: 0.004 },
  trainings: 2,
  expect: { testAccuracy: { atLeast: 0.85 }, gain: { atLeast: 0.015 } },
  classifier,
  async run(s) {
    const { batchSize, lr, seed, epochs } = s.options
    const { train, test } = s.load()
    // The last twelfth of the training pictures chooses the epoch.
    const cut = Math.floor((11 / 12) * train.length)
    const range = (from: number, to: number) =>
      Int32Array.from({ length: to - from }, (_, i) => from + i)
    const [known, chooser] = [train.subset(range(0, cut)), train.subset(range(cut, train.length))]
    const loader = new DataLoader(s.limited(known), { batchSize, shuffle: true, seed })
    const validation = new DataLoader(s.limited(chooser), { batchSize: 1000 })
    const testData = new DataLoader(test, { batchSize: 500 })

    const flat = new Sequential(new Flatten(), new Linear(SIDE * SIDE, 10))
    await s.train('one layer', flat, {
      data: loader,
      validation,
      optimizer: new Adam(flat.parameters(), { lr: 1e-3 }),
      callbacks: [new EarlyStopping({ patience: epochs })],
    })
    const baseline = evaluate(flat, testData).accuracy!

    const model = classifier.model()
    const optimizer = new AdamW(model.parameters(), { lr: lr / 10, weightDecay: 0.05 })
    const { history } = await s.train('Vision Transformer', model, {
      data: loader,
      validation,
      optimizer,
      schedule: new OneCycleLR(optimizer, lr, { epochs, stepsPerEpoch: loader.length }),
      scheduleEvery: 'step',
      clipNorm: 1,
      callbacks: [new EarlyStopping({ patience: epochs })],
    })
    const { matrix } = s.test(model, testData, test.labels)
    await s.picture(
      'accuracy.svg',
      learningCurves(history, { measure: 'accuracy', title: 'Vision Transformer' }),
    )
    const [pictures] = test.batch(Array.from({ length: 10 }, (_, i) => i)) as [Tensor, ...Tensor[]]
    await s.picture(
      'attention.png',
      imageGrid(attentionOn(model, pictures), { columns: 10, range: [0, 1] }),
    )
    s.save(model)
    const testAccuracy = matrix.accuracy()
    return { testAccuracy, baseline, gain: testAccuracy - baseline }
  },
} satisfies Recipe

/** Pictures (N, 1, 28, 28), and below them the same in red where the class token of the last layer looks: (2N, 3, 28, 28). */
function attentionOn(model: ViT, pictures: Tensor): Tensor {
  const last = model.vit.encoder.layer.at(-1)!.attention.attention
  last.keepScores = true
  model.eval()
  const N = pictures.shape[0]!
  const side = SIDE / PATCH
  try {
    return noGrad(() => {
      model.forward(pictures)
      // Of the class token, the mean of the heads, without its weight on itself.
      const rows = last
        .attentionScores!.mean(1)
        .select(1, 0)
        .narrow(1, 1, side * side) // (N, 49)
      const [most, least] = [rows.amax(1, { keepdim: true }), rows.amin(1, { keepdim: true })]
      const share = rows.sub(least).div(most.sub(least).add(1e-9))
      const seen = interpolate(share.reshape([N, 1, side, side]), {
        size: [SIDE, SIDE],
        mode: 'bilinear',
      })
      const { mean, std } = classifier.input
      const gray = pictures.mul(std).add(mean)
      const dark = gray.mul(seen.mul(-1).add(1))
      const red = dark.add(seen.mul(gray.mul(0.5).add(0.5)))
      return concat([concat([gray, gray, gray], 1), concat([red, dark, dark], 1)], 0)
    })
  } finally {
    last.keepScores = false
    last.attentionScores = null
  }
}
