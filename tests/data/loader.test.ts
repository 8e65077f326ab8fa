import fc from 'fast-check'
import { manualSeed, NablaError, rand, tensor, type Tensor, ValueError } from 'nabla'
import {
  BatchSampler,
  ConcatDataset,
  DataLoader,
  type Dataset,
  ImageDataset,
  IterableDataset,
  JsonLinesDataset,
  kFold,
  MapDataset,
  RandomSampler,
  randomSplit,
  type Sampler,
  SequentialSampler,
  splitByTime,
  StratifiedSampler,
  stratifiedKFold,
  stratifiedSplit,
  Subset,
  SubsetRandomSampler,
  TensorDataset,
  timeSeriesSplit,
  WeightedRandomSampler,
} from 'nabla/data'
import { describe, expect, test } from 'vitest'

const range = (n: number) => Array.from({ length: n }, (_, i) => i)
const sorted = (list: ArrayLike<number>) => Array.from(list).sort((a, b) => a - b)
/** Examples that are their own index. */
const numbers = (n: number): Dataset<number> => ({ length: n, get: (i) => i })
const all = <T>(d: Dataset<T>) => range(d.length).map((i) => d.get(i))
const flat = (loader: Iterable<unknown>) =>
  [...(loader as Iterable<Tensor>)].map((b) => [...b.toTypedArray()])
const loaderOf = (n: number, options: object) =>
  new DataLoader(numbers(n) as Dataset<unknown>, options)

describe('datasets', () => {
  const x = tensor([
    [1, 2],
    [3, 4],
    [5, 6],
  ])
  const y = tensor(Int32Array.of(7, 8, 9))
  const data = new TensorDataset(x, y)

  test('examples and batches are the same rows', () => {
    expect(data.get(1).map((t) => t.toArray())).toEqual([[3, 4], 8])
    expect(data.batch([2, 0]).map((t) => t.toArray())).toEqual([
      [
        [5, 6],
        [1, 2],
      ],
      [9, 7],
    ])
    expect(() => new TensorDataset(x, tensor([1]))).toThrow('first extents must be equal; got 3, 1')
    expect(() => new TensorDataset(x, tensor(1))).toThrow(
      'first extents must be equal; got 3, none',
    )
    expect(() => new TensorDataset()).toThrow('there must be a tensor; got none')
    expect(() => new TensorDataset([1] as never)).toThrow('all must be tensors; got [1]')
  })

  test('parts, chains and changes', () => {
    const part = new Subset(data, [2, 1])
    expect(part.batch!([0])[1]!.toArray()).toEqual([9])
    expect(new Subset(part, [1]).get(0)[1]!.item()).toBe(8)
    expect(() => new Subset(data, [3])).toThrow('indices must lie from 0 to 2; got 3')
    const both = new ConcatDataset([numbers(2), numbers(3)])
    expect(all(both)).toEqual([0, 1, 0, 1, 2])
    expect(() => both.get(5)).toThrow('indices lie from 0 to 4')
    expect(() => both.get(-1)).toThrow('indices lie from 0 to 4')
    expect(all(new MapDataset(numbers(3), (v, i) => v * 10 + i))).toEqual([0, 11, 22])
  })

  test('what has no index comes in its order, every epoch anew', () => {
    const stream = new IterableDataset(function* () {
      yield* range(7)
    }).map((v) => v + 100)
    const loader = new DataLoader<unknown>(stream, { batchSize: 3 })
    const want = [[100, 101, 102], [103, 104, 105], [106]]
    expect(flat(loader)).toEqual(want)
    expect(flat(loader)).toEqual(want)
    expect(loader.length).toBe(Number.POSITIVE_INFINITY)
    expect(flat({ [Symbol.iterator]: () => loader.from(0, 1) })).toEqual(want.slice(1))
    expect(flat(new DataLoader<unknown>(stream, { batchSize: 3, dropLast: true }))).toHaveLength(2)
    expect(() => new DataLoader(stream, { shuffle: true })).toThrow('come in their own order')
  })
})

