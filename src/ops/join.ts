/** Tensors joined, cut, padded and repeated. */
import { misread } from './arguments.js'
import { expand, reshape } from './broadcast.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { kinds, oneOf, type PlacesOr, readOptions } from '../core/options.js'
import { normAxis, show, sameShape } from '../core/shape.js'
import { defineOp, type Grads, operand, operands, type TensorLike } from './define.js'
import { flatten, flip, transpose, unsqueeze } from './movement.js'
import { narrow } from './slice.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'
import { identityView, recordView } from './views.js'

/**
 * The tensors joined along an axis; the other extents agree.
 * @throws ShapeError when they do not
 * @example concat([tensor([1]), tensor([2, 3])]) // [1, 2, 3]
 */
export const concat = defineOp({
  name: 'concat',
  formula: 'y = [x₀, x₁, ..] along the axis',
  args: (list: readonly Tensor[], axis: number = 0) => {
    if (list.length === 0)
      throw new ValueError({ op: 'concat', rule: 'at least one tensor is needed' })
    const all = operands('concat', list)
    // PyTorch joins an empty vector with anything.
    const some = all.filter((t) => t.rank !== 1 || t.size > 0)
    const inputs = some.length > 0 ? some : all
    const first = inputs[0]!
    if (first.rank === 0)
      throw new ShapeError({
        op: 'concat',
        rule: 'scalars have no axis to join',
        fix: 'stack() makes one.',
      })
    const a = normAxis('concat', axis, first.rank)
    for (const t of inputs)
      if (t.rank !== first.rank || t.shape.some((n, i) => i !== a && n !== first.shape[i]))
        throw new ShapeError({
          op: 'concat',
          rule: `all extents but that of axis ${a} must agree`,
          got: inputs.map((x) => show(x.shape)).join(', '),
        })
    return { inputs, attrs: { axis: a } }
  },
  forward: (inputs, { axis }) => prim({ op: 'concat', axis }, inputs),
  halves: true,
  vjp: (ct, inputs, _y, { axis }) => {
    let at = 0
    return inputs.map((t) => {
      const n = t.shape[axis]!
      at += n
      return narrow(ct, axis, at - n, n)
    })
  },
  example: (m) => [[[m.of([1]), m.of([2, 3])]], [1, 2, 3]],
  samples: (m) => [
    [[m.float([2, 3]), m.float([2, 1])], 1],
    [[m.float([2, 3]), m.float([0, 3]), m.float([1, 3])]],
    [[m.int([2], 0, 9), m.float([1])], -1],
    [[m.bool([2])]],
  ],
})

/** The tensors, all of one shape, side by side along a new axis. @example stack([tensor([1, 2]), tensor([3, 4])]) // [[1, 2], [3, 4]] */
export function stack(list: readonly Tensor[], axis = 0): Tensor {
  for (const t of list)
    if (!sameShape(t.shape, list[0]!.shape))
      throw new ShapeError({
        op: 'stack',
        rule: 'all shapes must be equal',
        got: list.map((x) => show(x.shape)).join(', '),
      })
  return concat(
    list.map((t) => unsqueeze(t, axis)),
    list.length > 0 ? normAxis('stack', axis, list[0]!.rank + 1) : 0,
  )
}

/** Parts of `size` places (the last may be shorter), or of the sizes listed. @example split(arange(5), 2) // [[0, 1], [2, 3], [4]] */
export function split(x: Tensor, size: number | readonly number[], axis = 0): Tensor[] {
  const a = normAxis('split', axis, x.rank)
  const n = x.shape[a] ?? 0
  const sizes =
    typeof size === 'number'
      ? Array.from({ length: Math.max(1, Math.ceil(n / size)) }, (_, i) =>
          Math.min(size, n - i * size),
        )
      : [...size]
  if (sizes.some((s) => !(s >= 0)) || sizes.reduce((s, v) => s + v, 0) !== n)
    throw new ShapeError({
      op: 'split',
      rule: `sizes must add up to the ${n} places of axis ${a}`,
      got: show(sizes),
    })
  let at = 0
  return sizes.map((s) => {
    at += s
    return narrow(x, a, at - s, s)
  })
}

/** About `count` parts of equal size. @example chunk(arange(5), 2) // [[0, 1, 2], [3, 4]] */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  const a = normAxis('chunk', axis, x.rank)
  const n = x.shape[a] ?? 0
  // Of nothing there are as many parts as are asked for.
  if (n === 0) return Array.from({ length: count }, () => narrow(x, a, 0, 0))
  return split(x, Math.max(1, Math.ceil(n / count)), axis)
}

