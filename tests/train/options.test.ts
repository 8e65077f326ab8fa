/** What `fit` can be given, and what it refuses. */
import { createHash } from 'node:crypto'
import {
  compile,
  crossEntropy,
  manualSeed,
  mseLoss,
  nllLoss,
  type Tensor,
  tensor,
  uniform,
} from 'nabla'
import { DataLoader, IterableDataset, TensorDataset } from 'nabla/data'
import * as nn from 'nabla/nn'
import { Adam, SGD } from 'nabla/optim'
import {
  Accuracy,
  type Callback,
  evaluate,
  type FitOptions,
  fit,
  inspectGradients,
  ProgressBars,
  predictions,
} from 'nabla/train'
import { describe, expect, test, vi } from 'vitest'

function task(seed = 3, n = 60) {
  manualSeed(seed)
  const x = uniform([n, 2], -1, 1)
  const points = x.toArray() as number[][]
  const y = tensor(Int32Array.from(points, ([a, b]) => (b! > a! ? 1 : 0)))
  const data = new DataLoader(new TensorDataset(x, y), { batchSize: 8, shuffle: true, seed })
  const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 2))
  const optimizer = new Adam(model.parameters(), { lr: 0.02 })
  return { model, data, optimizer, x, y }
}
const bits = (m: nn.Module) => {
  const hash = createHash('sha256')
  for (const p of m.parameters()) hash.update(p.toTypedArray() as Float32Array)
  return hash.digest('hex')
}

/** Two inputs, two outputs: their sum and their product. */
class Two extends nn.Module {
  one = new nn.Linear(2, 16)
  sum = new nn.Linear(16, 1)
  product = new nn.Linear(16, 1)
  override forward(a: Tensor, b: Tensor): [Tensor, Tensor] {
    const h = this.one.forward(a.add(b)).tanh()
    return [this.sum.forward(h), this.product.forward(h)]
  }
}

describe('several inputs and targets', () => {
  const make = () => {
    manualSeed(1)
    const [a, b] = [uniform([40, 2], -1, 1), uniform([40, 2], -1, 1)]
    const both = a.add(b)
    const data = new DataLoader(
      new TensorDataset(a, b, both.sum(1, { keepdim: true }), both.prod(1, { keepdim: true })),
      { batchSize: 10 },
    )
    const model = new Two()
    const loss = (out: [Tensor, Tensor], s: Tensor, p: Tensor) =>
      mseLoss(out[0], s).add(mseLoss(out[1], p))
    return { model, data, loss, optimizer: new Adam(model.parameters(), { lr: 0.02 }) }
  }
  test('a model of two inputs and two outputs learns, is evaluated and inspected', () => {
    const { model, data, loss, optimizer } = make()
    const seen: number[] = []
    const { history } = fit(model, {
      data,
      validation: data,
      optimizer,
      loss,
      inputs: 2,
      epochs: 60,
      metrics: {
        own: {
          better: 'min',
          reset() {},
          update: (...all: unknown[]) => void seen.push(all.length),
          compute: () => 0,
        },
      },
    })
    expect(history.at(-1)!.loss).toBeLessThan(0.1 * history[0]!.loss)
    expect(history.at(-1)!.valLoss).toBeCloseTo(evaluate(model, data, { loss, inputs: 2 }).loss, 6)
    expect(new Set(seen)).toEqual(new Set([3]))
    const [batch] = data
    expect(inspectGradients(model, batch!, loss, { inputs: 2 }).gradients).toHaveLength(6)
  })
  test('all tensors but the last are inputs when nothing is said', () => {
    manualSeed(1)
    const [a, b] = [uniform([40, 2], -1, 1), uniform([40, 2], -1, 1)]
    class Sum extends nn.Module {
      fc = new nn.Linear(2, 1)
      override forward(x: Tensor, y: Tensor): Tensor {
        return this.fc.forward(x.add(y))
      }
    }
    const data = new DataLoader(new TensorDataset(a, b, a.add(b).sum(1, { keepdim: true })), {
      batchSize: 8,
    })
    const model = new Sum()
    const { history } = fit(model, {
      data,
      optimizer: new SGD(model.parameters(), { lr: 0.2 }),
      loss: mseLoss,
      epochs: 40,
    })
    expect(history.at(-1)!.loss).toBeLessThan(1e-3)
    expect(predictions(model, data).shape).toEqual([40, 1])
  })
})

