export * from './annotated.js'
export * from './boundary.js'
export {
  barChart,
  type ChartOptions,
  lineChart,
  type Matrix,
  type Numbers,
  type Points,
  scatterChart,
  type Series,
} from './charts.js'
export * from './distributions.js'
export * from './graphs.js'
export * from './images.js'
export {
  type ColorScale,
  heatMapChart,
  type HeatMapOptions,
  matrixChart,
  type MatrixChartOptions,
} from './matrices.js'
export * from './pairs.js'
export * from './parallel.js'
export * from './pictures.js'
export { saveChart, svgToPng, type SvgToPngOptions } from './png.js'
export * from './sound.js'