/** Elements shifted along the axes, those that fall off coming in on the other side. @example roll(tensor([1, 2, 3]), 1) // [3, 1, 2] */
export function roll(
  x: Tensor,
  shifts: number | readonly number[],
  axes?: number | readonly number[],
): Tensor {
  if (axes === undefined) return reshape(roll(flatten(x), shifts, 0), x.shape)
  const by = typeof shifts === 'number' ? [shifts] : shifts
  const list = typeof axes === 'number' ? [axes] : axes
  if (by.length !== list.length)
    throw new ShapeError({
      op: 'roll',
      rule: 'one shift for each axis',
      got: `${show(by)} and ${show(list)}`,
    })
  return list.reduce((t, axis, i) => {
    const a = normAxis('roll', axis, t.rank)
    const n = t.shape[a]!
    const cut = n === 0 ? 0 : ((-by[i]! % n) + n) % n
    return cut === 0 ? t : concat([narrow(t, a, cut, n - cut), narrow(t, a, 0, cut)], a)
  }, x)
}

/** Turned by 90° from the first axis toward the second, `times` times. @example rot90(tensor([[1, 2], [3, 4]])) // [[2, 4], [1, 3]] */
export function rot90(x: Tensor, times = 1, axes: readonly [number, number] = [0, 1]): Tensor {
  if (!Number.isInteger(times) || !Array.isArray(axes)) throw misread('rot90', [x, times, axes])
  const [a, b] = axes as readonly [number, number]
  const k = ((times % 4) + 4) % 4
  if (k === 0) return x
  if (k === 2) return flip(x, [a, b])
  return k === 1 ? flip(transpose(x, a, b), [a]) : flip(transpose(x, a, b), [b])
}

export interface PadOptions {
  mode?: 'constant' | 'reflect' | 'replicate' | 'circular'
  value?: number
}

/** Constant padding, [before, after] for each axis; negative numbers crop. */
const padConstant = defineOp({
  name: 'padConstant',
  formula: 'y = x with `before` and `after` places of a constant around each axis',
  args: (x: TensorLike, widths: readonly (readonly [number, number])[], value: number = 0) => {
    const t = operand('pad', x)
    const shape = t.shape.map((n, a) => n + widths[a]![0] + widths[a]![1])
    if (shape.some((n) => n < 0))
      throw new ShapeError({
        op: 'pad',
        rule: 'no axis may become shorter than 0',
        got: show(shape),
      })
    return { inputs: [t], attrs: { widths, value, shape } }
  },
  forward: ([x], { widths, value, shape }) => {
    // Crop first, where a width is negative.
    const v = identityView(x!.shape)
    widths.forEach(([before, after], a) => {
      v.offset[a] = Math.max(0, -before)
      v.shape[a] = Math.max(0, v.shape[a]! - Math.max(0, -before) - Math.max(0, -after))
      if (v.shape[a] === 0) v.offset[a] = 0
    })
    const kept = widths.some(([b, e]) => b < 0 || e < 0) ? recordView(x!, v) : x!
    const place = identityView(kept.shape)
    widths.forEach(([before], a) => {
      place.offset[a] = Math.max(0, before)
    })
    return prim({ op: 'place', shape, view: place, fill: value, accumulate: false }, [kept])
  },
  vjp: (ct, _inputs, _y, { widths }): Grads => [
    padConstant(
      ct,
      widths.map(([b, e]) => [-b, -e] as const),
    ),
  ],
  example: (m) => [
    [m.of([1, 2]), [[1, 0]], 9],
    [9, 1, 2],
  ],
  samples: (m) => [
    [
      m.float([2, 3]),
      [
        [1, 0],
        [0, 2],
      ],
    ],
    [m.float([4]), [[-1, -1]]],
    [m.float([4]), [[-1, 2]], 0.5],
    [m.float([0]), [[1, 1]]],
    [m.float([]), []],
  ],
})

/**
 * Padding, PyTorch's order: [before, after] of the last axis, then of the one before it, ... Modes: constant,
 * reflect (without the edge), replicate (the edge), circular.
 * @throws ShapeError when reflect or circular padding is wider than the axis allows
 * @example pad(tensor([1, 2, 3]), [1, 1], { mode: 'reflect' }) // [2, 1, 2, 3, 2]
 */
export function pad(x: Tensor, widths: readonly number[], ...rest: PlacesOr<PadOptions>): Tensor {
  const { mode = 'constant', value = 0 } = readOptions<PadOptions>('pad', rest, {
    mode: kinds.text,
    value: kinds.number,
  })
  if (widths.length % 2 !== 0 || widths.length > 2 * x.rank)
    throw new ShapeError({
      op: 'pad',
      rule: `widths are pairs, for at most ${x.rank} axes`,
      got: show(widths),
    })
  const pairs = x.shape.map((_, a): [number, number] => {
    const i = 2 * (x.rank - 1 - a)
    return [widths[i] ?? 0, widths[i + 1] ?? 0]
  })
  if (mode === 'constant') return padConstant(x, pairs, value)
  if (pairs.some(([before, after]) => before < 0 || after < 0)) {
    // Negative widths crop, before the others are filled.
    const cropped = padConstant(
      x,
      pairs.map(([b, e]) => [Math.min(b, 0), Math.min(e, 0)] as const),
      0,
    )
    return pad(
      cropped,
      widths.map((w) => Math.max(w, 0)),
      { mode },
    )
  }
  return pairs.reduce((t, [before, after], a) => {
    if (before === 0 && after === 0) return t
    const n = t.shape[a]!
    const limit = mode === 'reflect' ? n - 1 : mode === 'circular' ? n : Number.POSITIVE_INFINITY
    if (before > limit || after > limit || n === 0)
      throw new ShapeError({
        op: 'pad',
        rule: `${mode} padding of an axis of ${n} takes widths from 0 to ${limit}`,
        got: `${before} and ${after}`,
      })
    const parts: Tensor[] = []
    const edge = (at: number, w: number) => {
      const full = [...t.shape]
      full[a] = w
      return expand(narrow(t, a, at, 1), full)
    }
    if (mode === 'reflect') {
      if (before > 0) parts.push(flip(narrow(t, a, 1, before), [a]))
      parts.push(t)
      if (after > 0) parts.push(flip(narrow(t, a, n - 1 - after, after), [a]))
    } else if (mode === 'replicate') {
      if (before > 0) parts.push(edge(0, before))
      parts.push(t)
      if (after > 0) parts.push(edge(n - 1, after))
    } else {
      if (before > 0) parts.push(narrow(t, a, n - before, before))
      parts.push(t)
      if (after > 0) parts.push(narrow(t, a, 0, after))
    }
    return concat(parts, a)
  }, x)
}

