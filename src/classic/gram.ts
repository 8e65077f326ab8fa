/** XᵀX, of which only the blocks on and above the diagonal are computed. */
import { matmul } from '../ops/linalg.js'
import { narrow } from '../ops/slice.js'
import { transpose } from '../ops/movement.js'
import type { Tensor } from '../ops/tensor.js'

/** Columns of a block: large enough for a matrix product at full speed, small enough to leave nearly half away. */
const BLOCK = 128

/** XᵀX of x (N, p) as p x p numbers, row by row. */
export function gramOf(x: Tensor): Float64Array {
  const p = x.shape[1]!
  const out = new Float64Array(p * p)
  for (let from = 0; from < p; from += BLOCK) {
    const size = Math.min(BLOCK, p - from)
    const rest = p - from
    const part = matmul(transpose(narrow(x, 1, from, size), 0, 1), narrow(x, 1, from, rest))
    const data = part.toTypedArray() as Float64Array
    part.dispose()
    for (let i = 0; i < size; i++) {
      const row = from + i
      for (let j = i; j < rest; j++) {
        const v = data[i * rest + j]!
        out[row * p + from + j] = v
        out[(from + j) * p + row] = v
      }
    }
  }
  return out
}
