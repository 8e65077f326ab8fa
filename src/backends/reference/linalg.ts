/** Factorizations and transforms as the plainest loops: one matrix, row by row, in double precision. */
import type { Computed, Op, Reference, Several } from '../prims/record.js'

type Numbers = ArrayLike<number>
type Rows = number[][]

const toRows = (x: Numbers, at: number, m: number, n: number): Rows =>
  Array.from({ length: m }, (_, i) => Array.from({ length: n }, (_, j) => x[at + i * n + j]!))

/** P A = L U by Gaussian elimination with the largest pivot of each column. */
export function lu(a: Rows, n: number): { a: Rows; pivots: number[]; zero: number } {
  const m = a.length
  const pivots: number[] = []
  let zero = 0
  for (let j = 0; j < Math.min(m, n); j++) {
    let p = j
    for (let i = j + 1; i < m; i++) if (Math.abs(a[i]![j]!) > Math.abs(a[p]![j]!)) p = i
    pivots.push(p)
    ;[a[j], a[p]] = [a[p]!, a[j]!]
    if (a[j]![j] === 0) {
      zero ||= j + 1
      continue
    }
    for (let i = j + 1; i < m; i++) {
      const l = a[i]![j]! / a[j]![j]!
      a[i]![j] = l
      for (let k = j + 1; k < n; k++) a[i]![k]! -= l * a[j]![k]!
    }
  }
  return { a, pivots, zero }
}

/** A = L Lᵀ, of the lower triangle. */
export function cholesky(a: Rows): { l: Rows; minor: number } {
  const n = a.length
  const l = a.map((row) => row.map(() => 0))
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let s = a[i]![j]!
      for (let k = 0; k < j; k++) s -= l[i]![k]! * l[j]![k]!
      if (i === j && !(s > 0)) return { l: a.map((row) => row.map(() => Number.NaN)), minor: i + 1 }
      l[i]![j] = i === j ? Math.sqrt(s) : s / l[j]![j]!
    }
  return { l, minor: 0 }
}

/** X of T X = B, or Tᵀ X = B, over B. */
export function solveTriangular(
  t: Rows,
  b: Rows,
  { upper, transposed, unit }: { upper: boolean; transposed: boolean; unit: boolean },
): Rows {
  const n = t.length
  const at = (i: number, j: number) => (transposed ? t[j]![i]! : t[i]![j]!)
  const backward = upper !== transposed
  for (let step = 0; step < n; step++) {
    const i = backward ? n - 1 - step : step
    b[i]!.forEach((value, c) => {
      let s = value
      for (let k = backward ? i + 1 : 0; k < (backward ? n : i); k++) s -= at(i, k) * b[k]![c]!
      b[i]![c] = unit ? s : s / at(i, i)
    })
  }
  return b
}

/** Householder reflections I − τ v vᵀ from the left, one a column: R above, v below the diagonal. */
export function qr(a: Rows, n: number): { a: Rows; tau: number[] } {
  const m = a.length
  const tau: number[] = []
  for (let j = 0; j < Math.min(m, n); j++) {
    const alpha = a[j]![j]!
    const below = Math.hypot(...a.slice(j + 1).map((row) => row[j]!), 0)
    if (below === 0) {
      tau.push(0)
      continue
    }
    const beta = (alpha > 0 ? -1 : 1) * Math.hypot(alpha, below)
    const t = (beta - alpha) / beta
    tau.push(t)
    const v = a.map((row, i) => (i < j ? 0 : i === j ? 1 : row[j]! / (alpha - beta)))
    for (let c = j + 1; c < n; c++) {
      let s = 0
      for (let i = j; i < m; i++) s += v[i]! * a[i]![c]!
      for (let i = j; i < m; i++) a[i]![c]! -= t * s * v[i]!
    }
    a[j]![j] = beta
    for (let i = j + 1; i < m; i++) a[i]![j] = v[i]!
  }
  return { a, tau }
}

/** The first columns of H1 H2 ..., from reflections as `qr` leaves them. */
export function householderProduct(a: Rows, tau: readonly number[], columns: number): Rows {
  const m = a.length
  const q = Array.from({ length: m }, (_, i) =>
    Array.from({ length: columns }, (_, j) => Number(i === j)),
  )
  for (let j = tau.length - 1; j >= 0; j--)
    for (let c = 0; c < columns; c++) {
      let s = 0
      for (let i = j; i < m; i++) s += (i === j ? 1 : a[i]![j]!) * q[i]![c]!
      for (let i = j; i < m; i++) q[i]![c]! -= tau[j]! * s * (i === j ? 1 : a[i]![j]!)
    }
  return q
}

