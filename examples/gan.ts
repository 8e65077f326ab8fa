/**
 * Digits from noise by a generative adversarial network of DCGAN's layout (Radford and others, 2016): pictures over time, the Fréchet
 * distance and the classes covered by the features of nabla's own classifier, and what the generated digits are worth to a
 * classifier that has 600 labels.
 */
import { compile, concat, crossEntropy, noGrad, randn, type Tensor } from 'nabla'
import { DataLoader, type ImageDataset, mnist, Subset, TensorDataset } from 'nabla/data'
import { ConvNet, DCGANDiscriminator, DCGANGenerator, ganStep } from 'nabla/models'
import { Adam } from 'nabla/optim'
import { imageGrid, lineChart } from 'nabla/plot'
import type { Recipe, Session } from 'nabla/recipe'
import { classCoverage, evaluate, fit, frechetDistance, predictions } from 'nabla/train'

/** Pixels from −1 to 1, as tanh gives them. */
const input = { shape: [1, 28, 28], mean: 0.5, std: 0.5 }
export const WIDTH = 16

export default {
  name: 'gan',
  about: 'a DCGAN that makes digits from noise, judged by Fréchet distance, classes and use',
  data: 'the folder of the four IDX files of MNIST',
  defaults: { epochs: 4, batchSize: 64, lr: 0.0002 },
  expect: { covered: { atLeast: 10 }, frechet: { atMost: 80 }, withSamples: { atLeast: 0.9 } },
  async run(s) {
    const { lr, epochs } = s.options
    const { train, loader, study } = await judgeOf(s)
    const generator = new DCGANGenerator({ ngf: WIDTH })
    const discriminator = new DCGANDiscriminator({ ndf: WIDTH })
    const adam = (m: DCGANGenerator | DCGANDiscriminator) =>
      new Adam(m.parameters(), { lr, betas: [0.5, 0.999] })
    const [optimizerG, optimizerD] = [adam(generator), adam(discriminator)]
    const step = ganStep({ generator, discriminator, optimizerG, optimizerD })
    const losses: Record<string, number[]> = { discriminator: [], generator: [] }
    for (let epoch = 0; epoch < epochs; epoch++) {
      let [d, g] = [0, 0]
      for (const [real] of loader) {
        const [lossD, lossG] = step(real)
        d += lossD.item() / loader.length
        g += lossG.item() / loader.length
      }
      losses.discriminator!.push(d)
      losses.generator!.push(g)
      study.epoch(generator, { discriminator: d, generator: g })
    }
    await s.picture('loss.svg', lineChart(losses, { title: 'losses', x: 'epoch', y: 'nats' }))
    return study.end(generator, train)
  },
} satisfies Recipe

/** Trains the classifier that judges, and gives what a run of a GAN needs: its data and its study. */
export async function judgeOf(s: Session) {
  const { batchSize, seed, data } = s.options
  const { train, test } = mnist({ ...(data && { folder: data }), ...input })
  const judge = new ConvNet()
  await s.train('the classifier that judges', judge, {
    epochs: s.options.quick || s.options.limit !== undefined ? 1 : 2,
    data: new DataLoader(s.limited(train), { batchSize: 64, shuffle: true, seed }),
    optimizer: new Adam(judge.parameters(), { lr: 0.001 }),
  })
  judge.eval()
  s.save(judge, { file: 'judge.safetensors' })
  const loader = new DataLoader(s.limited(train), {
    batchSize,
    shuffle: true,
    seed,
    dropLast: true,
  })
  return { train, loader, study: new Study(s, judge, test) }
}

/** The generator after each epoch and at the end. */
export class Study {
  private readonly s: Session
  private readonly test: ImageDataset
  private readonly features: (x: Tensor) => Tensor
  private readonly classes: (features: Tensor) => Tensor
  private readonly real: Tensor
  private readonly codes = randn([16, 100])
  private readonly rows: Tensor[] = []
  private readonly distances: number[] = []
  private readonly many: number
  private began = performance.now()

  constructor(s: Session, judge: ConvNet, test: ImageDataset) {
    this.s = s
    this.test = test
    this.many = s.options.limit === undefined ? 10_000 : 500
    this.features = compile((x: Tensor) => noGrad(() => judge.features(x)))
    this.classes = (x) => noGrad(() => judge.fc3.forward(x).argmax(1))
    this.real = this.featuresOf(test.batch(Int32Array.from(test.labels.keys()))[0])
  }
  private featuresOf(pictures: Tensor): Tensor {
    const n = pictures.shape[0]!
    const parts: Tensor[] = []
    for (let i = 0; i < n; i += 500)
      parts.push(this.features(pictures.narrow(0, i, Math.min(500, n - i))))
    return concat(parts, 0)
  }

