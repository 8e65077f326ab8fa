import { hostArray } from '../../src/backends/host.js'
import {
  compile,
  elasticNetPenalty,
  GradError,
  setBackend,
  type Tensor,
  tensor,
  ValueError,
} from 'nabla'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { describe, expect, test } from 'vitest'
import { fastBackends } from './table.js'

type Any = optim.Optimizer
type Made = new (params: unknown, options: object) => Any

/** Options under which each lowers the problem below; several where they change the state. */
const table: Record<string, object[]> = {
  SGD: [
    { lr: 0.1 },
    { lr: 0.02, momentum: 0.9, dampening: 0.1 },
    { lr: 0.02, momentum: 0.9, nesterov: true },
  ],
  ASGD: [{ lr: 0.1, t0: 2 }],
  Rprop: [{ lr: 0.05 }],
  Lion: [{ lr: 0.02, weightDecay: 0.01 }],
  Adam: [{ lr: 0.1 }, { lr: 0.1, amsgrad: true, weightDecay: 0.01 }],
  AdamW: [{ lr: 0.1 }],
  Adamax: [{ lr: 0.1 }],
  NAdam: [{ lr: 0.05 }],
  RAdam: [{ lr: 0.05 }],
  Adagrad: [{ lr: 0.3 }, { lr: 0.3, lrDecay: 0.01, initialAccumulatorValue: 0.1 }],
  Adadelta: [{ lr: 1, eps: 0.01 }],
  RMSprop: [{ lr: 0.02 }, { lr: 0.01, momentum: 0.5, centered: true }],
  Adafactor: [{ lr: 0.2 }],
  LBFGS: [
    { lr: 0.5, maxIter: 2 },
    { maxIter: 2, lineSearchFn: 'strongWolfe', historySize: 3 },
  ],
}
/** Those whose weight decay and l1 are taken off the parameters, not added to the gradient, or are none. */
const decoupled = ['AdamW', 'Lion', 'Adafactor', 'Rprop', 'LBFGS']

const optimizers = new Map<string, Made>(
  Object.entries(optim).filter(
    ([, v]) => typeof v === 'function' && v.prototype instanceof optim.Optimizer,
  ) as unknown as [string, Made][],
)
const entries = Object.entries(table).flatMap(([name, list]) =>
  list.map((options) => ({ name, options, label: `${name} ${JSON.stringify(options)}` })),
)
const bits = (t: Tensor) => [...(t.toTypedArray() as Iterable<number>)]

/** A quadratic in a matrix and a vector. */
function problem() {
  const w = tensor(
    [
      [1, -2, 3],
      [0.5, 1.5, -1],
    ],
    { requiresGrad: true },
  )
  const b = tensor([2, -1], { requiresGrad: true })
  const scale = tensor([
    [1, 2, 0.5],
    [1.5, 1, 0.7],
  ])
  const value = () => w.sub(0.3).square().mul(scale).sum().add(b.add(0.4).square().sum())
  return { params: [w, b] as const, value }
}
function run(
  o: Any,
  value: () => Tensor,
  { compiled = false, sign = 1, traces = [] as number[] } = {},
) {
  const evaluate = () => {
    const loss = value().mul(sign)
    o.zeroGrad()
    loss.backward()
    return loss
  }
  if (o instanceof optim.LBFGS) {
    const closure = compiled ? compile(evaluate, { keepGrads: true }) : evaluate
    return () => o.step(closure).item()
  }
  const step = () => {
    const loss = evaluate()
    o.step()
    return loss
  }
  if (!compiled) return () => step().item()
  const program = compile(step)
  return () => {
    const loss = program().item()
    traces[0] = program.traces
    return loss
  }
}
const expectNear = (got: number[], want: number[]) =>
  got.forEach((v, i) => void expect(v).toBeCloseTo(want[i]!, 5))
const repeat = (n: number, f: () => number) => Array.from({ length: n }, f)
const make = (name: string, params: unknown, options: object) =>
  new (optimizers.get(name)!)(params, options)

