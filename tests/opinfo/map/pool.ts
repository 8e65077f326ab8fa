import * as nabla from 'nabla'
import { type Bound, type Family, on } from '../harness.js'

const maxNames = 'input kernel_size stride padding dilation ceil_mode return_indices'
const maxOptions = (a: Bound) => ({
  stride: a.stride,
  padding: a.padding,
  dilation: a.dilation,
  ceilMode: a.ceil_mode,
  returnIndices: a.return_indices,
})
const avgNames = 'input kernel_size stride padding ceil_mode count_include_pad divisor_override'
const avgOptions = (a: Bound) => ({
  stride: a.stride,
  padding: a.padding,
  ceilMode: a.ceil_mode,
  countIncludePad: a.count_include_pad,
  divisorOverride: a.divisor_override,
})
const unpoolNames = 'input indices kernel_size stride padding output_size'
const unpoolOptions = (a: Bound) => ({
  stride: a.stride,
  padding: a.padding,
  outputSize: a.output_size,
})

const adaptiveMax = (f: (x: never, size: never, options: never) => unknown) =>
  on('input output_size return_indices', (a) =>
    f(a.input, a.output_size, { returnIndices: a.return_indices } as never),
  )

const fractional = (f: (x: never, kernel: never, options: never) => unknown) =>
  on('input kernel_size output_size output_ratio return_indices _random_samples', (a) =>
    f(a.input, a.kernel_size, {
      outputSize: a.output_size,
      outputRatio: a.output_ratio,
      returnIndices: a.return_indices,
      randomSamples: a._random_samples,
    } as never),
  )

export const pool: Family = {
  'nn.functional.max_pool1d': on(maxNames, (a) =>
    nabla.maxPool1d(a.input, a.kernel_size, maxOptions(a)),
  ),
  'nn.functional.max_pool2d': on(maxNames, (a) =>
    nabla.maxPool2d(a.input, a.kernel_size, maxOptions(a)),
  ),
  'nn.functional.max_pool3d': on(maxNames, (a) =>
    nabla.maxPool3d(a.input, a.kernel_size, maxOptions(a)),
  ),
  'nn.functional.avg_pool1d': on(avgNames, (a) =>
    nabla.avgPool1d(a.input, a.kernel_size, avgOptions(a)),
  ),
  'nn.functional.avg_pool2d': on(avgNames, (a) =>
    nabla.avgPool2d(a.input, a.kernel_size, avgOptions(a)),
  ),
  'nn.functional.avg_pool3d': on(avgNames, (a) =>
    nabla.avgPool3d(a.input, a.kernel_size, avgOptions(a)),
  ),
  'nn.functional.max_unpool1d': on(unpoolNames, (a) =>
    nabla.maxUnpool1d(a.input, a.indices, a.kernel_size, unpoolOptions(a)),
  ),
  'nn.functional.max_unpool2d': on(unpoolNames, (a) =>
    nabla.maxUnpool2d(a.input, a.indices, a.kernel_size, unpoolOptions(a)),
  ),
  'nn.functional.max_unpool3d': on(unpoolNames, (a) =>
    nabla.maxUnpool3d(a.input, a.indices, a.kernel_size, unpoolOptions(a)),
  ),
  'nn.functional.fractional_max_pool2d': fractional(nabla.fractionalMaxPool2d),
  'nn.functional.fractional_max_pool3d': fractional(nabla.fractionalMaxPool3d),
  'nn.functional.adaptive_avg_pool1d': on('input output_size', (a) =>
    nabla.adaptiveAvgPool1d(a.input, a.output_size),
  ),
  'nn.functional.adaptive_avg_pool2d': on('input output_size', (a) =>
    nabla.adaptiveAvgPool2d(a.input, a.output_size),
  ),
  'nn.functional.adaptive_avg_pool3d': on('input output_size', (a) =>
    nabla.adaptiveAvgPool3d(a.input, a.output_size),
  ),
  'nn.functional.adaptive_max_pool1d': adaptiveMax(nabla.adaptiveMaxPool1d),
  'nn.functional.adaptive_max_pool2d': adaptiveMax(nabla.adaptiveMaxPool2d),
  'nn.functional.adaptive_max_pool3d': adaptiveMax(nabla.adaptiveMaxPool3d),
}
