/** Recurrent layers and cells. */
import { expand, reshape } from '../ops/broadcast.js'
import { type RecurrentCell, recurrentCells } from '../backends/ir.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, kinds, oneOf, type OptionNames, readArguments } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { scalar } from '../ops/define.js'
import { indexSelect } from '../ops/indexing.js'
import { concat, stack } from '../ops/join.js'
import { transpose, unsqueeze } from '../ops/movement.js'
import { finalRows, recurrence, unrolled } from '../ops/recurrence.js'
import { gatesInput, gruCell, lstmCell, type RecurrentWeights, rnnCell } from '../ops/recurrent.js'
import { select } from '../ops/slice.js'
import type { Tensor } from '../ops/tensor.js'
import { dropout as drop } from '../tensor/dropout.js'
import { type BiasOption, biasPlace, uniformParameter } from './common.js'
import { Module, type Parameter } from './module.js'
import { evenRows, isPacked, type PackedSequence } from './packed.js'

type Maybe<T> = T | null | undefined
/** Weights by layer, then by direction: forward, and backward when bidirectional. */
export type LayerWeights = readonly (readonly RecurrentWeights[])[]

export interface RecurrentCall {
  /** x and the output are (B, T, ...) instead of (T, B, ...). */
  batchFirst?: boolean
  /** The part of each layer's output, but the last one's, that is dropped while training. */
  dropout?: number
  training?: boolean
}

const callNames: OptionNames<RecurrentCall> = { batchFirst: true, dropout: true, training: true }

/**
 * A recurrent network over whole sequences: layer by layer, each from the output of the one below, both directions
 * side by side. Gives the last layer's states and, by state (h; c), what every layer and direction ends with.
 *
 * Shapes: x (T, B, in), (T, in) or packed; states (layers · directions, B, H), or without B; output (T, B, H ·
 * directions) or as x is.
 */
function network<X extends Tensor | PackedSequence>(
  op: string,
  cell: RecurrentCell,
  x: X,
  states: readonly Maybe<Tensor>[],
  weights: LayerWeights,
  call: RecurrentCall,
): { output: X; finals: Tensor[] } {
  const { batchFirst = false, dropout = 0, training = false } = checkOptions(op, call, callNames)
  const first = weights[0]?.[0]
  if (!first) throw new ValueError({ op, rule: 'weights of at least one layer are needed' })
  const inputSize = first.weightIh.shape[1]!
  const packed = isPacked(x) ? x : null
  const single = !isPacked(x) && x.rank === 2
  const given: Tensor = isPacked(x) ? x.data : x
  if (
    given.shape[given.rank - 1] !== inputSize ||
    (!packed && given.rank !== 2 && given.rank !== 3)
  )
    throw new ShapeError({
      op,
      rule: packed
        ? `packed data must be (rows, ${inputSize})`
        : `x must be ${batchFirst ? '(B, T' : '(T, B'}, ${inputSize}) or (T, ${inputSize})`,
      got: show(given.shape),
    })
  const { data, batchSizes: steps } =
    packed ?? evenRows(single ? unsqueeze(given, 1) : given, batchFirst && !single)
  if (steps.length === 0)
    throw new ShapeError({ op, rule: 'a sequence needs at least one step', got: show(given.shape) })

  const B = steps[0]!
  const gates = recurrentCells[cell].gates
  const directions = weights[0]!.length
  const count = weights.length * directions
  /** What the state's rows hold: the projected size for h, the hidden size for c. */
  const extents = [first.weightHh.shape[1]!, first.weightHh.shape[0]! / gates]
  const initial = states.map((s, i) => {
    const shape = [count, B, extents[i]!]
    if (!s) return expand(scalar(0, given.dtype, [given]), shape)
    const want = single ? [count, extents[i]!] : shape
    if (!sameShape(s.shape, want))
      throw new ShapeError({
        op,
        rule: `the first ${i === 0 ? 'state' : 'cell'} must be ${show(want)}`,
        got: show(s.shape),
      })
    if (single) return reshape(s, shape)
    return packed?.sortedIndices ? indexSelect(s, 1, packed.sortedIndices) : s
  })

  const ends: Tensor[][] = states.map(() => [])
  let rows = data
  weights.forEach((layer, l) => {
    const outputs = layer.map((w, d) => {
      const run = { cell, steps, reverse: d === 1 }
      const { x: inputs, bias } = gatesInput(cell, rows, w)
      const start = initial.map((s) => select(s, 0, l * directions + d))
      const out = w.weightHr
        ? unrolled([inputs, w.weightHh, ...start], run, w.weightHr)
        : recurrence(inputs, w.weightHh, [...start, ...bias], run)
      ends.forEach((list, i) => {
        list.push(finalRows(out[i]!, run))
      })
      return out[0]!
    })
    rows = outputs.length === 1 ? outputs[0]! : concat(outputs, 1)
    if (dropout > 0 && l < weights.length - 1) rows = drop(rows, dropout, { training })
  })

  const finals = ends.map((list) => {
    const all = stack(list)
    if (single) return select(all, 1, 0)
    return packed?.unsortedIndices ? indexSelect(all, 1, packed.unsortedIndices) : all
  })
  if (packed) return { output: { ...packed, data: rows } as X, finals }
  const width = rows.shape[1]!
  if (single) return { output: rows as X, finals }
  const byTime = reshape(rows, [steps.length, B, width])
  return { output: (batchFirst ? transpose(byTime, 0, 1) : byTime) as X, finals }
}

