/**
 * What is learned from the training data and done to all data: scaling, encoding, features. Each has `fit`, `transform`
 * and `inverseTransform`, holds what it learned as plain numbers, and can be saved (`save`, `loadTransformer`), or written to JSON
 * and read back with the model. Names and results are scikit-learn's. Transforms of numbers are tensor operations: they can stand in
 * front of the model in a compiled function. With the model: saveTensors(path, model.stateDict(), { scaler:
 * JSON.stringify(scaler) }), and back: fromJSON(JSON.parse(metadata.scaler), 'StandardScaler').
 */
import { makers } from './makers.js'
import { revive, reviveBytes } from './saved.js'

export { type Category, LabelEncoder, OneHotEncoder } from './encoders.js'
export { type Fitted, Savable } from './saved.js'
export { MinMaxScaler, PolynomialFeatures, StandardScaler } from './scalers.js'

type Kinds = { [K in keyof typeof makers]: ReturnType<(typeof makers)[K]> }

/**
 * What `toJSON` gave, as the thing it was. A pipeline in which an estimator stands is read by `estimatorFromJSON` of
 * nabla/classic.
 * @throws FileError when it is none of them
 * @example fromJSON(JSON.parse(text), 'StandardScaler').transform(x)
 */
export function fromJSON<K extends keyof Kinds>(json: unknown, type: K): Kinds[K] {
  return revive('fromJSON', json, makers, type) as Kinds[K]
}
/**
 * What `save` wrote, of a file or its bytes, as the thing it was.
 * @throws FileError for a damaged file, and when it is none of them
 * @example loadTransformer('scaler.safetensors', 'StandardScaler').transform(x)
 */
export function loadTransformer<K extends keyof Kinds>(
  from: string | Uint8Array,
  type: K,
): Kinds[K] {
  return reviveBytes('loadTransformer', from, makers, type) as Kinds[K]
}
