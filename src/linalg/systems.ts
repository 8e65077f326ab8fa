/** Linear systems, inverses and determinants. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, readOptions } from '../core/options.js'
import { sizeOf, sameShape } from '../core/shape.js'
import { add, cast, mul, sub, where } from '../ops/arithmetic.js'
import { coordinates, expand, permute, reshape, sum } from '../ops/broadcast.js'
import { eq, gt } from '../ops/compare.js'
import { defineOp, type Grads } from '../ops/define.js'
import { abs, log, reciprocal, sign } from '../ops/functions.js'
import { stack } from '../ops/join.js'
import { matmul } from '../ops/linalg.js'
import { unsqueeze } from '../ops/movement.js'
import { amax, prod } from '../ops/reduce.js'
import { diagonal, narrow } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { checked } from './checked.js'
import { onDiagonal } from './factors.js'
import { luFactorEx, permuted } from './lu.js'
import { eigh, svdReduced } from './spectral.js'
import { solveTri } from './triangular.js'
import { aligned, matrices, t, unit } from './matrices.js'

const singular = 'the number of the first pivot that is 0 (a singular matrix has one)'
/** The identity of the size of x, under its batch axes. */
const identity = (x: Tensor): Tensor => cast(onDiagonal(x), x.dtype)

/** X of A X = B, and, int32, the number of the first pivot of A that is 0, or 0. Public as solve and solveEx. */
const solved = defineOp({
  name: 'solved',
  formula: 'A X = B,  dB = A⁻ᵀ dX,  dA = −dB Xᵀ',
  source: 'https://pytorch.org/docs/stable/generated/torch.linalg.solve.html',
  args: (a: Tensor, b: Tensor) => {
    const [x, y] = aligned('solve', matrices('solve', a, true), b)
    if (x.shape.at(-1) !== y.shape.at(-2))
      throw new ShapeError({
        op: 'solve',
        rule: `B must have as many rows as A (${x.shape.at(-1)})`,
        got: `${show(a.shape)} and ${show(b.shape)}`,
      })
    return { inputs: [x, y], attrs: {} }
  },
  forward: ([a, b]) => {
    const [lu, pivots, info] = luFactorEx(a!)
    return [withFactors(lu!, pivots!, b!), info!] as const
  },
  vjp: ([ct], [a], [x]): Grads => {
    if (!ct) return [null, null]
    const db = solved(t(a!), ct)[0]!
    return [mul(matmul(db, t(x!)), -1), db]
  },
  example: (m) => [
    [
      m.of([
        [2, 1],
        [1, 3],
      ]),
      m.of([[3], [5]]),
    ],
    [[[0.8], [1.4]], 0],
  ],
  samples: (m) => {
    const square = (...shape: number[]) => {
      const x = m.float(shape)
      return x.mul(0.3).add(unit(m, shape.at(-1)!).mul(2))
    }
    return [
      [square(3, 3), m.float([3, 2])],
      [square(2, 3, 3), m.float([2, 3, 1])],
      [square(3, 3), m.float([2, 3, 1])],
      [m.float([0, 0]), m.float([0, 2])],
    ]
  },
})
/** X of A X = B from LU and its row exchanges (from 0); `transposed`: of Aᵀ X = B. */
function withFactors(lu: Tensor, pivots: Tensor, b: Tensor, transposed = false): Tensor {
  const n = lu.shape.at(-1)!
  if (transposed) {
    const y = solveTri(lu, solveTri(lu, b, true, true), false, true, true)
    return permuted(y, pivots, n, true)
  }
  return solveTri(lu, solveTri(lu, permuted(b, pivots, n), false, false, true), true)
}

/** Is B a stack of vectors, by PyTorch's rule? */
const isVectors = (a: Tensor, b: Tensor): boolean =>
  b.rank === 1 || (a.rank - 1 === b.rank && sameShape(b.shape, a.shape.slice(0, -1)))

