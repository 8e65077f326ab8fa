import { compile, manualSeed, setBackend, tensor, uniform } from 'nabla'
import { DataLoader, TensorDataset } from 'nabla/data'
import * as nn from 'nabla/nn'
import { SGD } from 'nabla/optim'
import { fit, WeightAveraging } from 'nabla/train'
import { expect, test } from 'vitest'

const bits = (m: nn.Module) => m.parameters().map((p) => [...(p.toTypedArray() as Float32Array)])

test.each(['native', 'wasm', 'reference'] as const)('the average by hand, %s', (backend) => {
  setBackend(backend)
  try {
    for (const warmup of [false, true])
      for (const compiled of [false, true]) {
        const model = new nn.Linear(2, 1, { bias: false })
        const ema = new nn.AveragedModel(model, {
          multiAvgFn: nn.getEmaMultiAvgFn(0.6, { warmup }),
        })
        const update = () => ema.updateParameters(model)
        const step = compiled ? compile(update) : update
        const want = [1, 1]
        for (let n = 1; n <= 5; n++) {
          const now = [n, n * n]
          model.weight.assign(tensor([now]))
          step()
          const decay = n === 1 ? 0 : warmup ? Math.min(0.6, n / (9 + n)) : 0.6
          now.forEach((v, i) => {
            want[i] = decay * want[i]! + (1 - decay) * v
          })
        }
        expect(model.weight.toArray()).toEqual([[5, 25]])
        ;(ema.module.weight.toArray() as number[][])[0]!.forEach((v, i) => {
          expect(v).toBeCloseTo(want[i]!, 4)
        })
      }
  } finally {
    setBackend('native')
  }
  expect(() => new WeightAveraging({ decay: 2 })).toThrow('from 0 to 1')
  expect(() => new WeightAveraging({ decai: 1 } as object)).toThrow('decay')
})

test('the callback averages after each step of the optimizer and leaves the average at the end', () => {
  const run = (accumulate: number, options: object | undefined) => {
    manualSeed(4)
    const x = uniform([24, 2], -1, 1)
    const y = tensor(Int32Array.from(x.toArray() as number[][], ([a, b]) => (a! > b! ? 1 : 0)))
    const model = new nn.Linear(2, 2)
    const all: number[][][] = [bits(model)]
    const average = options && new WeightAveraging(options)
    fit(model, {
      data: new DataLoader(new TensorDataset(x, y), { batchSize: 4 }),
      optimizer: new SGD(model.parameters(), { lr: 0.5 }),
      epochs: 2,
      accumulate,
      callbacks: [
        { onBatchEnd: (t) => void (t.moved && all.push(bits(model))) },
        ...(average ? [average] : []),
      ],
    })
    return { model, all, average }
  }
  for (const accumulate of [1, 3]) {
    const plain = run(accumulate, undefined)
    expect(plain.all).toHaveLength(1 + 12 / accumulate)
    const want = plain.all[0]![0]!.map((_, i) =>
      plain.all.slice(1).reduce((s, w) => 0.9 * s + 0.1 * w[0]![i]!, plain.all[0]![0]![i]!),
    )
    const { model, average } = run(accumulate, { decay: 0.9, warmup: false })
    bits(model)[0]!.forEach((v, i) => void expect(v).toBeCloseTo(want[i]!, 5))
    const averaged = bits(model)
    average!.useTrained()
    average!.useTrained()
    expect(bits(model)).toEqual(bits(plain.model))
    average!.useAverage()
    average!.useAverage()
    expect(bits(model)).toEqual(averaged)
  }
})
