/** What holds for everything that can be saved and is no estimator of its own: a table, and one test for each law. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tensor } from 'nabla'
import * as classic from 'nabla/classic'
import * as data from 'nabla/data'
import { afterAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-saving-'))
afterAll(() => rmSync(folder, { recursive: true }))

const rows = Array.from({ length: 30 }, (_, i) => [
  (i % 3) * 4 + Math.sin(i * 1.7),
  Math.cos(i * 2.3) - (i % 3),
  Math.sin(i * i),
])
const labels = rows.map((_, i) => i % 3)
const y = rows.map(([a, b]) => 2 * a! - b!)
const x = tensor(rows, { dtype: 'float64' })
const names = rows.map((r, i) => [r[0]!, ['red', 'green', 'blue'][i % 3]!, i % 5])
const gaps = tensor(
  rows.map((r, i) => (i % 7 === 2 ? [Number.NaN, r[1]!, r[2]!] : r)),
  { dtype: 'float64' },
)

type Names = Parameters<typeof data.loadTransformer>[1]
interface Thing extends data.Savable {
  clone?(): Thing
}
interface Entry {
  make(): Thing
  fit(t: never): unknown
  /** All that it tells of rows. */
  tell(t: never): unknown
}
const entry = <T extends Thing>(
  make: () => T,
  fit: (t: T) => unknown,
  tell: (t: T) => unknown,
): Entry => ({ make, fit, tell }) as unknown as Entry
const scaled = <
  T extends Thing & { fit(t: typeof x, y?: number[]): unknown; transform(t: typeof x): typeof x },
>(
  make: () => T,
  of = x,
) =>
  entry(
    make,
    (t) => t.fit(of, y),
    (t) => t.transform(of).toArray(),
  )
const pipeline = () =>
  new data.Pipeline([
    ['scale', new data.StandardScaler()],
    ['choose', new data.SelectFromModel(new classic.Lasso({ alpha: 0.01 }))],
    ['parts', new classic.PCA({ nComponents: 2 })],
    ['fit', new classic.LogisticRegression()],
  ])
const table: Record<Names, Entry> = {
  StandardScaler: scaled(() => new data.StandardScaler({ withMean: false })),
  MinMaxScaler: scaled(() => new data.MinMaxScaler({ featureRange: [-1, 1] })),
  PolynomialFeatures: scaled(() => new data.PolynomialFeatures({ degree: 3 })),
  SimpleImputer: scaled(() => new data.SimpleImputer({ strategy: 'median' }), gaps),
  VarianceThreshold: scaled(() => new data.VarianceThreshold({ threshold: 0.6 })),
  SelectKBest: scaled(() => new data.SelectKBest({ k: 2, score: 'correlation' })),
  SelectFromModel: scaled(() => new data.SelectFromModel(new classic.Lasso({ alpha: 0.3 }))),
  LabelEncoder: entry(
    () => new data.LabelEncoder(),
    (e) => e.fit(['b', 'a', 'c']),
    (e) => e.transform(['c', 'a']).toArray(),
  ),
  OneHotEncoder: entry(
    () => new data.OneHotEncoder({ drop: 'first' }),
    (e) => e.fit(names.map((r) => [r[1]!])),
    (e) => e.transform([['red'], ['blue']]).toArray(),
  ),
  Pipeline: entry(
    pipeline,
    (p) => p.fit(x, labels),
    (p) => [p.predict(x).toArray(), p.predictProba(x).toArray(), p.score(x, labels)],
  ),
  ColumnTransformer: entry(
    () =>
      new data.ColumnTransformer(
        [
          ['colour', new data.OneHotEncoder(), [1]],
          ['numbers', new data.Pipeline([['scale', new data.StandardScaler()]]), [0]],
          ['rest', 'passthrough', [2]],
        ],
        { dtype: 'float64' },
      ),
    (t) => t.fit(names),
    (t) => t.transform(names).toArray(),
  ),
}

describe.each(Object.entries(table) as [Names, Entry][])('%s', (name, { make, fit, tell }) => {
  const fitted = () => {
    const made = make()
    fit(made as never)
    return made
  }
  test('saved and loaded it tells the same, to the bit', () => {
    const made = fitted()
    const said = tell(made as never)
    const path = join(folder, `${name}.safetensors`)
    made.save(path)
    const json = JSON.parse(JSON.stringify(made))
    const again = [
      classic.loadEstimator(path, name),
      classic.loadEstimator(made.toBytes(), name),
      classic.estimatorFromJSON(json, name),
    ]
    if (
      !JSON.stringify(json).includes('float64"]') &&
      name !== 'Pipeline' &&
      name !== 'SelectFromModel'
    )
      again.push(data.loadTransformer(path, name), data.fromJSON(json, name))
    for (const b of again) {
      expect(tell(b as never)).toEqual(said)
      expect(b.toJSON()).toEqual(made.toJSON())
    }
    expect(() => classic.loadEstimator(path, 'PCA')).toThrow(`a fitted PCA; got ${name}`)
    expect(() => data.fromJSON(null, name)).toThrow(`a fitted ${name}`)
    const bytes = new Uint8Array(readFileSync(path))
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(path, bytes)
    expect(() => data.loadTransformer(path, name)).toThrow()
  })
  test('fitted twice it is the same; what has learned nothing is not saved', () => {
    expect(tell(fitted() as never)).toEqual(tell(fitted() as never))
    expect(() => make().toBytes()).toThrow('it must be fitted first')
    const made = fitted()
    if (!made.clone) return
    const clone = made.clone()
    expect(() => clone.toJSON()).toThrow('it must be fitted first')
    fit(clone as never)
    expect(tell(clone as never)).toEqual(tell(made as never))
  })
})

test('a pipeline with an estimator is read by nabla/classic, and says so elsewhere', () => {
  const made = pipeline().fit(x, labels)
  expect(() => data.fromJSON(made.toJSON(), 'Pipeline')).toThrow(
    'are read by loadEstimator and estimatorFromJSON of nabla/classic',
  )
  const deep = new data.Pipeline([['inner', made]]).fit(x, labels)
  const again = classic.loadEstimator(deep.toBytes(), 'Pipeline')
  expect(again.predict(x).toArray()).toEqual(made.predict(x).toArray())
})
test('a part that is not of nabla is named', () => {
  const own = { fit: () => {}, transform: (t: typeof x) => t }
  const made = new data.Pipeline([['mine', own]]).fit(x)
  expect(() => made.toBytes()).toThrow(
    'every part must be one of nabla, which can be saved; got mine',
  )
})
test('weights of rows are for the last step of a pipeline', () => {
  const sampleWeight = y.map((_, i) => (i % 4) / 2)
  const made = new data.Pipeline([
    ['scale', new data.StandardScaler()],
    ['fit', new classic.Ridge()],
  ])
  made.fit(x, y, { sampleWeight })
  const ridge = new classic.Ridge().fit(new data.StandardScaler().fitTransform(x), y, {
    sampleWeight,
  })
  expect(made.predict(x).toArray()).toEqual(
    ridge.predict(new data.StandardScaler().fitTransform(x)).toArray(),
  )
  expect(made.score(x, y, { sampleWeight })).toBeLessThan(1)
})
