/** What holds for every estimator: the table below, and one test for each law. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tensor } from 'nabla'
import * as classic from 'nabla/classic'
import type { loadTransformer } from 'nabla/data'
import { afterAll, describe, expect, test } from 'vitest'
import { near } from './near.js'

const folder = mkdtempSync(join(tmpdir(), 'nabla-classic-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** 24 rows of three clouds with a number and a class each; the second column is constant in `flat`. */
const x = Array.from({ length: 24 }, (_, i) => [
  (i % 3) * 4 + Math.sin(i * 1.7),
  Math.cos(i * 2.3) - (i % 3),
  Math.sin(i * i),
])
const flat = x.map(([a, , c]) => [a!, 7, c!])
const y = x.map(([a, b, c]) => 2 * a! - b! + 0.5 * c! + 3)
const labels = x.map((_, i) => i % 3)

interface Any {
  fit(x: unknown, y?: unknown): Any
  partialFit?(x: unknown, y?: unknown, classes?: unknown): Any
  predict?(x: unknown): { toArray(): unknown }
  transform?(x: unknown): { toArray(): unknown }
  score?(x: unknown, y?: unknown): number
  toJSON(): unknown
  toBytes(): Uint8Array
  save(path: string): void
  clone(): Any
  isFitted: boolean
  embedding?: { toArray(): unknown }
}
interface Entry {
  make: () => Any
  /** What fit takes beside x. */
  y?: readonly number[]
  /** The least number of rows. */
  rows: number
}
/** Those that are estimators; what else can be saved is in saving.test.ts. */
type Names = Exclude<
  Parameters<typeof classic.loadEstimator>[1],
  Parameters<typeof loadTransformer>[1]
>
const made = (e: unknown) => e as Any
const table: Record<Names, Entry> = {
  LinearRegression: { make: () => made(new classic.LinearRegression()), y, rows: 1 },
  Ridge: { make: () => made(new classic.Ridge()), y, rows: 1 },
  Lasso: {
    make: () => made(new classic.Lasso({ alpha: 0.1, tol: 1e-12, maxIter: 10000 })),
    y,
    rows: 1,
  },
  ElasticNet: {
    make: () => made(new classic.ElasticNet({ alpha: 0.1, tol: 1e-12, maxIter: 10000 })),
    y,
    rows: 1,
  },
  LogisticRegression: { make: () => made(new classic.LogisticRegression()), y: labels, rows: 2 },
  KMeans: { make: () => made(new classic.KMeans({ nClusters: 3 })), rows: 3 },
  GaussianMixture: { make: () => made(new classic.GaussianMixture({ nComponents: 3 })), rows: 3 },
  DBSCAN: { make: () => made(new classic.DBSCAN({ eps: 2 })), rows: 1 },
  PCA: { make: () => made(new classic.PCA({ nComponents: 2 })), rows: 2 },
  TSNE: { make: () => made(new classic.TSNE({ perplexity: 5, nIter: 60 })), rows: 6 },
  KNeighborsClassifier: {
    make: () => made(new classic.KNeighborsClassifier({ nNeighbors: 3 })),
    y: labels,
    rows: 3,
  },
  KNeighborsRegressor: {
    make: () => made(new classic.KNeighborsRegressor({ nNeighbors: 3 })),
    y,
    rows: 3,
  },
  LabelPropagation: {
    make: () => made(new classic.LabelPropagation({ gamma: 1 })),
    y: labels.map((c, i) => (i < 12 ? c : -1)),
    rows: 1,
  },
  SelfTraining: {
    make: () => made(new classic.SelfTraining(new classic.LogisticRegression({ tol: 1e-8 }))),
    y: labels.map((c, i) => (i < 12 ? c : -1)),
    rows: 2,
  },
}
const entries = Object.entries(table) as [Names, Entry][]
const fitted = (e: Entry, rows: unknown = x) => e.make().fit(rows, e.y)
/** All that an estimator tells of rows. */
const told = (m: Any) => [
  m.predict?.(x).toArray(),
  m.transform?.(x).toArray(),
  m.embedding?.toArray(),
  m.toJSON(),
]

test('every estimator that can be loaded is in the table', () => {
  const all = Object.entries(classic)
    .filter(([, v]) => typeof v === 'function' && v.prototype instanceof classic.Estimator)
    .map(([name]) => name)
    .filter((name) => !['Classifier', 'LinearRegressor', 'Regressor'].includes(name))
  expect(Object.keys(table).sort()).toEqual(all.sort())
})

