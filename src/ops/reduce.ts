/** Reductions over any axes; scan.ts has the running ones, statistics.ts what is composed of these. */
import {
  coordinates,
  permute,
  reshape,
  reducedShape,
  reduceTo,
  unreduce,
  zerosOf,
  type Axes,
  type ReduceOptions,
  sum,
  reduceOperand,
  type TypedReduceOptions,
} from './broadcast.js'
import { div, mul, sub, where } from './arithmetic.js'
import { ShapeError, show } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { normAxis, reducedAxes, type Shape, sizeOf } from '../core/shape.js'
import { eq, isfinite, isnan, logicalAnd, logicalOr, ne } from './compare.js'
import { defineOp, type Grads, type Nested, operand, type TensorLike, toType } from './define.js'
import { map } from './forms.js'
import { exp, log } from './functions.js'
import { concat } from './join.js'
import { flip } from './movement.js'
import { narrow } from './slice.js'
import { cumprod } from './scan.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'

/** @throws ShapeError when an axis to be reduced is empty, for reductions that have no neutral element */
function requireElements(op: string, shape: Shape, axes: readonly number[]): void {
  if (axes.some((a) => shape[a] === 0) || (axes.length === 0 && sizeOf(shape) === 0))
    throw new ShapeError({
      op,
      rule: 'the reduced axes must hold at least one element',
      got: `${show(shape)} over axes ${show(axes)}`,
    })
}

/**
 * The arithmetic mean over the axes. Integers and bools count as floats.
 * @example mean(tensor([[1, 2], [3, 4]]), 1) // [1.5, 3.5]
 */
export const mean = defineOp({
  name: 'mean',
  formula: 'y = Σ x / n,  dy/dx = 1/n',
  args: (x: TensorLike, axes?: Axes, options?: boolean | TypedReduceOptions) => {
    const { keepdim = false, dtype } = readOptions<TypedReduceOptions>(
      'mean',
      [options],
      { keepdim: kinds.flag },
      { dtype: kinds.text },
    )
    const t = reduceOperand('mean', x, dtype, true)
    const list = reducedAxes('mean', axes, t.rank)
    const n = list.reduce((m, a) => m * t.shape[a]!, 1)
    return { inputs: [t], attrs: { axes: list, keepdim, from: t.shape, n } }
  },
  forward: ([x], { axes, keepdim, n }) => div(sum(x!, axes, { keepdim }), n),
  vjp: (ct, _inputs, _y, { axes, from, n }) => [unreduce(div(ct, n), axes, from)],
  example: (m) => [
    [
      m.of([
        [1, 2],
        [3, 4],
      ]),
      1,
    ],
    [1.5, 3.5],
  ],
  samples: (m) => [
    [m.float([2, 3])],
    [m.float([2, 3, 4]), [0, 2]],
    [m.float([2, 3]), -1, { keepdim: true }],
    [m.float([])],
    [m.int([4], 0, 9)],
    [m.float([0, 2]), 1],
  ],
})

/**
 * The product over the axes. The gradient is exact where factors are 0.
 * @example prod(tensor([2, 3, 4])) // 24
 */
export const prod = defineOp({
  name: 'prod',
  formula: 'y = Π x,  dy/dxᵢ = Π_{j≠i} xⱼ',
  args: (x: TensorLike, axes?: Axes, options?: boolean | TypedReduceOptions) => {
    const { keepdim = false, dtype } = readOptions<TypedReduceOptions>(
      'prod',
      [options],
      { keepdim: kinds.flag },
      { dtype: kinds.text },
    )
    const t = reduceOperand('prod', x, dtype)
    return {
      inputs: [t.dtype === 'bool' ? toType(t, 'int32') : t],
      attrs: { axes: reducedAxes('prod', axes, t.rank), keepdim, from: t.shape },
    }
  },
  forward: ([x], { axes, keepdim }) => reduceTo('prod', x!, axes, keepdim),
  vjp: (ct, [x], _y, { axes, from }) => {
    // The product of the factors before times that of the factors after, along one axis of all that are reduced.
    const kept = from.map((_, a) => a).filter((a) => !axes.includes(a))
    const order = [...kept, ...axes]
    const n = axes.reduce((m, a) => m * from[a]!, 1)
    const moved = permute(x!, order)
    const flat = reshape(moved, [...kept.map((a) => from[a]!), n])
    const last = flat.rank - 1
    if (n === 0) return [zerosOf(x!)]
    // The running product one place late, 1 at the start.
    const before = (t: Tensor) => {
      const late = concat([narrow(t, last, 0, 1), narrow(cumprod(t, last), last, 0, n - 1)], last)
      return where(eq(coordinates(t, last), 0), 1, late)
    }
    const others = mul(before(flat), flip(before(flip(flat, [last])), [last]))
    const back = permute(
      reshape(others, moved.shape),
      order.map((_, a) => order.indexOf(a)),
    )
    return [mul(unreduce(ct, axes, from), back)]
  },
  example: (m) => [[m.of([2, 3, 4])], 24],
  samples: (m) => [
    [m.float([2, 3])],
    [m.float([2, 3, 2]), [0, 2]],
    [
      m.of([
        [0, 2, 3],
        [0, 0, 4],
      ]),
      1,
    ],
    [m.float([])],
    [m.float([0, 3]), 0, { keepdim: true }],
    [m.int([3], 1, 4)],
  ],
})

