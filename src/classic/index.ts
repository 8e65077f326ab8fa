/** Classical models with scikit-learn's names, objectives and defaults, in float64. */
import { makers } from '../data/makers.js'
import { type Fitted, type Makers, revive, reviveBytes, type Savable } from '../data/saved.js'
import { ElasticNet, Lasso } from './coordinate.js'
import { DBSCAN } from './dbscan.js'
import { KMeans } from './kmeans.js'
import { LinearRegression, Ridge } from './linear.js'
import { LogisticRegression } from './logistic.js'
import { GaussianMixture } from './mixture.js'
import { KNeighborsClassifier, KNeighborsRegressor } from './neighbors.js'
import { PCA } from './pca.js'
import { LabelPropagation, type ProbabilityClassifier, SelfTraining } from './semi.js'
import { TSNE } from './tsne.js'

export * from './lassoPath.js'
export { PolynomialFeatures } from '../data/preprocessing.js'
export { Classifier } from './classifier.js'
export {
  ElasticNet,
  type ElasticNetOptions,
  Lasso,
  type LassoOptions,
} from './coordinate.js'
export * from './dbscan.js'
export { Estimator, type Learned } from './estimator.js'
export * from './kmeans.js'
export {
  LinearRegression,
  type LinearRegressionOptions,
  LinearRegressor,
  Ridge,
  type RidgeOptions,
} from './linear.js'
export * from './logistic.js'
export * from './mixture.js'
export { KNeighborsClassifier, KNeighborsRegressor, type NeighborOptions } from './neighbors.js'
export * from './pca.js'
export { Regressor } from './regressor.js'
export * from './semi.js'
export { TSNE, type TSNEOptions } from './tsne.js'

/** How estimators are made again, and what they may stand in. */
const all = {
  ...makers,
  LinearRegression: ({ options }: Fitted) => new LinearRegression(options),
  Ridge: ({ options }: Fitted) => new Ridge(options),
  ElasticNet: ({ options }: Fitted) => new ElasticNet(options),
  Lasso: ({ options }: Fitted) => new Lasso(options),
  LogisticRegression: ({ options }: Fitted) => new LogisticRegression(options),
  KMeans: ({ options }: Fitted) => new KMeans(options),
  GaussianMixture: ({ options }: Fitted) => new GaussianMixture(options),
  DBSCAN: ({ options }: Fitted) => new DBSCAN(options),
  PCA: ({ options }: Fitted) => new PCA(options),
  TSNE: ({ options }: Fitted) => new TSNE(options),
  KNeighborsClassifier: ({ options }: Fitted) => new KNeighborsClassifier(options),
  KNeighborsRegressor: ({ options }: Fitted) => new KNeighborsRegressor(options),
  LabelPropagation: ({ options }: Fitted) => new LabelPropagation(options),
  SelfTraining: ({ options }: Fitted, part: (name: string) => Savable) =>
    new SelfTraining(part('estimator') as unknown as ProbabilityClassifier, options),
} satisfies Makers
type Kinds = { [K in keyof typeof all]: ReturnType<(typeof all)[K]> }

/**
 * What `save` wrote, or the bytes of such a file, as the estimator, pipeline or transformer it was: it predicts the same
 * bits.
 * @throws FileError for a damaged file, and for an estimator of another type
 * @example loadEstimator('model.safetensors', 'KMeans').predict(x)
 */
export function loadEstimator<K extends keyof Kinds>(from: string | Uint8Array, type: K): Kinds[K] {
  return reviveBytes('loadEstimator', from, all, type) as unknown as Kinds[K]
}

/**
 * What `toJSON` gave, as the estimator, pipeline or transformer it was.
 * @throws FileError when it is none, or of another type
 * @example estimatorFromJSON(JSON.parse(text), 'PCA').transform(x)
 */
export function estimatorFromJSON<K extends keyof Kinds>(json: unknown, type: K): Kinds[K] {
  return revive('estimatorFromJSON', json, all, type) as unknown as Kinds[K]
}
