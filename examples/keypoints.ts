/**
 * Where does each stroke begin, and where does it end? A U-Net says it of Chinese characters by two heat maps. Strokes and their middle
 * lines are those of the npm package hanzi-writer-data; the test has other characters.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { assign, FileError, noGrad, type Tensor, tensor } from 'nabla'
import { DataLoader } from 'nabla/data'
import { heatMapLoss, UNet } from 'nabla/models'
import { AdamW, OneCycleLR } from 'nabla/optim'
import { annotatedImages, learningCurves } from 'nabla/plot'
import type { Finder, Recipe } from 'nabla/recipe'
import {
  heatMapPeaks,
  keypointHeatMaps,
  matchPoints,
  type Point,
  stackPictures,
} from 'nabla/vision'

const SIDE = 64
/** A point is found if it lies within a twentieth of the side. */
const NEAR = SIDE / 20

interface Character {
  pixels: Float32Array
  /** Where strokes begin, and where they end. */
  ends: [Point[], Point[]]
}

/** Characters of up to ten strokes, every tenth for the test. */
function characters(test: boolean, most: number): Character[] {
  let folder: string
  try {
    folder = dirname(createRequire(import.meta.url).resolve('hanzi-writer-data/package.json'))
  } catch {
    throw new FileError({
      op: 'keypoints',
      rule: 'the strokes must be there',
      got: 'no package hanzi-writer-data',
      fix: 'npm install hanzi-writer-data',
    })
  }
  const files = readdirSync(folder)
    .filter((f) => /^\p{Script=Han}\.json$/u.test(f))
    .sort()
    .filter((_, i) => (i % 10 === 9) === test)
  const made: Character[] = []
  // All over the list, which is in the order of the code points.
  for (let k = 0; made.length < most && k < files.length; k++) {
    const file = files[(k * 7919) % files.length]!
    const { strokes, medians } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
      strokes: string[]
      medians: Point[][]
    }
    if (medians.length <= 10) made.push(drawn(strokes, medians))
  }
  return made
}

/** The package counts 1024 to a side, y from 900 down. */
const placed = ([x, y]: Point): Point => [(x * SIDE) / 1024, ((900 - y) * SIDE) / 1024]
const inside = ([x, y]: Point): Point => [
  Math.min(SIDE, Math.max(0, x)),
  Math.min(SIDE, Math.max(0, y)),
]

function drawn(strokes: readonly string[], medians: readonly (readonly Point[])[]): Character {
  const pixels = new Float32Array(SIDE * SIDE)
  for (const stroke of strokes) fill(outline(stroke), pixels)
  const end = (at: number) => medians.map((m) => inside(placed(m.at(at)!)))
  return { pixels, ends: [end(0), end(-1)] }
}

/** The corners of an SVG path of lines and Bézier curves. */
function outline(path: string): Point[] {
  const points: Point[] = []
  for (const [, command, numbers] of path.matchAll(/([MLQCZ])([^MLQCZ]*)/g)) {
    const list = numbers!
      .trim()
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(Number)
    const given = Array.from(
      { length: list.length / 2 },
      (_, i): Point => placed([list[2 * i]!, list[2 * i + 1]!]),
    )
    if (command === 'M' || command === 'L') points.push(...given)
    else if (command !== 'Z') {
      const controls = [points.at(-1)!, ...given]
      for (let k = 1; k <= 6; k++) {
        // De Casteljau: the points between neighbours, until one is left.
        let level: readonly Point[] = controls
        while (level.length > 1)
          level = level.slice(1).map(([x, y], i): Point => {
            const [u, v] = level[i]!
            return [u + ((x - u) * k) / 6, v + ((y - v) * k) / 6]
          })
        points.push(level[0]!)
      }
    }
  }
  return points
}

/** Fills a polygon: four rows to a pixel, each with the share of the pixel that lies between its crossings. */
function fill(corners: readonly Point[], pixels: Float32Array): void {
  const FINE = 4
  const ink = new Float32Array(SIDE * SIDE)
  for (let row = 0; row < SIDE * FINE; row++) {
    const y = (row + 0.5) / FINE
    const crossings: [x: number, turn: number][] = []
    corners.forEach(([x1, y1], i) => {
      const [x2, y2] = corners[(i + 1) % corners.length]!
      if (y1 <= y !== y2 <= y)
        crossings.push([x1 + ((y - y1) / (y2 - y1)) * (x2 - x1), y1 < y2 ? 1 : -1])
    })
    crossings.sort((a, b) => a[0] - b[0])
    let turns = 0
    crossings.forEach(([x, turn], i) => {
      turns += turn
      if (turns === 0) return
      const [from, to] = [Math.max(0, x), Math.min(SIDE, crossings[i + 1]?.[0] ?? x)]
      for (let j = Math.floor(from); j < to; j++)
        ink[Math.floor(y) * SIDE + j]! +=
          Math.max(0, Math.min(j + 1, to) - Math.max(j, from)) / FINE
    })
  }
  ink.forEach((v, i) => {
    pixels[i] = Math.max(pixels[i]!, Math.min(1, v))
  })
}

