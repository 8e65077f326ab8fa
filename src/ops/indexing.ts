/** Reading and writing at indices that are data. Indices are whole numbers of any integer type; a wrong one fails the run with an IndexError. */
import { rare } from '../backends/prims.js'
import { indexingPrims } from '../backends/prims/indexing.js'
import { expand, reshape, zerosOf } from './broadcast.js'
import { type AlphaOptions, add, div, mul, where } from './arithmetic.js'
import { DTypeError, ShapeError, ValueError } from '../core/errors.js'
import { kinds, oneOf, readOptions } from '../core/options.js'
import { broadcastShapes, normAxis, type Shape, sameShape, show } from '../core/shape.js'
import { eq, ne } from './compare.js'
import { defineOp, type Grads, operand, operands, type TensorLike, toType } from './define.js'
import { asIndices } from './indices.js'
import { flatten } from './movement.js'
import type { Tensor } from './tensor.js'
import { constant, prim } from './trace.js'

type Mode = 'set' | 'add' | 'mul' | 'max' | 'min'

/** Counts negative indices from the end. */
function wrap(index: Tensor, extent: number): Tensor {
  return where(ltZero(index), add(index, extent), index)
}
const ltZero = (t: Tensor) => prim({ op: 'map', fn: 'lt' }, [t, constant(0, 'int32')])

/** Raw slices along an axis by an index vector, and its adjoint; indexSelect and indexAdd in public. */
export const indexSelect = defineOp({
  name: 'indexSelect',
  formula: 'y[.., i, ..] = x[.., index[i], ..]; the gradient adds up where an index repeats',
  args: (x: TensorLike, axis: number, places: Tensor) => {
    const t = operand('indexSelect', x)
    const index = asIndices('indexSelect', places)
    if (index.rank > 1 || (t.rank === 0 && index.size !== 1))
      throw new ShapeError({
        op: 'indexSelect',
        rule: 'index must be a vector, of one place for a scalar',
        got: `${show(t.shape)} and ${show(index.shape)}`,
      })
    return {
      inputs: [t, index],
      attrs: { axis: normAxis('indexSelect', axis, t.rank), from: t.shape },
    }
  },
  forward: ([x, index], { axis, from }) => {
    const places = prim({ op: 'reshape', shape: [index!.size] }, [index!])
    if (from.length > 0) return prim(rare(indexingPrims, { op: 'take', axis }), [x!, places])
    const vector = prim({ op: 'reshape', shape: [1] }, [x!])
    return prim({ op: 'reshape', shape: [] }, [
      prim(rare(indexingPrims, { op: 'take', axis }), [vector, places]),
    ])
  },
  halves: 'forward',
  vjp: (ct, [x, index], _y, { axis }) => [indexAdd(zerosOf(x!), axis, index!, ct), null],
  example: (m) => [
    [
      m.of([
        [1, 2],
        [3, 4],
      ]),
      0,
      m.of([1, 1], 'int32'),
    ],
    [
      [3, 4],
      [3, 4],
    ],
  ],
  samples: (m) => [
    [m.float([4, 3]), 0, m.int([5], 0, 4)],
    [m.float([2, 3, 2]), 1, m.int([2], 0, 3)],
    [m.float([3]), 0, m.int([0], 0, 1)],
    [m.int([4], 0, 9), -1, m.int([2], 0, 4)],
  ],
})