/**
 * An Elman network, h_t = tanh(W_ih x_t + b_ih + W_hh h_(t−1) + b_hh) or relu, as a function. See `RNN`.
 */
export function rnn<X extends Tensor | PackedSequence>(
  x: X,
  h0: Maybe<Tensor>,
  weights: LayerWeights,
  options: RecurrentCall & Nonlinear = {},
): [output: X, hn: Tensor] {
  const { nonlinearity = 'tanh', ...call } = options
  const { output, finals } = network('rnn', nonlinearity, x, [h0], weights, call)
  return [output, finals[0]!]
}
/** A long short-term memory as a function. See `LSTM`. */
export function lstm<X extends Tensor | PackedSequence>(
  x: X,
  state: Maybe<readonly [h0: Tensor, c0: Tensor]>,
  weights: LayerWeights,
  call: RecurrentCall = {},
): [output: X, state: [hn: Tensor, cn: Tensor]] {
  const { output, finals } = network('lstm', 'lstm', x, [state?.[0], state?.[1]], weights, call)
  return [output, finals as [Tensor, Tensor]]
}
/** Gated recurrent units as a function. See `GRU`. */
export function gru<X extends Tensor | PackedSequence>(
  x: X,
  h0: Maybe<Tensor>,
  weights: LayerWeights,
  call: RecurrentCall = {},
): [output: X, hn: Tensor] {
  const { output, finals } = network('gru', 'gru', x, [h0], weights, call)
  return [output, finals[0]!]
}

export interface RecurrentOptions {
  numLayers?: number
  bias?: boolean
  /** x and the output are (B, T, ...) instead of (T, B, ...); states are not. */
  batchFirst?: boolean
  /** The part of each layer's output, but the last one's, that is dropped while training. */
  dropout?: number
  bidirectional?: boolean
}

/** Parameters of one layer and direction, names as PyTorch's; `suffix` is '' for cells, '_l0' and so on for layers. */
function addWeights(
  to: Module,
  suffix: string,
  {
    cell,
    input,
    hidden,
    bias,
    proj,
  }: { cell: RecurrentCell; input: number; hidden: number; bias: boolean; proj: number },
): void {
  const G = recurrentCells[cell].gates * hidden
  const bound = hidden > 0 ? 1 / Math.sqrt(hidden) : 0
  const own = to as unknown as Record<string, Parameter>
  own[`weight_ih${suffix}`] = uniformParameter([G, input], bound)
  own[`weight_hh${suffix}`] = uniformParameter([G, proj || hidden], bound)
  if (bias) {
    own[`bias_ih${suffix}`] = uniformParameter([G], bound)
    own[`bias_hh${suffix}`] = uniformParameter([G], bound)
  }
  if (proj) own[`weight_hr${suffix}`] = uniformParameter([proj, hidden], bound)
}
function weightsOf(of: Module, suffix: string): RecurrentWeights {
  const own = of as unknown as Record<string, Parameter | undefined>
  return {
    weightIh: own[`weight_ih${suffix}`]!,
    weightHh: own[`weight_hh${suffix}`]!,
    biasIh: own[`bias_ih${suffix}`] ?? null,
    biasHh: own[`bias_hh${suffix}`] ?? null,
    weightHr: own[`weight_hr${suffix}`] ?? null,
  }
}

interface Sizes {
  inputSize: number
  hiddenSize: number
}
const sizePlaces = { inputSize: kinds.integer, hiddenSize: kinds.integer }
const nonlinearity = oneOf('tanh', 'relu')
type Nonlinear = { nonlinearity?: 'tanh' | 'relu' }
const flags = {
  ...biasPlace,
  batchFirst: kinds.flag,
  dropout: kinds.number,
  bidirectional: kinds.flag,
}
const layerPlaces = { ...sizePlaces, numLayers: kinds.integer, ...flags }
const rnnPlaces = { ...sizePlaces, numLayers: kinds.integer, nonlinearity, ...flags }
const lstmPlaces = { ...layerPlaces, projSize: kinds.integer }

