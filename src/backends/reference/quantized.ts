/** Products with weights of few bits, code by code. See prims/quantized.ts for the operands. */
import type { TypedArray } from '../../core/dtype.js'
import type { Shape } from '../../core/shape.js'
import type { QuantizedRun } from '../prims/quantized.js'

const COLUMNS = 32

/**
 * Numbers of one group as multiples of a power of 2, at most 32767 of them: the largest that has all magnitudes below 2¹⁵
 * times it. With one that is not finite all are NaN.
 */
function rounded(x: ArrayLike<number>, from: number, to: number): number[] {
  const group = Array.from({ length: to - from }, (_, i) => x[from + i]!)
  const top = group.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
  if (!Number.isFinite(top)) return group.map(() => Number.NaN)
  let above = 2 ** -99
  while (above <= top) above *= 2
  const unit = above / 2 ** 15
  return group.map((v) => {
    const [y, low] = [v / unit, Math.floor(v / unit)]
    const even = low % 2 === 0 ? low : low + 1
    const near = y - low === 0.5 ? even : Math.round(y)
    return Math.max(-32767, Math.min(32767, near)) * unit
  })
}

export function quantized(
  { bits, columns, group, zeros }: QuantizedRun,
  [x]: readonly { shape: Shape }[],
  [numbers, codes, scales, zeroPoints]: readonly TypedArray[],
  out: TypedArray,
): void {
  const [M, K] = x!.shape as [number, number]
  const per = 32 / bits
  const words = Math.ceil(K / per)
  const groups = group ? Math.ceil(K / group) : 0
  const weight = (k: number, n: number): number => {
    const [panel, column] = [Math.floor(n / COLUMNS), n % COLUMNS]
    const word = (panel * words + Math.floor(k / per)) * COLUMNS + column
    if (bits === 16) return codes![2 * word + (k % 2)]!
    const code =
      bits === 8
        ? codes![4 * word + (k % 4)]!
        : (codes![4 * word + Math.floor((k % 8) / 2)]! >> (4 * (k % 2))) & 15
    const at = (panel * groups + Math.floor(k / group)) * COLUMNS + column
    return (code - (zeros ? zeroPoints![at]! : 2 ** (bits - 1))) * scales![at]!
  }
  for (let m = 0; m < M; m++) {
    const row: number[] = []
    if (bits === 16) for (let k = 0; k < K; k++) row.push(numbers![m * K + k]!)
    else
      for (let g = 0; g < groups; g++)
        row.push(...rounded(numbers!, m * K + g * group, m * K + Math.min(K, (g + 1) * group)))
    for (let n = 0; n < columns; n++) {
      let sum = 0
      for (let k = 0; k < K; k++) sum += row[k]! * weight(k, n)
      out[m * columns + n] = sum
    }
  }
}
