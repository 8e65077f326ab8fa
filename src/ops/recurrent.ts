/** Recurrent cells: one step of a recurrent network. */
import { expand, reshape } from './broadcast.js'
import { add } from './arithmetic.js'
import { type RecurrentCell, recurrentCells } from '../backends/ir.js'
import { ShapeError, show } from '../core/errors.js'
import { oneOf, readOptions } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { concat } from './join.js'
import { scalar } from './define.js'
import { linear } from './linear.js'
import { recurrence } from './recurrence.js'
import { narrow } from './slice.js'
import type { Tensor } from './tensor.js'

/** The weights of one layer in one direction, by PyTorch's names. */
export interface RecurrentWeights {
  /** (gates · H, in) */
  weightIh: Tensor
  /** (gates · H, H), or (gates · H, P) with a projection. */
  weightHh: Tensor
  /** (gates · H) */
  biasIh?: Tensor | null
  /** (gates · H) */
  biasHh?: Tensor | null
  /** (P, H): an LSTM's projection of the state. */
  weightHr?: Tensor | null
}

/**
 * What the inputs and the biases give to the gates, for all rows at once: (rows, gates · H); and the bias that stays
 * with the state's part, which a GRU's n multiplies by r.
 */
export function gatesInput(
  cell: RecurrentCell,
  x: Tensor,
  { weightIh, weightHh, biasIh, biasHh }: RecurrentWeights,
): { x: Tensor; bias: Tensor[] } {
  const { gates } = recurrentCells[cell]
  const G = weightIh.shape[0]!
  if (weightHh.shape[0] !== G || G % gates !== 0)
    throw new ShapeError({
      op: cell,
      rule: `weightIh and weightHh must have the same ${gates} · H rows`,
      got: `${show(weightIh.shape)} and ${show(weightHh.shape)}`,
    })
  if (!biasHh) return { x: linear(x, weightIh, biasIh), bias: [] }
  const H = G / gates
  const outer =
    cell === 'gru'
      ? concat([narrow(biasHh, 0, 0, 2 * H), expand(scalar(0, biasHh.dtype, [biasHh]), [H])])
      : biasHh
  return {
    x: linear(x, weightIh, biasIh ? add(biasIh, outer) : outer),
    bias: cell === 'gru' ? [narrow(biasHh, 0, 2 * H, H)] : [],
  }
}

/** One step; x (B, in) or (in), states (B, H) or (H). Missing states are zeros. */
function oneStep(
  op: string,
  cell: RecurrentCell,
  x: Tensor,
  states: readonly (Tensor | null | undefined)[],
  weights: RecurrentWeights,
): Tensor[] {
  const H = weights.weightHh.shape[1]!
  if (x.rank !== 1 && x.rank !== 2)
    throw new ShapeError({ op, rule: 'x must be (B, in) or (in)', got: show(x.shape) })
  const single = x.rank === 1
  const rows = single ? reshape(x, [1, x.size]) : x
  const B = rows.shape[0]!
  const initial = states.map((s) => {
    if (!s) return expand(scalar(0, x.dtype, [x]), [B, H])
    const want = single ? [H] : [B, H]
    if (!sameShape(s.shape, want))
      throw new ShapeError({ op, rule: `the state must be ${show(want)}`, got: show(s.shape) })
    return single ? reshape(s, [1, H]) : s
  })
  const { x: gates, bias } = gatesInput(cell, rows, weights)
  const run = { cell, steps: [B], reverse: false }
  const out = recurrence(gates, weights.weightHh, [...initial, ...bias], run)
  return states.map((_, i) => (single ? reshape(out[i]!, [H]) : out[i]!))
}

/**
 * h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu. PyTorch: torch.nn.RNNCell.
 *
 * Shapes: x (B, in), h (B, H), result (B, H); or all without B. Without `h` it is zero.
 * @throws ShapeError when the extents do not fit
 * @example rnnCell(tensor([1]), tensor([2]), { weightIh: tensor([[1]]), weightHh: tensor([[0.5]]) }, { nonlinearity: 'relu' }) // [2]
 */
export function rnnCell(
  x: Tensor,
  h: Tensor | null | undefined,
  weights: RecurrentWeights,
  options?: 'tanh' | 'relu' | { nonlinearity?: 'tanh' | 'relu' },
): Tensor {
  const { nonlinearity = 'tanh' } = readOptions<{ nonlinearity?: 'tanh' | 'relu' }>(
    'rnnCell',
    [options],
    { nonlinearity: oneOf('tanh', 'relu') },
  )
  return oneStep('rnnCell', nonlinearity, x, [h], weights)[0]!
}

/**
 * i, f, o = σ(W x + b + U h + b'), g = tanh(W x + b + U h + b'), c' = f c + i g, h' = o tanh c', with the gates'
 * weights one under the other as i, f, g, o. PyTorch: torch.nn.LSTMCell.
 *
 * Shapes: x (B, in), h and c (B, H), result [h', c'], each (B, H); or all without B. Without a state it is zero.
 * @throws ShapeError when the extents do not fit
 */
export function lstmCell(
  x: Tensor,
  state: readonly [Tensor, Tensor] | null | undefined,
  weights: RecurrentWeights,
): [h: Tensor, c: Tensor] {
  return oneStep('lstmCell', 'lstm', x, [state?.[0], state?.[1]], weights) as [Tensor, Tensor]
}

/**
 * r, z = σ(W x + b + U h + b'), n = tanh(W x + b + r (U h + b')), h' = (1 − z) n + z h, with the gates' weights one
 * under the other as r, z, n. PyTorch: torch.nn.GRUCell.
 *
 * Shapes: x (B, in), h (B, H), result (B, H); or all without B. Without `h` it is zero.
 * @throws ShapeError when the extents do not fit
 */
export function gruCell(
  x: Tensor,
  h: Tensor | null | undefined,
  weights: RecurrentWeights,
): Tensor {
  return oneStep('gruCell', 'gru', x, [h], weights)[0]!
}