/** What recurrent layers share: sizes and weights `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, ..., `_reverse`. */
abstract class RecurrentLayer extends Module {
  readonly inputSize: number
  readonly hiddenSize: number
  readonly numLayers: number
  readonly projSize: number
  batchFirst: boolean
  dropout: number
  readonly bidirectional: boolean
  constructor(
    op: string,
    cell: RecurrentCell,
    {
      inputSize,
      hiddenSize,
      numLayers = 1,
      bias = true,
      batchFirst = false,
      dropout = 0,
      bidirectional = false,
      projSize = 0,
    }: RecurrentOptions & Sizes & { projSize?: number },
  ) {
    super()
    const positive = (n: number) => Number.isInteger(n) && n > 0
    if (!positive(inputSize) || !positive(hiddenSize) || !positive(numLayers))
      throw new ValueError({
        op,
        rule: 'sizes and numLayers must be whole numbers above 0',
        got: `${inputSize}, ${hiddenSize}, numLayers ${numLayers}`,
      })
    if (!(dropout >= 0 && dropout <= 1))
      throw new ValueError({ op, rule: 'dropout must lie from 0 to 1', got: `${dropout}` })
    if (!(Number.isInteger(projSize) && projSize >= 0 && (projSize < hiddenSize || projSize === 0)))
      throw new ValueError({
        op,
        rule: `projSize must be a whole number below the hidden size ${hiddenSize}`,
        got: `${projSize}`,
      })
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    this.numLayers = numLayers
    this.batchFirst = batchFirst
    this.dropout = dropout
    this.bidirectional = bidirectional
    this.projSize = projSize
    const out = (projSize || hiddenSize) * (bidirectional ? 2 : 1)
    for (let l = 0; l < numLayers; l++)
      for (const suffix of this.suffixes(l))
        addWeights(this, suffix, {
          cell,
          input: l === 0 ? inputSize : out,
          hidden: hiddenSize,
          bias,
          proj: projSize,
        })
  }
  private suffixes(layer: number): string[] {
    return this.bidirectional ? [`_l${layer}`, `_l${layer}_reverse`] : [`_l${layer}`]
  }
  /** The weights by layer and direction. */
  protected get weights(): LayerWeights {
    return Array.from({ length: this.numLayers }, (_, l) =>
      this.suffixes(l).map((suffix) => weightsOf(this, suffix)),
    )
  }
  protected get call(): RecurrentCall {
    const { batchFirst, dropout, training } = this
    return { batchFirst, dropout, training }
  }
  override describe(): string {
    const { inputSize, hiddenSize, numLayers, batchFirst, dropout, bidirectional } = this
    return [
      `${inputSize}, ${hiddenSize}`,
      numLayers > 1 && `numLayers=${numLayers}`,
      batchFirst && 'batchFirst=true',
      dropout > 0 && `dropout=${dropout}`,
      bidirectional && 'bidirectional=true',
    ]
      .filter(Boolean)
      .join(', ')
  }
}

/**
 * Elman network: h_t = tanh(W_ih x_t + b_ih + W_hh h_(t−1) + b_hh), or relu. Initial values U(±1/√H).
 * PyTorch: torch.nn.RNN.
 *
 * Shapes, D = 2 when bidirectional, else 1: x (T, B, in), (B, T, in) with batchFirst, (T, in) or packed; h0 and the
 * final state (D · layers, B, H); output (T, B, D · H).
 */
export class RNN extends RecurrentLayer {
  readonly nonlinearity: 'tanh' | 'relu'
  constructor(
    inputSize: number,
    hiddenSize: number,
    numLayers?: number | (RecurrentOptions & Nonlinear),
    nonlinearity?: 'tanh' | 'relu' | (RecurrentOptions & Nonlinear),
    bias?: boolean,
    batchFirst?: boolean,
    dropout?: number,
    bidirectional?: boolean,
  )
  constructor(...args: unknown[]) {
    const given = readArguments<Sizes & RecurrentOptions & Nonlinear>('RNN', args, rnnPlaces, 2)
    const { nonlinearity = 'tanh' } = given
    super('RNN', nonlinearity, given)
    this.nonlinearity = nonlinearity
  }
  override forward<X extends Tensor | PackedSequence>(x: X, h0?: Tensor | null): [X, Tensor] {
    return rnn(x, h0, this.weights, { ...this.call, nonlinearity: this.nonlinearity })
  }
}

/**
 * Long short-term memory: i, f, o = σ(W x_t + b + U h_(t−1) + b'), g = tanh of the same, c_t = f c_(t−1) + i g,
 * h_t = o tanh c_t; with projSize P h_t = W_hr (o tanh c_t). Gates stand as i, f, g, o in the weights. Initial values
 * U(±1/√H). PyTorch: torch.nn.LSTM; Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735.
 *
 * Shapes, D = 2 when bidirectional, else 1: x (T, B, in), (B, T, in) with batchFirst, (T, in) or packed; states
 * [h, c], (D · layers, B, H) each (h with P for H); output (T, B, D · H).
 */
