/**
 * Which pixel belongs to which digit? A small U-Net says for each pixel of a scene whether it is ground or one of ten digits. Scenes
 * are composed of MNIST's digits, 1 to 8 of them, half to twice their size; the test has other digits.
 */
import { crossEntropy, noGrad, stack, type Tensor, tensor } from 'nabla'
import { DataLoader, mnist } from 'nabla/data'
import { UNet } from 'nabla/models'
import { AdamW, OneCycleLR } from 'nabla/optim'
import { annotatedImages, barChart, learningCurves } from 'nabla/plot'
import type { Finder, Recipe } from 'nabla/recipe'
import { type ConfusionMatrix, Dice, MeanIoU } from 'nabla/train'
import { Scenes } from 'nabla/vision'

const SIDE = 96
export const CLASSES = 11
/** Ground, and a color for each digit. */
const colors = [
  '000000',
  '4477aa',
  'ee6677',
  '228833',
  'ccbb44',
  '66ccee',
  'aa3377',
  'bbbbbb',
  'ff9900',
  '99dd55',
  '9966ff',
].map((c) => [0, 2, 4].map((k) => Number.parseInt(c.slice(k, k + 2), 16) / 255))

/** Pictures, and the class of each pixel. */
export const examplesOf = (scenes: Scenes) =>
  scenes.dataset(({ mask, height, width }) =>
    tensor(Int32Array.from(mask), { shape: [height, width] }),
  )

/** Classes (H, W) as colors, (3, H, W). */
export function colored(classes: Tensor): Tensor {
  const [height, width] = classes.shape.slice(-2) as [number, number]
  const out = new Float32Array(3 * height * width)
  classes.toTypedArray().forEach((c, i) => {
    for (let k = 0; k < 3; k++) out[k * height * width + i] = colors[Number(c)]![k]!
  })
  return tensor(out, { shape: [3, height, width] })
}
/** A gray picture (1, H, W) as (3, H, W). */
export const gray = (t: Tensor): Tensor => t.clamp(0, 1).expand([3, ...t.shape.slice(1)])

/** What `nabla predict` says: the digit of each place, a dot for ground; every other row and column. */
export function placesOf(logits: Tensor) {
  const y = logits.argmax(1)
  const [height, width] = y.shape.slice(-2) as [number, number]
  const classes = [...y.toTypedArray()].map(Number)
  const rows = Array.from({ length: height / 2 }, (_, i) =>
    Array.from({ length: width / 2 }, (_, j) => {
      const c = classes[2 * i * width + 2 * j]!
      return c === 0 ? '.' : `${c - 1}`
    }).join(''),
  )
  return { found: { height, width, classes }, words: rows.join('\n') }
}

/** Intersection over union by class, as bars. */
export const classesChart = (matrix: ConfusionMatrix, title: string) =>
  barChart(
    Object.fromEntries(
      Array.from({ length: matrix.classes }, (_, c) => [
        c === 0 ? 'ground' : `${c - 1}`,
        matrix.iou(c),
      ]),
    ),
    { title, y: 'IoU' },
  )

/** Scenes of digits that were in no training. */
const unseen = (seed: number, length: number) =>
  new Scenes(mnist().test, { length, seed: seed + 1 })

const finder = {
  height: SIDE,
  width: SIDE,
  model: () => new UNet(1, CLASSES, { width: 8, depth: 4 }),
  example: (i) => unseen(1, 10_000).scene(i).pixels,
  find: (model, x) => placesOf(model.forward(x)),
} satisfies Finder<UNet>

export default {
  name: 'segmentation',
  about: 'a U-Net tells which digit each pixel of a scene of MNIST digits belongs to',
  defaults: { epochs: 8, batchSize: 16, lr: 0.005 },
  quick: { epochs: 1, limit: 128 },
  expect: { meanIoU: { atLeast: 0.85 } },
  finder,
  async run(s) {
    const { epochs, batchSize, lr, seed, limit } = s.options
    const { train } = mnist()
    const scenes = new Scenes(train, { length: 8000, seed })
    const loader = new DataLoader(s.limited(examplesOf(scenes)), {
      batchSize,
      shuffle: true,
      dropLast: true,
      seed,
    })
    const model = finder.model()
    const optimizer = new AdamW(model.parameters(), { lr, weightDecay: 1e-4 })
    const { history } = await s.train('U-Net', model, {
      data: loader,
      loss: (y, target) => crossEntropy(y, target),
      optimizer,
      accuracy: false,
      schedule: new OneCycleLR(optimizer, lr, {
        epochs,
        stepsPerEpoch: loader.length,
        pctStart: 0.15,
      }),
      scheduleEvery: 'step',
    })
    s.save(model)
    model.eval()
    const tests = unseen(seed, limit ? 16 : 400)
    const [iou, dice] = [new MeanIoU(), new Dice()]
    const shown: Tensor[] = []
    for (const [x, y] of new DataLoader(examplesOf(tests), { batchSize: 16 })) {
      const out = noGrad(() => model.forward(x!))
      for (const measure of [iou, dice]) measure.update(out, y!)
      if (shown.length === 0)
        for (let k = 0; k < 4; k++)
          shown.push(gray(x!.at(k)), colored(y!.at(k)), colored(out.at(k).argmax(0)))
    }
    await s.picture('loss.svg', learningCurves(history, { title: 'U-Net' }))
    await s.picture(
      'found.svg',
      annotatedImages(
        stack(shown),
        shown.map(() => []),
        {
          columns: 6,
          scale: 2,
          captions: shown.map((_, k) => ['scene', 'its digits', 'found'][k % 3]!),
        },
      ),
    )
    const matrix = iou.confusion()
    await s.picture('classes.svg', classesChart(matrix, 'intersection over union on test scenes'))
    return { meanIoU: iou.compute(), dice: dice.compute(), pixelAccuracy: matrix.accuracy() }
  },
} satisfies Recipe
