/** Factorizations with their gradients; names and order of the parts are those of torch.linalg. */
import { rare } from '../backends/prims.js'
import { linalgPrims } from '../backends/prims/linalg.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { add, cast, div, mul, sub, where } from '../ops/arithmetic.js'
import { coordinates, sum } from '../ops/broadcast.js'
import { eq, lt } from '../ops/compare.js'
import { defineOp, type Grads } from '../ops/define.js'
import { gather } from '../ops/indexing.js'
import { concat } from '../ops/join.js'
import { abs } from '../ops/functions.js'
import { matmul, tril, triu } from '../ops/linalg.js'
import { unsqueeze } from '../ops/movement.js'
import { argmax } from '../ops/reduce.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { iota, prim } from '../ops/trace.js'
import { checked } from './checked.js'
import { aligned, flat, matrices, noFault, outputs, t, unflat, wide, unit } from './matrices.js'

/** Of the last two axes: is this place on the diagonal? */
export const onDiagonal = (x: Tensor): Tensor => eq(coordinates(x, -2), coordinates(x, -1))
const or0 = (ct: Tensor | null, like: Tensor): Tensor => ct ?? mul(like, 0)
/** B diag(d). */
const scaled = (b: Tensor, d: Tensor): Tensor => mul(b, unsqueeze(d, -2))
const skew = (x: Tensor): Tensor => sub(x, t(x))
/** Vectors in the last axis but one have their largest element positive, so that every backend gives the same ones. */
function signs(vectors: Tensor): Tensor {
  if (vectors.size === 0) return cast(eq(sum(vectors, -2, { keepdim: true }), 0), 'float64')
  const at = argmax(abs(vectors), -2, { keepdim: true })
  const largest = gather(vectors, -2, at)
  return where(lt(largest, 0), -1, 1)
}

/**
 * X of T X = B for a triangular T. With `transposed` of Tᵀ X = B, with `unit` the diagonal counts as 1. Public as
 * solveTriangular.
 */
export const solveTri = defineOp({
  name: 'solveTri',
  formula: 'T X = B,  dB = T⁻ᵀ dX,  dT = −dB Xᵀ on the triangle',
  args: (a: Tensor, b: Tensor, upper = false, transposed = false, unit = false) => {
    const op = 'solveTriangular'
    const [x, y] = aligned(op, matrices(op, a, true), matrices(op, b))
    if (x.shape.at(-1) !== y.shape.at(-2))
      throw new ShapeError({
        op,
        rule: `B must have as many rows as A (${x.shape.at(-1)})`,
        got: show(y.shape),
      })
    return { inputs: [x, y], attrs: { upper, transposed, unit } }
  },
  forward: ([a, b], attrs) => {
    const { x, batch } = flat(b!)
    return unflat(
      prim(rare(linalgPrims, { op: 'solveTriangular', ...attrs }), [flat(a!).x, x]),
      batch,
    )
  },
  vjp: (ct, [a], x, { upper, transposed, unit }): Grads => {
    const db = solveTri(a!, ct, upper, !transposed, unit)
    const full = transposed ? matmul(x, t(db)) : matmul(db, t(x))
    const part = upper ? triu(full, unit ? 1 : 0) : tril(full, unit ? -1 : 0)
    return [mul(part, -1), db]
  },
  example: (m) => [
    [
      m.of([
        [2, 0],
        [1, 4],
      ]),
      m.of([[2], [9]]),
    ],
    [[1], [2]],
  ],
  samples: (m) => {
    const lower = (...batch: number[]) => {
      const x = m.float([...batch, 3, 3])
      return x.mul(0.2).add(unit(m, 3).mul(2))
    }
    return [
      [lower(), m.float([3, 2])],
      [lower(), m.float([3, 2]), true],
      [lower(2), m.float([2, 3, 1]), false, true],
      [lower(), m.float([2, 3, 2]), true, true, true],
      [m.float([0, 0]), m.float([0, 2])],
    ]
  },
})