  /** Says how far the generator is, and remembers its pictures. */
  epoch(generator: DCGANGenerator, losses: Record<string, number>): void {
    const { s, distances } = this
    generator.eval()
    this.rows.push(noGrad(() => generator.forward(this.codes)))
    const distance = frechetDistance(this.featuresOf(samples(generator, 2000)), this.real)
    generator.train()
    distances.push(distance)
    const seconds = (performance.now() - this.began) / 1000
    const told = Object.entries(losses).map(([name, v]) => `${name} ${v.toFixed(3)}`)
    s.say(
      `epoch ${distances.length}/${s.options.epochs}  ${told.join('  ')}  Fréchet distance ${distance.toFixed(1)}  ${seconds.toFixed(0)} s`,
    )
    s.emit({
      event: 'epoch',
      run: 'generator',
      epoch: distances.length - 1,
      ...losses,
      distance,
      seconds,
    })
  }

  /** Pictures, distance and classes of many samples, and their worth. */
  async end(generator: DCGANGenerator, train: ImageDataset): Promise<Record<string, number>> {
    const { s, many, real, distances } = this
    s.save(generator, { file: 'generator.safetensors', config: { width: WIDTH } })
    generator.eval()
    const pictures = samples(generator, many)
    const features = this.featuresOf(pictures)
    const frechet = frechetDistance(features, real)
    // What two halves of the same digits have: no set of 5,000 comes below it.
    const half = Math.floor(real.shape[0]! / 2)
    const floor = frechetDistance(real.narrow(0, 0, half), real.narrow(0, half, half))
    const { shares, covered } = classCoverage(this.classes(features), 10)
    s.say(`\n${many} generated digits`)
    s.say(
      `  Fréchet distance from the test digits ${frechet.toFixed(2)}; of halves of these ${floor.toFixed(2)}`,
    )
    s.say(
      `  shares of the digits 0 to 9, in %: ${shares.map((v) => (100 * v).toFixed(1)).join(' ')}`,
    )
    const worth = worthOf(s, train, this.test, pictures)
    s.say(
      `  600 labelled digits alone: ${(100 * worth.alone).toFixed(2)} % of the test digits right`,
    )
    s.say(`  with generated digits:     ${(100 * worth.withSamples).toFixed(2)} %`)
    const grid = (t: Tensor, columns: number) => imageGrid(t, { columns, range: [-1, 1] })
    await s.picture('samples.png', grid(pictures.narrow(0, 0, 100), 10))
    await s.picture('over-time.png', grid(concat(this.rows, 0), 16))
    await s.picture(
      'distance.svg',
      lineChart(
        { 'Fréchet distance': distances },
        { x: 'epoch', y: 'of 2,000 samples', logY: true },
      ),
    )
    return { frechet, floor, covered, least: Math.min(...shares), ...worth }
  }
}

/** Pictures of n codes, 500 at a time. */
export function samples(generator: DCGANGenerator, n: number): Tensor {
  const parts: Tensor[] = []
  for (let i = 0; i < n; i += 500) parts.push(noGrad(() => generator.sample(Math.min(500, n - i))))
  return concat(parts, 0)
}

/**
 * Test accuracy of a classifier that has learned from 1 % of the digits, and of one that has learned from generated digits too,
 * for as many steps. The first names the generated digits: those of which it is sure count, so that no other label is used.
 */
function worthOf(s: Session, train: ImageDataset, test: ImageDataset, pictures: Tensor) {
  const { seed, limit } = s.options
  const known = new Subset<[Tensor, Tensor]>(
    train,
    Int32Array.from({ length: Math.floor(train.length / 100) }, (_, i) => i),
  )
  const labelled = known.batch!(Int32Array.from({ length: known.length }, (_, i) => i))
  const steps = limit === undefined ? 1500 : 20
  const tests = new DataLoader(test, { batchSize: 1000 })
  const learn = (x: Tensor, y: Tensor) => {
    const loader = new DataLoader(new TensorDataset(x, y), { batchSize: 64, shuffle: true, seed })
    const model = new ConvNet()
    const optimizer = new Adam(model.parameters(), { lr: 0.001 })
    const epochs = Math.max(1, Math.round(steps / loader.length))
    fit(model, { data: loader, optimizer, epochs, loss: crossEntropy, verbose: false })
    return { model, accuracy: evaluate(model, tests).accuracy! }
  }
  const alone = learn(...labelled)
  const odds = predictions(
    alone.model,
    new DataLoader(new TensorDataset(pictures, pictures), { batchSize: 500 }),
  )
  const p = odds.softmax(1)
  const sure = p.amax(1).gt(limit === undefined ? 0.95 : 0)
  const places = sure.nonzero().reshape([-1]).to('int32')
  const [x, y] = labelled
  const made = learn(
    concat([x, pictures.indexSelect(0, places)], 0),
    concat([y, odds.argmax(1).indexSelect(0, places).to('int32')], 0),
  )
  return {
    alone: alone.accuracy,
    withSamples: made.accuracy,
    used: places.size,
    gain: made.accuracy - alone.accuracy,
  }
}
