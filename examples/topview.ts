/**
 * What lies on the ground in front of a tilted camera, seen from above? Digits of MNIST lie on a plane; the camera sees those that are
 * far small, in a grainy picture. Without learning, the picture is laid on the ground (inverse perspective mapping); the network does so with
 * features and goes on from there (as Reiher, Lampe and Eckstein, 2020): it says for each place of the top view whether it is ground or one of
 * ten digits.
 */
import { concat, crossEntropy, manualSeed, noGrad, relu, stack, type Tensor, tensor } from 'nabla'
import { DataLoader, mnist } from 'nabla/data'
import { UNet } from 'nabla/models'
import { Conv2d, Module } from 'nabla/nn'
import { AdamW, OneCycleLR } from 'nabla/optim'
import { annotatedImages, learningCurves } from 'nabla/plot'
import type { Finder, Recipe } from 'nabla/recipe'
import { MeanIoU } from 'nabla/train'
import { GroundCamera, gaussianNoise, Scenes } from 'nabla/vision'
import { CLASSES, classesChart, colored, examplesOf, gray, placesOf } from './segmentation.js'

const SIDE = 64
const camera = new GroundCamera({ ground: [SIDE, SIDE] })
const [HEIGHT, WIDTH] = camera.picture
const grain = gaussianNoise(0.2)
/** Features of the camera's picture, laid on the ground, and a U-Net there. */
class TopView extends Module {
  first = new Conv2d(1, 8, 3, { padding: 1 })
  ground = new UNet(8, CLASSES, { width: 12, depth: 3 })
  override forward(x: Tensor): Tensor {
    return this.ground.forward(camera.topView(relu(this.first.forward(x))))
  }
}

const scenesOf = (part: 'train' | 'test', seed: number, length: number) =>
  new Scenes(mnist()[part], {
    ...{ height: SIDE, width: SIDE, count: [1, 5], scale: [0.8, 1.6] },
    ...{ length, seed },
  })
/** The picture that the camera takes. */
const taken = (ground: Tensor): Tensor => grain(camera.view(ground))

/** Intersection over union of what is not ground. */
const occupancy = (found: MeanIoU) => found.confusion().iou(1)

const finder = {
  height: HEIGHT,
  width: WIDTH,
  model: () => new TopView(),
  example(i) {
    const ground = tensor(scenesOf('test', 2, 10_000).scene(i).pixels, { shape: [1, SIDE, SIDE] })
    return camera.view(ground).toTypedArray() as Float32Array
  },
  find: (model, x) => placesOf(model.forward(x)),
} satisfies Finder<TopView>

export default {
  name: 'topview',
  about: 'what lies on the ground before a tilted camera, seen from above, against geometry alone',
  defaults: { epochs: 8, batchSize: 16, lr: 0.005 },
  quick: { epochs: 1, limit: 128 },
  expect: { iou: { atLeast: 0.8 }, gain: { atLeast: 0.03 }, meanIoU: { atLeast: 0.65 } },
  finder,
  async run(s) {
    const { epochs, batchSize, lr, seed, limit } = s.options
    const scenes = scenesOf('train', seed, 6000)
    const loader = new DataLoader(s.limited(examplesOf(scenes)), {
      batchSize,
      shuffle: true,
      dropLast: true,
      seed,
    })
    const model = finder.model()
    const optimizer = new AdamW(model.parameters(), { lr, weightDecay: 1e-4 })
    const { history } = await s.train('top view', model, {
      data: loader,
      loss: (y, target) => crossEntropy(y, target),
      optimizer,
      accuracy: false,
      // New grain at every step.
      transform: (ground: Tensor, y: Tensor) => [taken(ground), y],
      schedule: new OneCycleLR(optimizer, lr, {
        epochs,
        stepsPerEpoch: loader.length,
        pctStart: 0.15,
      }),
      scheduleEvery: 'step',
    })
    s.save(model)
    model.eval()
    await s.picture('loss.svg', learningCurves(history, { title: 'top view' }))

    // The grain of the test pictures does not depend on the seed of the run.
    manualSeed(7)
    const occupied = (y: Tensor) => y.gt(0).to('int32')
    // Geometry alone, with the bound that does best on training scenes.
    const known: [laid: Tensor, y: Tensor][] = []
    for (const [x, y] of new DataLoader(examplesOf(scenesOf('train', seed, limit ? 16 : 200)), {
      batchSize: 16,
    }))
      known.push([camera.topView(taken(x!)), occupied(y!)])
    const bounds = Array.from({ length: 13 }, (_, k) => 0.2 + 0.05 * k)
    const reached = bounds.map((bound) => {
      const measure = new MeanIoU()
      for (const [laid, y] of known) measure.update(asLogits(laid, bound), y)
      return occupancy(measure)
    })
    const bound = bounds[reached.indexOf(Math.max(...reached))]!

    const [classes, own, geometry] = [new MeanIoU(), new MeanIoU(), new MeanIoU()]
    // The near and the far half.
    const halves = [0, 1].map(() => [new MeanIoU(), new MeanIoU()] as const)
    const shown: Tensor[] = []
    const tests = scenesOf('test', seed + 1, limit ? 16 : 400)
    for (const [ground, y] of new DataLoader(examplesOf(tests), { batchSize: 16 })) {
      const x = taken(ground!)
      const out = noGrad(() => model.forward(x))
      const found = out.argmax(1, { keepdim: true })
      const mine = asLogits(found, 0)
      const laid = camera.topView(x)
      const theirs = asLogits(laid, bound)
      classes.update(out, y!)
      own.update(mine, occupied(y!))
      geometry.update(theirs, occupied(y!))
      for (const [k, [a, b]] of halves.entries()) {
        const half = (t: Tensor, axis: number) => t.narrow(axis, (k * SIDE) / 2, SIDE / 2)
        a.update(half(mine, 2), half(occupied(y!), 1))
        b.update(half(theirs, 2), half(occupied(y!), 1))
      }
      for (let k = 0; shown.length < 16; k++)
        shown.push(
          gray(x.at(k).narrow(2, (WIDTH - SIDE) / 2, SIDE)),
          gray(laid.at(k)),
          colored(found.at(k)),
          colored(y!.at(k)),
        )
    }
    const iou = occupancy(own)
    const without = occupancy(geometry)
    s.say(`\nintersection over union of ${tests.length} test scenes, what is occupied`)
    const line = (what: string, a: number, b: number) =>
      s.say(`  ${what.padEnd(10)} network ${a.toFixed(3)}   geometry alone ${b.toFixed(3)}`)
    line('all', iou, without)
    for (const [k, what] of ['far half', 'near half'].entries())
      line(what, occupancy(halves[k]![0]), occupancy(halves[k]![1]))
    await s.picture(
      'found.svg',
      annotatedImages(
        stack(shown),
        shown.map(() => []),
        {
          columns: 8,
          scale: 2,
          captions: shown.map(
            (_, k) => ['camera', 'laid on the ground', 'network', 'truth'][k % 4]!,
          ),
        },
      ),
    )
    await s.picture(
      'classes.svg',
      classesChart(classes.confusion(), 'intersection over union by class'),
    )
    return { iou, geometry: without, gain: iou - without, meanIoU: classes.compute() }
  },
} satisfies Recipe

/** Occupied where it is above the bound, as two classes (N, 2, h, w). */
function asLogits(x: Tensor, bound: number): Tensor {
  const above = x.gt(bound).to('float32')
  return concat([above.neg(), above], 1)
}
