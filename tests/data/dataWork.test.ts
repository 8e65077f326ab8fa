import { tensor } from 'nabla'
import { Lasso, LinearRegression, LogisticRegression, Ridge } from 'nabla/classic'
import * as data from 'nabla/data'
import {
  accuracy,
  auc,
  ConfusionMatrix,
  meanAbsoluteError,
  meanSquaredError,
  r2,
  topKAccuracy,
} from 'nabla/train'
import { expect, test } from 'vitest'
import { golden } from '../golden/fixture.js'
import { near } from '../classic/near.js'

type Any = Record<string, never> & { name: string }
const cases = golden('dataWork') as never as Any[]
const one = (name: string) => cases.find((c) => c.name === name)!
const of = (name: string) => cases.filter((c) => c.name === name)
const wide = (x: number[][]) => tensor(x, { dtype: 'float64' })

test('scores of columns', () => {
  const c = one('fClassif')
  const f = data.fClassif(c.x!, c.y!)
  near(f.scores, c.scores, 1e-7, 'F')
  near(f.pValues, c.p, 1e-9, 'p')
  const g = one('fRegression')
  const r = data.fRegression(g.x!, g.y!)
  near(r.scores, g.scores, 1e-7, 'F')
  near(r.pValues, g.p, 1e-9, 'p')
  near(data.rRegression(g.x!, g.y!), g.r, 1e-8, 'r')
  for (const m of of('mutualInfo')) {
    const options = { nNeighbors: m.k as number }
    near(data.mutualInfoClassif(m.x!, m.y!, options), m.classif, 1e-6, 'classif')
    near(data.mutualInfoRegression(m.x!, m.t!, options), m.regression, 1e-6, 'regression')
  }
})

test('columns that are chosen', () => {
  const c = one('select')
  const x = wide(c.x!)
  expect(new data.VarianceThreshold().fit(x).support).toEqual(c.variance)
  expect(new data.VarianceThreshold({ threshold: 0.9 }).fit(x).support).toEqual(c.variance09)
  expect(new data.SelectKBest({ k: 2 }).fit(x.narrow(1, 0, 4), c.y!).support).toEqual(c.best)
  // A constant column is never among the best.
  for (const score of ['fClassif', 'fRegression', 'correlation'] as const)
    expect(
      new data.SelectKBest({ k: 4, score }).fit(x, score === 'fClassif' ? c.y! : c.t!).support,
    ).toEqual([0, 1, 2, 3])
  const chosen = new data.SelectFromModel(new Lasso({ alpha: 0.05 })).fit(x, c.t!)
  expect(chosen.support).toEqual(c.lasso)
  expect(chosen.transform(x).shape).toEqual([60, (c.lasso as unknown as number[]).length])
  expect(() => new data.VarianceThreshold({ threshold: 99 }).fit(x)).toThrow(
    'a column must be left',
  )
  expect(() => new data.SelectKBest({ k: 9 }).fit(x, c.y!)).toThrow('at most the 5 columns; got 9')
  expect(() => new data.SelectKBest().fit(x)).toThrow('fit needs y')
  expect(() => data.fClassif([[1], [2]], [1, 1])).toThrow('two classes or more')
  expect(() => data.fClassif([[1], [Number.NaN]], [1, 0])).toThrow('x must be finite')
})

test.each(of('SimpleImputer'))('missing numbers: $strategy', ({ strategy, x, out }) => {
  const t = wide(
    (x as number[][]).map((r) => r.map((v) => (v === ('nan' as never) ? Number.NaN : v))),
  )
  const made = new data.SimpleImputer({ strategy, fillValue: -1 }).fit(t)
  near(made.transform(t), out, 1e-8, 'filled')
  const again = data.fromJSON(JSON.parse(JSON.stringify(made)), 'SimpleImputer')
  near(again.transform(t), out, 1e-8, 'again')
})
test('a column without numbers is refused', () => {
  const t = tensor([[Number.NaN], [Number.NaN]])
  expect(() => new data.SimpleImputer().fit(t)).toThrow('none in column 0')
  expect(new data.SimpleImputer({ strategy: 'constant' }).fitTransform(t).toArray()).toEqual([
    [0],
    [0],
  ])
  expect(() => new data.SimpleImputer({ strategy: 'mode' as never })).toThrow("'mode'")
})

