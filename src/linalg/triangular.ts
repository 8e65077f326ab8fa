/** Triangular systems and the factorization of Cholesky. With their gradients; names and order of the parts are those of torch.linalg. */
import { rare } from '../backends/prims.js'
import { linalgPrims } from '../backends/prims/linalg.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { add, mul, where } from '../ops/arithmetic.js'
import { defineOp, type Grads } from '../ops/define.js'
import { matmul, tril, triu } from '../ops/linalg.js'
import type { Tensor } from '../ops/tensor.js'
import { prim } from '../ops/trace.js'
import { checked } from './checked.js'
import { aligned, flat, matrices, noFault, outputs, t, unflat, unit } from './matrices.js'
import { onDiagonal, or0 } from './factors.js'

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