export interface TriangularOptions {
  /** Is T upper triangular? Must be said. */
  upper: boolean
  /** X T = B instead of T X = B. */
  left?: boolean
  /** The diagonal counts as 1, whatever stands there. */
  unitriangular?: boolean
}
/**
 * X of T X = B (X T = B with `left: false`) for triangular matrices; the other triangle is not read.
 *
 * Shapes: T (..., n, n), B (..., n, k); batch axes broadcast.
 * https://pytorch.org/docs/stable/generated/torch.linalg.solve_triangular.html
 * @example linalg.solveTriangular(tensor([[2, 0], [1, 4]]), tensor([[2], [9]]), { upper: false }) // [[1], [2]]
 */
export function solveTriangular(a: Tensor, b: Tensor, options: TriangularOptions): Tensor {
  const o = readOptions<TriangularOptions>('solveTriangular', [options], {
    upper: kinds.flag,
    left: kinds.flag,
    unitriangular: kinds.flag,
  })
  if (o.upper === undefined)
    throw new ValueError({ op: 'solveTriangular', rule: 'upper must be said: true or false' })
  return o.left === false
    ? t(solveTri(a, t(b), o.upper, true, o.unitriangular))
    : solveTri(a, b, o.upper, false, o.unitriangular)
}

/** L and, int32, the order of the first leading minor that is not positive definite, or 0. */
export const choleskyEx = defineOp({
  name: 'choleskyEx',
  formula:
    'A = L Lᵀ,  dA = L⁻ᵀ Φ(Lᵀ dL) L⁻¹ made symmetric, Φ the lower triangle with half of the diagonal',
  source: 'https://arxiv.org/abs/1602.07527',
  args: (a: Tensor) => ({ inputs: [matrices('cholesky', a, true)], attrs: {} }),
  forward: ([a]) => {
    if (a!.size === 0) return [mul(a!, 1), noFault(a!)] as const
    const { x, batch } = flat(a!)
    const [l, info] = outputs(rare(linalgPrims, { op: 'cholesky' }), [x], 2, batch)
    return [l!, info!] as const
  },
  vjp: ([dl], _inputs, [l]): Grads => {
    const low = tril(matmul(t(l!), or0(dl!, l!)))
    const half = where(onDiagonal(low), mul(low, 0.5), low)
    const y = solveTri(l!, half, false, true)
    const s = t(solveTri(l!, t(y), false, true))
    return [mul(add(s, t(s)), 0.5)]
  },
  example: (m) =>
    [
      [
        m.of([
          [4, 2],
          [2, 5],
        ]),
      ],
      [
        [
          [2, 0],
          [1, 2],
        ],
        0,
      ],
    ] as never,
  samples: (m) => {
    const definite = (...shape: number[]) => {
      const x = m.float(shape)
      return x.matmul(x.transpose(-2, -1)).add(unit(m, shape.at(-1)!))
    }
    return [[definite(3, 3)], [definite(2, 4, 4)], [m.float([0, 0])]]
  },
  except: {
    gradient: 'one triangle is read, the gradient is that of symmetric matrices, as in PyTorch',
    secondGradient: 'as above',
  },
})

/**
 * The lower triangular L of A = L Lᵀ for symmetric positive definite matrices (`upper`: U of A = Uᵀ U). Only the lower
 * triangle of A is read.
 *
 * Shapes: (..., n, n) to the same. https://pytorch.org/docs/stable/generated/torch.linalg.cholesky.html
 * @throws IndexError where a matrix is not positive definite
 * @example linalg.cholesky(tensor([[4, 2], [2, 5]])) // [[2, 0], [1, 2]]
 */
export function cholesky(a: Tensor, options: { upper?: boolean } = {}): Tensor {
  const { upper = false } = readOptions<{ upper?: boolean }>('cholesky', [options], {
    upper: kinds.flag,
  })
  const [l, info] = choleskyEx(a)
  const what = 'the order of the first leading minor that is not positive definite'
  const sound = checked('cholesky', l!, info!, what)
  return upper ? t(sound) : sound
}

