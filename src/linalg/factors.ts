/** What the gradients of factorizations share. */
import { mul } from '../ops/arithmetic.js'
import { coordinates } from '../ops/broadcast.js'
import { eq } from '../ops/compare.js'
import type { Tensor } from '../ops/tensor.js'

/** Of the last two axes: is this place on the diagonal? */
export const onDiagonal = (x: Tensor): Tensor => eq(coordinates(x, -2), coordinates(x, -1))
export const or0 = (ct: Tensor | null, like: Tensor): Tensor => ct ?? mul(like, 0)
