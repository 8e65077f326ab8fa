/** Advanced indexing: numbers, ranges, lists, tensors of places and masks together, as PyTorch's x[...] has them. */
import { add, mul } from './arithmetic.js'
import { expand, permute, reshape } from './broadcast.js'
import { ShapeError, show } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { broadcastShapes, type Shape, sizeOf, sameShape } from '../core/shape.js'
import { scalar, type TensorLike, toType } from './define.js'
import { asIndices } from './indices.js'
import { indexAdd, indexCopy, indexSelect, wrapIndex } from './indexing.js'
import { unsqueeze } from './movement.js'
import { type Range, select, slice } from './slice.js'
import { fromData, Tensor } from './tensor.js'

/**
 * One entry for an axis: a number picks a place, and the axis goes; `null` keeps the axis; `{ start, end, step }` cuts;
 * a list or a tensor of integers takes these places, in any order and shape; a bool tensor, which stands for as many axes as
 * it has, takes the places where it holds; '...' keeps all axes that are not named; 'newaxis' puts an axis of extent 1.
 */
export type Index = number | null | Range | readonly number[] | Tensor | '...' | 'newaxis'

/** The coordinates where a mask holds, a vector for each of its axes; reads values. */
function placesOf(mask: Tensor): Tensor[] {
  const data = mask.toTypedArray()
  const lists = mask.shape.map((): number[] => [])
  for (let i = 0; i < data.length; i++) {
    if (!data[i]) continue
    let rest = i
    for (let a = mask.rank - 1; a >= 0; a--) {
      lists[a]!.push(rest % mask.shape[a]!)
      rest = Math.floor(rest / mask.shape[a]!)
    }
  }
  return lists.map((l) => vector(l, mask))
}
const vector = (places: readonly number[], beside: Tensor): Tensor =>
  fromData(Int32Array.from(places), [places.length], 'int32', beside.storage?.backend)

/** Entries where tensors of places stand for lists and masks. */
type Entry = number | null | Range | Tensor | 'newaxis'

/** The entries, one an axis of x (or 'newaxis'): lists and masks as tensors of places, the rest filled with null. */
function entriesOf(op: string, x: Tensor, indices: readonly Index[]): Entry[] {
  checkMasks(op, x, indices)
  const entries = indices.flatMap((v): (Entry | '...')[] => {
    if (Array.isArray(v)) return [vector(v as readonly number[], x)]
    if (!(v instanceof Tensor)) return [v as Entry | '...']
    if (v.dtype === 'bool') return placesOf(v)
    return [asIndices(op, v)]
  })
  const named = entries.filter((v) => v !== '...' && v !== 'newaxis').length
  if (named > x.rank || entries.filter((v) => v === '...').length > 1)
    throw new ShapeError({
      op,
      rule: `at most one entry for each of the ${x.rank} axes, and one '...'`,
      got: `${entries.length}`,
    })
  const rest = new Array<null>(x.rank - named).fill(null)
  const cut = entries.indexOf('...')
  const full =
    cut < 0 ? [...entries, ...rest] : [...entries.slice(0, cut), ...rest, ...entries.slice(cut + 1)]
  return full as Entry[]
}

/** @throws ShapeError where a mask is a scalar, or has not the extents of the axes that it stands for */
function checkMasks(op: string, x: Tensor, indices: readonly Index[]): void {
  const ranks = indices.map((v) =>
    v === '...' || v === 'newaxis' ? 0 : v instanceof Tensor && v.dtype === 'bool' ? v.rank : 1,
  )
  const total = ranks.reduce((a, b) => a + b, 0)
  let axis = 0
  for (const [i, v] of indices.entries()) {
    if (v === '...') axis += x.rank - total
    if (
      v instanceof Tensor &&
      v.dtype === 'bool' &&
      (v.rank === 0 || !sameShape(v.shape, x.shape.slice(axis, axis + v.rank)))
    )
      throw new ShapeError({
        op,
        rule: `the mask must have the extents of the axes that it stands for, ${show(x.shape.slice(axis, axis + v.rank))}`,
        got: show(v.shape),
      })
    axis += ranks[i]!
  }
}

/** The numbers, ranges and new axes applied: a view, and the tensors of places that are left, by its axes. */
function basic(x: Tensor, entries: readonly Entry[]): { view: Tensor; places: (Tensor | null)[] } {
  let view = x
  const places: (Tensor | null)[] = []
  for (const v of entries) {
    const axis = places.length
    if (v === 'newaxis') view = unsqueeze(view, axis)
    else if (typeof v === 'number') {
      view = select(view, axis, v)
      continue
    } else if (v !== null && !(v instanceof Tensor))
      view = slice(view, [...places.map(() => null), v])
    places.push(v instanceof Tensor ? v : null)
  }
  return { view, places }
}