function put(
  name: string,
  mode: Mode,
  formula: string,
  result: number[],
  grads: (ct: Tensor, axis: number, index: Tensor) => [Tensor, Tensor],
) {
  return defineOp({
    name,
    formula,
    args: (
      x: TensorLike,
      axis: number,
      places: Tensor,
      source: TensorLike,
      options?: AlphaOptions,
    ) => {
      const named = mode === 'add' ? { alpha: kinds.number } : undefined
      const { alpha = 1 } = readOptions<AlphaOptions>(name, [options], {}, named)
      const [t, src] = operands(name, [x, alpha === 1 ? source : mul(source, alpha)])
      const index = asIndices(name, places)
      const a = normAxis(name, axis, t!.rank)
      const expected = t!.shape.map((n, i) => (i === a ? index.size : n))
      if (index.rank > 1 || (t!.rank === 0 && index.size !== 1))
        throw new ShapeError({
          op: name,
          rule: 'index must be a vector, of one place for a scalar',
          got: `${show(t!.shape)} and ${show(index.shape)}`,
        })
      if (!sameShape(src!.shape, expected) && !(t!.rank === 0 && src!.size === 1))
        throw new ShapeError({
          op: name,
          rule: `source must be ${show(expected)}`,
          got: show(src!.shape),
        })
      return { inputs: [t!, index, src!], attrs: { axis: a } }
    },
    forward: ([x, index, src], { axis }) => {
      const places = prim({ op: 'reshape', shape: [index!.size] }, [index!])
      if (x!.rank > 0)
        return prim(rare(indexingPrims, { op: 'put', axis, mode }), [x!, places, src!])
      const vector = (t: Tensor) => prim({ op: 'reshape', shape: [1] }, [t])
      const y = prim(rare(indexingPrims, { op: 'put', axis, mode }), [
        vector(x!),
        places,
        vector(src!),
      ])
      return prim({ op: 'reshape', shape: [] }, [y])
    },
    vjp: (ct, [, index, src], _y, { axis }): Grads => {
      const [gx, gs] = grads(ct, axis, index!)
      return [gx, null, reshape(gs, src!.shape)]
    },
    example: (m) => [[m.of([1, 2, 3]), 0, m.of([0, 2], 'int32'), m.of([10, 20])], result],
    samples: (m) => [
      [m.float([4, 3]), 0, m.of([2, 0], 'int32'), m.float([2, 3])],
      [m.float([2, 5]), 1, m.of([4, 1, 0], 'int32'), m.float([2, 3])],
      [m.float([3]), 0, m.int([0], 0, 1), m.float([0])],
      [m.int([3], 0, 9), 0, m.of([1], 'int32'), m.int([1], 0, 9)],
    ],
  })
}
/** x with the slices of `source` (times alpha) added at the indices. @example indexAdd(tensor([1, 2, 3]), 0, tensor([0, 2], { dtype: 'int32' }), tensor([10, 20])) // [11, 2, 23] */
export const indexAdd = put(
  'indexAdd',
  'add',
  'y[index[i]] += source[i]',
  [11, 2, 23],
  (ct, axis, index) => [ct, indexSelect(ct, axis, index)],
)
/** x with the slices of `source` at the indices. @example indexCopy(tensor([1, 2, 3]), 0, tensor([0, 2], { dtype: 'int32' }), tensor([10, 20])) // [10, 2, 20] */
export const indexCopy = put(
  'indexCopy',
  'set',
  'y[index[i]] = source[i]',
  [10, 2, 20],
  (ct, axis, index) => {
    const picked = indexSelect(ct, axis, index)
    return [indexCopy(ct, axis, index, zerosOf(picked)), picked]
  },
)

/** @throws ShapeError unless the index fits: same rank, no longer than x off the axis */
function checkGather(op: string, x: Tensor, axis: number, index: Tensor, source?: Tensor): number {
  const a = normAxis(op, axis, x.rank)
  // A scalar counts as a vector of one place.
  if (x.rank === 0 && index.rank <= 1 && index.size === 1) return a
  if (index.rank !== x.rank || index.shape.some((n, i) => i !== a && n > x.shape[i]!))
    throw new ShapeError({
      op,
      rule: `index must have ${x.rank} axes and, but for axis ${a}, extents no larger than ${show(x.shape)}`,
      got: show(index.shape),
    })
  if (source && (source.rank !== index.rank || index.shape.some((n, i) => n > source.shape[i]!)))
    throw new ShapeError({
      op,
      rule: `source must cover the index ${show(index.shape)}`,
      got: show(source.shape),
    })
  return a
}

