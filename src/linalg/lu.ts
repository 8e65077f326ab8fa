/** Factorization by elimination with row exchanges. With their gradients; names and order of the parts are those of torch.linalg. */
import { rare } from '../backends/prims.js'
import { linalgPrims } from '../backends/prims/linalg.js'
import { add, cast, mul, sub, where } from '../ops/arithmetic.js'
import { coordinates, sum } from '../ops/broadcast.js'
import { eq } from '../ops/compare.js'
import { defineOp, type Grads } from '../ops/define.js'
import { gather } from '../ops/indexing.js'
import { concat } from '../ops/join.js'
import { matmul, tril, triu } from '../ops/linalg.js'
import { unsqueeze } from '../ops/movement.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { iota } from '../ops/trace.js'
import { flat, matrices, noFault, outputs, t } from './matrices.js'
import { onDiagonal, or0 } from './factors.js'
import { solveTri } from './triangular.js'

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