/** How tensors of places read a tensor: its named axes first and flat, and where the axes of the result belong. */
interface Reading {
  /** Brings the named axes to the front. */
  order: number[]
  rows: number
  rest: number[]
  /** The places in the flat rows, one for each element of `shape`. */
  index: Tensor
  shape: number[]
  /** Brings the axes of the result (those of `shape`, then the rest) to their places. */
  back: number[]
}

function reading(op: string, view: Tensor, places: readonly (Tensor | null)[]): Reading {
  const named = places.flatMap((p, a) => (p ? [a] : []))
  const others = view.shape.map((_, a) => a).filter((a) => !named.includes(a))
  const shape = broadcastShapes(op, ...named.map((a) => places[a]!.shape)) as number[]
  let index: Tensor | undefined
  for (const a of named) {
    const n = view.shape[a]!
    const own = expand(wrapIndex(places[a]!, n), shape)
    index = index ? add(mul(index, n), own) : own
  }
  const rest = others.map((a) => view.shape[a]!)
  // Side by side the named axes are replaced where they stand, otherwise their axes come first.
  const together = named.every((a, i) => i === 0 || a === named[i - 1]! + 1)
  const before = together ? named[0]! : 0
  const at = (i: number) =>
    i < before ? shape.length + i : i < before + shape.length ? i - before : i
  return {
    order: [...named, ...others],
    rows: sizeOf(named.map((a) => view.shape[a]!)),
    rest,
    index: reshape(index!, [sizeOf(shape)]),
    shape,
    back: Array.from({ length: shape.length + rest.length }, (_, i) => at(i)),
  }
}

/**
 * Part of a tensor: numbers, ranges, lists, tensors of places and masks, one for each axis and together, as PyTorch's
 * `x[...]`. Tensors of places broadcast against each other; their axes take the place of those that they name, or come
 * first when these are apart. Differentiable; places that repeat add up. Masks read values, so that they cannot be
 * compiled (`where` can).
 * @throws IndexError for a place outside of its axis, ShapeError for entries that do not fit
 * @example at(tensor([[1, 2], [3, 4], [5, 6]]), [2, 0], 1) // [6, 2]
 */
export function at(x: Tensor, ...indices: Index[]): Tensor {
  const { view, places } = basic(x, entriesOf('at', x, indices))
  if (places.every((p) => p === null)) return view
  const { order, rows, rest, index, shape, back } = reading('at', view, places)
  const flat = reshape(permute(view, order), [rows, ...rest])
  return permute(reshape(indexSelect(flat, 0, index), [...shape, ...rest]), back)
}

export interface IndexPutOptions {
  /** Values are added to what is there; places that repeat add up. */
  accumulate?: boolean
}

/**
 * x with `values`, which broadcast, at the places that `indices` name as in `at`. Where places repeat the last value
 * stays, or all add up with `accumulate`. x itself stays as it is.
 * @throws IndexError for a place outside of its axis, ShapeError for entries or values that do not fit
 * @example indexPut(tensor([1, 2, 3]), [[0, 2]], tensor([9, 8])) // [9, 2, 8]
 */
export function indexPut(
  x: Tensor,
  indices: readonly Index[],
  values: TensorLike,
  options?: boolean | IndexPutOptions,
): Tensor {
  const { accumulate = false } = readOptions<IndexPutOptions>('indexPut', [options], {
    accumulate: kinds.flag,
  })
  const entries = entriesOf('indexPut', x, indices)
  const given =
    values instanceof Tensor ? toType(values, x.dtype) : scalar(Number(values), x.dtype, [x])
  // Every entry as places, so that one write reaches all of them.
  const places = entries.map((v, a): Tensor | null => {
    if (v === null || v instanceof Tensor) return v
    if (typeof v === 'number') return vector([v], x)
    const all = Array.from({ length: x.shape[a]! }, (_, i) => i)
    const { start, end, step = 1 } = v as Range
    return vector(cutList(all, start, end, step), x)
  })
  if (entries.includes('newaxis'))
    throw new ShapeError({ op: 'indexPut', rule: "'newaxis' names no place", got: "'newaxis'" })
  return put(x, entries, places, given, accumulate)
}

const cutList = (
  all: number[],
  start: number | null | undefined,
  end: number | null | undefined,
  step: number,
): number[] => {
  const n = all.length
  const limit = (v: number | null | undefined, otherwise: number) =>
    v === null || v === undefined ? otherwise : Math.min(n, Math.max(0, v < 0 ? v + n : v))
  const kept: number[] = []
  if (step > 0) for (let i = limit(start, 0); i < limit(end, n); i += step) kept.push(i)
  else
    for (
      let i = Math.min(n - 1, limit(start, n - 1));
      i > (end === null || end === undefined ? -1 : limit(end, 0));
      i += step
    )
      kept.push(i)
  return kept
}

