/** Parts of tensors as views: slices, windows, diagonals. */
import { add } from './arithmetic.js'
import { expand, reshape, coordinates } from './broadcast.js'
import { indexSelect, wrapIndex } from './indexing.js'
import type { View } from '../backends/ir.js'
import { bring } from '../backends/prims.js'
import { piecePrims } from '../backends/prims/pieces.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { normAxis, type Shape, show } from '../core/shape.js'
import { checkCount, misread } from './arguments.js'
import { defineMove, type Nested, operand, type SampleMaker, type TensorLike } from './define.js'
import { placed } from './movement.js'
import type { Tensor } from './tensor.js'
import { identityView } from './views.js'

/** An operation that is a view: `plan` gives it from the shape and the arguments. */
function viewOp<A extends unknown[]>(spec: {
  name: string
  formula: string
  plan: (shape: Shape, ...args: A) => View
  example: (m: SampleMaker) => readonly [readonly unknown[], Nested]
  samples: (m: SampleMaker) => readonly (readonly unknown[])[]
}) {
  return defineMove({
    name: spec.name,
    formula: spec.formula,
    args: (x: TensorLike, ...args: A) => {
      const t = operand(spec.name, x)
      checkCount(spec.name, spec.plan, [t, ...args])
      const view = spec.plan(t.shape, ...args)
      if (![...view.shape, ...view.offset].every(Number.isInteger))
        throw misread(spec.name, [t, ...args])
      return { inputs: [t], attrs: { view, from: t.shape } }
    },
    move: (_, { view: v }) => ({ op: 'view', view: v }),
    vjp: (ct, _inputs, _y, { view: v, from }) => [placed(ct, v, from)],
    example: spec.example,
    samples: spec.samples,
  })
}

/** [start, end) with a step along an axis, Python's rules for negative and missing ends. */
export interface Range {
  start?: number | null
  end?: number | null
  step?: number
}

/** First place, step and count of a range over an extent. */
function resolveRange(
  n: number,
  { start, end, step = 1 }: Range,
): [first: number, step: number, count: number] {
  if (!Number.isInteger(step) || step === 0)
    throw new ValueError({
      op: 'slice',
      rule: 'the step must be a whole number other than 0',
      got: `${step}`,
    })
  const lo = step > 0 ? 0 : -1
  const hi = step > 0 ? n : n - 1
  const bound = (v: number | null | undefined, other: number) => {
    if (v === null || v === undefined) return other
    if (!Number.isInteger(v))
      throw new ValueError({ op: 'slice', rule: 'bounds must be whole numbers', got: `${v}` })
    return Math.min(Math.max(v < 0 ? v + n : v, lo), hi)
  }
  const first = bound(start, step > 0 ? lo : hi)
  const last = bound(end, step > 0 ? hi : lo)
  const count = Math.max(0, Math.ceil((last - first) / step))
  return [count === 0 ? 0 : first, step, count]
}

/**
 * Part of a tensor, one entry an axis: a number picks a place (the axis goes), a range [start, end, step] cuts, null
 * keeps the whole axis. Missing entries keep theirs. Negative numbers count from the end; steps may be negative.
 * @throws ShapeError for more entries than axes, or a place outside of its axis
 * @example slice(tensor([[1, 2, 3], [4, 5, 6]]), [1, [null, null, 2]]) // [4, 6]
 */