describe('loader', () => {
  test('batches, the last one smaller or left out', () => {
    expect(flat(loaderOf(5, { batchSize: 2 }))).toEqual([[0, 1], [2, 3], [4]])
    const drop = loaderOf(5, { batchSize: 2, dropLast: true })
    expect(flat(drop)).toEqual([
      [0, 1],
      [2, 3],
    ])
    expect(drop.length).toBe(2)
    expect(loaderOf(0, {}).length).toBe(0)
    // An empty set has no batches; a batch may be larger than the set. As PyTorch; `fit` refuses a loader without batches.
    for (const options of [{}, { shuffle: true }, { dropLast: true, batchSize: 3 }])
      expect(flat(loaderOf(0, options))).toEqual([])
    expect(flat(loaderOf(3, { batchSize: 8 }))).toEqual([[0, 1, 2]])
    expect(flat(loaderOf(3, { batchSize: 8, dropLast: true }))).toEqual([])
    expect(() => new DataLoader({ length: 1.5, get: () => 0 })).toThrow(
      'the length of the dataset must be a whole number',
    )
  })

  test('an error says which example it came from', () => {
    const failing: Dataset<number> = {
      length: 9,
      get(i) {
        if (i === 4) throw new RangeError('no such file')
        if (i === 7) throw new ValueError({ op: 'mine', rule: 'it must be right', got: 'wrong' })
        return i
      },
    }
    const run = (d: Dataset<number>) => () => [...new DataLoader(d, { batchSize: 3 })]
    expect(run(failing)).toThrow('example 4: no such file')
    expect(run(new Subset(failing, [0, 7]))).toThrow(
      'example 1: [mine] it must be right; got wrong',
    )
    expect(run(new Subset(failing, [0, 4]))).toThrow(RangeError)
  })

  test('examples of different kinds are refused, and numbers beyond float32', () => {
    const batch =
      (...examples: unknown[]) =>
      () => [
        ...new DataLoader(
          { length: examples.length, get: (i: number) => examples[i] },
          { batchSize: examples.length },
        ),
      ]
    expect(batch(1, 'a')).toThrow(
      "all examples of a batch must be of one kind; got 'a' in the example 1",
    )
    expect(batch({ a: 1 }, { b: 1 })).toThrow(
      'must have the same parts; got none called a in the example 1',
    )
    expect(batch({ toString: 1 }, {})).toThrow('got none called toString')
    expect(batch([1, 2], [1])).toThrow('must have the same parts')
    expect(batch([1], [1, 2])).toThrow('must have the same parts')
    expect(batch(1, 1e39)).toThrow('numbers must fit float32; got 1e+39 in the example 1')
    const [big] = batch(3e9, 1)() as [Tensor]
    expect([big.dtype, big.toArray()]).toEqual(['float32', [3e9, 1]])
    const [odd] = batch(Number.NaN, 1)() as [Tensor]
    expect(odd.toArray()).toEqual([Number.NaN, 1])
  })

  test('every dataset refuses an index that it has not', () => {
    const images = new ImageDataset(
      { shape: [2, 1, 1], data: Uint8Array.of(1, 2) },
      { shape: [2], data: Uint8Array.of(0, 1) },
    )
    const sets: Dataset<unknown>[] = [
      new TensorDataset(tensor([1, 2])),
      images,
      new JsonLinesDataset('1\n2'),
      new ConcatDataset([numbers(1), numbers(1)]),
      new Subset(numbers(5), [0, 1]),
      new Subset(images, [0, 1]),
    ]
    for (const d of sets)
      for (const i of [2, 0.5, Number.NaN])
        expect(() => d.get(i), `${d.constructor.name} ${i}`).toThrow(NablaError)
    expect(() => images.batch([0, 2])).toThrow('indices lie from 0 to 1; got 2')
  })

  test('left early, iterated twice and at once', () => {
    const loader = loaderOf(6, { batchSize: 2, shuffle: true, seed: 3 })
    const twin = loaderOf(6, { batchSize: 2, shuffle: true, seed: 3 })
    for (const _ of loader) break
    expect(loader.stateDict()).toEqual({ epoch: 1, batch: 0 })
    flat(twin)
    expect(flat(loader)).toEqual(flat(twin))
    // Two at once see the same epoch, whole.
    const pairs = flat({ [Symbol.iterator]: () => loader.from(7, 0) })
    const again = [...loader.from(7, 0)]
    expect(again).toHaveLength(pairs.length)
  })

  test('examples become batches by part', () => {
    const data: Dataset<unknown> = {
      length: 2,
      get: (i) => ({ a: tensor([i, i]), b: [i / 2, i > 0], name: `n${i}` }),
    }
    const [batch] = [...new DataLoader(data, { batchSize: 2 })] as [
      { a: Tensor; b: [Tensor, Tensor]; name: string[] },
    ]
    expect(batch.a.shape).toEqual([2, 2])
    expect(batch.b.map((t) => [t.dtype, t.toArray()])).toEqual([
      ['float32', [0, 0.5]],
      ['bool', [false, true]],
    ])
    expect(batch.name).toEqual(['n0', 'n1'])
    const joined = new DataLoader(numbers(3) as Dataset<unknown>, {
      batchSize: 3,
      collate: (list) => list.join('+'),
    })
    expect([...joined]).toEqual(['0+1+2'])
  })

  test('every epoch has its own order, the same for the same seed', () => {
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(1000),
        (n, batchSize, seed) => {
          const make = () => loaderOf(n, { batchSize, shuffle: true, seed })
          const [a, b] = [make(), make()]
          const first = flat(a)
          expect(flat(b)).toEqual(first)
          expect(sorted(first.flat().map(Number))).toEqual(range(n))
          const second = flat(a)
          if (n > 20) expect(second).not.toEqual(first)
          // A position in the middle.
          const at = Math.floor(second.length / 2)
          b.loadStateDict({ epoch: 1, batch: at })
          expect(flat(b)).toEqual(second.slice(at))
          expect(b.stateDict()).toEqual({ epoch: 2, batch: 0 })
        },
      ),
      { numRuns: 25 },
    )
  })

  test('what transforms draw follows from the loader, not from what the training draws', () => {
    const data = new MapDataset(numbers(6), () => rand([2]))
    const run = (seed: number, draws: number) => {
      manualSeed(seed)
      const out: number[][] = []
      for (const b of new DataLoader(data, { batchSize: 2, seed: 4 })) {
        out.push([...b.toTypedArray()].map(Number))
        for (let i = 0; i < draws; i++) rand([1])
      }
      return { out, after: rand([1]).item() }
    }
    const a = run(1, 0)
    expect(run(2, 3).out).toEqual(a.out)
    expect(new Set(a.out.flat()).size).toBe(12)
    // And the other way round: the training's own numbers do not hang on the data.
    manualSeed(1)
    expect(rand([1]).item()).toBe(a.after)
  })

  test.each([
    [{ batchSize: 0 }, 'batch size must be a whole number above 0; got 0'],
    [{ workers: -1 }, 'workers must be a whole number from 0; got -1'],
    [{ shuffle: true, sampler: new SequentialSampler(4) }, 'a sampler decides the order itself'],
    [
      { batchSampler: new BatchSampler(new SequentialSampler(4), 2), batchSize: 2 },
      'a batch sampler decides the batches itself',
    ],
    [{ workers: 2 }, 'workers load the dataset again from its module'],
  ])('options that do not go together %#', (options, message) => {
    expect(() => loaderOf(4, options)).toThrow(message)
  })
})