/** No row exchanges: (..., min(m, n)) of matrices without elements. */
function noPivots(a: Tensor): Tensor {
  const [m, n] = a.shape.slice(-2) as [number, number]
  return cast(m < n ? sum(a, -1) : sum(a, -2), 'int32')
}

/** L and U in one matrix, int32 row exchanges (from 0), int32 number of the first pivot that is 0, or 0. */
export const luFactorEx = defineOp({
  name: 'luFactorEx',
  formula: 'P A = L U,  dA = Pᵀ L⁻ᵀ [tril(Lᵀ dL, −1) + triu(dU Uᵀ)] U⁻ᵀ',
  source: 'https://pytorch.org/docs/stable/generated/torch.linalg.lu_factor.html',
  args: (a: Tensor) => ({ inputs: [matrices('luFactor', a)], attrs: {} }),
  forward: ([a]) => {
    if (a!.size === 0) return [mul(a!, 1), noPivots(a!), noFault(a!)] as const
    const { x, batch } = flat(a!)
    const [lu, pivots, info] = outputs(rare(linalgPrims, { op: 'lu' }), [x], 3, batch)
    return [lu!, pivots!, info!] as const
  },
  vjp: ([dlu], [a], [lu, pivots]): Grads => {
    const [m, n] = a!.shape.slice(-2) as [number, number]
    const k = Math.min(m, n)
    const ct = or0(dlu!, lu!)
    const l1 = narrow(narrow(lu!, -2, 0, k), -1, 0, k)
    const [l, u] = [unitLower(lu!, k), triu(narrow(lu!, -2, 0, k))]
    const dl = tril(narrow(ct, -1, 0, k), -1)
    const du = triu(narrow(ct, -2, 0, k))
    const phi = add(tril(matmul(t(l), dl), -1), triu(matmul(du, t(u))))
    let grad: Tensor
    if (m === n) grad = phi
    else if (m > n) {
      // L = [L1; L2]: what L2 gets goes through U alone.
      const [top, below] = [narrow(dl, -2, 0, k), narrow(dl, -2, k, m - k)]
      const l2 = narrow(l, -2, k, m - k)
      const inner = add(tril(matmul(t(narrow(l, -2, 0, k)), top), -1), triu(matmul(du, t(u))))
      const s = sub(inner, triu(matmul(t(l2), below)))
      const g1 = solveTri(l1, s, false, true, true)
      const all = concat([g1, below], -2)
      const right = t(solveTri(narrow(u, -1, 0, k), t(all), true, false))
      return [permuted(right, pivots!, m, true)]
    } else {
      const u1 = narrow(u, -1, 0, k)
      const u2 = narrow(u, -1, k, n - k)
      const d2 = narrow(du, -1, k, n - k)
      const inner = add(
        tril(sub(matmul(t(l), dl), matmul(d2, t(u2))), -1),
        triu(matmul(narrow(du, -1, 0, k), t(u1))),
      )
      const left = t(solveTri(u1, t(inner), true, false))
      const all = concat([left, d2], -1)
      return [permuted(solveTri(l1, all, false, true, true), pivots!, m, true)]
    }
    const right = t(solveTri(u, t(grad), true, false))
    return [permuted(solveTri(l, right, false, true, true), pivots!, m, true)]
  },
  example: (m) =>
    [
      [
        m.of([
          [1, 2],
          [4, 4],
        ]),
      ],
      [
        [
          [4, 4],
          [0.25, 1],
        ],
        [1, 1],
        0,
      ],
    ] as never,
  samples: (m) => [[m.float([3, 3])], [m.float([2, 4, 3])], [m.float([2, 3])], [m.float([0, 3])]],
})

function unitLower(lu: Tensor, k: number): Tensor {
  const part = narrow(lu, -1, 0, k)
  return where(onDiagonal(part), 1, tril(part, -1))
}

