/** Handwritten digits as a map: t-SNE puts those that look alike near each other, without knowing what they are. */
import { KNeighborsClassifier, TSNE } from 'nabla/classic'
import { digits } from 'nabla/data'
import { scatterChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'

export default {
  name: 'tsne',
  about: 't-SNE: 1,797 digits as points of a map, neighbours near each other',
  defaults: { epochs: 500 },
  quick: { epochs: 250, limit: 500 },
  // Digits whose nearest point on the map is the same digit, and the divergence that is left.
  expect: { neighbors: { atLeast: 0.97 }, divergence: { atMost: 0.9 } },
  async run(s) {
    const { epochs, seed, limit } = s.options
    const table = digits({ dtype: 'float64' })
    const count = Math.min(limit ?? table.length, table.length)
    const x = table.x.narrow(0, 0, count)
    const labels = table.y.narrow(0, 0, count).toTypedArray() as Int32Array
    const tsne = new TSNE({ nIter: epochs, seed }).fit(x)
    const map = tsne.embedding
    // The second neighbour: the first is the point itself.
    const [, near] = new KNeighborsClassifier({ nNeighbors: 2 }).fit(map, labels).kneighbors(map)
    const second = near.select(1, 1).toTypedArray() as Int32Array
    const same = second.reduce((n, j, i) => n + (labels[j] === labels[i] ? 1 : 0), 0) / count
    const points = map.toArray() as number[][]
    await s.picture(
      'map.svg',
      scatterChart(
        Object.fromEntries(
          table.classes.map((name, c) => {
            const own = points.filter((_, i) => labels[i] === c)
            return [name, { x: own.map((p) => p[0]!), y: own.map((p) => p[1]!) }]
          }),
        ),
        { title: 'a map of digits', width: 760, height: 680 },
      ),
    )
    s.say(
      `divergence ${tsne.klDivergence.toFixed(4)}; ${(100 * same).toFixed(1)} % lie next to the same digit`,
    )
    return { neighbors: same, divergence: tsne.klDivergence }
  },
} satisfies Recipe
