/** Measures of detection, tracking and keypoints against their definitions, on cases that can be counted by hand. */
import { tensor, zeros } from 'nabla'
import {
  heatMapPeaks,
  keypointHeatMaps,
  matchPoints,
  MeanAveragePrecision,
  pck,
  type Point,
  Tracker,
  TrackingMeasure,
} from 'nabla/vision'
import { describe, expect, test } from 'vitest'
import { random } from '../laws/make.js'

/** A box of width 10 whose IoU with [0, 0, 10, 10] is `share`. */
const part = (share: number) => [0, 0, 10, 10 * share]
const whole = [0, 0, 10, 10]

describe('mean average precision', () => {
  const of = (...pictures: [found: [number[], number, number][], real: [number[], number][]][]) => {
    const measure = new MeanAveragePrecision()
    for (const [found, real] of pictures)
      measure.update(
        [
          {
            boxes: found.map((f) => f[0]),
            labels: found.map((f) => f[1]),
            scores: found.map((f) => f[2]),
          },
        ],
        [{ boxes: real.map((r) => r[0]), labels: real.map((r) => r[1]) }],
      )
    return measure.compute()
  }
  test('all found exactly is 1, nothing is 0', () => {
    expect(of([[[whole, 0, 0.4]], [[whole, 0]]])).toMatchObject({
      map: 1,
      map50: 1,
      map75: 1,
      mar: 1,
    })
    expect(of([[], [[whole, 0]]])).toMatchObject({ map: 0, map50: 0, mar: 0 })
  })
  test('an IoU of 0.72 counts for thresholds to 0.70', () => {
    const got = of([[[part(0.72), 0, 0.4]], [[whole, 0]]])
    expect(got.map).toBeCloseTo(0.5, 12)
    expect(got).toMatchObject({ map50: 1, map75: 0 })
  })
  test('a threshold that is met exactly counts', () => {
    expect(of([[[part(0.75), 0, 0.4]], [[whole, 0]]]).map75).toBe(1)
    expect(of([[[part(0.5), 0, 0.4]], [[whole, 0]]]).map50).toBe(1)
  })
  test('101 recalls: one of two found is 51 of 101, a false one above it halves precision', () => {
    const far = [50, 50, 60, 60]
    const two: [number[], number][] = [
      [whole, 0],
      [far, 0],
    ]
    expect(of([[[whole, 0, 0.9]], two]).map50).toBeCloseTo(51 / 101, 12)
    expect(
      of([
        [
          [[30, 0, 40, 10], 0, 0.95],
          [whole, 0, 0.9],
        ],
        two,
      ]).map50,
    ).toBeCloseTo(51 / 101 / 2, 12)
    // Right, false, right: precision 1 to recall 1/2, then 2/3.
    const got = of([
      [
        [whole, 0, 0.9],
        [[30, 0, 40, 10], 0, 0.8],
        [far, 0, 0.7],
      ],
      two,
    ])
    expect(got.map50).toBeCloseTo((51 + (50 * 2) / 3) / 101, 12)
  })
  test('an object is found once: the second box on it is false', () => {
    const got = of([
      [
        [whole, 0, 0.9],
        [part(0.9), 0, 0.8],
      ],
      [[whole, 0]],
    ])
    expect(got.map50).toBe(1)
    expect(
      of([
        [
          [part(0.9), 0, 0.95],
          [whole, 0, 0.9],
        ],
        [[whole, 0]],
      ]).map,
    ).toBeCloseTo(
      // To 0.90 the first is right; at 0.95 only the second, after a false one.
      (9 + 0.5) / 10,
      12,
    )
  })
  test('classes are apart, and those without objects do not count', () => {
    const got = of([[[whole, 1, 0.9]], [[whole, 0]]])
    expect(got.map).toBe(0)
    expect([...got.byClass.keys()]).toEqual([0])
    const both = of([
      [[whole, 1, 0.9]],
      [
        [whole, 0],
        [whole, 1],
      ],
    ])
    expect(both.map).toBeCloseTo(0.5, 12)
    expect([...both.byClass]).toEqual([
      [0, 0],
      [1, 1],
    ])
  })
  test('scores are compared over all pictures', () => {
    const miss: [number[], number, number] = [[30, 0, 40, 10], 0, 0.95]
    expect(of([[[whole, 0, 0.9]], [[whole, 0]]], [[miss], []]).map50).toBeCloseTo(0.5, 12)
    expect(of([[[whole, 0, 0.9]], [[whole, 0]]], [[[miss[0], 0, 0.1]], []]).map50).toBe(1)
  })
  test('only the first maxDetections of a picture count', () => {
    const measure = new MeanAveragePrecision({ maxDetections: 1 })
    measure.update(
      [{ boxes: [[30, 0, 40, 10], whole], labels: [0, 0], scores: [0.9, 0.8] }],
      [{ boxes: [whole], labels: [0] }],
    )
    expect(measure.compute().map).toBe(0)
  })
  test('no object at all is NaN', () => {
    expect(new MeanAveragePrecision().compute().map).toBeNaN()
    expect(of([[[whole, 0, 1]], []]).map).toBeNaN()
  })
  test('bad input is refused and nothing of it is counted', () => {
    const measure = new MeanAveragePrecision()
    const real = [{ boxes: tensor([whole]), labels: [0] }]
    const found = { boxes: [whole], labels: [0], scores: [1] }
    expect(() => measure.update([], real)).toThrow('for each picture; got 0 and 1')
    expect(() => measure.update([{ ...found, scores: [] }], real)).toThrow('one of the scores')
    expect(() =>
      measure.update([found, { ...found, boxes: [[1, 1, 0, 0]] }], [...real, ...real]),
    ).toThrow('x1 ≤ x2')
    expect(measure.compute().map).toBeNaN()
    expect(measure.update([found], real).compute().map).toBe(1)
    expect(() => new MeanAveragePrecision({ iouThresholds: [2] })).toThrow('iouThresholds')
  })
})