/** The first places of a source that an index covers. */
function covered(source: Tensor, shape: Shape): Tensor {
  if (sameShape(source.shape, shape)) return source
  return prim(
    {
      op: 'view',
      view: { shape, offset: shape.map(() => 0), axes: shape.map((_, a) => [[a, 1]]) },
    },
    [source],
  )
}

/** Picks along one axis, an index for each output element. @example gather(tensor([[1, 2], [3, 4]]), 1, tensor([[1], [0]], { dtype: 'int32' })) // [[2], [3]] */
export const gather = defineOp({
  name: 'gather',
  formula: 'y[i][j] = x[i][index[i][j]] (axis 1)',
  source: 'https://pytorch.org/docs/stable/generated/torch.gather.html',
  args: (x: TensorLike, axis: number, places: Tensor) => {
    const t = operand('gather', x)
    const index = asIndices('gather', places)
    return { inputs: [t, index], attrs: { axis: checkGather('gather', t, axis, index) } }
  },
  forward: ([x, index], { axis }) => {
    if (x!.rank > 0) return prim(rare(indexingPrims, { op: 'gather', axis }), [x!, index!])
    const parts = [x!, index!].map((t) => prim({ op: 'reshape', shape: [1] }, [t]))
    const y = prim(rare(indexingPrims, { op: 'gather', axis }), parts)
    return prim({ op: 'reshape', shape: index!.shape }, [y])
  },
  halves: 'forward',
  vjp: (ct, [x, index], _y, { axis }) => [
    x!.rank === 0 ? reshape(ct, []) : scatterAdd(zerosOf(x!), axis, index!, ct),
    null,
  ],
  example: (m) => [
    [
      m.of([
        [1, 2],
        [3, 4],
      ]),
      1,
      m.of([[1], [0]], 'int32'),
    ],
    [[2], [3]],
  ],
  samples: (m) => [
    [m.float([3, 4]), 1, m.int([3, 2], 0, 4)],
    [m.float([3, 4]), 0, m.int([5, 2], 0, 3)],
    [m.float([2, 3, 2]), -1, m.int([1, 3, 4], 0, 2)],
    [m.float([3]), 0, m.int([0], 0, 1)],
  ],
})
/** As gather, with x and index broadcast against each other off the axis. @example takeAlongDim(tensor([[1, 5, 2]]), tensor([[1]], { dtype: 'int32' }), 1) // [[5]] */
export function takeAlongDim(x: Tensor, index: Tensor, axis?: number): Tensor {
  if (axis === undefined) return gather(flatten(x), 0, flatten(index))
  const a = normAxis('takeAlongDim', axis, x.rank)
  const one = (shape: Shape) => shape.map((n, i) => (i === a ? 1 : n))
  const common = broadcastShapes('takeAlongDim', one(x.shape), one(index.shape))
  const to = (t: Tensor) =>
    expand(
      t,
      common.map((n, i) => (i === a ? t.shape[i]! : n)),
    )
  return gather(to(x), a, to(index))
}
/** Elements of the flat tensor at the indices; negative ones count from the end. @example take(tensor([[1, 2], [3, 4]]), tensor([3, 0], { dtype: 'int32' })) // [4, 1] */
export function take(x: Tensor, index: Tensor): Tensor {
  const places = wrapIndex(asIndices('take', index), x.size)
  return reshape(indexSelect(flatten(x), 0, flatten(places)), index.shape)
}
/** Negative indices counted from the end. @throws IndexError outside of the axis */
export const wrapIndex = defineOp({
  name: 'wrapIndex',
  formula: 'y = i < 0 ? i + n : i',
  args: (index: Tensor, extent: number) => ({
    inputs: [asIndices('wrapIndex', index)],
    attrs: { extent },
  }),
  forward: ([index], { extent }) =>
    prim({ op: 'check', lo: 0, hi: extent, what: 'an index' }, [wrap(index!, extent)]),
  differentiable: false,
  example: (m) => [
    [m.of([-1, 0], 'int32'), 3],
    [2, 0],
  ],
  samples: (m) => [
    [m.int([3], -3, 3), 3],
    [m.int([0], 0, 1), 5],
  ],
})