test('every optimizer has an entry', () => {
  expect(Object.keys(table).sort()).toEqual([...optimizers.keys()].sort())
})

describe.each(entries)('$label', ({ name, options }) => {
  test('lowers a quadratic', () => {
    const { params, value } = problem()
    const losses = repeat(100, run(make(name, params, options), value))
    expect(losses.at(-1)!).toBeLessThan(0.2 * losses[0]!)
  })

  test.each(
    [...fastBackends, 'reference' as const].flatMap((backend) =>
      [false, true].map((compiled) => [backend, compiled] as const),
    ),
  )('a gradient that is not finite changes nothing: %s, compiled %s', (backend, compiled) => {
    setBackend(backend)
    try {
      const { params, value } = problem()
      const spoil = tensor([0, 0])
      const o = make(name, params, options)
      const step = run(o, () => value().add(params[1].mul(spoil).sum()), { compiled })
      const all = () =>
        JSON.stringify([
          params.map(bits),
          Object.entries(o.stateDict().tensors).map(([k, t]) => [k, bits(t)]),
          o.stateDict().groups,
        ])
      repeat(3, step)
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const before = all()
        hostArray(spoil.storage!)[1] = bad
        expect(step).toThrow(/gradients must be finite.*parameter 2 \(\[2\]\)/)
        expect(all()).toBe(before)
      }
      hostArray(spoil.storage!)[1] = 0
      repeat(2, step)
      const plain = problem()
      repeat(5, run(make(name, plain.params, options), plain.value, { compiled }))
      if (backend === 'native' && !compiled)
        expect(params.map(bits)).toEqual(plain.params.map(bits))
      else params.forEach((p, i) => void expectNear(bits(p), bits(plain.params[i]!)))
    } finally {
      setBackend(fastBackends[0]!)
    }
  })

  test("with nonFiniteGradients = 'ignore' finite steps have the same bits, and others are made", () => {
    if (name === 'LBFGS') return // its line search looks at every value
    const sides = (['throw', 'ignore'] as const).map((mode) => {
      const { params, value } = problem()
      const spoil = tensor([0, 0])
      const o = make(name, params, options)
      o.nonFiniteGradients = mode
      const step = run(o, () => value().add(params[1].mul(spoil).sum()), { compiled: true })
      repeat(3, step)
      return { params, spoil, o, step }
    })
    const [checked, free] = sides as [(typeof sides)[0], (typeof sides)[0]]
    expect(free.params.map(bits)).toEqual(checked.params.map(bits))
    const start = bits(free.params[0])
    hostArray(free.spoil.storage!)[1] = Number.NaN
    free.step()
    expect(bits(free.params[0])).not.toEqual(start)
    expect(free.o.foundInf.item()).toBe(0)
    // A condition counts as ever, and so does the check from when it is wanted again.
    const before = JSON.stringify(free.params.map(bits))
    for (const p of free.params) p.grad = tensor(bits(p).map(() => 1)).reshape(p.shape)
    free.o.step(undefined, { when: tensor(false) })
    expect(JSON.stringify(free.params.map(bits))).toBe(before)
    expect(free.o.foundInf.item()).toBe(-1)
    hostArray(checked.spoil.storage!)[1] = Number.NaN
    const kept = checked.params.map(bits)
    expect(checked.step).toThrow(/gradients must be finite/)
    expect(checked.params.map(bits)).toEqual(kept)
    checked.o.nonFiniteGradients = 'ignore'
    checked.step()
    expect(bits(checked.params[0])).not.toEqual(kept[0])
  })

  test('compiled moves as eager, traced once while the rate changes', () => {
    const results = [false, true].map((compiled) => {
      const { params, value } = problem()
      const o = make(name, params, options)
      const traces: number[] = []
      const step = run(o, value, { compiled, traces })
      const losses = repeat(12, () => {
        const loss = step()
        o.lr *= 0.9
        return loss
      })
      expect(traces[0] ?? 1).toBe(1)
      return [...losses, ...params.flatMap(bits)]
    })
    results[0]!.forEach((v, i) => {
      expect(results[1]![i]!).toBeCloseTo(v, 4)
    })
  })

  test('goes on from a saved state with the same bits', () => {
    const first = problem()
    const a = make(name, first.params, options)
    const stepA = run(a, first.value)
    repeat(5, stepA)
    const saved = a.stateDict()
    const tensors = Object.fromEntries(
      Object.entries(saved.tensors).map(([k, t]) => [k, tensor(bits(t)).reshape(t.shape)]),
    )
    const state = { tensors, groups: JSON.parse(JSON.stringify(saved.groups)) }
    for (const used of [0, 3]) {
      const second = problem()
      const b = make(name, second.params, { ...options, lr: 0.123 })
      const stepB = run(b, second.value, { compiled: used > 0 })
      repeat(used, stepB)
      second.params.forEach((p, i) => {
        p.detach().assign(first.params[i]!.detach())
      })
      b.loadStateDict(state)
      expect(b.lr).toBe(a.lr)
      if (used > 0) continue
      const before = first.params.map((p) => p.detach().clone())
      const goOn = [repeat(5, stepA), repeat(5, stepB)]
      expect(goOn[1]).toEqual(goOn[0])
      expect(second.params.map(bits)).toEqual(first.params.map(bits))
      // Back to where it was saved.
      first.params.forEach((p, i) => {
        p.detach().assign(before[i]!)
      })
      a.loadStateDict(state)
    }
  })

  test('maximize climbs as the negative descends', () => {
    const [down, up] = [1, -1].map((sign) => {
      const { params, value } = problem()
      const o = make(name, params, { ...options, maximize: sign < 0 })
      return [...repeat(6, run(o, value, { sign })).map((v) => v * sign), ...params.flatMap(bits)]
    })
    expect(up).toEqual(down)
  })

  if (name !== 'LBFGS')
    test('groups have options of their own', () => {
      const { params, value } = problem()
      const [w, b] = params
      const apart = problem()
      const o = make(name, [{ params: [w] }, { params: [b], lr: 0.01 }], options)
      repeat(3, run(o, value))
      const second = make(name, [apart.params[0]], options)
      second.addParamGroup({ params: [apart.params[1]], lr: 0.01 })
      repeat(3, run(second, apart.value))
      expect(apart.params.map(bits)).toEqual(params.map(bits))
      const alone = problem()
      const o1 = make(name, [alone.params[0]], options)
      const o2 = make(name, [alone.params[1]], { ...options, lr: 0.01 })
      for (let i = 0; i < 3; i++) {
        for (const p of alone.params) p.grad = null
        alone.value().backward()
        o1.step()
        o2.step()
      }
      alone.params.forEach((p, i) => {
        bits(p).forEach((v, j) => {
          expect(bits(params[i]!)[j]!).toBeCloseTo(v, 6)
        })
      })
    })

  if (name !== 'LBFGS')
    test.each([false, true])(
      'a parameter that joins late or pauses counts its own steps, compiled: %s',
      (compiled) => {
        const { params, value } = problem()
        const [w, b] = params
        const o = make(name, params, options)
        const step = run(o, value, { compiled })
        const trained = [false, true, true, false, true]
        const seen = trained.map((on) => {
          b.requiresGrad = on
          step()
          return bits(b)
        })
        // The same gradients to an optimizer of that parameter alone, which makes only those steps.
        const alone = problem()
        const own = make(name, [alone.params[1]], options)
        trained.forEach((on, i) => {
          if (on) {
            own.zeroGrad()
            alone.value().backward()
            own.step()
          }
          bits(alone.params[1]).forEach((v, j) => {
            expect(seen[i]![j]!).toBeCloseTo(v, 5)
          })
        })
        expect(w.requiresGrad).toBe(true)
      },
    )

  if (!decoupled.includes(name))
    test('weightDecay and l1 are penalties of the loss', () => {
      const [inside, outside] = [true, false].map((byOptimizer) => {
        const { params, value } = problem()
        const extra = { weightDecay: 0.3 * 0.6, l1: 0.3 * 0.4 }
        const o = make(name, params, { ...options, ...(byOptimizer ? extra : { weightDecay: 0 }) })
        const whole = () => value().add(elasticNetPenalty(params, 0.3, 0.4))
        repeat(4, run(o, byOptimizer ? value : whole))
        return params.flatMap(bits)
      })
      inside!.forEach((v, i) => {
        expect(v).toBeCloseTo(outside![i]!, 5)
      })
    })

  test('what cannot be is refused', () => {
    const { params } = problem()
    const bad = (o: object) => () => make(name, params, o)
    expect(bad({ lr: -1 })).toThrow(`[${name}] lr must be at least 0; got -1`)
    expect(bad({ lr: Number.NaN })).toThrow(ValueError)
    expect(bad({ learningRate: 1 })).toThrow(/the options are .*lr.*; got learningRate/)
    expect(() => make(name, [], options)).toThrow('there must be parameters')
    expect(() => make(name, [params[0], params[0]], options)).toThrow(/once/)
    expect(() => make(name, [params[0].mul(2)], options)).toThrow(GradError)
    const o = make(name, params, options)
    expect(() => o.loadStateDict({ tensors: {}, groups: [] } as never)).toThrow(ValueError)
  })
})

