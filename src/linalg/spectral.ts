/** Eigenvalues and singular values, with their vectors. With their gradients; names and order of the parts are those of torch.linalg. */
import { rare } from '../backends/prims.js'
import { linalgPrims } from '../backends/prims/linalg.js'
import { ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { add, cast, div, mul, sub, where } from '../ops/arithmetic.js'
import { sum } from '../ops/broadcast.js'
import { eq, lt } from '../ops/compare.js'
import { defineOp, type Grads } from '../ops/define.js'
import { gather } from '../ops/indexing.js'
import { concat } from '../ops/join.js'
import { abs } from '../ops/functions.js'
import { matmul } from '../ops/linalg.js'
import { unsqueeze } from '../ops/movement.js'
import { argmax } from '../ops/reduce.js'
import { narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { prim } from '../ops/trace.js'
import { flat, matrices, outputs, t, unflat, wide } from './matrices.js'
import { onDiagonal, or0 } from './factors.js'

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
