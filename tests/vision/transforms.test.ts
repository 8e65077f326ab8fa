import {
  availableBackends,
  compile,
  gradients,
  manualSeed,
  noGrad,
  setBackend,
  type Tensor,
  tensor,
} from 'nabla'
import * as vision from 'nabla/vision'
import { afterEach, describe, expect, test } from 'vitest'
import { expectClose, golden, revive } from '../golden/fixture.js'
import { random } from '../laws/make.js'

type Transform = vision.Transform

/** Pictures of even noise. */
function pictures(shape: number[], seed = 1): Tensor {
  const next = random(seed)
  return tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next), { shape })
}

interface Row {
  /** At full strength. */
  make: () => Transform
  /** At zero strength: nothing changes. */
  none?: () => Transform
  /** What (C, H, W) becomes; the same when not given. */
  shape?: (s: number[]) => number[]
  random?: boolean
  /** How far numbers may lie from what they should be, where it computes between pixels. */
  within?: number
}
const to = (h: number, w: number) => (s: number[]) => [s[0]!, h, w]

/** Every transform, with its strength at full and at nothing. */
const table: Record<string, Row> = {
  normalize: {
    make: () => vision.normalize([0.5, 0.4, 0.3], [0.2, 0.3, 0.4]),
    none: () => vision.normalize([0, 0, 0], [1, 1, 1]),
  },
  adjustBrightness: {
    make: () => (x) => vision.adjustBrightness(x, 1.4),
    none: () => (x) => vision.adjustBrightness(x, 1),
  },
  adjustContrast: {
    make: () => (x) => vision.adjustContrast(x, 0.3),
    none: () => (x) => vision.adjustContrast(x, 1),
  },
  adjustSaturation: {
    make: () => (x) => vision.adjustSaturation(x, 2),
    none: () => (x) => vision.adjustSaturation(x, 1),
  },
  adjustHue: {
    make: () => (x) => vision.adjustHue(x, 0.3),
    none: () => (x) => vision.adjustHue(x, 0),
    within: 1e-6,
  },
  grayscale: { make: () => vision.grayscale },
  randomGrayscale: {
    make: () => vision.randomGrayscale(0.5),
    none: () => vision.randomGrayscale(0),
    random: true,
  },
  colorJitter: {
    make: () =>
      vision.colorJitter({ brightness: 0.4, contrast: [0.5, 2], saturation: 0.4, hue: 0.2 }),
    none: () => vision.colorJitter({ brightness: 0, contrast: 0, saturation: 0, hue: 0 }),
    random: true,
    within: 1e-6,
  },
  affine: {
    make: () => (x) =>
      vision.affine(
        x,
        { angle: 20, translate: [1, -2], scale: 1.3, shear: [10, 5] },
        { fill: 0.5 },
      ),
    none: () => (x) => vision.affine(x, {}),
    within: 1e-6,
  },
  rotate: {
    make: () => (x) => vision.rotate(x, 33, { mode: 'nearest' }),
    none: () => (x) => vision.rotate(x, 0),
    within: 1e-6,
  },
  randomRotation: {
    make: () => vision.randomRotation(40),
    none: () => vision.randomRotation(0),
    random: true,
    within: 1e-6,
  },
  randomAffine: {
    make: () =>
      vision.randomAffine({ degrees: 20, translate: [0.2, 0.3], scale: [0.7, 1.3], shear: 10 }),
    none: () => vision.randomAffine({ translate: [0, 0], scale: [1, 1], shear: 0 }),
    random: true,
    within: 1e-6,
  },
  hflip: { make: () => vision.hflip },
  vflip: { make: () => vision.vflip },
  randomHorizontalFlip: {
    make: () => vision.randomHorizontalFlip(),
    none: () => vision.randomHorizontalFlip(0),
    random: true,
  },
  randomVerticalFlip: {
    make: () => vision.randomVerticalFlip(),
    none: () => vision.randomVerticalFlip(0),
    random: true,
  },
  randomApply: {
    make: () => vision.randomApply((x) => x.mul(0.5), 0.5),
    none: () => vision.randomApply((x) => x.mul(0.5), 0),
    random: true,
  },
  crop: { make: () => (x) => vision.crop(x, 1, 2, 5, 4), shape: to(5, 4) },
  centerCrop: {
    make: () => vision.centerCrop([5, 4]),
    none: () => vision.centerCrop([8, 9]),
    shape: to(5, 4),
  },
  randomCrop: {
    make: () => vision.randomCrop([8, 9], { padding: 3, fill: 0.2 }),
    none: () => vision.randomCrop([8, 9]),
    random: true,
  },
  randomResizedCrop: {
    make: () => vision.randomResizedCrop([6, 5]),
    none: () => vision.randomResizedCrop([8, 9], { scale: [1, 1], ratio: [9 / 8, 9 / 8] }),
    shape: to(6, 5),
    random: true,
    within: 1e-5,
  },
  resize: {
    make: () => vision.resize([5, 12]),
    none: () => vision.resize([8, 9]),
    shape: to(5, 12),
  },
  gaussianNoise: {
    make: () => vision.gaussianNoise(0.3),
    none: () => vision.gaussianNoise(0),
    random: true,
  },
  randomErasing: {
    make: () => vision.randomErasing({ p: 1 }),
    none: () => vision.randomErasing({ p: 0 }),
    random: true,
  },
  cutout: { make: () => vision.cutout(4), none: () => vision.cutout(0), random: true },
  compose: {
    make: () => vision.compose(vision.randomRotation(20), vision.gaussianNoise(0.1)),
    none: () => vision.compose(),
    random: true,
    within: 1e-6,
  },
}
const rows = Object.entries(table).map(([name, row]) => ({ name, ...row }))
/** Boxes, scenes and measures: boxes.test.ts, measures.test.ts, scenes.test.ts and camera.test.ts. */
const things =
  'batchedNms boxArea boxConvert boxIou clipBoxesToImage generalizedBoxIou generalizedBoxIouLoss nms removeSmallBoxes linearSumAssignment MeanAveragePrecision keypointHeatMaps heatMapPeaks matchPoints pck GroundCamera warpPerspective Scenes stackPictures Tracker TrackingMeasure'