export interface SideOptions {
  /** X A = B instead of A X = B. */
  left?: boolean
}
/** X and, int32, 0 or the number of the first pivot that is 0. @example linalg.solveEx(tensor([[2, 0], [0, 4]]), tensor([2, 2])) // [[1, 0.5], 0] */
export function solveEx(
  a: Tensor,
  b: Tensor,
  options: SideOptions = {},
): [x: Tensor, info: Tensor] {
  const { left = true } = readOptions<SideOptions>('solve', [options], { left: kinds.flag })
  const vectors = isVectors(a, b)
  if (vectors && !left && b.rank === 1)
    throw new ShapeError({
      op: 'solve',
      rule: 'left: false needs matrices on the right',
      got: show(b.shape),
    })
  const column = vectors ? unsqueeze(b, -1) : b
  const [x, info] = left ? solved(a, column) : solved(t(a), t(column))
  const y = left ? x! : t(x!)
  return [vectors ? reshape(y, y.shape.slice(0, -1)) : y, info!]
}
/**
 * X of A X = B for square, invertible A, by LU with partial pivoting. B is a vector, a stack of vectors, or matrices.
 *
 * Shapes: A (..., n, n), B (n), (..., n) as A without its last axis, or (..., n, k); batch axes broadcast.
 * https://pytorch.org/docs/stable/generated/torch.linalg.solve.html
 * @throws IndexError for a singular matrix
 * @example linalg.solve(tensor([[2, 1], [1, 3]]), tensor([3, 5])) // [0.8, 1.4]
 */
export function solve(a: Tensor, b: Tensor, options: SideOptions = {}): Tensor {
  const [x, info] = solveEx(a, b, options)
  const whole = x.rank === info.rank + 2 ? x : unsqueeze(x, -1)
  const y = checked('solve', whole, info, singular)
  return x.rank === whole.rank ? y : reshape(y, x.shape)
}

/** The inverse and, int32, 0 or the number of the first pivot that is 0. @example linalg.invEx(tensor([[2, 0], [0, 4]])) // [[[0.5, 0], [0, 0.25]], 0] */
export function invEx(a: Tensor): [inverse: Tensor, info: Tensor] {
  const [x, info] = solved(matrices('inv', a, true), identity(a))
  return [x!, info!]
}
/**
 * The inverse of square matrices. To solve a system, `solve` is faster and more exact.
 * https://pytorch.org/docs/stable/generated/torch.linalg.inv.html
 * @throws IndexError for a singular matrix
 * @example linalg.inv(tensor([[2, 0], [0, 4]])) // [[0.5, 0], [0, 0.25]]
 */
export function inv(a: Tensor): Tensor {
  const [x, info] = invEx(a)
  return checked('inv', x, info, singular)
}

/** X of A X = B from what `luFactor` gives. @example linalg.luSolve(...linalg.luFactor(tensor([[2, 0], [0, 4]])), tensor([[2], [2]])) // [[1], [0.5]] */
export function luSolve(
  lu: Tensor,
  pivots: Tensor,
  b: Tensor,
  options: { left?: boolean; adjoint?: boolean } = {},
): Tensor {
  const { left = true, adjoint = false } = readOptions<{ left?: boolean; adjoint?: boolean }>(
    'luSolve',
    [options],
    { left: kinds.flag, adjoint: kinds.flag },
  )
  const places = sub(pivots, 1)
  if (left) {
    const [f, y] = aligned('luSolve', lu, b)
    const p = expand(places, [...f.shape.slice(0, -2), places.shape.at(-1)!])
    return withFactors(f, p, y, adjoint)
  }
  return t(luSolve(lu, pivots, t(b), { adjoint: !adjoint }))
}

/** The sign of a permutation made of row exchanges (from 0): each that moves a row turns it. */
const paritySign = (pivots: Tensor, like: Tensor): Tensor =>
  prod(cast(where(eq(pivots, coordinates(pivots, -1)), 1, -1), like.dtype), -1)