function scatterOp(name: string, mode: Mode, formula: string, result: number[]) {
  return defineOp({
    name,
    formula,
    source: 'https://pytorch.org/docs/stable/generated/torch.Tensor.scatter_.html',
    args: (x: TensorLike, axis: number, places: Tensor, source: TensorLike) => {
      const [t, src] = operands(name, [x, source])
      const index = asIndices(name, places)
      const full = src!.rank === 0 && index.rank > 0 ? expand(src!, index.shape) : src!
      return {
        inputs: [t!, index, full],
        attrs: { axis: checkGather(name, t!, axis, index, full) },
      }
    },
    forward: ([x, index, src], { axis }) => {
      const parts = [x!, index!, covered(src!, index!.shape)]
      if (x!.rank > 0) return prim(rare(indexingPrims, { op: 'scatter', axis, mode }), parts)
      const one = parts.map((t) => prim({ op: 'reshape', shape: [1] }, [t]))
      return prim({ op: 'reshape', shape: [] }, [
        prim(rare(indexingPrims, { op: 'scatter', axis: 0, mode }), one),
      ])
    },
    vjp: (ct, [x, index, src], y, { axis }): Grads => {
      const back = (t: Tensor) => {
        const widths = src!.shape.map((n, i) => [0, n - index!.shape[i]!] as [number, number])
        return widths.some(([, w]) => w > 0) ? padEnd(t, src!.shape) : t
      }
      const picked = () => gather(ct, axis, index!)
      if (mode === 'add') return [ct, null, back(picked())]
      if (mode === 'set') return [scatter(ct, axis, index!, 0), null, back(picked())]
      if (mode === 'mul') {
        // The product of the other factors: of those that are not 0, unless another one is 0.
        const own = sourceOf(src!, index!)
        const zero = (t: Tensor) => toType(eq(t, 0), x!.dtype)
        const filled = (t: Tensor) => where(eq(t, 0), 1, t)
        const product = mul(ct, scatterMul(filled(x!), axis, index!, filled(own)))
        const zeros = scatterAdd(zero(x!), axis, index!, zero(own))
        const others = (t: Tensor, p: Tensor, n: Tensor) =>
          where(eq(n, zero(t)), div(p, filled(t)), 0)
        return [
          others(x!, product, zeros),
          null,
          back(others(own, gather(product, axis, index!), gather(zeros, axis, index!))),
        ]
      }
      // max, min: those that equal the result share it.
      const won = toType(eq(x!, y), x!.dtype)
      const srcWon = toType(eq(sourceOf(src!, index!), gather(y, axis, index!)), x!.dtype)
      const count = scatterAdd(won, axis, index!, srcWon)
      const share = div(ct, count)
      return [mul(won, share), null, back(mul(srcWon, gather(share, axis, index!)))]
    },
    example: (m) => [[m.of([1, 2, 3]), 0, m.of([0, 2], 'int32'), m.of([10, 20])], result],
    samples: (m) => [
      [
        m.float([3, 4], 0.5, 2),
        0,
        m.of(
          [
            [2, 0],
            [1, 1],
          ],
          'int32',
        ),
        m.float([2, 2], 0.5, 2),
      ],
      [
        m.float([3, 4], 0.5, 2),
        1,
        m.of(
          [
            [3, 0],
            [1, 2],
          ],
          'int32',
        ),
        m.float([3, 2], 0.5, 2),
      ],
      [m.float([3], 0.5, 2), 0, m.int([0], 0, 1), m.float([0])],
      [m.float([4], 0.5, 2), 0, m.of([1, 3], 'int32'), 2],
    ],
  })
}
const sourceOf = (src: Tensor, index: Tensor) =>
  sameShape(src.shape, index.shape) ? src : firstPlaces(src, index.shape)

