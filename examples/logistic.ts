/** Logistic regression on the breast-cancer table: L-BFGS and SGD, report, ROC and precision-recall curves. */
import { tensor } from 'nabla'
import { LogisticRegression } from 'nabla/classic'
import {
  averagePrecision,
  breastCancer,
  classificationReport,
  crossValScore,
  learningCurve,
  Pipeline,
  precisionRecallCurve,
  rocCurve,
  StandardScaler,
  stratifiedSplit,
} from 'nabla/data'
import { lineChart, matrixChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import { auc, ConfusionMatrix } from 'nabla/train'

const mean = (v: Float64Array) => v.reduce((a, b) => a + b, 0) / v.length

export default {
  name: 'logistic',
  about:
    'logistic regression: benign or malignant, by L-BFGS and SGD, with ROC and precision-recall curves',
  defaults: { epochs: 50, batchSize: 16, lr: 0.05 },
  whole: true,
  expect: {
    crossAccuracy: { atLeast: 0.97 },
    sgdAccuracy: { atLeast: 0.95 },
    auc: { atLeast: 0.99 },
  },
  async run(s) {
    const { epochs, batchSize, lr, seed } = s.options
    const table = breastCancer({ dtype: 'float64' })
    const labels = table.y.toTypedArray() as Int32Array
    const make = (model: LogisticRegression) =>
      new Pipeline([
        ['scale', new StandardScaler()],
        ['fit', model],
      ])
    const cross = crossValScore(make(new LogisticRegression()), table.x, table.y, {
      shuffle: true,
      seed,
    })
    s.say(`accuracy in cross-validation: ${mean(cross).toFixed(4)}`)
    const [train, test] = stratifiedSplit(table, labels, [0.7, 0.3], { seed })
    const rows = (part: typeof train) => {
      const index = Array.from({ length: part!.length }, (_, i) => part!.indices[i]!)
      return {
        x: table.x.indexSelect(0, tensor(index, { dtype: 'int32' })),
        y: index.map((i) => labels[i]!),
      }
    }
    const [fit, held] = [rows(train), rows(test)]
    const exact = make(new LogisticRegression()).fit(fit.x, fit.y)
    const sgd = make(
      new LogisticRegression({ solver: 'sgd', maxIter: epochs, batchSize, lr, seed, tol: 0 }),
    ).fit(fit.x, fit.y)
    const predicted = exact.predict(held.x).toTypedArray() as Int32Array
    s.say(`\n${classificationReport(predicted, held.y, { names: table.classes })}`)
    const scores = exact.predictProba(held.x).select(1, 1).toTypedArray() as Float64Array
    const roc = rocCurve(scores, held.y)
    const pr = precisionRecallCurve(scores, held.y)
    s.say(
      `\narea under ROC ${auc(scores, held.y).toFixed(4)}, average precision ${averagePrecision(scores, held.y).toFixed(4)}`,
    )
    await s.picture(
      'roc.svg',
      lineChart(
        { model: { x: roc.fpr, y: roc.tpr }, chance: { x: [0, 1], y: [0, 1] } },
        { title: 'ROC', x: 'false positives', y: 'true positives', width: 480 },
      ),
    )
    await s.picture(
      'precision-recall.svg',
      lineChart(
        { model: { x: pr.recall, y: pr.precision } },
        { x: 'recall', y: 'precision', width: 480 },
      ),
    )
    const matrix = new ConfusionMatrix(2).add(held.y, predicted)
    await s.picture('confusion.svg', matrixChart(matrix.counts, { names: table.classes }))
    const curve = learningCurve(make(new LogisticRegression()), table.x, table.y, {
      shuffle: true,
      seed,
    })
    await s.picture(
      'learning.svg',
      lineChart(
        {
          training: { x: curve.trainSizes, y: curve.trainScores.map(mean) },
          validation: { x: curve.trainSizes, y: curve.testScores.map(mean) },
        },
        { title: 'more data, better models', x: 'rows', y: 'accuracy' },
      ),
    )
    return {
      crossAccuracy: mean(cross),
      accuracy: matrix.accuracy(),
      sgdAccuracy: sgd.score(held.x, held.y),
      auc: auc(scores, held.y),
    }
  },
} satisfies Recipe