describe('tracking', () => {
  const frame = (...things: [id: number, x: number][]) => ({
    boxes: things.map(([, x]) => [x, 0, x + 4, 4]),
    ids: things.map(([id]) => id),
  })
  const measured = (...films: [ReturnType<typeof frame>[], ReturnType<typeof frame>[]][]) => {
    const measure = new TrackingMeasure()
    for (const [truth, found] of films) measure.add(truth, found)
    return measure.compute()
  }
  test('everything right', () => {
    const truth = [frame([1, 0], [2, 20]), frame([1, 1], [2, 19])]
    const found = [frame([8, 0], [9, 20]), frame([8, 1], [9, 19])]
    expect(measured([truth, found])).toMatchObject({ mota: 1, motp: 1, idf1: 1, switches: 0 })
  })
  test('two that exchange their numbers: two switches, half of the identities', () => {
    const truth = Array.from({ length: 4 }, () => frame([1, 0], [2, 20]))
    const found = truth.map((_, k) => (k < 2 ? frame([8, 0], [9, 20]) : frame([9, 0], [8, 20])))
    expect(measured([truth, found])).toMatchObject({ mota: 1 - 2 / 8, idf1: 0.5, switches: 2 })
  })
  test('misses and false boxes', () => {
    const truth = [frame([1, 0]), frame([1, 0]), frame([1, 0])]
    const found = [frame([5, 0]), frame(), frame([5, 0], [6, 30])]
    expect(measured([truth, found])).toMatchObject({ misses: 1, falsePositives: 1, switches: 0 })
    expect(measured([truth, found]).mota).toBeCloseTo(1 - 2 / 3, 12)
    expect(measured([truth, found]).idf1).toBeCloseTo((2 * 2) / (3 + 3), 12)
  })
  test('a pair of the frame before stays one, though another lies nearer', () => {
    const truth = [frame([1, 0]), frame([1, 1])]
    const found = [frame([5, 0]), frame([5, 0], [6, 1])]
    expect(measured([truth, found])).toMatchObject({ switches: 0, falsePositives: 1 })
  })
  test('a switch counts after a gap too, and films are apart', () => {
    const truth = [frame([1, 0]), frame([1, 0]), frame([1, 0])]
    const found = [frame([5, 0]), frame(), frame([6, 0])]
    expect(measured([truth, found]).switches).toBe(1)
    expect(
      measured([[frame([1, 0])], [frame([5, 0])]], [[frame([1, 0])], [frame([6, 0])]]),
    ).toMatchObject({
      switches: 0,
      idf1: 1,
    })
  })
  test('bad input', () => {
    const measure = new TrackingMeasure()
    expect(() => measure.add([frame()], [])).toThrow('for each frame; got 1 and 0')
    expect(() => measure.add([frame([1, 0], [1, 20])], [frame()])).toThrow('occurs once in a frame')
    expect(measure.compute().mota).toBeNaN()
    expect(() => new TrackingMeasure({ iouThreshold: 0 })).toThrow('iouThreshold')
  })
  test('the tracker keeps numbers through a crossing, a gap, and a box of another class', () => {
    const tracker = new Tracker({ minHits: 1, maxAge: 4 })
    const seen: Record<string, number>[] = []
    for (let k = 0; k < 20; k++) {
      const [a, b] = [k * 3, 57 - k * 3]
      // The second is hidden while they pass.
      const things = [
        ['a', a, 1],
        ['b', b, 2],
      ].filter(([name]) => name === 'a' || Math.abs(a - b) > 6)
      const { ids, indices } = tracker.update({
        boxes: things.map(([, x]) => [x as number, 0, (x as number) + 12, 12]),
        labels: things.map(([, , label]) => label as number),
      })
      seen.push(Object.fromEntries(ids.map((id, i) => [things[indices[i]!]![0] as string, id])))
    }
    expect(new Set(seen.map((s) => s.a))).toEqual(new Set([1]))
    expect(new Set(seen.flatMap((s) => (s.b === undefined ? [] : [s.b])))).toEqual(new Set([2]))
  })
  test('a box that is seen once is no track', () => {
    const tracker = new Tracker()
    const ids = (...xs: number[]) => tracker.update({ boxes: xs.map((x) => [x, 0, x + 5, 5]) }).ids
    expect([ids(0, 40), ids(0), ids(0), ids(0, 40)]).toEqual([[], [1], [1], [1]])
    expect(() => new Tracker({ maxAge: -1 })).toThrow('maxAge')
  })
})