/** The first places along every axis. */
const firstPlaces = defineOp({
  name: 'firstPlaces',
  formula: 'y[i] = x[i] for i below the shape',
  args: (x: Tensor, shape: Shape) => ({ inputs: [x], attrs: { shape, from: x.shape } }),
  forward: ([x], { shape }) => covered(x!, shape),
  vjp: (ct, _inputs, _y, { from }) => [padEnd(ct, from)],
  example: (m) => [
    [m.of([1, 2, 3]), [2]],
    [1, 2],
  ],
  samples: (m) => [[m.float([3, 4]), [2, 3]]],
})
/** Zeros behind, up to the shape. */
const padEnd = defineOp({
  name: 'padEnd',
  formula: 'y[i] = x[i] where x has it, else 0',
  args: (x: Tensor, shape: Shape) => ({ inputs: [x], attrs: { shape, from: x.shape } }),
  forward: ([x], { shape, from }) =>
    prim(
      {
        op: 'place',
        shape,
        view: { shape: from, offset: from.map(() => 0), axes: from.map((_, a) => [[a, 1]]) },
        fill: 0,
        accumulate: false,
      },
      [x!],
    ),
  vjp: (ct, _inputs, _y, { from }): Grads => [firstPlaces(ct, from)],
  example: (m) => [
    [m.of([1, 2]), [3]],
    [1, 2, 0],
  ],
  samples: (m) => [[m.float([2, 3]), [3, 4]]],
})

const scatterSet = scatterOp(
  'scatter',
  'set',
  'y[index[i][j]][j] = source[i][j] (axis 0)',
  [10, 2, 20],
)
/**
 * x with source values (a tensor or a number) set at the indices along the axis; reduce 'add' or 'multiply' combines
 * them with what is there.
 * @throws ValueError for another `reduce`
 * @example scatter(tensor([1, 2, 3]), 0, tensor([0, 2], { dtype: 'int32' }), tensor([10, 20])) // [10, 2, 20]
 */
export function scatter(
  x: TensorLike,
  axis: number,
  index: Tensor,
  source: TensorLike,
  options?: { reduce?: 'add' | 'multiply' },
): Tensor {
  const { reduce } = readOptions<{ reduce?: 'add' | 'multiply' }>(
    'scatter',
    [options],
    {},
    { reduce: oneOf('add', 'multiply') },
  )
  if (reduce === undefined) return scatterSet(x, axis, index, source)
  if (reduce === 'add') return scatterAdd(x, axis, index, source)
  return scatterMul(x, axis, index, source)
}
/** x with source values added at the indices along the axis. @example scatterAdd(tensor([1, 2, 3]), 0, tensor([0, 2], { dtype: 'int32' }), tensor([10, 20])) // [11, 2, 23] */
export const scatterAdd = scatterOp(
  'scatterAdd',
  'add',
  'y[index[i][j]][j] += source[i][j] (axis 0)',
  [11, 2, 23],
)
const scatterMul = scatterOp(
  'scatterMul',
  'mul',
  'y[index[i][j]][j] *= source[i][j] (axis 0)',
  [10, 2, 60],
)
const scatterMax = scatterOp(
  'scatterMax',
  'max',
  'y[index[i][j]][j] = max(y, source[i][j]) (axis 0)',
  [10, 2, 20],
)
const scatterMin = scatterOp(
  'scatterMin',
  'min',
  'y[index[i][j]][j] = min(y, source[i][j]) (axis 0)',
  [1, 2, 3],
)