describe('samplers', () => {
  const samplers: [string, (seed: number) => Sampler, Sampler['length']][] = [
    ['random', (s) => new RandomSampler(20, s), 20],
    ['part of random', (s) => new RandomSampler(20, s, { samples: 7 }), 7],
    ['random, again', (s) => new RandomSampler(20, s, { replacement: true, samples: 30 }), 30],
    ['subset', (s) => new SubsetRandomSampler(range(20).slice(3), s), 17],
    ['weighted', (s) => new WeightedRandomSampler(range(20), 30, { seed: s }), 30],
    [
      'weighted once',
      (s) => new WeightedRandomSampler(range(20), 19, { seed: s, replacement: false }),
      19,
    ],
    [
      'stratified',
      (s) =>
        new StratifiedSampler(
          range(20).map((i) => i % 3),
          s,
        ),
      20,
    ],
  ]
  test.each(samplers)('%s: by seed and epoch, of its length, inside', (_name, make, length) => {
    const order = [...(make(5).indices(2) as Int32Array)]
    expect(order).toHaveLength(length)
    expect(make(5).length).toBe(length)
    expect([...(make(5).indices(2) as Int32Array)]).toEqual(order)
    expect([...(make(5).indices(3) as Int32Array)]).not.toEqual(order)
    expect([...(make(6).indices(2) as Int32Array)]).not.toEqual(order)
    expect(order.every((i) => i >= 0 && i < 20)).toBe(true)
    if (!/again|^weighted$/.test(_name)) expect(new Set(order).size).toBe(length)
  })

  test('weights are how often', () => {
    const order = new WeightedRandomSampler([1, 0, 3], 8000, { seed: 1 }).indices(0)
    const count = [0, 0, 0]
    for (const i of order) count[i]!++
    expect(count[1]).toBe(0)
    // Standard deviation √(8000·¼·¾) ≈ 39.
    expect(Math.abs(count[0]! - 2000)).toBeLessThan(160)
    const once = new WeightedRandomSampler([1, 0, 3], 2, { replacement: false })
    expect(sorted(once.indices(0))).toEqual([0, 2])
    expect(() => new WeightedRandomSampler([0, 0])).toThrow('some weight must be above 0')
    expect(() => new WeightedRandomSampler([1, -1])).toThrow('got -1 at 1')
    expect(() => new WeightedRandomSampler([1, 0], 2, { replacement: false })).toThrow('at most 1')
  })

  test('every stretch of a stratified order has the labels in their proportion', () => {
    const labels = range(120).map((i) => (i < 60 ? 'a' : i < 90 ? 'b' : 'c'))
    const order = new StratifiedSampler(labels, 3).indices(0)
    for (let at = 0; at < 120; at += 12) {
      const got = [...order.subarray(at, at + 12)].map((i) => labels[i])
      const count = (l: string) => got.filter((x) => x === l).length
      expect(Math.abs(count('a') - 6)).toBeLessThanOrEqual(1)
      expect(Math.abs(count('b') - 3)).toBeLessThanOrEqual(1)
    }
  })
})

