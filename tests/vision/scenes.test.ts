/** Scenes: what they promise of boxes, sizes and overlaps, and that they follow from their seed. */
import { mnist } from 'nabla/data'
import { CenterNet, centerNetLoss, centerNetTargets } from 'nabla/models'
import { Scenes } from 'nabla/vision'
import { gradients, manualSeed, stack, tensor, zeros } from 'nabla'
import { describe, expect, test } from 'vitest'

const iou = (a: number[], b: number[]) => {
  const [w, h] = [0, 1].map((k) => Math.min(a[k + 2]!, b[k + 2]!) - Math.max(a[k]!, b[k]!)) as [
    number,
    number,
  ]
  const inner = Math.max(0, w) * Math.max(0, h)
  const area = (c: number[]) => (c[2]! - c[0]!) * (c[3]! - c[1]!)
  return inner / (area(a) + area(b) - inner)
}

describe('scenes of digits', () => {
  const { train } = mnist()
  const options = { length: 60, seed: 5 }
  const scenes = new Scenes(train, options)
  const all = Array.from({ length: scenes.length }, (_, i) => scenes.scene(i))
  test('one to eight things, inside, apart, in all numbers', () => {
    const counts = new Set<number>()
    for (const { boxes, labels } of all) {
      counts.add(boxes.length)
      expect(labels.length).toBe(boxes.length)
      boxes.forEach((box, i) => {
        const [x1, y1, x2, y2] = box as [number, number, number, number]
        expect(x1 >= 0 && y1 >= 0 && x2 <= 96 && y2 <= 96 && x1 < x2 && y1 < y2).toBe(true)
        for (const other of boxes.slice(0, i)) expect(iou(box, other)).toBeLessThanOrEqual(0.3)
      })
    }
    expect([...counts].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    const sides = all.flatMap((s) => s.boxes.map((b) => b[3]! - b[1]!))
    expect(Math.min(...sides)).toBeLessThan(12)
    expect(Math.max(...sides)).toBeGreaterThan(36)
  })
  test('ink lies in the boxes, and reaches their sides', () => {
    for (const { boxes, pixels, mask, labels } of all) {
      const within = (at: number, by: number) =>
        boxes.some(([x1, y1, x2, y2]) => {
          const [x, y] = [(at % 96) + 0.5, Math.floor(at / 96) + 0.5]
          return x > x1! - by && y > y1! - by && x < x2! + by && y < y2! + by
        })
      const wrong = [...pixels].filter(
        (v, at) =>
          !(v >= 0 && v <= 1.000001) ||
          (v > 0.5 && !within(at, 2.1)) ||
          (mask[at]! > 0 && (v < 0.4999 || !labels.includes(mask[at]! - 1))),
      )
      expect(wrong).toEqual([])
    }
    const alone = new Scenes(train, { ...options, count: [1, 1], scale: [1, 2] })
    for (let i = 0; i < 30; i++) {
      const { boxes, pixels } = alone.scene(i)
      const inked = [...pixels.keys()].filter((at) => pixels[at]! > 0.25)
      const xs = inked.map((at) => at % 96)
      const ys = inked.map((at) => Math.floor(at / 96))
      const ends = [Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1]
      ends.forEach((v, k) => {
        expect(Math.abs(v - boxes[0]![k]!)).toBeLessThan(2.1)
      })
    }
  })
  test('a scene follows from its seed and number', () => {
    expect(new Scenes(train, options).scene(7)).toEqual(all[7])
    expect(new Scenes(train, { ...options, seed: 6 }).scene(7)).not.toEqual(all[7])
    expect(all[8]).not.toEqual(all[7])
  })
  test('in a film things stay inside, keep their numbers, and move evenly', () => {
    const film = scenes.film(3, 40, 4)
    expect(scenes.film(3, 40, 4)).toEqual(film)
    film.forEach((frame, k) => {
      expect(frame.ids).toEqual(film[0]!.ids)
      for (const [x1, y1, x2, y2] of frame.boxes) {
        expect(Math.min(x1!, y1!)).toBeGreaterThanOrEqual(-1e-9)
        expect(Math.max(x2!, y2!)).toBeLessThanOrEqual(96 + 1e-9)
      }
      if (k > 0)
        frame.boxes.forEach((box, i) => {
          expect(Math.abs(box[0]! - film[k - 1]!.boxes[i]![0]!)).toBeLessThanOrEqual(4 + 1e-9)
        })
    })
  })
  test('bad options', () => {
    for (const [bad, rule] of [
      [{ count: [3, 1] }, 'count'],
      [{ scale: [0, 1] }, 'scale'],
      [{ overlap: 2 }, 'overlap'],
      [{ height: 0 }, 'height'],
      [{ seed: -1 }, 'seed'],
      [{ sizes: 1 }, 'sizes'],
    ] as const)
      expect(() => new Scenes(train, bad as never)).toThrow(rule)
    expect(() => scenes.scene(60)).toThrow('from 0 to 59')
    expect(() => new Scenes(train.subset([]))).toThrow('pictures to compose of')
  })
})

describe('CenterNet', () => {
  const picture = { height: 64, width: 96 }
  const truth = {
    boxes: [
      [4, 6, 22, 40],
      [30, 8, 41, 21],
      [60, 20, 95, 63],
    ],
    labels: [2, 0, 2],
  }
  test('what its targets say is what it finds', () => {
    const target = centerNetTargets(truth, 3, picture)
    expect(target.shape).toEqual([8, 16, 24])
    // The output that says exactly this: logits of the heat, logarithms of distances.
    const [h, w] = [16, 24]
    const t = target.toTypedArray() as Float32Array
    const out = new Float32Array(7 * h * w)
    for (let i = 0; i < h * w; i++) {
      for (let c = 0; c < 3; c++) out[c * h * w + i] = t[c * h * w + i]! === 1 ? 9 : -9
      const [x, y] = [((i % w) + 0.5) * 4, (Math.floor(i / w) + 0.5) * 4]
      ;[0, 1, 2, 3].forEach((k) => {
        const d = (k < 2 ? -1 : 1) * (t[(3 + k) * h * w + i]! - (k % 2 ? y : x))
        out[(3 + k) * h * w + i] = Math.log(Math.max(d, 1e-3) / 4)
      })
    }
    const model = new CenterNet({ classes: 3, width: 4 })
    const output = tensor(out, { shape: [1, 7, h, w] })
    const [found] = model.detect(output)
    const order = truth.labels.map((label, i) =>
      found!.boxes.findIndex(
        (b, k) => found!.labels[k] === label && iou(b, truth.boxes[i]!) > 0.99,
      ),
    )
    expect([...order].sort()).toEqual([0, 1, 2])
    const loss = centerNetLoss(output, stack([target])).item()
    expect(loss).toBeLessThan(0.01)
    const worse = tensor(
      out.map((v, i) => (i < 3 * h * w ? v : v + 0.5)),
      { shape: [1, 7, h, w] },
    )
    expect(centerNetLoss(worse, stack([target])).item()).toBeGreaterThan(loss + 0.5)
  })
  test('it learns a picture', () => {
    manualSeed(2)
    const model = new CenterNet({ classes: 3, width: 4 })
    const x = zeros([1, 1, 64, 96])
    const y = stack([centerNetTargets(truth, 3, picture)])
    const loss = centerNetLoss(model.forward(x), y)
    expect(Number.isFinite(loss.item())).toBe(true)
    for (const g of gradients([loss], model.parameters()))
      expect(g!.toTypedArray().every((v) => Number.isFinite(v))).toBe(true)
  })
  test('no object: only the heat map counts', () => {
    const y = stack([centerNetTargets({ boxes: [], labels: [] }, 3, picture)])
    const loss = centerNetLoss(zeros([1, 7, 16, 24]).sub(9), y).item()
    expect(loss).toBeGreaterThanOrEqual(0)
    expect(loss).toBeLessThan(1e-3)
  })
  test('boxes outside of the picture, without area, of unknown classes: errors', () => {
    const of =
      (box: number[], label = 0) =>
      () =>
        centerNetTargets({ boxes: [box], labels: [label] }, 3, picture)
    expect(of([0, 0, 97, 10])).toThrow(
      'inside of the picture, 96 wide and 64 high; got [0, 0, 97, 10] for box 0',
    )
    expect(of([-1, 0, 9, 10])).toThrow('inside of the picture')
    expect(of([5, 5, 5, 9])).toThrow('boxes have an area')
    expect(of([5, 5, 6, 9], 3)).toThrow('labels lie from 0 to 2')
    expect(() => centerNetTargets(truth, 3, { height: 60, width: 96 })).toThrow('multiples of 32')
    expect(() => new CenterNet().forward(zeros([1, 1, 40, 64]))).toThrow('sides that 32 divides')
    expect(() => new CenterNet().detect(zeros([1, 3, 4, 4]))).toThrow('(N, 14, h, w)')
  })
})
