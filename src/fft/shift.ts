/** The order of frequencies. */
import { normAxes } from '../core/shape.js'
import { roll } from '../ops/join.js'
import type { Tensor } from '../ops/tensor.js'

/**
 * Moves frequency 0 to the middle of the axes (all, unless they are named).
 * @example fft.fftshift(tensor([0, 1, 2, -2, -1])) // [-2, -1, 0, 1, 2]
 */
export function fftshift(x: Tensor, axes?: number | readonly number[]): Tensor {
  const list = normAxes('fftshift', axes, x.rank)
  return roll(
    x,
    list.map((a) => Math.floor(x.shape[a]! / 2)),
    list,
  )
}

/**
 * Undoes `fftshift`.
 * @example fft.ifftshift(tensor([-2, -1, 0, 1, 2])) // [0, 1, 2, -2, -1]
 */
export function ifftshift(x: Tensor, axes?: number | readonly number[]): Tensor {
  const list = normAxes('ifftshift', axes, x.rank)
  return roll(
    x,
    list.map((a) => -Math.floor(x.shape[a]! / 2)),
    list,
  )
}