/** int32 places of the rows after the exchanges: row i of P A is row places[i] of A. */
export const permutationOf = defineOp({
  name: 'permutationOf',
  formula: 'the permutation that row exchanges make one after the other',
  args: (pivots: Tensor, m: number) => ({ inputs: [pivots], attrs: { m } }),
  differentiable: false,
  forward: ([pivots], { m }) => {
    const k = pivots!.shape.at(-1)!
    const start = iota([...pivots!.shape.slice(0, -1), m], pivots!.rank - 1)
    let order = start
    for (let i = 0; i < k; i++) {
      const p = narrow(pivots!, -1, i, 1)
      const here = narrow(order, -1, i, 1)
      const there = gather(order, -1, p)
      order = where(eq(start, i), there, where(eq(start, p), here, order))
    }
    return order
  },
  example: (m) => [
    [m.of([1, 1], 'int32'), 3],
    [1, 0, 2],
  ],
  samples: (m) => [[m.of([1, 1], 'int32'), 3]],
})

/** P as a matrix, for row exchanges: a product with it is exact. */
const permutationMatrix = (pivots: Tensor, m: number, like: Tensor): Tensor => {
  const order = permutationOf(pivots, m)
  return cast(eq(unsqueeze(order, -1), unsqueeze(coordinates(order, -1), -2)), like.dtype)
}
/** P B, or Pᵀ B, for the row exchanges of an LU factorization. */
export function permuted(b: Tensor, pivots: Tensor, m: number, inverse = false): Tensor {
  const p = permutationMatrix(pivots, m, b)
  return matmul(inverse ? t(p) : p, b)
}

/**
 * LU factorization with partial pivoting: `[lu, pivots]`, L below the diagonal (1 on it), U on and above it; row i was
 * exchanged with row pivots[i] (counted from 1, as in PyTorch).
 * https://pytorch.org/docs/stable/generated/torch.linalg.lu_factor.html
 * @example linalg.luFactor(tensor([[1, 2], [4, 4]]))[0] // [[4, 4], [0.25, 1]]
 */
export function luFactor(a: Tensor): [lu: Tensor, pivots: Tensor] {
  const [lu, pivots] = luFactorEx(a)
  return [lu!, add(pivots!, 1)]
}

/**
 * `[P, L, U]` with A = P L U.
 * https://pytorch.org/docs/stable/generated/torch.linalg.lu.html
 * @example linalg.lu(tensor([[1, 2], [4, 4]]))[2] // [[4, 4], [0, 1]]
 */
export function lu(a: Tensor): [p: Tensor, l: Tensor, u: Tensor] {
  const [m, n] = a.shape.slice(-2) as [number, number]
  const [packed, pivots] = luFactorEx(a)
  return unpack(packed!, pivots!, m, Math.min(m, n))
}
function unpack(packed: Tensor, pivots: Tensor, m: number, k: number): [Tensor, Tensor, Tensor] {
  return [
    t(permutationMatrix(pivots, m, packed)),
    unitLower(packed, k),
    triu(narrow(packed, -2, 0, k)),
  ]
}
/** The same from what `luFactor` gives. @example linalg.luUnpack(...linalg.luFactor(tensor([[1, 2], [4, 4]])))[1] // [[1, 0], [0.25, 1]] */
export function luUnpack(packed: Tensor, pivots: Tensor): [p: Tensor, l: Tensor, u: Tensor] {
  const [m, n] = packed.shape.slice(-2) as [number, number]
  return unpack(packed, sub(pivots, 1), m, Math.min(m, n))
}

/** Householder reflections: R on and above the diagonal with the vectors below it, and their factors. torch.geqrf. */
export const geqrf = defineOp({
  name: 'geqrf',
  formula: 'A = H₁ H₂ … R,  Hᵢ = I − τᵢ vᵢ vᵢᵀ',
  source: 'https://pytorch.org/docs/stable/generated/torch.geqrf.html',
  args: (a: Tensor) => ({ inputs: [matrices('geqrf', a)], attrs: {} }),
  differentiable: false,
  forward: ([a]) => {
    const { x, batch } = flat(a!)
    const [packed, tau] = outputs(rare(linalgPrims, { op: 'qr' }), [x], 2, batch)
    return [packed!, tau!] as const
  },
  example: (m) => [[m.of([[3], [4]])], [[[-5], [0.5]], [1.6]]] as never,
  samples: (m) => [[m.float([3, 2])], [m.float([2, 2, 3])], [m.float([3, 0])]],
})

