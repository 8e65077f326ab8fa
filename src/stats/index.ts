/** Statistics of lists and tables in float64, with the conventions of NumPy, SciPy and pandas. */
export * from './correlation.js'
export * from './describe.js'
export * from './histogram.js'
export {
  dot,
  kurtosis,
  type KurtosisOptions,
  mean,
  median,
  type Mode,
  mode,
  norm,
  type ShapeOptions,
  skewness,
  type SpreadOptions,
  std,
  variance,
} from './moments.js'
export { iqr, quantile, type QuantileMethod, type QuantileOptions } from './quantiles.js'
