/** Parts of tensors changed, in copies: what PyTorch's functions of indices and slices give. */
import { mul, sub, where } from './arithmetic.js'
import { coordinates, expand, reshape, zerosOf } from './broadcast.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { broadcastShapes, normAxis, sameShape } from '../core/shape.js'
import { eq, gt, ne } from './compare.js'
import { requireType, scalar, type TensorLike, toType } from './define.js'
import { at, type Index, indexPut } from './at.js'
import { gather, indexAdd, indexCopy, indexSelect, scatterReduce, wrapIndex } from './indexing.js'
import { concat } from './join.js'
import { flatten, flip, movedim, placed, squeeze, transpose, unsqueeze } from './movement.js'
import { any, argmax } from './reduce.js'
import { cummax, cumsum } from './scan.js'
import { type Range, diag, narrow } from './slice.js'
import { sort } from './sort.js'
import { Tensor } from './tensor.js'

/** A tensor all of one value. @example fill(tensor([1, 2]), 7) // [7, 7] */
export const fill = (x: Tensor, value: TensorLike): Tensor =>
  expand(
    value instanceof Tensor ? toType(value, x.dtype) : scalar(Number(value), x.dtype, [x]),
    x.shape,
  )

/** x with `value` at the indices along the axis. @example indexFill(tensor([1, 2, 3]), 0, tensor([0, 2], { dtype: 'int32' }), 9) // [9, 2, 9] */
export function indexFill(x: Tensor, axis: number, index: Tensor, value: TensorLike): Tensor {
  const a = normAxis('indexFill', axis, x.rank)
  const shape = x.shape.map((n, i) => (i === a ? index.size : n))
  const given =
    value instanceof Tensor ? toType(value, x.dtype) : scalar(Number(value), x.dtype, [x])
  return indexCopy(
    x,
    a,
    reshape(wrapIndex(index, x.shape[a] ?? 1), [index.size]),
    expand(given, shape),
  )
}

/** x with values at the places of the flat tensor; with `accumulate` they are added. @example put(tensor([1, 2, 3]), tensor([-1], { dtype: 'int32' }), tensor([9])) // [1, 2, 9] */
export function put(
  x: Tensor,
  index: Tensor,
  source: Tensor,
  options?: boolean | { accumulate?: boolean },
): Tensor {
  const { accumulate = false } = readOptions<{ accumulate?: boolean }>('put', [options], {
    accumulate: kinds.flag,
  })
  if (index.size !== source.size)
    throw new ShapeError({
      op: 'put',
      rule: 'there must be a value for each place',
      got: `${index.size} and ${source.size}`,
    })
  const write = accumulate ? indexAdd : indexCopy
  const places = flatten(wrapIndex(index, x.size))
  return reshape(write(flatten(x), 0, places, flatten(source)), x.shape)
}

/** x with the elements of `source`, one after the other, where the mask holds. @example maskedScatter(tensor([0, 0, 0]), tensor([true, false, true]), tensor([7, 8])) // [7, 0, 8] */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  requireType('maskedScatter', mask, 'bool')
  const shape = broadcastShapes('maskedScatter', x.shape, mask.shape)
  const [t, holds] = [expand(x, shape), expand(mask, shape)]
  const m = flatten(holds)
  if (source.size === 0) return t
  // The k-th place where the mask holds takes the k-th element.
  const order = cumsum(toType(m, 'int32'), 0)
  const place = where(gt(order, source.size), source.size, where(eq(order, 0), 1, order))
  const taken = indexSelect(flatten(source), 0, indexOf(place))
  return where(holds, reshape(toType(taken, x.dtype), shape), t)
}
const indexOf = (count: Tensor): Tensor => toType(sub(count, 1), 'int32')

