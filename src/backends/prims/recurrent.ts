/** Recurrent layers over whole sequences. */
import { cells, opcodes } from '../cpu/opcodes.js'
import { type RecurrentRun, recurrentCells } from '../ir.js'
import type { Block } from '../lower/plan.js'
import * as plain from '../reference/recurrent.js'
import { type PrimOf, type Records, typeCode } from './record.js'

export interface RecurrentPrims {
  /** x (rows, gates · H), weight (gates · H, H), h0 (B, H) [, LSTM: c0 (B, H)] [, GRU: bias (H)]: what each row saves for backward, its state first, (rows, saved · H). See ops/recurrence.ts. */
  recurrent: { run: RecurrentRun }
  /** What each row saved, ct of h (rows, H), weight, h0 [, LSTM: c0] [, LSTM: ct of c]: the gradients of each row, (rows, grads · H). */
  recurrentBack: { run: RecurrentRun }
}

const flops = (
  { run }: PrimOf<'recurrent' | 'recurrentBack'>,
  inputs: readonly { shape: readonly number[] }[],
): number => {
  // Of the weights (gates · H, H), or of ct (rows, H).
  const H = inputs[1]!.shape[1]!
  return 2 * inputs[0]!.shape[0]! * H * H * recurrentCells[run.cell].gates
}
/** LAYER of program.h; the hidden size is that of the first state. */
const layer = ({ cell, reverse, steps }: RecurrentRun, state: Block): number[] => [
  cells[cell],
  reverse ? 1 : 0,
  steps.length,
  state.shape[1]!,
  ...steps,
]

export const recurrentPrims = {
  recurrent: {
    gives: ({ run }, [x, w]) => ({
      shape: [x!.shape[0]!, w!.shape[1]! * recurrentCells[run.cell].saved],
      dtype: x!.dtype,
    }),
    flops,
    as: 'call',
    batch: 'unrolled',
    words({ prim: { run }, inputs, outputs: [to] }) {
      const bias = run.cell === 'gru' && inputs.length === 3 ? [undefined] : []
      return [opcodes.RECURRENT, typeCode(to), ...layer(run, inputs[2]), ...inputs, ...bias, to]
    },
    reference: ({ prim, inputs }, args, [out]) =>
      plain.recurrent(prim.run, inputs[1]!.shape[1]!, args, out),
  },
  recurrentBack: {
    gives: ({ run }, [kept, ct]) => ({
      shape: [kept!.shape[0]!, ct!.shape[1]! * recurrentCells[run.cell].grads],
      dtype: kept!.dtype,
    }),
    flops,
    as: 'call',
    batch: 'unrolled',
    words({ prim: { run }, inputs, outputs: [to] }) {
      const [kept, ct, ...rest] = inputs
      const ctCell = run.cell === 'lstm' ? [rest.length > 3 ? rest.pop() : undefined] : []
      const code = opcodes.RECURRENT_BACK
      return [code, typeCode(to), ...layer(run, inputs[3]!), kept, ct, ...ctCell, ...rest, to]
    },
    reference: ({ prim, inputs }, args, [out]) =>
      plain.recurrentBack(prim.run, inputs[2]!.shape[1]!, args, out),
  },
} satisfies Records<keyof RecurrentPrims>