describe.each(entries)('%s', (name, entry) => {
  test('fitted twice it is the same, bit for bit, from lists as from tensors', () => {
    const first = told(fitted(entry))
    expect(told(fitted(entry))).toEqual(first)
    expect(told(fitted(entry).fit(x, entry.y))).toEqual(first)
    expect(told(fitted(entry, tensor(x, { dtype: 'float64' })))).toEqual(first)
    expect(
      told(
        fitted(
          entry,
          x.map((r) => Float64Array.from(r)),
        ),
      ),
    ).toEqual(first)
  })
  test('saved and loaded it tells the same', () => {
    const model = fitted(entry)
    const path = join(folder, `${name}.safetensors`)
    model.save(path)
    expect(told(made(classic.loadEstimator(path, name)))).toEqual(told(model))
    expect(told(made(classic.loadEstimator(model.toBytes(), name)))).toEqual(told(model))
    const json = JSON.parse(JSON.stringify(model))
    expect(told(made(classic.estimatorFromJSON(json, name)))).toEqual(told(model))
    const other = name === 'PCA' ? 'KMeans' : 'PCA'
    expect(() => classic.loadEstimator(path, other)).toThrow(
      `it must be a fitted ${other}; got ${name}`,
    )
    expect(() => classic.estimatorFromJSON(null, name)).toThrow(`a fitted ${name}`)
    expect(() => classic.estimatorFromJSON({ ...json, learned: {} }, name)).toThrow(
      `must be a fitted ${name}; got no`,
    )
    if (json.parts)
      expect(() => classic.estimatorFromJSON({ ...json, parts: [] }, name)).toThrow('its part')
    expect(() => classic.estimatorFromJSON({ ...json, learned: null }, name)).toThrow('damaged')
    const bytes = new Uint8Array(readFileSync(path))
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(path, bytes)
    expect(() => classic.loadEstimator(path, name)).toThrow('checksum')
  })
  test('a clone has the options, and has learned nothing', () => {
    const model = fitted(entry)
    const clone = model.clone()
    expect(clone.isFitted).toBe(false)
    expect(told(clone.fit(x, entry.y))).toEqual(told(model))
  })
  test('bad input is refused', () => {
    const model = entry.make()
    expect(() => model.toJSON()).toThrow(`[${name}] it must be fitted first`)
    if (model.predict) expect(() => model.predict!(x)).toThrow('fitted first')
    const nan = x.map((r, i) => (i === 4 ? [1, Number.NaN, 2] : r))
    expect(() => model.fit(nan, entry.y)).toThrow('x must be finite; got NaN in row 4, column 1')
    expect(() => model.fit(tensor(nan, { dtype: 'float64' }), entry.y)).toThrow(
      'NaN in row 4, column 1',
    )
    expect(() =>
      model.fit(
        x.map((r) => r.map((v) => v / 0)),
        entry.y,
      ),
    ).toThrow('x must be finite')
    expect(() => model.fit(tensor([1, 2, 3]), [1, 2, 3])).toThrow(
      'One column is x.reshape([-1, 1])',
    )
    expect(() => model.fit([], [])).toThrow()
    expect(() => model.fit([[1, 2], [3]], [1, 2])).toThrow('rows of one length')
    if (entry.y) {
      expect(() => model.fit(x, entry.y!.slice(1))).toThrow(
        'one y for each row of x; got 23 and 24 rows',
      )
      expect(() =>
        model.fit(
          x,
          entry.y!.map((v, i) => (i === 2 ? Number.NaN : v)),
        ),
      ).toThrow('y must be finite; got NaN at position 2')
    }
    model.fit(x, entry.y)
    if (model.predict)
      expect(() => model.predict!([[1, 2]])).toThrow('the 3 columns that were fitted; got 2')
  })
  test('a constant column and few rows', () => {
    const model = fitted(entry, flat)
    const numbers = JSON.stringify([
      model.predict?.(flat).toArray() ?? 0,
      model.transform?.(flat).toArray() ?? 0,
      model.embedding?.toArray() ?? 0,
    ])
    // JSON writes null for what is not finite.
    expect(numbers).not.toContain('null')
    const few = () => {
      const rows = x.slice(0, entry.rows)
      const m = entry.make().fit(rows, entry.y?.slice(0, entry.rows))
      return m.predict?.(rows)
    }
    expect(few).not.toThrow()
    if (entry.rows > 1) {
      const rows = x.slice(0, entry.rows - 1)
      expect(() =>
        entry
          .make()
          .fit(rows, entry.y?.slice(0, entry.rows - 1))
          .predict?.(rows),
      ).toThrow()
    }
  })
})

