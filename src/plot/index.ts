export * from './boundary.js'
export * from './charts.js'
export * from './distributions.js'
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
