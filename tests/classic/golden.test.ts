import {
  DBSCAN,
  ElasticNet,
  GaussianMixture,
  KMeans,
  KNeighborsClassifier,
  KNeighborsRegressor,
  LabelPropagation,
  Lasso,
  lassoPath,
  LinearRegression,
  LogisticRegression,
  PCA,
  Ridge,
  SelfTraining,
  TSNE,
} from 'nabla/classic'
import { expect, test } from 'vitest'
import { golden } from '../golden/fixture.js'
import { near } from './near.js'

const cases = golden('classic').map((c, i) => ({
  ...c,
  i,
  title: JSON.stringify(c.options ?? c.note ?? c.weights ?? {}),
}))
type Out = Record<string, never>
const of = (group: string) =>
  cases.filter((c) => (c as { group?: unknown }).group === group) as never as {
    name: string
    title: string
    x: number[][]
    y: number[]
    init: number[][]
    new: number[][]
    options: object
    weights: never
    scoring: number[]
    k: number
    out: Out
    gap: number
  }[]
const linear = { LinearRegression, Ridge, Lasso, ElasticNet }

test.each(of('linear'))('$name $title', ({ name, options, x, y, new: query, out }) => {
  const model = new linear[name as keyof typeof linear](options).fit(x, y)
  near(model.coef, out.coef, 1e-6, 'coef')
  near(model.intercept, out.intercept, 1e-6, 'intercept')
  near(model.predict(query), out.predict, 1e-6, 'predict')
  near(model.score(x, y), out.score, 1e-6, 'score')
})
test.each(of('passes'))(
  '$name: as many passes at the default tolerance',
  ({ options, x, y, out, gap }) => {
    const model = new Lasso(options).fit(x, y)
    expect(model.nIter).toBe(out)
    near(model.dualGap, gap, 1e-6, 'gap')
  },
)
test.each(of('path'))('$name $title', ({ options, x, y, out }) => {
  for (const precompute of [true, false]) {
    const path = lassoPath(x, y, { ...options, precompute })
    near(path.alphas, out.alphas, 1e-6, 'alphas')
    near(path.coefs, out.coefs, 1e-6, 'coefs')
  }
})
test.each(of('logistic'))('$name $title', ({ options, x, y, new: query, out }) => {
  const model = new LogisticRegression(options).fit(x, y)
  near(model.coef, out.coef, 1e-5, 'coef')
  near(model.intercept, out.intercept, 1e-5, 'intercept')
  near(model.predictProba(query), out.proba, 1e-6, 'proba')
  near(model.predict(query), out.predict, 0, 'predict')
  near(model.score(x, y), out.score, 1e-9, 'score')
})
test.each(of('kmeans'))('$name $title', ({ x, init, new: query, out }) => {
  const model = new KMeans({ init }).fit(x)
  near(model.labels, out.labels, 0, 'labels')
  near(model.clusterCenters, out.centers, 1e-6, 'centers')
  near(model.inertia, out.inertia, 1e-6, 'inertia')
  expect(model.nIter).toBe(out.iterations)
  near(model.predict(query), out.predict, 0, 'predict')
  near(model.transform(query), out.transform, 1e-6, 'transform')
  near(model.score(query), out.score, 1e-6, 'score')
})
test.each(of('inertia'))('$name: as good as the best of 20 starts', ({ x, k, out }) => {
  expect(
    new KMeans({ nClusters: k, nInit: 20 }).fit(x).inertia / (out as unknown as number),
  ).toBeLessThan(1.01)
})
test.each(of('mixture'))('$name $title', ({ options, x, new: query, out }) => {
  const model = new GaussianMixture(options).fit(x)
  const means = model.means.toArray() as number[][]
  const order = means.map((_, i) => i).sort((a, b) => means[a]![0]! - means[b]![0]!)
  near(
    order.map((k) => means[k]),
    out.means,
    1e-5,
    'means',
  )
  const weights = model.weights.toArray() as number[]
  near(
    order.map((k) => weights[k]),
    out.weights,
    1e-5,
    'weights',
  )
  near(model.scoreSamples(query), out.logs, 1e-5, 'logs')
  const proba = model.predictProba(query).toArray() as number[][]
  near(
    proba.map((r) => order.map((k) => r[k])),
    out.proba,
    1e-5,
    'proba',
  )
  near(model.score(x), out.score, 1e-6, 'score')
  near(model.bic(x), out.bic, 1e-6, 'bic')
  near(model.aic(x), out.aic, 1e-6, 'aic')
})
test.each(of('dbscan'))('$name $title', ({ options, x, out }) => {
  const model = new DBSCAN(options).fit(x)
  near(model.labels, out.labels, 0, 'labels')
  near(model.coreSampleIndices, out.cores, 0, 'cores')
})
test.each(of('pca'))('$name $title', ({ options, x, new: query, out }) => {
  for (const svdSolver of ['full', 'covariance', 'randomized'] as const) {
    if (svdSolver === 'randomized' && (options as { nComponents?: number }).nComponents === 0.9)
      continue
    const model = new PCA({ ...options, svdSolver }).fit(x)
    near(model.components, out.components, 1e-6, `${svdSolver} components`)
    near(model.explainedVariance, out.variance, 1e-6, `${svdSolver} variance`)
    near(model.explainedVarianceRatio, out.ratio, 1e-6, `${svdSolver} ratio`)
    near(model.singularValues, out.singular, 1e-6, `${svdSolver} singular`)
    near(model.noiseVariance, out.noise, 1e-6, `${svdSolver} noise`)
    near(model.transform(query), out.transform, 1e-6, `${svdSolver} transform`)
    near(model.inverseTransform(model.transform(query)), out.back, 1e-6, `${svdSolver} back`)
    near(model.score(x), out.score, 1e-5, `${svdSolver} score`)
  }
})
test.each(of('neighbors'))('$name $title', ({ weights, x, y, new: query, out }) => {
  const model = new KNeighborsClassifier({ nNeighbors: 5, weights }).fit(x, y)
  const [distances, indices] = model.kneighbors(query)
  near(distances, out.distances, 1e-6, 'distances')
  near(indices, out.indices, 0, 'indices')
  near(model.predictProba(query), out.proba, 1e-6, 'proba')
  near(model.predict(query), out.predict, 0, 'predict')
  const values = new KNeighborsRegressor({ nNeighbors: 4, weights }).fit(
    x,
    x.map((r) => r[0]! * 2),
  )
  near(values.predict(query), out.values, 1e-6, 'values')
})
test.each(of('tsne'))(
  '$name $title: the divergence and its gradient',
  ({ options, x, init, out }) => {
    for (const [method, angle, tolerance] of [
      ['exact', 0.5, 1e-6],
      ['barnesHut', 0, 1e-6],
      ['barnesHut', 0.5, 2e-2],
    ] as const) {
      const points = new TSNE({ ...options, method, angle, init }).fit(x).embedding
      near(points, out.moved, tolerance, `${method} ${angle}`)
    }
    // So small a step that the points stay where they are.
    const still = new TSNE({ ...options, method: 'exact', learningRate: 1e-12, init }).fit(x)
    near(still.klDivergence, out.kl, 1e-6, 'divergence')
  },
)
test.each(of('tsne end'))('$name $title: the divergence at the end', ({ options, x, out }) => {
  for (const method of ['exact', 'barnesHut'] as const)
    expect(new TSNE({ ...options, method }).fit(x).klDivergence).toBeLessThan(out.kl as number)
})
test.each(of('propagation'))('$name $title', ({ options, x, y, new: query, out }) => {
  const model = new LabelPropagation(options).fit(x, y)
  near(model.transduction, out.transduction, 0, 'transduction')
  near(model.predictProba(query), out.proba, 1e-6, 'proba')
})
test.each(of('self'))('$name $title', ({ options, x, y, out }) => {
  const model = new SelfTraining(
    new LogisticRegression({ tol: 1e-9, maxIter: 10000 }),
    options,
  ).fit(x, y)
  near(model.labels, out.labels, 0, 'labels')
  near(model.labeledIter, out.iter, 0, 'rounds')
  const why = { max_iter: 'maxIter', no_change: 'noChange', all_labeled: 'allLabeled' }
  expect(model.termination).toBe(why[out.why as keyof typeof why])
})

