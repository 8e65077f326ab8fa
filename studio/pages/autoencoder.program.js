// @ts-check
import {
  compile,
  indexSelect,
  manualSeed,
  meshgrid,
  linspace,
  mseLoss,
  noGrad,
  randint,
  randn,
  scan,
  stack,
  tensor,
} from 'nabla'
import { Autoencoder, gaussianKL, VAE } from 'nabla/models'
import { Adam } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @import { ImageDataset } from 'nabla/data' */
/** @typedef {{ net: 'plain' | 'variational' | 'denoise', noise: number, rate: number, seed: number }} Settings */

const TRAIN = 10000
const TEST = 1000
const BATCH = 64
/** Pictures in a row of the map. */
export const MAP = 11

/** @param {ImageDataset} data @param {number} n */
const first = (data, n) => data.batch(Array.from({ length: n }, (_, i) => i))

/** Both networks by the same names: pixels to a code, and back to pixels. @param {Settings} s */
function network(s) {
  if (s.net === 'variational') {
    const model = new VAE({ sizes: [784, 128, 2] })
    return {
      model,
      /** The loss of clean pictures `x`, a pixel. @param {Tensor} x */
      loss(x) {
        const { logits, mean, logVar } = model.forward(x)
        // How far the codes of a picture are from N(0, I), with a small weight: a pixel has more to say.
        const far = gaussianKL(mean, logVar).mean().mul(0.001)
        return mseLoss(logits.sigmoid(), x).add(far)
      },
      encode: (/** @type {Tensor} */ x) => model.encode(x)[0],
      decode: (/** @type {Tensor} */ z) => model.decode(z).sigmoid(),
    }
  }
  const sizes = s.net === 'plain' ? [784, 128, 32, 2] : [784, 128, 32]
  const model = new Autoencoder({ sizes })
  return {
    model,
    /** @param {Tensor} x @param {Tensor} seen what the network sees of it */
    loss: (x, seen) => mseLoss(model.forward(seen), x),
    encode: (/** @type {Tensor} */ x) => model.encode(x),
    decode: (/** @type {Tensor} */ z) => model.decode(z),
  }
}

/** @param {Settings} s @param {{ train: ImageDataset, test: ImageDataset }} data */
export function build(s, data) {
  const [x] = first(data.train, TRAIN)
  const [tests, labels] = first(data.test, TEST)
  const { model, loss, encode, decode } = network(s)
  const optimizer = new Adam(model.parameters(), { lr: s.rate })
  const step = (/** @type {Tensor} */ noise) => {
    const clean = indexSelect(x, 0, randint(0, TRAIN, [BATCH]))
    const seen = s.net === 'denoise' ? clean.add(randn([BATCH, 784]).mul(noise)) : clean
    const error = loss(clean, seen)
    optimizer.zeroGrad()
    error.backward()
    optimizer.step()
    return error
  }
  const steps = compile((/** @type {number} */ k, /** @type {Tensor} */ noise) =>
    scan(() => [null, step(noise)], null, null, { length: k })[1].mean(),
  )
  const [down, up] = [compile(encode), compile(decode)]
  const error = compile((/** @type {Tensor} */ seen, /** @type {Tensor} */ clean) =>
    mseLoss(decode(encode(seen)), clean),
  )
  const grain = randn([TEST, 784])
  return {
    model,
    labels,
    /** Takes `k` steps, gives their mean loss. @param {number} k @param {number} noise */
    run: (k, noise) => steps(k, tensor(noise)).item(),
    /** The mean squared error of a pixel of the test digits. @param {number} noise */
    test: (noise) =>
      noGrad(() => error(s.net === 'denoise' ? tests.add(grain.mul(noise)) : tests, tests).item()),
    /** The codes of the test digits. */
    codes: () => noGrad(() => down(tests)),
    /** @param {Tensor} pictures (n, 784) */
    encode: (pictures) => noGrad(() => down(pictures)),
    /** @param {Tensor} codes */
    decode: (codes) => noGrad(() => up(codes)),
    /** Digits with noise. @param {Tensor} digits (n, 784), n at most 1000 @param {number} noise */
    noisy: (digits, noise) => digits.add(grain.narrow(0, 0, digits.shape[0] ?? 0).mul(noise)),
    /** Codes of a grid over part of the plane, row by row from above. @param {number[]} x0x1 @param {number[]} y0y1 */
    grid([x0 = 0, x1 = 0], [y0 = 0, y1 = 0]) {
      const [y, x] = meshgrid([linspace(y1, y0, MAP), linspace(x0, x1, MAP)], { indexing: 'ij' })
      return stack(
        [/** @type {Tensor} */ (x).reshape([-1]), /** @type {Tensor} */ (y).reshape([-1])],
        1,
      )
    },
  }
}

/** @param {Settings} s */
export async function main(s) {
  const { mnist } = await import('nabla/data')
  manualSeed(s.seed)
  const { run, test } = build(s, mnist())
  console.log('before training: error of a pixel', test(s.noise))
  for (let i = 0; i < 2; i++) {
    const loss = run(32, s.noise)
    console.log(`after ${(i + 1) * 32} steps: loss ${loss}, error of a pixel ${test(s.noise)}`)
  }
}