/**
 * x combined with source values at the indices: sum, prod, mean, amax or amin. Without `includeSelf` the places
 * that are hit start anew.
 * @example scatterReduce(tensor([1, 2, 3]), 0, tensor([0, 0], { dtype: 'int32' }), tensor([10, 20]), 'mean') // [10.333333, 2, 3]
 */
export function scatterReduce(
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  reduce: 'sum' | 'prod' | 'mean' | 'amax' | 'amin',
  options?: { includeSelf?: boolean },
): Tensor {
  const { includeSelf = true } = readOptions<{ includeSelf?: boolean }>(
    'scatterReduce',
    [options],
    {},
    { includeSelf: kinds.flag },
  )
  const neutral = {
    sum: 0,
    mean: 0,
    prod: 1,
    amax: Number.NEGATIVE_INFINITY,
    amin: Number.POSITIVE_INFINITY,
  }
  if (!(reduce in neutral))
    throw new ValueError({
      op: 'scatterReduce',
      rule: 'reduce is sum, prod, mean, amax or amin',
      got: `${reduce}`,
    })
  const base = includeSelf ? x : scatter(x, axis, index, neutral[reduce])
  if (reduce === 'prod') return scatterMul(base, axis, index, source)
  if (reduce === 'amax') return scatterMax(base, axis, index, source)
  if (reduce === 'amin') return scatterMin(base, axis, index, source)
  const total = scatterAdd(base, axis, index, source)
  if (reduce === 'sum') return total
  const zero = mul(toType(ne(x, x), 'float32'), 0)
  const hits = scatterAdd(zero, axis, index, 1)
  const count = includeSelf ? add(hits, 1) : where(eq(hits, 0), 1, hits)
  return div(total, count)
}

/** x with `value` where the mask (bool) holds. @example maskedFill(tensor([1, 2]), tensor([true, false]), 0) // [0, 2] */
export function maskedFill(x: Tensor, mask: Tensor, value: TensorLike): Tensor {
  if (mask.dtype !== 'bool')
    throw new DTypeError({ op: 'maskedFill', rule: 'the mask must be bool', got: mask.dtype })
  return where(mask, value, x)
}

/**
 * One-hot rows: 1 at the index, 0 elsewhere (int32). Without a number of classes there are as many as the largest index
 * asks for, which is read: while compiling it must be given.
 * @throws IndexError for a label outside [0, classes)
 * @example oneHot(tensor([2, 0], { dtype: 'int32' }), 3) // [[0, 0, 1], [1, 0, 0]]
 */
export const oneHot = defineOp({
  name: 'oneHot',
  formula: 'y[.., c] = [index = c]',
  args: (labels: Tensor, numClasses: number = -1) => {
    const index = asIndices('oneHot', labels)
    const classes = numClasses === -1 ? Math.max(...index.toTypedArray(), -1) + 1 : numClasses
    if (!(Number.isInteger(classes) && classes > 0))
      throw new ValueError({
        op: 'oneHot',
        rule: 'the number of classes must be a whole number above 0',
        got: `${classes}`,
      })
    return { inputs: [index], attrs: { classes } }
  },
  forward: ([index], { classes }) => {
    const checked = prim({ op: 'check', lo: 0, hi: classes, what: 'a class' }, [index!])
    const column = prim({ op: 'reshape', shape: [...index!.shape, 1] }, [checked])
    const shape = [...index!.shape, classes]
    const places = prim({ op: 'iota', shape, axis: shape.length - 1 })
    return toType(eq(column, places), 'int32')
  },
  differentiable: false,
  example: (m) => [
    [m.of([2, 0], 'int32'), 3],
    [
      [0, 0, 1],
      [1, 0, 0],
    ],
  ],
  samples: (m) => [
    [m.int([2, 3], 0, 4), 4],
    [m.int([], 0, 2), 2],
    [m.int([0], 0, 2), 2],
  ],
})
