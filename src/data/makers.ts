/** How each of nabla/data that can be saved is made again. */
import { LabelEncoder, OneHotEncoder } from './encoders.js'
import { SimpleImputer } from './imputer.js'
import { type ColumnStep, ColumnTransformer, Pipeline, type Step } from './pipeline.js'
import type { Fitted, Makers, Savable } from './saved.js'
import { MinMaxScaler, PolynomialFeatures, requireLearned, StandardScaler } from './scalers.js'
import { SelectFromModel, SelectKBest, VarianceThreshold, type Weighted } from './selection.js'

/** A pipeline that was saved. */
const pipelineOf = (saved: Fitted, part: (name: string) => Savable): Pipeline =>
  new Pipeline((saved.parts ?? []).map(([name]) => [name, part(name) as unknown as Step] as const))

/** A column transformer that was saved. */
function columnTransformerOf(saved: Fitted, part: (name: string) => Savable): ColumnTransformer {
  const { columns, ...options } = saved.options as ReturnType<ColumnTransformer['getOptions']>
  requireLearned('ColumnTransformer', columns, Array.isArray(columns))
  return new ColumnTransformer(
    columns.map(([name, word, list]) => [
      name as string,
      (word ?? part(name as string)) as ColumnStep,
      list as readonly number[],
    ]),
    options,
  )
}

/** How each is made again. */
export const makers = {
  StandardScaler: ({ options }: Fitted) => new StandardScaler(options),
  MinMaxScaler: ({ options }: Fitted) => new MinMaxScaler(options),
  PolynomialFeatures: ({ options }: Fitted) => new PolynomialFeatures(options),
  SimpleImputer: ({ options }: Fitted) => new SimpleImputer(options),
  VarianceThreshold: ({ options }: Fitted) => new VarianceThreshold(options),
  SelectKBest: ({ options }: Fitted) => new SelectKBest(options),
  SelectFromModel: ({ options }: Fitted, part: (name: string) => Savable) =>
    new SelectFromModel(part('estimator') as unknown as Weighted, options),
  LabelEncoder: (_: Fitted) => new LabelEncoder(),
  OneHotEncoder: ({ options }: Fitted) => new OneHotEncoder(options),
  Pipeline: pipelineOf,
  ColumnTransformer: columnTransformerOf,
} satisfies Makers