interface ReduceSpec<Fn extends string> {
  name: string
  lower: Fn
  /** Of [[1, 4], [3, 2]] along the last axis; of [[1, 0], [1, 1]] of quantifiers. */
  example: Nested
}
/** `nan`: where the extreme is NaN, the NaN among x share its gradient (PyTorch's max and min of all elements). */
function extreme({ name, lower: fn, nan, ...spec }: ReduceSpec<'max' | 'min'> & { nan?: true }) {
  return defineOp({
    name,
    formula: `y = ${fn} x; elements that share the extreme share the gradient equally`,
    source: `https://pytorch.org/docs/stable/generated/torch.a${fn}.html`,
    args: (x: TensorLike, axes?: Axes, options?: boolean | ReduceOptions) => {
      const { keepdim = false } = readOptions<ReduceOptions>(name, [options], {
        keepdim: kinds.flag,
      })
      const t = operand(name, x)
      const list = reducedAxes(name, axes, t.rank)
      requireElements(name, t.shape, list)
      return { inputs: [t], attrs: { axes: list, keepdim, from: t.shape } }
    },
    forward: ([x], { axes, keepdim }) => reduceTo(fn, x!, axes, keepdim),
    vjp: (ct, [x], y, { axes, from }) => {
      const most = unreduce(y, axes, from)
      const same = eq(x!, most)
      const won = toType(nan ? logicalOr(same, logicalAnd(isnan(x!), isnan(most))) : same, x!.dtype)
      return [mul(div(won, sum(won, axes, { keepdim: true })), unreduce(ct, axes, from))]
    },
    example: (m) => [
      [
        m.of([
          [1, 4],
          [3, 2],
        ]),
        1,
      ],
      spec.example,
    ],
    samples: (m) => [
      [m.float([2, 3])],
      [m.float([2, 3, 4]), [0, 2], { keepdim: true }],
      [m.float([])],
      [m.int([2, 3], -5, 5), 0],
      [m.of([1, Number.NaN, 3])],
      [m.float([0, 2]), 1],
      [m.bool([3])],
    ],
  })
}
/** The largest element over the axes; NaN wins. @example amax(tensor([[1, 4], [3, 2]]), 1) // [4, 3] */
export const amax = extreme({ name: 'amax', lower: 'max', example: [4, 3] })
/** The smallest element over the axes; NaN wins. @example amin(tensor([[1, 4], [3, 2]]), 1) // [1, 2] */
export const amin = extreme({ name: 'amin', lower: 'min', example: [1, 2] })
const maxOfAll = extreme({ name: 'maxOfAll', lower: 'max', nan: true, example: [4, 3] })
const minOfAll = extreme({ name: 'minOfAll', lower: 'min', nan: true, example: [1, 2] })

