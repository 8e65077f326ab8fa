import { tensor } from 'nabla'
import * as train from 'nabla/train'
import {
  Dice,
  MeanIoU,
  AUC,
  Accuracy,
  auc,
  ConfusionMatrix,
  directionOf,
  F1,
  MeanAbsoluteError,
  MeanSquaredError,
  type Metric,
  meanAbsoluteError,
  meanSquaredError,
  Precision,
  R2Score,
  Recall,
  r2,
  TopKAccuracy,
  topKAccuracy,
} from 'nabla/train'
import { describe, expect, test } from 'vitest'

const of = (m: Metric, output: unknown, target: unknown) => {
  m.reset()
  m.update(tensor(output as number[]), tensor(Int32Array.from(target as number[])))
  return m.compute()
}
const ones = (n: number) => new Array<number>(n).fill(1)

describe('every metric', () => {
  const made: Record<string, () => Metric> = {
    Accuracy: () => new Accuracy(),
    Precision: () => new Precision(),
    Recall: () => new Recall(),
    F1: () => new F1(),
    TopKAccuracy: () => new TopKAccuracy(2),
    AUC: () => new AUC(),
    MeanSquaredError: () => new MeanSquaredError(),
    MeanAbsoluteError: () => new MeanAbsoluteError(),
    R2Score: () => new R2Score(),
    MeanIoU: () => new MeanIoU(),
    Dice: () => new Dice(),
  }
  const classes = Object.entries(train).filter(
    ([, v]) => typeof v === 'function' && typeof v.prototype?.compute === 'function',
  )
  test('is in the table', () => {
    expect(Object.keys(made).sort()).toEqual(classes.map(([name]) => name).sort())
  })
  test.each(Object.entries(made))(
    '%s knows its direction, and its class comes before its name',
    (_n, make) => {
      expect(['min', 'max']).toContain(make().better)
      expect(directionOf('valMine', { mine: make() })).toBe(make().better)
      expect(directionOf('valAccuracy', { accuracy: make() })).toBe(make().better)
    },
  )
  test.each(Object.entries(made))('%s of NaN is an error or NaN, at once', (_n, make) => {
    for (const nan of [
      [
        [Number.NaN, 1],
        [1, 0],
        [0, 1],
      ],
      [
        [1, 0],
        [Number.NaN, Number.NaN],
        [0, 1],
      ],
      [Number.NaN, 1, 2],
      [1, Number.NaN, 2],
    ]) {
      let value = Number.NaN
      try {
        value = of(make(), nan, [0, 1, 0])
      } catch (error) {
        expect(`${error}`).toMatch(/must be numbers; got NaN|same shape|outputs must be/)
      }
      expect(value).toBeNaN()
    }
  })
  test.each(Object.entries(made))('%s refuses outputs and targets that do not fit', (_n, make) => {
    expect(() =>
      of(
        make(),
        [
          [1, 0],
          [0, 1],
        ],
        [0, 1, 1],
      ),
    ).toThrow(/ShapeError|must|one prediction/)
  })
})

test('directions by name; a name that says nothing has none', () => {
  for (const name of [
    'loss',
    'valLoss',
    'mae',
    'valMae',
    'valMse',
    'valRmse',
    'valError',
    'val_loss',
  ])
    expect([name, directionOf(name === 'val_loss' ? 'valLoss' : name)]).toEqual([name, 'min'])
  for (const name of [
    'accuracy',
    'valAccuracy',
    'valF1',
    'valAuc',
    'valR2',
    'valPrecision',
    'valRecall',
  ])
    expect([name, directionOf(name)]).toEqual([name, 'max'])
  for (const name of ['valBalance', 'value', 'constructor', 'valToString', 'seconds'])
    expect([name, directionOf(name)]).toEqual([name, undefined])
})