const others =
  `${things} peakSignalNoiseRatio affineGrid gridSample mixup cutmix fromImage toPng readImage writePng fromPixels loadImage toCanvas toPixels`.split(
    ' ',
  )

test('every name of nabla/vision is in the table, or has tests of its own', () => {
  expect(Object.keys(vision).sort()).toEqual([...Object.keys(table), ...others].sort())
})

const run = (f: Transform, x: Tensor, seed = 5) => {
  manualSeed(seed)
  return noGrad(() => f(x))
}

const first = availableBackends()[0]!
afterEach(() => setBackend(first))

describe.each(rows)('$name', ({ make, none, shape, random: drawn, within = 0 }) => {
  const size = [4, 3, 8, 9]
  const want = shape ? [4, ...shape(size.slice(1))] : size

  test('shapes, finite numbers, the same bits for the same seed', () => {
    const x = pictures(size)
    const y = run(make(), x)
    expect(y.shape).toEqual(want)
    expect([...y.toTypedArray()].every(Number.isFinite)).toBe(true)
    expect(run(make(), x).toArray()).toEqual(y.toArray())
    if (drawn) expect(run(make(), x, 6).toArray()).not.toEqual(y.toArray())
    // It does something.
    if (!shape) expect(y.toArray()).not.toEqual(x.toArray())
  })

  if (none)
    test('zero strength changes nothing', () => {
      const x = pictures(size)
      expectClose(run(none(), x), x, within)
    })

  test('one picture is a batch of one; a batch is its pictures', () => {
    const x = pictures(size)
    const one = run(make(), x.select(0, 1))
    expect(one.shape).toEqual(want.slice(1))
    expectClose(run(make(), x.narrow(0, 1, 1)).squeeze(0), one, 1e-6)
    if (!drawn) expectClose(run(make(), x).select(0, 1), one, 1e-6)
  })

  test('compiled is eager, on every backend', () => {
    const out = availableBackends().map((name) => {
      setBackend(name)
      const x = pictures(size)
      const eager = run(make(), x)
      const f = make()
      const compiled = compile((t: Tensor) => f(t))
      expectClose(
        run((t) => compiled(t), x),
        eager,
        1e-5,
        `compiled on ${name}`,
      )
      return eager
    })
    // Where an angle is rounded otherwise, a nearest pixel may be another one: few of them.
    for (const y of out.slice(1)) {
      const [a, b] = [y.toTypedArray(), out[0]!.toTypedArray()]
      const far = [...a].filter((v, i) => Math.abs(Number(v) - Number(b[i])) > 1e-4)
      expect(far.length).toBeLessThanOrEqual(a.length / 100)
    }
  })
})

