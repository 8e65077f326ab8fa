/** Functions that the host computes, one element after the other, in double precision. */
import { expand } from './broadcast.js'
import { broadcastShapes } from '../core/shape.js'
import { type DType, isFloat } from '../core/dtype.js'
import { toType } from './define.js'
import { hostCall } from './host.js'
import { contiguous } from './movement.js'
import type { Tensor } from './tensor.js'

/** What is computed for a type: half types and small integers in a larger one. */
const innerOf = (dtype: DType): DType =>
  dtype === 'float64' || dtype === 'int64' ? dtype : isFloat(dtype) ? 'float32' : 'int32'

/**
 * f of every element of one or two tensors that broadcast, on every backend and inside of compiled programs alike, rounded
 * once to their type. Elements of int64 are bigints, which `f` must then take as well.
 */
export function byElement(
  name: string,
  f: (...x: number[]) => number,
  given: readonly Tensor[],
): Tensor {
  const { dtype } = given[0]!
  const inner = innerOf(dtype)
  const shape = broadcastShapes(name, ...given.map((t) => t.shape))
  const inputs = given.map((t) => contiguous(expand(toType(t, inner), shape)))
  const call = {
    name,
    elementwise: true as const,
    start(
      from: readonly { data(): ArrayLike<number | bigint> }[],
      [to]: readonly { data(): unknown }[],
    ) {
      const xs = from.map((x) => x.data() as ArrayLike<number>)
      const y = to!.data() as Float64Array
      const [first, second] = [xs[0]!, xs[1]]
      if (second) for (let i = 0; i < y.length; i++) y[i] = f(first[i]!, second[i]!)
      else for (let i = 0; i < y.length; i++) y[i] = f(first[i]!)
    },
  }
  return toType(hostCall(call, inputs, [{ shape, dtype: inner }])[0]!, dtype)
}
