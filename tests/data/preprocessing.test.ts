import { compile, type Tensor, tensor } from 'nabla'
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
  expect(() => new MinMaxScaler({ featureRange: [1, 1] })).toThrow('the range must go up')
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
