/**
 * Where is which digit? A network without anchors (CenterNet) says for each place how much it is the center of a digit, and how far
 * the sides of its box are. Scenes are composed of MNIST's digits, 1 to 8 of them, half to twice their size; the test has other
 * digits. Measured as COCO does.
 */
import { noGrad } from 'nabla'
import { DataLoader, mnist } from 'nabla/data'
import { CenterNet, centerNetLoss, centerNetTargets, type Detected } from 'nabla/models'
import { AdamW, OneCycleLR } from 'nabla/optim'
import { annotatedImages, barChart, learningCurves } from 'nabla/plot'
import type { Finder, Recipe, Session } from 'nabla/recipe'
import { MeanAveragePrecision, type Scene, Scenes, stackPictures } from 'nabla/vision'

const SIDE = 96
export const CLASSES = 10

/** A detector that has learned from scenes, for the recipe of tracking too. */
export async function trainedDetector(s: Session, scenes: Scenes): Promise<CenterNet> {
  const { epochs, batchSize, lr, seed } = s.options
  const loader = new DataLoader(
    s.limited(scenes.dataset((scene) => centerNetTargets(scene, CLASSES, scene))),
    { batchSize, shuffle: true, dropLast: true, seed },
  )
  const model = new CenterNet({ classes: CLASSES })
  const optimizer = new AdamW(model.parameters(), { lr, weightDecay: 1e-4 })
  const stepsPerEpoch = loader.length
  const { history } = await s.train('detector', model, {
    data: loader,
    loss: (y, target) => centerNetLoss(y, target),
    optimizer,
    clipNorm: 10,
    schedule: new OneCycleLR(optimizer, lr, { epochs, stepsPerEpoch, pctStart: 0.15 }),
    scheduleEvery: 'step',
  })
  await s.picture('loss.svg', learningCurves(history, { title: 'detector' }))
  return model
}

/** Scenes of digits that were in no training. */
const unseen = (seed: number, length = 500) => new Scenes(mnist().test, { length, seed: seed + 1 })

const finder = {
  height: SIDE,
  width: SIDE,
  model: () => new CenterNet({ classes: CLASSES }),
  example: (i) => unseen(1, 10_000).scene(i).pixels,
  find(model, x) {
    const [{ boxes, labels, scores }] = model.detect(model.forward(x), { minScore: 0.3 }) as [
      Detected,
    ]
    const line = (box: number[], i: number) =>
      `${labels[i]}  ${`${(100 * scores[i]!).toFixed(0)} %`.padStart(5)}  ${box.map((v) => v.toFixed(1).padStart(5)).join(' ')}`
    const words = boxes.length > 0 ? boxes.map(line).join('\n') : 'nothing was found'
    return { found: { boxes, labels, scores }, words }
  },
} satisfies Finder<CenterNet>

export default {
  name: 'detection',
  about: 'finds digits of MNIST in scenes of up to eight: a heat map of centers, and boxes',
  defaults: { epochs: 8, batchSize: 16, lr: 0.003 },
  quick: { epochs: 1, limit: 256 },
  expect: { map50: { atLeast: 0.9 }, map: { atLeast: 0.6 } },
  finder,
  async run(s) {
    const { seed, limit } = s.options
    const model = await trainedDetector(s, new Scenes(mnist().train, { length: 8000, seed }))
    s.save(model)
    model.eval()
    const tests = unseen(seed, limit ? 32 : 500)
    const measure = new MeanAveragePrecision()
    const shown: { scene: Scene; found: Detected }[] = []
    for (let i = 0; i < tests.length; i += 32) {
      const part = Array.from({ length: Math.min(32, tests.length - i) }, (_, k) =>
        tests.scene(i + k),
      )
      const found = model.detect(noGrad(() => model.forward(stackPictures(part))))
      measure.update(found, part)
      if (i === 0) shown.push(...part.slice(0, 12).map((scene, k) => ({ scene, found: found[k]! })))
    }
    const { map, map50, map75, mar, byClass } = measure.compute()
    await s.picture(
      'found.svg',
      annotatedImages(
        stackPictures(shown.map((e) => e.scene)),
        shown.map(({ scene, found }) => [
          ...scene.boxes.map((box) => ({ box, color: '#888', dashed: true })),
          ...found.boxes.flatMap((box, k) =>
            found.scores[k]! < 0.3
              ? []
              : [
                  {
                    box,
                    color: found.labels[k]!,
                    label: `${found.labels[k]} ${(100 * found.scores[k]!).toFixed(0)} %`,
                  },
                ],
          ),
        ]),
        { columns: 4, scale: 2.5, title: 'digits that were found, and where they are (dashed)' },
      ),
    )
    await s.picture(
      'classes.svg',
      barChart(Object.fromEntries([...byClass].map(([c, ap]) => [`${c}`, ap])), {
        title: 'average precision, IoU 0.5 to 0.95',
        y: 'average precision',
      }),
    )
    return { map, map50, map75, mar }
  },
} satisfies Recipe
