import { fork } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { manualSeed, mseLoss, NablaError, type Tensor, tensor, uniform } from 'nabla'
import { DataLoader, TensorDataset } from 'nabla/data'
import { readBytes } from 'nabla/io'
import * as nn from 'nabla/nn'
import { Adam, OneCycleLR, SGD } from 'nabla/optim'
import {
  Accuracy,
  BestCheckpoint,
  type Callback,
  CsvLog,
  EarlyStopping,
  evaluate,
  F1,
  type FitOptions,
  findLr,
  fit,
  fitAsync,
  GradientMonitor,
  inspectGradients,
  JsonLog,
  PeriodicCheckpoint,
  predictions,
  StopWhenSteady,
  summary,
  TensorBoard,
} from 'nabla/train'
import { afterAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Points of the plane; the class tells on which side of a parabola. */
function task(seed = 3, n = 96) {
  manualSeed(seed)
  const x = uniform([n, 2], -1, 1)
  const points = x.toArray() as number[][]
  const y = tensor(Int32Array.from(points, ([a, b]) => (b! > a! * a! - 0.3 ? 1 : 0)))
  const data = new DataLoader(new TensorDataset(x, y), { batchSize: 16, shuffle: true, seed })
  const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 2))
  const optimizer = new Adam(model.parameters(), { lr: 0.02 })
  return { model, data, optimizer }
}
const weights = (m: nn.Module) => m.parameters().map((p) => [...(p.toTypedArray() as Float32Array)])

function expectNear(got: number[], want: number[]): void {
  got.forEach((v, i) => {
    expect(v).toBeCloseTo(want[i]!, 5)
  })
}

test('a batch is given back when the next one is there', () => {
  const { model, data, optimizer } = task()
  const given: string[] = []
  const name = new Map<unknown, string>()
  const counted = {
    length: data.length,
    *from(epoch: number, start: number) {
      for (const batch of data.from(epoch, start)) {
        name.set(batch, `${name.size}`)
        given.push(`+${name.get(batch)}`)
        yield batch
      }
    },
    release: (batch: unknown) => given.push(`-${name.get(batch)}`),
  }
  const alive: Callback = {
    onEpochEnd: (t) => expect(t.lastBatch![0]!.toTypedArray()).toHaveLength(32),
  }
  fit(model, { data: counted, optimizer, epochs: 2, overfitBatches: 2, callbacks: [alive] })
  expect(given).toEqual(['+0', '+1', '-0', '+2', '-1', '+3', '-2'])
})

test('learns, and says so in its history', () => {
  const { model, data, optimizer } = task()
  const { history } = fit(model, {
    data,
    validation: data,
    optimizer,
    epochs: 30,
    metrics: { f1: new F1(), again: new Accuracy() },
  })
  expect(history).toHaveLength(30)
  expect(history[29]!.loss).toBeLessThan(history[0]!.loss / 2)
  expect(history[29]!.valF1).toBeGreaterThan(0.9)
  expect(history[29]!.valAgain).toBeCloseTo(history[29]!.valAccuracy!, 10)
})

test('eager, compiled and asynchronous runs end with the same weights', async () => {
  const run = async (how: Partial<FitOptions>, later = false) => {
    const { model, data, optimizer } = task()
    const options = { data, optimizer, epochs: 2, clipNorm: 0.5, ...how }
    if (later) await fitAsync(model, options)
    else fit(model, options)
    return weights(model)
  }
  const compiled = await run({})
  expect(await run({}, true)).toEqual(compiled)
  const eager = await run({ compiled: false })
  expectNear(eager.flat(), compiled.flat())
})

test('accumulated gradients of small batches are those of a large one', () => {
  const run = (batchSize: number, accumulate: number) => {
    const { model, data: given } = task()
    const data = new DataLoader(given.dataset, { batchSize })
    fit(model, {
      data: data as never,
      optimizer: new SGD(model.parameters(), { lr: 0.1 }),
      epochs: 3,
      accumulate,
    })
    return weights(model).flat()
  }
  const whole = run(32, 1)
  expectNear(run(8, 4), whole)
})