export const slice = viewOp({
  name: 'slice',
  formula: 'y[i, ..] = x[start + step·i, ..]',
  plan: (shape, parts: readonly (number | null | readonly (number | null)[] | Range)[]): View => {
    if (!Array.isArray(parts)) throw misread('slice', [parts])
    if (parts.length > shape.length)
      throw new ShapeError({
        op: 'slice',
        rule: `at most one entry for each of the ${shape.length} axes`,
        got: `${parts.length}`,
      })
    const out = { shape: [] as number[], offset: [] as number[], axes: [] as [number, number][][] }
    shape.forEach((n, a) => {
      const part = parts[a] ?? null
      if (typeof part === 'number') {
        const at = part < 0 ? part + n : part
        if (!Number.isInteger(at) || at < 0 || at >= n)
          throw new ShapeError({
            op: 'slice',
            rule: `axis ${a} has places ${-n} to ${n - 1}`,
            got: `${part}`,
          })
        out.offset.push(at)
        return
      }
      const range = Array.isArray(part)
        ? { start: part[0], end: part[1], step: part[2] ?? 1 }
        : checkOptions<Range>('slice', part as Range | null, ['start', 'end', 'step'])
      const [first, step, count] = resolveRange(n, range)
      out.offset.push(first)
      out.shape.push(count)
      out.axes.push([[a, step]])
    })
    return out
  },
  example: (m) => [
    [
      m.of([
        [1, 2, 3],
        [4, 5, 6],
      ]),
      [1, [null, null, 2]],
    ],
    [4, 6],
  ],
  samples: (m) => [
    [m.float([4, 5]), [[1, 3]]],
    [m.float([4, 5]), [null, [null, null, -2]]],
    [m.float([4, 5]), [-1, -1]],
    [m.float([4]), [[3, 1]]],
    [m.float([0, 2]), [[0, 5]]],
    [m.int([6], 0, 9), [{ start: 1, step: 2 }]],
  ],
})

const narrowAt = viewOp({
  name: 'narrow',
  formula: 'y[i] = x[start + i]',
  plan: (shape, axis: number, start: number, length: number): View => {
    // Sums of gradients of parts are put side by side. Node has it from the beginning (see moreMethods.ts); a page that only shows or
    // walks tensors has no need of it.
    bring(piecePrims)
    const a = normAxis('narrow', axis, shape.length)
    const n = shape[a] ?? 0
    const from = start < 0 ? start + n : start
    if (
      !(
        Number.isInteger(from) &&
        Number.isInteger(length) &&
        from >= 0 &&
        length >= 0 &&
        from + length <= n
      )
    )
      throw new ShapeError({
        op: 'narrow',
        rule: `start and length must lie within the ${n} places of axis ${a}`,
        got: `start ${start}, length ${length}`,
      })
    const v = identityView(shape)
    v.shape[a] = length
    v.offset[a] = length === 0 ? 0 : from
    return v
  },
  example: (m) => [
    [m.of([1, 2, 3]), 0, 1, 2],
    [2, 3],
  ],
  samples: (m) => [
    [m.float([4, 3]), 0, 1, 2],
    [m.float([2, 5]), -1, -2, 2],
    [m.float([3]), 0, 3, 0],
  ],
})
/**
 * `length` places along the axis from `start`, which may be a tensor of one element: then its value is data, also in
 * compiled functions.
 * @throws ShapeError unless the places lie within the axis
 * @example narrow(tensor([1, 2, 3]), 0, 1, 2) // [2, 3]
 */
export function narrow(
  x: TensorLike,
  axis: number,
  start: number | Tensor,
  length: number,
): Tensor {
  if (typeof start === 'number') return narrowAt(x, axis, start, length)
  const t = operand('narrow', x)
  const a = normAxis('narrow', axis, t.rank)
  const from = reshape(wrapIndex(start, t.shape[a] ?? 1), [1])
  return indexSelect(t, a, add(coordinates(expand(from, [length]), 0), from))
}

/** One place of an axis, which goes. @example select(tensor([[1, 2], [3, 4]]), 1, 0) // [1, 3] */
export const select = viewOp({
  name: 'select',
  formula: 'y = x[.., index, ..]',
  plan: (shape, axis: number, index: number): View => {
    const a = normAxis('select', axis, shape.length)
    const n = shape[a] ?? 0
    const at = index < 0 ? index + n : index
    if (!Number.isInteger(at) || at < 0 || at >= n)
      throw new ShapeError({
        op: 'select',
        rule: `axis ${a} has places ${-n} to ${n - 1}`,
        got: `${index}`,
      })
    const v = identityView(shape)
    v.offset[a] = at
    v.shape.splice(a, 1)
    v.axes.splice(a, 1)
    return v
  },
  example: (m) => [
    [
      m.of([
        [1, 2],
        [3, 4],
      ]),
      1,
      0,
    ],
    [1, 3],
  ],
  samples: (m) => [
    [m.float([4, 3]), 0, -1],
    [m.float([3]), 0, 1],
    [m.float([2, 0]), 0, 1],
  ],
})

