import {
  compile,
  gradients,
  lstmCell,
  setBackend,
  ShapeError,
  stack,
  type Tensor,
  tensor,
  ValueError,
} from 'nabla'
import * as nn from 'nabla/nn'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expectClose } from '../golden/fixture.js'
import { recurrence } from '../../src/ops/recurrence.js'
import { maker } from '../laws/make.js'

const layers = {
  rnn: (bidirectional: boolean, numLayers: number) =>
    new nn.RNN(3, 4, { bidirectional, numLayers }),
  lstm: (bidirectional: boolean, numLayers: number) =>
    new nn.LSTM(3, 4, { bidirectional, numLayers }),
  gru: (bidirectional: boolean, numLayers: number) =>
    new nn.GRU(3, 4, { bidirectional, numLayers }),
}
type Kind = keyof typeof layers
type AnyLayer = nn.Module & {
  forward(x: unknown): [output: Tensor | nn.PackedSequence, state: Tensor | Tensor[]]
}

test('a packed batch gives what each of its sequences gives alone, with the same gradients', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Kind>('rnn', 'lstm', 'gru'),
      fc.boolean(),
      fc.integer({ min: 1, max: 2 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 1000 }),
      (kind, bidirectional, numLayers, lengths, seed) => {
        const layer = layers[kind](bidirectional, numLayers) as unknown as AnyLayer
        const make = maker(seed)
        const sequences = lengths.map((n) => make.float([n, 3]))
        const weighted = (outs: Tensor[], states: Tensor[]) => {
          const weights = maker(seed + 1)
          return [...outs, ...states]
            .map((t) => t.mul(weights.float(t.shape)).sum())
            .reduce((a, b) => a.add(b))
        }
        const gradients = (f: () => [Tensor[], Tensor[]]) => {
          layer.zeroGrad()
          const [outs, states] = f()
          weighted(outs, states).backward()
          return { outs, states, grads: layer.parameters().map((p) => p.grad!) }
        }
        const list = (s: Tensor | Tensor[]) => (Array.isArray(s) ? s : [s])
        const together = gradients(() => {
          const packed = nn.packSequence(sequences, { enforceSorted: false })
          const [output, state] = layer.forward(packed)
          return [nn.unpackSequence(output as nn.PackedSequence), list(state)]
        })
        const alone = gradients(() => {
          const results = sequences.map((s) => layer.forward(s))
          const states = list(results[0]![1]).map((_, i) =>
            stack(
              results.map(([, s]) => list(s)[i]!),
              1,
            ),
          )
          return [results.map(([output]) => output as Tensor), states]
        })
        together.outs.forEach((t, i) => {
          expectClose(t, alone.outs[i]!, 1e-5, `output of sequence ${i}`)
        })
        together.states.forEach((t, i) => {
          expectClose(t, alone.states[i]!, 1e-5, `state ${i}`)
        })
        together.grads.forEach((t, i) => {
          expectClose(t, alone.grads[i]!, 1e-4, `gradient ${i}`)
        })
      },
    ),
    { numRuns: 30 },
  )
})

test.each(['native', 'wasm'] as const)('%s walks back as plain operations do', (backend) => {
  setBackend(backend)
  // More rows than a task takes, hidden units that fill no block, rows that end at different steps.
  const steps = [70, 70, 65, 40, 3]
  const rows = steps.reduce((a, b) => a + b, 0)
  const H = 37
  for (const cell of ['tanh', 'relu', 'lstm', 'gru'] as const)
    for (const reverse of [false, true]) {
      const make = maker(9)
      const gates = { tanh: 1, relu: 1, lstm: 4, gru: 3 }[cell]
      const last = { tanh: [], relu: [], lstm: [[70, H]], gru: [[H]] }[cell]
      const inputs = [
        make.float([rows, gates * H]),
        make.float([gates * H, H], -0.3, 0.3),
        make.float([70, H]),
        ...last.map((shape) => make.float(shape)),
      ]
      for (const t of inputs) t.requiresGrad = true
      const [x, weight, ...initial] = inputs as [Tensor, Tensor, ...Tensor[]]
      const outs = recurrence(x, weight, initial, { cell, steps, reverse }).slice(0, -1)
      const cts = outs.map((t) => make.float(t.shape))
      const plain = gradients(outs, inputs, cts, { createGraph: true })
      const fast = gradients(outs, inputs, cts)
      fast.forEach((g, i) => {
        expectClose(g!, plain[i]!, 2e-5, `${cell}, reverse ${reverse}, gradient ${i}`)
      })
    }
  setBackend('native')
})