/** x with `source` at one place of an axis. @example selectScatter(tensor([[1, 2], [3, 4]]), tensor([9, 9]), 0, 1) // [[1, 2], [9, 9]] */
export function selectScatter(x: Tensor, source: Tensor, axis: number, index: number): Tensor {
  const a = normAxis('selectScatter', axis, x.rank)
  return indexPut(x, [...new Array<Index>(a).fill(null), index], source)
}
/** x with `source` in a range of an axis. @example sliceScatter(tensor([1, 2, 3, 4]), tensor([8, 9]), 0, { start: 1, end: 3 }) // [1, 8, 9, 4] */
export function sliceScatter(x: Tensor, source: Tensor, axis = 0, range: Range = {}): Tensor {
  const a = normAxis('sliceScatter', axis, x.rank)
  const entries: Index[] = [...new Array<Index>(a).fill(null), range]
  const part = at(x, ...entries)
  if (!sameShape(part.shape, source.shape))
    throw new ShapeError({
      op: 'sliceScatter',
      rule: `source must be ${show(part.shape)}`,
      got: show(source.shape),
    })
  return indexPut(x, entries, source)
}

/** Vectors on the diagonals of matrices, which become the axes named. @example diagEmbed(tensor([[1, 2]])) // [[[1, 0], [0, 2]]] */
export function diagEmbed(x: Tensor, offset = 0, axisA = -2, axisB = -1): Tensor {
  const rank = x.rank + 1
  const [a, b] = [normAxis('diagEmbed', axisA, rank), normAxis('diagEmbed', axisB, rank)]
  if (a === b)
    throw new ShapeError({
      op: 'diagEmbed',
      rule: 'two different axes are needed',
      got: `${a} and ${b}`,
    })
  const n = x.shape[x.rank - 1]!
  const side = n + Math.abs(offset)
  const lead = x.shape.slice(0, -1)
  const [row, col] = n === 0 ? [0, 0] : [Math.max(0, -offset), Math.max(0, offset)]
  const y = placed(
    x,
    {
      shape: x.shape,
      offset: [...lead.map(() => 0), row, col],
      axes: [
        ...lead.map((_, i): [number, number][] => [[i, 1]]),
        [
          [lead.length, 1],
          [lead.length + 1, 1],
        ],
      ],
    },
    [...lead, side, side],
  )
  // Above the diagonal means that the second axis is further on.
  return movedim(y, [rank - 2, rank - 1], [a, b])
}
/** All elements on the diagonal of a matrix. @example diagflat(tensor([[1, 2]])) // [[1, 0], [0, 2]] */
export const diagflat = (x: Tensor, offset = 0): Tensor => diag(flatten(x), offset)

/** Rows upside down: axis 0 backwards. @example flipud(tensor([[1], [2]])) // [[2], [1]] */
export const flipud = (x: Tensor): Tensor => flip(x, 0)
/** Left and right exchanged: axis 1 backwards. @example fliplr(tensor([[1, 2]])) // [[2, 1]] */
export const fliplr = (x: Tensor): Tensor => flip(x, 1)
/** The last two axes exchanged; a scalar stays. @example matrixTranspose(tensor([[1, 2]])) // [[1], [2]] */
export const matrixTranspose = (x: Tensor): Tensor => (x.rank === 0 ? x : transpose(x, -2, -1))

/** Sorted along the first axis. @example msort(tensor([3, 1, 2])) // [1, 2, 3] */
export const msort = (x: Tensor): Tensor => sort(x, 0)[0]
/** The k-th smallest along the axis (1 is the smallest), [values, indices]. @example kthvalue(tensor([3, 1, 2]), 2)[0] // 2 */
export function kthvalue(
  x: Tensor,
  k: number,
  axis = -1,
  options?: boolean | { keepdim?: boolean },
): [values: Tensor, indices: Tensor] {
  const { keepdim = false } = readOptions<{ keepdim?: boolean }>('kthvalue', [options], {
    keepdim: kinds.flag,
  })
  const a = normAxis('kthvalue', axis, x.rank)
  const n = x.shape[a] ?? 1
  if (!(Number.isInteger(k) && k >= 1 && k <= n))
    throw new ShapeError({
      op: 'kthvalue',
      rule: `k must be a whole number from 1 to ${n}`,
      got: `${k}`,
    })
  if (x.rank === 0) return sort(x, 0)
  const [values, indices] = sort(x, a)
  const pick = (t: Tensor) =>
    at(t, ...new Array<Index>(a).fill(null), keepdim ? { start: k - 1, end: k } : k - 1)
  return [pick(values), pick(indices)]
}
/** Is each element among those of `test`? @example isin(tensor([1, 2, 3]), tensor([3, 1])) // [true, false, true] */
export function isin(
  x: TensorLike,
  test: TensorLike,
  options?: { invert?: boolean; assumeUnique?: boolean },
): Tensor {
  const { invert = false } = readOptions<{ invert?: boolean; assumeUnique?: boolean }>(
    'isin',
    [options],
    {},
    { invert: kinds.flag, assumeUnique: kinds.flag },
  )
  const t = x instanceof Tensor ? x : scalar(Number(x), 'float32')
  const among = test instanceof Tensor ? flatten(test) : scalar(Number(test), t.dtype, [t])
  const list = among.rank === 0 ? reshape(among, [1]) : among
  const found = list.size === 0 ? gt(zerosOf(t), 0) : any(eq(unsqueeze(t, -1), list), -1)
  return invert ? eq(found, gt(zerosOf(t), 0)) : found
}

