/**
 * What is learned from the training data and done to all data: scaling, encoding, features. Each has `fit`, `transform`
 * and `inverseTransform`, holds what it learned as plain numbers, and can be written to JSON and read back, so that it can be saved
 * with the model. Names and results are scikit-learn's. Transforms of numbers are tensor operations: they can stand in
 * front of the model in a compiled function. With the model: saveTensors(path, model.stateDict(), { scaler:
 * JSON.stringify(scaler) }), and back: fromJSON(JSON.parse(metadata.scaler), 'StandardScaler').
 */
import { FileError } from '../core/errors.js'
import { LabelEncoder, OneHotEncoder } from './encoders.js'
import { SimpleImputer } from './imputer.js'
import { SelectKBest, VarianceThreshold } from './selection.js'
import { type Fitted, MinMaxScaler, PolynomialFeatures, StandardScaler } from './scalers.js'

export { type Category, LabelEncoder, OneHotEncoder } from './encoders.js'
export { type Fitted, MinMaxScaler, PolynomialFeatures, StandardScaler } from './scalers.js'

/** The classes that can be read back. */
const kinds = {
  StandardScaler: (o: object) => new StandardScaler(o),
  MinMaxScaler: (o: object) => new MinMaxScaler(o),
  PolynomialFeatures: (o: object) => new PolynomialFeatures(o),
  SimpleImputer: (o: object) => new SimpleImputer(o),
  VarianceThreshold: (o: object) => new VarianceThreshold(o),
  SelectKBest: (o: object) => new SelectKBest(o),
  LabelEncoder: (_: object) => new LabelEncoder(),
  OneHotEncoder: (o: object) => new OneHotEncoder(o),
}
type Kinds = { [K in keyof typeof kinds]: ReturnType<(typeof kinds)[K]> }

/**
 * What `toJSON` gave, as the thing it was.
 * @throws FileError when it is none of them
 * @example fromJSON(JSON.parse(text), 'StandardScaler').transform(x)
 */
export function fromJSON<K extends keyof Kinds>(json: unknown, type: K): Kinds[K] {
  const saved = json as Fitted | null
  if (!Object.hasOwn(kinds, type) || saved?.type !== type || saved.learned === undefined)
    throw new FileError({
      op: 'fromJSON',
      rule: `it must be a fitted ${type}`,
      got: `${saved?.type ?? typeof json}`,
    })
  return kinds[type]((saved.options ?? {}) as object).restore(saved) as Kinds[K]
}