describe('stopping', () => {
  const flat = { onEpochEnd: (_t: unknown, log: { valLoss?: number }) => (log.valLoss = 1) }
  test('early stopping waits, stops and puts the best weights back', () => {
    const { model, data, optimizer } = task()
    const seen: number[][][] = []
    const record: Callback = { onEpochEnd: (t) => void seen.push(weights(t.model)) }
    const trainer = fit(model, {
      data,
      validation: data,
      optimizer,
      epochs: 50,
      callbacks: [flat, record, new EarlyStopping({ patience: 4 })],
    })
    expect(trainer.history).toHaveLength(5)
    expect(trainer.stopped).toContain('valLoss')
    expect(weights(model)).toEqual(seen[0])
  })
  test('a loss that stays the same ends training', () => {
    const { model, data } = task()
    const trainer = fit(model, {
      data,
      optimizer: new SGD(model.parameters(), { lr: 0 }),
      epochs: 50,
      callbacks: [new StopWhenSteady({ patience: 2 })],
    })
    expect(trainer.history).toHaveLength(3)
  })
  test('a monitor that is not there is an error that lists what is', () => {
    const { model, data, optimizer } = task()
    expect(() =>
      fit(model, { data, optimizer, epochs: 1, callbacks: [new EarlyStopping()] }),
    ).toThrow(/must hold valLoss; got epoch, loss, accuracy.*Pass validation data/)
  })
  test('a loss that is no number names step and place, and spares the weights', () => {
    class Root extends nn.Module {
      fc = new nn.Linear(2, 2)
      root = new Sqrt()
      override forward(x: Tensor): Tensor {
        return this.root.forward(this.fc.forward(x))
      }
    }
    class Sqrt extends nn.Module {
      override forward(x: Tensor): Tensor {
        return x.sub(100).sqrt()
      }
    }
    const { data } = task()
    const model = new Root()
    const before = weights(model)
    expect(() =>
      fit(model, { data, optimizer: new SGD(model.parameters(), { lr: 1 }), epochs: 1 }),
    ).toThrow(/NaN at step 1 \(epoch 1, batch 1\), first in layer root/)
    expect(weights(model)).toEqual(before)
  })
})

describe('resuming', () => {
  // Dropout draws from the generator, the schedule and early stopping have states of their own.
  const make = (callbacks: Callback[], resume?: Uint8Array) => {
    const { data, model: plain } = task(5)
    const model = new nn.Sequential(...plain.layers.slice(0, 2), new Noise(), plain.layers[2]!)
    const optimizer = new Adam(model.parameters(), { lr: 0.01 })
    const options: FitOptions = {
      data,
      validation: data,
      optimizer,
      epochs: 4,
      schedule: new OneCycleLR(optimizer, 0.05, { totalSteps: 25 }),
      scheduleEvery: 'step',
      callbacks: [new EarlyStopping({ patience: 9 }), ...callbacks],
      ...(resume && { resume }),
    }
    return { model, options }
  }
  class Noise extends nn.Module {
    override forward(x: Tensor): Tensor {
      return this.training ? x.mul(uniform([1], 0.5, 1.5)) : x
    }
  }
  const losses = (h: { loss: number; valLoss?: number }[]) => h.map((l) => [l.loss, l.valLoss])

  test.each([1, 4, 5, 6, 7, 13, 23])('stopped after step %i ends with the same bits', (kill) => {
    const whole = make([])
    const { history } = fit(whole.model, whole.options)
    const path = join(folder, `resume${kill}.safetensors`)
    const part = make([
      new PeriodicCheckpoint(path, { batches: 1 }),
      {
        onBatchEnd(_t, { step }) {
          if (step === kill) throw new Error('killed')
        },
      },
    ])
    expect(() => fit(part.model, part.options)).toThrow('killed')
    const rest = make([], readBytes(path))
    const resumed = fit(rest.model, rest.options)
    expect(losses(resumed.history)).toEqual(losses(history))
    expect(weights(rest.model)).toEqual(weights(whole.model))
  })

  test('a checkpoint of another model or of no run is refused and changes nothing', () => {
    const { model, options } = make([])
    const path = join(folder, 'whole.safetensors')
    fit(model, { ...options, epochs: 1, callbacks: [new PeriodicCheckpoint(path)] })
    const other = new nn.Sequential(new nn.Linear(3, 2))
    const before = weights(other)
    const optimizer = new SGD(other.parameters(), { lr: 1 })
    expect(() => fit(other, { ...options, optimizer, resume: readBytes(path) })).toThrow()
    expect(weights(other)).toEqual(before)
  })

  test('a checkpoint whose record of the run is damaged is refused before anything changes', () => {
    const { model, options } = make([])
    const path = join(folder, 'record.safetensors')
    fit(model, { ...options, epochs: 1, callbacks: [new PeriodicCheckpoint(path)] })
    for (const name of ['callbacks', 'progress', 'history', 'samples']) {
      const text = Buffer.from(readBytes(path)).toString('latin1')
      const other = name.replace(/.$/, 'x')
      const resume = Buffer.from(text.replace(`\\"${name}\\"`, `\\"${other}\\"`), 'latin1')
      expect(resume.equals(readBytes(path))).toBe(false)
      const fresh = make([])
      const before = weights(fresh.model)
      expect(() => fit(fresh.model, { ...fresh.options, resume })).toThrow('damaged')
      expect(weights(fresh.model)).toEqual(before)
    }
  })

  test('bytes that are cut or changed give one of our errors, or a whole run', () => {
    const { model, options } = make([])
    const path = join(folder, 'fuzzed.safetensors')
    fit(model, { ...options, epochs: 1, callbacks: [new PeriodicCheckpoint(path)] })
    const whole = readBytes(path)
    const attempt = (bytes: Uint8Array) => {
      try {
        const { model: m, options: o } = make([], bytes)
        fit(m, { ...o, epochs: 1 })
      } catch (error) {
        if (!(error instanceof NablaError)) throw error
      }
    }
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const bytes = Uint8Array.from(cut ? whole.subarray(0, at) : whole)
        if (!cut) bytes[at] = byte
        attempt(bytes)
      }),
      { numRuns: 60, seed: 1 },
    )
    // The header, where most of the structure is.
    fc.assert(
      fc.property(fc.nat(2000), fc.integer({ min: 32, max: 126 }), (at, byte) => {
        const bytes = Uint8Array.from(whole)
        bytes[at] = byte
        attempt(bytes)
      }),
      { numRuns: 120, seed: 2 },
    )
  })
})

