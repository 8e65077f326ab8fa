import { writeFileSync } from 'node:fs'
import { KMeans, Lasso, loadEstimator, LogisticRegression, PCA, TSNE } from 'nabla/classic'
import { crossValScore, digits, iris, Pipeline, StandardScaler } from 'nabla/data'
import { scatterChart } from 'nabla/plot'

// #region pipeline
const { x, y } = iris({ dtype: 'float64' })
const model = new Pipeline([
  ['scale', new StandardScaler()],
  ['fit', new LogisticRegression()],
])
const scores = crossValScore(model, x, y)
console.log(scores.every((s) => s > 0.9)) //> true
// #endregion pipeline

// #region save
const sampleWeight = y.toTypedArray().map((c) => (c === 2 ? 3 : 1))
model.fit(x, y, { sampleWeight })
const again = loadEstimator(model.toBytes(), 'Pipeline') // or of a file that save(path) wrote
console.log(again.score(x, y) === model.score(x, y)) //> true
// #endregion save

// #region lasso
const lasso = new Lasso({ alpha: 0.1 }).fit(x.narrow(1, 0, 3), x.select(1, 3))
console.log(lasso.coef.toArray().map((w) => w !== 0)) //> [ false, false, true ]
// #endregion lasso

// #region clusters
const kmeans = new KMeans({ nClusters: 3, nInit: 5 }).fit(x)
console.log(kmeans.inertia.toFixed(2)) //> 78.85
// #endregion clusters

// #region map
const table = digits({ dtype: 'float64' })
const few = table.x.narrow(0, 0, 300)
const pca = new PCA({ nComponents: 20 }).fit(few)
console.log(pca.explainedVarianceRatio.sum().item() > 0.89) //> true
const map = new TSNE({ perplexity: 20, nIter: 400 }).fitTransform(few).toArray()
// #endregion map

const labels = table.y.toTypedArray()
writeFileSync(
  'pictures/classical-map.svg',
  scatterChart(
    Object.fromEntries(
      table.classes.map((name, c) => {
        const own = map.filter((_, i) => labels[i] === c)
        return [name, { x: own.map((p) => p[0]), y: own.map((p) => p[1]) }]
      }),
    ),
    { title: '300 digits by t-SNE' },
  ),
)
