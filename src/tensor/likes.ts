/** Tensors beside another one (its type and backend), and those that follow from numbers alone. */
import type { DType } from '../core/dtype.js'
import { kinds, readOptions } from '../core/options.js'
import { readShape, type Shape, type ShapeThen } from '../core/shape.js'
import { toType } from '../ops/define.js'
import { pow } from '../ops/elementwise.js'
import { fromData, type Tensor } from '../ops/tensor.js'
import { state, withState } from '../ops/state.js'
import { full, linspace, type TensorOptions, zerosLike } from './creation.js'
import { rand, randint, randn, type RandomOptions } from './random.js'

/** Runs a creation on the backend of a tensor. */
const beside = (t: Tensor, f: () => Tensor): Tensor =>
  t.storage && !state.recorder ? withState('backend', () => t.backend, f) : f()

/** Values of any kind of x's shape and type, to be overwritten; zeros here. @example emptyLike(tensor([1, 2])).shape // [2] */
export const emptyLike = zerosLike
/** A tensor of one value, of x's type unless another is named. @example newFull(tensor([1]), [2], 7) // [7, 7] */
export const newFull = (
  x: Tensor,
  shape: Shape,
  value: number | boolean,
  options?: TensorOptions,
): Tensor => beside(x, () => full(shape, value, { dtype: x.dtype, ...options }))
const newFilled =
  (op: string, value: number) =>
  (x: Tensor, ...args: ShapeThen<TensorOptions>): Tensor => {
    const [shape, options] = readShape(op, args)
    return newFull(x, shape, value, options)
  }
/** @example newZeros(tensor([1]), [2]) // [0, 0] */
export const newZeros = newFilled('newZeros', 0)
/** @example newOnes(tensor([1]), 2, 1) // [[1], [1]] */
export const newOnes = newFilled('newOnes', 1)
/** Values of any kind, to be overwritten; zeros here. @example newEmpty(tensor([1]), [2]).shape // [2] */
export const newEmpty = newFilled('newEmpty', 0)

/** Uniform numbers in [0, 1) of x's shape and type. @example randLike(tensor([1, 2])).shape // [2] */
export const randLike = (x: Tensor, options?: RandomOptions): Tensor =>
  beside(x, () => rand(x.shape, { dtype: x.dtype, ...options }))
/** Standard normal numbers of x's shape and type. @example randnLike(tensor([1, 2])).shape // [2] */
export const randnLike = (x: Tensor, options?: RandomOptions): Tensor =>
  beside(x, () => randn(x.shape, { dtype: x.dtype, ...options }))
/** Whole numbers in [lo, hi) of x's shape and type. @example randintLike(tensor([1, 2]), 0, 9).shape // [2] */
export const randintLike = (x: Tensor, lo: number, hi: number, options?: RandomOptions): Tensor =>
  beside(x, () => randint(lo, hi, x.shape, { dtype: x.dtype, ...options }))

/** `steps` powers of the base, 10 unless said otherwise, from base^start to base^end. @example logspace(0, 2, 3) // [1, 10, 100] */
export function logspace(
  start: number,
  end: number,
  steps: number,
  options?: number | (TensorOptions & { base?: number }),
): Tensor {
  const {
    base = 10,
    dtype,
    ...rest
  } = readOptions<TensorOptions & { base?: number }>(
    'logspace',
    [options],
    { base: kinds.number },
    { dtype: kinds.text, requiresGrad: kinds.flag },
  )
  const float: DType | undefined = dtype === 'int32' || dtype === 'bool' ? 'float32' : dtype
  const y = pow(base, linspace(start, end, steps, { ...rest, ...(float && { dtype: float }) }))
  return dtype ? toType(y, dtype) : y
}

/** Where the triangle of a matrix lies: rows and columns, in row-major order (int32). */
function places(rows: number, cols: number, inside: (i: number, j: number) => boolean): Tensor {
  const list: [number, number][] = []
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) if (inside(i, j)) list.push([i, j])
  const data = Int32Array.from([...list.map(([i]) => i), ...list.map(([, j]) => j)])
  return fromData(data, [2, list.length], 'int32')
}
/** The coordinates of the lower triangle, rows then columns. @example trilIndices(2, 2) // [[0, 1, 1], [0, 0, 1]] */
export const trilIndices = (rows: number, cols: number, offset = 0): Tensor =>
  places(rows, cols, (i, j) => j <= i + offset)
/** The coordinates of the upper triangle, rows then columns. @example triuIndices(2, 2) // [[0, 0, 1], [0, 1, 1]] */
export const triuIndices = (rows: number, cols: number, offset = 0): Tensor =>
  places(rows, cols, (i, j) => j >= i + offset)
