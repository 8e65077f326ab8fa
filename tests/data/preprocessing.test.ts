import { compile, full, setBackend, type Tensor, tensor } from 'nabla'
import {
  type Category,
  fromJSON,
  LabelEncoder,
  MinMaxScaler,
  OneHotEncoder,
  PolynomialFeatures,
  StandardScaler,
} from 'nabla/data'
import { describe, expect, test } from 'vitest'
import { type Case, expectClose, golden, revive } from '../golden/fixture.js'

const scalers = { StandardScaler, MinMaxScaler, PolynomialFeatures }

describe("scikit-learn's numbers", () => {
  const cases = golden('preprocessing').map(
    (c): Case => ({ ...c, title: JSON.stringify(c.options) }),
  )

  test.each(cases.filter((c) => c.name in scalers))('$name $title', (c) => {
    const name = c.name as keyof typeof scalers
    const { x, y, out, back } = revive(c) as Record<string, Tensor>
    const made = new scalers[name](c.options as object).fit(x!)
    const got = made.transform(y!)
    expectClose(got, out!, 1e-5)
    if (back) expectClose(made.inverseTransform(out!), back, 1e-5)
    // The same through JSON, and compiled.
    const again = fromJSON(JSON.parse(JSON.stringify(made)), name)
    expect(again.transform(y!).toArray()).toEqual(got.toArray())
    expectClose(compile((t: Tensor) => again.transform(t))(y!), out!, 1e-5)
  })

  test.each(cases.filter((c) => c.name === 'OneHotEncoder'))('OneHotEncoder $title', (c) => {
    const rows = c.rows as Category[][]
    const made = new OneHotEncoder(c.options as object).fit(rows)
    expectClose(made.transform(rows), revive(c.out) as Tensor)
    expect(made.featureNames()).toEqual(c.names)
    const again = fromJSON(JSON.parse(JSON.stringify(made)), 'OneHotEncoder')
    expect(again.inverseTransform(again.transform(rows))).toEqual(rows)
  })
})

describe('numbers far from 0 keep their digits', () => {
  /** Seven rows around `offset`, and what float64 gives for what float32 holds of them. */
  const around = (offset: number, spread: number) =>
    tensor(
      Float32Array.from({ length: 14 }, (_, i) => offset + spread * (((i * 5) % 14) - 6.5)),
      { shape: [7, 2] },
    )
  const columnsOf = (x: Tensor) => {
    const data = Float64Array.from(x.toTypedArray() as Float32Array)
    return [0, 1].map((c) => data.filter((_, i) => i % 2 === c))
  }
  const near = (got: Tensor, want: (c: number, v: number) => number, x: Tensor) => {
    const values = columnsOf(x)
    const y = columnsOf(got)
    for (const c of [0, 1])
      values[c]!.forEach((v, i) => {
        const w = want(c, v)
        expect(Math.abs(y[c]![i]! - w)).toBeLessThanOrEqual(3e-7 * Math.max(1e-3, Math.abs(w)))
      })
  }

  test.each([
    [1e6, 1],
    [-1e6, 0.25],
    [1e8, 32],
    [1.7e9, 256],
    [0, 1],
    [123456.789, 0.5],
  ])('%f, spread %f', (offset, spread) => {
    const x = around(offset, spread)
    const values = columnsOf(x)
    const mean = values.map((l) => l.reduce((a, v) => a + (v - l[0]!), 0) / l.length + l[0]!)
    const std = values.map((l, c) =>
      Math.sqrt(l.reduce((a, v) => a + (v - mean[c]!) ** 2, 0) / l.length),
    )
    const scaler = new StandardScaler().fit(x)
    const z = scaler.transform(x)
    near(z, (c, v) => (v - mean[c]!) / std[c]!, x)
    near(compile((t: Tensor) => scaler.transform(t))(x), (c, v) => (v - mean[c]!) / std[c]!, x)
    near(scaler.inverseTransform(z), (_, v) => v, x)
    const lo = values.map((l) => Math.min(...l))
    const hi = values.map((l) => Math.max(...l))
    const ranged = new MinMaxScaler({ featureRange: [-1, 1] }).fit(x)
    const r = ranged.transform(x)
    near(r, (c, v) => ((v - lo[c]!) / (hi[c]! - lo[c]!)) * 2 - 1, x)
    near(ranged.inverseTransform(r), (_, v) => v, x)
  })

  test('a constant column becomes exactly 0, whatever it is', () => {
    for (const value of [0.1, 1 / 3, 1e6 + 0.1, 1e30, -7.7, 0])
      for (const rows of [1, 3, 10, 1000]) {
        const x = full([rows, 1], value)
        expect(new Set(new StandardScaler().fitTransform(x).toTypedArray())).toEqual(new Set([0]))
        expect(new Set(new MinMaxScaler().fitTransform(x).toTypedArray())).toEqual(new Set([0]))
        const two = new MinMaxScaler({ featureRange: [2, 3] }).fitTransform(x)
        expect(new Set(two.toTypedArray())).toEqual(new Set([2]))
      }
  })

  test('float64 data is scaled in float64', () => {
    setBackend('reference')
    const x = tensor([[1e9 + 0.125], [1e9 + 0.375], [1e9 + 0.25]], { dtype: 'float64' })
    const z = new StandardScaler().fitTransform(x)
    expect(z.dtype).toBe('float64')
    const s = Math.sqrt(0.03125 / 3)
    ;(z.toTypedArray() as Float64Array).forEach((v, i) => {
      expect(v).toBeCloseTo([-0.125, 0.125, 0][i]! / s, 12)
    })
    setBackend('native')
  })
})

