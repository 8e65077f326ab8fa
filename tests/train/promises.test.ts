/** What the tools of training promise, as laws over all of them. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  defaultGenerator,
  FileError,
  manualSeed,
  NablaError,
  type Tensor,
  tensor,
  uniform,
} from 'nabla'
import { DataLoader, TensorDataset } from 'nabla/data'
import { loadTensors, parseChecked, readBytes, serializeChecked } from 'nabla/io'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import {
  BestCheckpoint,
  type Callback,
  CsvLog,
  EarlyStopping,
  evaluate,
  type FitOptions,
  findLr,
  firstNonFinite,
  fit,
  fitAsync,
  GradientMonitor,
  inspectGradients,
  JsonLog,
  MeanAbsoluteError,
  PeriodicCheckpoint,
  predictions,
  restoreCheckpoint,
  StopWhenSteady,
  summary,
  TensorBoard,
  WeightAveraging,
} from 'nabla/train'
import { afterAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Draws random numbers in either mode, as noise of a sampler would. */
class Noise extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.add(uniform([1], 0, 0.1))
  }
}
class Net extends nn.Module {
  first = new nn.Linear(2, 8)
  norm = new nn.BatchNorm1d(8)
  frozen = new nn.BatchNorm1d(8)
  dropout = new nn.Dropout(0.3)
  noise = new Noise()
  last = new nn.Linear(8, 2)
  fail = false
  override forward(x: Tensor): Tensor {
    if (this.fail) throw new Error('in the middle')
    const h = this.frozen.forward(this.norm.forward(this.first.forward(x)))
    return this.last.forward(this.noise.forward(this.dropout.forward(h.relu())))
  }
}
function task(seed = 3, n = 52) {
  manualSeed(seed)
  const x = uniform([n, 2], -1, 1)
  const points = x.toArray() as number[][]
  const y = tensor(Int32Array.from(points, ([a, b]) => (b! > a! * a! - 0.3 ? 1 : 0)))
  const data = new DataLoader(new TensorDataset(x, y), { batchSize: 8, shuffle: true, seed })
  const model = new Net()
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 })
  const schedule = new optim.OneCycleLR(optimizer, 0.05, { totalSteps: 60 })
  return { model, data, optimizer, schedule, x, y }
}
const bits = (t: Tensor | null) => t && [...(t.toTypedArray() as Iterable<number>)]
type Task = ReturnType<typeof task>

/** Everything that a run is. */
const whole = ({ model, optimizer, schedule }: Pick<Task, 'model' | 'optimizer' | 'schedule'>) => ({
  state: Object.entries(model.stateDict()).map(([k, t]) => [k, bits(t)]),
  modes: model.modules().map((m) => m.training),
  grads: model.parameters().map((p) => bits(p.grad)),
  optimizer: Object.entries(optimizer.stateDict().tensors).map(([k, t]) => [k, bits(t)]),
  groups: JSON.stringify(optimizer.stateDict().groups),
  schedule: JSON.stringify(schedule.stateDict()),
  generator: defaultGenerator.getState(),
})

describe('looking at a model leaves it as it was', () => {
  const batch = (t: Task) => [t.x, t.y] as const
  const tools: Record<string, (t: Task) => unknown> = {
    evaluate: (t) => evaluate(t.model, t.data),
    'evaluate in part': (t) => evaluate(t.model, t.data, { batches: 1 }),
    predictions: (t) => predictions(t.model, t.data),
    summary: (t) => summary(t.model, [4, 2]),
    inspectGradients: (t) => inspectGradients(t.model, batch(t)),
    firstNonFinite: (t) => firstNonFinite(t.model, t.x),
    findLr: (t) => findLr(t.model, { data: t.data, optimizer: t.optimizer, steps: 12 }),
    checkpoint: (t) => {
      const trainer = { model: t.model, lastBatch: batch(t), loss: undefined, inputs: undefined }
      new GradientMonitor().onEpochEnd(trainer as never, { epoch: 0 } as never)
    },
  }
  test.each(Object.entries(tools))('%s', (_name, tool) => {
    for (const training of [true, false])
      for (const fail of [false, true]) {
        const t = task()
        fit(t.model, { data: t.data, optimizer: t.optimizer, epochs: 1 })
        t.model.train(training)
        t.model.frozen.eval()
        // Gradients of somebody's own.
        t.model.first.weight.grad = tensor(new Float32Array(16).fill(7), { shape: [8, 2] })
        const before = whole(t)
        t.model.fail = fail
        if (fail) expect(() => tool(t)).toThrow('in the middle')
        else tool(t)
        expect(whole(t)).toEqual(before)
      }
  })
})