test('validationSplit takes the last examples, before shuffling', () => {
  const whole = task()
  const { history } = fit(whole.model, {
    data: whole.data,
    optimizer: whole.optimizer,
    epochs: 3,
    validationSplit: 0.25,
    metrics: { again: new Accuracy() },
  } as FitOptions)
  const parts = task()
  const cut = (from: number, to: number) =>
    new TensorDataset(parts.x.narrow(0, from, to - from), parts.y.narrow(0, from, to - from))
  const by = fit(parts.model, {
    data: new DataLoader(cut(0, 45), { batchSize: 8, shuffle: true, seed: 3 }),
    validation: new DataLoader(cut(45, 60), { batchSize: 8 }),
    optimizer: parts.optimizer,
    epochs: 3,
  })
  expect(bits(whole.model)).toBe(bits(parts.model))
  expect(history.map((h) => h.valLoss)).toEqual(by.history.map((h) => h.valLoss))
  expect(history[0]!.valAgain).toBeCloseTo(history[0]!.valAccuracy!, 12)
  for (const validationSplit of [0, 1, 2, -0.5, Number.NaN, 1e-9])
    expect(() =>
      fit(whole.model, {
        data: whole.data,
        optimizer: whole.optimizer,
        epochs: 1,
        validationSplit,
      }),
    ).toThrow(/validationSplit/)
})

test('classWeight weighs the loss of training; balanced counts the labels', () => {
  const run = (options: Partial<FitOptions>) => {
    const { model, data, optimizer } = task()
    fit(model, { data, optimizer, epochs: 2, ...options })
    return bits(model)
  }
  const weight = tensor([1, 3])
  const want = run({ loss: (p, y) => crossEntropy(p, y, { weight }) })
  expect(run({ classWeight: [1, 3] })).toBe(want)
  expect(run({ classWeight: { 1: 3 } })).toBe(want)
  expect(run({})).not.toBe(want)
  const { y } = task()
  const ones = y.sum().item()
  const balanced = tensor([60 / (2 * (60 - ones)), 60 / (2 * ones)])
  expect(run({ classWeight: 'balanced' })).toBe(
    run({ loss: (p, t) => crossEntropy(p, t, { weight: balanced }) }),
  )
  const nll = (p: Tensor, t: Tensor) => nllLoss(p, t)
  expect(() => run({ classWeight: [1, 3], loss: nll })).toThrow(
    'classWeight needs crossEntropy or nllLoss',
  )
  for (const classWeight of [[1], [1, 2, 3], { 2: 1 }, [1, -1], 'all', { a: 1 }])
    expect(() => run({ classWeight: classWeight as never }), JSON.stringify(classWeight)).toThrow(
      /weight/i,
    )
})

describe('what is shown', () => {
  const lines = (verbose: boolean | undefined, tty: boolean) => {
    const out: string[] = []
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((t) => !!out.push(`${t}`))
    const bar = vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
    const before = process.stderr.isTTY
    process.stderr.isTTY = tty
    try {
      const { model, data, optimizer } = task()
      fit(model, {
        data,
        validation: data,
        optimizer,
        epochs: 2,
        metrics: { f: new Accuracy() },
        ...(verbose !== undefined && { verbose }),
      })
    } finally {
      process.stderr.isTTY = before
      write.mockRestore()
      bar.mockRestore()
    }
    return out
  }
  test('a line an epoch on a terminal, or when asked for; else nothing', () => {
    const line =
      /^epoch 1\/2 {2}loss \d\.\d{4} {2}accuracy [\d.]+ % {2}validation loss \d\.\d{4} {2}accuracy [\d.]+ % {2}valF [\d.]+ {2}[\d,]+ samples\/s {2}[\d.]+ s {2}\d+s left\n$/
    expect(lines(undefined, true)[0]).toMatch(line)
    expect(lines(true, false)[0]).toMatch(line)
    expect(lines(true, false)).toHaveLength(2)
    expect(lines(undefined, false)).toEqual([])
    expect(lines(false, true)).toEqual([])
  })
  test('lines go where one wants', () => {
    const out: string[] = []
    const { model, data, optimizer } = task()
    fit(model, {
      data,
      optimizer,
      epochs: 1,
      callbacks: [new ProgressBars({ print: (l) => out.push(l) })],
    })
    expect(out[0]).toMatch(/^epoch 1\/1/)
  })
})