describe('partialFit', () => {
  const parts = [x.slice(0, 10), x.slice(10, 13), x.slice(13)]
  const cut = <T>(list: readonly T[]) => [list.slice(0, 10), list.slice(10, 13), list.slice(13)]
  /** Those that give the fit of all rows. */
  const whole: Partial<Record<Names, Any>> = {
    LinearRegression: made(new classic.LinearRegression()),
    Ridge: made(new classic.Ridge()),
    Lasso: made(new classic.Lasso({ alpha: 0.1, tol: 1e-13, maxIter: 100000 })),
    ElasticNet: made(new classic.ElasticNet({ alpha: 0.1, tol: 1e-13, maxIter: 100000 })),
    PCA: made(new classic.PCA({ nComponents: 2, svdSolver: 'covariance' })),
    KNeighborsClassifier: made(new classic.KNeighborsClassifier()),
    KNeighborsRegressor: made(new classic.KNeighborsRegressor()),
  }
  test.each(Object.entries(whole))('%s: in parts it is the fit of all rows', (name, model) => {
    const ys = table[name as Names].y
    parts.forEach((part, k) => {
      model.partialFit!(part, ys && cut(ys)[k])
    })
    const all = model.clone().fit(x, ys)
    near(
      model.predict?.(x).toArray() ?? model.transform!(x).toArray(),
      all.predict?.(x).toArray() ?? all.transform!(x).toArray(),
      1e-8,
      name,
    )
  })
  test('no intercept, far from 0', () => {
    const far = x.map((r) => r.map((v) => v + 10))
    for (const m of [
      new classic.Lasso({ alpha: 0.1, tol: 1e-14, maxIter: 1e5, fitIntercept: false }),
      new classic.Ridge({ fitIntercept: false }),
    ]) {
      cut(far).forEach((part, k) => {
        m.partialFit(part, cut(y)[k]!)
      })
      near(m.predict(far), m.clone().fit(far, y).predict(far).toArray(), 1e-4, m.kind)
    }
  })
  test('KMeans: each center is the mean of the rows that it got', () => {
    const init = [x[0]!, x[1]!, x[2]!]
    const model = new classic.KMeans({ init })
    const sums = init.map((c) => c.map(() => 0))
    const counts = [0, 0, 0]
    let centers: number[][] = init
    for (const part of parts) {
      const got = part.map((r) => {
        const d = centers.map((c) => c.reduce((s, v, j) => s + (v - r[j]!) ** 2, 0))
        return d.indexOf(Math.min(...d))
      })
      got.forEach((c, i) => {
        counts[c]!++
        for (let j = 0; j < 3; j++) sums[c]![j]! += part[i]![j]!
      })
      centers = centers.map((c, k) => (counts[k] ? sums[k]!.map((s) => s / counts[k]!) : c))
      model.partialFit(part)
      near(model.clusterCenters, centers, 1e-12, 'centers')
    }
  })
  test('gradient descent and SGD: so many calls are so many passes', () => {
    const o = { solver: 'gradientDescent', batchSize: 4, lr: 0.01, tol: 0 } as const
    const m = new classic.LinearRegression(o)
    for (let i = 0; i < 5; i++) m.partialFit(x, y)
    expect(m.coef.toArray()).toEqual(
      new classic.LinearRegression({ ...o, maxIter: 5 }).fit(x, y).coef.toArray(),
    )
    const sgd = { solver: 'sgd', lr: 0.05, tol: 0, seed: 3 } as const
    const c = new classic.LogisticRegression(sgd)
    c.partialFit(x.slice(0, 2), labels.slice(0, 2), [0, 1, 2])
    expect(c.classes).toEqual([0, 1, 2])
    const d = new classic.LogisticRegression(sgd)
    for (let i = 0; i < 200; i++) d.partialFit(x, labels)
    expect(d.score(x, labels)).toBeGreaterThan(0.9)
    expect(() => d.partialFit([x[0]!], [9])).toThrow('the classes are 0, 1, 2; got 9')
    expect(() => new classic.Lasso().fit(x, y).partialFit(x, y)).toThrow('a model that fit made')
    expect(() => new classic.PCA().fit(x).partialFit(x)).toThrow('a model that fit made')
  })
})

