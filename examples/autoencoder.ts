/** Autoencoders: 784 pixels of a digit through 32 numbers, dense and convolutional, against the 32 principal components. */
import { type Tensor, ValueError, mseLoss, tensor } from 'nabla'
import { PCA } from 'nabla/classic'
import { DataLoader, mnist, SelfTargetDataset, Subset } from 'nabla/data'
import { Autoencoder, ConvAutoencoder } from 'nabla/models'
import { Adam, OneCycleLR } from 'nabla/optim'
import { imageGrid, lineChart, scatterChart } from 'nabla/plot'
import type { Painter, Recipe } from 'nabla/recipe'
import { predictions } from 'nabla/train'

const CODE = 32
const networks = {
  dense: { shape: [784], make: () => new Autoencoder({ sizes: [784, 512, 128, CODE] }) },
  convolutional: {
    shape: [1, 28, 28],
    make: () => new ConvAutoencoder({ channels: [16, 32], latent: CODE }),
  },
}

const painter = {
  height: 28,
  width: 28,
  images: mnist,
  model: ({ kind }) => networks[kind].make(),
  paint: (model, x) => ({
    rebuilt: model.forward(model instanceof Autoencoder ? x!.reshape([-1, 784]) : x!),
  }),
} satisfies Painter<Autoencoder | ConvAutoencoder, { kind: keyof typeof networks }>

export default {
  name: 'autoencoder',
  about: 'autoencoders of digits, 784 to 32 numbers and back, dense and convolutional, against PCA',
  data: 'the folder of the four IDX files of MNIST',
  trainings: 2,
  defaults: { epochs: 5, batchSize: 128, lr: 0.002 },
  options: { kind: { about: 'both, dense or convolutional', default: 'both' } },
  // Mean squared errors of pixels from 0 to 1 on test digits, over that of PCA.
  expect: { denseOfPca: { atMost: 0.7 }, convolutionalOfPca: { atMost: 0.5 } },
  painter,
  async run(s) {
    const { batchSize, lr, seed, epochs, data, own = {} } = s.options
    const kinds = Object.keys(networks) as (keyof typeof networks)[]
    const chosen = kinds.filter((kind) => own.kind === 'both' || own.kind === kind)
    if (chosen.length === 0)
      throw new ValueError({
        op: 'autoencoder',
        rule: '--kind is both, dense or convolutional',
        got: own.kind!,
      })
    const { train, test } = mnist({ ...(data && { folder: data }) })
    const count = Math.min(train.length, s.options.limit ?? train.length)
    const whole = (set: typeof train, n: number) =>
      set.batch(Int32Array.from({ length: n }, (_, i) => i))
    const [x, y] = whole(test, test.length)

    const pca = new PCA({ nComponents: Math.min(CODE, count) })
    pca.fit(whole(train, count)[0].to('float64'))
    const linear = pca.inverseTransform(pca.transform(x.to('float64'))).to('float32')
    const errors: Record<string, number> = { pca: mseLoss(linear, x).item() }
    const rows = [first(x), first(linear)]
    const measures: Record<string, number> = { pcaError: errors.pca! }
    const curves: Record<string, number[]> = {}
    for (const kind of chosen) {
      const { shape, make } = networks[kind]
      const [images, tests] = (['train', 'test'] as const).map(
        (part) => new SelfTargetDataset(mnist({ ...(data && { folder: data }), shape })[part]),
      ) as [SelfTargetDataset, SelfTargetDataset]
      const few = new Subset(
        images,
        Int32Array.from({ length: count }, (_, i) => i),
      )
      const loader = new DataLoader(few, { batchSize, shuffle: true, seed })
      const testData = new DataLoader(tests, { batchSize: 1000 })
      const model = make()
      const optimizer = new Adam(model.parameters(), { lr })
      const { history } = await s.train(`${kind} autoencoder`, model, {
        data: loader,
        validation: testData,
        optimizer,
        loss: (out: Tensor, target: Tensor) => mseLoss(out, target),
        schedule: new OneCycleLR(optimizer, lr, { epochs, stepsPerEpoch: loader.length }),
        scheduleEvery: 'step',
      })
      s.save(model, { file: `${kind}.safetensors`, config: { kind } })
      curves[kind] = history.map((h) => h.valLoss!)
      errors[kind] = history.at(-1)!.valLoss!
      measures[`${kind}Error`] = errors[kind]!
      measures[`${kind}OfPca`] = errors[kind]! / errors.pca!
      rows.push(first(predictions(model, testData)))
      await s.picture(`${kind}-plane.svg`, plane(model.encode(x.reshape([-1, ...shape])), y, kind))
    }
    s.say('\nmean squared error of a pixel of the test digits')
    for (const [name, v] of Object.entries(errors))
      s.say(
        `  ${name.padEnd(15)}${v.toFixed(5)}   ${(100 * (1 - v / errors.pca!)).toFixed(0)} % below PCA`,
      )
    const grid = tensor(rows.flatMap((r) => r.toArray() as number[][][]))
    await s.picture('reconstructions.png', imageGrid(grid, { columns: 16, range: [0, 1] }))
    s.say(`rows: digits, ${Object.keys(errors).join(', ')}`)
    await s.picture(
      'error.svg',
      lineChart(
        { PCA: Array.from({ length: epochs }, () => errors.pca!), ...curves },
        { title: 'error of 32 numbers', x: 'epoch', y: 'mean squared error', logY: true },
      ),
    )
    return measures
  },
} satisfies Recipe

/** The first 16 pictures. */
const first = (t: Tensor): Tensor => t.narrow(0, 0, 16).reshape([16, 28, 28])

/** The two directions in which the codes of 2,000 test digits differ most. */
function plane(codes: Tensor, y: Tensor, kind: string): string {
  const few = codes.detach().narrow(0, 0, 2000)
  const points = new PCA({ nComponents: 2 }).fitTransform(few.to('float64')).toArray() as number[][]
  const labels = y.toTypedArray() as Int32Array
  const groups = Array.from({ length: 10 }, (_, c) => {
    const own = points.filter((_, i) => labels[i] === c)
    return [`${c}`, { x: own.map((p) => p[0]!), y: own.map((p) => p[1]!) }] as const
  })
  return scatterChart(Object.fromEntries(groups), {
    title: `codes of test digits, ${kind} autoencoder`,
    x: 'first component of the code',
    y: 'second',
  })
}
