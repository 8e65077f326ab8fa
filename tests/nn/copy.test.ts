/** Copies of models share nothing with them; averages of weights follow PyTorch's. */
import { compile, manualSeed, normal, ones, type Tensor, tensor } from 'nabla'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { describe, expect, test } from 'vitest'
import { layers } from '../laws/layers.js'
import { maker } from '../laws/make.js'
import { tensorsOf } from '../laws/layers.js'

class Tied extends nn.Module {
  embed = new nn.Embedding(5, 3)
  head = new nn.Linear(3, 5, false)
  options = { scale: 2, list: [1, 2] }
  byName = new Map([['a', new nn.Linear(1, 1)]])
  norm = new nn.BatchNorm1d(3)
  kept: Tensor | null = null
  constructor() {
    super()
    this.head.weight = this.embed.weight
  }
  override forward(index: Tensor): Tensor {
    this.kept = this.norm.forward(this.embed.forward(index))
    return this.head.forward(this.kept).mul(this.options.scale)
  }
}

describe('copy', () => {
  const index = tensor([1, 2, 4], { dtype: 'int32' })
  test('shares nothing, keeps tied weights tied, modes, options and buffers', () => {
    const model = new Tied()
    model.forward(index).sum().backward()
    model.norm.eval()
    const other = nn.copy(model)
    expect(other).toBeInstanceOf(Tied)
    expect(other.head.weight).toBe(other.embed.weight)
    expect(other.parameters().length).toBe(model.parameters().length)
    expect(Object.keys(other.stateDict())).toEqual(Object.keys(model.stateDict()))
    expect(other.norm.training).toBe(false)
    expect(other.training).toBe(true)
    const mine = new Set<unknown>([...model.modules(), ...Object.values(model.stateDict())])
    for (const m of [...other.modules(), ...Object.values(other.stateDict())])
      expect(mine.has(m)).toBe(false)
    expect(other.parameters().every((p) => p.grad === null && p.requiresGrad)).toBe(true)
    other.eval()
    model.eval()
    expect(other.forward(index).toArray()).toEqual(model.forward(index).toArray())
    other.options.list.push(3)
    expect(model.options.list).toEqual([1, 2])
    const before = model.forward(index).toArray()
    other.embed.weight.assign(ones([5, 3]))
    other.options.scale = 7
    expect(model.forward(index).toArray()).toEqual(before)
  })
  test('a copy is trained by itself', () => {
    const model = new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, 1))
    const other = nn.copy(model)
    const saved = Object.values(model.stateDict()).map((t) => t.toArray())
    const optimizer = new optim.Adam(other.parameters(), { lr: 0.1 })
    const step = compile((x: Tensor) => {
      const loss = other.forward(x).square().mean()
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      return loss
    })
    const x = normal([8, 3])
    const first = step(x).item()
    for (let i = 0; i < 10; i++) step(x)
    expect(step(x).item()).toBeLessThan(first)
    expect(Object.values(model.stateDict()).map((t) => t.toArray())).toEqual(saved)
    ;(other as unknown as nn.Module[])[1] = new nn.ReLU()
    expect(other.at(1)).toBeInstanceOf(nn.ReLU)
    expect(model.at(1)).toBeInstanceOf(nn.Tanh)
  })
  test('lists, objects and frozen parameters', () => {
    const shared = new nn.Linear(1, 1).requireGrad(false)
    const [a, { b }] = nn.copy([shared, { b: shared }] as const)
    expect(a).toBe(b)
    expect(a).not.toBe(shared)
    expect(a.weight.requiresGrad).toBe(false)
  })
  const entries = Object.entries(layers).map(
    ([name, e]) => [name, Array.isArray(e) ? e[0]! : e] as const,
  )
  test.each(entries)('%s: the copy computes the same', (_, entry) => {
    manualSeed(1)
    const m = entry.make() as nn.Module & { forward(...i: unknown[]): unknown }
    const other = nn.copy(m)
    expect(`${other}`).toBe(`${m}`)
    const run = (n: typeof m) => {
      manualSeed(2)
      return tensorsOf(n.forward(...entry.inputs(maker(3)))).map((t) => t.toArray())
    }
    expect(run(other)).toEqual(run(m))
  })
})