test('a layer is its cell step by step', () => {
  const layer = new nn.LSTM(3, 4)
  const cell = new nn.LSTMCell(3, 4)
  cell.loadStateDict(
    Object.fromEntries(
      Object.entries(layer.stateDict()).map(([name, t]) => [name.replace('_l0', ''), t]),
    ),
  )
  const x = maker(3).float([5, 2, 3])
  const [output, [h, c]] = layer.forward(x)
  let state: [Tensor, Tensor] | null = null
  for (let t = 0; t < 5; t++) {
    state = cell.forward(x.slice([t]), state)
    expectClose(state[0], output.slice([t]), 1e-6)
  }
  expectClose(state![0], h.slice([0]), 1e-6)
  expectClose(state![1], c.slice([0]), 1e-6)
})

test('a packed sequence is an argument of a compiled function', () => {
  const layer = new nn.GRU(3, 4)
  const pack = (seed: number) =>
    nn.packPaddedSequence(maker(seed).float([4, 2, 3]), [2, 4], { enforceSorted: false })
  const step = compile((x: nn.PackedSequence) => {
    const [output, h] = layer.forward(x)
    return [nn.padPackedSequence(output)[0], h]
  })
  for (const seed of [1, 2]) {
    const [output, h] = step(pack(seed))
    const [want, wantH] = layer.forward(pack(seed))
    expectClose(output!, nn.padPackedSequence(want)[0], 1e-6)
    expectClose(h!, wantH, 1e-6)
  }
  expect(step.traces).toBe(1)
})

test('dropout between layers happens while training only', () => {
  const layer = new nn.RNN(3, 4, { numLayers: 2, dropout: 0.5 })
  const x = maker(5).float([3, 2, 3])
  const run = () => layer.forward(x)[0].toArray()
  expect(run()).not.toEqual(run())
  layer.eval()
  expect(run()).toEqual(run())
})

test('initial values lie within 1/√H', () => {
  const layer = new nn.LSTM(2, 100)
  for (const p of layer.parameters()) {
    const largest = p.abs().max().item()
    expect(largest).toBeLessThanOrEqual(0.1)
    expect(largest).toBeGreaterThan(0.09)
  }
})

test('what does not fit is refused with the rule and what came', () => {
  const layer = new nn.LSTM(3, 4)
  const x = maker(1).float([5, 2, 3])
  const state = maker(1).float([1, 3, 4])
  expect(() => layer.forward(maker(1).float([5, 2, 4]))).toThrow(
    /LSTM: \[lstm\] x must be \(T, B, 3\) or \(T, 3\); got \[5, 2, 4\]/,
  )
  expect(() => layer.forward(x, [state, state])).toThrow(
    /the first state must be \[1, 2, 4\]; got \[1, 3, 4\]/,
  )
  expect(() => layer.forward(maker(1).float([0, 2, 3]))).toThrow(ShapeError)
  expect(() => new nn.GRU(0, 4)).toThrow(ValueError)
  expect(() => new nn.LSTM(3, 4, { projSize: 4 })).toThrow(/projSize/)
  expect(() => new nn.RNN(3, 4, { dropout: 2 })).toThrow(/dropout/)
  expect(() => nn.packPaddedSequence(x, [2, 4])).toThrow(
    /lengths must be in descending order.*enforceSorted/,
  )
  expect(() => nn.packPaddedSequence(x, [6, 4])).toThrow(/whole numbers from 1 to 5/)
  expect(() => nn.packPaddedSequence(x, [2, 0])).toThrow(ValueError)
  const weights = { weightIh: tensor([[1]]), weightHh: tensor([[1]]) }
  expect(() => lstmCell(tensor([1]), null, weights)).toThrow(/4 · H rows/)
})
