import { tensor } from 'nabla'
import * as optim from 'nabla/optim'
import { describe, expect, test } from 'vitest'

type Make = new (o: unknown, ...args: unknown[]) => optim.Scheduler
const made = (name: string, ...args: unknown[]) => {
  const o = new optim.SGD([tensor([1], { requiresGrad: true })], { lr: 0.5, momentum: 0.9 })
  return new (optim as unknown as Record<string, Make>)[name]!(o, ...args)
}
const rates = (s: optim.Scheduler, n = 6) =>
  Array.from({ length: n }, () => {
    s.step(1)
    return s.getLastLr()[0]
  })

// Positional arguments in PyTorch's order, and the same by name.
const schedules: Record<string, [unknown[], Record<string, unknown>]> = {
  LambdaLR: [[(t: number) => 0.5 ** t], { lrLambda: (t: number) => 0.5 ** t }],
  MultiplicativeLR: [[() => 0.5], { lrLambda: () => 0.5 }],
  StepLR: [[2, 0.5], { stepSize: 2, gamma: 0.5 }],
  MultiStepLR: [[[1, 3], 0.5], { milestones: [1, 3], gamma: 0.5 }],
  ConstantLR: [[0.5, 2], { factor: 0.5, totalIters: 2 }],
  LinearLR: [[0.5, 1, 3], { startFactor: 0.5, endFactor: 1, totalIters: 3 }],
  ExponentialLR: [[0.9], { gamma: 0.9 }],
  PolynomialLR: [[4, 2], { totalIters: 4, power: 2 }],
  CosineAnnealingLR: [[5, 0.1], { tMax: 5, etaMin: 0.1 }],
  CosineAnnealingWarmRestarts: [[2, 2, 0.1], { t0: 2, tMult: 2, etaMin: 0.1 }],
  NoamLR: [[16, 3], { modelSize: 16, warmupSteps: 3 }],
  ReduceLROnPlateau: [['max', 0.5, 1], { mode: 'max', factor: 0.5, patience: 1 }],
  CyclicLR: [[0.1, 0.5, 2, 3], { baseLr: 0.1, maxLr: 0.5, stepSizeUp: 2, stepSizeDown: 3 }],
  OneCycleLR: [[0.5, 8], { maxLr: 0.5, totalSteps: 8 }],
}

test('every schedule of one optimizer is in the table', () => {
  const all = Object.keys(optim).filter((n) => /LR$|LROn|Restarts/.test(n))
  expect([...Object.keys(schedules), 'SequentialLR'].sort()).toEqual(all.sort())
})

describe.each(Object.entries(schedules))('%s', (name, [byPlace, byName]) => {
  test('takes its arguments by position and by name', () => {
    const want = rates(made(name, ...byPlace))
    expect(want.every(Number.isFinite)).toBe(true)
    expect(rates(made(name, byName))).toEqual(want)
  })
  test('refuses arguments of another kind when it is made, by position and by name', () => {
    for (const [i, key] of Object.keys(byName).entries())
      for (const wrong of ['0.1', Number.NaN, { junk: 1 }, [{}], Symbol.iterator, true]) {
        const given = byPlace.map((v, k) => (k === i ? wrong : v))
        expect(() => made(name, ...given), `${i}: ${String(wrong)}`).toThrow(`[${name}]`)
        expect(() => made(name, { ...byName, [key]: wrong }), key).toThrow(`[${name}]`)
      }
    expect(() => made(name, { ...byName, gama_: 1 })).toThrow(`[${name}] the options are`)
    expect(() => made(name, ...Array(12).fill(undefined), 1)).toThrow(`[${name}]`)
  })
  test('refuses what is no optimizer', () => {
    const make = (optim as unknown as Record<string, Make>)[name]!
    for (const o of [undefined, 0.1, [tensor([1])]])
      expect(() => new make(o, ...byPlace)).toThrow('the first argument must be an optimizer')
  })
})

test('a rate that is not finite changes nothing', () => {
  const s = made('LambdaLR', (t: number) => (t < 2 ? 1 : Number.NaN))
  s.step()
  expect(() => s.step()).toThrow('[LambdaLR] a learning rate must be a finite number')
  expect(s.getLastLr()).toEqual([0.5])
})

test('schedules of schedules refuse what is no schedule', () => {
  const one = made('ExponentialLR', 0.9)
  expect(() => new optim.SequentialLR(one.optimizer, [one, 3] as never, [1])).toThrow('schedules')
  expect(() => new optim.SequentialLR(one.optimizer, [one], 3 as never)).toThrow('milestones')
  expect(() => new optim.ChainedScheduler(one as never)).toThrow('schedulers')
})