describe('gradient descent', () => {
  test.each([[null], [1], [8]])('batches of %s come to the closed form', (batchSize) => {
    const exact = new classic.LinearRegression().fit(x, y)
    const m = new classic.LinearRegression({
      solver: 'gradientDescent',
      batchSize,
      lr: 0.02,
      maxIter: 5000,
      tol: 0,
    }).fit(x, y)
    near(m.coef, exact.coef.toArray(), 1e-3, 'coef')
    expect(m.losses.at(-1)!).toBeLessThan(m.losses[0]! / 1000)
  })
  test('what diverges is told', () => {
    const m = new classic.LinearRegression({ solver: 'gradientDescent', lr: 10 })
    expect(() => m.fit(x, y)).toThrow('Scale the columns with StandardScaler, or lower lr.')
  })
})

test('softmax by SGD comes near L-BFGS', () => {
  const exact = new classic.LogisticRegression({ C: 1 }).fit(x, labels)
  const sgd = new classic.LogisticRegression({
    solver: 'sgd',
    lr: 0.2,
    batchSize: 24,
    maxIter: 20000,
    tol: 0,
  }).fit(x, labels)
  near(sgd.predictProba(x), exact.predictProba(x).toArray(), 1e-3, 'proba')
})

test('what is wrong with options and numbers', () => {
  expect(() => new classic.KMeans({ nClusters: 30 }).fit(x)).toThrow(
    'nClusters 30 needs 30 rows or more; got 24',
  )
  expect(() => new classic.GaussianMixture({ nComponents: 25 }).fit(x)).toThrow(
    'needs 25 rows or more; got 24',
  )
  expect(() => new classic.TSNE({ perplexity: 24 }).fit(x)).toThrow(
    'perplexity must be below the 24 rows; got 24',
  )
  expect(() => new classic.PCA({ nComponents: 4 }).fit(x)).toThrow('at most 3')
  expect(() => new classic.PCA().fit([[1, 2]])).toThrow('a variance needs 2 rows or more; got 1')
  expect(() =>
    new classic.KNeighborsClassifier({ nNeighbors: 25 }).fit(x, labels).predict(x),
  ).toThrow('at most the 24 rows')
  expect(() =>
    new classic.LogisticRegression().fit(
      x,
      x.map(() => 1),
    ),
  ).toThrow('two classes or more; got class 1 only')
  expect(() =>
    new classic.LogisticRegression().fit(
      x,
      x.map(() => 0.5),
    ),
  ).toThrow('LabelEncoder of nabla/data')
  expect(() =>
    new classic.LabelPropagation().fit(
      x,
      x.map(() => -1),
    ),
  ).toThrow('some rows must have a label')
  expect(() => new classic.KMeans({ init: [[1, 2]], nClusters: 2 })).toThrow(
    'a center for each of the 2 clusters; got 1',
  )
  expect(() => new classic.KMeans({ init: [[1, 2]] }).fit(x)).toThrow('the 3 columns of x; got 2')
  expect(() => new classic.Ridge({ alpha: -1 })).toThrow('alpha must be a number from 0 up; got -1')
  expect(() => new classic.Lasso({ l1Ratio: 0.5 } as never)).toThrow('l1Ratio')
  expect(() => new classic.TSNE({ nComponents: 3 })).toThrow("method: 'exact'")
  expect(() => new classic.PCA({ svdSolver: 'best' as never })).toThrow("got 'best'")
  expect(() => classic.lassoPath(x, y, { alphas: [-1] })).toThrow('numbers from 0 up')
})

test('clusters do not move when all rows do', () => {
  const init = [x[0]!, x[1]!, x[2]!]
  const near0 = new classic.KMeans({ init }).fit(x)
  const shift = (r: number[]) => r.map((v) => v + 1e6)
  const far = new classic.KMeans({ init: init.map(shift) }).fit(x.map(shift))
  expect(far.labels.toArray()).toEqual(near0.labels.toArray())
  expect(far.inertia / near0.inertia).toBeCloseTo(1, 6)
  const p = new classic.PCA({ nComponents: 2 }).fit(x)
  near(
    new classic.PCA({ nComponents: 2 }).fit(x.map(shift)).components,
    p.components.toArray(),
    1e-6,
    'components',
  )
})