/** det A, with LU and row exchanges for its gradient. */
const determinant = defineOp({
  name: 'determinant',
  formula: 'y = det A,  dA = dy det(A) A⁻ᵀ',
  args: (a: Tensor) => ({ inputs: [matrices('det', a, true)], attrs: {} }),
  forward: ([a]) => {
    const [lu, pivots] = luFactorEx(a!)
    return mul(prod(diagonal(lu!, 0, -2, -1), -1), paritySign(pivots!, a!))
  },
  vjp: (ct, [a], y): Grads => {
    const n = a!.shape.at(-1)!
    if (n === 0) return [mul(a!, 0)]
    const [lu, pivots] = luFactorEx(a!)
    // A pivot of 0 becomes the smallest number that counts, as in PyTorch.
    const eps = a!.dtype === 'float64' ? 2 ** -52 : 2 ** -23
    const safe = where(onDiagonal(lu!), where(eq(lu!, 0), eps, lu!), lu!)
    const d = mul(identity(a!), reshape(mul(ct, y), [...y.shape, 1, 1]))
    return [withFactors(safe, pivots!, d, true)]
  },
  example: (m) => [
    [
      m.of([
        [1, 2],
        [3, 4],
      ]),
    ],
    -2,
  ],
  samples: (m) => {
    const square = (...shape: number[]) => {
      const x = m.float(shape)
      return x.mul(0.3).add(unit(m, shape.at(-1)!).mul(2))
    }
    return [[square(3, 3)], [square(2, 2, 2)], [m.float([0, 0])]]
  },
})
/**
 * The determinant of square matrices. https://pytorch.org/docs/stable/generated/torch.linalg.det.html
 * @example linalg.det(tensor([[1, 2], [3, 4]])) // -2
 */
export const det = (a: Tensor): Tensor => determinant(a)

/**
 * `[sign, logabsdet]`: the determinant is sign · exp(logabsdet); no product overflows.
 * https://pytorch.org/docs/stable/generated/torch.linalg.slogdet.html
 * @example linalg.slogdet(tensor([[2, 0], [0, -2]])) // [-1, 1.3862943611198906]
 */
export function slogdet(a: Tensor): [sign: Tensor, logabsdet: Tensor] {
  const x = matrices('slogdet', a, true)
  const [lu, pivots] = luFactorEx(x)
  const d = diagonal(lu!, 0, -2, -1)
  return [mul(prod(sign(d), -1), paritySign(pivots!, x)).detach(), sum(log(abs(d)), -1)]
}
/** ln det A; NaN where the determinant is below 0. @example linalg.logdet(tensor([[2, 0], [0, 2]])) // 1.3862943611198906 */
export function logdet(a: Tensor): Tensor {
  const [s, l] = slogdet(a)
  return where(eq(s, -1), Number.NaN, l)
}

/** X of L Lᵀ X = B (Uᵀ U X = B); the other triangle of the factor is not read, but has PyTorch's gradient. */
const bothFactors = defineOp({
  name: 'bothFactors',
  formula: 'L Lᵀ X = B,  dB = A⁻¹ dX,  dL = −(dB Xᵀ + X dBᵀ) L',
  args: (l: Tensor, b: Tensor, upper = false) => ({
    inputs: aligned(
      'choleskySolve',
      matrices('choleskySolve', l, true),
      matrices('choleskySolve', b),
    ),
    attrs: { upper },
  }),
  forward: ([l, b], { upper }) => solveTri(l!, solveTri(l!, b!, upper, upper), upper, !upper),
  vjp: (ct, [l], x, { upper }): Grads => {
    const db = bothFactors(l!, ct, upper)
    const da = matmul(db, t(x))
    const both = mul(add(da, t(da)), -1)
    return [upper ? matmul(l!, both) : matmul(both, l!), db]
  },
  example: (m) => [[m.of([[2]]), m.of([[8]])], [[2]]],
  samples: (m) => {
    const x = m.float([3, 3])
    return [[x.mul(0.2).add(unit(m, 3).mul(2)), m.float([3, 2])]]
  },
  except: {
    gradient: 'the gradient is that of both factors whole, as in PyTorch',
    secondGradient: 'as above',
  },
})
/** X of A X = B from the Cholesky factor of A. @example linalg.choleskySolve(tensor([[8]]), tensor([[2]])) // [[2]] */
export function choleskySolve(b: Tensor, l: Tensor, options: { upper?: boolean } = {}): Tensor {
  const { upper = false } = readOptions<{ upper?: boolean }>('choleskySolve', [options], {
    upper: kinds.flag,
  })
  return bothFactors(l, b, upper)
}
/** The inverse of A from its Cholesky factor. @example linalg.choleskyInverse(tensor([[2]])) // [[0.25]] */
export const choleskyInverse = (l: Tensor, options: { upper?: boolean } = {}): Tensor =>
  choleskySolve(identity(l), l, options)

