/** An optimizer's update as one value of the graph: the same kernels and bits as when each of its operations is one. */
import {
  arange,
  full,
  type BackendName,
  compile,
  expand,
  mul,
  ones,
  scan,
  setBackend,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
} from 'nabla'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { extras } from '../../src/core/extras.js'
import type { FunctionRecorder } from '../../src/compile/recorder.js'
import { state } from '../../src/ops/state.js'

const { expressions } = extras
afterEach(() => {
  extras.expressions = expressions!
})

type Made = new (params: readonly Tensor[], options: object) => optim.Optimizer
/** Every optimizer, with options that make its update longer where it has them. */
const optimizers = (Object.entries(optim) as [string, Made][]).flatMap(([name, of]) => {
  if (!((of as { prototype?: unknown }).prototype instanceof optim.Optimizer)) return []
  if (of.prototype instanceof optim.LBFGS || name === 'LBFGS') return []
  const plain = [name, of, {}] as const
  const { options } = new of([ones([1], { requiresGrad: true })], {}).groups[0]! as never as {
    options: Record<string, unknown>
  }
  const more: Record<string, unknown> = {
    weightDecay: 0.1,
    l1: 0.01,
    maximize: true,
    amsgrad: true,
    centered: true,
    momentum: 0.9,
  }
  const known = Object.fromEntries(Object.entries(more).filter(([key]) => key in options))
  return [plain, [name, of, known] as const]
})

/** Parameters of many kinds, and a loss by which their gradients are products, views, constants and sums. */
function problem() {
  const of = (values: unknown, dtype: 'float32' | 'float64' = 'float32') =>
    tensor(values as number[], { requiresGrad: true, dtype })
  const a = of([[1, -2, 3], [0.5, 1.5, -1]]) // biome-ignore format: a matrix
  const b = of([[2, -1], [0.3, 0.1], [-0.7, 5]]) // biome-ignore format: a matrix
  const params = [a, b, of([1, 2]), of(3), of([4]), of([0.25, -0.5], 'float64'), of([7, 8])]
  const loss = () => {
    const [, , c, d, e, f, g] = params
    const quadratic = square(sub(a.matmul(b), 0.3)).sum()
    const rest = mul(d!, 3).add(sum(expand(e!, [5]))).add(square(a.t()).sum()) // biome-ignore format: a line
    return quadratic.add(rest).add(sum(c!)).add(square(g!).mul(2).sum()).add(square(f!).sum().to('float32')) // biome-ignore format: a line
  }
  return { params, loss }
}
const numbers = (o: optim.Optimizer) =>
  [...o.state].map(([p, s]) =>
    [p, ...Object.values(s)].map((t) => [...(t.toTypedArray() as Float32Array)]),
  )
const withoutOwners = (text: string) => text.replace(/ \([^)]*\)$/gm, '').replace(/ +/g, ' ')

/** A network of few layers. */
function network() {
  const model = new nn.Sequential(
    new nn.Linear(4, 6),
    new nn.LayerNorm(6),
    new nn.Tanh(),
    new nn.Linear(6, 2),
  )
  const x = tensor([[1, -2, 0.5, 3], [0.1, 0.4, -1, 2]]) // biome-ignore format: a matrix
  model.parameters().forEach((p, i) => {
    p.assign(
      full(p.shape, 0.3).add(
        arange(p.shape[0]!)
          .mul(0.1 * i)
          .to('float32')
          .reshape([p.shape[0]!, ...p.shape.slice(1).map(() => 1)]),
      ),
    )
  })
  return { params: model.parameters(), loss: () => square(model.forward(x)).mean() }
}

function trained(of: Made, options: object, { whole = true, clip = false, given = problem }) {
  if (!whole) extras.expressions = undefined as never
  const { params, loss } = given()
  const o = new of(params, options)
  let nodes = 0
  const step = compile(() => {
    const value = loss()
    o.zeroGrad()
    value.backward()
    if (clip)
      nn.clipGradNorm(
        params.filter((p) => p.dtype === 'float32'),
        0.5,
      )
    o.step()
    nodes = (state.recorder as FunctionRecorder).nodes.filter(
      (n) => n.prim.op === 'expression',
    ).length
    return value
  })
  for (let i = 0; i < 3; i++) step()
  extras.expressions = expressions!
  return { numbers: numbers(o), plan: withoutOwners(step.explain()), expressions: nodes }
}

describe.each(['native', 'wasm', 'reference'] as BackendName[])('on %s', (backend) => {
  beforeEach(() => setBackend(backend))

  test.each(optimizers)('%s: the same bits by the same kernels', (name, of, options) => {
    for (const clip of [false, true]) {
      const whole = trained(of, options, { clip })
      const each = trained(of, options, { clip, whole: false })
      expect(whole.numbers).toEqual(each.numbers)
      expect(each.expressions).toBe(0)
    }
    const [whole, each] = [true, false].map((w) =>
      trained(of, options, { whole: w, given: network }),
    )
    expect(whole!.numbers).toEqual(each!.numbers)
    if (backend !== 'reference') expect(whole!.plan).toBe(each!.plan)
    expect(whole!.expressions).toBe(['NAdam', 'Adafactor'].includes(name) ? 0 : 7)
  })
})

test("a class of the user's own is asked for each of its parameters", () => {
  const seen: Tensor[] = []
  class Own extends optim.Adam {
    protected override update(...args: Parameters<optim.Adam['update']>) {
      seen.push(args[0])
      return mul(args[0], seen.length)
    }
  }
  const params = [2, 3, 4].map((n) => ones([n], { requiresGrad: true }))
  const o = new Own(params, {})
  compile(() => {
    sum(params[0]!).add(sum(params[1]!)).add(sum(params[2]!)).backward()
    o.step()
  })()
  expect(seen.length).toBe(3)
  expect(params.map((p) => p.toArray())).toEqual([[1, 1], [2, 2, 2], [3, 3, 3, 3]]) // biome-ignore format: a list
})

test('a gradient that is not finite changes nothing, and a loop of steps is as the steps', () => {
  const steps = (looped: boolean, last: number) => {
    const { params } = problem()
    const o = new optim.AdamW(params.slice(0, 2), { lr: 0.1 })
    o.nonFiniteGradients = 'skip'
    const one = (x: Tensor) => {
      const loss = square(params[0]!).sum().add(square(params[1]!).sum()).mul(x)
      o.zeroGrad()
      loss.backward()
      o.step()
      return loss
    }
    const xs = tensor([1, 2, last, 3])
    const run = compile(() => {
      if (looped) scan((none: Tensor, x: Tensor) => [none, one(x)] as never, tensor(0), xs)
      else for (let i = 0; i < 4; i++) one(xs.select(0, i))
    })
    run()
    return numbers(o)
  }
  expect(steps(true, 0.5)).toEqual(steps(false, 0.5))
  expect(steps(false, Number.NaN)).toEqual(steps(true, Number.NaN))
  expect(steps(false, Number.NaN).flat(2).every(Number.isFinite)).toBe(true)
})