describe("PyTorch's numbers", () => {
  const cases = golden('vision').map((c, i) => ({ ...c, i, title: JSON.stringify(c.args) }))
  test.each(cases)('$i $name $title', (c) => {
    const { name, args, inputs, out, ct, grads } = revive(c) as unknown as {
      name: string
      args: unknown[]
      inputs: Tensor[]
      out: Tensor
      ct?: Tensor
      grads?: Tensor[]
    }
    for (const t of inputs) t.requiresGrad = true
    const functions: Record<string, () => Tensor> = {
      affineGrid: () => vision.affineGrid(inputs[0]!, args[0] as number[], args[1] as object),
      gridSample: () => vision.gridSample(inputs[0]!, inputs[1]!, args[0] as object),
      resize: () => vision.resize(args[0] as [number, number], args[1] as object)(inputs[0]!),
      affine: () => vision.affine(inputs[0]!, args[0] as vision.AffineParameters),
    }
    const y = functions[name]!()
    expectClose(y, out, 1e-4)
    if (ct)
      gradients(y, inputs, [ct]).forEach((g, i) => {
        expectClose(g ?? inputs[i]!.mul(0), grads![i]!, 1e-3, `gradient ${i}`)
      })
  })
})

describe('what laws cannot say', () => {
  const x = tensor([
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
  ])
  const rounded = (t: Tensor) => [...t.toTypedArray()].map((v) => Math.round(Number(v) * 1e4) / 1e4)

  test('a quarter turn counter-clockwise, a move by pixels', () => {
    const square = tensor([
      [
        [1, 2],
        [3, 4],
      ],
    ])
    expect(rounded(vision.rotate(square, 90))).toEqual([2, 4, 1, 3])
    expect(rounded(vision.affine(x, { translate: [1, 0] }, { fill: 9 }))).toEqual([
      9, 1, 2, 9, 4, 5,
    ])
  })

  test('crops and erased boxes are parts of the picture', () => {
    const parts = run(vision.randomCrop(1), pictures([64, 1, 2, 2], 3))
    const all = pictures([64, 1, 2, 2], 3).toArray() as number[][][][]
    const places = (parts.toArray() as number[][][][]).map((p, i) =>
      all[i]![0]!.flat().indexOf(p[0]![0]![0]!),
    )
    expect(new Set(places)).toEqual(new Set([0, 1, 2, 3]))
    const ones = pictures([64, 1, 20, 20]).mul(0).add(1)
    const holes = run(vision.randomErasing({ p: 0.5, scale: [0.1, 0.1], ratio: [1, 1] }), ones)
    const gone = (holes.mean([1, 2, 3]).toArray() as number[]).map((m) => Math.round((1 - m) * 400))
    // √(400 · 0.1) = 6.3, rounded.
    expect(new Set(gone)).toEqual(new Set([0, 36]))
    const cut = run(vision.cutout(6), ones).mean([1, 2, 3]).toArray() as number[]
    for (const m of cut) expect(Math.round((1 - m) * 400)).toBeLessThanOrEqual(36)
    expect(Math.min(...cut)).toBeCloseTo(1 - 36 / 400, 5)
  })

  test('colors: known values', () => {
    const red = tensor([[[1]], [[0]], [[0]]])
    expect(rounded(vision.adjustHue(red, 1 / 3))).toEqual([0, 1, 0])
    expect(rounded(vision.adjustHue(red, -1 / 3))).toEqual([0, 0, 1])
    expect(rounded(vision.adjustSaturation(red, 0))).toEqual([0.2989, 0.2989, 0.2989])
    expect(rounded(vision.adjustContrast(x.div(10), 0))).toEqual(new Array(6).fill(0.35))
  })

  test('mixup and cutmix: labels by the parts', () => {
    const images = tensor(
      Float32Array.from({ length: 4 * 64 }, (_, i) => Math.floor(i / 64)),
      {
        shape: [4, 1, 8, 8],
      },
    )
    const labels = tensor(Int32Array.of(0, 1, 2, 3))
    const weights = tensor([0, 1, 2, 3])
    for (const make of [vision.mixup, vision.cutmix]) {
      const seen = new Set<number>()
      for (let seed = 0; seed < 12; seed++) {
        manualSeed(seed)
        const [mixed, y] = make({ alpha: 1, numClasses: 4 })(images, labels)
        expect(y.shape).toEqual([4, 4])
        expectClose(y.sum(1), tensor([1, 1, 1, 1]), 1e-6)
        // Pictures are as gray as their class: the mean of a picture is that of its labels.
        expectClose(mixed.mean([1, 2, 3]), y.mul(weights).sum(1), 1e-5)
        seen.add(Math.round((y.toTypedArray()[0] as number) * 1e4))
      }
      expect(seen.size).toBeGreaterThan(6)
      const [same, y] = make({ alpha: 0, numClasses: 4 })(images, labels)
      expect(same.toArray()).toEqual(images.toArray())
      expect(make({})(images, y)[1].shape).toEqual([4, 4])
      expect(() => make({})(images, labels)).toThrow('numClasses is needed')
      expect(() => make({ alpha: -1 })).toThrow('alpha must be a number from 0')
      const f = make({ alpha: 0.4, numClasses: 4 })
      const step = compile((a: Tensor, b: Tensor) => f(a, b))
      manualSeed(3)
      const eager = f(images, labels)
      manualSeed(3)
      step(images, labels).forEach((t, i) => {
        expectClose(t, eager[i]!, 1e-6)
      })
    }
  })

  test('λ has the moments of Beta(α, α)', () => {
    for (const alpha of [0.2, 1, 3]) {
      const mix = vision.mixup({ alpha })
      const pair = tensor([
        [1, 0],
        [0, 1],
      ])
      const step = compile((p: Tensor) => mix(p, p)[1])
      manualSeed(1)
      const draws = Array.from({ length: 3000 }, () => Number(step(pair).toTypedArray()[0]))
      const mean = draws.reduce((a, b) => a + b) / draws.length
      const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length
      expect(Math.abs(mean - 0.5)).toBeLessThan(0.03)
      // Variance of Beta(α, α): 1/(4(2α + 1)).
      expect(variance * 4 * (2 * alpha + 1)).toBeGreaterThan(0.92)
      expect(variance * 4 * (2 * alpha + 1)).toBeLessThan(1.08)
    }
  })

  test('pictures to PNG and back', () => {
    const p = tensor([
      [
        [0, 0.2],
        [0.4, 1],
      ],
      [
        [1, 0],
        [0.6, 0.8],
      ],
      [
        [0, 0],
        [0, 1],
      ],
    ])
    expectClose(vision.fromImage(vision.toPng(p)), p, 1e-6)
    expect(vision.fromImage(vision.toPng(tensor([[0, 1]])), 'RGB').shape).toEqual([3, 1, 2])
    expect(() => vision.toPng(tensor([1]))).toThrow('an image has shape (H, W) or (C, H, W)')
    expect(() => vision.readImage('/nowhere.png')).toThrow('there is no such file')
  })

  test.each([
    [() => vision.hflip(tensor([[1, 2]])), 'images have shape (C, H, W) or (N, C, H, W)'],
    [() => vision.hflip(tensor([[[true]]])), 'images are floats; got bool'],
    [() => vision.normalize([1], [1])(pictures([2, 3, 3])), 'images must have 1 channels'],
    [() => vision.normalize([1], [0]), 'a std above 0'],
    [() => vision.grayscale(pictures([2, 3, 3])), 'images must have 1 or 3 channels'],
    [() => vision.centerCrop(4)(pictures([1, 3, 3])), 'at least 4 x 4 pixels; got 3 x 3'],
    [() => vision.randomCrop(4)(pictures([1, 3, 3])), 'Pass padding, or resize them first'],
    [() => vision.resize(0), 'sides are whole numbers above 0'],
    [() => vision.colorJitter({ hue: 0.6 }), 'hue must lie from -0.5 to 0.5'],
    [() => vision.randomResizedCrop(3, { scale: [0.5, 2] }), 'scale goes up within (0, 1]'],
    [() => vision.cutout(1.5), 'size is a whole number'],
    [() => vision.gridSample(pictures([1, 2, 2]), pictures([1, 2, 2])), "grid (N, H', W', 2)"],
    [() => vision.affineGrid(pictures([1, 2, 2]), [1, 1, 2, 2]), 'theta has shape (N, 2, 3)'],
  ])('says what is wrong %#', (f, message) => {
    expect(f).toThrow(message)
  })
})