describe('checkpoints', () => {
  const callbacks = () => [
    new EarlyStopping({ patience: 9, monitor: 'loss' }),
    new WeightAveraging(),
  ]
  const options = (t: Task, more: Partial<FitOptions> = {}): FitOptions => ({
    data: t.data,
    optimizer: t.optimizer,
    schedule: t.schedule,
    scheduleEvery: 'step',
    epochs: 3,
    callbacks: callbacks(),
    ...more,
  })
  const saved = (name: string) => {
    const path = join(folder, name)
    const t = task()
    fit(
      t.model,
      options(t, { epochs: 1, callbacks: [...callbacks(), new PeriodicCheckpoint(path)] }),
    )
    return new Uint8Array(readBytes(path))
  }
  /** Refuses, and nothing has changed. */
  function expectRefused(
    bytes: Uint8Array,
    more: Partial<FitOptions> = {},
    error: typeof NablaError = NablaError,
  ) {
    const t = task(8)
    fit(t.model, options(t, { epochs: 1 }))
    const own = callbacks()
    const before = whole(t)
    const states = JSON.stringify(own.map((c) => c.state()))
    expect(() => fit(t.model, options(t, { callbacks: own, resume: bytes, ...more }))).toThrow(
      error,
    )
    expect(whole(t)).toEqual(before)
    expect(JSON.stringify(own.map((c) => c.state()))).toBe(states)
  }

  test('of 200 flipped bits none leads to another run', () => {
    const bytes = saved('bits.safetensors')
    let s = 7
    const random = (n: number) => {
      s = (Math.imul(s, 1103515245) + 12345) >>> 0
      return Math.floor((s / 2 ** 32) * n)
    }
    const t = task(8)
    fit(t.model, options(t, { epochs: 1 }))
    const before = whole(t)
    for (let i = 0; i < 200; i++) {
      const flipped = bytes.slice()
      const at = i < 60 ? random(3000) : random(bytes.length)
      flipped[at]! ^= 1 << random(8)
      expect(() => restoreCheckpoint(flipped, t), `bit of byte ${at}`).toThrow(FileError)
      if (i % 20 === 0) expectRefused(flipped, {}, FileError)
    }
    expect(whole(t)).toEqual(before)
    expect(() => restoreCheckpoint(bytes.subarray(0, -1), t)).toThrow(FileError)
  })

  test('what cannot be is refused before anything changes, also with a right checksum', () => {
    const bytes = saved('refused.safetensors')
    const { tensors, metadata } = parseChecked(bytes)
    type Header = {
      groups: { lr: unknown; options: Record<string, unknown> }[]
      schedule: Record<string, unknown>
      generator: unknown[]
      extra: {
        progress: Record<string, unknown>
        callbacks: Record<string, Record<string, unknown>>
      }
    }
    const changed = (change: (h: Header, t: Record<string, Tensor>) => void) => {
      const header = JSON.parse(metadata.checkpoint!) as Header
      const own = { ...tensors }
      change(header, own)
      return serializeChecked(own, { checkpoint: JSON.stringify(header) })
    }
    expectNotRefused(changed(() => {}))
    const changes: ((h: Header, t: Record<string, Tensor>) => void)[] = [
      (h) => (h.groups[0]!.lr = 'evil'),
      (h) => (h.groups[0]!.lr = -1),
      (h) => (h.groups[0]!.lr = null),
      (h) => (h.groups[0]!.options.betas = [0.9]),
      (h) => (h.groups[0]!.options.eps = 'small'),
      (h) => (h.groups[0]!.options.amsgrad = 'yes'),
      (h) => delete h.groups[0]!.options.weightDecay,
      (h) => (h.groups[0]!.options.wieghtDecay = 1),
      (h) => (h.groups = []),
      (h) => (h.schedule.lastEpoch = -3),
      (h) => (h.schedule.baseLrs = ['fast']),
      (h) => (h.schedule = { lastEpoch: 1, baseLrs: [0.1], best: 1 }),
      (h) => (h.generator = [1, 2]),
      (h) => (h.generator = [1, 2, 'x']),
      (h) => (h.extra.progress.step = 'x'),
      (h) => (h.extra.callbacks.earlyStopping!.waited = 'x'),
      (h) => (h.extra.callbacks.weightAveraging!.count = 3),
      (_h, t) => delete t['model.last.weight'],
      (_h, t) => (t['model.last.weight'] = tensor([1])),
      (_h, t) => (t['model.more'] = tensor([1])),
      (_h, t) => delete t['optimizer.group0.0.expAvg'],
      (_h, t) => (t['optimizer.group0.0.expAvg'] = tensor([1])),
      (_h, t) => (t['optimizer.group0.0.step'] = tensor([0.5])),
      (_h, t) => (t['optimizer.group0.99.expAvg'] = tensor([1])),
      (_h, t) => (t['grad.nothing'] = tensor([1])),
    ]
    for (const change of changes) expectRefused(changed(change))
    const t = task(8)
    expectRefused(bytes, { schedule: undefined as never })
    expect(() =>
      fit(t.model, { ...options(t), schedule: new optim.StepLR(t.optimizer, 2), resume: bytes }),
    ).not.toThrow()
  })
  function expectNotRefused(bytes: Uint8Array): void {
    const t = task(8)
    fit(t.model, options(t, { resume: bytes }))
  }

  test('a schedule of somebody’s own that refuses leaves everything as it was', () => {
    const bytes = saved('own.safetensors')
    const t = task(8)
    const schedule = {
      step() {},
      stateDict: () => ({ lastEpoch: 0 }),
      loadStateDict(state: object) {
        if ('baseLrs' in state) throw new Error('not mine')
      },
    }
    const before = whole(t)
    expect(() => fit(t.model, { ...options(t), schedule, resume: bytes })).toThrow('not mine')
    expect(whole(t)).toEqual(before)
  })

  const kinds: Record<string, (step: number) => Callback> = {
    'a callback that throws': (step) => ({
      onBatchEnd(_t, log) {
        if (log.step === step) throw new Error('stopped')
      },
    }),
    'a callback that throws after an epoch': (step) => ({
      onEpochEnd(t) {
        if (t.step >= step) throw new Error('stopped')
      },
    }),
    stop: (step) => ({
      onBatchEnd(t, log) {
        if (log.step === step) t.stop('stopped')
      },
    }),
    'stop after an epoch': (step) => ({
      onEpochEnd(t) {
        if (t.step >= step) t.stop('stopped')
      },
    }),
  }
  describe.each(Object.entries(kinds))(
    'a run ended by %s goes on with the same bits',
    (kind, make) => {
      test.each([1, 3])('accumulate %i', async (accumulate) => {
        const full = task()
        const history = fit(full.model, options(full, { accumulate })).history
        for (const at of [2, 7, 13])
          for (const first of [true, false]) {
            const path = join(
              folder,
              `${kind}-${accumulate}-${at}-${first}.safetensors`.replaceAll(' ', '-'),
            )
            const part = task()
            const own = [new PeriodicCheckpoint(path, { batches: 1 }), ...callbacks()]
            const given = options(part, {
              accumulate,
              callbacks: first ? [make(at), ...own] : [...own, make(at)],
            })
            try {
              fit(part.model, given)
            } catch (error) {
              expect(`${error}`).toContain('stopped')
            }
            // Twice: the second one goes on from the first's last checkpoint.
            const twice = task()
            const more = options(twice, { accumulate, resume: path })
            if (at < 7)
              fit(twice.model, {
                ...more,
                callbacks: [
                  ...callbacks(),
                  new PeriodicCheckpoint(path, { batches: 1 }),
                  { onBatchEnd: (t, log) => void (log.step === 9 && t.stop('again')) },
                ],
              })
            const rest = task()
            const resumed = await fitAsync(
              rest.model,
              options(rest, { accumulate, resume: readBytes(path) }),
            )
            expect(resumed.history.map((h) => [h.loss, h.lr])).toEqual(
              history.map((h) => [h.loss, h.lr]),
            )
            expect({ ...whole(rest), modes: 0, grads: 0 }).toEqual({
              ...whole(full),
              modes: 0,
              grads: 0,
            })
          }
      })
    },
  )

  test('a run that stopped early ends as it did when it is resumed', () => {
    const path = join(folder, 'early.safetensors')
    const run = (resume?: string) => {
      const t = task()
      const flat: Callback = {
        onEpochEnd(_t, log) {
          log.valLoss = 1
        },
      }
      const trainer = fit(t.model, {
        data: t.data,
        validation: t.data,
        optimizer: t.optimizer,
        epochs: 20,
        callbacks: [new PeriodicCheckpoint(path), flat, new EarlyStopping({ patience: 2 })],
        ...(resume && { resume }),
      })
      return [trainer.history.length, trainer.stopped, whole(t).state]
    }
    const first = run()
    expect(first[0]).toBe(3)
    expect(run(path)).toEqual(first)
  })

  test('every checkpoint that is due is written, and as many kept as asked for', () => {
    for (const accumulate of [1, 2, 3, 4]) {
      const own = join(folder, `keep${accumulate}`)
      const t = task()
      fit(t.model, {
        data: t.data,
        optimizer: t.optimizer,
        epochs: 2,
        accumulate,
        callbacks: [new PeriodicCheckpoint(join(own, 'c.safetensors'), { batches: 2, keep: 3 })],
      })
      // Seven batches an epoch: steps 2, 4, 6, epoch 1, steps 8, 10, 12, 14, epoch 2.
      expect(readdirSync(own).sort()).toEqual([
        'c-epoch2.safetensors',
        'c-step12.safetensors',
        'c-step14.safetensors',
      ])
      for (const file of readdirSync(own)) loadTensors(join(own, file))
    }
  })
})