/** Jacobi's rotations until nothing is left beside the diagonal; of the lower triangle, values ascending. */
export function eigh(a: Rows): { values: number[]; vectors: Rows } {
  const n = a.length
  const s = a.map((row, i) => row.map((_, j) => (j <= i ? a[i]![j]! : a[j]![i]!)))
  if (!s.flat().every(Number.isFinite))
    return { values: s.map(() => Number.NaN), vectors: s.map((r) => r.map(() => Number.NaN)) }
  const v = s.map((row, i) => row.map((_, j) => Number(i === j)))
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const g = s[p]![q]!
        if (Math.abs(g) <= 1e-17 * Math.hypot(s[p]![p]!, s[q]![q]!) || g === 0) continue
        off++
        const theta = (s[q]![q]! - s[p]![p]!) / (2 * g)
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1))
        const c = 1 / Math.hypot(t, 1)
        const d = t * c
        for (let k = 0; k < n; k++) {
          const [x, y] = [s[k]![p]!, s[k]![q]!]
          s[k]![p] = c * x - d * y
          s[k]![q] = d * x + c * y
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [s[p]![k]!, s[q]![k]!]
          s[p]![k] = c * x - d * y
          s[q]![k] = d * x + c * y
          const [u, w] = [v[k]![p]!, v[k]![q]!]
          v[k]![p] = c * u - d * w
          v[k]![q] = d * u + c * w
        }
        s[p]![q] = s[q]![p] = 0
      }
    if (off === 0) break
  }
  const order = s.map((_, i) => i).sort((i, j) => s[i]![i]! - s[j]![j]!)
  return { values: order.map((i) => s[i]![i]!), vectors: v.map((row) => order.map((i) => row[i]!)) }
}

/** One-sided Jacobi: the columns are turned until they are orthogonal. m >= n, values descending. */
export function svd(a: Rows, n: number): { u: Rows; s: number[]; vt: Rows } {
  const m = a.length
  const nan = (rows: number, cols: number) =>
    Array.from({ length: rows }, () => new Array<number>(cols).fill(Number.NaN))
  if (!a.flat().every(Number.isFinite))
    return { u: nan(m, n), s: new Array<number>(n).fill(Number.NaN), vt: nan(n, n) }
  const w = Array.from({ length: n }, (_, j) => a.map((row) => row[j]!)) // columns
  const v = Array.from({ length: n }, (_, j) =>
    Array.from({ length: n }, (_, i) => Number(i === j)),
  )
  const dot = (x: number[], y: number[]) => x.reduce((sum, xi, i) => sum + xi * y[i]!, 0)
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const [x, y] = [dot(w[p]!, w[p]!), dot(w[q]!, w[q]!)]
        const g = dot(w[p]!, w[q]!)
        if (g === 0 || Math.abs(g) <= 1e-16 * Math.sqrt(x * y)) continue
        off++
        const zeta = (y - x) / (2 * g)
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(zeta, 1))
        const c = 1 / Math.hypot(t, 1)
        const d = t * c
        for (const list of [w, v])
          list[p]!.forEach((e, i) => {
            const f = list[q]![i]!
            list[p]![i] = c * e - d * f
            list[q]![i] = d * e + c * f
          })
      }
    if (off === 0) break
  }
  const length = w.map((x) => Math.sqrt(dot(x, x)))
  const order = length.map((_, j) => j).sort((i, j) => length[j]! - length[i]!)
  const top = Math.max(0, ...length)
  const columns: number[][] = []
  for (const j of order) {
    // A column of length 0 has no direction: any that is orthogonal to the others.
    let column = w[j]!.map((x) => x / length[j]!)
    for (let k = 0; !(length[j]! > 1e-15 * top) && k < m; k++) {
      column = w[j]!.map((_, i) => Number(i === k))
      for (const other of columns) {
        const s = dot(other, column)
        column = column.map((x, i) => x - s * other[i]!)
      }
      const l = Math.sqrt(dot(column, column))
      column = column.map((x) => x / l)
      if (l > 0.5 / Math.sqrt(m)) break
    }
    columns.push(column)
  }
  return {
    u: Array.from({ length: m }, (_, i) => columns.map((c) => c[i]!)),
    s: order.map((j) => length[j]!),
    vt: order.map((j) => v[j]!),
  }
}

/** The sums as they stand, of rows of real and imaginary parts. */
export function fft(x: Rows, sign: 1 | -1): Rows {
  const n = x.length
  return x.map((_, k) => {
    let [re, im] = [0, 0]
    x.forEach(([a, b], j) => {
      const angle = ((sign * 2 * Math.PI) / n) * ((j * k) % n)
      const [c, s] = [Math.cos(angle), Math.sin(angle)]
      re += a! * c - b! * s
      im += a! * s + b! * c
    })
    return [re, im]
  })
}

/**
 * One matrix after the other: `f` gets functions that give those of the inputs, and gives the parts of all outputs. An
 * input of vectors is given as matrices of one row.
 */
export const eachMatrix =
  <K extends Op>(
    f: (n: Computed<K>, matrices: Several<() => Rows>) => readonly (readonly number[] | Rows)[],
  ): Reference<K> =>
  (n, args, outputs) => {
    const batch = n.inputs[0]!.shape[0]!
    for (let b = 0; b < batch; b++) {
      const matrices = n.inputs.map(({ shape }, i) => {
        const [rows, cols] = shape.length === 3 ? shape.slice(1) : [1, shape[1]!]
        return () => toRows(args[i]!, b * rows! * cols!, rows!, cols!)
      })
      const parts = f(n, matrices as unknown as Several<() => Rows>)
      parts.forEach((part, i) => {
        const flat = part.flat() as number[]
        outputs[i]!.set(flat, b * flat.length)
      })
    }
  }
