/** Tensors side by side and apart, in PyTorch's many forms; see join.ts for the operations beneath. */
import { expand, reshape } from './broadcast.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { broadcastShapes as commonShape, normAxis, type Shape, show } from '../core/shape.js'
import { concat, meshgrid, pad, split, stack } from './join.js'
import { flatten, unsqueeze } from './movement.js'
import { narrow, select } from './slice.js'
import { fromData, type Tensor } from './tensor.js'
import { indexSelect } from './indexing.js'

/** PyTorch's name of `concat`. @example cat([tensor([1]), tensor([2, 3])]) // [1, 2, 3] */
export const cat = (list: readonly Tensor[], axis = 0): Tensor => concat(list, axis)

/** At least one axis: a scalar becomes a vector. @example atleast1d(tensor(5)) // [5] */
export const atleast1d = (x: Tensor): Tensor => (x.rank === 0 ? reshape(x, [1]) : x)
/** At least two axes; a vector becomes a row. @example atleast2d(tensor([1, 2])) // [[1, 2]] */
export const atleast2d = (x: Tensor): Tensor => (x.rank < 2 ? reshape(x, [1, x.size]) : x)
/** At least three axes; a vector becomes [1, n, 1], a matrix [m, n, 1]. @example atleast3d(tensor([1, 2])) // [[[1], [2]]] */
export const atleast3d = (x: Tensor): Tensor =>
  x.rank < 2 ? reshape(x, [1, x.size, 1]) : x.rank === 2 ? unsqueeze(x, 2) : x

/** Side by side: vectors end to end, others along axis 1. @example hstack([tensor([[1], [2]]), tensor([[3], [4]])]) // [[1, 3], [2, 4]] */
export function hstack(list: readonly Tensor[]): Tensor {
  const parts = list.map(atleast1d)
  return concat(parts, parts[0]?.rank === 1 ? 0 : 1)
}
/** On top of each other: vectors as rows, others along axis 0. @example vstack([tensor([1, 2]), tensor([3, 4])]) // [[1, 2], [3, 4]] */
export const vstack = (list: readonly Tensor[]): Tensor => concat(list.map(atleast2d), 0)
/** Behind each other, along axis 2. @example dstack([tensor([1, 2]), tensor([3, 4])]) // [[[1, 3], [2, 4]]] */
export const dstack = (list: readonly Tensor[]): Tensor => concat(list.map(atleast3d), 2)
/** Vectors as columns of a matrix; matrices side by side. @example columnStack([tensor([1, 2]), tensor([3, 4])]) // [[1, 3], [2, 4]] */
export const columnStack = (list: readonly Tensor[]): Tensor =>
  concat(
    list.map((x) => (x.rank < 2 ? reshape(x, [x.size, 1]) : x)),
    1,
  )

/** The slices along an axis, without it. @example unbind(tensor([[1, 2], [3, 4]])) // [[1, 2], [3, 4]] */
export function unbind(x: Tensor, axis = 0): Tensor[] {
  if (x.rank === 0)
    throw new ShapeError({ op: 'unbind', rule: 'x must have at least one axis', got: '[]' })
  const a = normAxis('unbind', axis, x.rank)
  return Array.from({ length: x.shape[a]! }, (_, i) => select(x, a, i))
}

/**
 * Parts along an axis: `parts` of them, of which the first may be longer by one, or cut before the places listed.
 * @example tensorSplit(tensor([1, 2, 3, 4, 5]), 2) // [[1, 2, 3], [4, 5]]
 */
export function tensorSplit(x: Tensor, parts: number | readonly number[], axis = 0): Tensor[] {
  if (x.rank === 0)
    throw new ShapeError({ op: 'tensorSplit', rule: 'x must have at least one axis', got: '[]' })
  const a = normAxis('tensorSplit', axis, x.rank)
  const n = x.shape[a]!
  if (typeof parts === 'number') {
    if (!(Number.isInteger(parts) && parts > 0))
      throw new ValueError({
        op: 'tensorSplit',
        rule: 'the number of parts must be a whole number above 0',
        got: `${parts}`,
      })
    const least = Math.floor(n / parts)
    return split(
      x,
      Array.from({ length: parts }, (_, i) => least + (i < n % parts ? 1 : 0)),
      a,
    )
  }
  const at = (i: number) => Math.min(n, Math.max(0, i < 0 ? i + n : i))
  const cuts = [0, ...parts.map(at), n]
  return cuts
    .slice(1)
    .map((end, i) => narrow(x, a, Math.min(cuts[i]!, n), Math.max(0, end - cuts[i]!)))
}

