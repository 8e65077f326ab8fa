/** Places and class labels, whatever integer type they come as. */
import { defineOp, requireType, toType } from './define.js'
import { map } from './forms.js'
import type { Tensor } from './tensor.js'
import { constant } from './trace.js'

const [LEAST, MOST] = [-(2 ** 31), 2 ** 31 - 1]
/** What int32 cannot hold becomes its end, which is no place of any axis: it must not become another place. */
const fromInt64 = defineOp({
  name: 'indicesFromInt64',
  formula: 'y = min(max(x, −2³¹), 2³¹ − 1) as int32',
  args: (x: Tensor) => {
    requireType('indicesFromInt64', x, 'int64')
    return { inputs: [x], attrs: {} }
  },
  forward: ([x]) =>
    toType(
      map('minimum', map('maximum', x!, constant(LEAST, 'int64')), constant(MOST, 'int64')),
      'int32',
    ),
  differentiable: false,
  example: (m) => [[m.of([5, 2 ** 40, -(2 ** 40)], 'int64')], [5, MOST, LEAST]],
  samples: (m) => [[m.of([1, -1], 'int64')], [m.of([[3]], 'int64')]],
})

/**
 * Indices, labels and lengths as int32, the type that the core counts in: int64 (PyTorch's), uint8 and int8 are taken too.
 * @throws DTypeError for any other type; a float that is whole is refused like any float
 */
export function asIndices(op: string, t: Tensor): Tensor {
  requireType(op, t, 'int32', 'int64', 'uint8', 'int8')
  if (t.dtype === 'int32') return t
  return t.dtype === 'int64' ? fromInt64(t) : toType(t, 'int32')
}