test('what does not exist or makes no sense is refused before anything changes', () => {
  const cases: [object, RegExp][] = [
    [{ batch_size: 3 }, /the options are .*; got batch_size/],
    [{ patiance: 3 }, /got patiance/],
    [{ learningRate: 3 }, /got learningRate/],
    [{ maxEpochs: 3 }, /Did you mean epochs/],
    [{ validation_split: 0.1 }, /Did you mean validationSplit/],
    [{ class_weight: [1, 2] }, /Did you mean classWeight/],
    [{ epochs: 0 }, /epochs/],
    [{ epochs: undefined }, /epochs/],
    [{ data: undefined }, /Pass a DataLoader/],
    [{ data: [1] }, /data must be a DataLoader.*got \[1\]/],
    [{ loss: 'mse' }, /loss must be a function; got 'mse'/],
    [{ optimizer: 'adam' }, /optimizer must be an optimizer: new Adam.*got 'adam'/],
    [{ schedule: 0.1 }, /schedule must be a schedule/],
    [{ verbose: 2 }, /verbose must be true or false/],
    [{ metrics: ['accuracy'] }, /metrics must be an object of metrics by name/],
    [{ epochs: '3' }, /epochs must be a whole number/],
    [{ validation: 0.2 }, /validation must be a DataLoader/],
    [{ transform: {} }, /transform must be a function/],
    [{ resume: true }, /resume must be the bytes/],
    [{ clipNorm: Number.NaN }, /clipNorm/],
    [{ optimizer: undefined }, /optimizer must be given/],
    [{ accumulate: 0 }, /accumulate/],
    [{ inputs: 0 }, /inputs/],
    [{ inputs: 7 }, /a batch must hold 7 inputs/],
    [{ clipNorm: -1 }, /clipNorm/],
    [{ clipValue: 0 }, /clipValue/],
    [{ scheduleEvery: 'batch' }, /scheduleEvery/],
    [{ metrics: { a: new Accuracy() } }, /validation/],
    [{ callbacks: [Accuracy] }, /Pass an instance/],
    [{ callbacks: [{ onepochend() {} }] }, /a callback has one of/],
    [{ callbacks: {} }, /callbacks are a list/],
    [{ resume: new Uint8Array(3) }, /8 bytes/],
  ]
  for (const [more, error] of cases) {
    const { model, data, optimizer } = task()
    model.eval()
    const before = bits(model)
    expect(
      () => fit(model, { data, optimizer, epochs: 1, ...more } as FitOptions),
      JSON.stringify(more),
    ).toThrow(error)
    expect(bits(model)).toBe(before)
  }
  expect(() => evaluate(task().model, task().data, { batchs: 1 } as object)).toThrow(
    'Did you mean batches',
  )
})

describe('an optimizer over what is not trained', () => {
  test('of another model: fit and loops written by hand', () => {
    const { model, data, x, y } = task()
    const other = new SGD(task().model.parameters(), { lr: 1 })
    expect(() => fit(model, { data, optimizer: other, epochs: 1 })).toThrow(
      /parameters of the model; got those of another one/,
    )
    const step = () => {
      const loss = crossEntropy(model.forward(x), y)
      other.zeroGrad()
      loss.backward()
      other.step()
      return loss
    }
    expect(step).toThrow(/some parameter of the optimizer must have a gradient/)
    expect(compile(step)).toThrow(/some parameter of the optimizer must have a gradient/)
  })
  test('frozen parameters', () => {
    const { model, data, optimizer } = task()
    model.requireGrad(false)
    expect(() => fit(model, { data, optimizer, epochs: 1 })).toThrow(/frozen ones only/)
  })
})

