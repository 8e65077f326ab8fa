/** Vectors that hold one value for each channel (axis 1). */
import { reshape, sum } from './broadcast.js'
import type { Tensor } from './tensor.js'

/** A vector along axis 1 of a tensor of that rank. */
export const alongChannels = (v: Tensor, rank: number): Tensor =>
  reshape(
    v,
    Array.from({ length: rank }, (_, a) => (a === 1 ? v.size : 1)),
  )
/** The sum over all axes but 1. */
export const sumToChannels = (x: Tensor): Tensor =>
  sum(
    x,
    x.shape.map((_, a) => a).filter((a) => a !== 1),
  )