const reflected = defineOp({
  name: 'reflected',
  formula: 'Q = H₁ H₂ …, its first columns',
  args: (a: Tensor, tau: Tensor, count: number) => ({ inputs: [a, tau], attrs: { count } }),
  differentiable: false,
  forward: ([a, tau], { count }) => {
    const { x, batch } = flat(a!)
    const product = prim(rare(linalgPrims, { op: 'householderProduct', columns: count }), [
      x,
      flat(tau!, 1).x,
    ])
    return unflat(product, batch)
  },
  example: (m) => [
    [m.of([[-5], [0.5]]), m.of([1.6]), 1],
    [[-0.6], [-0.8]],
  ],
  samples: (m) => [[m.float([3, 2]), m.float([2]), 2]],
})

/** Q and R of A = Q R; `complete`: Q is square. */
const qrParts = defineOp({
  name: 'qrParts',
  formula:
    'A = Q R,  dA = Q dR + [(Q S + dQ − Q Qᵀ dQ) R1⁻ᵀ, 0], R1 the first columns of R, S below the diagonal M − Mᵀ, M = Qᵀ dQ − dR Rᵀ',
  source: 'https://pytorch.org/docs/stable/generated/torch.linalg.qr.html',
  args: (a: Tensor, complete = false) => ({ inputs: [matrices('qr', a)], attrs: { complete } }),
  forward: ([a], { complete }) => {
    const [m, n] = a!.shape.slice(-2) as [number, number]
    const k = complete ? m : Math.min(m, n)
    const { x, batch } = flat(a!)
    const packed = prim(rare(linalgPrims, { op: 'qr' }), [x])
    const tau = prim({ op: 'output', index: 1 }, [packed])
    const q = prim(rare(linalgPrims, { op: 'householderProduct', columns: k }), [packed, tau])
    return [unflat(q, batch), triu(narrow(unflat(packed, batch), -2, 0, k))] as const
  },
  vjp: ([dq, dr], [a], [q, r], { complete }): Grads => {
    const [m, n] = a!.shape.slice(-2) as [number, number]
    if (complete && m > n)
      throw new ShapeError({
        op: 'qr',
        rule: 'the complete form has no gradient where there are more rows than columns',
        got: show(a!.shape),
        fix: "mode: 'reduced' has one.",
      })
    const [gq, gr] = [or0(dq!, q!), triu(or0(dr!, r!))]
    const k = Math.min(m, n)
    // S alone goes through R1⁻ᵀ: R1 may be ill-conditioned where A is not, and sums that cancel would lose their digits there.
    const inside = matmul(t(q!), gq)
    const mm = sub(inside, matmul(gr, t(r!)))
    let s = matmul(q!, tril(sub(mm, t(mm)), -1))
    // What of dQ lies outside of Q's columns; a square Q has none.
    if (m > n) s = add(s, sub(gq, matmul(q!, inside)))
    const first = t(solveTri(narrow(r!, -1, 0, k), t(s), true, false))
    const rest = matmul(q!, gr)
    if (n === k) return [add(first, rest)]
    return [concat([add(first, narrow(rest, -1, 0, k)), narrow(rest, -1, k, n - k)], -1)]
  },
  example: (m) =>
    [
      [
        m.of([
          [3, 1],
          [4, 2],
        ]),
      ],
      [
        [
          [-0.6, -0.8],
          [-0.8, 0.6],
        ],
        [
          [-5, -2.2],
          [0, 0.4],
        ],
      ],
    ] as never,
  samples: (m) => [
    [m.float([4, 3])],
    [m.float([2, 3, 3])],
    [m.float([2, 3])],
    [m.float([3, 3]), true],
  ],
})