test('classification report', () => {
  const c = one('report')
  const report = data.classificationReport(c.guess!, c.truth!)
  const out = c.out as unknown as Record<string, Record<string, number>>
  const like = (r: data.ReportRow, w: Record<string, number>) =>
    near(
      [r.precision, r.recall, r.f1, r.support],
      [w.precision, w.recall, w['f1-score'], w.support],
      1e-8,
      'row',
    )
  for (const k of ['0', '1', '2', '3']) like(report.classes[k]!, out[k]!)
  like(report.macro, out['macro avg']!)
  like(report.weighted, out['weighted avg']!)
  near(report.accuracy, out.accuracy, 1e-8, 'accuracy')
  // The same numbers in the same places of the text.
  const numbers = (t: string) => t.match(/\d+(\.\d+)?/g)
  expect(numbers(`${report}`.replaceAll('f1', ''))).toEqual(
    numbers((c.text as string).replaceAll('f1', '')),
  )
  expect(
    Object.keys(data.classificationReport([0, 1], [0, 1], { names: ['cat', 'dog'] }).classes),
  ).toEqual(['cat', 'dog'])
  expect(() => data.classificationReport([0], [0], { names: [] })).toThrow(
    'a name for each of the 1 classes',
  )
  expect(() => data.classificationReport([0, 1], [0])).toThrow('2 predictions and 1 targets')
})

test('curves of scores', () => {
  for (const c of of('roc')) {
    const roc = data.rocCurve(c.scores!, c.target!, { dropIntermediate: c.drop as boolean })
    near(roc.fpr, c.fpr, 1e-8, 'fpr')
    near(roc.tpr, c.tpr, 1e-8, 'tpr')
    expect(roc.thresholds[0]).toBe(Number.POSITIVE_INFINITY)
    near(roc.thresholds.slice(1), c.thresholds, 1e-8, 'thresholds')
  }
  const c = one('pr')
  const pr = data.precisionRecallCurve(c.scores!, c.target!)
  near(pr.precision, c.precision, 1e-8, 'precision')
  near(pr.recall, c.recall, 1e-8, 'recall')
  near(pr.thresholds, c.thresholds, 1e-8, 'thresholds')
  near(data.averagePrecision(c.scores!, c.target!), c.average, 1e-8, 'average')
  expect(() => data.rocCurve([1, 2], [1, 1])).toThrow('2 positive and 0 negative')
  expect(() => data.rocCurve([1, Number.NaN], [1, 0])).toThrow('NaN')
  expect(() => data.precisionRecallCurve([1, 2], [0, 0])).toThrow('positive examples')
  expect(() => data.precisionRecallCurve([1, 2], [0, 2])).toThrow('0 or 1')
})

test('clusters', () => {
  const c = one('clusters')
  near(data.silhouetteSamples(c.x!, c.y!), c.samples, 1e-8, 'samples')
  near(data.silhouetteScore(c.x!, c.y!), c.score, 1e-8, 'score')
  near(data.adjustedRandScore(c.other!, c.y!), c.rand, 1e-8, 'rand')
  expect(data.adjustedRandScore([5, 5, 7], [0, 0, 1])).toBe(1)
  expect(data.adjustedRandScore([1, 1], [0, 0])).toBe(1)
  expect(() => data.silhouetteScore([[1], [2]], [0, 0])).toThrow('from 2 to 1 clusters')
})