export interface PinvOptions {
  /** Singular values at most this count as 0. */
  atol?: number | Tensor
  /** And those at most this times the largest; max(m, n) eps unless atol is given. */
  rtol?: number | Tensor
  /** Symmetric matrices: by eigenvalues, of the lower triangle. */
  hermitian?: boolean
}
const pinvKinds = { atol: kinds.any, rtol: kinds.any, hermitian: kinds.flag }
const epsOf = (x: Tensor): number => (x.dtype === 'float64' ? 2 ** -52 : 2 ** -23)
/** The bound below which singular values `s` count as 0. */
function bound(a: Tensor, s: Tensor, { atol, rtol }: PinvOptions): Tensor {
  const [m, n] = a.shape.slice(-2) as [number, number]
  const relative =
    rtol ??
    (typeof atol === 'number'
      ? atol > 0
        ? 0
        : Math.max(m, n) * epsOf(a)
      : atol
        ? where(gt(atol, 0), 0, Math.max(m, n) * epsOf(a))
        : Math.max(m, n) * epsOf(a))
  const top = s.shape.at(-1) === 0 ? sum(s, -1, { keepdim: true }) : amax(s, -1, { keepdim: true })
  const lift = (v: number | Tensor) => (typeof v === 'number' ? v : unsqueeze(v, -1))
  const r = mul(top, lift(relative))
  return atol === undefined ? r : larger(r, lift(atol))
}
const larger = (x: Tensor, y: Tensor | number): Tensor => where(gt(x, y), x, y)

/** The pseudoinverse from factors; the gradient is that of the pseudoinverse at constant rank (Golub and Pereyra, 1973). */
const pseudo = defineOp({
  name: 'pseudo',
  formula: 'Y = A⁺,  dA by Golub and Pereyra (1973)',
  args: (a: Tensor, cut: Tensor, hermitian = false) => ({ inputs: [a, cut], attrs: { hermitian } }),
  forward: ([a, cut], { hermitian }) => {
    if (hermitian) {
      const [w, v] = eigh(a!)
      const inverse = where(gt(abs(w), cut!), reciprocal(where(eq(w, 0), 1, w)), 0)
      return matmul(mul(v, unsqueeze(inverse, -2)), t(v))
    }
    const [u, s, vh] = svdReduced(a!)
    const inverse = where(gt(s, cut!), reciprocal(where(eq(s, 0), 1, s)), 0)
    return matmul(mul(t(vh), unsqueeze(inverse, -2)), t(u))
  },
  vjp: (ct, [a], y): Grads => {
    const [m, n] = a!.shape.slice(-2) as [number, number]
    const [g, yt] = [t(ct), t(y)]
    if (m <= n) {
      const k = matmul(g, y)
      const ky = matmul(k, yt)
      const one = sub(ky, t(matmul(y, k)))
      return [
        add(sub(one, matmul(matmul(a!, y), ky)), matmul(matmul(yt, y), sub(g, matmul(k, a!)))),
        null,
      ]
    }
    const k = matmul(y, g)
    const yk = matmul(yt, k)
    const one = add(sub(yk, t(matmul(k, y))), matmul(matmul(sub(g, matmul(a!, k)), y), yt))
    return [sub(one, matmul(matmul(yk, y), a!)), null]
  },
  example: (m) => [
    [
      m.of([
        [2, 0],
        [0, 0],
      ]),
      m.of([1e-6]),
    ],
    [
      [0.5, 0],
      [0, 0],
    ],
  ],
  samples: (m) => [
    [m.float([3, 2]), m.of([1e-6])],
    [m.float([2, 3]), m.of([1e-6])],
  ],
  except: { secondGradient: 'the cut of small singular values is a step' },
})
/**
 * The pseudoinverse (Moore-Penrose) by singular values.
 * https://pytorch.org/docs/stable/generated/torch.linalg.pinv.html
 * @example linalg.pinv(tensor([[2, 0], [0, 0]])) // [[0.5, 0], [0, 0]]
 */
export function pinv(a: Tensor, options: PinvOptions = {}): Tensor {
  const o = readOptions<PinvOptions>('pinv', [options], pinvKinds)
  const x = matrices('pinv', a, o.hermitian)
  if (sizeOf(x.shape) === 0) return mul(t(x), 0)
  const s = o.hermitian ? abs(eigh(x.detach())[0]) : svdReduced(x.detach())[1]
  return pseudo(x, bound(x, s, o), o.hermitian ?? false)
}