function argExtreme({ name, lower: fn, ...spec }: ReduceSpec<'max' | 'min'>) {
  return defineOp({
    name,
    formula: `y = the first index of the ${fn === 'max' ? 'largest' : 'smallest'} element (int32)`,
    args: (x: TensorLike, axis?: number | null, options?: boolean | ReduceOptions) => {
      const { keepdim = false } = readOptions<ReduceOptions>(name, [options], {
        keepdim: kinds.flag,
      })
      const t = operand(name, x)
      const flat = axis === undefined || axis === null
      const a = flat ? 0 : normAxis(name, axis, t.rank)
      requireElements(name, t.shape, flat ? [] : [a])
      return { inputs: [t], attrs: { axis: a, flat, keepdim } }
    },
    forward: ([x], { axis, flat, keepdim }) => {
      const t = flat || x!.rank === 0 ? prim({ op: 'reshape', shape: [x!.size] }, [x!]) : x!
      const y = prim({ op: 'argreduce', fn, axis }, [t])
      const shape = flat
        ? x!.shape.map(() => 1).filter(() => keepdim)
        : reducedShape(x!.shape, [axis], keepdim)
      return prim({ op: 'reshape', shape }, [y])
    },
    differentiable: false,
    example: (m) => [
      [
        m.of([
          [1, 4],
          [3, 2],
        ]),
        1,
      ],
      spec.example,
    ],
    samples: (m) => [
      [m.float([2, 3])],
      [m.float([2, 3]), 0, { keepdim: true }],
      [m.float([2, 3, 4]), -2],
      [m.float([])],
      [m.of([1, Number.NaN, 3])],
      [m.int([5], 0, 3)],
    ],
  })
}
/** The index of the largest element along the axis, or of all. @example argmax(tensor([[1, 4], [3, 2]]), 1) // [1, 0] */
export const argmax = argExtreme({ name: 'argmax', lower: 'max', example: [1, 0] })
/** The index of the smallest element along the axis, or of all. @example argmin(tensor([[1, 4], [3, 2]]), 1) // [0, 1] */
export const argmin = argExtreme({ name: 'argmin', lower: 'min', example: [0, 1] })

function extremeAlong({ name, lower: fn, ...spec }: ReduceSpec<'max' | 'min'>) {
  return defineOp({
    name,
    formula: `values and first indices of the ${fn} along one axis; the gradient goes to that index`,
    args: (x: TensorLike, axis: number, options?: boolean | ReduceOptions) => {
      const { keepdim = false } = readOptions<ReduceOptions>(name, [options], {
        keepdim: kinds.flag,
      })
      const t = operand(name, x)
      const a = normAxis(name, axis, t.rank)
      requireElements(name, t.shape, t.rank === 0 ? [] : [a])
      return { inputs: [t], attrs: { axis: a, keepdim, from: t.shape } }
    },
    forward: ([x], { axis, keepdim, from }) => {
      if (x!.rank === 0) return [map('copy', x!), argmax(x!)]
      const shape = reducedShape(from, [axis], keepdim)
      const index = prim({ op: 'argreduce', fn, axis }, [x!])
      return [reduceTo(fn, x!, [axis], keepdim), prim({ op: 'reshape', shape }, [index])]
    },
    vjp: ([ct], [x], [, index], { axis, from }) => {
      if (!ct) return [null]
      if (from.length === 0) return [ct]
      const hit = eq(coordinates(x!, axis), unreduce(index!, [axis], from))
      return [where(hit, unreduce(ct, [axis], from), 0)]
    },
    example: (m) => [
      [
        m.of([
          [1, 4],
          [3, 2],
        ]),
        1,
      ],
      [spec.example, fn === 'max' ? [1, 0] : [0, 1]],
    ],
    samples: (m) => [
      [m.float([2, 3]), 0],
      [m.float([2, 3, 4]), -1, { keepdim: true }],
      [m.float([]), 0],
      [m.int([2, 3], 0, 9), 1],
    ],
  })
}
const maxAlong = extremeAlong({ name: 'maxAlong', lower: 'max', example: [4, 3] })
const minAlong = extremeAlong({ name: 'minAlong', lower: 'min', example: [1, 2] })

/** The largest of all elements; with an axis, the largest along it and their first indices, [values, indices]. */
export function max(x: Tensor): Tensor
export function max(
  x: Tensor,
  axis: number,
  options?: ReduceOptions,
): [values: Tensor, indices: Tensor]
export function max(x: Tensor, axis?: number, options?: boolean | ReduceOptions) {
  return axis === undefined ? maxOfAll(x) : maxAlong(x, axis, options)
}
/** The smallest of all elements; with an axis, the smallest along it and their first indices, [values, indices]. */
export function min(x: Tensor): Tensor
export function min(
  x: Tensor,
  axis: number,
  options?: ReduceOptions,
): [values: Tensor, indices: Tensor]
export function min(x: Tensor, axis?: number, options?: boolean | ReduceOptions) {
  return axis === undefined ? minOfAll(x) : minAlong(x, axis, options)
}