/** The points of each heat map of one picture. */
const pointsOf = (logits: Tensor): Point[][] =>
  heatMapPeaks(logits.sigmoid(), 0.3).map((peaks) => peaks.map((p): Point => [p.x, p.y]))

const finder = {
  height: SIDE,
  width: SIDE,
  model: () => new UNet(1, 2, { width: 8, depth: 3 }),
  example(i) {
    const list = characters(true, i + 1)
    if (list[i]) return list[i].pixels
    throw new FileError({
      op: 'predict',
      rule: `characters lie from 0 to ${list.length - 1}`,
      got: `${i}`,
    })
  },
  find(model, x) {
    const [begins, ends] = pointsOf(model.forward(x).at(0)) as [Point[], Point[]]
    const line = (what: string, list: Point[]) =>
      `${what}  ${list.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join('  ')}`
    return { found: { begins, ends }, words: `${line('begins', begins)}\n${line('ends  ', ends)}` }
  },
} satisfies Finder<UNet>

export default {
  name: 'keypoints',
  about: 'finds where the strokes of Chinese characters begin and end, by heat maps',
  defaults: { epochs: 5, batchSize: 16, lr: 0.01 },
  quick: { epochs: 1, limit: 128 },
  expect: { pck: { atLeast: 0.8 }, precision: { atLeast: 0.8 } },
  finder,
  async run(s) {
    const { epochs, batchSize, lr, seed, limit } = s.options
    const train = characters(false, limit ?? 3000)
    const examples = {
      length: train.length,
      get(i: number): Tensor[] {
        const { pixels, ends } = train[i]!
        return [
          tensor(pixels, { shape: [1, SIDE, SIDE] }),
          keypointHeatMaps(ends, { height: SIDE, width: SIDE }, 1),
        ]
      },
    }
    const loader = new DataLoader(examples, { batchSize, shuffle: true, dropLast: true, seed })
    const model = finder.model()
    // Few places are ends: a probability of 0.02 to begin with.
    noGrad(() => assign(model.outc.conv.bias, tensor([-4, -4])))
    const optimizer = new AdamW(model.parameters(), { lr, weightDecay: 1e-4 })
    const { history } = await s.train('U-Net', model, {
      data: loader,
      loss: (y, target) => heatMapLoss(y, target),
      optimizer,
      clipNorm: 10,
      schedule: new OneCycleLR(optimizer, lr, {
        epochs,
        stepsPerEpoch: loader.length,
        pctStart: 0.15,
      }),
      scheduleEvery: 'step',
    })
    s.save(model)
    model.eval()
    const tests = characters(true, limit ? 16 : 400)
    let [hits, real, seen] = [0, 0, 0]
    const shown: Point[][][] = []
    tests.forEach(({ pixels, ends }, i) => {
      const x = tensor(pixels, { shape: [1, 1, SIDE, SIDE] })
      const found = pointsOf(noGrad(() => model.forward(x)).at(0))
      if (i < 12) shown.push(found)
      ends.forEach((points, c) => {
        hits += matchPoints(points, found[c]!, NEAR).length
        real += points.length
        seen += found[c]!.length
      })
    })
    await s.picture('loss.svg', learningCurves(history, { title: 'U-Net' }))
    await s.picture(
      'found.svg',
      annotatedImages(
        stackPictures(
          tests.slice(0, 12).map(({ pixels }) => ({ pixels, height: SIDE, width: SIDE })),
        ),
        shown.map(([begins, ends]) => [
          ...begins!.map((p) => ({ points: [p], color: '#2c2' })),
          ...ends!.map((p) => ({ points: [p], color: '#f33' })),
        ]),
        { columns: 4, scale: 3.5, title: 'where strokes begin (green) and end (red)' },
      ),
    )
    return { pck: hits / real, precision: seen > 0 ? hits / seen : 0 }
  },
} satisfies Recipe