/**
 * The rank: how many singular values lie above the bound of `pinv`. int32.
 * https://pytorch.org/docs/stable/generated/torch.linalg.matrix_rank.html
 * @example linalg.matrixRank(tensor([[1, 2], [2, 4]])) // 1
 */
export function matrixRank(a: Tensor, options: PinvOptions = {}): Tensor {
  const o = readOptions<PinvOptions>('matrixRank', [options], pinvKinds)
  const x = matrices('matrixRank', a, o.hermitian).detach()
  const s = o.hermitian ? abs(eigh(x)[0]) : svdReduced(x)[1]
  return sum(cast(gt(s, bound(x, s, o)), 'int32'), -1)
}

export interface LstsqOptions {
  /** Singular values at most this times the largest count as 0; eps max(m, n) unless given. */
  rcond?: number
  /**
   * What is told beside the solution, as PyTorch's drivers do: 'gelsy' (the default) the rank, 'gelsd' and 'gelss' the rank,
   * the singular values and the residuals, 'gels' the residuals. The solution is the same.
   */
  driver?: 'gelsy' | 'gels' | 'gelsd' | 'gelss'
}
/**
 * The least-squares solution of A X = B, of least norm where there are many: `[solution, residuals, rank, singularValues]`.
 * What the driver does not tell is empty; residuals (sums of squares) are there where there are more rows than columns.
 * https://pytorch.org/docs/stable/generated/torch.linalg.lstsq.html
 * @example linalg.lstsq(tensor([[1, 0], [0, 1], [0, 0]]), tensor([[1], [2], [3]]))[0] // [[1], [2]]
 */
export function lstsq(
  a: Tensor,
  b: Tensor,
  options: LstsqOptions = {},
): [solution: Tensor, residuals: Tensor, rank: Tensor, singularValues: Tensor] {
  const { rcond, driver = 'gelsy' } = readOptions<LstsqOptions>('lstsq', [options], {
    rcond: kinds.number,
    driver: kinds.text,
  })
  if (!['gelsy', 'gels', 'gelsd', 'gelss'].includes(driver))
    throw new ValueError({
      op: 'lstsq',
      rule: "the driver is 'gelsy', 'gels', 'gelsd' or 'gelss'",
      got: `${driver}`,
    })
  const [m, n] = matrices('lstsq', a).shape.slice(-2) as [number, number]
  const vectors = isVectors(a, b)
  const y = vectors ? unsqueeze(b, -1) : b
  const [x, z] = aligned('lstsq', a, y)
  const rtol = rcond ?? Math.max(m, n) * epsOf(a)
  const s = svdReduced(x.detach())[1]
  const solution = matmul(pinv(x, { rtol }), z)
  const none = narrow(reshape(s, [-1]), 0, 0, 0)
  const counted = sum(cast(gt(s, bound(x, s, { rtol })), 'int32'), -1)
  const rank = driver === 'gels' ? cast(none, 'int32') : counted
  const off = sub(matmul(x, solution), z)
  const residuals = m > n && driver !== 'gelsy' ? sum(mul(off, off), -2) : none
  const told = driver === 'gelsd' || driver === 'gelss'
  return [
    vectors ? reshape(solution, solution.shape.slice(0, -1)) : solution,
    residuals,
    rank,
    told ? s : none,
  ]
}

/**
 * A to a whole power, by repeated squares; powers below 0 of the inverse.
 * https://pytorch.org/docs/stable/generated/torch.linalg.matrix_power.html
 * @example linalg.matrixPower(tensor([[1, 1], [0, 1]]), 5) // [[1, 5], [0, 1]]
 */
export function matrixPower(a: Tensor, n: number): Tensor {
  if (!Number.isInteger(n))
    throw new ValueError({
      op: 'matrixPower',
      rule: 'the power must be a whole number',
      got: `${n}`,
    })
  let base = matrices('matrixPower', a, true)
  if (n < 0) base = inv(base)
  let made: Tensor | undefined
  for (let k = Math.abs(n); k > 0; k = Math.floor(k / 2)) {
    if (k % 2) made = made ? matmul(made, base) : base
    if (k > 1) base = matmul(base, base)
  }
  return made ?? add(identity(base), mul(base, 0))
}

