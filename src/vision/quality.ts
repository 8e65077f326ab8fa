/** How near pictures are to those that they should be. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { sameShape } from '../core/shape.js'
import { kinds, readOptions } from '../core/options.js'
import { mseLoss } from '../ops/loss/index.js'
import { noGrad } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'

/**
 * Peak signal-to-noise ratio in decibels, 10 log₁₀(dataRange² / MSE), of the error over all pixels of all pictures together (so
 * does torchmetrics unless told otherwise). Infinite for equal pictures. Any shape.
 * @throws ShapeError for different shapes and for no pixels, ValueError for a range that is not above 0
 * @example peakSignalNoiseRatio(tensor([0.5, 0.5]), tensor([0.4, 0.6])) // 20
 */
export function peakSignalNoiseRatio(
  pictures: Tensor,
  target: Tensor,
  options: { dataRange?: number } = {},
): number {
  const op = 'peakSignalNoiseRatio'
  const { dataRange = 1 } = readOptions<{ dataRange?: number }>(op, [options], {
    dataRange: kinds.number,
  })
  if (!sameShape(pictures.shape, target.shape) || pictures.size === 0)
    throw new ShapeError({
      op,
      rule: 'there must be pixels, and both must have the same shape',
      got: `${show(pictures.shape)} and ${show(target.shape)}`,
    })
  if (!(dataRange > 0))
    throw new ValueError({ op, rule: 'dataRange must be above 0', got: `${dataRange}` })
  return noGrad(() => 10 * Math.log10(dataRange ** 2 / mseLoss(pictures, target).item()))
}