test.each(of('weighted'))(
  '$name $title: weights of rows',
  ({ name, options, x, y, out, weights, scoring }) => {
    const kinds = { ...linear, LogisticRegression }
    const model = new kinds[name as keyof typeof kinds](options)
    const sampleWeight = weights as number[]
    model.fit(x, y, { sampleWeight })
    near(model.coef, out.coef, 1e-5, 'coef')
    near(
      typeof model.intercept === 'number' ? model.intercept : model.intercept.toArray(),
      out.intercept,
      1e-5,
      'intercept',
    )
    near(model.score(x, y, { sampleWeight: scoring }), out.score, 1e-6, 'score')
  },
)
test.each(of('weighted clusters'))(
  '$name $title: weights of rows',
  ({ x, init, new: query, weights, out }) => {
    const sampleWeight = weights as number[]
    const model = new KMeans({ init }).fit(x, undefined, { sampleWeight })
    near(model.labels, out.labels, 0, 'labels')
    near(model.clusterCenters, out.centers, 1e-6, 'centers')
    near(model.inertia, out.inertia, 1e-6, 'inertia')
    near(
      model.score(query, undefined, { sampleWeight: sampleWeight.slice(0, 8) }),
      out.score,
      1e-6,
      'score',
    )
  },
)
test.each(of('weighted density'))(
  '$name $title: weights of rows',
  ({ options, x, weights, out }) => {
    const model = new DBSCAN(options).fit(x, undefined, { sampleWeight: weights as number[] })
    near(model.labels, out.labels, 0, 'labels')
    near(model.coreSampleIndices, out.cores, 0, 'cores')
  },
)