function quantifier({ name, lower: fn, ...spec }: ReduceSpec<'min' | 'max'>) {
  return defineOp({
    name,
    formula: name === 'all' ? 'y = ∧ (x ≠ 0)' : 'y = ∨ (x ≠ 0)',
    args: (x: TensorLike, axes?: Axes, options?: boolean | ReduceOptions) => {
      const { keepdim = false } = readOptions<ReduceOptions>(name, [options], {
        keepdim: kinds.flag,
      })
      const t = toType(operand(name, x), 'bool')
      return { inputs: [t], attrs: { axes: reducedAxes(name, axes, t.rank), keepdim } }
    },
    forward: ([x], { axes, keepdim }) => reduceTo(fn, x!, axes, keepdim),
    differentiable: false,
    example: (m) => [
      [
        m.of([
          [1, 0],
          [1, 1],
        ]),
        1,
      ],
      spec.example,
    ],
    samples: (m) => [
      [m.bool([2, 3])],
      [m.float([2, 3]), 0],
      [m.bool([0])],
      [m.bool([2, 0]), 1, { keepdim: true }],
      [m.bool([])],
    ],
  })
}
/** Are all elements true (not 0)? @example all(tensor([[1, 0], [1, 1]]), 1) // [false, true] */
export const all = quantifier({ name: 'all', lower: 'min', example: [false, true] })
/** Is any element true (not 0)? @example any(tensor([[0, 0], [1, 0]]), 1) // [false, true] */
export const any = quantifier({ name: 'any', lower: 'max', example: [true, true] })

/** How many elements are not 0 (int32). @example countNonzero(tensor([0, 3, 0])) // 1 */
export const countNonzero = defineOp({
  name: 'countNonzero',
  formula: 'y = Σ [x ≠ 0]',
  args: (x: TensorLike, axes?: Axes) => {
    const t = operand('countNonzero', x)
    return { inputs: [t], attrs: { axes: reducedAxes('countNonzero', axes, t.rank) } }
  },
  forward: ([x], { axes }) => sum(toType(ne(x!, 0), 'int32'), axes),
  differentiable: false,
  example: (m) => [[m.of([0, 3, 0])], 1],
  samples: (m) => [[m.int([2, 3], 0, 2), 1], [m.float([3])], [m.bool([0])]],
})

/**
 * log Σ eˣ over the axes, without overflow.
 * @example logsumexp(tensor([0, 0])) // 0.6931472
 */
export const logsumexp = defineOp({
  name: 'logsumexp',
  formula: 'y = log Σ eˣ,  dy/dx = eˣ⁻ʸ',
  args: (x: TensorLike, axes?: Axes, options?: boolean | ReduceOptions) => {
    const { keepdim = false } = readOptions<ReduceOptions>('logsumexp', [options], {
      keepdim: kinds.flag,
    })
    const t = operand('logsumexp', x, true)
    return {
      inputs: [t],
      attrs: { axes: reducedAxes('logsumexp', axes, t.rank), keepdim, from: t.shape },
    }
  },
  forward: ([x], { axes, keepdim, from }) => {
    const m = reduceTo('max', x!, axes)
    const shift = where(isfinite(m), m, 0)
    const y = map('add', log(sum(exp(sub(x!, shift)), axes, { keepdim: true })), shift)
    return keepdim ? y : reshape(y, reducedShape(from, axes, false))
  },
  vjp: (ct, [x], y, { axes, from }): Grads => [
    mul(unreduce(ct, axes, from), exp(sub(x!, unreduce(y, axes, from)))),
  ],
  example: (m) => [[m.of([0, 0])], 0.6931471805599453],
  samples: (m) => [
    [m.float([2, 3])],
    [m.float([2, 3, 4]), [0, 2]],
    [m.float([2, 3]), 1, { keepdim: true }],
    [m.of([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY])],
    [m.of([1000, 1000])],
    [m.float([])],
    [m.float([0])],
  ],
})