describe('gradients add up over batches', () => {
  test.each([false, true])('compiled: %s', (compiled) => {
    const [together, apart] = [true, false].map((whole) => {
      const w = tensor([0.5, -1], { requiresGrad: true })
      const o = new optim.SGD([w], { lr: 0.1, momentum: 0.9 })
      const add = (x: Tensor) => {
        const loss = w.mul(x).square().sum().div(4)
        loss.backward()
        return loss
      }
      const finish = () => {
        nn.clipGradNorm([w], 0.5)
        o.step()
        o.zeroGrad()
      }
      const [f, g] = compiled ? [compile(add), compile(finish)] : [add, finish]
      const batches = [tensor([1, 2]), tensor([3, 1]), tensor([-1, 1])]
      for (let i = 0; i < 3; i++) {
        if (whole) {
          const sum = batches.map((x) => w.mul(x).square().sum().div(4)).reduce((a, c) => a.add(c))
          sum.backward()
        } else for (const x of batches) f(x)
        g()
      }
      return bits(w)
    })
    together!.forEach((v, i) => {
      expect(apart![i]!).toBeCloseTo(v, 6)
    })
  })
})

describe('clipping', () => {
  const setup = () => {
    const a = tensor([1, 2], { requiresGrad: true })
    const b = tensor([3], { requiresGrad: true })
    a.grad = tensor([3, -4])
    b.grad = tensor([12])
    return [a, b] as const
  }
  test('by norm: all gradients as one vector', () => {
    const params = setup()
    expect(nn.clipGradNorm(params, 6.5)!.item()).toBe(13)
    expect(bits(params[0].grad!)[1]).toBeCloseTo(-2, 6)
    expect(bits(params[1].grad!)[0]).toBeCloseTo(6, 6)
    // Below the bound nothing changes.
    expect(nn.clipGradNorm(params, 100)!.item()).toBeCloseTo(6.5, 5)
    expect(bits(params[1].grad!)[0]).toBeCloseTo(6, 6)
    expect(nn.clipGradNorm(setup(), 6, { normType: Infinity })!.item()).toBe(12)
    expect(nn.clipGradNorm(setup(), 6, { normType: 1 })!.item()).toBe(19)
    expect(nn.clipGradNorm([tensor([1], { requiresGrad: true })], 1)).toBe(null)
  })
  test('by value', () => {
    const params = setup()
    nn.clipGradValue(params, 3.5)
    expect(params.map((p) => bits(p.grad!))).toEqual([[3, -3.5], [3.5]])
  })
  test('bounds must be above 0', () => {
    expect(() => nn.clipGradNorm(setup(), 0)).toThrow('[clipGradNorm] the bound must be above 0')
    expect(() => nn.clipGradValue(setup(), -1)).toThrow('[clipGradValue] the bound must be above 0')
  })
})
