/** LDLᵀ factors of symmetric matrices that need not be positive definite. */
import { DTypeError, ShapeError, show } from '../core/errors.js'
import { isFloat } from '../core/dtype.js'
import { broadcastShapes, sizeOf } from '../core/shape.js'
import { expand, reshape } from '../ops/broadcast.js'
import { defineOp, toType } from '../ops/define.js'
import { hostCall } from '../ops/host.js'
import type { Tensor } from '../ops/tensor.js'
import { checked } from './checked.js'
import { flat, matrices, unit } from './matrices.js'

type Numbers = Float64Array
/** A matrix in row-major order. */
interface Matrix {
  data: Numbers
  n: number
}
/** (1 + √17)/8: what keeps elements from growing most. */
const ALPHA = (1 + Math.sqrt(17)) / 8

/** The place of the largest magnitude of `at(i)` for lo ≤ i < hi. */
function largest(lo: number, hi: number, at: (i: number) => number): [place: number, size: number] {
  let [place, size] = [lo, -1]
  for (let i = lo; i < hi; i++) {
    const v = Math.abs(at(i))
    if (v > size) [place, size] = [i, v]
  }
  return [place, Math.max(size, 0)]
}

/**
 * Bunch and Kaufman's diagonal pivoting (1977) on the lower triangle, as LAPACK's sytf2 has it: pivots from 1, those of blocks
 * of two twice and negative. Gives the number of the first block that is 0, from 1, or 0.
 */
function factor({ data: a, n }: Matrix, pivots: Int32Array): number {
  const at = (i: number, j: number) => a[i * n + j]!
  const swap = (i: number, j: number, k: number, l: number) => {
    const t = at(i, j)
    a[i * n + j] = at(k, l)
    a[k * n + l] = t
  }
  let info = 0
  let step = 1
  for (let k = 0; k < n; k += step) {
    step = 1
    let p = k
    const size = Math.abs(at(k, k))
    const [row, column] = largest(k + 1, n, (i) => at(i, k))
    if (Math.max(size, column) === 0) {
      info ||= k + 1
      pivots[k] = k + 1
      continue
    }
    if (size < ALPHA * column) {
      const widest = Math.max(
        largest(k, row, (j) => at(row, j))[1],
        largest(row + 1, n, (i) => at(i, row))[1],
      )
      if (size < ALPHA * column * (column / widest)) {
        p = row
        if (Math.abs(at(row, row)) < ALPHA * widest) step = 2
      }
    }
    const q = k + step - 1
    if (p !== q) {
      for (let i = p + 1; i < n; i++) swap(i, q, i, p)
      for (let i = q + 1; i < p; i++) swap(i, q, p, i)
      swap(q, q, p, p)
      if (step === 2) swap(k + 1, k, p, k)
    }
    if (step === 1) {
      const d = 1 / at(k, k)
      for (let j = k + 1; j < n; j++)
        for (let i = j; i < n; i++) a[i * n + j]! -= at(i, k) * d * at(j, k)
      for (let i = k + 1; i < n; i++) a[i * n + k]! *= d
      pivots[k] = p + 1
      continue
    }
    const off = at(k + 1, k)
    const [d11, d22] = [at(k + 1, k + 1) / off, at(k, k) / off]
    const d21 = 1 / (d11 * d22 - 1) / off
    for (let j = k + 2; j < n; j++) {
      const u = d21 * (d11 * at(j, k) - at(j, k + 1))
      const v = d21 * (d22 * at(j, k + 1) - at(j, k))
      for (let i = j; i < n; i++) a[i * n + j]! -= at(i, k) * u + at(i, k + 1) * v
      a[j * n + k] = u
      a[j * n + k + 1] = v
    }
    pivots[k] = -(p + 1)
    pivots[k + 1] = -(p + 1)
  }
  return info
}

