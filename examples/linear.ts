/** Linear regression on the diabetes table: in closed form, and by gradient descent on all rows, on one, on a few. */
import { LinearRegression, type LinearRegressionOptions } from 'nabla/classic'
import { diabetes, StandardScaler } from 'nabla/data'
import { lineChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

export default {
  name: 'linear',
  about:
    'linear regression: in closed form, and by batch, stochastic and mini-batch gradient descent',
  defaults: { epochs: 200, batchSize: 32, lr: 0.05 },
  whole: true,
  expect: {
    r2: { atLeast: 0.517 },
    // How much the mean squared error is above that of the closed form, in parts of it.
    batchGap: { atMost: 0.01 },
    stochasticGap: { atMost: 0.05 },
    miniBatchGap: { atMost: 0.02 },
  },
  async run(s) {
    const { epochs, batchSize, lr, seed } = s.options
    const table = diabetes({ dtype: 'float64' })
    const x = new StandardScaler().fitTransform(table.x)
    const y = table.y
    const exact = new LinearRegression().fit(x, y)
    const error = (m: LinearRegression) => m.predict(x).sub(y).square().mean().item()
    const best = error(exact)
    const descend = (options: LinearRegressionOptions) =>
      new LinearRegression({
        solver: 'gradientDescent',
        maxIter: epochs,
        tol: 0,
        seed,
        ...options,
      }).fit(x, y)
    const ways = {
      batch: descend({ lr }),
      // One row tells little of the direction: small steps.
      stochastic: descend({ batchSize: 1, lr: lr / 50 }),
      'mini-batch': descend({ batchSize, lr: lr / 5 }),
    }
    s.say(`closed form: R² ${exact.score(x, y).toFixed(4)}, mean squared error ${best.toFixed(1)}`)
    for (const [name, m] of Object.entries(ways))
      s.say(
        `${name.padStart(11)}: mean squared error ${error(m).toFixed(1)} after ${epochs} passes`,
      )
    await s.picture(
      'loss.svg',
      lineChart(Object.fromEntries(Object.entries(ways).map(([name, m]) => [name, m.losses])), {
        title: 'three ways down',
        x: 'pass',
        y: 'mean squared error',
        logY: true,
      }),
    )
    const gap = (m: LinearRegression) => error(m) / best - 1
    return {
      r2: exact.score(x, y),
      batchGap: gap(ways.batch),
      stochasticGap: gap(ways.stochastic),
      miniBatchGap: gap(ways['mini-batch']),
    }
  },
} satisfies Recipe
