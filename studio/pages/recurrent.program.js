// @ts-check
import {
  arange,
  compile,
  concat,
  crossEntropy,
  eye,
  grad,
  indexSelect,
  linear,
  manualSeed,
  mseLoss,
  noGrad,
  rand,
  randint,
  scan,
  sin,
  stack,
  tensor,
  zeros,
} from 'nabla'
import * as nn from 'nabla/nn'
import { Adam } from 'nabla/optim'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ task: 'memory' | 'text' | 'series', cell: 'rnn' | 'lstm' | 'gru', length: number, hidden: number, rate: number, forget: boolean, text: string, seed: number }} Settings */
/** @typedef {{ x: Tensor, y: Tensor }} Batch x (T, B, features), y (T, B) of classes, (T, B, 1) of numbers */

const BATCH = 32
/** Marks to be remembered, and letters that say nothing. */
const MARKS = ['A', 'B', 'C', 'D']
const LETTERS = [...MARKS, 'w', 'x', 'y', 'z']

/** What is to be learned: its symbols, and batches of n sequences. @param {Settings} s */
function taskOf({ task, length: T, text }) {
  if (task === 'series')
    return {
      symbols: /** @type {string[]} */ ([]),
      /** A slow wave and a fast one, each begun somewhere; the next value is to be told. @param {number} n @returns {Batch} */
      batch(n) {
        const t = arange(0, T + 1)
          .cast('float32')
          .reshape([T + 1, 1, 1])
        const wave = (/** @type {number} */ steps) =>
          sin(t.mul((2 * Math.PI) / steps).add(rand([1, n, 1]).mul(2 * Math.PI)))
        const all = wave(20).add(wave(5).mul(0.5)).div(1.5)
        return { x: all.narrow(0, 0, T), y: all.narrow(0, 1, T) }
      },
    }
  const symbols = task === 'memory' ? LETTERS : [...new Set(text)].sort()
  const oneHot = eye(symbols.length)
  /** @param {Tensor} ids (T, B) */
  const coded = (ids) =>
    indexSelect(oneHot, 0, ids.reshape([-1])).reshape([...ids.shape, symbols.length])
  if (task === 'memory')
    return {
      symbols,
      /** A mark and then letters: at the end the mark is to be told. @param {number} n @returns {Batch} */
      batch(n) {
        const mark = randint(0, 4, [1, n])
        const x = coded(concat([mark, randint(4, 8, [T - 1, n])], 0))
        return { x, y: mark.expand([T, n]) }
      },
    }
  // A short text again and again, so that every piece is full.
  const all = [...text.repeat(Math.ceil((2 * T) / text.length))]
  const ids = tensor(
    all.map((c) => symbols.indexOf(c)),
    { dtype: 'int32' },
  )
  const steps = arange(0, T + 1).reshape([T + 1, 1])
  return {
    symbols,
    /** Pieces of the text; the next character is to be told. @param {number} n @returns {Batch} */
    batch(n) {
      const places = randint(0, all.length - T, [1, n])
        .add(steps)
        .cast('int32')
      const piece = indexSelect(ids, 0, places.reshape([-1])).reshape([T + 1, n])
      return { x: coded(piece.narrow(0, 0, T)), y: piece.narrow(0, 1, T) }
    },
  }
}

/** A recurrent layer, and what it says after each step. */
class Reader extends nn.Module {
  /** @param {nn.RNN | nn.LSTM | nn.GRU} cell @param {number} outputs */
  constructor(cell, outputs) {
    super()
    this.cell = cell
    this.out = new nn.Linear(cell.hiddenSize, outputs)
  }
  /** @param {Tensor} x */
  forward(x) {
    return this.out.forward(this.cell.forward(x)[0])
  }
}