describe('splits', () => {
  const parts = (list: Subset<number>[]) => list.map((p) => all(p))

  test('counts and ratios, as PyTorch hands out what is left', () => {
    const sizes = (n: number, lengths: number[]) =>
      randomSplit(numbers(n), lengths).map((p) => p.length)
    expect(sizes(10, [0.7, 0.3])).toEqual([7, 3])
    expect(sizes(10, [6, 4])).toEqual([6, 4])
    expect(sizes(11, [0.34, 0.33, 0.33])).toEqual([4, 4, 3])
    const got = parts(randomSplit(numbers(30), [0.5, 0.5], { seed: 2 }))
    expect(sorted(got.flat())).toEqual(range(30))
    expect(got).toEqual(parts(randomSplit(numbers(30), [0.5, 0.5], { seed: 2 })))
    expect(got[0]).not.toEqual(range(15))
    expect(() => randomSplit(numbers(10), [0.5, 0.4])).toThrow('got [0.5, 0.4], together 0.9')
    expect(() => randomSplit(numbers(10), [11, -1])).toThrow('ratios that add up to 1')
    expect(parts(splitByTime(numbers(5), [0.6, 0.4]))).toEqual([
      [0, 1, 2],
      [3, 4],
    ])
  })

  const labels = range(50).map((i) => (i % 5 === 0 ? 1 : 0))
  const ones = (p: Subset<number>) => all(p).filter((i) => labels[i] === 1).length

  test('no part is empty, whichever way it is split', () => {
    const ten = numbers(10)
    const two = range(10).map((i) => i % 2)
    for (const [split, message] of [
      [
        () => randomSplit(ten, [0.95, 0.05]),
        'every part must have at least one example; got none for part 1 of [0.95, 0.05] of 10 examples',
      ],
      [() => randomSplit(ten, [10, 0]), 'got none for part 1'],
      [() => splitByTime(ten, [0.95, 0.05]), 'every part must have at least one example'],
      [() => splitByTime(ten, [0, 10]), 'got none for part 0'],
      [() => stratifiedSplit(ten, two, [1, 0]), 'got none for part 1 of [1, 0]'],
      [() => stratifiedSplit(ten, two, [0.98, 0.02]), 'got none for part 1'],
      [() => randomSplit(numbers(0), [0.5, 0.5]), 'got none for part 0'],
      [
        () => stratifiedSplit(ten, two, [0.5, 0.4]),
        'ratios must add up to 1; got [0.5, 0.4], together 0.9',
      ],
      [() => stratifiedSplit(ten, two, [5, 5]), 'ratios must add up to 1'],
      [() => stratifiedSplit(ten, two, [1.5, -0.5]), 'ratios must add up to 1'],
      [
        () => timeSeriesSplit(ten, 2, { maxTrainSize: 0 }),
        'maxTrainSize must be a whole number from 1; got 0',
      ],
      [() => timeSeriesSplit(ten, 2, { gap: -1 }), 'gap must be a whole number from 0; got -1'],
    ] as const)
      expect(split).toThrow(message)
  })

  test('parts by labels have their share of all examples and of each label', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(4), { minLength: 12, maxLength: 80 }),
        fc.constantFrom([0.8, 0.2], [0.7, 0.15, 0.15], [0.5, 0.5], [0.6, 0.3, 0.1]),
        fc.nat(100),
        (labels, ratios, seed) => {
          const n = labels.length
          let parts: Subset<number>[]
          try {
            parts = stratifiedSplit(numbers(n), labels, ratios, { seed })
          } catch {
            // Only where a part's share is about one example or less.
            expect(Math.min(...ratios) * n).toBeLessThan(2)
            return
          }
          expect(sorted(parts.flatMap(all))).toEqual(range(n))
          parts.forEach((part, k) => {
            expect(Math.abs(part.length - n * ratios[k]!)).toBeLessThanOrEqual(1.5)
            for (const label of new Set(labels)) {
              const count = all(part).filter((i) => labels[i] === label).length
              const whole = labels.filter((l) => l === label).length
              expect(Math.abs(count - whole * ratios[k]!)).toBeLessThanOrEqual(1 + 1e-9)
            }
          })
        },
      ),
    )
    // Three examples of each of three labels: the test part is not empty, as it was when each label was rounded alone.
    const few = stratifiedSplit(numbers(9), [0, 0, 0, 1, 1, 1, 2, 2, 2], [0.8, 0.2])
    expect(few.map((p) => p.length)).toEqual([7, 2])
  })

  test('stratified parts keep the proportion', () => {
    const got = stratifiedSplit(numbers(50), labels, [0.6, 0.4])
    expect(got.map((p) => p.length)).toEqual([30, 20])
    expect(got.map(ones)).toEqual([6, 4])
    expect(sorted(parts(got).flat())).toEqual(range(50))
    expect(() => stratifiedSplit(numbers(3), labels, [1])).toThrow('50 labels for 3 examples')
  })

  test('folds test everything once', () => {
    // The first n mod k folds have one more, as in scikit-learn.
    expect(kFold(numbers(7), 3).map((f) => all(f.test))).toEqual([
      [0, 1, 2],
      [3, 4],
      [5, 6],
    ])
    for (const folds of [
      kFold(numbers(50), 4, { shuffle: true, seed: 1 }),
      stratifiedKFold(numbers(50), labels, 5, { shuffle: true }),
    ]) {
      expect(sorted(folds.flatMap((f) => all(f.test)))).toEqual(range(50))
      for (const f of folds) expect(sorted([...all(f.train), ...all(f.test)])).toEqual(range(50))
    }
    for (const f of stratifiedKFold(numbers(50), labels, 5)) expect(ones(f.test)).toBe(2)
    expect(() => kFold(numbers(3), 4)).toThrow('folds must be a whole number from 2 to 3')
  })

  test('rounds in the order of time, as scikit-learn cuts them', () => {
    const rounds = (n: number, ...rest: [number, object?]) =>
      timeSeriesSplit(numbers(n), ...rest).map((f) => [all(f.train), all(f.test)])
    expect(rounds(6, 3)).toEqual([
      [range(3), [3]],
      [range(4), [4]],
      [range(5), [5]],
    ])
    expect(rounds(12, 3, { testSize: 2, gap: 2, maxTrainSize: 3 })).toEqual([
      [
        [1, 2, 3],
        [6, 7],
      ],
      [
        [3, 4, 5],
        [8, 9],
      ],
      [
        [5, 6, 7],
        [10, 11],
      ],
    ])
    expect(() => rounds(3, 5)).toThrow('train and test on in every round')
  })
})
