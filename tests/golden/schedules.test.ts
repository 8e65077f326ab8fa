import { compile, type Tensor, tensor } from 'nabla'
import * as optim from 'nabla/optim'
import { describe, expect, test } from 'vitest'
import { golden } from './fixture.js'

interface Spec {
  class: string
  args: unknown[]
  options: object
}
type Made = new (...args: unknown[]) => optim.Scheduler
const classes = new Map<string, unknown>(Object.entries(optim))
const functions: Record<string, (t: number) => number> = {
  power: (t) => 0.95 ** t,
  inverse: (t) => 1 / (1 + t),
}
const isSpec = (v: unknown): v is Spec => typeof v === 'object' && v !== null && 'class' in v

function build(optimizer: optim.Optimizer, spec: Spec): optim.Scheduler {
  const args = spec.args.map((a) =>
    Array.isArray(a)
      ? a.map((x) => (isSpec(x) ? build(optimizer, x) : x))
      : typeof a === 'string'
        ? functions[a]
        : a,
  )
  const rest = Object.keys(spec.options).length > 0 ? [spec.options] : []
  const Kind = classes.get(spec.class) as Made
  return spec.class === 'ChainedScheduler'
    ? new Kind(...args)
    : new Kind(optimizer, ...args, ...rest)
}

interface Case extends Spec {
  name: string
  optimizer: 'SGD' | 'Adam'
  metrics: number[]
  rates: number[][]
  momenta: number[][]
}
const cases = golden('schedules') as unknown as Case[]

function setup(c: Case) {
  const params = [0, 1].map(() => tensor([1], { requiresGrad: true })) as [Tensor, Tensor]
  const groups = params.map((p, i) => ({ params: [p], lr: i === 0 ? 0.1 : 0.02 }))
  const optimizer =
    c.optimizer === 'SGD' ? new optim.SGD(groups, { momentum: 0.9 }) : new optim.Adam(groups)
  return { params, optimizer, schedule: build(optimizer, c) }
}
type Optimizer = ReturnType<typeof setup>['optimizer']
const read = (o: Optimizer) => ({
  rates: o.groups.map((g) => g.options.lr),
  momenta: o.groups.map((g) => (o as optim.SGD).momentumOf(g as never)!),
})

describe.each(cases)('$name', (c) => {
  const expectAt = (o: Optimizer, t: number) => {
    const { rates, momenta } = read(o)
    for (const i of [0, 1]) {
      expect(Math.abs(rates[i]! - c.rates[t]![i]!), `rate ${t}`).toBeLessThan(1e-8)
      expect(Math.abs(momenta[i]! - c.momenta[t]![i]!), `momentum ${t}`).toBeLessThan(1e-8)
    }
  }

  test('rates and momenta as in PyTorch', () => {
    const { optimizer, schedule } = setup(c)
    c.rates.forEach((_, t) => {
      expectAt(optimizer, t)
      expect(schedule.getLastLr()).toEqual(read(optimizer).rates)
      if (t < c.rates.length - 1) schedule.step(c.metrics[t])
    })
  })

  test('goes on from what was saved, as JSON', () => {
    for (const stop of [0, 3, 11, 34]) {
      const first = setup(c)
      for (let t = 0; t < stop; t++) first.schedule.step(c.metrics[t])
      // JSON has no infinity, which the best metric begins with.
      const text = JSON.stringify(first.schedule.stateDict(), (_, v) =>
        v === Infinity ? 'inf' : v,
      )
      const state = JSON.parse(text, (_, v) => (v === 'inf' ? Infinity : v))
      const second = setup(c)
      second.optimizer.loadStateDict(first.optimizer.stateDict() as never)
      second.schedule.loadStateDict(state)
      for (let t = stop; t < c.rates.length; t++) {
        expectAt(second.optimizer, t)
        if (t < c.rates.length - 1) second.schedule.step(c.metrics[t])
      }
    }
  })

  test('a compiled step is traced once and moves by the present rate', () => {
    const { optimizer, schedule, params } = setup(c)
    const step = compile(() => {
      const loss = params[0].sum().add(params[1].sum())
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
    })
    // Descent along a constant gradient with momentum, by hand.
    const at = [1, 1]
    const velocity = [0, 0]
    for (let t = 0; t < 10; t++) {
      const { rates, momenta } = read(optimizer)
      step()
      if (c.optimizer === 'SGD')
        for (const i of [0, 1]) {
          velocity[i] = momenta[i]! * velocity[i]! + 1
          at[i]! -= rates[i]! * velocity[i]!
          expect(params[i]!.item()).toBeCloseTo(at[i]!, 4)
        }
      schedule.step(c.metrics[t])
    }
    expect(step.traces).toBe(1)
  })
})

test('every schedule is among them', () => {
  const seen = new Set(cases.map((c) => c.class))
  for (const [name, value] of classes)
    if (typeof value === 'function' && value.prototype instanceof optim.Scheduler)
      expect(seen, name).toContain(name)
})

test('what cannot be is refused', () => {
  const w = tensor([1], { requiresGrad: true })
  const plain = new optim.SGD([w], { lr: 0.1 })
  expect(() => new optim.StepLR(plain, 0)).toThrow('[StepLR] stepSize must be a whole number')
  expect(() => new optim.OneCycleLR(plain, 1, { totalSteps: 5 })).toThrow(
    /needs an optimizer with momentum/,
  )
  expect(() => new optim.OneCycleLR(plain, 1, {})).toThrow('[OneCycleLR] totalSteps')
  expect(() => new optim.CyclicLR(plain, [1, 2], 1, { cycleMomentum: false })).toThrow(
    /baseLr must be one value, or one for each of 1 groups; got 2/,
  )
  expect(() => new optim.ReduceLROnPlateau(plain).step()).toThrow(/metric/)
  expect(() => new optim.SequentialLR(plain, [new optim.StepLR(plain, 2)], [3])).toThrow(
    /milestone/,
  )
  const other = new optim.SGD([tensor([1], { requiresGrad: true })], { lr: 0.1 })
  expect(
    () => new optim.ChainedScheduler([new optim.StepLR(plain, 2), new optim.StepLR(other, 2)]),
  ).toThrow(/one optimizer/)
  const short = new optim.OneCycleLR(plain, 1, { totalSteps: 2, cycleMomentum: false })
  short.step()
  short.step()
  expect(() => short.step()).toThrow(/the cycle has 2 steps; got step 3/)
  expect(() => short.loadStateDict({ lastEpoch: 1 })).toThrow(/baseLrs|rates of 1 groups/)
})