test('gradients that are not finite in the midst of training leave all as after the step before', () => {
  const run = (bad: number | undefined, accumulate: number, compiled: boolean) => {
    const { model, optimizer, x, y } = task()
    const norm = new nn.BatchNorm1d(2)
    const whole = new nn.Sequential(norm, model)
    const points = (x.toArray() as number[][]).map((p, i) =>
      i === 29 && bad !== undefined ? [p[0]!, bad] : p,
    )
    const data = new DataLoader(new TensorDataset(tensor(points), y), { batchSize: 4 })
    const stop: Callback = {
      onBatchEnd: (t, log) =>
        void (bad === undefined && log.step === 7 - (7 % accumulate) && t.stop('before')),
    }
    const go = () =>
      fit(whole, { data, optimizer, epochs: 1, accumulate, compiled, callbacks: [stop] })
    if (bad === undefined) go()
    else
      expect(go).toThrow(
        /the loss must stay a finite number; got NaN at step 8 \(epoch 1, batch 8\), first in layer 0/,
      )
    return [
      bits(model),
      Object.entries(optimizer.stateDict().tensors).map(([k, t]) => [
        k,
        [...(t.toTypedArray() as Float32Array)],
      ]),
      accumulate === 1 && Object.values(norm.stateDict()).map((t) => t.toArray()),
    ]
  }
  for (const compiled of [true, false])
    for (const accumulate of [1, 2])
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
        expect(run(bad, accumulate, compiled)).toEqual(run(undefined, accumulate, compiled))
})

test('a finite loss whose gradient is not names the parameter', () => {
  class Root extends nn.Module {
    fc = new nn.Linear(2, 2)
    override forward(x: Tensor): Tensor {
      // 0 at 0 with an infinite slope.
      return this.fc.forward(x).mul(0).sqrt()
    }
  }
  const { data } = task()
  const model = new Root()
  const before = bits(model)
  expect(() =>
    fit(model, { data, optimizer: new SGD(model.parameters(), { lr: 1 }), epochs: 1 }),
  ).toThrow(
    /gradients must be finite numbers; got a gradient that is not at step 1 \(epoch 1, batch 1\), first in parameter fc\.bias/,
  )
  expect(bits(model)).toBe(before)
})

test('weights that overflow in the last step are no result', () => {
  const { model, data } = task()
  const saved: unknown[] = []
  const optimizer = new SGD(model.parameters(), { lr: 1e38 })
  expect(() =>
    fit(model, {
      data,
      optimizer,
      epochs: 1,
      overfitBatches: 1,
      loss: (p, y) => crossEntropy(p, y).mul(1e3),
      callbacks: [{ onEpochEnd: (t) => void saved.push(t.checkpoint()) }],
    }),
  ).toThrow(/must (stay|be)( a)? finite/)
  expect(saved).toEqual([])
})

test('the last batches of data without a length are a group of their own, as of data with one', () => {
  const run = (known: boolean) => {
    const { model, optimizer, x, y } = task()
    const stream = new IterableDataset(function* () {
      for (let i = 0; i < 60; i++) yield [x.select(0, i), y.select(0, i)]
    })
    const data = new DataLoader<Tensor[]>(known ? new TensorDataset(x, y) : stream, {
      batchSize: 8,
    })
    const moved: number[] = []
    fit(model, {
      data,
      optimizer,
      epochs: 2,
      accumulate: 3,
      callbacks: [{ onBatchEnd: (t, log) => void (t.moved && moved.push(log.step)) }],
    })
    return [moved, bits(model)]
  }
  expect(run(true)[0]).toEqual([3, 6, 8, 11, 14, 16])
  expect(run(false)).toEqual(run(true))
})