describe('keypoints', () => {
  test('points are found again in their maps', () => {
    const next = random(5)
    const lists = Array.from({ length: 3 }, (_, c) =>
      Array.from({ length: 1 + c }, (_, k): Point => [5 + 9 * k + 3 * next(), 2 + 12 * next()]),
    )
    const found = heatMapPeaks(keypointHeatMaps(lists, { height: 16, width: 32 }, 1), 0.5)
    lists.forEach((list, c) => {
      const points = found[c]!.map((p): Point => [p.x, p.y])
      expect(points.length).toBe(list.length)
      expect(matchPoints(list, points, 0.75).length).toBe(list.length)
    })
  })
  test('a flat top is one peak, a map without one has none', () => {
    expect(heatMapPeaks(tensor([[[0, 1, 1, 0]]]), 0.5)[0]!.length).toBe(1)
    expect(heatMapPeaks(zeros([2, 3, 3]), 0.5)).toEqual([[], []])
    expect(heatMapPeaks(tensor([[[0, 1, 0.5]]]), 0.5)[0]![0]!.x).toBeCloseTo(1.5 + 1 / 6, 6)
  })
  test('as many pairs as can be, before the nearest', () => {
    expect(
      matchPoints(
        [
          [0, 0],
          [2, 0],
        ],
        [
          [1, 0],
          [-1.5, 0],
        ],
        1.6,
      ),
    ).toEqual([
      [0, 1],
      [1, 0],
    ])
    expect(matchPoints([[0, 0]], [], 1)).toEqual([])
    expect(matchPoints([[0, 0]], [[0, 3]], 2)).toEqual([])
  })
  test('bad input', () => {
    const map = { height: 4, width: 8 }
    expect(() => keypointHeatMaps([[[9, 1]]], map, 1)).toThrow(
      'inside of the picture, 8 wide and 4 high',
    )
    expect(() => keypointHeatMaps([[[0, Number.NaN]]], map, 1)).toThrow('inside of the picture')
    expect(() => keypointHeatMaps([[[1, 1]]], map, 0)).toThrow('sigma')
    expect(() => pck([[0, 0]], [], 1)).toThrow('for each true one; got 0 and 1')
    expect(() => heatMapPeaks(zeros([3, 3]), 0.5)).toThrow('(channels, H, W)')
  })
})