/**
 * The value that is found most often along the axis, the smallest of several, and where it stands last,
 * [values, indices].
 * https://pytorch.org/docs/stable/generated/torch.mode.html
 * @example mode(tensor([3, 1, 3, 1, 2]))[0] // 1
 */
export function mode(
  x: Tensor,
  axis = -1,
  options?: boolean | { keepdim?: boolean },
): [values: Tensor, indices: Tensor] {
  const { keepdim = false } = readOptions<{ keepdim?: boolean }>('mode', [options], {
    keepdim: kinds.flag,
  })
  const a = normAxis('mode', axis, x.rank)
  if (x.rank === 0) return sort(x, 0)
  const n = x.shape[a]!
  if (n === 0)
    throw new ShapeError({ op: 'mode', rule: 'at least one element is needed', got: show(x.shape) })
  const [values, indices] = sort(x, a)
  // In order, equal elements stand together: where a run began, the largest place so far says.
  const at = coordinates(values, a)
  const begins =
    n === 1 ? at : pad0(ne(narrow(values, a, 1, n - 1), narrow(values, a, 0, n - 1)), a)
  const start = cummax(mul(at, begins), a)[0]
  // The first of the longest runs is that of the smallest value.
  const place = argmax(sub(at, start!), a, { keepdim: true })
  const pick = (t: Tensor) => {
    const one = gather(t, a, place)
    return keepdim ? one : squeeze(one, a)
  }
  return [pick(values), pick(indices)]
}
/** A whole number for each place along the axis: 0 at the first, 1 where `begins` holds. */
const pad0 = (begins: Tensor, axis: number): Tensor => {
  const t = toType(begins, 'int32')
  return concat([mul(narrow(t, axis, 0, 1), 0), t], axis)
}

/**
 * x with slices of `source` combined with it at the indices along the axis: prod, mean, amax or amin. Without `includeSelf`
 * the slices that are hit start anew.
 * https://pytorch.org/docs/1.13/generated/torch.Tensor.index_reduce_.html
 * @throws ValueError for another `reduce`; ShapeError unless the index has one entry for each slice
 * @example indexReduce(tensor([1, 2]), 0, tensor([0, 0], { dtype: 'int32' }), tensor([5, 6]), 'prod') // [30, 2]
 */
export function indexReduce(
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  reduce: 'prod' | 'mean' | 'amax' | 'amin',
  options?: { includeSelf?: boolean },
): Tensor {
  const op = 'indexReduce'
  const a = normAxis(op, axis, x.rank)
  if (!['prod', 'mean', 'amax', 'amin'].includes(reduce))
    throw new ValueError({ op, rule: 'reduce is prod, mean, amax or amin', got: `${reduce}` })
  const rank0 = x.rank === 0
  const from = rank0 ? reshape(source, [1]) : source
  if (index.size !== from.shape[a])
    throw new ShapeError({
      op,
      rule: 'the index has one entry for each slice of source',
      got: `${index.size} and ${show(source.shape)}`,
    })
  const shape = from.shape.map((n, i) => (i === a ? n : 1))
  const places = expand(reshape(index, shape), from.shape)
  const y = scatterReduce(rank0 ? reshape(x, [1]) : x, a, places, from, reduce, options)
  return reshape(y, x.shape)
}