/**
 * `[Q, R]` with A = Q R, Q's columns orthonormal, R upper triangular. mode: 'reduced' (the default), 'complete' (Q is
 * square), 'r' (Q is empty).
 *
 * Shapes: (..., m, n) to (..., m, k) and (..., k, n), k = min(m, n).
 * https://pytorch.org/docs/stable/generated/torch.linalg.qr.html
 * @example linalg.qr(tensor([[3, 1], [4, 2]]))[1] // [[-5, -2.2], [0, 0.4]]
 */
export function qr(
  a: Tensor,
  options: { mode?: 'reduced' | 'complete' | 'r' } = {},
): [q: Tensor, r: Tensor] {
  const { mode = 'reduced' } = readOptions<{ mode?: 'reduced' | 'complete' | 'r' }>(
    'qr',
    [options],
    {
      mode: kinds.text,
    },
  )
  if (!['reduced', 'complete', 'r'].includes(mode))
    throw new ValueError({ op: 'qr', rule: "mode is 'reduced', 'complete' or 'r'", got: `${mode}` })
  if (mode === 'r') {
    const [m, n] = matrices('qr', a).shape.slice(-2) as [number, number]
    const r = triu(narrow(geqrf(a)[0]!, -2, 0, Math.min(m, n)))
    return [narrow(narrow(a, -2, 0, 0), -1, 0, 0), r]
  }
  const [q, r] = qrParts(a, mode === 'complete')
  return [q!, r!]
}

/**
 * The first n columns of H₁ H₂ …, Hᵢ = I − τᵢ vᵢ vᵢᵀ, vᵢ the part of column i below the diagonal with a 1 on it.
 * https://pytorch.org/docs/stable/generated/torch.linalg.householder_product.html
 * @example linalg.householderProduct(tensor([[-5], [0.5]]), tensor([1.6])) // [[-0.6], [-0.8]]
 */
export function householderProduct(a: Tensor, tau: Tensor): Tensor {
  const [m, n] = matrices('householderProduct', a).shape.slice(-2) as [number, number]
  const k = tau.shape.at(-1)!
  if (m < n || k > n)
    throw new ShapeError({
      op: 'householderProduct',
      rule: 'there must be at least as many rows as columns, and no more factors than columns',
      got: `${show(a.shape)} and ${show(tau.shape)}`,
    })
  if (!a.requiresGrad && !tau.requiresGrad) return reflected(a, tau, n)
  // With a gradient: one reflection after the other.
  let q: Tensor = cast(onDiagonal(a), a.dtype)
  for (let i = k - 1; i >= 0; i--) {
    const column = narrow(a, -1, i, 1)
    const place = coordinates(column, -2)
    const v = where(lt(place, i), 0, where(eq(place, i), 1, column))
    const factor = unsqueeze(narrow(tau, -1, i, 1), -1)
    q = sub(q, mul(factor, matmul(v, matmul(t(v), q))))
  }
  return q
}