/** @param {Settings} s */
export function build(s) {
  const { symbols, batch } = taskOf(s)
  const width = symbols.length || 1
  const outputs = s.task === 'memory' ? MARKS.length : width
  const T = s.length
  const readers = {
    rnn: new Reader(new nn.RNN(width, s.hidden), outputs),
    lstm: new Reader(new nn.LSTM(width, s.hidden), outputs),
    gru: new Reader(new nn.GRU(width, s.hidden), outputs),
  }
  const H = s.hidden
  if (s.forget)
    noGrad(() => {
      // The gates of an LSTM stand as i, f, g, o: a bias of 1 opens f, which keeps the cell's state.
      const bias = readers.lstm.cell.parameters()[2]
      bias?.assign(bias.add(concat([zeros([H]), zeros([H]).add(1), zeros([2 * H])])))
    })
  const all = Object.values(readers)
  const optimizers = all.map((r) => new Adam(r.parameters(), { lr: s.rate }))

  /** The loss of what is said after the steps from `from` on. @param {Reader} reader @param {Batch} b @param {number} from */
  const lossOf = (reader, { x, y }, from) => {
    const said = reader.forward(x).narrow(0, from, T - from)
    const truth = y.narrow(0, from, T - from)
    return s.task === 'series'
      ? mseLoss(said, truth)
      : crossEntropy(said.reshape([-1, outputs]), truth.reshape([-1]))
  }
  const step = () => {
    const b = batch(BATCH)
    return stack(
      all.map((reader, i) => {
        const loss = lossOf(reader, b, s.task === 'memory' ? T - 1 : 0)
        optimizers[i]?.zeroGrad()
        loss.backward()
        optimizers[i]?.step()
        return loss
      }),
    )
  }
  const steps = compile((/** @type {number} */ k) =>
    scan(() => [null, step()], null, null, { length: k })[1].mean(0),
  )
  const some = batch(BATCH)
  /** How much the loss after the last step depends on the input of each step: the mean length of its gradient. */
  const reach = compile(() =>
    all.map((reader) =>
      grad((x) => lossOf(reader, { x, y: some.y }, T - 1))(some.x)
        .square()
        .sum(2)
        .sqrt()
        .mean(1),
    ),
  )
  const example = { x: some.x.select(1, 0), y: some.y.select(1, 0) }

  /** What happens inside of a cell while it reads the example: names and (T, H) each. */
  const inside = compile(() => {
    /** @type {Record<string, Tensor>} */
    const found = {}
    const { x } = example
    const { cell } = readers[s.cell]
    const [wx, wh, bx, bh] = /** @type {[Tensor, Tensor, Tensor, Tensor]} */ (cell.parameters())
    const [h] = cell.forward(x)
    const before = concat([zeros([1, H]), h.narrow(0, 0, T - 1)], 0)
    const [fromInput, fromState] = [linear(x, wx, bx), linear(before, wh, bh)]
    if (cell instanceof nn.RNN) return Object.assign(found, { h })
    if (cell instanceof nn.GRU) {
      const [rx, zx] = fromInput.chunk(3, 1)
      const [rh, zh] = fromState.chunk(3, 1)
      return Object.assign(found, {
        r: /** @type {Tensor} */ (rx).add(/** @type {Tensor} */ (rh)).sigmoid(),
        z: /** @type {Tensor} */ (zx).add(/** @type {Tensor} */ (zh)).sigmoid(),
        h,
      })
    }
    const [i, f, , o] = /** @type {[Tensor, Tensor, Tensor, Tensor]} */ (
      fromInput.add(fromState).chunk(4, 1)
    )
    // What the cell remembers, step by step.
    const cells = []
    /** @type {[Tensor, Tensor] | null} */
    let state = null
    for (let t = 0; t < T; t++) {
      ;[, state] = cell.forward(x.narrow(0, t, 1), state)
      cells.push(state[1])
    }
    const gates = { i: i.sigmoid(), f: f.sigmoid(), o: o.sigmoid() }
    return Object.assign(found, gates, { c: concat(cells, 0), h })
  })
  const answer = compile(() => readers[s.cell].forward(example.x))

  return {
    model: new nn.ModuleDict(readers),
    symbols,
    /** Takes `k` steps of all three, gives their mean losses. @param {number} k */
    run: (k) => [...steps(k).toTypedArray()],
    reach: () => reach().map((t) => [...t.toTypedArray()]),
    inside: () => noGrad(inside),
    example,
    answer: () => noGrad(answer),
    /** The text that the chosen network writes, each time its most probable character. @param {number} n */
    write(n) {
      const { cell, out } = readers[s.cell]
      return noGrad(() => {
        let text = ''
        let id = symbols.indexOf(s.text[0] ?? '')
        let state = /** @type {any} */ (null)
        for (let i = 0; i < n; i++) {
          text += symbols[id]
          const [h, next] = /** @type {[Tensor, any]} */ (
            cell.forward(eye(width).narrow(0, id, 1), state)
          )
          state = next
          id = out.forward(h).argmax(1).item()
        }
        return text
      })
    },
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { run, reach } = build(s)
  for (let i = 0; i < 3; i++) {
    const [rnn, lstm, gru] = run(64)
    console.log(`after ${(i + 1) * 64} steps: losses RNN ${rnn}, LSTM ${lstm}, GRU ${gru}`)
  }
  console.log(
    'gradient of the last loss at the first input',
    reach()
      .map((g) => g[0])
      .join(', '),
  )
}