/** Windows of `size` places every `step` along the axis; the window becomes the last axis. @example unfold(arange(4), 0, 2, 1) // [[0, 1], [1, 2], [2, 3]] */
export const unfold = viewOp({
  name: 'unfold',
  formula: 'y[.., w, .., i] = x[.., step·w + i, ..]',
  plan: (shape, axis: number, size: number, step: number): View => {
    const a = normAxis('unfold', axis, shape.length)
    const n = shape[a] ?? 1
    if (shape.length === 0 && size <= 1 && size >= 0 && step > 0)
      return { shape: [size], offset: [], axes: [[]] }
    if (!(size >= 0 && size <= n && step > 0))
      throw new ShapeError({
        op: 'unfold',
        rule: `size must be at most ${n} and step positive`,
        got: `${size}, ${step}`,
      })
    const v = identityView(shape)
    v.shape[a] = Math.floor((n - size) / step) + 1
    v.axes[a] = [[a, step]]
    v.shape.push(size)
    v.axes.push([[a, 1]])
    return v
  },
  example: (m) => [
    [m.of([0, 1, 2, 3]), 0, 2, 1],
    [
      [0, 1],
      [1, 2],
      [2, 3],
    ],
  ],
  samples: (m) => [
    [m.float([5, 2]), 0, 3, 2],
    [m.float([2, 6]), 1, 2, 2],
    [m.float([3]), 0, 3, 1],
  ],
})

/** The diagonal of two axes as a new last axis; `offset` > 0 above it. @example diagonal(tensor([[1, 2], [3, 4]])) // [1, 4] */
export const diagonal = viewOp({
  name: 'diagonal',
  formula: 'y[.., i] = x[.., i, i + offset]',
  plan: (shape, offset: number = 0, axisA: number = 0, axisB: number = 1): View => {
    const a = normAxis('diagonal', axisA, shape.length)
    const b = normAxis('diagonal', axisB, shape.length)
    if (a === b)
      throw new ShapeError({
        op: 'diagonal',
        rule: 'two different axes are needed',
        got: `${a} and ${b}`,
      })
    const rows = shape[a]!
    const cols = shape[b]!
    const n = Math.max(
      0,
      offset >= 0 ? Math.min(rows, cols - offset) : Math.min(rows + offset, cols),
    )
    const v = identityView(shape)
    if (n > 0) {
      v.offset[a] = Math.max(0, -offset)
      v.offset[b] = Math.max(0, offset)
    }
    const keep = (_: unknown, i: number) => i !== a && i !== b
    return {
      offset: v.offset,
      shape: [...v.shape.filter(keep), n],
      axes: [
        ...v.axes.filter(keep),
        [
          [a, 1],
          [b, 1],
        ],
      ],
    }
  },
  example: (m) => [
    [
      m.of([
        [1, 2],
        [3, 4],
      ]),
    ],
    [1, 4],
  ],
  samples: (m) => [
    [m.float([3, 4]), 1],
    [m.float([4, 3]), -2],
    [m.float([2, 3, 3]), 0, 1, 2],
    [m.float([2, 2]), 5],
  ],
})

/** A vector's square matrix with it on a diagonal; a matrix's diagonal. @example diag(tensor([1, 2])) // [[1, 0], [0, 2]] */
export function diag(x: Tensor, offset = 0): Tensor {
  if (x.rank === 2) return diagonal(x, offset)
  if (x.rank !== 1)
    throw new ShapeError({ op: 'diag', rule: 'a vector or a matrix is needed', got: show(x.shape) })
  const n = x.size + Math.abs(offset)
  return placed(
    x,
    {
      shape: x.shape,
      offset: x.size === 0 ? [0, 0] : [Math.max(0, -offset), Math.max(0, offset)],
      axes: [
        [
          [0, 1],
          [1, 1],
        ],
      ],
    },
    [n, n],
  )
}
