/**
 * Digits from noise by a generative adversarial network of DCGAN's layout (Radford and others, 2016): pictures over time, the Fréchet
 * distance and the classes covered by the features of nabla's own classifier, and what the generated digits are worth to a
 * classifier that has 600 labels.
 */
import {
  compile,
  concat,
  crossEntropy,
  manualSeed,
  noGrad,
  randint,
  randn,
  type Tensor,
  tensor,
} from 'nabla'
import { DataLoader, type ImageDataset, mnist, TensorDataset } from 'nabla/data'
import { ConvNet, DCGANDiscriminator, DCGANGenerator, ganStep } from 'nabla/models'
import { Adam } from 'nabla/optim'
import { imageGrid, lineChart } from 'nabla/plot'
import type { Painter, Recipe, Session } from 'nabla/recipe'
import { classCoverage, evaluate, frechetDistance, predictions } from 'nabla/train'

/** Pixels from −1 to 1, as tanh gives them. */
const input = { shape: [1, 28, 28], mean: 0.5, std: 0.5 }
export const WIDTH = 16

/** For `nabla predict`: digits of the generator by the seed that is given. */
export const painter = {
  height: 28,
  width: 28,
  model: ({ width }) => new DCGANGenerator({ ngf: width }),
  paint: (model) => ({ generated: model.sample(64).add(1).div(2) }),
} satisfies Painter<DCGANGenerator, { width: number }>

export default {
  name: 'gan',
  about: 'a DCGAN that makes digits from noise, judged by Fréchet distance, classes and use',
  data: 'the folder of the four IDX files of MNIST',
  defaults: { epochs: 4, batchSize: 64, lr: 0.0002 },
  expect: {
    covered: { atLeast: 10 },
    frechet: { atMost: 80 },
    withSamples: { atLeast: 0.9 },
    gain: { atLeast: 0.003 },
  },
  painter,
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
    const gain = worth.withSamples - worth.alone
    const percent = (v: number) => `${(100 * v).toFixed(2).padStart(6)} %`
    s.say('\ntest digits right, of classifiers with 600 labels')
    s.say(`  the labels alone                                    ${percent(worth.alone)}`)
    s.say(`  five of them together, by their mean probabilities  ${percent(worth.together)}`)
    s.say(
      `  and ${`${worth.used}`.padStart(6)} generated digits with a sure class        ${percent(worth.sure)}`,
    )
    s.say(
      `  and ${`${many}`.padStart(6)} with the probabilities of five classifiers ${percent(worth.withSamples)}`,
    )
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
    return { frechet, floor, covered, least: Math.min(...shares), ...worth, gain }
  }
}

/** Pictures of n codes, 500 at a time. */
export function samples(generator: DCGANGenerator, n: number): Tensor {
  const parts: Tensor[] = []
  for (let i = 0; i < n; i += 500) parts.push(noGrad(() => generator.sample(Math.min(500, n - i))))
  return concat(parts, 0)
}

/** Labels for generated digits, as classes (N) or probabilities (N, 10), and the weight of their loss. */
interface Made {
  x: Tensor
  labels: Tensor
  weight: number
}
/**
 * What generated digits are worth to a classifier that has 600 labels, by test accuracy. No other label is used: classifiers that have
 * learned from these 600 alone name the generated digits. Each student has as many steps as they, with as many generated digits as labelled
 * ones in each; means over several seeds.
 * - sure: the class, where one classifier is sure of it (Lee, 2013: pseudo-labels)
 * - shared: the probabilities that five of them give on average (Hinton, Vinyals and Dean, 2015: distillation)
 * What the second brings is to be seen beside the five together, whose knowledge it puts into one network.
 */
function worthOf(s: Session, train: ImageDataset, test: ImageDataset, pictures: Tensor) {
  const { seed, limit } = s.options
  const short = limit !== undefined
  const steps = short ? 20 : 1500
  const count = Math.floor(train.length / 100)
  const [x, y] = train.batch(Int32Array.from({ length: count }, (_, i) => i))
  const tests = new DataLoader(test, { batchSize: 1000 })
  const learn = (k: number, made?: Made) => {
    manualSeed(1000 * seed + k)
    const model = new ConvNet()
    const optimizer = new Adam(model.parameters(), { lr: 0.001 })
    const step = compile((real: Tensor, labels: Tensor, more?: Tensor, theirs?: Tensor) => {
      const out = model.forward(more ? concat([real, more], 0) : real)
      const n = real.shape[0]!
      let loss = crossEntropy(out.narrow(0, 0, n), labels)
      if (more && theirs)
        loss = loss.add(
          crossEntropy(out.narrow(0, n, more.shape[0]!), theirs).mul(made?.weight ?? 1),
        )
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      return loss
    })
    const draw = (...from: Tensor[]) => {
      const places = randint(0, from[0]!.shape[0]!, [64], { dtype: 'int32' })
      return from.map((t) => t.indexSelect(0, places))
    }
    for (let i = 0; i < steps; i++) {
      const [real, labels] = draw(x, y) as [Tensor, Tensor]
      if (made) step(real, labels, ...(draw(made.x, made.labels) as [Tensor, Tensor])).dispose()
      else step(real, labels).dispose()
    }
    step.free()
    model.eval()
    return { model, accuracy: evaluate(model, tests).accuracy! }
  }
  const mean = (list: readonly { accuracy: number }[]) =>
    list.reduce((sum, { accuracy }) => sum + accuracy, 0) / list.length
  const ranks = (n: number) => Array.from({ length: short ? 1 : n }, (_, k) => k)
  const alone = ranks(5).map((k) => learn(k))
  const oddsOf = (loader: DataLoader<[Tensor, Tensor]>) =>
    alone.map(({ model }) => predictions(model, loader).softmax(1))
  const average = (odds: Tensor[]) => odds.reduce((a, b) => a.add(b)).div(odds.length)
  const odds = oddsOf(new DataLoader(new TensorDataset(pictures, pictures), { batchSize: 500 }))
  const shared = average(odds)
  const truth = tensor(Int32Array.from(test.labels))
  const together = average(oddsOf(tests)).argmax(1).eq(truth).to('float32').mean().item()
  const sure = odds[0]!
    .amax(1)
    .gt(short ? 0 : 0.95)
    .nonzero()
    .reshape([-1])
    .to('int32')
  const students = (made: Made) => mean(ranks(3).map((k) => learn(10 + k, made)))
  return {
    alone: mean(alone),
    together,
    sure: students({
      x: pictures.indexSelect(0, sure),
      labels: odds[0]!.argmax(1).indexSelect(0, sure).to('int32'),
      weight: 0.3,
    }),
    used: sure.size,
    withSamples: students({ x: pictures, labels: shared, weight: 0.3 }),
  }
}
