/** Rows times weights of few bits. How these lie: kernels/quantized.h. */
import { sizeOf } from '../../core/shape.js'
import { opcodes } from '../cpu/opcodes.js'
import * as plain from '../reference/quantized.js'
import { type Records, typeCode } from './record.js'

export interface QuantizedRun {
  /** Of a code; 16 is bfloat16. */
  bits: 4 | 8 | 16
  /** Columns of the result. */
  columns: number
  /** How many consecutive inputs have a scale together; 0 for 16 bits. */
  group: number
  /** Is there a zero point for each scale? Otherwise it is the middle of the codes. */
  zeros: boolean
}
export interface QuantizedPrims {
  /** x (M, K), codes (panels, words, 32, 4 bytes or 2 bfloat16) [, scales (panels, groups, 32)] [, zeros, the same]: x W as (M, columns). */
  quantized: QuantizedRun
}

export const quantizedPrims = {
  quantized: {
    gives: ({ columns }, [x]) => ({ shape: [x!.shape[0]!, columns], dtype: x!.dtype }),
    flops: (_, [x], out) => 2 * sizeOf(out) * x!.shape[1]!,
    as: 'call',
    biasAxis: -1,
    batch: 'unrolled',
    words({ prim: { bits, group, columns }, inputs, outputs: [out], bias }) {
      const [x, codes, scales, zeros] = inputs
      const [m, k] = x.shape as [number, number]
      return [
        opcodes.QUANTIZED, typeCode(x), bits, m, columns, k, group, x, codes, scales, zeros, out, bias,
      ] // biome-ignore format: operands in the order of program.h
    },
    reference: ({ prim, inputs }, args, [out]) => plain.quantized(prim, inputs, args, out),
  },
} satisfies Records<keyof QuantizedPrims>