/** Values and vectors of symmetric matrices, of which the lower triangle is read; computed in float64. */
const eighParts = defineOp({
  name: 'eighParts',
  formula: 'A = V diag(w) Vᵀ,  dA = V (diag(dw) + skew(Vᵀ dV)/2(wⱼ − wᵢ)) Vᵀ',
  source: 'https://pytorch.org/docs/stable/generated/torch.linalg.eigh.html',
  args: (a: Tensor, upper = false) => ({ inputs: [matrices('eigh', a, true)], attrs: { upper } }),
  forward: ([a], { upper }) => {
    if (a!.size === 0) return [sum(a!, -1), mul(a!, 1)] as const
    const { x, batch } = flat(upper ? t(a!) : a!)
    const [w, v] = outputs(rare(linalgPrims, { op: 'eigh' }), [wide(x)], 2, batch)
    return [cast(w!, a!.dtype), cast(mul(v!, cast(signs(v!), 'float64')), a!.dtype)] as const
  },
  vjp: ([dw, dv], _inputs, [w, v]): Grads => {
    let inner: Tensor | null = null
    if (dv) {
      const gap = sub(unsqueeze(w!, -2), unsqueeze(w!, -1))
      // What turns vectors into each other is skew.
      const turn = mul(skew(matmul(t(v!), dv)), 0.5)
      inner = div(turn, where(onDiagonal(gap), 1, gap))
      inner = where(onDiagonal(gap), dw ? unsqueeze(dw, -2) : 0, inner)
      return [matmul(v!, matmul(inner, t(v!)))]
    }
    return [matmul(scaled(v!, or0(dw!, w!)), t(v!))]
  },
  example: (m) =>
    [
      [
        m.of([
          [2, 1],
          [1, 2],
        ]),
      ],
      [
        [1, 3],
        [
          [Math.SQRT1_2, Math.SQRT1_2],
          [-Math.SQRT1_2, Math.SQRT1_2],
        ],
      ],
    ] as never,
  samples: (m) => {
    const symmetric = (...shape: number[]) => {
      const x = m.float(shape)
      return x.add(x.transpose(-2, -1))
    }
    return [[symmetric(3, 3)], [symmetric(2, 4, 4)], [m.float([0, 0])]]
  },
  except: {
    gradient: 'one triangle is read, the gradient is that of symmetric matrices, as in PyTorch',
    secondGradient: 'as above',
  },
})

/**
 * `[w, V]`: eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices. One triangle is read, the lower
 * one unless UPLO is 'U'. A vector's sign is such that its largest element is positive.
 * https://pytorch.org/docs/stable/generated/torch.linalg.eigh.html
 * @example linalg.eigh(tensor([[2, 1], [1, 2]]))[0] // [1, 3]
 */
export function eigh(a: Tensor, UPLO: 'L' | 'U' = 'L'): [w: Tensor, v: Tensor] {
  if (UPLO !== 'L' && UPLO !== 'U')
    throw new ValueError({ op: 'eigh', rule: "UPLO is 'L' or 'U'", got: `${UPLO}` })
  const [w, v] = eighParts(a, UPLO === 'U')
  return [w!, v!]
}
/** The eigenvalues alone. @example linalg.eigvalsh(tensor([[2, 1], [1, 2]])) // [1, 3] */
export const eigvalsh = (a: Tensor, UPLO: 'L' | 'U' = 'L'): Tensor => eigh(a, UPLO)[0]

/** U, the singular values and Vᵀ, reduced, of matrices with at least as many rows as columns; computed in float64. */
const svdTall = defineOp({
  name: 'svdTall',
  formula:
    'A = U diag(s) Vᵀ,  dA = U [(skew(Uᵀ dU)/E) S + S (skew(Vᵀ dV)/E) + diag ds] Vᵀ + …,  Eᵢⱼ = sⱼ² − sᵢ²',
  source: 'https://j-towns.github.io/papers/svd-derivative.pdf',
  args: (a: Tensor) => ({ inputs: [matrices('svd', a)], attrs: {} }),
  forward: ([a]) => {
    if (a!.size === 0) {
      const [, n] = a!.shape.slice(-2) as [number, number]
      const square = matmul(t(a!), a!)
      const vt = n === 0 ? square : add(mul(square, 0), cast(onDiagonal(square), a!.dtype))
      return [mul(a!, 1), sum(a!, -2), vt] as const
    }
    const { x, batch } = flat(a!)
    const [u, vt, s] = outputs(rare(linalgPrims, { op: 'svd' }), [wide(x)], 3, batch)
    const turn = cast(signs(t(vt!)), 'float64')
    const back = (y: Tensor) => cast(y, a!.dtype)
    return [back(mul(u!, turn)), back(s!), back(mul(vt!, t(turn)))] as const
  },
  vjp: ([du, ds, dvt], [a], [u, s, vt]): Grads => {
    if (!du && !dvt) return [matmul(scaled(u!, or0(ds!, s!)), vt!)]
    const [m, n] = a!.shape.slice(-2) as [number, number]
    const s2 = mul(s!, s!)
    const gap = sub(unsqueeze(s2, -2), unsqueeze(s2, -1))
    const e = where(onDiagonal(gap), 1, gap)
    let inner = where(onDiagonal(gap), unsqueeze(or0(ds!, s!), -2), 0)
    if (du) inner = add(inner, scaled(div(skew(matmul(t(u!), du)), e), s!))
    if (dvt) inner = add(inner, mul(unsqueeze(s!, -1), div(skew(matmul(vt!, t(dvt))), e)))
    let grad = matmul(u!, matmul(inner, vt!))
    if (du && m > n) {
      const outside = sub(du, matmul(u!, matmul(t(u!), du)))
      grad = add(grad, matmul(div(outside, unsqueeze(s!, -2)), vt!))
    }
    return [grad]
  },
  example: (m) =>
    [
      [
        m.of([
          [0, 2],
          [1, 0],
          [0, 0],
        ]),
      ],
      [
        [
          [1, 0],
          [0, 1],
          [0, 0],
        ],
        [2, 1],
        [
          [0, 1],
          [1, 0],
        ],
      ],
    ] as never,
  samples: (m) => [[m.float([3, 3])], [m.float([2, 4, 3])], [m.float([3, 0])]],
})

