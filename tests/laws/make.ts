import { type DType, type Tensor, tensor } from 'nabla'
import { sizeOf } from '../../src/core/shape.js'
import type { Nested, SampleMaker } from '../../src/ops/define.js'
import { isFloat } from '../../src/core/dtype.js'

/** Small, fast and seeded; for test data only. */
export function random(seed: number): () => number {
  let s = seed >>> 0 || 1
  return () => {
    s ^= s << 13
    s >>>= 0
    s ^= s >>> 17
    s ^= s << 5
    s >>>= 0
    return s / 2 ** 32
  }
}

/** Makes samples; `float` is the type of float tensors. */
export function maker(seed: number, float: DType = 'float32'): SampleMaker {
  const next = random(seed)
  const list = (n: number, f: () => number) => Array.from({ length: n }, f)
  return {
    of: (values: Nested, dtype?: DType): Tensor => tensor(values, { dtype: dtype ?? float }),
    float(shape, lo = -2, hi = 2, dtype = float) {
      const one = (): number => {
        const v = lo + (hi - lo) * next()
        // Away from the kinks that functions have at whole and half numbers.
        return Math.abs(v * 2 - Math.round(v * 2)) < 0.1 ? one() : v
      }
      const values = Float64Array.from(list(sizeOf(shape), one))
      return tensor(values, { shape, dtype })
    },
    int: (shape, lo, hi, dtype = 'int32') =>
      tensor(Int32Array.from(list(sizeOf(shape), () => Math.floor(lo + (hi - lo) * next()))), {
        shape,
        dtype,
      }),
    bool: (shape) =>
      tensor(Uint8Array.from(list(sizeOf(shape), () => (next() < 0.5 ? 0 : 1))), {
        shape,
        dtype: 'bool',
      }),
  }
}

/** All tensors among nested arguments, in order. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value !== null && typeof value === 'object' && 'storage' in value && 'gradNode' in value)
    return [value as Tensor]
  return Array.isArray(value) ? value.flatMap(tensorsIn) : []
}

/** The float tensors among the arguments by which an operation has a gradient. */
export const leavesOf = (
  { differentiable }: { differentiable?: false | readonly number[] },
  args: readonly unknown[],
): Tensor[] =>
  differentiable === false
    ? []
    : tensorsIn(args).filter(
        (t, i) => isFloat(t.dtype) && t.size > 0 && (differentiable?.includes(i) ?? true),
      )