/** X of A X = B by the factors, in the place of B (n, columns). */
function solveInPlace(
  { data: a, n }: Matrix,
  pivots: Int32Array,
  b: Numbers,
  columns: number,
): void {
  const at = (i: number, j: number) => a[i * n + j]!
  const exchange = (i: number, k: number) => {
    for (let c = 0; i !== k && c < columns; c++) {
      const t = b[i * columns + c]!
      b[i * columns + c] = b[k * columns + c]!
      b[k * columns + c] = t
    }
  }
  /** Row `to` minus `factor` times row `from`. */
  const minus = (to: number, from: number, f: number) => {
    for (let c = 0; c < columns; c++) b[to * columns + c]! -= f * b[from * columns + c]!
  }
  for (let k = 0; k < n; ) {
    const p = pivots[k]!
    if (p > 0) {
      exchange(k, p - 1)
      for (let i = k + 1; i < n; i++) minus(i, k, at(i, k))
      for (let c = 0; c < columns; c++) b[k * columns + c]! /= at(k, k)
      k++
      continue
    }
    exchange(k + 1, -p - 1)
    for (let i = k + 2; i < n; i++) {
      minus(i, k, at(i, k))
      minus(i, k + 1, at(i, k + 1))
    }
    const off = at(k + 1, k)
    const [u, v] = [at(k, k) / off, at(k + 1, k + 1) / off]
    for (let c = 0; c < columns; c++) {
      const [x, y] = [b[k * columns + c]! / off, b[(k + 1) * columns + c]! / off]
      b[k * columns + c] = (v * x - y) / (u * v - 1)
      b[(k + 1) * columns + c] = (u * y - x) / (u * v - 1)
    }
    k += 2
  }
  for (let k = n - 1; k >= 0; ) {
    const p = pivots[k]!
    const first = p > 0 ? k : k - 1
    for (let i = k + 1; i < n; i++) for (let to = first; to <= k; to++) minus(to, i, at(i, to))
    exchange(k, Math.abs(p) - 1)
    k = first - 1
  }
}

/** Elements of a tensor of the host, as float64. */
const doubles = (t: { data(): ArrayLike<number | bigint> }): Numbers =>
  Float64Array.from(t.data() as ArrayLike<number>)

/**
 * The factors P L D Lᵀ Pᵀ of symmetric matrices, D with blocks of one or two on its diagonal, [LD, pivots, info]: L below the
 * diagonal and D, pivots as LAPACK has them, and the number of the first block of D that is 0, or 0. Only the lower triangle is
 * read. The host computes in float64.
 *
 * Shapes: a (..., n, n); LD the same, pivots (..., n) and info (...) int32.
 * https://pytorch.org/docs/stable/generated/torch.linalg.ldl_factor_ex.html
 * @throws ShapeError for what is not square
 * @example linalg.ldlFactorEx(tensor([[0, 1], [1, 0]]))[1] // [-2, -2]
 */
export const ldlFactorEx = defineOp({
  name: 'ldlFactorEx',
  formula: 'A = P L D Lᵀ Pᵀ',
  source: 'https://doi.org/10.1090/S0025-5718-1977-0428694-0',
  args: (a: Tensor) => ({ inputs: [matrices('ldlFactorEx', a, true)], attrs: {} }),
  forward: ([a]) => {
    const { x, batch } = flat(a!)
    const [count, n] = x.shape as [number, number]
    const call = {
      name: 'ldlFactorEx',
      start(
        [from]: readonly { data(): ArrayLike<number | bigint> }[],
        [to, places, faults]: readonly { data(): unknown }[],
      ) {
        const all = doubles(from!)
        const [pivots, info] = [places!.data() as Int32Array, faults!.data() as Int32Array]
        for (let m = 0; m < count; m++) {
          const data = all.subarray(m * n * n, (m + 1) * n * n)
          info[m] = factor({ data, n }, pivots.subarray(m * n, (m + 1) * n))
        }
        // Nothing stands above the diagonal.
        for (let m = 0; m < count; m++)
          for (let i = 0; i < n; i++) all.fill(0, (m * n + i) * n + i + 1, (m * n + i + 1) * n)
        ;(to!.data() as Numbers).set(all)
      },
    }
    const [ld, pivots, info] = hostCall(
      call,
      [x],
      [
        { shape: x.shape, dtype: x.dtype },
        { shape: [count, n], dtype: 'int32' },
        { shape: [count], dtype: 'int32' },
      ],
    ) as [Tensor, Tensor, Tensor]
    return [reshape(ld, a!.shape), reshape(pivots, [...batch, n]), reshape(info, batch)]
  },
  differentiable: false,
  example: (m) => [
    [
      m.of([
        [4, 2],
        [2, 5],
      ]),
    ],
    [
      [
        [4, 0],
        [0.5, 4],
      ],
      [1, 2],
      0,
    ],
  ],
  samples: (m) => [[unit(m, 3)], [m.float([2, 4, 4])], [m.float([0, 3, 3])], [m.float([0, 0])]],
})

