/** Factorization into orthonormal columns and a triangle. With their gradients; names and order of the parts are those of torch.linalg. */
import { rare } from '../backends/prims.js'
import { linalgPrims } from '../backends/prims/linalg.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { add, cast, mul, sub, where } from '../ops/arithmetic.js'
import { coordinates } from '../ops/broadcast.js'
import { eq, lt } from '../ops/compare.js'
import { defineOp, type Grads } from '../ops/define.js'
import { concat } from '../ops/join.js'
import { matmul, tril, triu } from '../ops/linalg.js'
import { unsqueeze } from '../ops/movement.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { prim } from '../ops/trace.js'
import { flat, matrices, outputs, t, unflat } from './matrices.js'
import { solveTri } from './triangular.js'
import { onDiagonal, or0 } from './factors.js'

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
