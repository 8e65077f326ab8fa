/** Linear algebra: matrix products and what is made of them. */
import { besideProduct } from './beside.js'
import { requireOperands } from './arguments.js'
import { isFloat } from '../core/dtype.js'
import { coordinates, zerosOf } from './broadcast.js'
import { expand, permute, reshape, sum, swap } from './broadcast.js'
import { add, mul, sub, where } from './arithmetic.js'
import { ShapeError, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { broadcastShapes, normAxis, type Shape, sameShape, show, sizeOf } from '../core/shape.js'
import { ge, le } from './compare.js'
import { defineOp, type Grads, operands, type TensorLike } from './define.js'
import { concat } from './join.js'
import { unsqueeze } from './movement.js'
import { diagonal, narrow } from './slice.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'

/** Stacks of matrices, batch axes equal; the form that the primitive takes. */
const bmm = defineOp({
  name: 'bmm',
  formula: 'Y = A B,  dA = dY Bᵀ,  dB = Aᵀ dY',
  args: (a: TensorLike, b: TensorLike) => ({
    inputs: operands('bmm', [a, b], { float: true }),
    attrs: {},
  }),
  forward: ([a, b]) => prim({ op: 'matmul' }, [a!, b!]),
  halves: true,
  vjp: (ct, [a, b]): Grads => [bmm(ct, swap(b!)), bmm(swap(a!), ct)],
  example: (m) => [
    [
      m.of([
        [1, 2],
        [3, 4],
      ]),
      m.of([[5], [6]]),
    ],
    [[17], [39]],
  ],
  samples: (m) => [
    [m.float([3, 4]), m.float([4, 2])],
    [m.float([2, 3, 4]), m.float([2, 4, 2])],
    [m.float([2, 0]), m.float([0, 3])],
    [m.float([0, 2]), m.float([2, 3])],
  ],
})

/**
 * Matrix product over the last two axes; batch axes broadcast; a vector counts as a row on the left and a column on
 * the right, and its axis goes. Of whole numbers it is whole and exact.
 * @throws ShapeError when the inner extents differ
 * @example matmul(tensor([[1, 2], [3, 4]]), tensor([5, 6])) // [17, 39]
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (a.rank === 0 || b.rank === 0)
    throw new ShapeError({
      op: 'matmul',
      rule: 'both must have an axis',
      got: `${show(a.shape)} and ${show(b.shape)}`,
      fix: 'mul() multiplies by a scalar.',
    })
  const inner = b.rank === 1 ? b.shape[0] : b.shape[b.rank - 2]
  if (a.shape[a.rank - 1] !== inner)
    throw new ShapeError({
      op: 'matmul',
      rule: `the last axis of a (${a.shape[a.rank - 1]}) must equal ${b.rank === 1 ? 'the axis' : 'the last but one axis'} of b (${inner})`,
      got: `${show(a.shape)} and ${show(b.shape)}`,
      ...(b.rank > 1 &&
        b.shape[b.rank - 1] === a.shape[a.rank - 1] && {
          fix: 'Transpose b: b.transpose(-1, -2).',
        }),
    })
  const x = a.rank === 1 ? reshape(a, [1, a.shape[0]!]) : a
  const y = b.rank === 1 ? reshape(b, [b.shape[0]!, 1]) : b
  let product: Tensor
  if (!isFloat(a.dtype) && !isFloat(b.dtype))
    // Whole numbers stay whole and exact.
    product = sum(mul(unsqueeze(x, -1), unsqueeze(y, -3)), -2)
  else if (y.rank === 2 && x.rank > 2) {
    // One tall product instead of many small ones.
    const rows = sizeOf(x.shape.slice(0, -1))
    product = reshape(bmm(reshape(x, [rows, x.shape[x.rank - 1]!]), y), [
      ...x.shape.slice(0, -1),
      y.shape[1]!,
    ])
  } else {
    const batch = broadcastShapes('matmul', x.shape.slice(0, -2), y.shape.slice(0, -2))
    const spread = (t: Tensor) => {
      const shape = [...batch, ...t.shape.slice(-2)]
      return sameShape(shape, t.shape) ? t : expand(t, shape)
    }
    product = bmm(spread(x), spread(y))
  }
  if (a.rank > 1 && b.rank > 1) return product
  const shape = product.shape.filter(
    (_, i) =>
      !(a.rank === 1 && i === product.rank - 2) && !(b.rank === 1 && i === product.rank - 1),
  )
  return reshape(product, shape)
}

/** The sum of products of two vectors. @example dot(tensor([1, 2]), tensor([3, 4])) // 11 */
export function dot(a: Tensor, b: Tensor): Tensor {
  requireOperands('dot', a, b)
  if (a.rank !== 1 || b.rank !== 1 || a.size !== b.size)
    throw new ShapeError({
      op: 'dot',
      rule: 'two vectors of one length are needed',
      got: `${show(a.shape)} and ${show(b.shape)}`,
    })
  return matmul(a, b)
}

/** All products of two vectors. @example outer(tensor([1, 2]), tensor([3, 4])) // [[3, 4], [6, 8]] */
export function outer(a: Tensor, b: Tensor): Tensor {
  requireOperands('outer', a, b)
  if (a.rank !== 1 || b.rank !== 1)
    throw new ShapeError({
      op: 'outer',
      rule: 'two vectors are needed',
      got: `${show(a.shape)} and ${show(b.shape)}`,
    })
  return mul(unsqueeze(a, 1), unsqueeze(b, 0))
}

export interface ScaleOptions {
  beta?: number
  alpha?: number
}
/** beta · c + alpha · a b. @example addmm(tensor([[1]]), tensor([[2]]), tensor([[3]])) // [[7]] */
export function addmm(c: Tensor, a: Tensor, b: Tensor, options?: ScaleOptions): Tensor {
  const { beta = 1, alpha = 1 } = readOptions<ScaleOptions>(
    'addmm',
    [options],
    {},
    { beta: kinds.number, alpha: kinds.number },
  )
  if (a.rank !== 2 || b.rank !== 2)
    throw new ShapeError({
      op: 'addmm',
      rule: 'a and b must be matrices',
      got: `${show(a.shape)} and ${show(b.shape)}`,
    })
  return scaledSum(c, matmul(a, b), beta, alpha)
}
/** beta · c + alpha · a b for stacks of matrices. @example baddbmm(zeros([1, 1, 1]), ones([1, 1, 2]), ones([1, 2, 1])) // [[[2]]] */
export function baddbmm(c: Tensor, a: Tensor, b: Tensor, options?: ScaleOptions): Tensor {
  const { beta = 1, alpha = 1 } = readOptions<ScaleOptions>(
    'baddbmm',
    [options],
    {},
    { beta: kinds.number, alpha: kinds.number },
  )
  if (a.rank !== 3 || b.rank !== 3)
    throw new ShapeError({
      op: 'baddbmm',
      rule: 'a and b must be stacks of matrices',
      got: `${show(a.shape)} and ${show(b.shape)}`,
    })
  return scaledSum(c, matmul(a, b), beta, alpha)
}
function scaledSum(given: Tensor, product: Tensor, beta: number, alpha: number): Tensor {
  const c = besideProduct(given, product)
  const scaled = alpha === 1 ? product : mul(product, alpha)
  // beta = 0 ignores c, NaN included.
  return beta === 0 ? scaled : add(beta === 1 ? c : mul(c, beta), scaled)
}

/** Contracts the last `axes` axes of a with the first of b, or the axes listed. @example tensordot(tensor([1, 2]), tensor([3, 4]), 1) // 11 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  axes: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  const range = (n: number, from: number) => Array.from({ length: n }, (_, i) => from + i)
  const [la, lb] = typeof axes === 'number' ? [range(axes, a.rank - axes), range(axes, 0)] : axes
  const ca = la.map((x) => normAxis('tensordot', x, a.rank))
  const cb = lb.map((x) => normAxis('tensordot', x, b.rank))
  if (ca.length !== cb.length || ca.some((x, i) => a.shape[x] !== b.shape[cb[i]!]))
    throw new ShapeError({
      op: 'tensordot',
      rule: 'contracted axes must have equal extents',
      got: `${show(a.shape)} over ${show(ca)} and ${show(b.shape)} over ${show(cb)}`,
    })
  const ka = range(a.rank, 0).filter((x) => !ca.includes(x))
  const kb = range(b.rank, 0).filter((x) => !cb.includes(x))
  const n = sizeOf(ca.map((x) => a.shape[x]!))
  const left = reshape(permute(a, [...ka, ...ca]), [sizeOf(ka.map((x) => a.shape[x]!)), n])
  const right = reshape(permute(b, [...cb, ...kb]), [n, sizeOf(kb.map((x) => b.shape[x]!))])
  return reshape(matmul(left, right), [
    ...ka.map((x) => a.shape[x]!),
    ...kb.map((x) => b.shape[x]!),
  ])
}

/**
 * Einstein summation: letters name axes, those missing after -> are summed; `...` stands for batch axes. Without ->
 * the letters that occur once stay, in alphabetical order.
 * @throws ValueError for a malformed equation, ShapeError when a letter has two extents
 * @example einsum('ij,jk->ik', tensor([[1, 2]]), tensor([[3], [4]])) // [[11]]
 */
export function einsum(equation: string, ...operandsList: Tensor[]): Tensor {
  const bad = (rule: string, got = equation): never => {
    throw new ValueError({ op: 'einsum', rule, got })
  }
  const [left, right, more] = equation.replace(/\s/g, '').split('->')
  if (more !== undefined || left === undefined) bad('one -> at most')
  const terms = left!.split(',')
  if (terms.length !== operandsList.length)
    bad(`a term for each of the ${operandsList.length} tensors`)
  // Batch axes of `...` get names that letters cannot have.
  const ranks = terms.map((t, i) => {
    if (!/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(t)) bad('terms are letters, with at most one ...')
    return operandsList[i]!.rank - t.replace('...', '').length
  })
  const batch = Math.max(0, ...terms.map((t, i) => (t.includes('...') ? ranks[i]! : 0)))
  const dots = (n: number) => Array.from({ length: n }, (_, i) => `.${batch - n + i}`)
  const names = (t: string, n: number) => {
    const [a, b] = t.split('...')
    return b === undefined ? [...a!] : [...a!, ...dots(n), ...b]
  }
  const extent = new Map<string, number>()
  const labels = terms.map((t, i) => {
    const x = operandsList[i]!
    if (ranks[i]! < 0 || (ranks[i]! > 0 && !t.includes('...')))
      throw new ShapeError({
        op: 'einsum',
        rule: `term ${t} needs ${t.replace('...', '').length} axes`,
        got: show(x.shape),
      })
    const list = names(t, ranks[i]!)
    list.forEach((l, a) => {
      const n = x.shape[a]!
      const known = extent.get(l)
      if (known !== undefined && known !== n && known !== 1 && n !== 1)
        throw new ShapeError({
          op: 'einsum',
          rule: `axis ${l} has one extent`,
          got: `${known} and ${n}`,
        })
      extent.set(l, Math.max(known ?? 1, n === 0 ? 0 : n))
      if (n === 0) extent.set(l, 0)
    })
    return list
  })
  const all = labels.flat()
  const out =
    right === undefined
      ? [
          ...dots(batch),
          ...[...new Set(all)]
            .filter((l) => !l.startsWith('.') && all.indexOf(l) === all.lastIndexOf(l))
            .sort(),
        ]
      : names(right, batch)
  for (const l of out)
    if (!extent.has(l) || out.indexOf(l) !== out.lastIndexOf(l))
      bad('output letters occur in the input, once each')

  // One operand: repeated letters become diagonals, letters that nothing else needs are summed.
  const simplify = (x: Tensor, list: string[], needed: ReadonlySet<string>): [Tensor, string[]] => {
    let t = x
    let l = [...list]
    for (let i = 0; i < l.length; i++) {
      const j = l.indexOf(l[i]!, i + 1)
      if (j < 0) continue
      t = diagonal(t, 0, i, j)
      l = [...l.filter((_, a) => a !== i && a !== j), l[i]!]
      i = -1
    }
    const drop = l.map((_, a) => a).filter((a) => !needed.has(l[a]!))
    return drop.length > 0 ? [sum(t, drop), l.filter((n) => needed.has(n))] : [t, l]
  }
  let [value, have] = simplify(
    operandsList[0]!,
    labels[0]!,
    new Set([...labels.slice(1).flat(), ...out]),
  )
  for (let k = 1; k < terms.length; k++) {
    const later = new Set([...labels.slice(k + 1).flat(), ...out])
    const [other, own] = simplify(operandsList[k]!, labels[k]!, new Set([...have, ...later]))
    const shared = have.filter((l) => own.includes(l))
    const both = shared.filter((l) => later.has(l))
    const gone = shared.filter((l) => !later.has(l))
    const mine = have.filter((l) => !shared.includes(l))
    const theirs = own.filter((l) => !shared.includes(l))
    const size = (list: string[]) => list.map((l) => extent.get(l)!)
    // Axes of extent 1 stretch to what the letter has.
    const form = (t: Tensor, l: string[], order: string[], shape: Shape) =>
      reshape(
        expand(
          permute(
            t,
            order.map((n) => l.indexOf(n)),
          ),
          size(order),
        ),
        shape,
      )
    const batchShape = size(both)
    const g = sizeOf(size(gone))
    const product = matmul(
      form(value, have, [...both, ...mine, ...gone], [...batchShape, sizeOf(size(mine)), g]),
      form(other, own, [...both, ...gone, ...theirs], [...batchShape, g, sizeOf(size(theirs))]),
    )
    have = [...both, ...mine, ...theirs]
    value = reshape(product, size(have))
  }
  return permute(
    value,
    out.map((l) => have.indexOf(l)),
  )
}

/** The cross product along an axis of extent 3, the first such axis unless one is named. @example cross(tensor([1, 0, 0]), tensor([0, 1, 0])) // [0, 0, 1] */
export function cross(a: Tensor, b: Tensor, axis?: number): Tensor {
  const shape = broadcastShapes('cross', a.shape, b.shape)
  const d =
    axis === undefined ? Math.max(0, shape.indexOf(3)) : normAxis('cross', axis, shape.length)
  if (shape[d] !== 3)
    throw new ShapeError({ op: 'cross', rule: `axis ${d} must have extent 3`, got: show(shape) })
  const [x, y] = [expand(a, shape), expand(b, shape)]
  const at = (t: Tensor, i: number) => narrow(t, d, i % 3, 1)
  return concat(
    [0, 1, 2].map((i) => sub(mul(at(x, i + 1), at(y, i + 2)), mul(at(x, i + 2), at(y, i + 1)))),
    d,
  )
}

/** The Kronecker product: every element of a times all of b. @example kron(tensor([1, 2]), tensor([1, 1])) // [1, 1, 2, 2] */
export function kron(a: Tensor, b: Tensor): Tensor {
  const rank = Math.max(a.rank, b.rank)
  const full = (t: Tensor) => [...new Array<number>(rank - t.rank).fill(1), ...t.shape]
  const [sa, sb] = [full(a), full(b)]
  const x = reshape(
    a,
    sa.flatMap((n) => [n, 1]),
  )
  const y = reshape(
    b,
    sb.flatMap((n) => [1, n]),
  )
  return reshape(
    mul(x, y),
    sa.map((n, i) => n * sb[i]!),
  )
}

/** The sum of a matrix's diagonal. @example trace(tensor([[1, 2], [3, 4]])) // 5 */
export function trace(x: Tensor): Tensor {
  if (x.rank !== 2)
    throw new ShapeError({ op: 'trace', rule: 'a matrix is needed', got: show(x.shape) })
  return sum(diagonal(x))
}

function triangle(name: 'triu' | 'tril', result: number[][]) {
  return defineOp({
    name,
    formula:
      name === 'triu'
        ? 'y[i][j] = x[i][j] where j ≥ i + k, else 0'
        : 'y[i][j] = x[i][j] where j ≤ i + k, else 0',
    args: (x: TensorLike, diagonalOffset: number = 0) => {
      const [t] = operands(name, [x])
      if (t!.rank < 2)
        throw new ShapeError({ op: name, rule: 'matrices are needed', got: show(t!.shape) })
      return { inputs: [t!], attrs: { k: diagonalOffset } }
    },
    forward: ([x], { k }) => {
      const i = coordinates(x!, -2)
      const j = coordinates(x!, -1)
      return where((name === 'triu' ? ge : le)(sub(j, i), k), x!, zerosOf(x!))
    },
    vjp: (ct, _inputs, _y, { k }): Grads => [(name === 'triu' ? triu : tril)(ct, k)],
    example: (m) => [
      [
        m.of([
          [1, 2],
          [3, 4],
        ]),
      ],
      result,
    ],
    samples: (m) => [
      [m.float([3, 4]), 1],
      [m.float([2, 3, 3])],
      [m.float([4, 2]), -1],
      [m.float([0, 2])],
    ],
  })
}
/** The upper triangle, from the k-th diagonal on. @example triu(tensor([[1, 2], [3, 4]])) // [[1, 2], [0, 4]] */
export const triu = triangle('triu', [
  [1, 2],
  [0, 4],
])
/** The lower triangle, up to the k-th diagonal. @example tril(tensor([[1, 2], [3, 4]])) // [[1, 0], [3, 4]] */
export const tril = triangle('tril', [
  [1, 0],
  [3, 4],
])
