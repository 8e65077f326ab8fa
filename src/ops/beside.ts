/** What stands beside a product in a sum, under autocast. */
import { isFloat, isHalf } from '../core/dtype.js'
import { toType } from './define.js'
import { state } from './state.js'
import type { Tensor } from './tensor.js'

/** Under autocast `c` is given as the product is, as PyTorch does for addmm and its kin. */
export const besideProduct = (c: Tensor, product: Tensor): Tensor =>
  state.autocast && isHalf(product.dtype) && isFloat(c.dtype) ? toType(c, product.dtype) : c