/**
 * The matrix exponential Σ Aᵏ/k!, by Taylor's series of A / 2ˢ and s squares; s is chosen for each matrix.
 * https://pytorch.org/docs/stable/generated/torch.linalg.matrix_exp.html
 * @example linalg.matrixExp(tensor([[0, 1], [0, 0]])) // [[1, 1], [0, 1]]
 */
export function matrixExp(a: Tensor): Tensor {
  const x = matrices('matrixExp', a, true)
  if (sizeOf(x.shape) === 0) return mul(x, 1)
  const one = identity(x)
  // Columns' sums of absolute values bound the powers; each halving that is needed is one square more.
  const size = amax(sum(abs(x.detach()), -2, { keepdim: true }), -1, { keepdim: true })
  const SQUARES = 24
  let scaled = x
  for (let i = 0; i < SQUARES; i++) scaled = where(gt(size, 2 ** i / 2), mul(scaled, 0.5), scaled)
  const terms = x.dtype === 'float64' ? 15 : 9
  let y = add(one, mul(scaled, 1 / terms))
  for (let k = terms - 1; k > 0; k--) y = add(one, mul(matmul(scaled, y), 1 / k))
  for (let i = 0; i < SQUARES; i++) y = where(gt(size, 2 ** i / 2), matmul(y, y), y)
  return y
}

/**
 * X of A X = B where A is a tensor whose first axes, B's shape, are its rows.
 * https://pytorch.org/docs/stable/generated/torch.linalg.tensorsolve.html
 * @example linalg.tensorsolve(tensor([[2, 0], [0, 4]]), tensor([2, 2])) // [1, 0.5]
 */
export function tensorsolve(
  a: Tensor,
  b: Tensor,
  options: { axes?: readonly number[] } = {},
): Tensor {
  const { axes } = readOptions<{ axes?: readonly number[] }>('tensorsolve', [options], {
    axes: kinds.any,
  })
  let x = a
  if (axes) {
    const moved = axes.map((d) => (d < 0 ? d + a.rank : d))
    x = permute(a, [...a.shape.map((_, i) => i).filter((i) => !moved.includes(i)), ...moved])
  }
  const shape = x.shape.slice(b.rank)
  const n = sizeOf(b.shape)
  if (sizeOf(shape) !== n)
    throw new ShapeError({
      op: 'tensorsolve',
      rule: 'the first axes of A, as many as B has, must hold as many elements as the others',
      got: `${show(x.shape)} and ${show(b.shape)}`,
    })
  return reshape(solve(reshape(x, [n, n]), reshape(b, [n])), shape)
}
/**
 * The inverse of a tensor whose first `ind` axes are its rows.
 * https://pytorch.org/docs/stable/generated/torch.linalg.tensorinv.html
 * @example linalg.tensorinv(tensor([[2, 0], [0, 4]]), 1) // [[0.5, 0], [0, 0.25]]
 */
export function tensorinv(a: Tensor, ind = 2): Tensor {
  const [first, last] = [a.shape.slice(0, ind), a.shape.slice(ind)]
  if (!(Number.isInteger(ind) && ind > 0) || sizeOf(first) !== sizeOf(last))
    throw new ShapeError({
      op: 'tensorinv',
      rule: 'the first axes must hold as many elements as the others',
      got: `${show(a.shape)} at ${ind}`,
    })
  return reshape(inv(reshape(a, [sizeOf(first), sizeOf(last)])), [...last, ...first])
}

/**
 * Powers 0, 1, ... of each element as columns. https://pytorch.org/docs/stable/generated/torch.linalg.vander.html
 * @example linalg.vander(tensor([2, 3])) // [[1, 2], [1, 3]]
 */
export function vander(values: Tensor, options: { N?: number } = {}): Tensor {
  const x = values.rank === 0 ? unsqueeze(values, 0) : values
  const { N = x.shape.at(-1)! } = readOptions<{ N?: number }>('vander', [options], {
    N: kinds.count,
  })
  const columns: Tensor[] = []
  for (let k = 0; k < N; k++) columns.push(k === 0 ? add(mul(x, 0), 1) : mul(columns[k - 1]!, x))
  return stack(columns, -1)
}