test('k-means skips only what changes nothing: as the naive iterations', () => {
  let s = 7
  const random = () => {
    s = (s * 16807) % 2147483647
    return s / 2147483647
  }
  const rows = Array.from({ length: 400 }, () => Array.from({ length: 5 }, random))
  let centers = rows.slice(0, 7)
  let labels: number[] = []
  for (let it = 0; it < 40; it++) {
    labels = rows.map((r) => {
      const d = centers.map((c) => c.reduce((t, v, j) => t + (v - r[j]!) ** 2, 0))
      return d.indexOf(Math.min(...d))
    })
    centers = centers.map((_, k) => {
      const own = rows.filter((_, i) => labels[i] === k)
      return [0, 1, 2, 3, 4].map((j) => own.reduce((t, r) => t + r[j]!, 0) / own.length)
    })
  }
  const model = new classic.KMeans({ init: rows.slice(0, 7), tol: 0, maxIter: 40 }).fit(rows)
  near(model.clusterCenters, centers, 1e-9, 'centers')
})

test('k-means forgets old centers when they are many numbers, and changes nothing by it', () => {
  let s = 11
  const random = () => {
    s = (s * 16807) % 2147483647
    return s / 2147483647
  }
  // Points of a plane, which turning into many columns leaves as far from each other.
  const [n, p, k] = [500, 3000, 24]
  const points = Array.from({ length: n }, () => [random(), random()] as const)
  const spread = ([a, b]: readonly [number, number]) =>
    Float64Array.from({ length: p }, (_, j) => (j % 2 ? a : b))
  let centers = points.slice(0, k)
  let labels: number[] = []
  let iterations = 0
  for (let before = ''; ; iterations++) {
    labels = points.map((r) => {
      const d = centers.map((c) => (c[0] - r[0]) ** 2 + (c[1] - r[1]) ** 2)
      return d.indexOf(Math.min(...d))
    })
    if (labels.join() === before) break
    before = labels.join()
    centers = centers.map((_, c) => {
      const own = points.filter((_, i) => labels[i] === c)
      const mean = (j: 0 | 1) => own.reduce((t, r) => t + r[j], 0) / own.length
      return [mean(0), mean(1)] as const
    })
  }
  expect(iterations * k * p).toBeGreaterThan(2 ** 20)
  const rows = points.map(spread)
  const model = new classic.KMeans({ init: rows.slice(0, k), tol: 0 }).fit(rows)
  expect(model.labels.toArray()).toEqual(labels)
  expect(model.nIter).toBe(iterations + 1)
})

test('a constant y is learned exactly: R² is 1, as in scikit-learn', () => {
  for (const v of [2, 0.1, 1e6 + 0.3]) {
    const same = x.map(() => v)
    for (const m of [new classic.LinearRegression(), new classic.Ridge(), new classic.Lasso()])
      expect(m.fit(x, same).score(x, same), m.kind).toBe(1)
    const ys = [...same.slice(1), v + 1]
    const parts = new classic.LinearRegression().fit(x.slice(0, 23), same.slice(1))
    parts.partialFit([x[23]!], [v + 1])
    near(
      parts.predict(x),
      new classic.LinearRegression().fit(x, ys).predict(x).toArray(),
      1e-8,
      'y',
    )
  }
})

test("what is not a number is refused, not counted as one, and scikit-learn's names lead to ours", () => {
  const odd = (v: unknown) => x.map((r, i) => (i === 2 ? [1, v, 2] : r)) as number[][]
  for (const [name, e] of entries) {
    expect(() => e.make().fit(odd(null), e.y), name).toThrow('got null in row 2, column 1. NaN')
    expect(() => e.make().fit(odd('5'), e.y), name).toThrow("got '5' in row 2, column 1")
    if (e.y)
      expect(() => e.make().fit(x, ['a', ...e.y!.slice(1)]), name).toThrow(
        "got 'a' at position 0. LabelEncoder",
      )
  }
  const meant: [() => unknown, string][] = [
    [() => new classic.KMeans({ n_clusters: 3 } as object), 'nClusters'],
    [() => new classic.KMeans({ random_state: 3 } as object), 'seed'],
    [() => new classic.GaussianMixture({ n_clusters: 3 } as object), 'nComponents'],
    [() => new classic.TSNE({ max_iter: 3 } as object), 'nIter'],
    [() => new classic.PCA({ n_iter: 3, n_components: 1 } as object), 'the options are'],
    [() => new classic.KNeighborsClassifier({ k: 3 } as object), 'nNeighbors'],
  ]
  for (const [make, name] of meant)
    expect(make).toThrow(name === 'the options are' ? name : `Did you mean ${name}?`)
})
