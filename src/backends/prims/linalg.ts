/** Factorizations of matrices, and the Fourier transform. */
import { sizeOf } from '../../core/shape.js'
import { opcodes } from '../cpu/opcodes.js'
import * as plain from '../reference/linalg.js'
import { indices, type Records, same, typeCode } from './record.js'

export interface LinalgPrims {
  /**
   * Of matrices (batch, m, n), floating point. Outputs: L below the diagonal with U on and above it; int32 rows that each
   * row was exchanged with (batch, min(m, n)); int32 number of the first pivot that is 0, from 1, or 0 (batch).
   */
  lu: object
  /** Of (batch, n, n), the lower triangle. Outputs: L, NaN where there is none; int32 order of the first minor that is not positive, or 0. */
  cholesky: object
  /** X of T X = B, or Tᵀ X = B: T (batch, n, n), B (batch, n, columns). */
  solveTriangular: { upper: boolean; transposed: boolean; unit: boolean }
  /** Of (batch, m, n) by Householder reflections. Outputs: R on and above the diagonal, the reflections below it; their factors (batch, min(m, n)). */
  qr: object
  /** The first columns of the product of reflections as 'qr' gives them: packed (batch, m, n), factors (batch, k). */
  householderProduct: { columns: number }
  /** Of (batch, n, n) float64, the lower triangle. Outputs: values ascending (batch, n); vectors in columns. */
  eigh: object
  /** Of (batch, m, n) float64, m >= n. Outputs: U (batch, m, n); Vᵀ (batch, n, n); values descending (batch, n). */
  svd: object
  /** Rows (rows, n, 2) of complex numbers: sums of x exp(sign 2πi jk/n). */
  fft: { sign: 1 | -1 }
}

const cube = (n: number): number => n * n * n

export const linalgPrims = {
  lu: {
    gives: same,
    more: (_, { shape: [batch, m, n] }) => [indices([batch!, Math.min(m!, n!)]), indices([batch!])],
    flops: (_, [x]) => {
      const [batch, m, n] = x!.shape as [number, number, number]
      const k = Math.min(m, n)
      return Math.round(batch * (2 * m * n * k - (m + n) * k * k + (2 / 3) * k * k * k))
    },
    as: 'call',
    batch: 'rows',
    words: ({ inputs: [x], outputs }) => [opcodes.LU, typeCode(x), ...x.shape, x, ...outputs],
    reference: plain.eachMatrix((n, [x]) => {
      const { a, pivots, zero } = plain.lu(x(), n.inputs[0]!.shape[2]!)
      return [a, pivots, [zero]]
    }),
  },
  cholesky: {
    gives: same,
    more: (_, { shape }) => [indices([shape[0]!])],
    flops: (_, [x]) => Math.round((x!.shape[0]! * cube(x!.shape[1]!)) / 3),
    as: 'call',
    batch: 'rows',
    words: ({ inputs: [x], outputs }) => [
      opcodes.CHOLESKY, typeCode(x), ...x.shape.slice(0, 2), x, ...outputs,
    ], // biome-ignore format: operands in the order of program.h
    reference: plain.eachMatrix((_, [x]) => {
      const { l, minor } = plain.cholesky(x())
      return [l, [minor]]
    }),
  },
  solveTriangular: {
    gives: (_, [, b]) => b!,
    flops: (_, [t], out) => sizeOf(out) * t!.shape[1]!,
    as: 'call',
    batch: 'rows',
    words({ prim, inputs: [t, b], outputs: [to] }) {
      const flags = [prim.upper, prim.transposed, prim.unit].map(Number)
      return [opcodes.SOLVE_TRIANGULAR, typeCode(to), ...to.shape, ...flags, t, b, to]
    },
    reference: plain.eachMatrix(({ prim }, [t, b]) => [plain.solveTriangular(t(), b(), prim)]),
  },
  qr: {
    gives: same,
    more: (_, { shape: [batch, m, n], dtype }) => [{ shape: [batch!, Math.min(m!, n!)], dtype }],
    flops: (_, [x]) => {
      const [batch, m, n] = x!.shape as [number, number, number]
      const k = Math.min(m, n)
      return Math.round(batch * (4 * m * n * k - 2 * (m + n) * k * k + (4 / 3) * k * k * k))
    },
    as: 'call',
    batch: 'rows',
    words: ({ inputs: [x], outputs }) => [opcodes.QR, typeCode(x), ...x.shape, x, ...outputs],
    reference: plain.eachMatrix((n, [x]) => {
      const { a, tau } = plain.qr(x(), n.inputs[0]!.shape[2]!)
      return [a, tau]
    }),
  },
  householderProduct: {
    gives: ({ columns }, [x]) => ({
      shape: [x!.shape[0]!, x!.shape[1]!, columns],
      dtype: x!.dtype,
    }),
    flops: (_, [, tau], out) => 4 * sizeOf(out) * tau!.shape[1]!,
    as: 'call',
    batch: 'rows',
    words: ({ prim, inputs: [x, tau], outputs: [to] }) => [
      opcodes.HOUSEHOLDER, typeCode(to), ...x.shape, tau.shape[1]!, prim.columns, x, tau, to,
    ], // biome-ignore format: operands in the order of program.h
    reference: plain.eachMatrix(({ prim }, [x, tau]) => [
      plain.householderProduct(x(), tau().flat(), prim.columns),
    ]),
  },
  eigh: {
    gives: (_, [x]) => ({ shape: [x!.shape[0]!, x!.shape[1]!], dtype: x!.dtype }),
    more: (_, { shape: [batch, n], dtype }) => [{ shape: [batch!, n!, n!], dtype }],
    flops: (_, [x]) => 9 * x!.shape[0]! * cube(x!.shape[1]!),
    as: 'call',
    batch: 'rows',
    words: ({ inputs: [x], outputs }) => [
      opcodes.EIGH, typeCode(x), ...x.shape.slice(0, 2), x, ...outputs,
    ], // biome-ignore format: operands in the order of program.h
    reference: plain.eachMatrix((_, [x]) => {
      const { values, vectors } = plain.eigh(x())
      return [values, vectors]
    }),
  },
  svd: {
    gives: same,
    more: (_, { shape: [batch, , n], dtype }) => [
      { shape: [batch!, n!, n!], dtype },
      { shape: [batch!, n!], dtype },
    ],
    flops: (_, [x]) => 16 * sizeOf(x!.shape) * x!.shape[2]!,
    as: 'call',
    batch: 'rows',
    words: ({ inputs: [x], outputs: [u, vt, s] }) => [
      opcodes.SVD, typeCode(x), ...x.shape, x, s, u, vt,
    ], // biome-ignore format: operands in the order of program.h
    reference: plain.eachMatrix((n, [x]) => {
      const { u, vt, s } = plain.svd(x(), n.inputs[0]!.shape[2]!)
      return [u, vt, s]
    }),
  },
  fft: {
    gives: same,
    flops: (_, [x]) => Math.round(2.5 * sizeOf(x!.shape) * Math.log2(Math.max(2, x!.shape[1]!))),
    as: 'call',
    batch: 'rows',
    words: ({ prim, inputs: [x], outputs: [to] }) => [
      opcodes.FFT, typeCode(to), ...x.shape.slice(0, 2), prim.sign, x, to,
    ], // biome-ignore format: operands in the order of program.h
    reference: plain.eachMatrix(({ prim }, [x]) => [plain.fft(x(), prim.sign)]),
  },
} satisfies Records<keyof LinalgPrims>