export class LSTM extends RecurrentLayer {
  constructor(
    inputSize: number,
    hiddenSize: number,
    numLayers?: number | (RecurrentOptions & { projSize?: number }),
    bias?: boolean | (RecurrentOptions & { projSize?: number }),
    batchFirst?: boolean,
    dropout?: number,
    bidirectional?: boolean,
    projSize?: number,
  )
  constructor(...args: unknown[]) {
    super('LSTM', 'lstm', readArguments('LSTM', args, lstmPlaces, 2))
  }
  override forward<X extends Tensor | PackedSequence>(
    x: X,
    state?: readonly [Tensor, Tensor] | null,
  ): [X, [Tensor, Tensor]] {
    return lstm(x, state, this.weights, this.call)
  }
}

/**
 * Gated recurrent units: r, z = σ(W x_t + b + U h_(t−1) + b'), n = tanh(W x_t + b + r (U h_(t−1) + b')),
 * h_t = (1 − z) n + z h_(t−1). Gates stand as r, z, n in the weights. Initial values U(±1/√H). PyTorch: torch.nn.GRU;
 * Cho et al. 2014, https://arxiv.org/abs/1406.1078.
 *
 * Shapes as `RNN`'s.
 */
export class GRU extends RecurrentLayer {
  constructor(
    inputSize: number,
    hiddenSize: number,
    numLayers?: number | RecurrentOptions,
    bias?: boolean | RecurrentOptions,
    batchFirst?: boolean,
    dropout?: number,
    bidirectional?: boolean,
  )
  constructor(...args: unknown[]) {
    super('GRU', 'gru', readArguments('GRU', args, layerPlaces, 2))
  }
  override forward<X extends Tensor | PackedSequence>(x: X, h0?: Tensor | null): [X, Tensor] {
    return gru(x, h0, this.weights, this.call)
  }
}

const cellPlaces = { inputSize: kinds.count, hiddenSize: kinds.count, ...biasPlace }

/** What the cells share: weights `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`. */
abstract class RecurrentCellModule extends Module {
  readonly inputSize: number
  readonly hiddenSize: number
  constructor(cell: RecurrentCell, { inputSize, hiddenSize, bias = true }: Sizes & BiasOption) {
    super()
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    addWeights(this, '', { cell, input: inputSize, hidden: hiddenSize, bias, proj: 0 })
  }
  protected get weights(): RecurrentWeights {
    return weightsOf(this, '')
  }
  override describe(): string {
    return `${this.inputSize}, ${this.hiddenSize}`
  }
}

/** One step of an `RNN` of one layer. x (B, in), h (B, H), result (B, H); or all without B. */
export class RNNCell extends RecurrentCellModule {
  readonly nonlinearity: 'tanh' | 'relu'
  constructor(
    inputSize: number,
    hiddenSize: number,
    bias?: boolean | (BiasOption & Nonlinear),
    nonlinearity?: 'tanh' | 'relu' | Nonlinear,
  )
  constructor(...args: unknown[]) {
    const given = readArguments<Sizes & BiasOption & Nonlinear>(
      'RNNCell',
      args,
      { ...cellPlaces, nonlinearity: oneOf('tanh', 'relu') },
      2,
    )
    const { nonlinearity = 'tanh' } = given
    super(nonlinearity, given)
    this.nonlinearity = nonlinearity
  }
  override forward(x: Tensor, h?: Tensor | null): Tensor {
    return rnnCell(x, h, this.weights, { nonlinearity: this.nonlinearity })
  }
}
/** One step of an `LSTM` of one layer. x (B, in), state [h, c] of (B, H), result [h', c']; or all without B. */
export class LSTMCell extends RecurrentCellModule {
  constructor(inputSize: number, hiddenSize: number, bias?: boolean | BiasOption)
  constructor(...args: unknown[]) {
    super('lstm', readArguments('LSTMCell', args, cellPlaces, 2))
  }
  override forward(x: Tensor, state?: readonly [Tensor, Tensor] | null): [Tensor, Tensor] {
    return lstmCell(x, state, this.weights)
  }
}
/** One step of a `GRU` of one layer. x (B, in), h (B, H), result (B, H); or all without B. */
export class GRUCell extends RecurrentCellModule {
  constructor(inputSize: number, hiddenSize: number, bias?: boolean | BiasOption)
  constructor(...args: unknown[]) {
    super('gru', readArguments('GRUCell', args, cellPlaces, 2))
  }
  override forward(x: Tensor, h?: Tensor | null): Tensor {
    return gruCell(x, h, this.weights)
  }
}