test('what was learned is checked when it comes back', () => {
  const whole = (t: unknown) => JSON.parse(JSON.stringify(t))
  const cases = [
    [
      new StandardScaler().fit(tensor([[1, 2]])),
      'StandardScaler',
      [
        { mean: [1] },
        { mean: [1], variance: [1, 2] },
        { mean: ['1'], variance: [1] },
        { mean: [null], variance: [1] },
        { mean: [1], variance: [-1] },
        'evil',
        3,
      ],
    ],
    [
      new MinMaxScaler().fit(tensor([[1, 2]])),
      'MinMaxScaler',
      [{ dataMin: [1], dataMax: [0] }, { dataMin: [1] }, []],
    ],
    [
      new PolynomialFeatures().fit(tensor([[1, 2]])),
      'PolynomialFeatures',
      [{ columns: '2' }, { columns: 1.5 }],
    ],
    [new LabelEncoder().fit(['a']), 'LabelEncoder', ['a', [['a']], ['a', 'a'], { 0: 'a' }]],
    [new OneHotEncoder().fit([['a']]), 'OneHotEncoder', ['a', ['a'], [[{}]]]],
  ] as const
  for (const [made, type, wrong] of cases) {
    expect(whole(fromJSON(whole(made), type))).toEqual(whole(made))
    for (const learned of wrong)
      expect(
        () => fromJSON({ ...whole(made), learned }, type),
        `${type} ${JSON.stringify(learned)}`,
      ).toThrow('what was learned must be as toJSON gave it')
  }
  expect(() => fromJSON({ type: 'toString', learned: 1 }, 'toString' as never)).toThrow(
    'must be a fitted toString',
  )
  expect(() =>
    fromJSON(
      { type: 'StandardScaler', learned: {}, options: { withMeen: true } },
      'StandardScaler',
    ),
  ).toThrow('Did you mean withMean?')
})

test('labels there and back', () => {
  const made = new LabelEncoder().fit(['b', 'a', 'c', 'b'])
  expect(made.classes).toEqual(['a', 'b', 'c'])
  const y = fromJSON(JSON.parse(JSON.stringify(made)), 'LabelEncoder').transform(['c', 'a'])
  expect([y.dtype, y.toArray()]).toEqual(['int32', [2, 0]])
  expect(made.inverseTransform(y)).toEqual(['c', 'a'])
  expect(new LabelEncoder().fitTransform([10, 9, 10]).toArray()).toEqual([1, 0, 1])
})

test('what is wrong', () => {
  const x = tensor([[1], [2]])
  const scaler = new StandardScaler()
  expect(() => scaler.transform(x)).toThrow('[StandardScaler] it must be fitted first')
  expect(() => JSON.stringify(scaler)).toThrow('it must be fitted first')
  scaler.fit(x)
  expect(() => scaler.transform(tensor([[1, 2]]))).toThrow('x must have shape (N, 1); got [1, 2]')
  expect(() => scaler.fit(tensor([1, 2]))).toThrow('One column is x.reshape([-1, 1])')
  expect(() => scaler.fit(tensor([[1], [Number.NaN]]))).toThrow('got NaN in row 1, column 0')
  expect(() => new MinMaxScaler({ featureRange: [1, 1] })).toThrow(
    'of which the second is larger; got [1, 1]',
  )
  expect(() => new PolynomialFeatures({ degree: 0 })).toThrow('a whole number above 0')
  const labels = new LabelEncoder().fit(['a'])
  expect(() => labels.transform(['a', 'z'])).toThrow('fitted with: a; got z at 1')
  expect(() => labels.inverseTransform([3])).toThrow('labels lie from 0 to 0; got 3')
  const codes = new OneHotEncoder().fit([['a'], ['b']])
  expect(() => codes.transform([['z']])).toThrow('got z in row 0, column 0')
  expect(() => codes.transform([['a', 'b']])).toThrow('rows must have 1 columns; got 2 in row 0')
  const lenient = new OneHotEncoder({ handleUnknown: 'ignore' }).fit([['a'], ['b']])
  expect(lenient.transform([['z']]).toArray()).toEqual([[0, 0]])
  expect(lenient.inverseTransform(tensor([[0, 0]]))).toEqual([[null]])
  expect(() => fromJSON(JSON.parse(JSON.stringify(codes)), 'StandardScaler')).toThrow(
    'it must be a fitted StandardScaler; got OneHotEncoder',
  )
  expect(() => fromJSON(null, 'StandardScaler')).toThrow('must be a fitted StandardScaler')
})
