import { compile, crossEntropy, noGrad, type Tensor, tensor } from 'nabla'
import * as nn from 'nabla/nn'
import { SGD } from 'nabla/optim'
import { describe, expect, test } from 'vitest'
import { expectClose, golden, revive } from './fixture.js'

const { RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell } = nn
const kinds = { RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell }

interface Golden {
  kind: keyof typeof kinds
  options: Record<string, unknown>
  training: boolean
  weights: Record<string, Tensor>
  x: Tensor
  states: Tensor[]
  lengths?: number[]
  enforceSorted?: boolean
  packed?: Tensor
  batchSizes?: number[]
  sortedIndices?: Tensor | null
  unsortedIndices?: Tensor | null
  packedOut?: Tensor
  results: Tensor[]
  cts: Tensor[]
  grads: Tensor[]
  weightGrads: Record<string, Tensor>
}

const cases = golden('recurrent')
const results = cases.filter((c) => c.results)

type AnyLayer = nn.Module & {
  forward(x: unknown, states?: unknown): unknown
}

function build({ kind, options, training, weights }: Golden): AnyLayer {
  const layer = new kinds[kind](2, 3, options) as unknown as AnyLayer
  noGrad(() => layer.loadStateDict(weights))
  return layer.train(training)
}

/** The results in PyTorch's order, padded when the input was packed. */
function run(layer: AnyLayer, c: Golden): Tensor[] {
  const { kind, x, states, lengths } = c
  const batchFirst = c.options.batchFirst === true
  const hx = states.length === 0 ? undefined : kind.startsWith('LSTM') ? states : states[0]
  if (kind.endsWith('Cell')) return [layer.forward(x, hx)].flat() as Tensor[]
  const input = lengths
    ? nn.packPaddedSequence(x, lengths, { batchFirst, enforceSorted: c.enforceSorted! })
    : x
  const [output, final] = layer.forward(input, hx) as [Tensor | nn.PackedSequence, unknown]
  const padded = lengths
    ? nn.padPackedSequence(output as nn.PackedSequence, { batchFirst, paddingValue: 0.5 })[0]
    : output
  return [padded, final].flat() as Tensor[]
}

describe.each([false, true])('compiled: %s', (compiled) => {
  test.each(results)('$name', (raw) => {
    const c = revive(raw) as Golden
    const layer = build(c)
    const leaves = [c.x, ...c.states]
    for (const t of leaves) t.requiresGrad = true
    const step = () => {
      const results = run(layer, c)
      const parts = results.map((r, i) => r.mul(c.cts[i]!).sum())
      parts.reduce((a, b) => a.add(b)).backward()
      return results
    }
    const results = (compiled ? compile(step) : step)()
    expect(results.length).toBe(c.results.length)
    results.forEach((r, i) => {
      expectClose(r, c.results[i]!, 1e-5, `result ${i}`)
    })
    leaves.forEach((t, i) => {
      expectClose(t.grad!, c.grads[i]!, 1e-5, `gradient of ${i === 0 ? 'x' : `state ${i - 1}`}`)
    })
    for (const [name, p] of layer.namedParameters()) {
      const want = c.weightGrads[name]!
      // PyTorch gives null where nothing comes through; zeros here.
      if (want) expectClose(p.grad!, want, 1e-5, `gradient of ${name}`)
    }
    expect(layer.namedParameters().map(([name]) => name)).toEqual(Object.keys(c.weights))
  })
})

test.each(results.filter((c) => c.lengths))('packing, $name', (raw) => {
  const c = revive(raw) as Golden
  const batchFirst = c.options.batchFirst === true
  const packed = nn.packPaddedSequence(c.x, c.lengths!, {
    batchFirst,
    enforceSorted: c.enforceSorted!,
  })
  expectClose(packed.data, c.packed!, 0)
  expect(packed.batchSizes).toEqual(c.batchSizes)
  for (const key of ['sortedIndices', 'unsortedIndices'] as const)
    expect(packed[key]?.toArray() ?? null).toEqual(c[key]?.toArray() ?? null)
  const [padded, lengths] = nn.padPackedSequence(packed, { batchFirst, paddingValue: -9 })
  expect(lengths.toArray()).toEqual(c.lengths)
  const T = c.batchSizes!.length
  const rows = (t: Tensor) => (batchFirst ? t : t.transpose(0, 1))
  c.lengths!.forEach((n, b) => {
    const got = rows(padded).toArray() as number[][][]
    const want = rows(c.x).toArray() as number[][][]
    expect(got[b]!.slice(0, n)).toEqual(want[b]!.slice(0, n))
    expect(got[b]!.slice(n).flat()).toEqual(new Array((T - n) * 2).fill(-9))
  })
})

test.each(cases.filter((c) => c.losses))('$name', (raw) => {
  const c = revive(raw) as Golden & { labels: number[]; head: Tensor[]; losses: number[] }
  const layer = new kinds[c.kind](2, 3, {
    numLayers: 2,
    bidirectional: true,
  }) as unknown as AnyLayer
  const head = new nn.Linear(6, 2)
  layer.loadStateDict(c.weights)
  head.loadStateDict({ weight: c.head[0]!, bias: c.head[1]! })
  const optimizer = new SGD([...layer.parameters(), ...head.parameters()], {
    lr: 0.1,
    momentum: 0.9,
  })
  const labels = tensor(c.labels, { dtype: 'int32' })
  const step = compile(() => {
    const packed = nn.packPaddedSequence(c.x, c.lengths!, { enforceSorted: false })
    const [output] = layer.forward(packed) as [nn.PackedSequence]
    const [padded] = nn.padPackedSequence(output)
    const loss = crossEntropy(head.forward(padded.mean(0)), labels)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss
  })
  const losses = c.losses.map(() => step().item())
  losses.forEach((loss, i) => {
    expect(
      Math.abs(loss - c.losses[i]!),
      `loss ${i}: ${loss}, PyTorch ${c.losses[i]}`,
    ).toBeLessThan(1e-5)
  })
})