/** Reduced factors of any shape: wide matrices by their transposed. */
export function svdReduced(a: Tensor): [u: Tensor, s: Tensor, vh: Tensor] {
  const [m, n] = matrices('svd', a).shape.slice(-2) as [number, number]
  if (m >= n) {
    const [u, s, vh] = svdTall(a)
    return [u!, s!, vh!]
  }
  const [u, s, vh] = svdTall(t(a))
  return [t(vh!), s!, t(u!)]
}

/** The columns of q (..., m, k) completed to an orthonormal basis (..., m, m). */
function completed(q: Tensor): Tensor {
  const [m, k] = q.shape.slice(-2) as [number, number]
  if (m === k) return q
  const { x, batch } = flat(q)
  const packed = prim(rare(linalgPrims, { op: 'qr' }), [x])
  const tau = prim({ op: 'output', index: 1 }, [packed])
  const whole = unflat(
    prim(rare(linalgPrims, { op: 'householderProduct', columns: m }), [packed, tau]),
    batch,
  )
  return concat([q, narrow(whole, -1, k, m - k)], -1)
}
const completeBasis = defineOp({
  name: 'completeBasis',
  formula: '[Q Q⊥]; no gradient by the columns that are added',
  args: (q: Tensor) => ({ inputs: [q], attrs: {} }),
  forward: ([q]) => completed(q!),
  vjp: (ct, [q]): Grads => [narrow(ct, -1, 0, q!.shape.at(-1)!)],
  example: (m) => [
    [m.of([[0], [1]])],
    [
      [0, 1],
      [1, 0],
    ],
  ],
  samples: (m) => [[m.of([[0], [1]])]],
  except: {
    gradient: 'the added columns depend on Q and have no gradient, as in PyTorch',
    secondGradient: 'as above',
  },
})

/**
 * `[U, S, Vh]` with A = U diag(S) Vh, singular values descending. fullMatrices (the default, as in PyTorch): U and Vh are
 * square. The largest element of each row of Vh is positive where there are as many rows as columns or more.
 * https://pytorch.org/docs/stable/generated/torch.linalg.svd.html
 * @example linalg.svd(tensor([[0, 2], [1, 0]]))[1] // [2, 1]
 */
export function svd(
  a: Tensor,
  options: { fullMatrices?: boolean } = {},
): [u: Tensor, s: Tensor, vh: Tensor] {
  const { fullMatrices = true } = readOptions<{ fullMatrices?: boolean }>('svd', [options], {
    fullMatrices: kinds.flag,
  })
  const [u, s, vh] = svdReduced(a)
  if (!fullMatrices) return [u, s, vh]
  return [completeBasis(u), s, t(completeBasis(t(vh)))]
}
/** The singular values alone, descending. @example linalg.svdvals(tensor([[0, 2], [1, 0]])) // [2, 1] */
export const svdvals = (a: Tensor): Tensor => svdReduced(a)[1]
