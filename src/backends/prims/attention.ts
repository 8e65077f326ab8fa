/** Attention over canonical shapes: q (B, H, L, E), k (B, G, S, E), v (B, G, S, D), G dividing H. */
import type { Shape } from '../../core/shape.js'
import { dtypeCodes, opcodes } from '../cpu/opcodes.js'
import type { Block } from '../lower/plan.js'
import * as plain from '../reference/attention.js'
import { type Records, type Typed, typeCode, type Word } from './record.js'

export interface AttentionRun {
  scale: number
  /** Query i sees keys 0 to i. */
  causal: boolean
  /** Is there a mask (B, H, L, S): bool, true where a key takes part, or added? */
  mask: boolean
  /** The probability that a weight is dropped; above 0 there is the state of a generator, int32[3]. */
  p: number
}
export interface AttentionPrims {
  /** q, k, v [, mask] [, state]: softmax(q kᵀ scale + mask) v as (B, L, H, D); of each row the largest score and the logarithm of the sum of exponentials less it, (B, H, L, 2). */
  attention: AttentionRun
  /** ct (B, H, L, D), these two (B, H, L, 2), sums of ct · output (B, H, L, 1), q, k, v [, mask] [, state]: gradients (B, L, H, E), (B, S, G, E), (B, S, G, D). */
  attentionBack: AttentionRun & { keys: Shape; values: Shape }
}

const number = (x: number): number => new Int32Array(Float32Array.of(x).buffer)[0]!

/** An operand and its four strides. */
const side = (x: Block | undefined): Word[] =>
  x ? [x, ...x.strides.map((s, i) => (x.shape[i] === 1 ? 0 : s))] : [undefined, 0, 0, 0, 0]

/** ATTENTION_FORM of program.h. */
function form(
  { scale, causal, mask, p }: AttentionRun,
  [q, k, v, ...rest]: readonly Block[],
): Word[] {
  const [B, H, L, E] = q!.shape as [number, number, number, number]
  const [, G, S, D] = v!.shape as [number, number, number, number]
  const masked = mask ? rest[0] : undefined
  return [
    ...[B, H, G, L, S, E, D, causal ? 1 : 0, number(scale)],
    masked ? dtypeCodes[masked.dtype] : -1,
    ...[Math.ceil(p * 2 ** 24), number(p < 1 ? 1 / (1 - p) : 0)],
    ...[q, k, v, masked].flatMap(side),
    p > 0 ? rest[mask ? 1 : 0] : undefined,
  ]
}

/** Two operations for each query, key and number of their products, half of them when the future is hidden. */
function flops(
  causal: boolean,
  times: number,
  [q, v]: readonly ({ shape: Shape } | undefined)[],
): number {
  const [B, H, L, E] = q!.shape as [number, number, number, number]
  const [, , S, D] = v!.shape as [number, number, number, number]
  return Math.round((times * B * H * L * S * (E + D)) / (causal ? 2 : 1))
}
/** (B, heads, rows, width) as the instruction writes it. */
const written = ([B, heads, rows]: Shape, width: number): Shape => [B!, rows!, heads!, width]

export const attentionPrims = {
  attention: {
    gives: (_, [q, , v]) => ({ shape: written(q!.shape, v!.shape[3]!), dtype: q!.dtype }),
    more: (_, { shape: [B, L, H], dtype }) => [{ shape: [B!, H!, L!, 2], dtype }],
    flops: ({ causal }, [q, , v]) => flops(causal, 2, [q, v]),
    as: 'call',
    strided: true,
    batch: 'unrolled',
    words: ({ prim, inputs, outputs }) => [
      opcodes.ATTENTION, typeCode(inputs[0]), ...form(prim, inputs), outputs[0], outputs[1],
    ], // biome-ignore format: operands in the order of program.h
    reference: ({ prim, inputs }, args, outputs) => plain.attention(prim, inputs, args, outputs),
  },
  attentionBack: {
    gives: (_, [, , , q]) => ({ shape: written(q!.shape, q!.shape[3]!), dtype: q!.dtype }),
    more: ({ keys, values }, { dtype }): Typed[] =>
      [keys, values].map((s) => ({ shape: written(s, s[3]!), dtype })),
    flops: ({ causal }, [, , , q, , v]) => flops(causal, 5, [q, v]),
    as: 'call',
    strided: true,
    batch: 'unrolled',
    words({ prim, inputs, outputs }) {
      const [ct, saved, delta, ...rest] = inputs
      return [
        opcodes.ATTENTION_BACK, typeCode(ct), ...form(prim, rest), ...[ct, saved, delta].flatMap(side), ...outputs,
      ] // biome-ignore format: operands in the order of program.h
    },
    reference: ({ prim, inputs }, args, outputs) =>
      plain.attentionBack(prim, inputs, args, outputs),
  },
} satisfies Records<keyof AttentionPrims>