function put(
  x: Tensor,
  entries: readonly Entry[],
  places: readonly (Tensor | null)[],
  given: Tensor,
  accumulate: boolean,
): Tensor {
  const write = accumulate ? indexAdd : indexCopy
  // Numbers and ranges are an outer product with the tensors of places: each gets axes of its own.
  const tensors = entries.map((v) => v instanceof Tensor)
  const outer = entries.map((v, a) => places[a] !== null && !tensors[a] && v !== null)
  const own = places.filter((_, a) => tensors[a]) as Tensor[]
  const shape = own.length > 0 ? broadcastShapes('indexPut', ...own.map((t) => t.shape)) : []
  const named = places.flatMap((p, a) => (p ? [a] : []))
  if (named.length === 0) {
    const full = expand(given, x.shape)
    return accumulate ? add(x, full) : add(mul(x, 0), full)
  }
  const rest = x.shape.map((_, a) => a).filter((a) => !named.includes(a))
  const ranges = named.filter((a) => outer[a])
  // Axes of the write: those of the tensors of places, then one for each number or range.
  const grid = [...shape, ...ranges.map((a) => places[a]!.size)]
  let index: Tensor | undefined
  for (const a of named) {
    const n = x.shape[a]!
    const wrapped = wrapIndex(places[a]!, n)
    const k = ranges.indexOf(a)
    const shaped =
      k >= 0
        ? reshape(
            wrapped,
            grid.map((m, i) => (i === shape.length + k ? m : 1)),
          )
        : reshape(wrapped, [...wrapped.shape, ...ranges.map(() => 1)])
    const full = expand(shaped, grid)
    index = index ? add(mul(index, n), full) : full
  }
  // The shape that `at` gives, to which the values broadcast, and its axes in the order of the write.
  const read = layoutOf(entries, x.shape, shape)
  const values = permute(expand(unsqueezed(given, read), read.shape), [
    ...read.own,
    ...ranges.map((a) => read.axisOf(a)),
    ...rest.map((a) => read.axisOf(a)),
  ])
  const order = [...named, ...rest]
  const rows = sizeOf(named.map((a) => x.shape[a]!))
  const tail = rest.map((a) => x.shape[a]!)
  const flat = reshape(permute(x, order), [rows, ...tail])
  const written = write(
    flat,
    0,
    reshape(index!, [sizeOf(grid)]),
    reshape(values, [sizeOf(grid), ...tail]),
  )
  return permute(
    reshape(
      written,
      order.map((a) => x.shape[a]!),
    ),
    order.map((_, a) => order.indexOf(a)),
  )
}

/** The result of `at` with numbers kept as axes of extent 1: its shape, where its axes come from. */
function layoutOf(entries: readonly Entry[], shape: Shape, places: Shape) {
  const tensors = entries.flatMap((v, a) => (v instanceof Tensor ? [a] : []))
  const visible = entries.flatMap((v, a) => (typeof v === 'number' ? [] : [a]))
  const seat = tensors.map((a) => visible.indexOf(a))
  const together = seat.every((s, i) => i === 0 || s === seat[i - 1]! + 1)
  const before = tensors.length === 0 ? 0 : together ? seat[0]! : 0
  const others = visible.filter((a) => !tensors.includes(a))
  const extent = (a: number) => {
    const v = entries[a]
    if (v === null) return shape[a]!
    const { start, end, step = 1 } = v as Range
    return cutList(
      Array.from({ length: shape[a]! }, (_, i) => i),
      start,
      end,
      step,
    ).length
  }
  const list = [
    ...others.slice(0, before).map(extent),
    ...places,
    ...others.slice(before).map(extent),
  ]
  const numbers = entries.flatMap((v, a) => (typeof v === 'number' ? [a] : []))
  return {
    /** Axes of numbers come last, with extent 1. */
    shape: [...list, ...numbers.map(() => 1)],
    visible: list.length,
    own: places.map((_, i) => before + i),
    axisOf: (a: number) => {
      const n = numbers.indexOf(a)
      if (n >= 0) return list.length + n
      const i = others.indexOf(a)
      return i < before ? i : i + places.length
    },
  }
}
/** The values with an axis of 1 behind for each number among the entries. */
function unsqueezed(given: Tensor, read: { shape: readonly number[]; visible: number }): Tensor {
  return reshape(given, [...given.shape, ...read.shape.slice(read.visible).map(() => 1)])
}