test('a process that is killed loses nothing', async () => {
  // The child trains with a checkpoint every step until it is killed, at moments of chance.
  const child = new URL('./killed.mjs', import.meta.url).pathname
  if (!existsSync(new URL('../../dist/index.js', import.meta.url))) return
  const path = join(folder, 'killed.safetensors')
  const run = (ms: number) =>
    new Promise<string>((resolve) => {
      const p = fork(child, [path], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
      let out = ''
      p.stdout!.on('data', (d) => (out += d))
      if (ms > 0) setTimeout(() => p.kill('SIGKILL'), ms)
      p.on('exit', () => resolve(out))
    })
  const want = await run(0)
  rmSync(path)
  let got = ''
  for (let i = 0; i < 40 && got === ''; i++) got = await run(i < 6 ? 350 + ((i * 137) % 200) : 0)
  expect(got).toBe(want)
}, 60_000)

test('the best and the last checkpoints, logs and TensorBoard events', () => {
  const { model, data, optimizer } = task()
  const at = (name: string) => join(folder, 'logs', name)
  fit(model, {
    data,
    validation: data,
    optimizer,
    epochs: 3,
    callbacks: [
      new BestCheckpoint(at('best.safetensors')),
      new CsvLog(at('log.csv')),
      new JsonLog(at('log.jsonl')),
      new TensorBoard(at('tb'), { every: 2 }),
      new PeriodicCheckpoint(at('last.safetensors'), { keep: 2 }),
    ],
  })
  const csv = readFileSync(at('log.csv'), 'utf8').trim().split('\n')
  expect(csv[0]).toContain('epoch,loss,accuracy')
  expect(csv).toHaveLength(4)
  const lines = readFileSync(at('log.jsonl'), 'utf8').trim().split('\n')
  expect(JSON.parse(lines[2]!).epoch).toBe(2)
  expect(existsSync(at('last-epoch1.safetensors'))).toBe(false)
  expect(existsSync(at('last-epoch2.safetensors'))).toBe(true)
  expect(existsSync(at('last-epoch3.safetensors'))).toBe(true)
  const again = task()
  const { loss } = evaluate(model, data)
  fit(again.model, {
    data,
    optimizer: again.optimizer,
    epochs: 3,
    resume: readBytes(at('best.safetensors')),
  })
  expect(evaluate(again.model, data).loss).toBeLessThanOrEqual(loss + 1e-6)
})

describe('looking at gradients', () => {
  const deep = (activation: () => nn.Layer, scale: number) => {
    const layers = Array.from({ length: 12 }, () => [new nn.Linear(8, 8), activation()]).flat()
    const model = new nn.Sequential(...layers, new nn.Linear(8, 2))
    for (const p of model.parameters()) if (p.rank === 2) nn.init.normal(p, 0, scale)
    return model
  }
  const batch = () => {
    manualSeed(1)
    return [uniform([32, 8], -1, 1), tensor(new Int32Array(32))] as const
  }
  test('sigmoid layers vanish, large linear ones explode, He values with ReLU do neither', () => {
    expect(
      inspectGradients(
        deep(() => new nn.Sigmoid(), 0.3),
        batch(),
      ).verdict,
    ).toBe('vanishing')
    expect(
      inspectGradients(
        deep(() => new nn.Identity(), 1.5),
        batch(),
      ).verdict,
    ).toBe('exploding')
    expect(
      inspectGradients(
        deep(() => new nn.ReLU(), 0.5),
        batch(),
      ).verdict,
    ).toBe('healthy')
  })
  test('the monitor reports by epoch and does not disturb training', () => {
    const plain = task()
    fit(plain.model, { ...plain, epochs: 2 })
    const watched = task()
    const monitor = new GradientMonitor()
    fit(watched.model, { ...watched, epochs: 2, callbacks: [monitor] })
    expect(weights(watched.model)).toEqual(weights(plain.model))
    expect(monitor.reports.map((r) => r.epoch)).toEqual([0, 1])
    expect(monitor.reports[0]!.gradients.map((g) => g.name)).toEqual([
      '0.weight',
      '0.bias',
      '2.weight',
      '2.bias',
    ])
    expect(monitor.reports[0]!.activations.map((g) => g.name)).toEqual(['0', '1', '2'])
  })
})

test('the learning-rate finder leaves everything as it was', () => {
  const { model, data, optimizer } = task()
  const before = weights(model)
  const found = findLr(model, { data, optimizer, from: 1e-5, to: 10, steps: 60 })
  expect(found.lr).toBeGreaterThan(1e-4)
  expect(found.lr).toBeLessThan(10)
  expect(weights(model)).toEqual(before)
  expect(optimizer.lr).toBeCloseTo(0.02, 6)
  const control = task()
  fit(model, { data, optimizer, epochs: 1 })
  fit(control.model, { ...control, epochs: 1 })
  expect(weights(model)).toEqual(weights(control.model))
})

test('overfitBatches sees the same batches, fastDevRun one', () => {
  const { model, data, optimizer } = task()
  const { history } = fit(model, { data, optimizer, epochs: 200, overfitBatches: 1 })
  expect(history[199]!.loss).toBeLessThan(0.1)
  let steps = 0
  fit(model, {
    data,
    validation: data,
    optimizer,
    epochs: 9,
    fastDevRun: true,
    callbacks: [{ onBatchEnd: () => void steps++ }],
  })
  expect(steps).toBe(1)
})

test('a regression reports its measures and no accuracy', () => {
  manualSeed(2)
  const x = uniform([64, 1], -1, 1)
  const data = new DataLoader(new TensorDataset(x, x.mul(3).add(1)), { batchSize: 8 })
  const model = new nn.Sequential(new nn.Linear(1, 1))
  const optimizer = new SGD(model.parameters(), { lr: 0.2 })
  const { history } = fit(model, { data, optimizer, epochs: 20, loss: mseLoss })
  expect(history[19]!.loss).toBeLessThan(1e-4)
  expect(history[19]).not.toHaveProperty('accuracy')
})

test('the summary is a table of layers, shapes, parameters and work', () => {
  const { model } = task()
  const s = summary(model, [4, 2])
  expect(s.parameters).toBe(42)
  expect(s.layers.map((l) => [l.path, l.type, l.output, l.parameters])).toEqual([
    ['', 'Sequential', '[4, 2]', 42],
    ['0', 'Linear', '[4, 8]', 24],
    ['1', 'Tanh', '[4, 8]', 0],
    ['2', 'Linear', '[4, 2]', 18],
  ])
  // Products and sums of the two matmuls, their biases, and one tanh each.
  expect(s.flops).toBe(2 * 4 * 8 * 2 + 4 * 8 + 4 * 8 + 2 * 4 * 8 * 2 + 4 * 2)
  expect(s.toString()).toMatch(/0: Linear +\[4, 8\] +24/)
})

test('options that make no sense are refused', () => {
  const { model, data, optimizer } = task()
  expect(() => fit(model, { data, optimizer, epochs: 1.5 })).toThrow('[fit] epochs')
  const none = { length: 0, from: () => [][Symbol.iterator]() }
  expect(() => fit(model, { data: none, optimizer, epochs: 1 })).toThrow('at least one batch')
  expect(() => evaluate(model, none)).toThrow('at least one batch')
  expect(() => predictions(model, none)).toThrow('at least one batch')
})