describe('monitors', () => {
  const kept = (monitor: string, more: object, values: number[], metrics = {}) => {
    const path = join(folder, `best-${monitor}.safetensors`)
    const t = task()
    fit(t.model, {
      data: t.data,
      validation: t.data,
      optimizer: t.optimizer,
      epochs: values.length,
      metrics,
      callbacks: [
        {
          onEpochEnd(_t, log) {
            log[monitor] = values[log.epoch]!
          },
        },
        new BestCheckpoint(path, { monitor, ...more }),
      ],
    })
    const { metadata } = parseChecked(readBytes(path))
    return (JSON.parse(metadata.checkpoint!) as { extra: { history: unknown[] } }).extra.history
      .length
  }
  test('known names and metrics know which way is better', () => {
    expect(kept('valMae', {}, [3, 1, 2])).toBe(2)
    expect(kept('valRmse', {}, [3, 1, 2])).toBe(2)
    expect(kept('valAuc', {}, [1, 3, 2])).toBe(2)
    expect(
      kept('valMine', {}, [3, 1, 2], {
        mine: { better: 'min', reset() {}, update() {}, compute: () => 0 },
      }),
    ).toBe(2)
    expect(kept('valBalance', { mode: 'max' }, [1, 3, 2])).toBe(2)
    expect(kept('valLoss', {}, [Number.NaN, 3, 1, Number.NaN])).toBe(3)
  })
  test.each([
    ['BestCheckpoint', (m: object) => new BestCheckpoint(join(folder, 'x'), m)],
    ['EarlyStopping', (m: object) => new EarlyStopping(m)],
  ])('%s demands a mode for a name that says nothing, before training', (_name, make) => {
    const t = task()
    const before = whole(t)
    const run = (monitor: string) =>
      fit(t.model, {
        data: t.data,
        optimizer: t.optimizer,
        epochs: 1,
        callbacks: [make({ monitor })],
      })
    expect(() => run('valBalance')).toThrow(
      /small or large values of valBalance are good; got no mode/,
    )
    expect(whole(t).state).toEqual(before.state)
    expect(() => make({ patiance: 2 })).toThrow(/patiance/)
    expect(() => make({ mode: 'up' })).toThrow("mode is 'min' or 'max'")
  })
  test('a schedule that watches a metric goes its way', () => {
    const run = (
      more: object,
      scheduleMetric: string,
      value: (epoch: number) => number,
      metrics = {},
    ) => {
      const t = task()
      t.optimizer.lr = 0.02
      const schedule = new optim.ReduceLROnPlateau(t.optimizer, {
        patience: 1,
        factor: 0.5,
        ...more,
      })
      fit(t.model, {
        data: t.data,
        validation: t.data,
        optimizer: t.optimizer,
        epochs: 6,
        schedule,
        scheduleMetric,
        metrics: { own: { reset() {}, update() {}, compute: (n = 0) => value(n) }, ...metrics },
      })
      return t.optimizer.lr
    }
    const rising = () => {
      let n = 0
      return { compute: () => n++, reset() {}, update() {} }
    }
    expect(run({}, 'valAuc', () => 0, { auc: rising() })).toBe(0.02)
    expect(run({}, 'valMae', () => 0, { mae: rising() })).toBeLessThan(0.02)
    expect(run({ mode: 'max' }, 'valMae', () => 0, { mae: rising() })).toBe(0.02)
    expect(() => run({}, 'valOwn', () => 0)).toThrow(/valOwn are good; got no mode/)
    expect(() => run({}, 'valMine', () => 0, { auc: new MeanAbsoluteError() })).toThrow('valMine')
  })
})

test('every callback refuses options that do not exist', () => {
  const made: ((o: object) => unknown)[] = [
    (o) => new EarlyStopping(o),
    (o) => new StopWhenSteady(o),
    (o) => new BestCheckpoint('x', o),
    (o) => new PeriodicCheckpoint('x', o),
    (o) => new TensorBoard('x', o),
    (o) => new GradientMonitor(o),
    (o) => new WeightAveraging(o),
  ]
  for (const make of made) expect(() => make({ batch_size: 3 })).toThrow(/batch_size/)
  for (const make of [CsvLog, JsonLog]) expect(() => new make('x')).not.toThrow()
})
