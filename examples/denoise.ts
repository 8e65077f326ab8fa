/** A denoising autoencoder (Vincent and others, 2008): digits under Gaussian noise of deviation 0.5, not clipped. */
import { type Tensor, concat, manualSeed, mseLoss } from 'nabla'
import { DataLoader, mnist, SelfTargetDataset, TensorDataset } from 'nabla/data'
import { ConvAutoencoder } from 'nabla/models'
import { Adam, OneCycleLR } from 'nabla/optim'
import { imageGrid, lineChart } from 'nabla/plot'
import type { Painter, Recipe } from 'nabla/recipe'
import { predictions } from 'nabla/train'
import { gaussianNoise, peakSignalNoiseRatio } from 'nabla/vision'

const network = () => new ConvAutoencoder({ channels: [16, 32], latent: null })
const painter = {
  height: 28,
  width: 28,
  images: mnist,
  model: network,
  // A test digit is given with noise; a file has its own.
  spoil: gaussianNoise(0.5),
  paint: (model, x) => ({ cleaned: model.forward(x!) }),
} satisfies Painter<ConvAutoencoder>

export default {
  name: 'denoise',
  about: 'a convolutional autoencoder that takes Gaussian noise off digits, in decibels',
  data: 'the folder of the four IDX files of MNIST',
  defaults: { epochs: 2, batchSize: 64, lr: 0.003 },
  options: { sigma: { about: 'deviation of the noise of a pixel', default: '0.5' } },
  expect: { psnrAfter: { atLeast: 18 }, gain: { atLeast: 11 } },
  painter,
  async run(s) {
    const { batchSize, lr, seed, epochs, data, own = {} } = s.options
    const noise = gaussianNoise(Number(own.sigma))
    const { train, test } = mnist({ ...(data && { folder: data }), shape: [1, 28, 28] })
    const [clean] = test.batch(Int32Array.from(test.labels.keys()))
    // The noise of the test digits does not depend on the seed of the run.
    manualSeed(7)
    const noisy = noise(clean)
    manualSeed(seed)
    const loader = new DataLoader(s.limited(new SelfTargetDataset(train)), {
      batchSize,
      shuffle: true,
      seed,
    })
    const testData = new DataLoader(new TensorDataset(noisy, clean), { batchSize: 500 })
    const model = network()
    const optimizer = new Adam(model.parameters(), { lr })
    const { history } = await s.train('denoising autoencoder', model, {
      data: loader,
      validation: testData,
      optimizer,
      loss: (out: Tensor, target: Tensor) => mseLoss(out, target),
      // New noise at every step.
      transform: (x: Tensor, y: Tensor) => [noise(x), y],
      schedule: new OneCycleLR(optimizer, lr, { epochs, stepsPerEpoch: loader.length }),
      scheduleEvery: 'step',
    })
    s.save(model)
    const cleaned = predictions(model, testData)
    const before = peakSignalNoiseRatio(noisy, clean)
    const after = peakSignalNoiseRatio(cleaned, clean)
    const clipped = peakSignalNoiseRatio(noisy.clamp(0, 1), clean)
    s.say(`\npeak signal to noise of ${test.length} test digits, dB`)
    s.say(
      `  noisy ${before.toFixed(2)}, clipped to 0..1 ${clipped.toFixed(2)}, cleaned ${after.toFixed(2)}`,
    )
    const rows = [noisy, cleaned, clean].map((t) => t.narrow(0, 0, 16))
    await s.picture('digits.png', imageGrid(concat(rows, 0), { columns: 16, range: [0, 1] }))
    await s.picture(
      'loss.svg',
      lineChart(
        { training: history.map((h) => h.loss), test: history.map((h) => h.valLoss!) },
        { title: 'mean squared error', x: 'epoch', y: 'error' },
      ),
    )
    return { psnrBefore: before, psnrClipped: clipped, psnrAfter: after, gain: after - before }
  },
} satisfies Recipe
