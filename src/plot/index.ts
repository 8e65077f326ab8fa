export * from './charts.js'
export * from './images.js'
export * from './pictures.js'
