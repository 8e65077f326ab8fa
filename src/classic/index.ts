/** Classical models with scikit-learn's names, objectives and defaults, in float64. */
import { FileError } from '../core/errors.js'
import { ElasticNet, Lasso } from './coordinate.js'
import { DBSCAN } from './dbscan.js'
import { bytesAt, type Estimator, estimatorOf, type SavedEstimator } from './estimator.js'
import { KMeans } from './kmeans.js'
import { LinearRegression, Ridge } from './linear.js'
import { LogisticRegression } from './logistic.js'
import { GaussianMixture } from './mixture.js'
import { KNeighborsClassifier, KNeighborsRegressor } from './neighbors.js'
import { PCA } from './pca.js'
import { LabelPropagation } from './semi.js'
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
export { Estimator, type Learned, type SavedEstimator } from './estimator.js'
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

/** The estimators that can be read back, by name. */
const kinds = {
  LinearRegression,
  Ridge,
  ElasticNet,
  Lasso,
  LogisticRegression,
  KMeans,
  GaussianMixture,
  DBSCAN,
  PCA,
  TSNE,
  KNeighborsClassifier,
  KNeighborsRegressor,
  LabelPropagation,
}
type Kinds = { [K in keyof typeof kinds]: InstanceType<(typeof kinds)[K]> }

function make(saved: SavedEstimator, type?: string): Estimator {
  if (!Object.hasOwn(kinds, saved?.type) || (type !== undefined && saved.type !== type))
    throw new FileError({
      op: 'loadEstimator',
      rule: `it must hold a fitted ${type ?? 'estimator'}`,
      got: `${saved?.type ?? typeof saved}`,
    })
  return new kinds[saved.type as keyof Kinds](saved.options as never) as unknown as Estimator
}

/**
 * The estimator that `save` wrote, or of the bytes of such a file: it predicts the same bits.
 * @throws FileError for a damaged file, and for an estimator of another type
 * @example loadEstimator('model.safetensors', 'KMeans').predict(x)
 */
export function loadEstimator<K extends keyof Kinds>(from: string | Uint8Array, type: K): Kinds[K] {
  const bytes = typeof from === 'string' ? bytesAt(from) : from
  return estimatorOf(bytes, (saved) => make(saved, type)) as unknown as Kinds[K]
}

/**
 * What `toJSON` gave, as the estimator it was.
 * @throws FileError when it is none, or of another type
 * @example estimatorFromJSON(JSON.parse(text), 'PCA').transform(x)
 */
export function estimatorFromJSON<K extends keyof Kinds>(json: unknown, type: K): Kinds[K] {
  const saved = json as SavedEstimator
  return make(saved, type).restore(saved) as unknown as Kinds[K]
}
