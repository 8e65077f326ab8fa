import { checkOptions, type OptionNames } from '../core/options.js'
import { Linear } from '../nn/layers.js'
import { Module } from '../nn/module.js'
import { GRU, LSTM, RNN } from '../nn/recurrent.js'
import { select } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'

const cells = { rnn: RNN, lstm: LSTM, gru: GRU } as const
export type CellName = keyof typeof cells

export interface RowReaderOptions {
  inputSize?: number
  hiddenSize?: number
  numLayers?: number
  classes?: number
}
const names: OptionNames<RowReaderOptions> = {
  inputSize: true,
  hiddenSize: true,
  numLayers: true,
  classes: true,
}

/**
 * Reads a picture row by row and says what it shows after the last one.
 *
 * Shapes: (N, T, inputSize) to (N, classes) logits.
 */
export class RowReader extends Module {
  cell: RNN | LSTM | GRU
  fc: Linear
  constructor(kind: CellName, options: RowReaderOptions = {}) {
    super()
    const {
      inputSize = 28,
      hiddenSize = 128,
      numLayers = 2,
      classes = 10,
    } = checkOptions('RowReader', options, names)
    this.cell = new cells[kind](inputSize, hiddenSize, { numLayers, batchFirst: true })
    this.fc = new Linear(hiddenSize, classes)
  }
  override forward(x: Tensor): Tensor {
    const [out] = this.cell.forward(x) // (N, T, H)
    return this.fc.forward(select(out, 1, -1)) // the state after the last row, (N, H)
  }
}
