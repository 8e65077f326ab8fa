/** Mixed precision: products in a half type, what loses by it in float32. */
import type { DType } from '../core/dtype.js'
import { isHalf } from '../core/dtype.js'
import { DTypeError } from '../core/errors.js'
import { checkOptions, requireFunction } from '../core/options.js'
import { extras } from '../core/extras.js'
import { toType } from './define.js'
import { state, withState } from './state.js'
import type { Tensor } from './tensor.js'

export interface AutocastOptions {
  /** The half type, bfloat16 or float16. */
  dtype?: DType
  /** false: as if autocast were not there, also inside of another one. */
  enabled?: boolean
}

/**
 * What autocast does with the float inputs of operations: gives them in the half type, or as float32. All others, and
 * gradients, take what they get; types that differ are promoted (concat too). The rows are those of PyTorch's autocast on
 * the CPU, by the operations that functions are made of: matmul, einsum, addmm and attention are made of bmm, transposed
 * convolutions of convolutionInput.
 * https://pytorch.org/docs/stable/amp.html#cpu-op-specific-behavior
 */
const table: Readonly<Record<string, 'half' | 'float32'>> = {
  linear: 'half',
  bmm: 'half',
  convolution: 'half',
  convolutionInput: 'float32',
  averagePool: 'float32',
  prod: 'float32',
  norm: 'float32',
  binaryTerms: 'float32',
  cumprod: 'float32',
}

/** The inputs of an operation as autocast gives them. */
function autocasted(name: string, inputs: Tensor[]): Tensor[] {
  const how = table[name]
  if (!how) return inputs
  const to = how === 'half' ? state.autocast! : 'float32'
  // float64 stays what it is.
  return inputs.map((t) => (t.dtype === 'float32' || isHalf(t.dtype) ? toType(t, to) : t))
}
/**
 * Runs `f` with automatic mixed precision: matrix products and convolutions in bfloat16, sums in float32. Parameters stay
 * float32. Only the forward pass and the loss belong inside; `backward` uses the types of the forward pass by itself.
 * Works eagerly and inside of `compile`.
 * @throws DTypeError unless dtype is a half type
 * @example autocast(() => matmul(ones([1, 2]), ones([2, 1]))).dtype // 'bfloat16'
 */
export function autocast<T>(f: () => T, options: AutocastOptions = {}): T {
  requireFunction('autocast', f)
  const { dtype = 'bfloat16', enabled = true } = checkOptions('autocast', options, [
    'dtype',
    'enabled',
  ])
  if (!isHalf(dtype))
    throw new DTypeError({ op: 'autocast', rule: 'dtype must be bfloat16 or float16', got: dtype })
  extras.autocasted = autocasted
  return withState('autocast', enabled ? dtype : undefined, f)
}

/** Is autocast in force? */
export const isAutocastEnabled = (): boolean => state.autocast !== undefined