describe('averages of weights', () => {
  const weights = [1, 4, 10]
  const shown = (average: { updateParameters(m: nn.Linear): void; module: nn.Linear }) => {
    const model = new nn.Linear(1, 1, { bias: false }) as unknown as nn.Linear
    return weights.map((w) => {
      model.weight.assign(tensor([[w]]))
      average.updateParameters(model)
      return average.module.weight.item()
    })
  }
  const linear = () => new nn.Linear(1, 1, { bias: false }) as unknown as nn.Linear
  test('AveragedModel is the mean, as torch.optim.swa_utils', () => {
    expect(shown(new nn.AveragedModel(linear()))).toEqual([1, 2.5, 5])
  })
  test('an exponential moving average starts with the first weights', () => {
    // 1, 0.9 · 1 + 0.1 · 4 = 1.3, 0.9 · 1.3 + 0.1 · 10 = 2.17
    const got = shown(new nn.AveragedModel(linear(), { multiAvgFn: nn.getEmaMultiAvgFn(0.9) }))
    ;[1, 1.3, 2.17].forEach((w, i) => {
      expect(got[i]).toBeCloseTo(w, 5)
    })
  })
  test('a function of your own; the program follows replaced layers; copies stand alone', () => {
    // The first update copies, the others take the larger one.
    const largest = new nn.AveragedModel(linear(), { avgFn: (a, w) => a.maximum(w) })
    expect(shown(largest)).toEqual([1, 4, 10])
    const model = new nn.Sequential(new nn.Linear(1, 1, false))
    const mean = new nn.AveragedModel(model)
    const set = (w: number) => (model.at(0) as nn.Linear).weight.assign(tensor([[w]]))
    set(2)
    mean.updateParameters(model)
    const before = nn.copy(mean)
    ;(model as unknown as nn.Module[])[0] = new nn.Linear(1, 1, false)
    set(6)
    mean.updateParameters(model)
    expect((mean.module.at(0) as nn.Linear).weight.item()).toBe(4)
    expect((before.module.at(0) as nn.Linear).weight.item()).toBe(2)
    before.updateParameters(model)
    expect((before.module.at(0) as nn.Linear).weight.item()).toBe(4)
    expect(mean.nAveraged.item()).toBe(2)
  })
  test('in a compiled step, saved and loaded; buffers follow', () => {
    const model = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3))
    const ema = new nn.AveragedModel(model, {
      multiAvgFn: nn.getEmaMultiAvgFn(0.5, { warmup: true }),
    })
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 })
    const body = (x: Tensor) => {
      const loss = model.forward(x).square().mean()
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      ema.updateParameters(model)
    }
    const step = compile(body)
    const x = normal([8, 2])
    for (let i = 0; i < 5; i++) step(x)
    expect(step.traces).toBe(1)
    expect(ema.nAveraged.item()).toBe(5)
    const names = Object.keys(model.stateDict()).map((k) => `module.${k}`)
    expect(new Set(Object.keys(ema.stateDict()))).toEqual(new Set(['n_averaged', ...names]))
    expect(ema.parameters().every((p) => !p.requiresGrad)).toBe(true)
    const buffers = Object.fromEntries(ema.module.namedBuffers())
    for (const [n, t] of model.namedBuffers()) expect(buffers[n]!.toArray()).toEqual(t.toArray())
    const other = new nn.AveragedModel(model)
    other.loadStateDict(ema.stateDict())
    expect(other.eval().forward(x).toArray()).toEqual(ema.eval().forward(x).toArray())
  })
  test('another model is refused', () => {
    const ema = new nn.AveragedModel(new nn.Linear(2, 2))
    expect(() => ema.updateParameters(new nn.Linear(2, 3))).toThrow(
      /\[AveragedModel.updateParameters\] weight must be/,
    )
    for (const wrong of [undefined, linear().parameters()])
      expect(() => new nn.AveragedModel(wrong as never)).toThrow('must be a model')
    for (const make of [nn.getEmaAvgFn, nn.getEmaMultiAvgFn])
      expect(() => make(2)).toThrow(/from 0 to 1/)
    const both = { avgFn: nn.getSwaAvgFn(), multiAvgFn: nn.getSwaMultiAvgFn() }
    expect(() => new nn.AveragedModel(linear(), both)).toThrow('got both')
    expect(() => new nn.AveragedModel(linear(), { avgFn: 0.9 } as never)).toThrow(
      'getEmaMultiAvgFn',
    )
    expect(() => new nn.AveragedModel(linear(), { use_buffers: true } as never)).toThrow(
      'Did you mean useBuffers?',
    )
  })
})