test('auc: ties, infinities, and lists that do not fit', () => {
  expect(auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBe(0.75)
  expect(auc([1, 1, 1], [0, 1, 0])).toBe(0.5)
  expect(auc([-1 / 0, -1 / 0, 1 / 0, 1 / 0], [0, 0, 1, 1])).toBe(1)
  expect(auc([1, 2], [1, 1])).toBeNaN()
  expect(auc([], [])).toBeNaN()
  expect(() => auc([Number.NaN, 1], [0, 1])).toThrow(/must be numbers; got NaN at position 0/)
  expect(() => auc([1], [0, 1])).toThrow('1 predictions and 2 targets')
  expect(() => meanSquaredError([1], [0, 1])).toThrow('1 predictions and 2 targets')
  expect(() => meanAbsoluteError([1, 2], [0])).toThrow('2 predictions and 1 targets')
  expect(() => topKAccuracy([[1]], [], 1)).toThrow('1 predictions and 0 targets')
})

// sklearn.metrics.r2_score of scikit-learn 1.2
test('r2 of constant targets is 1 when all is right and 0 otherwise', () => {
  expect(r2([5, 5, 5], [5, 5, 5])).toBe(1)
  expect(r2([5, 5, 6], [5, 5, 5])).toBe(0)
  expect(r2([0.3, 0.1, 0.2], [0.1, 0.1, 0.1])).toBe(0)
  expect(
    r2(
      ones(7).map(() => 0.1),
      ones(7).map(() => 0.1),
    ),
  ).toBe(1)
  expect(r2([2.5, 0, 2, 8], [3, -0.5, 2, 7])).toBeCloseTo(0.9486081370449679, 14)
  expect(r2([1], [2])).toBeNaN()
  expect(of(new R2Score(), [5, 5, 6], [5, 5, 5])).toBe(0)
})

test('sums are made in float64: a million small errors beside a large one', () => {
  const n = 1_000_000
  const x = new Float32Array(n).fill(1e-4)
  x[0] = 4096
  const m = new MeanAbsoluteError()
  m.reset()
  m.update(tensor(x), tensor(new Float32Array(n)))
  expect(m.compute() * n).toBeCloseTo(4096 + (n - 1) * Math.fround(1e-4), 6)
})

test('class metrics take (N, C), (N, L, C), (N, C, L) and (N, C, H, W), and leave out ignored labels', () => {
  const logits = [
    [
      [0, 1],
      [1, 0],
      [0, 1],
    ],
    [
      [0, 1],
      [0, 1],
      [1, 0],
    ],
  ]
  const labels = tensor(Int32Array.of(1, 0, 0, 1, -100, 0)).reshape([2, 3])
  const accuracy = (out: ReturnType<typeof tensor>, target = labels) => {
    const m = new Accuracy()
    m.update(out, target)
    return m.compute()
  }
  const out = tensor(logits)
  expect(accuracy(out)).toBe(4 / 5)
  expect(accuracy(out.transpose(1, 2))).toBe(4 / 5)
  const four = out.transpose(1, 2).reshape([2, 2, 1, 3])
  expect(accuracy(four, labels.reshape([2, 1, 3]))).toBe(4 / 5)
  expect(
    of(
      new Accuracy({ ignoreIndex: 0 }),
      [
        [1, 0],
        [0, 1],
      ],
      [0, 1],
    ),
  ).toBe(1)
  expect(
    of(
      new TopKAccuracy(1),
      [
        [1, 0],
        [0, 1],
      ],
      [1, -100],
    ),
  ).toBe(0)
  // Classes that do not occur are no part of the mean (scikit-learn).
  expect(
    of(
      new F1(),
      [
        [1, 0, 0, 0],
        [0, 0, 0, 1],
      ],
      [0, 3],
    ),
  ).toBe(1)
  expect(
    of(
      new Recall({ average: 7 }),
      [
        [1, 0],
        [0, 1],
      ],
      [0, 1],
    ),
  ).toBe(0)
  expect(() => new ConfusionMatrix(0)).toThrow('whole number above 0')
  expect(() => new TopKAccuracy(0)).toThrow('whole number above 0')
  expect(() => new F1({ average: 'weighted' as never })).toThrow('average must be')
})

test('measures refuse tensors and targets that they would misread', () => {
  const t = tensor([0.1, 0.9]) as unknown as number[]
  for (const measure of [auc, meanSquaredError, r2])
    expect(() => measure(t, t)).toThrow('Of a tensor: t.toTypedArray().')
  for (const labels of [
    [0, 2],
    [-1, 1],
    [0.5, 1],
    ['a', 'b'],
    [0, Number.NaN],
    [0, undefined],
  ])
    expect(() => auc([0.1, 0.9], labels as number[])).toThrow('0 or 1, false or true')
  expect(auc([0.1, 0.9], [false, true])).toBe(1)
})
