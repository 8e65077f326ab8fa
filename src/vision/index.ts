export * from './assignment.js'
export * from './averagePrecision.js'
export {
  type Boxes,
  type BoxFormat,
  type BoxLossOptions,
  batchedNms,
  boxArea,
  boxConvert,
  boxIou,
  clipBoxesToImage,
  generalizedBoxIou,
  generalizedBoxIouLoss,
  nms,
  removeSmallBoxes,
} from './boxes.js'
export * from './camera.js'
export * from './color.js'
export * from './files.js'
export * from './geometry.js'
export { compose, randomApply, type Range, type Transform } from './images.js'
export * from './keypoints.js'
export * from './mix.js'
export { cutout, type ErasingOptions, gaussianNoise, randomErasing } from './noise.js'
export * from './page.js'
export * from './quality.js'
export * from './resize.js'
export * from './scenes.js'
export * from './tracking.js'
export { affineGrid, gridSample, type SampleOptions } from '../ops/gridSample.js'