/** The whole tensor `counts[a]` times along each axis (leading axes may be new). @example tile(tensor([1, 2]), [2]) // [1, 2, 1, 2] */
export function tile(x: Tensor, counts: readonly number[], ...more: never[]): Tensor {
  if (!Array.isArray(counts)) throw misread('tile', [x, counts, ...more])
  const rank = Math.max(x.rank, counts.length)
  const shape = [...new Array<number>(rank - x.rank).fill(1), ...x.shape]
  const times = [...new Array<number>(rank - counts.length).fill(1), ...counts]
  const apart = reshape(
    x,
    shape.flatMap((n) => [1, n]),
  )
  const spread = expand(
    apart,
    shape.flatMap((n, a) => [times[a]!, n]),
  )
  return reshape(
    spread,
    shape.map((n, a) => n * times[a]!),
  )
}
/** PyTorch's name of `tile`: one count for each axis at least. @example repeat(tensor([1, 2]), [2]) // [1, 2, 1, 2] */
export function repeat(x: Tensor, counts: readonly number[], ...more: never[]): Tensor {
  if (!Array.isArray(counts)) throw misread('repeat', [x, counts, ...more])
  if (counts.length < x.rank)
    throw new ShapeError({
      op: 'repeat',
      rule: `a count for each of the ${x.rank} axes`,
      got: show(counts),
    })
  return tile(x, counts)
}
/**
 * Each element `count` times in a row along the axis (of the flat tensor without one); a list, or a
 * vector, whose values are read, has a count for each place.
 * @throws ShapeError unless a list is as long as the axis
 * @example repeatInterleave(tensor([1, 2]), 2) // [1, 1, 2, 2]
 */
export function repeatInterleave(
  x: Tensor,
  count: number | readonly number[] | Tensor,
  axis?: number,
): Tensor {
  if (typeof count === 'object' && 'toTypedArray' in count) {
    const list = Array.from(count.toTypedArray() as Iterable<number>)
    return repeatInterleave(x, count.size === 1 ? list[0]! : list, axis)
  }
  if (axis === undefined) return repeatInterleave(flatten(x), count, 0)
  const a = normAxis('repeatInterleave', axis, x.rank)
  if (typeof count !== 'number') {
    if (count.length !== x.shape[a])
      throw new ShapeError({
        op: 'repeatInterleave',
        rule: `a count for each of the ${x.shape[a]} places of axis ${a}`,
        got: `${count.length}`,
      })
    const parts = count.flatMap((n, i) => new Array<Tensor>(n).fill(narrow(x, a, i, 1)))
    return parts.length > 0 ? concat(parts, a) : narrow(x, a, 0, 0)
  }
  const wide = unsqueeze(x, a + 1)
  const shape = [...wide.shape]
  shape[a + 1] = count
  const out = [...x.shape]
  out[a] = x.shape[a]! * count
  return reshape(expand(wide, shape), out)
}

/** Coordinate grids of vectors, one output each. indexing 'ij' (default) or 'xy'. @example meshgrid([tensor([1, 2]), tensor([3])])[0] // [[1], [2]] */
export function meshgrid(
  vectors: readonly Tensor[],
  options?: 'ij' | 'xy' | { indexing?: 'ij' | 'xy' },
): Tensor[] {
  const { indexing = 'ij' } = readOptions<{ indexing?: 'ij' | 'xy' }>('meshgrid', [options], {
    indexing: oneOf('ij', 'xy'),
  })
  const xy = indexing === 'xy' && vectors.length > 1
  const swap = (a: number) => (xy && a < 2 ? 1 - a : a)
  const shape = vectors.map((_, a) => vectors[swap(a)]!.size)
  return vectors.map((v, i) => {
    const own = shape.map((n, a) => (a === swap(i) ? n : 1))
    return expand(reshape(v, own), shape)
  })
}