/**
 * The factors of symmetric matrices as `ldlFactorEx` gives them, [LD, pivots].
 * @throws ShapeError for what is not square; IndexError where a block of D is 0
 * @example linalg.ldlFactor(tensor([[4, 2], [2, 5]])) // [[[4, 0], [0.5, 4]], [1, 2]]
 */
export function ldlFactor(a: Tensor): [ld: Tensor, pivots: Tensor] {
  const [ld, pivots, info] = ldlFactorEx(a) as [Tensor, Tensor, Tensor]
  return [checked('ldlFactor', ld, info, 'the first block of D that is 0'), pivots]
}

/**
 * X of A X = B by the factors that `ldlFactor` gives.
 *
 * Shapes: ld (..., n, n), pivots (..., n), b (..., n, k); the axes before broadcast. The host computes in float64.
 * https://pytorch.org/docs/stable/generated/torch.linalg.ldl_solve.html
 * @throws ShapeError for shapes that do not fit
 * @example linalg.ldlSolve(...linalg.ldlFactor(tensor([[4, 2], [2, 5]])), tensor([[6], [7]])) // [[1], [1]]
 */
export const ldlSolve = defineOp({
  name: 'ldlSolve',
  formula: 'X = A⁻¹ B,  A = P L D Lᵀ Pᵀ',
  source: 'https://doi.org/10.1090/S0025-5718-1977-0428694-0',
  args: (ld: Tensor, pivots: Tensor, b: Tensor) => {
    const op = 'ldlSolve'
    const [a, rhs] = [matrices(op, ld, true), matrices(op, b)]
    const n = a.shape[a.rank - 1]!
    if (!isFloat(rhs.dtype) || rhs.dtype !== a.dtype)
      throw new DTypeError({ op, rule: `b must be ${a.dtype}, as the factors are`, got: rhs.dtype })
    if (rhs.shape[rhs.rank - 2] !== n || `${pivots.shape}` !== `${a.shape.slice(0, -1)}`)
      throw new ShapeError({
        op,
        rule: `pivots must be ${show(a.shape.slice(0, -1))} and b (..., ${n}, k)`,
        got: `${show(pivots.shape)} and ${show(rhs.shape)}`,
      })
    return { inputs: [a, toType(pivots, 'int32'), rhs], attrs: {} }
  },
  forward: ([ld, pivots, b]) => {
    const n = ld!.shape[ld!.rank - 1]!
    const columns = b!.shape[b!.rank - 1]!
    const batch = broadcastShapes('ldlSolve', ld!.shape.slice(0, -2), b!.shape.slice(0, -2))
    const inputs = [
      expand(ld!, [...batch, n, n]),
      expand(pivots!, [...batch, n]),
      expand(b!, [...batch, n, columns]),
    ]
    const count = sizeOf(batch)
    const call = {
      name: 'ldlSolve',
      start(
        from: readonly { data(): ArrayLike<number | bigint> }[],
        [to]: readonly { data(): unknown }[],
      ) {
        const [a, x] = [doubles(from[0]!), doubles(from[2]!)]
        const p = from[1]!.data() as Int32Array
        for (let m = 0; m < count; m++)
          solveInPlace(
            { data: a.subarray(m * n * n, (m + 1) * n * n), n },
            p.subarray(m * n, (m + 1) * n),
            x.subarray(m * n * columns, (m + 1) * n * columns),
            columns,
          )
        ;(to!.data() as Numbers).set(x)
      },
    }
    return hostCall(call, inputs, [{ shape: [...batch, n, columns], dtype: b!.dtype }])[0]!
  },
  differentiable: false,
  example: (m) => [
    [
      m.of([
        [4, 2],
        [0.5, 4],
      ]),
      m.of([1, 2], 'int32'),
      m.of([[6], [7]]),
    ],
    [[1], [1]],
  ],
  samples: (m) => [
    [m.float([2, 2], 1, 2), m.of([1, 2], 'int32'), m.float([2, 3])],
    [m.float([3, 2, 2], 1, 2), m.int([3, 2], 1, 2), m.float([2, 1])],
    [m.float([0, 0]), m.int([0], 0, 1), m.float([0, 2])],
  ],
})
