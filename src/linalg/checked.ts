/** What a factorization says of itself becomes an error. */
import { cast, mul, where } from '../ops/arithmetic.js'
import { eq } from '../ops/compare.js'
import { unsqueeze } from '../ops/movement.js'
import { named } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { prim } from '../ops/trace.js'
import { defineOp, type Grads } from '../ops/define.js'

/** x, when `info` is 0 for every matrix; otherwise the run fails with an error that has `what` and the number. */
const sound = defineOp({
  name: 'sound',
  formula: 'y = x, when info is 0',
  args: (x: Tensor, info: Tensor, what: string) => ({ inputs: [x, info], attrs: { what } }),
  forward: ([x, info], { what }) => {
    const zero = prim({ op: 'check', lo: 0, hi: 1, what }, [info!])
    return where(eq(unsqueeze(unsqueeze(zero, -1), -1), 0), x!, cast(mul(x!, Number.NaN), x!.dtype))
  },
  vjp: (ct): Grads => [ct, null],
  example: (m) => [[m.of([[1]]), m.int([], 0, 1), 'the first pivot that is 0'], [[1]]],
  samples: (m) => [[m.float([2, 2]), m.int([], 0, 1), 'a pivot']],
})
export const checked = (op: string, x: Tensor, info: Tensor, what: string): Tensor =>
  named(op, () => sound(x, info, what))
