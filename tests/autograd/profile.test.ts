/** profile: every operation once, with its layer, and a trace that Chrome reads. */
import {
  compile,
  crossEntropy,
  hostCall,
  manualSeed,
  normal,
  ones,
  profile,
  randint,
  setBackend,
  type Tensor,
} from 'nabla'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { expect, test } from 'vitest'

class Net extends nn.Module {
  fc1 = new nn.Linear(64, 128)
  act = new nn.Tanh()
  fc2 = new nn.Linear(128, 10)
  override forward(x: ReturnType<typeof normal>) {
    return this.fc2.forward(this.act.forward(this.fc1.forward(x)))
  }
}

test.each([false, true])('a training step, compiled %s', (compiled) => {
  const net = new Net()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const [x, y] = [normal([32, 64]), randint(0, 10, [32])]
  const body = () => {
    const loss = crossEntropy(net.forward(x), y)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
  }
  const p = profile(compiled ? compile(body) : body, { runs: 3, compiled: false })
  const rows = p.byOperation()
  const linear = rows.find((r) => r.name === 'linear')!
  expect(linear.calls).toBeCloseTo(2)
  expect(linear.bytes).toBeCloseTo(32 * (128 + 10) * 4)
  expect(rows.find((r) => r.name === 'linear backward')!.calls).toBeCloseTo(2)
  expect(rows.reduce((t, r) => t + r.share, 0)).toBeCloseTo(1)
  const layers = p.byLayer().map((r) => r.name)
  for (const name of ['Net.fc1', 'Net.act', 'Net.fc2']) expect(layers).toContain(name)
  // The parts are within the whole.
  const sum = rows.reduce((t, r) => t + r.time, 0)
  expect(sum).toBeGreaterThan(0)
  expect(sum).toBeLessThanOrEqual(p.time * 1.01)
  expect(`${p}`).toMatch(/operation .*ms .*\n[\s\S]*linear backward/)

  const { traceEvents } = JSON.parse(p.chromeTrace()) as {
    traceEvents: { name: string; ph: string; ts: number; dur: number; pid: number; tid: number }[]
  }
  expect(traceEvents.length).toBe(p.events.length)
  for (const e of traceEvents) {
    expect(e.ph).toBe('X')
    for (const v of [e.ts, e.dur, e.pid, e.tid]) expect(Number.isFinite(v) && v >= 0).toBe(true)
  }
})

test.each(['native', 'wasm'] as const)('a compiled step runs as its program, %s', (name) => {
  setBackend(name)
  try {
    const make = () => {
      manualSeed(3)
      const net = new Net()
      const optimizer = new optim.Adam(net.parameters(), { lr: 0.1 })
      const step = compile((x: Tensor, y: Tensor) => {
        const loss = crossEntropy(net.forward(x), y)
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        return loss
      })
      return { net, step }
    }
    const [a, b] = [make(), make()]
    const [x, y] = [normal([32, 64]), randint(0, 10, [32])]
    const losses: number[] = []
    const p = profile(() => losses.push(a.step(x, y).item()), { runs: 3 })
    for (const loss of losses) expect(b.step(x, y).item()).toBe(loss)
    expect(losses).toHaveLength(4)
    const bits = (net: Net) => net.parameters().map((t) => t.toArray())
    expect(bits(a.net)).toEqual(bits(b.net))

    // An event for each instruction of each run, named by what it computes and whose it is.
    const instructions = /(\d+) instructions/.exec(a.step.explain())![1]
    const kernels = p.events.filter((e) => e.kernel !== '')
    expect(kernels).toHaveLength(3 * Number(instructions))
    // On the native backend the activation is its end.
    const forward = kernels.filter((e) => e.kernel.startsWith('matmul 32×64 by 64×128 + bias'))
    expect(forward[0]!.kernel.includes(', then ')).toBe(name === 'native')
    expect(forward.map((e) => [e.op, e.layer])).toEqual([1, 2, 3].map(() => ['linear', 'Net.fc1']))
    for (const e of forward) expect([1, 2]).toContain(e.bytes / (32 * 128 * 4))
    expect(kernels.some((e) => e.op.includes('linear backward'))).toBe(true)
    expect(p.byKernel().reduce((t, r) => t + r.share, 0)).toBeCloseTo(1)
    expect(p.byLayer().map((r) => r.name)).toContain('Net.fc1')
    expect(`${p}`).toMatch(/instruction .*ms[\s\S]*matmul 32×64/)
    const { traceEvents } = JSON.parse(p.chromeTrace()) as {
      traceEvents: { ts: number; dur: number; args: { kernel?: string } }[]
    }
    expect(traceEvents.filter((e) => e.args.kernel).length).toBe(kernels.length)
    // In order, one after the other.
    for (let i = 1; i < traceEvents.length; i++)
      expect(traceEvents[i]!.ts).toBeGreaterThanOrEqual(traceEvents[i - 1]!.ts)
    a.step(x, y)
    b.step(x, y)
    expect(bits(a.net)).toEqual(bits(b.net))
  } finally {
    setBackend('native')
  }
})
test('operations and bytes of instructions: what broadcasts and what is looked up counts once', () => {
  const [x, w, b, table] = [ones([32, 64]), ones([64, 128]), ones([1, 128]), ones([500, 8])]
  const index = randint(0, 500, [10])
  const f = compile(() => [
    x.matmul(w),
    b.expand([32, 128]).exp().sum(1),
    table.indexSelect(0, index),
  ])
  const rows = profile(() => f(), { runs: 2 }).byKernel()
  const of = (name: string) => {
    const { flops, moved, calls } = rows.find((r) => r.name.startsWith(name))!
    return [flops, moved, calls]
  }
  expect(of('matmul 32×64')).toEqual([2 * 32 * 64 * 128, 4 * (32 * 64 + 64 * 128 + 32 * 128), 1])
  expect(of('fused')[1]).toBe(4 * (128 + 32))
  expect(of('take')[1]).toBe(4 * (10 + 2 * 80))
})
test('a program with work of the host in the middle', () => {
  const double: Parameters<typeof hostCall>[0] = {
    name: 'double',
    start: ([v], [out]) => {
      out!.data().set(v!.data().map((n) => 2 * n))
    },
  }
  const twice = compile((x: Tensor) =>
    hostCall(double, [x.add(1)], [{ shape: [2], dtype: 'float32' }])[0]!.add(1),
  )
  let got: unknown
  const p = profile(() => {
    got = twice(ones([2])).toArray()
  })
  expect(got).toEqual([5, 5])
  expect(p.events.some((e) => e.kernel === 'host start double')).toBe(true)
})

test('what is inside of an operation is counted once', () => {
  const p = profile(() => normal([8, 8], 0, 1, {}).matmul(normal([8, 8])), { warmup: 0 })
  for (const e of p.events) expect(e.self).toBeLessThanOrEqual(e.duration + 1e-9)
  expect(p.byOperation().some((r) => r.name === 'bmm')).toBe(true)
})
test('refusals', () => {
  expect(() => profile(async () => {})).toThrow(/must be synchronous/)
  expect(() => profile(() => {}, { iterations: 2 } as never)).toThrow(
    /the options are runs, warmup, compiled/,
  )
})
