/** A variational autoencoder of binary digits: new digits from noise, ways from one digit to another, and a bound of log p(x). */
import {
  type Tensor,
  binaryCrossEntropyWithLogits,
  concat,
  linspace,
  manualSeed,
  noGrad,
  rand,
  tensor,
} from 'nabla'
import { DataLoader, mnist, SelfTargetDataset, TensorDataset } from 'nabla/data'
import {
  gaussianKL,
  logLikelihoodBound,
  negativeELBO,
  reparameterize,
  VAE,
  type VAEOutput,
} from 'nabla/models'
import { Adam, OneCycleLR } from 'nabla/optim'
import { imageGrid, lineChart, scatterChart } from 'nabla/plot'
import type { Painter, Recipe } from 'nabla/recipe'

/** Pixels drawn as 0 or 1, with their gray value as the probability of 1. */
const binary = (x: Tensor): Tensor => rand(x.shape).lt(x).to('float32')

const network = (latent: number) => new VAE({ sizes: [784, 400, latent] })
const painter = {
  height: 28,
  width: 28,
  images: mnist,
  model: ({ latent }) => network(latent),
  /** The picture through the mean of its code, and pictures of codes by chance around it. */
  paint(model, x) {
    const [mean, logVar] = model.encode(x!.reshape([-1, 784]).gt(0.5).to('float32'))
    const codes = concat(
      [mean, ...Array.from({ length: 7 }, () => reparameterize(mean, logVar))],
      0,
    )
    const all = model.decode(codes).sigmoid()
    return { rebuilt: all.narrow(0, 0, 1), drawn: all.narrow(0, 1, 7) }
  },
} satisfies Painter<VAE, { latent: number }>

export default {
  name: 'vae',
  about:
    'a variational autoencoder of digits: samples, ways between digits, a bound of the log-likelihood',
  data: 'the folder of the four IDX files of MNIST',
  defaults: { epochs: 15, batchSize: 128, lr: 0.002 },
  options: { latent: { about: 'numbers of the code; 2 shows a map of the digits', default: '20' } },
  // In nats a test digit. Pixels that know nothing of each other reach −206.
  expect: { elbo: { atLeast: -103 }, bound: { atLeast: -98 }, gain: { atLeast: 100 } },
  painter,
  async run(s) {
    const { batchSize, lr, seed, epochs, limit, data, own = {} } = s.options
    const latent = Number(own.latent)
    const { train, test } = mnist({ ...(data && { folder: data }) })
    const [gray] = test.batch(Int32Array.from(test.labels.keys()))
    // The drawn pixels of the test digits do not depend on the seed of the run.
    manualSeed(7)
    const x = binary(gray)
    manualSeed(seed)
    const loader = new DataLoader(s.limited(new SelfTargetDataset(train)), {
      batchSize,
      shuffle: true,
      seed,
    })
    const testData = new DataLoader(new TensorDataset(x, x), { batchSize: 1000 })
    const model = network(latent)
    const optimizer = new Adam(model.parameters(), { lr })
    const { history } = await s.train<VAEOutput>('variational autoencoder', model, {
      data: loader,
      validation: testData,
      optimizer,
      loss: negativeELBO,
      transform: (pixels: Tensor) => {
        const drawn = binary(pixels)
        return [drawn, drawn]
      },
      schedule: new OneCycleLR(optimizer, lr, { epochs, stepsPerEpoch: loader.length }),
      scheduleEvery: 'step',
    })
    s.save(model, { config: { latent } })
    model.eval()

    const elbo = -history.at(-1)!.valLoss!
    const few = x.narrow(0, 0, limit === undefined ? 2000 : 100)
    const bound = logLikelihoodBound(model, few, limit === undefined ? 100 : 5)
      .mean()
      .item()
    const [mean, logVar] = noGrad(() => model.encode(x))
    const kl = gaussianKL(mean, logVar).mean().item()
    const alone = independent(train.batch(Int32Array.from(train.labels.keys()))[0], x)
    s.say('\nnats a test digit of zeros and ones')
    s.say(`  each pixel for itself    ${alone.toFixed(1)}`)
    s.say(`  evidence lower bound     ${elbo.toFixed(1)}, of which KL ${kl.toFixed(1)}`)
    s.say(`  bound by many draws      ${bound.toFixed(1)}`)

    const show = (t: Tensor) => t.reshape([-1, 28, 28])
    const grid = (t: Tensor, columns: number) => imageGrid(show(t), { columns, range: [0, 1] })
    await s.picture('samples.png', grid(model.sample(100), 10))
    await s.picture('interpolation.png', grid(ways(model, x, test.labels), 12))
    const rebuilt = noGrad(() => model.decode(mean.narrow(0, 0, 16)).sigmoid())
    await s.picture('reconstructions.png', grid(concat([x.narrow(0, 0, 16), rebuilt], 0), 16))
    if (latent === 2) {
      await s.picture('plane.svg', plane(mean, test.labels))
      await s.picture('map.png', grid(map(model), 20))
    }
    await s.picture(
      'elbo.svg',
      lineChart(
        { training: history.map((h) => -h.loss), test: history.map((h) => -h.valLoss!) },
        { title: 'evidence lower bound', x: 'epoch', y: 'nats a digit' },
      ),
    )
    return { elbo, kl, bound, independent: alone, gain: elbo - alone }
  },
} satisfies Recipe

/** log p(x) of a test digit where each pixel has its own probability, from the training digits. */
function independent(train: Tensor, x: Tensor): number {
  const p = train.mean(0).clamp(1e-4, 1 - 1e-4)
  const logits = p.div(p.neg().add(1)).log().expand(x.shape)
  return -binaryCrossEntropyWithLogits(logits, x, { reduction: 'sum' }).item() / x.shape[0]!
}

/** From a digit to the next one in twelve steps, along a straight line between their codes: a row for each. */
function ways(model: VAE, x: Tensor, labels: Uint8Array): Tensor {
  const ends = Array.from({ length: 10 }, (_, c) => labels.indexOf(c))
  const [codes] = noGrad(() => model.encode(x.indexSelect(0, tensor(ends, { dtype: 'int32' }))))
  const next = codes.roll(-1, 0)
  const t = linspace(0, 1, 12).reshape([1, 12, 1])
  const line = codes.unsqueeze(1).add(next.sub(codes).unsqueeze(1).mul(t))
  return noGrad(() => model.decode(line.reshape([120, -1])).sigmoid())
}

/** Where the codes of 2,000 test digits lie. */
function plane(mean: Tensor, labels: Uint8Array): string {
  const points = mean.narrow(0, 0, 2000).toArray() as number[][]
  const groups = Array.from({ length: 10 }, (_, c) => {
    const own = points.filter((_, i) => labels[i] === c)
    return [`${c}`, { x: own.map((p) => p[0]!), y: own.map((p) => p[1]!) }] as const
  })
  return scatterChart(Object.fromEntries(groups), { title: 'codes of test digits' })
}

/** Digits by their two numbers, from −2 to 2. */
function map(model: VAE): Tensor {
  const at = Array.from({ length: 20 }, (_, i) => -2 + (4 * i) / 19)
  const codes = tensor(at.flatMap((b) => at.map((a) => [a, -b])))
  return noGrad(() => model.decode(codes).sigmoid())
}