function evenly(op: string, x: Tensor, parts: number | readonly number[], axis: number): Tensor[] {
  if (typeof parts === 'number' && x.shape[axis]! % parts !== 0)
    throw new ShapeError({
      op,
      rule: `${parts} equal parts of axis ${axis} are needed`,
      got: show(x.shape),
    })
  return tensorSplit(x, parts, axis)
}
const rankAtLeast = (op: string, x: Tensor, rank: number) => {
  if (x.rank < rank)
    throw new ShapeError({ op, rule: `x must have at least ${rank} axes`, got: show(x.shape) })
}
/** Equal parts, or parts cut before the places, along axis 1 (of a vector: 0). @example hsplit(tensor([1, 2, 3, 4]), 2) // [[1, 2], [3, 4]] */
export function hsplit(x: Tensor, parts: number | readonly number[]): Tensor[] {
  rankAtLeast('hsplit', x, 1)
  return evenly('hsplit', x, parts, x.rank === 1 ? 0 : 1)
}
/** Equal parts, or parts cut before the places, along axis 0. @example vsplit(tensor([[1], [2]]), 2) // [[[1]], [[2]]] */
export function vsplit(x: Tensor, parts: number | readonly number[]): Tensor[] {
  rankAtLeast('vsplit', x, 2)
  return evenly('vsplit', x, parts, 0)
}
/** Equal parts, or parts cut before the places, along axis 2. @example dsplit(tensor([[[1, 2]]]), 2) // [[[[1]]], [[[2]]]] */
export function dsplit(x: Tensor, parts: number | readonly number[]): Tensor[] {
  rankAtLeast('dsplit', x, 3)
  return evenly('dsplit', x, parts, 2)
}

/** The matrices along the diagonal of one, zeros elsewhere; vectors count as rows. @example blockDiag([tensor([[1, 2]]), tensor([[3]])]) // [[1, 2, 0], [0, 0, 3]] */
export function blockDiag(list: readonly Tensor[]): Tensor {
  const blocks = list.map(atleast2d)
  for (const b of blocks)
    if (b.rank !== 2)
      throw new ShapeError({
        op: 'blockDiag',
        rule: 'each is a matrix at most',
        got: show(b.shape),
      })
  const width = blocks.reduce((n, b) => n + b.shape[1]!, 0)
  let at = 0
  return concat(
    blocks.map((b) => {
      at += b.shape[1]!
      return pad(b, [at - b.shape[1]!, width - at])
    }),
  )
}

/** Every choice of one element from each vector, one row each. @example cartesianProd(tensor([1, 2]), tensor([3, 4])) // [[1, 3], [1, 4], [2, 3], [2, 4]] */
export function cartesianProd(...vectors: Tensor[]): Tensor {
  if (vectors.length === 1) return vectors[0]!
  return stack(
    meshgrid(vectors).map((t) => flatten(t)),
    1,
  )
}

/** The ways to choose `r` elements of a vector in order, one row each. @example combinations(tensor([1, 2, 3])) // [[1, 2], [1, 3], [2, 3]] */
export function combinations(
  x: Tensor,
  r = 2,
  options?: boolean | { withReplacement?: boolean },
): Tensor {
  const { withReplacement = false } = readOptions<{ withReplacement?: boolean }>(
    'combinations',
    [options],
    { withReplacement: kinds.flag },
  )
  if (x.rank !== 1)
    throw new ShapeError({ op: 'combinations', rule: 'x must be a vector', got: show(x.shape) })
  if (r === 0) return narrow(x, 0, 0, 0)
  const places: number[] = []
  const choose = (from: number, chosen: readonly number[]): void => {
    if (chosen.length === r) places.push(...chosen)
    else for (let i = from; i < x.size; i++) choose(withReplacement ? i : i + 1, [...chosen, i])
  }
  choose(0, [])
  const index = fromData(Int32Array.from(places), [places.length], 'int32', x.storage?.backend)
  return reshape(indexSelect(x, 0, index), [places.length / r, r])
}

/** The tensors expanded to their common shape. @example broadcastTensors(tensor([[1], [2]]), tensor([3, 4]))[0] // [[1, 1], [2, 2]] */
export function broadcastTensors(...list: Tensor[]): Tensor[] {
  const shape = commonShape('broadcastTensors', ...list.map((t) => t.shape))
  return list.map((t) => expand(t, shape))
}
/** PyTorch's other name of `expand`. @example broadcastTo(tensor([1, 2]), [2, 2]) // [[1, 2], [1, 2]] */
export const broadcastTo = (x: Tensor, shape: Shape): Tensor => expand(x, shape)
/** Expanded to the shape of another. @example expandAs(tensor([1, 2]), zeros([2, 2])) // [[1, 2], [1, 2]] */
export const expandAs = (x: Tensor, other: Tensor): Tensor => expand(x, other.shape)
/** The elements under the shape of another. @example reshapeAs(tensor([1, 2]), zeros([2, 1])) // [[1], [2]] */
export const reshapeAs = (x: Tensor, other: Tensor): Tensor => reshape(x, other.shape)
/** PyTorch's other name of `reshapeAs`, for what shares memory. @example viewAs(tensor([1, 2]), zeros([2, 1])) // [[1], [2]] */
export const viewAs = reshapeAs
/** All elements as a vector. @example ravel(tensor([[1, 2], [3, 4]])) // [1, 2, 3, 4] */
export const ravel = (x: Tensor): Tensor => flatten(x)

/**
 * The shape to which all shapes broadcast; a number stands for a vector's.
 * @throws ShapeError when they do not
 * @example broadcastShapes([2, 1], [3]) // [2, 3]
 */
export const broadcastShapes = (...shapes: (Shape | number)[]): number[] => [
  ...commonShape('broadcastShapes', ...shapes.map((s) => (typeof s === 'number' ? [s] : s))),
]