test('cross-validation and its curves', () => {
  const c = one('validation')
  near(data.crossValScore(new Ridge(), c.x!, c.y!, { cv: 7 }), c.cross, 1e-7, 'cross')
  const curve = data.learningCurve(new Ridge(), c.x!, c.y!, { cv: 4, trainSizes: [0.2, 0.5, 1] })
  near(curve.trainSizes, c.sizes, 0, 'sizes')
  near(curve.trainScores, c.train, 1e-7, 'train')
  near(curve.testScores, c.test, 1e-7, 'test')
  const values = data.validationCurve(
    (alpha) => new Ridge({ alpha }),
    [0.1, 10, 1000],
    c.x!,
    c.y!,
    { cv: 3 },
  )
  near(values.trainScores, c.valueTrain, 1e-7, 'train')
  near(values.testScores, c.valueTest, 1e-7, 'test')
  // Classifiers have the classes in each part: sorted labels would not work otherwise.
  const { x, y } = data.iris({ dtype: 'float64' })
  const scores = data.crossValScore(new LogisticRegression(), x, y)
  expect(scores.length).toBe(5)
  expect(Math.min(...scores)).toBeGreaterThan(0.9)
  const custom = data.crossValScore(new LogisticRegression(), x, y, {
    cv: 2,
    scoring: (_: never, t) => t.shape[0]!,
  })
  expect([...custom]).toEqual([75, 75])
  expect(() => data.crossValScore(new Ridge(), c.x!, [1])).toThrow('one y for each row')
  expect(() => data.learningCurve(new Ridge(), c.x!, c.y!, { trainSizes: [500] })).toThrow(
    'got 500',
  )
})

test('pipelines learn nothing of test data', () => {
  const { x, y } = data.wine({ dtype: 'float64' })
  const make = () =>
    new data.Pipeline([
      ['fill', new data.SimpleImputer()],
      ['scale', new data.StandardScaler()],
      ['choose', new data.SelectKBest({ k: 6 })],
      ['fit', new LogisticRegression()],
    ])
  const scores = data.crossValScore(make(), x, y, { cv: 3 })
  expect(Math.min(...scores)).toBeGreaterThan(0.9)
  const p = make().fit(x, y.toTypedArray() as Int32Array)
  expect(p.predict(x).toArray()).toEqual(
    new LogisticRegression()
      .fit(
        new data.SelectKBest({ k: 6 }).fitTransform(new data.StandardScaler().fitTransform(x), y),
        y,
      )
      .predict(
        new data.SelectKBest({ k: 6 }).fitTransform(new data.StandardScaler().fitTransform(x), y),
      )
      .toArray(),
  )
  expect(p.predictProba(x).shape).toEqual([178, 3])
  expect(() => p.transform(x)).toThrow('the last step must have transform(); got fit')
  expect(() => p.get('scales')).toThrow('the steps are fill, scale, choose, fit; got scales')
  expect(() => new data.Pipeline([])).toThrow('got none')
  expect(
    () =>
      new data.Pipeline([
        ['a', new Ridge() as never],
        ['b', new Ridge()],
      ]),
  ).toThrow('a, which has none')
  const poly = new data.Pipeline([
    ['powers', new data.PolynomialFeatures({ degree: 2 })],
    ['fit', new LinearRegression()],
  ])
  const u = wide([[0], [1], [2], [3]])
  near(poly.fit(u, [1, 2, 5, 10]).predict(wide([[4]])), [17], 1e-9, 'parabola')
})

test('columns of several kinds', () => {
  const rows = [
    [1, 'a', 10],
    [3, 'b', 20],
    [5, 'a', 60],
  ]
  const t = new data.ColumnTransformer(
    [
      ['scale', new data.MinMaxScaler(), [0]],
      ['names', new data.OneHotEncoder(), [1]],
    ],
    { remainder: 'passthrough' },
  )
  const want = [
    [0, 1, 0, 10],
    [0.5, 0, 1, 20],
    [1, 1, 0, 60],
  ]
  expect(t.fitTransform(rows).toArray()).toEqual(want)
  expect(t.clone().fitTransform(rows).toArray()).toEqual(want)
  const n = new data.ColumnTransformer([
    ['all', 'passthrough', [1]],
    ['gone', 'drop', [0]],
  ])
  expect(
    n
      .fitTransform(
        tensor([
          [1, 2],
          [3, 4],
        ]),
      )
      .toArray(),
  ).toEqual([[2], [4]])
  expect(() => t.transform([[1, 'a']])).toThrow('3 columns that were fitted; got 2')
  expect(() => new data.ColumnTransformer([['s', new data.MinMaxScaler(), [1]]]).fit(rows)).toThrow(
    "'a' in row 0, column 1",
  )
  expect(() => new data.ColumnTransformer([['s', 'drop', [7]]]).fit(rows)).toThrow(
    'columns lie from 0 to 2; got 7',
  )
  expect(() => new data.ColumnTransformer([['s', 'drop', [0]]]).transform(rows)).toThrow(
    'fitted first',
  )
})

