/** Principal components of handwritten digits: what they explain, how few are enough to see and to classify them. */
import { KNeighborsClassifier, PCA } from 'nabla/classic'
import { crossValScore, digits, Pipeline } from 'nabla/data'
import { imageGrid, lineChart, scatterChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

export default {
  name: 'pca',
  about: 'principal components: 64 pixels of a digit by 20 numbers, and what is lost',
  defaults: {},
  expect: { explained: { atLeast: 0.89 }, neighbors: { atLeast: 0.95 } },
  async run(s) {
    const table = digits({ dtype: 'float64' })
    const count = Math.min(s.options.limit ?? table.length, table.length)
    const [x, y] = [table.x.narrow(0, 0, count), table.y.narrow(0, 0, count)]
    const pca = new PCA({ nComponents: 20 }).fit(x)
    const ratios = [...(pca.explainedVarianceRatio.toTypedArray() as Float64Array)]
    const explained: number[] = []
    for (const r of ratios) explained.push((explained.at(-1) ?? 0) + r)
    s.curve('share of the variance that so many components explain', explained)
    const z = pca.transform(x)
    const back = pca.inverseTransform(z)
    const labels = y.toTypedArray() as Int32Array
    const points = z.toArray() as number[][]
    const groups = Object.fromEntries(
      table.classes.map((name, c) => {
        const own = points.filter((_, i) => labels[i] === c)
        return [name, { x: own.map((p) => p[0]!), y: own.map((p) => p[1]!) }]
      }),
    )
    await s.picture(
      'components.svg',
      scatterChart(groups, { title: 'two components', x: 'first', y: 'second' }),
    )
    await s.picture(
      'explained.svg',
      lineChart({ explained }, { x: 'components', y: 'share of the variance' }),
    )
    const pictures = [x, back].map((t) =>
      t.narrow(0, 0, 20).div(16).clamp(0, 1).reshape([20, 8, 8]),
    )
    await s.picture('before.png', imageGrid(pictures[0]!, { columns: 10, scale: 6 }))
    await s.picture('after.png', imageGrid(pictures[1]!, { columns: 10, scale: 6 }))
    const scores = crossValScore(
      new Pipeline([
        ['pca', new PCA({ nComponents: 20 })],
        ['neighbors', new KNeighborsClassifier()],
      ]),
      x,
      y,
      { cv: 3 },
    )
    const neighbors = scores.reduce((a, b) => a + b, 0) / scores.length
    s.say(`5 nearest neighbours of 20 components: ${neighbors.toFixed(4)} right`)
    return { explained: explained.at(-1)!, neighbors, error: x.sub(back).square().mean().item() }
  },
} satisfies Recipe
