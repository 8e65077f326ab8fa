/** Polynomials through the diabetes table's blood pressure and body mass: the degree by cross-validation, and what Ridge and Lasso do. */
import { Lasso, LinearRegression, lassoPath, Ridge } from 'nabla/classic'
import {
  crossValScore,
  diabetes,
  Pipeline,
  PolynomialFeatures,
  StandardScaler,
  validationCurve,
} from 'nabla/data'
import { lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

const degrees = [1, 2, 3]
const mean = (v: Float64Array) => v.reduce((a, b) => a + b, 0) / v.length

export default {
  name: 'polynomial',
  about:
    'polynomial regression: the degree by cross-validation, with Ridge and Lasso against overfitting',
  defaults: {},
  whole: true,
  expect: {
    // R² on rows that were not fitted: degree 2 without a penalty falls to 0.35, the penalties mend it.
    linear: { atLeast: 0.47 },
    ridge: { atLeast: 0.42 },
    lasso: { atLeast: 0.46 },
  },
  async run(s) {
    const { seed } = s.options
    const { x, y, columns } = diabetes({ dtype: 'float64' })
    const make = (
      degree: number,
      model = new LinearRegression() as LinearRegression | Ridge | Lasso,
    ) =>
      new Pipeline([
        ['scale', new StandardScaler()],
        ['powers', new PolynomialFeatures({ degree, includeBias: false })],
        ['again', new StandardScaler()],
        ['fit', model],
      ])
    const options = { cv: 5, shuffle: true, seed }
    const curve = validationCurve((degree: number) => make(degree), degrees, x, y, options)
    degrees.forEach((d, i) => {
      s.say(
        `degree ${d}: R² ${mean(curve.trainScores[i]!).toFixed(3)} of training, ${mean(curve.testScores[i]!).toFixed(3)} of test`,
      )
    })
    const score = (model: Ridge | Lasso) => mean(crossValScore(make(2, model), x, y, options))
    const ridge = score(new Ridge({ alpha: 300 }))
    const lasso = score(new Lasso({ alpha: 2 }))
    s.say(`degree 2 with Ridge: ${ridge.toFixed(3)}, with Lasso: ${lasso.toFixed(3)}`)
    const scaled = new StandardScaler().fitTransform(x)
    const path = lassoPath(scaled, y, { fitIntercept: true })
    const weights = path.coefs.toArray() as number[][]
    await s.picture(
      'lasso.svg',
      lineChart(
        Object.fromEntries(weights.map((w, j) => [columns[j]!, { x: path.alphas, y: w }])),
        { title: 'the weights of a Lasso', x: 'alpha', y: 'weight', logX: true },
      ),
    )
    return { linear: mean(curve.testScores[0]!), ridge, lasso }
  },
} satisfies Recipe
