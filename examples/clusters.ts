/** Clusters without labels: k-means, a Gaussian mixture and DBSCAN on penguins, against their species. */
import { DBSCAN, GaussianMixture, KMeans } from 'nabla/classic'
import { adjustedRandScore, penguins, silhouetteScore, StandardScaler } from 'nabla/data'
import { correlationChart, lineChart, pairChart } from 'nabla/plot'
import type { Recipe } from 'nabla/recipe'
import { correlationMatrix, describe } from 'nabla/stats'

export default {
  name: 'clusters',
  about:
    'clustering: k-means, Gaussian mixture and DBSCAN find the species of penguins without their names',
  defaults: {},
  whole: true,
  // Agreement with the species, corrected for chance: 1 is perfect.
  expect: { kMeans: { atLeast: 0.75 }, mixture: { atLeast: 0.75 }, dbscan: { atLeast: 0.4 } },
  async run(s) {
    const { seed } = s.options
    const table = penguins({ dtype: 'float64' })
    s.say(`${describe(table)}`)
    const x = new StandardScaler().fitTransform(table.x)
    const species = table.y
    const ks = [2, 3, 4, 5, 6]
    const inertia = ks.map((k) => new KMeans({ nClusters: k, nInit: 5, seed }).fit(x).inertia)
    const found = {
      kMeans: new KMeans({ nClusters: 3, nInit: 5, seed }).fit(x).labels,
      mixture: new GaussianMixture({ nComponents: 3, seed }).fit(x).predict(x),
      dbscan: new DBSCAN({ eps: 0.7, minSamples: 10 }).fit(x).labels,
    }
    const rand = (labels: typeof species) => adjustedRandScore(labels, species)
    for (const [name, labels] of Object.entries(found))
      s.say(
        `${name.padStart(8)}: adjusted Rand ${rand(labels).toFixed(3)}, silhouette ${silhouetteScore(x, labels).toFixed(3)}`,
      )
    const names = table.columns
    await s.picture(
      'pairs.svg',
      pairChart(table.x, {
        names,
        groups: found.kMeans.toTypedArray() as Int32Array,
        title: 'clusters of k-means',
      }),
    )
    await s.picture('correlations.svg', correlationChart(correlationMatrix(table.x), { names }))
    await s.picture(
      'elbow.svg',
      lineChart({ inertia: { x: ks, y: inertia } }, { x: 'clusters', y: 'inertia' }),
    )
    return { kMeans: rand(found.kMeans), mixture: rand(found.mixture), dbscan: rand(found.dbscan) }
  },
} satisfies Recipe