test('fRegression where the correlation is not defined or 1: as scikit-learn with force_finite', () => {
  const rows = [
    [1, 5, 1],
    [2, 5, 4],
    [3, 5, 9],
    [4, 5, 1],
  ]
  const { scores, pValues } = data.fRegression(rows, [2, 4, 6, 8])
  expect([scores[0], scores[1], pValues[0], pValues[1]]).toEqual([Number.MAX_VALUE, 0, 0, 1])
  const flat = data.fRegression(rows, [7, 7, 7, 7])
  expect([[...flat.scores], [...flat.pValues]]).toEqual([
    [0, 0, 0],
    [1, 1, 1],
  ])
  expect([...data.rRegression(rows, [7, 7, 7, 7])]).toEqual([0, 0, 0])
  expect(() => data.fRegression(rows.slice(2), [1, 2])).toThrow('3 rows or more; got 2')
})

test('a report of labels with large numbers holds only those that occur', () => {
  const large = data.classificationReport([1e9, 2024, 7, 7], [1e9, 2024, 2024, 7])
  const small = data.classificationReport([2, 1, 0, 0], [2, 1, 1, 0])
  expect(Object.keys(large.classes)).toEqual(['7', '2024', '1000000000'])
  expect(Object.values(large.classes)).toEqual(Object.values(small.classes))
  expect(large.macro).toEqual(small.macro)
  expect(large.accuracy).toBe(0.75)
})

test('weights of examples in every measure', () => {
  const c = one('weighted') as never as Record<string, never>
  const sampleWeight = c.weights! as number[]
  const [truth, guess] = [c.truth! as number[], c.guess! as number[]]
  near(accuracy(guess, truth, { sampleWeight }), c.accuracy!, 1e-9, 'accuracy')
  const matrix = new ConfusionMatrix(4).add(truth, guess, { sampleWeight })
  near(matrix.counts, c.confusion!, 1e-9, 'confusion')
  near(meanSquaredError(guess, truth, { sampleWeight }), c.mse!, 1e-9, 'mse')
  near(meanAbsoluteError(guess, truth, { sampleWeight }), c.mae!, 1e-9, 'mae')
  near(r2(guess, truth, { sampleWeight }), c.r2!, 1e-9, 'r2')
  near(topKAccuracy(c.many!, truth, 2, { sampleWeight }), c.top2!, 1e-9, 'top 2')
  const report = data.classificationReport(guess, truth, { sampleWeight })
  const theirs = c.report! as Record<string, Record<string, number>>
  for (const k of ['0', '1', '2', '3']) {
    const { precision, recall, f1, support } = report.classes[k]!
    const wanted = ['precision', 'recall', 'f1-score', 'support'].map((m) => theirs[k]![m]!)
    near([precision, recall, f1, support], wanted, 1e-9, k)
  }
  near(report.weighted.f1, theirs['weighted avg']!['f1-score']!, 1e-9, 'weighted')
  const [target, scores] = [c.target! as number[], c.scores! as number[]]
  const o = { sampleWeight: sampleWeight.slice(0, 40) }
  near(auc(scores, target, o), c.auc!, 1e-9, 'auc')
  const roc = data.rocCurve(scores, target, { ...o, dropIntermediate: false })
  near(roc.fpr, c.fpr!, 1e-9, 'fpr')
  near(roc.tpr, c.tpr!, 1e-9, 'tpr')
  const pr = data.precisionRecallCurve(scores, target, o)
  near(pr.precision, c.precision!, 1e-9, 'precision')
  near(pr.recall, c.recall!, 1e-9, 'recall')
  near(data.averagePrecision(scores, target, o), c.average!, 1e-9, 'average')
  expect(() => accuracy([1], [1], { sampleWeight: [-1] })).toThrow('from 0 up; got -1')
  expect(() => accuracy([1], [1], { sampleWeight: [0] })).toThrow('a weight above 0')
  expect(() => accuracy([1], [1], { sampleWeight: [1, 2] })).toThrow('2 and 1 rows')
  expect(() => accuracy([1], [1], { weights: [1] } as never)).toThrow('sampleWeight')
})
